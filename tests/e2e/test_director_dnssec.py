"""Signed zones: what validators say of them, what does not exist, keys that change, and floods."""
import os
import random
import socket
import string
import subprocess
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from director import query, rcode, run_director, subnet, texts
from dnssec import Key, Unbound, check_message, delv, denied_types, keys_of
from waiting import wait_for

RECORDS = """
    name ns1 { a 192.0.2.53; aaaa 2001:db8::53; }
    name mail { a 192.0.2.25; }
    name www { a 192.0.2.2 192.0.2.1 192.0.2.10; aaaa 2001:db8::1; }
    name MiXed { mx 10 Mail.Signed.Test.; srv 1 2 443 WWW; txt "Case KEPT"; }
    name web { https 1 . alpn=h2; caa 0 issue "ca.test"; }
    name alias { cname www; }
    name far { cname alias; }
    name away { cname www.elsewhere.invalid.; }
    name nowhere { cname missing; }
    name *.wild { txt "wild"; a 192.0.2.77; }
    name tame.wild { a 192.0.2.78; }
    name a.deep.ent { a 192.0.2.9; }
    name open { ns ns.open; }
    name ns.open { a 127.0.0.1; }
    name closed { ns ns.open; ds 12345 13 2 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899; }
"""


def zone(*keys, name="signed.test", more="", records=RECORDS):
    lines = " ".join(f"key {k.file if isinstance(k, Key) else k};" for k in keys)
    return f"zone {name} {{ soa ns1 hostmaster serial 7; ns ns1; mx 10 mail; dnssec {{ {lines} {more} }} {records} }}\n"


@pytest.fixture(name="key")
def fixture_key(tmp_path):
    return Key("signed.test", tmp_path)


ANSWERS = [  # name, type, how many sets
    ("signed.test", "SOA", 1), ("signed.test", "NS", 1), ("signed.test", "MX", 1), ("signed.test", "DNSKEY", 1),
    ("www.signed.test", "A", 1), ("www.signed.test", "AAAA", 1), ("WWW.sIgNeD.test", "A", 1),
    ("mixed.signed.test", "MX", 1), ("mixed.signed.test", "SRV", 1), ("mixed.signed.test", "TXT", 1),
    ("web.signed.test", "HTTPS", 1), ("web.signed.test", "CAA", 1), ("alias.signed.test", "A", 2),
    ("far.signed.test", "AAAA", 3), ("alias.signed.test", "CNAME", 1), ("away.signed.test", "A", 1),
    ("x.wild.signed.test", "TXT", 1), ("b.a.wild.signed.test", "A", 1), ("*.wild.signed.test", "TXT", 1),
    ("tame.wild.signed.test", "A", 1), ("closed.signed.test", "DS", 1), ("www.signed.test", "ANY", 1),
    ("www.signed.test", "NSEC", 1),
]

DENIALS = [  # name, type, what NSEC says is there
    ("www.signed.test", "TXT", {"A", "AAAA"}),
    ("signed.test", "TXT", {"SOA", "NS", "MX", "DNSKEY"}),
    ("nope.signed.test", "A", {"TYPE128"}),
    ("b.nope.signed.test", "TYPE1234", {"TYPE128"}),
    ("deep.ent.signed.test", "A", set()),
    ("ent.signed.test", "AAAA", set()),
    ("other.ent.signed.test", "A", {"TYPE128"}),
    ("x.wild.signed.test", "AAAA", {"A", "TXT"}),
    ("tame.wild.signed.test", "TXT", {"A"}),
    ("open.signed.test", "DS", {"NS"}),
]


@pytest.mark.threaded
def test_every_answer_is_signed(director, key):
    d = director(zone(key))
    for name, kind, sets in ANSWERS:
        for by in "udp", "tcp":
            r = d.ask(name, kind, dnssec=True, by=by)
            assert rcode(r) == "NOERROR" and r.flags & dns.flags.AA and not r.flags & dns.flags.TC, r
            found = check_message(r, keys_of(key))
            assert len([s for s in found if s in r.answer]) == sets, (name, kind, r)
    # addresses that come along are signed, too
    r = d.ask("signed.test", "MX", dnssec=True)
    assert {s.rdtype for s in r.additional} == {dns.rdatatype.A, dns.rdatatype.RRSIG}, r


