"""The director's maps: made from databases, kept, made anew while it answers, refused when that is wiser."""
import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest

from director import run_director, scope_of, texts
from edge import SELVAGECTL, TOP, environment
from waiting import PATIENCE_S, wait_for
from wire import Client

DATA = os.path.join(TOP, "tests/data/mmdb")
MAXMIND = os.path.join(TOP, "tests/data/maxmind-db")
FRA, IAD = "192.0.2.1", "192.0.2.2"
# tests/data/mmdb/make: even ones are in Frankfurt, odd ones in Washington.
EVEN, ODD = "22.0.0.0/24", "21.0.0.0/24"


def config(databases, cache="off", more="", steer=""):
    line = f"database {' '.join(map(str, databases))};\n" if databases else ""
    return f"""
{line}map-cache {cache};
{more}
pop iad {{ location 38.95 -77.45; address {IAD}; }}
pop fra {{ location 50.11 8.68; address {FRA}; }}
steer cdn {{ pops iad fra; share-within 0km; {steer} }}
zone cdn.test {{
    soa ns1.cdn.test hostmaster.cdn.test serial 1;
    ns ns1.cdn.test;
    name ns1 {{ a 192.0.2.53; }}
    name www {{ steer cdn; }}
}}
"""


def replace(source, target):
    """As good tools do: a new file under the old name."""
    shutil.copyfile(source, f"{target}.new")
    os.rename(f"{target}.new", target)


def overwrite(source, target):
    """As cp does: other bytes in the same file."""
    with open(source, "rb") as f:
        data = f.read()
    with open(target, "r+b") as f:
        f.write(data)
        f.truncate()


def large_database(path, depth):
    """2 ** depth networks of IPv4, by turns in Frankfurt and in Washington."""
    def text(s):
        return bytes([0x40 | len(s)]) + s.encode()

    def number(n, kind, size):
        head = [kind << 5 | size] if kind < 8 else [size, kind - 7]
        return bytes(head) + n.to_bytes(size, "big")

    def record(latitude, longitude):
        where = b"".join(text(k) + b"\x68" + struct.pack(">d", v)
                         for k, v in (("latitude", latitude), ("longitude", longitude)))
        return b"\xe1" + text("location") + b"\xe2" + where

    records = [record(50.11, 8.68), record(38.95, -77.45)]
    nodes = 2 ** depth - 1
    data = [nodes + 16, nodes + 16 + len(records[0])]
    # Of a full tree, level by level: the children of the i-th node are 2i + 1 and 2i + 2.
    tree = b"".join((n if n < nodes else data[n % 2]).to_bytes(4, "big") for n in range(1, 2 * nodes + 1))
    about = [
        text("binary_format_major_version") + number(2, 5, 1), text("binary_format_minor_version") + number(0, 5, 0),
        text("build_epoch") + number(1767225600, 9, 8), text("database_type") + text("Test-Large"),
        text("description") + b"\xe0", text("ip_version") + number(4, 5, 1), text("languages") + b"\x00\x04",
        text("node_count") + number(nodes, 6, 4), text("record_size") + number(32, 5, 1)]
    path.write_bytes(tree + bytes(16) + b"".join(records) + b"\xab\xcd\xefMaxMind.com" +
                     bytes([0xe0 | len(about)]) + b"".join(about))


def cpu_ticks(d, thread):
    """What a thread of that name has used."""
    for task in os.listdir(f"/proc/{d.pid}/task"):
        with open(f"/proc/{d.pid}/task/{task}/stat", encoding="ascii") as f:
            name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        if name == thread:
            return int(rest.split()[11]) + int(rest.split()[12])
    return 0


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "city.mmdb"
    shutil.copyfile(f"{DATA}/city.mmdb", path)
    return path


def where(d, network):
    answers = texts(d.ask("www.cdn.test", ecs=network))
    return answers[0] if answers else None


def status(d):
    return json.loads(d.ctl("-j", "map"))


def says(d, text):
    """In the log, which comes a little later."""
    wait_for(lambda: text in d.stderr(), f"{text!r} in the log")


def wait_state(d, state):
    wait_for(lambda: status(d)["state"] == state, f"state {state}, with {d.stderr()}")


def wait_current(d):
    wait_state(d, "current")


