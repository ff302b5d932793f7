"""WebSocket through the edge: python3-websockets at both ends, and raw bytes where it is too polite."""
import asyncio
import contextlib
import signal
import socket
import threading

import pytest
import websockets

import edge as edge_module
from waiting import wait_for

SWITCH = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


class Peer:
    """An origin that speaks WebSocket: echoes each message, and counts who is there."""

    def __init__(self):
        self.port = edge_module.free_port()
        self.here = 0
        self.paths = []
        self.fields = []
        self.loop = asyncio.new_event_loop()
        self.stopping = None
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.started.wait(10)

    async def serve(self, ws):
        self.here += 1
        self.paths.append(ws.path)
        self.fields.append(ws.request_headers)
        try:
            async for message in ws:
                await ws.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.here -= 1

    def run(self):
        async def main():
            self.stopping = asyncio.Event()
            async with websockets.serve(self.serve, "127.0.0.1", self.port, max_size=None,
                                        ping_interval=None, compression=None):
                self.started.set()
                await self.stopping.wait()
        self.loop.run_until_complete(main())

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.stop()


def configured(peer, more=""):
    return f"""
origin app {{ server http://127.0.0.1:{peer.port}; }}
site * {{ origin app; path /ws* {{ websocket on; {more} }} }}
stop-grace 2s;
"""


def talk(edge, program, path="/ws", **options):
    """Runs `program(ws)` as a client."""
    async def main():
        uri = f"ws://127.0.0.1:{edge.port}{path}"
        async with websockets.connect(uri, max_size=None, ping_interval=None, **options) as ws:
            return await program(ws)
    return asyncio.run(asyncio.wait_for(main(), 30))


def test_messages_of_all_sizes_come_back(selvaged, peer):
    edge = selvaged(configured(peer))

    async def program(ws):
        for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
            await ws.send(b"x" * size)
            assert await ws.recv() == b"x" * size
        await ws.send("words")
        assert await ws.recv() == "words"
    talk(edge, program, "/ws/a?b=c")
    assert peer.paths == ["/ws/a?b=c"]
    assert peer.fields[0]["X-Forwarded-For"] == "127.0.0.1"
    wait_for(lambda: peer.here == 0, "the origin's end of the tunnel")
    assert edge.metric("selvage_tunnels_total") == 1
    wait_for(lambda: edge.metric("selvage_tunnels_closed_total") == 1, "the tunnel to be counted")


def test_both_directions_at_once(selvaged, peer):
    """Much is under way in both directions, more than any buffer holds."""
    edge = selvaged(configured(peer))

    async def program(ws):
        async def send():
            for i in range(200):
                await ws.send(bytes([i]) * 100_000)

        async def receive():
            for i in range(200):
                assert await ws.recv() == bytes([i]) * 100_000
        await asyncio.gather(send(), receive())
    talk(edge, program)


def test_many_tunnels_and_others(selvaged, peer):
    edge = selvaged(configured(peer))

    async def one(n):
        uri = f"ws://127.0.0.1:{edge.port}/ws"
        async with websockets.connect(uri, ping_interval=None) as ws:
            for i in range(20):
                await ws.send(f"{n} {i}")
                assert await ws.recv() == f"{n} {i}"

    async def main():
        await asyncio.gather(*(one(n) for n in range(50)))
    asyncio.run(asyncio.wait_for(main(), 30))
    wait_for(lambda: edge.metric("selvage_tunnels_closed_total") == 50, "all tunnels to end")


def test_only_where_a_rule_allows_it(selvaged, peer):
    edge = selvaged(configured(peer))
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        talk(edge, None, "/elsewhere")
    assert refused.value.status_code == 426  # from the origin: Upgrade did not reach it
    assert peer.here == 0 and edge.metric("selvage_tunnels_total") == 0


