"""Names that are steered: who gets which addresses, and how far that holds (RFC 7871)."""
import dns.edns
import dns.flags
import pytest

from director import rcode, scope_of, texts

ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
CONFIG = """
pop one   { location 50 8;   address 198.51.100.1 2001:db8:1::1; }
pop two   { location 38 -77; address 198.51.100.2; }
pop three { location 35 139; address 198.51.100.3 198.51.100.4; }
steer cdn {
    pops one two three;
    ttl 20s;
    network 203.0.113.0/24 -> two;
    network 203.0.114.0/25 -> three;
    network 10.7.0.0/16 -> two;
    network 2001:db8:77::/48 -> two;
    network 127.0.0.2/32 -> two;
}
steer v4 { pops two; }
zone example.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    steer cdn;
    txt "the apex";
    mx 10 mail;
    name mail { steer cdn; }
    name ns1 { a 192.0.2.53; }
    name www { steer cdn; https 1 . alpn=h2; }
    name *.users { steer cdn; }
    name alias { cname www; }
    name second { cname alias; }
    name v4 { steer v4; }
    name fixed { a 192.0.2.80; }
}
"""


@pytest.fixture(name="d")
def fixture_d(director):
    return director(CONFIG)


def ask(d, name="www.example.test", kind="A", **options):
    """Addresses and scope."""
    got = d.ask(name, kind, **options)
    assert rcode(got) == "NOERROR" and got.flags & dns.flags.AA
    return [t for t in texts(got) if not t.endswith(".test.")], scope_of(got)


def test_by_the_client_s_network(d):
    assert ask(d, ecs="203.0.113.0/24") == ([TWO], 24)
    assert ask(d, ecs="203.0.113.77/32") == ([TWO], 24)
    assert ask(d, ecs="2001:db8:77:1::/64") == ([TWO], 48)
    addresses, scope = ask(d, ecs="203.0.114.5/32")
    assert (sorted(addresses), scope) == ([THREE, "198.51.100.4"], 25)
    assert ask(d, ecs="203.0.114.128/25") == ([ONE], 25)


def test_by_the_resolver(d):
    assert ask(d, source="127.0.0.2") == ([TWO], None)
    assert ask(d, source="127.0.0.3") == ([ONE], None)
    assert ask(d, source="127.0.0.2", ecs="0.0.0.0/0") == ([TWO], 0)


def test_a_network_that_is_not_routed_is_where_its_resolver_is(d):
    assert ask(d, source="127.0.0.2", ecs="192.168.7.0/24") == ([TWO], 16)
    assert ask(d, source="127.0.0.3", ecs="192.168.7.0/24") == ([ONE], 16)
    assert ask(d, source="127.0.0.3", ecs="10.7.7.0/24") == ([TWO], 16)
    assert ask(d, source="127.0.0.2", ecs="fd00::/48") == ([TWO], 7)


def test_at_the_apex_behind_a_wildcard_and_at_the_end_of_a_chain(d):
    for name in ("example.test", "a.users.example.test", "a.b.users.example.test", "alias.example.test",
                 "second.example.test", "mail.example.test"):
        assert ask(d, name, ecs="203.0.113.0/24") == ([TWO], 24), name


def test_other_types_stand_beside_and_hold_for_everybody(d):
    assert ask(d, "example.test", "TXT", ecs="203.0.113.0/24") == (['"the apex"'], 0)
    got = d.ask("www.example.test", "HTTPS", ecs="203.0.113.0/24")
    assert scope_of(got) == 0 and not got.additional
    got = d.ask("example.test", "MX", ecs="203.0.113.0/24")
    assert scope_of(got) == 0 and not got.additional
    assert ask(d, "www.example.test", "MX", ecs="203.0.113.0/24") == ([], 0)
    assert ask(d, "fixed.example.test", ecs="203.0.113.0/24") == (["192.0.2.80"], 0)


def test_a_family_that_no_pop_has(d):
    got = d.ask("v4.example.test", "AAAA", ecs="203.0.113.0/24")
    assert (rcode(got), got.answer, scope_of(got)) == ("NOERROR", [], 0)
    assert [str(s.name) for s in got.authority] == ["example.test."]


def test_the_ttl_is_the_steer_s(d):
    assert d.ask("www.example.test").answer[0].ttl == 20


def test_nobody_is_up(director):
    d = director("""
pop one { location 50 8; address 198.51.100.1; state drain; }
pop two { location 38 -77; address 198.51.100.2; state drain; }
steer all { pops two one; all-down default; }
steer none { pops one two; all-down servfail; }
zone example.test { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.53; }
    name all { steer all; } name none { steer none; } name alias { cname none; } }
""")
    got = d.ask("all.example.test")
    assert texts(got) == [TWO]
    assert [(o.code, o.text) for o in got.options if o.otype == dns.edns.OptionType.EDE] == [
        (0, "no PoP is up")]
    for name in ("none.example.test", "alias.example.test"):
        got = d.ask(name)
        assert (rcode(got), got.answer, got.flags & dns.flags.AA) == ("SERVFAIL", [], 0)
        assert [o.text for o in got.options if o.otype == dns.edns.OptionType.EDE] == ["no PoP is up"]


def test_a_small_configuration_with_names_written_in_full(director):
    """Without a dot at their end, as people write them."""
    d = director("""
pop fra { location 50.11 8.68;   address 192.0.2.1 2001:db8::1; }
pop iad { location 38.95 -77.45; address 192.0.2.2; }
steer cdn { pops fra iad; ttl 30s; network 203.0.113.0/24 -> fra; country JP -> iad fra; }

zone cdn.example.com {
    soa ns1.cdn.example.com hostmaster.example.com serial 1;
    ns  ns1.cdn.example.com;
    name ns1 { a 192.0.2.53; }
    name www { steer cdn; }
}
""")
    assert texts(d.ask("cdn.example.com", "NS")) == ["ns1.cdn.example.com."]
    soa, = texts(d.ask("cdn.example.com", "SOA"))
    assert soa.startswith("ns1.cdn.example.com. hostmaster.example.com. 1 ")
    # Without a database all other networks come first to fra, too: one scope covers them all.
    assert ask(d, "www.cdn.example.com", ecs="203.0.113.0/24") == (["192.0.2.1"], 0)
