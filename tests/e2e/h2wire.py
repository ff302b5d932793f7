"""HTTP/2 as frames: exactly those that a test says are sent, and what comes back is read strictly.

Frames are hyperframe's, field blocks hpack's. A frame that a server may not send, or not there, is
a FramingError, so that a test which asks for a status only watches the framing, too.
"""
import socket
import struct

from hpack import Decoder, Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, ExtensionFrame, Frame, GoAwayFrame,
                              HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame,
                              WindowUpdateFrame)

from waiting import PATIENCE_S
from wire import Cut, Fields, FramingError, Response

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = 5, 6, 7, 8
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11
FRAME_BYTES = 16384


def raw_frame(kind, flags=0, stream=0, payload=b""):
    """Any frame, right or wrong."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Answer:
    """What has come on a stream."""

    def __init__(self):
        self.interims = []
        self.status, self.fields, self.trailers = None, None, None
        self.body = bytearray()
        self.pieces = []  # lengths of DATA frames
        self.ended = False
        self.reset = None  # the error code

    @property
    def over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        return f"<{self.status} {len(self.body)} bytes ended={self.ended} reset={self.reset}>"


class H2:
    """A connection. `settings` are ours; `give` tells whether windows are opened as data comes."""

    def __init__(self, address, settings=None, give=True, deadline_s=PATIENCE_S, sock=None,
                 preface=PREFACE, handshake=True):
        self.sock = sock or socket.create_connection(address)
        self.sock.settimeout(deadline_s)
        # Windows are opened in small packets, which Nagle's algorithm would hold back.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.authority = "{}:{}".format(*address) if address else "a.test"
        self.give = give
        self.encoder, self.decoder = Encoder(), Decoder()
        self.buffer = bytearray()
        self.streams = {}
        self.order = []  # stream of each DATA frame
        self.next_id = 1
        self.goaway = None  # (code, last stream)
        self.goaways = []
        self.eof = False
        self.settings = None
        self.acks = self.pongs = 0
        self.updates = {}  # stream: bytes
        self.block = None  # (stream, bytes) while fields come in several frames
        if handshake:
            self.send(preface + SettingsFrame(0, settings=settings or {}).serialize())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    # --- sending
    def send(self, data):
        self.sock.sendall(data)

    def frame(self, frame):
        self.send(frame.serialize())

    def new_id(self):
        self.next_id += 2
        return self.next_id - 2

    def fields_of(self, path="/", method="GET", fields=(), authority=None, scheme="http"):
        pairs = [(":method", method), (":scheme", scheme), (":authority", authority or self.authority),
                 (":path", path)]
        return pairs + list(fields.items() if isinstance(fields, dict) else fields)

    def headers(self, pairs, end=True, stream=None, split=FRAME_BYTES):
        """A HEADERS frame and CONTINUATIONs; returns the stream."""
        stream = stream or self.new_id()
        self.streams.setdefault(stream, Answer())
        block = self.encoder.encode(pairs)
        pieces = [block[i:i + split] for i in range(0, len(block), split)] or [b""]
        out = b""
        for i, piece in enumerate(pieces):
            f = HeadersFrame(stream, piece) if i == 0 else ContinuationFrame(stream, piece)
            if i == 0 and end:
                f.flags.add("END_STREAM")
            if i == len(pieces) - 1:
                f.flags.add("END_HEADERS")
            out += f.serialize()
        self.send(out)
        return stream

    def request(self, path="/", body=None, end=True, **options):
        stream = self.headers(self.fields_of(path, **options), end=end and body is None)
        if body is not None:
            self.data(stream, body, end)
        return stream

    def data(self, stream, body, end=True):
        """In one frame or several; windows are not looked at."""
        pieces = [body[i:i + FRAME_BYTES] for i in range(0, len(body), FRAME_BYTES)] or [b""]
        for i, piece in enumerate(pieces):
            f = DataFrame(stream, piece)
            if end and i == len(pieces) - 1:
                f.flags.add("END_STREAM")
            self.frame(f)

    def upload(self, stream, body):
        """The same within the windows that we were given."""
        sent, answer = 0, self.streams[stream]

        def room():
            return min(65535 + self.updates.get(stream, 0), 65535 + self.updates.get(0, 0)) - sent

        while sent < len(body):
            self.until(lambda: room() > 0 or answer.over, "a window was opened")
            if answer.over:
                return
            piece = body[sent:sent + min(FRAME_BYTES, room())]
            sent += len(piece)
            self.data(stream, piece, end=sent == len(body))

    def rst(self, stream, code=CANCEL):
        self.frame(RstStreamFrame(stream, error_code=code))

    def open_window(self, stream, n):
        self.frame(WindowUpdateFrame(stream, window_increment=n))

    def ping(self, ack=False):
        self.frame(PingFrame(0, b"12345678", flags=["ACK"] if ack else []))

    # --- receiving
    def fill(self):
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        except socket.timeout:
            raise AssertionError(f"nothing came within {self.sock.gettimeout():g} s") from None
        self.eof = self.eof or not data
        self.buffer += data

    def next_frame(self):
        """The next frame, taken account of; None at the end."""
        while len(self.buffer) < 9 and not self.eof:
            self.fill()
        if len(self.buffer) < 9:
            return None
        frame, length = Frame.parse_frame_header(memoryview(bytes(self.buffer[:9])))
        while len(self.buffer) < 9 + length and not self.eof:
            self.fill()
        if len(self.buffer) < 9 + length:
            return None
        if length > FRAME_BYTES:
            raise FramingError(f"a frame of {length} bytes")
        frame.parse_body(memoryview(bytes(self.buffer[9:9 + length])))
        frame.bytes = length
        del self.buffer[:9 + length]
        self._account(frame)
        return frame

    def _account(self, f):
        if self.block is not None and not isinstance(f, ContinuationFrame):
            raise FramingError(f"{f} within a field block")
        if isinstance(f, (HeadersFrame, ContinuationFrame)):
            self._fields(f)
        elif isinstance(f, DataFrame):
            self._data(f)
        elif isinstance(f, RstStreamFrame):
            self.streams.setdefault(f.stream_id, Answer()).reset = f.error_code
        elif isinstance(f, SettingsFrame):
            if "ACK" in f.flags:
                self.acks += 1
            else:
                self.settings = dict(f.settings)
                self._try(SettingsFrame(0, flags=["ACK"]))
        elif isinstance(f, PingFrame):
            self.pongs += "ACK" in f.flags
            if "ACK" not in f.flags:
                self._try(PingFrame(0, f.opaque_data, flags=["ACK"]))
        elif isinstance(f, GoAwayFrame):
            self.goaway = (f.error_code, f.last_stream_id)
            self.goaways.append(self.goaway)
        elif isinstance(f, WindowUpdateFrame):
            self.updates[f.stream_id] = self.updates.get(f.stream_id, 0) + f.window_increment
        elif not isinstance(f, ExtensionFrame):
            raise FramingError(f"a server may not send {f}")

    def _try(self, frame):
        try:
            self.frame(frame)
        except OSError:
            pass

    def _open_answer(self, f):
        answer = self.streams.get(f.stream_id)
        if answer is None or f.stream_id % 2 == 0:
            raise FramingError(f"{f} on a stream that we did not open")
        if answer.over:
            raise FramingError(f"{f} behind the end of its stream")
        return answer

    def _fields(self, f):
        if isinstance(f, HeadersFrame):
            self.block = (f.stream_id, b"", "END_STREAM" in f.flags)
        elif self.block is None or self.block[0] != f.stream_id:
            raise FramingError(f"{f} without HEADERS")
        self.block = (self.block[0], self.block[1] + f.data, self.block[2])
        if "END_HEADERS" not in f.flags:
            return
        (_, block, end), self.block = self.block, None
        answer = self._open_answer(f)
        pairs = Fields((n.decode() if isinstance(n, bytes) else n,
                        v.decode("latin-1") if isinstance(v, bytes) else v)
                       for n, v in self.decoder.decode(block, raw=True))
        for name, value in pairs:
            if name != name.lower() or value != value.strip(" \t") or "\n" in value or "\0" in value \
                    or name in ("connection", "transfer-encoding", "keep-alive", "upgrade"):
                raise FramingError(f"bad field {name}: {value}")
        self._head(answer, pairs, end)
        answer.ended = end

    def _head(self, answer, pairs, end):
        pseudo = [(n, v) for n, v in pairs if n.startswith(":")]
        if answer.status is not None:
            if pseudo or not end:
                raise FramingError(f"bad trailers {pairs}")
            answer.trailers = pairs
            return
        if len(pseudo) != 1 or pairs[0][0] != ":status" or len(pairs[0][1]) != 3:
            raise FramingError(f"bad pseudo fields {pseudo}")
        status = int(pairs[0][1])
        if status < 200:
            if end:
                raise FramingError(f"{status} ends a stream")
            answer.interims.append((status, Fields(pairs[1:])))
            return
        answer.status, answer.fields = status, Fields(pairs[1:])

    def _data(self, f):
        answer = self._open_answer(f)
        if answer.status is None:
            raise FramingError("DATA before a head")
        answer.body += f.data
        answer.pieces.append(len(f.data))
        self.order.append(f.stream_id)
        answer.ended = "END_STREAM" in f.flags
        if self.give and f.bytes > 0:
            self._try(WindowUpdateFrame(0, window_increment=f.bytes))
            if not answer.ended:
                self._try(WindowUpdateFrame(f.stream_id, window_increment=f.bytes))

    def until(self, condition, what):
        while not condition():
            if self.next_frame() is None:
                raise AssertionError(f"the connection ended ({self.goaway}) before {what}")

    def answer(self, stream):
        """What came on it, once it is over."""
        answer = self.streams[stream]
        self.until(lambda: answer.over, f"stream {stream} was over: {answer}")
        return answer

    def get(self, path="/", **options):
        return self.answer(self.request(path, **options))

    def wait_pong(self):
        """Everything sent before has been read by the other side."""
        had = self.pongs
        self.ping()
        self.until(lambda: self.pongs > had, "the answer to a PING")

    def quiet(self, seconds):
        """Nothing comes for so long. Only for showing that something does not happen."""
        if self.buffer:
            return False
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(before)

    def end(self):
        """Reads until the other side has ended it; the code of GOAWAY, or None."""
        while self.next_frame() is not None:
            pass
        return self.goaway[0] if self.goaway else None


# --- the requests of HTTP/1 tests

NOT_IN_H2 = ("connection", "transfer-encoding", "upgrade", "keep-alive", "te", "host", "content-length",
             "proxy-connection")


def can_say(target, method="GET", fields=(), version="1.1", **_):
    pairs = list(fields.items() if isinstance(fields, dict) else fields)
    return version == "1.1" and method != "CONNECT" and target[:1] == "/" and not any(
        n.lower() in NOT_IN_H2 or v != v.strip() for n, v in pairs)


def get(address, target, host="a.test", method="GET", fields=(), body=None):
    """As wire.Client.get(), on a connection of its own."""
    pairs = [(n.lower(), v) for n, v in (fields.items() if isinstance(fields, dict) else fields)]
    if body is not None:
        pairs.append(("content-length", str(len(body))))
    with H2(address) as c:
        stream = c.request(target, end=not body, method=method, fields=pairs, authority=host)
        if body:
            c.upload(stream, body)
        a = c.answer(stream)
    if a.status is None:
        raise Cut(f"reset without a response: {a}")
    r = Response(1, a.status, "", a.fields)
    r.body, r.trailers, r.method = bytes(a.body), a.trailers or Fields(), method
    r.interim = [Response(1, status, "", fields) for status, fields in a.interims]
    if a.reset is not None and not a.ended:
        raise Cut(f"reset within the body: {a}", bytes(a.body), r)
    length = a.fields.get("content-length")
    if method != "HEAD" and a.status not in (204, 304) and length and int(length) != len(a.body):
        raise FramingError(f"{len(a.body)} bytes of a body of {length}")
    return r
