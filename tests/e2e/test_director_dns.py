"""The director answers by DNS: what holds whatever its zones say."""
import os
import re

import pytest

from director import rcode, run_director, texts
from edge import TOP

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


def test_the_examples_are_fine(tmp_path):
    """What is installed, and what manual and guide show (but for databases and certificates, which nobody has
    here)."""
    done = run_director("-t", "-c", os.path.join(TOP, "etc", "selvage-director.conf"))
    assert done.returncode == 0, done.stderr
    with open(os.path.join(TOP, "man", "selvage-director.conf.5.in"), encoding="utf-8") as f:
        example = re.search(r"\.Bd -literal -offset indent\n(.*?)\.Ed", f.read(), re.S).group(1)
    conf = tmp_path / "conf"
    with open(os.path.join(TOP, "doc", "director.md"), encoding="utf-8") as f:
        examples = re.findall(r"(?ms)^```\n(listen .*?)^```", f.read())
    assert len(examples) == 2
    for text in example, *examples:
        conf.write_text(re.sub(r"(?m)^(database|certificate|listen .* tls).*\n", "", text))
        done = run_director("-t", "-c", conf)
        assert done.returncode == 0, done.stderr


STEER = "pop fra { address 192.0.2.1; }\nsteer cdn { pops fra; }\n"


@pytest.mark.parametrize("text, sentence", [
    ("zone https://cdn.test { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.1; } }",
     '"https://cdn.test" is no name of a zone: cdn.example.com would be'),
    ("zone cdn.test:53 { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.1; } }", "without scheme and port"),
    (STEER + "redirect www.test { steer cdn; to https://a.test; }", "add  listen 0.0.0.0:80 redirect;"),
])
def test_what_nobody_could_ask_for_is_refused(tmp_path, text, sentence):
    path = tmp_path / "director.conf"
    path.write_text("listen 127.0.0.1:0 dns;\ncontrol off;\n" + text)
    done = run_director("-t", "-c", path)
    assert done.returncode == 1 and sentence in done.stderr
