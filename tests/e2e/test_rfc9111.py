"""RFC 9111, and its companions, section by section: a table each, through the real daemon.

A row says what the origin answers and whether the same request shortly after is answered from the
cache. Time is moved by Date and Age, not slept through.
"""
from email.utils import formatdate
import itertools
import time

import pytest

FRESH = {"Cache-Control": "max-age=3600"}


def date(offset_s):
    return formatdate(time.time() + offset_s, usegmt=True)


def table(*rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row[0])


def counted(origin, status, fields):
    """/a, which tells how often it was asked for."""
    number = itertools.count(1)
    origin.at("/a", lambda x: x.reply(status, b"n%d" % next(number) if status != 204 else b"", fields))


def reused(edge, origin, status=200, fields=(), first=(), second=()):
    counted(origin, status, fields)
    one = edge.get("/a", fields=first)
    assert one.status == status
    two = edge.get("/a", fields=second)
    assert two.status == status or origin.count("/a") == 1
    return origin.count("/a") == 1


@table(
    ("max-age", 200, FRESH, True),
    ("final statuses with a lifetime", 403, FRESH, True),
    ("unknown final statuses, too", 499, FRESH, True),
    ("404", 404, FRESH, True),
    ("204", 204, FRESH, True),
    ("500", 500, FRESH, True),
    ("no-store", 200, {"Cache-Control": "no-store, max-age=3600"}, False),
    ("private", 200, {"Cache-Control": "private, max-age=3600"}, False),
    ("must-understand of what is not understood", 499,
     {"Cache-Control": "must-understand, max-age=3600"}, False),
    ("must-understand of what is", 200,
     {"Cache-Control": "must-understand, no-store, max-age=3600"}, True),
    ("nothing said", 200, {}, False),
    ("nothing said, and not cacheable by default", 403, {"Last-Modified": date(-86400)}, False),
)
def test_3_storing(edge, origin, row):
    _, status, fields, expected = row
    assert reused(edge, origin, status, fields) == expected


@table(
    ("listed by Connection", {"Connection": "X-Hop", "X-Hop": "1"}, "x-hop", None),
    ("Proxy-Authenticate is the origin's word to us", {"Proxy-Authenticate": "Basic"},
     "proxy-authenticate", None),
    ("unknown fields", {"X-New": "1"}, "x-new", "1"),
    ("Server", {"Server": "origin/1"}, "server", "origin/1"),
    ("Cache-Control as it came", {}, "cache-control", "max-age=3600"),
)
def test_3_1_stored_fields(edge, origin, row):
    _, fields, name, expected = row
    counted(origin, 200, {**FRESH, **fields})
    edge.get("/a")
    r = edge.get("/a")
    assert r.cache == "hit" and r.fields.get(name) == expected


@table(
    ("replaced", {"X-New": "2"}, "x-new", "2"),
    ("added", {"X-Other": "2"}, "x-other", "2"),
    ("left alone", {}, "x-new", "1"),
    ("Content-Length never", {"Content-Length": "99"}, "content-length", "4"),
    ("Content-Encoding never", {"Content-Encoding": "gzip"}, "content-encoding", None),
)
def test_3_2_update_by_a_304(edge, origin, row):
    _, fields, name, expected = row

    @origin.at("/a")
    def page(x):
        if "if-none-match" in x.request:
            x.head(304, {"ETag": '"1"', **FRESH, **fields})
        else:
            x.reply(200, b"body", {"ETag": '"1"', "Cache-Control": "max-age=0", "X-New": "1"})

    edge.get("/a")
    edge.get("/a")
    r = edge.get("/a")
    assert (r.cache, r.body) == ("hit", b"body")
    assert r.fields.get(name) == expected and origin.count("/a") == 2


def test_3_2_what_a_304_forbids_is_asked_for_again_and_kept(edge, origin):
    """The 304 says no-store, so what is stored goes; the answer that follows may stay."""
    @origin.at("/a")
    def page(x):
        if "if-none-match" in x.request:
            x.head(304, {"ETag": '"1"', "Cache-Control": "no-store"})
        elif origin.count("/a") == 1:
            x.reply(200, b"old", {"ETag": '"1"', "Cache-Control": "max-age=0"})
        else:
            x.reply(200, b"new", FRESH)

    assert edge.get("/a").body == b"old"
    assert [edge.get("/a").body for _ in range(2)] == [b"new", b"new"]
    assert origin.count("/a") == 3


