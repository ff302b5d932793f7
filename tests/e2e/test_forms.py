"""Requests of rare form: Expect, Upgrade, TRACE, CONNECT, OPTIONS, and targets in absolute-form,
as RFC 9110 and 9112 want them, in tables."""
import pytest

from edge import free_port
from wire import Client

KEEP = {"Cache-Control": "max-age=60"}
NO = {"Cache-Control": "no-store"}
PREY = b"GET /prey HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.fixture(scope="module")
def both(standing):
    edge, origin = standing
    origin.page("/a", b"hello", KEEP)
    origin.page("/", b"root", KEEP)
    origin.page("/up", b"got it", NO)
    origin.page("/prey", b"prey", NO)
    return edge, origin


def exchange(edge, raw):
    c = Client(edge.address)
    c.send(raw)
    return c


# --- Expect (RFC 9110 10.1.1)

@pytest.mark.parametrize("value", ["100-continue", "100-Continue", "100-CONTINUE",
                                   "100-continue, 100-continue"])
def test_who_expects_100_gets_it_once(both, value):
    edge, origin = both
    with exchange(edge, b"POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: %b\r\n\r\n"
                  % value.encode()) as c:
        assert c.line() == b"HTTP/1.1 100 Continue" and c.line() == b""
        c.send(b"hello")
        r = c.response()
        assert r.body == b"got it" and r.interim == []
    assert origin.last("/up").body == b"hello"


@pytest.mark.parametrize("version, length, body", [
    ("1.1", "0", b""),      # no content follows
    ("1.0", "5", b"hello"), # a client of 1.0 does not know what it says
])
def test_where_no_100_is_sent(both, version, length, body):
    edge, _ = both
    with exchange(edge, f"POST /up HTTP/{version}\r\nHost: a.test\r\nExpect: 100-continue\r\n"
                        f"Content-Length: {length}\r\n\r\n".encode() + body) as c:
        r = c.response()
        assert r.status == 200 and r.interim == []


def test_content_that_did_not_wait(both):
    """No 100 once content has come; and an expectation without content means nothing."""
    edge, _ = both
    with exchange(edge, b"POST /up HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
                        b"Content-Length: 5\r\n\r\nhello" + PREY) as c:
        assert c.response().body == b"got it"
        assert c.response().body == b"prey"
        c.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\n")
        r = c.response()
        assert r.body == b"hello" and r.interim == []


@pytest.mark.parametrize("value", ["101-continue", "100-continue, teapot", "100 continue", "100-continue;q=1"])
def test_other_expectations_fail(both, value):
    edge, origin = both
    seen = origin.count("/up")
    with exchange(edge, b"POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: %b\r\n\r\n"
                  % value.encode()) as c:
        assert c.response().status == 417
    assert origin.count("/up") == seen


