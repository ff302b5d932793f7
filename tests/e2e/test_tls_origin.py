"""TLS to origins: who is trusted and who is not, sessions that are gone on with, and how it ends."""
import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from certs import Authority
from edge import free_port
from waiting import PATIENCE_S, wait_for
from wire import Client

BIG = bytes(range(256)) * 20000


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other"), "other CA")


def conf(origin, *said):
    return (f"origin app {{ server https://127.0.0.1:{origin.port}; {' '.join(said)} }}\n"
            "site localhost { origin app; }\n")


def trusting(ca):
    return f"ca {ca.path};"


def get(edge, path):
    with Client(edge.address) as c:
        return c.get(path, host="localhost")


def counted(edge, name, label=None):
    return edge.metrics()[name + (f"{{{label}}}" if label else "")]


# --- those that are what they should be

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_valid_certificate(selvaged, new_origin, ca, version):
    origin = new_origin(tls=ca.server(version=version))
    edge = selvaged(conf(origin, trusting(ca)), workers=1)
    origin.page("/a", b"through TLS", {"Cache-Control": "max-age=60"})
    assert get(edge, "/a").body == b"through TLS"
    assert get(edge, "/a").body == b"through TLS"
    assert origin.count("/a") == 1
    assert origin.handshakes == [(version.name.replace("_", "."), False, None)]  # no name: an address
    assert counted(edge, "selvage_origin_tls_handshakes_total", 'kind="full"') == 1


def test_the_name_is_asked_for_and_must_fit(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server(alt="DNS:app.example"))
    origin.page("/", b"here")
    edge = selvaged(conf(origin, trusting(ca), "sni app.example;"))
    assert get(edge, "/").body == b"here"
    assert origin.handshakes[0][2] == "app.example"


