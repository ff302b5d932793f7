"""Certificates by ACME: uacme as selvaged runs it, pebble as the authority."""
import base64
import contextlib
import glob
import json
import os
import shutil
import socket
import ssl
import subprocess
import urllib.request

import pytest

from edge import SELVAGECTL, free_port
from waiting import wait_for

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../etc/acme-hook")


def can_mount():
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.skipif(not shutil.which("uacme") or not shutil.which("pebble"),
                       reason="uacme and pebble are not installed"),
    pytest.mark.skipif(not can_mount(), reason="uacme cannot be made to trust the test's authority"),
]


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


class Authority:
    """pebble, with a resolver for which every name is this machine."""

    def __init__(self, directory, http_port, days=60):
        self.dir = directory
        self.port, self.dns = free_port(), free_port()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "3", cwd=directory)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
                "-out", "csr.pem", "-subj", "/CN=localhost", cwd=directory)
        with open(f"{directory}/names", "w", encoding="ascii") as f:
            f.write("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "names", "-out", "cert.pem", "-days", "3", cwd=directory)
        with open(f"{directory}/pebble.json", "w", encoding="ascii") as f:
            json.dump({"pebble": {
                "listenAddress": f"127.0.0.1:{self.port}",
                "managementListenAddress": f"127.0.0.1:{free_port()}",
                "certificate": f"{directory}/cert.pem", "privateKey": f"{directory}/key.pem",
                "httpPort": http_port, "tlsPort": http_port, "ocspResponderURL": "",
                "certificateValidityPeriod": days * 86400,
            }}, f)
        # uacme asks the system whom to trust; in a mount namespace of its own that is our authority.
        self.client = f"{directory}/client"
        with open(self.client, "w", encoding="ascii") as f:
            f.write(f"""#!/bin/sh
exec unshare -m sh -c 'mount --bind {directory}/ca.pem /etc/ssl/certs/ca-certificates.crt && exec uacme "$@"' uacme "$@"
""")
        os.chmod(self.client, 0o700)
        self.url = f"https://localhost:{self.port}/dir"
        with open(f"{directory}/log", "wb") as log:
            self.processes = [
                subprocess.Popen(["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01",
                                  f"127.0.0.1:{self.dns}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                                  "-management", f"127.0.0.1:{free_port()}"], stdout=log, stderr=log),
                subprocess.Popen(["pebble", "-config", f"{directory}/pebble.json", "-dnsserver",
                                  f"127.0.0.1:{self.dns}"], stdout=log, stderr=log,
                                 env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}),
            ]
        wait_for(self.answers, "pebble to answer")

    def answers(self):
        context = ssl.create_default_context(cafile=f"{self.dir}/ca.pem")
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url, context=context, timeout=5) as r:
            return r.status == 200
        return False

    def stop(self):
        for p in self.processes:
            p.kill()
            p.wait()


@pytest.fixture
def start(selvaged, origin, tmp_path, monkeypatch):
    """-> (edge, authority) with the store in tmp_path/store."""
    monkeypatch.setenv("SELVAGECTL", SELVAGECTL)
    origin.page("/a", b"hello", {"Cache-Control": "max-age=60"})
    authorities = []

    def begin(site="a.test b.test", more="", days=60, client=None, directory=None, tls=""):
        port = free_port()
        authority = Authority(str(tmp_path), port, days) if client is None else None
        authorities.append(authority)
        edge = selvaged(f"""
listen 127.0.0.1:{port}{tls};
acme {{
    directory {directory or tmp_path / "store"};
    url {authority.url if authority else "https://localhost:1/dir"};
    client {authority.client if authority else client};
    hook {HOOK};
    email someone@example.com;
    {more}
}}
site {site} {{ origin {origin.url}; acme on; }}
site * {{ origin {origin.url}; }}
""")
        return edge, authority
    yield begin
    for a in authorities:
        if a is not None:
            a.stop()


def wait_long(edge, condition, what):
    """For what needs the authority: if it does not come, what the edge said of that."""
    try:
        return wait_for(condition, what, 60)
    except AssertionError as e:
        raise AssertionError(f"{e}; selvaged said:\n{edge.stderr()}") from None


def serial(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-serial"], check=True,
                          capture_output=True, text=True).stdout


def names(path):
    text = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"], check=True,
                          capture_output=True, text=True).stdout
    return sorted(w.strip().removeprefix("DNS:") for w in text.splitlines()[-1].split(","))


