"""The PROXY protocol, versions 1 and 2: who is believed, and what the client's address is then."""
import json
import os
import socket
import ssl
import struct
import subprocess
import time

import pytest

from edge import free_port
from waiting import wait_for
from wire import Client

KEEP = {"Cache-Control": "max-age=60"}
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v1(client="192.0.2.1", local="198.51.100.2", family="TCP4"):
    return f"PROXY {family} {client} {local} 1234 80\r\n".encode()


def v2(client="192.0.2.1", local="198.51.100.2", tlvs=b"", command=1):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    body = socket.inet_pton(family, client) + socket.inet_pton(family, local)
    body += struct.pack(">HH", 1234, 80) + tlvs
    return V2 + bytes([0x20 | command, 0x21 if ":" in client else 0x11]) + struct.pack(
        ">H", len(body)) + body


@pytest.fixture
def behind(selvaged, origin):
    """(edge, address of a listener behind proxies in 127.0.0.1/32, entries of the log)."""
    def start(more="", proxies="127.0.0.1"):
        port = free_port()
        origin.page("/a", b"hello", KEEP)
        origin.page("/n", b"hello", {"Cache-Control": "no-store"})
        edge = selvaged(config=f"""
            listen 127.0.0.1:{port} proxy from {proxies};
            access-log access.log json;
            {more}
            site * {{ origin {origin.url}; }}""")

        def log(n):
            def entries():
                with open(os.path.join(edge.dir, "access.log"), encoding="utf-8") as f:
                    lines = f.read().splitlines()
                return len(lines) >= n and [json.loads(line) for line in lines]
            return wait_for(entries, f"{n} lines in the log")
        return edge, ("127.0.0.1", port), log
    return start


def refusals(edge, reason):
    return edge.metrics()[f'selvage_proxy_refused_total{{reason="{reason}"}}']


@pytest.mark.parametrize("header,client", [
    (v1(), "192.0.2.1"), (v1("2001:db8::7", "::1", "TCP6"), "2001:db8::7"),
    (v2(), "192.0.2.1"), (v2("2001:db8::7", "::1"), "2001:db8::7"),
    (v2(tlvs=b"\x02\0\x06a.test\x04\0\0"), "192.0.2.1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (V2 + b"\x20\0\0\0", "127.0.0.1"),
    (v2(command=0), "127.0.0.1"),
])
def test_the_client_is_who_the_proxy_says(behind, origin, header, client):
    _, address, log = behind()
    with Client(address) as c:
        c.send(header)
        assert c.get("/n").status == 200
        assert c.get("/n").status == 200  # the header belongs to the connection
    assert [r["x-forwarded-for"] for r in origin.requests("/n")] == [client] * 2
    assert [e["client"] for e in log(2)] == [client] * 2


@pytest.mark.parametrize("header", [v1(), v2(), v2(tlvs=b"\x02\0\x06a.test")])
def test_byte_by_byte(behind, header):
    edge, address, log = behind()
    with Client(address) as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(header)):
            c.send(header[i:i + 1])
            time.sleep(0.001)  # so that they are packets of their own, as far as can be
        assert c.get("/a").status == 200
    assert log(1)[0]["client"] == "192.0.2.1"
    assert refusals(edge, "malformed") == 0