@pytest.mark.threaded
def test_what_is_made_ahead_is_said_in_the_log(director, key, tmp_path):
    """That is, where the configuration wants the log: who signs does not begin before it is open."""
    log = tmp_path / "error.log"
    d = director(f"error-log {log};\n" + zone(key))
    wait_for(lambda: "made ahead" in log.read_text(), "the line about signatures in the log")
    assert "made ahead" not in d.stderr()


def test_what_is_not_there_is_denied_by_one_record(director, key):
    d = director(zone(key))
    for name, kind, types in DENIALS:
        r = d.ask(name, kind, dnssec=True)
        assert rcode(r) == "NOERROR" and not r.answer, r
        assert {s.rdtype for s in check_message(r, keys_of(key))} == {dns.rdatatype.SOA, dns.rdatatype.NSEC}, r
        assert denied_types(r, name) == types | {"RRSIG", "NSEC"}, (name, kind, r)
        nsec = next(s for s in r.authority if s.rdtype == dns.rdatatype.NSEC)
        following = name.replace("open.", "open\\000.") if name.startswith("open.") else f"\\000.{name}"
        assert nsec[0].next == dns.name.from_text(following) and nsec.ttl == 300


def test_nxdomain_is_said_to_who_understands_it(director, key):
    d = director(zone(key))
    m = query("nope.signed.test", dnssec=True)
    m.ednsflags |= 0x4000  # CO, RFC 9824 section 5
    r = d.exchange(m)
    assert rcode(r) == "NXDOMAIN" and r.ednsflags & 0xffff == 0xc000
    assert denied_types(r, "nope.signed.test") == {"RRSIG", "NSEC", "TYPE128"}
    check_message(r, keys_of(key))
    r = d.ask("nope.signed.test", dnssec=True)
    assert rcode(r) == "NOERROR" and r.ednsflags & 0xffff == 0x8000
    assert rcode(d.ask("nope.signed.test")) == "NXDOMAIN"
    # the end of a chain decides
    r = d.ask("nowhere.signed.test", dnssec=True)
    assert rcode(r) == "NOERROR" and denied_types(r, "missing.signed.test") == {"RRSIG", "NSEC", "TYPE128"}
    assert len(check_message(r, keys_of(key))) == 3


def test_referrals_say_whether_the_child_is_signed(director, key):
    d = director(zone(key))
    ns = dns.rdatatype.NS
    r = d.ask("www.open.signed.test", dnssec=True)
    assert not r.answer and not r.flags & dns.flags.AA
    check_message(r, keys_of(key), unsigned={(dns.name.from_text("open.signed.test"), ns)})
    assert denied_types(r, "open.signed.test") == {"NS", "RRSIG", "NSEC"}
    assert [s.rdtype for s in r.additional] == [dns.rdatatype.A]
    r = d.ask("www.closed.signed.test", dnssec=True)
    found = check_message(r, keys_of(key), unsigned={(dns.name.from_text("closed.signed.test"), ns)})
    assert {s.rdtype for s in found} == {ns, dns.rdatatype.DS}


def test_who_does_not_ask_for_signatures_gets_none(director, key):
    d = director(zone(key) + "zone plain.test { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.1; } }")
    kinds = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.DS}
    for name, kind, _ in ANSWERS + DENIALS:
        if kind not in ("NSEC", "DS"):
            for edns in None, 0:
                r = d.ask(name, kind, edns=edns)
                assert not kinds & {s.rdtype for s in r.answer + r.authority + r.additional}, r
    # nor from a zone that has none
    for name in "ns1.plain.test", "nope.plain.test":
        r = d.ask(name, dnssec=True)
        assert not kinds & {s.rdtype for s in r.answer + r.authority}
    assert rcode(d.ask("nope.plain.test", dnssec=True)) == "NXDOMAIN"
    assert rcode(d.ask("www.signed.test", "RRSIG", dnssec=True)) == "REFUSED"


