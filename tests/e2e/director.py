"""The real selvage-director, started for one test on ports of its own, and looked after to its end."""
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import tempfile

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from certs import Authority
from edge import BUILD, REPORT, SELVAGECTL, environment, free_port
from waiting import PATIENCE_S, wait_for
from wire import Client

DIRECTOR = os.environ.get("SELVAGE_DIRECTOR", os.path.join(BUILD, "selvage-director"))


def subnet(text):
    """"203.0.113.0/24" as an option of a query."""
    address, _, bits = text.partition("/")
    return dns.edns.ECSOption(address, int(bits) if bits else None)


def cookie(data):
    return dns.edns.GenericOption(dns.edns.OptionType.COOKIE, data)


def nsid():
    return dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")


def option_of(message, kind):
    """The option of that number in a response's OPT, or None."""
    return next((o for o in message.options if o.otype == kind), None)


def option_data(option):
    """Its bytes; None for no option."""
    return None if option is None else option.to_wire()


def scope_of(message):
    """Of Client Subnet in a response, None without one."""
    ecs = option_of(message, dns.edns.OptionType.ECS)
    return None if ecs is None else ecs.scopelen


def texts(message, name=None, kind=None):
    """The data of the answer section's records, as texts, in their order."""
    return [rdata.to_text() for rrset in message.answer for rdata in rrset
            if (name is None or rrset.name == dns.name.from_text(name))
            and (kind is None or rrset.rdtype == dns.rdatatype.from_text(kind))]


def rcode(message):
    return dns.rcode.to_text(message.rcode())


def query(name, kind="A", *, options=(), ecs=None, edns=0, dnssec=False, payload=1232, rd=False,
          klass="IN"):
    """A query as a resolver would send it. `ecs` is a client's network, like "203.0.113.0/24";
    `edns` None: without OPT."""
    options = list(options) + ([subnet(ecs)] if ecs else [])
    m = dns.message.make_query(name, kind, klass, use_edns=False)
    if edns is not None:
        m.use_edns(edns, dns.flags.DO if dnssec else 0, payload, options=options)
    if not rd:
        m.flags &= ~dns.flags.RD
    return m


