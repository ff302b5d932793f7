"""Bodies that are longer than anybody holds: an origin that sends one as told, and clients that read
one at a pace of their own and compare every byte as it comes."""
import re
import threading
import time

from origin import Gone
from ranges import PERIOD, octets
from waiting import PATIENCE_S, wait_for
from wire import Client, Cut, is_chunked, length_of

STEP = 256 << 10


def is_right(version, at, data):
    """Whether these are the bytes from offset `at`; quick."""
    begin = at % PERIOD
    pattern = _long_pattern(version)
    for i in range(0, len(data), STEP):
        part, begin = data[i:i + STEP], (at + i) % PERIOD
        if part != pattern[begin:begin + len(part)]:
            return False
    return True


_patterns = {}


def _long_pattern(version):
    if version not in _patterns:
        _patterns[version] = memoryview(octets(version, 0, PERIOD + STEP))
    return _patterns[version]


class Film:
    """A large body at the origin. It is asked for as a whole, whatever ranges say, unless `ranges`.
    `pause_at` bytes are sent, then no more until go() is called; `cut_at` of them, and the
    connection is closed (but one that begins there goes on). `bytes_s` is its pace."""

    def __init__(self, origin, size, path="/film", version=1, fields=None, chunked=False,
                 ranges=False, pause_at=None, cut_at=None, bytes_s=None):
        self.size, self.version, self.chunked, self.ranges = size, version, chunked, ranges
        self.fields = {"Cache-Control": "max-age=600", **(fields or {})}
        self.pause_at, self.cut_at, self.bytes_s = pause_at, cut_at, bytes_s
        self.gate = threading.Event()
        self.asked, self.sent, self.unchanged = [], 0, lambda request: False
        origin.at(path, self)

    def go(self):
        self.gate.set()

    def __call__(self, x):
        version, fields = self.version, dict(self.fields)
        if self.unchanged(x.request):
            self.asked.append(304)
            x.reply(304, fields=fields)
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", x.request.fields.get("range", ""))
        first, last, status = 0, self.size - 1, 200
        if found and self.ranges:
            first, last, status = int(found[1]), min(int(found[2] or self.size), self.size - 1), 206
            fields["Content-Range"] = f"bytes {first}-{last}/{self.size}"
        self.asked.append((first, last) if status == 206 else "whole")
        chunked = self.chunked and status == 200
        fields.update({"Transfer-Encoding": "chunked"} if chunked
                      else {"Content-Length": str(last - first + 1)})
        x.head(status, fields)
        self.body(x, version, first, last + 1, chunked)

    def body(self, x, version, at, end, chunked):
        began, pattern, start = time.monotonic(), _long_pattern(version), at
        try:
            while at < end:
                n = min(STEP, end - at)
                if self.pause_at is not None and at <= self.pause_at < at + n and not self.gate.is_set():
                    if self.pause_at > at:
                        n = self.pause_at - at
                    else:
                        x.wait(self.gate)
                if self.cut_at is not None and start < self.cut_at and at <= self.cut_at < at + n:
                    x.send(pattern[at % PERIOD:at % PERIOD + self.cut_at - at])
                    x.close()
                    return
                (x.chunk if chunked else x.send)(bytes(pattern[at % PERIOD:at % PERIOD + n]))
                at += n
                self.sent += n
                if self.bytes_s:
                    time.sleep(max(0, (at - start) / self.bytes_s - (time.monotonic() - began)))
            if chunked:
                x.last_chunk()
        except Gone:
            x.close()
            raise


class Viewer(threading.Thread):
    """Reads one response in a thread of its own. `bytes_s` is its pace; it stops reading at `pause_at`
    until go() is called, and leaves at `leave_at`."""

    def __init__(self, edge, target="/film", version=1, fields=(), bytes_s=None, pause_at=None,
                 leave_at=None, patience_s=PATIENCE_S * 3):
        super().__init__(daemon=True)
        self.address, self.target, self.version, self.fields = edge.address, target, version, fields
        self.bytes_s, self.pause_at, self.leave_at = bytes_s, pause_at, leave_at
        self.patience_s = patience_s
        self.gate = threading.Event()
        self.head, self.got, self.first, self.failure, self.cut = None, 0, 0, None, False
        self.took_s = self.first_s = None
        self.start()

    def go(self):
        self.gate.set()

    def run(self):
        try:
            self.view()
        except Cut as cut:
            self.cut, self.failure = True, str(cut)
        except Exception as e:  # pylint: disable=broad-except
            self.failure = f"{type(e).__name__}: {e}"

    def view(self):
        # A slow one must not have its backlog in the kernel's buffers.
        small = 64 << 10 if self.bytes_s or self.pause_at is not None else None
        began = time.monotonic()
        with Client(self.address, self.patience_s, receive_bytes=small) as c:
            c.request(self.target, fields=self.fields)
            self.head = r = c.read_head()
            found = re.match(r"bytes (\d+)-", r.fields.get("content-range", ""))
            self.first = int(found[1]) if found else 0
            if is_chunked(r.fields):
                while size := int(c.line().split(b";")[0], 16):
                    self.read(c, size)
                    assert c.exactly(2) == b"\r\n"
                c.line()
            else:
                self.read(c, length_of(r.fields))
            self.took_s = time.monotonic() - began

    def read(self, c, n):
        began, start = time.monotonic(), self.got
        while n > 0:
            if self.pause_at is not None and self.got >= self.pause_at:
                assert self.gate.wait(self.patience_s), "nobody let the viewer go on"
            if not c.buffer and not c.fill():
                raise Cut(f"closed with {n} bytes missing after {self.got}")
            data = c.take(min(n, STEP))
            assert is_right(self.version, self.first + self.got, data), f"wrong bytes near {self.got}"
            self.first_s = self.first_s or time.monotonic() - began
            self.got += len(data)
            n -= len(data)
            if self.leave_at is not None and self.got >= self.leave_at:
                raise Cut("left")
            if self.bytes_s:
                time.sleep(max(0, (self.got - start) / self.bytes_s - (time.monotonic() - began)))

    def has(self, n):
        """Waits until that many bytes have come."""
        wait_for(lambda: self.got >= n or not self.is_alive(), f"{n} bytes at the viewer", self.patience_s)
        assert self.failure is None, self.failure
        return self

    def whole(self, size):
        """Waits for the end: all of it, and right."""
        self.join(self.patience_s)
        assert not self.is_alive(), f"after {self.patience_s} s only {self.got} bytes"
        assert self.failure is None and self.got == size, (self.failure, self.got, self.head)
        return self.head
