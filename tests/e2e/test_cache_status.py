"""What Cache-Status says (RFC 9211), and what of it a rule shows."""
KEEP = {"Cache-Control": "max-age=60", "ETag": '"1"'}


def said(response):
    """The parameters of our member."""
    member = response["cache-status"].split(",")[-1]
    return dict((p.strip().partition("=")[::2]) for p in member.split(";")[1:])


def test_miss_and_hit(edge, origin):
    origin.page("/a", b"x", KEEP)
    miss = said(edge.get("/a"))
    assert miss.keys() == {"fwd", "fwd-status", "ttl", "stored"}
    assert (miss["fwd"], miss["fwd-status"]) == ("uri-miss", "200") and 58 <= int(miss["ttl"]) <= 60
    hit = said(edge.get("/a"))
    assert hit.keys() == {"hit", "ttl"} and 50 <= int(hit["ttl"]) <= 60


def test_validated(edge, origin):
    origin.page("/a", b"x", {**KEEP, "Cache-Control": "max-age=0"})
    edge.get("/a")
    origin.page("/a", b"", KEEP, status=304)
    r = said(edge.get("/a"))
    assert (r["fwd"], r["fwd-status"]) == ("stale", "304") and 58 <= int(r["ttl"]) <= 60


def test_asked_for_by_the_client(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; honour-request on; }}")
    origin.page("/a", b"x", KEEP)
    edge.get("/a")
    origin.page("/a", b"", KEEP, status=304)
    assert said(edge.get("/a", fields={"Cache-Control": "no-cache"}))["fwd"] == "request"


def test_not_stored_says_why(edge, origin):
    origin.page("/a", b"x", {"Cache-Control": "private"})
    r = said(edge.get("/a"))
    assert r["detail"] == "private" and "stored" not in r and "ttl" not in r


def test_methods_and_bypass(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; path /b {{ bypass; }} }}")
    origin.page("/a", b"x", KEEP)
    origin.page("/b", b"x", KEEP)
    assert said(edge.get("/a", method="POST", body=b"1"))["fwd"] == "method"
    assert said(edge.get("/b"))["fwd"] == "bypass"


def test_key_by_rule(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; show-key on; query sort; }}")
    origin.page("/a", b"x", KEEP)
    assert said(edge.get("/a?b=2&a=1", host="Www.Example.test"))["key"] == \
        '"www.example.test/a?a=1&b=2"'


def test_slashes_by_rule(selvaged, origin):
    edge = selvaged(config=f"site one.test {{ origin {origin.url}; merge-slashes on; }}\n"
                           f"site * {{ origin {origin.url}; }}")
    for path in ("/a/b", "/a//b"):
        origin.page(path, b"x", KEEP)
    edge.get("/a/b", host="one.test")
    assert edge.get("/a///b", host="one.test").cache == "hit"
    assert edge.get("/a//b", host="two.test").cache == "miss"
    assert origin.last()["host"] == "two.test" and origin.last().path == "/a//b"
