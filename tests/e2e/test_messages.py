"""HTTP/1 with a client: connections that persist, bodies both ways, and what is refused."""
import os
import threading

import pytest

from waiting import wait_for

KEEP = {"Cache-Control": "max-age=60"}


@pytest.fixture
def page(origin):
    origin.page("/a", b"hello", KEEP)
    return origin


# --- connections

def test_connection_persists(edge, page):
    with edge.connect() as c:
        for _ in range(50):
            r = c.get("/a")
            assert r.body == b"hello" and r.keeps_alive
    assert edge.metric("selvage_connections_total") <= 5


def test_client_asks_to_close(edge, page):
    with edge.connect() as c:
        r = c.get("/a", fields={"Connection": "close"})
        assert not r.keeps_alive
        c.expect_close()


def test_http_1_0_closes_unless_asked(edge, page):
    with edge.connect() as c:
        assert c.get("/a", version="1.0").body == b"hello"
        c.expect_close()
    with edge.connect() as c:
        assert c.get("/a", version="1.0", fields={"Connection": "keep-alive"}).keeps_alive
        assert c.get("/a").cache == "hit"


def test_http_1_0_gets_no_chunks(edge, origin):
    """9112 6.1: no Transfer-Encoding to whoever speaks 1.0; the close ends the body."""
    @origin.at("/chunks")
    def chunks(x):
        x.head(200, {"Transfer-Encoding": "chunked", "Cache-Control": "no-store"})
        x.chunk(b"hello")
        x.last_chunk()

    with edge.connect() as c:
        r = c.get("/chunks", version="1.0")
        assert r.body == b"hello" and "transfer-encoding" not in r


def test_pipelined_requests_are_answered_in_order(edge, origin):
    gate = threading.Event()

    @origin.at("/slow")
    def slow(x):
        x.wait(gate)
        x.reply(200, b"slow", {"Cache-Control": "no-store"})

    origin.page("/quick", b"quick", {"Cache-Control": "no-store"})
    with edge.connect() as c:
        c.request("/slow")
        c.request("/quick")
        c.request("/slow", method="HEAD")
        c.request("/quick", method="POST", body=b"12345")
        c.request("/quick")
        origin.wait_count(1, "/slow")
        gate.set()
        assert c.response().body == b"slow"
        assert c.response().body == b"quick"
        assert c.response("HEAD").status == 200
        assert [c.response().body for _ in range(2)] == [b"quick", b"quick"]
    assert origin.requests("/quick")[1].body == b"12345"


def test_request_may_come_byte_by_byte(edge, page):
    with edge.connect() as c:
        for b in b"GET /a HTTP/1.1\r\nHost: a.test\r\nX-Long: " + b"v" * 200 + b"\r\n\r\n":
            c.send(bytes([b]))
        assert c.response().body == b"hello"