class Director:
    """A running selvage-director. `config` is the text of a configuration without listen, control
    and workers, which are added: DNS on 127.0.0.1 and ::1, with `tls` also DNS over TLS, with
    `redirect` ("plain", "tls" or both in a tuple) HTTP. `listen` goes behind the address of plain DNS."""

    def __init__(self, config="", *, workers=2, args=(), listen="", tls=False, redirect=()):
        self.dir = tempfile.mkdtemp(prefix="selvage-e2e.")
        self.control = os.path.join(self.dir, "control")
        self.config, self.args, self.workers, self.listen = config, list(args), workers, listen
        self.redirect = (redirect,) if isinstance(redirect, str) else redirect
        self.tls, self.authority = tls, None
        self.expected_status = 0
        self.checked = False
        self.config_path = os.path.join(self.dir, "director.conf")
        self.err_path = os.path.join(self.dir, "stderr")
        if tls or "tls" in self.redirect:
            self.authority = Authority(self.dir)
            self.certificate = self.authority.issue("director", "DNS:ns.test,IP:127.0.0.1", days=60)
        for _ in range(5):
            if self._start():
                return
        raise AssertionError(f"selvage-director did not start: {self.stderr()}")

    # --- its life
    def _start(self):
        self.port, self.tls_port, self.http_port, self.https_port = (free_port() for _ in range(4))
        self.address = ("127.0.0.1", self.port)
        self.write_config(self.config)
        self.spawn()
        try:
            wait_for(lambda: self.process.poll() is not None or self._ready(), "director ready")
        except BaseException:
            # Nobody has this Director yet who could stop it.
            self.process.kill()
            self.process.wait()
            raise
        if self.process.poll() is None:
            return True
        if "in use" in self.stderr():
            return False
        raise AssertionError(f"selvage-director ended with {self.process.returncode}: {self.stderr()}")

    def spawn(self):
        """Starts the process (again), and does not wait."""
        with open(self.err_path, "ab") as err:
            self.process = subprocess.Popen([DIRECTOR, "-c", self.config_path, *self.args],
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                            env=environment(), cwd=self.dir)
        self.pid = self.process.pid

    def write_config(self, text):
        head = "".join(f"listen {host}:{self.port} dns {self.listen};\n" for host in ("127.0.0.1", "[::1]"))
        head += f"control {self.control};\nworkers {self.workers};\n"
        if self.tls:
            head += f"listen 127.0.0.1:{self.tls_port} dns tls;\n"
        if "plain" in self.redirect:
            head += f"listen 127.0.0.1:{self.http_port} redirect;\n"
        if "tls" in self.redirect:
            head += f"listen 127.0.0.1:{self.https_port} redirect tls;\n"
        if self.authority:
            head += "certificate %s key %s;\n" % self.certificate
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(head + text)

    def _ready(self):
        try:
            with Client(self.control, 1):
                pass
        except OSError:
            return False
        if "proxy" in self.listen:
            return True
        return self.answers(0.2)

    def answers(self, timeout_s):
        """Whether it answers anything by UDP."""
        try:
            dns.query.udp(query("ready.invalid"), "127.0.0.1", timeout_s, self.port)
            return True
        except (dns.exception.Timeout, OSError):
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait_end(self):
        try:
            status = self.process.wait(PATIENCE_S * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"selvage-director did not end; it said: {self.stderr()}") from None
        self.checked = True
        assert not REPORT.search(self.stderr()), self.stderr()
        assert status == self.expected_status, f"selvage-director ended with {status}: {self.stderr()}"
        return status

    def stop(self):
        """The end of every test: it must go down in order, without a sanitizer's word."""
        if not self.checked:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            self.wait_end()

    def stderr(self):
        try:
            with open(self.err_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    # --- asking it
    def ask(self, name, kind="A", *, by="udp", source=None, timeout_s=PATIENCE_S, **options):
        """One question on a socket of its own, `by` udp, udp6, tcp or tls; -> a dns.message."""
        return self.exchange(query(name, kind, **options), by=by, source=source, timeout_s=timeout_s)

    def exchange(self, message, *, by="udp", source=None, timeout_s=PATIENCE_S):
        if by == "udp":
            return dns.query.udp(message, "127.0.0.1", timeout_s, self.port, source=source)
        if by == "udp6":
            return dns.query.udp(message, "::1", timeout_s, self.port, source=source)
        if by == "tcp":
            return dns.query.tcp(message, "127.0.0.1", timeout_s, self.port, source=source)
        return dns.query.tls(message, "127.0.0.1", timeout_s, self.tls_port, source=source,
                             ssl_context=self.tls_context(), server_hostname="ns.test")

    def tls_context(self, alpn="dot"):
        context = ssl.create_default_context(cafile=self.authority.path)
        if alpn:
            context.set_alpn_protocols([alpn])
        return context

    def raw(self, datagram, timeout_s=1.0, source="127.0.0.1"):
        """What comes back for these bytes by UDP; None: nothing."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            s.settimeout(timeout_s)
            s.sendto(datagram, self.address)
            try:
                return s.recv(65535)
            except (socket.timeout, ConnectionRefusedError):
                return None

    def connect(self, tls=False):
        """A connection for messages, one behind the other."""
        return Stream(self, tls)

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


class Stream:
    """DNS over TCP or TLS: messages with their length in front (RFC 1035 §4.2.2)."""

    def __init__(self, director, tls):
        self.sock = socket.create_connection(
            ("127.0.0.1", director.tls_port if tls else director.port), PATIENCE_S)
        if tls:
            self.sock = director.tls_context().wrap_socket(self.sock, server_hostname="ns.test")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *messages):
        self.sock.sendall(b"".join(struct.pack("!H", len(w)) + w for w in (
            m if isinstance(m, bytes) else m.to_wire() for m in messages)))

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError(f"the connection ended after {len(data)} of {n} bytes")
            data += more
        return data

    def receive_wire(self):
        """The next message's bytes; EOFError: the connection has ended."""
        return self._exactly(struct.unpack("!H", self._exactly(2))[0])

    def receive(self):
        return dns.message.from_wire(self.receive_wire())

    def ask(self, name, kind="A", **options):
        self.send(query(name, kind, **options))
        return self.receive()

    def ended(self, timeout_s=PATIENCE_S):
        """Whether the other side closes, without saying more, within that time."""
        self.sock.settimeout(timeout_s)
        try:
            return self.sock.recv(1) == b""
        except socket.timeout:
            return False
        except ConnectionResetError:
            return True


def run_director(*args, timeout_s=PATIENCE_S):
    """A run that is expected to end by itself: -t, -h, or a failing start."""
    done = subprocess.run([DIRECTOR, *map(str, args)], capture_output=True, text=True,
                          timeout=timeout_s, env=environment(), stdin=subprocess.DEVNULL)
    assert not REPORT.search(done.stderr), done.stderr
    return done
