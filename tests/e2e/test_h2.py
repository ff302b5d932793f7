"""HTTP/2 with a client: what a request and a response are, many at once, and how it all ends."""
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

import certs
import h2wire
from h2wire import H2, raw_frame
from waiting import PATIENCE_S, wait_for
from wire import Client

KEEP = {"Cache-Control": "max-age=60"}
NEVER = {"Cache-Control": "no-store"}


@pytest.fixture
def edge(selvaged, origin):
    return selvaged(origin=origin, listen="h2c")


def config(origin, head="", site=""):
    return f"{head}\norigin o {{ server {origin.url}; }}\nsite * {{ origin o; {site} }}\n"


# --- real clients

def curl(*args):
    return subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", str(PATIENCE_S), *args],
                          capture_output=True, check=True).stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl(edge, origin, tmp_path):
    body = bytes(range(256)) * 8000
    origin.page("/a", body, KEEP)

    @origin.at("/echo")
    def echo(x):
        x.reply(200, x.request.body, NEVER)

    for _ in range(2):
        assert curl(edge.url + "/a") == body
    sent = tmp_path / "sent"
    sent.write_bytes(body)
    assert curl("--data-binary", f"@{sent}", edge.url + "/echo") == body
    assert curl("-o", "/dev/null", "-w", "%{http_version} %{http_code}", edge.url + "/a") == b"2 200"
    # The same port still speaks HTTP/1.
    assert edge.get("/a").body == body


def test_http_1_that_begins_like_the_preface(edge, origin):
    """What was waited for to tell them apart is not waited for afterwards: a byte is a byte."""
    @origin.at("/echo")
    def echo(x):
        x.reply(200, x.request.body, NEVER)

    with Client(edge.address) as c:
        for piece in (b"P", b"OST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\n", b"!"):
            time.sleep(0.1)  # so that the edge looks at what has come so far
            c.send(piece)
        assert c.response("POST").body == b"!"


@pytest.mark.skipif(not shutil.which("nghttp"), reason="no nghttp")
def test_nghttp(edge, origin):
    urls = []
    for i in range(20):
        origin.page(f"/{i}", b"x" * 1000 * i, KEEP)
        urls.append(f"{edge.url}/{i}")
    done = subprocess.run(["nghttp", "-nsv", *urls], capture_output=True, text=True, check=True,
                          timeout=PATIENCE_S)
    assert done.stdout.count(":status: 200") == 20 and "RST_STREAM" not in done.stdout


def test_the_h2_library(edge, origin):
    connection = pytest.importorskip("h2.connection")
    events = pytest.importorskip("h2.events")
    origin.page("/a", b"hello", KEEP)
    with H2(edge.address, handshake=False) as c:
        h2 = connection.H2Connection()
        h2.initiate_connection()
        h2.send_headers(1, c.fields_of("/a"), end_stream=True)
        c.send(h2.data_to_send())
        seen = []
        while not any(isinstance(e, events.StreamEnded) for e in seen):
            seen += h2.receive_data(c.sock.recv(65536))
            c.send(h2.data_to_send())
    assert b"".join(e.data for e in seen if isinstance(e, events.DataReceived)) == b"hello"


# --- over TLS

@pytest.fixture
def secure(selvaged, origin, tmp_path):
    """An edge that speaks TLS, and the path of the CA that signed it."""
    ca = certs.Authority(tmp_path)
    certificate, key = ca.issue("edge", "DNS:a.test,DNS:localhost,IP:127.0.0.1")
    return selvaged(config(origin, f"certificate {certificate} key {key};"), listen="tls"), ca.path


def over_tls(edge, ca, protocols=("h2",), **options):
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(list(protocols))
    sock = context.wrap_socket(socket.create_connection(edge.address), server_hostname="a.test")
    return H2(edge.address, sock=sock, **options)


def test_alpn_chooses(secure, origin):
    edge, ca = secure
    origin.page("/a", b"hello", KEEP)
    with over_tls(edge, ca, ["h2", "http/1.1"]) as c:
        assert c.sock.selected_alpn_protocol() == "h2"
        for _ in range(3):
            assert c.get("/a", scheme="https").body == b"hello"
    assert origin.requests("/a")[0]["x-forwarded-proto"] == "https"
    with over_tls(edge, ca, ["http/1.1"], handshake=False) as c:
        assert c.sock.selected_alpn_protocol() == "http/1.1"


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl_over_tls(secure, origin):
    edge, ca = secure
    body = bytes(range(251)) * 20000
    origin.page("/a", body, KEEP)
    for _ in range(2):
        done = subprocess.run(["curl", "-sS", "--http2", "--cacert", ca, "--max-time", str(PATIENCE_S),
                               f"https://localhost:{edge.port}/a", "-w", "%{http_version}"],
                              capture_output=True, check=True)
        assert done.stdout == body + b"2"


