"""Who may ask, with what signature, and how often: allow and deny, signed-url, limit."""
import hashlib
import hmac
import json
import os
import re
import subprocess
import threading
import time

import pytest

from edge import SELVAGECTL, TOP, environment, free_port, run_selvaged
from waiting import wait_for
from wire import Client

KEEP = {"Cache-Control": "max-age=60"}
DATA = os.path.join(TOP, "tests", "data", "maxmind-db")
GEO = f"geoip {DATA}/GeoIP2-Country-Test.mmdb {DATA}/GeoLite2-ASN-Test.mmdb;\n"
SECRET = "a-secret-of-many-characters"


@pytest.fixture
def guarded(selvaged, origin):
    """get(target, client=...) of an edge whose site has `lines`; clients by PROXY header."""
    def start(lines, main="", **options):
        port = free_port()
        origin.page("/a", b"hello", KEEP)
        edge = selvaged(config=f"listen 127.0.0.1:{port} proxy from 127.0.0.1;\n{main}\n"
                               f"access-log access.log json;\n"
                               f"site * {{ origin {origin.url};\n{lines}\n}}\n", **options)

        def get(target, client="192.0.2.1", **more):
            with Client(("127.0.0.1", port)) as c:
                family, local = ("TCP6", "::1") if ":" in client else ("TCP4", "127.0.0.1")
                c.send(f"PROXY {family} {client} {local} 1 2\r\n".encode())
                return c.get(target, **more)
        get.edge = edge
        return get
    return start


def refused(edge, by):
    return edge.metrics()[f'selvage_requests_refused_total{{by="{by}"}}']


# --- allow and deny

def test_by_network(guarded, origin):
    get = guarded("allow 192.0.2.0/25 2001:db8::/32; deny 192.0.2.0/24;\n"
                  "path /open/* { allow all; }\npath /admin/* { allow 192.0.2.200; deny all; }")
    origin.page("/open/a", b"open", KEEP)
    origin.page("/admin/a", b"admin", KEEP)
    assert get("/a", "192.0.2.1").status == 200
    assert get("/a", "203.0.113.1").status == 200
    r = get("/a", "192.0.2.200")
    assert r.status == 403 and r.detail == "access-denied" and r["cache-control"] == "no-store"
    assert get("/open/a", "192.0.2.200").status == 200
    assert get("/admin/a", "192.0.2.200").status == 200
    assert get("/admin/a", "192.0.2.1").status == 403
    assert get("/open/../admin/a", "192.0.2.1").status == 403
    assert get("/open/%2e%2e/admin/a", "192.0.2.1").status == 403
    assert refused(get.edge, "access") == 4
    # What nobody may see was neither looked up nor fetched.
    assert len(origin.requests("/a")) == 1


def test_by_place(guarded):
    get = guarded("deny country SE; deny asn 1221; deny continent AS;", GEO)
    for client, status in (("81.2.69.160", 200), ("89.160.20.112", 403), ("1.128.0.1", 403),
                           ("2001:218::1", 403), ("127.0.0.1", 200), ("::ffff:89.160.20.112", 403)):
        assert get("/a", client).status == status, client


def test_in_main(guarded):
    get = guarded("path /x/* { allow all; }", "deny 192.0.2.1;")
    assert get("/a").status == 403
    assert get("/a", "192.0.2.2").status == 200
    assert get("/x/y").status == 404


def test_x_forwarded_for_is_nobodys_address(guarded):
    get = guarded("allow 203.0.113.1; deny all;")
    assert get("/a", fields={"X-Forwarded-For": "203.0.113.1", "Forwarded": "for=203.0.113.1"}
               ).status == 403


def test_a_database_that_is_written_over(selvaged, origin, tmp_path):
    """The edge has its own copy: whatever happens to the file, it goes on."""
    path = tmp_path / "country.mmdb"
    with open(f"{DATA}/GeoIP2-Country-Test.mmdb", "rb") as f:
        path.write_bytes(f.read())
    origin.page("/a", b"hello", KEEP)
    port = free_port()
    edge = selvaged(config=f"listen 127.0.0.1:{port} proxy from 127.0.0.1;\ngeoip {path};\n"
                           f"site * {{ origin {origin.url}; deny country SE; }}")
    for damage in (b"", b"\xff" * 20000, b"x"):
        path.write_bytes(damage)
        for client, status in (("89.160.20.112", 403), ("81.2.69.160", 200)):
            with Client(("127.0.0.1", port)) as c:
                c.send(f"PROXY TCP4 {client} 127.0.0.1 1 2\r\n".encode())
                assert c.get("/a").status == status
    assert edge.get("/a").status == 200