def test_delv_validates(director, key):
    d = director(zone(key))
    for name, kind, _ in ANSWERS:
        if kind != "ANY" and name != "away.signed.test":
            assert "; fully validated" in delv(d.port, key, name, kind), (name, kind)
    for name, kind, _ in DENIALS:
        assert "; negative response, fully validated" in delv(d.port, key, name, kind), (name, kind)


def test_unbound_validates(director, key, tmp_path):
    child = Key("child.signed.test", tmp_path)
    records = RECORDS + f"""
        name child {{ ns ns1; {child.ds.split(" IN ")[1].lower().replace("ds ", "ds ", 1)}; }}
        name loose {{ ns ns1; }}
        name lying {{ ns ns1; {child.ds.split(" IN ")[1].lower()}; }}"""
    d = director(zone(key, records=records) +
                 zone(child, name="child.signed.test", records="name ns1 { a 192.0.2.1; } name mail { a 192.0.2.2; }") +
                 "".join(f"zone {z}.signed.test {{ soa ns1 h serial 1; ns ns1; name ns1 {{ a 192.0.2.3; }} }}\n"
                         for z in ("loose", "lying")))
    with Unbound(tmp_path, {"signed.test": d.port}, [key.ds]) as u:
        for name, kind, _ in ANSWERS:
            if kind != "ANY" and name != "away.signed.test":
                verdict, r = u.judge(name, kind)
                assert verdict == "secure" and r.answer, (name, kind, r, u.said())
        for name, kind, _ in DENIALS:
            verdict, r = u.judge(name, kind)
            assert verdict == "secure" and not r.answer, (name, kind, r, u.said())
        for name in "mail.child.signed.test", "nope.child.signed.test":
            assert u.judge(name)[0] == "secure", u.said()
        # below a cut without DS nothing is signed; below one with another's DS nothing is believed
        for name in "ns1.loose.signed.test", "nope.loose.signed.test":
            assert u.judge(name)[0] == "insecure", u.said()
        assert u.judge("ns1.lying.signed.test")[0] == "bogus"


def any_label(rng):
    return "".join(rng.choice(string.ascii_letters + string.digits + "-_") for _ in range(rng.randint(1, 20)))