@table(
    ("no word about it", "max-age=3600", False),
    ("public", "public, max-age=3600", True),
    ("s-maxage", "s-maxage=3600", True),
    ("must-revalidate", "max-age=3600, must-revalidate", True),
    ("proxy-revalidate is not listed", "max-age=3600, proxy-revalidate", False),
    ("no-store all the same", "public, no-store, max-age=3600", False),
)
def test_3_5_authorization(edge, origin, row):
    _, control, expected = row
    assert reused(edge, origin, 200, {"Cache-Control": control},
                  first={"Authorization": "Basic YTpi"}) == expected


@table(
    ("s-maxage before max-age", {"Cache-Control": "max-age=0, s-maxage=3600"}, True),
    ("and the other way round", {"Cache-Control": "s-maxage=0, max-age=3600"}, False),
    ("max-age before Expires", {"Cache-Control": "max-age=3600", "Expires": date(-60)}, True),
    ("and the other way round", {"Cache-Control": "max-age=0", "Expires": date(3600)}, False),
    ("Expires", {"Expires": date(3600)}, True),
    ("Expires against a Date that is ahead", {"Expires": date(1800), "Date": date(3600)}, False),
    ("max-age in capitals", {"Cache-Control": "MAX-AGE=3600"}, True),
    ("max-age in quotes", {"Cache-Control": 'max-age="3600"'}, True),
    ("max-age beyond all numbers", {"Cache-Control": "max-age=99999999999999999999"}, True),
    ("max-age that is no number", {"Cache-Control": "max-age=1h", "Expires": date(3600)}, False),
    ("negative", {"Cache-Control": "max-age=-1"}, False),
)
def test_4_2_1_lifetime(edge, origin, row):
    _, fields, expected = row
    assert reused(edge, origin, 200, fields) == expected


@table(
    ("a tenth of the time since", 200, {"Last-Modified": date(-86400)}, True),
    ("404 is heuristically cacheable", 404, {"Last-Modified": date(-86400)}, True),
    ("302 is not", 302, {"Last-Modified": date(-86400)}, False),
    ("public makes it so", 302, {"Last-Modified": date(-86400), "Cache-Control": "public"}, True),
    ("only if nothing is said", 200,
     {"Last-Modified": date(-86400), "Cache-Control": "max-age=0"}, False),
    ("nor with Expires", 200, {"Last-Modified": date(-86400), "Expires": date(-1)}, False),
    ("not from the future", 200, {"Last-Modified": date(86400)}, False),
    ("older than the guess", 200, {"Last-Modified": date(-86400), "Age": "10000"}, False),
)
def test_4_2_2_heuristics(edge, origin, row):
    _, status, fields, expected = row
    assert reused(edge, origin, status, fields) == expected


@table(
    ("Age counts", {"Age": "3000"}, 3000),
    ("Date counts", {"Date": date(-3000)}, 3000),
    ("the larger of both", {"Date": date(-1000), "Age": "3000"}, 3000),
    ("the larger of both, Date", {"Date": date(-3000), "Age": "10"}, 3000),
    ("a Date ahead is no age", {"Date": date(3000)}, 0),
    ("a Date that is none", {"Date": "yesterday"}, 0),
    ("an Age that is none", {"Age": "-5"}, 0),
)
def test_4_2_3_age(edge, origin, row):
    _, fields, least = row
    counted(origin, 200, {**FRESH, **fields})
    edge.get("/a")
    r = edge.get("/a")
    # The dates of the table were made when the tests were collected.
    assert r.cache == "hit" and least <= int(r["age"]) <= least + 600


@table(
    ("an old one is not fresh", {"Age": "4000"}, False),
    ("nor one of an old Date", {"Date": date(-4000)}, False),
    ("a very old one", {"Age": "99999999999"}, False),
    ("of a list the first", {"Age": "10, 9999"}, True),
)
def test_4_2_fresh_or_not(edge, origin, row):
    _, fields, expected = row
    assert reused(edge, origin, 200, {**FRESH, **fields}) == expected


@table(
    ("by default", "max-age=0", 200),
    ("must-revalidate", "max-age=0, must-revalidate", 502),
    ("proxy-revalidate", "max-age=0, proxy-revalidate", 502),
    ("s-maxage", "s-maxage=0", 502),
    ("no-cache", "max-age=3600, no-cache", 502),
    ("5861 stale-if-error", "max-age=0, stale-if-error=60", 200),
    ("5861 stale-if-error=0", "max-age=0, stale-if-error=0", 502),
    ("5861 in spite of s-maxage, when said", "s-maxage=0, stale-if-error=60", 200),
    ("5861 not in spite of must-revalidate", "max-age=0, must-revalidate, stale-if-error=60", 502),
)
def test_4_2_4_stale_when_the_origin_is_gone(edge, origin, row):
    _, control, expected = row
    counted(origin, 200, {"Cache-Control": control, "ETag": '"1"'})
    assert edge.get("/a").status == 200
    origin.stop()
    assert edge.get("/a").status == expected


