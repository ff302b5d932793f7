"""dnspython's reading of zone files and messages against ours: the same text makes the same data, what we
send it takes, and what it would not send us we survive."""
import random
import socket

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from director import query, rcode
from waiting import PATIENCE_S

ORIGIN = dns.name.from_text("cdn.test")
HEAD = "zone cdn.test { soa ns1 hostmaster serial 1; ns ns1; name ns1 { a 192.0.2.53; }\n%s\n}\n"
LONG = "".join(chr(ord("a") + i % 26) for i in range(700))

# Type, our words, and the zone file's text where that is another.
RECORDS = [
    ("A", "192.0.2.1", None),
    ("AAAA", "2001:DB8::", None),
    ("AAAA", "::ffff:192.0.2.1", None),
    ("NS", "Other.Example.", None),
    ("CNAME", "@", None),
    ("CNAME", "a\\.b.c\\068.", None),
    ("PTR", "deep.er.", None),
    ("MX", "10 Mail", None),
    ("MX", "0 .", None),
    ("SRV", "0 5 443 www.example.", None),
    ("TXT", '"v=spf1 -all" plain "" "semi;colon"', None),
    ("TXT", r'"back\\\\slash \\065\\200"', r'"back\\slash \065\200"'),
    ("TXT", LONG, " ".join(LONG[i:i + 255] for i in range(0, 700, 255))),
    ("CAA", '0 issue "ca.example; account=1"', None),
    ("CAA", '128 tbs ""', None),
    ("DS", "60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118", None),
    ("HTTPS", "0 pool", None),
    ("HTTPS", "1 . port=8443 alpn=h2,h3 ipv6hint=2001:db8::1 ipv4hint=192.0.2.1,192.0.2.2", None),
    ("HTTPS", "1 . ech=AEX+DQ== alpn=h3 no-default-alpn mandatory=alpn,port port=1", None),
    ("SVCB", "16 foo.example. key667=hello key65000=a", None),
    ("SVCB", r"1 . alpn=f\\\092oo\092,bar,h2", None),
    ("TLSA", "\\# 6 0301 01abcdef", "\\# 6 03010 1abcdef"),
    ("TYPE731", "\\# 3 abcdef", None),
    ("TYPE731", "\\# 0", None),
]


def test_the_same_text_makes_the_same_data(director):
    names, wanted = [], {}
    for i, (kind, words, text) in enumerate(RECORDS):
        own = kind.lower() if kind not in ("TLSA", "TYPE731") else f"record {kind}"
        cut = "ns other.example.;" if kind == "DS" else ""
        names.append(f"name r{i} {{ {own} {words}; {cut} }}")
        wanted[i] = dns.rdata.from_text("IN", kind, text or words, ORIGIN, relativize=False)
    d = director(HEAD % "\n".join(names))
    for i, (kind, words, _) in enumerate(RECORDS):
        m = d.ask(f"r{i}.cdn.test", kind, by="tcp")
        sets = m.authority if kind in ("NS", "DS") and not m.answer else m.answer
        got = [rdata for rrset in sets for rdata in rrset if rrset.rdtype == wanted[i].rdtype]
        assert [rdata.to_wire() for rdata in got] == [wanted[i].to_wire()], (kind, words)


def random_name(random_source, labels):
    return ".".join("".join(random_source.choice("aAbBcCxyz-0189_") for _ in range(random_source.randint(1, 12)))
                    for _ in range(labels))


def test_compressed_answers_are_read_as_they_were_meant(director):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    r = random.Random(seed)
    ends = [random_name(r, 2) for _ in range(4)]
    names, wanted = [], {}
    for i in range(12):
        count = r.randint(1, 25)
        data = {(r.randint(0, 9), f"{random_name(r, r.randint(1, 3))}.{r.choice(ends)}.") for _ in range(count)}
        names.append(f"name n{i} {{ " + " ".join(f"mx {p} {n};" for p, n in data) + " }")
        wanted[i] = {dns.rdata.from_text("IN", "MX", f"{p} {n}") for p, n in data}
    d = director(HEAD % "\n".join(names))
    for i, want in wanted.items():
        for by in "udp", "tcp":
            m = d.ask(f"N{i}.CDN.test", "MX", by=by)
            assert m.question[0].name.to_text() == f"N{i}.CDN.test."
            if m.flags & dns.flags.TC:
                assert by == "udp" and not m.answer
                continue
            assert set(m.answer[0]) == want


def test_no_bytes_stop_it_and_every_answer_can_be_read(director):
    """Good queries with some bytes changed, cut or doubled; a good one behind them is answered."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    r = random.Random(seed)
    d = director(HEAD % "name www { a 192.0.2.1; }")
    good = [query("www.cdn.test", ecs="203.0.113.0/24", dnssec=True), query("x.y.cdn.test", "MX"),
            query("cdn.test", "ANY", edns=None), query("version.bind", "TXT", klass="CH")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(d.address)
        s.settimeout(PATIENCE_S)
        for i in range(400):
            wire = bytearray(r.choice(good).to_wire())
            for _ in range(r.randint(1, 4)):
                at = r.randrange(2, len(wire))
                wire[at:at + r.randint(0, 3)] = bytes(r.randrange(256) for _ in range(r.randint(0, 3)))
            wire[0:2] = i.to_bytes(2, "big")
            wire[2] &= 0x87  # opcodes that dnspython has no word for would stop it
            s.send(wire)
            last = query("www.cdn.test")
            last.id = 0x8000 + i
            s.send(last.to_wire())
            while True:
                data = s.recv(65535)
                m = dns.message.from_wire(data)
                assert m.flags & dns.flags.QR and m.id in (i, last.id)
                assert len(data) <= 1232
                if m.id == last.id:
                    break
            assert rcode(m) == "NOERROR" and len(m.answer) == 1
