"""Purging: what an operator takes out is not used any more, and nothing else is."""
import gzip
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import threading

import pytest

from edge import SELVAGED, TOP, environment, free_port
from waiting import wait_for
from wire import Client

SITES = """
purge-from 127.0.0.1 ::1;
origin app {{ server {url}; }}
site www.test alt.test {{ origin app; path /sorted* {{ query sort; }} }}
site other.test {{ origin app; merge-slashes on; }}
"""


class Page:
    """What the origin has at a path: a version, by which it validates, and answers with it."""

    def __init__(self, origin, path, fields=()):
        self.version, self.fields = 1, dict(fields)
        self.full = self.not_modified = 0
        origin.at(path, self)

    def __call__(self, x):
        etag = f'"{self.version}"'
        fields = {"Cache-Control": "max-age=3600", "ETag": etag, **self.fields}
        if x.request.fields.get("if-none-match") == etag:
            self.not_modified += 1
            x.reply(304, fields=fields)
        else:
            self.full += 1
            x.reply(200, b"version %d" % self.version, fields)


def post(edge, query):
    """(status, answer) of POST /purge; an answer that is no JSON as text."""
    with Client(edge.control) as c:
        r = c.get("/purge?" + query, method="POST", host="localhost")
    text = r.body.decode()
    return r.status, json.loads(text) if text.startswith("{") else text


def purge(edge, query):
    status, answer = post(edge, query)
    assert status == 200, answer
    assert answer["durable"] is True
    return answer


def told(edge, url, *args):
    return json.loads(edge.ctl("--json", "explain", url, *args))


@pytest.fixture
def sites(selvaged, origin):
    return selvaged(config=SITES.format(url=origin.url))


# --- scopes

STORED = {  # (host, target): tags
    ("www.test", "/img/a"): "red big",
    ("www.test", "/img/a?size=2"): "red",
    ("www.test", "/img/b"): "blue",
    ("www.test", "/imgs"): "blue big",
    ("alt.test", "/img/a"): "",
    ("other.test", "/img/a"): "red",
    ("other.test", "/text"): "green",
}
WWW = {k for k in STORED if k[0] in ("www.test", "alt.test")}
SCOPES = [
    (("url", "www.test/img/a"), {("www.test", "/img/a")}),
    (("url", "HTTP://WWW.test:80/x/../img/%61?size=2"), {("www.test", "/img/a?size=2")}),
    (("url", "alt.test/img/a", "other.test//text"),
     {("alt.test", "/img/a"), ("other.test", "/text")}),
    (("prefix", "www.test/img/"),
     {k for k in STORED if k[0] == "www.test" and k[1].startswith("/img/")}),
    (("prefix", "www.test/img"), {k for k in STORED if k[0] == "www.test"}),
    (("prefix", "www.test/img/a?"), {("www.test", "/img/a?size=2")}),
    (("prefix", "other.test"), {k for k in STORED if k[0] == "other.test"}),
    (("tag", "red"), {k for k in STORED if "red" in STORED[k].split()}),
    (("tag", "big", "green"), {k for k in STORED if {"big", "green"} & set(STORED[k].split())}),
    (("tag", "red", "--site", "alt.test"), {k for k in WWW if "red" in STORED[k].split()}),
    (("tag", "re"), set()),
    (("site", "alt.test"), WWW),
    (("site", "other.test", "www.test"), set(STORED)),
    (("all",), set(STORED)),
]


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("args,covered", SCOPES, ids=[" ".join(a) for a, _ in SCOPES])
def test_scopes(sites, origin, args, covered, hard):
    pages = {t: Page(origin, t) for t in {k[1].split("?")[0] for k in STORED}}
    for (host, target), tags in STORED.items():
        pages[target.split("?")[0]].fields = {"Surrogate-Key": tags} if tags else {}
        assert sites.get(target, host=host).cache == "miss"
    sites.ctl("purge", *args, *(["--hard"] if hard else []))
    for host, target in STORED:
        page = pages[target.split("?")[0]]
        page.version, before = page.version + 1, origin.count()
        r = sites.get(target, host=host)
        if (host, target) in covered:
            assert r.cache == ("miss" if hard else "stale"), (host, target)
            assert r.body == b"version %d" % page.version
            assert ("if-none-match" in origin.last()) == (not hard)
        else:
            assert r.cache == "hit" and origin.count() == before, (host, target)
    for host, target in STORED:
        assert sites.get(target, host=host).cache == "hit"


