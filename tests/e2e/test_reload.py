"""Another configuration while the edge serves: HUP and selvagectl reload."""
import signal
import socket
import ssl
import threading

import pytest

import certs
from edge import free_port
from waiting import wait_for
from wire import Client

NO = {"Cache-Control": "no-store"}
KEEP = {"Cache-Control": "max-age=60"}
FREED = "nothing goes by an earlier configuration any more"


class Reloaded:
    """An edge whose configuration is written anew and taken over."""

    def __init__(self, edge):
        self.edge = edge

    def write(self, text):
        self.edge.config = text
        self.edge.write_config(text)

    def __call__(self, text, **options):
        self.write(text)
        return self.edge.ctl("reload", **options)


def site(origin, more="", host="*"):
    return f"site {host} {{ origin {getattr(origin, 'url', origin)}; {more} }}\nerror-log stderr debug;\n"


@pytest.fixture
def start(selvaged):
    def begin(text, **options):
        edge = selvaged(text, **options)
        return edge, Reloaded(edge)
    return begin


@pytest.fixture
def halves(origin):
    """A page that comes in two halves, the second when the event is set."""
    gate = threading.Event()

    @origin.at("/halves")
    def program(x):
        x.head(200, {**NO, "Content-Length": "10"})
        x.send(b"01234")
        x.wait(gate)
        x.send(b"56789")
    yield gate
    gate.set()


@pytest.mark.threaded
def test_rules_change_and_the_cache_stays(start, origin):
    origin.page("/a", b"hello", KEEP)
    edge, reload = start(site(origin))
    with edge.connect() as c:
        assert c.get("/a").body == b"hello"
        assert reload(site(origin, "header set X-New yes;")) == "the configuration is in use\n"
        r = c.get("/a")  # on the same connection
        assert r.fields.get("x-new") == "yes"
        assert "hit" in r["cache-status"]
    assert origin.count("/a") == 1
    assert edge.metric('selvage_reloads_total{result="done"}') == 1
    wait_for(lambda: FREED in edge.stderr(), "the earlier one to be freed")


def test_hang_up(start, origin):
    origin.page("/a", b"hello", KEEP)
    edge, reload = start(site(origin))
    reload.write(site(origin, "header set X-New yes;"))
    edge.signal(signal.SIGHUP)
    wait_for(lambda: "reload: the configuration is in use" in edge.stderr(), "the log")
    assert edge.get("/a").fields.get("x-new") == "yes"


@pytest.mark.threaded
def test_what_has_begun_ends_as_it_began(start, origin, halves):
    edge, reload = start(site(origin, "header set X-Old yes;"))
    with edge.connect() as c:
        c.request("/halves")
        head = c.read_head()
        assert head.fields.get("x-old") == "yes"
        reload("site other.test { origin http://127.0.0.1:9; }\nerror-log stderr debug;\n")
        assert edge.get("/halves").status == 421
        assert FREED not in edge.stderr()
        halves.set()
        assert c.read_body(head).body == b"0123456789"
    wait_for(lambda: FREED in edge.stderr(), "the earlier one to be freed")


@pytest.mark.parametrize("text, said", [
    ("site * { orgin http://127.0.0.1:9; }\n", 'unknown directive "orgin" in site, did you mean "origin"?'),
    ("site * { origin http://127.0.0.1:9; }\nlisten 192.0.2.1:80;\n", "cannot listen on 192.0.2.1:80"),
    ("site * { origin http://127.0.0.1:9; }\naccess-log /nowhere/log;\n", "cannot open the access log /nowhere/log"),
    ("site * { origin http://nowhere.invalid; }\n", "the name of an origin does not exist"),
])
def test_a_wrong_one_changes_nothing(start, origin, text, said):
    origin.page("/a", b"hello", KEEP)
    edge, reload = start(site(origin))
    why = reload(text, status=1)
    assert "nothing was changed" in why and said in why
    assert edge.get("/a").body == b"hello"
    assert edge.metric('selvage_reloads_total{result="failed"}') == 1
    reload(site(origin, "header set X-New yes;"))
    assert edge.get("/a").fields.get("x-new") == "yes"


