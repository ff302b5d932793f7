"""Volumes made and looked at by hand: selvagectl volume."""
import json
import signal
import subprocess

from edge import SELVAGECTL, environment
from waiting import PATIENCE_S, wait_for

KEEP = {"Cache-Control": "max-age=600"}
MIB = 1 << 20


def volume(*args, status=0):
    done = subprocess.run([SELVAGECTL, "volume", *map(str, args)], capture_output=True, text=True,
                          timeout=PATIENCE_S, env=environment())
    assert done.returncode == status, f"{args}: {done.stdout}{done.stderr}"
    return done.stderr if status and not done.stdout else done.stdout


def look(path, status=0):
    return json.loads(volume("check", path, "--json", status=status))


def run(selvaged, origin, path, size="32MiB"):
    edge = selvaged(origin=origin, args=["--disk", f"{path}={size}"])
    wait_for(lambda: facts(edge)["volumes"][0]["state"] == "ready", "the end of recovery")
    return edge


def facts(edge):
    return json.loads(edge.ctl("--json", "volumes"))


def on_disk(edge, n):
    def done():
        now = facts(edge)
        return (now["volumes"][0]["admitted"] >= n and now["queue_objects"] == 0
                and now["volumes"][0]["waiting_bytes"] == 0)
    wait_for(done, f"{n} records on the disk")


def test_made_by_hand_and_used(selvaged, origin, tmp_path):
    path = tmp_path / "v"
    assert volume("init", path, "--size", "32MiB") == ""
    assert path.stat().st_size == 32 * MIB
    new = look(path)
    assert new["ok"] and new["journal"] is None and new["records"] == 0
    origin.page("/a", b"kept", KEEP)
    first = run(selvaged, origin, path)
    first.get("/a")
    on_disk(first, 1)
    assert "in use" in volume("check", path, status=1)
    assert "in use" in volume("init", path, "--force", status=1)
    first.stop()
    used = look(path)
    assert used["ok"] and used["clean"] and used["journal"] is not None
    assert used["records"] == used["index_entries"] == used["index_entries_right"] == 1
    second = run(selvaged, origin, path)
    assert second.get("/a").body == b"kept"
    assert len(origin.requests("/a")) == 1


def test_what_is_there_is_not_overwritten(selvaged, origin, tmp_path):
    path = tmp_path / "v"
    path.write_bytes(b"precious" * 10)
    assert "is not empty; only --force" in volume("init", path, "--size", "8MiB", status=1)
    assert path.read_bytes() == b"precious" * 10
    volume("init", path, "--size", "8MiB", "--force")
    assert "is a volume already" in volume("init", path, "--size", "8MiB", status=1)
    assert look(path)["ok"]


def test_wrong_usage(tmp_path):
    path = tmp_path / "v"
    assert "needs --size" in volume("init", path, status=1)
    assert "--size 8m" in volume("init", path, "--size", "8m", status=1)
    assert "a volume has at least" in volume("init", path, "--size", "1MiB", status=1)
    assert "path of the volume is missing" in volume("init", status=1)
    assert "not volume mend" in volume("mend", path, status=1)
    assert "belong to volume init" in volume("check", path, "--force", status=1)
    assert "No such file" in volume("check", path, status=1)
    assert not path.exists()


def test_after_a_crash_it_is_sound(selvaged, origin, tmp_path):
    path = tmp_path / "v"
    for i in range(40):
        origin.page(f"/p{i}", bytes([i]) * (1000 * i + 1), KEEP)
    edge = run(selvaged, origin, path)
    for i in range(40):
        edge.get(f"/p{i}")
    on_disk(edge, 40)
    edge.signal(signal.SIGKILL)
    edge.process.wait()
    edge.checked = True
    found = look(path)
    assert found["ok"] and not found["clean"] and found["segments_unclosed"] == 1
    assert found["records"] == found["index_entries_right"] == 40
    assert "result" in volume("check", path) and "sound" in volume("check", path)


def test_damage_is_found_and_never_served(selvaged, origin, tmp_path):
    path = tmp_path / "v"
    body = b"a body that is easily found, " * 100
    origin.page("/a", body, KEEP)
    origin.page("/b", b"another", KEEP)
    first = run(selvaged, origin, path)
    first.get("/a")
    first.get("/b")
    on_disk(first, 2)
    first.stop()
    content = path.read_bytes()
    at = content.index(b"easily found")
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"Easily")
    found = look(path, status=1)
    assert not found["ok"] and found["records_damaged"] == 1 and found["records"] == 1
    assert found["index_entries"] - found["index_entries_right"] == 1
    assert "DAMAGED" in volume("check", path, status=1)
    second = run(selvaged, origin, path)
    assert second.get("/a").body == body and second.get("/b").body == b"another"
    assert len(origin.requests("/a")) == 2 and len(origin.requests("/b")) == 1
    assert facts(second)["volumes"][0]["corrupt"] == 1


def test_emptied_by_force_it_is_taken_again(selvaged, origin, tmp_path):
    """What the edge says when it refuses a volume is a way out."""
    path = tmp_path / "v"
    origin.page("/a", b"a", KEEP)
    first = run(selvaged, origin, path)
    first.get("/a")
    on_disk(first, 1)
    first.stop()
    (tmp_path / "v.purges").unlink()
    volume("init", "--force", path)
    second = run(selvaged, origin, path)
    assert facts(second)["volumes"][0]["recovered"] == 0
    second.get("/a")
    assert len(origin.requests("/a")) == 2


def test_another_size_than_configured_is_said(selvaged, origin, tmp_path):
    path = tmp_path / "v"
    volume("init", path, "--size", "16MiB")
    edge = run(selvaged, origin, path)
    assert facts(edge)["volumes"][0]["size_bytes"] == 16 * MIB
    assert "16 MiB, as it was made, and not the 32 MiB" in edge.stderr()