@pytest.fixture
def allowed(selvaged, origin):
    return selvaged(f"""
origin app {{ server http://127.0.0.1:{origin.port}; }}
site * {{ origin app; websocket on; websocket-idle 300ms; }}
""")


def test_no_switch_is_a_response(allowed, origin):
    origin.page("/ws", b"no", {"Cache-Control": "max-age=60"})
    with allowed.connect() as c:
        r = c.get("/ws", fields=SWITCH)
        assert (r.status, r.body) == (200, b"no")
        assert "fwd=bypass" in r["Cache-Status"]
        assert "Upgrade" not in r
        assert c.get("/ws").body == b"no"
    seen = origin.requests()[0]
    assert seen["Upgrade"] == "websocket" and seen["Connection"].lower() == "upgrade"
    assert "Upgrade" not in origin.requests()[1]


@pytest.mark.parametrize("fields", [
    {**SWITCH, "Connection": "keep-alive"},
    {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"},
    {"Connection": "Upgrade", "Upgrade": "TLS/1.0"},
])
def test_other_upgrades_are_ignored(allowed, origin, fields):
    origin.page("/a", b"plain")
    with allowed.connect() as c:
        assert c.get("/a", fields=fields).body == b"plain"
    assert "Upgrade" not in origin.requests()[0]


def test_a_switch_that_nobody_asked_for(allowed, origin):
    @origin.at("/a")
    def program(x):
        x.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nevil")
    with allowed.connect() as c:
        assert c.get("/a").status == 502


def test_bytes_of_the_switch_are_not_lost(allowed, origin):
    """What the origin sends with its 101, and the client with its request, arrives."""
    got = []

    @origin.at("/ws")
    def program(x):
        x.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        got.append(x.stream.sock.recv(5))
        x.close()
    with allowed.connect() as c:
        head = b"GET /ws HTTP/1.1\r\nHost: a.test\r\n" + b"".join(
            f"{n}: {v}\r\n".encode() for n, v in SWITCH.items()) + b"\r\n"
        c.send(head + b"early")
        r = c.read_head()
        assert r.status == 101 and r["Upgrade"] == "websocket"
        assert c.until_close() == b"hello"
    assert got == [b"early"]


def test_an_idle_tunnel_is_closed(selvaged, peer):
    edge = selvaged(configured(peer, "websocket-idle 300ms;"))

    async def program(ws):
        for _ in range(5):
            await asyncio.sleep(0.1)
            await ws.send("x")
            assert await ws.recv() == "x"
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
    talk(edge, program)
    wait_for(lambda: peer.here == 0, "the origin's end of the tunnel")


def test_a_tunnel_has_a_life(selvaged, peer):
    edge = selvaged(configured(peer, "websocket-life 500ms;"))

    async def program(ws):
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await ws.send("x")
                await ws.recv()
    talk(edge, program)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_drained_within_the_grace(selvaged, peer, number):
    edge = selvaged(configured(peer))

    async def program(ws):
        edge.signal(number)
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(3):  # it goes on meanwhile
                await ws.send("x")
                assert await ws.recv() == "x"
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
    talk(edge, program)
    edge.wait_end()


def test_a_client_that_vanishes(selvaged, peer):
    edge = selvaged(configured(peer))
    with edge.connect() as c:
        c.request("/ws", fields=SWITCH)
        assert c.read_head().status == 101
        wait_for(lambda: peer.here == 1, "the tunnel")
        c.reset()
    wait_for(lambda: peer.here == 0, "the origin to be told")


def test_half_closed(allowed, origin):
    """The client has said all, and the origin answers then."""
    @origin.at("/ws")
    def program(x):
        x.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        said = b""
        while piece := x.stream.sock.recv(100):
            said += piece
        x.send(said[::-1])
        x.close()
    with allowed.connect() as c:
        c.request("/ws", fields=SWITCH)
        assert c.read_head().status == 101
        c.send(b"abc")
        c.sock.shutdown(socket.SHUT_WR)
        assert c.until_close() == b"cba"