def test_a_database_that_is_none(tmp_path):
    conf = tmp_path / "selvage.conf"
    conf.write_text(f"listen 127.0.0.1:0;\ngeoip {DATA}/LICENSE-MIT;\nsite * {{ origin http://a; }}\n")
    done = run_selvaged("-t", "-c", conf)
    assert done.returncode == 1 and "no database" in done.stderr


# --- limits

def test_a_burst_and_what_follows(guarded):
    get = guarded("limit 60/m burst 5 by client except 203.0.113.0/24;")
    answers = [get("/a") for _ in range(8)]
    assert [r.status for r in answers[:5]] == [200] * 5
    assert answers[7].status == 429 and answers[7]["retry-after"] == "1"
    assert answers[7].detail == "rate-limited"
    assert get("/a", "192.0.2.2").status == 200
    assert [get("/a", "203.0.113.7").status for _ in range(8)] == [200] * 8
    assert refused(get.edge, "limit") == sum(r.status == 429 for r in answers)


def test_a_network_of_ipv6_is_one_client(guarded):
    get = guarded("limit 1/h burst 3 by client;")
    assert [get("/a", f"2001:db8::{n}:1").status for n in range(1, 5)] == [200, 200, 200, 429]
    assert get("/a", "2001:db8:0:1::1").status == 200


def test_by_site_and_by_header(guarded, origin):
    get = guarded("limit 1/h burst 2 by header X-Key;\npath /few/* { limit 1/h burst 3 by site; }")
    origin.page("/few/a", b"few", KEEP)
    assert [get("/a", fields={"x-key": "one"}).status for _ in range(3)] == [200, 200, 429]
    assert get("/a", fields={"X-Key": "two"}).status == 200
    assert [get("/a").status for _ in range(4)] == [200] * 4
    assert [get("/few/a", f"192.0.2.{n}").status for n in range(4)] == [200] * 3 + [429]
    # A path's limit is on top of its site's.
    assert get("/few/a", fields={"x-key": "one"}).status == 429


def test_dry_run(guarded):
    get = guarded("limit 1/h burst 2 by client dry-run;")
    assert [get("/a").status for _ in range(6)] == [200] * 6
    assert get.edge.metric("selvage_limits_dry_total") == 4
    wait_for(lambda: "but for dry-run" in get.edge.stderr(), "a line in the log")


def test_what_is_refused_does_not_reach_the_origin(guarded, origin):
    get = guarded("limit 1/h burst 2 by client;\npath /n { bypass; }")
    origin.page("/n", b"n", {"Cache-Control": "no-store"})
    assert [get("/n").status for _ in range(5)] == [200, 200, 429, 429, 429]
    assert len(origin.requests("/n")) == 2


