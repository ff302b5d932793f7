"""What the director counts of its clients, and says of its maps, for Prometheus."""
import json
import os
import re
import shutil
import time

import pytest

from edge import TOP
from test_director_map import config, replace, status, wait_current, wait_state, where
from waiting import wait_for
from wire import Client

DATA = os.path.join(TOP, "tests/data/mmdb")
MAXMIND = os.path.join(TOP, "tests/data/maxmind-db/GeoIP2-Country-Test.mmdb")
SAMPLE = 16
GERMANY, AMERICA, JAPAN, SWEDEN = "22.0.0.0/24", "21.0.0.0/24", "2001:218::/48", "89.160.20.112/32"
NOBODY = "9.9.9.0/24"
BUILT = 1767225600  # tests/data/mmdb/make
CITY = f"{DATA}/city.mmdb"


def text_of(d):
    with Client(d.control) as c:
        return c.get("/metrics", host="localhost").body.decode()


def by_label(d, name):
    """{label's value: value} of one metric."""
    found = (re.fullmatch(name + r'\{[a-z]+="([^"]*)"\}', k) for k in d.metrics())
    return {m.group(1): d.metrics()[m.group(0)] for m in found if m}


def ask(d, network, n=SAMPLE):
    for _ in range(n):
        where(d, network)


def countries(d):
    return by_label(d, "selvage_director_clients_total")


def started(director, text):
    """One worker: each 16th answer is one of those that are asked here, whatever socket they come by."""
    d = director(text, workers=1)
    wait_current(d)
    return d


def test_clients_by_country(director):
    d = started(director, config([CITY, MAXMIND], more="country-metrics on;"))
    assert "selvage_director_clients_total" not in text_of(d)  # nobody was seen yet
    assert "director maps made" in d.ctl("stats")
    for network, times in ((GERMANY, 3), (AMERICA, 2), (JAPAN, 1), (NOBODY, 4), ("10.0.0.0/24", 1)):
        ask(d, network, times * SAMPLE)
    # A private network is where its resolver is: here, on loopback, nowhere.
    assert countries(d) == {"DE": 48, "US": 32, "JP": 16, "other": 80}
    assert d.metric("selvage_director_clients_total") == d.metric("selvage_director_pop_answers_total")
    ask(d, GERMANY, SAMPLE - 1)
    assert countries(d)["DE"] == 48
    assert json.loads(d.ctl("-j", "stats"))["counters"]["director_clients"] == {
        "DE": 48, "US": 32, "JP": 16, "other": 80}
    d.ask("ns1.cdn.test", ecs=GERMANY)  # not steered: no client of a PoP
    assert countries(d)["DE"] == 48
    ask(d, GERMANY, 1)
    assert countries(d)["DE"] == 64
    assert "16" in re.search(r"# HELP selvage_director_clients_total (.*)", text_of(d)).group(1)


def test_redirected_clients_count_too(director):
    text = config([CITY], more="country-metrics on;\ntrusted x-forwarded-for 127.0.0.0/8;")
    d = director(text + "redirect www.test { steer cdn; to https://$pop.cdn.test; }\n", workers=1, redirect="plain")
    wait_current(d)
    for _ in range(SAMPLE):
        with Client(("127.0.0.1", d.http_port)) as c:
            assert c.get("/", host="www.test", fields=[("X-Forwarded-For", "22.0.0.1")]).status == 302
    assert countries(d) == {"DE": SAMPLE}


def test_off_by_default(director):
    d = started(director, config([CITY]))
    ask(d, GERMANY, 2 * SAMPLE)
    assert "selvage_director_clients_total" not in text_of(d)
    assert list(by_label(d, "selvage_director_map_bytes")) == ["cdn"]


