"""Configuration files: -t, -T, and errors that say where and what would be right."""
import os
import re

import pytest

from edge import TOP, run_selvaged

GOOD = """
listen 127.0.0.1:18080;
workers 1;
cache { memory 32MiB; }
origin app { server http://127.0.0.1:8000; }
site www.example.test {
    origin app;   # the one above
    path /static/* { ttl 1d; }
}
"""


@pytest.fixture
def conf(tmp_path):
    def write(text, name="selvage.conf"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path
    return write


def test_good(conf):
    done = run_selvaged("-t", "-c", conf(GOOD))
    assert done.returncode == 0, done.stderr


def test_dump_is_its_own_dump(conf):
    once = run_selvaged("-T", "-c", conf(GOOD))
    assert once.returncode == 0
    assert "127.0.0.1:18080" in once.stdout and "ttl 1d" in once.stdout
    twice = run_selvaged("-T", "-c", conf(once.stdout, "dumped.conf"))
    assert twice.stdout == once.stdout


def test_include(conf, tmp_path):
    conf("site b.test { origin http://127.0.0.1:8001; }\n", "sites/b.conf")
    conf("site a.test { origin http://127.0.0.1:8002; }\n", "sites/a.conf")
    done = run_selvaged("-T", "-c", conf("listen 127.0.0.1:18080;\ninclude sites/*.conf;\n"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("a.test") < done.stdout.index("b.test")


def test_error_in_an_included_file_names_it(conf):
    conf("site a.test {\n    orgin http://127.0.0.1:8002;\n}\n", "sites/a.conf")
    done = run_selvaged("-t", "-c", conf("listen 127.0.0.1:18080;\ninclude sites/*.conf;\n"))
    assert done.returncode == 1
    assert re.search(r"sites/a\.conf:2:5: .*\"orgin\".*did you mean \"origin\"", done.stderr)


def test_include_of_itself(conf):
    path = conf("listen 127.0.0.1:18080;\ninclude selvage.conf;\n")
    done = run_selvaged("-t", "-c", path)
    assert done.returncode == 1 and "selvage.conf:2" in done.stderr


@pytest.mark.parametrize("text, where, said", [
    ("site a.test {\n    orgin app;\n}", "2:5", 'did you mean "origin"'),
    ("listen 127.0.0.1:18080;\nworkers many;", "2:9", "many"),
    ("workers 1;\nworkers 2;", "2:1", "selvage.conf:1"),
    ("cache { memory 64; }", "1:16", "64"),
    ("cache { memory 64MiB }", None, ";"),
    ("site a.test { origin http://h;", None, "}"),
    ("site a.test { origin nowhere; }", "1:", "nowhere"),
    ('site "a.test { }', "1:6", ""),
    ("site * { path static/* { } origin http://h; }", "1:15", "/static/*"),
    ("ttl 1d;", "1:1", "ttl"),
    ("cache {\n    disk /tmp size 64MiB;\n}", "2:10", "this is a folder"),
    ("cache { disk /dev/null size 64MiB; }", "1:14", "neither a file nor a block device"),
    ("cache { disk /nowhere/volume size 64MiB; }", "1:14", "no such folder"),
    ("cache { disk /dev/null/volume size 64MiB; }", "1:14", "no folder"),
    ("cache { disk /tmp/volume size 16TiB; }", "1:31", "less than 16 TiB"),
    ("cache { disk /tmp/volume size 1MiB; }", "1:31", "at least 4 MiB"),
    ("site * { origin http://h; path /a { ttl 5; } }", "1:", "5"),
    ("site a.test { origin http://h; }\nsite a.test { origin http://h; }", "2:", "selvage.conf:1"),
    ("site * { origin http://h; redirect 200 /a; }", "1:36", "200"),
    ("site * { origin http://h; header set Content-Length 5; }", "1:", "Content-Length"),
])
def test_error(conf, text, where, said):
    done = run_selvaged("-t", "-c", conf(text + "\n"))
    assert done.returncode == 1
    assert said in done.stderr
    pattern = rf"selvage\.conf:{where or '[0-9]+:[0-9]+'}"
    assert re.search(pattern, done.stderr), done.stderr


def test_all_errors_are_told_at_once(conf):
    done = run_selvaged("-t", "-c", conf("nonsense 1;\nworkers x;\nsite * { orgin a; }\n"))
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert {1, 2, 3} <= {int(n) for n in re.findall(r"selvage\.conf:(\d+):", done.stderr)}, lines


@pytest.mark.parametrize("octets", [b"\x00", b"site \xff\xfe {", b"{" * 100, b"}" * 5, b'"\\'],
                         ids=lambda o: repr(o)[2:20])
def test_garbage_is_an_error_not_a_crash(tmp_path, octets):
    path = tmp_path / "selvage.conf"
    path.write_bytes(octets)
    assert run_selvaged("-t", "-c", path).returncode == 1


def test_one_line_form_and_file_do_not_mix(conf):
    done = run_selvaged("-c", conf(GOOD), "--origin", "http://127.0.0.1:1")
    assert done.returncode == 1


def examples():
    """The configurations that our documents show: indented or fenced blocks with a listen."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        for block in re.findall(r"```\n(.*?)```", f.read(), re.S):
            if "listen " in block:
                yield "README.md", block
    with open(os.path.join(TOP, "man", "selvage.conf.5.in"), encoding="utf-8") as f:
        for block in re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed", f.read(), re.S):
            if "listen " in block:
                yield "selvage.conf.5", block
    with open(os.path.join(TOP, "etc", "selvage.conf"), encoding="utf-8") as f:
        yield "etc/selvage.conf", f.read()


@pytest.mark.parametrize("text", [pytest.param(t, id=f"{where}-{n}")
                                  for n, (where, t) in enumerate(examples())])
def test_what_the_documents_show_is_right(conf, tmp_path, text):
    for folder in ("/srv/www", "/var/cache/selvage"):
        here = tmp_path / os.path.basename(folder)
        here.mkdir()
        text = text.replace(folder, str(here))
    done = run_selvaged("-t", "-c", conf(text))
    assert done.returncode == 0, done.stderr