def test_large_bodies_over_tls(secure, origin):
    edge, ca = secure
    body = bytes(range(251)) * 20000
    origin.page("/big", body, KEEP)

    @origin.at("/echo")
    def echo(x):
        x.reply(200, x.request.body, NEVER)

    with over_tls(edge, ca, settings={4: 1 << 24}) as c:
        c.open_window(0, 1 << 30)
        for stream in [c.request("/big") for _ in range(4)]:
            assert c.answer(stream).body == body
        assert c.answer(c.request("/echo", method="POST", body=b"x" * 60000)).body == b"x" * 60000


def test_updates_of_windows_may_come_late(secure, origin):
    """A client whose windows are large tells of each frame, long after all of them were sent."""
    edge, ca = secure
    body = bytes(40_000_000)
    origin.page("/big", body, KEEP)
    with over_tls(edge, ca, settings={4: 1 << 27}, give=False) as c:
        c.open_window(0, 1 << 27)
        answer = c.answer(c.request("/big"))
        assert len(answer.body) == len(body) and len(answer.pieces) > 2000
        for n in answer.pieces:
            c.open_window(0, n)
            c.open_window(0, 1)
        c.wait_pong()


def test_a_drain_over_tls(secure, origin):
    edge, ca = secure
    origin.page("/a", b"hello", KEEP)
    with over_tls(edge, ca) as c:
        c.get("/a")
        edge.signal(15)
        assert c.end() == h2wire.NO_ERROR
    edge.wait_end()


# --- requests and responses

def test_a_miss_and_a_hit(edge, origin):
    origin.page("/a", b"hello", {**KEEP, "X-Thing": "One Two"})
    with edge.h2() as c:
        first, second = c.get("/a"), c.get("/a")
        assert first.body == second.body == b"hello"
        assert first.fields.get("x-thing") == "One Two"
        assert second.fields.get("content-length") == "5" and "age" in second.fields
        assert "hit" in second.fields.get("cache-status")
    seen = origin.requests("/a")
    assert len(seen) == 1 and seen[0].version == "HTTP/1.1"
    assert seen[0]["via"].startswith("2.0 ") and seen[0]["host"] == c.authority


def test_what_is_stored_is_one_for_all_versions(edge, origin):
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        assert c.get("/a", authority="a.test").body == b"hello"
    assert edge.connect().get("/a").cache == "hit"


def test_head_and_empty_answers(edge, origin):
    origin.page("/a", b"hello", KEEP)
    origin.page("/empty", b"", KEEP)

    @origin.at("/204")
    def nothing(x):
        x.reply(204, b"", KEEP)

    with edge.h2() as c:
        for _ in range(2):
            head = c.get("/a", method="HEAD")
            assert head.fields.get("content-length") == "5" and head.pieces == []
            assert c.get("/empty").pieces == []
            assert c.get("/204").status == 204
        etag = c.get("/a").fields.get("last-modified")
        assert etag is None or c.get("/a", fields={"if-modified-since": etag}).status == 304


def test_a_body_whose_length_is_not_known(edge, origin):
    gate = threading.Event()

    @origin.at("/chunks")
    def chunks(x):
        x.head(200, {"Transfer-Encoding": "chunked", **NEVER})
        for _ in range(3):
            x.chunk(b"piece")
        x.wait(gate)
        x.last_chunk()

    with edge.h2() as c:
        a = c.streams[stream := c.request("/chunks")]
        c.until(lambda: len(a.body) == 15, "all but the end came")
        gate.set()
        c.answer(stream)
        assert a.body == b"piece" * 3 and a.ended and "content-length" not in a.fields


def test_trailers_pass(selvaged, origin):
    edge = selvaged(config(origin, site="trailers on;"), listen="h2c")

    @origin.at("/t")
    def with_trailers(x):
        x.head(200, {"Transfer-Encoding": "chunked", "Trailer": "X-Sum", **KEEP})
        x.chunk(b"body")
        x.send(b"0\r\nX-Sum: 42\r\n\r\n")

    with edge.h2() as c:
        a = c.get("/t", fields={"te": "trailers"})
        assert a.body == b"body" and a.trailers.get("x-sum") == "42"