@table(
    ("ETag", {"ETag": '"1"'}, {"if-none-match": '"1"'}),
    ("weak ETag", {"ETag": 'W/"1"'}, {"if-none-match": 'W/"1"'}),
    ("Last-Modified", {"Last-Modified": date(-86400)}, {"if-none-match": None}),
    ("none", {"X": "y"}, {"if-none-match": None, "if-modified-since": None}),
)
def test_4_3_1_conditions_to_the_origin(edge, origin, row):
    _, fields, expected = row
    counted(origin, 200, {"Cache-Control": "max-age=0, stale-if-error=60", **fields})
    edge.get("/a")
    edge.get("/a", fields={"If-None-Match": '"of the client"'})
    last = origin.last("/a")
    for name, value in expected.items():
        assert last.fields.get(name) == value
    if "Last-Modified" in fields:
        assert last["if-modified-since"] == fields["Last-Modified"]


LM = date(-86400)


@table(
    ("If-None-Match", {"If-None-Match": '"1"'}, 304),
    ("weak comparison", {"If-None-Match": 'W/"1"'}, 304),
    ("one of a list", {"If-None-Match": '"0", "1"'}, 304),
    ("star", {"If-None-Match": "*"}, 304),
    ("another", {"If-None-Match": '"2"'}, 200),
    ("If-Modified-Since", {"If-Modified-Since": LM}, 304),
    ("before that", {"If-Modified-Since": date(-90000)}, 200),
    ("no date", {"If-Modified-Since": "yesterday"}, 200),
    ("If-None-Match counts before it", {"If-None-Match": '"2"', "If-Modified-Since": LM}, 200),
)
def test_4_3_2_conditions_of_clients(edge, origin, row):
    _, fields, expected = row
    counted(origin, 200, {**FRESH, "ETag": '"1"', "Last-Modified": LM})
    edge.get("/a")
    r = edge.get("/a", fields=fields)
    assert (r.status, r.cache) == (expected, "hit")
    assert r["etag"] == '"1"' and "date" in r and r["cache-control"] == "max-age=3600"


@table(("200", 200, b"n2"), ("404", 404, b"n2"), ("500, so stale", 500, b"n1"))
def test_4_3_3_answers_to_validation(edge, origin, row):
    _, status, expected = row
    number = itertools.count(1)

    @origin.at("/a")
    def page(x):
        n = next(number)
        x.reply(200 if n == 1 else status, b"n%d" % n, {"Cache-Control": "max-age=0", "ETag": '"1"'})

    edge.get("/a")
    assert edge.get("/a").body == expected


@table(
    ("POST", "POST", 200, {}, False), ("PUT", "PUT", 204, {}, False),
    ("DELETE", "DELETE", 200, {}, False), ("PATCH", "PATCH", 303, {}, False),
    ("an unknown method is not safe", "FROB", 200, {}, False),
    ("an error changes nothing", "POST", 500, {}, True),
    ("nor does a refusal", "POST", 403, {}, True),
    ("OPTIONS is safe", "OPTIONS", 200, {}, True),
)
def test_4_4_invalidation(edge, origin, row):
    _, method, status, fields, expected = row

    @origin.at("/a")
    def page(x):
        if x.request.method == "GET":
            x.reply(200, b"hello", FRESH)
        else:
            x.reply(status, b"", fields)

    edge.get("/a")
    assert edge.get("/a", method=method).status == status
    assert (edge.get("/a").cache == "hit") == expected


@table(
    ("Location", {"Location": "/b"}, False),
    ("Content-Location", {"Content-Location": "/b"}, False),
    ("with our host", {"Location": "http://a.test/b"}, False),
    ("of another host", {"Location": "http://b.test/b"}, True),
)
def test_4_4_invalidation_of_what_is_named(edge, origin, row):
    _, fields, expected = row
    origin.page("/b", b"hello", FRESH)
    origin.at("/a", lambda x: x.reply(201, b"", fields))
    edge.get("/b")
    assert edge.get("/a", method="POST", body=b"x").status == 201
    assert (edge.get("/b").cache == "hit") == expected


