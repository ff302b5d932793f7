"""A disk that fails: whatever it does, clients get the right bytes, and nobody waits for long."""
import json
import mmap
import os
import signal
import struct
import time

import pytest

from edge import BUILD, SELVAGED, instrumented
from waiting import wait_for

KEEP = {"Cache-Control": "max-age=600"}
NAMES = ("seed", "read_eio", "read_short", "read_flip", "write_eio", "write_enospc", "write_short",
         "write_flip", "write_lost", "sync_eio", "read_wait_ms", "write_wait_ms", "reads", "writes",
         "done")


def module():
    for top in (BUILD, os.path.dirname(SELVAGED)):
        path = os.path.join(top, "tests", "proof", "faults.so")
        if os.path.exists(path):
            return path
    pytest.skip("faults.so is not built: make tests/proof/faults.so")


class Faults:
    """The script of tests/proof/faults.c."""

    def __init__(self, path):
        with open(path, "wb+") as f:
            f.truncate(mmap.PAGESIZE)
            self.map = mmap.mmap(f.fileno(), mmap.PAGESIZE)

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("=I", self.map, NAMES.index(name) * 4, value)

    def get(self, name):
        return struct.unpack_from("=I", self.map, NAMES.index(name) * 4)[0]


@pytest.fixture
def faults(tmp_path):
    f = Faults(tmp_path / "script")
    f.set(seed=1)
    return f


@pytest.fixture
def faulty_edge(selvaged, origin, tmp_path, monkeypatch, faults):
    """Starts an edge over a disk that does as `faults` says; called again it is its next life."""
    if instrumented():
        pytest.skip("a sanitizer must be loaded first")
    so = module()

    def start(memory="4MiB", wait="5s", size="64MiB", grace="10s"):
        with monkeypatch.context() as m:
            m.setenv("LD_PRELOAD", so)
            m.setenv("FAULTS_VOLUME", f"{tmp_path}/volume")
            m.setenv("FAULTS_SCRIPT", f"{tmp_path}/script")
            return selvaged(config=f"""
                stop-grace {grace};
                cache {{ memory {memory}; disk {tmp_path}/volume size {size}; disk-admit all;
                         disk-wait {wait}; disk-checkpoint 300ms; }}
                origin o {{ server {origin.url}; }}
                site * {{ origin o; }}
            """)
    return start


def blob(n, seed):
    return bytes((i * 31 + (i >> 8) * 17 + seed) & 0xff for i in range(n))


@pytest.fixture
def pages(origin):
    """Twice the memory, together."""
    bodies = {f"/f{i}": blob(20_000 + 997 * i, i) for i in range(120)}
    for path, body in bodies.items():
        origin.page(path, body, {**KEEP, "ETag": f'"{path}"'})
    return bodies


def round_of(edge, bodies):
    """How long each request took."""
    took = []
    with edge.connect() as c:
        for path, body in bodies.items():
            began = time.monotonic()
            answer = c.get(path)
            took.append(time.monotonic() - began)
            assert answer.status == 200
            assert answer.body == body, f"wrong bytes of {path}"
    return took


def says(edge, what):
    wait_for(lambda: what in edge.stderr(), f"'{what}' in the log")


@pytest.mark.parametrize("kinds", [
    {"read_flip": 3, "read_short": 2},
    {"read_eio": 10, "write_eio": 9, "sync_eio": 2},
    {"write_flip": 3, "write_short": 2, "write_lost": 5},
    {"read_flip": 9, "read_short": 3, "read_eio": 40, "write_flip": 5, "write_short": 3,
     "write_lost": 9, "write_eio": 90, "sync_eio": 20},
], ids=["reads", "errors", "writes", "all"])
def test_right_bytes(faulty_edge, faults, pages, kinds):
    """In one life, after a kill, and after an orderly end."""
    for end in (signal.SIGKILL, signal.SIGTERM):
        edge = faulty_edge()
        faults.set(**kinds)
        for _ in range(3):
            round_of(edge, pages)
        # The log is written a little later than it is filled.
        wait_for(lambda: faults.get("writes") > 0, "something written")
        if end == signal.SIGKILL:
            edge.signal(end)
            edge.process.wait()
            edge.checked = True
        else:
            edge.stop()
    assert faults.get("done") > 0


def test_full_disk(faulty_edge, faults, pages):
    """What cannot be written is not; what was is still read, and the edge goes on."""
    edge = faulty_edge()
    round_of(edge, pages)
    faults.set(write_enospc=1)
    for _ in range(12):
        round_of(edge, pages)
        edge.ctl("purge", "all", "--hard")
        if "now read-only" in edge.stderr():
            break
    says(edge, "now read-only")
    round_of(edge, pages)
    faults.set(write_enospc=0)
    wait_for(lambda: state(edge) == "ready", "the volume")


def volume(edge):
    return json.loads(edge.ctl("--json", "volumes"))["volumes"][0]


def state(edge):
    return volume(edge)["state"]


def written(edge):
    """Nothing waits to be written."""
    def done():
        now = json.loads(edge.ctl("--json", "volumes"))
        return now["queue_objects"] == 0 and now["volumes"][0]["waiting_bytes"] == 0
    wait_for(done, "all to be on the disk")


