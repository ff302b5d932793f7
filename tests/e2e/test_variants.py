"""Vary: several answers under one key, each for those it fits (RFC 9111 4.1)."""
import json

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