def test_zones_of_any_content(director, tmp_path):
    """Random records in random order, each asked for and judged by dnspython."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    zone_key = Key("any.test", tmp_path)
    names = {}
    for _ in range(60):
        name = ".".join(any_label(rng) for _ in range(rng.randint(1, 4))).lower()
        kind, data = rng.choice([
            ("A", lambda: f"a 192.0.2.{rng.randrange(256)};"),
            ("AAAA", lambda: f"aaaa 2001:db8::{rng.randrange(1 << 16):x};"),
            ("TXT", lambda: f'txt "{any_label(rng)}" {any_label(rng)};'),
            ("MX", lambda: f"mx {rng.randrange(100)} {any_label(rng)}.example.;"),
            ("SRV", lambda: f"srv {rng.randrange(9)} 1 {rng.randrange(9999)} {any_label(rng)}.Example.;"),
            ("CAA", lambda: f'caa 0 issue "{any_label(rng)}";'),
            ("TYPE65400", lambda: f"record TYPE65400 \\# 4 {rng.randrange(1 << 32):08x};")])
        names.setdefault(name, {}).setdefault(kind, set()).update(data() for _ in range(rng.randint(1, 6)))
    records = "".join(f"name {name} {{ {' '.join(line for lines in kinds.values() for line in lines)} }}\n"
                      for name, kinds in names.items())
    d = director(zone(zone_key, name="any.test", records=records + "name ns1 { a 192.0.2.1; } name mail { a 192.0.2.1; }"))
    for name, kinds in names.items():
        for kind in [*kinds, "NAPTR"]:
            r = d.ask(f"{name}.any.test", kind, dnssec=True, payload=4096)
            check_message(r, keys_of(zone_key))
            assert bool(r.answer) == (kind != "NAPTR"), (seed, name, kind, r)
        assert denied_types(r, f"{name}.any.test") == {*kinds, "RRSIG", "NSEC"}, (seed, name, r)


def test_keys_change_and_every_step_validates(director, key, tmp_path):
    """Standby, then changed over, then gone: with either DS at the parent as long as it may be."""
    new = Key("signed.test", tmp_path)
    steps = [
        ((key.file,), (key,), {key.tag}),
        ((key.file, f"{new.file} standby"), (key, new), {key.tag}),
        ((f"{key.file} retired", new.file), (key, new), {new.tag}),
        ((new.file,), (new,), {new.tag}),
    ]
    for lines, anchors, signers in steps:
        d = director(zone(*lines, more="cds on;"))
        r = d.ask("www.signed.test", dnssec=True)
        sigs = r.get_rrset(r.answer, r.answer[0].name, 1, dns.rdatatype.RRSIG, dns.rdatatype.A)
        assert {s.key_tag for s in sigs} == signers
        for anchor in anchors:
            for name in "www.signed.test", "nope.signed.test", "x.wild.signed.test":
                assert "fully validated" in delv(d.port, anchor, name, "A"), (lines, name)
        retired = [k for k in anchors if f"{k.file} retired" in lines]
        cds = {int(t.split()[0]) for t in texts(d.ask("signed.test", "CDS"))}
        assert cds == {k.tag for k in anchors if k not in retired}
        assert len(texts(d.ask("signed.test", "CDNSKEY"))) == len(cds)
        d.stop()


def test_a_pair_shares_the_work(director, key, tmp_path):
    zsk = Key("signed.test", tmp_path, "--zsk")
    assert zsk.ds is None
    d = director(zone(key, zsk, more="cds delete;"))
    for name, kind, tag in (("signed.test", "DNSKEY", key.tag), ("signed.test", "CDS", key.tag),
                            ("www.signed.test", "A", zsk.tag), ("signed.test", "SOA", zsk.tag)):
        r = d.ask(name, kind, dnssec=True)
        sigs = next(s for s in r.answer if s.rdtype == dns.rdatatype.RRSIG)
        assert [s.key_tag for s in sigs] == [tag], (name, kind)
        assert "; fully validated" in delv(d.port, key, name, kind)
    assert texts(d.ask("signed.test", "CDS")) == ["0 0 0 00"]
    assert texts(d.ask("signed.test", "CDNSKEY")) == ["0 3 0 AA=="]


def test_signatures_are_replaced_before_they_end(director, key):
    d = director(zone(key, more="validity 10s; refresh 6s;"))
    ends, seen = time.monotonic() + 14, set()
    while time.monotonic() < ends:
        for name in "www.signed.test", "nope.signed.test", "x.wild.signed.test":
            r = d.ask(name, dnssec=True)
            now = time.time()
            check_message(r, keys_of(key), now=now)
            for s in r.answer + r.authority:
                if s.rdtype == dns.rdatatype.RRSIG:
                    assert s[0].expiration > now + 2 and s[0].inception <= now - 3590
                    seen.add((s.name, s[0].type_covered, s[0].expiration))
        time.sleep(0.1)
    www = dns.name.from_text("www.signed.test")
    assert len([s for s in seen if s[0] == www and s[1] == dns.rdatatype.A]) >= 3, seen


def flood(d, n):
    """n questions by UDP for names that do not exist, as fast as one socket goes; -> answers' flags."""
    template = query("n000000.signed.test", dnssec=True).to_wire()
    flags = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(d.address)
        for i in range(0, n, 50):
            for k in range(i, i + 50):
                s.send(template.replace(b"n000000", b"n%06d" % k))
            s.settimeout(5)
            for _ in range(50):
                flags.append(int.from_bytes(s.recv(4096)[2:4], "big"))
    return flags


