"""Incomplete responses are completed by their rest (RFC 9111 3.3, 3.4), and never used for the whole."""
import json
import re
import socket
import threading

import pytest

from ranges import check, octets
from waiting import wait_for
from wire import Cut

BEGINNING = {"Content-Range": "bytes 0-4/10", "Cache-Control": "max-age=60"}


def ask(edge):
    return edge.get("/a", fields={"Range": "bytes=0-4"})


def begun(edge, origin, tag):
    """The origin answers with the first five bytes of ten, whatever it was asked for."""
    origin.page("/a", b"01234", {**BEGINNING, **tag}, status=206)
    r = ask(edge)
    assert (r.status, r.body) == (206, b"01234")


def test_the_rest_completes(edge, origin):
    tag = {"ETag": '"1"'}
    begun(edge, origin, tag)
    origin.page("/a", b"56789", {**tag, "Content-Range": "bytes 5-9/10",
                                 "Cache-Control": "max-age=60", "X-New": "1"}, status=206)
    r = edge.get("/a")
    assert (r.status, r.body, r["x-new"]) == (200, b"0123456789", "1")
    assert "content-range" not in r and "fwd=partial" in r["cache-status"]
    asked = origin.last("/a")
    assert (asked["range"], asked["if-range"]) == ("bytes=5-", '"1"')
    r = edge.get("/a")
    assert (r.cache, r.body) == ("hit", b"0123456789")


@pytest.mark.parametrize("ours, theirs, rest", [
    ({"ETag": '"1"'}, {"ETag": '"2"'}, "bytes 5-9/10"),
    ({"ETag": 'W/"1"'}, {"ETag": 'W/"1"'}, "bytes 5-9/10"),
    ({}, {}, "bytes 5-9/10"),
    ({"ETag": '"1"'}, {"ETag": '"1"'}, "bytes 5-9/11"),
    ({"ETag": '"1"'}, {"ETag": '"1"'}, "bytes 4-8/10"),
], ids=["changed", "weak", "none", "longer", "elsewhere"])
def test_what_does_not_fit_is_asked_for_again(edge, origin, ours, theirs, rest):
    begun(edge, origin, ours)

    @origin.at("/a")
    def page(x):
        if "range" in x.request:
            x.reply(206, b"abcde", {**theirs, "Content-Range": rest})
        else:
            x.reply(200, b"ABCDEFGHIJ", {**theirs, "Cache-Control": "max-age=60"})

    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"ABCDEFGHIJ")
    assert edge.get("/a").body == b"ABCDEFGHIJ"


def test_an_origin_that_sends_the_whole(edge, origin):
    begun(edge, origin, {"ETag": '"1"'})
    origin.page("/a", b"whole", {"ETag": '"2"', "Cache-Control": "max-age=60"})
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"whole")
    assert edge.get("/a").cache == "hit"


def test_what_must_not_be_stored_is_not_begun(edge, origin):
    origin.page("/a", b"01234", {**BEGINNING, "Cache-Control": "private", "ETag": '"1"'}, status=206)
    ask(edge)
    ask(edge)
    assert "range" not in origin.last("/a")


def test_a_part_of_what_is_too_large_costs_that_part(selvaged, origin):
    """RangeAmp: the end of something that is never stored is not fetched from its beginning."""
    edge = selvaged(config=f"cache {{ memory 16MiB; object-max 100KiB; }}\n"
                           f"site * {{ origin {origin.url}; slice off; }}", memory=None)
    size = 4 << 20

    @origin.at("/a")
    def page(x):
        if "range" in x.request:
            assert x.request["range"] == "bytes=-1"
            x.reply(206, b"z", {"Content-Range": f"bytes {size - 1}-{size - 1}/{size}", "ETag": '"1"'})
        else:
            x.head(200, {"Content-Length": str(size), "ETag": '"1"', "Cache-Control": "max-age=60"})
            x.send(b"y" * 65536)

    for _ in range(2):
        r = edge.get("/a", fields={"Range": "bytes=-1"})
        assert (r.status, r.body, r["content-range"]) == (206, b"z", f"bytes {size - 1}-{size - 1}/{size}")


# --- what a fill leaves that ends short

SIZE = 6 << 20


@pytest.fixture(name="roomy")
def roomy_edge(selvaged, origin):
    """One that keeps objects of SIZE bytes."""
    return selvaged(origin=origin, memory="256MiB")


WHOLE = {"Cache-Control": "max-age=600", "ETag": '"v1"', "Content-Type": "video/mp4"}


