"""TLS with clients: which certificate is shown, what is spoken, resumed and asked, and what changes
while it runs. The clients are openssl(1), curl and Python's own."""
import base64
import json
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

from certs import Authority
from edge import free_port, run_selvaged
from waiting import PATIENCE_S, wait_for
from wire import Client, Stream

KEEP = {"Cache-Control": "max-age=60"}
NEVER = {"Cache-Control": "no-store"}


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca):
    """(certificate, key) for a.test and what is below b.test."""
    return ca.issue("pair", "DNS:a.test,DNS:*.b.test")


def config(origin, pair, site="", more="", hosts="*"):
    return (f"certificate {pair[0]} key {pair[1]};\n{more}\n"
            f"origin o {{ server {origin.url}; }}\nsite {hosts} {{ origin o; {site} }}\n")


@pytest.fixture
def tls(selvaged, origin, pair):
    origin.page("/a", b"hello", KEEP)
    return selvaged(config(origin, pair), listen="tls")


class Secure(Client):
    """A client over TLS, HTTP/1.1."""

    def __init__(self, address, ca, name="a.test", context=None, alpn=("http/1.1",), session=None):
        sock = socket.create_connection(address, PATIENCE_S)
        if context is None:
            context = client_context(ca)
            context.set_alpn_protocols(list(alpn))
        context.check_hostname = context.check_hostname and name is not None
        self.tls = context.wrap_socket(sock, server_hostname=name, session=session)
        Stream.__init__(self, self.tls)

    @property
    def names(self):
        return {v for k, v in self.tls.getpeercert()["subjectAltName"] if k == "DNS"}


def client_context(ca):
    context = ssl.create_default_context(cafile=ca.path)
    return context


def s_client(edge, *args, data=b"", name="a.test"):
    """openssl s_client's word on a handshake."""
    names = ["-servername", name] if name else ["-noservername"]
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % edge.address, *names, *args],
                          input=data, capture_output=True, timeout=PATIENCE_S, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def reload(edge, status=0):
    return edge.ctl("certificates", "reload", status=status)


# --- handshakes

@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_curl(tls, ca, http):
    url = f"https://a.test:{tls.port}/a"
    done = subprocess.run(["curl", "-sS", http, "--cacert", ca.path, "--resolve",
                           f"a.test:{tls.port}:127.0.0.1", "-w", " %{http_version}", url, url],
                          capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    version = "2" if http == "--http2" else "1.1"
    assert done.stdout == f"hello {version}" * 2


def test_versions_and_suites(tls):
    assert "TLSv1.3" in s_client(tls, "-tls1_3")
    told = s_client(tls, "-tls1_2")
    assert "TLSv1.2" in told and "ECDHE-ECDSA-AES" in told
    for refused in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"],
                    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
                    ["-groups", "P-521"]):
        assert "Cipher is (NONE)" in s_client(tls, *refused), refused
    assert "Compression: NONE" in told and "Secure Renegotiation IS supported" in told
    wait_for(lambda: tls.metric('selvage_tls_failures_total{reason="version"}') == 1, "counted")
    assert tls.metric('selvage_tls_failures_total{reason="parameters"}') == 3


def test_no_renegotiation(tls):
    told = s_client(tls, "-tls1_2", data=b"R\n")
    assert "RENEGOTIATING" in told and re.search("no renegotiation|handshake failure", told), told


def test_only_1_3(selvaged, origin, pair):
    edge = selvaged(config(origin, pair, more="tls-min 1.3;"), listen="tls")
    assert "Cipher is (NONE)" in s_client(edge, "-tls1_2")
    assert "TLSv1.3" in s_client(edge)


