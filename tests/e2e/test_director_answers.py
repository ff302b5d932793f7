"""What a response looks like: flags, sections, sizes and the odd question, by RFC."""
import dns.edns
import dns.flags
import dns.name
import dns.rdatatype
import pytest

from director import query, rcode, scope_of, texts

ZONE = """
zone example.test {
    soa ns1 hostmaster serial 9 minimum 5m;
    ns ns1 ns2.elsewhere.test.;
    mx 10 mail;
    txt "the apex";
    name ns1 { a 192.0.2.53; aaaa 2001:db8::53; }
    name mail { a 192.0.2.25; }
    name WWW { a 192.0.2.80; ttl 5m; }
    name alias { cname Www; }
    name out { cname www.elsewhere.test.; }
    name lost { cname nowhere.example.test.; }
    name loop1 { cname loop2; }
    name loop2 { cname loop1; }
    name away { cname host.sub; }
    name other { cname www.second.test.; }
    name *.wild { txt "from a wildcard"; }
    name sub { ns ns.sub; ns ns.elsewhere.test.; }
    name ns.sub { a 192.0.2.99; }
    name big { %s }
    name many { mx 1 mail; %s }
    name deep { %s }
    %s
    name service { https 1 . alpn=h2; a 192.0.2.81; srv 0 0 443 mail; }
}
zone second.test {
    soa ns1.example.test. hostmaster.example.test. serial 1 minimum 1h;
    ttl 10m;
    ns ns1.example.test.;
    name www { a 192.0.2.82; }
}
""" % ("\n".join(f"txt {'x' * 200}{i};" for i in range(20)),
       "\n".join(f"mx {i} host{i}.elsewhere.test.;" for i in range(2, 30)),
       "\n".join(f"ns ns{i:02d}.{'long' * 10}.deep;" for i in range(20)),
       "\n".join(f"name ns{i:02d}.{'long' * 10}.deep {{ a 192.0.2.{i + 1}; }}" for i in range(20)))


@pytest.fixture(name="d")
def fixture_d(director):
    return director(ZONE + "dns { udp-size 4KiB; }")


def authoritative(message):
    return bool(message.flags & dns.flags.AA)


def truncated(message):
    return bool(message.flags & dns.flags.TC)


def owners(section):
    return [str(rrset.name) for rrset in section]


def size_of(d, name, kind):
    """Bytes of the response when there is room for all of it."""
    return len(d.raw(query(name, kind, payload=4096).to_wire()))


def soa_ttl(message):
    soa, = [s for s in message.authority if s.rdtype == dns.rdatatype.SOA]
    return soa.ttl


def test_records(d):
    got = d.ask("www.example.test")
    assert (rcode(got), authoritative(got), texts(got)) == ("NOERROR", True, ["192.0.2.80"])
    assert got.answer[0].ttl == 300
    assert not got.authority and not got.additional
    assert not got.flags & (dns.flags.RA | dns.flags.AD | dns.flags.CD)
    assert d.ask("www.example.test", rd=True).flags & dns.flags.RD


def test_letters_come_back_as_they_were_asked(d):
    asked = dns.name.from_text("wWw.ExAmPlE.tEsT.")
    got = d.ask(asked)
    assert got.question[0].name.labels == asked.labels
    assert got.answer[0].name.labels == asked.labels


def test_addresses_that_will_be_asked_for_next(d):
    got = d.ask("example.test", "MX")
    assert owners(got.additional) == ["mail.example.test."]
    assert sorted(owners(d.ask("example.test", "NS").additional)) == ["ns1.example.test."] * 2
    assert owners(d.ask("service.example.test", "SRV").additional) == ["mail.example.test."]
    assert owners(d.ask("service.example.test", "HTTPS").additional) == ["service.example.test."]


def test_nothing_of_that_type(d):
    got = d.ask("www.example.test", "AAAA")
    assert (rcode(got), authoritative(got), got.answer) == ("NOERROR", True, [])
    assert owners(got.authority) == ["example.test."]
    assert soa_ttl(got) == 300  # of the record 3600, its minimum 300: RFC 2308 section 3


def test_no_such_name(d):
    got = d.ask("nowhere.example.test")
    assert (rcode(got), authoritative(got), got.answer) == ("NXDOMAIN", True, [])
    assert soa_ttl(got) == 300
    assert soa_ttl(d.ask("nowhere.second.test")) == 600


def test_names_above_others_exist(d):
    assert rcode(d.ask("wild.example.test")) == "NOERROR"
    assert rcode(d.ask("x.www.example.test")) == "NXDOMAIN"


def test_wildcards(d):
    got = d.ask("a.b.wild.example.test", "TXT")
    assert (owners(got.answer), texts(got)) == (["a.b.wild.example.test."], ['"from a wildcard"'])
    assert rcode(d.ask("a.wild.example.test", "A")) == "NOERROR"


def test_chains(d):
    got = d.ask("alias.example.test")
    assert owners(got.answer) == ["alias.example.test.", "Www.example.test."]
    assert texts(got)[1] == "192.0.2.80"
    assert texts(d.ask("alias.example.test", "CNAME")) == ["Www.example.test."]
    got = d.ask("out.example.test")
    assert (rcode(got), texts(got), got.authority) == ("NOERROR", ["www.elsewhere.test."], [])
    got = d.ask("lost.example.test")
    assert (rcode(got), len(got.answer), soa_ttl(got)) == ("NXDOMAIN", 1, 300)
    got = d.ask("other.example.test")
    assert texts(got) == ["www.second.test.", "192.0.2.82"]
    got = d.ask("other.example.test", "AAAA")
    assert (rcode(got), owners(got.authority), soa_ttl(got)) == ("NOERROR", ["second.test."], 600)


