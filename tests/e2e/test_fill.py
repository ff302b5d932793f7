"""A fill is read as it arrives, by each at their own pace, and stored only when it is whole."""
import os
import threading

import pytest

from waiting import wait_for
from wire import Cut

KEEP = {"Cache-Control": "max-age=60"}
PIECE = 64 << 10


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


class Drip:
    """A page whose body leaves the origin piece by piece, as the test says."""

    def __init__(self, origin, path, body, fields, announce=True):
        self.body, self.fields, self.announce = body, fields, announce
        self.allowed, self.sent = 0, 0
        self.changed = threading.Condition()
        self.left = threading.Event()
        origin.at(path, self)

    def __call__(self, x):
        framing = {"Content-Length": str(len(self.body))} if self.announce else {
            "Transfer-Encoding": "chunked"}
        x.head(200, {**self.fields, **framing})
        sent = 0
        try:
            while sent < len(self.body):
                with self.changed:
                    if not self.changed.wait_for(lambda: self.allowed > sent, 60):
                        return
                    piece = self.body[sent:self.allowed]
                if self.announce:
                    x.send(piece)
                else:
                    x.chunk(piece)
                sent += len(piece)
                self.sent = max(self.sent, sent)
            if not self.announce:
                x.last_chunk()
        except Exception:
            self.left.set()
            raise

    def allow(self, n=None):
        with self.changed:
            self.allowed = len(self.body) if n is None else self.allowed + n
            self.changed.notify_all()


@pytest.mark.threaded
@pytest.mark.parametrize("announce", [True, False])
def test_followers_on_all_workers_read_from_the_start(selvaged, origin, announce):
    edge = selvaged(origin=origin, workers=3)
    drip = Drip(origin, "/a", os.urandom(20 * PIECE), KEEP, announce)
    drip.allow(PIECE)
    clients = []
    for n in range(12):
        c = edge.connect()
        c.request("/a")
        head = c.read_head()
        clients.append((c, head))
        if announce:
            assert c.exactly(PIECE) == drip.body[:PIECE]
        drip.allow(PIECE)
    drip.allow()
    for c, head in clients:
        if announce:
            assert c.exactly(19 * PIECE) == drip.body[PIECE:]
        else:
            assert c.read_body(head).body == drip.body
        c.close()
    assert origin.count("/a") == 1
    wait_for(lambda: edge.get("/a").cache == "hit", "the fill became an object")
    assert edge.get("/a").body == drip.body


@pytest.mark.threaded
@pytest.mark.parametrize("fields", [KEEP, {"Cache-Control": "no-store"}])
def test_a_slow_reader_does_not_stall_the_others(selvaged, origin, fields):
    """The first client stops reading; whoever comes after it gets everything, soon."""
    edge = selvaged(origin=origin, memory="256MiB")  # so that what may be kept is kept
    body = os.urandom(8 << 20)
    origin.page("/a", body, fields)
    with edge.connect(receive_bytes=4096) as slow:
        slow.request("/a")
        head = slow.read_head()
        for _ in range(4):
            assert edge.get("/a").body == body
        if fields is KEEP:
            assert slow.read_body(head).body == body  # and the slow one loses nothing


@pytest.mark.threaded
def test_the_leader_leaves_and_the_followers_go_on(edge, origin):
    drip = Drip(origin, "/a", os.urandom(4 * PIECE), KEEP)
    drip.allow(PIECE)
    leader = edge.connect()
    leader.request("/a")
    leader.read_head()
    leader.exactly(PIECE)
    followers = [edge.connect() for _ in range(5)]
    for f in followers:
        f.request("/a")
    heads = [f.read_head() for f in followers]
    leader.reset()
    drip.allow()
    for f, head in zip(followers, heads):
        assert f.read_body(head).body == drip.body
        f.close()
    assert origin.count("/a") == 1


