"""What zones say is what is answered: cases by RFC, random zones against a slow model, and against
nsd."""
import os
import random
import shutil
import subprocess

import dns.exception
import dns.flags
import dns.query
import dns.rdatatype
import pytest

from director import query, rcode
from edge import free_port
from waiting import PATIENCE_S, wait_for
from zonemodel import Model, RRset, mixed_case, random_question, random_zone

SEED = int(os.environ.get("E2E_SEED", "7"))

STEERS = """
pop one { location 50 8; address 198.51.100.1 198.51.100.2 2001:db8:1::1; }
pop two { location 38 -77; address 198.51.100.3; }
steer both { pops one two; ttl 20s; }
steer v4 { pops two; ttl 40s; }
"""
STEERED = {"both": {"A": (20, ("198.51.100.1", "198.51.100.2")), "AAAA": (20, ("2001:db8:1::1",))},
           "v4": {"A": (40, ("198.51.100.3",))}}


def sets(section):
    """A section's record sets, order and case aside; OPT is none of them."""
    return sorted((RRset(s.name.canonicalize(), dns.rdatatype.to_text(s.rdtype), s.ttl, frozenset(s))
                   for s in section), key=str)


def wanted(rrsets):
    return sorted((r._replace(name=r.name.canonicalize()) for r in rrsets), key=str)


def assert_answers(got, want, what):
    if want is None:
        assert rcode(got) == "REFUSED", what
        return
    assert rcode(got) == want.rcode, what
    assert bool(got.flags & dns.flags.AA) == want.authoritative, what
    assert not got.flags & dns.flags.TC, what
    for section in ("answer", "authority", "additional"):
        assert sets(getattr(got, section)) == wanted(getattr(want, section)), (what, section)


def ask_mixed(rng, d, qname, kind):
    """The question in random case, which must come back as it was."""
    asked = mixed_case(rng, qname)
    got = d.ask(asked, kind, payload=4096)
    assert got.question[0].name.labels == asked.labels
    for rrset in got.answer:
        if rrset.name == asked:
            assert rrset.name.labels == asked.labels
    return got


@pytest.mark.parametrize("round_", range(6))
def test_random_zones_against_the_model(director, round_):
    rng = random.Random(SEED * 1000 + round_)
    steers = list(STEERED)
    zones = [random_zone(rng, "example.test.", 40, steers), random_zone(rng, "b.other.test.", 10, steers),
             random_zone(rng, "other.example.", 20, steers)]
    # A zone of ours below another one of ours, with and without its delegation.
    below = random_zone(rng, "child.example.test.", 10, steers)
    if round_ % 2:
        zones[0].add(below.origin, "NS", "ns1.example.test.")
        zones[0].add(below.origin, "DS", "1 13 2 " + "cd" * 32)
    zones.append(below)
    d = director("dns { udp-size 4KiB; }" + STEERS + "".join(z.config() for z in zones))
    model = Model(zones, STEERED)
    for _ in range(700):
        qname, kind = random_question(rng, zones)
        assert_answers(ask_mixed(rng, d, qname, kind), model.answer(qname, kind),
                       f"seed {SEED} round {round_}: {qname} {kind}\n" + d.config)


class Nsd:
    """nsd with one zone, on a port of its own."""

    def __init__(self, folder, zone):
        self.port = free_port()
        folder = str(folder)
        with open(os.path.join(folder, "zone"), "w", encoding="ascii") as f:
            f.write(zone.zone_file())
        conf = os.path.join(folder, "nsd.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"""server:
    ip-address: 127.0.0.1@{self.port}
    server-count: 1
    zonesdir: "{folder}"
    zonelistfile: "{folder}/list"
    xfrdfile: "{folder}/xfrd"
    xfrdir: "{folder}"
    pidfile: "{folder}/pid"
    username: ""
    minimal-responses: yes
    ipv4-edns-size: 4096
remote-control:
    control-enable: no
zone:
    name: "{zone.origin}"
    zonefile: zone
""")
        self.log = open(os.path.join(folder, "log"), "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(["nsd", "-d", "-c", conf], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        wait_for(lambda: self._answers(zone), "nsd answers")

    def _answers(self, zone):
        assert self.process.poll() is None, "nsd ended"
        try:
            return rcode(dns.query.udp(query(zone.origin, "SOA"), "127.0.0.1", 0.2, self.port)) == "NOERROR"
        except (dns.exception.Timeout, OSError):
            return False

    def ask(self, qname, kind):
        return dns.query.udp(query(qname, kind, payload=4096), "127.0.0.1", PATIENCE_S, self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.log.close()


@pytest.fixture
def nsd(tmp_path):
    if shutil.which("nsd") is None:
        pytest.skip("there is no nsd")
    running = []

    def start(zone):
        running.append(Nsd(tmp_path, zone))
        return running[-1]

    yield start
    for n in running:
        n.stop()


@pytest.mark.parametrize("round_", range(3))
def test_the_same_zone_served_by_nsd(director, nsd, round_):
    rng = random.Random(SEED * 2000 + round_)
    zone = random_zone(rng, "example.test.", 50)
    d = director("dns { udp-size 4KiB; }" + zone.config())
    other = nsd(zone)
    for _ in range(700):
        qname, kind = random_question(rng, [zone])
        what = f"seed {SEED} round {round_}: {qname} {kind}"
        ours, theirs = d.ask(qname, kind, payload=4096), other.ask(qname, kind)
        assert rcode(ours) == rcode(theirs), what
        assert ours.flags & dns.flags.AA == theirs.flags & dns.flags.AA, what
        assert sets(ours.answer) == sets(theirs.answer), what
        assert sets(ours.authority) == sets(theirs.authority), what
        if not ours.flags & dns.flags.AA:  # with authority each has its own idea of what is of use
            assert sets(ours.additional) == sets(theirs.additional), what
