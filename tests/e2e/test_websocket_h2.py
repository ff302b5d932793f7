"""WebSocket by HTTP/2's extended CONNECT (RFC 8441), to origins that speak HTTP/1."""
import struct

import pytest

import h2wire
from edge import free_port
from test_websocket import Peer
from waiting import wait_for


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.stop()


@pytest.fixture
def edge(selvaged, peer):
    port = free_port()
    e = selvaged(f"""
listen 127.0.0.1:{port} h2c;
origin app {{ server http://127.0.0.1:{peer.port}; }}
site * {{ origin app; path /ws* {{ websocket on; websocket-idle 2s; }} }}
""")
    e.h2c = ("127.0.0.1", port)
    return e


def masked(payload, opcode=2):
    """A frame of a client (RFC 6455 §5.2)."""
    mask = b"\1\2\3\4"
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        length = b"\xfe" + struct.pack(">H", len(payload))
    else:
        length = b"\xff" + struct.pack(">Q", len(payload))
    return bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


def unmasked(payload, opcode=2):
    if len(payload) < 126:
        length = bytes([len(payload)])
    elif len(payload) < 65536:
        length = b"\x7e" + struct.pack(">H", len(payload))
    else:
        length = b"\x7f" + struct.pack(">Q", len(payload))
    return bytes([0x80 | opcode]) + length + payload


def connect(c, path="/ws", protocol="websocket", more=(), end=False):
    pairs = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path),
             (":authority", "a.test"), ("sec-websocket-version", "13"), *more]
    return c.headers(pairs, end=end)


def test_the_client_is_told_that_it_may(edge):
    with h2wire.H2(edge.h2c) as c:
        c.until(lambda: c.settings is not None, "SETTINGS")
        assert c.settings[8] == 1


def test_messages_come_back(edge, peer):
    with h2wire.H2(edge.h2c) as c:
        s = connect(c, "/ws/x?y=z")
        answer = c.streams[s]
        c.until(lambda: answer.status is not None, "the answer")
        assert answer.status == 200 and not answer.over
        assert "sec-websocket-accept" not in answer.fields
        for size in (0, 5, 125, 126, 5000, 60000):
            payload = bytes(i % 251 for i in range(size))
            had = len(answer.body)
            c.data(s, masked(payload), end=False)
            expected = unmasked(payload)
            c.until(lambda: len(answer.body) >= had + len(expected), f"{size} bytes back")
            assert answer.body[had:] == expected
        # Other requests on the connection are served meanwhile.
        assert c.get("/elsewhere").status == 426
        c.data(s, masked(b"\x03\xe8", 8), end=True)
        c.answer(s)
        assert answer.ended and answer.body.endswith(unmasked(b"\x03\xe8", 8))
    assert peer.paths == ["/ws/x?y=z"]
    wait_for(lambda: edge.metric("selvage_tunnels_closed_total") == 1, "the end of the tunnel")


def test_more_than_any_window_holds(edge):
    """The client sends no faster than it may, and all comes back."""
    payload = bytes(range(250)) * 1200  # 300 KB
    text = masked(payload)
    with h2wire.H2(edge.h2c) as c:
        s = connect(c)
        answer = c.streams[s]
        sent = 0
        while sent < len(text):
            room = min(65535 + c.updates.get(s, 0), 65535 + c.updates.get(0, 0)) - sent
            if room <= 0:
                assert c.next_frame() is not None
                continue
            piece = text[sent:sent + min(room, 16384)]
            c.data(s, piece, end=False)
            sent += len(piece)
        c.until(lambda: len(answer.body) >= len(unmasked(payload)), "all of it")
        assert answer.body == unmasked(payload)
        c.rst(s)
        c.wait_pong()


def test_reset_ends_the_tunnel(edge, peer):
    with h2wire.H2(edge.h2c) as c:
        s = connect(c)
        c.until(lambda: c.streams[s].status == 200, "the tunnel")
        wait_for(lambda: peer.here == 1, "the origin")
        c.rst(s)
        c.wait_pong()
        wait_for(lambda: peer.here == 0, "the origin to be told")


def test_idle_ends_the_tunnel(edge, peer):
    with h2wire.H2(edge.h2c) as c:
        s = connect(c)
        assert c.answer(s).ended
        c.wait_pong()
    wait_for(lambda: peer.here == 0, "the origin to be told")


@pytest.mark.parametrize("options, status", [
    ({"path": "/elsewhere"}, 403),           # no rule
    ({"protocol": "connect-udp"}, 501),      # no such tunnel
    ({"end": True}, 400),                    # nothing to tunnel
    ({"more": [("content-length", "5")]}, 400),
])
def test_what_is_refused(edge, peer, options, status):
    with h2wire.H2(edge.h2c) as c:
        assert c.answer(connect(c, **options)).status == status
        c.wait_pong()
    assert peer.here == 0


@pytest.mark.parametrize("pairs", [
    [(":method", "GET"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/ws"), (":authority", "a")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/ws")],
])
def test_malformed(edge, peer, pairs):
    with h2wire.H2(edge.h2c) as c:
        a = c.answer(c.headers(pairs, end=False))
        assert a.reset == h2wire.PROTOCOL_ERROR or a.status == 400
        c.wait_pong()
    assert peer.here == 0


def test_an_origin_that_does_not_understand_the_key(selvaged, origin):
    """A 101 with another's answer is no WebSocket."""
    @origin.at("/ws")
    def program(x):
        x.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
               b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
        x.edge_left()
    port = free_port()
    selvaged(f"listen 127.0.0.1:{port} h2c; site * {{ origin {origin.url}; websocket on; }}")
    with h2wire.H2(("127.0.0.1", port)) as c:
        assert c.answer(connect(c)).status == 502


def test_an_origin_that_refuses(selvaged, origin):
    origin.page("/ws", b"members only", status=403)
    port = free_port()
    selvaged(f"listen 127.0.0.1:{port} h2c; site * {{ origin {origin.url}; websocket on; }}")
    with h2wire.H2(("127.0.0.1", port)) as c:
        a = c.answer(connect(c))
        assert (a.status, a.body) == (403, b"members only")
    seen = origin.requests("/ws")[0]
    assert seen["Upgrade"] == "websocket" and len(seen["Sec-WebSocket-Key"]) == 24
