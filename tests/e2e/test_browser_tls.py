"""Chromium over TLS: pages by HTTP/2, a WebSocket beside them, and who is not to be trusted."""
import base64
import hashlib
import subprocess

import pytest

from browser import CHROMIUM, DRIVER, Browser
from certs import Authority
from edge import free_port
from test_websocket import Peer
from waiting import wait_for

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are needed")]

KEEP = {"Cache-Control": "max-age=600"}
PIECES = 40
PAGE = """<!doctype html><title>page</title><link rel="icon" href="data:,">
<h1>woven</h1><script>
window.all = Promise.all([...Array(%d).keys()].map(n => fetch('/piece/' + n).then(r => r.text())));
</script>""" % PIECES


def spki(certificate):
    """What --ignore-certificate-errors-spki-list takes: the hash of the public key."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True,
                         capture_output=True, text=True).stdout
    der = base64.b64decode("".join(key.splitlines()[1:-1]))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.stop()


@pytest.fixture
def site(selvaged, origin, peer, tmp_path):
    certificate, key = Authority(tmp_path).issue("a.test", "DNS:a.test")
    origin.page("/", PAGE.encode(), {**KEEP, "Content-Type": "text/html"})
    for n in range(PIECES):
        origin.page(f"/piece/{n}", f"piece {n} ".encode() * 500, KEEP)
    port = free_port()
    edge = selvaged(f"""
listen 127.0.0.1:{port} tls;
certificate {certificate} key {key};
access-log {tmp_path}/access.log;
site * {{ origin {origin.url}; path /ws {{ origin http://127.0.0.1:{peer.port}; websocket on; }} }}
""")
    edge.https = f"https://a.test:{port}"
    edge.flags = ["--host-resolver-rules=MAP a.test 127.0.0.1",
                  f"--ignore-certificate-errors-spki-list={spki(certificate)}"]
    edge.log = tmp_path / "access.log"
    return edge


def test_pages_come_by_http2(site, origin):
    for _ in range(2):  # the second browser gets all from the cache
        with Browser(*site.flags) as b:
            b.goto(site.https + "/")
            texts = b.wait_run("window.all.then(arguments[0])")
            assert texts == [f"piece {n} " * 500 for n in range(PIECES)]
            hops = b.run("return [...performance.getEntriesByType('navigation'), "
                         "...performance.getEntriesByType('resource')].map(e => e.nextHopProtocol)")
            assert set(hops) == {"h2"} and len(hops) >= PIECES + 1
    assert len(origin.requests()) == PIECES + 1
    assert site.metric('selvage_h2_connections_total') <= 4
    wait_for(lambda: site.log.read_text().count(" HTTP/2.0\"") >= 2 * (PIECES + 1), "the log")


def test_a_websocket_beside_pages(site, peer):
    """Chromium opens it on the HTTP/2 connection that is there (RFC 8441)."""
    with Browser(*site.flags) as b:
        b.goto(site.https + "/")
        b.wait_run("window.all.then(arguments[0])")
        got = b.wait_run("""
            const done = arguments[0], got = [];
            const ws = new WebSocket(location.origin.replace('https', 'wss') + '/ws');
            ws.onopen = () => { for (const s of ['a', 'b'.repeat(70000), 'end']) ws.send(s); };
            ws.onmessage = e => { got.push(e.data); if (e.data == 'end') { ws.close(); done(got); } };
            ws.onerror = () => done('error');
        """)
        assert got == ["a", "b" * 70000, "end"]
    assert site.metric("selvage_tunnels_total") == 1
    wait_for(lambda: peer.here == 0, "the origin's end")
    # Not by a connection of its own: the origin was asked with a key of ours, there was no Upgrade.
    wait_for(lambda: '"GET /ws HTTP/2.0"' in site.log.read_text(), "the log")


def test_a_browser_that_does_not_know_the_authority(site):
    with Browser(site.flags[0]) as b:
        b.goto(site.https + "/")
        assert b.run("return document.title") != "page"  # it warns instead
    wait_for(lambda: site.metric('selvage_tls_failures_total{reason="client-alert"}') >= 1, "the count")
