"""The director answers by DNS: what holds whatever its zones say."""
from director import rcode, run_director


def test_what_is_not_ours_is_refused(director):
    d = director()
    assert rcode(d.ask("www.example.org")) == "REFUSED"
    assert rcode(d.ask("www.example.org", by="udp6")) == "REFUSED"


def test_configuration_is_tested_and_dumped(director):
    d = director("dns { udp-size 1400B; }")
    assert "is fine" in run_director("-t", "-c", d.config_path).stderr
    assert "udp-size 1400B;" in run_director("-T", "-c", d.config_path).stdout
    done = run_director("-t", "-c", "/nonexistent.conf")
    assert done.returncode == 1 and "nonexistent" in done.stderr