@pytest.mark.threaded
def test_followers_leave_and_the_leader_goes_on(edge, origin):
    drip = Drip(origin, "/a", os.urandom(4 * PIECE), KEEP)
    drip.allow(PIECE)
    with edge.connect() as leader:
        leader.request("/a")
        head = leader.read_head()
        for _ in range(5):
            f = edge.connect()
            f.request("/a")
            f.read_head()
            f.reset()
        drip.allow()
        assert leader.read_body(head).body == drip.body
    assert origin.count("/a") == 1


@pytest.mark.threaded
def test_all_leave_before_the_head(edge, origin, gate):
    """Nobody is left to read; the next one is served all the same, by whatever became of it."""
    @origin.at("/a")
    def slow(x):
        x.wait(gate)
        x.reply(200, b"hello", KEEP)

    for _ in range(3):
        c = edge.connect()
        c.request("/a")
        origin.wait_count(1, "/a")
        c.reset()
    gate.set()
    assert edge.get("/a").body == b"hello"


@pytest.mark.threaded
def test_all_leave_an_endless_answer(edge, origin):
    """An answer that is not to be stored and has no reader left is not read to its end."""
    left = threading.Event()

    @origin.at("/endless")
    def endless(x):
        x.head(200, {"Cache-Control": "no-store", "Transfer-Encoding": "chunked"})
        try:
            while True:
                x.chunk(b"x" * PIECE)
        finally:
            left.set()

    c = edge.connect()
    c.request("/endless")
    c.read_head()
    c.reset()
    wait_for(left.is_set, "the edge stopped reading from the origin")


@pytest.mark.parametrize("how", ["length", "chunked", "reset"])
def test_a_cut_fill_is_told_and_not_stored(edge, origin, how):
    whole = b"0123456789" * 1000
    cut = {"now": True}

    @origin.at("/a")
    def short(x):
        framing = {"Transfer-Encoding": "chunked"} if how == "chunked" else {
            "Content-Length": str(len(whole))}
        if not cut["now"]:
            return x.reply(200, whole, KEEP)
        x.head(200, {**KEEP, **framing})
        if how == "chunked":
            x.chunk(whole[:5000])
        else:
            x.send(whole[:5000])
        if how == "reset":
            x.reset()
        x.close()

    for n in (1, 2):
        with edge.connect() as c:
            c.request("/a")
            with pytest.raises(Cut) as told:
                c.response()
        assert whole.startswith(told.value.body)
        assert origin.count("/a") == n
    cut["now"] = False
    assert edge.get("/a").body == whole
    assert edge.get("/a").cache == "hit"


@pytest.mark.threaded
def test_followers_of_a_cut_fill_are_told_too(edge, origin, gate):
    @origin.at("/a")
    def short(x):
        x.head(200, {**KEEP, "Content-Length": "100"})
        x.send(b"x" * 50)
        x.wait(gate)
        x.close()

    clients = [edge.connect() for _ in range(10)]
    for c in clients:
        c.request("/a")
    heads = [c.read_head() for c in clients]
    assert origin.count("/a") == 1
    gate.set()
    for c, head in zip(clients, heads):
        with pytest.raises(Cut) as told:
            c.read_body(head)
        assert told.value.body == b"x" * 50
        c.close()


def test_bytes_beyond_the_length_are_nobodys(edge, origin):
    """Octets after the announced body never become the next response (hardening: splitting)."""
    @origin.at("/a")
    def more(x):
        x.head(200, {**KEEP, "Content-Length": "5"})
        x.send(b"helloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")
        x.edge_left()
        x.close()

    origin.page("/b", b"good", KEEP)
    assert edge.get("/a").body == b"hello"
    assert [edge.get(f"/b?{n}").body for n in range(8)] == [b"good"] * 8


def test_object_too_large_is_passed_whole(selvaged, origin):
    edge = selvaged(origin=origin, memory="16MiB")
    body = os.urandom(1 << 20) * 40
    origin.page("/large", body, KEEP)
    for n in (1, 2):
        assert edge.get("/large").body == body
        assert origin.count("/large") == n