def test_chains_that_lead_in_circles_end(d):
    got = d.ask("loop1.example.test")
    assert rcode(got) == "NOERROR"
    assert sorted(owners(got.answer)) == ["loop1.example.test.", "loop2.example.test."]


def test_referrals(d):
    for name in ("sub.example.test", "a.b.sub.example.test", "ns.sub.example.test"):
        got = d.ask(name)
        assert (rcode(got), authoritative(got), got.answer) == ("NOERROR", False, [])
        assert owners(got.authority) == ["sub.example.test."]
        assert owners(got.additional) == ["ns.sub.example.test."]
    got = d.ask("away.example.test")
    assert authoritative(got) and texts(got) == ["host.sub.example.test."]
    assert owners(got.authority) == ["sub.example.test."]


def test_delegation_signer_is_the_parents(d):
    got = d.ask("sub.example.test", "DS")
    assert (rcode(got), authoritative(got)) == ("NOERROR", True)
    assert owners(got.authority) == ["example.test."]


def test_any_is_kept_small(d):
    for by in ("udp", "tcp"):
        got = d.ask("example.test", "ANY", by=by)
        assert rcode(got) == "NOERROR" and len(got.answer) == 1
        assert got.answer[0].rdtype == dns.rdatatype.NS and got.additional == []
    assert rcode(d.ask("nowhere.example.test", "ANY")) == "NXDOMAIN"
    assert not authoritative(d.ask("sub.example.test", "ANY"))


def test_transfers_are_refused(d):
    for kind in ("AXFR", "IXFR"):
        assert rcode(d.ask("example.test", kind, by="tcp")) == "REFUSED"


def test_what_is_not_ours(d):
    got = d.ask("example.org")
    assert (rcode(got), authoritative(got)) == ("REFUSED", False)
    assert not got.answer and not got.authority and not got.additional
    assert [o.code for o in got.options if o.otype == dns.edns.OptionType.EDE] == [20]
    assert rcode(d.ask("test")) == "REFUSED"
    assert rcode(d.ask(".", "NS")) == "REFUSED"


def test_classes(d):
    assert rcode(d.ask("www.example.test", klass="HS")) == "REFUSED"
    got = d.ask("www.example.test", klass="ANY")
    assert not authoritative(got) and rcode(got) == "NOERROR"


def test_who_we_are_is_not_said_unless_configured(d):
    for name in ("version.bind", "version.server", "id.server", "hostname.bind", "www.example.test"):
        assert rcode(d.ask(name, "TXT", klass="CH")) == "REFUSED"


def test_who_we_are(director):
    d = director('dns { version "selvage at work"; server-id fra1; }')
    for name in ("version.bind", "VERSION.server"):
        assert texts(d.ask(name, "TXT", klass="CH")) == ['"selvage at work"']
    for name in ("id.server", "hostname.bind"):
        assert texts(d.ask(name, "TXT", klass="CH")) == ['"fra1"']
    assert rcode(d.ask("id.server", "A", klass="CH")) == "REFUSED"
    assert rcode(d.ask("version.bind", "TXT")) == "REFUSED"


def test_what_does_not_fit_is_cut_by_whole_sets(d):
    for payload in (512, 1232):
        got = d.ask("big.example.test", "TXT", payload=payload)
        assert truncated(got) and not got.answer
        assert len(d.raw(query("big.example.test", "TXT", payload=payload).to_wire())) <= payload
    got = d.ask("big.example.test", "TXT", edns=None)
    assert truncated(got) and not got.answer
    got = d.ask("big.example.test", "TXT", by="tcp")
    assert not truncated(got) and len(texts(got)) == 20


def test_additional_addresses_are_left_out_without_a_word(d):
    got = d.ask("many.example.test", "MX", payload=4096)
    assert owners(got.additional) == ["mail.example.test."]
    # The smallest size that has room for the answer has none for the address.
    size = size_of(d, "many.example.test", "MX") - 16
    got = d.ask("many.example.test", "MX", payload=size)
    assert not truncated(got) and len(texts(got)) == 29 and not got.additional


def test_glue_that_is_needed_is_not_left_out(d):
    got = d.ask("x.deep.example.test", payload=4096)
    assert not truncated(got) and len(got.additional) == 20
    got = d.ask("x.deep.example.test", payload=size_of(d, "x.deep.example.test", "A") - 1)
    assert truncated(got)


def test_an_answer_for_everybody_has_scope_0(d):
    for name, kind in (("www.example.test", "A"), ("www.example.test", "AAAA"), ("sub.example.test", "A"),
                       ("nowhere.example.test", "A"), ("alias.example.test", "A")):
        assert scope_of(d.ask(name, kind, ecs="203.0.113.0/24")) == 0
        assert scope_of(d.ask(name, kind)) is None


def test_unknown_types_have_no_data(d):
    for kind in ("TYPE99", "TYPE65535", "NSEC", "DNSKEY", "TYPE200"):
        got = d.ask("www.example.test", kind)
        assert rcode(got) in ("NOERROR", "NOTIMP") and not got.answer
