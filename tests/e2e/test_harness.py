"""The tests' own tools: a harness that overlooks a fault would let every other test pass."""
import ast
import glob
import os
import re
import socket
import sys
import threading

import pytest

from edge import TOP
from wire import Client, Cut, FramingError


def client_reading(*sent):
    """A client to whom a server says exactly these bytes and closes."""
    ours, theirs = socket.socketpair()
    for piece in sent:
        theirs.sendall(piece)
    theirs.close()
    c = Client.__new__(Client)
    super(Client, c).__init__(ours, 5)
    return c


@pytest.mark.parametrize("said", [
    b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil close, yet keep-alive",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n",
], ids=lambda said: repr(said)[2:60])
def test_reader_refuses(said):
    with pytest.raises(FramingError):
        client_reading(said).response()


@pytest.mark.parametrize("said, got", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", b"hello"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"hello"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", b"hel"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", b""),
])
def test_reader_sees_a_cut(said, got):
    with pytest.raises(Cut) as cut:
        client_reading(said).response()
    assert cut.value.body == got


def test_reader_accepts():
    c = client_reading(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                       b"Cache-Status: Selvage; fwd=miss; stored\r\n\r\n"
                       b"5\r\nhel", b"lo\r\n0\r\nX-T: 1\r\n\r\n"
                       b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
    r = c.response()
    assert (r.status, r.body, r.trailers.get("x-t")) == (200, b"hello", "1")
    assert [i.status for i in r.interim] == [103]
    assert r.cache == "miss"
    assert c.response().status == 304
    c.expect_close()


def test_origin_follows_its_program(origin):
    gate = threading.Event()
    origin.page("/a", b"hello", {"ETag": '"1"'})

    @origin.at("/slow")
    def slow(x):
        x.head(200, {"Content-Length": "4"})
        x.send(b"ab")
        x.wait(gate)
        x.send(b"cd")

    @origin.at("/reset")
    def reset(x):
        x.reset()

    with Client(("127.0.0.1", origin.port)) as c, Client(("127.0.0.1", origin.port)) as slow:
        r = c.get("/a?x=1", host="h", fields={"X-One": "1"})
        assert (r.status, r.body, r["etag"]) == (200, b"hello", '"1"')
        assert origin.last("/a")["x-one"] == "1"
        assert c.get("/none").status == 404
        slow.request("/slow")
        r = slow.read_head()
        assert slow.exactly(2) == b"ab"
        assert slow.quiet(0.05)
        assert origin.active == 1
        gate.set()
        assert slow.exactly(2) == b"cd"
        assert c.get("/a", method="POST", body=b"body", fields={"Expect": "100-continue"}).interim
        assert origin.last("/a").body == b"body"
        c.request("/reset")
        with pytest.raises(Cut):
            c.response()
    assert origin.count("/a") == 2
    assert origin.connections == 2


def imported(path):
    """The modules outside the file's own folder that it imports by name."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if not (path.endswith(".py") or re.match(r"#!.*python3", text)):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def test_what_is_imported_is_installed():
    """Every module of another package than Python's own stands in tools/install-deps."""
    files = [p for folder in ("tests/e2e", "tests/proof", "tools", "bench")
             for p in glob.glob(f"{TOP}/{folder}/*") if os.path.isfile(p) and not p.endswith((".webm", ".c", ".h"))]
    ours = {os.path.basename(p).removesuffix(".py") for p in files}
    with open(f"{TOP}/tools/install-deps", encoding="utf-8") as f:
        packages = set(re.findall(r"python3-([\w-]+)", f.read()))
    packages = {{"dnspython": "dns"}.get(p, p) for p in packages}
    modules = {m for p in files for m in imported(p)}
    assert "pytest" in modules
    assert modules - set(sys.stdlib_module_names) - ours <= packages
