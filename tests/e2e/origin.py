"""A scripted origin on raw sockets.

A test gives each path a function of one Exchange, which sends exactly the bytes it wants, waits,
drips, closes or resets. Every connection has its own thread; every request is recorded as it came.

    origin.page("/a", b"body", {"Cache-Control": "max-age=60"})

    @origin.at("/slow")
    def slow(x):
        x.head(200, {"Content-Length": "10"})
        x.send(b"12345")
        x.wait(gate)
        x.send(b"67890")
"""
import socket
import ssl
import threading

from waiting import PATIENCE_S, wait_for
from wire import Cut, FramingError, Stream, is_chunked, length_of, parse_fields

REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
           304: "Not Modified", 404: "Not Found", 500: "Internal Server Error",
           503: "Service Unavailable"}


class Request:
    def __init__(self, lines, connection):
        self.method, self.target, self.version = lines[0].decode("latin-1").split(" ")
        self.fields = parse_fields(lines[1:])
        self.body, self.trailers = b"", []
        self.connection = connection  # a number, the same for requests on one connection

    @property
    def path(self):
        return self.target.split("?")[0]

    def __getitem__(self, name):
        value = self.fields.get(name)
        assert value is not None, f"the edge sent no {name}: {list(self.fields)}"
        return value

    def __contains__(self, name):
        return name in self.fields

    def __repr__(self):
        return f"<{self.method} {self.target} {list(self.fields)}>"


class Gone(Exception):
    """The edge closed the connection while we answered: often what the test wants."""


class Exchange:
    """One request and the connection to answer on."""

    def __init__(self, origin, stream, request):
        self.origin, self.stream, self.request = origin, stream, request
        self.keep = True
        self.gone = threading.Event()

    def send(self, data):
        try:
            self.stream.send(data)
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.gone.set()
            raise Gone from None

    def head(self, status=200, fields=(), version="1.1"):
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        if not any(n.lower() == "date" for n, _ in pairs):
            pairs.append(("Date", self.origin.date()))
        lines = [f"HTTP/{version} {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{n}: {v}" for n, v in pairs]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def reply(self, status=200, body=b"", fields=()):
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        if status not in (204, 304):
            pairs.append(("Content-Length", str(len(body))))
        self.head(status, pairs)
        if self.request.method != "HEAD" and status not in (204, 304):
            self.send(body)

    def chunk(self, data):
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def last_chunk(self, trailers=b""):
        self.send(b"0\r\n" + trailers + b"\r\n")

    def wait(self, event):
        if not event.wait(PATIENCE_S):
            raise AssertionError(f"origin: nobody released {self.request}")

    def edge_left(self):
        """Waits until the edge closes this connection."""
        try:
            while self.stream.fill():
                pass
        except OSError:
            pass
        self.gone.set()

    def close(self):
        """Closes after this answer."""
        self.keep = False

    def reset(self):
        self.keep = False
        self.stream.reset()

    def cut(self):
        """Over TLS: the end of the connection without close_notify."""
        self.keep = False
        socket.socket.shutdown(self.stream.sock, socket.SHUT_RDWR)


class Origin:
    def __init__(self, host="127.0.0.1", port=0, tls=None):
        """`tls`: an ssl.SSLContext, for connections by https."""
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.host = f"[{host}]" if ":" in host else host
        self.tls = tls
        self.url = f"http{'s' if tls else ''}://{self.host}:{self.port}"
        self.handshakes = []  # of each connection by TLS: (version, resumed, name asked for)
        if tls:
            tls.sni_callback = self._asked_for
        self.paths, self.seen, self.faults = {}, [], []
        self.connections = self.active = self.peak = 0
        self.lock = threading.Lock()
        self.open = set()
        self.stopping = False
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    # --- what a test says
    def at(self, path, program=None):
        """Answers `path` with `program`; without one, a decorator. None is every other path."""
        if program is None:
            return lambda function: self.at(path, function)
        self.paths[path] = program
        return program

    def page(self, path, body=b"", fields=(), status=200):
        self.at(path, lambda x: x.reply(status, body, fields))

    def date(self):
        from email.utils import formatdate
        return formatdate(usegmt=True)

    # --- what a test asks
    def requests(self, path=None):
        with self.lock:
            return [r for r in self.seen if path is None or r.path == path]

    def count(self, path=None):
        return len(self.requests(path))

    def last(self, path=None):
        found = self.requests(path)
        assert found, f"the origin was not asked for {path}"
        return found[-1]

    def wait_count(self, n, path=None):
        wait_for(lambda: self.count(path) >= n,
                 f"{n} requests at the origin for {path} (it has {self.count(path)})")

    def stop(self):
        """From here on connections to it are refused and open ones are closed."""
        self.stopping = True
        # shutdown() is what wakes the thread in accept().
        for s in [self.listener] + list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()

    # --- within
    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.open.add(sock)
                number = self.connections
            threading.Thread(target=self._connection, args=(sock, number), daemon=True).start()

    @staticmethod
    def _asked_for(sock, name, _):
        sock.asked_for = name

    def _shake(self, sock):
        """None: the edge did not want us, or we did not want it."""
        try:
            sock.settimeout(PATIENCE_S)
            tls = self.tls.wrap_socket(sock, server_side=True)
        except (ssl.SSLError, OSError):
            sock.close()
            return None
        with self.lock:
            self.open.discard(sock)  # it has given its descriptor away
            self.open.add(tls)
            self.handshakes.append(
                (tls.version(), tls.session_reused, getattr(tls, "asked_for", None)))
        return tls

    def _close(self, sock):
        try:
            if self.tls and not self.stopping:
                sock.settimeout(PATIENCE_S)
                sock.unwrap()  # close_notify
        except (OSError, ValueError):
            pass
        sock.close()

    def _connection(self, sock, number):
        if self.tls:
            sock = self._shake(sock)
            if sock is None:
                return
        stream = Stream(sock, deadline_s=300)
        try:
            while not self.stopping and self._exchange(stream, number):
                pass
        except (Gone, Cut, OSError):
            pass  # the edge may leave at any time
        except FramingError as fault:
            self.faults.append(f"the edge sent what is not HTTP: {fault}")
        except AssertionError as fault:
            if not self.stopping:
                self.faults.append(str(fault))
        finally:
            with self.lock:
                self.open.discard(sock)
            self._close(sock)

    def _exchange(self, stream, number):
        lines = stream.head()
        if lines is None:
            return False
        request = Request(lines, number)
        x = Exchange(self, stream, request)
        program = self.paths.get(request.path, self.paths.get(None))
        expects = "100-continue" in request.fields.get("expect", "").lower()
        with self.lock:
            self.active += 1
            self.peak = max(self.peak, self.active)
            self.seen.append(request)
        try:
            if not getattr(program, "reads_body_itself", False):
                if expects:
                    x.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                if is_chunked(request.fields):
                    request.body, request.trailers = stream.chunked()
                elif length_of(request.fields):
                    request.body = stream.exactly(length_of(request.fields))
            if program is None:
                x.reply(404, b"no such page\n", {"Cache-Control": "no-store"})
            else:
                program(x)
        finally:
            with self.lock:
                self.active -= 1
        return x.keep and request.fields.get("connection", "").lower() != "close"