def test_empty_lines_before_a_request_are_forgiven(edge, page):
    """9112 2.2"""
    with edge.connect() as c:
        c.send(b"\r\nGET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert c.response().body == b"hello"


def test_half_closed_client_gets_its_answer(edge, page):
    with edge.connect() as c:
        c.request("/a")
        c.sock.shutdown(1)
        assert c.response().body == b"hello"
        c.expect_close()


# --- bodies

@pytest.mark.parametrize("size", [0, 1, 65536, 3 << 20])
def test_upload_with_a_length(edge, origin, size):
    origin.page("/up", b"got it", {"Cache-Control": "no-store"})
    body = os.urandom(size)
    r = edge.get("/up", method="POST", body=body)
    assert (r.status, r.body) == (200, b"got it")
    assert origin.last("/up").body == body


def test_upload_in_chunks(edge, origin):
    origin.page("/up", b"got it", {"Cache-Control": "no-store"})
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Transfer-Encoding": "chunked"})
        c.send(b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert c.response().status == 200
        assert c.get("/up").status == 200
    assert origin.requests("/up")[0].body == b"hello world"


def test_expect_continue(edge, origin):
    origin.page("/up", b"got it", {"Cache-Control": "no-store"})
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Expect": "100-continue", "Content-Length": "5"})
        # The interim comes before a byte of the body has been sent.
        assert c.line() == b"HTTP/1.1 100 Continue"
        while c.line():
            pass
        c.send(b"hello")
        assert c.response().body == b"got it"
    assert origin.last("/up").body == b"hello"


def test_answer_before_the_upload_ends(edge, origin):
    """The origin answers without reading the body: the client sees that answer."""
    def refuse(x):
        x.head(503, {"Content-Length": "4", "Cache-Control": "no-store", "Connection": "close"})
        x.send(b"busy")
        x.close()
    refuse.reads_body_itself = True
    origin.at("/up", refuse)
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": str(1 << 20)})
        c.send(b"x" * 1000)
        r = c.response()
        assert r.status in (503, 502)


def test_client_leaves_during_its_upload(edge, origin):
    """A cut upload is never made whole for the origin."""
    seen = []

    def reads(x):
        try:
            seen.append(x.stream.exactly(1000))
        except AssertionError as cut:
            seen.append(cut)
            raise
    reads.reads_body_itself = True
    origin.at("/up", reads)
    c = edge.connect()
    c.request("/up", method="POST", fields={"Content-Length": "1000"})
    c.send(b"x" * 500)
    origin.wait_count(1, "/up")
    c.reset()
    wait_for(lambda: seen, "the origin to see the end of the upload")
    assert isinstance(seen[0], AssertionError)


def test_head_has_no_body(edge, origin):
    origin.page("/a", b"hello", {"Cache-Control": "no-store"})
    with edge.connect() as c:
        r = c.get("/a", method="HEAD")
        assert (r.status, r["content-length"]) == (200, "5")
        assert c.get("/a").body == b"hello"


def test_204_and_304_have_no_body(edge, origin):
    origin.page("/204", status=204)
    with edge.connect() as c:
        assert c.get("/204").status == 204
        assert c.get("/204").status == 204


def test_interim_answers_pass(edge, origin):
    """RFC 8297: 103 travels ahead of the answer; 102 too; 100 that nobody asked for does not."""
    @origin.at("/early")
    def early(x):
        x.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n")
        x.reply(200, b"ok", {"Cache-Control": "no-store"})

    r = edge.get("/early")
    assert [i.status for i in r.interim] == [103]
    assert r.interim[0]["link"] == "</s.css>; rel=preload"
    with edge.connect() as c:
        assert c.get("/early", version="1.0").interim == []


# --- what is refused

HEAD = b"Host: a.test\r\n"


def short(value):
    """A name for a test out of the bytes that it sends."""
    return repr(value)[2:60] if isinstance(value, bytes) else None


@pytest.mark.parametrize("status, request_bytes", [
    # framing and syntax: RFC 9112
    (400, b"GET /a HTTP/1.1\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + HEAD + b"\r\n"),
    (400, b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\nHost: a.test@b.test\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b"Bad Name: 1\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b"Name : 1\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b": 1\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b"X: a\r\n folded\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\r\n" + HEAD + b"X: a\rb\r\n\r\n"),
    (400, b"GET /a HTTP/1.1\nHost: a.test\n\n"),
    (400, b"GET  /a HTTP/1.1\r\n" + HEAD + b"\r\n"),
    (400, b"GET /a b HTTP/1.1\r\n" + HEAD + b"\r\n"),
    (400, b"G\x01T /a HTTP/1.1\r\n" + HEAD + b"\r\n"),
    (400, b"GET /a\r\n"),
    # Content-Length and Transfer-Encoding
    (400, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    (400, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: +5\r\n\r\nhello"),
    (400, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 0x5\r\n\r\nhello"),
    (400, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length:\r\n\r\nhello"),
    (400, b"POST /a HTTP/1.1\r\n" + HEAD + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    (400, b"POST /a HTTP/1.1\r\n" + HEAD +
     b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, b"POST /a HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (501, b"POST /a HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\nx"),
    # versions and methods
    (505, b"GET /a HTTP/2.0\r\n" + HEAD + b"\r\n"),
    (505, b"GET /a HTTP/1.9\r\n" + HEAD + b"\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    # sizes
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n"),
    (431, b"GET /a HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 66000 + b"\r\n\r\n"),
    (431, b"GET /a HTTP/1.1\r\n" + HEAD + b"".join(b"X%d: 1\r\n" % n for n in range(101)) + b"\r\n"),
], ids=short)
def test_refused(edge, page, status, request_bytes):
    with edge.connect() as c:
        c.send(request_bytes)
        r = c.response()
        accepted = {status} if status != 505 else {505, 400}
        if b"HTTP/1.9" in request_bytes:
            accepted = {505, 200}  # 9110 2.5 lets a higher minor version be served as 1.1
        assert r.status in accepted, r
        if r.status != 200:
            assert not r.keeps_alive
            c.expect_close()
    assert edge.get("/a").status == 200


@pytest.mark.parametrize("chunks", [
    b"x\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n",
    b"5 \nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
], ids=short)
def test_bad_chunks(edge, origin, chunks):
    """The upload is refused and never completed at the origin."""
    whole = []

    def reads(x):
        x.request.body, _ = x.stream.chunked()
        whole.append(x.request.body)
        x.reply(200, b"ok", {"Cache-Control": "no-store"})
    reads.reads_body_itself = True
    origin.at("/up", reads)
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Transfer-Encoding": "chunked"})
        c.send(chunks)
        assert c.response().status == 400
        c.expect_close()
    assert whole == []


def test_smuggled_request_is_not_a_request(edge, page):
    """What follows a refused message on its connection is never taken for a request."""
    origin = page
    origin.page("/evil", b"evil", KEEP)
    with edge.connect() as c:
        c.send(b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert c.response().status == 400
        c.expect_close()
    assert origin.count("/evil") == 0


@pytest.mark.parametrize("target, host, status", [
    ("http://b.test/a", "a.test", 200),  # 9112 3.2.2: the absolute form wins over Host
    ("*", "a.test", 400),
    ("a.test:80", "a.test", 400),
    ("ftp://b.test/a", "a.test", 400),
    ("/a#fragment", "a.test", 400),
])
def test_target_forms(edge, page, target, host, status):
    assert edge.get(target, host=host).status == status
    if status == 200:
        assert page.last("/a")["host"] == "b.test"


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_that_an_edge_does_not_serve(edge, page, method):
    target = "a.test:443" if method == "CONNECT" else "/a"
    assert edge.get(target, method=method).status in (405, 501, 400)
    assert page.count() == 0


def test_upgrade_is_not_tunnelled(edge, page):
    """No h2c, no WebSocket: the fields go no further and nothing is switched."""
    r = edge.get("/a", fields={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                               "HTTP2-Settings": "AAMAAABkAAQAAP__"})
    assert r.status == 200
    assert not {"upgrade", "http2-settings"} & {n.lower() for n, _ in page.last("/a").fields}
