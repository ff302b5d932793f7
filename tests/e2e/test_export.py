"""What is stored is taken elsewhere: selvagectl cache export, read back by a reader of its own."""
import subprocess
import threading

import pytest

import warc
from edge import SELVAGECTL, environment
from ranges import octets
from test_listing import KEEP, config, ls, on_disk
from test_slices import MIB, Movie
from waiting import PATIENCE_S, wait_for
from wire import Client


def export(edge, *args, path=None):
    """The responses by URL, and what was said."""
    done = subprocess.run([SELVAGECTL, "-s", edge.control, "cache", "export",
                           *([str(path)] if path else []), *args], capture_output=True,
                          timeout=PATIENCE_S, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    data = path.read_bytes() if path else done.stdout
    records = (warc.read_gzip if path and path.suffix == ".gz" else warc.read)(data)
    assert all(r.type == "response" for r in records[1:])
    return [(r.uri, *r.response()) for r in records[1:]], done.stderr.decode()


def blob(n, seed=0):
    return bytes((i * 31 + (i >> 8) * 17 + seed) & 0xff for i in range(n))


@pytest.fixture
def bodies(origin):
    made = {f"/p{i}": blob(1 + 8000 * i, i) for i in range(40)}
    for path, body in made.items():
        origin.page(path, body, {**KEEP, "Content-Type": "x/y", "ETag": f'"{path}"'})
    return made


def store(edge, bodies):
    """In memory and on the disk, as much as they take; what the disk has."""
    for n, path in enumerate(bodies, 1):
        edge.get(path)
        if n % 4 == 0:
            on_disk(edge, n // 2)
    disk = {o["url"] for o in ls(edge, "--tier", "disk")}
    assert len(disk) > len(bodies) / 2
    return disk


def test_all_that_is_stored(selvaged, origin, tmp_path, bodies):
    """Each once, whole, with its head, whether it is in memory, on the disk, or both."""
    edge = selvaged(config=config(origin, tmp_path, memory="6MiB"))
    disk = store(edge, bodies)
    memory = {o["url"] for o in ls(edge, "--tier", "memory")}
    assert memory & disk and disk - memory
    for tier, urls in ((), memory | disk), (("--tier", "disk"), disk), (("--tier", "memory"), memory):
        found, said = export(edge, *tier)
        assert sorted(uri for uri, *_ in found) == sorted(f"http://{u}" for u in urls)
        assert all(body == bodies[uri[len("http://a.test"):]] for uri, _, _, body in found)
        assert f"{len(urls)} responses" in said and " 0 had gone" in said
        assert " 0 are stored only in part" in said
    uri, status, fields, _ = found[0]
    assert status == 200 and fields["content-type"] == "x/y"
    assert fields["etag"] == f'"{uri[len("http://a.test"):]}"' and "date" in fields
    # It was no use of anything, and loaded nothing.
    assert edge.metric("selvage_disk_loaded_total") == 0
    assert {o["url"] for o in ls(edge, "--tier", "memory")} == memory


def test_file_and_compressed(selvaged, origin, tmp_path, bodies):
    edge = selvaged(config=config(origin, tmp_path))
    for path in bodies:
        edge.get(path)
    for name in ("all.warc", "all.warc.gz"):
        found, _ = export(edge, path=tmp_path / name)
        assert {uri: body for uri, _, _, body in found} == {
            f"http://a.test{path}": body for path, body in bodies.items()}
    again = edge.ctl("cache", "export", str(tmp_path / "all.warc"), status=1)
    assert "File exists" in again


def test_narrowed(selvaged, origin, tmp_path):
    for path, n in (("/s", 10), ("/m", 5 << 10), ("/l", 300_000)):
        origin.page(path, blob(n), {**KEEP, "Surrogate-Key": "tag" + path[1]})
    origin.page("/old", b"old", {**KEEP, "Age": "300"})
    edge = selvaged(config=config(origin, tmp_path))
    for path in ("/s", "/m", "/l", "/old"):
        edge.get(path)
        edge.get(path, host="b.test")
    on_disk(edge, 8)

    def urls(*args):
        listed = {t: {o["url"] for o in ls(edge, "--tier", t, *args)} for t in ("memory", "disk")}
        assert listed["memory"] == listed["disk"]
        exported = {uri[len("http://"):] for uri, *_ in export(edge, *args)[0]}
        assert exported == listed["disk"]
        return {u for u in exported if u.startswith("a.test")}

    assert urls("--prefix", "a.test/m") == {"a.test/m"}
    assert urls("--site", "a.test", "--tag", "tagl") == {"a.test/l"}
    assert urls("--min-size", "5KiB") == {"a.test/m", "a.test/l"}
    assert urls("--max-size", "5KiB") == {"a.test/s", "a.test/m", "a.test/old"}
    assert urls("--min-size", "1KiB", "--max-size", "1MiB", "--tag", "tagm") == {"a.test/m"}
    assert urls("--min-age", "5m") == {"a.test/old"}
    assert urls("--max-age", "299s") == {"a.test/s", "a.test/m", "a.test/l"}
    assert len(export(edge, "--limit", "3")[0]) == 3
    assert "--min-size 8m" in edge.ctl("cache", "ls", "--min-size", "8m", status=1)
    assert "--max-age soon" in edge.ctl("cache", "export", "--max-age", "soon", status=1)
    assert "belongs to cache ls" in edge.ctl("stats", "--min-size", "1KiB", status=1)


def test_variants(selvaged, origin, tmp_path):
    @origin.at("/v")
    def _(x):
        x.reply(200, x.request["X-Kind"].encode(), {**KEEP, "Vary": "X-Kind"})

    edge = selvaged(config=config(origin, tmp_path))
    for kind in ("one", "two"):
        edge.get("/v", fields={"X-Kind": kind})
    on_disk(edge, 3)
    found, _ = export(edge)
    assert sorted(body for _, _, _, body in found) == [b"one", b"two"]
    assert {(uri, fields["vary"]) for uri, _, fields, _ in found} == {("http://a.test/v", "X-Kind")}


def test_slices_are_put_together(selvaged, origin, tmp_path):
    """From memory, from the disk, and from both; one that lacks some of them is left out and said."""
    size = 5 * MIB + 12345
    large, part = Movie(origin, "/large", size), Movie(origin, "/part", size)
    settings = config(origin, tmp_path).replace("site a.test {", "site a.test { slice-from always;").replace("memory 32MiB", "memory 128MiB")
    edge = selvaged(config=settings)
    edge.get("/large")
    edge.get("/part", fields={"Range": "bytes=3000000-3000010"})
    on_disk(edge, 9)
    whole = octets(1, 0, size)
    for tier in ((), ("--tier", "disk"), ("--tier", "memory")):
        found, said = export(edge, *tier)
        assert [uri for uri, *_ in found] == ["http://a.test/large"] and found[0][3] == whole
        assert "left out: a.test/part: only a part of it is stored" in said
    edge.stop()
    asked = len(large.asked), len(part.asked)
    edge = selvaged(config=settings)
    wait_for(lambda: ls(edge), "the directory")
    edge.get("/large", fields={"Range": "bytes=3000000-3000010"})
    found, said = export(edge)
    assert [uri for uri, *_ in found] == ["http://a.test/large"] and found[0][3] == whole
    assert "left out: a.test/part" in said
    assert (len(large.asked), len(part.asked)) == asked


def test_what_leaves_meanwhile_is_counted(selvaged, origin, tmp_path, bodies):
    edge = selvaged(config=config(origin, tmp_path, memory="6MiB"))
    store(edge, bodies)
    stop = threading.Event()

    def purge():
        for path in bodies:
            if not stop.is_set():
                edge.ctl("purge", "url", "a.test" + path, "--hard")

    thread = threading.Thread(target=purge)
    thread.start()
    try:
        for _ in range(10):
            found, _ = export(edge)
            for uri, _, _, body in found:
                assert body == bodies[uri[len("http://a.test"):]]
    finally:
        stop.set()
        thread.join()


def test_gone_and_wrong_questions(selvaged, origin, tmp_path, bodies):
    edge = selvaged(config=config(origin, tmp_path))
    edge.get("/p3")
    on_disk(edge, 1)
    with Client(edge.control) as c:
        for one in ls(edge):
            asked = f"/cache/content?handle={one['handle']}&id="
            r = c.get(asked + one["id"], host="localhost")
            assert r.status == 200 and r.body.endswith(b"\r\n\r\n" + bodies["/p3"])
            r = c.get(asked + one["id"] + "&from=23990", host="localhost")
            assert r.status == 200 and r.body == bodies["/p3"][23990:]
            assert c.get(asked + "1234", host="localhost").status == 410
        for handle in ("0.1.2", "1.1.2", "99.1.2"):
            assert c.get(f"/cache/content?handle={handle}&id=1", host="localhost").status == 410
        for query in ("handle=1", "handle=1.2.3.4", "id=x", "from=-1", "what=1", "handle=" + "1" * 99):
            assert c.get("/cache/content?" + query, host="localhost").status == 400