class Cutting:
    """A page of SIZE bytes of `version` whose transfers end after as many bytes as `cuts` says, one
    after another; when there are no more, they are whole. `answers` may replace what is said to a
    request for a range."""

    def __init__(self, origin, cuts, fields=None, answer=None):
        self.version, self.cuts, self.fields = "v1", list(cuts), {**WHOLE, **(fields or {})}
        self.answer, self.sent, self.asked = answer, 0, []
        self.gate = None
        origin.at("/a", self.page)

    def page(self, x):
        ranged = re.fullmatch(r"bytes=(\d+)-", x.request.fields.get("range", ""))
        self.asked.append((x.request.fields.get("range"), x.request.fields.get("if-range")))
        if ranged and self.answer:
            self.answer(x)
            return
        first = int(ranged.group(1)) if ranged else 0
        upto = self.cuts.pop(0) if self.cuts else SIZE
        fields = {**self.fields, "Content-Length": str(SIZE - first)}
        if ranged:
            fields["Content-Range"] = f"bytes {first}-{SIZE - 1}/{SIZE}"
        x.head(206 if ranged else 200, fields)
        for at in range(first, upto, 1 << 17):
            n = min(upto - at, 1 << 17)
            x.send(octets(self.version, at, n))
            self.sent += n
        if upto < SIZE:
            if self.gate is not None:
                x.wait(self.gate)
            x.close()


def whole(version="v1"):
    return octets(version, 0, SIZE)


@pytest.mark.parametrize("cuts", [[1 << 20], [70000, 3 << 20], [1, SIZE - 1]])
def test_a_cut_response_goes_on(roomy, origin, cuts):
    """Those who read see one whole body; the origin sends each byte once."""
    page = Cutting(origin, cuts)
    r = roomy.get("/a")
    assert (r.status, r.body == whole()) == (200, True)
    assert page.sent == SIZE
    assert page.asked == [(None, None)] + [(f"bytes={n}-", '"v1"') for n in cuts]
    assert roomy.metric("selvage_fills_resumed_total") == len(cuts)
    r = roomy.get("/a")
    assert (r.cache, r.body == whole()) == ("hit", True)


def test_followers_and_ranges_go_on_with_it(roomy, origin):
    page = Cutting(origin, [1 << 20])
    page.gate = threading.Event()
    clients = [roomy.connect() for _ in range(4)]
    for c in clients[:3]:
        c.request("/a")
        c.r = c.read_head()
    clients[3].request("/a", fields={"Range": "bytes=2000000-2000099,5-9"})
    clients[3].r = clients[3].read_head()
    page.gate.set()
    for c in clients[:3]:
        assert c.read_body(c.r).body == whole()
    check(clients[3].read_body(clients[3].r), "bytes=2000000-2000099,5-9", SIZE,
          lambda first, n: octets("v1", first, n))
    assert page.sent == SIZE


def cut_body(edge):
    with pytest.raises(Cut) as cut:
        edge.get("/a")
    assert cut.value.head.status == 200
    return cut.value.body


@pytest.mark.parametrize("fields, asked", [
    ({"ETag": 'W/"v1"'}, 1), ({"ETag": ""}, 1), ({"Accept-Ranges": "none"}, 1), ({}, 3),
], ids=["weak", "none", "refused", "gone"])
def test_what_cannot_go_on_is_cut(roomy, origin, fields, asked):
    page = Cutting(origin, [1 << 20], fields, lambda x: x.close())
    assert cut_body(roomy) == octets("v1", 0, 1 << 20)
    assert len(page.asked) == asked


def changed(version, **more):
    def answer(x):
        first = int(x.request["range"][6:-1])
        x.reply(206, octets(version, first, SIZE - first), {
            **WHOLE, "ETag": f'"{version}"', "Content-Range": f"bytes {first}-{SIZE - 1}/{SIZE}", **more})
    return answer


def new_whole(x):
    x.reply(200, whole("v2"), {**WHOLE, "ETag": '"v2"'})