@pytest.mark.parametrize("hard", [0, 1])
def test_all_variants_and_head(sites, origin, hard):
    page = Page(origin, "/v", {"Vary": "Accept-Language"})
    languages = ["de", "en", "fr"]
    ask = lambda l, m="GET": sites.get("/v", host="www.test", method=m,  # noqa: E731
                                       fields={"Accept-Language": l})
    for language in languages:
        assert ask(language).cache == "miss" and ask(language).cache == "hit"
    purge(sites, f"url=www.test/v&hard={hard}")
    page.version = 2
    r = ask("de", "HEAD")
    assert r.cache != "hit" and r["etag"] == '"2"'
    for language in languages:
        r = ask(language)
        assert r.cache != "hit" and r.body == b"version 2"
        assert ask(language).cache == "hit" and ask(language, "HEAD").cache == "hit"


def test_queries_of_a_rule_have_their_normal_form(sites, origin):
    page = Page(origin, "/sorted")
    sites.get("/sorted?b=1&a=2", host="www.test")
    assert purge(sites, "url=www.test/sorted?b=1%26a=2")["purged"][0]["what"] \
        == "www.test/sorted?a=2&b=1"
    page.version = 2
    assert sites.get("/sorted?a=2&b=1", host="www.test").body == b"version 2"


# --- soft and hard

def test_soft_is_validated(sites, origin):
    page = Page(origin, "/a")
    sites.get("/a", host="www.test")
    sites.ctl("purge", "url", "www.test/a")
    said = told(sites, "www.test/a")
    assert said["stored"]["soft_purged"] is True
    assert said["now"]["cache"] == "EXPIRED" and "purged" in said["now"]["why"]
    assert said["now"]["origin"]["if_none_match"] == '"1"'
    r = sites.get("/a", host="www.test")
    assert (r.cache, r.body, page.not_modified) == ("stale", b"version 1", 1)
    assert told(sites, "www.test/a")["stored"]["soft_purged"] is False
    assert sites.get("/a", host="www.test").cache == "hit"
    sites.ctl("purge", "url", "www.test/a")
    page.version = 2
    r = sites.get("/a", host="www.test")
    assert (r.cache, r.body, page.full) == ("stale", b"version 2", 2)
    assert sites.get("/a", host="www.test").cache == "hit"


@pytest.mark.parametrize("scope", ["url=www.test/a", "tag=t", "site=www.test", "all"])
def test_soft_outlives_the_origin_and_hard_does_not(sites, origin, scope):
    Page(origin, "/a", {"Surrogate-Key": "t"})
    sites.get("/a", host="www.test")
    purge(sites, scope)
    origin.stop()
    r = sites.get("/a", host="www.test")
    assert (r.status, r.body) == (200, b"version 1") and "fwd=stale" in r["cache-status"]
    purge(sites, scope + "&hard")
    assert sites.get("/a", host="www.test").status == 502


def test_soft_waits_for_the_origin_though_stale_may_be_used(sites, origin):
    page = Page(origin, "/a", {"Cache-Control": "max-age=3600, stale-while-revalidate=3600"})
    sites.get("/a", host="www.test")
    page.version = 2
    purge(sites, "url=www.test/a")
    assert sites.get("/a", host="www.test").body == b"version 2"


def test_must_revalidate_is_not_outlived(sites, origin):
    Page(origin, "/a", {"Cache-Control": "max-age=3600, must-revalidate"})
    sites.get("/a", host="www.test")
    purge(sites, "url=www.test/a")
    origin.stop()
    assert sites.get("/a", host="www.test").status == 502


# --- fills in flight

@pytest.mark.parametrize("hard", [0, 1])
@pytest.mark.parametrize("scope", ["url=www.test/a", "prefix=www.test/", "tag=t", "site=www.test",
                                   "all"])
