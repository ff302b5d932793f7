"""Content codings that the edge makes and undoes (RFC 9110 8.4, 12.5.3): the right bytes under the
right head for every client, made once, streamed, and never made of what must not be changed."""
import gzip
import json
import random
import signal
import subprocess
import threading

import pytest

from codings import CODINGS, DECODERS, decode, encode, plain
from waiting import wait_for
from wire import Cut

KEEP = {"Cache-Control": "max-age=60"}
HTML = {**KEEP, "Content-Type": "text/html; charset=utf-8", "ETag": '"v1"',
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


def text(n, seed=1):
    """Words, which compress as a page does."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randrange(2, 9))) for _ in range(500)]
    made = []
    size = 0
    while size < n:
        made.append(rng.choice(words))
        size += len(made[-1]) + 1
    return " ".join(made).encode()[:n].ljust(n, b".")


PAGE = text(50000)


@pytest.fixture
def start(selvaged, origin):
    """The edge with these directives for its one site."""
    def run(directives="encode br zstd gzip;", more="", **options):
        return selvaged(config=f"{more}\nsite * {{ origin {origin.url}; {directives} }}", **options)
    return run


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


def get(edge, target, accept=None, **fields):
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    if accept is not None:
        fields["Accept-Encoding"] = accept
    return edge.get(target, fields=fields)


def coding(r):
    return r.fields.get("content-encoding", "identity")


class Chunks:
    """A chunked body as it comes. The line end behind a chunk comes with the next one."""

    def __init__(self, c):
        self.c, self.began = c, False

    def next(self):
        """b"" behind the last one."""
        if self.began:
            assert self.c.exactly(2) == b"\r\n"
        self.began = True
        return self.c.exactly(int(self.c.line(), 16))

    def rest(self):
        return b"".join(iter(self.next, b""))

    def read_until(self, decoder, wanted):
        """What can be read of it so far, until that much can."""
        made = b""
        while len(made) < wanted:
            made += decoder.feed(self.next())
        return made


# --- the bytes

@pytest.mark.parametrize("how", CODINGS)
@pytest.mark.parametrize("size", [1024, 1025, 16384, 16385, 65536, 300000, 3000000])
def test_every_coding_is_the_same_content(start, origin, how, size):
    edge = start(f"encode {how};")
    body = text(size)
    origin.page("/a", body, HTML)
    with edge.connect() as c:
        for cache in ["miss"] + ["hit"] * 6:
            r = c.get("/a", fields={"Accept-Encoding": how})
            assert (r.status, r.cache, coding(r)) == (200, cache, how)
            assert len(r.body) < size and plain(r) == body
    assert origin.count("/a") == 1


@pytest.mark.parametrize("how", CODINGS)
def test_curl_decodes_it(start, origin, how):
    edge = start()
    origin.page("/a", PAGE, HTML)
    done = subprocess.run(["curl", "-s", "--compressed", "-H", f"Accept-Encoding: {how}", "-w",
                           "%{size_download}", edge.url + "/a"], capture_output=True, check=True)
    assert done.stdout.startswith(PAGE)
    assert int(done.stdout[len(PAGE):]) < len(PAGE)


def test_a_body_that_does_not_compress_is_whole_all_the_same(start, origin):
    edge = start()
    body = random.Random(7).randbytes(200000)
    origin.page("/a", body, HTML)
    for how in CODINGS:
        for _ in range(5):
            r = get(edge, "/a", how)
            assert coding(r) == how and plain(r) == body


# --- which

@pytest.mark.parametrize("accept, expected", [
    (None, "identity"), ("", "identity"), ("identity", "identity"), ("deflate", "identity"),
    ("gzip", "gzip"), ("x-gzip", "gzip"), ("GZIP", "gzip"), ("br", "br"), ("zstd", "zstd"),
    ("gzip, br, zstd", "br"), ("zstd, gzip", "zstd"), ("gzip, deflate", "gzip"), ("*", "br"),
    ("gzip;q=1.0, br;q=0.9", "gzip"), ("br;q=0.5, zstd;q=0.6, gzip;q=0.4", "zstd"),
    ("br;q=0, *", "zstd"), ("gzip;q=0", "identity"), ("*;q=0", "identity"),
    ("identity;q=0.5, gzip;q=0.4", "identity"), ("identity, gzip;q=0.1", "identity"),
    ("identity;q=0, gzip;q=0.001", "gzip"), ("gzip;q=banana, zstd;q=0.2", "zstd"),
    ("gzip, deflate, br, zstd", "br"),
])
def test_what_a_client_gets(start, origin, accept, expected):
    edge = start()
    origin.page("/a", PAGE, HTML)
    for cache in ["miss", "hit"]:
        r = get(edge, "/a", accept)
        assert (coding(r), r.cache) == (expected, cache)
        assert plain(r) == PAGE
        assert r["vary"] == "Accept-Encoding"
    assert origin.count("/a") == 1


def test_the_order_of_the_configuration_decides_between_equals(start, origin):
    edge = start('encode gzip br; path /z { encode zstd; } path /off { encode off; }')
    for path in ["/a", "/z", "/off"]:
        origin.page(path, PAGE, HTML)
    assert coding(get(edge, "/a", "br, gzip, zstd")) == "gzip"
    assert coding(get(edge, "/a", "zstd")) == "identity"
    assert coding(get(edge, "/z", "br, gzip, zstd")) == "zstd"
    assert coding(get(edge, "/off", "br, gzip, zstd")) == "identity"
    assert "vary" not in get(edge, "/off")


def test_off_unless_it_is_said(edge, origin):
    origin.page("/a", PAGE, HTML)
    r = get(edge, "/a", "gzip")
    assert coding(r) == "identity" and "vary" not in r and r["etag"] == '"v1"'


NOT = {
    "no-transform": ({"Cache-Control": "max-age=60, no-transform"}, {}),
    "cdn-no-transform": ({"CDN-Cache-Control": "max-age=60, no-transform"}, {}),
    "image": ({"Content-Type": "image/png"}, {}),
    "no-type": ({"Content-Type": None}, {}),
    "bad-type": ({"Content-Type": "text"}, {}),
    "events": ({"Content-Type": "text/event-stream"}, {}),
    "unknown-coding": ({"Content-Encoding": "dcb"}, {}),
    "two-codings": ({"Content-Encoding": "gzip, br"}, {}),
}


@pytest.mark.parametrize("name", NOT)
def test_what_is_left_alone(start, origin, name):
    edge = start()
    fields = {n: v for n, v in {**HTML, **NOT[name][0]}.items() if v is not None}
    origin.page("/a", PAGE, fields)
    for _ in range(3):
        r = get(edge, "/a", "gzip")
        assert r.body == PAGE and r["etag"] == '"v1"' and "vary" not in r
        assert coding(r) == fields.get("Content-Encoding", "identity")
    assert edge.metric("selvage_encoded_total") == 0


@pytest.mark.parametrize("status, encoded", [(200, True), (203, True), (404, True), (403, True),
                                             (500, False), (410, False), (206, False)])
def test_statuses(start, origin, status, encoded):
    edge = start()
    origin.page("/a", PAGE, {**HTML, **({"Content-Range": "bytes 0-49999/90000"}
                                        if status == 206 else {})}, status=status)
    for _ in range(2):
        r = edge.get("/a", fields={"Accept-Encoding": "gzip", **({"Range": "bytes=0-49999"}
                                                                if status == 206 else {})})
        assert r.status == status
        assert coding(r) == ("gzip" if encoded else "identity")
        assert plain(r) == PAGE


def test_a_request_may_forbid_it(start, origin):
    edge = start()
    origin.page("/a", PAGE, HTML)
    for _ in range(2):
        r = get(edge, "/a", "gzip", Cache_Control="max-age=0, no-transform")
        assert coding(r) == "identity" and r.body == PAGE and r["vary"] == "Accept-Encoding"
    assert coding(get(edge, "/a", "gzip")) == "gzip"


@pytest.mark.parametrize("setting, size, encoded", [
    ("", 1023, False), ("", 1024, True), ("encode-min 20B;", 19, False), ("encode-min 20B;", 20, True),
    ("encode-min 0B;", 1, True)])
def test_minimum(start, origin, setting, size, encoded):
    edge = start(f"encode gzip; {setting}")
    body = text(size)
    origin.page("/a", body, HTML)
    for _ in range(2):
        r = get(edge, "/a", "gzip")
        assert coding(r) == ("gzip" if encoded else "identity") and plain(r) == body


def test_a_body_of_unknown_length_proves_small(start, origin):
    edge = start()

    @origin.at("/a")
    def chunked(x):
        x.head(200, {**HTML, "Transfer-Encoding": "chunked"})
        x.chunk(b"small")
        x.last_chunk()

    assert plain(get(edge, "/a", "gzip")) == b"small"
    r = get(edge, "/a", "gzip")
    assert r.cache == "hit" and coding(r) == "identity" and r.body == b"small"


@pytest.mark.parametrize("kind, encoded", [
    ("text/css", False), ("application/json", True), ("APPLICATION/JSON; charset=x", True),
    ("application/ld+json", True), ("image/svg+xml", False), ("video/mp4", True)])
def test_types(start, origin, kind, encoded):
    edge = start("encode gzip; encode-types application/json *+json Video/*;")
    origin.page("/a", PAGE, {**KEEP, "Content-Type": kind})
    assert coding(get(edge, "/a", "gzip")) == ("gzip" if encoded else "identity")


# --- the head

def test_what_is_true_of_the_first_form_only_is_not_said_of_another(start, origin):
    edge = start()
    digest = {"Content-MD5": "x", "Digest": "sha-256=x", "Repr-Digest": "sha-256=:eA==:",
              "Content-Digest": "sha-256=:eA==:", "Accept-Ranges": "bytes"}
    origin.page("/a", PAGE, {**HTML, **digest, "Link": "</b>; rel=next", "Content-Language": "de"})
    for _ in range(2):
        r = get(edge, "/a", "br")
        assert r["etag"] == 'W/"v1"' and r["last-modified"] == HTML["Last-Modified"]
        assert r["content-type"] == HTML["Content-Type"] and r["link"] and r["content-language"]
        assert not [n for n in digest if n in r]
        r = get(edge, "/a")
        assert r["etag"] == '"v1"' and not [n for n in digest if r[n] != digest[n]]
    assert int(get(edge, "/a", "br")["content-length"]) < len(PAGE)


@pytest.mark.parametrize("etag", ['W/"w"', None])
def test_weak_and_missing_tags_stay(start, origin, etag):
    edge = start()
    origin.page("/a", PAGE, {**KEEP, "Content-Type": "text/plain", **({"ETag": etag} if etag else {})})
    for accept in ["gzip", None]:
        assert get(edge, "/a", accept).fields.get("etag") == etag


@pytest.mark.parametrize("vary, merged", [
    (None, "Accept-Encoding"), ("Accept-Encoding", "Accept-Encoding"),
    ("accept-encoding", "accept-encoding"), ("Cookie", "Cookie, Accept-Encoding"),
    ("Cookie, ACCEPT-ENCODING", "Cookie, ACCEPT-ENCODING"),
    ("X-A, X-B", "X-A, X-B, Accept-Encoding")])
@pytest.mark.parametrize("accept", ["gzip", None])
def test_vary(start, origin, vary, merged, accept):
    edge = start()
    origin.page("/a", PAGE, {**HTML, **({"Vary": vary} if vary else {})})
    for cache in ["miss", "hit"]:
        r = get(edge, "/a", accept)
        assert (r.cache, r["vary"]) == (cache, merged)
        r = get(edge, "/a", accept, If_None_Match='"v1"')
        assert (r.status, r.cache, r["vary"]) == (304, "hit", merged)
    other = get(edge, "/a", "br")
    expected = "miss" if vary and "accept-encoding" in vary.lower() else "hit"
    assert (other.cache, coding(other)) == (expected, "br")


def test_what_the_edge_says_of_vary_makes_no_variants(start, origin):
    edge = start()
    origin.page("/a", PAGE, HTML)
    for accept in [None, "gzip", "br", "gzip, br", "zstd;q=0.3", "identity", "deflate"] * 2:
        assert plain(get(edge, "/a", accept)) == PAGE
    assert origin.count("/a") == 1


def test_rules_on_fields_are_for_every_form(start, origin):
    edge = start('encode gzip; header set X-Rule yes; header unset Link;')
    origin.page("/a", PAGE, {**HTML, "Link": "</b>; rel=next"})
    for accept in ["gzip", "gzip", None]:
        r = get(edge, "/a", accept)
        assert r["x-rule"] == "yes" and "link" not in r and plain(r) == PAGE


# --- conditions and ranges

@pytest.mark.parametrize("accept, expected", [("gzip", 'W/"v1"'), ("br", 'W/"v1"'), (None, '"v1"')])
@pytest.mark.parametrize("known", ['"v1"', 'W/"v1"', '"x", W/"v1"', "*"])
def test_not_modified(start, origin, accept, expected, known):
    edge = start()
    origin.page("/a", PAGE, HTML)
    get(edge, "/a")
    for _ in range(2):  # before and after that coding was made
        r = get(edge, "/a", accept, If_None_Match=known)
        assert (r.status, r["etag"], r["vary"]) == (304, expected, "Accept-Encoding")
        assert "content-encoding" not in r and "content-length" not in r
        get(edge, "/a", accept)
    assert get(edge, "/a", accept, If_None_Match='"other"').status == 200
    assert get(edge, "/a", accept, If_Modified_Since=HTML["Last-Modified"]).status == 304


@pytest.mark.parametrize("stored", [False, True])
def test_ranges_are_of_the_bytes_as_they_came(start, origin, stored):
    edge = start()
    origin.page("/a", PAGE, {**HTML, "Accept-Ranges": "bytes"})
    if stored:
        assert coding(get(edge, "/a", "gzip")) == "gzip"
    else:
        get(edge, "/a")
    r = get(edge, "/a", "gzip", Range="bytes=10-19")
    assert (r.status, r.body, coding(r), r["etag"]) == (206, PAGE[10:20], "identity", '"v1"')
    assert r["content-range"] == f"bytes 10-19/{len(PAGE)}" and r["vary"] == "Accept-Encoding"
    r = get(edge, "/a", "gzip", Range="bytes=10-19", If_Range='"v1"')
    assert (r.status, r.body) == (206, PAGE[10:20])
    for other in ['W/"v1"', '"v2"', "Thu, 01 Jan 2015 00:00:00 GMT"]:
        r = get(edge, "/a", "gzip", Range="bytes=10-19", If_Range=other)
        assert (r.status, plain(r)) == (200, PAGE)
    r = get(edge, "/a", "gzip", Range="bytes=60000-")
    assert (r.status, r["content-range"]) == (416, f"bytes */{len(PAGE)}")
    r = get(edge, "/a", "gzip", Range="bytes=1-2,9-10")
    assert r.status == 206 and r["content-type"].startswith("multipart/byteranges")
    r = get(edge, "/a", "gzip", If_Match='"v1"')
    assert (r.status, coding(r), r["etag"]) == (200, "identity", '"v1"')
    r = get(edge, "/a", "gzip", Range="bytes=10-19", If_None_Match='"v1"')
    assert r.status == 304 and r["etag"] == '"v1"'
    assert edge.metric("selvage_encoded_total") == stored


def test_a_range_for_who_takes_no_plain_bytes_is_the_whole(start, origin):
    edge = start()
    origin.page("/a", PAGE, HTML)
    for _ in range(2):
        r = get(edge, "/a", "gzip, identity;q=0", Range="bytes=10-19")
        assert (r.status, coding(r), plain(r)) == (200, "gzip", PAGE)


def test_head_is_get_without_the_body(start, origin):
    edge = start()
    origin.page("/a", PAGE, HTML)
    origin.page("/b", PAGE, HTML)

    def head():
        return edge.get("/a", method="HEAD", fields={"Accept-Encoding": "gzip"})

    get(edge, "/a")
    r = head()
    assert (r.status, coding(r), r["etag"], r["vary"]) == (200, "gzip", 'W/"v1"', "Accept-Encoding")
    assert "content-length" not in r
    assert edge.metric("selvage_encoded_total") == 0
    assert coding(get(edge, "/a", "gzip")) == "gzip"
    full, r = get(edge, "/a", "gzip"), head()
    assert r["content-length"] == full["content-length"]
    own = {"age", "cache-status"}
    assert [f for f in r.fields if f[0].lower() not in own] == \
        [f for f in full.fields if f[0].lower() not in own]
    r = edge.get("/b", method="HEAD", fields={"Accept-Encoding": "gzip"})  # goes on to the origin
    assert (coding(r), r["etag"], r["vary"]) == ("gzip", 'W/"v1"', "Accept-Encoding")
    assert "content-length" not in r
    r = edge.get("/b", method="HEAD")
    assert (coding(r), r["etag"], r["content-length"]) == ("identity", '"v1"', str(len(PAGE)))


def test_clients_of_http_1_0(start, origin):
    edge = start()
    body = text(200000)
    origin.page("/a", body, HTML)
    for _ in range(2):
        r = edge.get("/a", version="1.0", fields={"Accept-Encoding": "gzip"})
        assert coding(r) == "gzip" and plain(r) == body and "transfer-encoding" not in r


# --- streams

@pytest.mark.parametrize("how", CODINGS)
@pytest.mark.threaded
def test_what_came_can_be_read_before_the_origin_ends(start, origin, gate, how):
    edge = start()
    parts = [b"first " * 100, b"second " * 100, b"third " * 100]
    steps = [threading.Event() for _ in parts]

    @origin.at("/a")
    def slow(x):
        x.head(200, {**HTML, "Transfer-Encoding": "chunked"})
        for part, step in zip(parts, steps):
            x.chunk(part)
            x.wait(step)
        x.last_chunk()

    with edge.connect() as c, edge.connect() as follower:
        clients = [(Chunks(c), DECODERS[how]()), (Chunks(follower), DECODERS[how]())]
        for body, _ in clients:
            body.c.request("/a", fields={"Accept-Encoding": how})
            assert coding(body.c.read_head()) == how
        for part, step in zip(parts, steps):
            for body, decoder in clients:
                assert body.read_until(decoder, len(part)) == part
            step.set()
        for body, decoder in clients:
            assert decoder.feed(body.rest()) == b"" and decoder.whole
    assert origin.count("/a") == 1
    assert edge.metric("selvage_encoded_total") == 1
    assert plain(get(edge, "/a", how)) == b"".join(parts)


@pytest.mark.threaded
def test_a_crowd_is_one_recoding(start, origin, gate):
    edge = start()
    body = text(400000)

    @origin.at("/a")
    def slow(x):
        x.head(200, {**HTML, "Content-Length": str(len(body))})
        x.send(body[:150000])
        x.wait(gate)
        x.send(body[150000:])

    clients = [edge.connect() for _ in range(60)]
    ways = CODINGS + ["identity"]
    for i, c in enumerate(clients):
        c.request("/a", fields={"Accept-Encoding": ways[i % 4]})
    heads = [c.read_head() for c in clients]
    gate.set()
    for i, (c, r) in enumerate(zip(clients, heads)):
        assert coding(r) == ways[i % 4]
        assert plain(c.read_body(r)) == body
        c.close()
    assert origin.count("/a") == 1
    assert edge.metric("selvage_encoded_total") == 3


@pytest.mark.parametrize("how", CODINGS)
def test_a_body_that_is_cut_is_cut_in_every_coding(start, origin, gate, how):
    edge = start()

    @origin.at("/a")
    def cut(x):
        x.head(200, {**HTML, "Content-Length": "100000"})
        x.send(PAGE)
        x.wait(gate)
        x.close()

    with edge.connect() as c:
        c.request("/a", fields={"Accept-Encoding": how})
        r = c.read_head()
        gate.set()
        with pytest.raises(Cut):
            c.read_body(r)
    origin.page("/a", PAGE, HTML)
    r = get(edge, "/a", how)
    assert r.cache == "miss" and plain(r) == PAGE


def test_who_leaves_does_not_cost_others_theirs(start, origin, gate):
    edge = start()
    body = text(500000)

    @origin.at("/a")
    def slow(x):
        x.head(200, {**HTML, "Content-Length": str(len(body))})
        x.send(body[:200000])
        x.wait(gate)
        x.send(body[200000:])

    leader = edge.connect()
    leader.request("/a", fields={"Accept-Encoding": "gzip"})
    leader.read_head()
    with edge.connect() as c:
        c.request("/a", fields={"Accept-Encoding": "gzip"})
        r = c.read_head()
        leader.reset()
        gate.set()
        assert plain(c.read_body(r)) == body
    assert origin.count("/a") == 1


def test_too_many_at_once_get_what_there_is(start, origin, gate):
    edge = start(workers=1)

    @origin.at(None)
    def slow(x):
        x.head(200, {**HTML, "Content-Length": str(len(PAGE))})
        x.send(PAGE[:40000])
        x.wait(gate)
        x.send(PAGE[40000:])

    clients = [edge.connect() for _ in range(40)]
    for i, c in enumerate(clients):
        c.request(f"/{i}", fields={"Accept-Encoding": "gzip"})
    heads = [c.read_head() for c in clients]
    assert [coding(r) for r in heads].count("gzip") == 32
    gate.set()
    for c, r in zip(clients, heads):
        assert plain(c.read_body(r)) == PAGE
        c.close()
    assert edge.metric("selvage_recodings_refused_total") == 8
    for i in range(40):
        r = get(edge, f"/{i}", "gzip")
        assert (r.cache, coding(r)) == ("hit", "gzip")


# --- stored

@pytest.mark.parametrize("how", CODINGS)
def test_what_is_asked_for_again_is_made_better_once(start, origin, how):
    edge = start(f"encode {how}; encode-level {how} 1 9;")
    body = text(300000)
    origin.page("/a", body, HTML)
    first = get(edge, "/a", how)
    for _ in range(4):
        assert plain(get(edge, "/a", how)) == body
    wait_for(lambda: edge.metric("selvage_encoded_again_total") == 1, "encoded again")
    for _ in range(20):
        r = get(edge, "/a", how)
        assert r.cache == "hit" and plain(r) == body and len(r.body) < len(first.body)
        assert r["etag"] == first["etag"] and r["vary"] == "Accept-Encoding"
    assert edge.metric("selvage_encoded_total") == 2


def test_one_level_is_kept(start, origin):
    edge = start("encode gzip; encode-level gzip 3;")
    origin.page("/a", PAGE, HTML)
    for _ in range(20):
        assert plain(get(edge, "/a", "gzip")) == PAGE
    assert edge.metric("selvage_encoded_total") == 1


def test_validated_is_not_recoded(start, origin):
    """A 304 gives the response a new head: every form of it has that, and none is made anew."""
    edge = start("encode gzip; encode-level gzip 3;")
    step = [0]

    @origin.at("/a")
    def page(x):
        fields = {**HTML, "Cache-Control": "max-age=1", "X-Step": str(step[0]), "Vary": "X-Any"}
        if "If-None-Match" in x.request:
            assert x.request["If-None-Match"] == '"v1"'
            x.head(304, fields)
        else:
            x.reply(200, PAGE, fields)

    for accept in ["gzip", None]:
        r = get(edge, "/a", accept)
        assert r["x-step"] == "0" and plain(r) == PAGE
    for n in (1, 2):
        step[0] = n
        wait_for(lambda: get(edge, "/a", "gzip").cache == "stale", "it is validated")
        for accept in ["gzip", "gzip", None]:
            r = get(edge, "/a", accept)
            assert r["x-step"] == str(n) and plain(r) == PAGE
            assert coding(r) == (accept or "identity")
            assert r["vary"] == "X-Any, Accept-Encoding"
            assert r["etag"] == ('W/"v1"' if accept else '"v1"')
    assert edge.metric("selvage_encoded_total") == 1
    assert origin.count("/a") == 3


def test_what_was_cut_and_completed_is_for_all(start, origin):
    """What the edge says of Vary is not taken for the origin's word when the rest has come."""
    edge = start()

    @origin.at("/a")
    def page(x):
        fields = {**HTML, "Accept-Ranges": "bytes"}
        if origin.count("/a") <= 1:
            x.head(200, {**fields, "Content-Length": str(len(PAGE))})
            x.send(PAGE[:30000])
            x.close()
        elif origin.count("/a") <= 6:  # the edge tries to go on
            x.reply(503)
        else:
            first = int(x.request["Range"][6:-1])
            x.head(206, {**fields, "Content-Length": str(len(PAGE) - first),
                         "Content-Range": f"bytes {first}-{len(PAGE) - 1}/{len(PAGE)}"})
            x.send(PAGE[first:])

    with pytest.raises(Cut):
        while True:
            get(edge, "/a", "gzip")
    origin.seen.extend(origin.requests("/a")[:1] * 6)
    wait_for(lambda: get(edge, "/a", "gzip").status == 200, "it is whole")
    asked = origin.count("/a")
    for accept in ["gzip", "br", None, "gzip, zstd"]:
        r = get(edge, "/a", accept)
        assert (r.status, r.cache, plain(r)) == (200, "hit", PAGE)
        assert r["vary"] == "Accept-Encoding"
    assert origin.count("/a") == asked


def test_what_changed_is_made_anew(start, origin):
    edge = start()
    old, new = text(30000, 1), text(30000, 2)
    origin.page("/a", old, HTML)
    for how in CODINGS:
        assert plain(get(edge, "/a", how)) == old
    edge.get("/a", method="POST", body=b"")  # what it changes is not fresh any more (RFC 9111 4.4)
    origin.page("/a", new, {**HTML, "ETag": '"v2"'})
    for how in CODINGS:
        r = get(edge, "/a", how)
        assert plain(r) == new and r["etag"] == 'W/"v2"'


@pytest.mark.parametrize("hard", [True, False])
def test_purged_with_its_response(start, origin, hard):
    edge = start()
    old, new = text(30000, 1), text(30000, 2)
    origin.page("/a", old, {**HTML, "Surrogate-Key": "t"})
    for how in CODINGS:
        assert plain(get(edge, "/a", how)) == old
    edge.ctl("purge", "tag", "t", *(["--hard"] if hard else []))
    origin.page("/a", new, {**HTML, "ETag": '"v2"'})
    for how in CODINGS:
        r = get(edge, "/a", how)
        assert coding(r) == how and plain(r) == new and r["etag"] == 'W/"v2"'
    assert origin.count("/a") == 2


def test_slices_are_left_alone(start, origin):
    edge = start("encode gzip; slice 64KiB; slice-from always;")
    body = text(200000)

    @origin.at("/a")
    def ranges(x):
        first, last = map(int, x.request["Range"][6:].split("-"))
        last = min(last, len(body) - 1)
        x.reply(206, body[first:last + 1],
                {**HTML, "Accept-Ranges": "bytes", "Content-Range": f"bytes {first}-{last}/{len(body)}"})

    for _ in range(2):
        r = get(edge, "/a", "gzip")
        assert (r.status, coding(r), r.body, r["etag"]) == (200, "identity", body, '"v1"')
    told = json.loads(edge.ctl("explain", "--json", "-H", "Accept-Encoding: gzip", "http://a.test/a"))
    assert (told["coding"]["answer"], told["coding"]["reason"]) == (None, "large")


def test_the_end_while_bodies_are_recoded(start, origin, gate):
    """Whatever is on its way, in a step or waiting, the edge that is forced goes down in order."""
    edge = start("encode br zstd gzip; encode-level br 11;")
    body = text(300000)
    origin.page("/a", body, HTML)

    @origin.at("/slow")
    def slow(x):
        x.head(200, {**HTML, "Content-Length": str(len(body))})
        x.send(body[:200000])
        x.wait(gate)

    clients = [edge.connect() for _ in range(12)]
    for i, c in enumerate(clients):
        c.request("/slow" if i % 2 else "/a", fields={"Accept-Encoding": (CODINGS * 4)[i]})
    for c in clients:
        c.read_head()
    edge.expected_status = 2
    edge.signal(signal.SIGTERM)
    wait_for(lambda: "finishing" in edge.stderr(), "it stops")
    edge.signal(signal.SIGTERM)
    edge.wait_end()
    for c in clients:
        c.close()


def test_age_and_freshness_are_those_of_the_response(start, origin):
    edge = start()
    origin.page("/a", PAGE, {**HTML, "Age": "20"})
    get(edge, "/a")
    for accept in ["gzip", "gzip", None]:
        r = get(edge, "/a", accept)
        assert 20 <= int(r["age"]) < 30 and r.cache == "hit"
        assert r.fields.get("age") and "ttl=" in r["cache-status"]


# --- what is not stored

@pytest.mark.parametrize("how", CODINGS)
def test_private_answers_are_encoded_and_not_kept(start, origin, how):
    edge = start()
    body = text(200000)
    origin.page("/a", body, {**HTML, "Cache-Control": "private"})
    for n in (1, 2):
        r = get(edge, "/a", how)
        assert coding(r) == how and plain(r) == body and r["etag"] == 'W/"v1"'
        assert origin.count("/a") == n
    assert edge.ctl("status", "--json") and json.loads(edge.ctl("status", "--json"))


def test_bypassed_answers_are_encoded_but_not_those_to_post(start, origin):
    edge = start("encode gzip; bypass;")
    origin.page("/a", PAGE, HTML)
    assert coding(get(edge, "/a", "gzip")) == "gzip"
    r = edge.get("/a", method="POST", body=b"x", fields={"Accept-Encoding": "gzip"})
    assert coding(r) == "identity" and r.body == PAGE


def test_validation_of_what_was_encoded_on_its_way(start, origin):
    """The origin judges, and its tag does not become that of other bytes."""
    edge = start("encode gzip; bypass;")

    @origin.at("/a")
    def page(x):
        if "v1" in x.request.fields.get("If-None-Match", ""):
            x.head(304, HTML)
        else:
            x.reply(200, PAGE, HTML)

    for accept, tag in [("gzip", 'W/"v1"'), ("identity", '"v1"')]:
        assert get(edge, "/a", accept)["etag"] == tag
        r = get(edge, "/a", accept, If_None_Match=tag)
        assert (r.status, r["etag"]) == (304, tag)


# --- what the origin has encoded

@pytest.mark.parametrize("how", CODINGS)
def test_what_is_encoded_stays_so_for_who_takes_it(start, origin, how):
    edge = start()
    coded = encode(how, PAGE)
    origin.page("/a", coded, {**HTML, "Content-Encoding": how})
    for _ in range(2):
        for accept in [how, "gzip, br, zstd", f"{how};q=0.1, *;q=0.01"]:
            r = get(edge, "/a", accept)
            assert (coding(r), r.body, r["etag"]) == (how, coded, '"v1"')
            assert r["vary"] == "Accept-Encoding"
    r = get(edge, "/a", how, Range="bytes=3-9")
    assert (r.status, r.body, coding(r)) == (206, coded[3:10], how)
    assert edge.metric("selvage_encoded_total") == edge.metric("selvage_decoded_total") == 0


@pytest.mark.parametrize("how", CODINGS)
@pytest.mark.parametrize("accept", [None, "identity", "deflate", "other"])
def test_who_takes_none_of_it_gets_it_decoded(start, origin, how, accept):
    if accept == "other":  # nothing is ever encoded a second time
        accept = {"gzip": "br, zstd", "br": "gzip, zstd", "zstd": "gzip, br"}[how]
    edge = start()
    origin.page("/a", encode(how, PAGE), {**HTML, "Content-Encoding": how, "Accept-Ranges": "bytes"})
    for cache in ["miss", "hit", "hit"]:
        r = get(edge, "/a", accept)
        assert (r.status, coding(r), r.cache, r["etag"]) == (200, "identity", cache, 'W/"v1"')
        assert r.body == PAGE and r["vary"] == "Accept-Encoding" and "accept-ranges" not in r
    assert r["content-length"] == str(len(PAGE))
    r = get(edge, "/a", accept, Range="bytes=0-9")
    assert (r.status, r.body) == (200, PAGE)
    assert get(edge, "/a", accept, If_None_Match='"v1"').status == 304
    assert (edge.metric("selvage_decoded_total"), edge.metric("selvage_encoded_total")) == (1, 0)
    assert origin.count("/a") == 1


def test_decode_off(start, origin):
    edge = start("decode off;")
    coded = gzip.compress(PAGE)
    origin.page("/a", coded, {**HTML, "Content-Encoding": "gzip"})
    for _ in range(2):
        r = get(edge, "/a")
        assert (coding(r), r.body) == ("gzip", coded) and "vary" not in r


@pytest.mark.parametrize("how", CODINGS)
def test_a_decoded_stream_is_streamed(start, origin, gate, how):
    edge = start()
    body = random.Random(3).randbytes(400000)
    coded = encode(how, body)

    @origin.at("/a")
    def slow(x):
        x.head(200, {**HTML, "Content-Encoding": how, "Content-Length": str(len(coded))})
        x.send(coded[:300000])
        x.wait(gate)
        x.send(coded[300000:])

    with edge.connect() as c:
        c.request("/a")
        c.read_head()
        chunks, made = Chunks(c), b""
        while len(made) < 100000:
            made += chunks.next()
        gate.set()
        assert made + chunks.rest() == body


@pytest.mark.parametrize("how", CODINGS)
@pytest.mark.parametrize("size", [2000, 100000])
def test_what_is_no_such_coding_is_an_error_and_not_garbage(start, origin, how, size):
    edge = start()
    origin.page("/a", text(size), {**HTML, "Content-Encoding": how})
    for _ in range(2):
        r = get(edge, "/a")
        assert (r.status, r.detail) == (502, "bad-coding")
        assert get(edge, "/a", how).body == text(size)  # its own affair
    assert edge.metric("selvage_recodings_short_total") == 2


@pytest.mark.parametrize("how", CODINGS)
def test_what_breaks_in_the_middle_is_cut(start, origin, how):
    edge = start()
    body = random.Random(5).randbytes(500000)
    coded = bytearray(encode(how, body))
    broken = {"short": bytes(coded[:-5]), "more": bytes(coded) + b"more"}
    for name, data in broken.items():
        origin.page("/" + name, data, {**HTML, "Content-Encoding": how})
        for _ in range(2):
            with pytest.raises(Cut) as cut:
                get(edge, "/" + name)
            assert body.startswith(cut.value.body)


@pytest.mark.slow
@pytest.mark.release
def test_a_bomb_costs_no_memory(start, origin):
    """512 MiB out of 512 KiB: streamed to who wants it plain, at that one's pace, and not kept."""
    edge = start(memory="32MiB")
    block, blocks = gzip.compress(bytes(64 << 20), 9), 8
    origin.page("/a", block * blocks, {**HTML, "Content-Encoding": "gzip"})
    before = edge.rss_bytes()
    with edge.connect() as c:
        c.request("/a", fields={"Accept-Encoding": "identity"})
        assert coding(c.read_head()) == "identity"
        chunks, got = Chunks(c), 0
        while data := chunks.next():
            got += len(data)
    assert got == blocks * (64 << 20)
    assert edge.rss_bytes() < before + (48 << 20)


# --- what operators see

def test_explain(start, origin):
    edge = start("encode br gzip; path /off { encode off; }")
    origin.page("/a", PAGE, HTML)
    origin.page("/png", PAGE, {**HTML, "Content-Type": "image/png"})
    origin.page("/gz", gzip.compress(PAGE), {**HTML, "Content-Encoding": "gzip"})
    origin.page("/off", PAGE, HTML)
    for path in ["/a", "/png", "/gz", "/off"]:
        get(edge, path, "gzip")

    def told(path, *fields):
        args = [a for f in fields for a in ("-H", f)]
        return json.loads(edge.ctl("explain", "--json", *args, f"http://a.test{path}"))["coding"]

    got = told("/a", "Accept-Encoding: gzip")
    assert (got["stored"], got["answer"], got["made"], got["reason"]) == \
        ("identity", "gzip", True, "chosen")
    got = told("/a", "Accept-Encoding: br")
    assert (got["answer"], got["made"]) == ("br", False)
    assert told("/a", "Accept-Encoding: br", "Range: bytes=0-1")["reason"] == "bytes"
    assert told("/a", "Cache-Control: no-transform")["reason"] == "request"
    assert told("/png", "Accept-Encoding: br")["reason"] == "type"
    assert told("/off", "Accept-Encoding: br")["reason"] == "off"
    got = told("/gz", "Accept-Encoding: br")
    assert (got["stored"], got["answer"], got["reason"]) == ("gzip", "identity", "chosen")
    assert told("/none", "Accept-Encoding: br") is None


def test_counters_and_log(start, origin, tmp_path):
    log = tmp_path / "log"
    edge = start("encode gzip;", more=f"access-log {log} json;")
    origin.page("/a", PAGE, HTML)
    r = get(edge, "/a", "gzip")
    m = edge.metrics()
    assert m['selvage_encoded_in_bytes_total{coding="gzip"}'] == len(PAGE)
    assert m['selvage_encoded_out_bytes_total{coding="gzip"}'] == len(r.body)
    lines = wait_for(lambda: log.exists() and log.read_text().splitlines(), "a line in the log")
    assert json.loads(lines[0])["body_bytes_out"] == len(r.body)


@pytest.mark.parametrize("line, complaint", [
    ("encode deflate;", "deflate"), ("encode gzip gzip;", "already"), ("encode-types text;", "media type"),
    ("encode-level gzip 10;", "levels from 1 to 9"), ("encode-level br 3 12;", "levels from 0 to 11"),
    ("decode maybe;", "maybe")])
def test_what_is_wrong_in_a_configuration(tmp_path, line, complaint):
    from edge import run_selvaged
    conf = tmp_path / "conf"
    conf.write_text(f"listen 127.0.0.1:1;\nsite * {{ origin http://127.0.0.1:2; {line} }}\n")
    done = run_selvaged("-t", "-c", conf)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr
