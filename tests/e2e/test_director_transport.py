"""How questions come to the director and answers leave it: datagrams, connections, TLS, proxies."""
import random
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.query
import pytest

from director import (cookie, free_port, nsid, option_data, option_of, query, rcode, run_director, texts)
from edge import instrumented
from waiting import PATIENCE_S, wait_for

ZONE = """
zone cdn.test {
    soa ns1 hostmaster serial 1;
    ns ns1;
    name ns1 { a 192.0.2.53; aaaa 2001:db8::53; }
    name www { a 192.0.2.1; }
    name big { %s }
    name *.made { a 192.0.2.2; }
}
""" % " ".join(f'txt "{i:03d}{"x" * 200}";' for i in range(12))

KEEPALIVE, PADDING, COOKIE, NSID = 11, 12, 10, 3


# --- datagrams -----------------------------------------------------------------------------------

def test_an_answer_leaves_from_the_address_that_was_asked(director):
    port = free_port()
    d = director(f"listen 0.0.0.0:{port} dns;" + ZONE)
    for host in "127.0.0.1", "127.0.0.77":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE_S)
            s.sendto(query("www.cdn.test").to_wire(), (host, port))
            assert s.recvfrom(4096)[1] == (host, port)
    assert d.metrics()['selvage_dns_queries_total{transport="udp"}'] >= 2


def test_the_size_of_answers_by_udp(director):
    d = director(ZONE)
    for payload, edns in ((512, None), (512, 0), (1232, 0), (4096, 0)):
        m = d.exchange(query("big.cdn.test", "TXT", edns=edns, payload=payload))
        assert m.flags & dns.flags.TC and len(m.to_wire()) <= min(payload, 1232)
    assert len(texts(d.ask("big.cdn.test", "TXT", by="tcp"))) == 12
    assert d.metric("selvage_dns_truncated_total") == 4
    wide = director("dns { udp-size 4096B; }" + ZONE)
    assert len(texts(wide.ask("big.cdn.test", "TXT", payload=4096))) == 12
    assert wide.ask("big.cdn.test", "TXT", payload=1232).flags & dns.flags.TC


def test_truncated_answers_are_asked_again_by_tcp_as_clients_do(director):
    d = director(ZONE)
    m, by_tcp = dns.query.udp_with_fallback(query("big.cdn.test", "TXT"), "127.0.0.1", PATIENCE_S, d.port)
    assert by_tcp and len(texts(m)) == 12


def test_hostile_datagrams_harm_nobody(director):
    d = director(ZONE)
    rand = random.Random(7)
    good = query("www.cdn.test", ecs="203.0.113.0/24", options=[cookie(b"12345678"), nsid()]).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        for n in range(20000):
            kind = n % 4
            if kind == 0:
                data = rand.randbytes(rand.randrange(0, 600))
            elif kind == 1:
                data = good[:rand.randrange(len(good))]
            elif kind == 2:
                data = bytearray(good)
                for _ in range(rand.randrange(1, 6)):
                    data[rand.randrange(len(data))] = rand.randrange(256)
            else:
                data = good + rand.randbytes(rand.randrange(1, 40))
            s.sendto(data, d.address)
            if n % 64 == 0:
                while True:
                    try:
                        answer = s.recv(65535)
                    except BlockingIOError:
                        break
                    assert len(answer) >= 12 and answer[2] & 0x80
    assert texts(d.ask("www.cdn.test")) == ["192.0.2.1"]


def test_what_gets_no_answer(director):
    d = director(ZONE)
    whole = query("www.cdn.test").to_wire()
    assert d.raw(whole) is not None
    assert d.raw(whole[:11], 0.2) is None
    assert d.raw(whole[:2] + bytes([whole[2] | 0x80]) + whole[3:], 0.2) is None
    assert d.raw(whole + bytes(3000), 0.2) is None
    m = d.metrics()
    assert [m[f'selvage_dns_dropped_total{{reason="{r}"}}'] for r in ("short", "response", "long")] == [1, 1, 1]


