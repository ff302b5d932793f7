"""Bytes over TLS to clients: pieces of any size, clients that are slow, and how it ends."""
import hashlib
import socket
import ssl
import threading

import pytest

from certs import Authority
from edge import free_port
from waiting import PATIENCE_S
from wire import Client, Stream

BIG = bytes(range(256)) * 6000
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


class TlsClient(Client):
    """A client by TLS that takes an end without close_notify for a fault."""

    def __init__(self, port, ca, version, receive_bytes=None):
        context = ssl.create_default_context(cafile=ca.path)
        context.minimum_version = context.maximum_version = version
        raw = socket.socket()
        if receive_bytes:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        raw.settimeout(PATIENCE_S)
        raw.connect(("127.0.0.1", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Stream.__init__(self, context.wrap_socket(raw, server_hostname="localhost",
                                                  suppress_ragged_eofs=False))


@pytest.fixture
def start(selvaged, ca):
    """-> a function that connects by TLS."""
    def make(origin):
        certificate, key = ca.issue("edge", "DNS:localhost")
        port = free_port()
        selvaged(f"listen 127.0.0.1:{port} tls; certificate {certificate} key {key};\n"
                 f"origin app {{ server {origin.url}; {f'ca {ca.path};' if origin.tls else ''} }}\n"
                 "site localhost { origin app; }\n")
        return lambda version, **options: TlsClient(port, ca, version, **options)
    return make


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_in_any_pieces(start, origin, version):
    for n in range(20):
        origin.page(f"/{n}", b"%d" % n, {"Cache-Control": "max-age=60"})
    connect = start(origin)
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(20))
    for piece in (len(requests), 1000, 33, 1):
        with connect(version) as c:
            for at in range(0, len(requests), piece):
                c.send(requests[at:at + piece])
            for n in range(20):
                assert c.response().body == b"%d" % n
            c.request("/0", host="localhost", fields={"Connection": "close"})
            assert c.response().body == b"0"
            c.expect_close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fields", [{}, {"Connection": "close"}])
def test_a_slow_client_gets_all_of_it(start, origin, version, fields):
    origin.page("/big", BIG, {"Cache-Control": "max-age=60"})
    connect = start(origin)
    with connect(version, receive_bytes=16384) as c:
        c.request("/big", host="localhost", fields=fields)
        r = c.read_head()
        got = c.take(len(c.buffer))
        while len(got) < len(BIG):
            data = c.sock.recv(3000)
            assert data
            got += data
        assert got == BIG
        if "Connection" in fields:
            assert r.fields.get("connection") == "close"
            c.expect_close()  # with close_notify, or this would raise
        else:
            c.request("/big", host="localhost")
            assert c.response().body == BIG


def test_the_end_waits_for_what_is_owed(start, origin):
    """Nobody reads for longer than the edge lingers: what was not taken yet comes all the same."""
    origin.page("/some", BIG, {"Cache-Control": "max-age=60"})
    connect = start(origin)
    with connect(VERSIONS[1], receive_bytes=16384) as c:
        c.request("/some", host="localhost", fields={"Connection": "close"})
        r = c.read_head()
        threading.Event().wait(3)  # more than the 2 s of lingering
        assert c.read_body(r).body == BIG
        c.expect_close()


@pytest.mark.parametrize("version", VERSIONS)
def test_big_bodies_both_ways(start, new_origin, ca, version):
    """TLS on both sides of the edge."""
    origin = new_origin(tls=ca.server())

    @origin.at("/post")
    def post(x):
        x.reply(200, hashlib.sha256(x.request.body).hexdigest().encode() + x.request.body)

    connect = start(origin)
    with connect(version) as c:
        c.send(b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BIG))
        c.send(BIG)
        assert c.response("POST").body == hashlib.sha256(BIG).hexdigest().encode() + BIG
