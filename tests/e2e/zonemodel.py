"""Zones for tests, as a director's configuration and as a zone file, and a slow model of what must be
answered from them: RFC 1034 §4.3.2, RFC 4592, RFC 2308, RFC 6604, written from the texts, step by
step, with no thought of speed. Random zones come from make_zone()."""
import collections

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

CNAMES_MAX = 16
MINIMUM = 77
ADDRESSES = ("A", "AAAA")
# Types whose data names a host, and where in its words.
TARGETS = {"NS": 0, "MX": 1, "SRV": 3, "HTTPS": 1, "SVCB": 1}

RRset = collections.namedtuple("RRset", "name kind ttl data")
Answer = collections.namedtuple("Answer", "rcode authoritative answer authority additional")


def name(text):
    return dns.name.from_text(text)


def data_of(kind, text):
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), text)


class Zone:
    """`names`: dns.name -> type -> data as in a zone file. A name with the type "steer" has the
    addresses that `steered` gives for the steer."""

    def __init__(self, origin, ttl=3600, serial=1):
        self.origin, self.ttl, self.serial = name(origin), ttl, serial
        self.names, self.ttls = {}, {}

    def add(self, owner, kind, *texts):
        types = self.names.setdefault(owner if isinstance(owner, dns.name.Name) else name(owner), {})
        types.setdefault(kind, []).extend(t for t in texts if t not in types.get(kind, ()))

    def ttl_of(self, owner):
        return self.ttls.get(owner, self.ttl)

    # --- as text
    def soa(self):
        return f"ns1.{self.origin} hostmaster.{self.origin} {self.serial} 3600 900 1209600 {MINIMUM}"

    def config(self):
        lines = [f"zone {self.origin} {{", f"    ttl {self.ttl}s;",
                 f"    soa ns1.{self.origin} hostmaster.{self.origin} serial {self.serial}",
                 f"        minimum {MINIMUM}s;"]
        for owner, types in self.names.items():
            lines.append(f"    name {owner} {{")
            if owner in self.ttls:
                lines.append(f"        ttl {self.ttls[owner]}s;")
            for kind, texts in types.items():
                word = "record " + kind if kind.startswith("TYPE") else kind.lower()
                lines += [f"        {word} {text};" for text in texts]
            lines.append("    }")
        return "\n".join(lines + ["}", ""])

    def zone_file(self):
        lines = [f"$TTL {self.ttl}", f"{self.origin} IN SOA {self.soa()}"]
        for owner, types in self.names.items():
            lines += [f"{owner} {self.ttl_of(owner)} IN {kind} {text}"
                      for kind, texts in types.items() for text in texts]
        return "\n".join(lines + [""])

    # --- what is there
    def is_cut(self, owner):
        return owner != self.origin and "NS" in self.names.get(owner, {})

    def cut_above(self, owner):
        """The highest cut that `owner` is at or behind, or None."""
        at = None
        while owner != self.origin:
            if self.is_cut(owner):
                at = owner
            owner = owner.parent()
        return at

    def exists(self, owner):
        """It, or something below it, has records of this zone."""
        return owner == self.origin or any(
            n.is_subdomain(owner) and self.cut_above(n) in (None, n) for n in self.names)

    def rrset(self, owner, kind, shown=None, ttl=None):
        texts = self.names.get(owner, {}).get(kind)
        if owner == self.origin and kind == "SOA":
            texts = [self.soa()]
        if not texts:
            return None
        return RRset(shown or owner, kind, self.ttl_of(owner) if ttl is None else ttl,
                     frozenset(data_of(kind, t) for t in texts))


