"""Vary: several answers under one key, each for those it fits (RFC 9111 4.1)."""
import json
import threading

import pytest

from waiting import wait_for

KEEP = {"Cache-Control": "max-age=60"}


def languages(origin, vary="Accept-Language"):
    @origin.at("/a")
    def page(x):
        language = x.request.fields.get("accept-language", "none")
        x.reply(200, language.encode(), {**KEEP, "Vary": vary})


def test_each_gets_their_own(edge, origin):
    languages(origin)
    for language in ("en", "de", "fr"):
        r = edge.get("/a", fields={"Accept-Language": language})
        assert (r.body, r.cache) == (language.encode(), "miss")
    for language in ("en", "de", "fr"):
        r = edge.get("/a", fields={"Accept-Language": language})
        assert (r.body, r.cache) == (language.encode(), "hit")
    assert origin.count("/a") == 3


def test_absent_is_a_value_too(edge, origin):
    languages(origin)
    assert edge.get("/a", fields={"Accept-Language": "en"}).body == b"en"
    assert edge.get("/a").body == b"none"
    assert edge.get("/a", fields={"Accept-Language": "en"}).cache == "hit"
    assert edge.get("/a").cache == "hit"


def test_other_fields_do_not_matter(edge, origin):
    languages(origin)
    edge.get("/a", fields={"Accept-Language": "en", "User-Agent": "one"})
    assert edge.get("/a", fields={"Accept-Language": "en", "User-Agent": "two"}).cache == "hit"


def test_star_is_for_nobody_else(edge, origin):
    languages(origin, "*")
    edge.get("/a")
    assert edge.get("/a").cache != "hit"
    assert origin.count("/a") == 2


def test_several_fields_and_lines(edge, origin):
    @origin.at("/a")
    def page(x):
        said = [x.request.fields.get(n, "-") for n in ("X-One", "X-Two")]
        x.reply(200, " ".join(said).encode(),
                [("Cache-Control", "max-age=60"), ("Vary", "x-one"), ("Vary", "X-TWO")])

    for one in ("a", "b"):
        for two in ("c", "d"):
            assert edge.get("/a", fields={"X-One": one, "X-Two": two}).body == f"{one} {two}".encode()
    for one in ("a", "b"):
        for two in ("c", "d"):
            r = edge.get("/a", fields={"X-One": one, "X-Two": two})
            assert (r.body, r.cache) == (f"{one} {two}".encode(), "hit")


def test_coding_fits_the_client(edge, origin):
    """Who did not ask for gzip never gets it, whatever was stored first."""
    @origin.at("/a")
    def page(x):
        gzip = "gzip" in x.request.fields.get("accept-encoding", "")
        fields = {**KEEP, "Vary": "Accept-Encoding"}
        x.reply(200, b"zipped" if gzip else b"plain",
                {**fields, "Content-Encoding": "gzip"} if gzip else fields)

    assert edge.get("/a", fields={"Accept-Encoding": "gzip"}).body == b"zipped"
    assert edge.get("/a").body == b"plain"
    assert edge.get("/a", fields={"Accept-Encoding": "gzip"}).body == b"zipped"
    assert edge.get("/a", fields={"Accept-Encoding": "identity"}).body == b"plain"


def codings(origin, has, keep=KEEP):
    """An origin with some codings, which it prefers in that order."""
    @origin.at("/a")
    def page(x):
        asked = x.request.fields.get("accept-encoding", "")
        best = next((c for c in has if c in asked), None)
        fields = {**keep, "Vary": "Accept-Encoding"}
        x.reply(200, (best or "plain").encode(), {**fields, "Content-Encoding": best} if best else fields)


