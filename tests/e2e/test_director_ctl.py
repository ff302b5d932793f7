"""What operators ask a director: steer, pops, pop; and the metrics of answers."""
import json
import re

import pytest

from director import scope_of, texts
from test_director_redirect import CITY, FRANKFURT, NOWHERE, WASHINGTON
from waiting import wait_for

CONF = """
pop fra { location 50.11 8.68; address 192.0.2.1 2001:db8::1; }
pop iad { location 38.95 -77.45; address 192.0.2.2; }
pop syd { location -33.87 151.21; address 192.0.2.3; }
steer cdn { pops fra iad syd; ttl 30s; network 203.0.113.0/24 -> syd iad; }
steer api { pops iad syd; all-down servfail; }
zone cdn.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    name ns1 { a 192.0.2.53; }
    name www { steer cdn; }
    name *.api { steer api; }
    name plain { a 192.0.2.9; }
}
redirect files.test { steer api; to https://$pop.files.test; }
"""


def started(director, text=f"database {CITY};\nmap-cache off;\n" + CONF):
    d = director(text, redirect="plain", workers=1)
    if "database" in text:
        wait_for(lambda: texts(d.ask("www.cdn.test", ecs="21.0.0.0/24")) == ["192.0.2.2"], "the map")
    return d


def steer(d, *args):
    return json.loads(d.ctl("--json", "steer", *args))["steers"]


def one(d, *args):
    all_of_them = steer(d, *args)
    assert len(all_of_them) == 1
    return all_of_them[0]


def pops(d):
    return {p["pop"]: p for p in json.loads(d.ctl("--json", "pops"))["pops"]}


# --- steer

def test_steer_says_what_dns_answers(director):
    d = started(director)
    for client in FRANKFURT, WASHINGTON, NOWHERE, "203.0.113.77", "2400:1::1", "10.0.0.1":
        e = one(d, client, "--name", "www.cdn.test")
        bits = 128 if ":" in client else 32
        answer = d.ask("www.cdn.test", ecs=f"{client}/{bits}")
        if client == "10.0.0.1":  # DNS takes the resolver's address instead
            continue
        assert e["a"]["addresses"] == texts(answer), client
        assert e["a"]["scope"] == scope_of(answer), client
        assert e["a"]["ttl_s"] == answer.answer[0].ttl
    # Only one PoP has IPv6, far or not.
    assert one(d, WASHINGTON, "--steer", "cdn")["aaaa"]["addresses"] == ["2001:db8::1"]


def test_steer_explains(director):
    d = started(director)
    e = one(d, "203.0.113.77", "--steer", "cdn")
    assert e["override"] == "network 203.0.113.0/24 -> syd iad" and e["order"] == "network"
    assert e["network"] == "203.0.113.0/24" and [p["pop"] for p in e["pops"]] == ["syd", "iad", "fra"]
    e = one(d, WASHINGTON, "--steer", "cdn")
    assert e["order"] == "nearest" and [p["pop"] for p in e["pops"]] == ["iad", "fra", "syd"]
    assert [p["km"] for p in e["pops"]][0] == 0 and 6400 < e["pops"][1]["km"] < 6700
    assert [p["verdict"] for p in e["pops"]][0] == "chosen"
    assert one(d, "20.1.0.0/16", "--steer", "cdn")["client"] == "20.1.0.0/16"
    text = d.ctl("steer", WASHINGTON, "--steer", "cdn")
    assert re.search(r"^decided by +the shortest distance$", text, re.M)
    assert re.search(r"^A +192\.0\.2\.2, scope /\d+, TTL 30 s$", text, re.M)
    assert re.search(r"^ *1 +iad +0 km +up +answers$", text, re.M)
    assert re.search(r"^country +US in NA$", text, re.M)


def test_which_steer(director):
    d = started(director, CONF)
    assert [e["steer"] for e in steer(d, FRANKFURT)] == ["cdn", "api"]
    assert one(d, FRANKFURT, "--name", "x.API.cdn.test.")["steer"] == "api"
    assert one(d, FRANKFURT, "--name", "files.test")["steer"] == "api"
    assert "there is no steer" in d.ctl("steer", FRANKFURT, "--steer", "nix", status=1)
    assert "neither a steered name" in d.ctl("steer", FRANKFURT, "--name", "plain.cdn.test", status=1)
    assert "neither a steered name" in d.ctl("steer", FRANKFURT, "--name", "example.org", status=1)
    assert "no address" in d.ctl("steer", "20.1.2", status=1)
    assert "no address" in d.ctl("steer", "20.1.2.3/33", status=1)
    assert "address is missing" in d.ctl("steer", status=1)
    assert "belong to steer" in d.ctl("pops", "--steer", "cdn", status=1)