def test_alpn(tls, ca):
    for offered, chosen in ((("h2", "http/1.1"), "h2"), (("http/1.1", "h2"), "h2"),
                            (("http/1.1",), "http/1.1"), ((), None)):
        with Secure(tls.address, ca, alpn=offered) as c:
            assert c.tls.selected_alpn_protocol() == chosen
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        Secure(tls.address, ca, alpn=("spdy/1",))
    wait_for(lambda: tls.metric('selvage_tls_failures_total{reason="alpn"}') == 1, "counted")


def test_http2_off(selvaged, origin, pair, ca):
    edge = selvaged(config(origin, pair, more="http2 off;"), listen="tls")
    with Secure(edge.address, ca, alpn=("h2", "http/1.1")) as c:
        assert c.tls.selected_alpn_protocol() == "http/1.1"


def test_plain_http_is_told_apart(tls):
    with Client(tls.address) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        c.until_close()
    with Client(tls.address) as c:
        c.send(b"\x00" * 100)
        c.until_close()
    wait_for(lambda: tls.metric('selvage_tls_failures_total{reason="plain-http"}') == 1, "counted")
    assert tls.metric('selvage_tls_failures_total{reason="not-tls"}') == 1


def test_a_handshake_has_a_deadline(selvaged, origin, pair, ca):
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config(origin, pair, more="head-timeout 300ms;"), listen="tls")
    with Client(edge.address) as silent, Client(edge.address) as slow:
        slow.send(b"\x16\x03\x01\x02\x00\x01\x00")
        silent.until_close()
        slow.until_close()
    with Secure(edge.address, ca) as c:
        assert c.get("/a").body == b"hello"
    assert edge.metric('selvage_tls_failures_total{reason="timeout"}') == 2


def test_a_handshake_has_a_length(tls):
    """Records of a ClientHello that never ends."""
    with Client(tls.address) as c:
        hello = b"\x01\x01\xff\xf0" + b"\x03\x03" + b"x" * (1 << 17)
        try:
            for at in range(0, len(hello), 16384):
                piece = hello[at:at + 16384]
                c.send(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece)
        except OSError:
            pass
        c.until_close()
    wait_for(lambda: tls.metric('selvage_tls_failures_total{reason="too-long"}') == 1, "counted")


def test_requests_by_both_doors_share_nothing_that_the_origin_may_tell_apart(selvaged, origin, pair,
                                                                             ca):
    """The origin answers by X-Forwarded-Proto: nobody gets what the other was told."""
    @origin.at("/p")
    def _(x):
        x.reply(200, x.request["x-forwarded-proto"].encode(), KEEP)

    plain = free_port()
    edge = selvaged(config(origin, pair, more=f"listen 127.0.0.1:{plain};", hosts="a.test"),
                    listen="tls")
    for _ in range(2):
        with Client(("127.0.0.1", plain)) as c:
            assert c.get("/p", fields={"X-Forwarded-Proto": "https"}).body == b"http"
        with Secure(edge.address, ca) as c:
            r = c.get("/p", fields={"X-Forwarded-Proto": "http"})
            assert r.body == b"https"
    assert r.cache == "hit" and origin.count("/p") == 2
    # An unsafe request changes both, whichever way it came (RFC 9111 4.4).
    with Client(("127.0.0.1", plain)) as c:
        c.get("/p", method="POST", body=b"x")
        assert c.get("/p").cache != "hit"
    with Secure(edge.address, ca) as c:
        assert c.get("/p").cache != "hit"
        assert c.get("/p").cache == "hit"
    # Purged by URL both are gone.
    edge.ctl("purge", "url", "a.test/p")
    with Client(("127.0.0.1", plain)) as c:
        assert c.get("/p").cache != "hit"
    with Secure(edge.address, ca) as c:
        assert c.get("/p").cache != "hit"


