"""TERM and INT stop, QUIT drains, USR1 reopens logs."""
import signal
import threading

import pytest

from waiting import wait_for

NO = {"Cache-Control": "no-store"}
KEEP = {"Cache-Control": "max-age=60"}


@pytest.fixture
def slow(origin):
    """A page that comes in two halves, the second when the event is set."""
    gate = threading.Event()

    @origin.at("/slow")
    def program(x):
        x.head(200, {**NO, "Content-Length": "10"})
        x.send(b"01234")
        x.wait(gate)
        x.send(b"56789")
    yield gate
    gate.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_idle_daemon_stops(edge, origin, number):
    origin.page("/a", b"x", KEEP)
    with edge.connect() as idle:
        idle.get("/a")
        edge.signal(number)
        edge.wait_end()
        idle.expect_close()


@pytest.mark.threaded
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_what_is_in_flight_is_finished(edge, origin, slow, number):
    clients = [edge.connect() for _ in range(6)]
    heads = []
    for c in clients:
        c.request("/slow")
        heads.append(c.read_head())
        assert c.exactly(5) == b"01234"
    edge.signal(number)

    def refused():
        try:
            edge.connect().close()
            return False
        except OSError:
            return True
    wait_for(refused, "the edge to take no new connections")
    slow.set()
    for c in clients:
        assert c.exactly(5) == b"56789"
        c.expect_close()
    edge.wait_end()


def test_second_term_does_not_wait(edge, origin, slow):
    """In a hurry: status 2 says that something was cut."""
    with edge.connect() as c:
        c.request("/slow")
        c.read_head()
        edge.signal(signal.SIGTERM)
        wait_for(lambda: edge.process.poll() is not None or "stop" in edge.stderr().lower(),
                 "the edge to hear the first signal")
        edge.signal(signal.SIGTERM)
        edge.expected_status = 2
        edge.wait_end()


def test_client_reset_is_no_signal(edge, origin):
    """SIGPIPE is not what ends a server."""
    origin.page("/a", b"x" * 1000000, KEEP)
    for _ in range(10):
        c = edge.connect(receive_bytes=4096)
        c.request("/a")
        c.reset()
    assert len(edge.get("/a").body) == 1000000
