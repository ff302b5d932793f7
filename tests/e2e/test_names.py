"""Origins by name: looked up by the edge itself, again when the name's time is over."""
import pytest

from nameserver import Dns
from edge import free_port, run_selvaged
from waiting import wait_for

NO = {"Cache-Control": "no-store"}
NAME = "origin.test"


@pytest.fixture
def dns():
    server = Dns()
    yield server
    server.stop()


def start(selvaged, dns, port, **options):
    return selvaged(config=f"resolver {dns.address};\nsite * {{ origin http://{NAME}:{port}; }}",
                    **options)


def test_name_is_looked_up(selvaged, origin, dns):
    dns.say(NAME, "127.0.0.1", ttl=300)
    origin.page("/a", b"hello", NO)
    edge = start(selvaged, dns, origin.port)
    for _ in range(20):
        assert edge.get("/a").body == b"hello"
    # Not once for each request: the name's time is not over.
    assert dns.count(NAME) <= 2 * 3


@pytest.mark.threaded
def test_origin_moves(selvaged, new_origin, dns):
    """The name gets another address: within its TTL and a little, requests go there."""
    before = new_origin(host="127.0.0.1")
    after = new_origin(host="127.0.0.2", port=before.port)
    before.page("/a", b"before", {**NO, "Connection": "close"})
    after.page("/a", b"after", NO)
    dns.say(NAME, "127.0.0.1")
    edge = start(selvaged, dns, before.port)
    assert edge.get("/a").body == b"before"
    dns.say(NAME, "127.0.0.2")
    wait_for(lambda: edge.get("/a").body == b"after", "requests to go to the new address")


def test_first_address_does_not_answer(selvaged, origin, dns):
    """RFC 8305: with several addresses the next one is tried, not the request failed."""
    dns.say(NAME, "127.0.0.3", "127.0.0.1", ttl=300)
    origin.page("/a", b"hello", NO)
    edge = start(selvaged, dns, origin.port)
    assert [edge.get("/a").body for _ in range(5)] == [b"hello"] * 5


def test_ipv6_is_preferred_and_ipv4_is_there(selvaged, new_origin, dns):
    six = new_origin(host="::1")
    four = new_origin(host="127.0.0.1", port=six.port)
    six.page("/a", b"six", {**NO, "Connection": "close"})
    four.page("/a", b"four", NO)
    dns.say(NAME, "127.0.0.1", "::1", ttl=300)
    edge = start(selvaged, dns, six.port)
    assert edge.get("/a").body == b"six"
    six.stop()
    wait_for(lambda: edge.get("/a").body == b"four", "the other family to be tried")


def test_name_that_does_not_exist(tmp_path):
    """At the start it is a mistake to be told about, not something to wait for."""
    conf = tmp_path / "selvage.conf"
    conf.write_text(f"listen 127.0.0.1:{free_port()};\n"
                    "site * { origin http://no-such-name.invalid; }\n")
    done = run_selvaged("-c", conf)
    assert done.returncode == 1
    assert "no-such-name.invalid" in done.stderr


def test_name_that_our_resolver_does_not_know(selvaged, origin, dns):
    """With a DNS server of its own the edge asks as it goes, and the answer says what is wrong."""
    edge = start(selvaged, dns, origin.port)
    r = edge.get("/a")
    assert r.status == 502 and r.detail
    dns.say(NAME, "127.0.0.1")
    origin.page("/a", b"hello", NO)
    wait_for(lambda: edge.get("/a").status == 200, "the name to be looked up again")


def test_name_that_goes_away(selvaged, origin, dns):
    """While it runs, a name that has no address any more is a 502 that says so, until it is back
    (or the old address is still used: an origin's DNS is not to take a site down)."""
    dns.say(NAME, "127.0.0.1")
    origin.page("/a", b"hello", {**NO, "Connection": "close"})
    edge = start(selvaged, dns, origin.port)
    assert edge.get("/a").status == 200
    dns.say(NAME)
    asked = dns.count(NAME)
    statuses = set()

    def asked_again():
        r = edge.get("/a")
        statuses.add(r.status)
        assert r.status == 200 or r.detail
        return dns.count(NAME) > asked
    wait_for(asked_again, "the name to be looked up again")
    dns.say(NAME, "127.0.0.1")
    wait_for(lambda: edge.get("/a").status == 200, "the origin to be found again")
    assert statuses <= {200, 502, 504}


def test_resolver_that_says_nothing(selvaged, origin, dns):
    """A dead DNS server does not take a site down: the last good address stays in use (8767)."""
    dns.say(NAME, "127.0.0.1")
    origin.page("/a", b"hello", {**NO, "Connection": "close"})
    edge = start(selvaged, dns, origin.port, workers=1)
    assert edge.get("/a").status == 200
    dns.silent = True
    asked = dns.count(NAME)

    def asked_again():
        assert edge.get("/a").status == 200
        return dns.count(NAME) >= asked + 4
    wait_for(asked_again, "the name's time to be over and new questions to stay unanswered")
