"""Real input: a tree of real documentation, served by nginx, mirrored through the edge by wget.
Byte for byte what the source is, twice; the second time everything is a HIT."""
import filecmp
import os
import re
import shutil
import subprocess

import pytest

from edge import free_port
from waiting import wait_for
from wire import Client

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
# Manuals that come with what testing needs, the first that is there; all of /usr/share/doc else.
MANUALS = ["/usr/share/doc/valgrind/html", "/usr/share/doc/cmocka-doc/html", "/usr/share/doc"]
FILES_MAX, BYTES_MAX = 1500, 40 << 20

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not NGINX or not shutil.which("wget"),
                                 reason="nginx and wget are needed")]

CONF = """
daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; types {{ text/html html; text/css css; image/png png; }}
    default_type application/octet-stream; gzip on; gzip_types text/css;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen 127.0.0.1:{port}; root {dir}/www; absolute_redirect off;
        location / {{ add_header Cache-Control "max-age=3600"; }}
    }}
}}
"""


@pytest.fixture
def source(tmp_path):
    """A copy of the manuals (plain files only) with an index that names every one of them."""
    www = tmp_path / "www"
    www.mkdir()
    count = total = 0
    links = []
    for manual in MANUALS:
        if not os.path.isdir(manual):
            continue
        for where, folders, names in os.walk(manual):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(where, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                size = os.path.getsize(path)
                # wget would rename what it finds odd in a name.
                if not re.match(r"[A-Za-z0-9._-]+\Z", name) or name == "robots.txt" \
                        or count >= FILES_MAX or total + size > BYTES_MAX:
                    continue
                to = www / os.path.relpath(path, "/usr/share/doc")
                if to.exists() or "+" in str(to) or "~" in str(to):
                    continue
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
                count, total = count + 1, total + size
                links.append(f'<a href="/{to.relative_to(www)}">x</a>')
    # Larger than a few pages of memory, and not a multiple of anything.
    (www / "large.bin").write_bytes(os.urandom((3 << 20) + 17))
    links.append('<a href="/large.bin">x</a>')
    (www / "all.html").write_text("<html><body>" + "\n".join(links) + "</body></html>")
    assert count > 100, "no documentation is installed to mirror"
    return www


@pytest.fixture
def nginx(tmp_path, source):
    port = free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(("user root;" if os.geteuid() == 0 else "") + CONF.format(dir=tmp_path, port=port))
    process = subprocess.Popen([NGINX, "-p", tmp_path, "-e", tmp_path / "start.log", "-c", conf],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready():
        assert process.poll() is None, (tmp_path / "start.log").read_text()
        try:
            Client(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    wait_for(ready, "nginx ready")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def mirror(edge, into):
    done = subprocess.run(
        ["wget", "--mirror", "--no-verbose", "--no-host-directories", "--no-parent", "-e",
         "robots=off", "--tries=1", "--directory-prefix", into, edge.url + "/all.html"],
        capture_output=True, text=True, timeout=240)
    # 8: some link in the documentation leads nowhere, which is the documentation's affair.
    assert done.returncode in (0, 8), done.stderr[-2000:]


def compare(source, copy):
    count = 0
    for where, _, names in os.walk(source):
        for name in names:
            path = os.path.join(where, name)
            got = os.path.join(copy, os.path.relpath(path, source))
            assert os.path.exists(got), f"{path} was not mirrored"
            assert filecmp.cmp(path, got, shallow=False), f"{path} came back different"
            count += 1
    return count


def test_mirror_twice(selvaged, nginx, source, tmp_path):
    log = tmp_path / "access.log"
    edge = selvaged(config=f"""
        access-log {log};
        cache {{ memory 256MiB; }}
        site * {{ origin {nginx}; }}""")
    counts = []
    for n in ("first", "second"):
        mirror(edge, tmp_path / n)
        counts.append(compare(source, tmp_path / n))
        (tmp_path / n).joinpath("done").write_text("")
        # The log is written behind: it is complete when the last of the run stands in it.
        edge.get(f"/{n}-run-is-over")
        wait_for(lambda: log.exists() and f"/{n}-run-is-over" in log.read_text(), "the log's end")
    first, second = log.read_text().split("/first-run-is-over", 1)
    served = re.findall(r'"GET (\S+) HTTP/1\.1" 200 .* cache=([A-Z]+) ', second)
    assert len(served) >= counts[1]
    assert {word for _, word in served} == {"HIT"}, [s for s in served if s[1] != "HIT"][:10]
    assert len(re.findall(r'" 200 .* cache=MISS ', first)) >= counts[0]
