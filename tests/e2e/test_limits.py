"""Limits and timeouts, each with its status, as configured."""
import threading
import time

import pytest

from waiting import wait_for

KEEP = {"Cache-Control": "max-age=60"}


@pytest.fixture
def limited(selvaged, origin):
    """selvage.conf with one more directive."""
    origin.page("/a", b"hello", KEEP)
    origin.page("/up", b"got it", {"Cache-Control": "no-store"})
    return lambda text: selvaged(config=f"{text}\nsite * {{ origin {origin.url}; }}")


def test_request_line(limited):
    edge = limited("request-line 1KiB;")
    assert edge.get("/" + "a" * 900).status == 404
    assert edge.get("/" + "a" * 1100).status == 414


def test_request_head(limited):
    edge = limited("request-head 2KiB;")
    assert edge.get("/a", fields={"X": "v" * 1500}).status == 200
    assert edge.get("/a", fields={"X": "v" * 2500}).status == 431


def test_request_fields(limited):
    edge = limited("request-fields 20;")
    assert edge.get("/a", fields={f"X{n}": "v" for n in range(15)}).status == 200
    assert edge.get("/a", fields={f"X{n}": "v" for n in range(30)}).status == 431


def test_request_body(limited, origin):
    edge = limited("request-body 1KiB;")
    assert edge.get("/up", method="POST", body=b"x" * 1024).status == 200
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": "1025"})
        assert c.response().status == 413
        c.expect_close()
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Transfer-Encoding": "chunked"})
        c.send(b"400\r\n" + b"x" * 1024 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        assert c.response().status == 413
    assert all(len(r.body) <= 1024 for r in origin.requests("/up"))


def test_body_too_large_is_told_before_it_is_sent(limited):
    """With Expect: 100-continue the answer is 413 instead of the 100."""
    edge = limited("request-body 1KiB;")
    with edge.connect() as c:
        c.request("/up", method="POST",
                  fields={"Content-Length": "5000", "Expect": "100-continue"})
        r = c.response()
        assert r.status == 413 and r.interim == []


def test_head_that_never_ends(limited):
    edge = limited("head-timeout 300ms;")
    with edge.connect() as c:
        c.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nX: ")
        assert c.response().status == 408
        c.expect_close()


def test_head_that_drips(limited):
    """The time is for the whole head: a byte now and then does not buy more of it."""
    edge = limited("head-timeout 500ms;")
    with edge.connect() as c:
        began = time.monotonic()
        c.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nX: ")
        try:
            while time.monotonic() - began < 15:
                c.send(b"v")
                if not c.quiet(0.1):
                    break
            assert c.response().status == 408
        except OSError:
            pass  # closed between two bytes
        assert time.monotonic() - began < 10


def test_connection_that_says_nothing(limited):
    edge = limited("head-timeout 300ms;")
    with edge.connect() as c:
        rest = c.until_close()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


def test_body_that_never_ends(limited):
    edge = limited("body-timeout 300ms;")
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": "10"})
        c.send(b"hello")
        assert c.response().status == 408
        c.expect_close()


def test_body_that_drips(limited, origin):
    """Each byte comes in time, but all together too slowly: an origin is not held for it."""
    edge = limited("body-timeout 500ms; body-rate 1KiB;")
    ended = threading.Event()

    def reads(x):
        try:
            x.stream.exactly(100000)
        finally:
            ended.set()
    reads.reads_body_itself = True
    origin.at("/up", reads)
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": "100000"})
        try:
            for _ in range(400):
                if not c.quiet(0.05):
                    break
                c.send(b"x")
            assert c.response().status == 408
        except OSError:
            pass  # closed between two bytes
    assert ended.wait(20)


def test_body_that_is_slow_but_steady(limited, origin):
    """Longer than body-timeout in all, at more than body-rate."""
    edge = limited("body-timeout 1s; body-rate 100B;")
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": "30000"})
        for _ in range(29):
            c.send(b"x" * 1000)
            assert c.quiet(0.05)
        c.send(b"x" * 1000)
        assert c.response().status == 200
    assert len(origin.last("/up").body) == 30000


def test_idle_connection(limited):
    edge = limited("idle-timeout 300ms;")
    with edge.connect() as c:
        assert c.get("/a").status == 200
        c.expect_close()


def test_client_that_takes_nothing(limited, origin):
    edge = limited("send-timeout 500ms;")
    origin.page("/large", b"x" * (16 << 20), KEEP)
    with edge.connect(receive_bytes=4096) as c:
        c.request("/large")
        wait_for(lambda: edge.metric("selvage_client_timeouts_total") == 1,
                 "the edge to give up on the client")
        with pytest.raises(AssertionError, match="closed"):
            c.response()
    assert edge.get("/a").status == 200


def test_connections(selvaged, origin):
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config=f"max-connections 10;\nsite * {{ origin {origin.url}; }}", workers=1)
    held = []

    def ten_held():
        """The connection that asked whether the edge is ready may still be counted."""
        c = edge.connect()
        try:
            assert c.get("/a").status == 200
        except (AssertionError, OSError):
            c.close()
            return False
        held.append(c)
        return len(held) == 10
    wait_for(ten_held, "ten connections")
    with edge.connect() as c:
        try:
            c.request("/a")
            rest = c.until_close()
        except OSError:
            rest = b""
        assert rest == b"" or b" 503 " in rest
    for c in held:
        assert c.get("/a").status == 200
        c.close()

    def served():
        try:
            return edge.get("/a").status == 200
        except (AssertionError, OSError):
            return False
    wait_for(served, "room for a new connection")


def drip(client, size, pause_s, seconds):
    """Takes `size` bytes every `pause_s`; False when the edge cut it off before `seconds` were over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if not client.sock.recv(size):
                return False
        except OSError:
            return False
        time.sleep(pause_s)
    return True


def test_client_that_takes_little_by_little(limited, origin):
    """It takes bytes all the time, yet would hold its connection for hours."""
    edge = limited("send-timeout 500ms; send-rate 1MiB;")
    origin.page("/large", b"x" * (16 << 20), KEEP)
    with edge.connect(receive_bytes=4096) as c:
        c.request("/large")
        assert not drip(c, 2000, 0.02, 20)
    assert edge.metric("selvage_client_timeouts_total") == 1


def test_slow_client_at_its_rate(limited, origin):
    """Slower than its socket's buffer becomes free again, which is no reason to cut it off."""
    edge = limited("send-timeout 500ms; send-rate 10KiB;")
    origin.page("/large", b"x" * (16 << 20), KEEP)
    with edge.connect(receive_bytes=4096) as c:
        c.request("/large")
        assert drip(c, 4000, 0.02, 4)
    assert edge.metric("selvage_client_timeouts_total") == 0


def test_connections_of_all_workers(selvaged, origin):
    """The limit is one for all workers, whoever of them got the connections."""
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config=f"max-connections 20;\nsite * {{ origin {origin.url}; }}", workers=4)
    held, refused = [], 0
    for _ in range(60):
        c = edge.connect()
        try:
            assert c.get("/a").status == 200
            held.append(c)
        except (AssertionError, OSError):
            refused += 1
            c.close()
    # One that asked whether the edge is ready may have been counted still.
    assert len(held) in (19, 20) and refused == 60 - len(held)
    for c in held:
        c.close()
