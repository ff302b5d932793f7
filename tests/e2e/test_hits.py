"""What has been fetched once is answered from memory."""
import os

import pytest

KEEP = {"Cache-Control": "max-age=60"}


def test_miss_then_hit(edge, origin):
    origin.page("/a", b"hello", {**KEEP, "Content-Type": "text/plain", "X-Own": "1"})
    first, second = edge.get("/a"), edge.get("/a")
    assert (first.status, first.body, first.cache) == (200, b"hello", "miss")
    assert (second.status, second.body, second.cache) == (200, b"hello", "hit")
    assert second["content-type"] == "text/plain"
    assert second["x-own"] == "1"
    assert second["cache-control"] == "max-age=60"
    assert int(second["age"]) <= 60
    assert origin.count("/a") == 1


@pytest.mark.threaded
def test_hit_on_every_worker(selvaged, origin):
    edge = selvaged(origin=origin, workers=4)
    origin.page("/a", b"hello", KEEP)
    assert edge.get("/a").cache == "miss"
    # The kernel spreads connections over the workers by their port.
    assert [edge.get("/a").cache for _ in range(32)] == ["hit"] * 32
    assert origin.count("/a") == 1


def test_age_goes_on_from_the_origin(edge, origin):
    origin.page("/a", b"hello", {"Cache-Control": "max-age=1000", "Age": "500"})
    edge.get("/a")
    assert 500 <= int(edge.get("/a")["age"]) < 560


def test_stale_on_arrival_is_fetched_again(edge, origin):
    origin.page("/a", b"hello", {"Cache-Control": "max-age=100", "Age": "100"})
    assert edge.get("/a").cache != "hit"
    assert edge.get("/a").cache != "hit"
    assert origin.count("/a") == 2


@pytest.mark.parametrize("fields, expected", [
    ({"Cache-Control": "max-age=60"}, "hit"),
    ({"Cache-Control": "s-maxage=60, max-age=0"}, "hit"),
    ({"Cache-Control": "s-maxage=0, max-age=60"}, "stale"),
    ({"Cache-Control": "public"}, "miss"),  # no lifetime, no validator: nothing to reuse
    ({"Expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, "hit"),
    ({"Expires": "0"}, "miss"),
    ({"Expires": "Fri, 01 Jan 2100 00:00:00 GMT", "Cache-Control": "max-age=0"}, "stale"),
    ({"Cache-Control": "MAX-AGE=60"}, "hit"),
    ({"Cache-Control": 'max-age="60"'}, "hit"),
    ({"Cache-Control": "max-age=60, no-store"}, "miss"),
    ({"Cache-Control": "max-age=60, private"}, "miss"),
    ({"Cache-Control": "max-age=60, no-cache"}, "stale"),
    ({"Cache-Control": "max-age=60, PRIVATE"}, "miss"),
    ([("Cache-Control", "max-age=60"), ("Cache-Control", "no-store")], "miss"),
])
def test_lifetime(edge, origin, fields, expected):
    origin.page("/a", b"hello", fields)
    edge.get("/a")
    second = edge.get("/a")
    if expected == "hit":
        assert second.cache == "hit"
        assert origin.count("/a") == 1
    else:
        # Whether it was kept for validation is the cache's affair; reused unasked it is not.
        assert second.cache != "hit"
        assert origin.count("/a") == 2


@pytest.mark.parametrize("status, kept", [
    (200, True), (404, True), (301, True), (410, True), (302, True), (500, True), (206, False),
    (304, False),
])
def test_explicit_lifetime_by_status(edge, origin, status, kept):
    """With a max-age any final status may be kept (9111 3); an unsolicited 206 or 304 never."""
    origin.page("/a", b"" if status == 304 else b"x", KEEP, status=status)
    edge.get("/a")
    edge.get("/a")
    assert origin.count("/a") == (1 if kept else 2)


def test_key_is_host_path_and_query(edge, origin):
    for path in ("/a", "/b"):
        origin.at(path, lambda x: x.reply(
            200, f"{x.request['host']} {x.request.target}".encode(), KEEP))
    asked = [("/a", "one.test"), ("/a", "two.test"), ("/a?x=1", "one.test"), ("/a?x=2", "one.test"),
             ("/b", "one.test"), ("/a?", "one.test")]
    for target, host in asked:
        assert edge.get(target, host=host).body == f"{host} {target}".encode()
    assert origin.count() == len(asked)
    for target, host in asked:
        r = edge.get(target, host=host)
        assert (r.body, r.cache) == (f"{host} {target}".encode(), "hit")
    assert edge.get("/a", host="ONE.test").cache == "hit"


def test_head_is_answered_from_a_stored_get(edge, origin):
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    r = edge.get("/a", method="HEAD")
    assert (r.status, r.cache, r["content-length"], r.body) == (200, "hit", "5", b"")
    assert origin.count("/a") == 1


def test_unsafe_methods_go_to_the_origin(edge, origin):
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert edge.get("/a", method=method, body=b"x").cache != "hit"
    assert origin.count("/a") == 6


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65535, 65536, 65537, 1 << 20, (5 << 20) + 3])
def test_sizes_come_back_byte_for_byte(selvaged, origin, size):
    edge = selvaged(origin=origin, memory="256MiB")  # room for the largest; see object-max
    body = os.urandom(size)
    origin.page("/a", body, KEEP)
    for expected in ("miss", "hit", "hit"):
        r = edge.get("/a")
        assert r.cache == expected
        assert r.body == body


def test_hit_while_pipelined(edge, origin):
    pages = {f"/{n}": os.urandom(3000 * n) for n in range(1, 20)}
    for path, body in pages.items():
        origin.page(path, body, KEEP)
        edge.get(path)
    with edge.connect() as c:
        for path in pages:
            c.request(path)
        for body in pages.values():
            r = c.response()
            assert (r.cache, r.body) == ("hit", body)


def test_chunked_from_the_origin_is_kept_whole(edge, origin):
    @origin.at("/a")
    def chunks(x):
        x.head(200, {**KEEP, "Transfer-Encoding": "chunked"})
        for piece in (b"hello ", b"w", b"orld" * 1000):
            x.chunk(piece)
        x.last_chunk()

    expected = b"hello world" + b"orld" * 999
    assert edge.get("/a").body == expected
    r = edge.get("/a")
    assert (r.body, r.cache) == (expected, "hit")
    assert r["content-length"] == str(len(expected))


def test_body_until_close_is_kept(edge, origin):
    """9112 6.3: without a length the body ends with the connection; nothing says it was cut."""
    @origin.at("/a")
    def until_close(x):
        x.head(200, KEEP)
        x.send(b"hello")
        x.close()

    assert edge.get("/a").body == b"hello"
    assert edge.get("/a").body == b"hello"