def test_a_certificate_is_obtained(start, tmp_path):
    edge, _ = start()
    live = str(tmp_path / "store/live/a.test.pem")
    wait_long(edge, lambda: os.path.exists(live), "a certificate")
    assert names(live) == ["a.test", "b.test"]
    assert os.stat(live).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "store").st_mode & 0o777 == 0o700
    subprocess.run(["openssl", "pkey", "-in", live, "-noout"], check=True)  # the key is there, too
    wait_for(lambda: edge.metric("selvage_acme_certificates_total") == 1, "it to be counted")
    assert glob.glob(str(tmp_path / "store/live/*")) == [live]
    # What was proved is not answered any more.
    assert edge.get("/.well-known/acme-challenge/x").status == 404


def test_one_that_is_good_is_kept_and_an_old_one_renewed(start, selvaged, tmp_path):
    edge, authority = start(days=40)
    live = str(tmp_path / "store/live/a.test.pem")
    wait_long(edge, lambda: os.path.exists(live), "a certificate")
    first = serial(live)
    edge.stop()
    config = edge.config
    again = selvaged(config)
    assert again.get("/a").body == b"hello"
    again.stop()
    assert serial(live) == first
    renewing = selvaged(config.replace("email", "renew-before 50; email"))
    wait_long(renewing, lambda: serial(live) != first, "a new certificate")
    wait_for(lambda: renewing.metric("selvage_acme_certificates_total") == 1, "it to be counted")
    assert authority.answers()


def test_a_client_that_fails(start, tmp_path):
    """As when the authority cannot be reached: it is tried again later, and nothing waits for it."""
    client = tmp_path / "failing"
    client.write_text("#!/bin/sh\necho cannot connect >&2\nexit 2\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client))
    wait_for(lambda: "no certificate for a.test now, next try in 10 s" in edge.stderr(), "the log")
    assert "acme: account: cannot connect" in edge.stderr()
    assert edge.metric("selvage_acme_failures_total") == 1
    assert edge.get("/a").body == b"hello"


def test_no_client(start):
    edge, _ = start(client="/nowhere/uacme")
    wait_for(lambda: "cannot start /nowhere/uacme: No such file" in edge.stderr(), "the log")


def test_stopping_does_not_wait_for_the_client(start, tmp_path):
    client = tmp_path / "slow"
    client.write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep 1000\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client))
    wait_for((tmp_path / "begun").exists, "the client")
    edge.stop()
    assert "no certificate" not in edge.stderr()


def test_by_handshakes(start, tmp_path):
    """tls-alpn-01: the same port proves the name and then has the certificate."""
    edge, authority = start(more="challenge tls-alpn-01;", tls=" tls")
    live = str(tmp_path / "store/live/a.test.pem")
    wait_long(edge, lambda: os.path.exists(live), "a certificate")
    assert names(live) == ["a.test", "b.test"]
    port = int(edge.config.split("listen 127.0.0.1:")[1].split(" ")[0])

    def shown():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as raw, \
                context.wrap_socket(raw, server_hostname="a.test") as s:
            return s.getpeercert(True)
        return None
    with open(live, encoding="ascii") as f:
        expected = ssl.PEM_cert_to_DER_cert(f.read().split("-----BEGIN EC")[0].split("-----END CERTIFICATE-----")[0]
                                            + "-----END CERTIFICATE-----\n")
    wait_long(edge, lambda: shown() == expected, "handshakes with it")
    assert authority.answers()
    assert edge.metric("selvage_acme_failures_total") == 0


