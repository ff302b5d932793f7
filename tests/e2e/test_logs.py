"""The access log in both formats, the error log, and USR1."""
import json
import os
import re
import signal

import pytest

from edge import free_port
from waiting import wait_for
from wire import Cut

KEEP = {"Cache-Control": "max-age=60"}


def start(selvaged, origin, log, form="", more=""):
    return selvaged(config=f"access-log {log} {form};\n{more}\nsite * {{ origin {origin.url}; }}")


def lines(path, n):
    """The log's lines once there are n of them; it is written behind the requests."""
    def enough():
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as f:
            found = f.read().splitlines()
        return found if len(found) >= n else None
    return wait_for(enough, f"{n} lines in {path}")


COMBINED = re.compile(
    r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(?P<request>[^"]*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" "(?P<host>[^"]*)" '
    r'cache=(?P<cache>[A-Z-]+) total=(?P<total>[\d.]+) origin=(?P<origin>[\d.]+|-) end=(?P<end>[a-z-]+)'
    r'( detail="[^"]*")?$')


def test_combined(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = start(selvaged, origin, log, "combined")
    origin.page("/a", b"hello", KEEP)
    with edge.connect() as c:
        c.get("/a?q=1", host="www.test",
              fields={"User-Agent": "one/1", "Referer": "http://r.test/"})
        c.get("/a?q=1", host="www.test")
    first, second = [COMBINED.match(line) for line in lines(log, 2)]
    assert first and second
    assert first["request"] == "GET /a?q=1 HTTP/1.1"
    assert (first["status"], first["bytes"]) == ("200", "5")
    assert (first["agent"], first["referer"], first["host"]) == ("one/1", "http://r.test/", "www.test")
    assert (first["cache"], second["cache"]) == ("MISS", "HIT")
    assert first["origin"] != "-" and second["origin"] == "-"
    assert first["end"] == second["end"] == "sent"


def test_json(selvaged, origin, tmp_path):
    log = tmp_path / "access.json"
    edge = start(selvaged, origin, log, "json")
    origin.page("/a", b"hello", KEEP)
    with edge.connect() as c:
        for _ in range(2):
            c.get("/a", fields={"User-Agent": 'a "quoted" \\ one\xff'})
    first, second = [json.loads(line) for line in lines(log, 2)]
    assert (first["method"], first["target"], first["status"]) == ("GET", "/a", 200)
    assert (first["cache"], second["cache"]) == ("MISS", "HIT")
    assert first["connection"] == second["connection"] and (first["nth"], second["nth"]) == (1, 2)
    assert first["total_s"] >= 0 and "origin_s" in first and "origin_s" not in second
    assert first["server"].endswith(str(origin.port))
    assert 'a "quoted" \\ one' in first["user_agent"]


def test_line_cannot_be_forged(selvaged, origin, tmp_path):
    """What a client says never ends a line or a quoted part of it."""
    log = tmp_path / "access.log"
    edge = start(selvaged, origin, log)
    edge.get('/"%0a127.0.0.1 - - [', fields={"User-Agent": '" 200 5 "\t\x80'})
    edge.get("/b", fields={"User-Agent": '" 200 5 "', "Referer": '\\"'})
    assert len(lines(log, 2)) == 2
    assert all(COMBINED.match(line) for line in lines(log, 2))


def test_refused_requests_are_logged(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = start(selvaged, origin, log)
    with edge.connect() as c:
        c.send(b"NONSENSE\r\n\r\n")
        assert c.response().status == 400
    assert " 400 " in lines(log, 1)[0]


def test_how_it_ended(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = start(selvaged, origin, log)

    @origin.at("/cut")
    def cut(x):
        x.head(200, {**KEEP, "Content-Length": "10"})
        x.send(b"hello")
        x.close()

    with pytest.raises(Cut):
        edge.get("/cut")
    found = COMBINED.match(lines(log, 1)[0])
    assert (found["end"], found["bytes"]) == ("cut", "5")
    origin.page("/large", b"x" * (8 << 20), KEEP)
    c = edge.connect(receive_bytes=4096)
    c.request("/large")
    c.read_head()
    c.reset()
    assert COMBINED.match(lines(log, 2)[1])["end"] == "client-gone"


def test_bypass_and_failures(selvaged, tmp_path):
    log = tmp_path / "access.log"
    edge = selvaged(config=f"access-log {log};\nsite * {{ origin http://127.0.0.1:{free_port()}; "
                           f"path /b {{ bypass; }} }}")
    edge.get("/b")
    edge.get("/m")
    # Two workers write behind each other: the order of their lines is not the order of time.
    bypass, miss = sorted((COMBINED.match(line) for line in lines(log, 2)),
                          key=lambda found: found["request"])
    assert (bypass["cache"], bypass["status"]) == ("BYPASS", "502")
    assert (miss["cache"], miss["status"]) == ("MISS", "502")


@pytest.mark.threaded
def test_every_request_has_its_line(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = start(selvaged, origin, log)
    origin.page("/a", b"hello", KEEP)
    clients = [edge.connect() for _ in range(10)]
    for n in range(50):
        for i, c in enumerate(clients):
            c.request(f"/a?{i}-{n}")
    for c in clients:
        for _ in range(50):
            c.response()
        c.close()
    found = lines(log, 500)
    assert len(found) == 500
    assert {COMBINED.match(line)["request"].split()[1] for line in found} == \
        {f"/a?{i}-{n}" for i in range(10) for n in range(50)}


@pytest.mark.threaded
def test_usr1_reopens(selvaged, origin, tmp_path):
    log, moved, errors = tmp_path / "access.log", tmp_path / "access.log.1", tmp_path / "error.log"
    edge = start(selvaged, origin, log, more=f"error-log {errors} debug;")
    edge.get("/before")
    lines(log, 1)
    os.rename(log, moved)
    os.rename(errors, tmp_path / "error.log.1")
    edge.signal(signal.SIGUSR1)
    wait_for(lambda: log.exists() and errors.exists(), "the logs to be opened again")
    edge.get("/after")
    assert "/after" in lines(log, 1)[-1]
    assert "/after" not in moved.read_text()


def test_origin_failure_is_in_the_error_log(selvaged):
    port = free_port()
    edge = selvaged(origin=f"http://127.0.0.1:{port}")
    edge.get("/a")
    wait_for(lambda: str(port) in edge.stderr(), "a line about the origin")


def test_client_nonsense_does_not_fill_the_error_log(selvaged, origin):
    edge = selvaged(origin=origin)
    for _ in range(200):
        with edge.connect() as c:
            c.send(b"NONSENSE\r\n\r\n")
            c.response()
    assert len(edge.stderr().splitlines()) < 60
