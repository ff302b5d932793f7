"""What is larger than memory keeps goes to the disk as it comes, with any validator or none: followers
read it wherever they are, and later requests have it from the disk."""
import signal

import pytest

from ranges import octets
from streams import Film, Viewer
from test_disk import crash, volume, written
from test_disk_faults import faults  # noqa: F401  pylint: disable=unused-import
from test_disk_faults import module
from edge import instrumented
from waiting import wait_for

KIB, MIB = 1 << 10, 1 << 20
SLICE = 256 * KIB
SIZE = 40 * MIB + 12345


def config(origin, directory, memory="16MiB", size="256MiB", object_max="96MiB", cache="", site=""):
    return f"""
        send-timeout 5m; # some viewers pause for as long as a loaded machine needs
        cache {{ memory {memory}; disk {directory}/volume size {size}; disk-wait 5s;
                 object-max {object_max}; {cache} }}
        origin o {{ server {origin.url}; }}
        site * {{ origin o; {site} }}
    """


@pytest.fixture
def disk_edge(selvaged, origin, tmp_path):
    """Starts an edge over the one volume of the test; called again it is its next life."""
    def start(**options):
        edge = selvaged(config=config(origin, tmp_path, **options))
        wait_for(lambda: volume(edge)["state"] == "ready", "the end of recovery")
        return edge
    return start


def settled(edge):
    wait_for(lambda: edge.metric("selvage_fills") == 0, "all fills to end")


def range_of(first, n):
    return {"Range": f"bytes={first}-{first + n - 1}"}


def spilled(edge, n=1):
    assert edge.metric("selvage_spills_total") == n
    assert edge.metric("selvage_spills_given_up_total") == 0


# --- stored as it comes, and there later