def test_a_question_that_pretends_to_come_from_ourselves(director):
    """Such a datagram cannot be sent without privileges, except by the daemon's neighbour on the
    same port: 127.0.0.2 asks with our port as its own, and that is fine."""
    d = director(ZONE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.2", d.port))
        s.settimeout(PATIENCE_S)
        s.sendto(query("www.cdn.test").to_wire(), d.address)
        assert texts(dns.message.from_wire(s.recv(4096))) == ["192.0.2.1"]


# --- connections ---------------------------------------------------------------------------------

def test_pipelined_questions_are_answered_in_order(director):
    d = director(ZONE)
    questions = [query(f"n{i}.made.cdn.test") for i in range(500)]
    with d.connect() as c:
        sender = threading.Thread(target=c.send, args=questions)
        sender.start()
        answers = [c.receive() for _ in questions]
        sender.join()
        assert [a.id for a in answers] == [q.id for q in questions]
        assert all(texts(a) == ["192.0.2.2"] for a in answers)
        # One of them byte by byte, and the last one before the client finishes.
        wire = query("www.cdn.test").to_wire()
        for byte in struct.pack("!H", len(wire)) + wire:
            c.sock.sendall(bytes([byte]))
        assert texts(c.receive()) == ["192.0.2.1"]
        c.send(query("www.cdn.test"))
        c.sock.shutdown(socket.SHUT_WR)
        assert texts(c.receive()) == ["192.0.2.1"]
        assert c.ended()


def stopped_at(value, above, below):
    """Waits until a growing number stays the same for a while."""
    seen = [-1] * 20

    def stays():
        time.sleep(0.02)
        seen.append(value())
        return above < seen[-1] < below and len(set(seen[-20:])) == 1

    wait_for(stays, f"stopped between {above} and {below}")


def test_who_takes_no_answers_is_not_read_from_and_loses_none(director):
    d = director(ZONE)
    questions = [query("big.cdn.test", "TXT").to_wire() for _ in range(6000)]
    with d.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        before = d.rss_bytes()
        sender = threading.Thread(target=c.send, args=questions)
        sender.start()
        # Answers are 2.5 KiB: what is not taken stops in the sockets, and the client's sending too.
        stopped_at(lambda: d.metrics()['selvage_dns_queries_total{transport="tcp"}'], above=100, below=6000)
        # (A sanitizer keeps what was freed for a while.)
        assert d.rss_bytes() - before < (64 << 20 if instrumented() else 4 << 20)
        for q in questions:
            assert c.receive_wire()[:2] == q[:2]
        sender.join()


def test_who_takes_no_answers_for_long_is_ended(director):
    d = director("send-timeout 300ms;" + ZONE)
    with d.connect() as c:
        c.sock.settimeout(0.2)
        wire = query("big.cdn.test", "TXT").to_wire()
        message = struct.pack("!H", len(wire)) + wire
        try:
            for _ in range(100000):
                c.sock.sendall(message * 64)
        except (socket.timeout, ConnectionError):
            pass
        wait_for(lambda: d.metric("selvage_client_timeouts_total") >= 1, "ended")


def test_connections_without_questions_end(director):
    d = director("dns { tcp-idle 300ms; }" + ZONE)
    with d.connect() as silent, d.connect() as slow, d.connect() as busy:
        start = time.monotonic()
        assert texts(busy.ask("www.cdn.test")) == ["192.0.2.1"]
        while time.monotonic() < start + 0.6:
            assert texts(busy.ask("www.cdn.test")) == ["192.0.2.1"]
            try:
                slow.sock.sendall(b"\0")  # the beginning of no message
            except OSError:
                pass
            time.sleep(0.02)
        assert silent.ended(5) and slow.ended(5)
        assert busy.ended(5)


def test_what_is_no_question_ends_the_connection(director):
    d = director(ZONE)
    answer = bytearray(query("www.cdn.test").to_wire())
    answer[2] |= 0x80
    for message in b"", b"short", bytes(answer):
        with d.connect() as c:
            c.send(query("www.cdn.test"), message)
            assert texts(c.receive()) == ["192.0.2.1"]
            assert c.ended()


def test_the_time_of_an_idle_connection_is_told(director):
    d = director("dns { tcp-idle 20s; }" + ZONE)
    ask = dns.edns.GenericOption(KEEPALIVE, b"")
    assert option_data(option_of(d.ask("www.cdn.test", options=[ask], by="tcp"), KEEPALIVE)) == b"\0\xc8"
    assert not d.ask("www.cdn.test", by="tcp", edns=None).options
    assert option_of(d.ask("www.cdn.test", options=[ask]), KEEPALIVE) is None


def test_connections_are_limited(director):
    d = director("max-connections-per-client 3;" + ZONE)
    with d.connect() as a, d.connect() as b, d.connect() as c:
        for each in a, b, c:
            assert texts(each.ask("www.cdn.test")) == ["192.0.2.1"]
        with d.connect() as fourth:
            assert fourth.ended()
    wait_for(lambda: d.metric("selvage_connections_closed_total") >= 4, "closed")
    assert texts(d.ask("www.cdn.test", by="tcp")) == ["192.0.2.1"]


# --- TLS -----------------------------------------------------------------------------------------

def test_over_tls(director):
    d = director(ZONE, tls=True)
    with d.connect(tls=True) as c:
        assert c.sock.selected_alpn_protocol() == "dot"
        for _ in range(3):
            assert texts(c.ask("www.cdn.test")) == ["192.0.2.1"]
        assert len(texts(c.ask("big.cdn.test", "TXT"))) == 12
        padded = query("www.cdn.test", options=[dns.edns.GenericOption(PADDING, b"")])
        c.send(padded)
        wire = c.receive_wire()
        assert len(wire) % 468 == 0
        assert texts(dns.message.from_wire(wire)) == ["192.0.2.1"]
    assert texts(d.ask("www.cdn.test", by="tls")) == ["192.0.2.1"]
    assert d.metrics()['selvage_dns_queries_total{transport="tls"}'] == 6


def test_tls_clients_need_not_name_the_protocol_but_no_other_one(director):
    d = director(ZONE, tls=True)
    for alpn, taken in ((None, True), ("dot", True), ("h2", False)):
        context = d.tls_context(alpn)
        with socket.create_connection(("127.0.0.1", d.tls_port), PATIENCE_S) as s:
            if taken:
                with context.wrap_socket(s, server_hostname="ns.test") as t:
                    wire = query("www.cdn.test").to_wire()
                    t.sendall(struct.pack("!H", len(wire)) + wire)
                    assert len(t.recv(4096)) > 12
            else:
                with pytest.raises(ssl.SSLError):
                    context.wrap_socket(s, server_hostname="ns.test")


def test_dig_over_tls(director):
    d = director(ZONE, tls=True)
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(d.tls_port), "+tls", "+short", "+tries=1",
                           "+timeout=10", "www.cdn.test"], capture_output=True, text=True, check=False)
    if "Invalid option" in done.stdout + done.stderr:
        pytest.skip("this dig cannot speak TLS")
    assert done.stdout == "192.0.2.1\n", done.stdout + done.stderr


