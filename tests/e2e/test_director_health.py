"""PoPs that fail, come back, drain and are full: what the director answers meanwhile, and how soon."""
import contextlib
import json
import os
import signal
import threading
import time

import pytest

from certs import Authority
from director import run_director, texts
from edge import free_port
from origin import Origin
from waiting import wait_for
from wire import Client

ZONE = """
zone cdn.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    name ns1 { a 192.0.2.53; }
    name www { steer cdn; }
}
"""
FRA, IAD = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def places():
    """Starts origins as PoPs; at the end nothing but HTTP may have come there."""
    with contextlib.ExitStack() as running:
        def start(host, port=0, tls=None):
            place = Origin(host, port, tls)
            running.callback(place.stop)
            place.page("/healthz", b"all is well")
            return place
        yield start


def pop(name, *addresses, more=""):
    return f"pop {name} {{ location 50 8; address {' '.join(addresses)}; {more} }}\n"


def config(pops, more=""):
    names = [line.split()[1] for line in pops.splitlines()]
    return pops + f"steer cdn {{ pops {' '.join(names)}; {more} }}\n" + ZONE


def seconds_until(condition, what, within):
    """How long it took; at most `within`, which is what is promised."""
    began = time.monotonic()
    wait_for(condition, what, within)
    return time.monotonic() - began


def answer(director, kind="A", **options):
    return texts(director.ask("www.cdn.test", kind, **options))


def test_tls_breaks_and_is_mended(director, places, tmp_path):
    """By defaults: out of the answers within 5 s, back within 15 s of having recovered."""
    ca = Authority(tmp_path)
    good = ca.server("good", "DNS:www.example.com")
    fra = places(FRA, tls=good)
    d = director(config(
        pop("fra", FRA, more=f"health GET https://www.example.com:{fra.port}/healthz ca {ca.path};")
        + pop("iad", IAD)))
    wait_for(lambda: fra.count("/healthz") > 1, "probes that are good")
    assert answer(d) == [FRA]
    assert fra.last("/healthz")["host"] == f"www.example.com:{fra.port}"
    assert fra.handshakes[-1][1:] == (False, "www.example.com")
    fra.tls = ca.server("other", "DNS:other.example.com")
    print("gone after", seconds_until(lambda: answer(d) == [IAD], "fra is gone", 5))
    wait_for(lambda: "the certificate is for" in d.stderr(), "the reason is told")
    fra.tls = good
    print("back after", seconds_until(lambda: answer(d) == [FRA], "fra is back", 15))


def test_silence_is_found_out_in_time(director, places):
    """The slowest way to fail: connections are taken and never answered."""
    fra = places(FRA)
    d = director(config(
        pop("fra", FRA, more=f"health GET http://www.example.com:{fra.port}/healthz contains well;")
        + pop("iad", IAD)))
    wait_for(lambda: fra.count("/healthz") > 1, "probes that are good")
    assert answer(d) == [FRA]
    fra.at("/healthz", lambda x: x.edge_left())
    print("gone after", seconds_until(lambda: answer(d) == [IAD], "fra is gone", 5))
    fra.page("/healthz", b"all is well")
    seconds_until(lambda: answer(d) == [FRA], "fra is back", 15)
    fra.page("/healthz", b"not at all")  # the text looked for is missing
    seconds_until(lambda: answer(d) == [IAD], "fra is gone", 5)


def test_answers_change_sooner_while_something_changes(director, places):
    fra = places(FRA)
    d = director(config(
        pop("fra", FRA, more=f"health TCP {fra.port} every 200ms;") + pop("iad", IAD),
        "ttl 90s; ttl-changing 7s;"))
    wait_for(lambda: fra.connections > 1, "probes that are good")
    assert d.ask("www.cdn.test").answer[0].ttl == 90
    fra.stop()
    wait_for(lambda: answer(d) == [IAD], "fra is gone")
    assert d.ask("www.cdn.test").answer[0].ttl == 7


def test_drained_at_once_and_after_a_restart(director, tmp_path):
    state = tmp_path / "state"
    d = director(f"state {state};\n" + config(pop("fra", FRA) + pop("iad", IAD)))
    assert answer(d) == [FRA]
    d.ctl("pop", "drain", "fra")
    seconds_until(lambda: answer(d) == [IAD], "fra is drained", 1)
    wait_for(lambda: state.exists() and b"drain fra" in state.read_bytes(), "it is kept")
    assert os.stat(state).st_mode & 0o777 == 0o600
    d.signal(signal.SIGKILL)
    d.process.wait()
    d.spawn()
    wait_for(lambda: d.answers(0.2), "the director is back")
    assert answer(d) == [IAD]
    d.ctl("pop", "up", "fra")
    seconds_until(lambda: answer(d) == [FRA], "fra is up", 1)
    wait_for(lambda: b"fra" not in state.read_bytes(), "nothing is kept any more")


