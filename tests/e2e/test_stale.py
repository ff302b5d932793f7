"""Stale responses: while they are refreshed, and when the origin fails (RFC 5861, 9111 4.2.4)."""
import os
import threading

import pytest

from waiting import wait_for

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "demo-site")


def demo_pages():
    for where, _, names in os.walk(DEMO):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as f:
                yield "/" + os.path.relpath(path, DEMO), f.read()


def until_stale(edge, path):
    """Waits for the lifetime to end, by what the edge says of it."""
    wait_for(lambda: edge.get(path).cache != "hit", f"{path} to be stale")


def test_a_site_outlives_its_origin(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = selvaged(config=f"access-log {log} json;\nsite * {{ origin {origin.url}; ttl 1s; }}")
    pages = dict(demo_pages())
    for path, body in pages.items():
        origin.page(path, body)
        assert edge.get(path).body == body
    origin.stop()
    for path, body in pages.items():
        until_stale(edge, path)  # they were not all stored in the same second
        r = edge.get(path)
        assert (r.status, r.body) == (200, body), path
        assert "fwd=stale" in r["cache-status"] and int(r["age"]) >= 1
    wait_for(lambda: log.read_text().count('"cache":"STALE"') >= len(pages), "STALE in the log")


@pytest.mark.parametrize("control", ["max-age=0, must-revalidate", "max-age=0, proxy-revalidate",
                                     "max-age=0, s-maxage=0", "no-cache", "max-age=0, stale-if-error=0"])
def test_who_forbids_stale_gets_an_error(edge, origin, control):
    origin.page("/a", b"old", {"Cache-Control": control, "ETag": '"1"'})
    assert edge.get("/a").status == 200
    origin.stop()
    assert edge.get("/a").status == 502


def test_an_error_of_the_origin_is_bridged(edge, origin):
    origin.page("/a", b"old", {"Cache-Control": "max-age=0", "ETag": '"1"'})
    assert edge.get("/a").body == b"old"
    origin.page("/a", b"broken", status=500)
    r = edge.get("/a")
    assert (r.status, r.body) == (200, b"old")
    origin.page("/a", b"gone", status=404)
    assert edge.get("/a").status == 404


def test_stale_while_revalidate_waits_for_nobody(edge, origin):
    gate = threading.Event()

    @origin.at("/a")
    def page(x):
        n = origin.count("/a")
        if n > 1:
            x.wait(gate)
        x.reply(200, b"n%d" % n, {"Cache-Control": "max-age=0, stale-while-revalidate=60"})

    assert edge.get("/a").body == b"n1"
    for _ in range(20):
        r = edge.get("/a")
        assert (r.body, r.cache) == (b"n1", "hit") and "ttl=" in r["cache-status"]
    origin.wait_count(2, "/a")
    gate.set()
    wait_for(lambda: edge.get("/a").body == b"n2", "the refreshed response")
    assert origin.count("/a") <= 4, "refreshes were not collapsed"
