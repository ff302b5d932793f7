"""selvagectl explain says beforehand what then happens."""
import json
import subprocess

import pytest

from edge import DISK, SELVAGECTL, environment

KEEP = {"Cache-Control": "max-age=60"}
SITE = """
    origin app {{ server {url}; }}
    site www.example.test example.test {{
        origin app;
        path /account/* {{ bypass; }}
        path /keyed* {{ key header X-Device; key cookie plan; query drop utm_*; }}
        path /old/* {{ redirect 301 https://new.example.test$path; }}
    }}
"""


def explain(edge, url, *args):
    return json.loads(edge.ctl("--json", "explain", url, *args))


@pytest.fixture
def site(selvaged, origin):
    return selvaged(config=SITE.format(url=origin.url))


def foretold(edge, target, host="a.test", fields=(), method="GET"):
    """What explain says, having checked that it is what happens, and that asking changes nothing."""
    args = [a for name, value in dict(fields).items() for a in ("-H", f"{name}: {value}")]
    first = explain(edge, f"http://{host}{target}", "-m", method, *args)
    again = explain(edge, f"http://{host}{target}", "-m", method, *args)
    for said in (first, again):
        said["now"].pop("why")  # it counts seconds
    assert first["now"] == again["now"]
    with edge.connect() as c:
        c.request(target, host=host, fields=fields, method=method)
        r = c.response(method)
    if first["now"]["status"] is not None:
        assert r.status == first["now"]["status"]
    elif first["now"]["cache"] == "HIT":
        assert r.cache == "hit"
    else:
        assert f"fwd={first['now']['fwd']}" in r["cache-status"]
    return first


def test_miss_then_hit(edge, origin):
    origin.page("/a", b"hello", {**KEEP, "ETag": '"e"'})
    said = foretold(edge, "/a")
    assert said["running"] and said["now"]["cache"] == "MISS" and said["stored"] is None
    assert said["now"]["origin"]["request"] == "GET /a"
    said = foretold(edge, "/a")
    assert said["now"]["cache"] == "HIT" and said["now"]["origin"] is None
    assert said["stored"]["etag"] == '"e"' and said["stored"]["body_bytes"] == 5
    assert said["freshness"]["lifetime_s"] == 60 and said["freshness"]["lifetime_from"] == "max-age"
    f = said["freshness"]
    assert f["age_s"] == f["initial_age_s"] + f["resident_s"]
    assert f["ttl_s"] == f["lifetime_s"] - f["age_s"]
    assert origin.count("/a") == 1


def test_expired_and_updating(edge, origin):
    origin.page("/old", b"x", {"Cache-Control": "max-age=60", "Age": "100", "ETag": '"o"'})
    origin.page("/while", b"x", {"Cache-Control": "max-age=60, stale-while-revalidate=600",
                                 "Age": "100"})
    for path in ("/old", "/while"):
        edge.get(path)
    said = foretold(edge, "/old")
    assert said["now"]["cache"] == "EXPIRED" and said["now"]["on_failure"] == "STALE"
    assert said["now"]["origin"]["if_none_match"] == '"o"'
    assert said["freshness"]["age_field_s"] == 100 and said["freshness"]["ttl_s"] <= -40
    said = explain(edge, "a.test/while")
    assert said["now"]["cache"] == "UPDATING" and said["now"]["origin"]["background"]


def test_bypass_method_redirect_and_refusals(site, origin):
    origin.page("/account/x", b"x", KEEP)
    origin.page("/a", b"x", KEEP)
    said = foretold(site, "/account/x", "www.example.test")
    assert (said["now"]["cache"], said["now"]["fwd"]) == ("BYPASS", "bypass")
    assert said["rule"]["path"] == "/account/*"
    said = foretold(site, "/a", "www.example.test", method="DELETE")
    assert (said["now"]["cache"], said["now"]["fwd"]) == ("BYPASS", "method")
    assert foretold(site, "/old/1", "www.example.test")["now"]["status"] == 301
    said = foretold(site, "/a", "other.test")
    assert said["now"]["status"] == 421 and said["site"] is None
    assert foretold(site, "/%zz", "www.example.test")["now"]["status"] == 400


def test_key_part_by_part(site, origin):
    origin.page("/keyed/a", b"x", KEEP)
    fields = {"X-Device": "tv", "Cookie": "a=b; plan=gold"}
    target = "/x/..//keyed/%61?q=1&utm_source=mail"
    said = foretold(site, "/keyed/%61?q=1&utm_source=mail", "WWW.Example.Test", fields)
    assert said["key"] == {"host": "www.example.test", "path": "/keyed/a", "query": "q=1", "lines": [
        {"kind": "field", "name": "x-device", "value": "tv"},
        {"kind": "cookie", "name": "plan", "value": "gold"}]}
    assert said["site"]["name"] == "www.example.test" and said["site"]["file"].endswith(".conf")
    assert origin.last("/keyed/a").target == "/keyed/a?q=1"
    assert foretold(site, "/keyed/a?q=1", "www.example.test", fields)["now"]["cache"] == "HIT"
    assert explain(site, "www.example.test" + target)["key"]["path"] == "//keyed/a"


