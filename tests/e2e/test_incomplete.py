"""Incomplete responses are completed by their rest (RFC 9111 3.3, 3.4), and never used for the whole."""
import pytest

BEGINNING = {"Content-Range": "bytes 0-4/10", "Cache-Control": "max-age=60"}


def ask(edge):
    return edge.get("/a", fields={"Range": "bytes=0-4"})


def begun(edge, origin, tag):
    """The origin answers with the first five bytes of ten, whatever it was asked for."""
    origin.page("/a", b"01234", {**BEGINNING, **tag}, status=206)
    r = ask(edge)
    assert (r.status, r.body) == (206, b"01234")


def test_the_rest_completes(edge, origin):
    tag = {"ETag": '"1"'}
    begun(edge, origin, tag)
    origin.page("/a", b"56789", {**tag, "Content-Range": "bytes 5-9/10",
                                 "Cache-Control": "max-age=60", "X-New": "1"}, status=206)
    r = edge.get("/a")
    assert (r.status, r.body, r["x-new"]) == (200, b"0123456789", "1")
    assert "content-range" not in r and "fwd=partial" in r["cache-status"]
    asked = origin.last("/a")
    assert (asked["range"], asked["if-range"]) == ("bytes=5-", '"1"')
    r = edge.get("/a")
    assert (r.cache, r.body) == ("hit", b"0123456789")


@pytest.mark.parametrize("ours, theirs, rest", [
    ({"ETag": '"1"'}, {"ETag": '"2"'}, "bytes 5-9/10"),
    ({"ETag": 'W/"1"'}, {"ETag": 'W/"1"'}, "bytes 5-9/10"),
    ({}, {}, "bytes 5-9/10"),
    ({"ETag": '"1"'}, {"ETag": '"1"'}, "bytes 5-9/11"),
    ({"ETag": '"1"'}, {"ETag": '"1"'}, "bytes 4-8/10"),
], ids=["changed", "weak", "none", "longer", "elsewhere"])
def test_what_does_not_fit_is_asked_for_again(edge, origin, ours, theirs, rest):
    begun(edge, origin, ours)

    @origin.at("/a")
    def page(x):
        if "range" in x.request:
            x.reply(206, b"abcde", {**theirs, "Content-Range": rest})
        else:
            x.reply(200, b"ABCDEFGHIJ", {**theirs, "Cache-Control": "max-age=60"})

    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"ABCDEFGHIJ")
    assert edge.get("/a").body == b"ABCDEFGHIJ"


def test_an_origin_that_sends_the_whole(edge, origin):
    begun(edge, origin, {"ETag": '"1"'})
    origin.page("/a", b"whole", {"ETag": '"2"', "Cache-Control": "max-age=60"})
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"whole")
    assert edge.get("/a").cache == "hit"


def test_what_must_not_be_stored_is_not_begun(edge, origin):
    origin.page("/a", b"01234", {**BEGINNING, "Cache-Control": "private", "ETag": '"1"'}, status=206)
    ask(edge)
    ask(edge)
    assert "range" not in origin.last("/a")


def test_a_part_of_what_is_too_large_costs_that_part(selvaged, origin):
    """RangeAmp: the end of something that is never stored is not fetched from its beginning."""
    edge = selvaged(config=f"cache {{ memory 16MiB; object-max 100KiB; }}\n"
                           f"site * {{ origin {origin.url}; }}", memory=None)
    size = 4 << 20

    @origin.at("/a")
    def page(x):
        if "range" in x.request:
            assert x.request["range"] == "bytes=-1"
            x.reply(206, b"z", {"Content-Range": f"bytes {size - 1}-{size - 1}/{size}", "ETag": '"1"'})
        else:
            x.head(200, {"Content-Length": str(size), "ETag": '"1"', "Cache-Control": "max-age=60"})
            x.send(b"y" * 65536)

    for _ in range(2):
        r = edge.get("/a", fields={"Range": "bytes=-1"})
        assert (r.status, r.body, r["content-range"]) == (206, b"z", f"bytes {size - 1}-{size - 1}/{size}")