def test_early_hints(edge, origin):
    gate = threading.Event()

    @origin.at("/hints")
    def hints(x):
        x.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        x.wait(gate)
        x.reply(200, b"page", NEVER)

    with edge.h2() as c:
        stream = c.request("/hints")
        c.until(lambda: c.streams[stream].interims, "the 103 came")
        assert c.streams[stream].interims[0][0] == 103
        gate.set()
        assert c.answer(stream).body == b"page"


def test_early_hints_that_wait_for_the_client(edge, origin):
    """The origin has long said more, and left, when they are framed."""
    link = "</" + "a" * 300 + ".css>; rel=preload"
    came, answered = threading.Event(), threading.Event()
    origin.page("/large", b"x" * (14 << 20), KEEP)  # more than sockets take
    edge.get("/large")

    @origin.at("/hints")
    def hints(x):
        x.send(f"HTTP/1.1 103 Early Hints\r\nLink: {link}\r\n\r\n".encode())
        came.set()
        x.wait(answered)
        x.reply(200, b"Z" * 5000, {"Connection": "close", **NEVER})

    with edge.h2(settings={4: (1 << 31) - 1}, give=False) as c:
        c.open_window(0, (1 << 31) - 1 - 65535)
        c.request("/large", authority="a.test")
        stream = c.request("/hints")
        wait_for(came.is_set, "the origin hints")
        answered.set()
        wait_for(lambda: edge.metric("selvage_origin_received_bytes_total") > (14 << 20) + 5000, "it answered")
        assert c.answer(stream).body == b"Z" * 5000
        assert [(status, fields) for status, fields in c.streams[stream].interims] == [(103, [("link", link)])]


def test_expect_continue(edge, origin):
    @origin.at("/up")
    def up(x):
        x.reply(200, x.request.body, NEVER)

    with edge.h2() as c:
        stream = c.request("/up", method="POST", end=False,
                           fields={"expect": "100-continue", "content-length": "5"})
        c.until(lambda: c.streams[stream].interims, "the 100 came")
        assert c.streams[stream].interims[0][0] == 100
        c.data(stream, b"hello")
        assert c.answer(stream).body == b"hello"
        assert c.get("/up", fields={"expect": "tea"}).status == 417


@pytest.mark.parametrize("length", [True, False])
def test_request_bodies(edge, origin, length):
    @origin.at("/up")
    def up(x):
        x.reply(200, x.request.body, NEVER)

    body = bytes(range(256)) * 1024
    with edge.h2() as c:
        fields = {"content-length": str(len(body))} if length else {}
        stream = c.request("/up", method="POST", end=False, fields=fields)
        c.upload(stream, body)
        assert c.answer(stream).body == body
    assert ("content-length" in origin.requests("/up")[0]) == length


def test_request_trailers_end_a_body_and_go_no_further(edge, origin):
    @origin.at("/up")
    def up(x):
        x.reply(200, x.request.body, NEVER)

    with edge.h2() as c:
        stream = c.request("/up", method="POST", body=b"hello", end=False)
        c.headers([("x-secret", "1")], stream=stream)
        assert c.answer(stream).body == b"hello"
    assert list(origin.requests("/up")[0].trailers) == []


def test_an_answer_before_the_end_of_the_body(edge, origin):
    """9113 8.1: the answer is whole, then the client is told not to go on."""
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.get("/a")
        stream = c.request("/a", end=False)
        a = c.answer(stream)
        c.until(lambda: a.reset is not None, "it was told")
        assert a.body == b"hello" and a.ended and a.reset == h2wire.NO_ERROR
        assert c.get("/a").body == b"hello"


