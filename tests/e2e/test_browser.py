"""What a person sees: headless Chromium before the edge before nginx."""
import os
import shutil
import subprocess

import pytest

from browser import CHROMIUM, DRIVER, Browser
from edge import TOP, free_port
from waiting import wait_for
from wire import Client

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


# Name and size of all that a page has loaded, but for its icon: a browser takes that when it likes.
LOADED = """
const pictures = [...document.images].map(i => [i.currentSrc, i.naturalWidth]);
const others = performance.getEntriesByType('resource').map(r => [r.name, r.decodedBodySize])
    .filter(([name]) => !name.endsWith('/icon.svg')).sort();
return [document.title, pictures, others];
"""


def test_demo_site_twice(selvaged, nginx_of):
    """Two visitors see the same, and the second one costs the origin nothing."""
    source = nginx_of(os.path.join(TOP, "etc", "demo-site"))
    edge = selvaged(origin=source.url)
    asked, seen = [], []
    for _ in range(2):
        with Browser() as visitor:
            pages = []
            for page in ("/", "/how.html", "/try.html"):
                visitor.goto(edge.url + page)
                pages.append(visitor.run(LOADED))
        seen.append(pages)
        asked.append([s for s in source.served() if s[0] != "/icon.svg"])
    assert seen[0] == seen[1]
    pictures = [p for _, here, _ in seen[0] for p in here]
    others = [o for _, _, here in seen[0] for o in here]
    assert all(title for title, _, _ in seen[0])
    assert pictures and all(width > 0 for _, width in pictures), pictures
    assert any(name.endswith("/dusk.png") for name, _ in others)
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
