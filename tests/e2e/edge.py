"""The real selvaged, started for one test on ports of its own, and looked after to its end."""
import atexit
import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import h2wire
from certs import Authority
from waiting import PATIENCE_S, wait_for
from wire import TLS_ADDRESSES, Client

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("SELVAGE_BUILD", os.path.join(TOP, "build"))
SELVAGED = os.environ.get("SELVAGED", os.path.join(BUILD, "selvaged"))
SELVAGECTL = os.environ.get("SELVAGECTL", os.path.join(BUILD, "selvagectl"))
# Behind everything a disk tier, where a test says nothing of one (E2E_DISK=1).
DISK = "E2E_DISK" in os.environ
# HTTP/2 for every request on a connection of its own that can be said in it (E2E_H2=1).
H2_EVERYWHERE = "E2E_H2" in os.environ
# TLS to every edge whose test says nothing of its listener (E2E_TLS=1).
TLS_EVERYWHERE = "E2E_TLS" in os.environ
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer"
                    r"|runtime error:|check failed")


@functools.lru_cache(None)
def instrumented():
    """Whether the daemon was built with a sanitizer."""
    with open(SELVAGED, "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


@functools.lru_cache(None)
def certificate():
    """For edges that speak TLS because of E2E_TLS."""
    directory = tempfile.mkdtemp(prefix="selvage-e2e.")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    authority = Authority(directory)
    os.environ["CURL_CA_BUNDLE"] = authority.path
    return authority.issue("edge", "DNS:a.test,IP:127.0.0.1", days=60)


def environment():
    env = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "LISTEN_FDS")}
    env["ASAN_OPTIONS"] = "detect_leaks=1:exitcode=99:detect_stack_use_after_return=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env["TSAN_OPTIONS"] = "exitcode=66:second_deadlock_stack=1"
    return env


def free_port(family=socket.AF_INET):
    """A port below those that the kernel gives to clients, so that none of our own takes it before
    the daemon does. Another test may all the same: whoever starts a daemon tries again."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket(family) as s:
            try:
                s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
                return port
            except OSError:
                pass


class Edge:
    """A running selvaged. `config` is the text of a configuration without listen, control and
    workers, which are added; without it, `origin` is served in the one-line form. `listen` goes
    behind the address that is listened on."""

    def __init__(self, config=None, origin=None, args=(), workers=2, memory="64MiB", error_log=True,
                 listen=""):
        self.dir = tempfile.mkdtemp(prefix="selvage-e2e.")
        self.control = os.path.join(self.dir, "control")
        self.config, self.origin, self.args = config, origin, list(args)
        self.workers, self.memory = workers, memory
        self.listen = listen or ("h2c" if H2_EVERYWHERE else "tls" if TLS_EVERYWHERE else "")
        self.tls_unsaid = not listen and self.listen == "tls"
        if self.listen and config is None:
            origin = getattr(origin, "url", origin)
            self.config = f"site * {{ origin {origin}; }}\n"
        self.expected_status = 0
        self.checked = False
        for _ in range(5):
            if self._start():
                return
        raise AssertionError(f"selvaged did not start: {self.stderr()}")

    # --- its life
    def _start(self):
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.url = f"{'https' if self.tls_unsaid else 'http'}://127.0.0.1:{self.port}"
        (TLS_ADDRESSES.add if self.tls_unsaid else TLS_ADDRESSES.discard)(self.address)
        self.err_path = os.path.join(self.dir, "stderr")
        self.out_path = os.path.join(self.dir, "stdout")
        with open(self.err_path, "wb") as err, open(self.out_path, "wb") as out:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, env=environment(), cwd=self.dir)
        self.pid = self.process.pid
        try:
            wait_for(lambda: self.process.poll() is not None or self._ready(), "selvaged ready")
        except BaseException:
            # Nobody has this Edge yet who could stop it.
            self.process.kill()
            self.process.wait()
            raise
        if self.process.poll() is None:
            return True
        if "in use" in self.stderr():
            return False
        raise AssertionError(f"selvaged ended with {self.process.returncode}: {self.stderr()}")

    def argv(self):
        argv = [SELVAGED]
        if self.config is not None:
            self.config_path = os.path.join(self.dir, "selvage.conf")
            self.write_config(self.config)
            argv += ["-c", self.config_path]
        else:
            origin = getattr(self.origin, "url", self.origin)
            argv += ["--listen", f"127.0.0.1:{self.port}", "--origin", origin, "--workers",
                     str(self.workers), "--memory", self.memory, "--control", self.control]
            if DISK and "--disk" not in self.args:
                argv += ["--disk", f"{self.dir}/volume=64MiB"]
        return argv + self.args

    def write_config(self, text):
        head = f"listen 127.0.0.1:{self.port} {self.listen};\ncontrol {self.control};\nworkers {self.workers};\n"
        if self.tls_unsaid:
            head += "certificate %s key %s;\n" % certificate()
        if not re.search(r"^\s*cache\s*{", text, re.M):
            head += f"cache {{ memory {self.memory}; }}\n"
        if DISK and not re.search(r"^[^#]*\bdisk ", head + text, re.M):
            disk = f"cache {{ disk {self.dir}/volume size 64MiB; "
            head, text = (re.sub(r"^(\s*)cache\s*{", lambda m: m[1] + disk, t, flags=re.M)
                          for t in (head, text))
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(head + text)

    def _ready(self):
        try:
            with Client(self.address, 1):
                pass
            with Client(self.control, 1):
                return True
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait_end(self):
        try:
            status = self.process.wait(PATIENCE_S * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"selvaged did not end; it said: {self.stderr()}") from None
        self.checked = True
        assert not REPORT.search(self.stderr()), self.stderr()
        assert status == self.expected_status, f"selvaged ended with {status}: {self.stderr()}"
        return status

    def stop(self):
        """The end of every test: it must go down in order, without a sanitizer's word."""
        if not self.checked:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            self.wait_end()

    def stderr(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stdout(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    # --- asking it
    def h2(self, **options):
        return h2wire.H2(self.address, **options)

    def connect(self, **options):
        return Client(self.address, **options)

    def get(self, target, **options):
        """One request on a connection of its own."""
        if H2_EVERYWHERE and self.listen == "h2c" and h2wire.can_say(target, **options):
            return h2wire.get(self.address, target, **options)
        with self.connect() as c:
            return c.get(target, **options)

    def ctl(self, *args, status=0):
        done = subprocess.run([SELVAGECTL, "-s", self.control, *args], capture_output=True,
                              text=True, timeout=PATIENCE_S, env=environment())
        assert done.returncode == status, f"selvagectl {args}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    def metrics(self):
        """{'name{labels}': value}."""
        with Client(self.control) as c:
            text = c.get("/metrics", host="localhost").body.decode()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def metric(self, name):
        """The sum over a metric's labels."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024

    def open_sockets(self):
        count = 0
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                count += os.readlink(f"/proc/{self.pid}/fd/{fd}").startswith("socket:")
            except FileNotFoundError:
                pass
        return count


def run_selvaged(*args, timeout_s=PATIENCE_S):
    """A run that is expected to end by itself: -t, -h, or a failing start."""
    done = subprocess.run([SELVAGED, *map(str, args)], capture_output=True, text=True,
                          timeout=timeout_s, env=environment(), stdin=subprocess.DEVNULL)
    assert not REPORT.search(done.stderr), done.stderr
    return done