def test_fill_in_flight(sites, origin, scope, hard):
    gate, body = threading.Event(), b"x" * 50000
    versions = iter([1, 2])

    @origin.at("/a")
    def page(x):
        version = b"%d" % next(versions)
        x.head(200, {"Cache-Control": "max-age=3600", "Content-Length": str(len(body) + 1),
                     "Surrogate-Key": "t"})
        x.send(version + body[:30000])
        if version == b"1":
            x.wait(gate)
        x.send(body[30000:])

    with sites.connect() as old, sites.connect() as follower:
        old.request("/a", host="www.test")
        assert old.read_head().status == 200
        follower.request("/a", host="www.test")
        follower.read_head()
        purge(sites, f"{scope}&hard={hard}&wait=1")
        assert sites.get("/a", host="www.test").body == b"2" + body
        gate.set()
        for client in (old, follower):
            assert client.exactly(len(body) + 1) == b"1" + body
    r = sites.get("/a", host="www.test")
    assert (r.cache, r.body) == ("hit", b"2" + body)
    assert origin.count("/a") == 2


@pytest.mark.parametrize("hard", [0, 1])
@pytest.mark.parametrize("scope", ["url=www.test/a", "prefix=www.test/", "tag=t", "site=www.test",
                                   "all"])
def test_fill_whose_head_is_still_to_come(sites, origin, scope, hard):
    gate = threading.Event()
    versions = iter([1, 2])

    @origin.at("/a")
    def page(x):
        version = next(versions)
        if version == 1:
            x.wait(gate)
        x.reply(200, b"version %d" % version, {"Cache-Control": "max-age=3600", "Surrogate-Key": "t"})

    with sites.connect() as old, sites.connect() as new:
        old.request("/a", host="www.test")
        origin.wait_count(1, "/a")
        purge(sites, f"{scope}&hard={hard}")
        new.request("/a", host="www.test")
        # Whether a tag concerns the fill is known with its head, the rest at once.
        if not scope.startswith("tag"):
            origin.wait_count(2, "/a")
        gate.set()
        assert old.response().body == b"version 1"
        assert new.response().body == b"version 2"
    assert sites.get("/a", host="www.test").body == b"version 2"


def test_validation_in_flight(sites, origin):
    """What the origin said before a hard purge does not make good what that took out."""
    gate = threading.Event()
    page = Page(origin, "/a")
    sites.get("/a", host="www.test")
    purge(sites, "all")

    @origin.at("/a")
    def slow(x):
        page.not_modified += 1
        x.wait(gate)
        x.reply(304, fields={"ETag": '"1"', "Cache-Control": "max-age=3600"})

    with sites.connect() as old:
        old.request("/a", host="www.test")
        origin.wait_count(2, "/a")
        purge(sites, "url=www.test/a&hard")
        page.version = 2
        origin.at("/a", page)
        assert sites.get("/a", host="www.test").body == b"version 2"
        gate.set()
        assert old.response().status == 200
    assert sites.get("/a", host="www.test").body == b"version 2"


# --- what is stored in another form

@pytest.mark.parametrize("scope", ["url=a.test/a", "prefix=a.test/", "tag=t", "site=*", "all"])
@pytest.mark.parametrize("hard", [0, 1])
def test_codings_go_with_what_they_are_made_of(selvaged, origin, scope, hard):
    edge = selvaged(config=f"site * {{ origin {origin.url}; encode gzip; encode-min 9B; }}")
    page = Page(origin, "/a", {"Content-Type": "text/html", "Surrogate-Key": "t"})

    def get(coding):
        r = edge.get("/a", fields={"Accept-Encoding": coding})
        assert r.fields.get("content-encoding") == (coding if coding == "gzip" else None)
        return gzip.decompress(r.body) if coding == "gzip" else r.body

    for version in (1, 2, 3):
        page.version = version
        if version > 1:
            purge(edge, f"{scope}&hard={hard}")
        for coding in ("gzip", "identity", "gzip"):
            assert get(coding) == b"version %d" % version
    purge(edge, f"{scope}&hard={hard}")  # and now it has not changed
    for coding in ("gzip", "identity"):
        assert get(coding) == b"version 3"
    assert page.not_modified == (0 if hard else 1)


