"""Validators, in both directions: a client that has the current version gets 304, and what has
gone stale is asked for by its validator."""
import pytest

KEEP = {"Cache-Control": "max-age=60"}
DATE = "Sat, 01 Nov 2025 10:00:00 GMT"
LATER = "Sat, 01 Nov 2025 11:00:00 GMT"
EARLIER = "Sat, 01 Nov 2025 09:00:00 GMT"


@pytest.mark.parametrize("condition, status", [
    ({"If-None-Match": '"one"'}, 304),
    ({"If-None-Match": 'W/"one"'}, 304),
    ({"If-None-Match": '"zero", "one"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"two"'}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": LATER}, 304),
    ({"If-Modified-Since": EARLIER}, 200),
    ({"If-None-Match": '"two"', "If-Modified-Since": LATER}, 200),  # 9110 13.2.2: ETag decides
    ({"If-None-Match": '"one"', "If-Modified-Since": EARLIER}, 304),
    ({"If-Modified-Since": "yesterday"}, 200),
])
def test_client_has_it(edge, origin, condition, status):
    origin.page("/a", b"hello", {**KEEP, "ETag": '"one"', "Last-Modified": DATE})
    edge.get("/a")
    with edge.connect() as c:
        r = c.get("/a", fields=condition)
        assert (r.status, r.cache) == (status, "hit")
        assert r["etag"] == '"one"'
        if status == 304:
            assert r["cache-control"] == "max-age=60"
        assert c.get("/a").body == b"hello"
    assert origin.count("/a") == 1


def test_condition_on_a_miss_still_fills(edge, origin):
    """The first to ask has a condition; what is kept is the whole page, not the 304."""
    @origin.at("/a")
    def page(x):
        if x.request.fields.get("if-none-match") == '"one"':
            x.reply(304, b"", {**KEEP, "ETag": '"one"'})
        else:
            x.reply(200, b"hello", {**KEEP, "ETag": '"one"'})

    r = edge.get("/a", fields={"If-None-Match": '"one"'})
    assert r.status in (200, 304)
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"hello")


class Page:
    """A page with a version, which answers conditions as an origin should."""

    def __init__(self, origin, fields):
        self.version, self.fields, self.asked = 1, fields, []
        origin.at("/a", self)

    def __call__(self, x):
        tag = f'"{self.version}"'
        condition = x.request.fields.get("if-none-match")
        self.asked.append(condition)
        if condition == tag:
            x.reply(304, b"", {**self.fields, "ETag": tag, "X-Check": str(len(self.asked))})
        else:
            x.reply(200, f"version {self.version}".encode(), {**self.fields, "ETag": tag})


def test_stale_is_validated(edge, origin):
    page = Page(origin, {"Cache-Control": "max-age=0"})
    assert edge.get("/a").body == b"version 1"
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"version 1")
    assert page.asked == [None, '"1"']
    assert r["x-check"] == "2"  # 9111 3.2: the stored head is updated by the 304
    page.version = 2
    assert edge.get("/a").body == b"version 2"
    assert page.asked == [None, '"1"', '"1"']


def test_validation_makes_fresh_again(edge, origin):
    page = Page(origin, {"Cache-Control": "max-age=0"})
    edge.get("/a")
    page.fields = KEEP
    edge.get("/a")
    assert [edge.get("/a").cache for _ in range(3)] == ["hit"] * 3
    assert len(page.asked) == 2


def test_last_modified_validates(edge, origin):
    @origin.at("/a")
    def page(x):
        fields = {"Cache-Control": "max-age=0", "Last-Modified": DATE}
        if x.request.fields.get("if-modified-since") == DATE:
            x.reply(304, b"", fields)
        else:
            x.reply(200, b"hello", fields)

    edge.get("/a")
    assert edge.get("/a").body == b"hello"
    assert origin.requests("/a")[1]["if-modified-since"] == DATE


