"""Ranges of complete and filling objects, byte for byte (RFC 9110 14)."""
import re
import threading

import pytest

from ranges import check, octets, parts_of, resolve
from waiting import wait_for
from wire import Cut

KEEP = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Accept-Ranges": "bytes",
        "Content-Type": "video/mp4"}
CHUNK = 65536


def body_of(version):
    return lambda first, n: octets(version, first, n)


def stored(edge, origin, path, size):
    origin.page(path, octets("v1", 0, size), KEEP)
    assert len(edge.get(path).body) == size


@pytest.mark.parametrize("size", [0, 1, 2, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1 << 20])
def test_sizes(standing, size):
    """Every kind of range around every edge of a body."""
    edge, origin = standing
    path = f"/size/{size}"
    stored(edge, origin, path, size)
    marks = sorted({m for m in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, size - 1, size, size + 1) if m >= 0})
    with edge.connect() as c:
        for a in marks:
            values = [f"bytes={a}-", f"bytes=-{a}"] + [f"bytes={a}-{b}" for b in marks if b >= a]
            values += [f"bytes={a}-{a},{b}-{b}" for b in marks]
            for value in values:
                check(c.get(path, fields={"Range": value}), value, size, body_of("v1"))
    assert origin.count(path) == 1


@pytest.mark.parametrize("value, kind", [
    ("bytes=0-99,1000-1099", "multipart"), ("bytes=1000-1099,0-99", "multipart"),
    ("bytes=-5,0-4,70000-70000", "multipart"), ("bytes=0-99,50-150", "single"),
    ("bytes=0-99,100-150", "single"), ("bytes=300000-,0-9", "single"),
    ("bytes=0-65535,131072-196607", "multipart"), ("bytes=0-9,300000-", "single"),
    ("bytes=7-7,5-5,3-3,1-1", "multipart"), ("bytes=0-99999,100001-199999", "whole"),
])
def test_several_ranges(standing, value, kind):
    edge, origin = standing
    stored(edge, origin, "/several", 200000)
    r = edge.get("/several", fields={"Range": value})
    assert check(r, value, 200000, body_of("v1")) == kind
    if kind == "multipart":
        assert r["content-length"] == str(len(r.body)) and r["etag"] == '"v1"'
        assert all(f["Content-Type"] == "video/mp4" for f, _ in parts_of(r["content-type"], r.body))
    assert edge.get("/several", method="HEAD", fields={"Range": value}).status == 200


def test_boundaries_cannot_be_guessed(standing):
    edge, origin = standing
    stored(edge, origin, "/boundary", 100000)
    types = {edge.get("/boundary", fields={"Range": "bytes=0-1,5-6"})["content-type"]
             for _ in range(20)}
    assert len(types) == 20


@pytest.mark.parametrize("value, reason", [
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 18, 2)), "many"),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 16, 2)), "large"),
    ("bytes=0-299,301-", "large"),
])
def test_abuse_gets_the_whole(standing, value, reason):
    """Many tiny ranges would be more text than body."""
    edge, origin = standing
    stored(edge, origin, "/abuse", 600)
    name = f'selvage_ranges_ignored_total{{reason="{reason}"}}'
    before = edge.metrics()[name]
    r = edge.get("/abuse", fields={"Range": value})
    assert (r.status, r.body) == (200, octets("v1", 0, 600))
    assert edge.metrics()[name] == before + 1


@pytest.mark.parametrize("value", ["bytes=0-99,1000-1099", "bytes=10-19"])
@pytest.mark.parametrize("condition, status", [
    ('"v1"', 206), ('"v2"', 200), ('W/"v1"', 200), ("Sat, 01 Jan 2022 00:00:00 GMT", 206),
    ("Sat, 01 Jan 2022 00:00:01 GMT", 200), ("nonsense", 200),
])
def test_if_range(standing, value, condition, status):
    edge, origin = standing
    origin.page("/if-range-several", octets("v1", 0, 50000),
                {**KEEP, "Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT"})
    edge.get("/if-range-several")
    r = edge.get("/if-range-several", fields={"Range": value, "If-Range": condition})
    assert r.status == status