def test_purges_are_not_limited(guarded):
    get = guarded("limit 1/h burst 1 by client; deny 192.0.2.1;\npurge-from 192.0.2.1;")
    assert [get("/a", method="PURGE").status for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("workers", [1, 4])
def test_exact_over_workers(selvaged, origin, workers):
    """Many connections on all workers, for some seconds: what was let through is what the rate
    allows, to the request."""
    origin.page("/a", b"hello", KEEP)
    edge = selvaged(config=f"site * {{ origin {origin.url}; limit 200/s burst 20 by client; }}",
                    workers=workers)
    assert edge.get("/a").status == 200  # stored
    time.sleep(0.2)
    counts, lock = {200: 0, 429: 0}, threading.Lock()
    begin, seconds = time.monotonic(), 3

    def ask():
        mine = {200: 0, 429: 0}
        with edge.connect() as c:
            while time.monotonic() < begin + seconds:
                mine[c.get("/a").status] += 1
        with lock:
            for status, n in mine.items():
                counts[status] += n
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - begin
    assert counts[429] > 0, "the load was too small to mean anything"
    # No more than the bucket and what flowed into it; and not much less, though a machine with
    # other things to do may have kept the askers from asking (tests/unit/net/t_rate.c is exact).
    assert counts[200] <= 20 + 200 * took + 1
    assert counts[200] >= 200 * seconds * 0.7


# --- signed URLs

@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "url.keys"
    path.write_text(f"# two, for the days of a change\nk2 {SECRET}\nk1 an-older-secret-of-many\n")
    path.chmod(0o600)
    return str(path)


def sign(target, expires=None, key="k2", secret=SECRET, prefix=None, client=None, host="a.test"):
    """As anybody may write it who has the key and the manual."""
    expires = str(int(time.time()) + 60 if expires is None else expires)
    text = "\n".join(["selvage-url-1", "prefix" if prefix else "exact", host, prefix or target,
                      expires, key, client or "", ""])
    code = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    more = [f"sig-expires={expires}", f"sig-key={key}"]
    more += [f"sig-prefix={prefix}"] if prefix else []
    more += [f"sig-client={client}"] if client else []
    return f"{target}{'&' if '?' in target else '?'}{'&'.join(more)}&sig={code}"


def test_signed(guarded, origin, keys):
    get = guarded(f"signed-url {keys};\npath /free/* {{ signed-url off; }}")
    origin.page("/free/a", b"free", KEEP)
    for target, detail in (
            ("/a", "signature-missing"),
            (sign("/a", expires=int(time.time()) - 5), "signature-expired"),
            (sign("/b").replace("/b", "/a"), "signature-wrong"),
            (sign("/a", secret="no-secret-of-theirs"), "signature-wrong"),
            (sign("/a", key="k3"), "signature-key"),
            (sign("/a", client="192.0.2.9"), "signature-client"),
            (sign("/a", host="b.test"), "signature-wrong"),
            (sign("/a") + "&x=1", "signature-wrong"),
            (sign("/a") + "&sig=0", "signature-ambiguous"),
            (sign("/a").replace("&sig=", "&s=1&s%69g=").replace("sig-key", "sig-key=k2&sig-key"),
             "signature-ambiguous"),
            (sign("/x/y", prefix="/x/").replace("/x/y", "/a", 1), "signature-prefix")):
        r = get(target)
        assert (r.status, r.detail) == (403, detail), target
    assert origin.requests("/a") == []
    assert get(sign("/a")).body == b"hello"
    assert get(sign("/a", key="k1", secret="an-older-secret-of-many", expires=2000000000)).cache == "hit"
    assert get(sign("/a", client="192.0.2.0/24")).cache == "hit"
    assert get(sign("/a", prefix="/")).cache == "hit"
    assert get(sign("/a"), method="HEAD").status == 200
    assert get(sign("/a"), method="POST", body=b"x").status == 403
    assert get("/free/a").status == 200
    assert get("/free/a?sig=1&sig=2").status == 200  # there they are like any others
    assert origin.requests("/free/a")[-1].target == "/free/a?sig=1&sig=2"
    assert refused(get.edge, "signature") == 12


def test_the_origin_sees_no_signature(guarded, origin, keys):
    get = guarded(f"signed-url {keys};\npath /sorted {{ query sort; }}\npath /none {{ query ignore; }}")
    for path in ("/q", "/sorted", "/none"):
        origin.page(path, b"q", KEEP)
    assert get(sign("/q?b=2&a=1")).status == 200
    assert get(sign("/sorted?b=2&a=1")).status == 200
    assert get(sign("/sorted?a=1&b=2")).cache == "hit"
    assert get(sign("/none?b=2")).status == 200
    assert get(sign("/q?")).status == 200
    seen = [r.target for path in ("/q", "/sorted", "/none") for r in origin.requests(path)]
    assert sorted(seen) == sorted(["/q?b=2&a=1", "/q?", "/sorted?a=1&b=2", "/none"])


def test_paths_below_a_prefix(guarded, origin, keys):
    get = guarded(f"signed-url {keys};")
    origin.page("/pub/a", b"a", KEEP)
    query = sign("/pub/a", prefix="/pub/").split("?")[1]
    assert get(f"/pub/a?{query}").status == 200
    assert get(f"/pub/./x/../%61?{query}").cache == "hit"
    for path in ("/secret", "/pub/../secret", "/pub/%2e%2e/secret", "/pub/..%2fsecret",
                 "/pub/..%5Csecret", "/pub/..;/secret", "/pub/%252e%252e/secret", "/pub", "/public/a"):
        assert get(f"{path}?{query}").status == 403, path
    assert [r.path for r in origin.requests()] == ["/pub/a"]


def test_purge_of_what_is_signed(guarded, origin, keys):
    get = guarded(f"signed-url {keys}; purge-from 192.0.2.1;")
    assert get(sign("/a")).status == 200
    assert get("/a", method="PURGE", fields={"Selvage-Purge": "hard"}).status == 200
    assert get(sign("/a")).cache == "miss"
    assert len(origin.requests("/a")) == 2


def ctl(*args, status=0):
    done = subprocess.run([SELVAGECTL, *args], capture_output=True, text=True, env=environment(),
                          check=False)
    assert done.returncode == status, done.stderr
    return done.stdout.strip() if status == 0 else done.stderr


def test_selvagectl_sign(guarded, origin, keys):
    get = guarded(f"signed-url {keys};")
    for args in ((), ("--id", "k1"), ("--client", "192.0.2.1"), ("--prefix", "/")):
        url = ctl("sign", "HTTP://A.Test:80/%61", "--key", keys, "--expires", "1h", *args)
        assert url.startswith("HTTP://a.test/a?sig-expires=")
        assert get(url[len("http://a.test"):]).status == 200, args
    url = ctl("sign", "a.test/a?x=1&sig=old", "--key", keys, "--expires", "1s")
    assert re.match(r"http://a\.test/a\?x=1&sig-expires=\d+&sig-key=k2&sig=[0-9a-f]{64}$", url)
    origin.page("/a", b"hello", KEEP)
    wait_for(lambda: get(url[len("http://a.test"):]).detail == "signature-expired", "its end")
    for args, says in ((("--key", keys), "--expires"), (("--expires", "1h"), "--key"),
                       (("--key", keys, "--expires", "x"), "--expires"),
                       (("--key", keys, "--expires", "1h", "--id", "k9"), "k9"),
                       (("--key", keys, "--expires", "1h", "--prefix", "/b/"), "begin"),
                       (("--key", keys, "--expires", "1h", "--prefix", "a"), "slash"),
                       (("--key", keys, "--expires", "1h", "--client", "me"), "address"),
                       (("--key", "/none", "--expires", "1h"), "/none")):
        said = ctl("sign", "http://a.test/a", *args, status=1)
        assert says in said and SECRET not in said


def test_secrets_are_shown_nowhere(guarded, keys):
    get = guarded(f"signed-url {keys};")
    edge = get.edge
    dump = run_selvaged("-T", "-c", edge.config_path)
    assert keys in dump.stdout and SECRET not in dump.stdout + dump.stderr
    get("/a?sig=1")
    for args in ((), ("--json",)):
        assert SECRET not in edge.ctl(*args, "explain", "http://a.test/a")
    assert SECRET not in edge.stderr()


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_of_keys_that_others_may_touch(keys, tmp_path, mode):
    os.chmod(keys, mode)
    conf = tmp_path / "selvage.conf"
    conf.write_text(f"listen 127.0.0.1:0;\nsite * {{ origin http://a; signed-url {keys}; }}\n")
    done = run_selvaged("-t", "-c", conf)
    assert done.returncode == 1 and "chmod" in done.stderr and SECRET not in done.stderr


# --- over HTTP/2

def test_http_2(selvaged, origin, keys):
    """The same steps for its requests; the streams of a connection are one client."""
    port = free_port()
    origin.page("/a", b"hello", KEEP)
    selvaged(config=f"""
        {GEO} listen 127.0.0.1:{port} h2c proxy from 127.0.0.1;
        site * {{ origin {origin.url}; deny country SE;
            path /few {{ limit 1/h burst 2 by client; }}
            path /signed {{ signed-url {keys}; }} }}""")
    for path in ("/few", "/signed"):
        origin.page(path, b"hello", KEEP)

    def ask(target):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--haproxy-protocol", "-w",
                               "%{http_version} %{http_code}", "-H", "Host: a.test", "-o", "/dev/null",
                               f"http://127.0.0.1:{port}{target}"],
                              capture_output=True, check=True, text=True)
        assert done.stdout.startswith("2 ")
        return int(done.stdout[2:])
    assert ask("/a") == 200
    assert [ask("/few") for _ in range(3)] == [200, 200, 429]
    assert ask("/signed") == 403
    assert ask(sign("/signed")) == 200