def test_the_map_of_countries_is_kept(director, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    text = config([CITY], cache, "country-metrics on;")
    # Maps of before it was switched on are used, and made again with the one that is missing.
    before = started(director, config([CITY], cache))
    wait_for((cache / "cdn.map").exists, "the map on disk")
    before.stop()
    first = started(director, text)
    wait_for((cache / "~countries.map").exists, "the map on disk")
    assert by_label(first, "selvage_director_maps_from") == {"compiled": 1, "kept": 0, "default-order": 0}
    first.stop()
    made = (cache / "cdn.map").stat().st_mtime
    again = director(text, workers=1)
    ask(again, GERMANY)
    assert countries(again) == {"DE": SAMPLE}
    assert "compiled" not in again.stderr()
    assert by_label(again, "selvage_director_maps_from") == {"compiled": 0, "kept": 1, "default-order": 0}
    assert again.metric("selvage_director_maps_made_timestamp_seconds") == int(made)
    assert by_label(again, "selvage_director_database_built_timestamp_seconds") == {}  # nobody had to read it


def test_a_database_that_moves_countries_is_not_refused_for_that(director, tmp_path):
    """Only where clients go counts: here an override sends all of them to one PoP."""
    database = tmp_path / "city.mmdb"
    shutil.copyfile(CITY, database)
    d = started(director, config([database], more="country-metrics on;", steer="continent EU -> fra; country US -> fra;"))
    replace(f"{DATA}/city-moved.mmdb", database)
    wait_for(lambda: d.metric('selvage_director_maps_total{result="taken"}') == 2, "the new maps")
    wait_current(d)
    ask(d, "20.0.0.0/24")
    assert countries(d) == {"US": SAMPLE}


def test_state_of_the_maps(director, tmp_path):
    database = tmp_path / "city.mmdb"
    shutil.copyfile(CITY, database)
    d = started(director, config([database, f"{DATA}/asn.mmdb"], more="country-metrics on;"))
    facts = status(d)["maps"][0]
    assert by_label(d, "selvage_director_map_networks") == {"cdn": facts["v4_networks"] + facts["v6_networks"]}
    sizes = by_label(d, "selvage_director_map_bytes")
    assert sizes["cdn"] == facts["bytes"] and 0 < sizes["~countries"] and len(sizes) == 2
    assert abs(d.metric("selvage_director_maps_made_timestamp_seconds") - time.time()) < 60
    assert by_label(d, "selvage_director_database_built_timestamp_seconds") == {"1": BUILT, "2": BUILT}
    changed = by_label(d, "selvage_director_database_changed_timestamp_seconds")
    assert changed["1"] == int(database.stat().st_mtime) and len(changed) == 2
    states = by_label(d, "selvage_director_maps_state")
    assert states == {"default": 0, "current": 1, "compiling": 0, "old": 0, "without-database": 0}
    database.unlink()
    wait_state(d, "old")
    assert by_label(d, "selvage_director_maps_state")["old"] == 1
    assert by_label(d, "selvage_director_maps_from")["compiled"] == 1
    assert by_label(d, "selvage_director_database_changed_timestamp_seconds")["1"] == 0


def test_without_a_database(director):
    d = director(config([], more="country-metrics on;"), workers=1)
    ask(d, GERMANY)
    assert countries(d) == {"other": SAMPLE}
    assert by_label(d, "selvage_director_maps_from") == {"compiled": 0, "kept": 0, "default-order": 1}
    assert by_label(d, "selvage_director_maps_state")["default"] == 1
    assert d.metric("selvage_director_maps_made_timestamp_seconds") == 0


def test_what_decided_is_counted(director):
    rules = "network 20.0.0.0/8 -> iad; asn 64497 -> fra; country JP -> fra; continent EU -> fra;"
    d = started(director, config([CITY, f"{DATA}/asn.mmdb", MAXMIND], steer=rules))
    asked = {"network": "20.0.0.0/24", "asn": AMERICA, "country": JAPAN, "continent": GERMANY,
             "nearest": "23.0.0.0/24", "country-point": "2001:220::/48", "default": NOBODY}
    for n, network in enumerate(asked.values()):
        ask(d, network, n + 1)
    assert by_label(d, "selvage_director_orders_total") == {by: n + 1 for n, by in enumerate(asked)}
    assert by_label(d, "selvage_director_choices_total") == {
        "first": 28, "next": 0, "shared": 0, "shed": 0, "all-down": 0, "nobody": 0}
    d.ctl("pop", "drain", "iad")
    wait_for(lambda: where(d, "20.0.0.0/24") == "192.0.2.1", "the other PoP")
    before = by_label(d, "selvage_director_choices_total")
    ask(d, "20.0.0.0/24", 3)
    d.ctl("pop", "drain", "fra")
    wait_for(lambda: by_label(d, "selvage_director_pop_up") == {"iad": 0, "fra": 0}, "both to be drained")
    ask(d, "20.0.0.0/24", 2)
    after = by_label(d, "selvage_director_choices_total")
    assert after["next"] == before["next"] + 3 and after["all-down"] == 2 and after["first"] == before["first"]


@pytest.mark.parametrize("all_down, order, how", [
    ("servfail", "down", "nobody"), ("default", "down", "nobody"), ("default", "drain", "all-down")])
def test_nobody_is_counted(director, all_down, order, how):
    d = director(config([], steer=f"all-down {all_down};"), workers=1)
    d.ctl("pop", order, "fra")
    d.ctl("pop", order, "iad")
    wait_for(lambda: by_label(d, "selvage_director_pop_up") == {"iad": 0, "fra": 0}, "both to be down")
    d.ask("www.cdn.test")
    assert by_label(d, "selvage_director_choices_total")[how] == 1


def test_shared_clients_are_counted(director):
    text = config([CITY]).replace("share-within 0km", "share-within 20000km")
    d = started(director, text)
    for n in range(32):
        where(d, f"22.0.{n}.0/24")
    assert by_label(d, "selvage_director_choices_total")["shared"] > 0


def test_it_is_prometheus_text(director):
    d = started(director, config([CITY, MAXMIND], more="country-metrics on;"))
    ask(d, GERMANY, SAMPLE)
    current, closed, samples = None, set(), set()
    for line in text_of(d).splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            name = line.split(" ")[2]
            assert name not in closed, line
            if current not in (None, name):
                closed.add(current)
            current = name
            continue
        found = re.match(r'([a-z][a-z0-9_]*)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (-?[0-9.e+]+)$', line)
        assert found and found.group(1) == current, f"{line} is not under its own TYPE"
        assert line.rsplit(" ", 1)[0] not in samples, f"{line} is there twice"
        samples.add(line.rsplit(" ", 1)[0])
    assert 'selvage_director_clients_total{country="DE"}' in samples