def test_what_is_answered_without_the_content(both):
    """A refusal comes in place of the 100, and what the client then sends or not is no request."""
    edge, origin = both
    prey = origin.count("/prey")
    with exchange(edge, b"TRACE /a HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(PREY)) as c:
        r = c.response()
        assert r.status == 405 and r.interim == [] and not r.keeps_alive
    assert origin.count("/prey") == prey


# --- Upgrade (RFC 9110 7.8)

@pytest.mark.parametrize("version, fields", [
    ("1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    ("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    ("1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n"),
    ("1.1", "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n"),
    ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
    ("1.1", "Upgrade: h2c\r\n"),
    ("1.1", "Connection: Upgrade\r\n"),
    ("1.0", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    ("1.0", "Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n"),
])
def test_upgrade_is_ignored(both, version, fields):
    edge, origin = both
    with exchange(edge, f"GET /up HTTP/{version}\r\nHost: a.test\r\n{fields}\r\n".encode()) as c:
        r = c.response()
        assert r.status == 200 and r.body == b"got it" and r.interim == []
        assert "upgrade" not in r
    assert not {"upgrade", "http2-settings"} & {n.lower() for n, _ in origin.last("/up").fields}


# --- methods that go no further

@pytest.mark.parametrize("method, target", [("TRACE", "/a"), ("TRACE", "http://a.test/a")])
def test_trace(both, method, target):
    """RFC 9110 9.3.8, 15.5.6: not done, and nothing of the request is shown."""
    edge, origin = both
    seen = origin.count()
    r = edge.get(target, method=method, fields={"X-Secret": "s3cret", "Max-Forwards": "0"})
    assert r.status == 405 and "TRACE" not in r["allow"]
    assert b"s3cret" not in r.body and r.fields.get("content-type") != "message/http"
    assert origin.count() == seen


@pytest.mark.parametrize("target, status", [
    ("a.test:443", 405), ("192.0.2.1:80", 405), ("[2001:db8::1]:80", 405),
    ("/a", 400), ("http://a.test/", 400), ("a.test", 400), ("a.test:0", 400), ("a.test:65536", 400),
    ("a.test:", 400), (":443", 400), ("*", 400), ("u@a.test:443", 400)])
def test_connect(both, target, status):
    """RFC 9110 9.3.6: it is no tunnel, and what a hasty client sends into it is not read as HTTP."""
    edge, origin = both
    prey = origin.count("/prey")
    with exchange(edge, f"CONNECT {target} HTTP/1.1\r\nHost: a.test:443\r\n\r\n".encode() + PREY) as c:
        r = c.response()
        assert r.status == status and not r.keeps_alive
        c.expect_close()
    assert origin.count("/prey") == prey


@pytest.mark.parametrize("forwards, seen", [("0", None), ("1", "0"), ("10", "9"), ("x", "x"),
                                            ("-1", "-1")])
def test_options_and_max_forwards(both, forwards, seen):
    """RFC 9110 7.6.2"""
    edge, origin = both
    origin.page("/o", b"from afar", NO)
    before = origin.count("/o")
    r = edge.get("/o", method="OPTIONS", fields={"Max-Forwards": forwards})
    assert r.status == 200
    if seen is None:
        assert "GET" in r["allow"] and r.body == b"" and origin.count("/o") == before
    else:
        assert r.body == b"from afar" and origin.last("/o")["max-forwards"] == seen


def test_max_forwards_means_nothing_to_get(both):
    edge, origin = both
    assert edge.get("/up", fields={"Max-Forwards": "0"}).body == b"got it"
    assert origin.last("/up")["max-forwards"] == "0"


# --- targets and Host (RFC 9112 3.2)

@pytest.mark.parametrize("target, hosts, status, seen", [
    # absolute-form wins (3.2.2), and is what the origin sees
    ("http://b.test/up", ["a.test"], 200, ("b.test", "/up")),
    ("HTTP://B.Test/up", ["a.test"], 200, ("b.test", "/up")),
    ("http://b.test:80/up", ["a.test"], 200, ("b.test", "/up")),
    ("http://b.test:8080/up", ["a.test"], 200, ("b.test:8080", "/up")),
    ("http://b.test", ["a.test"], 200, ("b.test", "/")),
    ("http://b.test?x=1", ["a.test"], 200, ("b.test", "/?x=1")),
    ("http://b.test/up?u=http://c.test/", ["a.test"], 200, ("b.test", "/up?u=http://c.test/")),
    # what is no target of ours
    ("http://u@b.test/up", ["a.test"], 400, None),
    ("http://u:p@b.test/up", ["a.test"], 400, None),
    ("http:///up", ["a.test"], 400, None),
    ("http:/up", ["a.test"], 400, None),
    ("http://b.test:0/up", ["a.test"], 400, None),
    ("http://b.test:99999/up", ["a.test"], 400, None),
    ("http://b.test:8o/up", ["a.test"], 400, None),
    ("http://b.test/up#f", ["a.test"], 400, None),
    ("http://[::1/up", ["a.test"], 400, None),
    ("ftp://b.test/up", ["a.test"], 400, None),
    ("file:///etc/passwd", ["a.test"], 400, None),
    ("//b.test/up", ["a.test"], 200, ("a.test", "//b.test/up")),
    ("b.test/up", ["a.test"], 400, None),
    ("up", ["a.test"], 400, None),
    ("?x", ["a.test"], 400, None),
    ("*", ["a.test"], 400, None),
    ("b.test:80", ["a.test"], 400, None),
    # https without TLS (9110 7.4)
    ("https://b.test/up", ["b.test"], 421, None),
    ("HTTPS://b.test:443/up", ["b.test"], 421, None),
    # Host: once and good, whatever the target says (3.2)
    ("/up", [], 400, None),
    ("http://b.test/up", [], 400, None),
    ("http://b.test/up", ["a.test", "a.test"], 400, None),
    ("http://b.test/up", ["a b"], 400, None),
    ("http://b.test/up", ["a.test/x"], 400, None),
    ("/up", ["a.test", "b.test"], 400, None),
    ("/up", ["a.test, b.test"], 400, None),
    ("/up", ["u@a.test"], 400, None),
    ("/up", ["http://a.test"], 400, None),
    ("/up", ["a.test:"], 200, ("a.test", "/up")),  # RFC 3986 3.2.3: the port may be empty
    ("/up", [""], 400, None),
])
def test_targets(both, target, hosts, status, seen):
    edge, origin = both
    origin.page("//b.test/up", b"two slashes", NO)
    before = origin.count()
    head = f"GET {target} HTTP/1.1\r\n" + "".join(f"Host: {h}\r\n" for h in hosts)
    with exchange(edge, head.encode() + b"\r\n") as c:
        assert c.response().status == status
    if seen is None:
        assert origin.count() == before
    else:
        asked = origin.requests()[-1]
        assert (asked["host"], asked.target) == seen


def test_https_behind_a_proxy_that_we_know(selvaged, origin):
    """It has had the TLS connection."""
    port = free_port()
    origin.page("/a", b"hello", KEEP)
    selvaged(config=f"listen 127.0.0.1:{port} proxy from 127.0.0.1;\nsite * {{ origin {origin.url}; }}")
    with Client(("127.0.0.1", port)) as c:
        c.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n")
        assert c.get("https://a.test/a").status == 200