# --- what explain says of it

def test_explain(guarded, keys):
    get = guarded(f"deny country SE; deny 192.0.2.1;\nlimit 100/s by client;\n"
                  f"path /signed {{ signed-url {keys}; }}", GEO)
    edge = get.edge

    def ask(url, *args):
        return json.loads(edge.ctl("--json", "explain", url, *args))
    said = ask("http://a.test/a")
    assert said["admission"]["access"]["allowed"] is None
    assert said["admission"]["limits"] == ["100/s by client"]
    said = ask("http://a.test/a", "--client", "89.160.20.112")
    assert said["now"]["status"] == 403 and said["now"]["why"].startswith("deny country SE at ")
    assert said["admission"]["place"]["country"] == "SE"
    said = ask("http://a.test/a", "--client", "81.2.69.160")
    assert said["admission"]["access"]["allowed"] is True and said["now"]["cache"] == "MISS"
    said = ask("http://a.test/signed")
    assert said["now"]["status"] == 403 and said["admission"]["signature"] == "signature-missing"
    said = ask("http://a.test" + sign("/signed"))
    assert said["admission"]["signature"] == "good" and said["key"]["query"] is None
    assert "refused by deny 192.0.2.1" in edge.ctl("explain", "a.test/a", "--client", "192.0.2.1")
    assert "depends on who asks" in edge.ctl("explain", "a.test/a")
    assert "192.0.2.1" in edge.ctl("explain", "a.test/a", "--client", "me", status=1)