def test_rules_on_fields_hold_for_parts(selvaged, origin):
    edge = selvaged(config=f"site * {{ origin {origin.url}; header set X-Rule yes; }}")
    stored(edge, origin, "/a", 100000)
    for value in ("bytes=0-9", "bytes=0-9,20-29"):
        r = edge.get("/a", fields={"Range": value})
        assert (r.status, r["x-rule"]) == (206, "yes")
        check(r, value, 100000, body_of("v1"))


# --- filling

class Slow:
    """A page that sends as much of its body as a test has let go."""

    def __init__(self, origin, path, size, fields=None, framed=True):
        self.size, self.fields, self.framed = size, {**KEEP, **(fields or {})}, framed
        self.allowed, self.sent, self.changed = 0, 0, threading.Condition()
        self.ranges = []
        origin.at(path, self.answer)

    def let(self, upto):
        with self.changed:
            self.allowed = upto
            self.changed.notify_all()

    def answer(self, x):
        if "range" in x.request:
            self.answer_range(x)
            return
        fields = {**self.fields, **({"Content-Length": str(self.size)} if self.framed
                                    else {"Transfer-Encoding": "chunked"})}
        x.head(200, fields)
        at = 0
        while at < self.size:
            with self.changed:
                if not self.changed.wait_for(lambda at=at: self.allowed > at, 20):
                    raise AssertionError("the test let nothing more go")
                upto = min(self.allowed, self.size, at + 100000)
            (x.send if self.framed else x.chunk)(octets("v1", at, upto - at))
            at = upto
        if not self.framed:
            x.last_chunk()

    def answer_range(self, x):
        self.ranges.append(x.request["range"])
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", x.request["range"])
        first, last = int(found.group(1)), int(found.group(2) or self.size - 1)
        x.reply(206, octets("v1", first, last - first + 1),
                {**self.fields, "Content-Range": f"bytes {first}-{last}/{self.size}"})


def filling(edge, origin, path):
    """A client whose request leads the fill of `path`, once its head has come."""
    leader = edge.connect()
    leader.request(path)
    leader.head_read = leader.read_head()
    return leader


def test_ranges_of_a_fill_wait_for_their_bytes(edge, origin):
    slow = Slow(origin, "/a", 600000)
    leader = filling(edge, origin, "/a")
    values = ["bytes=400000-400009", "bytes=0-9", "bytes=-1", "bytes=500000-500009,10-19,300000-300001",
              "bytes=599990-,100-199", "bytes=700000-", "bytes=5-5,3-3"]
    clients = []
    for value in values:
        c = edge.connect()
        c.request("/a", fields={"Range": value})
        clients.append(c)
    for c, value in zip(clients, values):
        if value == "bytes=700000-":
            check(c.response(), value, 600000, body_of("v1"))
            continue
        c.r = c.read_head()
    assert clients[0].quiet(0.1)
    slow.let(400010)
    assert clients[0].read_body(clients[0].r).body == octets("v1", 400000, 10)
    assert clients[1].read_body(clients[1].r).body == octets("v1", 0, 10)
    slow.let(600000)
    for c, value in list(zip(clients, values))[2:]:
        if value != "bytes=700000-":
            check(c.read_body(c.r), value, 600000, body_of("v1"))
    assert leader.read_body(leader.head_read).body == octets("v1", 0, 600000)
    assert origin.count("/a") == 1


def test_the_leader_wants_ranges(edge, origin):
    slow = Slow(origin, "/a", 300000)
    slow.let(300000)
    value = "bytes=299000-,17-18"
    check(edge.get("/a", fields={"Range": value}), value, 300000, body_of("v1"))
    check(edge.get("/a", fields={"Range": "bytes=1-2"}), "bytes=1-2", 300000, body_of("v1"))
    assert origin.count("/a") == 1


def test_a_length_that_is_not_known_yet(edge, origin):
    """The whole is sent while the length is not known, and ranges when it is."""
    slow = Slow(origin, "/a", 100000, framed=False)
    leader = filling(edge, origin, "/a")
    with edge.connect() as c:
        c.request("/a", fields={"Range": "bytes=5-6"})
        r = c.read_head()
        slow.let(100000)
        assert (r.status, c.read_body(r).body) == (200, octets("v1", 0, 100000))
    leader.read_body(leader.head_read)
    check(edge.get("/a", fields={"Range": "bytes=5-6"}), "bytes=5-6", 100000, body_of("v1"))