def test_the_origin_is_told_the_same_by_all(selvaged, origin, pair, ca):
    origin.page("/p", b"x", KEEP)
    plain = free_port()
    edge = selvaged(config(origin, pair, site="forwarded-proto https;", hosts="a.test",
                           more=f"listen 127.0.0.1:{plain};"), listen="tls")
    with Client(("127.0.0.1", plain)) as c:
        assert c.get("/p").cache == "miss"
    assert origin.last("/p")["x-forwarded-proto"] == "https"
    assert "proto=https" in origin.last("/p")["forwarded"]
    with Secure(edge.address, ca) as c:
        assert c.get("/p").cache == "hit"


def test_redirect_and_hsts(selvaged, origin, pair, ca):
    origin.page("/a", b"x", {**KEEP, "Strict-Transport-Security": "max-age=1"})
    origin.page("/.well-known/acme-challenge/x", b"proof", NEVER)
    plain = free_port()
    edge = selvaged(config(origin, pair, site="https-redirect; hsts 2y subdomains preload;",
                           more=f"listen 127.0.0.1:{plain};", hosts="a.test"), listen="tls")
    with Client(("127.0.0.1", plain)) as c:
        r = c.get("/a/b?c=d%20e&f", host=f"A.test:{plain}", method="POST", body=b"x")
        assert (r.status, r["location"]) == (308, "https://a.test/a/b?c=d%20e&f")
        assert "strict-transport-security" not in r
        assert c.get("/.well-known/acme-challenge/x").body == b"proof"
    want = ["max-age=63072000; includeSubDomains; preload"]
    with Secure(edge.address, ca) as c:
        for path in ("/a", "/a", "/%zz"):
            assert c.get(path).fields.all("strict-transport-security") == want


# --- certificates

