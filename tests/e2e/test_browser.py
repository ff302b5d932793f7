"""What a person sees: headless Chromium before the edge before nginx."""
import os
import shutil
import subprocess

import pytest

import webm
from browser import CHROMIUM, DRIVER, Browser
from edge import TOP, free_port
from waiting import wait_for
from wire import Client

HERE = os.path.dirname(os.path.abspath(__file__))
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not (CHROMIUM and DRIVER and NGINX),
                                 reason="chromium, chromium-driver and nginx are needed")]

CONF = """
daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    log_format parts '$request_method $uri $status $body_bytes_sent';
    access_log {dir}/access.log parts;
    types {{ text/html html; text/css css; image/png png; image/svg+xml svg; video/webm webm; }}
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen 127.0.0.1:{port}; root {dir}/www;
        location / {{ add_header Cache-Control "max-age=3600"; }}
    }}
}}
"""


class Nginx:
    def __init__(self, directory, www):
        self.dir = str(directory)
        shutil.copytree(www, os.path.join(self.dir, "www"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        path = os.path.join(self.dir, "nginx.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(("user root;" if os.geteuid() == 0 else "") + CONF.format(dir=self.dir, port=self.port))
        self.process = subprocess.Popen([NGINX, "-c", path], stderr=subprocess.DEVNULL)
        wait_for(self._up, "nginx ready")

    def _up(self):
        try:
            with Client(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def served(self):
        """[(path, status, bytes)]"""
        with open(os.path.join(self.dir, "access.log"), encoding="ascii") as f:
            lines = [line.split() for line in f]
        return [(path, int(status), int(size)) for _, path, status, size in lines]

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def nginx_of(tmp_path):
    running = []

    def start(www):
        running.append(Nginx(tmp_path, www))
        return running[-1]

    yield start
    for n in running:
        n.stop()


# Name and size of all that a page has loaded, once one of them is there: what a style sheet asks for
# is told of a little after the page is loaded. But for its icon: a browser takes that when it likes.
LOADED = """
const [last, done] = arguments;
function look() {
    const pictures = [...document.images].map(i => [i.currentSrc, i.naturalWidth]);
    const others = performance.getEntriesByType('resource').map(r => [r.name, r.decodedBodySize])
        .filter(([name]) => !name.endsWith('/icon.svg')).sort();
    if (others.some(([name, size]) => name.endsWith(last) && size > 0))
        done([document.title, pictures, others]);
    else
        setTimeout(look, 20);
}
look();
"""
PAGES = {"/": "/images/dusk.png", "/how.html": "/images/roads.svg", "/try.html": "/style.css"}


def test_demo_site_twice(selvaged, nginx_of):
    """Two visitors see the same, and the second one costs the origin nothing."""
    source = nginx_of(os.path.join(TOP, "etc", "demo-site"))
    edge = selvaged(origin=source.url)
    asked, seen = [], []
    for _ in range(2):
        with Browser() as visitor:
            pages = []
            for page, last in PAGES.items():
                visitor.goto(edge.url + page)
                pages.append(visitor.wait_run(LOADED, last))
        seen.append(pages)
        asked.append([s for s in source.served() if s[0] != "/icon.svg"])
    assert seen[0] == seen[1]
    pictures = [p for _, here, _ in seen[0] for p in here]
    others = [o for _, _, here in seen[0] for o in here]
    assert all(title for title, _, _ in seen[0])
    assert pictures and all(width > 0 for _, width in pictures), pictures
    assert all(size > 0 for _, size in others), others
    assert asked[0] == asked[1]


# A page and its style as this browser decodes them, and what came over the wire for the page.
FETCHED = """
const [urls, done] = [arguments[0], arguments[arguments.length - 1]];
(async () => {
    const got = [];
    for (const url of urls) {
        const answer = await fetch(url, {cache: 'no-store'});
        got.push([answer.headers.get('content-encoding'), await answer.text()]);
    }
    const page = performance.getEntriesByType('navigation')[0];
    done([got, page.encodedBodySize, page.decodedBodySize]);
})();
"""


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_each_coding_is_decoded(selvaged, nginx_of, coding):
    """Twice: what the first visit made is what the second one gets."""
    site = os.path.join(TOP, "etc", "demo-site")
    source = nginx_of(site)
    edge = selvaged(config=f"site * {{ origin {source.url}; encode {coding}; }}")
    paths = ["/how.html", "/style.css"]
    files = [open(site + path, encoding="utf-8").read() for path in paths]
    with Browser() as visitor:
        for _ in range(2):
            visitor.goto(edge.url + paths[0])
            got, encoded, decoded = visitor.wait_run(FETCHED, [edge.url + path for path in paths])
            assert got == [[coding, text] for text in files]
            assert 0 < encoded < decoded == len(files[0].encode())
    assert edge.metrics()[f'selvage_encoded_total{{coding="{coding}"}}'] >= len(paths)


PAGE = '<!doctype html><title>film</title><video id=v src="/clock.webm" preload=metadata muted></video>'

# Goes to a second of the film; answers what the frame there looks like.
FRAME = """
const [second, done] = arguments, v = document.getElementById('v');
v.addEventListener('error', () => done('error: ' + v.error.message));
function paint() {
    const c = document.createElement('canvas');
    c.width = v.videoWidth;
    c.height = v.videoHeight;
    const g = c.getContext('2d');
    g.drawImage(v, 0, 0);
    let sum = 0;
    for (const x of g.getImageData(0, 0, c.width, c.height).data)
        sum = (sum * 31 + x) >>> 0;
    done([v.duration, v.currentTime, sum]);
}
function seek() {
    v.addEventListener('seeked', paint, {once: true});
    v.currentTime = second;
}
if (v.readyState >= 1)
    seek();
else
    v.addEventListener('loadedmetadata', seek, {once: true});
"""
SECONDS = [100, 17, 63, 100]


def frames(url):
    with Browser() as viewer:
        viewer.goto(url + "/film.html")
        return [viewer.wait_run(FRAME, s) for s in SECONDS]


def test_seeking_in_a_film(selvaged, nginx_of, tmp_path):
    """Through slices a viewer sees the frames of the original; no slice is fetched twice, and a
    second viewer costs the origin only what the first did not look at."""
    www = tmp_path / "film"
    www.mkdir()
    (www / "film.html").write_text(PAGE)
    with open(os.path.join(HERE, "clock.webm"), "rb") as f:
        film = webm.padded(f.read(), 512 << 10)
    (www / "clock.webm").write_bytes(film)
    source = nginx_of(www)
    edge = selvaged(config=f"""
        origin films {{ server {source.url}; }}
        site * {{ origin films; slice 256KiB; slice-from 1MiB; }}
        cache {{ memory 256MiB; }}
    """)
    original = frames(source.url)
    assert all(isinstance(f, list) for f in original), original
    assert original[0] == original[3] and len({f[2] for f in original}) == 3
    direct = len(source.served())
    assert frames(edge.url) == original
    parts = [s for s in source.served()[direct:] if s[0] == "/clock.webm"]
    fetched = [size for _, status, size in parts if status == 206]
    assert len(fetched) > 3 and max(fetched) <= 256 << 10
    assert sum(fetched) <= len(film)
    asked = len(source.served())
    assert frames(edge.url) == original
    again = [s for s in source.served()[asked:] if s[0] == "/clock.webm"]
    assert sum(size for _, _, size in again) <= len(film) - sum(fetched), again
