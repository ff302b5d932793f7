"""What is stored, as selvagectl cache shows it."""
import json
import time

from waiting import wait_for
from wire import Client

KEEP = {"Cache-Control": "max-age=600"}


def config(origin, directory, memory="32MiB"):
    return f"""
        cache {{ memory {memory}; disk {directory}/volume size 64MiB; disk-wait 10s; }}
        origin o {{ server {origin.url}; }}
        site a.test {{ origin o; }}
        site b.test www.b.test {{ origin o; }}
    """


def ls(edge, *args):
    return [json.loads(line) for line in edge.ctl("--json", "cache", "ls", *args).splitlines()]


def urls(edge, *args):
    return sorted(o["url"] for o in ls(edge, *args))


def on_disk(edge, n):
    def done():
        now = json.loads(edge.ctl("--json", "volumes"))
        v = now["volumes"][0]
        return v["admitted"] >= n and now["queue_objects"] == 0 and v["waiting_bytes"] == 0
    wait_for(done, f"{n} records on the disk")


def test_what_is_stored_is_listed(selvaged, origin, tmp_path):
    origin.page("/news/1", b"one", {**KEEP, "Surrogate-Key": "t1 t2"})
    origin.page("/news/2", b"three", {**KEEP, "Cache-Tag": "T1"})
    origin.page("/other", b"o" * 5000, KEEP)
    edge = selvaged(config=config(origin, tmp_path))
    for host in ("a.test", "b.test"):
        for path in ("/news/1", "/news/2", "/other"):
            edge.get(path, host=host)
    on_disk(edge, 6)
    everything = sorted(h + p for h in ("a.test", "b.test") for p in ("/news/1", "/news/2", "/other"))
    assert urls(edge, "--tier", "memory") == urls(edge, "--tier", "disk") == everything
    assert urls(edge) == sorted(2 * everything)
    memory = ("--tier", "memory")
    assert urls(edge, *memory, "--prefix", "http://a.test/news/") == ["a.test/news/1", "a.test/news/2"]
    assert urls(edge, *memory, "--site", "www.b.test") == [u for u in everything if u[0] == "b"]
    assert urls(edge, *memory, "--tag", "t2") == ["a.test/news/1", "b.test/news/1"]
    for tier in ("memory", "disk"):
        assert urls(edge, "--tier", tier, "--tag", "t1", "--site", "b.test") == [
            "b.test/news/1", "b.test/news/2"]
    assert len(ls(edge, "--limit", "4")) == 4
    one = next(o for o in ls(edge, *memory) if o["url"] == "a.test/other")
    assert one["status"] == 200 and one["body_bytes"] == 5000 and one["tags"] == 0
    assert 0 <= one["age_s"] < 60 and 540 < one["ttl_s"] <= 600 and one["lines"] == []
    disk = next(o for o in ls(edge, "--tier", "disk") if o["url"] == "a.test/other")
    assert disk["volume"] == f"{tmp_path}/volume" and disk["id"] == one["id"]
    assert {k: disk[k] for k in ("status", "body_bytes", "tags")} == {
        "status": 200, "body_bytes": 5000, "tags": 0}
    table = edge.ctl("cache", "ls", *memory).splitlines()
    assert table[0].split() == ["TIER", "STATUS", "SIZE", "AGE", "TTL", "TAGS", "URL"]
    assert len(table) == 7 and any(row.endswith(" a.test/other") for row in table)


def test_purged_things_are_not_listed(selvaged, origin, tmp_path):
    for path in ("/a", "/b", "/c"):
        origin.page(path, b"x", {**KEEP, "Surrogate-Key": "tag" + path[1]})
    edge = selvaged(config=config(origin, tmp_path))
    for path in ("/a", "/b", "/c"):
        edge.get(path)
    on_disk(edge, 3)
    edge.ctl("purge", "tag", "taga", "--hard")
    edge.ctl("purge", "url", "a.test/b")
    for tier in ("memory", "disk"):
        now = {o["url"]: o["soft_purged"] for o in ls(edge, "--tier", tier)}
        assert now == {"a.test/b": True, "a.test/c": False}


def test_many_come_in_parts(selvaged, origin):
    @origin.at("/")
    def _(x):
        x.reply(200, b"x", KEEP)

    edge = selvaged(config=f"cache {{ memory 64MiB; }} origin o {{ server {origin.url}; }}"
                           " site * { origin o; }")
    with edge.connect() as c:
        for i in range(900):
            c.get(f"/?n={i}")
    found = urls(edge, "--tier", "memory")
    assert len(found) == 900 and len(set(found)) == 900
    assert len(ls(edge, "--limit", "7")) == 7
    with Client(edge.control) as c:
        part = json.loads(c.get("/cache/objects", host="localhost").body)
    assert 200 <= len(part["objects"]) < 500 and part["next"]