class Large:
    """A file of slices; each byte is its version's."""

    SIZE = 1 << 20

    def __init__(self, origin, path):
        self.version, self.bodies, self.not_modified = 1, 0, 0
        origin.at(path, self)

    def __call__(self, x):
        fields = {"ETag": f'"{self.version}"', "Cache-Control": "max-age=3600", "Surrogate-Key": "t"}
        if x.request.fields.get("if-none-match") == fields["ETag"]:
            self.not_modified += 1
            x.reply(304, fields=fields)
            return
        found = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", x.request.fields.get("range", ""))
        first, last = (int(found[1]), min(int(found[2] or self.SIZE), self.SIZE - 1)) if found else \
            (0, self.SIZE - 1)
        if found:
            fields["Content-Range"] = f"bytes {first}-{last}/{self.SIZE}"
        self.bodies += 1
        x.reply(206 if found else 200, b"%d" % self.version * (last + 1 - first), fields)


@pytest.mark.parametrize("scope", ["url=a.test/f", "prefix=a.test/", "tag=t", "site=*", "all"])
@pytest.mark.parametrize("hard", [0, 1])
def test_slices(selvaged, origin, scope, hard):
    edge = selvaged(config=f"site * {{ origin {origin.url}; slice 64KiB; slice-from always; }}")
    large = Large(origin, "/f")

    def get(first, last):
        r = edge.get("/f", fields={"Range": f"bytes={first}-{last}"})
        assert r.status == 206
        return r.body

    assert get(0, 9) == b"1" * 10 and get(500000, 500009) == b"1" * 10
    bodies = large.bodies
    assert get(500000, 500009) == b"1" * 10 and large.bodies == bodies
    purge(edge, f"{scope}&hard={hard}")
    assert get(500000, 500009) == b"1" * 10
    if not hard:  # validated, and its slices kept
        assert large.not_modified == 1 and large.bodies == bodies
    large.version = 2
    purge(edge, f"{scope}&hard={hard}")
    assert get(500000, 500009) == b"2" * 10 and get(0, 9) == b"2" * 10
    assert edge.get("/f").body == b"2" * large.SIZE


# --- tags

@pytest.mark.parametrize("name", ["Surrogate-Key", "Cache-Tag", "CDN-Tag", "Edge-Cache-Tag"])
@pytest.mark.parametrize("show", ["off", "on"])
def test_tags_are_for_the_edge(selvaged, origin, name, show):
    edge = selvaged(config=f"site * {{ origin {origin.url}; show-tags {show}; }}")
    value = "one two" if name == "Surrogate-Key" else "one, two"
    page = Page(origin, "/a", {name: value})
    for cache in ("miss", "hit"):
        r = edge.get("/a")
        assert r.cache == cache
        assert r.fields.get(name) == (value if show == "on" else None)
    page.version = 2
    edge.ctl("purge", "tag", "two", "--hard")
    assert edge.get("/a").body == b"version 2"


# --- the method PURGE

ALLOWED = """
origin app {{ server {url}; }}
purge-from 127.0.0.0/8;
site may.test {{ origin app; }}
site not.test {{ origin app; purge-from 192.0.2.0/24 2001:db8::/32; }}
site none.test {{ origin app; purge-from none; }}
"""


@pytest.fixture
def allowing(selvaged, origin):
    Page(origin, "/a", {"Vary": "Accept-Language"})
    return selvaged(config=ALLOWED.format(url=origin.url))


def test_purge_method(allowing, origin):
    edge = allowing
    edge.get("/a", host="may.test")
    r = edge.get("/a", host="may.test", method="PURGE")
    assert r.status == 200 and r["content-type"] == "application/json"
    assert r["cache-control"] == "no-store"
    assert json.loads(r.body) == {
        "scope": "url", "hard": False, "site": None, "sequence": 1, "durable": True,
        "waited": False, "purged": [{"sequence": 1, "what": "may.test/a"}]}
    assert edge.get("/a", host="may.test").cache == "stale"
    for kind, cache in (("hard", "miss"), ("soft", "stale"), ("Hard", "miss")):
        r = edge.get("/a", host="may.test", method="PURGE", fields={"Selvage-Purge": kind})
        assert r.status == 200 and json.loads(r.body)["hard"] == (cache == "miss")
        assert edge.get("/a", host="may.test").cache == cache
    assert {r.method for r in origin.requests()} == {"GET"}
    assert edge.metrics()['selvage_purges_total{scope="url"}'] == 4