@table(
    ("no-cache", FRESH, {"Cache-Control": "no-cache"}, 2),
    ("max-age", {**FRESH, "Age": "100"}, {"Cache-Control": "max-age=50"}, 2),
    ("max-age that is enough", {**FRESH, "Age": "100"}, {"Cache-Control": "max-age=500"}, 1),
    ("8246: a reload of what is immutable", {"Cache-Control": "max-age=3600, immutable"},
     {"Cache-Control": "max-age=0"}, 1),
    ("min-fresh", {**FRESH, "Age": "3000"}, {"Cache-Control": "min-fresh=1000"}, 2),
    ("min-fresh that there is", {**FRESH, "Age": "100"}, {"Cache-Control": "min-fresh=1000"}, 1),
    ("max-stale", {"Cache-Control": "max-age=0", "ETag": '"1"'}, {"Cache-Control": "max-stale"}, 1),
    ("max-stale=", {**FRESH, "Age": "3700", "ETag": '"1"'}, {"Cache-Control": "max-stale=500"}, 1),
    ("max-stale= that is exceeded", {**FRESH, "Age": "3700", "ETag": '"1"'},
     {"Cache-Control": "max-stale=50"}, 2),
    ("max-stale is no word against must-revalidate",
     {"Cache-Control": "max-age=0, must-revalidate", "ETag": '"1"'},
     {"Cache-Control": "max-stale"}, 2),
    ("5.4 Pragma", FRESH, {"Pragma": "no-cache"}, 2),
    ("5.4 Pragma beside Cache-Control", FRESH,
     {"Pragma": "no-cache", "Cache-Control": "max-age=100"}, 1),
)
def test_5_2_1_requests(selvaged, origin, row):
    """Only where a rule says so: by default a client's Cache-Control costs the origin nothing."""
    _, fields, asks, expected = row
    edge = selvaged(config=f"""site * {{ origin {origin.url}; honour-request on; }}
                               site b.test {{ origin {origin.url}; }}""")
    counted(origin, 200, fields)
    edge.get("/a")
    edge.get("/a", fields=asks)
    assert origin.count("/a") == expected
    if fields is FRESH:
        edge.get("/a", host="b.test")
        assert edge.get("/a", host="b.test", fields=asks).cache == "hit"


def test_5_2_1_5_no_store_and_5_2_1_7_only_if_cached(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; honour-request on; }}")
    counted(origin, 200, FRESH)
    assert edge.get("/a", fields={"Cache-Control": "only-if-cached"}).status == 504
    assert origin.count("/a") == 0
    edge.get("/a", fields={"Cache-Control": "no-store"})
    edge.get("/a")
    assert origin.count("/a") == 2
    assert edge.get("/a", fields={"Cache-Control": "only-if-cached"}).body == b"n2"


@table(
    ("no-cache", {"Cache-Control": "no-cache, max-age=3600", "ETag": '"1"'}, False),
    ("no-cache of fields: they alone", {"Cache-Control": 'no-cache="x-own", max-age=3600',
                                        "X-Own": "1"}, True),
    ("private of fields: they alone", {"Cache-Control": 'private="x-own", max-age=3600',
                                       "X-Own": "1"}, True),
    ("no-transform is for others", {"Cache-Control": "no-transform, max-age=3600"}, True),
    ("5.2.3 unknown ones", {"Cache-Control": 'max-age=3600, x="no-store, private", y'}, True),
    ("5.3 an Expires that is none", {"Expires": "0"}, False),
    ("5.3 nor with a Last-Modified", {"Expires": "-1", "Last-Modified": date(-86400)}, False),
    ("5.4 Pragma in a response means nothing", {**FRESH, "Pragma": "no-cache"}, True),
    ("5.5 Warning means nothing", {**FRESH, "Warning": '110 - "old"'}, True),
    ("9213 CDN-Cache-Control", {"CDN-Cache-Control": "max-age=3600", "Cache-Control": "no-store"},
     True),
    ("9213 forbids", {"CDN-Cache-Control": "no-store", **FRESH}, False),
    ("9213 broken: as if it were not there", {"CDN-Cache-Control": "max-age=,", **FRESH}, True),
)
def test_5_2_2_responses(edge, origin, row):
    _, fields, expected = row
    assert reused(edge, origin, 200, fields) == expected
    if expected:
        r = edge.get("/a")
        assert "x-own" not in r
        for name in set(fields) - {"X-Own"}:
            assert r[name.lower()] == fields[name]


@table(
    ("it is what a GET would get", {**FRESH, "Content-Location": "/a"}, True),
    ("it is something else", {**FRESH, "Content-Location": "/b"}, False),
    ("it does not say what it is", FRESH, False),
    ("it does not say for how long", {"Content-Location": "/a"}, False),
)
def test_9110_9_3_3_post_that_stands_for_a_get(edge, origin, row):
    _, fields, expected = row
    counted(origin, 200, fields)
    assert edge.get("/a", method="POST", body=b"x").body == b"n1"
    assert (edge.get("/a").body == b"n1") == expected
    edge.get("/a", method="POST", body=b"x")
    assert origin.requests("/a")[-1].method == "POST"
