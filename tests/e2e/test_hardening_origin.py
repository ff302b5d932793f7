"""Attacks by origins, or by those who can make an origin say something odd: what is ambiguous is a
502 and never stored, no byte of one answer becomes another's, nothing cut is taken for whole, and
what is one client's stays that client's.
"""
import itertools
import threading

import pytest

from waiting import wait_for
from wire import Cut

NO = {"Cache-Control": "no-store"}
KEEP = {"Cache-Control": "max-age=60"}
OK = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nEVIL"

numbers = itertools.count()


def own_path():
    return f"/o{next(numbers)}"


def short(value):
    """A name for a test out of the bytes that the origin sends."""
    return repr(value)[2:60] if isinstance(value, bytes) else None


def good_after(edge, origin):
    """Whatever the pool keeps now: each answer is the asked one's."""
    path = own_path()
    origin.page(path, path.encode(), NO)
    for _ in range(3):
        assert edge.get(path).body == path.encode()


# --- framing and syntax: RFC 9112 as a client must read it

@pytest.mark.parametrize("rule, said", [
    ("9112 4", b"EVIL\n"), ("9112 4", b"<html>EVIL</html>\r\n\r\n"), ("9112 4", b"\r\n" + EVIL),
    ("9112 4", b"HTTP/0.9 200 OK\r\n\r\nEVIL"), ("9112 4", b"HTTP/2.0 200 OK\r\n\r\nEVIL"),
    ("9112 4", b"ICY 200 OK\r\n\r\nEVIL"), ("9112 4", b"HTTP/1.1 20 OK\r\n\r\nEVIL"),
    ("9112 4", b"HTTP/1.1 2000 OK\r\n\r\nEVIL"), ("9112 4", b"HTTP/1.1 099 OK\r\n\r\nEVIL"),
    ("9112 4", b"HTTP/1.1 600 OK\r\n\r\nEVIL"), ("9112 4", b"HTTP/1.1 +20 OK\r\n\r\nEVIL"),
    ("9112 4", b"HTTP/1.1  200 OK\r\n\r\nEVIL"), ("9112 4", b"HTTP/1.1\t200 OK\r\n\r\nEVIL"),
    ("9112 4, VSV00009", b"HTTP/1.1 200 O\x00K\r\n\r\nEVIL"), ("9112 4", b"HTTP/1.1 200 O\rK\r\n\r\n"),
    ("9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 4\n\nEVIL"),
    ("9112 5.1", OK + b"Content-Length : 4\r\n\r\nEVIL"),
    ("9112 5.2", OK + b"X: y\r\n Content-Length: 4\r\n\r\nEVIL"),
    ("9112 5", OK + b"no colon\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 5", OK + b": x\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 2.2", OK + b"X: a\rSet-Cookie: x\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 2.2", OK + b"X: a\nSet-Cookie: x\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9110 5.5", OK + b"X: a\x00b\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9110 5.5", OK + b"X: a\x7fb\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9110 5.1", OK + b"X\x80: a\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 6.3", OK + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nEVIL"),
    ("9112 6.3", OK + b"Content-Length: 4, 40\r\n\r\nEVIL"),
    ("9110 8.6", OK + b"Content-Length: 4x\r\n\r\nEVIL"), ("9110 8.6", OK + b"Content-Length: +4\r\n\r\nEVIL"),
    ("9110 8.6", OK + b"Content-Length: -4\r\n\r\nEVIL"), ("9110 8.6", OK + b"Content-Length:\r\n\r\nEVIL"),
    ("9110 8.6", OK + b"Content-Length: 0x4\r\n\r\nEVIL"),
    ("overflow", OK + b"Content-Length: 18446744073709551620\r\n\r\nEVIL"),
    ("overflow", OK + b"Content-Length: 9223372036854775808\r\n\r\nEVIL"),
    ("9112 6.3", OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.1", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.1", OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.1", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.1", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nEVIL"),
    ("9112 6.1", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 7: nobody could decode it", OK + b"Transfer-Encoding: gzip\r\n\r\nEVIL"),
    ("9112 7: nobody could decode it", OK + b"Transfer-Encoding: xchunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 7: nobody could decode it", OK + b"Transfer-Encoding: identity\r\n\r\nEVIL"),
    ("9110 15.2.2", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + EVIL),
    ("bounded", b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + EVIL),
    ("bounded", OK + b"x" * 65550 + b": y\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("bounded", OK + b"X: " + b"y" * 400000 + b"\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("bounded", OK + b"a: b\r\n" * 5000 + b"Content-Length: 4\r\n\r\nEVIL"),
    ("9112 9.6", OK), ("9112 9.6", OK + b"Content-Length: 4\r\n"),
], ids=short)
def test_bad_head(standing, rule, said):
    """502, not a byte of it for the client, nothing stored, and the connection is given up."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def bad(x):
        x.send(said)
        x.close()

    for n in (1, 2):
        r = edge.get(path)
        assert r.status == 502 and b"EVIL" not in r.body and "set-cookie" not in r
        assert origin.count(path) == n
    good_after(edge, origin)


@pytest.mark.parametrize("rule, said, whole", [
    ("9112 8", b"Content-Length: 10\r\n\r\nhello", b"hello"),
    ("9112 8", b"Content-Length: 9223372036854775807\r\n\r\nhello", b"hello"),
    ("9112 8", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"hello"),
    ("9112 8", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", b"hel"),
    ("9112 8", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", b"hello"),
    ("9112 8", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n", b"hello"),
    ("9112 7.1", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", b"hello"),
    ("9112 7.1", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n\r\n", b"hello"),
    ("9112 7.1", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0x0\r\n\r\n", b"hello"),
    ("9112 7.1", b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", b""),
    ("9112 7.1.1", b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 70000 + b"\r\nhello\r\n0\r\n\r\n", b""),
    ("9112 7.1.2", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: \x00\r\n\r\n", b"hello"),
    ("9112 7.1.2", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
     b"hello"),
    ("overflow", b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", b""),
    ("overflow", b"Transfer-Encoding: chunked\r\n\r\n7FFFFFFFFFFFFFFF\r\nhello", b"hello"),
], ids=short)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_cut_body(standing, rule, said, whole, version):
    """9111 3.3: never completed for the client, whichever version it speaks; never stored."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def cut(x):
        x.send(OK + said)
        x.close()

    for n in (1, 2):
        with edge.connect() as c:
            c.request(path, version=version)
            if version == "1.1":
                try:
                    r = c.response()
                    assert r.status == 502, "told as whole"
                except Cut as told:
                    assert whole.startswith(told.body)
            else:
                data = bytearray()
                try:
                    while got := c.sock.recv(65536):
                        data += got
                    told = False
                except ConnectionResetError:
                    told = True
                head, _, body = bytes(data).partition(b"\r\n\r\n")
                assert told or b" 502 " in head or b"Content-Length:" in head, data
                assert b" 502 " in head or whole.startswith(body)
        assert origin.count(path) == n
    good_after(edge, origin)


@pytest.mark.parametrize("rule, method, said", [
    ("9112 6.3", "GET", OK + b"Content-Length: 4\r\n\r\ngood" + EVIL),
    ("9112 6.3", "GET", OK + b"Content-Length: 0\r\n\r\n" + EVIL),
    ("9112 6.3", "GET", OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + EVIL),
    ("9112 6.3", "GET", b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL),
    ("9112 6.3", "GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 6.3", "GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.3", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL"),
    ("9112 6.3", "GET", b"HTTP/1.1 304 Not Modified\r\n\r\n" + EVIL),
    ("9112 6.3", "HEAD", OK + b"Content-Length: 4\r\n\r\nEVIL"),
    ("9112 6.3", "HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"),
    ("9112 6.3", "HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n" + EVIL),
    ("9112 6.3", "POST", OK + b"Content-Length: 4\r\n\r\ngood" + EVIL),
], ids=short)
def test_extra_bytes_answer_nobody(selvaged, origin, rule, method, said):
    """One worker and so one pool: what stands behind a response is dropped with its connection."""
    edge = selvaged(origin=origin, workers=1)
    origin.at("/extra", lambda x: x.send(said))
    for _ in range(2):
        r = edge.get("/extra", method=method)
        assert b"EVIL" not in r.body
        good_after(edge, origin)


def test_bytes_that_come_later_answer_nobody(selvaged, origin):
    """What arrives on a kept connection ends it (9112 9.3)."""
    edge = selvaged(origin=origin, workers=1)
    gate, left = threading.Event(), threading.Event()

    @origin.at("/a")
    def late(x):
        x.reply(200, b"good", NO)
        x.wait(gate)
        x.send(EVIL)
        x.edge_left()
        x.close()
        left.set()

    assert edge.get("/a").body == b"good"
    gate.set()
    assert left.wait(20)
    good_after(edge, origin)


@pytest.mark.parametrize("method", ["POST", "PATCH", "FOO", "LOCK"])
def test_what_is_not_idempotent_is_sent_once(selvaged, origin, method):
    """9110 9.2.2, with and without a body."""
    edge = selvaged(origin=origin, workers=1)

    @origin.at("/a")
    def drop(x):
        x.close()
        x.reset()

    for n, body in enumerate((b"x", None), 1):
        good_after(edge, origin)
        assert edge.get("/a", method=method, body=body).status == 502
        assert origin.count("/a") == n


def test_an_answer_before_the_body_leaves_nothing_owed(selvaged, origin):
    """ATS CVE-2025-31699: the origin answers and keeps the connection, the upload goes on: its bytes
    are never at the place of a request."""
    edge = selvaged(origin=origin, workers=1)

    def early(x):
        x.reply(200, b"early", NO)
        x.edge_left()
        x.close()
    early.reads_body_itself = True
    origin.at("/up", early)
    body = b"GET /prey HTTP/1.1\r\nHost: a.test\r\n\r\n" * 1000
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Content-Length": str(len(body))})
        assert c.response().body == b"early"
        try:
            c.send(body)
        except OSError:
            pass
    good_after(edge, origin)
    assert origin.count("/prey") == 0


def test_a_client_that_leaves_poisons_nothing(selvaged, origin):
    """Its half upload ends that origin connection, and no other request continues it."""
    edge = selvaged(origin=origin, workers=1)
    ended = []

    def reads(x):
        try:
            x.stream.exactly(100)
            ended.append("whole")
        except Cut as cut:
            ended.append(cut.body)
            x.close()
    reads.reads_body_itself = True
    origin.at("/up", reads)
    c = edge.connect()
    c.request("/up", method="POST", fields={"Content-Length": "100"})
    c.send(b"x" * 40)
    origin.wait_count(1, "/up")
    c.reset()
    wait_for(lambda: ended, "the origin to see the end of the upload")
    assert ended[0] != "whole"
    good_after(edge, origin)


# --- interim responses

def test_interim_fields_are_not_framing(standing):
    """9110 15.2, 9112 6.1: a 1xx has no content; what frames or concerns the hop does not pass."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def early(x):
        x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\nConnection: X-Hop, close\r\n"
               b"X-Hop: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: h2c\r\nX-Own: kept\r\n\r\n")
        x.send(b"HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n")
        x.reply(200, b"done", NO)

    with edge.connect() as c:
        r = c.get(path)
        assert r.body == b"done" and r.keeps_alive
        names = {n.lower() for i in r.interim for n, _ in i.fields}
        assert names <= {"link", "x-own"}
        assert [i.status for i in r.interim] == [103, 102]
        assert r.interim[0]["link"] == "</a>"


# --- what is one client's stays so

@pytest.mark.parametrize("rule, fields", [
    ("9111 5.2.2.5", [("Cache-Control", "no-store")]),
    ("9111 5.2.2.5", [("cache-control", "NO-STORE, max-age=60")]),
    ("9111 5.2.2.5", [("Cache-Control", "max-age=60"), ("Cache-Control", "No-Store")]),
    ("9111 5.2.2.5", [("Cache-Control", "max-age=60,no-store")]),
    ("9111 5.2.2.5", [("Cache-Control", "no-store=1, max-age=60")]),
    ("9111 5.2.2.5", [("Cache-Control", "max-age=60,\t,, no-store ,")]),
    ("9111 5.2.2.5", [("Cache-Control", "x=\"a, b\", no-store, max-age=60")]),
    ("9111 5.2.2.7", [("Cache-Control", "PRIVATE, max-age=60")]),
    ("9111 5.2.2.7", [("Cache-Control", "max-age=60"), ("X", "y"), ("CACHE-CONTROL", "Private")]),
    ("9111 5.2.2.7", [("Cache-Control", "private=, max-age=60")]),
    ("9111 5.2.2.7", [("Cache-Control", "private=\"\", max-age=60")]),
    ("9111 5.2.2.7", [("Cache-Control", "private=\"x, max-age=60")]),
    ("9111 5.2.2.7, broken", [("Cache-Control", "max-age=60; private")]),
    ("9111 5.2.2.7, broken", [("Cache-Control", "max-age=60 private")]),
    ("9111 5.2.2.7, broken", [("Cache-Control", "private; max-age=60")]),
    ("9111 4.1", [("Cache-Control", "max-age=60"), ("Vary", "*")]),
    ("9111 4.1", [("Cache-Control", "max-age=60"), ("Vary", "Accept"), ("vary", "X, *")]),
    ("9111 4.1", [("Cache-Control", "max-age=60"), ("Vary", "a b")]),
    ("9111 5.3", [("Expires", "0")]), ("9111 5.3", [("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")]),
    ("9111 5.2.2.1", [("Cache-Control", "max-age=0"), ("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")]),
    ("9111 5.2.2.1", [("Cache-Control", "max-age=-60")]), ("9111 5.2.2.1", [("Cache-Control", "max-age=6x")]),
    ("cookies are one client's", [("Set-Cookie", "id=1"), ("ETag", "\"x\"")]),
    ("cookies are one client's", [("Set-Cookie", "id=1"), ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT")]),
])
def test_not_for_others(standing, rule, fields):
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, b"of %b" % x.request["cookie"].encode(), fields))
    for who in ("alice", "bob"):
        r = edge.get(path, fields={"Cookie": who})
        assert r.body == b"of %b" % who.encode(), r
    assert origin.count(path) == 2


@pytest.mark.parametrize("names", [["Cookie"], ["Accept, Cookie"], ["Accept", "cookie"], ["COOKIE,,"]])
def test_variants_are_apart(standing, names):
    """9111 4.1, in one line or several."""
    edge, origin = standing
    path = own_path()
    fields = [("Cache-Control", "max-age=60")] + [("Vary", n) for n in names]
    origin.at(path, lambda x: x.reply(200, x.request.fields.get("cookie", "-").encode(), fields))
    for who in ("alice", "bob", "alice", "ali", "bob"):
        assert edge.get(path, fields={"Cookie": who}).body == who.encode()
    assert edge.get(path).body == b"-"
    assert origin.count(path) == 4


@pytest.mark.parametrize("fields, shared", [
    ({"Cache-Control": "max-age=60"}, False), ({"Expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, False),
    ({"Cache-Control": "max-age=60", "ETag": '"x"'}, False),
    ({"Cache-Control": "public, max-age=60"}, True), ({"Cache-Control": "s-maxage=60"}, True),
    ({"Cache-Control": "must-revalidate, max-age=60"}, True),
])
@pytest.mark.parametrize("listed", [False, True])
def test_authorization(standing, fields, shared, listed):
    """9111 3.5, also when the client lists the field as hop-by-hop."""
    edge, origin = standing
    path = own_path()
    origin.page(path, b"mine", fields)
    asks = {"Authorization": "Basic eDp5"}
    if listed:
        asks["Connection"] = "Authorization"
    edge.get(path, fields=asks)
    assert "authorization" in origin.last(path)
    assert (edge.get(path).cache == "hit") == shared


def test_206_that_nobody_asked_for(standing):
    """It is never what a later client gets as the whole."""
    edge, origin = standing
    path = own_path()
    whole = b"0123456789"

    @origin.at(path)
    def part(x):
        if origin.count(path) == 1:
            x.reply(206, b"EVIL", {**KEEP, "Content-Range": "bytes 0-3/10", "ETag": '"x"'})
        else:
            x.reply(200, whole, {**KEEP, "ETag": '"y"'})

    assert edge.get(path).status in (206, 502)
    for _ in range(3):
        r = edge.get(path)
        assert (r.status, r.body) == (200, whole)


def test_a_rest_that_does_not_fit(standing):
    """9111 3.4: only the same representation is put together, and only where it is missing."""
    edge, origin = standing
    for etag, content_range in [('"y"', "bytes 4-9/10"), ('W/"x"', "bytes 4-9/10"),
                                ('"x"', "bytes 3-8/10"), ('"x"', "bytes 4-9/11"), ('"x"', "bytes 4-9/*"),
                                ('"x"', "bytes 4-18446744073709551615/10"), ('"x"', "lines 4-9/10")]:
        path = own_path()

        def part(x, path=path, etag=etag, content_range=content_range):
            if origin.count(path) == 1:
                x.reply(206, b"0123", {**KEEP, "Content-Range": "bytes 0-3/10", "ETag": '"x"'})
            elif "range" in x.request:
                x.reply(206, b"EVILEV", {**KEEP, "Content-Range": content_range, "ETag": etag})
            else:
                x.reply(200, b"0123456789", KEEP)
        origin.at(path, part)
        edge.get(path)
        for _ in range(2):
            r = edge.get(path)
            assert (r.status, r.body) == (200, b"0123456789"), (etag, content_range)


def test_304_that_nobody_asked_for(standing):
    """It has nothing to say, neither now nor later."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def page(x):
        if origin.count(path) == 1:
            x.head(304, {**KEEP, "ETag": '"x"'})
        else:
            x.reply(200, b"whole", KEEP)

    assert edge.get(path, fields={"If-None-Match": '"x"'}).status in (502, 304)
    r = edge.get(path)
    assert (r.status, r.body) == (200, b"whole")


def test_304_does_not_change_what_the_body_is(standing):
    """9111 3.2: not its length, its coding or its place."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def page(x):
        if "if-none-match" in x.request:
            x.head(304, {"Cache-Control": "max-age=60", "ETag": '"x"', "Content-Length": "9999",
                         "Content-Encoding": "gzip", "Content-Range": "bytes 0-1/9"})
        else:
            x.reply(200, b"hello", {"Cache-Control": "no-cache", "ETag": '"x"'})

    edge.get(path)
    for _ in range(2):
        r = edge.get(path)
        assert (r.status, r.body, r["content-length"]) == (200, b"hello", "5")
        assert "content-encoding" not in r and "content-range" not in r


@pytest.mark.parametrize("control", [
    "max-age=0, must-revalidate", "max-age=0, proxy-revalidate", "no-cache", "s-maxage=0",
])
def test_stale_is_not_served_where_forbidden(standing, control):
    """9111 4.2.4: rather an error."""
    edge, origin = standing
    path = own_path()

    @origin.at(path)
    def page(x):
        if origin.count(path) == 1:
            x.reply(200, b"hello", {"Cache-Control": control, "ETag": '"x"'})
        else:
            x.close()
            x.reset()

    assert edge.get(path).status == 200
    assert edge.get(path).status == 502


# --- slowness

def test_a_head_that_drips(selvaged, origin):
    """The time for the first byte is for the whole head: a byte now and then buys no more of it."""
    edge = selvaged(config=f"""
        origin o {{ server {origin.url}; first-byte-timeout 500ms; between-bytes-timeout 30s; }}
        site * {{ origin o; }}""")
    ended = threading.Event()

    @origin.at("/a")
    def drips(x):
        try:
            for b in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
                x.send(bytes([b]))
                if x.gone.wait(0.05):
                    break
        finally:
            ended.set()

    assert edge.get("/a").status == 504
    assert ended.wait(20)


def test_single_bytes_are_put_together(standing):
    """A large head and body in pieces of one byte cost what they cost, and come out right."""
    edge, origin = standing
    path = own_path()
    body = bytes(range(256)) * 4

    @origin.at(path)
    def slowly(x):
        said = OK + b"X: " + b"y" * 8000 + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        said += b"".join(b"1\r\n%c\r\n" % b for b in body) + b"0\r\n\r\n"
        for b in said:
            x.send(bytes([b]))

    assert edge.get(path).body == body
    r = edge.get(path)
    assert r.cache == "hit" and r.body == body


# --- amplification

@pytest.mark.parametrize("size_mib", [40, 200])
def test_a_small_range_of_a_large_thing_is_cheap(selvaged, origin, size_mib):
    """RangeAmp (SBR): one byte of what is not stored costs the origin no multiple of what an
    abandoned download may cost: the rest is not fetched for nobody."""
    edge = selvaged(origin=origin, memory="32MiB")
    sent, ended, piece = [0], threading.Event(), b"x" * 65536

    @origin.at("/large")
    def large(x):
        try:
            x.head(200, {**KEEP, "Content-Length": str(size_mib << 20), "ETag": '"x"'})
            for _ in range(size_mib * 16):
                x.send(piece)
                sent[0] += len(piece)
        finally:
            ended.set()

    r = edge.get("/large", fields={"Range": "bytes=0-0"})
    assert (r.status, r.body) == (206, b"x")
    assert ended.wait(20)
    assert sent[0] < 16 << 20


def test_upload_that_drips_delays_nobody(selvaged, origin):
    """Many uploads in slow bytes: others still reach the origin."""
    edge = selvaged(origin=origin, workers=1)
    origin.page("/b", b"good", NO)
    slow = [edge.connect() for _ in range(100)]
    for c in slow:
        c.request("/up", method="POST", fields={"Content-Length": "1000"})
        c.send(b"x")
    origin.wait_count(100, "/up")
    assert edge.get("/b").body == b"good"
    for c in slow:
        c.reset()
    wait_for(lambda: origin.active == 0, "the origin to be rid of them")
