"""An origin that fails: the client hears it, in time and with a reason, and nothing is asked twice
that must not be."""
import socket
import threading

import pytest

from edge import free_port
from waiting import wait_for

NO = {"Cache-Control": "no-store"}
KEEP = {"Cache-Control": "max-age=60"}


def short(value):
    """A name for a test out of the bytes that the origin sends."""
    return repr(value)[2:60] if isinstance(value, bytes) else None


def close_the_kept_connection(origin):
    """The next request on a connection that has served one already finds it closing, as it does
    when an origin's idle timer fires just then. -> the list of what was asked on such ones."""
    dropped = []

    @origin.at("/a")
    def page(x):
        if any(r.connection == x.request.connection for r in origin.requests("/first")) \
                and not dropped:
            dropped.append(x.request.method)
            x.close()
            x.reset()
        else:
            x.reply(200, b"hello", NO)

    origin.page("/first", b"first", NO)
    return dropped


def test_one_retry_for_a_get(selvaged, origin):
    edge = selvaged(origin=origin, workers=1)
    dropped = close_the_kept_connection(origin)
    assert edge.get("/first").body == b"first"
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"hello")
    assert dropped == ["GET"]
    assert origin.count("/a") == 2
    assert edge.metric("selvage_origin_retries_total") == 1


def test_no_retry_for_a_post(selvaged, origin):
    """9110 9.2.2: what is not idempotent may have taken effect."""
    edge = selvaged(origin=origin, workers=1)
    dropped = close_the_kept_connection(origin)
    assert edge.get("/first").body == b"first"
    assert edge.get("/a", method="POST", body=b"x").status == 502
    assert dropped == ["POST"]
    assert origin.count("/a") == 1


def test_no_retry_on_a_new_connection(selvaged, origin):
    """A GET that a fresh connection reset was perhaps refused for a reason."""
    edge = selvaged(origin=origin, workers=1)
    origin.at("/a", lambda x: x.reset())
    r = edge.get("/a")
    assert r.status == 502
    assert origin.count("/a") == 1


def test_connections_to_the_origin_are_kept(selvaged, origin):
    edge = selvaged(origin=origin, workers=1)
    origin.page("/a", b"x", NO)
    with edge.connect() as c:
        for _ in range(30):
            assert c.get("/a").body == b"x"
    assert origin.connections == 1


def test_origin_that_closes_is_not_asked_on_that_connection(selvaged, origin):
    edge = selvaged(origin=origin, workers=1)

    @origin.at("/a")
    def page(x):
        x.reply(200, b"x", {**NO, "Connection": "close"})
        x.close()

    for _ in range(5):
        assert edge.get("/a").body == b"x"
    assert origin.connections == 5


def test_nobody_listens(selvaged):
    edge = selvaged(origin=f"http://127.0.0.1:{free_port()}")
    r = edge.get("/a")
    assert r.status == 502
    assert r.detail
    assert b"Traceback" not in r.body and len(r.body) > 0


def test_origin_comes_back(selvaged, new_origin):
    port = free_port()
    edge = selvaged(origin=f"http://127.0.0.1:{port}")
    assert edge.get("/a").status == 502
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(5)

        def serve():
            c, _ = s.accept()
            c.recv(65536)
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nup")
            c.close()
        t = threading.Thread(target=serve, daemon=True)
        t.start()
        wait_for(lambda: edge.get("/a").body == b"up", "the edge to reach the origin again")
        t.join(5)


@pytest.mark.parametrize("said", [
    b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Le",
    b"",
], ids=short)
def test_what_is_not_http_is_a_502(edge, origin, said):
    @origin.at("/bad")
    def bad(x):
        x.send(said)
        x.close()

    origin.page("/good", b"good", NO)
    r = edge.get("/bad")
    assert r.status == 502
    assert r.detail
    assert edge.get("/good").body == b"good"


def test_foreign_coding_is_not_taken_for_chunked(edge, origin):
    """9112 6.3: without chunked at its end the body ends with the connection, and is no chunks."""
    raw = b"5\r\nhello\r\n0\r\n\r\n"

    @origin.at("/a")
    def foreign(x):
        x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n" + raw)
        x.close()

    r = edge.get("/a")
    assert r.status == 502 or (
        r.body == raw and r.fields.get("transfer-encoding") in (None, "chunked"))


@pytest.mark.parametrize("said", [
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhelloXX0\r\n\r\n",
], ids=short)
def test_bad_chunks_cut_the_answer(edge, origin, said):
    @origin.at("/bad")
    def bad(x):
        x.send(said)
        x.close()

    for n in (1, 2):
        with edge.connect() as c:
            c.request("/bad")
            try:
                r = c.response()
                assert r.status == 502
            except AssertionError as cut:
                assert "closed" in str(cut), cut
        assert origin.count("/bad") == n


def test_response_to_head_with_a_body_poisons_nothing(selvaged, origin):
    """Bytes that come unasked on a kept connection never answer the next request."""
    edge = selvaged(origin=origin, workers=1)

    @origin.at("/a")
    def page(x):
        x.head(200, {**NO, "Content-Length": "4"})
        x.send(b"EVIL")

    origin.page("/b", b"good", NO)
    assert edge.get("/a", method="HEAD").status == 200
    for _ in range(3):
        assert edge.get("/b").body == b"good"


def test_status_without_body_that_has_one(selvaged, origin):
    edge = selvaged(origin=origin, workers=1)

    @origin.at("/a")
    def page(x):
        x.send(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")

    origin.page("/b", b"good", NO)
    edge.get("/a")
    for _ in range(3):
        assert edge.get("/b").body == b"good"


TIMEOUTS = """
origin slow {{
    server {url};
    connect-timeout 1s; first-byte-timeout 300ms; between-bytes-timeout 300ms;
}}
site * {{ origin slow; }}
"""


def test_no_first_byte(selvaged, origin):
    edge = selvaged(config=TIMEOUTS.format(url=origin.url))
    release = threading.Event()
    origin.at("/a", lambda x: x.wait(release))
    r = edge.get("/a")
    release.set()
    assert r.status == 504
    assert "timeout" in r.detail


def test_a_body_that_stops(selvaged, origin):
    edge = selvaged(config=TIMEOUTS.format(url=origin.url))
    release = threading.Event()

    @origin.at("/a")
    def stops(x):
        x.head(200, {**KEEP, "Content-Length": "10"})
        x.send(b"hello")
        x.wait(release)

    with edge.connect() as c:
        c.request("/a")
        c.read_head()
        assert c.exactly(5) == b"hello"
        c.expect_close()
    release.set()


def test_second_server_is_tried(selvaged, origin):
    """A connection that cannot be made is no request made: the next server gets it."""
    edge = selvaged(config=f"""
        origin two {{ server http://127.0.0.1:{free_port()}; server {origin.url}; }}
        site * {{ origin two; }}""")
    origin.page("/a", b"hello", NO)
    assert [edge.get("/a").status for _ in range(6)] == [200] * 6


def test_ipv6_origin(selvaged, new_origin):
    origin = new_origin(host="::1")
    origin.page("/a", b"six", KEEP)
    assert selvaged(origin=origin).get("/a").body == b"six"


def test_name_with_both_families(selvaged, origin):
    """localhost is ::1 and 127.0.0.1; the origin listens on one of them only (RFC 8305)."""
    origin.page("/a", b"four", KEEP)
    assert selvaged(origin=f"http://localhost:{origin.port}").get("/a").body == b"four"