def test_maps_are_made_and_answer(director, database):
    d = director(config([database]))
    wait_current(d)
    assert where(d, EVEN) == FRA and where(d, ODD) == IAD
    assert where(d, "2400:2::/48") == FRA and where(d, "2400:3::/48") == IAD
    # 20.0.0.0/8 is like 22.0.0.0/8, and not like 21.0.0.0/8 beside it.
    assert scope_of(d.ask("www.cdn.test", ecs=EVEN)) == 8
    s = status(d)
    assert s["maps"][0]["steer"] == "cdn" and s["maps"][0]["v4_known"] == 16 << 24
    assert s["databases"][0]["type"] == "Test-City" and s["databases"][0]["there"]
    assert d.metric('selvage_director_maps_total{result="taken"}') == 1
    says(d, "compiled from the databases")


def test_flat_files_of_one_family_each(director):
    d = director(config([f"{DATA}/flat-ipv4.mmdb", f"{DATA}/flat-ipv6.mmdb"]))
    wait_current(d)
    assert [where(d, n) for n in (EVEN, ODD, "2400:2::/48", "2400:3::/48")] == [FRA, IAD, FRA, IAD]


def test_countries_alone(director):
    d = director(config([f"{DATA}/country.mmdb"]))
    wait_current(d)
    assert [where(d, n) for n in (EVEN, ODD)] == [FRA, IAD]


def test_without_any_database(director):
    d = director(config([], steer="network 22.0.0.0/8 -> fra;"))
    assert status(d)["state"] == "default"
    says(d, "no database is configured")
    assert where(d, ODD) == IAD and where(d, "9.9.9.0/24") == IAD
    assert where(d, EVEN) == FRA  # what the configuration names needs no database
    assert "no database is configured" in d.ctl("map", "reload", status=1)


def test_a_database_that_is_missing_at_the_start_comes(director, tmp_path, database):
    late = tmp_path / "late.mmdb"
    d = director(config([late]))
    assert where(d, EVEN) == IAD  # the default order, at once
    says(d, f"there is no database {late}")
    wait_state(d, "without-database")
    replace(database, late)
    wait_current(d)
    assert where(d, EVEN) == FRA


def test_one_of_two_is_better_than_none(director, tmp_path, database):
    """At the start; while it runs, a database that goes missing changes nothing."""
    late = tmp_path / "asn.mmdb"
    d = director(config([database, late], steer="asn 64498 -> iad;"))
    wait_for(lambda: where(d, EVEN) == FRA, "a map of the one that is there")
    wait_state(d, "old")  # which is said a little after the map is there
    assert str(late) in status(d)["refused"]
    replace(f"{DATA}/asn.mmdb", late)
    wait_current(d)
    assert where(d, EVEN) == IAD and "refused" not in status(d)  # by AS number
    late.unlink()
    wait_state(d, "old")
    assert where(d, EVEN) == IAD


@pytest.mark.parametrize("change", [replace, overwrite])
def test_a_new_database_is_taken(director, database, change):
    d = director(config([database]))
    wait_current(d)
    first = status(d)
    change(f"{DATA}/city-next.mmdb", database)
    wait_for(lambda: where(d, "20.0.0.0/24") == IAD, "the new map")
    wait_current(d)
    second = status(d)
    assert second["number"] == first["number"] + 1
    assert second["moved_percent"] == pytest.approx(100 / 16)
    assert second["maps"][0]["hash"] != first["maps"][0]["hash"]
    # Back again: the same map as in the beginning, wherever it was made.
    change(f"{DATA}/city.mmdb", database)
    wait_for(lambda: where(d, "20.0.0.0/24") == FRA, "the old map")
    wait_current(d)
    assert status(d)["maps"][0]["hash"] == first["maps"][0]["hash"]


def test_one_that_moves_too_much_is_refused_and_can_be_forced(director, database):
    d = director(config([database]))
    wait_current(d)
    replace(f"{DATA}/city-moved.mmdb", database)
    wait_state(d, "old")
    assert where(d, "20.0.0.0/24") == FRA
    assert "50.0 % of what is known" in status(d)["refused"]
    says(d, "those in use stay")
    assert d.metric('selvage_director_maps_total{result="refused"}') == 1
    assert "database-change-max is 20 %" in d.ctl("map", "reload", status=1)
    assert "current" in d.ctl("map", "reload", "--force")
    assert where(d, "20.0.0.0/24") == IAD
    assert "refused" not in status(d)


