"""Attacks by clients, class by class: what is ambiguous is refused and its connection closed, what
goes on is exactly what was meant, and nobody pays for a stranger's size or slowness.

Each row names the rule. An attack is sent with a second request behind it, to `/prey`, which must
not be served as long as the bytes before it are in doubt.
"""
import itertools
import os
import resource
import socket
import threading

import pytest

from edge import instrumented
from waiting import wait_for
from wire import is_chunked, length_of

NO = {"Cache-Control": "no-store"}
KEEP = {"Cache-Control": "max-age=60"}
HOST = b"Host: a.test\r\n"
PREY = b"GET /prey HTTP/1.1\r\nHost: a.test\r\n\r\n"

numbers = itertools.count()


def own_path():
    """A path that no other row uses, so that what the origin saw there is this row's."""
    return f"/t{next(numbers)}"


def short(value):
    """A name for a test out of the bytes that it sends."""
    return repr(value)[2:50] if isinstance(value, bytes) else None


class Attack:
    """The bytes of one attack with PREY behind, and what became of it at the origin."""

    def __init__(self, standing, head, body=b"", line=b"POST %s HTTP/1.1\r\n", host=HOST):
        self.edge, self.origin = standing
        self.path = own_path()
        self.whole = []  # bodies that came to their end
        self.origin.page("/prey", b"prey", NO)

        def reads(x):
            if is_chunked(x.request.fields):
                x.request.body, x.request.trailers = x.stream.chunked()
            elif length_of(x.request.fields):
                x.request.body = x.stream.exactly(length_of(x.request.fields))
            self.whole.append(x.request)
            x.reply(200, b"served", NO)
        reads.reads_body_itself = True
        self.origin.at(self.path, reads)
        if b"%s" in line:
            line %= self.path.encode()
        self.bytes = line + host + head + b"\r\n" + body

    def refused(self, statuses=(400, 501)):
        """One error, then the end; nothing whole has reached the origin, and no prey."""
        prey = self.origin.count("/prey")
        with self.edge.connect() as c:
            c.send(self.bytes + PREY)
            r = c.response()
            assert r.status in statuses, r
            assert not r.keeps_alive
            c.expect_close()
        assert self.whole == []
        assert self.origin.count("/prey") == prey

    def served(self, body=b""):
        """The request as it was meant, once, and then the prey."""
        with self.edge.connect() as c:
            c.send(self.bytes + PREY)
            r = c.response()
            assert (r.status, r.body) == (200, b"served"), r
            if r.keeps_alive:
                assert c.response().body == b"prey"
            c.close()
        assert [w.body for w in self.whole] == [body]
        return self.whole[0]


# --- request smuggling: one message has one length

@pytest.mark.parametrize("rule, value", [
    ("9110 8.6", b"Content-Length: +5"), ("9110 8.6", b"Content-Length: -5"),
    ("9110 8.6", b"Content-Length: 0x5"), ("9110 8.6", b"Content-Length: 5.0"),
    ("9110 8.6", b"Content-Length: 1_0"), ("9110 8.6", b"Content-Length: 5 5"),
    ("9110 8.6", b"Content-Length: 5;"), ("9110 8.6", b"Content-Length: \"5\""),
    ("9110 8.6", b"Content-Length: five"), ("9110 8.6", b"Content-Length: \xd9\xa5"),
    ("9110 8.6, CVE-2023-40225", b"Content-Length:"),
    ("9110 8.6, CVE-2023-40225", b"Content-Length: \t "),
    ("9110 8.6", b"Content-Length: ,"), ("9110 8.6", b"Content-Length: 5,"),
    ("9110 8.6", b"Content-Length: 5, 6"), ("9112 6.3", b"Content-Length: 5\r\nContent-Length: 6"),
    ("9112 6.3", b"Content-Length: 5\r\ncontent-length: 0"),
    ("9112 6.3", b"Content-Length:\r\nContent-Length: 5"),
    ("overflow", b"Content-Length: 9223372036854775808"),
    ("overflow", b"Content-Length: 18446744073709551621"),
    ("overflow", b"Content-Length: 4294967296000000000000000005"),
    ("9112 5.1", b"Content-Length : 5"), ("9112 5.1", b"Content-Length\t: 5"),
    ("9112 5.2", b" Content-Length: 5"), ("9112 5.2", b"X: y\r\n Content-Length: 5"),
    ("9110 5.5", b"Content-Length: 5\x0b"), ("9110 5.5", b"Content-Length: 5\x00"),
    ("9112 2.2", b"Content-Length: 5\nX: y"), ("9112 2.2", b"Content-Length: 5\rX: y"),
    ("9110 5.1", b"Content-Length\x00: 5"), ("9110 5.1, CVE-2023-25725", b": x\r\nContent-Length: 5"),
    ("9110 5.1", b"\x00: x\r\nContent-Length: 5"), ("9112 2.2", b"\r: x\r\nContent-Length: 5"),
], ids=short)
def test_content_length(standing, rule, value):
    Attack(standing, value + b"\r\n", b"hello").refused()


