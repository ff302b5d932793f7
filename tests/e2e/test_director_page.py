"""The page for people: what it says, as HTML and as JSON, and what a browser makes of it."""
import html.parser
import json
import os
import re

import pytest

from browser import CHROMIUM, DRIVER, Browser
from test_director_redirect import CITY, FRANKFURT, TRUST, ask
from waiting import wait_for
from wire import Client

POPS = """
pop fra { location 50.11 8.68; address 192.0.2.1; state drain; }
pop ams { location 52.37 4.90; address 192.0.2.4; }
pop iad { location 38.95 -77.45; address 192.0.2.2; }
pop syd { location -33.87 151.21; address 192.0.2.3; }
steer cdn { pops syd fra ams iad; ttl 30s; network 203.0.113.0/24 -> iad syd; country US -> iad; }
"""
SITE = "redirect www.test { steer cdn; to https://$pop.cdn.test; page /where; }\n"
CONF = f"database {CITY};\nmap-cache off;\n{TRUST}{POPS}{SITE}"


def started(director, text=CONF):
    d = director(text, redirect="plain", workers=1)
    d.web = ("127.0.0.1", d.http_port)
    if "database" in text:
        wait_for(lambda: "//ams." in ask(d, "/", FRANKFURT).fields.get("Location", ""), "the map")
    return d


def as_json(d, client=None, target="/where"):
    r = ask(d, target, client, fields=[("Accept", "application/json")])
    assert r.status == 200 and r.fields.get("Content-Type") == "application/json"
    return json.loads(r.body)


def test_json_tells_all_of_it(director):
    d = started(director)
    j = as_json(d, FRANKFURT)
    assert j["client"] == FRANKFURT + "/32" and j["host"] == "www.test"
    assert j["place"]["country"] == "DE" and j["place"]["continent"] == "EU"
    assert (round(j["place"]["latitude"], 2), round(j["place"]["longitude"], 2)) == (50.11, 8.68)
    assert j["order"] == "nearest" and j["how"] == "next" and j["override"] is None
    assert [p["pop"] for p in j["pops"]] == ["fra", "ams", "iad", "syd"]
    assert [p["state"] for p in j["pops"]] == ["drained", "up", "up", "up"]
    assert [p["km"] for p in j["pops"]][0] == 0 and 350 < j["pops"][1]["km"] < 380
    assert "drained" in j["pops"][0]["reason"]
    assert j["answer"]["pops"] == ["ams"] and j["url"] == "https://ams.cdn.test"
    assert j["answer"]["addresses"] == ["192.0.2.4"]
    network, bits = j["network"].split("/")
    assert network == "20.0.0.0" and 6 <= int(bits) <= 8


def test_json_names_the_override(director):
    d = started(director)
    j = as_json(d, "203.0.113.9")
    assert j["order"] == "network" and j["override"] == "network 203.0.113.0/24 -> iad syd"
    assert j["place"]["country"] is None and j["pops"][0]["km"] is None
    assert j["answer"]["pops"] == ["iad"]
    assert as_json(d, "21.1.2.3")["override"] == "country US -> iad"
    # 6to4: it is the address inside that is looked up.
    j = as_json(d, "2002:1401:203::1")
    assert j["looked_up"] == FRANKFURT and j["place"]["country"] == "DE"


def test_without_a_database(director):
    d = started(director, TRUST + POPS + SITE)
    j = as_json(d, FRANKFURT)
    assert j["order"] == "default" and j["place"]["located_by"] == "nothing"
    assert [p["pop"] for p in j["pops"]] == ["syd", "fra", "ams", "iad"]
    r = ask(d, "/where", FRANKFURT)
    assert b"nobody here knows" in r.body and b"<svg" in r.body