def test_purge_method_is_not_for_everybody(allowing, origin):
    edge = allowing
    lies = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Real-IP": "192.0.2.1",
            "Selvage-Purge": "hard"}
    for host, status in (("not.test", 403), ("none.test", 405)):
        edge.get("/a", host=host)
        stored, missing = (edge.get(path, host=host, method="PURGE", fields=lies)
                           for path in ("/a", "/nothing"))
        assert stored.status == missing.status == status
        assert stored.body == missing.body  # who may not ask does not hear what there is
        assert b"192.0.2" not in stored.body
        assert edge.get("/a", host=host).cache == "hit"
    # Who may is who connects, whatever the fields say.
    assert edge.get("/a", host="may.test", method="PURGE", fields=lies).status == 200
    assert edge.metric("selvage_purges_refused_total") == 2
    assert edge.metric("selvage_purges_total") == 1
    wait_for(lambda: re.search(r"client 127.0.0.1:[0-9]+: may not PURGE on site not.test",
                               edge.stderr()), "a line in the log")
    assert {r.method for r in origin.requests()} == {"GET"}


def test_purge_method_that_is_none(allowing, origin):
    edge = allowing
    with edge.connect() as c:
        for target, host, fields, status in (
                ("/a", "nowhere.test", {}, 421), ("/%zz", "may.test", {}, 400),
                ("/a", "may.test", {"Selvage-Purge": "harder"}, 400),
                ("/a", "may.test", [("Selvage-Purge", "hard"), ("Selvage-Purge", "soft")], 400)):
            assert c.get(target, host=host, method="PURGE", fields=fields).status == status
        # A body means nothing, and the connection goes on.
        assert c.get("/a", host="may.test", method="PURGE", body=b"url=/b").status == 200
        assert c.get("/a", host="may.test").status == 200
        # Pipelined: each is answered in its turn.
        c.request("/a", host="may.test", method="PURGE")
        c.request("/a", host="may.test")
        assert c.response().status == 200 and c.response().cache == "stale"
    assert edge.get("/" + "x" * 9000, host="may.test", method="PURGE").status == 414
    assert {r.method for r in origin.requests()} == {"GET"}


def test_explain_says_who_may(allowing):
    for host, status, says in (("may.test", None, "purge-from"), ("not.test", None, "403"),
                               ("none.test", 405, "not taken")):
        now = told(allowing, f"{host}/a", "-m", "PURGE")["now"]
        assert now["status"] == status and says in now["why"]


# --- asking

def test_answers(sites):
    assert purge(sites, "tag=b&tag=a&site=alt.test&hard=1&wait=1") == {
        "scope": "tag", "hard": True, "site": "www.test", "durable": True, "waited": True,
        "sequence": 2, "purged": [{"sequence": 1, "what": "b"}, {"sequence": 2, "what": "a"}]}
    assert purge(sites, "all")["purged"] == [{"sequence": 3, "what": None}]
    text = sites.ctl("purge", "prefix", "www.test/a", "other.test/b", "--hard", "--wait")
    assert text.splitlines() == ["purge 4  hard prefix: www.test/a",
                                 "purge 5  hard prefix: other.test/b",
                                 "holds    everywhere in this process, and after a restart"]
    said = json.loads(sites.ctl("--json", "purge", "site", "other.test"))
    assert said["purged"] == [{"sequence": 6, "what": "other.test"}]


def test_many_values_are_asked_in_several_questions(sites, origin):
    page = Page(origin, "/a", {"Surrogate-Key": "tag-with-a-rather-long-name-299"})
    sites.get("/a", host="www.test")
    tags = [f"tag-with-a-rather-long-name-{i}" for i in range(300)]
    text = sites.ctl("purge", "tag", *tags, "--hard")
    assert re.search(r"^purge 300  +hard tag: tag-with-a-rather-long-name-299$", text, re.M)
    assert sites.metrics()['selvage_purges_total{scope="tag"}'] == 300
    page.version = 2
    assert sites.get("/a", host="www.test").body == b"version 2"


