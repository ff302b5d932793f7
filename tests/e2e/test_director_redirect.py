"""Redirects: to which PoP, with what behind its URL, and who is believed about the client."""
import os
import re
import socket

import pytest

from director import run_director
from edge import TOP, free_port
from h2wire import H2
from waiting import wait_for
from wire import Client

CITY = os.path.join(TOP, "tests", "data", "mmdb", "city.mmdb")
# As tests/data/mmdb/make has it: even first bytes in Frankfurt, odd ones in Washington.
FRANKFURT, WASHINGTON, NOWHERE = "20.1.2.3", "21.1.2.3", "198.51.100.1"

POPS = """
pop fra { location 50.11 8.68; address 192.0.2.1; }
pop iad { location 38.95 -77.45; address 192.0.2.2; }
pop syd { location -33.87 151.21; address 192.0.2.3; }
steer cdn { pops syd fra iad; }
"""
TRUST = "trusted x-forwarded-for 127.0.0.0/8;\n"
BASE = f"database {CITY};\nmap-cache off;\n{TRUST}{POPS}"
SITE = "redirect www.test { steer cdn; to https://$pop.cdn.test; }\n"


def started(director, text, **options):
    """One worker, so that the map which is there for one is there for all."""
    d = director(text, redirect=options.pop("redirect", "plain"), workers=1, **options)
    d.web = ("127.0.0.1", d.http_port)
    if "database" in text:
        wait_for(lambda: where(d, FRANKFURT).startswith("https://fra."), "the map")
    return d


def ask(d, target="/", client=None, host="www.test", **options):
    fields = list(options.pop("fields", ()))
    if client:
        fields.append(("X-Forwarded-For", client))
    with Client(d.web) as c:
        return c.get(target, host=host, fields=fields, **options)


def where(d, client=None, target="/", **options):
    return ask(d, target, client, **options).fields.get("Location", "")


# --- where to

def test_each_client_is_sent_to_its_pop(director):
    d = started(director, BASE + SITE)
    r = ask(d, "/file?x=1", FRANKFURT)
    assert r.status == 302 and r.body == b""
    assert r.fields.get("Location") == "https://fra.cdn.test/file?x=1"
    assert r.fields.get("Cache-Control") == "private, max-age=0"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", r.fields.get("Date"))
    assert where(d, WASHINGTON) == "https://iad.cdn.test/"
    assert where(d, "2400:1::5") == "https://iad.cdn.test/"
    assert where(d, "::ffff:20.1.2.3") == "https://fra.cdn.test/"
    assert where(d, NOWHERE) == "https://syd.cdn.test/"  # not known: the default order
    assert d.metric("selvage_director_redirects_total") >= 5


def test_without_a_database_the_default_order_answers(director):
    d = started(director, TRUST + POPS + SITE)
    assert {where(d, c) for c in (FRANKFURT, WASHINGTON, NOWHERE)} == {"https://syd.cdn.test/"}


def test_overrides_need_no_database(director):
    d = started(director, TRUST + POPS.replace("iad; }", "iad; network 203.0.113.0/24 -> iad; }") + SITE)
    assert where(d, "203.0.113.9") == "https://iad.cdn.test/"
    assert where(d, "203.0.114.9") == "https://syd.cdn.test/"


