"""How the daemon starts, or says in a sentence why not."""
import socket

import pytest

from edge import run_selvaged


def test_help_and_version():
    for flag in ("-h", "--help"):
        done = run_selvaged(flag)
        assert done.returncode == 0
        assert "--origin" in done.stdout
    done = run_selvaged("-V")
    assert done.returncode == 0
    assert "selvage" in (done.stdout + done.stderr).lower()


def test_nothing_to_do():
    done = run_selvaged()
    assert done.returncode == 1
    assert "-c" in done.stderr or "--origin" in done.stderr


@pytest.mark.parametrize("args, said", [
    (["--listen", "127.0.0.1:99999", "--origin", "http://127.0.0.1:1"], "99999"),
    (["--listen", "nonsense", "--origin", "http://127.0.0.1:1"], "nonsense"),
    (["--listen", "127.0.0.1:18080", "--origin", "gopher://127.0.0.1"], "gopher"),
    (["--listen", "127.0.0.1:18080", "--origin", "http://127.0.0.1:1", "--memory", "12"], "12"),
    (["--listen", "127.0.0.1:18080", "--origin", "http://127.0.0.1:1", "--workers", "none"], "none"),
    (["--listen", "192.0.2.1:18080", "--origin", "http://127.0.0.1:1"], "192.0.2.1"),
    (["--nonsense"], "nonsense"),
    (["-c", "/nonexistent/selvage.conf"], "/nonexistent/selvage.conf"),
])
def test_bad_command_line(tmp_path, args, said):
    done = run_selvaged(*args, *(["--control", tmp_path / "c"] if "--listen" in args else []))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_port_in_use(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = run_selvaged("--listen", f"127.0.0.1:{port}", "--origin", "http://127.0.0.1:1",
                            "--control", tmp_path / "c")
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr


def test_port_of_a_running_edge(selvaged, origin, tmp_path):
    """SO_REUSEPORT among our workers must not let a second daemon share the port unseen."""
    edge = selvaged(origin=origin)
    done = run_selvaged("--listen", f"127.0.0.1:{edge.port}", "--origin", origin.url,
                        "--control", tmp_path / "c")
    assert done.returncode == 1
    assert "in use" in done.stderr


def test_control_socket_of_a_running_edge(selvaged, origin):
    edge = selvaged(origin=origin)
    from edge import free_port
    done = run_selvaged("--listen", f"127.0.0.1:{free_port()}", "--origin", origin.url,
                        "--control", edge.control)
    assert done.returncode == 1
    assert edge.control in done.stderr
    assert "Selvage" in edge.ctl("status") or "selvage" in edge.ctl("status")


def test_stale_control_socket_is_replaced(selvaged, origin):
    """What a crash left behind is no obstacle."""
    edge = selvaged(origin=origin)
    edge.process.kill()
    edge.process.wait()
    edge.checked = True
    assert edge._start()
    edge.checked = False
    assert edge.ctl("status")