def test_without_a_database(director):
    d = started(director, CONF)
    e = one(d, FRANKFURT, "--steer", "cdn")
    assert e["order"] == "default" and e["place"]["country"] is None
    assert [p["km"] for p in e["pops"]] == [None] * 3
    assert re.search(r"^country +not known$", d.ctl("steer", FRANKFURT, "--steer", "cdn"), re.M)


# --- pops, pop

@pytest.mark.threaded
def test_orders(director):
    d = started(director, CONF)
    assert {n: p["state"] for n, p in pops(d).items()} == {"fra": "up", "iad": "up", "syd": "up"}
    assert texts(d.ask("www.cdn.test")) == ["192.0.2.1"]
    said = d.ctl("pop", "drain", "fra")
    assert re.search(r"^fra +drained ", said, re.M)
    assert texts(d.ask("www.cdn.test")) == ["192.0.2.2"]  # at once
    assert d.ask("www.cdn.test").answer[0].ttl == 5  # for as long as things change
    e = one(d, "198.51.100.1", "--steer", "cdn")
    assert e["how"] == "next" and e["pops"][0]["state"] == "drained"
    assert e["pops"][0]["reason"].startswith("drained, for ")
    assert pops(d)["fra"]["ordered"] and pops(d)["fra"]["order"] == "drain"
    d.ctl("pop", "down", "iad")
    assert pops(d)["iad"]["state"] == "down"
    d.ctl("pop", "up", "fra")
    assert texts(d.ask("www.cdn.test")) == ["192.0.2.1"]
    assert "there is no PoP" in d.ctl("pop", "drain", "lon", status=1)
    assert "not pop kill" in d.ctl("pop", "kill", "fra", status=1)
    assert "and a PoP" in d.ctl("pop", "drain", status=1)


def test_nobody_is_up(director):
    d = started(director, CONF)
    d.ctl("pop", "drain", "iad")
    d.ctl("pop", "drain", "syd")
    e = one(d, FRANKFURT, "--steer", "api")
    assert e["a"]["end"] == "nobody" and e["a"]["addresses"] == []
    assert re.search(r"^A +none: no PoP is up$", d.ctl("steer", FRANKFURT, "--steer", "api"), re.M)


def test_pops_in_words_and_numbers(director):
    d = started(director, CONF)
    for _ in range(3):
        d.ask("www.cdn.test")
    d.ask("x.api.cdn.test")
    p = pops(d)
    assert p["fra"]["answers"] == 3 and p["iad"]["answers"] == 1 and p["syd"]["answers"] == 0
    assert (p["fra"]["share_percent"], p["syd"]["share_percent"]) == (75.0, 0.0)
    assert p["syd"]["capacity_percent"] == 90 and p["fra"]["shed_percent"] == 0
    assert (p["fra"]["latitude"], p["fra"]["longitude"]) == (50.11, 8.68)
    assert [a["address"] for a in p["fra"]["addresses"]] == ["192.0.2.1", "2001:db8::1"]
    assert re.search(r"^fra +up +\S.* 75\.0 % ", d.ctl("pops"), re.M)


# --- metrics

def test_answers_are_counted(director):
    d = started(director)
    before = d.metrics()

    def rise(name):
        return d.metrics()[name] - before[name]

    for ecs in ("20.0.0.0/24", "20.0.0.0/24", "21.0.0.0/24", "203.0.113.0/24"):
        d.ask("www.cdn.test", ecs=ecs)
    assert rise('selvage_director_pop_answers_total{pop="fra"}') == 2
    assert rise('selvage_director_pop_answers_total{pop="iad"}') == 1
    assert rise('selvage_director_pop_answers_total{pop="syd"}') == 1
    assert rise('selvage_director_orders_total{by="nearest"}') == 3
    assert rise('selvage_director_orders_total{by="network"}') == 1
    assert rise('selvage_director_choices_total{how="first"}') == 4
    assert before['selvage_director_pop_up{pop="fra"}'] == 1
    d.ctl("pop", "drain", "fra")
    assert [d.metrics()[f'selvage_director_pop_up{{pop="{p}"}}'] for p in ("fra", "iad", "syd")] == [0, 1, 1]
    d.ask("www.cdn.test", ecs="20.0.0.0/24")
    assert rise('selvage_director_choices_total{how="next"}') == 1
    for pop in "iad", "syd":
        d.ctl("pop", "drain", pop)
    d.ask("x.api.cdn.test")
    assert rise('selvage_director_choices_total{how="nobody"}') == 1
