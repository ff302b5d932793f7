"""Keys of signed zones, and three opinions on signatures: dnspython's, delv's and unbound's."""
import os
import re
import subprocess

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.resolver
import dns.rrset

from edge import SELVAGECTL, environment, free_port
from waiting import PATIENCE_S, wait_for


class Key:
    """A key that selvagectl has made."""

    def __init__(self, zone, folder, *options):
        done = subprocess.run([SELVAGECTL, "dnssec", "keygen", zone, "-d", str(folder), *options],
                              capture_output=True, text=True, check=True, env=environment())
        self.printed = done.stdout.splitlines()
        self.zone = dns.name.from_text(zone)
        self.file = self.printed[0]
        self.record = self.printed[1]
        self.ds = self.printed[2] if len(self.printed) > 2 else None
        owner, _, _, data = self.record.split(" ", 3)
        self.rrset = dns.rrset.from_text(owner, 3600, "IN", "DNSKEY", data)
        self.tag = dns.dnssec.key_id(self.rrset[0])


def keys_of(*keys):
    """As dns.dnssec.validate() takes them."""
    out = {}
    for key in keys:
        out.setdefault(key.zone, dns.rrset.RRset(key.zone, key.rrset.rdclass, key.rrset.rdtype)).update(key.rrset)
    return out


def check_message(message, keys, now=None, unsigned=()):
    """Every set of answer and authority has a signature by one of the keys that is good now, but for
    those named `unsigned`, which have none; -> the sets, without RRSIG."""
    found = []
    for section in message.answer, message.authority:
        for rrset in section:
            if rrset.rdtype == dns.rdatatype.RRSIG:
                continue
            found.append(rrset)
            sigs = message.get_rrset(section, rrset.name, rrset.rdclass, dns.rdatatype.RRSIG, rrset.rdtype)
            if (rrset.name, rrset.rdtype) in unsigned:
                assert sigs is None, f"{rrset} is signed"
                continue
            assert sigs is not None, f"{rrset} has no signature:\n{message}"
            assert rrset.ttl == sigs.ttl <= sigs[0].original_ttl
            dns.dnssec.validate(rrset, sigs, keys, now=now)
    return found


def denied_types(message, name, section=None):
    """What NSEC of that name says there is; None: there is no such record."""
    for rrset in message.authority if section is None else section:
        if rrset.rdtype == dns.rdatatype.NSEC and rrset.name == dns.name.from_text(name):
            return set(rrset[0].to_text().split()[1:])
    return None


def delv(port, key, name, kind, *options):
    """What delv says, with that key for its anchor and its zone for the root."""
    anchor = key.file + ".anchor"
    data = key.record.split(" ")
    with open(anchor, "w", encoding="ascii") as f:
        f.write(f'trust-anchors {{ "{data[0]}" static-key {data[3]} {data[4]} {data[5]} "{data[6]}"; }};\n')
    done = subprocess.run(["delv", "@127.0.0.1", "-p", str(port), "-a", anchor, f"+root={data[0]}", *options,
                           name, kind], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.stdout + done.stderr


class Unbound:
    """A validating resolver for zones of ours: {name: port}. Whoever asks it has the subnet that the
    query says."""

    def __init__(self, folder, zones, anchors):
        self.port = free_port()
        self.log = os.path.join(folder, "unbound.log")
        path = os.path.join(folder, "unbound.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"""
server:
    interface: 127.0.0.1@{self.port}
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: "{self.log}"
    val-log-level: 2
    num-threads: 1
    do-not-query-localhost: no
    module-config: "subnetcache validator iterator"
    send-client-subnet: 127.0.0.1
    client-subnet-always-forward: yes
    max-client-subnet-ipv4: 24
    qname-minimisation: no
    local-zone: "test." nodefault
    trust-anchor-signaling: no
""")
            for anchor in anchors:
                f.write(f'    trust-anchor: "{anchor}"\n')
            f.write("remote-control:\n    control-enable: no\n")
            for name, port in zones.items():
                f.write(f"stub-zone:\n    name: {name}\n    stub-addr: 127.0.0.1@{port}\n")
        self.process = subprocess.Popen(["unbound", "-d", "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._ready, "unbound answers")

    def _ready(self):
        assert self.process.poll() is None, self.said()
        try:
            self.ask("localhost", timeout_s=0.5)
            return True
        except (OSError, dns.exception.Timeout):
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def said(self):
        try:
            with open(self.log, encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def ask(self, name, kind="A", options=(), timeout_s=PATIENCE_S):
        q = dns.message.make_query(name, kind, use_edns=False)
        q.use_edns(0, dns.flags.DO, 1232, options=options)
        return dns.query.udp(q, "127.0.0.1", timeout_s, self.port)

    def judge(self, name, kind="A", options=()):
        """"secure", "insecure" or "bogus", and the answer."""
        r = self.ask(name, kind, options)
        if r.rcode() == dns.rcode.SERVFAIL:
            return "bogus", r
        return ("secure" if r.flags & dns.flags.AD else "insecure"), r