def test_nobody_else_gets_that_proof(start, tmp_path):
    client = tmp_path / "idle"
    client.write_text("#!/bin/sh\nexec sleep 1000\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client), more="challenge tls-alpn-01;", tls=" tls")
    port = int(edge.config.split("listen 127.0.0.1:")[1].split(" ")[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])

    def proof(name):
        with socket.create_connection(("127.0.0.1", port)) as raw, \
                context.wrap_socket(raw, server_hostname=name) as s:
            assert s.selected_alpn_protocol() == "acme-tls/1"
            assert s.recv(1) == b""  # nothing else may follow
            return s.getpeercert(True)
    with pytest.raises(ssl.SSLError):
        proof("a.test")
    digest = bytes(range(32))
    answer = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert ask(edge, "begin", "tls-alpn-01", "a.test", "t", answer).returncode == 0
    assert b"\x04\x22\x04\x20" + digest in proof("a.test")
    with pytest.raises(ssl.SSLError):
        proof("b.test")
    assert ask(edge, "done", "tls-alpn-01", "a.test", "t", answer).returncode == 0
    with pytest.raises(ssl.SSLError):
        proof("a.test")


def ask(edge, *args):
    return subprocess.run([SELVAGECTL, "-s", edge.control, "acme", *args], capture_output=True, text=True,
                          check=False)


def test_what_the_hook_says_is_answered(start, tmp_path):
    client = tmp_path / "idle"
    client.write_text("#!/bin/sh\nexec sleep 1000\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client))
    path = "/.well-known/acme-challenge/tok-1"
    assert ask(edge, "begin", "http-01", "a.test", "tok-1", "tok-1.thumb").returncode == 0
    r = edge.get(path, host="a.test")
    assert (r.status, r.body, r["Cache-Control"]) == (200, b"tok-1.thumb", "no-store")
    assert edge.get(path + "x", host="a.test").status == 404
    assert ask(edge, "done", "http-01", "a.test", "tok-1", "tok-1.thumb").returncode == 0
    assert edge.get(path, host="a.test").status == 404


def test_tokens_that_look_like_options(start, tmp_path):
    """Tokens are base64url, so that one in 64 begins with -, and the hook must not read it as a word of its own."""
    client = tmp_path / "idle"
    client.write_text("#!/bin/sh\nexec sleep 1000\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client))
    for token in ("-h", "--help", "-s", "-"):
        path = f"/.well-known/acme-challenge/{token}"
        for method, status in (("begin", 200), ("done", 404)):
            subprocess.run([HOOK, method, "http-01", "a.test", token, f"{token}.thumb"], check=True,
                           env={**os.environ, "SELVAGE_SOCKET": edge.control}, capture_output=True)
            assert edge.get(path, host="a.test").status == status


@pytest.mark.parametrize("args", [
    ("begin", "dns-01", "a.test", "t", "t.x"),
    ("begin", "tls-alpn-01", "a.test", "t", "t.x"),  # the configuration says http-01
    ("begin", "http-01", "a.test", "../../etc/passwd", "t.x"),
    ("begin", "http-01", "a.test", "t", "a b"),
    ("frobnicate", "http-01", "a.test", "t", "t.x"),
])
def test_what_is_not_taken(start, tmp_path, args):
    client = tmp_path / "idle"
    client.write_text("#!/bin/sh\nexec sleep 1000\n")
    client.chmod(0o700)
    edge, _ = start(client=str(client))
    assert ask(edge, *args).returncode == 1


def test_what_makes_no_sense_is_said(tmp_path):
    from edge import run_selvaged
    conf = tmp_path / "c.conf"
    head = f"listen 127.0.0.1:1; control {tmp_path}/control;\n"
    for text, why in [
            ("site a.test { origin http://x; acme on; }", "no block says how"),
            ("acme { } site *.a.test { origin http://x; acme on; }", "wildcards are proved by DNS only"),
            ("acme { challenge dns-01; } site a.test { origin http://x; }", "http-01"),
    ]:
        conf.write_text(head + text)
        r = run_selvaged("-t", "-c", str(conf))
        assert r.returncode == 1 and why in r.stderr, r.stderr