def test_dead_disk(faulty_edge, faults, pages, origin):
    """It is left alone, nobody notices, and when it is back what it has is used again."""
    edge = faulty_edge()
    round_of(edge, pages)
    written(edge)
    asked_for = dict(list(pages.items())[:60])
    others = dict(list(pages.items())[60:])
    faults.set(read_eio=1, write_eio=1)
    round_of(edge, asked_for)
    says(edge, "now offline")
    round_of(edge, asked_for)
    assert state(edge) == "offline"
    errors = volume(edge)["read_errors"]
    round_of(edge, asked_for)
    assert volume(edge)["read_errors"] == errors
    faults.set(read_eio=0, write_eio=0)
    wait_for(lambda: state(edge) == "ready", "the volume")
    says(edge, "is back, now ready")
    asked = len(origin.requests())
    round_of(edge, others)
    assert edge.metric("selvage_disk_loaded_total") > 20
    assert len(origin.requests()) - asked < 10
    round_of(edge, asked_for)
    written(edge)
    edge.stop()
    # So is what was written since, in the next life.
    edge = faulty_edge()
    asked = len(origin.requests())
    round_of(edge, asked_for)
    assert len(origin.requests()) - asked < 10
    edge.stop()


def test_vanished_file(faulty_edge, faults, pages, tmp_path):
    """A directory that is unmounted, and mounted again: the path leads nowhere for a while."""
    edge = faulty_edge()
    round_of(edge, pages)
    written(edge)
    (tmp_path / "volume").rename(tmp_path / "volume-elsewhere")
    faults.set(read_eio=1, write_eio=1)
    round_of(edge, pages)
    wait_for(lambda: state(edge) == "offline", "the end of the volume")
    faults.set(read_eio=0, write_eio=0)
    round_of(edge, pages)
    assert state(edge) == "offline"
    (tmp_path / "volume-elsewhere").rename(tmp_path / "volume")
    wait_for(lambda: state(edge) == "ready", "the volume")
    round_of(edge, pages)
    edge.stop()


def test_hung_disk(faulty_edge, faults, pages, origin):
    """The origin answers, and who needs no disk does not notice."""
    origin.page("/memory", b"memory", KEEP)
    edge = faulty_edge(wait="100ms")
    for _ in range(2):
        round_of(edge, pages)
    edge.get("/memory")
    faults.set(read_wait_ms=3000, write_wait_ms=3000)
    with edge.connect() as c:
        hits = []
        paths = iter(list(pages) * 4)
        until = time.monotonic() + 2
        slow = []
        while time.monotonic() < until:
            path = next(paths)
            began = time.monotonic()
            with edge.connect() as other:
                other.request(path)
                for _ in range(20):
                    at = time.monotonic()
                    assert c.get("/memory").body == b"memory"
                    hits.append(time.monotonic() - at)
                assert other.response().body == pages[path]
            slow.append(time.monotonic() - began)
    hits.sort()
    assert hits[len(hits) * 99 // 100] < 0.05, "hits in memory are slowed down"
    assert max(slow) < 1.5, "somebody waited for the disk"
    assert sum(s > 0.08 for s in slow) <= 8, "a slow volume is asked again and again"
    assert edge.metric("selvage_disk_late_total") > 0
    faults.set(read_wait_ms=0, write_wait_ms=0)
    edge.stop()


def test_slow_recovery(faulty_edge, faults, origin):
    """What is stored or removed while the directory is still being read is not undone by it."""
    state = {"version": b"old"}

    @origin.at(None)
    def page(x):
        x.reply(200, state["version"], KEEP)

    first = faulty_edge()
    stays = [f"/stays{i}" for i in range(200)]
    for path in ["/stored", "/removed", *stays]:
        first.get(path)
    wait_for(lambda: first.metric("selvage_disk_written_records_total") >= 202, "records")
    first.stop()
    state["version"] = b"new"
    faults.set(read_wait_ms=400)
    second = faulty_edge()
    recovering = '"recovering"' in second.ctl("--json", "volumes").replace(" ", "")
    assert second.get("/stored").body == b"new"
    second.get("/removed", method="POST")
    assert recovering and '"recovering"' in second.ctl("--json", "volumes").replace(" ", "")
    faults.set(read_wait_ms=0)
    wait_for(lambda: '"recovering"' not in second.ctl("--json", "volumes"), "the directory")
    wait_for(lambda: second.get(stays.pop()).body == b"old", "what it has")
    assert second.get("/removed").body == b"new"
    second.stop()
    third = faulty_edge()
    assert third.get(stays.pop()).body == b"old"
    assert third.get("/stored").body == b"new"
    assert third.get("/removed").body == b"new"
    third.stop()


@pytest.mark.parametrize("again", [True, False], ids=["told-again", "grace-over"])
def test_hung_for_ever(faulty_edge, faults, pages, again):
    """The end does not wait for it."""
    edge = faulty_edge(wait="100ms", grace="10s" if again else "500ms")
    for _ in range(2):
        round_of(edge, pages)
    faults.set(read_wait_ms=10**9, write_wait_ms=10**9)
    # Reads hang, and something waits to be written.
    round_of(edge, dict(list(pages.items())[:20]))
    began = time.monotonic()
    edge.signal(signal.SIGTERM)
    if again:
        says(edge, "told to stop")
        edge.signal(signal.SIGTERM)
    edge.expected_status = 3
    edge.wait_end()
    assert time.monotonic() - began < 8
    assert "a disk does not answer" in edge.stderr()
    faults.set(read_wait_ms=0, write_wait_ms=0)
    edge = faulty_edge()
    round_of(edge, pages)
    edge.stop()
