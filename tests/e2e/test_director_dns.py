"""The director answers by DNS: what holds whatever its zones say."""
from director import rcode, run_director, texts

ZONE = """
zone cdn.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    name ns1 { a 192.0.2.53; aaaa 2001:db8::53; }
    name www { a 192.0.2.1; }
}
"""


def test_what_is_ours_is_answered_and_the_rest_refused(director):
    d = director(ZONE)
    for by in "udp", "udp6", "tcp":
        assert texts(d.ask("www.cdn.test", by=by)) == ["192.0.2.1"]
        assert rcode(d.ask("www.example.org", by=by)) == "REFUSED"


def test_configuration_is_tested_and_dumped(director):
    d = director("dns { udp-size 1400B; }")
    assert "is fine" in run_director("-t", "-c", d.config_path).stderr
    assert "udp-size 1400B;" in run_director("-T", "-c", d.config_path).stdout
    done = run_director("-t", "-c", "/nonexistent.conf")
    assert done.returncode == 1 and "nonexistent" in done.stderr