def test_names(selvaged, origin, ca, pair, tmp_path):
    """By its exact name first, then by the wildcard, else the default."""
    one, below = ca.issue("one", "DNS:one.b.test"), ca.issue("below", "DNS:*.deep.b.test,DNS:c.test")
    more = f"certificate {one[0]} key {one[1]};\ncertificate {below[0]};\n"
    edge = selvaged(config(origin, pair, more=more), listen="tls")
    shown = {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
    context.load_verify_locations(ca.path)
    for name in ("a.test", "one.b.test", "ONE.b.test", "two.b.test", "x.y.b.test", "x.deep.b.test",
                 "c.test", "b.test", "else.test", "127.0.0.1", None):
        with Secure(edge.address, ca, name=name, context=context) as c:
            shown[name] = "pair" if "a.test" in c.names else \
                "one" if "one.b.test" in c.names else "below"
    assert shown == {"a.test": "pair", "one.b.test": "one", "ONE.b.test": "one",
                     "two.b.test": "pair", "x.y.b.test": "pair", "x.deep.b.test": "below",
                     "c.test": "below", "b.test": "pair", "else.test": "pair",
                     "127.0.0.1": "pair", None: "pair"}


def test_unknown_names_are_refused(selvaged, origin, ca, pair):
    edge = selvaged(config(origin, pair, more="tls-unknown-name refuse;"), listen="tls")
    for name in ("else.test", None):
        assert "unrecognized name" in s_client(edge, name=name)
    with Secure(edge.address, ca) as c:
        assert c.get("/none").status == 404
    assert edge.metric('selvage_tls_failures_total{reason="unknown-name"}') == 2


def test_ecdsa_and_rsa_side_by_side(selvaged, origin, ca, pair):
    rsa = ca.issue("rsa", "DNS:a.test", key="rsa")
    edge = selvaged(config(origin, pair, more=f"certificate {rsa[0]} key {rsa[1]};"), listen="tls")
    assert "ECDSA" in s_client(edge)
    assert re.search("Peer signature type: RSA", s_client(edge, "-sigalgs", "RSA-PSS+SHA256"))
    told = s_client(edge, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert "Cipher is ECDHE-RSA" in told
    assert "Cipher is ECDHE-ECDSA" in s_client(edge, "-tls1_2")


def test_a_site_has_its_own(selvaged, origin, ca, pair):
    own = ca.issue("own", "DNS:a.test,DNS:other.test")
    edge = selvaged(config(origin, pair, hosts="a.test", site=f"certificate {own[0]} key {own[1]};")
                    + "site * { origin o; }", listen="tls")
    with Secure(edge.address, ca) as c:
        assert c.names == {"a.test", "other.test"}
    assert "CN = pair" in s_client(edge, name="other.test")  # not the site's to show there


@pytest.mark.parametrize("case", ["none", "no key", "other key", "no pem", "expired", "weak",
                                  "no certificate"])
def test_faults_have_a_place(ca, pair, tmp_path, case):
    crt, key = pair
    if case == "none":
        crt = tmp_path / "none.crt"
    elif case == "no key":
        key = tmp_path / "none.key"
    elif case == "other key":
        key = ca.issue("another", "DNS:a.test")[1]
    elif case == "no pem":
        crt = tmp_path / "x.crt"
        crt.write_text("hello")
    elif case == "expired":
        crt, key = ca.issue("expired", "DNS:a.test", days=0)
    elif case == "weak":
        crt, key = ca.issue("weak", "DNS:a.test", key="weak")
    words = {"weak": "less than 2048 bits", "none": "cannot read", "no key": "cannot read", "other key": "is of another certificate",
             "no pem": "has no certificate in PEM form", "expired": "is over since",
             "no certificate": "needs a certificate"}
    conf = tmp_path / "selvage.conf"
    line = "" if case == "no certificate" else f"certificate {crt} key {key};"
    conf.write_text(f"listen 127.0.0.1:0 tls;\n{line}\nsite * {{ origin http://127.0.0.1:1; }}\n")
    done = run_selvaged("-c", conf, "-t")
    assert done.returncode == 1
    at = "1:1" if case == "no certificate" else "2:13"
    assert f"{conf}:{at}: " in done.stderr and words[case] in done.stderr, done.stderr


# --- while it runs

@pytest.fixture
def directory(selvaged, origin, ca, tmp_path):
    """-> (edge, put) of an edge with a directory of certificates."""
    def put(stem, alt, **options):
        crt, key = ca.issue(stem, alt, **options)
        for path in (key, crt):
            new = tmp_path / (os.path.basename(path) + ".new")
            shutil.copy(path, new)
            os.rename(new, tmp_path / os.path.basename(path))

    put("first", "DNS:a.test,DNS:first.test")
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(f"certificates {tmp_path}/*.crt;\norigin o {{ server {origin.url}; }}\n"
                    f"site * {{ origin o; }}\n", listen="tls")
    return edge, put


def shown_names(edge, ca, name="a.test"):
    try:
        with Secure(edge.address, ca, name=name) as c:
            return c.names
    except ssl.SSLError as refused:
        return refused.reason


def test_a_directory_is_watched(directory, ca, tmp_path):
    edge, put = directory
    with Secure(edge.address, ca) as kept:
        assert kept.get("/a").body == b"hello"
        assert shown_names(edge, ca, "second.test") == "TLSV1_UNRECOGNIZED_NAME"
        put("second", "DNS:second.test")
        wait_for(lambda: shown_names(edge, ca, "second.test") == {"second.test"}, "new one seen")
        put("first", "DNS:a.test,DNS:renewed.test")
        wait_for(lambda: "renewed.test" in shown_names(edge, ca), "renewed one seen")
        os.remove(tmp_path / "second.crt")
        wait_for(lambda: shown_names(edge, ca, "second.test") == "TLSV1_UNRECOGNIZED_NAME", "gone")
        # Nobody was dropped for that.
        assert kept.get("/a").body == b"hello" and "first.test" in kept.names
    assert edge.metric('selvage_certificates_reloads_total{result="failed"}') == 0


def test_a_fault_changes_nothing(directory, ca, tmp_path):
    edge, put = directory
    (tmp_path / "second.crt").write_text("rubbish")
    told = reload(edge, status=1)
    assert "second.crt" in told and "has no certificate" in told and "selvage.conf" in told
    assert "a.test" in shown_names(edge, ca)
    wait_for(lambda: "the old ones stay" in edge.stderr(), "said in the log")
    put("second", "DNS:second.test")
    assert "changed" in reload(edge)
    assert shown_names(edge, ca, "second.test") == {"second.test"}
    assert "did not change" in reload(edge)


def test_status_and_metrics(directory, ca):
    edge, put = directory
    put("long", "DNS:long.test", days=100)
    reload(edge)
    shown_names(edge, ca)
    state = json.loads(edge.ctl("-j", "certificates"))
    assert (state["certificates"], state["names"], state["ready"]) == (2, 3, 1)
    assert state["soonest_file"].endswith("first.crt") and 0 < state["soonest_left_s"] <= 2 * 86400
    m = edge.metrics()
    assert m['selvage_certificates{state="all"}'] == 2
    assert m["selvage_certificate_expiry_timestamp_seconds"] == state["soonest"]
    assert "certificate over in" in edge.ctl("certificates")
    assert re.search(r"first\.crt is over in [0-2] days", edge.stderr())


# --- sessions

def session_file(edge, tmp_path, *args):
    path = tmp_path / "session"
    told = s_client(edge, "-sess_out", str(path), *args,
                    data=b"GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    assert "New, TLS" in told, told
    return str(path)


def resumes(edge, path, *args, name="a.test"):
    return "Reused, TLS" in s_client(edge, "-sess_in", path, *args, name=name)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_resume_on_any_worker(selvaged, origin, pair, ca, tmp_path, version):
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config(origin, pair), listen="tls", workers=4)
    path = session_file(edge, tmp_path, version, "-ign_eof")
    assert all(resumes(edge, path, version) for _ in range(8))
    wait_for(lambda: edge.metric("selvage_tls_resumed_total") == 8, "counted")


def test_a_fleet_shares_ticket_keys(selvaged, origin, pair, ca, tmp_path):
    origin.page("/a", b"hello", KEEP)
    keys = [os.urandom(80) for _ in range(3)]
    files = [tmp_path / "raw", tmp_path / "lines"]
    files[0].write_bytes(keys[0] + keys[1])
    files[1].write_bytes(b"# newest first\n" + b"\n".join(base64.b64encode(k) for k in keys[:2]))
    a, b = (selvaged(config(origin, pair, more=f"ticket-keys {f};"), listen="tls") for f in files)
    path = session_file(a, tmp_path, "-ign_eof")
    assert resumes(b, path)
    # Renewed: the old one still opens, and then no more.
    files[1].write_bytes(base64.b64encode(keys[2]) + b"\n" + base64.b64encode(keys[0]) + b"\n")
    assert "changed" in reload(b)
    assert resumes(b, path)
    files[1].write_bytes(base64.b64encode(keys[2]) + b"\n")
    reload(b)
    assert not resumes(b, path)
    files[1].write_bytes(b"rubbish")
    assert "neither lines of 80 bytes" in reload(b, status=1)
    path = session_file(b, tmp_path, "-ign_eof")
    assert resumes(b, path)


# --- clients with certificates

@pytest.fixture
def guarded(selvaged, origin, pair, ca, tmp_path):
    """-> (edge, context of a client who has a certificate, one of a client of another authority)"""
    clients = Authority(tmp_path, "clients")
    other = Authority(tmp_path, "others")
    contexts = []
    for stem, authority in (("me", clients), ("stranger", other)):
        context = client_context(ca)
        context.load_cert_chain(*authority.issue(stem, "DNS:x", subject=f"/O=Some, Org/CN={stem}"))
        contexts.append(context)

    @origin.at("/who")
    def _(x):
        x.reply(200, x.request.fields.get("x-client-subject", "nobody").encode(), KEEP)

    edge = selvaged(
        config(origin, pair, hosts="a.test",
               site=f"client-ca {clients.path}; client-subject X-Client-Subject;")
        + f"site in.b.test {{ origin o; client-ca {clients.path} optional; "
          f"client-subject X-Client-Subject; }}\nsite * {{ origin o; }}\n", listen="tls")
    return edge, *contexts


def test_only_with_a_certificate(guarded, ca):
    edge, me, stranger = guarded
    with Secure(edge.address, ca, context=me) as c:
        r = c.get("/who", fields={"X-Client-Subject": "CN=root", "X_Client_Subject": "CN=root"})
        assert r.body == b"CN=me,O=Some\\, Org"
    for context in (stranger, client_context(ca)):
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with Secure(edge.address, ca, context=context) as c:  # 1.3: told after the handshake
                c.get("/who")
    wait_for(lambda: edge.metric('selvage_tls_failures_total{reason="client-certificate"}') == 2,
             "counted")


def test_optional(guarded, ca):
    edge, me, stranger = guarded
    # What is made for one is not shown to another: the subject is a part of the key.
    for _ in range(2):
        with Secure(edge.address, ca, name="in.b.test", context=me) as c:
            assert c.get("/who", host="in.b.test").body == b"CN=me,O=Some\\, Org"
        with Secure(edge.address, ca, name="in.b.test") as c:
            r = c.get("/who", host="in.b.test", fields={"X-Client-Subject": "CN=me"})
            assert r.body == b"nobody"
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        with Secure(edge.address, ca, name="in.b.test", context=stranger) as c:
            c.get("/who", host="in.b.test")


def test_a_connection_for_another_site_is_misdirected(guarded, ca):
    """RFC 9110 15.5.20: whom a site did not ask for a certificate gets nothing of it."""
    edge, me, _ = guarded
    with Secure(edge.address, ca, name="x.b.test") as c:
        assert c.get("/who", host="x.b.test").status == 200
        assert c.get("/who", host="else.test").status == 200  # none of these two asks for anything
        assert c.get("/who", host="a.test").status == 421
        assert c.get("/who", host="in.b.test").status == 421
    with Secure(edge.address, ca, name="in.b.test", context=me) as c:
        assert c.get("/who", host="a.test").status == 421


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_not_carried_into_a_site_that_asks(guarded, origin, tmp_path, version):
    """CVE-2025-23419: a ticket of one name is not good at another that wants certificates."""
    edge, _, _ = guarded
    origin.page("/a", b"x", KEEP)
    path = str(tmp_path / "session")
    s_client(edge, version, "-sess_out", path, "-ign_eof", name="x.b.test",
             data=b"GET /a HTTP/1.1\r\nHost: x.b.test\r\nConnection: close\r\n\r\n")
    assert resumes(edge, path, version, name="x.b.test")
    told = s_client(edge, version, "-sess_in", path, "-ign_eof", name="a.test",
                    data=b"GET /who HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    assert "Reused" not in told and "HTTP/1.1 200" not in told


# --- OCSP

class Responder:
    """openssl ocsp for one authority."""

    def __init__(self, ca, port, directory):
        self.ca, self.port = ca, port
        self.said_path = directory / "responder"
        self.said = open(self.said_path, "wb")
        self.index = os.path.join(ca.dir, "index.txt")
        self.process = None

    def state(self, crt, flag="V"):
        serial = subprocess.run(["openssl", "x509", "-in", crt, "-noout", "-serial"], check=True,
                                capture_output=True, text=True).stdout.strip().split("=")[1]
        revoked = "200101000000Z" if flag == "R" else ""
        with open(self.index, "w", encoding="ascii") as f:
            f.write(f"{flag}\t491231235959Z\t{revoked}\t{serial}\tunknown\t/CN=x\n")

    def start(self):
        # -ndays: how long its answers are good.
        self.process = subprocess.Popen(
            ["openssl", "ocsp", "-index", self.index, "-port", str(self.port), "-rsigner",
             self.ca.path, "-rkey", os.path.join(self.ca.dir, f"{self.ca.stem}.key"), "-CA",
             self.ca.path, "-ndays", "1"], stdout=self.said, stderr=subprocess.STDOUT)
        # A connection without a question would end it.
        wait_for(lambda: "ACCEPT" in self.said_path.read_text(), "responder up")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.said.close()


@pytest.fixture
def responder(tmp_path):
    r = Responder(Authority(tmp_path, "ocsp CA"), free_port(), tmp_path)
    yield r
    r.stop()


def stapled(edge):
    told = s_client(edge, "-status")
    return "Cert Status: good" in told and "OCSP Response Status: successful" in told


def test_ocsp(selvaged, origin, responder, tmp_path):
    crt, key = responder.ca.issue(
        "stapled", "DNS:a.test", more=f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{responder.port}")
    chain = tmp_path / "chain.pem"
    with open(crt, encoding="ascii") as c, open(responder.ca.path, encoding="ascii") as issuer:
        chain.write_text(c.read() + issuer.read())
    responder.state(crt)
    edge = selvaged(config(origin, (chain, key)), listen="tls")
    # No responder: no staple, and nobody waits for it.
    assert not stapled(edge)
    wait_for(lambda: edge.metric('selvage_ocsp_fetches_total{result="failed"}') >= 1, "tried")
    responder.start()
    reload(edge)
    wait_for(lambda: stapled(edge), "stapled")
    assert edge.metric('selvage_certificates{state="stapled"}') == 1
    assert edge.metric("selvage_tls_stapled_total") >= 1
    # What is good stays good when the responder has gone.
    responder.stop()
    reload(edge)
    assert stapled(edge)


def test_ocsp_revoked(selvaged, origin, responder, tmp_path):
    crt, key = responder.ca.issue(
        "revoked", "DNS:a.test", more="tlsfeature=status_request\n"
        f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{responder.port}")
    chain = tmp_path / "chain.pem"
    with open(crt, encoding="ascii") as c, open(responder.ca.path, encoding="ascii") as issuer:
        chain.write_text(c.read() + issuer.read())
    responder.state(crt, "R")
    responder.start()
    # One that insists on staples is asked for before the first client comes.
    edge = selvaged(config(origin, (chain, key)), listen="tls")
    wait_for(lambda: edge.metric('selvage_ocsp_fetches_total{result="revoked"}') == 1, "asked")
    wait_for(lambda: "the issuer has revoked it" in edge.stderr(), "said in the log")
    assert not stapled(edge)


# --- beside

def test_the_keys_can_be_logged(selvaged, origin, pair, ca, tmp_path, monkeypatch):
    path = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(path))
    edge = selvaged(config(origin, pair), listen="tls")
    monkeypatch.delenv("SSLKEYLOGFILE")
    s_client(edge)
    assert "CLIENT_TRAFFIC_SECRET_0" in path.read_text() and path.stat().st_mode & 0o77 == 0
    assert "SSLKEYLOGFILE" in edge.stderr()


@pytest.mark.parametrize("form", ["combined", "json"])
def test_the_access_log_tells(selvaged, origin, pair, ca, tmp_path, form):
    origin.page("/a", b"hello", KEEP)
    log = tmp_path / "access"
    edge = selvaged(config(origin, pair, more=f"access-log {log} {form};"), listen="tls")
    with Secure(edge.address, ca) as c:
        c.get("/a", host="else.test")
    line = wait_for(lambda: log.exists() and log.read_text(), "line")
    if form == "json":
        told = json.loads(line)
        assert told["tls"] == "TLSv1.3" and told["sni"] == "a.test" and told["tls_resumed"] is False
        assert told["cipher"].startswith("TLS_")
    else:
        assert re.search(r" tls=TLSv1\.3,TLS_\w+,new,a\.test$", line), line