def test_in_one_packet_with_requests(behind):
    _, address, _ = behind()
    with Client(address) as c:
        c.send(v2() + b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n" * 2)
        assert c.response().body == b"hello"
        assert c.response().body == b"hello"


def test_by_curl(behind):
    _, address, log = behind()
    done = subprocess.run(["curl", "-sS", "--haproxy-protocol", f"http://127.0.0.1:{address[1]}/a"],
                          capture_output=True, check=True)
    assert done.stdout == b"hello"
    assert log(1)[0]["client"] == "127.0.0.1"


@pytest.fixture
def behind_tls(behind, tmp_path):
    """The same with a listener that speaks TLS and HTTP/2."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=a.test", "-addext",
                    "subjectAltName=DNS:a.test", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "cert.pem"], check=True, capture_output=True)
    port = free_port()
    edge, _, log = behind(f"listen 127.0.0.1:{port} tls proxy from 127.0.0.1;\n"
                          f"certificate {tmp_path}/cert.pem key {tmp_path}/key.pem;")
    return edge, ("127.0.0.1", port), log


@pytest.mark.parametrize("header", [v1(), v2(tlvs=b"\x20\0\x05\x01\0\0\0\0")])
def test_before_tls(behind_tls, header):
    """Byte by byte, so that the first record comes when the header has been read, and at once."""
    _, address, log = behind_tls
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for n, piece in enumerate((1, len(header))):
        with socket.create_connection(address) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(0, len(header), piece):
                s.sendall(header[i:i + piece])
            with context.wrap_socket(s, server_hostname="a.test") as secure:
                secure.sendall(b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
                got = b""
                while data := secure.recv(4096):
                    got += data
        assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"hello")
        assert log(n + 1)[n]["client"] == "192.0.2.1"


def test_before_tls_by_curl(behind_tls):
    edge, address, log = behind_tls
    url = f"https://127.0.0.1:{address[1]}/a"
    done = subprocess.run(["curl", "-ksS", "--http2", "--haproxy-protocol", "-w", " %{http_version}",
                           "-H", "Host: a.test", url], capture_output=True, check=True)
    assert done.stdout == b"hello 2"
    assert log(1)[0]["client"] == "127.0.0.1"
    # TLS at once, without a header.
    done = subprocess.run(["curl", "-ksS", url], capture_output=True, check=False)
    assert done.returncode == 35 and refusals(edge, "malformed") == 1


@pytest.mark.parametrize("first", [
    b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234\r\n", b"PROXY UNKNOWN " + b"x" * 200,
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 80\nGET /a HTTP/1.1\r\nHost: a.test\r\n\r\n",
    V2 + b"\x21\x11\0\x04abcd", V2 + b"\x21\x11\xff\xff", V2 + b"\x11\x11\0\0",
    v2(tlvs=b"\x03\0\x04\0\0\0\0"), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])
def test_no_good_header(behind, first):
    edge, address, _ = behind()
    with Client(address) as c:
        c.send(first)
        c.expect_close()
    assert refusals(edge, "malformed") == 1
    assert edge.get("/a").status == 200  # the other listener asks for none


def test_cut_header(behind):
    edge, address, _ = behind("head-timeout 300ms;")
    with Client(address) as c:
        c.send(v2()[:-1])
        c.sock.shutdown(socket.SHUT_WR)
        c.expect_close()
    with Client(address) as c:
        c.send(v1()[:-1])
        c.expect_close()
    with Client(address) as c:
        c.expect_close()  # who says nothing does not stay either
    wait_for(lambda: edge.metric("selvage_client_timeouts_total") == 2, "both timeouts")


def test_from_elsewhere(behind):
    edge, address, _ = behind(proxies="192.0.2.0/24 2001:db8::/32")
    with Client(address) as c:
        c.send(v1())
        c.expect_close()
    assert refusals(edge, "address") == 1 and refusals(edge, "malformed") == 0


def test_a_second_header_is_no_request(behind):
    _, address, _ = behind()
    with Client(address) as c:
        c.send(v1() + v1("203.0.113.1"))
        assert c.response().status == 400


def test_who_may_purge_is_the_client(behind):
    _, address, _ = behind("purge-from 192.0.2.1;")
    for client, status in (("192.0.2.1", 200), ("192.0.2.2", 403)):
        with Client(address) as c:
            c.send(v1(client))
            assert c.get("/a", method="PURGE").status == status


def test_connections_of_a_client(behind):
    """Counted for the one that the header names, by address or by the /64 of it."""
    edge, address, _ = behind("max-connections-per-client 2 except 127.0.0.1 203.0.113.0/24;")

    def connect(client, local="::1"):
        c = Client(address)
        c.send(v2(client, local if ":" in client else "198.51.100.2"))
        return c

    def served(c):
        try:
            return c.get("/a").status == 200
        except (AssertionError, OSError):
            return False

    held = [connect("192.0.2.1") for _ in range(2)] + [connect("2001:db8::1"), connect("2001:db8::2")]
    assert all(served(c) for c in held)
    for client in ("192.0.2.1", "2001:db8::ffff:1"):
        with connect(client) as c:
            assert not served(c)
    for client in ("192.0.2.2", "2001:db8:0:1::1"):
        with connect(client) as c:
            assert served(c)
    many = [connect("203.0.113.5") for _ in range(5)]
    assert all(served(c) for c in many)
    assert edge.metric("selvage_connections_refused_client_total") == 2
    held[0].close()

    def again():
        with connect("192.0.2.1") as c:
            return served(c)
    wait_for(again, "room for another one")
    for c in held[1:] + many:
        c.close()


def test_connections_of_a_client_without_proxy(selvaged, origin):
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config=f"max-connections-per-client 3;\nsite * {{ origin {origin.url}; }}")
    held = []

    def one_more():
        c = edge.connect()
        try:
            assert c.get("/a").status == 200
        except (AssertionError, OSError):
            c.close()
            return False
        held.append(c)
        return len(held) == 3
    wait_for(one_more, "three connections")  # the harness's own may still be there
    with edge.connect() as c:
        try:
            c.request("/a")
            assert c.until_close() == b""
        except OSError:
            pass
    for c in held:
        assert c.get("/a").status == 200
        c.close()
