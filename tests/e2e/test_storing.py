"""What may be kept for others, and what never (RFC 9111 3, 3.5)."""
import pytest

KEEP = {"Cache-Control": "max-age=60"}


def own(origin, path, fields):
    """A page that says whose it is."""
    @origin.at(path)
    def page(x):
        who = x.request.fields.get("authorization") or x.request.fields.get("cookie") or "nobody"
        x.reply(200, who.encode(), fields)


@pytest.mark.parametrize("control, shared", [
    ("max-age=60", False), ("public, max-age=60", True), ("s-maxage=60", True),
    ("max-age=60, must-revalidate", True),
])
def test_authorization(edge, origin, control, shared):
    own(origin, "/a", {"Cache-Control": control})
    one = edge.get("/a", fields={"Authorization": "one"})
    two = edge.get("/a", fields={"Authorization": "two"})
    assert one.body == b"one"
    assert two.body == (b"one" if shared else b"two")


def test_authorized_answer_is_not_for_the_public(edge, origin):
    own(origin, "/a", KEEP)
    edge.get("/a", fields={"Authorization": "one"})
    assert edge.get("/a").body == b"nobody"


@pytest.mark.parametrize("control", ["no-store", "private", "private, max-age=60", "No-Store"])
def test_forbidden(edge, origin, control):
    own(origin, "/a", {"Cache-Control": control})
    assert edge.get("/a", fields={"Cookie": "one"}).body == b"one"
    assert edge.get("/a", fields={"Cookie": "two"}).body == b"two"


def cookies(origin, path, fields):
    """A page that gives each request to the origin a number of its own."""
    @origin.at(path)
    def page(x):
        x.reply(200, b"hello", {**fields, "Set-Cookie": f"n={origin.count(path)}"})


def test_set_cookie_without_a_lifetime_is_not_stored(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; default-ttl 1h; }}")
    cookies(origin, "/a", {})
    assert edge.get("/a")["set-cookie"] == "n=1"
    assert edge.get("/a")["set-cookie"] == "n=2"


def test_set_cookie_with_a_lifetime_is_stored_unless_never(selvaged, origin):
    """RFC 9111 7.3: who says max-age with a cookie means it; a rule may know better."""
    edge = selvaged(config=f"site * {{ origin {origin.url}; path /never {{ set-cookie never; }} }}")
    cookies(origin, "/a", KEEP)
    cookies(origin, "/never", KEEP)
    assert [edge.get("/a")["set-cookie"] for _ in range(2)] == ["n=1", "n=1"]
    assert [edge.get("/never")["set-cookie"] for _ in range(2)] == ["n=1", "n=2"]


def test_stripped_set_cookie_does_not_matter(selvaged, origin):
    edge = selvaged(
        config=f"site * {{ origin {origin.url}; default-ttl 1h; header unset Set-Cookie; }}")
    cookies(origin, "/a", {})
    assert "set-cookie" not in edge.get("/a")
    r = edge.get("/a")
    assert r.cache == "hit" and "set-cookie" not in r


def test_several_set_cookie_lines_stay_apart(edge, origin):
    origin.page("/a", b"x", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
                             ("Cache-Control", "no-store")])
    assert edge.get("/a").fields.all("set-cookie") == ["a=1", "b=2"]


def test_unsafe_method_invalidates(edge, origin):
    """9111 4.4: after a successful POST the stored GET is not reused."""
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    assert edge.get("/a").cache == "hit"
    assert edge.get("/a", method="POST", body=b"x").status == 200
    assert edge.get("/a").cache != "hit"


def test_failed_unsafe_method_does_not(edge, origin):
    @origin.at("/a")
    def page(x):
        if x.request.method == "GET":
            x.reply(200, b"hello", KEEP)
        else:
            x.reply(405, b"no", {"Cache-Control": "no-store"})

    edge.get("/a")
    assert edge.get("/a", method="DELETE").status == 405
    assert edge.get("/a", method="NONSENSE").status == 405
    assert edge.get("/a").cache == "hit"


def test_partial_answer_is_not_taken_for_the_whole(edge, origin):
    """An unsolicited 206 is not stored as if it were the page."""
    @origin.at("/a")
    def page(x):
        if origin.count("/a") == 1:
            x.reply(206, b"hel", {**KEEP, "Content-Range": "bytes 0-2/5"})
        else:
            x.reply(200, b"hello", KEEP)

    edge.get("/a")
    assert edge.get("/a").body == b"hello"


@pytest.mark.parametrize("field", [
    "X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Scheme",
    "X-HTTP-Method-Override", "Forwarded",
])
def test_unkeyed_input_does_not_poison(edge, origin, field):
    """A page that depends on such a field is either kept apart or never sees what the client said."""
    @origin.at("/a")
    def page(x):
        x.reply(200, (x.request.fields.get(field) or "plain").encode(), KEEP)

    edge.get("/a", fields={field: "evil.test"})
    assert b"evil" not in edge.get("/a").body