def test_what_the_system_trusts(selvaged, new_origin, ca, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", ca.path)
    origin = new_origin(tls=ca.server())
    origin.page("/", b"here")
    edge = selvaged(origin=origin)  # the one-line form
    assert get(edge, "/").body == b"here"


def test_our_own_certificate(selvaged, new_origin, ca, other_ca):
    origin = new_origin(tls=ca.server(clients_by=other_ca))
    origin.page("/", b"here")
    certificate, key = other_ca.issue("edge", "DNS:edge.example")
    edge = selvaged(conf(origin, trusting(ca), f"certificate {certificate} key {key};"))
    assert get(edge, "/").body == b"here"


def test_insecure_is_said_in_the_log(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server(alt="DNS:another.example", days=0))
    origin.page("/", b"here")
    edge = selvaged(conf(origin, "insecure on;"))
    assert get(edge, "/").body == b"here"
    assert "origin app: insecure: the certificates of its servers are not verified" in edge.stderr()


# --- those that are not

def refused(edge, origin, why, *sentences):
    r = get(edge, "/")
    assert r.status == 502
    assert why in r["Cache-Status"]
    for s in sentences:
        wait_for(lambda s=s: re.search(s, edge.stderr()), f"{s} in the log: {edge.stderr()}")
    assert origin.count() == 0  # nothing was asked, least of all in plain


def test_the_wrong_name(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server(alt="DNS:one.example,DNS:two.example"))
    edge = selvaged(conf(origin, trusting(ca)))
    refused(edge, origin, "tls-certificate",
            r"the certificate is for one\.example, two\.example, not for 127\.0\.0\.1: "
            r"where that is right, name it by  sni NAME;")
    assert counted(edge, "selvage_origin_tls_failures_total", 'reason="certificate"') == 1


def test_an_expired_one(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server(days=0))
    edge = selvaged(conf(origin, trusting(ca)))
    refused(edge, origin, "tls-certificate", r"the certificate of 127\.0\.0\.1 \(CN=origin\) has expired "
            r"on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: a new one is needed there")


def test_one_that_signed_itself(selvaged, new_origin, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.path, ca.path.replace(".crt", ".key"))
    origin = new_origin(tls=context)
    edge = selvaged(origin=origin)
    refused(edge, origin, "tls-certificate", r"is signed by itself: where that is right, trust it by  ca FILE;")


def test_another_ca(selvaged, new_origin, ca, other_ca):
    origin = new_origin(tls=ca.server())
    edge = selvaged(conf(origin, trusting(other_ca)))
    refused(edge, origin, "tls-certificate",
            r"\(CN=origin\) is signed by CN=test CA, which is not trusted here")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate(selvaged, new_origin, ca, other_ca, version):
    origin = new_origin(tls=ca.server(clients_by=other_ca, version=version))
    edge = selvaged(conf(origin, trusting(ca)))
    refused(edge, origin, "tls", "the peer (wants a certificate of ours|refused: alert handshake failure)")


def test_a_server_without_tls(selvaged, ca):
    with socket.create_server(("127.0.0.1", 0)) as plain:
        def answer():
            with plain.accept()[0] as s:
                s.recv(1000)
                s.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        threading.Thread(target=answer, daemon=True).start()
        edge = selvaged(f"origin app {{ server https://127.0.0.1:{plain.getsockname()[1]}; "
                        f"ca {ca.path}; }}\nsite localhost {{ origin app; }}")
        r = get(edge, "/")
        assert r.status == 502
        assert "detail=tls" in r["Cache-Status"]
        wait_for(lambda: "what came is not TLS" in edge.stderr(), "the reason in the log")
        assert counted(edge, "selvage_origin_tls_failures_total", 'reason="not-tls"') == 1


def test_an_old_version(selvaged, ca):
    """openssl s_server, as one of TLS 1.1 only."""
    certificate, key = ca.issue("old", "IP:127.0.0.1")
    port = free_port()
    with subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate,
                           "-key", key, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-www"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: accepts(port), "s_server")
            edge = selvaged(f"origin app {{ server https://127.0.0.1:{port}; ca {ca.path}; }}\n"
                            "site localhost { origin app; }")
            assert get(edge, "/").status == 502
            wait_for(lambda: "no version of TLS" in edge.stderr(), "the reason in the log")
        finally:
            server.kill()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def test_a_handshake_that_never_ends(selvaged, ca):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        edge = selvaged(f"origin app {{ server https://127.0.0.1:{silent.getsockname()[1]}; "
                        f"ca {ca.path}; connect-timeout 300ms; }}\nsite localhost {{ origin app; }}")
        r = get(edge, "/")
        assert r.status == 504
        assert "connect-timeout" in r["Cache-Status"]
        wait_for(lambda: "in the TLS handshake" in edge.stderr(), "the reason in the log")
        assert counted(edge, "selvage_origin_tls_failures_total", 'reason="timeout"') == 1


def test_the_next_server_is_tried(selvaged, new_origin, ca, other_ca):
    bad, good = new_origin(tls=other_ca.server()), new_origin(tls=ca.server("good"))
    good.page("/", b"here", {"Cache-Control": "no-store"})
    edge = selvaged(f"origin app {{ server https://127.0.0.1:{bad.port}; server "
                    f"https://127.0.0.1:{good.port}; ca {ca.path}; }}\nsite localhost {{ origin app; }}")
    for _ in range(4):
        assert get(edge, "/").body == b"here"
    assert bad.count() == 0


# --- sessions and kept connections

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_gone_on_with(selvaged, new_origin, ca, version):
    origin = new_origin(tls=ca.server(version=version))

    @origin.at("/")
    def once(x):
        x.reply(200, b"here", {"Cache-Control": "no-store", "Connection": "close"})
        x.close()

    edge = selvaged(conf(origin, trusting(ca)), workers=1)
    for _ in range(6):
        assert get(edge, "/").body == b"here"
    assert [resumed for _, resumed, _ in origin.handshakes] == [False] + 5 * [True]
    assert counted(edge, "selvage_origin_tls_handshakes_total", 'kind="resumed"') == 5


def test_a_cut_connection_does_not_lose_the_session(selvaged, new_origin, ca):
    """Many servers close without close_notify."""
    origin = new_origin(tls=ca.server())

    @origin.at("/")
    def once(x):
        x.reply(200, b"here", {"Cache-Control": "no-store"})
        x.cut()

    edge = selvaged(conf(origin, trusting(ca)), workers=1)
    for n in range(4):
        assert get(edge, "/").body == b"here"
        wait_for(lambda n=n: len(origin.open) == 0, "the connection's end")
    assert [resumed for _, resumed, _ in origin.handshakes] == [False, True, True, True]


def test_connections_are_kept_though_tickets_come(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server(version=ssl.TLSVersion.TLSv1_3))
    origin.page("/", b"here", {"Cache-Control": "no-store"})
    edge = selvaged(conf(origin, trusting(ca)), workers=1)
    for _ in range(20):
        assert get(edge, "/").body == b"here"
    assert origin.connections == 1
    assert counted(edge, "selvage_origin_connections_total") == 1


# --- bodies

def test_big_bodies_both_ways(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server())
    origin.page("/big", BIG, {"Cache-Control": "max-age=60"})

    @origin.at("/post")
    def post(x):
        x.reply(200, hashlib.sha256(x.request.body).hexdigest().encode())

    @origin.at("/chunks")
    def chunks(x):
        x.head(200, {"Transfer-Encoding": "chunked", "Cache-Control": "max-age=60"})
        for i in range(0, len(BIG), 100000):
            x.chunk(BIG[i:i + 100000])
        x.last_chunk()

    edge = selvaged(conf(origin, trusting(ca)))
    assert get(edge, "/big").body == BIG
    assert get(edge, "/chunks").body == BIG
    with Client(edge.address) as c:
        c.send(b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BIG))
        sender = threading.Thread(target=c.send, args=(BIG,), daemon=True)
        sender.start()
        assert c.response("POST").body == hashlib.sha256(BIG).hexdigest().encode()
        sender.join(PATIENCE_S)