def test_cookie_crumbs_are_joined(edge, origin):
    origin.page("/a", b"hello", NEVER)
    with edge.h2() as c:
        c.get("/a", fields=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")])
    assert origin.requests("/a")[0].fields.all("cookie") == ["a=1; b=2; c=3"]


def test_logs_tell_the_version(selvaged, origin, tmp_path):
    log = tmp_path / "access.log"
    edge = selvaged(config(origin, f"access-log {log} combined;"), listen="h2c")
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.get("/a")
        c.get("/a")
    line = wait_for(lambda: log.read_text().splitlines()[1:], "two lines")[0]
    assert '"GET /a HTTP/2.0" 200 5' in line and "cache=HIT" in line
    assert edge.metric("selvage_h2_connections_total") == 1


def test_a_preface_that_comes_byte_by_byte(edge, origin):
    origin.page("/a", b"hello", KEEP)
    with edge.h2(handshake=False) as c:
        for i in h2wire.PREFACE:
            c.send(bytes([i]))
            wait_for(lambda: True, "a packet of its own")
        c.send(raw_frame(4))
        assert c.get("/a").body == b"hello"


def test_without_h2c_there_is_no_http_2(selvaged, origin):
    edge = selvaged(origin=origin)
    edge.listen = ""
    with edge.connect() as c:
        c.send(h2wire.PREFACE)
        assert c.response().status in (400, 505)


def test_one_byte_at_a_time(edge, origin):
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.wait_pong()
        block = c.encoder.encode(c.fields_of("/a"))
        c.streams[1] = h2wire.Answer()
        for i in raw_frame(1, 5, 1, block):
            c.send(bytes([i]))
        c.next_id = 3
        assert c.answer(1).body == b"hello"


# --- many at once

def test_streams_do_not_wait_for_each_other(edge, origin):
    gate = threading.Event()

    @origin.at("/slow")
    def slow(x):
        x.head(200, {"Content-Length": "10", **NEVER})
        x.send(b"12345")
        x.wait(gate)
        x.send(b"67890")

    origin.page("/quick", b"quick", KEEP)
    with edge.h2() as c:
        slow = c.request("/slow")
        for _ in range(5):
            assert c.get("/quick").body == b"quick"
        assert not c.streams[slow].ended
        gate.set()
        assert c.answer(slow).body == b"1234567890"


def test_a_hundred_at_once(edge, origin):
    for i in range(100):
        origin.page(f"/{i}", bytes([i]) * (i * 997), KEEP)
    for _ in range(2):
        with edge.h2() as c:
            streams = [c.request(f"/{i}") for i in range(100)]
            for i, s in enumerate(streams):
                assert c.answer(s).body == bytes([i]) * (i * 997)


def test_a_stream_without_a_window_stalls_alone(edge, origin):
    origin.page("/a", b"x" * 200000, KEEP)
    with edge.h2(give=False) as c:
        c.open_window(0, 1 << 24)
        stalled = c.request("/a")
        c.until(lambda: len(c.streams[stalled].body) == 65535, "its window was used up")
        other = c.request("/a")
        for _ in range(4):
            c.open_window(other, 65535)
        assert len(c.answer(other).body) == 200000
        assert len(c.streams[stalled].body) == 65535
        c.open_window(stalled, 1 << 20)
        assert len(c.answer(stalled).body) == 200000


def test_windows_of_settings_count_for_streams_that_are_open(edge, origin):
    """9113 6.9.2: a change of the first window changes those that are open, also below 0."""
    origin.page("/a", b"x" * 100000, KEEP)
    with edge.h2(give=False) as c:
        stream = c.request("/a")
        c.until(lambda: len(c.streams[stream].body) == 65535, "the window was used up")
        c.send(raw_frame(4, 0, 0, b"\0\4" + (1000).to_bytes(4, "big")))
        c.open_window(0, 1 << 20)
        c.open_window(stream, 64000)  # still below 0
        c.wait_pong()
        assert len(c.streams[stream].body) == 65535
        c.send(raw_frame(4, 0, 0, b"\0\4" + (1 << 20).to_bytes(4, "big")))
        assert len(c.answer(stream).body) == 100000


def test_an_upload_that_nobody_reads_stalls_alone(selvaged, origin):
    """What the origin does not take is not taken from the client, and other uploads go on."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        edge = selvaged(f"""origin o {{ server {origin.url}; }}
            origin deaf {{ server http://127.0.0.1:{deaf.getsockname()[1]}; }}
            site deaf.test {{ origin deaf; }} site * {{ origin o; }}""", listen="h2c", workers=1)

        @origin.at("/up")
        def up(x):
            x.reply(200, str(len(x.request.body)).encode(), NEVER)

        with edge.h2() as c:
            stream = c.request("/up", method="POST", end=False, authority="deaf.test")
            sent = 0
            while sent < 64 << 20:
                window = 65535 + c.updates.get(stream, 0) - sent
                if window == 0:
                    if c.quiet(0.5):
                        break
                    c.next_frame()
                    continue
                c.data(stream, b"x" * min(window, 16384), end=False)
                sent += min(window, 16384)
            assert 65535 <= sent < 16 << 20
            for _ in range(20):
                a = c.answer(c.request("/up", method="POST", body=b"x" * 60000))
                assert a.body == b"60000"
            assert not c.streams[stream].over


def test_priorities_order_what_is_sent(edge, origin):
    """RFC 9218: the urgent before the less so, and incremental ones together."""
    for name in ("low", "high", "one", "two"):
        origin.page(f"/{name}", b"x" * 300000, KEEP)
    with edge.h2() as c:
        for name in ("low", "high", "one", "two"):
            c.get(f"/{name}")
    with edge.h2(give=False, settings={4: 1 << 24}) as c:
        low = c.request("/low", fields={"priority": "u=6"})
        high = c.request("/high", fields={"priority": "u=1"})
        c.until(lambda: len(c.order) >= 4, "the connection's window was used up")
        del c.order[:]
        c.open_window(0, 1 << 24)
        c.answer(low)
        assert c.streams[high].ended
        last_high = max(i for i, s in enumerate(c.order) if s == high)
        assert low not in c.order[:last_high]
    with edge.h2(give=False, settings={4: 1 << 24}) as c:
        one = c.request("/one", fields={"priority": "u=3, i"})
        two = c.request("/two", fields={"priority": "u=3, i"})
        c.until(lambda: len(c.order) >= 4, "the connection's window was used up")
        c.open_window(0, 1 << 24)
        c.answer(one)
        c.answer(two)
        changes = sum(a != b for a, b in zip(c.order, c.order[1:]))
        assert changes > 8


def test_priority_update(edge, origin):
    for name in ("a", "b"):
        origin.page(f"/{name}", b"x" * 300000, KEEP)
    with edge.h2() as c:
        c.get("/a")
        c.get("/b")
    with edge.h2(give=False, settings={4: 1 << 24}) as c:
        a = c.request("/a")
        b = c.request("/b", fields={"priority": "u=5"})
        c.until(lambda: len(c.order) >= 4, "the connection's window was used up")
        c.send(raw_frame(16, 0, 0, b.to_bytes(4, "big") + b"u=0"))
        c.wait_pong()
        del c.order[:]
        c.open_window(0, 1 << 24)
        c.answer(a)
        assert c.streams[b].ended
        assert a not in c.order[:max(i for i, s in enumerate(c.order) if s == b)]


def test_large_bodies_and_slow_readers(edge, origin):
    body = bytes(range(251)) * 40000
    origin.page("/big", body, KEEP)
    with edge.h2(settings={4: 1 << 24}) as c:
        c.open_window(0, 1 << 30)
        streams = [c.request("/big") for _ in range(4)]
        c.wait_pong()
        for s in streams:
            assert c.answer(s).body == body


# --- what goes wrong

def test_a_body_that_is_cut_is_reset(edge, origin):
    @origin.at("/cut")
    def cut(x):
        x.head(200, {"Content-Length": "10", **NEVER})
        x.send(b"12345")
        x.keep = False

    @origin.at("/cut-chunks")
    def cut_chunks(x):
        x.head(200, {"Transfer-Encoding": "chunked", **NEVER})
        x.chunk(b"12345")
        x.keep = False

    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        for path in ("/cut", "/cut-chunks"):
            a = c.get(path)
            assert a.body == b"12345" and not a.ended and a.reset == h2wire.INTERNAL_ERROR
        assert c.get("/a").body == b"hello"


def test_a_reset_gives_the_fetch_up(edge, origin):
    gate = threading.Event()

    @origin.at("/long")
    def long(x):
        x.head(200, {"Content-Length": "1000000000", **NEVER})
        while not gate.is_set():
            x.send(b"x" * 65536)

    with edge.h2(give=False) as c:
        stream = c.request("/long")
        c.until(lambda: c.streams[stream].body, "it began")
        c.rst(stream)
        origin.page("/a", b"hello", KEEP)
        c.give = True
        assert c.get("/a").body == b"hello"
        wait_for(lambda: edge.metric("selvage_requests_aborted_total") == 1, "it ended")
    gate.set()


@pytest.mark.parametrize("stall", ["stream", "connection"])
def test_a_client_that_opens_no_window_is_given_up(selvaged, origin, stall):
    edge = selvaged(config(origin, "send-timeout 500ms;"), listen="h2c")
    origin.page("/a", b"x" * 200000, KEEP)
    with edge.h2(give=False) as c:
        if stall == "stream":
            c.open_window(0, 1 << 24)
        a = c.get("/a")
        assert len(a.body) == 65535 and a.reset == h2wire.CANCEL
        assert edge.metric("selvage_client_timeouts_total") == 1


def test_a_client_that_drips_windows_is_given_up(selvaged, origin):
    edge = selvaged(config(origin, "send-timeout 500ms; send-rate 1000B;"), listen="h2c")
    origin.page("/a", b"x" * 200000, KEEP)
    with edge.h2(give=False, settings={4: 0}) as c:
        stream = c.request("/a")
        a = c.streams[stream]

        def drip():
            if not a.over:
                c.open_window(stream, 1)
                threading.Timer(0.1, drip).start()

        drip()
        assert c.answer(stream).reset == h2wire.CANCEL


def test_a_body_that_does_not_come(selvaged, origin):
    edge = selvaged(config(origin, "body-timeout 300ms;"), listen="h2c")
    with edge.h2() as c:
        a = c.answer(c.request("/up", method="POST", end=False, fields={"content-length": "5"}))
        assert a.status == 408
        origin.page("/a", b"hello", KEEP)
        assert c.get("/a").body == b"hello"


def test_too_large_a_body(selvaged, origin):
    edge = selvaged(config(origin, "request-body 10B;"), listen="h2c")
    with edge.h2() as c:
        a = c.answer(c.request("/up", method="POST", end=False, fields={"content-length": "11"}))
        assert a.status == 413
        a = c.answer(c.request("/up", method="POST", body=b"x" * 11))
        assert a.status == 413


# --- the end

def test_a_drain_finishes_what_was_asked(selvaged, origin):
    edge = selvaged(origin=origin, listen="h2c")
    gate = threading.Event()

    @origin.at("/slow")
    def slow(x):
        x.wait(gate)
        x.reply(200, b"slow", NEVER)

    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c, edge.h2() as idle:
        idle.get("/a")
        stream = c.request("/slow")
        origin.wait_count(1, "/slow")
        edge.signal(15)
        c.until(lambda: len(c.goaways) == 2, "the two GOAWAYs came")
        # First a notice that refuses nothing, then the number of the last request that is served.
        assert c.goaways == [(0, (1 << 31) - 1), (0, stream)]
        gate.set()
        assert c.answer(stream).body == b"slow"
        assert c.end() == h2wire.NO_ERROR
        assert idle.end() == h2wire.NO_ERROR
    edge.wait_end()


def test_what_is_asked_before_the_notice_is_heard_is_served(selvaged, origin):
    edge = selvaged(origin=origin, listen="h2c")
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.get("/a")
        edge.signal(15)
        wait_for(lambda: "finishing what is in flight" in edge.stderr(), "it began to stop")
        # The notice is on its way, and so is our request: its PING is not answered before.
        assert c.get("/a").body == b"hello"
        assert c.end() == h2wire.NO_ERROR
    edge.wait_end()


def test_idle_connections_end(selvaged, origin):
    edge = selvaged(config(origin, "idle-timeout 300ms; head-timeout 300ms;"), listen="h2c")
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.get("/a")
        assert c.end() == h2wire.NO_ERROR
    with edge.h2() as c:  # no request at all
        assert c.end() == h2wire.NO_ERROR
    with edge.h2() as c:  # a head that does not end
        c.get("/a")
        c.send(raw_frame(1, 1, 3, c.encoder.encode(c.fields_of("/a"))))
        assert c.end() == h2wire.NO_ERROR


def test_pings_do_not_keep_a_connection(selvaged, origin):
    edge = selvaged(config(origin, "idle-timeout 1500ms;"), listen="h2c")
    origin.page("/a", b"hello", KEEP)
    with edge.h2() as c:
        c.get("/a")
        done = threading.Event()

        def knock():
            while not done.wait(0.2):
                try:
                    c.ping()
                except OSError:
                    return

        t = threading.Thread(target=knock)
        t.start()
        assert c.end() == h2wire.NO_ERROR
        done.set()
        t.join()


def test_settings_are_what_we_say(edge):
    with edge.h2() as c:
        c.until(lambda: c.updates and c.acks, "the first frames came")
        assert c.settings[3] == 128 and c.settings[6] == 65536 and c.settings[9] == 1
        assert c.updates == {0: (1 << 20) - 65535}
