"""HTTP/2 from clients that mean no good: every frame that is wrong, too many of those that are right,
and what they cost. Others are served meanwhile."""
import socket
import threading
import time

import pytest
from hpack import Encoder

import h2wire
from h2wire import (CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR,
                    NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED, raw_frame)
from origin import Gone
from waiting import wait_for

KEEP = {"Cache-Control": "max-age=60"}
NEVER = {"Cache-Control": "no-store"}
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM = ACK = 1
END_HEADERS = 4
PADDED = 8
WITH_PRIORITY = 32
MIB = 1 << 20


@pytest.fixture(scope="module")
def pair():
    """One edge for all of the file: what one test does to it must not show in the next."""
    # pylint: disable=import-outside-toplevel
    import shutil

    import edge as edge_module
    from origin import Origin
    own = Origin()
    own.page("/a", b"hello", KEEP)
    daemon = edge_module.Edge(origin=own, listen="h2c")
    with daemon.h2() as c:
        c.get("/a", authority="a.test")
    yield daemon, own
    try:
        daemon.stop()
    finally:
        shutil.rmtree(daemon.dir, ignore_errors=True)
        own.stop()
    assert own.faults == []


@pytest.fixture
def edge(pair):
    daemon, _ = pair
    yield daemon
    with daemon.h2() as c:  # it goes on as if nothing had been
        assert c.get("/a", authority="a.test").body == b"hello"


@pytest.fixture
def origin(pair):
    return pair[1]


def cpu_s(edge):
    with open(f"/proc/{edge.pid}/stat", encoding="ascii") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / 100


def block(pairs):
    """A field block that leaves no trace in the table."""
    out = b""
    for name, value in pairs:
        name, value = (t if isinstance(t, bytes) else t.encode("latin-1") for t in (name, value))
        out += b"\0" + number(len(name), 7) + name + number(len(value), 7) + value
    return out


def number(n, bits, flags=0):
    """RFC 7541 5.1."""
    top = (1 << bits) - 1
    if n < top:
        return bytes([flags | n])
    out, n = bytes([flags | top]), n - top
    while n >= 128:
        out, n = out + bytes([n % 128 + 128]), n >> 7
    return out + bytes([n])


GOOD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/a")]


def changed(*pairs, without=()):
    """GOOD with other values, more fields, or fewer."""
    new = dict(p for p in pairs if p[0].startswith(":"))
    out = [(n, new.pop(n, v)) for n, v in GOOD if n not in without]
    return out + list(new.items()) + [p for p in pairs if not p[0].startswith(":")]


def ask(c, pairs, flags=END_STREAM | END_HEADERS):
    stream = c.new_id()
    c.streams[stream] = h2wire.Answer()
    c.send(raw_frame(HEADERS, flags, stream, block(pairs)))
    return stream


def still_serves(c):
    """The connection is as good as it was."""
    assert c.answer(ask(c, GOOD)).body == b"hello"


# --- requests that are malformed: the stream is reset, and the origin never hears of it