def test_it_says_where(start, origin):
    edge, reload = start(site(origin))
    why = reload("site * {\n    orgin http://127.0.0.1:9;\n}\n", status=1)
    assert "selvage.conf:" in why and ":5: unknown directive" in why


def test_from_the_command_line_there_is_no_file(selvaged, origin):
    edge = selvaged(origin=origin)
    if edge.config is None:
        assert "there is no file to read" in edge.ctl("reload", status=1)


@pytest.mark.threaded
def test_listeners_come_and_go(start, origin, tmp_path):
    origin.page("/a", b"hello", KEEP)
    port = free_port()
    path = tmp_path / "socket"
    first = site(origin) + f"listen 127.0.0.1:{port};\nlisten unix:{path};\n"
    edge, reload = start(first)
    with Client(("127.0.0.1", port)) as c:
        assert c.get("/a").body == b"hello"
        other = free_port()
        reload(site(origin) + f"listen 127.0.0.1:{other};\n")
        assert c.get("/a").body == b"hello"  # who is there stays
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert not path.exists()
        with Client(("127.0.0.1", other)) as d:
            assert d.get("/a").body == b"hello"
        status = edge.ctl("status")
        assert f"127.0.0.1:{other}" in status and f"127.0.0.1:{port}" not in status
        reload(first)
        with Client(("127.0.0.1", port)) as d, Client(str(path)) as e:
            assert d.get("/a").body == e.get("/a").body == b"hello"


@pytest.mark.threaded
def test_origins_change(start, origin, new_origin):
    second = new_origin()
    origin.page("/a", b"first", NO)
    second.page("/a", b"second", NO)
    edge, reload = start(site(origin))
    assert edge.get("/a").body == b"first"
    reload(site(second))
    assert edge.get("/a").body == b"second"
    wait_for(lambda: FREED in edge.stderr(), "the earlier one to be freed")
    # Connections that were kept to the first one are closed.
    wait_for(lambda: not origin.open, "no connection to the first origin")


def tls_site(origin, pair, more="", rest=""):
    return site(origin, more) + "certificate %s key %s;\n" % pair + rest