def test_hosts(director):
    d = started(director, TRUST + POPS + """
        redirect a.test { steer cdn; to http://a-$pop-$pop.test:8080/base/; }
        redirect *.wild.test { steer cdn; at syd https://one.test; at fra https://two.test; at iad https://three.test; }
        redirect *.deep.wild.test { steer cdn; to https://deep.test; }
    """)
    assert where(d, host="a.test") == "http://a-syd-syd.test:8080/base/"
    assert where(d, host="A.TEST:80", target="/x") == "http://a-syd-syd.test:8080/base/x"
    assert where(d, host="x.wild.test") == "https://one.test/"
    assert where(d, host="x.y.wild.test") == "https://one.test/"
    assert where(d, host="y.deep.wild.test") == "https://deep.test/"
    for host in "wild.test", "b.test", "127.0.0.1":
        r = ask(d, host=host)
        assert r.status == 404 and "Location" not in r.fields
    with Client(d.web) as c:
        c.send(b"GET http://a.test/p?q HTTP/1.1\r\nHost: b.test\r\n\r\n")
        assert c.response().fields.get("Location") == "http://a-syd-syd.test:8080/base/p?q"
        c.send(b"GET http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert c.response().fields.get("Location") == "http://a-syd-syd.test:8080/base/"


def test_a_host_for_all_others(director):
    d = started(director, TRUST + POPS + "redirect * { steer cdn; to https://$pop.test; }")
    assert where(d, host="anything.example") == "https://syd.test/"
    with Client(d.web) as c:
        c.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert c.response().fields.get("Location") == "https://syd.test/old"


# --- what stands behind the URL

@pytest.mark.parametrize("target", [
    b"/", b"//evil.example/", b"/a/../b/./c", b"/%2e%2e/%2F%5c", b"/%zz%", b"/?", b"/??a=b&&c", b"/a b".replace(b" ", b"+"),
    b"/;x=1,2!$'()*~", b"/\\\"<>^`{|}", b"/%0d%0aX-Evil:%201", b"/\xc3\xa9\xff\x80", b"/x?u=http://other.example/%20#"[:-1],
    b"/signed?Expires=1&Signature=a~b-c_d%2B%3D",
])
def test_path_and_query_go_along_byte_for_byte(director, target):
    d = started(director, TRUST + POPS + SITE)
    with Client(d.web) as c:
        c.send(b"GET " + target + b" HTTP/1.1\r\nHost: www.test\r\n\r\n")
        r = c.response()
    assert r.status == 302
    assert r.fields.get("Location").encode("latin-1") == b"https://syd.cdn.test" + target
    assert "X-Evil" not in r.fields


def test_what_is_no_request_gets_no_redirect(director):
    d = started(director, TRUST + POPS + SITE)
    for target in b"/\r\nX: y", b"/a\rb", b"/\x00", b"/a\tb", b"/a#b", b"//\x7f\x01", b"a":
        with Client(d.web) as c:
            c.send(b"GET " + target + b" HTTP/1.1\r\nHost: www.test\r\n\r\n")
            r = c.response()
            assert r.status == 400 and "Location" not in r.fields
    with Client(d.web) as c:
        c.send(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: www.test\r\n\r\n")
        assert c.response().status == 414


def test_a_long_path_has_no_alternates(director):
    d = started(director, TRUST + POPS + SITE)
    path = "/" + "a" * 7000
    r = ask(d, path)
    assert r.fields.get("Location") == "https://syd.cdn.test" + path and "Link" not in r.fields
    assert len(ask(d, "/" + "a" * 2000).fields.all("Link")) == 2


@pytest.mark.parametrize("target", [b"/x>;rel=duplicate;pri=1,<https://evil.test/x", b"/x?a=>", b"/<", b'/"'])
def test_no_path_makes_a_link_of_its_own(director, target):
    d = started(director, TRUST + POPS + SITE)
    with Client(d.web) as c:
        c.send(b"GET " + target + b" HTTP/1.1\r\nHost: www.test\r\n\r\n")
        r = c.response()
    assert r.fields.get("Location").encode() == b"https://syd.cdn.test" + target
    assert "Link" not in r.fields


# --- methods

def test_methods(director):
    d = started(director, TRUST + POPS + SITE)
    with Client(d.web) as c:
        for method in "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND":
            r = c.get("/x?y", host="www.test", method=method, body=b"abc" if method == "POST" else None)
            assert (r.status, r.reason) == (307, "Temporary Redirect")
            assert r.fields.get("Location") == "https://syd.cdn.test/x?y"
        r = c.get("/x", host="www.test", method="HEAD")
        assert r.status == 302 and r.fields.get("Content-Length") == "0"
        assert c.get("/x", host="www.test").status == 302  # the connection is as it was
    with Client(d.web) as c:
        r = c.get("*", host="www.test", method="OPTIONS")
        assert r.status == 200 and "GET" in r.fields.get("Allow")
    for line in b"CONNECT www.test:443", b"TRACE /":
        with Client(d.web) as c:
            c.send(line + b" HTTP/1.1\r\nHost: www.test\r\n\r\n")
            r = c.response()
            assert r.status == 405 and r.fields.get("Allow")


# --- alternates, RFC 6249

def test_alternates(director):
    d = started(director, BASE + """redirect www.test {
        steer cdn; to https://$pop.test; at iad https://iad.test/m geo US; at syd https://syd.test geo AU;
    }
    redirect one.test { steer cdn; to https://$pop.test; alternates 1; }
    redirect none.test { steer cdn; to https://$pop.test; alternates 0; }
    """.replace("www.test {", "www.test a.test {"))
    # The map is there as soon as clients of Frankfurt are sent there.
    assert ask(d, "/a?b", FRANKFURT).fields.all("Link") == [
        "<https://iad.test/m/a?b>; rel=duplicate; pri=2; geo=us",
        "<https://syd.test/a?b>; rel=duplicate; pri=3; geo=au"]
    assert ask(d, "/", WASHINGTON, host="one.test").fields.all("Link") == [
        "<https://fra.test/>; rel=duplicate; pri=2"]
    assert "Link" not in ask(d, "/", WASHINGTON, host="none.test").fields


# --- several nodes of a PoP

def test_each_path_belongs_to_one_node(director):
    def nodes(n):
        return " ".join(f"https://n{i}.$pop.test" for i in range(n))

    d = started(director, TRUST + POPS + f"redirect www.test {{ steer cdn; to {nodes(4)}; }}\n"
                                         f"redirect more.test {{ steer cdn; to {nodes(5)}; }}")
    paths = [f"/file/{i}" for i in range(400)]
    with Client(d.web) as c:
        def node(path, host):
            return re.match(r"https://(n\d)\.syd\.test", c.get(path, host=host).fields.get("Location")).group(1)

        four = [node(p, "www.test") for p in paths]
        assert [node(p + "?q=1", "www.test") for p in paths] == four  # the query has no say
        counts = [four.count(f"n{i}") for i in range(4)]
        assert min(counts) > 60, counts
        five = [node(p, "more.test") for p in paths]
    # Whatever moves, moves to the new one.
    moved = {(a, b) for a, b in zip(four, five) if a != b}
    assert {b for _, b in moved} == {"n4"} and 40 < sum(a != b for a, b in zip(four, five)) < 130


# --- when nothing is up

def test_a_pop_that_is_down_is_left_out(director):
    d = started(director, TRUST + POPS.replace("192.0.2.3; }", "192.0.2.3; state down; }") + SITE)
    r = ask(d)
    assert r.fields.get("Location") == "https://fra.cdn.test/"
    assert [link.split(">")[0] for link in r.fields.all("Link")] == ["<https://iad.cdn.test/"]


def test_all_down(director):
    down = re.sub(r"(192\.0\.2\.\d); }", r"\1; state drain; }", POPS)
    d = started(director, TRUST + down.replace("iad; }", "iad; all-down servfail; }") + SITE)
    r = ask(d)
    assert r.status == 503 and r.fields.get("Retry-After") == "5" and "Location" not in r.fields
    assert r.fields.get("Cache-Control") == "no-store"
    assert d.metric('selvage_director_redirects_total{answer="nobody"}') == 1
    d = started(director, TRUST + down.replace("iad; }", "iad; all-down default; }") + SITE)
    assert where(d) == "https://syd.cdn.test/"


# --- how long it may be kept

def test_max_age_is_no_longer_than_the_ttl(director):
    d = started(director, TRUST + POPS.replace("iad; }", "iad; ttl 20s; changing-for 0s; }") + """
        redirect www.test { steer cdn; to https://$pop.test; max-age 10s; }
        redirect long.test { steer cdn; to https://$pop.test; max-age 10m; }
    """)
    assert ask(d).fields.get("Cache-Control") == "private, max-age=10"
    assert ask(d, host="long.test").fields.get("Cache-Control") == "private, max-age=20"


# --- who the client is

def test_nobody_is_believed_unless_configured(director):
    d = started(director, POPS.replace("iad; }", "iad; network 203.0.113.0/24 -> iad; }") + SITE)
    assert where(d, "203.0.113.9") == "https://syd.cdn.test/"


def test_the_last_address_that_is_no_proxys_counts(director):
    d = started(director, "trusted forwarded 127.0.0.0/8 192.0.2.0/24;\n" + POPS.replace(
        "iad; }", "iad; network 203.0.113.0/24 -> iad; network 198.51.100.0/24 -> fra; }") + SITE)

    def by(*values):
        return where(d, fields=[("Forwarded", v) for v in values])[8:11]

    assert by("for=203.0.113.9") == "iad"
    assert by("for=203.0.113.9;proto=https, for=198.51.100.7") == "fra"
    assert by("for=203.0.113.9", "for=192.0.2.4;by=127.0.0.1") == "iad"
    assert by("for=203.0.113.9, for=unknown") == "syd"
    assert where(d, "203.0.113.9")[8:11] == "syd"  # the field that nobody here writes


def test_a_proxy_header_names_the_client(director):
    port = free_port()
    d = director(f"listen 127.0.0.1:{port} redirect proxy from 127.0.0.0/8;\n" + POPS.replace(
        "iad; }", "iad; network 203.0.113.0/24 -> iad; }") + SITE)
    for client, pop in ("203.0.113.9", "iad"), ("203.0.114.9", "syd"):
        with Client(("127.0.0.1", port)) as c:
            c.send(f"PROXY TCP4 {client} 192.0.2.80 1234 80\r\n".encode())
            assert c.get("/", host="www.test").fields.get("Location") == f"https://{pop}.cdn.test/"
    assert d.metric("selvage_proxy_refused_total") == 0


# --- other protocols

def test_https_and_http2(director):
    d = started(director, TRUST + POPS + SITE, redirect=("plain", "tls"))
    context = d.tls_context("h2")
    with socket.create_connection(("127.0.0.1", d.https_port)) as plain:
        with context.wrap_socket(plain, server_hostname="ns.test") as sock:
            assert sock.selected_alpn_protocol() == "h2"
            with H2(None, sock=sock) as h:
                first = h.answer(h.request("/a?%zz", authority="www.test", scheme="https"))
                assert first.status == 302
                assert dict(first.fields)["location"] == "https://syd.cdn.test/a?%zz"
                links = [v for n, v in first.fields if n == "link"]
                assert links[0] == "<https://fra.cdn.test/a?%zz>; rel=duplicate; pri=2"
                post = h.answer(h.request("/a", b"body", authority="www.test", scheme="https", method="POST"))
                assert post.status == 307
                assert h.answer(h.request("/", authority="no.test", scheme="https")).status == 404


# --- configuration

@pytest.mark.parametrize("text, sentence", [
    ("redirect www.test { to https://a.test; }", '"steer"'),
    ("redirect www.test { steer nix; to https://a.test; }", 'there is no steer "nix"'),
    ("redirect www.test { steer cdn; }", "nobody says where clients of syd are sent"),
    ("redirect www.test { steer cdn; to a.test; }", "is not a URL that a path can follow"),
    ("redirect www.test { steer cdn; to https://a.test/?x; }", "is not a URL that a path can follow"),
    ("redirect www.test { steer cdn; to https://u@a.test; }", "is not a URL that a path can follow"),
    ("redirect www.test { steer cdn; to ftp://a.test; }", "is not a URL that a path can follow"),
    ("redirect www.test { steer cdn; to https://a.test; at lon https://b.test; }", 'has no PoP "lon"'),
    ("redirect www.test { steer cdm; to https://a.test; }", 'there is no steer "cdm", did you mean "cdn"?'),
    ("redirect www.test { steer cdn; to https://a.test; at sid https://b.test; }", 'no PoP "sid", did you mean "syd"?'),
    ("zone cdn.test { soa ns1 h serial 1; ns ns1.other.test.; }", "add  listen 0.0.0.0:53 dns;"),
    ("redirect www.test { steer cdn; to https://a.test; at fra https://b.test geo DEU; }", "is not a country"),
    ("redirect www.test { steer cdn; to https://a.test; page where; }", "a page has a path"),
    ("redirect www.test { steer cdn; to https://a.test; }\nredirect x.test WWW.test { steer cdn; to https://a.test; }",
     "the host www.test has two redirects"),
    ("redirect www.test:80 { steer cdn; to https://a.test; }", "is not a host name"),
    ("trusted via 127.0.0.0/8;", '"via"'),
    ("trusted forwarded 127.0.0.1/8;", "127.0.0.1/8"),
])
def test_what_cannot_be_is_refused(tmp_path, text, sentence):
    path = tmp_path / "director.conf"
    path.write_text("listen 127.0.0.1:0 redirect;\ncontrol off;\n" + POPS + text)
    done = run_director("-t", "-c", path)
    assert done.returncode == 1 and sentence in done.stderr
