"""Bodies whose every byte can be told from version and offset, and answers to Range checked by them.

Nothing is stored: a body of five gigabytes costs nothing but its name. The pattern's length is a
prime, so that no shift by chunks, pages or slices looks right.
"""
import functools
import random
import re

PERIOD = 65521


@functools.lru_cache(64)
def _pattern(version):
    return random.Random(f"body {version}").randbytes(PERIOD)


def octets(version, first, n):
    """`n` bytes from offset `first`."""
    pattern, at = _pattern(version), first % PERIOD
    if at + n <= PERIOD:
        return pattern[at:at + n]
    return (pattern[at:] + pattern * (n // PERIOD + 1))[:n]


def resolve(value, size):
    """The ranges that a valid value of Range means: [(first, last)], joined as RFC 9110 14.2 has it;
    in the order of what was asked."""
    found = []
    for spec in value.removeprefix("bytes=").split(","):
        first, last = spec.split("-")
        if first == "":
            n = min(int(last), size)
            r = (size - n, size - 1) if n else None
        else:
            r = (int(first), min(int(last or size - 1), size - 1)) if int(first) < size else None
        if r is not None:
            found.append(r)
    out = []
    for first, last in found:
        place = len(out)
        for other in [o for o in out if o[0] <= last + 1 and first <= o[1] + 1]:
            first, last = min(first, other[0]), max(last, other[1])
            place = min(place, out.index(other))
            out[out.index(other)] = None
        out.insert(place, (first, last))
        out = [o for o in out if o is not None]
    return out


def parts_of(content_type, body):
    """[(fields, octets)] of a multipart/byteranges body, strictly and by Content-Range, not by
    looking for the boundary."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-zA-Z]{1,70})", content_type)
    assert boundary, content_type
    delimiter = b"--" + boundary.group(1).encode()
    at, parts = 0, []
    while True:
        lead = delimiter if not parts else b"\r\n" + delimiter
        assert body[at:at + len(lead)] == lead, (at, body[at:at + 100])
        at += len(lead)
        if body[at:] == b"--\r\n":
            return parts
        assert body[at:at + 2] == b"\r\n"
        end = body.index(b"\r\n\r\n", at)
        fields = dict(line.split(": ", 1) for line in body[at + 2:end].decode().split("\r\n"))
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", fields["Content-Range"])
        first, last, _ = map(int, found.groups())
        at = end + 4
        assert at + last - first + 1 <= len(body)
        parts.append((fields, body[at:at + last - first + 1]))
        at += last - first + 1


def check(r, value, size, body_of):
    """Whether response `r` is a right answer to Range `value` of a body of `size` bytes, where
    body_of(first, n) are its bytes. Says what kind of answer it was."""
    wanted = resolve(value, size)
    if r.status == 416:
        assert not wanted and r["content-range"] == f"bytes */{size}"
        return "unsatisfiable"
    if r.status == 200:
        assert len(wanted) > 1, f"{value} of {size} bytes got the whole"
        assert r.body == body_of(0, size)
        return "whole"
    assert r.status == 206, r
    if len(wanted) == 1:
        first, last = wanted[0]
        assert r["content-range"] == f"bytes {first}-{last}/{size}", (value, r)
        assert r.body == body_of(first, last - first + 1), f"wrong bytes for {value} of {size}"
        return "single"
    parts = parts_of(r["content-type"], r.body)
    assert "content-range" not in r and len(r.body) <= size
    assert [p[0]["Content-Range"] for p in parts] == [f"bytes {a}-{b}/{size}" for a, b in wanted]
    for (first, last), (_, got) in zip(wanted, parts):
        assert got == body_of(first, last - first + 1), f"wrong bytes for {value} of {size}"
    return "multipart"
