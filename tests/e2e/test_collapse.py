"""Many requests for one missing thing are one request to the origin, unless the answer proves to
be for one client only; then nobody waits for anybody."""
import threading

import pytest

KEEP = {"Cache-Control": "max-age=60"}
CROWD = 100

pytestmark = pytest.mark.threaded


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def crowd(edge):
    """Connections that have all been accepted, so that requests on them leave close together."""
    clients = [edge.connect() for _ in range(CROWD)]
    yield clients
    for c in clients:
        c.close()


def test_a_crowd_is_one_request(edge, origin, crowd, gate):
    @origin.at("/a")
    def slow(x):
        x.wait(gate)
        x.reply(200, b"hello" * 1000, KEEP)

    for c in crowd:
        c.request("/a")
    origin.wait_count(1, "/a")
    gate.set()
    for c in crowd:
        r = c.response()
        assert (r.status, r.body) == (200, b"hello" * 1000)
    assert origin.count("/a") == 1


def test_a_crowd_arriving_during_the_body_is_one_request(edge, origin, crowd, gate):
    @origin.at("/a")
    def slow(x):
        x.head(200, {**KEEP, "Content-Length": "10"})
        x.send(b"01234")
        x.wait(gate)
        x.send(b"56789")

    crowd[0].request("/a")
    head = crowd[0].read_head()
    assert crowd[0].exactly(5) == b"01234"
    heads = []
    for c in crowd[1:]:
        c.request("/a")
    for c in crowd[1:]:
        heads.append(c.read_head())
        assert c.exactly(5) == b"01234"  # before the fill is complete
    gate.set()
    for c in crowd:
        assert c.exactly(5) == b"56789"
    assert head.status == 200 and all(h.status == 200 for h in heads)
    assert origin.count("/a") == 1


@pytest.mark.parametrize("fields", [
    {"Cache-Control": "no-store"}, {"Cache-Control": "private"},
    {"Cache-Control": "max-age=60", "Vary": "*"},
])
def test_uncacheable_answers_do_not_queue(edge, origin, crowd, gate, fields):
    """The origin answers nobody's body until all have asked: if one waited for another, never."""
    @origin.at("/a")
    def own(x):
        x.head(200, [*fields.items(), ("Content-Length", "2")])
        x.wait(gate)
        x.send(b"ok")

    for c in crowd:
        c.request("/a")
    origin.wait_count(CROWD, "/a")
    assert origin.active == CROWD
    gate.set()
    for c in crowd:
        assert c.response().body == b"ok"
    assert origin.count("/a") == CROWD


def test_private_answers_are_never_mixed_up(edge, origin, crowd):
    @origin.at("/me")
    def own(x):
        x.reply(200, x.request["cookie"].encode(), {"Cache-Control": "private"})

    for round_ in range(3):
        for n, c in enumerate(crowd):
            c.request("/me", fields={"Cookie": f"user={round_}-{n}"})
        for n, c in enumerate(crowd):
            assert c.response().body == f"user={round_}-{n}".encode()


def test_different_keys_do_not_wait_for_each_other(edge, origin, gate):
    @origin.at("/held")
    def held(x):
        x.wait(gate)
        x.reply(200, b"late", KEEP)

    origin.page("/quick", b"now", KEEP)
    with edge.connect() as c:
        c.request("/held")
        origin.wait_count(1, "/held")
        assert [edge.get("/quick").body for _ in range(8)] == [b"now"] * 8
        gate.set()
        assert c.response().body == b"late"


def test_a_failed_fill_fails_its_followers_once(edge, origin, crowd, gate):
    """All followers of a fill that gets no head are answered; they do not try one by one."""
    @origin.at("/a")
    def fail(x):
        x.wait(gate)
        x.reset()

    for c in crowd:
        c.request("/a")
    origin.wait_count(1, "/a")
    gate.set()
    assert {c.response().status for c in crowd} == {502}
    # One fill, and what its safe retry or a second fill of late-comers may add.
    assert origin.count("/a") <= 6