class Model:
    """`steered`: steer -> type -> (ttl, addresses)."""

    def __init__(self, zones, steered=None):
        self.zones, self.steered = zones, steered or {}

    def zone_of(self, qname, kind):
        found = [z for z in self.zones if qname.is_subdomain(z.origin)]
        found.sort(key=lambda z: len(z.origin))
        if kind == "DS" and len(found) > 1 and found[-1].origin == qname and found[-2].is_cut(qname):
            found.pop()
        return found[-1] if found else None

    def answer(self, qname, kind):
        """What a query for that name and type gets; None: REFUSED."""
        if self.zone_of(qname, kind) is None:
            return None
        out = Answer("NOERROR", True, [], [], [])
        seen = {qname}
        for _ in range(CNAMES_MAX + 1):
            zone = self.zone_of(qname, kind)
            if zone is None:
                return out
            cut = zone.cut_above(qname)
            if cut is not None and not (cut == qname and kind == "DS"):
                return self._refer(out, zone, cut)
            owner = qname if zone.exists(qname) else self._wildcard(zone, qname)
            if owner is None:
                out.authority.append(self._denial(zone))
                return out._replace(rcode="NXDOMAIN")
            if self._put(out, zone, owner, qname, kind):
                return out
            target = next(iter(out.answer[-1].data)).target
            if target in seen:
                return out
            seen.add(target)
            qname = target
        return out

    @staticmethod
    def _denial(zone):
        return zone.rrset(zone.origin, "SOA", ttl=min(MINIMUM, zone.ttl_of(zone.origin)))

    @staticmethod
    def _wildcard(zone, qname):
        """The wildcard that stands for a name that does not exist, or None."""
        encloser = qname.parent()
        while not zone.exists(encloser):
            encloser = encloser.parent()
        star = dns.name.Name((b"*",) + encloser.labels)
        return star if zone.exists(star) else None

    def _refer(self, out, zone, cut):
        out.authority.append(zone.rrset(cut, "NS"))
        for data in out.authority[-1].data:
            for kind in ADDRESSES:
                glue = zone.rrset(data.target, kind)
                if glue is not None and data.target.is_subdomain(zone.origin):
                    out.additional.append(glue)
        return out._replace(authoritative=bool(out.answer))

    def _put(self, out, zone, owner, qname, kind):
        """The records, or that there are none. False: a CNAME, to go on with."""
        types = zone.names.get(owner, {})
        rrset = zone.rrset(owner, kind, qname)
        if rrset is not None:
            out.answer.append(rrset)
            self._targets(out, zone, owner, rrset)
        elif "steer" in types and kind in self.steered[types["steer"][0]]:
            ttl, addresses = self.steered[types["steer"][0]][kind]
            out.answer.append(RRset(qname, kind, ttl, frozenset(data_of(kind, a) for a in addresses)))
        elif "CNAME" in types:
            out.answer.append(zone.rrset(owner, "CNAME", qname))
            return False
        else:
            out.authority.append(self._denial(zone))
        return True

    @staticmethod
    def _targets(out, zone, owner, rrset):
        if rrset.kind not in TARGETS:
            return
        for data in rrset.data:
            target = getattr(data, "target", None) or data.exchange
            if rrset.kind in ("HTTPS", "SVCB") and target == dns.name.root:
                if data.priority == 0 or owner.is_wild():
                    continue
                target = owner
            if not target.is_subdomain(zone.origin) or zone.cut_above(target) is not None:
                continue
            for kind in ADDRESSES:
                addresses = zone.rrset(target, kind)
                if addresses is not None and addresses not in out.additional:
                    out.additional.append(addresses)


# --- random zones

LABELS = ("a", "b", "c", "d", "e", "*")
TEXT_TYPES = ("TXT", "MX", "SRV", "CAA", "HTTPS", "PTR", "TYPE65280")


def random_name(rng, origin, longest=4):
    n = origin
    for _ in range(rng.randint(1, longest)):
        n = dns.name.Name((rng.choice(LABELS).encode(),) + n.labels)
    return n


def random_host(rng, zone):
    """What NS, MX and others may point to: it has addresses, or is not ours."""
    return rng.choice((f"ns1.{zone.origin}", f"host{rng.randrange(9)}.elsewhere.test."))


def random_data(rng, zone, owner, kind):
    if kind == "A":
        return f"192.0.2.{rng.randrange(1, 255)}"
    if kind == "AAAA":
        return f"2001:db8::{rng.randrange(1, 1 << 16):x}"
    if kind == "MX":
        return f"{rng.randrange(1, 99)} {random_host(rng, zone)}"
    if kind == "SRV":
        return f"{rng.randrange(9)} {rng.randrange(9)} {rng.randrange(1, 65536)} {random_host(rng, zone)}"
    if kind == "CAA":
        return f"0 issue \"ca{rng.randrange(9)}.test\""
    if kind == "HTTPS":
        return f"{rng.randrange(1, 9)} {rng.choice(['.', random_host(rng, zone)])} alpn=h2,h3"
    if kind == "PTR":
        return str(random_name(rng, owner, 1))
    if kind == "TYPE65280":
        return f"\\# 2 {rng.randrange(1 << 16):04x}"
    return f"\"{owner.labels[0].decode()} {rng.randrange(1000)}\""


