"""The control socket: what an operator and a Prometheus see."""
import contextlib
import os
import re
import stat
import subprocess

from edge import SELVAGECTL, environment
from waiting import wait_for
from wire import Client

KEEP = {"Cache-Control": "max-age=60"}


def test_socket_is_the_owners(edge):
    mode = os.stat(edge.control).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600


def test_status(edge):
    out = edge.ctl("status")
    assert str(edge.pid) in out
    assert re.search(r"up|since", out)


def test_stats_and_metrics_count(edge, origin):
    origin.page("/a", b"hello", KEEP)
    origin.page("/b", b"own", {"Cache-Control": "no-store"})
    for _ in range(5):
        edge.get("/a")
    edge.get("/b")
    wait_for(lambda: edge.metric("selvage_requests_total") == 6, "six requests counted")
    m = edge.metrics()
    assert m['selvage_requests_total{cache="HIT"}'] == 4
    assert m["selvage_origin_requests_total"] == 2
    assert m["selvage_fills_stored_total"] == 1
    out = edge.ctl("stats")
    for word in ("HIT", "MISS", "origin", "memory", "connections"):
        assert word.lower() in out.lower(), out


def test_metrics_are_prometheus_text(edge, origin):
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    with Client(edge.control) as c:
        r = c.get("/metrics", host="localhost")
    assert r.status == 200 and r["content-type"].startswith("text/plain")
    typed, samples, closed = set(), 0, set()
    current = None
    for line in r.body.decode().splitlines():
        if line.startswith("# HELP ") or line.startswith("# TYPE "):
            name = line.split(" ")[2]
            if line.startswith("# TYPE "):
                assert name not in typed, f"{name} typed twice"
                typed.add(name)
            if current not in (None, name):
                closed.add(current)
            current = name
            continue
        found = re.match(r'([a-z][a-z0-9_]*)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (-?[0-9.e+]+)$', line)
        assert found, line
        assert found.group(1) == current, f"{line} is not under its own TYPE"
        assert found.group(1) not in closed
        assert found.group(1).startswith("selvage_")
        samples += 1
    assert samples > 15


def test_health(edge):
    with Client(edge.control) as c:
        assert c.get("/healthz", host="localhost").status == 200
        ready = c.get("/readyz", host="localhost")
        assert ready.status == 200
        assert re.fullmatch(rb"ready\nload 0\.\d{3}\n", ready.body), ready.body
        assert c.get("/nothing", host="localhost").status == 404


def test_load_is_said(selvaged, origin):
    """Three of four connections are three quarters of what it can carry, if nothing else is more."""
    edge = selvaged(f"max-connections 4;\nsite * {{ origin {origin.url}; }}\n")
    with contextlib.ExitStack() as kept, Client(edge.control) as c:
        for _ in range(3):
            assert kept.enter_context(Client(edge.address)).get("/", host="a.test").status == 404
        load = float(c.get("/readyz", host="localhost").body.split()[2])
        assert 0.75 <= load <= 1


def test_control_is_not_on_the_public_port(edge, origin):
    for path in ("/metrics", "/stats", "/healthz"):
        assert edge.get(path).status == 404
        assert origin.count(path) == 1


def test_ctl_without_a_daemon(tmp_path):
    done = subprocess.run([SELVAGECTL, "-s", tmp_path / "none", "status"], capture_output=True,
                          text=True, env=environment(), timeout=20)
    assert done.returncode == 1
    assert "none" in done.stderr


def test_ctl_unknown_command(edge):
    assert "nonsense" in edge.ctl("nonsense", status=1)