def test_a_state_file_that_cannot_be_used_keeps_nobody_from_starting(director, tmp_path):
    (tmp_path / "bad").write_bytes(b"something else\n")
    d = director(f"state {tmp_path}/bad;\n" + config(pop("fra", FRA) + pop("iad", IAD)))
    assert answer(d) == [FRA]
    assert "bad:1 is not as it was written" in d.stderr()
    d = director("state /nonexistent/folder/state;\n" + config(pop("fra", FRA) + pop("iad", IAD)))
    said = "would be forgotten by a restart: cannot write /nonexistent/folder/state: No such file or directory"
    wait_for(lambda: said in d.stderr(), "that is said before anybody has ordered anything")
    d.ctl("pop", "drain", "fra")
    assert answer(d) == [IAD]
    wait_for(lambda: d.stderr().count(said) == 2, "that is said again")


def test_who_flaps_stays_out_for_longer(director, places):
    fra = places(FRA)
    d = director(config(
        pop("fra", FRA, more=f"health GET http://a.test:{fra.port}/healthz every 100ms rise 1 fall 1;")
        + pop("iad", IAD)))
    wait_for(lambda: fra.count("/healthz") > 1, "probes that are good")
    fra.page("/healthz", status=500)
    wait_for(lambda: answer(d) == [IAD], "fra is gone")
    fra.page("/healthz", b"ok")
    wait_for(lambda: answer(d) == [FRA], "fra is back")
    fra.page("/healthz", status=500)
    wait_for(lambda: answer(d) == [IAD], "fra is gone again")
    fra.page("/healthz", b"ok")
    wait_for(lambda: "come and gone 1 times, and stays out for 10 s" in d.stderr(), "that is told")
    before = fra.count("/healthz")
    wait_for(lambda: fra.count("/healthz") > before + 10, "good probes that are not enough", 5)
    assert answer(d) == [IAD]
    assert seconds_until(lambda: answer(d) == [FRA], "fra is back", 15) > 4


def test_one_family_goes_alone(director, places):
    four = places(FRA)
    six = places("::1", four.port)
    d = director(config(
        pop("fra", FRA, "::1", more=f"health TCP {four.port} every 100ms;") + pop("iad", IAD)))
    assert answer(d) == [FRA] and answer(d, "AAAA") == ["::1"]
    six.stop()
    wait_for(lambda: answer(d, "AAAA") == [], "IPv6 is gone")
    assert answer(d) == [FRA]
    four.stop()
    wait_for(lambda: answer(d) == [IAD], "IPv4 is gone, too")
    places("::1", four.port)
    wait_for(lambda: answer(d, "AAAA") == ["::1"], "IPv6 is back")
    assert answer(d) == [IAD]


@pytest.mark.parametrize("policy, addresses, code", [
    ("all", {FRA, IAD}, "NOERROR"), ("default", {FRA, IAD}, "NOERROR"), ("servfail", set(), "SERVFAIL")])
def test_all_down(director, policy, addresses, code):
    """Never silence; and an extended error says why."""
    port = free_port()
    health = f"health TCP {port} every 100ms;"
    d = director(config(pop("fra", FRA, more=health) + pop("iad", IAD, more=health),
                        f"all-down {policy}; answers 2;"))
    wait_for(lambda: d.stderr().count("no address passes its checks") == 2, "all are down")
    m = d.ask("www.cdn.test")
    assert set(texts(m)) == addresses
    assert m.rcode() == {"NOERROR": 0, "SERVFAIL": 2}[code]
    assert [o for o in m.options if o.otype == 15], "an extended error"


def test_all_down_spares_those_who_are_down_by_order(director):
    port = free_port()
    d = director(config(pop("fra", FRA, more="state down;") + pop("iad", IAD, more="state drain;")
                        + pop("syd", "127.0.0.4", more=f"health TCP {port} every 100ms;"),
                        "answers 3;"))
    wait_for(lambda: "pop syd: no address" in d.stderr(), "all are down")
    assert answer(d) == [IAD, "127.0.0.4"]  # what works before what does not


def test_an_edge_that_drains_gets_no_new_clients(director, selvaged, places):
    """The edge's own word, by the real daemon."""
    home = places("127.0.0.1")
    home.page("/", b"home")
    port = free_port()
    edge = selvaged(f"metrics 127.0.0.1:{port};\nsite * {{ origin {home.url}; }}\n")
    d = director(config(pop("fra", FRA, more=f"load GET http://127.0.0.1:{port}/readyz;")
                        + pop("iad", IAD)))
    assert answer(d) == [FRA]

    def load_of_fra():
        pops = json.loads(d.ctl("--json", "pops"))["pops"]
        return next(p["load_percent"] for p in pops if p["pop"] == "fra")

    wait_for(lambda: load_of_fra() is not None, "its load is known")
    assert 0 <= load_of_fra() <= 100
    release = threading.Event()
    home.at("/slow", lambda x: (x.wait(release), x.reply(200, b"at last")))
    with Client(edge.address) as client:
        client.request("/slow", host="a.test")  # so that draining takes a while
        home.wait_count(1, "/slow")
        edge.signal(signal.SIGQUIT)
        print("drained after", seconds_until(lambda: answer(d) == [IAD], "fra is drained", 2))
        wait_for(lambda: "all its edges drain" in d.stderr(), "that is told")
        release.set()
        assert client.response().status == 200
    edge.wait_end()
    # It is gone now, and has not come back by that.
    wait_for(lambda: "does not say its load" in d.stderr(), "the edge is gone")
    assert answer(d) == [IAD]


