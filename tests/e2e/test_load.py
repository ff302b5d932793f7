"""Under load from another implementation of HTTP: h2load speaking HTTP/1."""
import os
import re
import subprocess

import pytest

KEEP = {"Cache-Control": "max-age=600"}


def h2load(*args):
    done = subprocess.run(["h2load", "--h1", *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed",
                      done.stdout)
    assert found, done.stdout
    assert "5xx" in done.stdout
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    return tuple(map(int, found.groups())), tuple(map(int, codes.groups()))


@pytest.mark.threaded
@pytest.mark.parametrize("size", [1, 1024, 100 << 10])
def test_hits(edge, origin, size):
    origin.page("/a", os.urandom(size), KEEP)
    edge.get("/a", host=f"127.0.0.1:{edge.port}")  # the host that h2load is going to ask
    total = 5000
    counted, codes = h2load("-n", str(total), "-c", "64", "-m", "1", edge.url + "/a")
    assert counted == (total, total, 0)
    assert codes == (total, 0, 0, 0)
    assert origin.count("/a") == 1
    assert edge.metrics()['selvage_requests_total{cache="HIT"}'] == total


@pytest.mark.threaded
def test_misses(edge, origin):
    origin.page("/a", b"hello", {"Cache-Control": "no-store"})
    counted, codes = h2load("-n", "1000", "-c", "32", "-m", "1", edge.url + "/a")
    assert counted == (1000, 1000, 0) and codes == (1000, 0, 0, 0)
    assert origin.count("/a") == 1000


def test_connections_that_come_and_go(edge, origin):
    origin.page("/a", b"hello", KEEP)
    for _ in range(5):
        with edge.connect() as c:
            c.get("/a")
    for _ in range(200):
        edge.connect().reset()
    assert edge.get("/a").cache == "hit"