def test_clients_condition_against_a_stale_page(edge, origin):
    page = Page(origin, {"Cache-Control": "max-age=0"})
    edge.get("/a")
    assert edge.get("/a", fields={"If-None-Match": '"1"'}).status == 304
    page.version = 2
    r = edge.get("/a", fields={"If-None-Match": '"1"'})
    assert (r.status, r.body) == (200, b"version 2")


# --- ranges from what is stored (RFC 9110 14)

BODY = bytes(range(256)) * 40


@pytest.mark.parametrize("value, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=10000-", 10000, 10239),
    ("bytes=-1", 10239, 10239), ("bytes=0-99999", 0, 10239), ("bytes=-99999", 0, 10239),
])
def test_range_of_a_stored_page(edge, origin, value, first, last):
    origin.page("/a", BODY, {**KEEP, "ETag": '"1"'})
    edge.get("/a")
    r = edge.get("/a", fields={"Range": value})
    assert (r.status, r["content-range"]) == (206, f"bytes {first}-{last}/{len(BODY)}")
    assert r.body == BODY[first:last + 1]
    assert origin.count("/a") == 1


def test_range_beyond_the_end(edge, origin):
    origin.page("/a", BODY, KEEP)
    edge.get("/a")
    r = edge.get("/a", fields={"Range": "bytes=10240-"})
    assert (r.status, r["content-range"]) == (416, "bytes */10240")


@pytest.mark.parametrize("value", ["bytes=5-1", "bytes=a-b", "lines=1-2", "bytes", "bytes=--1"])
def test_range_that_is_none_is_ignored(edge, origin, value):
    origin.page("/a", BODY, KEEP)
    edge.get("/a")
    assert edge.get("/a", fields={"Range": value}).body == BODY


@pytest.mark.parametrize("condition, status", [
    ('"1"', 206), ('"2"', 200), ('W/"1"', 200),
])
def test_if_range(edge, origin, condition, status):
    origin.page("/a", BODY, {**KEEP, "ETag": '"1"'})
    edge.get("/a")
    assert edge.get("/a", fields={"Range": "bytes=0-9", "If-Range": condition}).status == status


def test_many_ranges_are_never_more_than_the_page(edge, origin):
    """RangeAmp: the answer to any set of ranges is about as large as the page at most."""
    origin.page("/a", BODY, KEEP)
    edge.get("/a")
    r = edge.get("/a", fields={"Range": "bytes=" + ",".join(["0-"] * 300)})
    assert r.status in (200, 206, 416)
    assert len(r.body) <= len(BODY) + 1000


def test_head_renews_what_is_stored(edge, origin):
    """RFC 9111 4.3.5: same validators and length: the stored response takes on the new fields."""
    @origin.at("/a")
    def page(x):
        x.reply(200, b"hello", {"ETag": '"1"', "Cache-Control": "max-age=0, stale-if-error=0",
                                "X-N": str(origin.count("/a"))})

    assert edge.get("/a")["x-n"] == "1"
    origin.at("/a")(lambda x: x.send(
        b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 5\r\nX-N: head\r\n'
        b"Cache-Control: max-age=60\r\n\r\n"))
    assert edge.get("/a", method="HEAD")["x-n"] == "head"
    r = edge.get("/a")
    assert (r.cache, r["x-n"], r.body) == ("hit", "head", b"hello")


def test_304_about_something_else_is_not_taken(edge, origin):
    """RFC 9111 4.3.4: the 304's strong validator is not that of what is stored: ask again."""
    @origin.at("/a")
    def page(x):
        if "if-none-match" in x.request:
            x.send(b'HTTP/1.1 304 Not Modified\r\nETag: "other"\r\n\r\n')
        else:
            x.reply(200, b"n%d" % origin.count("/a"), {"ETag": '"1"', "Cache-Control": "max-age=0"})

    assert edge.get("/a").body == b"n1"
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"n3")


def test_304_that_nobody_asked_for(edge, origin):
    origin.at("/a")(lambda x: x.send(b"HTTP/1.1 304 Not Modified\r\n\r\n"))
    assert edge.get("/a").status == 502
