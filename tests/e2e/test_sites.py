"""Sites by host, rules by path."""
import pytest

KEEP = {"Cache-Control": "max-age=60"}


@pytest.fixture
def named(new_origin):
    """Three origins, each of which says its name."""
    def make(name):
        o = new_origin()
        for path in ("/", "/a", "/a/b", "/a.css", "/a/b.css", "/x"):
            o.page(path, name.encode(), KEEP)
        return o
    return [make(name) for name in ("one", "two", "three")]


@pytest.fixture
def sites(selvaged, named):
    one, two, three = named
    return selvaged(config=f"""
        site www.example.test example.test {{ origin {one.url}; }}
        site *.example.test {{ origin {two.url}; }}
        site * {{ origin {three.url}; }}
    """)


@pytest.mark.parametrize("host, who", [
    ("www.example.test", b"one"), ("example.test", b"one"), ("WWW.Example.TEST", b"one"),
    ("www.example.test:8080", b"one"), ("www.example.test.", b"one"),
    ("img.example.test", b"two"), ("a.b.example.test", b"two"),
    ("other.test", b"three"), ("test", b"three"), ("notexample.test", b"three"),
    ("127.0.0.1", b"three"), ("[::1]:80", b"three"),
])
def test_host(sites, host, who):
    assert sites.get("/a", host=host).body == who


def test_longest_wildcard_wins(selvaged, named):
    one, two, _ = named
    edge = selvaged(config=f"""
        site *.test {{ origin {one.url}; }}
        site *.example.test {{ origin {two.url}; }}""")
    assert edge.get("/a", host="a.example.test").body == b"two"
    assert edge.get("/a", host="a.test").body == b"one"


def test_unknown_host(selvaged, named):
    """Nobody's host is not anybody's: 421 or 404, and no origin is asked."""
    edge = selvaged(config=f"site www.example.test {{ origin {named[0].url}; }}")
    assert edge.get("/a", host="other.test").status in (404, 421)
    assert named[0].count() == 0


def test_named_origins(selvaged, named):
    one, two, _ = named
    edge = selvaged(config=f"""
        origin app {{ server {one.url}; }}
        origin img {{ server {two.url}; }}
        site * {{ origin app; path *.css {{ origin img; }} }}""")
    assert edge.get("/a").body == b"one"
    assert edge.get("/a.css").body == b"two"


def test_first_matching_path_counts(selvaged, named):
    one, two, three = named
    edge = selvaged(config=f"""
        site * {{
            origin {one.url};
            path /a/* {{ origin {two.url}; }}
            path *.css {{ origin {three.url}; }}
            path /x {{ origin {three.url}; }}
        }}""")
    for target, who in (("/", b"one"), ("/a", b"one"), ("/a/b", b"two"), ("/a/b.css", b"two"),
                        ("/a.css", b"three"), ("/x", b"three"), ("/x?q", b"three")):
        assert edge.get(target).body == who, target


@pytest.mark.parametrize("target", ["/x/../a/b", "/%61/b", "/./a/b", "/a/%62"])
def test_rules_see_what_the_origin_sees(selvaged, named, target):
    """An encoded or dotted path does not walk around a rule (hardening: key = what the origin saw)."""
    one, two, _ = named
    edge = selvaged(config=f"site * {{ origin {one.url}; path /a/b {{ origin {two.url}; }} }}")
    assert edge.get(target).body == b"two"
    assert two.last().target == "/a/b"


def test_ttl(selvaged, origin):
    """A rule's lifetime replaces the origin's; what must not be stored still is not."""
    origin.page("/a", b"x", {"Cache-Control": "max-age=0"})
    origin.page("/own", b"x", {"Cache-Control": "no-store"})
    origin.page("/plain", b"x")
    edge = selvaged(config=f"site * {{ origin {origin.url}; ttl 1h; }}")
    for path, hit in (("/a", True), ("/plain", True), ("/own", False)):
        edge.get(path)
        assert (edge.get(path).cache == "hit") == hit, path
    assert edge.get("/a")["cache-control"] == "max-age=0"


def test_bypass(selvaged, origin):
    origin.page("/account/me", b"x", KEEP)
    origin.page("/a", b"x", KEEP)
    edge = selvaged(config=f"site * {{ origin {origin.url}; path /account/* {{ bypass; }} }}")
    for _ in range(3):
        assert edge.get("/account/me").cache == "bypass"
        edge.get("/a")
    assert origin.count("/account/me") == 3
    assert origin.count("/a") == 1


def test_header(selvaged, origin):
    for path in ("/a", "/b/c"):
        origin.page(path, b"x", {**KEEP, "X-Powered-By": "secret", "X-Frame-Options": "theirs"})
    edge = selvaged(config=f"""
        site * {{
            origin {origin.url};
            header unset X-Powered-By;
            header set X-Frame-Options DENY;
            header set X-Two "two words";
            path /b/* {{ header set X-B yes; }}
        }}""")
    for _ in ("miss", "hit"):
        r = edge.get("/a")
        assert "x-powered-by" not in r and "x-b" not in r
        assert r.fields.all("x-frame-options") == ["DENY"]
        assert r["x-two"] == "two words"
        r = edge.get("/b/c")
        assert (r["x-b"], r["x-two"]) == ("yes", "two words")


def test_redirect(selvaged, origin):
    edge = selvaged(config=f"""
        site old.test {{ redirect 301 https://new.test$path; }}
        site * {{
            origin {origin.url};
            path /moved {{ redirect /there; }}
            path /perm {{ redirect 308 https://example.test/; }}
        }}""")
    r = edge.get("/a/b?q=1", host="old.test")
    assert (r.status, r["location"]) == (301, "https://new.test/a/b?q=1")
    r = edge.get("/moved")
    assert (r.status, r["location"]) == (302, "/there")
    assert edge.get("/perm").status == 308
    assert origin.count() == 0


def test_redirect_cannot_be_split(selvaged):
    edge = selvaged(config="site * { redirect 301 https://new.test$path; }")
    r = edge.get("/a%0d%0aSet-Cookie:%20evil=1")
    assert r.status in (301, 400)
    assert "set-cookie" not in r
