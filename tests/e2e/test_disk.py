"""The disk tier: what is stored survives restarts and crashes, and what was purged stays away."""
import gzip
import json
import os
import re
import signal

import pytest

from edge import DISK, run_selvaged
from waiting import wait_for

KEEP = {"Cache-Control": "max-age=600"}
MIB = 1 << 20


def config(origin, directory, memory="32MiB", size="64MiB", site=""):
    return f"""
        cache {{ memory {memory}; disk {directory}/volume size {size}; disk-wait 10s; }}
        origin o {{ server {origin.url}; }}
        site * {{ origin o; {site} }}
    """


@pytest.fixture
def disk_edge(selvaged, origin, tmp_path):
    """Starts an edge over the one volume of the test; called again it is the next life of it. What
    is stored is known when it returns."""
    def start(**options):
        edge = selvaged(config=config(origin, tmp_path, **options))
        wait_for(lambda: volume(edge)["state"] == "ready", "the end of recovery")
        return edge
    return start


def volumes(edge):
    return json.loads(edge.ctl("--json", "volumes"))


def volume(edge):
    return volumes(edge)["volumes"][0]


def written(edge, n):
    """Waits until that many records were handed to the volume, and stand on it."""
    wait_for(lambda: edge.metric("selvage_disk_written_records_total") >= n, f"{n} records written")

    def waiting():
        v = volumes(edge)
        return v["queue_objects"] + sum(one["waiting_bytes"] for one in v["volumes"])
    wait_for(lambda: waiting() == 0, "all of it on the disk")


def status(answer):
    return answer["Cache-Status"]


def crash(edge):
    edge.signal(signal.SIGKILL)
    edge.process.wait()
    edge.checked = True


def blob(n, seed=7):
    return bytes((i * 31 + (i >> 8) * 17 + seed) & 0xff for i in range(n))


def test_survives_a_restart(disk_edge, origin):
    body = blob(5000)
    origin.page("/a", body, {**KEEP, "X-Mine": "yes", "ETag": '"1"'})
    first = disk_edge()
    assert "stored" in status(first.get("/a"))
    written(first, 1)
    first.stop()
    second = disk_edge()
    again = wait_for(lambda: (a := second.get("/a")) and "hit" in status(a) and a, "a hit")
    assert again.body == body and again["X-Mine"] == "yes"
    assert len(origin.requests("/a")) == 1
    assert second.metric("selvage_disk_loaded_total") == 1
    # From memory from now on.
    assert "hit" in status(second.get("/a"))
    assert second.metric("selvage_disk_loaded_total") == 1


def test_survives_a_crash(disk_edge, origin):
    pages = {f"/p{i}": blob(200 + 977 * i, i) for i in range(60)}
    for path, body in pages.items():
        origin.page(path, body, KEEP)
    first = disk_edge()
    for path in pages:
        first.get(path)
    written(first, len(pages))
    crash(first)
    second = disk_edge()
    facts = volume(second)
    assert not facts["clean"] and facts["recovered"] == len(pages)
    for path, body in pages.items():
        answer = second.get(path)
        assert answer.body == body and "hit" in status(answer), path
        assert len(origin.requests(path)) == 1


def test_large_ones_come_back_in_slices(disk_edge, origin):
    """What was one object in memory is slices on the disk: a range costs what it needs."""
    body = blob(5 * MIB + 1234)
    origin.page("/large", body, {**KEEP, "ETag": '"large"'})
    first = disk_edge(memory="128MiB", size="256MiB")
    assert "stored" in status(first.get("/large"))
    written(first, 7)
    first.stop()
    second = disk_edge(memory="128MiB", size="256MiB")
    part = wait_for(lambda: (a := second.get("/large", fields={"Range": "bytes=3000000-3000999"}))
                    and "hit" in status(a) and a, "a hit")
    assert part.status == 206 and part.body == body[3000000:3001000]
    assert second.metric("selvage_disk_loaded_total") == 2  # the head object and a slice
    assert second.get("/large").body == body
    assert len(origin.requests("/large")) == 1


def test_what_memory_evicts_comes_from_disk(disk_edge, origin):
    """Five times the memory, and the second round costs the origin nothing. What waits to be written
    may be a sixteenth of the memory, two of these; so each one waits for the one before."""
    bodies = {f"/e{i}": blob(100_000 + i, i) for i in range(200)}
    for path, body in bodies.items():
        origin.page(path, body, KEEP)
    edge = disk_edge(memory="4MiB", size="128MiB")
    with edge.connect() as c:
        for n, (path, body) in enumerate(bodies.items(), 1):
            assert c.get(path).body == body
            wait_for(lambda n=n: edge.metric("selvage_disk_written_records_total") == n, path)
        assert edge.metric("selvage_disk_not_written_total") == 0
        for path, body in bodies.items():
            assert c.get(path).body == body
    assert len(origin.seen) == len(bodies)


def test_variants_survive(disk_edge, origin):
    @origin.at("/v")
    def varied(x):
        x.reply(200, x.request["X-Kind"].encode(), {**KEEP, "Vary": "X-Kind"})

    first = disk_edge()
    for kind in ("a", "b"):
        first.get("/v", fields={"X-Kind": kind})
    written(first, 3)
    first.stop()
    second = disk_edge()
    for kind in ("a", "b"):
        answer = wait_for(lambda k=kind: (x := second.get("/v", fields={"X-Kind": k}))
                          and "hit" in status(x) and x, "a hit")
        assert answer.body == kind.encode()
    assert "vary-miss" in status(second.get("/v", fields={"X-Kind": "c"}))


