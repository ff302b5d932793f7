"""What the compliance tester of ednscomp.isc.org asks a name server, over the wire, and what it wants
to see; each row under the tester's name for it."""
import shutil
import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import pytest

from director import Director, option_of, query, rcode, texts

ZONE = """
zone cdn.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    name ns1 { a 192.0.2.53; }
}
"""
AD, CD, TC, Z, RD = dns.flags.AD, dns.flags.CD, dns.flags.TC, 0x40, dns.flags.RD
UNKNOWN = dns.edns.GenericOption(100, b"")
LIST = [dns.edns.GenericOption(3, b""), dns.edns.GenericOption(10, b"12345678"), dns.edns.GenericOption(9, b""),
        dns.edns.ECSOption("0.0.0.0", 0)]


@pytest.fixture(scope="module")
def server():
    d = Director(ZONE)
    yield d
    try:
        d.stop()
    finally:
        shutil.rmtree(d.dir, ignore_errors=True)


def ask(d, kind="SOA", *, flags=0, ednsflags=0, by="udp", **options):
    m = query("cdn.test", kind, **options)
    m.flags |= flags
    m.ednsflags |= ednsflags
    return d.exchange(m, by=by)


def has_soa(m):
    return [r.rdtype for r in m.answer] == [dns.rdatatype.SOA] and m.flags & dns.flags.AA


PLAIN = [  # name, what is asked beside SOA and without OPT
    ("dns", {}), ("aa", {"flags": dns.flags.AA}), ("ad", {"flags": AD}), ("cd", {"flags": CD}),
    ("ra", {"flags": dns.flags.RA}), ("rd", {"flags": RD}), ("tc", {"flags": TC}), ("zflag", {"flags": Z}),
    ("tcp", {"by": "tcp"}),
]


@pytest.mark.parametrize("name, options", PLAIN, ids=[name for name, _ in PLAIN])
def test_plain_dns(server, name, options):
    m = ask(server, edns=None, **options)
    assert rcode(m) == "NOERROR" and has_soa(m) and m.edns == -1
    assert not m.flags & (AD | TC | Z | dns.flags.RA)
    assert bool(m.flags & RD) == (name == "rd")


EDNS = [
    ("edns", {}), ("ednsopt", {"options": [UNKNOWN]}), ("do", {"dnssec": True}),
    ("docd", {"dnssec": True, "flags": CD}), ("ednsflags", {"ednsflags": 0x80}), ("optlist", {"options": LIST}),
    ("ednsnsid", {"options": LIST[:1]}), ("ednscookie", {"options": LIST[1:2]}),
    ("ednsexpire", {"options": LIST[2:3]}), ("ednssubnet", {"options": LIST[3:]}),
    ("edns@512", {"payload": 512}), ("ednstcp", {"by": "tcp"}),
]


@pytest.mark.parametrize("name, options", EDNS, ids=[name for name, _ in EDNS])
def test_edns(server, name, options):
    m = ask(server, **options)
    assert rcode(m) == "NOERROR" and has_soa(m) and m.edns == 0
    assert m.ednsflags & 0x7fff == 0
    assert bool(m.ednsflags & dns.flags.DO) == name.startswith("do")
    assert option_of(m, 100) is None and m.payload >= 512


EDNS1 = [("edns1", {}), ("edns1opt", {"options": [UNKNOWN]}), ("edns1do", {"dnssec": True}),
         ("edns1flags", {"ednsflags": 0x80})]


@pytest.mark.parametrize("name, options", EDNS1, ids=[name for name, _ in EDNS1])
def test_unknown_version(server, name, options):
    m = ask(server, edns=1, **options)
    assert rcode(m) == "BADVERS" and not m.answer and m.edns == 0
    assert m.ednsflags & 0x7fff == 0 and option_of(m, 100) is None
    assert bool(m.ednsflags & dns.flags.DO) == (name == "edns1do")


def test_type666(server):
    m = ask(server, "TYPE666", edns=None)
    assert rcode(m) == "NOERROR" and not m.answer and [r.rdtype for r in m.authority] == [dns.rdatatype.SOA]


@pytest.mark.parametrize("flags", [0, RD, AD, CD, Z, TC], ids=["opcode", "rd", "ad", "cd", "z", "tc"])
def test_opcode(server, flags):
    head = struct.pack("!HHHHHH", 4711, 15 << 11 | flags, 0, 0, 0, 0)
    answer = server.raw(head, 5)
    number, got, *counts = struct.unpack("!HHHHHH", answer)
    assert (number, got & 0x8000, got >> 11 & 15, got & 15, counts) == (4711, 0x8000, 15, 4, [0] * 4)
    assert not got & (AD | Z | TC | dns.flags.RA)


def test_other_opcodes(server):
    for opcode in (dns.opcode.IQUERY, dns.opcode.STATUS, dns.opcode.NOTIFY, dns.opcode.UPDATE, 6):
        m = query("cdn.test", "SOA", edns=None)
        m.flags = m.flags & ~0x7800 | opcode << 11
        answer = server.raw(m.to_wire(), 5)
        assert answer[3] & 15 == 4 and answer[2] >> 3 & 15 == opcode


def test_signed_and_large(server):
    """dnskey over a small buffer, and what a resolver asks first."""
    assert rcode(ask(server, "DNSKEY", dnssec=True, payload=512)) == "NOERROR"
    assert texts(ask(server, "NS")) == ["ns1.cdn.test."]
    m = ask(server, "NS", dnssec=True, payload=512, options=LIST)
    assert rcode(m) == "NOERROR" and not m.flags & TC
