"""Makes a large film out of a small one: the same clusters of a WebM file with padding behind each, and
an index (Cues) of where they stand now. So a player's seek is worth a range request.

EBML as of RFC 8794, the elements of RFC 9559; only what the films of these tests have.
"""
EBML, SEGMENT, SEEK_HEAD, VOID = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74", b"\xec"
CLUSTER, TIMESTAMP, CUES = b"\x1f\x43\xb6\x75", b"\xe7", b"\x1c\x53\xbb\x6b"
CUE_POINT, CUE_TIME, CUE_TRACK_POSITIONS = b"\xbb", b"\xb3", b"\xb7"
CUE_TRACK, CUE_CLUSTER_POSITION = b"\xf7", b"\xf1"


def number(data, at, keep_marker):
    """A variable-size integer: (value, where the next thing begins)."""
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at:at + width], "big")
    return (value if keep_marker else value & ((1 << (7 * width)) - 1)), at + width


def elements(data, at, end):
    """(identifier, content) of the elements side by side there."""
    while at < end:
        _, after = number(data, at, True)
        size, begin = number(data, after, False)
        if size == (1 << (7 * (begin - after))) - 1:  # unknown: to the end
            size = end - begin
        yield data[at:after], data[begin:begin + size]
        at = begin + size


def element(identifier, content):
    return identifier + (len(content) | 1 << 56).to_bytes(8, "big") + content


def fixed(value):
    return value.to_bytes(8, "big")


def cues(entries):
    return element(CUES, b"".join(
        element(CUE_POINT, element(CUE_TIME, fixed(time)) + element(
            CUE_TRACK_POSITIONS, element(CUE_TRACK, b"\x01")
            + element(CUE_CLUSTER_POSITION, fixed(position))))
        for time, position in entries))


def padded(film, padding_bytes):
    """The film with that much behind each of its clusters."""
    top = list(elements(film, 0, len(film)))
    head = next(content for identifier, content in top if identifier == EBML)
    segment = next(content for identifier, content in top if identifier == SEGMENT)
    parts = list(elements(segment, 0, len(segment)))
    front = b"".join(element(i, c) for i, c in parts if i not in (SEEK_HEAD, VOID, CLUSTER, CUES))
    clusters = [c for i, c in parts if i == CLUSTER]
    times = [int.from_bytes(next(c for i, c in elements(cluster, 0, len(cluster))
                                 if i == TIMESTAMP), "big") for cluster in clusters]
    at = len(front) + len(cues([(0, 0)] * len(clusters)))
    entries, body = [], []
    for time, cluster in zip(times, clusters):
        entries.append((time, at))
        body.append(element(CLUSTER, cluster) + element(VOID, bytes(padding_bytes)))
        at += len(body[-1])
    return element(EBML, head) + element(SEGMENT, front + cues(entries) + b"".join(body))