def test_unsafe_methods_reach_the_disk(disk_edge, origin):
    origin.page("/u", b"one", KEEP)
    first = disk_edge()
    first.get("/u")
    written(first, 1)
    first.get("/u", method="POST")
    first.stop()
    second = disk_edge()
    assert "uri-miss" in status(second.get("/u"))


def test_a_foreign_file_is_left_alone(origin, tmp_path):
    """What is there and is no volume is neither overwritten nor used."""
    (tmp_path / "volume").write_bytes(b"precious" * 100000)
    conf = tmp_path / "selvage.conf"
    conf.write_text("listen 127.0.0.1:1;\n" + config(origin, tmp_path))
    done = run_selvaged("-c", conf)
    assert done.returncode == 1
    assert "volume" in done.stderr
    assert (tmp_path / "volume").read_bytes() == b"precious" * 100000


def test_a_lost_journal_is_noticed(disk_edge, origin, tmp_path):
    """Without its journal nobody knows what was purged: the edge does not start over such a volume."""
    origin.page("/a", b"a", KEEP)
    first = disk_edge()
    first.get("/a")
    first.stop()
    os.unlink(tmp_path / "volume.purges")
    with pytest.raises(AssertionError, match="journal of purges"):
        disk_edge()


def test_the_one_line_form(selvaged, origin, tmp_path):
    origin.page("/a", b"a", KEEP)
    for expected in ("stored", "hit"):
        edge = selvaged(origin=origin, args=["--disk", f"{tmp_path}/v=32MiB"])
        wait_for(lambda e=edge, x=expected: x in status(e.get("/a")), expected)
        edge.stop()


def test_purged_things_do_not_come_back(disk_edge, origin):
    origin.page("/gone", b"old", {**KEEP, "Surrogate-Key": "t1"})
    origin.page("/soft", b"old", {**KEEP, "ETag": '"s"'})
    origin.page("/stays", b"old", KEEP)
    first = disk_edge()
    for path in ("/gone", "/soft", "/stays"):
        first.get(path)
    written(first, 3)
    first.ctl("purge", "tag", "t1", "--hard")
    first.ctl("purge", "url", "http://a.test/soft")
    first.stop()
    second = disk_edge()
    wait_for(lambda: "hit" in status(second.get("/stays")), "a hit")
    assert "uri-miss" in status(second.get("/gone"))
    assert "stale" in status(second.get("/soft"))


def test_codings_after_a_restart(disk_edge, origin):
    """What comes back from the disk gets the codings that it would have got before."""
    body = b"all work and no play " * 500
    origin.page("/text", body, {**KEEP, "Content-Type": "text/plain"})
    first = disk_edge(site="encode gzip;")
    assert first.get("/text", fields={"Accept-Encoding": "gzip"})["Content-Encoding"] == "gzip"
    written(first, 1)
    first.stop()
    second = disk_edge(site="encode gzip;")
    coded = wait_for(lambda: (a := second.get("/text", fields={"Accept-Encoding": "gzip"}))
                     and "hit" in status(a) and a, "a hit")
    assert coded["Content-Encoding"] == "gzip" and gzip.decompress(coded.body) == body
    plain = second.get("/text")
    assert plain.body == body and "Accept-Encoding" in plain["Vary"]


def test_what_volumes_do_is_told(disk_edge, origin, tmp_path):
    origin.page("/a", blob(5000), KEEP)
    first = disk_edge()
    first.get("/a")
    written(first, 1)
    path = f"{tmp_path}/volume"
    facts = volume(first)
    assert (facts["path"], facts["state"], facts["slow"]) == (path, "ready", False)
    assert facts["size_bytes"] == 64 * MIB and facts["objects"] == facts["admitted"] == 1
    assert facts["written_bytes"] >= facts["admitted_bytes"] > 5000
    assert facts["index_bytes"] > 0 and facts["buffer_bytes"] > 0 and facts["recovered"] == 0
    stats = json.loads(first.ctl("--json", "stats"))
    assert stats["disk"]["volumes"][0]["path"] == path
    assert stats["disk"]["admission"] == "all"
    assert stats["memory"]["disk_bytes"] == stats["disk"]["memory_bytes"] == (
        facts["index_bytes"] + facts["buffer_bytes"] + stats["disk"]["ghost_bytes"])
    metrics = first.metrics()
    label = f'volume="{path}"'
    assert metrics[f'selvage_volume_state{{{label},state="ready"}}'] == 1
    assert metrics[f'selvage_volume_state{{{label},state="offline"}}'] == 0
    assert metrics[f'selvage_volume_written_records_total{{{label},kind="admitted"}}'] == 1
    assert metrics[f"selvage_volume_records{{{label}}}"] == 1
    assert metrics["selvage_disk_queue_objects"] == 0
    table = first.ctl("volumes")
    assert re.search(rf"^volume 1 +{path}$", table, re.M)
    assert re.search("^volume 1 state +ready$", table, re.M)
    assert "disk volumes ready" in first.ctl("stats")
    first.stop()
    second = disk_edge()
    facts = volume(second)
    assert facts["clean"] and facts["recovered"] == facts["objects"] == 1
    assert second.get("/a").body == blob(5000)
    assert volume(second)["reads"] == 1


@pytest.mark.skipif(DISK, reason="there is one behind everything")
def test_without_volumes(edge):
    assert json.loads(edge.ctl("--json", "volumes"))["volumes"] == []
    assert "memory only" in edge.ctl("volumes")
    assert "selvage_volume" not in str(edge.metrics())
    assert json.loads(edge.ctl("--json", "stats"))["disk"] is None
