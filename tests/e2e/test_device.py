"""Volumes on block devices: loop devices, where we may make them."""
import json
import os
import signal
import subprocess

import pytest

from edge import SELVAGECTL, environment, free_port, run_selvaged
from waiting import PATIENCE_S, wait_for

KEEP = {"Cache-Control": "max-age=600"}
MIB = 1 << 20


def attach(path, device=None):
    return subprocess.run(["losetup", "--show", device or "-f", str(path)], capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def device(tmp_path):
    """A blank device of 24 MiB."""
    path = tmp_path / "backing"
    with open(path, "wb") as f:
        f.truncate(24 * MIB)
    try:
        done = attach(path)
    except FileNotFoundError:
        pytest.skip("there is no losetup")
    if done.returncode != 0:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    name = done.stdout.strip()
    yield name
    subprocess.run(["losetup", "-d", name], timeout=PATIENCE_S, check=True)


def volume(*args, status=0):
    done = subprocess.run([SELVAGECTL, "volume", *map(str, args)], capture_output=True, text=True,
                          timeout=PATIENCE_S, env=environment())
    assert done.returncode == status, f"{args}: {done.stdout}{done.stderr}"
    return done.stderr if status and not done.stdout else done.stdout


def look(path):
    return json.loads(volume("check", path, "--json"))


def run(selvaged, origin, device, directory):
    edge = selvaged(config=f"""
        cache {{ memory 4MiB; disk {device} size 24MiB; journal {directory}/purges;
                 disk-admit all; disk-wait 10s; }}
        origin o {{ server {origin.url}; }}
        site * {{ origin o; }}
    """)
    wait_for(lambda: facts(edge)["volumes"][0]["state"] == "ready", "the end of recovery")
    return edge


def facts(edge):
    return json.loads(edge.ctl("--json", "volumes"))


def pages(origin, n):
    """More than the device holds, when all of them are asked for."""
    bodies = {f"/d{i}": bytes((i * 7 + k) & 0xff for k in range(256)) * 700 for i in range(n)}
    for path, body in bodies.items():
        origin.page(path, body, KEEP)
    return bodies


def ask(edge, bodies):
    with edge.connect() as c:
        for path, body in bodies.items():
            assert c.get(path).body == body


def test_all_of_it(selvaged, origin, device, tmp_path):
    """Made as large as it is, written round and round, killed, read again, and sound."""
    volume("init", device)
    new = look(device)
    assert new["ok"] and new["size_bytes"] == 24 * MIB
    bodies = pages(origin, 160)
    edge = run(selvaged, origin, device, tmp_path)
    assert "in use" in volume("check", device, status=1)
    assert "in use" in volume("init", device, "--force", status=1)
    for _ in range(20):
        ask(edge, bodies)
        if facts(edge)["volumes"][0]["written_bytes"] > 40 * MIB:
            break
    assert facts(edge)["volumes"][0]["written_bytes"] > 40 * MIB
    edge.signal(signal.SIGKILL)
    edge.process.wait()
    edge.checked = True
    assert look(device)["ok"]
    edge = run(selvaged, origin, device, tmp_path)
    assert facts(edge)["volumes"][0]["recovered"] > 0
    ask(edge, dict(reversed(bodies.items())))
    assert edge.metric("selvage_disk_loaded_total") > 0
    edge.stop()
    assert look(device)["clean"]


def test_what_is_on_it_is_not_overwritten(device):
    for at in (0x438, 24 * MIB - 4096):
        with open(device, "r+b") as f:
            f.seek(at)
            f.write(b"\x53\xef")
            os.fsync(f.fileno())
        assert "is not empty; only --force" in volume("init", device, status=1)
        with open(device, "r+b") as f:
            f.seek(at)
            assert f.read(2) == b"\x53\xef"
            f.seek(at)
            f.write(b"\0\0")
    volume("init", device)
    assert "is a volume already" in volume("init", device, status=1)
    volume("init", device, "--force", "--size", "16MiB")
    assert look(device)["size_bytes"] == 16 * MIB
    assert "has 25165824 bytes" in volume("init", device, "--force", "--size", "1GiB", status=1)


def test_a_mounted_one_is_not_taken_even_by_force(device, tmp_path):
    made = subprocess.run(["mkfs.ext4", "-q", device], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip("no ext4 can be made")
    (tmp_path / "at").mkdir()
    mounted = subprocess.run(["mount", device, tmp_path / "at"], capture_output=True, text=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted: {mounted.stderr.strip()}")
    try:
        assert "mounted" in volume("init", device, "--force", status=1)
    finally:
        subprocess.run(["umount", tmp_path / "at"], timeout=PATIENCE_S, check=True)


def test_the_journal_has_a_place(device):
    """Beside a device it would be lost with the next boot."""
    volume("init", device)
    done = run_selvaged("--listen", f"127.0.0.1:{free_port()}", "--origin", "http://127.0.0.1:1",
                        "--disk", f"{device}=24MiB", "--control", "off")
    assert done.returncode == 1 and "is a device: say where the journal" in done.stderr
    assert not os.path.exists(f"{device}.purges")