@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_stored_without_a_validator(disk_edge, origin, chunked):
    film, edge = Film(origin, SIZE, chunked=chunked), disk_edge()
    assert "stored" in Viewer(edge).whole(SIZE)["cache-status"]
    settled(edge)
    spilled(edge)
    slices = -(-SIZE // SLICE)
    assert edge.metric("selvage_spill_slices_total") == slices
    again = Viewer(edge).whole(SIZE)
    assert "hit" in again["cache-status"] and again["content-length"] == str(SIZE)
    assert film.asked == ["whole"]
    for first, n in ((0, 1), (SIZE - 10, 10), (5 * SLICE - 3, 6), (7 * MIB, 3 * MIB)):
        v = Viewer(edge, fields=range_of(first, n))
        v.whole(n)
        assert v.head.status == 206 and v.head.cache == "hit" and v.first == first
    with edge.connect() as c:
        head = c.get("/film", method="HEAD")
        assert head["content-length"] == str(SIZE) and head.cache == "hit"
    assert film.asked == ["whole"]
    written(edge, slices + 1)
    edge.stop()
    edge = disk_edge()
    assert Viewer(edge).whole(SIZE)["cache-status"].count("hit") == 1
    crash(edge)
    edge = disk_edge()
    Viewer(edge, fields=range_of(SIZE // 2, MIB)).whole(MIB)
    assert Viewer(edge).whole(SIZE).cache == "hit"
    assert film.asked == ["whole"]


def test_a_small_chunked_one_stays_whole(disk_edge, origin):
    edge = disk_edge()
    film = Film(origin, 700 * KIB, chunked=True)
    for _ in range(2):
        Viewer(edge).whole(700 * KIB)
        settled(edge)
    spilled(edge, 0)
    assert film.asked == ["whole"]


def test_larger_than_object_max(disk_edge, origin):
    edge = disk_edge(object_max="8MiB")
    for chunked, path in ((False, "/length"), (True, "/chunked")):
        film = Film(origin, SIZE, path=path, chunked=chunked)
        for _ in range(2):
            Viewer(edge, path).whole(SIZE)
            settled(edge)
        assert film.asked == ["whole", "whole"]


def test_what_the_disk_does_not_admit(disk_edge, origin):
    """It passes through a window, with those who follow; when it is asked for again it is stored."""
    edge = disk_edge(cache="disk-admit second;", size="64MiB")
    Film(origin, 30 * MIB, path="/fill")
    for _ in range(4):  # until the ring goes round: then admission has a say
        Viewer(edge, "/fill").whole(30 * MIB)
        settled(edge)
        edge.ctl("purge", "--hard", "url", "http://a.test/fill")
    film, before = Film(origin, 20 * MIB), edge.metric("selvage_spills_total")
    assert "stored" not in Viewer(edge).whole(20 * MIB)["cache-status"]
    settled(edge)
    assert edge.metric("selvage_spills_total") == before
    assert "stored" in Viewer(edge).whole(20 * MIB)["cache-status"]
    settled(edge)
    assert Viewer(edge).whole(20 * MIB).cache == "hit"
    assert film.asked == ["whole", "whole"]


# --- followers

def test_followers_at_any_pace(disk_edge, origin):
    size = 64 * MIB
    film = Film(origin, size, pause_at=40 * MIB)
    edge = disk_edge()
    leader = Viewer(edge)
    slow = Viewer(edge, pause_at=2 * MIB)
    leader.has(40 * MIB)
    slow.has(2 * MIB)
    late = Viewer(edge).has(40 * MIB)  # its first bytes left memory long ago
    behind = Viewer(edge, fields=range_of(10 * MIB, 20 * MIB))
    behind.whole(20 * MIB)
    ahead = Viewer(edge, fields=range_of(40 * MIB - 100, 5 * MIB))
    ahead.has(100)
    film.go()
    for v in (leader, late):
        v.whole(size)
    ahead.whole(5 * MIB)
    slow.go()
    slow.whole(size)
    assert late.head["cache-status"].count("collapsed") == 1
    assert film.asked == ["whole"]
    settled(edge)
    spilled(edge)
    assert edge.metric("selvage_spill_loads_total") > 0
    assert edge.metric("selvage_laggards_cut_total") == 0
    assert Viewer(edge).whole(size).cache == "hit"


def test_several_ranges_of_one_that_goes_on(disk_edge, origin):
    film = Film(origin, SIZE, pause_at=20 * MIB)
    edge = disk_edge()
    leader = Viewer(edge).has(20 * MIB)
    with edge.connect() as c:
        r = c.get("/film", fields={"Range": f"bytes=0-9,{10 * MIB}-{10 * MIB + 9}"})
    assert r.status == 206 and r["content-type"].startswith("multipart/byteranges")
    film.go()
    leader.whole(SIZE)
    assert film.asked == ["whole"]


def test_the_leader_leaves(disk_edge, origin):
    film = Film(origin, SIZE, pause_at=20 * MIB)
    edge = disk_edge()
    leader = Viewer(edge, leave_at=4 * MIB)
    follower = Viewer(edge).has(20 * MIB)
    leader.join()
    film.go()
    follower.whole(SIZE)
    settled(edge)
    assert Viewer(edge).whole(SIZE).cache == "hit"
    assert film.asked == ["whole"]


@pytest.mark.timeout(240)
def test_memory_is_bounded(disk_edge, origin):
    """300 MiB through 64 MiB of memory, with readers far apart."""
    size = 300 * MIB
    film = Film(origin, size, pause_at=200 * MIB)
    edge = disk_edge(memory="64MiB", size="800MiB", object_max="400MiB")
    before = edge.rss_bytes()
    fast = Viewer(edge, patience_s=200)
    slow = [Viewer(edge, pause_at=(i * 7 + 1) * MIB, leave_at=i * 40 * MIB, patience_s=200)
            for i in range(1, 6)]
    fast.has(200 * MIB)
    late = Viewer(edge, patience_s=200).has(100 * MIB)
    film.go()
    fast.whole(size)
    late.whole(size)
    grown = edge.rss_bytes() - before
    for v in slow:
        v.go()
    for v in slow:
        v.join()
        assert v.failure == "left" and v.got >= v.leave_at, v.failure
    assert film.asked == ["whole"]
    settled(edge)
    spilled(edge)
    assert Viewer(edge, patience_s=200).whole(size).cache == "hit"
    assert film.asked == ["whole"]
    if not instrumented():
        assert max(grown, edge.rss_bytes() - before) < 110 * MIB, grown
        # 64 of memory; 16 are the buffers of the volume, 4 those of its readers


@pytest.mark.release
@pytest.mark.timeout(240)
def test_a_hundred_readers(disk_edge, origin):
    """From 0.1 to 100 MB/s: the fast ones end early, the slow ones hold nobody up, are not cut off,
    and cost no more than a slice each. The edge has 64 MiB for everything."""
    size, n = 48 * MIB, 100
    film = Film(origin, size)
    edge = disk_edge(memory="32MiB")
    before = edge.rss_bytes()
    readers = [Viewer(edge, bytes_s=1e5 * 1000 ** (i / (n - 1)), patience_s=200) for i in range(n)]
    fast = [v for v in readers if v.bytes_s > 10e6]
    for v in fast:
        v.whole(size)
    grown = edge.rss_bytes() - before
    for v in readers:
        v.has(1)
        v.leave_at = 0
    for v in readers:
        v.join()
        assert v.failure in (None, "left"), v.failure
    assert film.asked == ["whole"] and len(fast) > 30
    spilled(edge)
    for name in ("laggards_cut", "spill_readers_cut"):
        assert edge.metric(f"selvage_{name}_total") == 0
    if not instrumented():
        assert grown < 64 * MIB, f"{grown >> 20} MiB"


# --- what ends it early

def test_the_origin_cuts(disk_edge, origin):
    film = Film(origin, SIZE, cut_at=25 * MIB)
    edge = disk_edge()
    leader, follower = Viewer(edge), Viewer(edge)
    for v in (leader, follower):
        v.join()
        assert v.cut and v.got <= 25 * MIB
    film.cut_at = None
    settled(edge)
    assert Viewer(edge).whole(SIZE).cache == "miss"
    assert Viewer(edge).whole(SIZE).cache == "hit"


def test_the_origin_cuts_and_has_ranges(disk_edge, origin):
    """With a strong validator and a length the rest is asked for, and the fill goes on."""
    film = Film(origin, SIZE, fields={"ETag": '"1"', "Accept-Ranges": "bytes"}, cut_at=25 * MIB,
                ranges=True)
    edge = disk_edge(site="slice off;")
    leader, follower = Viewer(edge), Viewer(edge)
    wait_for(lambda: len(film.asked) == 2 or leader.cut, "the request for the rest")
    leader.whole(SIZE)
    follower.whole(SIZE)
    assert film.asked == ["whole", (25 * MIB, SIZE - 1)]
    settled(edge)
    spilled(edge)
    assert Viewer(edge).whole(SIZE).cache == "hit"


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_purged_in_the_midst(disk_edge, origin, soft):
    film = Film(origin, SIZE, pause_at=20 * MIB)
    edge = disk_edge()
    old = Viewer(edge).has(20 * MIB)
    edge.ctl("purge", *([] if soft else ["--hard"]), "url", "http://a.test/film")
    film.version = 2
    new = Viewer(edge, version=2)
    wait_for(lambda: len(film.asked) == 2, "a fetch of its own")
    film.go()
    old.whole(SIZE)
    new.whole(SIZE)
    settled(edge)
    assert Viewer(edge, version=2).whole(SIZE).cache == "hit"
    assert len(film.asked) == 2


def test_purged_afterwards(disk_edge, origin):
    film, edge = Film(origin, SIZE), disk_edge()
    Viewer(edge).whole(SIZE)
    settled(edge)
    edge.ctl("purge", "--hard", "url", "http://a.test/film")
    film.version = 2
    assert Viewer(edge, version=2).whole(SIZE).cache == "miss"


def test_validated(disk_edge, origin):
    """Weak validators will do for a 304; the slices stay."""
    film = Film(origin, SIZE, fields={"ETag": 'W/"1"'})
    film.unchanged = lambda request: request.fields.get("if-none-match") == 'W/"1"'
    edge = disk_edge()
    Viewer(edge).whole(SIZE)
    settled(edge)
    edge.ctl("purge", "url", "http://a.test/film")
    v = Viewer(edge).whole(SIZE)
    assert "fwd=stale" in v["cache-status"] and film.asked == ["whole", 304]
    assert Viewer(edge).whole(SIZE).cache == "hit"
    assert film.asked == ["whole", 304]


def test_refreshed_behind(disk_edge, origin):
    """Stale, but it may be used while somebody fetches it anew, whom no client reads."""
    fields = {"Cache-Control": "max-age=1, stale-while-revalidate=600"}
    film, edge = Film(origin, SIZE, fields=fields), disk_edge()
    Viewer(edge).whole(SIZE)
    settled(edge)
    film.version = 2
    first = octets(2, SIZE // 2, 10)
    wait_for(lambda: edge.get("/film", fields=range_of(SIZE // 2, 10)).body == first, "the new version")
    assert edge.metric('selvage_requests_total{cache="UPDATING"}') > 0


def test_variants(disk_edge, origin):
    film = Film(origin, SIZE, fields={"Vary": "X-Kind"})
    edge = disk_edge()
    for kind in ("a", "b", "a", "b"):
        Viewer(edge, fields={"X-Kind": kind}).whole(SIZE)
        settled(edge)
    assert film.asked == ["whole", "whole"]


def test_what_operators_see(disk_edge, origin):
    film, edge = Film(origin, SIZE), disk_edge()
    Viewer(edge).whole(SIZE)
    settled(edge)
    assert edge.ctl("explain", "a.test/film").startswith("answer          HIT")
    listed = edge.ctl("cache", "ls")
    assert "a.test/film" in listed and "slice" not in listed.split("film")[0]
    assert film.asked == ["whole"]


def test_killed_in_the_midst(disk_edge, origin):
    film = Film(origin, SIZE, pause_at=30 * MIB)
    edge = disk_edge()
    Viewer(edge).has(30 * MIB)
    written(edge, 100)
    crash(edge)
    film.go()
    edge = disk_edge()
    assert "film" not in edge.ctl("cache", "ls")
    assert Viewer(edge).whole(SIZE).cache == "miss"
    assert Viewer(edge).whole(SIZE).cache == "hit"


# --- what the disk has lost

def test_a_lost_slice_is_a_miss(disk_edge, origin):
    """The ring has gone over the first half of it: found out before the first byte is sent."""
    film = Film(origin, 20 * MIB)
    edge = disk_edge(size="64MiB", cache="disk-admit all;")
    Viewer(edge).whole(20 * MIB)
    settled(edge)
    Film(origin, 30 * MIB, path="/other")
    for _ in range(2):
        Viewer(edge, "/other").whole(30 * MIB)
        settled(edge)
        edge.ctl("purge", "--hard", "url", "http://a.test/other")
    for _ in range(3):
        Viewer(edge).whole(20 * MIB)
        settled(edge)
    assert 1 <= film.asked.count("whole") <= 2


@pytest.fixture
def faulty_edge(selvaged, origin, tmp_path, monkeypatch, faults):  # noqa: F811
    if instrumented():
        pytest.skip("a sanitizer must be loaded first")
    so = module()

    def start(**options):
        with monkeypatch.context() as m:
            m.setenv("LD_PRELOAD", so)
            m.setenv("FAULTS_VOLUME", f"{tmp_path}/volume")
            m.setenv("FAULTS_SCRIPT", f"{tmp_path}/script")
            edge = selvaged(config=config(origin, tmp_path, **options))
        wait_for(lambda: volume(edge)["state"] == "ready", "the end of recovery")
        return edge
    return start


def test_the_disk_hangs_in_the_midst(faulty_edge, origin, faults):  # noqa: F811
    """Writes hang: the fill waits a little, and then passes through a window. Everybody has all of
    it, and the next request, too."""
    film = Film(origin, SIZE, pause_at=20 * MIB)
    edge = faulty_edge()
    leader, follower = Viewer(edge).has(20 * MIB), Viewer(edge).has(20 * MIB)
    faults.set(write_wait_ms=4000)
    film.go()
    leader.whole(SIZE)
    follower.whole(SIZE)
    assert edge.metric("selvage_spills_given_up_total") == 1
    faults.set(write_wait_ms=0)
    settled(edge)
    assert Viewer(edge).whole(SIZE).cache == "miss"


def test_reads_hang_in_the_midst(faulty_edge, origin, faults):  # noqa: F811
    """Who is far behind waits for the disk; nobody else does."""
    film = Film(origin, SIZE, pause_at=30 * MIB)
    edge = faulty_edge()
    leader = Viewer(edge).has(30 * MIB)
    faults.set(read_wait_ms=1500)
    late = Viewer(edge)
    wait_for(lambda: late.head, "a head")
    film.go()
    leader.whole(SIZE)
    assert late.got < SIZE
    faults.set(read_wait_ms=0)
    late.whole(SIZE)
    assert film.asked == ["whole"]


@pytest.mark.parametrize("kinds", [{"read_eio": 7}, {"read_flip": 7}, {"write_eio": 9}],
                         ids=["unreadable", "flipped", "unwritable"])
def test_a_disk_that_fails(faulty_edge, origin, faults, kinds):  # noqa: F811
    """No wrong byte, whatever becomes of the response."""
    Film(origin, SIZE)
    edge = faulty_edge()
    faults.set(**kinds)
    got = 0
    for _ in range(6):
        v = Viewer(edge)
        v.join(60)
        assert v.failure is None or v.cut, v.failure
        got += v.failure is None and v.got == SIZE
    assert got > 0
    faults.set(**{k: 0 for k in kinds})