def test_a_fill_that_fails_cuts_ranges_behind_it(edge, origin):
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        x.head(200, {**{k: v for k, v in KEEP.items() if k != "ETag"}, "Content-Length": "500000"})
        x.send(octets("v1", 0, 200000))
        x.wait(gate)
        x.close()

    filling(edge, origin, "/a")
    values = ["bytes=0-9,100000-100009", "bytes=400000-400009,0-9", "bytes=100-199"]
    clients = [edge.connect() for _ in values]
    for c, value in zip(clients, values):
        c.request("/a", fields={"Range": value})
    check(clients[0].response(), values[0], 500000, body_of("v1"))
    check(clients[2].response(), values[2], 500000, body_of("v1"))
    r = clients[1].read_head()
    gate.set()
    with pytest.raises(Cut) as cut:
        clients[1].read_body(r)
    assert octets("v1", 0, 10) not in cut.value.body


# --- far ahead

def far_edge(selvaged, origin, wait="100KiB"):
    return selvaged(config=f"site * {{ origin {origin.url}; range-wait {wait}; }}")


def test_a_range_far_ahead_is_asked_for_alone(selvaged, origin):
    edge = far_edge(selvaged, origin)
    slow = Slow(origin, "/a", 1000000)
    leader = filling(edge, origin, "/a")
    r = edge.get("/a", fields={"Range": "bytes=900000-900099"})
    check(r, "bytes=900000-900099", 1000000, body_of("v1"))
    assert r.cache == "partial" and r.detail == "range-ahead"
    assert slow.ranges == ["bytes=900000-900099"]
    assert edge.metric("selvage_ranges_alone_total") == 1
    with edge.connect() as near, edge.connect() as much:
        near.request("/a", fields={"Range": "bytes=100000-100009"})
        much.request("/a", fields={"Range": "bytes=300000-"})  # more than has to come before
        near.r, much.r = near.read_head(), much.read_head()
        slow.let(1000000)
        check(near.read_body(near.r), "bytes=100000-100009", 1000000, body_of("v1"))
        check(much.read_body(much.r), "bytes=300000-", 1000000, body_of("v1"))
    assert leader.read_body(leader.head_read).body == octets("v1", 0, 1000000)
    assert len(slow.ranges) == 1 and edge.get("/a").cache == "hit"


@pytest.mark.parametrize("answer", ["whole", "error", "cut", "304"])
def test_an_origin_that_gives_no_range(selvaged, origin, answer):
    """Then the fill is waited for, and the origin does not send the whole for every range."""
    edge = far_edge(selvaged, origin)
    slow = Slow(origin, "/a", 1000000)

    def answer_range(x):
        slow.ranges.append(x.request["range"])
        if answer == "whole":
            x.head(200, {**KEEP, "Content-Length": "1000000"})
            x.edge_left()
        elif answer == "error":
            x.reply(500, b"no")
        elif answer == "304":
            x.reply(304)
        x.close()

    slow.answer_range = answer_range
    filling(edge, origin, "/a")
    with edge.connect() as c:
        c.request("/a", fields={"Range": "bytes=900000-900099"})
        wait_for(lambda: slow.ranges, "the range at the origin")
        slow.let(1000000)
        check(c.response(), "bytes=900000-900099", 1000000, body_of("v1"))
    assert len(slow.ranges) == 1


def test_an_origin_without_ranges_is_not_asked(selvaged, origin):
    edge = far_edge(selvaged, origin)
    slow = Slow(origin, "/a", 1000000, {"Accept-Ranges": "none"})
    filling(edge, origin, "/a")
    with edge.connect() as c:
        c.request("/a", fields={"Range": "bytes=900000-900099"})
        r = c.read_head()
        slow.let(1000000)
        check(c.read_body(r), "bytes=900000-900099", 1000000, body_of("v1"))
    assert slow.ranges == []


def test_resolve_agrees_with_itself():
    assert resolve("bytes=5-9,0-1,2-6", 10) == [(0, 9)]
    assert resolve("bytes=0-1,8-9,1-3", 10) == [(0, 3), (8, 9)]