def random_server(rng, zone, cut):
    """A server of a cut: in it, with glue, in the zone, or elsewhere."""
    if rng.random() < 0.5:
        return random_host(rng, zone)
    server = cut if rng.random() < 0.2 else dns.name.Name((b"ns%d" % rng.randrange(3),) + cut.labels)
    kind = rng.choice(ADDRESSES)
    zone.add(server, kind, random_data(rng, zone, server, kind))
    return str(server)


def fill_name(rng, zone, owner, steers):
    what = rng.random()
    if rng.random() < 0.3:
        zone.ttls[owner] = rng.randrange(0, 7200)
    if what < 0.2:
        aliases = [n for n, types in zone.names.items() if "CNAME" in types] or [zone.origin]
        target = rng.choice((rng.choice(list(zone.names)), rng.choice(aliases), rng.choice(aliases),
                             random_name(rng, zone.origin, 1), random_name(rng, zone.origin, 1),
                             random_name(rng, zone.origin), name("elsewhere.test.")))
        if target != owner:
            zone.add(owner, "CNAME", str(target))
            return
    elif what < 0.3 and not owner.is_wild():
        for _ in range(rng.randint(1, 3)):
            zone.add(owner, "NS", random_server(rng, zone, owner))
        if rng.random() < 0.3:
            zone.add(owner, "DS", f"{rng.randrange(65536)} 13 2 " + "ab" * 32)
        return
    elif what < 0.4 and steers:
        zone.add(owner, "steer", rng.choice(steers))
        if rng.random() < 0.5:
            zone.add(owner, "TXT", random_data(rng, zone, owner, "TXT"))
        return
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(ADDRESSES + TEXT_TYPES)
        zone.add(owner, kind, random_data(rng, zone, owner, kind))


def random_zone(rng, origin, names=25, steers=()):
    """A zone in which nothing is wrong: the director takes it as it is."""
    zone = Zone(origin, ttl=rng.choice((60, 3600)))
    ns1 = name(f"ns1.{zone.origin}")
    zone.add(zone.origin, "NS", str(ns1), "ns.elsewhere.test.")
    zone.add(ns1, "A", "192.0.2.53")
    zone.add(ns1, "AAAA", "2001:db8::53")
    for _ in range(names):
        owner = random_name(rng, zone.origin)
        if owner in zone.names or zone.cut_above(owner) is not None:
            continue
        if rng.random() < 0.2:
            # Behind what becomes a cut there may be nothing but glue.
            if any(n != owner and n.is_subdomain(owner) for n in zone.names):
                continue
        elif any(n != owner and n.is_subdomain(owner) for n in zone.names):
            zone.add(owner, "TXT", random_data(rng, zone, owner, "TXT"))
            continue
        fill_name(rng, zone, owner, steers)
    return zone


def random_question(rng, zones):
    """A name in, near or beside the zones."""
    zone = rng.choice(zones)
    known = list(zone.names)
    pick = rng.random()
    if pick < 0.35:
        qname = rng.choice(known)
    elif pick < 0.6:
        qname = random_name(rng, rng.choice(known), 2)
    elif pick < 0.63:
        qname = rng.choice(known).parent()
    else:
        qname = random_name(rng, zone.origin, 5)
    if rng.random() < 0.4 and zone.names.get(qname):
        kind = rng.choice(list(zone.names[qname]))
        return qname, "A" if kind == "steer" else kind
    kind = rng.choice(("A", "A", "AAAA", "TXT", "MX", "NS", "CNAME", "DS", "SOA", "SRV", "CAA",
                       "HTTPS", "PTR", "TYPE65280", "TYPE99"))
    return qname, kind


def mixed_case(rng, qname):
    """The same name in other letters (0x20)."""
    return dns.name.Name(tuple(bytes(rng.choice((c, c ^ 0x20)) if chr(c).isalpha() else c for c in label)
                               for label in qname.labels))