def test_made_up_names_cost_no_more_than_so_many_signatures(director, key):
    """A flood by UDP is sent to TCP, where others are still served; what exists is answered to all."""
    d = director(zone(key), workers=1)
    start = time.monotonic()
    flags = flood(d, 8000)
    took = time.monotonic() - start
    cut = [f for f in flags if f & dns.flags.TC]
    if len(cut) < 10:
        pytest.skip(f"this machine does not ask often enough: {8000 / took:.0f} times a second")
    for name, kind in ("www.signed.test", "A"), ("www.signed.test", "TXT"):
        assert {f & 15 for f in flood(d, 1000)} == {dns.rcode.NOERROR}
        r = d.ask(name, kind, dnssec=True)
        assert not r.flags & dns.flags.TC
        check_message(r, keys_of(key))
    r = d.ask("over.signed.test", dnssec=True, by="tcp")
    assert denied_types(r, "over.signed.test") == {"TYPE128", "RRSIG", "NSEC"}, r
    check_message(r, keys_of(key))
    took = time.monotonic() - start
    metrics = d.metrics()
    assert metrics['selvage_dnssec_signatures_total{of="asked"}'] <= 2000 * (took + 1) + 1
    assert metrics['selvage_dnssec_busy_total{of="asked"}'] >= len(cut)
    # what was signed once is sent again without a new signature
    before = metrics['selvage_dnssec_signatures_total{of="asked"}']
    first = [f for f in flood(d, 50) if not f & dns.flags.TC]
    assert len(first) == 50 and d.metrics()['selvage_dnssec_signatures_total{of="asked"}'] == before


def test_tcp_beyond_all_signatures_is_told_to_come_again(director, key):
    d = director(zone(key), workers=1)
    template = query("n000000.signed.test", dnssec=True).to_wire()
    messages = []
    with d.connect() as tcp, tcp.sock.makefile("rb") as stream:
        for i in range(0, 8000, 200):
            tcp.send(*(template.replace(b"n000000", b"t%06d" % k) for k in range(i, i + 200)))
            messages += [stream.read(int.from_bytes(stream.read(2), "big")) for _ in range(200)]
    failed = [m for m in messages if m[3] & 15 == dns.rcode.SERVFAIL]
    if not failed:
        pytest.skip("this machine does not ask often enough")
    assert all(b"too many signatures are asked for" in m for m in failed)
    wait_for(lambda: rcode(d.ask("again.signed.test", dnssec=True, by="tcp")) == "NOERROR", "an answer again")


STEERED = """
pop fra { address 192.0.2.9 192.0.2.11 192.0.2.10 2001:db8::1; }
pop iad { address 192.0.2.12 192.0.2.2; }
steer cdn { pops fra iad; ttl 30s; network 198.51.100.0/24 -> iad; }
steer four { pops iad; }
"""
STEERED_NAMES = """
    name ns1 { a 192.0.2.53; }
    name mail { a 192.0.2.25; }
    name www { steer cdn; txt "beside"; }
    name *.any { steer cdn; }
    name old { steer four; }
    name alias { cname www; }
"""


@pytest.mark.threaded
def test_steered_addresses_are_signed(director, key):
    d = director(STEERED + zone(key, records=STEERED_NAMES), workers=1)

    def check_addresses(v4):
        for name in "www", "alias", "x.any", "y.x.any":
            for by in "udp", "tcp":
                r = d.ask(f"{name}.signed.test", dnssec=True, ecs="203.0.113.0/24", by=by)
                assert sorted(texts(r, kind="A")) == v4, r
                found = check_message(r, keys_of(key))
                assert next(s for s in found if s.rdtype == dns.rdatatype.A).ttl <= 30
            r = d.ask(f"{name}.signed.test", "AAAA", dnssec=True)
            assert texts(r, kind="AAAA") == ["2001:db8::1"]
            check_message(r, keys_of(key))

    check_addresses(["192.0.2.10", "192.0.2.11", "192.0.2.9"])
    # what a steer has no addresses for is denied, and so is what else is not there
    for name, kind, types in (("old", "AAAA", {"A"}), ("old", "TXT", {"A"}), ("www", "MX", {"A", "AAAA", "TXT"}),
                              ("z.any", "TXT", {"A", "AAAA"})):
        r = d.ask(f"{name}.signed.test", kind, dnssec=True)
        assert denied_types(r, f"{name}.signed.test") == types | {"RRSIG", "NSEC"}, r
        check_message(r, keys_of(key))
    # each set was signed once: A and AAAA of www; one NSEC for each of two names
    assert d.metrics()['selvage_dnssec_signatures_total{of="chosen"}'] == 2 + 2