@pytest.mark.threaded
def test_tls_changes(start, origin, tmp_path):
    origin.page("/a", b"hello", KEEP)
    authority = certs.Authority(str(tmp_path))
    one = authority.issue("one", "DNS:a.test,IP:127.0.0.1")
    two = authority.issue("two", "DNS:a.test,IP:127.0.0.1")
    edge, reload = start(tls_site(origin, one), listen="tls")
    context = ssl.create_default_context(cafile=authority.path)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def connect(maximum=None):
        if maximum is not None:
            context.maximum_version = maximum
        return context.wrap_socket(socket.create_connection(edge.address), server_hostname="a.test")

    with connect() as before:
        assert before.selected_alpn_protocol() == "h2"
        reload(tls_site(origin, two, rest="tls-min 1.3;\nhttp2 off;\n"))
        with connect() as after:
            assert after.selected_alpn_protocol() == "http/1.1"
            assert after.getpeercert()["serialNumber"] != before.getpeercert()["serialNumber"]
            after.sendall(b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert after.recv(4096).startswith(b"HTTP/1.1 200")
        with pytest.raises(ssl.SSLError):
            connect(ssl.TLSVersion.TLSv1_2)


@pytest.mark.threaded
def test_to_tls_and_back(start, origin, tmp_path):
    origin.page("/a", b"hello", KEEP)
    authority = certs.Authority(str(tmp_path))
    pair = authority.issue("one", "DNS:a.test,IP:127.0.0.1")
    port = free_port()
    context = ssl.create_default_context(cafile=authority.path)
    edge, reload = start(site(origin))
    for _ in range(2):
        reload(tls_site(origin, pair, rest=f"listen 127.0.0.1:{port} tls;\n"))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="a.test") as s:
            s.sendall(b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
        reload(site(origin))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert edge.get("/a").body == b"hello"


@pytest.mark.threaded
def test_a_handshake_that_has_begun_goes_on(start, origin, tmp_path):
    """Its door belongs to a configuration that is not in use any more."""
    origin.page("/a", b"hello", KEEP)
    authority = certs.Authority(str(tmp_path))
    pair = authority.issue("one", "DNS:a.test,IP:127.0.0.1")
    edge, reload = start(tls_site(origin, pair), listen="tls")
    context = ssl.create_default_context(cafile=authority.path)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
    with socket.create_connection(edge.address) as raw:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        raw.sendall(hello[:50])
        wait_for(lambda: edge.metric("selvage_connections_total") >= 2, "it was accepted")
        reload(tls_site(origin, pair, "header set X-New yes;"))
        assert FREED not in edge.stderr()
        raw.sendall(hello[50:])
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        tls.write(b"GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        raw.sendall(outgoing.read())
        answer = b""
        while b"hello" not in answer:
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(raw.recv(65536))
        assert b"X-New: yes" in answer
    wait_for(lambda: FREED in edge.stderr(), "the earlier one to be freed")


def test_the_access_log_changes(start, origin, tmp_path):
    origin.page("/a", b"hello", KEEP)
    one, two = tmp_path / "one", tmp_path / "two"
    edge, reload = start(site(origin) + f"access-log {one};\n")
    edge.get("/a")
    reload(site(origin) + f"access-log {two} json;\n")
    edge.get("/a")
    wait_for(lambda: two.exists() and two.read_text().startswith("{"), "a line of JSON")
    reload(site(origin))
    edge.get("/a")
    edge.stop()
    assert len(one.read_text().splitlines()) == 1 and len(two.read_text().splitlines()) == 1


def test_limits_go_on_or_begin_anew(start, origin):
    origin.page("/a", b"hello", KEEP)
    limit = "limit 1/h burst 2 by client;"
    edge, reload = start(site(origin, limit))
    assert [edge.get("/a").status for _ in range(3)] == [200, 200, 429]
    reload(site(origin, limit + "header set X-New yes;"))
    assert edge.get("/a").status == 429  # the same limit: what was taken is taken
    reload(site(origin, "limit 1/h burst 3 by client;"))
    assert [edge.get("/a").status for _ in range(4)] == [200, 200, 200, 429]


def test_what_only_a_start_changes_is_said(start, origin):
    edge, reload = start(site(origin) + "cache { memory 64MiB; }\n")
    said = reload(site(origin) + "cache { memory 128MiB; }\n")
    assert "note: cache: changes with the next start only" in said


def test_the_difference(start, origin):
    edge, reload = start(site(origin, "path /x { ttl 1h; }"))
    assert edge.ctl("reload", "--diff") == "nothing would change\n"
    reload.write(site(origin, "path /x { ttl 2h; }"))
    shown = edge.ctl("reload", "--diff")
    lines = [line.strip() for line in shown.splitlines()]
    assert "-         ttl 1h;" in shown and "+         ttl 2h;" in shown
    assert lines[0] == "site * {" and lines[1] == "path /x {"
    assert edge.metric("selvage_reloads_total") == 0
    reload.write("site * { orgin x; }")
    assert "did you mean" in edge.ctl("reload", "--diff", status=1)


@pytest.mark.threaded
def test_many_while_clients_ask(start, origin, halves):
    """Also while nothing is freed because a download goes on."""
    origin.page("/a", b"hello", KEEP)
    origin.page("/n", b"never", NO)
    edge, reload = start(site(origin))
    over = threading.Event()
    wrong, asked = [], [0, 0, 0, 0]

    def ask(i):
        with edge.connect() as c:
            while not over.is_set():
                for target, body in (("/a", b"hello"), ("/n", b"never")):
                    r = c.get(target)
                    asked[i] += 1
                    if r.status != 200 or r.body != body:
                        wrong.append(r)
                        return
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    with edge.connect() as slow:
        slow.request("/halves")
        head = slow.read_head()
        for n in range(10):
            reload(site(origin, f"header set X-N {n};"))
        halves.set()
        assert slow.read_body(head).body == b"0123456789"
    over.set()
    for t in threads:
        t.join()
    assert not wrong and min(asked) > 0
    wait_for(lambda: edge.stderr().count(FREED) == 10, "all ten to be freed")
    assert edge.get("/a")["x-n"] == "9"
