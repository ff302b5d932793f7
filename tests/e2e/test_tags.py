"""Tags of responses: which count, what is dropped, what an update makes of them, who sees them; and
that what is made of other things (parts, slices, codings) goes with what it was made of."""
import gzip
import json

import pytest

from ranges import octets
from waiting import wait_for

FRESH = {"Cache-Control": "max-age=600"}


def stored(edge, url):
    return json.loads(edge.ctl("--json", "explain", url))["stored"]


def purge(edge, tag, *args):
    edge.ctl("purge", "tag", tag, *args)


def test_what_is_dropped_is_said(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; tags-max 3; }}")
    origin.page("/a", b"1", {**FRESH, "Surrogate-Key": "one " + "x" * 1025 + " two three four"})
    edge.get("/a")
    found = stored(edge, "a.test/a")
    assert (found["tags"], found["tags_dropped"]) == (3, 2)
    assert "3, and 2 too long or too many" in edge.ctl("explain", "a.test/a")
    assert edge.metric("selvage_tags_dropped_total") == 2
    wait_for(lambda: "has 2 tags that are too long or too many" in edge.stderr(), "a line in the log")
    purge(edge, "four", "--hard")
    assert edge.get("/a").cache == "hit"
    purge(edge, "three", "--hard")
    assert stored(edge, "a.test/a") is None


def test_an_update_keeps_what_it_does_not_say(edge, origin):
    said = {"Surrogate-Key": "skey", "Cache-Tag": "ctag"}

    @origin.at("/a")
    def page(x):
        fields = {"Cache-Control": "max-age=600", "ETag": '"1"', **said}
        if "if-none-match" in x.request:
            x.reply(304, fields=fields)
        else:
            x.reply(200, b"whole", fields)

    def revalidate(by):
        purge(edge, by)
        assert "fwd-status=304" in edge.get("/a")["cache-status"]
        assert edge.get("/a").cache == "hit"

    edge.get("/a")
    said.clear()
    revalidate("skey")  # the 304 has no tags
    revalidate("ctag")
    said["Cache-Tag"] = "other"
    revalidate("skey")
    purge(edge, "ctag")  # which is not one of its tags any more
    assert edge.get("/a").cache == "hit"
    revalidate("skey")
    revalidate("other")
    assert origin.count("/a") == 6


@pytest.mark.parametrize("method, fields", [
    ("GET", {"Cache-Control": "no-store"}),
    ("HEAD", FRESH),
    ("POST", FRESH),
], ids=["no-store", "HEAD", "POST"])
def test_what_passes_shows_no_tags_either(edge, origin, method, fields):
    origin.page("/a", b"1", {**fields, "Cache-Tag": "a", "CDN-Tag": "b", "Edge-Cache-Tag": "c",
                             "Surrogate-Key": "d", "X-Tag": "e"})
    r = edge.get("/a", method=method)
    assert [n for n in ("cache-tag", "cdn-tag", "edge-cache-tag", "surrogate-key") if n in r] == []
    assert r["x-tag"] == "e"


# --- what is made of other things

def test_a_beginning_is_purged_with_its_resource(edge, origin):
    origin.page("/a", b"01234", {"Content-Range": "bytes 0-4/10", "ETag": '"1"',
                                 "Cache-Tag": "t", **FRESH}, status=206)
    assert edge.get("/a", fields={"Range": "bytes=0-4"}).body == b"01234"
    purge(edge, "t", "--hard")
    origin.page("/a", b"ABCDEFGHIJ", {"ETag": '"2"', **FRESH})
    assert edge.get("/a").body == b"ABCDEFGHIJ"
    assert "range" not in origin.last("/a")


def test_the_whole_has_the_tags_of_its_beginning(edge, origin):
    part = {"ETag": '"1"', **FRESH}
    origin.page("/a", b"01234", {"Content-Range": "bytes 0-4/10", "Cache-Tag": "t", **part},
                status=206)
    edge.get("/a", fields={"Range": "bytes=0-4"})
    origin.page("/a", b"56789", {"Content-Range": "bytes 5-9/10", **part}, status=206)
    assert edge.get("/a").body == b"0123456789"
    assert edge.get("/a").cache == "hit"
    purge(edge, "t", "--hard")
    assert stored(edge, "a.test/a") is None


@pytest.mark.parametrize("hard", [(), ("--hard",)], ids=["soft", "hard"])
def test_codings_go_with_their_source(selvaged, origin, hard):
    edge = selvaged(config=f"site * {{ origin {origin.url}; encode gzip; }}")
    text = [b"first version " * 500]

    @origin.at("/a")
    def page(x):
        x.reply(200, text[0], {"Content-Type": "text/plain", "Cache-Tag": "t", **FRESH})

    def get():
        r = edge.get("/a", fields={"Accept-Encoding": "gzip"})
        assert r["content-encoding"] == "gzip"
        return r.cache, gzip.decompress(r.body)

    get()
    assert get() == ("hit", text[0])
    text[0] = b"second version " * 500
    purge(edge, "t", *hard)
    assert get()[1] == text[0]
    assert get() == ("hit", text[0])


@pytest.mark.parametrize("hard", [(), ("--hard",)], ids=["soft", "hard"])
def test_slices_go_with_their_head(selvaged, origin, hard):
    edge = selvaged(config=f"site * {{ origin {origin.url}; slice 64KiB; slice-from 100KiB; }}")
    size, version, asked = 300_000, ["v1"], []

    @origin.at("/a")
    def movie(x):
        etag, found = f'"{version[0]}"', x.request.fields.get("range", "")
        asked.append(found)
        fields = {"ETag": etag, "Cache-Tag": "t", **FRESH}
        if x.request.fields.get("if-none-match") == etag:
            x.reply(304, fields=fields)
        elif found.startswith("bytes="):
            first, last = found[6:].split("-")
            first, last = int(first), min(int(last or size), size - 1)
            x.reply(206, octets(version[0], first, last + 1 - first),
                    {**fields, "Content-Range": f"bytes {first}-{last}/{size}"})
        else:
            x.reply(200, octets(version[0], 0, size), fields)

    def get():
        return edge.get("/a", fields={"Range": "bytes=70000-199999"}).body

    assert get() == get() == octets("v1", 70000, 130000)
    before = len(asked)
    purge(edge, "t", *hard)
    assert get() == octets("v1", 70000, 130000)
    # A soft purge asks whether it is still the same, and after a hard one all is new.
    assert len(asked) - before == (4 if hard else 1)
    version[0] = "v2"
    purge(edge, "t", *hard)
    assert get() == get() == octets("v2", 70000, 130000)