@pytest.mark.parametrize("rule, value", [
    ("9112 6.1", b"Transfer-Encoding: chunked, chunked"),
    ("9112 6.1", b"Transfer-Encoding: xchunked"), ("9112 6.1", b"Transfer-Encoding: chunkedx"),
    ("9112 6.1", b"Transfer-Encoding: chunked;q=1"), ("9112 6.1", b"Transfer-Encoding: \"chunked\""),
    ("9112 6.1", b"Transfer-Encoding: identity"), ("9112 6.1", b"Transfer-Encoding: gzip, chunked"),
    ("9112 6.1", b"Transfer-Encoding: chunked, identity"),
    ("9112 6.1", b"Transfer-Encoding: ,chunked"), ("9112 6.1", b"Transfer-Encoding:"),
    ("9112 6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("9112 6.1", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
    ("9112 6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
    ("9112 6.3", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
    ("9112 6.3", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
    ("9112 6.3", b"Content-Length: 5\r\nTransfer-Encoding: identity"),
    ("9112 5.1", b"Transfer-Encoding : chunked"), ("9112 5.1", b"Transfer-Encoding\x0b: chunked"),
    ("9112 5.2", b"Transfer-Encoding:\r\n chunked"), ("9112 5.2", b"X: y\r\n\tTransfer-Encoding: x"),
    ("9110 5.5", b"Transfer-Encoding: \x0bchunked"), ("9110 5.5", b"Transfer-Encoding: chunked\x00"),
    ("9112 2.2", b"Transfer-Encoding: chun\nked"), ("9112 2.2", b"X: y\nTransfer-Encoding: chunked"),
    ("9112 2.2", b"Foo: bar\rTransfer-Encoding: chunked"),
], ids=short)
def test_transfer_encoding(standing, rule, value):
    Attack(standing, value + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n").refused()


def test_transfer_encoding_in_http_1_0(standing):
    """9112 6.1: faulty framing."""
    Attack(standing, b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", b"0\r\n\r\n",
           line=b"POST %s HTTP/1.0\r\n").refused()


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED", b"\tchunked \t"], ids=short)
def test_chunked_is_one_word_in_any_case(standing, value):
    """9110 5.6.3, 9112 7: this one is no attack and must work."""
    Attack(standing, b"Transfer-Encoding:" + value + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n").served(b"hello")


@pytest.mark.parametrize("name", [b"Content_Length", b"Transfer_Encoding", b"X_Forwarded_For",
                                  b"X_Forwarded-Host", b"CDN_Loop", b"Host_"])
def test_names_that_a_gateway_might_confuse(standing, name):
    """An underscore becomes a hyphen's twin where fields become environment variables: what looks
    like a field that frames, routes or tells who asked goes no further."""
    sent = Attack(standing, name + b": 5\r\n").served()
    assert name == b"Host_" or name.decode() not in sent


# --- chunked coding

@pytest.mark.parametrize("rule, chunks", [
    ("9112 7.1", b"\r\n5\r\nhello\r\n0\r\n\r\n"), ("9112 7.1", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"x\r\nhello\r\n0\r\n\r\n"), ("9112 7.1", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"-5\r\nhello\r\n0\r\n\r\n"), ("9112 7.1", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"5_\r\nhello\r\n0\r\n\r\n"), ("9112 7.1", b"5h\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"5\x00\r\nhello\r\n0\r\n\r\n"), ("9112 7.1", b"5\x0b\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"5\nhello\r\n0\r\n\r\n"), ("9112 7.1", b"5\rhello\r\n0\r\n\r\n"),
    ("9112 7.1", b"5\r\nhello\n0\r\n\r\n"), ("9112 7.1", b"5\r\nhello0\r\n\r\n"),
    ("9112 7.1", b"5\r\nhelloo\r\n0\r\n\r\n"), ("9112 7.1", b"5\r\nhello\r\n0\n\r\n"),
    ("9112 7.1", b"5\r\nhello\r\n0\r\n\n"), ("9112 7.1", b"5\r\nhello\r\n0\r\rX"),
    ("overflow", b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"),
    ("overflow", b"8000000000000000\r\nhello\r\n0\r\n\r\n"),
    ("overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("overflow", b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1.1", b"5;\nx\r\nhello\r\n0\r\n\r\n"), ("9112 7.1.1", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1.1", b"5;a=\x00\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1.1, CVE-2026-24033", b"5;a=\"\r\n0\r\n\r\n\"\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1.1, bounded", b"5;a=" + b"x" * 40000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("9112 7.1.1, bounded", b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nh\r\n" * 900),
    ("9112 7.1.2, bounded", b"5\r\nhello\r\n0\r\nX: " + b"x" * 40000 + b"\r\n\r\n"),
    ("9112 7.1.2", b"5\r\nhello\r\n0\r\nX : y\r\n\r\n"),
    ("9112 7.1.2", b"5\r\nhello\r\n0\r\nX: y\n\r\n"), ("9112 7.1.2", b"5\r\nhello\r\n0\r\n: y\r\n\r\n"),
    ("9112 7.1.2", b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n"),
], ids=short)
def test_chunks(standing, rule, chunks):
    Attack(standing, b"Transfer-Encoding: chunked\r\n", chunks).refused({400, 413, 431})


@pytest.mark.parametrize("chunks", [
    b"05\r\nhello\r\n0\r\n\r\n", b"5;a=b;c=\"d;\\\"e\"\r\nhello\r\n000\r\n\r\n",
    b"5 ; a = b\r\nhello\r\n0;x\r\n\r\n",
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: b\r\nX: y\r\n\r\n",
], ids=short)
def test_chunks_in_uncommon_spelling(standing, chunks):
    """They are understood, and written anew: nothing of the spelling goes on."""
    sent = Attack(standing, b"Transfer-Encoding: chunked\r\n", chunks).served(b"hello")
    assert sent.trailers == [] and sent.fields.all("host") == ["a.test"]


@pytest.mark.parametrize("head, part", [
    (b"Content-Length: 10\r\n", b"hello"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhel"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n"),
], ids=short)
def test_a_cut_upload_is_never_completed(standing, head, part):
    """9112 8"""
    a = Attack(standing, head, part)
    seen = a.origin.count(a.path)
    with a.edge.connect() as c:
        c.send(a.bytes)
        a.origin.wait_count(seen + 1, a.path)
        c.sock.shutdown(socket.SHUT_WR)
        c.until_close()
    wait_for(lambda: a.origin.active == 0, "the origin to see the end")
    assert a.whole == []


# --- request line and Host

@pytest.mark.parametrize("rule, line, host", [
    ("9112 3", b"POST  %s HTTP/1.1\r\n", HOST), ("9112 3", b"POST\t%s HTTP/1.1\r\n", HOST),
    ("9112 3", b"POST %s  HTTP/1.1\r\n", HOST), ("9112 3", b" POST %s HTTP/1.1\r\n", HOST),
    ("9112 3", b"POST %s HTTP/1.1 \r\n", HOST), ("9112 3", b"POST %s\r\n", HOST),
    ("9112 3", b"POST %s HTTP/1.1\n", HOST), ("9112 3", b"POST %s\x00 HTTP/1.1\r\n", HOST),
    ("9112 3", b"POST %s HTTP/1.10\r\n", HOST), ("9112 3", b"POST %s http/1.1\r\n", HOST),
    ("9112 3", b"POST %s HTTP/01.1\r\n", HOST), ("9112 3", b"POST %s\x7f HTTP/1.1\r\n", HOST),
    ("9112 3.2", b"POST %s#x HTTP/1.1\r\n", HOST), ("9112 3.2", b"POST t HTTP/1.1\r\n", HOST),
    ("9112 3.2", b"POST \\evil HTTP/1.1\r\n", HOST), ("9112 3.2", b"POST * HTTP/1.1\r\n", HOST),
    ("9112 3.2", b"POST %s%%00 HTTP/1.1\r\n", HOST), ("9112 3.2", b"POST %s%%zz HTTP/1.1\r\n", HOST),
    ("9112 3.2.2", b"POST http:///x HTTP/1.1\r\n", HOST),
    ("9112 3.2.2", b"POST http://u@a.test/x HTTP/1.1\r\n", HOST),
    ("9112 3.2.2", b"POST http://a.test\\@b.test/ HTTP/1.1\r\n", HOST),
    ("9112 3.2.2", b"POST http://a.test:99999/ HTTP/1.1\r\n", HOST),
    ("SSRF", b"POST file:///etc/passwd HTTP/1.1\r\n", HOST),
    ("SSRF", b"POST gopher://a.test/ HTTP/1.1\r\n", HOST),
    ("SSRF", b"POST @b.test/ HTTP/1.1\r\n", HOST), ("SSRF", b"POST :80/ HTTP/1.1\r\n", HOST),
    ("9112 3.2", b"POST %s HTTP/1.1\r\n", b""), ("9112 3.2", b"POST %s HTTP/1.1\r\n", HOST + HOST),
    ("9112 3.2", b"POST %s HTTP/1.1\r\n", HOST + b"host: b.test\r\n"),
    ("9112 3.2", b"POST http://a.test/x HTTP/1.1\r\n", HOST + HOST),
    ("9112 3.2", b"POST http://a.test/x HTTP/1.1\r\n", b""),
    ("9112 3.2", b"POST http://a.test/x HTTP/1.1\r\n", b"Host: b/c\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a b\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test, b.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test/x\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test?x\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test#x\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: u@a.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: http://a.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test:0\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test:65536\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test:80x\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test:-1\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: [::1\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: [::1]x\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a..test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: .a.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a%00.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a\x00.test\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: a.test\xc3\xa9\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: \"a.test\"\r\n"),
    ("9110 7.2", b"POST %s HTTP/1.1\r\n", b"Host: " + b"a" * 256 + b"\r\n"),
    ("9112 5.1", b"POST %s HTTP/1.1\r\n", b"Host : a.test\r\n"),
    ("9112 5.2", b"POST %s HTTP/1.1\r\n", HOST + b" b.test\r\n"),
], ids=short)
def test_request_line_and_host(standing, rule, line, host):
    line = line.replace(b"%%", b"%") if b"%s" not in line else line
    a = Attack(standing, b"", line=line, host=host)
    if b"%00" in line or b"%zz" in line:  # framed well: only the answer is 400
        with a.edge.connect() as c:
            c.send(a.bytes)
            assert c.response().status == 400
        assert a.whole == []
    else:
        a.refused({400})


@pytest.mark.parametrize("host, seen", [
    ("A.Test", "a.test"), ("a.test.", "a.test"), ("a.test:80", "a.test"), ("a.test:", "a.test"),
    ("a.test:0080", "a.test"), ("a.test:8080", "a.test:8080"), ("[::1]:81", "[::1]:81"),
])
def test_host_is_what_the_key_says(standing, host, seen):
    """The origin sees the host that is in the key, so that nobody stores for one what was made for
    another."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, x.request["host"].encode(), KEEP))
    assert edge.get(path, host=host).body.decode() == seen
    assert edge.get(path, host=seen).cache == "hit"
    r = edge.get(path, host="other.test")
    assert (r.cache, r.body) == ("miss", b"other.test")


def test_http_1_0_without_host(standing):
    """It may be so (9112 3.2); what is stored for it is not served to those who name a host."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, b"<%b>" % x.request["host"].encode(), KEEP))
    with edge.connect() as c:
        c.send(b"GET %b HTTP/1.0\r\n\r\n" % path.encode())
        assert c.response().status in (200, 400)
    assert edge.get(path).body == b"<a.test>"


def test_absolute_form_wins_over_host(standing):
    """9112 3.2.2, for the key too."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, x.request["host"].encode(), KEEP))
    assert edge.get(f"http://b.test{path}", host="a.test").body == b"b.test"
    assert edge.get(path, host="a.test").body == b"a.test"
    assert edge.get(path, host="b.test").cache == "hit"


# --- limits

@pytest.mark.parametrize("status, head", [
    (431, b"x" * 65550 + b": y\r\n"),  # CVE-2026-58155, and an abort of Traffic Server
    (431, b"x" * 65535 + b": y\r\n"), (431, b"x" * 1100 + b": y\r\n"),
    (431, b"X: " + b"y" * 65600 + b"\r\n"),
    (431, b"".join(b"a%d: x\r\n" % n for n in range(1000))),
    (431, b"".join(b"a%d: x\r\n" % n for n in range(5000))),
    (431, b"a: x\r\n" * 100),  # with Host 101
    (431, b"a:\r\n" * 3000),
    (400, b"Connection: " + b"a," * 5000 + b"\r\n"),
], ids=short)
def test_heads_beyond_the_limits(standing, status, head):
    a = Attack(standing, head)
    began = cpu_s(a.edge)
    a.refused({status})
    assert cpu_s(a.edge) - began < 1


def test_as_many_fields_as_allowed(standing):
    """99 beside Host, all of them listed as hop-by-hop: what is quadratic stays small."""
    names = [b"a%d" % n for n in range(98)]
    head = b"".join(b"%b: x\r\n" % n for n in names) + b"Connection: " + b",".join(names) + b"\r\n"
    a = Attack(standing, head)
    began = cpu_s(a.edge)
    sent = a.served()
    assert not [n for n, _ in sent.fields if n in {name.decode() for name in names}]
    assert cpu_s(a.edge) - began < 1


def test_method_of_any_length(standing):
    Attack(standing, b"", line=b"M" * 5000 + b" %s HTTP/1.1\r\n").refused({501})


# --- hop-by-hop fields

@pytest.mark.parametrize("name, value", [
    ("Host", None), ("Content-Length", None), ("X-Forwarded-For", "192.0.2.9"),
    ("CDN-Loop", "other-cdn"), ("Via", "1.1 other"), ("Authorization", "me"), ("Cookie", "a=b"),
    ("Cache-Control", "no-cache"), ("Forwarded", "for=x"), ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "192.0.2.9"), ("Origin", "x"), ("Accept-Encoding", "gzip"),
])
def test_what_cannot_be_listed_away(standing, name, value):
    """VSV00010, 9110 7.6.1"""
    head = b"Connection: %b\r\nContent-Length: 5\r\n" % name.encode()
    if value:
        head += f"{name}: {value}\r\n".encode()
    sent = Attack(standing, head, b"hello").served(b"hello")
    assert name in sent
    for ours in ("x-forwarded-for", "cdn-loop", "via", "host", "forwarded"):
        assert ours in sent


@pytest.mark.parametrize("how", ["vary", "key"])
def test_listing_away_does_not_poison(selvaged, origin, how):
    """A client sends a field that selects the response, and lists it in Connection: the origin
    does not see it, so the answer must not be stored as the one for its value."""
    rule = "key header X-Plan;" if how == "key" else ""
    edge = selvaged(config=f"site * {{ origin {origin.url}; {rule} }}")
    fields = {**KEEP, "Vary": "X-Plan"} if how == "vary" else KEEP
    origin.at("/a", lambda x: x.reply(200, x.request.fields.get("x-plan", "none").encode(), fields))
    assert edge.get("/a", fields={"X-Plan": "gold"}, method="GET").body == b"gold"
    origin.at("/b", lambda x: x.reply(200, x.request.fields.get("x-plan", "none").encode(), fields))
    edge.get("/b")
    assert edge.get("/b", fields={"X-Plan": "gold", "Connection": "X-Plan"}).body == b"none"
    assert edge.get("/b", fields={"X-Plan": "gold"}).body == b"gold"


# --- Expect, Upgrade, bodies that are owed

def test_expect_and_an_error_leave_nothing_owed(selvaged, origin):
    """9110 10.1.1: the client gets the origin's 417 without having sent its body; what it sends
    next on that connection, or others on the origin's, is not taken for that body."""
    edge = selvaged(origin=origin, workers=1)

    def refuse(x):
        x.reply(417, b"no", NO)
        x.close()
    refuse.reads_body_itself = True
    origin.at("/up", refuse)
    origin.page("/b", b"good", NO)
    with edge.connect() as c:
        c.request("/up", method="POST", fields={"Expect": "100-continue", "Content-Length": "99999"})
        r = c.response()
        if r.keeps_alive:
            c.send(b"x" * 99999)
            assert c.get("/b").body == b"good"
    assert [edge.get("/b").body for _ in range(5)] == [b"good"] * 5


@pytest.mark.parametrize("value", ["200-ok", "100-continue, x", "x=\"100-continue\""])
def test_unknown_expectations(standing, value):
    """9110 10.1.1"""
    Attack(standing, f"Expect: {value}\r\nContent-Length: 5\r\n".encode(), b"hello").refused({417})


def test_a_body_that_nobody_wants(standing):
    """A GET that is answered from the cache has a body: it is read and dropped (CVE-2025-4366),
    and never told to the origin, whose answer it might change under the same key."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, b"<%b>" % x.request.body, KEEP))
    evil = b"GET /prey HTTP/1.1\r\nHost: a.test\r\n\r\n"
    origin.page("/prey", b"prey", NO)
    prey = origin.count("/prey")
    with edge.connect() as c:
        for _ in range(3):
            c.request(path, body=evil)
            assert c.response().body == b"<>"
        c.request(path, fields={"Transfer-Encoding": "chunked"})
        c.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(evil), evil))
        r = c.response()
        assert r.body == b"<>"
        if r.keeps_alive:
            assert c.get(path).body == b"<>"
        else:
            c.expect_close()
    assert origin.count("/prey") == prey


@pytest.mark.parametrize("fields", [
    {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
    {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    {"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
])
def test_upgrade_is_not_passed(standing, fields):
    """9110 7.8: nothing is switched, and what follows is read as HTTP (CVE-2026-73548)."""
    head = "".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode()
    sent = Attack(standing, head).served()
    assert not {"upgrade", "http2-settings", "connection"} & {n.lower() for n, _ in sent.fields}


# --- keys: poisoning and deception

@pytest.mark.parametrize("name", [
    "X-Forwarded-Host", "X-Host", "X-Forwarded-Scheme", "X-Original-URL", "X-Rewrite-URL",
    "Forwarded", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
    "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server",
    "Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "Expect",
    "Transfer-Encoding", "TE", "Upgrade", "Proxy", "X_Forwarded_Host",
])
def test_unkeyed_input_does_not_reach_the_origin(standing, name):
    """9111 2: what is not in the key does not change what is stored under it."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200, repr([v for n, v in x.request.fields
                                                 if n.lower() == name.lower()]).encode(), KEEP))
    value = {"Expect": "100-continue", "Transfer-Encoding": "chunked", "Range": "bytes=0-1",
             "If-Match": '"x"'}.get(name, "evil.test")
    with edge.connect() as c:
        c.request(path, fields={name: value})
        if name == "Transfer-Encoding":
            c.send(b"0\r\n\r\n")
        c.response()
    assert value.encode() not in edge.get(path).body


@pytest.mark.parametrize("one, other, same", [
    ("/x/../p", "/p", True), ("/%70", "/p", True), ("/./p", "/p", True), ("/p%2fq", "/p/q", False),
    ("/p%2e%2e/q", "/q", False), ("/s/%2e%2e/q", "/q", True), ("/p;a.css", "/p", False),
    ("/p%3Fx", "/p?x", False), ("/p%23.css", "/p", False), ("/p?", "/p", False),
    ("/p%0d%0aX:y", "/p", False), ("/P", "/p", False), ("/p//q", "/p/q", False),
    ("/p?a=%41", "/p?a=A", True), ("/p?a&b", "/p?b&a", False), ("/../../p", "/p", True),
])
def test_key_and_origin_see_the_same(standing, one, other, same):
    """3986 6.2.2: two spellings share an entry only if the origin is asked the same for both."""
    edge, origin = standing
    host = f"h{next(numbers)}.test"
    origin.at(None, lambda x: x.reply(200, x.request.target.encode(), KEEP))
    try:
        first, second = edge.get(one, host=host), edge.get(other, host=host)
    finally:
        del origin.paths[None]
    assert (second.cache == "hit") == same
    assert (first.body == second.body) == same


@pytest.mark.parametrize("method", ["POST", "DELETE", "FOO", "PURGE", "BAN", "INVALIDATE", "get"])
def test_methods_evict_nothing_on_error(standing, method):
    """9111 4.4: only what succeeded invalidates; PURGE is nothing for the public."""
    edge, origin = standing
    path = own_path()
    origin.at(path, lambda x: x.reply(200 if x.request.method == "GET" else 405, b"a", KEEP))
    edge.get(path)
    assert edge.get(path, method=method).status in (405, 501)
    assert edge.get(path).cache == "hit"


def test_management_is_not_on_the_public_port(standing):
    edge, origin = standing
    for path in ("/metrics", "/stats", "/status", "/healthz", "/purge", "/explain"):
        assert edge.get(path).status == 404  # the origin's
        assert origin.count(path) == 1


# --- ranges

BODY = bytes(range(256)) * 40


@pytest.mark.parametrize("value, expected", [
    ("bytes=0-0", (206, b"\x00")), ("bytes=-1", (206, b"\xff")), ("bytes=10230-", (206, BODY[10230:])),
    ("bytes=5-99999999999999999999", (206, BODY[5:])), ("bytes=-99999999999999999999", (206, BODY)),
    ("bytes=9223372036854775807-", (416, None)), ("bytes=18446744073709551615-", (416, None)),
    ("bytes=18446744073709551616-18446744073709551620", (416, None)), ("bytes=10240-", (416, None)),
    ("bytes=-0", (416, None)), ("bytes=5-2", (200, BODY)), ("bytes=a-b", (200, BODY)),
    ("bytes=+1-2", (200, BODY)), ("bytes=--1", (200, BODY)), ("bytes=0x1-2", (200, BODY)),
    ("bytes=1-2-3", (200, BODY)), ("bytes", (200, BODY)), ("bytes=", (200, BODY)),
    ("lines=1-2", (200, BODY)), ("bytes=,,1-2,,", (206, BODY[1:3])), ("bytes=0-,0-,0-", (206, BODY)),
    ("bytes=" + ",".join(["0-"] * 1000), None), ("bytes=" + ",".join(["-1023"] * 1000), None),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 4000, 2)), None),
    ("bytes=0-1,4-5", None), ("bytes=1-0,0-1", (200, BODY)),
])
def test_ranges(standing, value, expected):
    """9110 14: exact bytes, nothing overflows, and no set of ranges yields more than about the whole
    (RangeAmp). The origin is asked once, for the whole."""
    edge, origin = standing
    path = "/ranges"
    origin.page(path, BODY, {**KEEP, "ETag": '"r"'})
    edge.get(path)
    r = edge.get(path, fields={"Range": value})
    if expected is None:
        assert r.status in (200, 206, 416)
        assert len(r.body) <= len(BODY) + 4096
    else:
        assert r.status == expected[0]
        assert expected[1] is None or r.body == expected[1]
    assert origin.count(path) == 1


@pytest.mark.parametrize("value, partial", [('"r"', True), ('W/"r"', False), ('"x"', False), ("", False)])
def test_if_range(standing, value, partial):
    """9110 13.1.5: strong comparison."""
    edge, origin = standing
    path = "/if-range"
    origin.page(path, BODY, {**KEEP, "ETag": '"r"'})
    edge.get(path)
    r = edge.get(path, fields={"Range": "bytes=0-9", "If-Range": value})
    assert r.status == (206 if partial else 200)


# --- loops

@pytest.mark.parametrize("form", [
    "{0}", "other, {0}", "{0}; a=b", "other; x=\"{0}\", {0} ;y", "a,,{0},", "\t{0}",
])
def test_loops(selvaged, origin, form):
    """RFC 8586: our name anywhere, in any form, in any line, listed in Connection or not."""
    edge = selvaged(origin=origin)
    origin.page("/a", b"x", NO)
    edge.get("/a")
    own = origin.last("/a")["cdn-loop"]
    asked = origin.count()
    for fields in ([("CDN-Loop", form.format(own))],
                   [("CDN-Loop", "x"), ("cdn-loop", form.format(own.upper())), ("Connection", "cdn-loop")]):
        assert edge.get("/a", fields=fields).status == 508
    assert edge.get("/a", fields={"CDN-Loop": f"x{own}, \"{own}\"; {own}=1"}).status in (200, 508)
    assert origin.count() <= asked + 1


# --- floods: work and memory stay bounded

def open_connections(edge):
    return edge.metric("selvage_connections_total") - edge.metric("selvage_connections_closed_total")


def cpu_s(edge):
    with open(f"/proc/{edge.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_large_head_in_single_bytes(standing):
    """60 KiB of head, one byte at a time: each byte is looked at once."""
    edge, origin = standing
    path = own_path()
    origin.page(path, b"x", NO)
    began = cpu_s(edge)
    with edge.connect() as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b"GET %b HTTP/1.1\r\n" % path.encode() + HOST
        head += b"".join(b"X%d: " % n + b"v" * 600 + b"\r\n" for n in range(95)) + b"\r\n"
        for b in head:
            c.send(bytes([b]))
        assert c.response().body == b"x"
    assert cpu_s(edge) - began < 5


def test_ten_thousand_pipelined_requests(standing):
    """All are answered in order, and no more is read than can be answered."""
    edge, origin = standing
    pages = [own_path() for _ in range(10)]
    for p in pages:
        origin.page(p, p.encode(), KEEP)
        edge.get(p)
    n = 10000
    with edge.connect() as c:
        data = b"".join(b"GET %b HTTP/1.1\r\n" % pages[i % 10].encode() + HOST + b"\r\n"
                        for i in range(n))
        sender = threading.Thread(target=c.send, args=(data,), daemon=True)
        sender.start()
        for i in range(n):
            assert c.response().body == pages[i % 10].encode()
        sender.join()


def test_pipelining_without_reading(standing):
    """Who sends requests and takes no answer is not read from any more."""
    edge, origin = standing
    path = own_path()
    origin.page(path, b"x" * 1000, KEEP)
    edge.get(path)
    request = b"GET %b HTTP/1.1\r\n" % path.encode() + HOST + b"\r\n"
    with edge.connect(receive_bytes=4096) as c:
        c.sock.settimeout(1)
        with pytest.raises(socket.timeout):
            for _ in range(1000):
                c.send(request * 1000)
        served = edge.metric("selvage_client_sent_bytes_total")
        assert edge.get(path).status == 200
        assert served < 200 << 20
        c.reset()


def test_one_byte_per_read(standing):
    """A client that takes its answer in single bytes delays nobody else."""
    edge, origin = standing
    path = own_path()
    body = os.urandom(2 << 20)
    origin.page(path, body, KEEP)
    edge.get(path)
    with edge.connect(receive_bytes=2048) as c:
        c.request(path)
        for _ in range(500):
            assert len(c.sock.recv(1)) == 1
        for _ in range(3):
            assert edge.get(path).body == body
        c.reset()


def test_idle_connections_by_the_thousand(selvaged, origin):
    """10000 that say nothing, or only half of a head: others are served."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    n = min(10000, limit[1] - 1000)
    edge = selvaged(config=f"head-timeout 1h; idle-timeout 1h; site * {{ origin {origin.url}; }}")
    origin.page("/a", b"hello", KEEP)
    idle = []
    try:
        for i in range(n):
            s = socket.create_connection(edge.address)
            idle.append(s)
            if i % 2:
                s.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\nX: ")
        wait_for(lambda: open_connections(edge) >= n, "all of them to be open")
        began = cpu_s(edge)
        for _ in range(20):
            assert edge.get("/a").body == b"hello"
        assert cpu_s(edge) - began < 2
        if not instrumented():
            assert edge.rss_bytes() < (64 << 20) + n * 8192
    finally:
        for s in idle:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    wait_for(lambda: open_connections(edge) < 10, "them to be closed")


def test_slow_heads_have_one_deadline(selvaged, origin):
    """CWE-400: the time is for the whole head, for hundreds at once."""
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config=f"head-timeout 500ms; site * {{ origin {origin.url}; }}")
    slow = [edge.connect() for _ in range(300)]
    for c in slow:
        c.send(b"GET /a HTTP/1.1\r\nHost: a.test\r\n")
    assert edge.get("/a").body == b"hello"
    for c in slow:
        assert c.response().status == 408
        c.close()