def test_how_much_may_move_is_configured(director, database):
    d = director(config([database], more="database-change-max 60%;"))
    wait_current(d)
    replace(f"{DATA}/city-moved.mmdb", database)
    wait_for(lambda: where(d, "20.0.0.0/24") == IAD, "the new map")


BAD = ["nothing", "text", "half", f"{MAXMIND}/MaxMind-DB-test-broken-search-tree-24.mmdb",
       f"{MAXMIND}/GeoIP2-City-Test-Invalid-Node-Count.mmdb", f"{DATA}/isp.mmdb",
       f"{MAXMIND}/bad/libmaxminddb/libmaxminddb-corrupt-search-tree.mmdb",
       f"{MAXMIND}/bad/maxminddb-golang/cyclic-data-structure.mmdb"]


def test_what_is_no_use_is_refused(director, tmp_path, database):
    """Broken ones of every kind, MaxMind's own among them, and one without places."""
    half = tmp_path / "half"
    half.write_bytes(database.read_bytes()[:-40])
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "text").write_text("no database\n" * 100)
    d = director(config([database]))
    wait_current(d)
    for bad in BAD:
        path = bad if os.path.isabs(bad) else tmp_path / bad
        replace(path, database)
        said = d.ctl("map", "reload", status=1)
        assert "409" in said, bad
        assert where(d, EVEN) == FRA and where(d, ODD) == IAD, bad
    assert status(d)["state"] == "old"
    replace(f"{DATA}/city.mmdb", database)
    wait_current(d)
    # The same as before all that: nothing had to be made.
    assert status(d)["number"] == 2
    assert d.metric('selvage_director_maps_total{result="unchanged"}') == 1


def test_a_file_that_is_not_left_alone(director, database):
    """Written over again and again: never half of it, and taken when it is left alone."""
    d = director(config([database]))
    wait_current(d)
    done = threading.Event()

    def write():
        while not done.is_set():
            for name in ("city-next", "city"):
                overwrite(f"{DATA}/{name}.mmdb", database)
                time.sleep(0.05)
        overwrite(f"{DATA}/city-next.mmdb", database)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert where(d, "21.0.0.0/24") == IAD and where(d, "22.0.0.0/24") == FRA
        assert status(d)["number"] == 2
    finally:
        done.set()
        writer.join()
    wait_for(lambda: where(d, "20.0.0.0/24") == IAD, "the last one")
    assert "stay" not in d.stderr()


def test_hup_and_orders(director, database):
    d = director(config([database]))
    wait_current(d)
    d.signal(signal.SIGHUP)
    wait_for(lambda: d.metric('selvage_director_maps_total{result="unchanged"}') == 1, "the files to be read")
    assert json.loads(d.ctl("-j", "map", "reload"))["changed"] is False
    replace(f"{DATA}/city-next.mmdb", database)
    # An order waits until the file has settled, and then for what comes of it.
    assert json.loads(d.ctl("-j", "map", "reload"))["changed"] is True
    assert where(d, "20.0.0.0/24") == IAD


def test_kept_maps_answer_at_once(director, tmp_path, database):
    cache = tmp_path / "cache"
    cache.mkdir()
    first = director(config([database], cache))
    wait_current(first)
    wait_for((cache / "cdn.map").exists, "the map on disk")
    assert (cache / "cdn.map").stat().st_mode & 0o777 == 0o600
    first.stop()
    again = director(config([database], cache))
    assert where(again, EVEN) == FRA  # it was the first question
    s = status(again)
    assert s["state"] == "current" and s["kept"]
    assert "compiled" not in again.stderr()
    again.stop()
    # After a change: by the kept ones until there are new ones, and judged against them.
    replace(f"{DATA}/city-moved.mmdb", database)
    third = director(config([database], cache))
    assert where(third, "20.0.0.0/24") == FRA
    wait_state(third, "old")
    assert where(third, "20.0.0.0/24") == FRA
    third.ctl("map", "reload", "--force")
    third.stop()
    fourth = director(config([database], cache))
    assert where(fourth, "20.0.0.0/24") == IAD
    assert status(fourth)["state"] == "current"


