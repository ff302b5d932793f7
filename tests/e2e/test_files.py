"""A directory as an origin."""
import os
import threading

import pytest



@pytest.fixture
def root(tmp_path):
    top = tmp_path / "www"
    (top / "sub").mkdir(parents=True)
    (top / "index.html").write_text("<h1>top</h1>")
    (top / "sub" / "index.html").write_text("<h1>sub</h1>")
    (top / "empty").mkdir()
    (top / "style.css").write_text("body { }")
    (top / "data.bin").write_bytes(bytes(range(256)) * 1000)
    (top / "none").write_bytes(b"")
    (top / "with space.txt").write_text("space")
    (top / "grüße.txt").write_text("utf-8")
    (top / ".secret").write_text("secret")
    (top / ".git").mkdir()
    (top / ".git" / "config").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (top / "out").symlink_to(tmp_path / "outside.txt")
    (top / "up").symlink_to("..")
    (top / "inside").symlink_to("style.css")
    os.mkfifo(top / "fifo")
    locked = top / "locked.txt"
    locked.write_text("locked")
    return top


@pytest.fixture
def files(selvaged, root):
    return selvaged(origin=str(root))


@pytest.mark.parametrize("target, content_type", [
    ("/index.html", "text/html"), ("/style.css", "text/css"),
    ("/data.bin", "application/octet-stream"), ("/with%20space.txt", "text/plain"),
    ("/gr%C3%BC%C3%9Fe.txt", "text/plain"), ("/none", None),
])
def test_file(files, root, target, content_type):
    from urllib.parse import unquote
    with open(str(root) + unquote(target), "rb") as f:
        expected = f.read()
    for status in ("miss", "hit"):
        r = files.get(target)
        assert (r.status, r.body, r.cache) == (200, expected, status)
        assert "etag" in r and "last-modified" in r
        if content_type:
            assert r["content-type"].split(";")[0] == content_type


def test_index(files):
    assert files.get("/").body == b"<h1>top</h1>"
    assert files.get("/sub/").body == b"<h1>sub</h1>"
    r = files.get("/sub")
    assert r.status in (301, 308) and r["location"].endswith("/sub/")
    assert files.get("/sub?q=1")["location"].endswith("/sub/?q=1")
    assert files.get("/empty/").status in (403, 404)


def test_redirect_stays_here(files):
    """//evil.test is a path on this host, and must not become a redirect to another."""
    for target in ("//sub", "/%2fsub", "//evil.test/%2e%2e/sub", "/\\evil.test/..%2fsub"):
        r = files.get(target)
        assert not r.fields.get("location", "/").startswith(("//", "/\\", "/%2f", "/%5c"))


def test_not_there(files):
    for target in ("/nothing", "/sub/nothing", "/style.css/", "/style.css/x"):
        assert files.get(target).status == 404
    assert files.get("/index.html", method="POST", body=b"x").status == 405
    assert "GET" in files.get("/index.html", method="DELETE")["allow"]


@pytest.mark.parametrize("target", [
    "/../outside.txt", "/sub/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
    "/sub/%2e%2e/%2e%2e/outside.txt", "/.%2e/outside.txt", "/..;/outside.txt", "/..\\outside.txt",
    "/%5c..%5coutside.txt", "/sub/..%252f..%252foutside.txt", "/out", "/up/outside.txt", "/up/",
    "//outside.txt", "/./../outside.txt", "/outside.txt%00.css", "/%c0%ae%c0%ae/outside.txt",
    "/.secret", "/.git/config", "/%2esecret", "/sub/../.secret", "/fifo",
])
def test_nothing_outside_is_reachable(files, target):
    r = files.get(target)
    assert r.status in (400, 403, 404), r
    assert b"secret" not in r.body


def test_symlink_within_is_followed(files):
    assert files.get("/inside").body == b"body { }"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(files, root):
    os.chmod(root / "locked.txt", 0)
    assert files.get("/locked.txt").status == 403


def test_range_and_condition(files, root):
    whole = (root / "data.bin").read_bytes()
    for _ in ("from the file", "from memory"):
        r = files.get("/data.bin", fields={"Range": "bytes=1000-1999"})
        assert r.status in (200, 206)
        assert r.body == (whole[1000:2000] if r.status == 206 else whole)
    assert files.get("/data.bin").body == whole
    r = files.get("/data.bin", fields={"Range": "bytes=1000-1999"})
    assert (r.status, r.body) == (206, whole[1000:2000])
    tag = r["etag"]
    assert files.get("/data.bin", fields={"If-None-Match": tag}).status == 304
    assert files.get("/data.bin", fields={"If-Modified-Since": r["last-modified"]}).status == 304


def test_etag_changes_with_the_file(selvaged, root):
    edge = selvaged(config=f"site * {{ origin file:{root}; path /* {{ bypass; }} }}")
    before = edge.get("/style.css")["etag"]
    (root / "style.css").write_text("body { color: red }")
    after = edge.get("/style.css")
    assert after.body == b"body { color: red }"
    assert after["etag"] != before


def test_large_file(files, root):
    body = os.urandom(1 << 20) * 12
    (root / "large.bin").write_bytes(body)
    for _ in range(3):
        assert files.get("/large.bin").body == body


def test_file_cut_while_it_is_read(selvaged, root):
    """A file that becomes shorter under our hands is a cut answer, not a crash and not stored."""
    edge = selvaged(config=f"site * {{ origin file:{root}; path /* {{ bypass; }} }}")
    (root / "shrinks").write_bytes(b"x" * (64 << 20))
    with edge.connect(receive_bytes=4096) as c:
        c.request("/shrinks")
        r = c.read_head()
        assert r["content-length"] == str(64 << 20)
        os.truncate(root / "shrinks", 1000)
        with pytest.raises(AssertionError, match="closed"):
            c.read_body(r)
    assert edge.get("/style.css").status == 200


@pytest.mark.threaded
def test_many_at_once(files, root):
    for n in range(40):
        (root / f"{n}.txt").write_text(str(n) * 1000)
    wrong = []

    def reader(seed):
        with files.connect() as c:
            for i in range(80):
                n = (seed * 7 + i) % 40
                if c.get(f"/{n}.txt").body != str(n).encode() * 1000:
                    wrong.append(n)

    threads = [threading.Thread(target=reader, args=(s,)) for s in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_missing_directory(selvaged, tmp_path):
    from edge import run_selvaged
    done = run_selvaged("--listen", "127.0.0.1:1", "--origin", tmp_path / "gone")
    assert done.returncode == 1
    assert "gone" in done.stderr