def test_variants_are_shown(selvaged, origin, tmp_path):
    @origin.at("/v")
    def _(x):
        x.reply(200, x.request["X-Kind"].encode(), {**KEEP, "Vary": "X-Kind"})

    edge = selvaged(config=config(origin, tmp_path))
    for kind in ("one", "two"):
        edge.get("/v", fields={"X-Kind": kind})
    on_disk(edge, 3)
    for tier in ("memory", "disk"):
        found = ls(edge, "--tier", tier)
        assert {o["url"] for o in found} == {"a.test/v"}
        assert sorted(line["value"] for o in found for line in o["lines"]) == ["one", "two"]
    shown = json.loads(edge.ctl("--json", "cache", "show", "a.test/v"))
    assert shown["varies"] and len(shown["objects"]) == 2
    assert all(o["on_disk"] for o in shown["objects"])
    table = edge.ctl("cache", "show", "a.test/v")
    assert "variants  2 in memory" in table and "x-kind=one" in table


def test_large_ones_are_one_object(selvaged, origin, tmp_path):
    body = bytes(5 << 20)
    origin.page("/large", body, {**KEEP, "ETag": '"x"'})
    edge = selvaged(config=config(origin, tmp_path, memory="128MiB"))
    edge.get("/large")
    on_disk(edge, 6)
    found = {o["tier"]: o for o in ls(edge)}
    assert set(found) == {"memory", "disk"}
    assert found["disk"]["body_bytes"] == found["memory"]["body_bytes"] == len(body)
    assert found["disk"]["slice_bytes"] == 1 << 20 and found["memory"]["slice_bytes"] == 0


def test_one_resource_is_shown(selvaged, origin, tmp_path):
    origin.page("/a", b"hello", {**KEEP, "Surrogate-Key": "x y"})
    edge = selvaged(config=config(origin, tmp_path))
    assert "stored  no" in edge.ctl("cache", "show", "a.test/a")
    edge.get("/a")
    on_disk(edge, 1)
    table = edge.ctl("cache", "show", "http://a.test/a")
    for row in ("url      a.test/a", "stored   memory and disk", "status   200", "size     5 B",
                "tags     2"):
        assert row in table, table
    edge.stop()
    edge = selvaged(config=config(origin, tmp_path))
    wait_for(lambda: "stored   disk" in edge.ctl("cache", "show", "a.test/a"), "recovered")
    one, = json.loads(edge.ctl("--json", "cache", "show", "a.test/a"))["objects"]
    assert one["tier"] == "disk" and one["volume"] == f"{tmp_path}/volume" and one["on_disk"]
    assert one["body_bytes"] == 5 and one["tags"] == 2 and 0 < one["ttl_s"] <= 600
    record = one["record"]
    assert record["kind"] == "whole" and record["segment"] >= 1 and record["bytes"] >= 512
    assert abs(record["expires"] - time.time()) < 86400 * 400 and record["born"] >= 0
    assert {"name": "Cache-Control", "value": "max-age=600"} in one["head"]
    table = edge.ctl("cache", "show", "a.test/a")
    for row in (f"volume   {tmp_path}/volume", "head     Cache-Control: max-age=600", "record   whole"):
        assert row in table, table
    edge.get("/a")
    assert len(origin.requests("/a")) == 1
    assert "stored   memory and disk" in edge.ctl("cache", "show", "a.test/a")


def test_wrong_questions(edge):
    assert "cache ls, cache show URL or" in edge.ctl("cache", "list", status=1)
    assert "URL is missing" in edge.ctl("cache", "show", status=1)
    assert "no site" in edge.ctl("cache", "ls", "--site", "nowhere.test", status=1)
    assert "tier=memory or disk" in edge.ctl("cache", "ls", "--tier", "tape", status=1)
    assert "--limit is a number" in edge.ctl("cache", "ls", "--limit", "0", status=1)
    assert "belongs to cache ls" in edge.ctl("stats", "--tier", "disk", status=1)
    assert "belongs to cache ls" in edge.ctl("stats", "--limit", "1", status=1)
    assert "is for cache ls" in edge.ctl("cache", "show", "a.test/", "--limit", "1", status=1)
    with Client(edge.control) as c:
        for query in ("from=x", "from=1.2.3.4", "from=1.2.3.4.5.6", "what=1"):
            assert c.get("/cache/objects?" + query, host="localhost").status == 400
        # Made up, but a place: then nothing is behind it.
        for place in ("9.9.9.9.9", "0.999999.4294967295.0.0", "0.0.4294967295.0.0"):
            r = c.get("/cache/objects?from=" + place, host="localhost")
            assert r.status == 200 and json.loads(r.body)["objects"] == []
        assert c.get("/cache/object?url=", host="localhost").status == 400