def test_unbound_keeps_signed_answers_by_subnet(director, key, tmp_path):
    d = director(STEERED + zone(key, records=STEERED_NAMES))
    clients = {"203.0.113.0/24": ["192.0.2.10", "192.0.2.11", "192.0.2.9"],
               "198.51.100.0/24": ["192.0.2.12", "192.0.2.2"]}
    wait_for(lambda: len(texts(d.ask("www.signed.test", ecs="198.51.100.0/24"))) == 2, "the map")
    with Unbound(tmp_path, {"signed.test": d.port}, [key.ds]) as u:
        for _ in range(2):
            for name in "www.signed.test", "x.any.signed.test", "alias.signed.test":
                for network, addresses in clients.items():
                    verdict, r = u.judge(name, options=[subnet(network)])
                    assert verdict == "secure", u.said()
                    assert sorted(texts(r, kind="A")) == addresses, r
        assert u.judge("old.signed.test", "AAAA")[0] == "secure", u.said()


def test_faults_of_keys_are_told(director, key, tmp_path):
    other = Key("other.test", tmp_path)
    good = director(zone(key))

    def said(text):
        path = tmp_path / "wrong.conf"
        path.write_text("listen 127.0.0.1:5300 dns;\n" + text)
        done = run_director("-t", "-c", path)
        assert done.returncode == 1, done.stderr
        return done.stderr

    assert "the key is of other.test., and not of this zone" in said(zone(other))
    assert "this key stands there twice" in said(zone(key, key))
    assert "none of the keys is active" in said(zone(f"{key.file} standby"))
    assert "No such file" in said(zone("/nonexistent/K"))
    assert "refresh is more than three quarters" in said(zone(key, more="validity 10d; refresh 9d;"))
    assert 'did you mean "standby"' in said(zone(f"{key.file} stanby"))
    many = " ".join(f"record TYPE{t} \\# 1 00;" for t in range(65000, 65063))
    assert '"www" has records of more types' in said(zone(key, records=RECORDS.replace("name www {", f"name www {{ {many}")))
    os.chmod(key.file + ".private", 0o604)
    assert "everybody can read or write it" in said(zone(key))
    os.chmod(key.file + ".private", 0o660)
    assert "others than its owner can write it" in said(zone(key))
    os.chmod(key.file + ".private", 0o640)
    assert rcode(good.ask("www.signed.test")) == "NOERROR"


def test_keys_of_others_are_taken(director, tmp_path):
    """What dnssec-keygen makes signs; what we make, dnssec-signzone signs with."""
    name = subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", tmp_path, "signed.test"],
                          capture_output=True, text=True, check=True).stdout.strip()
    d = director(zone(tmp_path / name))
    r = d.ask("signed.test", "DNSKEY", dnssec=True)
    check_message(r, {dns.name.from_text("signed.test"): r.answer[0]})
    ours = Key("signed.test", tmp_path)
    (tmp_path / "zone").write_text("@ 3600 IN SOA a b 1 1 1 1 1\n@ 3600 IN NS a\na 3600 IN A 192.0.2.1\n")
    subprocess.run(["dnssec-signzone", "-q", "-x", "-z", "-K", tmp_path, "-S", "-o", "signed.test", "-f",
                    tmp_path / "zone.signed", tmp_path / "zone"], check=True, capture_output=True, cwd=tmp_path)
    assert f" {ours.tag} signed.test." in (tmp_path / "zone.signed").read_text()