def test_stored_once_per_coding(edge, origin):
    """However many different clients ask, each coding is fetched for those who might get another,
    and stored once."""
    codings(origin, ["br", "gzip"])

    def get(accepted):
        fields = {} if accepted is None else {"Accept-Encoding": accepted}
        r = edge.get("/a", fields=fields)
        return r.body.decode(), r.cache

    assert get("gzip, br, zstd") == ("br", "miss")
    assert get("br, gzip") == ("br", "hit")
    assert get("br") == ("br", "hit")
    assert get("zstd, br;q=0.1") == ("br", "hit")
    assert get("gzip") == ("gzip", "miss")
    assert get("gzip;q=0.5, deflate") == ("gzip", "hit")
    assert get("gzip, zstd") == ("gzip", "miss")
    assert get("zstd") == ("plain", "miss")
    assert get("") == ("plain", "hit")
    assert get(None) == ("plain", "hit")
    assert get("identity") == ("plain", "hit")
    for _ in range(2):
        for accepted in ("gzip, br, zstd", "br", "gzip", "gzip, zstd", "zstd", "", None):
            assert get(accepted)[1] == "hit"
    assert origin.count("/a") == 4
    assert len(json.loads(edge.ctl("--json", "explain", "a.test/a"))["vary"]["variants"]) == 3
    assert edge.metric("selvage_objects") == 4


@pytest.mark.threaded
def test_a_coding_on_its_way_is_followed(edge, origin):
    """Also by those who come when it is known already what the first will get."""
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        coding = "br" if "br" in x.request.fields.get("accept-encoding", "") else "gzip"
        x.head(200, {**KEEP, "Vary": "Accept-Encoding", "Content-Encoding": coding,
                     "Content-Length": "10"})
        x.send(b"01234")
        if coding == "gzip":
            x.wait(gate)
        x.send(b"56789")

    assert edge.get("/a", fields={"Accept-Encoding": "gzip, br"}).cache == "miss"
    with edge.connect() as first, edge.connect() as second:
        first.request("/a", fields={"Accept-Encoding": "gzip"})
        first.read_head()
        assert first.exactly(5) == b"01234"
        second.request("/a", fields={"Accept-Encoding": "gzip;q=0.5"})
        second.read_head()
        assert second.exactly(5) == b"01234"
        gate.set()
        assert first.exactly(5) == second.exactly(5) == b"56789"
    assert origin.count("/a") == 2


def test_an_origin_that_learns_a_coding(edge, origin):
    """What is known of an origin's choice is what it chose last."""
    has = ["gzip"]
    codings(origin, has, {"Cache-Control": "max-age=1"})
    both, one = {"Accept-Encoding": "gzip, br"}, {"Accept-Encoding": "gzip"}
    assert edge.get("/a", fields=both).body == b"gzip"
    has.insert(0, "br")
    assert edge.get("/a", fields=one).body == b"gzip"
    wait_for(lambda: edge.get("/a", fields=both).body == b"br", "the new coding")
    assert edge.get("/a", fields=one).body == b"gzip"


def test_a_coding_nobody_knows(edge, origin):
    """It is for those who asked alike, and hides nothing from others."""
    @origin.at("/a")
    def page(x):
        asked = x.request.fields.get("accept-encoding", "")
        coding = {"br, gzip": "gzip", "gzip": "odd"}.get(asked)
        x.reply(200, str(coding).encode(), {**KEEP, "Vary": "Accept-Encoding",
                                            "Content-Encoding": coding or "identity"})

    for cache in ("miss", "hit"):
        for asked, body in (("gzip", b"odd"), ("br, gzip", b"gzip"), ("br", b"None")):
            r = edge.get("/a", fields={"Accept-Encoding": asked})
            assert (r.body, r.cache) == (body, cache)


def test_the_least_used_variant_makes_room(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; variants-max 3; }}")
    languages(origin)
    for language in ("en", "de", "fr"):
        edge.get("/a", fields={"Accept-Language": language})
    wait_for(lambda: int(edge.get("/a", fields={"Accept-Language": "en"})["age"]) >= 1, "a second")
    edge.get("/a", fields={"Accept-Language": "fr"})
    edge.get("/a", fields={"Accept-Language": "it"})
    wait_for(lambda: len(json.loads(edge.ctl("--json", "explain", "a.test/a"))["vary"]["variants"])
             == 3, "three variants")
    for language in ("en", "fr", "it"):
        assert edge.get("/a", fields={"Accept-Language": language}).cache == "hit"
    assert edge.get("/a", fields={"Accept-Language": "de"}).cache == "miss"


def test_many_variants_of_one_resource_stay_bounded(edge, origin):
    languages(origin, "X-Any")
    for i in range(100):
        edge.get("/a", fields={"X-Any": str(i)})
    wait_for(lambda: len(json.loads(edge.ctl("--json", "explain", "a.test/a"))["vary"]["variants"])
             == 64, "as many as there may be")
    assert edge.metric("selvage_objects") == 65