@pytest.mark.parametrize("accept, kind", [
    (None, "text/html"), ("*/*", "text/html"), ("application/json", "application/json"),
    ("text/html;q=0.4, application/json;q=0.5", "application/json"),
    ("text/html, application/json;q=0.9", "text/html"),
    ("application/*, text/html;q=0.2", "application/json"), ("image/png", "text/html"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
])
def test_accept_decides(director, accept, kind):
    d = started(director, TRUST + POPS + SITE)
    r = ask(d, "/where", fields=[("Accept", accept)] if accept else [])
    assert r.fields.get("Content-Type").split(";")[0] == kind
    assert r.fields.get("Vary") == "Accept" and r.fields.get("Cache-Control") == "no-store"


class Links(html.parser.HTMLParser):
    """Whatever a document could load from elsewhere, and what it runs."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "a":
            self.links.append(named["href"])
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href", "data") and tag != "a"]
        self.loads += [k for k, _ in attrs if k.startswith("on") or k == "style"]
        if tag in ("script", "link", "iframe", "object", "img", "base"):
            self.loads.append(tag)


def test_nothing_comes_from_elsewhere_and_nothing_gets_in(director):
    d = started(director)
    r = ask(d, "/where", FRANKFURT)
    policy = r.fields.get("Content-Security-Policy")
    nonce = re.search(r"style-src 'nonce-(\w{32})'", policy).group(1)
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert r.fields.get("X-Content-Type-Options") == "nosniff"
    text = r.body.decode()
    assert f'<style nonce="{nonce}">' in text and Links(text).loads == []
    assert "url(" not in text and "@import" not in text
    assert nonce not in ask(d, "/where", FRANKFURT).body.decode()
    # What strangers say is text.
    with_tags = ask(d, "/where", FRANKFURT, host="www.test:80").body.decode()
    assert "www.test:80" in with_tags


def test_only_there_and_only_to_look_at(director):
    d = started(director, TRUST + POPS + SITE)
    assert ask(d, "/where?x").status == 200
    head = ask(d, "/where", method="HEAD")
    assert head.status == 200 and int(head.fields.get("Content-Length")) > 20000
    assert ask(d, "/where", method="POST").status == 307
    assert ask(d, "/where/").status == 302
    assert ask(d, "/%77here").status == 302


def test_many_at_once_and_those_who_leave(director):
    d = started(director)
    for _ in range(20):  # whoever leaves before the place is known, leaves nothing behind
        with Client(d.web) as c:
            c.request("/where", host="www.test", fields=[("X-Forwarded-For", FRANKFURT)])
    assert as_json(d, FRANKFURT)["place"]["country"] == "DE"


browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are needed")

LOOK = """
const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const way = (document.querySelector('.way') || {getAttribute: () => ''}).getAttribute('d');
const labels = [...document.querySelectorAll('svg text')].filter(e => box(e)[2] > box(e)[0]);
return {
    heading: document.querySelector('h1').innerText,
    table: document.querySelector('.scroll').scrollWidth,
    lead: document.querySelector('p').innerText,
    rows: [...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.innerText)),
    labels: labels.map(e => e.textContent), boxes: labels.map(box),
    map: box(document.querySelector('svg')), width: innerWidth, scroll: document.documentElement.scrollWidth,
    dots: [...document.querySelectorAll('.pop circle')].map(box),
    you: [...document.querySelectorAll('.you .dot')].map(box),
    way: document.querySelectorAll('.way').length,
    wayMoves: (way.match(/M/g) || []).length,
    wayStep: Math.max(...way.split('M').slice(1).map(p => p.split('L').map(q => +q.split(' ')[0])
        .reduce((w, x, i, a) => i ? Math.max(w, Math.abs(x - a[i - 1])) : 0, 0))),
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    land: getComputedStyle(document.querySelector('.land')).fill,
    sea: getComputedStyle(document.querySelector('svg')).backgroundColor,
    entries: performance.getEntriesByType('resource').map(e => e.name),
};
"""


def look(d, client, *flags, width=1200, height=1000):
    with Browser("--no-proxy-server", f"--host-resolver-rules=MAP www.test 127.0.0.1:{d.http_port}", *flags) as b:
        b.screen(width, height)
        b.send_fields({"X-Forwarded-For": client})
        b.goto("http://www.test/where")
        seen = b.run(LOOK)
        keep = os.environ.get("SELVAGE_SHOTS")
        if keep:
            b.screenshot(os.path.join(keep, f"page{len(os.listdir(keep))}.png"))
        return seen


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def bright(colour):
    return sum(int(v) for v in re.findall(r"\d+", colour)[:3]) / 3


@browser
@pytest.mark.slow
def test_a_browser_shows_it(director):
    d = started(director)
    for width in 1200, 360:  # a desk, a phone
        seen = look(d, FRANKFURT, width=width)
        assert seen["width"] == width and seen["scroll"] <= width  # nothing stands out of the window
        assert seen["heading"] == "You are sent to ams"
        assert FRANKFURT in seen["lead"] and "DE, Europe" in seen["lead"]
        assert [row[1] for row in seen["rows"]] == ["fra", "ams", "iad", "syd"]
        assert "drained" in seen["rows"][0][4]
        assert len(seen["dots"]) == 4 and len(seen["you"]) == 1 and seen["way"] == 1
        left, top, right, bottom = seen["map"]
        assert right - left > width * 0.85
        assert seen["labels"] == (["ams"] if width < 600 else ["syd", "iad", "ams", "fra", "you"])
        assert seen["table"] <= right - left + 1  # nor does one have to move the table
        assert all(left - 1 <= x1 and x2 <= right + 1 and top - 1 <= y1 and y2 <= bottom + 1
                   for x1, y1, x2, y2 in seen["boxes"])
        boxes = seen["boxes"]
        assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
        assert seen["entries"] == []
        # The policy let the style in, which shows in colours that differ.
        assert len({seen["paper"], seen["land"], seen["sea"]}) == 3
        assert bright(seen["paper"]) > 200 > 60 > bright(seen["ink"])


@browser
@pytest.mark.slow
def test_the_way_over_the_pacific(director):
    d = started(director, CONF.replace("country US -> iad;", "country US -> syd;"))
    seen = look(d, "21.1.2.3")  # Washington to Sydney
    assert seen["heading"] == "You are sent to syd" and "15" in seen["rows"][0][2]
    # It leaves the map at one side and comes back at the other, without a line across.
    assert seen["wayMoves"] == 2 and seen["wayStep"] < 400


@browser
@pytest.mark.slow
def test_dark_is_dark(director):
    d = started(director)
    dark = look(d, FRANKFURT, "--blink-settings=preferredColorScheme=0")
    assert bright(dark["paper"]) < 40 < 200 < bright(dark["ink"])
    assert len({dark["paper"], dark["land"], dark["sea"]}) == 3
