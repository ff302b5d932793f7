"""HTTP/1 as bytes: exactly what a test says is sent, and what comes back is read strictly.

Every deviation of the peer from RFC 9112 is a FramingError, so that a test which only asks for a
status also watches the framing.
"""
import re
import socket
import ssl
import struct

from waiting import PATIENCE_S

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)\Z")
BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class FramingError(AssertionError):
    pass


class Cut(FramingError):
    """The message ended before its length or its last chunk; .body has what came."""

    def __init__(self, why, body=b"", head=None):
        super().__init__(why)
        self.body, self.head = body, head


class Fields(list):
    """(name, value) pairs as they came, text."""

    def all(self, name):
        return [v for n, v in self if n.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return ", ".join(found) if found else default

    def __contains__(self, name):
        return bool(self.all(name))


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise FramingError(f"bad field line {line!r}")
        value = value.strip(b" \t")
        if BAD_IN_VALUE.search(value):
            raise FramingError(f"bad octet in field {line!r}")
        fields.append((name.decode(), value.decode("latin-1")))
    return fields


class Stream:
    """A connected socket, read in lines and exact lengths, each read with a deadline."""

    def __init__(self, sock, deadline_s=PATIENCE_S):
        self.sock = sock
        self.sock.settimeout(deadline_s)
        self.buffer = bytearray()
        self.eof = False

    def fill(self):
        """Reads once more; False at the end."""
        if self.eof:
            return False
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        except socket.timeout:
            raise AssertionError(f"nothing came within {self.sock.gettimeout():g} s; "
                                 f"so far: {bytes(self.buffer[:200])!r}") from None
        self.eof = not data
        self.buffer += data
        return bool(data)

    def take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def line(self):
        """Up to CRLF, which is required; None when the peer closed before a first byte."""
        at = 0
        while (end := self.buffer.find(b"\n", at)) < 0:
            at = len(self.buffer)
            if not self.fill():
                if not self.buffer:
                    return None
                raise Cut(f"closed within a line: {bytes(self.buffer[:200])!r}")
        line = self.take(end + 1)
        if not line.endswith(b"\r\n"):
            raise FramingError(f"line without CR: {line[:200]!r}")
        if b"\r" in line[:-2]:
            raise FramingError(f"CR within a line: {line[:200]!r}")
        return line[:-2]

    def head(self):
        """The lines of a head, or None when the peer closed instead."""
        lines = []
        while True:
            line = self.line()
            if line is None:
                if lines:
                    raise Cut(f"closed within a head: {lines!r}")
                return None
            if not line:
                return lines
            lines.append(line)

    def exactly(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                raise Cut(f"closed after {len(self.buffer)} of {n} bytes", self.take(n))
        return self.take(n)

    def until_close(self):
        while self.fill():
            pass
        return self.take(len(self.buffer))

    def chunked(self):
        """-> (body, trailer fields)."""
        body = bytearray()
        while True:
            try:
                line = self.line()
                if line is None:
                    raise Cut("closed before the last chunk")
                size = line.split(b";")[0]
                if not re.match(rb"[0-9A-Fa-f]{1,16}\Z", size):
                    raise FramingError(f"bad chunk size {line[:80]!r}")
                size = int(size, 16)
                if size == 0:
                    trailers = self.head()
                    if trailers is None:
                        raise Cut("closed before the end of the trailers")
                    return bytes(body), parse_fields(trailers)
                body += self.exactly(size)
                if self.exactly(2) != b"\r\n":
                    raise FramingError("chunk data is not followed by CRLF")
            except Cut as cut:
                raise Cut(str(cut), bytes(body) + cut.body) from None

    def send(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with a RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def length_of(fields):
    """The one Content-Length, or None; several or a malformed one are an error."""
    lengths = fields.all("content-length")
    if len(lengths) > 1:
        raise FramingError(f"several Content-Length lines: {lengths}")
    if not lengths:
        return None
    if not re.match(r"[0-9]{1,19}\Z", lengths[0]):
        raise FramingError(f"bad Content-Length {lengths[0]!r}")
    return int(lengths[0])


def is_chunked(fields):
    codings = fields.all("transfer-encoding")
    if codings and codings != ["chunked"]:
        raise FramingError(f"Transfer-Encoding is {codings}")
    if codings and "content-length" in fields:
        raise FramingError("both Transfer-Encoding and Content-Length")
    return bool(codings)


class Response:
    def __init__(self, minor, status, reason, fields):
        self.minor, self.status, self.reason, self.fields = minor, status, reason, fields
        self.body, self.trailers, self.interim = b"", Fields(), []

    def __getitem__(self, name):
        """The value of a field; a test that asks for one expects it to be there."""
        value = self.fields.get(name)
        assert value is not None, f"no {name} in {self}"
        return value

    def __contains__(self, name):
        return name in self.fields

    def __repr__(self):
        return f"<{self.status} {self.reason} {list(self.fields)} {len(self.body)} bytes>"

    @property
    def cache(self):
        """What Cache-Status (RFC 9211) says of our edge: "hit", or the reason it went forward;
        of "uri-miss", "vary-miss" and "miss" alike "miss"."""
        for member in self["cache-status"].split(","):
            cache, *parameters = [p.strip() for p in member.split(";")]
            if cache.strip('"').lower().startswith("selvage"):
                for p in parameters:
                    if p == "hit":
                        return "hit"
                    if p.startswith("fwd="):
                        return "miss" if p.endswith("miss") else p[4:]
        raise AssertionError(f"Cache-Status without us: {self['cache-status']}")

    @property
    def detail(self):
        found = re.search(r';\s*detail="?([^";,]*)', self["cache-status"])
        return found.group(1) if found else None

    @property
    def keeps_alive(self):
        options = [o.strip().lower() for o in self.fields.get("connection", "").split(",")]
        return "close" not in options and (self.minor == 1 or "keep-alive" in options)


# Where clients speak TLS without being told to (E2E_TLS=1).
TLS_ADDRESSES = set()


class TlsSocket(ssl.SSLSocket):
    def shutdown(self, how):
        """Of the connection alone, so that what still comes can be read."""
        socket.socket.shutdown(self, how)


def over_tls(sock):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TlsSocket
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(sock, server_hostname="a.test")


class Client(Stream):
    """A client's connection to the edge."""

    def __init__(self, address, deadline_s=PATIENCE_S, receive_bytes=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.settimeout(deadline_s)
        sock.connect(address)
        if address in TLS_ADDRESSES:
            sock = over_tls(sock)
        super().__init__(sock, deadline_s)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def request(self, target, host="a.test", method="GET", fields=(), body=None, version="1.1"):
        """Sends one request; a body is sent with its length."""
        lines = [f"{method} {target} HTTP/{version}", f"Host: {host}"]
        lines += [f"{n}: {v}" for n, v in (fields.items() if isinstance(fields, dict) else fields)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def read_head(self, method="GET"):
        """The final response's head; 1xx before it are kept in .interim."""
        interim = []
        while True:
            lines = self.head()
            if lines is None:
                raise Cut("closed without a response")
            found = STATUS_LINE.match(lines[0])
            if not found:
                raise FramingError(f"bad status line {lines[0]!r}")
            r = Response(int(found.group(1)), int(found.group(2)), found.group(3).decode("latin-1"),
                         parse_fields(lines[1:]))
            if r.status >= 200 or r.status == 101:
                r.interim = interim
                r.method = method
                return r
            interim.append(r)

    def read_body(self, r):
        chunked, length = is_chunked(r.fields), length_of(r.fields)
        if r.status == 204 and (chunked or length is not None):
            raise FramingError("204 with Content-Length or Transfer-Encoding (RFC 9110 8.6)")
        if r.method == "HEAD" or r.status in (204, 304):
            return r
        try:
            if chunked:
                if r.minor == 0:
                    raise FramingError("Transfer-Encoding in HTTP/1.0")
                r.body, r.trailers = self.chunked()
            elif length is not None:
                r.body = self.exactly(length)
            else:
                if r.keeps_alive:
                    raise FramingError("body until close, yet the connection is said to persist")
                r.body = self.until_close()
        except Cut as cut:
            raise Cut(str(cut), cut.body, r) from None
        return r

    def response(self, method="GET"):
        return self.read_body(self.read_head(method))

    def get(self, target, **options):
        method = options.get("method", "GET")
        self.request(target, **options)
        return self.response(method)

    def expect_close(self):
        """The peer says nothing more and closes."""
        rest = self.until_close()
        assert rest == b"", f"expected the end, got {rest[:200]!r}"

    def quiet(self, seconds):
        """True when nothing comes for so long. Only for showing that something does not happen."""
        self.sock.settimeout(seconds)
        try:
            if isinstance(self.sock, ssl.SSLSocket):
                self.eof = not self.fill()
            else:
                self.sock.recv(1, socket.MSG_PEEK)  # bytes or the end: not quiet
            return False
        except (socket.timeout, AssertionError):
            return not self.buffer
        finally:
            self.sock.settimeout(PATIENCE_S)
