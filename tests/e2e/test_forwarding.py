"""What travels on, what stays on its hop, and what we add (RFC 9110 7.6, 7239, 8586)."""
import threading
import pytest

NO = {"Cache-Control": "no-store"}


def test_request_is_built_anew(edge, origin):
    origin.page("/a", b"x", NO)
    edge.get("/a?q=1", host="www.example.test", fields=[
        ("X-Own", "kept"), ("Accept", "text/html"), ("Connection", "close, X-Hop"), ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"), ("Proxy-Authorization", "secret"), ("TE", "trailers"),
        ("Proxy-Connection", "keep-alive"), ("Upgrade", "h2c")])
    sent = origin.last("/a")
    assert sent.target == "/a?q=1"
    assert sent["host"] == "www.example.test"
    assert (sent["x-own"], sent["accept"]) == ("kept", "text/html")
    names = {n.lower() for n, _ in sent.fields}
    assert not names & {"x-hop", "keep-alive", "proxy-authorization", "proxy-connection", "upgrade"}
    assert "x-hop" not in sent.fields.get("connection", "").lower()


def test_who_asked_is_told(edge, origin):
    origin.page("/a", b"x", NO)
    edge.get("/a", host="www.example.test")
    sent = origin.last("/a")
    assert "127.0.0.1" in sent["x-forwarded-for"]
    assert "selvage" in sent["via"].lower() and sent["via"].startswith(("1.1 ", "2.0 "))
    assert "selvage" in sent["cdn-loop"].lower()


def test_earlier_hops_are_kept(edge, origin):
    origin.page("/a", b"x", NO)
    edge.get("/a", fields={"X-Forwarded-For": "192.0.2.1", "Via": "1.1 other",
                           "CDN-Loop": "other-cdn"})
    sent = origin.last("/a")
    assert sent["x-forwarded-for"].endswith("127.0.0.1")
    assert sent["via"].startswith(("1.1 other, 1.1 ", "1.1 other, 2.0 "))
    assert sent["cdn-loop"].startswith("other-cdn, ")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Forwarded-For", "CDN-Loop", "Via",
                                  "Transfer-Encoding", "Cache-Control", "Authorization"])
def test_connection_cannot_take_away_what_matters(edge, origin, name):
    """VSV00010: a client lists a field as hop-by-hop to have it removed."""
    origin.page("/a", b"x", NO)
    with edge.connect() as c:
        r = c.get("/a", method="POST", body=b"hello", fields=[
            ("Connection", name), ("Authorization", "me"), ("Cache-Control", "no-cache")])
    if r.status == 400:
        return  # refusing it is right too
    sent = origin.last("/a")
    assert sent.body == b"hello"
    for needed in ("host", "x-forwarded-for", "cdn-loop", "via", "authorization"):
        assert needed in sent


def test_response_hop_fields_stay(edge, origin):
    origin.page("/a", b"x", {**NO, "Connection": "X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=5",
                             "X-Own": "kept", "Server": "theirs", "Upgrade": "h2c"})
    r = edge.get("/a")
    assert (r["x-own"], r["server"]) == ("kept", "theirs")
    assert "x-hop" not in r and "upgrade" not in r and "timeout=5" not in str(r.fields)


def test_hop_fields_are_not_stored_either(edge, origin):
    origin.page("/a", b"x", {"Cache-Control": "max-age=60", "Connection": "X-Hop", "X-Hop": "1"})
    edge.get("/a")
    r = edge.get("/a")
    assert r.cache == "hit" and "x-hop" not in r


def test_response_says_via_and_date(edge, origin):
    origin.page("/a", b"x", NO)
    r = edge.get("/a")
    assert "selvage" in r["via"].lower()
    assert r["date"].endswith("GMT")
    assert len(r.fields.all("date")) == 1


@pytest.mark.parametrize("length", [5, 0])
def test_upload_framing_is_our_own(edge, origin, length):
    """Whatever framing the client used, the origin gets one that is whole and only one."""
    origin.page("/a", b"x", NO)
    edge.get("/a", method="PUT", body=b"h" * length)
    assert origin.last("/a").body == b"h" * length


def test_own_loop_is_refused(selvaged, origin, new_origin):
    """RFC 8586: a request that has been here already does not go round again."""
    origin.page("/a", b"x", NO)
    edge = selvaged(origin=origin)
    edge.get("/a")
    ours = origin.last("/a")["cdn-loop"]
    asked = origin.count()
    r = edge.get("/a", fields={"CDN-Loop": ours})
    assert r.status in (400, 508) or 500 <= r.status < 600
    assert origin.count() == asked


def test_trailers_of_the_origin_do_not_become_fields(edge, origin):
    @origin.at("/a")
    def page(x):
        x.head(200, {**NO, "Transfer-Encoding": "chunked", "Trailer": "X-T"})
        x.chunk(b"hello")
        x.last_chunk(b"X-T: 1\r\nContent-Length: 3\r\n")

    r = edge.get("/a")
    assert r.body == b"hello" and "x-t" not in r
    assert "content-length" not in r.trailers


def test_trailers_pass_by_rule(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; trailers on; }}")

    @origin.at("/a")
    def page(x):
        x.head(200, [("Transfer-Encoding", "chunked"), ("Cache-Control", "max-age=60")])
        x.chunk(b"hello")
        x.last_chunk(b"X-Sum: 5\r\nContent-Length: 9\r\n")

    r = edge.get("/a")
    assert (r.body, r.trailers.get("x-sum")) == (b"hello", "5")
    assert "content-length" not in r.trailers
    assert edge.get("/a").cache == "hit"


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"


def test_early_hints_pass_and_are_remembered(edge, origin):
    """RFC 8297: a page seen before has its hints sent while the origin still thinks."""
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        if origin.count("/a") == 1:
            x.send(HINT)
        else:
            x.wait(gate)
        x.reply(200, b"hello", {"Cache-Control": "no-cache", "ETag": f'"{origin.count("/a")}"'})

    with edge.connect() as c:
        first = c.get("/a")
        assert [(r.status, r["link"]) for r in first.interim] == [(103, "</s.css>; rel=preload")]
        assert first.body == b"hello"
        c.request("/a")
        early = c.head()  # while the origin waits
        assert early[0] == b"HTTP/1.1 103 Early Hints"
        assert b"Link: </s.css>; rel=preload" in early
        gate.set()
        assert c.response().status == 200