def test_who_is_full_hands_clients_over_step_by_step(director, places):
    fra = places(FRA)
    load = {"is": b"ready\nload 0.50\n"}
    fra.at("/readyz", lambda x: x.reply(200, load["is"]))
    d = director(config(
        pop("fra", FRA, more=f"capacity 80%; load GET http://{FRA}:{fra.port}/readyz every 100ms;")
        + pop("iad", IAD)))
    networks = [f"198.{i >> 6}.{i & 63}.0/24" for i in range(512)]

    def moved():
        return {n for n in networks if answer(d, ecs=n) == [IAD]}

    wait_for(lambda: fra.count("/readyz") > 2, "its load is asked for")
    assert moved() == set()
    load["is"] = b"ready\nload 0.91\n"
    wait_for(lambda: "above its capacity" in d.stderr(), "it hands over")
    first = moved()
    assert 4 < len(first) < 60  # 3 of 64
    second = wait_for(lambda: (lambda m: m if m != first else None)(moved()), "and some more")
    assert first < second
    m = d.ask("www.cdn.test", ecs="198.0.0.0/20")
    assert d.ask("www.cdn.test", ecs="198.0.0.1/32").options[0].scopelen == 24
    assert m.options[0].scopelen == 20


def test_mistakes_are_told_with_their_place(tmp_path):
    """Each line's first mistake; the number behind is the column."""
    lines = [
        ('pop fra { location 8.68 190; address 192.0.2.1; }', 25, '"190" is no longitude'),
        ('pop b { location 100.5 40; address 192.0.2.1; }', 18, 'no latitude, which is from -90 to 90: it comes first'),
        ('pop c { location north 40; address 192.0.2.1; }', 18, '"north" is no number of degrees'),
        ('pop d { address 192.0.2.1:80; }', 17, '"192.0.2.1:80" is no address'),
        ('pop e { address 0.0.0.0; }', 17, 'no address that a client could connect to'),
        ('pop f { location 1 1; }', 1, 'address'),
        ('pop g { address 192.0.2.1 192.0.2.1; }', 27, 'stands there twice'),
        ('pop h { address 192.0.2.1; helth TCP 1; }', 28, 'did you mean "health"?'),
        ('pop i { address 192.0.2.1; capacity 80%; }', 28, 'nobody says how loaded "i" is'),
        ('pop j { address 192.0.2.1; capacity 80; }', 37, 'no share from 1% to 100%'),
        ('pop fra { address 192.0.2.9; }', 5, 'there is a pop "fra" already, in'),
        ('pop a/b { address 192.0.2.9; }', 5, '"a/b" is not a name'),
        ('steer s1 { pops fra fro; }', 21, 'there is no pop "fro", did you mean "fra"?'),
        ('steer s2 { pops fra; country XX -> fra; }', 30, '"XX" is no country'),
        ('steer s3 { pops fra; country UK -> fra; }', 30, 'did you mean "GB"?'),
        ('steer s4 { pops fra; continent EW -> fra; }', 32, '"EW" is no continent'),
        ('steer s5 { pops fra; network 203.0.113.1/24 -> fra; }', 30, 'goes on behind its bits'),
        ('steer s6 { pops fra; asn 0 -> fra; }', 26, 'no number of an autonomous system'),
        ('steer s7 { pops fra; country DE fra fra; }', 22, 'country needs an arrow and PoPs behind it'),
        ('steer s8 { pops fra; country DE -> b; }', 36, 'does not have the pop "b" in pops'),
        ('steer s9 { pops fra; ttl 1500ms; }', 22, 'ttl counts in whole seconds'),
        ('steer s10 { pops fra; share-within 300; }', 36, '"300" is no distance: 300km'),
        ('steer s11 { pops fra; nat64 64:ff9b::/97; }', 29, 'no NAT64 prefix'),
        ('steer s12 { pops fra; country DE DE -> fra; }', 34, 'country DE has been said already'),
        ('steer s13 { pops fra; all-down maybe; }', 32, 'maybe'),
    ]
    path = tmp_path / "director.conf"
    for number, (line, column, text) in enumerate(lines):
        others = [other for other, _, _ in lines[:1]] if number else []
        good = [o.replace("190", "19") for o in others] + ["pop b { address 192.0.2.7; }"] * ("-> b;" in line)
        path.write_text("listen 127.0.0.1:0 dns;\n" + "".join(f"{g}\n" for g in good) + line + "\n")
        said = run_director("-t", "-c", path)
        assert said.returncode == 1, line
        place = f"director.conf:{2 + len(good)}:{column}: "
        assert any(place in one and text in one for one in said.stderr.splitlines()), (line, said.stderr)
