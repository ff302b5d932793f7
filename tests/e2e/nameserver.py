"""A small DNS server on UDP: names and addresses as the test says, and a count of the questions."""
import socket
import struct
import threading

A, AAAA = 1, 28
NXDOMAIN = 3


class Dns:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.names, self.asked, self.silent = {}, [], False
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, name, *addresses, ttl=1):
        """From now on `name` has these addresses; without any it does not exist."""
        self.names[name] = (addresses, ttl)

    def count(self, name):
        return sum(asked == name for asked, _ in self.asked)

    def stop(self):
        # A thread in recvfrom() is woken by a datagram, not by close().
        self.stopping = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))

    stopping = False

    def _serve(self):
        while True:
            query, peer = self.sock.recvfrom(4096)
            if self.stopping:
                self.sock.close()
                return
            name, kind, end = self._question(query)
            self.asked.append((name, kind))
            if not self.silent:
                self.sock.sendto(self._answer(query, name, kind, end), peer)

    @staticmethod
    def _question(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        return ".".join(labels), struct.unpack("!H", query[at + 1:at + 3])[0], at + 5

    def _answer(self, query, name, kind, end):
        addresses, ttl = self.names.get(name, ((), 0))
        records = []
        for a in addresses:
            family = socket.AF_INET6 if ":" in a else socket.AF_INET
            if (AAAA if ":" in a else A) == kind:
                raw = socket.inet_pton(family, a)
                records.append(struct.pack("!HHHLH", 0xC00C, kind, 1, ttl, len(raw)) + raw)
        code = 0 if addresses else NXDOMAIN
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        return head + query[12:end] + b"".join(records)