# --- cookies -------------------------------------------------------------------------------------

def cookie_of(message):
    return option_data(option_of(message, COOKIE))


def test_cookies(director):
    d = director(ZONE)
    first = cookie_of(d.ask("www.cdn.test", options=[cookie(b"clientOK")]))
    assert len(first) == 24 and first.startswith(b"clientOK")
    assert cookie_of(d.ask("www.cdn.test", options=[cookie(first)])) == first
    bad = first[:-1] + bytes([first[-1] ^ 1])
    m = d.ask("www.cdn.test", options=[cookie(bad)])
    assert rcode(m) == "NOERROR" and cookie_of(m) != bad
    assert cookie_of(d.ask("www.cdn.test")) is None
    assert rcode(d.ask("www.cdn.test", options=[cookie(b"short")])) == "FORMERR"
    m = d.metrics()
    assert [m[f'selvage_dns_cookies_total{{state="{s}"}}'] for s in ("new", "good", "invalid")] == [1, 1, 1]


def test_cookies_are_bound_to_the_address_and_fleets_share_keys(director, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# of the fleet\n" + "00112233445566778899aabbccddeeff\n")
    conf = f"dns {{ cookie-keys {keys}; cookies require; }}" + ZONE
    a, b = director(conf), director(conf)
    first = cookie_of(a.ask("www.cdn.test", options=[cookie(b"clientOK")]))
    assert texts(b.ask("www.cdn.test", options=[cookie(first)])) == ["192.0.2.1"]
    assert rcode(b.ask("www.cdn.test", options=[cookie(first)], source="127.0.0.9")) == "BADCOOKIE"


def test_cookies_may_be_required_by_udp(director):
    d = director("dns { cookies require; }" + ZONE)
    m = d.ask("www.cdn.test")
    assert m.flags & dns.flags.TC and texts(m) == []
    m = d.ask("www.cdn.test", options=[cookie(b"clientOK")])
    assert rcode(m) == "BADCOOKIE" and texts(m) == []
    assert texts(d.ask("www.cdn.test", options=[cookie(cookie_of(m))])) == ["192.0.2.1"]
    assert texts(d.ask("www.cdn.test", by="tcp")) == ["192.0.2.1"]
    off = director("dns { cookies off; }" + ZONE)
    assert cookie_of(off.ask("www.cdn.test", options=[cookie(b"clientOK")])) is None


def without_a_question(*options):
    m = dns.message.Message()
    m.use_edns(0, 0, 1232, options=list(options))
    m.flags = 0
    return m


@pytest.mark.parametrize("cookies", ["on", "require"])
def test_a_cookie_can_be_asked_for_alone(director, cookies):
    """RFC 7873 §5.4: without a question."""
    d = director(f"dns {{ cookies {cookies}; }}" + ZONE)
    m = d.exchange(without_a_question(cookie(b"clientOK")))
    first = cookie_of(m)
    assert rcode(m) == "NOERROR" and len(first) == 24 and not m.flags & dns.flags.TC
    for by in "udp", "tcp":
        assert rcode(d.exchange(without_a_question(cookie(first)), by=by)) == "NOERROR"
        m = d.exchange(without_a_question(cookie(first[:-1] + bytes([first[-1] ^ 1]))), by=by)
        assert rcode(m) == "BADCOOKIE" and cookie_of(m)[:8] == b"clientOK"
    assert rcode(d.exchange(without_a_question())) == "FORMERR"


def test_where_there_are_no_cookies_none_can_be_asked_for(director):
    d = director("dns { cookies off; }" + ZONE)
    assert rcode(d.exchange(without_a_question(cookie(b"clientOK")))) == "FORMERR"


def test_who_is_sent_to_tcp_is_not_sent_to_a_pop(director):
    d = director("""dns { cookies require; } pop fra { address 192.0.2.1; } steer cdn { pops fra; }
        zone cdn.test { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.53; } name www { steer cdn; } }""", workers=1)
    assert texts(d.ask("www.cdn.test", by="tcp")) == ["192.0.2.1"]
    for _ in range(5):
        assert d.ask("www.cdn.test").flags & dns.flags.TC
    assert d.metric("selvage_director_pop_answers_total") == 1


def test_files_of_cookie_keys_are_judged(director, tmp_path):
    conf, keys = tmp_path / "conf", tmp_path / "keys"
    conf.write_text(f"listen 127.0.0.1:0 dns; dns {{ cookie-keys {keys}; }}")
    for text, says in ((None, "cannot read"), ("", "has no keys"), ("00\n", "32 hexadecimal"),
                       ("x" * 32, "32 hexadecimal"), ("0" * 32 + "\n", None), (("0" * 32 + "\n") * 5, "more than 4"),
                       ("#" * 5000, "too large")):
        if text is not None:
            keys.write_text(text)
        done = run_director("-t", "-c", conf)
        assert (done.returncode == 0) == (says is None)
        assert says is None or says in done.stderr, done.stderr


# --- rates ---------------------------------------------------------------------------------------

def burst(d, n, name="www.cdn.test", kind="A", source="127.0.0.1", **options):
    """n questions at once: how many full answers, truncated ones, and none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((source, 0))
        questions = [query(name(i) if callable(name) else name, kind, **options) for i in range(n)]
        for q in questions:
            s.sendto(q.to_wire(), d.address)
        full = cut = 0
        s.settimeout(0.3)
        while full + cut < n:
            try:
                m = dns.message.from_wire(s.recv(4096))
            except socket.timeout:
                break
            cut += bool(m.flags & dns.flags.TC)
            full += not m.flags & dns.flags.TC
        return full, cut, n - full - cut


def test_rates_are_limited_by_client_network_and_name(director):
    d = director("dns { rate-limit { answers 10; nxdomain 5; errors 3; slip 2; except 127.0.7.0/24; } }" + ZONE)
    full, cut, none = burst(d, 50)
    assert 10 <= full <= 14 and abs(cut - none) <= 1
    assert burst(d, 5, "ns1.cdn.test") == (5, 0, 0)              # another name
    assert burst(d, 8, source="127.0.9.1") == (8, 0, 0)          # another network
    full, _, none = burst(d, 40, lambda i: f"n{i}.made.cdn.test")  # one wildcard
    assert full <= 14 and none > 5
    full, _, _ = burst(d, 40, lambda i: f"none{i}.cdn.test")
    assert 5 <= full <= 8
    full, _, _ = burst(d, 40, lambda i: f"www{i}.example.org")
    assert 3 <= full <= 6
    assert burst(d, 50, source="127.0.7.7") == (50, 0, 0)
    m = d.metrics()
    assert m['selvage_dns_limited_total{action="slipped"}'] > 20
    assert m['selvage_dns_limited_total{action="dropped"}'] > 20


def test_rates_are_not_limited_for_those_who_are_who_they_say(director):
    d = director("dns { rate-limit { answers 5; slip 0; } }" + ZONE)
    mine = cookie_of(d.ask("www.cdn.test", options=[cookie(b"clientOK")]))
    assert burst(d, 60, options=[cookie(mine)]) == (60, 0, 0)
    with d.connect() as c:
        for _ in range(60):
            assert texts(c.ask("www.cdn.test")) == ["192.0.2.1"]
    full, cut, none = burst(d, 40, source="127.0.9.1")
    assert cut == 0 and none > 20 and 5 <= full <= 8


def test_rates_may_be_tried_dry(director):
    d = director("dns { rate-limit { answers 5; dry-run on; } }" + ZONE)
    assert burst(d, 40) == (40, 0, 0)
    assert d.metrics()['selvage_dns_limited_total{action="dry-run"}'] >= 30


# --- behind a proxy ------------------------------------------------------------------------------

def proxy_v2(client, dgram=True, command=1):
    address = socket.inet_aton(client) + socket.inet_aton("192.0.2.99") + struct.pack("!HH", 4321, 53)
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, 0x12 if dgram else 0x11])
            + struct.pack("!H", len(address)) + address)


def test_clients_behind_a_proxy_by_udp(director):
    """A cookie holds for an address, so it tells which one was believed."""
    d = director("dns { cookies require; }" + ZONE, listen="proxy from 127.0.0.0/28")

    def ask(client, given, **how):
        raw = d.raw(proxy_v2(client, **how) + query("www.cdn.test", options=[cookie(given)]).to_wire(), 5)
        return dns.message.from_wire(raw)

    mine = cookie_of(ask("203.0.113.7", b"clientOK"))
    assert texts(ask("203.0.113.7", mine)) == ["192.0.2.1"]
    assert texts(ask("203.0.113.7", mine, dgram=False)) == ["192.0.2.1"]
    assert rcode(ask("203.0.113.8", mine)) == "BADCOOKIE"
    assert rcode(ask("203.0.113.7", mine, command=0)) == "BADCOOKIE"  # LOCAL: the proxy's own
    plain = query("www.cdn.test").to_wire()
    assert d.raw(plain, 0.2) is None
    assert d.raw(proxy_v2("203.0.113.7")[:20], 0.2) is None
    assert d.raw(proxy_v2("203.0.113.7") + plain, 0.2, source="127.0.0.77") is None
    assert d.metrics()['selvage_dns_dropped_total{reason="proxy"}'] == 3


def test_clients_behind_a_proxy_by_tcp(director):
    d = director("max-connections-per-client 2;" + ZONE, listen="proxy from 127.0.0.0/8")

    def connect(client):
        c = d.connect()
        c.sock.sendall(proxy_v2(client, dgram=False))
        return c

    with connect("203.0.113.7") as a, connect("203.0.113.7") as b:
        assert texts(a.ask("www.cdn.test")) == texts(b.ask("www.cdn.test")) == ["192.0.2.1"]
        with connect("203.0.113.7") as third, connect("203.0.113.8") as other:
            assert third.ended()
            assert texts(other.ask("www.cdn.test")) == ["192.0.2.1"]
    with d.connect() as c:
        c.send(query("www.cdn.test"))
        assert c.ended()


# --- names of our own ----------------------------------------------------------------------------

def test_who_we_are_is_told_if_it_is_configured(director):
    d = director('dns { server-id "fra-1"; version "none of yours"; }' + ZONE)
    assert option_data(option_of(d.ask("www.cdn.test", options=[nsid()]), NSID)) == b"fra-1"
    assert option_of(d.ask("www.cdn.test"), NSID) is None
    for name in "id.server", "hostname.bind":
        assert texts(d.ask(name, "TXT", klass="CH")) == ['"fra-1"']
    for name in "version.bind", "version.server":
        assert texts(d.ask(name, "TXT", klass="CH")) == ['"none of yours"']
    silent = director(ZONE)
    assert option_of(silent.ask("www.cdn.test", options=[nsid()]), NSID) is None
    assert rcode(silent.ask("version.bind", "TXT", klass="CH")) == "REFUSED"


# --- its life ------------------------------------------------------------------------------------

class Load:
    """Questions all the time, on a few sockets; what was asked and never answered is lost."""

    def __init__(self, d):
        self.d, self.sent, self.answered, self.stopped = d, 0, 0, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        wire = query("www.cdn.test").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(self.d.address)
            s.settimeout(0.05)
            while not self.stopped:
                try:
                    s.send(wire)
                    self.sent += 1
                    s.recv(4096)
                    self.answered += 1
                except OSError:
                    pass

    def stop(self):
        self.stopped = True
        self.thread.join()


def test_killed_under_load_it_answers_again_at_once(director):
    d = director(ZONE, tls=True)
    load = Load(d)
    try:
        with d.connect() as c:
            assert texts(c.ask("www.cdn.test")) == ["192.0.2.1"]
            wait_for(lambda: load.answered > 100, "load")
            d.process.kill()
            d.process.wait()
        begun = time.monotonic()
        d.spawn()
        while not d.answers(0.02):
            assert time.monotonic() < begun + PATIENCE_S
        took = time.monotonic() - begun
        assert took < (3 if instrumented() else 0.3)
        before = load.answered
        wait_for(lambda: load.answered > before + 10, "the load goes on")
    finally:
        load.stop()
    wait_for(d._ready, "all of it")


@pytest.mark.threaded
def test_told_to_stop_under_load_it_finishes_what_has_come(director):
    d = director(ZONE, tls=True)
    load = Load(d)
    try:
        wait_for(lambda: load.answered > 100, "load")
        questions = [query("www.cdn.test") for _ in range(200)]
        with d.connect() as idle, d.connect() as busy, d.connect(tls=True) as secure, d.connect() as fresh:
            assert texts(idle.ask("www.cdn.test")) == ["192.0.2.1"]
            busy.send(*questions)
            secure.send(*questions)
            for each in busy, secure:
                assert each.receive().id == questions[0].id
            d.signal(signal.SIGTERM)
            for each in busy, secure:
                assert [each.receive().id for _ in questions[1:]] == [q.id for q in questions[1:]]
                assert each.ended()
            assert idle.ended()
            fresh.send(query("www.cdn.test"))  # the first question of a connection
            assert texts(fresh.receive()) == ["192.0.2.1"]
            assert fresh.ended()
        assert d.wait_end() == 0
    finally:
        load.stop()


@pytest.mark.threaded
def test_told_to_stop_it_reads_what_has_come(director):
    """Questions that wait in the kernel, because their client has taken no answers, have come, too."""
    d = director("send-timeout 30s; stop-grace 30s;" + ZONE)
    questions = [query("big.cdn.test", "TXT").to_wire() for _ in range(2500)]
    with d.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send(*questions)
        stopped_at(lambda: d.metrics()['selvage_dns_queries_total{transport="tcp"}'], above=100, below=2300)
        d.signal(signal.SIGTERM)
        wait_for(lambda: "told to stop" in d.stderr(), "the word that it stops")
        assert [c.receive_wire()[:2] for _ in questions] == [q[:2] for q in questions]
        assert c.ended()
    assert d.wait_end() == 0


def test_drains_without_a_bound(director):
    d = director("stop-grace 100ms; dns { tcp-idle 60s; }" + ZONE)
    with d.connect() as c:
        assert texts(c.ask("www.cdn.test")) == ["192.0.2.1"]
        d.signal(signal.SIGQUIT)
        assert c.ended()
    assert d.wait_end() == 0


def test_status_and_stats_are_told(director):
    d = director(ZONE)
    d.ask("www.cdn.test")
    assert d.ctl("status").startswith("selvage-director ")
    assert f"127.0.0.1:{d.port}" in d.ctl("status")
    assert "dns" in d.ctl("stats")
    m = d.metrics()
    assert m['selvage_dns_questions_total{type="A"}'] >= 1
    assert m['selvage_dns_answers_total{rcode="NOERROR"}'] >= 1
