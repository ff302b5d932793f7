"""Large resources are kept in slices: each is fetched by its range when it is needed, collapsed,
evicted and validated; bytes of two versions never mix."""
import hashlib
import re
import threading

import pytest

from edge import DISK
from origin import Gone
from ranges import octets, parts_of
from waiting import wait_for
from wire import Cut

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
memory_only = pytest.mark.skipif(DISK, reason="what cannot be sliced goes to the disk as it comes")


class Movie:
    """A large file at the origin: bytes are a function of version and offset. What of it was asked
    for is counted; `odd(x, first, last)` may answer in its place (true: it has)."""

    def __init__(self, origin, path="/movie", size=10 * GIB, version=1, fields=None, ranges=True,
                 tag='"v{}"'):
        self.size, self.version, self.ranges, self.tag = size, version, ranges, tag
        self.fields = fields or {"Cache-Control": "max-age=600"}
        self.asked, self.sent, self.odd = [], 0, lambda x, first, last: False
        origin.at(path, self)

    def head_fields(self, version):
        tag = {"ETag": self.tag.format(version)} if self.tag else {}
        return {**tag, "Content-Type": "video/mp4", **self.fields}

    def __call__(self, x):
        version, size, fields = self.version, self.size, self.head_fields(self.version)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", x.request.fields.get("range", ""))
        first, last = 0, size - 1
        if found and self.ranges:
            first, last = int(found.group(1)), min(int(found.group(2) or size), size - 1)
        self.asked.append((first, last) if found else "whole")
        if self.odd(x, first, last):
            return
        if x.request.fields.get("if-none-match") == fields.get("ETag", "none"):
            x.reply(304, fields=fields)
            return
        if found and self.ranges and first >= size:
            x.reply(416, fields={"Content-Range": f"bytes */{size}"})
            return
        if found and self.ranges:
            fields["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.body(x, 206 if found and self.ranges else 200, fields, version, first, last)

    def body(self, x, status, fields, version, first, last):
        x.head(status, {**fields, "Content-Length": str(last - first + 1)})
        at = first
        while at <= last:
            n = min(256 * KIB, last + 1 - at)
            try:
                x.send(octets(version, at, n))
            except Gone:
                x.close()
                raise
            self.sent += n
            at += n

    def slices(self):
        return [a for a in self.asked if a != "whole"]


def started(selvaged, origin, rules="", memory="16MiB", **options):
    return selvaged(config=f"site * {{ origin {origin.url}; {rules} }}", memory=memory, **options)


def part(edge, first, n, target="/movie"):
    """A range; the slice may still be on its way."""
    r = edge.get(target, fields={"Range": f"bytes={first}-{first + n - 1}"})
    assert r.status == 206, r
    return r


def settled(edge):
    wait_for(lambda: edge.metric("selvage_fills") == 0, "all fills to end")


def is_part(r, movie, first, n, version=None):
    assert r["content-range"] == f"bytes {first}-{first + n - 1}/{movie.size}"
    assert r.body == octets(version or movie.version, first, n)


# --- a seek costs its slice

def test_a_seek_into_ten_gigabytes(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    at = 7 * GIB + 12345
    r = part(edge, at, 1000)
    is_part(r, movie, at, 1000)
    assert "fwd=uri-miss" in r["cache-status"] and "stored" in r["cache-status"]
    assert movie.asked == [(7 * GIB, 7 * GIB + MIB - 1)]
    settled(edge)
    r = part(edge, at + 5000, 100)
    is_part(r, movie, at + 5000, 100)
    assert r.cache == "hit" and "age" in r
    r = part(edge, 3 * GIB, 10)
    is_part(r, movie, 3 * GIB, 10)
    assert "fwd=partial" in r["cache-status"]
    settled(edge)
    assert movie.sent == 2 * MIB


def test_a_seek_without_a_rule(selvaged, origin):
    """The origin's 200 is given up as soon as its head says how large it is."""
    edge, movie = started(selvaged, origin), Movie(origin)
    r = part(edge, 7 * GIB, 1000)
    is_part(r, movie, 7 * GIB, 1000)
    assert movie.asked == ["whole", (7 * GIB, 7 * GIB + MIB - 1)]
    settled(edge)
    r = part(edge, 7 * GIB + 1000, 1000)
    assert r.cache == "hit" and len(movie.asked) == 2
    for at in (0, 10 * GIB - 5):
        is_part(part(edge, at, 5), movie, at, 5)
    assert movie.asked[2:] == [(0, MIB - 1), (10 * GIB - MIB, 10 * GIB - 1)]


def test_a_range_over_slices(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice 64KiB; slice-from always;"), Movie(origin)
    at, n = 5 * GIB - 100, 200 * KIB
    is_part(part(edge, at, n), movie, at, n)
    assert sorted(set(movie.slices())) == movie.slices() and len(movie.asked) == 5
    is_part(part(edge, at, n), movie, at, n)
    assert len(movie.asked) == 5


@pytest.mark.parametrize("value, first, n", [
    ("bytes=-700", 10 * GIB - 700, 700),
    (f"bytes={10 * GIB - 70}-", 10 * GIB - 70, 70),
    (f"bytes={10 * GIB - 70}-{99 * GIB}", 10 * GIB - 70, 70),
    ("bytes=0-0", 0, 1),
])
def test_forms_of_ranges(selvaged, origin, value, first, n):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    for _ in range(2):
        r = edge.get("/movie", fields={"Range": value})
        assert r.status == 206
        is_part(r, movie, first, n)
    settled(edge)
    assert movie.sent <= 2 * MIB


def test_conditions_and_heads_need_no_slice(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    part(edge, 0, 1)
    r = edge.get("/movie", fields={"If-None-Match": '"v1"'})
    assert (r.status, r.body) == (304, b"")
    r = edge.get("/movie", method="HEAD")
    assert (r.status, r["content-length"], r.cache) == (200, str(10 * GIB), "hit")
    r = edge.get("/movie", fields={"Range": f"bytes={10 * GIB}-"})
    assert (r.status, r["content-range"]) == (416, f"bytes */{10 * GIB}")
    r = edge.get("/movie", fields={"Range": "bytes=5-6", "If-Range": '"v1"'})
    assert (r.status, r.body) == (206, octets(1, 5, 2))
    assert len(movie.asked) == 1


def test_several_ranges(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    wanted = [(7 * GIB, 7 * GIB + 99), (GIB - 300 * KIB, GIB + 300 * KIB), (5, 9)]
    for _ in range(2):
        r = edge.get("/movie", fields={"Range": "bytes=" + ",".join(f"{a}-{b}" for a, b in wanted)})
        assert r.status == 206
        parts = parts_of(r["content-type"], r.body)
        assert [p[0]["Content-Range"] for p in parts] == [
            f"bytes {a}-{b}/{movie.size}" for a, b in wanted]
        assert [p[1] for p in parts] == [octets(1, a, b - a + 1) for a, b in wanted]
    assert len(movie.asked) == 4


def test_only_if_cached(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always; honour-request on;")
    movie = Movie(origin, size=10 * MIB)
    part(edge, 0, 10)
    settled(edge)

    def stored_only(value):
        return edge.get("/movie", fields={"Cache-Control": "only-if-cached", "Range": value}).status

    assert stored_only("bytes=0-1048575") == 206
    assert stored_only("bytes=0-1048576") == 504
    assert stored_only(f"bytes={5 * MIB}-") == 504
    assert len(movie.asked) == 1


# --- whole downloads

def test_a_download_larger_than_the_cache(selvaged, origin):
    edge, movie = started(selvaged, origin), Movie(origin, size=50 * MIB + 777)
    wanted = hashlib.sha256(octets(1, 0, movie.size)).digest()
    for _ in range(2):
        r = edge.get("/movie")
        assert (r.status, r["content-length"]) == (200, str(movie.size))
        assert hashlib.sha256(r.body).digest() == wanted
    assert edge.metric("selvage_laggards_cut_total") == 0


def test_a_download_that_fits_is_a_hit(selvaged, origin):
    edge = started(selvaged, origin, memory="64MiB")
    movie = Movie(origin, size=20 * MIB + 1)
    assert edge.get("/movie").body == octets(1, 0, movie.size)
    n = len(movie.asked)
    r = edge.get("/movie")
    assert r.body == octets(1, 0, movie.size)
    assert r.cache == "hit" and len(movie.asked) == n == 22


def test_what_is_no_larger_than_a_slice_is_an_object(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;")
    for i, size in enumerate((1, 1000, MIB)):
        movie = Movie(origin, path=f"/{i}", size=size)
        r = edge.get(f"/{i}")
        assert (r.status, r.body) == (200, octets(1, 0, size))
        assert "content-range" not in r
        settled(edge)
        r = edge.get(f"/{i}", fields={"Range": f"bytes={size - 1}-"})
        assert (r.status, r.cache) == (206, "hit")
        assert len(movie.asked) == 1


def test_a_seek_behind_the_end(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=5 * MIB)
    r = edge.get("/movie", fields={"Range": "bytes=9000000-9000001"})
    assert (r.status, r["content-range"]) == (416, f"bytes */{5 * MIB}")
    assert movie.asked == [(9 * MIB - MIB, 5 * MIB - 1), (0, MIB - 1)]
    assert edge.get("/movie").body == octets(1, 0, 5 * MIB)


def test_an_empty_file(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=0)
    for _ in range(2):
        r = edge.get("/movie")
        assert (r.status, r.body) == (200, b"")
    assert len(movie.asked) == 2


# --- together

def test_many_want_one_slice(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    part(edge, 0, 1)
    gate = threading.Event()

    def slow(x, first, last):
        x.wait(gate)
        return False

    movie.odd = slow
    answers = [None] * 50

    def client(i):
        answers[i] = part(edge, 4 * GIB + i * 1000, 100)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(50)]
    for t in threads:
        t.start()
    wait_for(lambda: edge.metrics()['selvage_slices_total{from="fill"}'] == 49, "49 followers")
    gate.set()
    for t in threads:
        t.join()
    for i, r in enumerate(answers):
        is_part(r, movie, 4 * GIB + i * 1000, 100)
    assert movie.asked[1:] == [(4 * GIB, 4 * GIB + MIB - 1)]


def test_many_begin_at_once(selvaged, origin):
    """Nobody knows yet that it is large; they want different slices."""
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    gate = threading.Event()

    def slow(x, first, last):
        x.wait(gate)
        return False

    movie.odd = slow
    answers = [None] * 20

    def client(i):
        answers[i] = part(edge, i % 4 * GIB, 100)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    origin.wait_count(1)
    gate.set()
    for t in threads:
        t.join()
    for i, r in enumerate(answers):
        is_part(r, movie, i % 4 * GIB, 100)
    assert len(movie.asked) == len(set(movie.asked)) == 4


def test_a_client_that_leaves(selvaged, origin):
    """What was begun is finished; of the gigabyte that it wanted nothing else is asked for."""
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    gate = threading.Event()

    def slow(x, first, last):
        x.head(206, {**movie.head_fields(1), "Content-Length": str(last + 1 - first),
                     "Content-Range": f"bytes {first}-{last}/{movie.size}"})
        x.send(octets(1, first, MIB // 4))
        x.wait(gate)
        x.send(octets(1, first + MIB // 4, last + 1 - first - MIB // 4))
        return True

    part(edge, 0, 1)
    movie.odd = slow
    c = edge.connect()
    c.request("/movie", fields={"Range": f"bytes={GIB}-{2 * GIB}"})
    c.read_head()
    c.reset()
    gate.set()
    wait_for(lambda: edge.metric("selvage_requests_aborted_total") == 1, "the client to be gone")
    settled(edge)
    assert movie.asked[1] == (GIB, GIB + MIB - 1) and len(movie.asked) <= 3
    assert part(edge, GIB, 10).cache == "hit"


def test_a_slow_reader_costs_two_slices(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    c = edge.connect(receive_bytes=4096)
    c.request("/movie")
    c.read_head()
    wait_for(lambda: len(movie.asked) >= 2, "the read-ahead")
    held = edge.metrics()['selvage_memory_bytes{kind="used"}']
    for _ in range(20):  # others go on
        is_part(part(edge, GIB, 10), movie, GIB, 10)
    # What the sockets on the way hold was sent already.
    assert len([s for s in movie.slices() if s[0] < GIB]) <= 8
    assert held < 12 * MIB
    c.close()


# --- versions

def test_another_version_before_the_first_byte(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    part(edge, 0, 1)
    movie.version = 2
    r = part(edge, GIB, 1000)
    is_part(r, movie, GIB, 1000, version=2)
    r = part(edge, 0, 1000)
    is_part(r, movie, 0, 1000, version=2)
    assert edge.metric("selvage_slice_versions_lost_total") == 1
    assert movie.asked == [(0, MIB - 1), (GIB, GIB + MIB - 1), (GIB, GIB + MIB - 1), (0, MIB - 1)]


def test_another_version_midway_is_cut(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=40 * MIB)

    def change(x, first, last):
        if first >= 20 * MIB:
            movie.version = 2
        return False

    movie.odd = change
    c = edge.connect()
    c.request("/movie")
    with pytest.raises(Cut) as cut:
        c.response()
    assert cut.value.body == octets(1, 0, len(cut.value.body))
    assert len(cut.value.body) <= 21 * MIB
    r = edge.get("/movie")
    assert r.body == octets(2, 0, movie.size)


@pytest.mark.parametrize("answer", ["shorter", "not found", "gone", "whole", "no tag", "elsewhere",
                                    "precondition"])
def test_no_slice_of_that_version(selvaged, origin, answer):
    """Whatever comes instead of the slice, no mixture; and the next request has what there is."""
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=8 * MIB)
    edge.get("/movie", fields={"Range": "bytes=0-9"})
    tag = {"ETag": '"v1"'}

    def odd(x, first, last):
        n = last - first + 1
        if n != MIB:  # the whole, or as the client asked
            return False
        if answer == "shorter":
            x.reply(206, octets(1, first, 1000),
                    {**tag, "Content-Range": f"bytes {first}-{first + 999}/{movie.size}"})
        elif answer == "not found":
            x.reply(404, b"none", {"Cache-Control": "max-age=60"})
        elif answer == "gone":
            x.reply(410, b"none", {"Cache-Control": "max-age=60"})
        elif answer == "precondition":
            x.reply(412, b"none")
        elif answer == "whole":
            movie.body(x, 200, {**tag, **movie.fields}, 1, 0, movie.size - 1)
        elif answer == "no tag":
            x.reply(206, octets(1, first, n),
                    {"Content-Range": f"bytes {first}-{last}/{movie.size}"})
        elif answer == "elsewhere":
            x.reply(206, octets(1, 0, n), {**tag, "Content-Range": f"bytes 0-{n - 1}/{movie.size}"})
        return True

    movie.odd = odd
    r = edge.get("/movie", fields={"Range": f"bytes={5 * MIB}-{5 * MIB + 9}"})
    if answer in ("not found", "gone"):
        assert r.status == int({"not found": 404, "gone": 410}[answer])
    elif r.status == 206:
        is_part(r, movie, 5 * MIB, 10)
    elif r.status == 200:
        assert r.body == octets(1, 0, movie.size)
    else:
        assert r.status in (412, 502), r
    assert edge.metric("selvage_slice_versions_lost_total") >= 1
    movie.odd = lambda *_: False
    if answer not in ("not found", "gone"):
        r = edge.get("/movie", fields={"Range": f"bytes={5 * MIB}-{5 * MIB + 9}"})
        is_part(r, movie, 5 * MIB, 10)


def test_validation_keeps_the_slices(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;")
    movie = Movie(origin, fields={"Cache-Control": "max-age=0"})
    part(edge, GIB, 10)
    settled(edge)
    for _ in range(2):
        r = part(edge, GIB, 10)
        is_part(r, movie, GIB, 10)
        asked = origin.last("/movie")
        assert asked["if-none-match"] == '"v1"' and asked["range"] == f"bytes={GIB}-{GIB + MIB - 1}"
    assert movie.sent == MIB
    movie.version = 2  # one request tells that, and brings the slice
    r = part(edge, GIB, 10)
    is_part(r, movie, GIB, 10, version=2)
    settled(edge)
    assert movie.sent == 2 * MIB and len(movie.asked) == 4


def test_an_origin_without_conditions_keeps_the_slices(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;")
    movie = Movie(origin, fields={"Cache-Control": "max-age=0"})
    part(edge, GIB, 10)
    part(edge, 2 * GIB, 10)

    def no_conditions(x, first, last):
        fields = {**movie.head_fields(1), "Content-Range": f"bytes {first}-{last}/{movie.size}"}
        movie.body(x, 206, fields, 1, first, last)
        return True

    settled(edge)
    movie.odd = no_conditions
    movie.fields["Cache-Control"] = "max-age=600"
    is_part(part(edge, 0, 10), movie, 0, 10)
    for at in (GIB, 2 * GIB):
        r = part(edge, at, 10)
        is_part(r, movie, at, 10)
        assert r.cache == "hit"


# --- origins that give no slices

def test_an_origin_that_ignores_ranges(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;", memory="128MiB")
    movie = Movie(origin, size=5 * MIB, ranges=False)
    for _ in range(2):
        r = edge.get("/movie", fields={"Range": "bytes=3000000-3000009"})
        assert r.status == 206
        is_part(r, movie, 3000000, 10)
    assert "range" in origin.requests("/movie")[0]
    assert all("range" not in r for r in origin.requests("/movie")[1:])


@memory_only
def test_a_small_cache_before_an_origin_that_ignores_ranges(selvaged, origin):
    edge = started(selvaged, origin)
    movie = Movie(origin, size=5 * MIB, ranges=False)
    for _ in range(2):
        assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert movie.asked[0] == "whole" and len(movie.asked) == 3  # given up, by range, by nothing


@memory_only
@pytest.mark.parametrize("tag", ['W/"v{}"', None], ids=["weak", "none"])
@pytest.mark.parametrize("rule", ["", "slice-from always;"], ids=["size", "rule"])
def test_no_strong_validator(selvaged, origin, tag, rule):
    edge = started(selvaged, origin, rule)
    movie = Movie(origin, size=5 * MIB, tag=tag)
    for _ in range(2):
        assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert edge.metric("selvage_slices_total") == 0
    assert len(movie.slices()) <= 1


def test_accept_ranges_none(selvaged, origin):
    edge = started(selvaged, origin)
    movie = Movie(origin, size=5 * MIB, fields={"Accept-Ranges": "none",
                                                "Cache-Control": "max-age=600"})
    assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert movie.asked == ["whole"]


@pytest.mark.parametrize("cc", ["no-store", "private"])
@pytest.mark.parametrize("rule", ["", "slice-from always;"], ids=["size", "rule"])
def test_not_storable_is_not_sliced(selvaged, origin, cc, rule):
    edge = started(selvaged, origin, rule)
    movie = Movie(origin, size=5 * MIB, fields={"Cache-Control": cc})
    for _ in range(3):
        assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert edge.metric("selvage_slices_total") == 0
    assert len(movie.slices()) <= 1


def test_a_slice_that_may_not_be_stored(selvaged, origin):
    """It is the same representation, but that slice is for its client alone."""
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=8 * MIB)
    part(edge, 0, 1)
    settled(edge)
    movie.fields = {"Cache-Control": "private"}
    for n in (2, 3):
        is_part(part(edge, 3 * MIB, 10), movie, 3 * MIB, 10)
        settled(edge)
        assert len(movie.asked) == n
    assert edge.get("/movie").body == octets(1, 0, movie.size)


def test_digests_of_a_part_are_not_the_wholes(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;")
    movie = Movie(origin, fields={"Cache-Control": "max-age=60", "Content-Digest": "sha-256=:aaaa:",
                                  "Repr-Digest": "sha-256=:bbbb:"})
    for _ in range(2):
        r = part(edge, 5, 5)
        is_part(r, movie, 5, 5)
        assert "content-digest" not in r and r["repr-digest"] == "sha-256=:bbbb:"


def test_off(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice off;"), Movie(origin, size=5 * MIB)
    assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert movie.asked == ["whole"]


# --- failures

def fails_at(movie, at, times, answer):
    """The first `times` requests for the slice at `at` fail."""
    left = [times]

    def odd(x, first, last):
        if first != at or left[0] == 0:
            return False
        left[0] -= 1
        answer(x, first, last)
        return True

    movie.odd = odd


def error(x, first, last):
    x.reply(503, b"busy")


def half(x, first, last):
    fields = {"ETag": '"v1"', "Content-Range": f"bytes {first}-{last}/{20 * MIB}"}
    x.head(206, {**fields, "Content-Length": str(last - first + 1)})
    x.send(octets(1, first, 300000))
    x.close()


@pytest.mark.parametrize("answer", [error, half], ids=["error", "half"])
def test_one_failure_is_not_seen(selvaged, origin, answer):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=20 * MIB)
    fails_at(movie, 10 * MIB, 1, answer)
    assert edge.get("/movie").body == octets(1, 0, movie.size)
    assert movie.asked.count((10 * MIB, 11 * MIB - 1)) == 2


@pytest.mark.parametrize("answer", [error, half], ids=["error", "half"])
def test_two_failures_cut(selvaged, origin, answer):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=20 * MIB)
    fails_at(movie, 10 * MIB, 2, answer)
    c = edge.connect()
    c.request("/movie")
    with pytest.raises(Cut) as cut:
        c.response()
    got = cut.value.body
    assert got == octets(1, 0, len(got)) and len(got) >= 10 * MIB
    assert edge.get("/movie").body == octets(1, 0, movie.size)


def test_failures_before_the_first_byte(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin, size=20 * MIB)
    part(edge, 0, 1)
    fails_at(movie, 10 * MIB, 2, error)
    r = edge.get("/movie", fields={"Range": f"bytes={10 * MIB}-"})
    assert r.status == 502
    is_part(part(edge, 10 * MIB, 10), movie, 10 * MIB, 10)


# --- eviction

def test_slices_are_evicted_one_by_one(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    for i in range(40):
        is_part(part(edge, i * GIB // 4, 10), movie, i * GIB // 4, 10)
        settled(edge)
        assert part(edge, 0, 10).cache == "hit"  # what is used stays
    assert edge.metric("selvage_cache_evicted_total") > 0
    assert movie.slices().count((0, MIB - 1)) == 1


def test_variants_have_slices_of_their_own(selvaged, origin):
    edge = started(selvaged, origin, "slice-from always;")
    sent = []

    @origin.at("/movie")
    def movie(x):
        language = x.request.fields.get("accept-language", "en")
        first, last = map(int, x.request["range"].removeprefix("bytes=").split("-"))
        sent.append((language, first))
        x.reply(206, octets(language, first, last - first + 1), {
            "ETag": f'"{language}"', "Vary": "Accept-Language", "Cache-Control": "max-age=600",
            "Content-Range": f"bytes {first}-{last}/{GIB}"})

    for _ in range(2):
        for language in ("de", "fr"):
            for at in (0, GIB // 2):
                r = edge.get("/movie", fields={"Range": f"bytes={at}-{at + 9}",
                                               "Accept-Language": language})
                assert r.body == octets(language, at, 10)
    assert len(sent) == 4


# --- what operators see

def test_log_metrics_and_explain(selvaged, origin):
    edge, movie = started(selvaged, origin, "slice-from always;"), Movie(origin)
    for _ in range(2):
        for at in (0, GIB):
            is_part(part(edge, at, 10), movie, at, 10)
            settled(edge)
    metrics = edge.metrics()
    assert metrics['selvage_requests_total{cache="MISS"}'] == 1
    assert metrics['selvage_requests_total{cache="PARTIAL"}'] == 1
    assert metrics['selvage_requests_total{cache="HIT"}'] == 2
    assert metrics['selvage_slices_total{from="cache"}'] == 2
    assert metrics['selvage_slices_total{from="origin"}'] == 2
    said = edge.ctl("explain", "http://a.test/movie")
    assert re.search(r"slices +of 1(\.0)? MiB; slice 0 of this request is stored", said), said