@pytest.mark.parametrize("query,says", [
    ("", "nothing says"), ("hard=1", "nothing says"), ("tagg=a", "there are url, prefix, tag"),
    ("url=nowhere.test/a", "no site"), ("url=/a", "no URL"), ("prefix=www.test/%25", "percent"),
    ("prefix=www.test/a/..", "dots"), ("site=www.tes", "did you mean www.test?"), ("tag=", "empty"),
    ("all&tag=a", "one kind"), ("url=www.test/&site=www.test", "narrows tags"),
    ("all&hard=maybe", "1 or 0"), ("tag=%zz", "percent"), ("tag=a%0Ab", "control"),
])
def test_wrong_orders(sites, query, says):
    status, text = post(sites, query)
    assert status == 400 and says in text
    assert sites.metric("selvage_purges_total") == 0 and "purge" not in sites.stderr()


def test_wrong_usage(sites):
    for args, says in (
            ((), "url URL..., prefix URL..., tag TAG..., site HOST... or all"),
            (("ur", "www.test/"), 'did you mean "url"?'), (("url",), "purge what?"),
            (("all", "www.test/"), "purge all takes no www.test/"),
            (("url", "www.test/", "--site", "www.test"), "--site narrows tags"),
            (("url", "nowhere.test/"), "belongs to no site"),
            (("url", "www.test/" + "%2F" * 3000), "8192 bytes"),
            (("tag", "x" * 9000), "1024 bytes")):
        assert says in sites.ctl("purge", *args, status=1), args
    assert "belong to purge" in sites.ctl("stats", "--hard", status=1)
    assert sites.metric("selvage_purges_total") == 0


def test_only_by_post_and_only_for_operators(selvaged, origin):
    port = free_port()
    edge = selvaged(config=f"metrics 127.0.0.1:{port};\nsite * {{ origin {origin.url}; }}")
    with Client(edge.control) as c:
        r = c.get("/purge?all", host="localhost")
        assert r.status == 405 and r["allow"] == "POST"
    with Client(("127.0.0.1", port)) as c:
        assert c.get("/purge?all", method="POST", host="localhost").status == 404
    assert edge.get("/purge?all", method="POST").status == 404
    assert origin.last().method == "POST"
    assert edge.metric("selvage_purges_total") == 0


def test_audit(sites):
    sites.ctl("purge", "url", "www.test/a", "--hard")
    sites.ctl("purge", "tag", "caf\xe9", "--site", "alt.test")
    sites.ctl("purge", "all")
    sites.get("/b", host="www.test", method="PURGE")
    wait_for(lambda: "purge 4" in sites.stderr(), "the last line")
    lines = [line.split(" ", 1)[1] for line in sites.stderr().splitlines() if " purge " in line]
    who = rf"by uid {os.getuid()}, pid [0-9]+, on the control socket"
    for line, want in zip(lines, (
            rf"notice purge 1: hard url, {who}: www\.test/a",
            rf"notice purge 2: soft tag, {who}, site www\.test: caf\\xC3\\xA9",
            rf"notice purge 3: soft all, {who}",
            r"notice purge 4: soft url, by 127\.0\.0\.1:[0-9]+: www\.test/b")):
        assert re.fullmatch(want, line, re.I), line
    assert len(lines) == 4


def test_counters(sites):
    for scope, query in (("url", "url=www.test/"), ("prefix", "prefix=www.test/"), ("tag", "tag=a"),
                         ("site", "site=www.test"), ("all", "all")):
        purge(sites, query)
        assert sites.metrics()[f'selvage_purges_total{{scope="{scope}"}}'] == 1
    assert re.search(r"^purges prefix +1$", sites.ctl("stats"), re.M)


def test_askers_that_leave(sites):
    """Their purges are carried out, and nothing is left behind."""
    for i in range(50):
        with Client(sites.control) as c:
            c.request(f"/purge?tag=t{i}&wait=1", method="POST", host="localhost")
        with sites.connect() as c:
            c.request("/a", method="PURGE", host="www.test")
    wait_for(lambda: sites.metric("selvage_purges_total") == 100, "all purges")
    assert purge(sites, "all&wait=1")["sequence"] == 101


def test_waiting_while_it_stops(selvaged, origin):
    """Stopping waits for nobody who waits for it."""
    for _ in range(5):
        edge = selvaged(origin=origin, workers=4)
        clients = [Client(edge.control) for _ in range(20)]
        for i, c in enumerate(clients):
            c.request(f"/purge?tag=t{i}&wait=1", method="POST", host="localhost")
        edge.stop()
        for c in clients:
            c.close()


# --- over restarts

def test_sequence_goes_on_after_a_crash(selvaged, origin, tmp_path):
    config = f"cache {{ memory 64MiB; journal {tmp_path}/purges; }}\n" + SITES.format(url=origin.url)
    last = 0
    for _ in range(3):
        edge = selvaged(config=config)
        for query in ("url=www.test/a", "tag=a&tag=b", "prefix=www.test/a", "all"):
            answer = purge(edge, query)
            numbers = [p["sequence"] for p in answer["purged"]]
            assert last < numbers[0] and numbers[-1] == answer["sequence"]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            last = answer["sequence"]
        edge.expected_status = -signal.SIGKILL
        edge.signal(signal.SIGKILL)
        edge.wait_end()


def test_a_journal_that_cannot_be_written_is_said(selvaged, origin, tmp_path):
    """The purge holds all the same."""
    folder = tmp_path / "journal"
    folder.mkdir()
    edge = selvaged(config=f"cache {{ memory 64MiB; journal {folder}/purges; }}\n"
                    + SITES.format(url=origin.url))
    page = Page(origin, "/a")
    edge.get("/a", host="www.test")
    # No file may grow any more.
    resource.prlimit(edge.pid, resource.RLIMIT_FSIZE, (1, 1))
    page.version = 2
    status, answer = post(edge, "url=www.test/a&hard")
    assert (status, answer["durable"]) == (500, False)
    assert edge.get("/a", host="www.test").body == b"version 2"
    assert "its log says why" in edge.ctl("purge", "all", status=1)
    assert edge.get("/a", host="www.test", method="PURGE").status == 500


# --- the proof

def storm_program(tmp_path):
    built = os.path.join(os.path.dirname(SELVAGED), "tests", "proof", "purge_storm")
    source = os.path.join(TOP, "tests", "proof", "purge_storm.c")
    if os.access(built, os.X_OK) and os.path.getmtime(built) >= os.path.getmtime(source):
        return built
    program = str(tmp_path / "purge_storm")
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program,
                    source, "-lpthread", "-lz"], check=True)
    return program


def test_storm(selvaged, tmp_path):
    """Readers, fills and purges at once. E2E_STORM=full: 100,000 objects and over a million
    requests, which takes some minutes; see the program for more."""
    full = os.environ.get("E2E_STORM") == "full"
    origin_port = free_port()
    # Half of them make codings of their own, which are purged with what they are made of.
    sites = "".join(f"site s{i}.test {{ origin app; {'encode gzip; encode-min 100B;' * (i % 2)} }}\n"
                    for i in range(10))
    edge = selvaged(config=f"cache {{ memory 512MiB; journal {tmp_path}/purges; }}\n"
                    f"origin app {{ server http://127.0.0.1:{origin_port}; }}\n{sites}")
    size = ["--objects", "100000", "--requests", "1500000"] if full else \
        ["--objects", "3000", "--requests", "60000"]
    done = subprocess.run(
        [storm_program(tmp_path), "--edge", str(edge.port), "--origin", str(origin_port),
         "--control", edge.control, *size], capture_output=True, text=True, check=False,
        timeout=900 if full else 120, env=environment())
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(re.findall(r"^([a-z ]+) ([0-9]+)", done.stdout, re.M))
    assert figures["faults"] == "0" and int(figures["requests"]) >= int(size[3])
    assert int(figures["purges"]) > 20 and int(figures["hits"]) > 0 and int(figures["in gzip"]) > 0
    shutil.rmtree(tmp_path, ignore_errors=True)