def test_the_end_of_the_connection_ends_a_body(selvaged, new_origin, ca):
    """Close-delimited: with close_notify it is whole, without it is cut and never stored."""
    origin = new_origin(tls=ca.server())

    @origin.at("/whole")
    def whole(x):
        x.head(200, {"Cache-Control": "max-age=60", "Connection": "close"})
        x.send(b"all of it")
        x.close()

    @origin.at("/cut")
    def cut(x):
        x.head(200, {"Cache-Control": "max-age=60", "Connection": "close"})
        x.send(b"not all of it")
        x.cut()

    edge = selvaged(conf(origin, trusting(ca)))
    for _ in range(2):
        assert get(edge, "/whole").body == b"all of it"
    assert origin.count("/whole") == 1
    for n in (1, 2):
        with Client(edge.address) as c:
            c.send(b"GET /cut HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with pytest.raises(Exception):
                c.response("GET")
        assert origin.count("/cut") >= n
    wait_for(lambda: "closed without close_notify" in edge.stderr() or origin.count("/cut") >= 2, "the cut")


def test_a_length_that_is_not_reached_is_a_cut(selvaged, new_origin, ca):
    origin = new_origin(tls=ca.server())

    @origin.at("/short")
    def short(x):
        x.head(200, {"Cache-Control": "max-age=60", "Content-Length": "1000"})
        x.send(b"x" * 500)
        x.close()

    edge = selvaged(conf(origin, trusting(ca)))
    with Client(edge.address) as c:
        c.send(b"GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(Exception):
            c.response("GET")


# --- other servers, and what else there is

def test_nginx_as_the_origin(selvaged, ca, tmp_path):
    certificate, key = ca.issue("nginx", "IP:127.0.0.1")
    port = free_port()
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "nginx.conf").write_text(
        f"{'user root; ' if os.geteuid() == 0 else ''}daemon off; pid {tmp_path}/pid; error_log stderr; worker_processes 1;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/t; proxy_temp_path {tmp_path}/t;\n"
        f"fastcgi_temp_path {tmp_path}/t; uwsgi_temp_path {tmp_path}/t; scgi_temp_path {tmp_path}/t;\n"
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate};\n"
        f"ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; root {tmp_path};\n"
        "location /seen { return 200 \"$ssl_protocol $ssl_session_reused\"; add_header Cache-Control "
        "no-store; keepalive_timeout 0; } } }\n", encoding="ascii")
    with subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf")], stderr=subprocess.PIPE) as nginx:
        try:
            wait_for(lambda: accepts(port), "nginx")
            edge = selvaged(f"origin app {{ server https://127.0.0.1:{port}; ca {ca.path}; }}\n"
                            "site localhost { origin app; }", workers=1)
            assert get(edge, "/big").body == BIG
            assert get(edge, "/seen").body[:7] == b"TLSv1.3"
            wait_for(lambda: get(edge, "/seen").body == b"TLSv1.3 r", "a session gone on with")
        finally:
            nginx.terminate()


def test_the_secrets_are_written_where_asked(selvaged, new_origin, ca, tmp_path, monkeypatch):
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    origin = new_origin(tls=ca.server())
    origin.page("/", b"here")
    edge = selvaged(conf(origin, trusting(ca)))
    assert get(edge, "/").body == b"here"
    assert re.search(r"^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$", log.read_text(), re.M)
    assert os.stat(log).st_mode & 0o777 == 0o600
    assert f"SSLKEYLOGFILE: the secrets of all TLS connections are written to {log}" in edge.stderr()