def test_variants(edge, origin):
    @origin.at("/a")
    def page(x):
        language = x.request.fields.get("accept-language", "none")
        x.reply(200, language.encode(), {**KEEP, "Vary": "Accept-Language"})

    for language in ("de", "en"):
        edge.get("/a", fields={"Accept-Language": language})
    said = foretold(edge, "/a", fields={"Accept-Language": "de"})
    assert said["now"]["cache"] == "HIT" and said["vary"]["fields"] == ["accept-language"]
    seen = {v["values"][0]["value"]: v["chosen"] for v in said["vary"]["variants"]}
    assert seen == {"de": True, "en": False}
    said = foretold(edge, "/a", fields={"Accept-Language": "fr"})
    assert (said["now"]["cache"], said["now"]["fwd"]) == ("MISS", "vary-miss")
    assert len(explain(edge, "a.test/a")["vary"]["variants"]) == 3
    text = edge.ctl("explain", "a.test/a", "-H", "Accept-Language: de")
    chosen = [line for line in text.splitlines() if "chosen" in line]
    assert len(chosen) == 1 and "accept-language=de" in chosen[0]


@pytest.mark.parametrize("fields, reason, section", [
    ({"Cache-Control": "private"}, "private", "5.2.2.7"),
    ({"Cache-Control": "no-store"}, "no-store", "5.2.2.5"),
    ({"Set-Cookie": "a=b"}, "set-cookie", "7.3"),
    ({**KEEP, "Vary": "*"}, "vary-any", "4.1"),
])
def test_reason_is_the_same_everywhere(edge, origin, fields, reason, section):
    origin.page("/a", b"x", fields, status=200)
    assert explain(edge, "a.test/a")["not_stored"] is None
    assert f"detail={reason}" in edge.get("/a")["cache-status"]
    said = explain(edge, "a.test/a")["not_stored"]
    assert said["reason"] == reason and said["section"] == f"RFC 9111 §{section}"
    assert said["status"] == 200 and 0 <= said["ago_s"] < 30
    metrics = edge.metrics()
    assert metrics[f'selvage_not_stored_total{{reason="{reason}"}}'] == 1
    assert edge.metric("selvage_not_stored_total") == 1
    assert json.loads(edge.ctl("--json", "stats"))["counters"]["not_stored"][reason] == 1
    text = edge.ctl("explain", "a.test/a")
    assert f"not stored       {reason}: " in text and section in text


@pytest.mark.skipif(DISK, reason="a disk takes it")
def test_too_large_is_a_reason(edge, origin):
    origin.page("/a", bytes(8 << 20), KEEP)  # an object has at most a sixteenth of the memory
    edge.get("/a")
    assert explain(edge, "a.test/a")["not_stored"]["reason"] == "no-room"


def test_text_is_aligned_and_without_colour(edge, origin):
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    text = edge.ctl("explain", "a.test/a")
    assert text.startswith("answer          HIT: it is fresh for another ")
    assert "\x1b" not in text
    starts = {len(line) - len(line[14:].lstrip()) for line in text.splitlines() if line}
    assert starts == {16}


def without_a_daemon(*args):
    return subprocess.run([SELVAGECTL, *map(str, args)], capture_output=True, text=True,
                          env=environment(), timeout=20)


def test_a_file_without_a_daemon(tmp_path):
    path = tmp_path / "selvage.conf"
    path.write_text("listen 127.0.0.1:1;\n" + SITE.format(url="http://127.0.0.1:1"))
    done = without_a_daemon("--json", "explain", "-c", path, "example.test/account/1?b")
    said = json.loads(done.stdout)
    assert done.returncode == 0 and not said["running"]
    assert said["site"]["name"] == "www.example.test" and said["rule"]["path"] == "/account/*"
    assert said["key"]["path"] == "/account/1" and said["key"]["query"] == "b"
    assert said["now"]["cache"] == "BYPASS" and said["policy"]["origin"] == "app"
    done = without_a_daemon("explain", "-c", path, "example.test/")
    assert done.returncode == 0 and "depends on what is stored" in done.stdout


def test_errors(edge, tmp_path):
    assert "URL is missing" in edge.ctl("explain", status=1)
    for url in ("http://a b/", "ftp://a.test/", "http://", "http://a.test:99999/"):
        assert "400" in edge.ctl("explain", url, status=1)
    assert "Name: value" in edge.ctl("explain", "a.test", "-H", "nonsense", status=1)
    assert "belong to explain" in edge.ctl("stats", "-m", "GET", status=1)
    assert "what is to be done" in edge.ctl("explain", "a.test", "b.test", status=1)
    bad = tmp_path / "bad.conf"
    bad.write_text("sight a.test { }\n")
    done = without_a_daemon("explain", "-c", bad, "a.test")
    assert done.returncode == 1 and "bad.conf:1:1" in done.stderr
    done = without_a_daemon("-s", tmp_path / "none", "explain", "a.test")
    assert done.returncode == 1 and "none" in done.stderr