@pytest.mark.parametrize("answer", [
    new_whole, changed("v2"), changed("v2", ETag='W/"v1"'), changed("v1", **{"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}),
    lambda x: x.reply(416, b""), lambda x: x.reply(404, b"gone"),
], ids=["whole", "etag", "weak", "elsewhere", "416", "404"])
def test_one_version_or_an_error(roomy, origin, answer):
    """What changed in the middle is never mixed, and what came of the old one is of no use."""
    page = Cutting(origin, [1 << 20], answer=answer)
    assert cut_body(roomy) == octets("v1", 0, 1 << 20)
    assert len(page.asked) == 2
    page.version, page.fields["ETag"] = "v2", '"v2"'
    page.answer = None
    r = roomy.get("/a")
    assert (r.status, r.body == whole("v2")) == (200, True)
    assert page.asked[2] == (None, None)


def test_an_origin_that_comes_back_later(roomy, origin):
    """Three cuts in a row end the response; the next one asks for the rest only."""
    page = Cutting(origin, [1 << 20, 2 << 20, 3 << 20])
    assert cut_body(roomy) == octets("v1", 0, 3 << 20)
    assert roomy.metric("selvage_fills_begun_total") == 1
    said = json.loads(roomy.ctl("explain", "--json", "http://a.test/a"))
    assert f"the first {3 << 20} of {SIZE} bytes" in said["now"]["why"]
    inside = roomy.get("/a", fields={"Range": "bytes=1000000-1999999"})
    check(inside, "bytes=1000000-1999999", SIZE, lambda first, n: octets("v1", first, n))
    assert (inside.cache, inside.detail) == ("hit", "incomplete") and len(page.asked) == 3
    several = roomy.get("/a", fields={"Range": "bytes=5-9,100-200"})
    check(several, "bytes=5-9,100-200", SIZE, lambda first, n: octets("v1", first, n))
    assert len(page.asked) == 3
    r = roomy.get("/a")
    assert (r.status, r.body == whole()) == (200, True)
    assert "fwd=partial" in r["cache-status"]
    assert page.asked[3] == ("bytes=3145728-", '"v1"') and page.sent == SIZE
    assert roomy.get("/a").cache == "hit"


def test_a_range_across_the_end_completes(roomy, origin):
    page = Cutting(origin, [1 << 20, 2 << 20, 3 << 20])
    cut_body(roomy)
    value = "bytes=3145720-3145740,-1"
    check(roomy.get("/a", fields={"Range": value}), value, SIZE, lambda first, n: octets("v1", first, n))
    assert page.sent == SIZE and roomy.get("/a").cache == "hit"


def test_a_client_that_leaves(roomy, origin):
    """Nobody follows and much is missing: the fetch ends. What came is completed later."""
    gate = threading.Event()
    page = Cutting(origin, [])

    @origin.at("/a")
    def slow(x):
        if "range" in x.request:
            page.page(x)
            return
        x.head(200, {**WHOLE, "Content-Length": str(SIZE)})
        x.send(octets("v1", 0, 1 << 20))
        page.sent += 1 << 20
        x.wait(gate)
        while True:
            x.send(b"x" * 1000)  # until the edge leaves

    with roomy.connect() as c:
        c.request("/a")
        c.read_head()
        c.exactly(1 << 20)
        c.reset()
    wait_for(lambda: roomy.metric("selvage_connections_closed_total") >= 1, "the client gone")
    gate.set()
    wait_for(lambda: roomy.metric("selvage_fills_begun_total") == 1, "the beginning kept")
    origin.at("/a", page.page)
    r = roomy.get("/a")
    assert r.status == 200 and len(r.body) == SIZE
    first = int(re.fullmatch(r"bytes=(\d+)-", page.asked[0][0]).group(1))
    assert 1 << 20 <= first < 2 << 20
    assert r.body[:1 << 20] == octets("v1", 0, 1 << 20) and r.body[first:] == octets("v1", first, SIZE - first)


def test_a_client_that_leaves_near_the_end(roomy, origin):
    """Little is missing: the fill ends whole without anybody."""
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        x.head(200, {**WHOLE, "Content-Length": str(SIZE)})
        x.send(octets("v1", 0, 4 << 20))
        x.wait(gate)
        x.send(octets("v1", 4 << 20, 2 << 20))

    with roomy.connect() as c:
        c.request("/a")
        c.exactly(4 << 20)
        c.reset()
    wait_for(lambda: roomy.metric("selvage_connections_closed_total") >= 1, "the client gone")
    gate.set()
    wait_for(lambda: roomy.metric("selvage_fills_stored_total") == 1, "the whole stored")
    assert roomy.get("/a").body == whole() and origin.count("/a") == 1


def test_invalidation_takes_the_beginning_along(roomy, origin):
    page = Cutting(origin, [1 << 20, 2 << 20, 3 << 20])
    cut_body(roomy)
    origin.at("/a", lambda x: x.reply(200, b"done"))
    roomy.get("/a", method="POST", body=b"x")
    origin.at("/a", page.page)
    assert roomy.get("/a", fields={"Range": "bytes=0-9"}).detail != "incomplete"
    assert page.asked[3] == (None, None)


def test_variants_have_beginnings_of_their_own(roomy, origin):
    page = Cutting(origin, [1 << 20] * 3, {"Vary": "X-Side"})
    with pytest.raises(Cut):
        roomy.get("/a", fields={"X-Side": "a"})
    page.cuts = []
    page.version, page.fields["ETag"] = "b", '"b"'
    assert roomy.get("/a", fields={"X-Side": "b"}).body == whole("b")
    assert page.asked[-1] == (None, None)
    page.version, page.fields["ETag"] = "v1", '"v1"'
    assert roomy.get("/a", fields={"X-Side": "a"}).body == whole()
    assert page.asked[-1] == ("bytes=1048576-", '"v1"')


def test_half_closed_clients_are_served(roomy, origin):
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        x.wait(gate)
        x.reply(200, b"all of it", WHOLE)

    with roomy.connect() as c:
        c.request("/a")
        c.sock.shutdown(socket.SHUT_WR)
        origin.wait_count(1, "/a")
        gate.set()
        assert c.response().body == b"all of it"