def test_kept_maps_of_another_configuration_are_not_used(director, tmp_path, database):
    cache = tmp_path / "cache"
    cache.mkdir()
    first = director(config([database], cache))
    wait_current(first)
    wait_for((cache / "cdn.map").exists, "the map on disk")
    first.stop()
    second = director(config([database], cache, steer="network 22.0.0.0/8 -> iad;"))
    wait_current(second)
    assert where(second, EVEN) == IAD
    says(second, "none kept for cdn")


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-1], lambda b: b[:100] + b"\xff" + b[101:],
                                    lambda b: b"x" * len(b)])
def test_damaged_kept_maps_are_not_used(director, tmp_path, database, damage):
    cache = tmp_path / "cache"
    cache.mkdir()
    first = director(config([database], cache))
    wait_current(first)
    wait_for((cache / "cdn.map").exists, "the map on disk")
    first.stop()
    kept = cache / "cdn.map"
    kept.write_bytes(damage(kept.read_bytes()))
    second = director(config([database], cache))
    wait_current(second)
    assert where(second, EVEN) == FRA
    says(second, "none kept for cdn")


def test_a_cache_that_cannot_be_written(director, tmp_path, database):
    d = director(config([database], tmp_path / "nowhere"))
    wait_current(d)
    says(d, "cannot be kept")
    assert where(d, EVEN) == FRA


def test_a_location_from_the_database(director, database):
    """A PoP without a location is where the database has its address."""
    text = config([database]).replace("location 50.11 8.68; address 192.0.2.1;", "address 22.0.0.1;")
    d = director(text)
    wait_current(d)
    assert where(d, EVEN) == "22.0.0.1" and where(d, ODD) == IAD


def test_check_over_the_socket(director, database):
    d = director(config([database]))
    wait_current(d)
    m = json.loads(d.ctl("-j", "map", "check"))["maps"][0]
    assert m["v4_nearest_percent"] == 100 and m["v6_nearest_percent"] == 100
    assert m["v4_excess_km"] == 0 and m["v4_placed"] == 16 << 24
    assert "nearest PoP" in d.ctl("map", "check")


def test_check_without_a_director(director, tmp_path, database):
    conf = tmp_path / "director.conf"
    conf.write_text("listen 127.0.0.1:1 dns;\n" + config([database], steer="network 22.0.0.0/8 -> iad;"))
    done = subprocess.run([SELVAGECTL, "-j", "map", "check", "-c", str(conf)], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    m = json.loads(done.stdout)["maps"][0]
    assert m["v4_nearest_percent"] == pytest.approx(100 * 15 / 16)
    assert m["v4_excess_km"] > 100
    d = director(config([database], steer="network 22.0.0.0/8 -> iad;"))
    wait_current(d)
    assert status(d)["maps"][0]["hash"] == m["hash"]  # the same everywhere


def test_stopping_while_it_compiles(director, database):
    d = director(config([database]))
    d.stop()


@pytest.mark.threaded
def test_stopping_while_it_checks(director, tmp_path):
    """Who asked is not told any more, and nothing is told to workers that are gone."""
    large = tmp_path / "large.mmdb"
    large_database(large, 16)
    os.utime(large, (1, 1))
    d = director(config([large]))
    wait_current(d)
    before = cpu_ticks(d, "maps")
    with contextlib.ExitStack() as asking:
        def busy():
            """After one more question: a tick is longer than a check may take."""
            c = asking.enter_context(Client(d.control))
            c.send(b"GET /map/check HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return cpu_ticks(d, "maps") > before

        wait_for(busy, "checks to begin")
        d.stop()


@pytest.mark.parametrize("line, said", [
    ("database-change-max 0%;", "no share of addresses"),
    ("database-change-max 20;", "no share of addresses"),
    ("database-change-max 101%;", "no share of addresses"),
    ("database " + " ".join(str(n) for n in range(9)) + ";", "there may be 8 databases"),
])
def test_what_makes_no_sense_is_said(tmp_path, line, said):
    conf = tmp_path / "c"
    conf.write_text("listen 127.0.0.1:1 dns;\n" + line + "\n")
    done = run_director("-t", "-c", conf)
    assert done.returncode == 1 and said in done.stderr, done.stderr