MALFORMED = {
    "no method": changed(without=[":method"]),
    "no path": changed(without=[":path"]),
    "no scheme": changed(without=[":scheme"]),
    "no authority": changed(without=[":authority"]),
    "empty path": changed((":path", "")),
    "path without a slash": changed((":path", "a")),
    "path is a url": changed((":path", "http://b.test/a")),
    "asterisk for GET": changed((":path", "*")),
    "space in the path": changed((":path", "/a b")),
    "line end in the path": changed((":path", "/a\r\nX: y")),
    "NUL in the path": changed((":path", "/a\0b")),
    "a request line in the path": changed((":path", "/a HTTP/1.1\r\nHost: b.test\r\n\r\nGET /b")),
    "space in the method": changed((":method", "GET /b")),
    "empty method": changed((":method", "")),
    "line end in the method": changed((":method", "GET\r\n")),
    "space in the authority": changed((":authority", "a.test b")),
    "line end in the authority": changed((":authority", "a.test\r\nX: y")),
    "empty authority": changed((":authority", "")),
    "twice a method": GOOD + [(":method", "GET")],
    "twice a path": GOOD + [(":path", "/a")],
    "twice a scheme": GOOD + [(":scheme", "http")],
    "twice an authority": GOOD + [(":authority", "a.test")],
    "status in a request": GOOD + [(":status", "200")],
    "unknown pseudo field": GOOD + [(":tea", "1")],
    "protocol without CONNECT": GOOD + [(":protocol", "websocket")],
    "pseudo field behind another": GOOD[:3] + [("x", "y"), GOOD[3]],
    "CONNECT with a path": changed((":method", "CONNECT")),
    "CONNECT without authority": [(":method", "CONNECT")],
    "upper case": changed(("X-Upper", "y")),
    "one letter upper case": changed(("x-uppeR", "y")),
    "empty name": changed(("", "y")),
    "space in a name": changed(("x y", "y")),
    "colon in a name": changed(("x:y", "y")),
    "line end in a name": changed(("x\r\ny", "y")),
    "NUL in a name": changed(("x\0", "y")),
    "0x80 in a name": changed(("x\x80", "y")),
    "DEL in a name": changed(("x\x7f", "y")),
    "line end in a value": changed(("x", "y\r\nHost: b.test")),
    "LF in a value": changed(("x", "a\nb")),
    "CR in a value": changed(("x", "a\rb")),
    "NUL in a value": changed(("x", "a\0b")),
    "DEL in a value": changed(("x", "a\x7fb")),
    "space before a value": changed(("x", " y")),
    "space behind a value": changed(("x", "y ")),
    "tab behind a value": changed(("x", "y\t")),
    "connection": changed(("connection", "close")),
    "keep-alive": changed(("keep-alive", "timeout=5")),
    "proxy-connection": changed(("proxy-connection", "close")),
    "transfer-encoding": changed(("transfer-encoding", "chunked")),
    "upgrade": changed(("upgrade", "h2c")),
    "te of more than trailers": changed(("te", "gzip")),
    "two hosts": changed(("host", "a.test"), ("host", "a.test")),
    "content-length that is none": changed(("content-length", "5x")),
    "content-length with a sign": changed(("content-length", "+0")),
    "content-length past 2^63": changed(("content-length", "9223372036854775808")),
    "two content-lengths": changed(("content-length", "0"), ("content-length", "0")),
    "content-length of a request that ends": changed(("content-length", "5")),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests_are_reset(edge, origin, what):
    before = origin.count()
    with edge.h2() as c:
        a = c.answer(ask(c, MALFORMED[what]))
        assert a.reset == PROTOCOL_ERROR and a.status is None
        still_serves(c)
    assert origin.count() == before


# What HTTP/1 is told by a status is told so here.
REFUSED = {
    "host is another": (changed(("host", "b.test")), 400),
    "userinfo": (changed((":authority", "me@a.test")), 400),
    "no host in the authority": (changed((":authority", ":80")), 400),
    "bad port": (changed((":authority", "a.test:99999")), 400),
    "fragment": (changed((":path", "/a#b")), 400),
    "another scheme": (changed((":scheme", "ftp")), 400),
    "long method": (changed((":method", "G" * 33)), 501),
    "unknown expectation": (changed(("expect", "tea")), 417),
    "long path": (changed((":path", "/" + "a" * 9000)), 414),
    "many fields": (changed(*[(f"x-{i}", "y") for i in range(110)]), 431),
    "large fields": (changed(*[(f"x-{i}", "y" * 8000) for i in range(9)]), 431),
    "many crumbs": (changed(*[("cookie", "a=b")] * 2000), 431),
    "CONNECT": ([(":method", "CONNECT"), (":authority", "a.test:443")], 501),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_requests_are_answered(edge, origin, what):
    before = origin.count()
    pairs, status = REFUSED[what]
    with edge.h2() as c:
        stream = c.new_id()
        c.streams[stream] = h2wire.Answer()
        data = block(pairs)
        c.send(raw_frame(HEADERS, END_STREAM | (END_HEADERS if len(data) <= 16384 else 0), stream,
                         data[:16384]))
        for i in range(16384, len(data), 16384):
            c.send(raw_frame(CONTINUATION, END_HEADERS if i + 16384 >= len(data) else 0, stream,
                             data[i:i + 16384]))
        a = c.answer(stream)
        assert a.status in (status, 405 if what == "CONNECT" else status) and a.ended
        still_serves(c)
    assert origin.count() == before


GOOD_ONES = {
    "host is the same": changed(("host", "a.test")),
    "host instead of authority": changed(("host", "a.test"), without=[":authority"]),
    "te trailers": changed(("te", "trailers")),
    "scheme https": changed((":scheme", "https")),
    "empty value": changed(("x", "")),
    "tab and high bytes in a value": changed(("x", "a\tb\xff")),
    "many crumbs": changed(*[("cookie", f"c{i}=1") for i in range(500)]),
    "content-length 0": changed(("content-length", "0")),
}


@pytest.mark.parametrize("what", GOOD_ONES)
def test_good_requests_are_served(edge, what):
    with edge.h2() as c:
        assert c.answer(ask(c, GOOD_ONES[what])).body == b"hello"


# --- bodies

@pytest.mark.parametrize("said, pieces", [("5", [b"123456"]), ("5", [b"1234", END_STREAM]),
                                          ("5", [b"12", b"3456"])])
def test_a_body_of_another_length(edge, origin, said, pieces):
    """9113 8.1.1. What the origin has got of it by then is not a whole request."""
    served = []
    origin.at("/up", lambda x: (served.append(x.request.body), x.reply(200, b"", NEVER)))
    with edge.h2() as c:
        stream = ask(c, changed((":method", "POST"), (":path", "/up"), ("content-length", said)),
                     END_HEADERS)
        for p in pieces:
            end = p is END_STREAM
            c.send(raw_frame(DATA, END_STREAM if end else 0, stream, b"" if end else p))
        assert c.answer(stream).reset == PROTOCOL_ERROR
        still_serves(c)
    origin.faults.clear()  # the edge broke the request off there, too
    assert served == []


def test_trailers_that_do_not_end_the_stream(edge):
    with edge.h2() as c:
        stream = ask(c, changed((":method", "POST"), (":path", "/never")), END_HEADERS)
        c.send(raw_frame(HEADERS, END_HEADERS, stream, block([("x", "y")])))
        assert c.answer(stream).reset == PROTOCOL_ERROR
        still_serves(c)


def test_pseudo_fields_in_trailers(edge):
    with edge.h2() as c:
        stream = ask(c, changed((":method", "POST"), (":path", "/never")), END_HEADERS)
        c.send(raw_frame(HEADERS, END_HEADERS | END_STREAM, stream, block([(":path", "/b")])))
        assert c.answer(stream).reset == PROTOCOL_ERROR
        still_serves(c)


# --- frames that are wrong: the connection ends with the code that RFC 9113 names

def on_stream(kind, flags=0, payload=b"", code=PROTOCOL_ERROR, stream=1):
    return raw_frame(kind, flags, stream, payload), code


OPEN = raw_frame(HEADERS, END_HEADERS, 1, block(changed((":method", "POST"), (":path", "/never"))))
CLOSED = raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, block(GOOD))

BROKEN = {
    "4.2 a frame that is too large": on_stream(HEADERS, END_HEADERS, b"x" * 16385, FRAME_SIZE_ERROR),
    "4.2 SETTINGS that is too large": on_stream(SETTINGS, 0, b"\0" * 16386, FRAME_SIZE_ERROR, 0),
    "4.3 fields that are no HPACK": on_stream(HEADERS, 5, b"\xff\xff\xff\xff\xff\xff\xff", COMPRESSION_ERROR),
    "4.3 an index that is not there": on_stream(HEADERS, 5, b"\xfe", COMPRESSION_ERROR),
    "4.3 a table that is too large": on_stream(HEADERS, 5, b"\x3f\xe2\x1f" + block(GOOD), COMPRESSION_ERROR),
    "4.3 a table size behind a field": on_stream(HEADERS, 5, block(GOOD) + b"\x20", COMPRESSION_ERROR),
    "4.3 index 0": on_stream(HEADERS, 5, b"\x80", COMPRESSION_ERROR),
    "4.3 Huffman with EOS": on_stream(HEADERS, 5, b"\0\x84\xff\xff\xff\xff\0", COMPRESSION_ERROR),
    "4.3 Huffman with long padding": on_stream(HEADERS, 5, b"\0\x82\x1f\xff\0", COMPRESSION_ERROR),
    "4.3 a literal cut short": on_stream(HEADERS, 5, b"\0\x05ab", COMPRESSION_ERROR),
    "5.1 DATA on an idle stream": on_stream(DATA, END_STREAM, b"x"),
    "5.1 RST_STREAM on an idle stream": on_stream(RST_STREAM, 0, b"\0\0\0\x08"),
    "5.1 WINDOW_UPDATE on an idle stream": on_stream(WINDOW_UPDATE, 0, b"\0\0\0\x01"),
    "5.1 CONTINUATION on an idle stream": on_stream(CONTINUATION, END_HEADERS, block(GOOD)),
    "5.1.1 an even stream": on_stream(HEADERS, 5, block(GOOD), stream=2),
    "5.1.1 stream 0": on_stream(HEADERS, 5, block(GOOD), stream=0),
    "6.1 DATA on stream 0": on_stream(DATA, 0, b"x", stream=0),
    "6.1 padding longer than DATA": (OPEN + raw_frame(DATA, PADDED, 1, b"\x05abc"), PROTOCOL_ERROR),
    "6.2 padding longer than HEADERS": on_stream(HEADERS, 5 | PADDED, b"\xff" + block(GOOD)),
    "6.2 padding without its length": on_stream(HEADERS, 5 | PADDED, b""),
    "6.3 PRIORITY on stream 0": on_stream(PRIORITY, 0, b"\0\0\0\x01\x10", stream=0),
    "6.4 RST_STREAM on stream 0": on_stream(RST_STREAM, 0, b"\0\0\0\x08", stream=0),
    "6.4 RST_STREAM of 3 bytes": (OPEN + raw_frame(RST_STREAM, 0, 1, b"\0\0\0"), FRAME_SIZE_ERROR),
    "6.5 SETTINGS on a stream": on_stream(SETTINGS),
    "6.5 SETTINGS of 5 bytes": on_stream(SETTINGS, 0, b"\0" * 5, FRAME_SIZE_ERROR, 0),
    "6.5 ACK with a payload": on_stream(SETTINGS, ACK, b"\0" * 6, FRAME_SIZE_ERROR, 0),
    "6.5.2 push that is neither": on_stream(SETTINGS, 0, b"\0\2\0\0\0\2", PROTOCOL_ERROR, 0),
    "6.5.2 a window past 2^31": on_stream(SETTINGS, 0, b"\0\4\x80\0\0\0", FLOW_CONTROL_ERROR, 0),
    "6.5.2 frames below 16384": on_stream(SETTINGS, 0, b"\0\5\0\0\x3f\xff", PROTOCOL_ERROR, 0),
    "6.5.2 frames past 2^24": on_stream(SETTINGS, 0, b"\0\5\x01\0\0\0", PROTOCOL_ERROR, 0),
    "6.6 PUSH_PROMISE from a client": (OPEN + raw_frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(GOOD)),
                                       PROTOCOL_ERROR),
    "6.7 PING on a stream": on_stream(PING, 0, b"12345678"),
    "6.7 PING of 7 bytes": on_stream(PING, 0, b"1234567", FRAME_SIZE_ERROR, 0),
    "6.8 GOAWAY on a stream": on_stream(GOAWAY, 0, b"\0" * 8),
    "6.9 WINDOW_UPDATE of 3 bytes": on_stream(WINDOW_UPDATE, 0, b"\0\0\x01", FRAME_SIZE_ERROR, 0),
    "6.9 WINDOW_UPDATE by 0": on_stream(WINDOW_UPDATE, 0, b"\0\0\0\0", PROTOCOL_ERROR, 0),
    "6.9.1 a window past 2^31": on_stream(WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff", FLOW_CONTROL_ERROR, 0),
    "6.10 another frame within fields": (raw_frame(HEADERS, 1, 1, block(GOOD)) + raw_frame(PING, 0, 0, b"12345678"),
                                         PROTOCOL_ERROR),
    "6.10 fields of another stream": (raw_frame(HEADERS, 1, 1, block(GOOD)[:5]) +
                                      raw_frame(CONTINUATION, 4, 3, block(GOOD)[5:]), PROTOCOL_ERROR),
    "6.10 CONTINUATION behind the end": (OPEN + raw_frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
    "9218 7.1 PRIORITY_UPDATE on a stream": on_stream(PRIORITY_UPDATE, 0, b"\0\0\0\1u=0"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_frames_end_the_connection(edge, what):
    data, code = BROKEN[what]
    with edge.h2() as c:
        c.wait_pong()
        c.streams[1] = h2wire.Answer()
        c.send(data)
        assert c.end() == code


HALF_CLOSED = {
    "DATA": raw_frame(DATA, 0, 1, b"x"),
    "HEADERS": raw_frame(HEADERS, 5, 1, block(GOOD)),
}


@pytest.mark.parametrize("what", HALF_CLOSED)
def test_frames_behind_the_end_of_a_stream(edge, origin, what):
    """5.1: on a stream that is half closed STREAM_CLOSED; what is no harm may be borne."""
    gate = threading.Event()
    origin.at("/slow", lambda x: (x.wait(gate), x.reply(200, b"", NEVER)))
    with edge.h2() as c:
        stream = ask(c, changed((":path", "/slow")))
        assert stream == 1
        c.send(HALF_CLOSED[what])
        assert c.end() == STREAM_CLOSED
    gate.set()


def test_a_stream_number_that_was_used(edge):
    """5.1.1: never served a second time."""
    with edge.h2() as c:
        for _ in range(3):
            still_serves(c)
        c.send(raw_frame(HEADERS, 5, 1, block(GOOD)))
        c.wait_pong()
        assert len(c.streams[1].pieces) == 1


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", raw_frame(PING, 0, 0, b"12345678"),
                                   raw_frame(HEADERS, 5, 1, block(GOOD))])
def test_a_preface_without_settings(edge, first):
    """3.4: PROTOCOL_ERROR."""
    with edge.h2(handshake=False) as c:
        c.send(h2wire.PREFACE + first)
        assert c.end() in (PROTOCOL_ERROR, FRAME_SIZE_ERROR)


@pytest.mark.parametrize("data", [raw_frame(0x77, 0xff, 0, b"x" * 100), raw_frame(0x77, 0, 5, b""),
                                  raw_frame(SETTINGS, 0, 0, b"\xff\xff\0\0\0\1"),
                                  raw_frame(PING, 0x42, 0, b"12345678"),
                                  raw_frame(PRIORITY, 0, 7, b"\0\0\0\0\x10"),
                                  raw_frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\7nonsense;;;")])
def test_what_is_not_known_is_ignored(edge, data):
    """4.1, 5.5, 6.5.2."""
    with edge.h2() as c:
        c.send(data)
        still_serves(c)


def test_padding_and_old_priorities(edge):
    """6.1, 6.2: with all the flags that there are."""
    with edge.h2() as c:
        c.streams[1] = h2wire.Answer()
        c.send(raw_frame(HEADERS, END_HEADERS | END_STREAM | PADDED | WITH_PRIORITY, 1,
                         b"\x07" + b"\0\0\0\0\xff" + block(GOOD) + b"\0" * 7))
        assert c.answer(1).body == b"hello"


def test_a_stream_window_past_the_limit(edge):
    """6.9.1: a stream error."""
    with edge.h2() as c:
        stream = ask(c, changed((":method", "POST"), (":path", "/never")), END_HEADERS)
        c.open_window(stream, (1 << 31) - 1)
        assert c.answer(stream).reset == FLOW_CONTROL_ERROR
        still_serves(c)


def test_more_data_than_the_window(selvaged):
    """6.9.1: nothing beyond it is kept."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own = selvaged(origin=f"http://127.0.0.1:{deaf.getsockname()[1]}", listen="h2c")
        rss = own.rss_bytes()
        with own.h2() as c:
            stream = ask(c, changed((":method", "POST")), END_HEADERS)
            send_until_it_ends(c, raw_frame(DATA, 0, stream, b"x" * 16384), 1000)
            a = c.streams[stream]
            c.until(lambda: a.over or c.goaway, "it was refused")
            assert a.reset == FLOW_CONTROL_ERROR or c.goaway[0] == FLOW_CONTROL_ERROR
        assert own.rss_bytes() - rss < 16 * MIB


def test_more_streams_than_allowed(edge, origin):
    gate = threading.Event()
    origin.at("/slow", lambda x: (x.wait(gate), x.reply(200, b"slow", NEVER)))
    before = origin.count("/slow")
    with edge.h2() as c:
        streams = [ask(c, changed((":path", "/slow"), ("x", str(i)))) for i in range(140)]
        for s in streams[128:]:
            assert c.answer(s).reset == REFUSED_STREAM
        gate.set()
        for s in streams[:128]:
            assert c.answer(s).body == b"slow"
        still_serves(c)
    assert origin.count("/slow") <= before + 128


# --- floods: GOAWAY with ENHANCE_YOUR_CALM, and a count

def flood_of(kind, flags=0, payload=b"", stream=0):
    return raw_frame(kind, flags, stream, payload) * 200


FLOODS = {
    "pings": flood_of(PING, 0, b"12345678"),
    "answers to no ping": flood_of(PING, ACK, b"12345678"),
    "settings": flood_of(SETTINGS, 0, b"\0\4\0\1\0\0"),
    "settings that are empty": flood_of(SETTINGS),
    "answers to no settings": flood_of(SETTINGS, ACK),
    "priorities": flood_of(PRIORITY, 0, b"\0\0\0\0\x10", 3),
    "priority updates": flood_of(PRIORITY_UPDATE, 0, b"\0\0\0\1u=1"),
    "windows of a byte": flood_of(WINDOW_UPDATE, 0, b"\0\0\0\1"),
    "empty data": flood_of(DATA, 0, b"", 1),
    "data of padding": flood_of(DATA, PADDED, b"\x05\0\0\0\0\0", 1),
    "unknown frames": flood_of(0x42, 0, b"x"),
    "resets of one stream": flood_of(RST_STREAM, 0, b"\0\0\0\x08", 1),
}


def send_until_it_ends(c, data, times):
    """True when the other side would not take all of it."""
    try:
        for _ in range(times):
            c.send(data() if callable(data) else data)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("what", FLOODS)
def test_floods_end_the_connection(edge, what):
    floods, cpu, rss = edge.metric("selvage_h2_floods_total"), cpu_s(edge), edge.rss_bytes()
    with edge.h2() as c:
        c.streams[1] = h2wire.Answer()
        c.send(OPEN)
        send_until_it_ends(c, FLOODS[what], 500)
        assert c.end() in (ENHANCE_YOUR_CALM, None)  # None: our own bytes reset it first
    assert edge.metric("selvage_h2_floods_total") == floods + 1
    assert cpu_s(edge) - cpu < 2 and edge.rss_bytes() - rss < 32 * MIB


@pytest.mark.parametrize("split", [1, 0])
def test_a_head_of_endless_continuations(edge, split):
    """CVE-2024-27919 and its kin: a head that never ends, in pieces of one byte or none."""
    cpu, rss = cpu_s(edge), edge.rss_bytes()
    with edge.h2() as c:
        c.send(raw_frame(HEADERS, END_STREAM, 1, block(GOOD)))
        send_until_it_ends(c, raw_frame(CONTINUATION, 0, 1, b"x" * split) * 200, 500)
        assert c.end() in (ENHANCE_YOUR_CALM, COMPRESSION_ERROR, None)
    assert cpu_s(edge) - cpu < 2 and edge.rss_bytes() - rss < 32 * MIB


def test_a_head_of_large_continuations(edge):
    cpu, rss = cpu_s(edge), edge.rss_bytes()
    with edge.h2() as c:
        c.send(raw_frame(HEADERS, END_STREAM, 1, block(GOOD)))
        field = block([("x" * 100, "y" * 16000)])
        send_until_it_ends(c, raw_frame(CONTINUATION, 0, 1, field), 1000)
        assert c.end() in (ENHANCE_YOUR_CALM, None)
    assert cpu_s(edge) - cpu < 2 and edge.rss_bytes() - rss < 32 * MIB


def test_a_bomb_of_indexed_fields(edge):
    """One large field in the table, then a byte for each time that it is meant: a megabyte of fields
    out of a few hundred bytes, gigabytes out of a few frames."""
    floods, cpu, rss = edge.metric("selvage_h2_floods_total"), cpu_s(edge), edge.rss_bytes()
    with edge.h2() as c:
        large = b"\x40" + number(1, 7) + b"x" + number(4000, 7) + b"y" * 4000
        c.send(raw_frame(HEADERS, END_STREAM, 1, block(GOOD) + large + b"\xbe" * 12000))
        send_until_it_ends(c, raw_frame(CONTINUATION, 0, 1, b"\xbe" * 16384), 7)
        assert c.end() in (ENHANCE_YOUR_CALM, None)
    assert edge.metric("selvage_h2_floods_total") == floods + 1
    assert cpu_s(edge) - cpu < 2 and edge.rss_bytes() - rss < 32 * MIB


def test_a_bomb_of_crumbs(edge):
    """Cookie crumbs of no length, each one byte on the wire, count like fields."""
    floods, cpu, rss = edge.metric("selvage_h2_floods_total"), cpu_s(edge), edge.rss_bytes()
    with edge.h2() as c:
        c.send(raw_frame(HEADERS, END_STREAM, 1,
                         block(GOOD) + b"\x40" + number(6, 7) + b"cookie" + b"\0" + b"\xbe" * 16000))
        send_until_it_ends(c, raw_frame(CONTINUATION, END_HEADERS, 1, b"\xbe" * 16384), 1)
        assert c.end() in (ENHANCE_YOUR_CALM, None)
    assert edge.metric("selvage_h2_floods_total") == floods + 1
    assert cpu_s(edge) - cpu < 2 and edge.rss_bytes() - rss < 32 * MIB


def test_many_heads_below_the_limit(edge):
    """As many as one asks for: time goes with bytes, memory with streams."""
    rss = edge.rss_bytes()
    with edge.h2() as c:
        pairs = changed(*[("cookie", "a=b")] * 1200)
        for _ in range(20):
            assert c.answer(ask(c, pairs)).status == 200
    assert edge.rss_bytes() - rss < 32 * MIB


def rapid_reset(c, n, path):
    out = b""
    for _ in range(n):
        stream = c.new_id()
        out += raw_frame(HEADERS, END_STREAM | END_HEADERS, stream, block(changed((":path", path))))
        out += raw_frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
    return out


def test_rapid_reset(edge, origin):
    """CVE-2023-44487: 30000 requests, each reset at once."""
    floods, cpu, rss = edge.metric("selvage_h2_floods_total"), cpu_s(edge), edge.rss_bytes()
    gate = threading.Event()

    def slow(x):
        x.wait(gate)
        x.reply(200, b"", NEVER)

    origin.at("/reset", slow)
    before = origin.count("/reset")
    with edge.h2() as c, edge.h2() as other:
        send_until_it_ends(c, lambda: rapid_reset(c, 300, "/reset"), 100)
        t0 = time.monotonic()
        assert other.get("/a", authority="a.test").body == b"hello"
        assert time.monotonic() - t0 < 2
        c.streams.update((i, h2wire.Answer()) for i in range(1, c.next_id, 2))
        assert c.end() in (ENHANCE_YOUR_CALM, None)
    gate.set()
    assert edge.metric("selvage_h2_floods_total") == floods + 1
    assert origin.count("/reset") - before <= 300
    assert cpu_s(edge) - cpu < 3 and edge.rss_bytes() - rss < 48 * MIB


def made_you_reset(c, n, fault):
    out = b""
    for _ in range(n):
        stream = c.new_id()
        c.streams[stream] = h2wire.Answer()
        out += raw_frame(HEADERS, END_HEADERS, stream,
                         block(changed((":method", "POST"), (":path", "/made"), ("content-length", "1"))))
        out += fault(stream)
    return out


FAULTS = {
    "a window past the limit": lambda s: raw_frame(WINDOW_UPDATE, 0, s, b"\x7f\xff\xff\xff"),
    "an empty window update": lambda s: raw_frame(WINDOW_UPDATE, 0, s, b"\0\0\0\0"),
    "more data than said": lambda s: raw_frame(DATA, 0, s, b"xx"),
    "bad trailers": lambda s: raw_frame(HEADERS, 5, s, block([("X", "y")])),
    "a priority of itself": lambda s: raw_frame(PRIORITY, 0, s, s.to_bytes(4, "big") + b"\0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_made_you_reset(edge, origin, fault):
    """CVE-2025-8671: faults that make us reset streams whose requests are at the origin already."""
    cpu, rss = cpu_s(edge), edge.rss_bytes()
    gate = threading.Event()

    def slow(x):
        x.wait(gate)
        x.reply(200, b"", NEVER)

    origin.at("/made", slow)
    with edge.h2() as c, edge.h2() as other:
        send_until_it_ends(c, lambda: made_you_reset(c, 100, FAULTS[fault]), 50)
        assert other.get("/a", authority="a.test").body == b"hello"
        assert c.end() in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, None)
    gate.set()
    wait_for(lambda: edge.metric("selvage_connections_total") -
             edge.metric("selvage_connections_closed_total") == 0, "all is over")
    origin.faults.clear()  # requests that were broken off in their bodies
    assert cpu_s(edge) - cpu < 3 and edge.rss_bytes() - rss < 48 * MIB


def test_refusals_without_end(edge):
    """Requests that are answered for their form cost little, but not nothing."""
    with edge.h2() as c:
        bad = block(changed((":authority", "a@b")))

        def some():
            return b"".join(raw_frame(HEADERS, 5, c.new_id(), bad) for _ in range(50))

        send_until_it_ends(c, some, 200)
        c.streams.update((i, h2wire.Answer()) for i in range(1, c.next_id, 2))
        assert c.end() in (ENHANCE_YOUR_CALM, None)


def test_zero_windows_hold_little(edge, origin):
    """A hundred streams on each of ten connections, large bodies, and no window for any."""
    origin.page("/large", b"x" * (4 * MIB), KEEP)
    with edge.h2(settings={4: 1 << 24}) as c:
        c.open_window(0, 1 << 24)
        assert len(c.get("/large", authority="a.test").body) == 4 * MIB
    rss = edge.rss_bytes()
    open_ones = [edge.h2(settings={4: 0}) for _ in range(10)]
    for c in open_ones:
        streams = [ask(c, changed((":path", "/large"))) for _ in range(100)]
        c.until(lambda: all(c.streams[s].status for s in streams), "all heads came")  # pylint: disable=all
    assert edge.rss_bytes() - rss < 24 * MIB
    with edge.h2() as c:
        still_serves(c)
    for c in open_ones:
        c.sock.close()


def test_clients_that_do_not_read_hold_little(edge, origin):
    """Windows wide open, and nothing is taken from the socket: what waits for it is bounded."""
    origin.page("/large", b"x" * (4 * MIB), KEEP)
    with edge.h2(settings={4: 1 << 24}) as c:
        c.open_window(0, 1 << 24)
        c.get("/large", authority="a.test")
    rss = edge.rss_bytes()
    open_ones = [edge.h2(settings={4: (1 << 31) - 1}) for _ in range(20)]
    for c in open_ones:
        c.open_window(0, (1 << 31) - 1 - 65535)
        for _ in range(50):
            ask(c, changed((":path", "/large")))
    wait_for(lambda: edge.metric("selvage_requests_total") >= 1000, "all were asked")
    with edge.h2() as c:
        still_serves(c)
    assert edge.rss_bytes() - rss < 32 * MIB
    for c in open_ones:
        c.sock.close()


def test_answers_that_nobody_reads(edge):
    """PINGs and requests without end, and their answers are not taken: they do not pile up."""
    rss = edge.rss_bytes()
    with edge.h2() as c:
        send_until_it_ends(c, raw_frame(PING, 0, 0, b"12345678") * 50, 200)
    assert edge.rss_bytes() - rss < 16 * MIB


def test_a_reset_in_the_middle_of_frames(edge, origin):
    """A stream is reset while bytes of its frames wait for the socket: the next frames are whole."""
    origin.page("/large", b"x" * (4 * MIB), KEEP)
    with edge.h2(settings={4: 1 << 24}) as c:
        c.open_window(0, (1 << 31) - 1 - 65535)
        for _ in range(10):
            stream = c.request("/large", authority="a.test")
            c.until(lambda s=stream: len(c.streams[s].body) > 100000, "it began")
            c.rst(stream)
            while c.streams[stream].pieces and c.quiet(0.05) is False:
                c.next_frame()
            still_serves(c)


def test_the_client_leaves_in_the_middle(edge, origin):
    gate = threading.Event()

    def endless(x):
        x.head(200, {"Content-Length": "1000000000", **NEVER})
        try:
            while not gate.is_set():
                x.send(b"x" * 65536)
        except Gone:
            pass

    origin.at("/endless", endless)
    for _ in range(5):
        with edge.h2() as c:
            streams = [ask(c, changed((":path", "/endless"), ("x", str(i)))) for i in range(5)]
            c.until(lambda: c.streams[streams[0]].body, "it began")  # pylint: disable=all
    wait_for(lambda: edge.metric("selvage_connections_total") -
             edge.metric("selvage_connections_closed_total") == 0, "all is over")
    gate.set()
