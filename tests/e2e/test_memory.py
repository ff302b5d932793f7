"""The budget holds: whatever clients and origins do, memory has a bound."""
import os
import random
import threading

import pytest

from waiting import wait_for

KEEP = {"Cache-Control": "max-age=600"}
MIB = 1 << 20
# Beyond the budget of the cache: code, stacks, malloc's arenas, connections and their buffers.
OVERHEAD = 40 * MIB


def size_of(n):
    """Many small ones and some large, the same for each key at every call."""
    return random.Random(n).choice([100, 1000, 5000, 20000, 70000, 300000, 900000])


def many_pages(origin):
    blob = os.urandom(MIB)

    @origin.at("/p")
    def page(x):
        n = int(x.request.target.split("?")[1])
        x.reply(200, blob[n:n + 1] + blob[:size_of(n) - 1], KEEP)
    return lambda n: blob[n:n + 1] + blob[:size_of(n) - 1]


@pytest.mark.slow
@pytest.mark.release
def test_budget_holds_under_churn(selvaged, origin):
    """Ten times the budget goes through; what is held never exceeds it, and stays right."""
    edge = selvaged(origin=origin, memory="32MiB")
    expected = many_pages(origin)
    highest = 0
    with edge.connect() as c:
        for n in range(2000):
            key = n if n % 4 else n % 40
            assert c.get(f"/p?{key}").body == expected(key)
            if n % 50 == 0:
                highest = max(highest, edge.rss_bytes())
    assert highest < 32 * MIB + OVERHEAD, f"{highest / MIB:.0f} MiB"
    assert edge.metric("selvage_cache_evicted_total") > 0


@pytest.mark.slow
@pytest.mark.threaded
def test_churn_from_all_sides(selvaged, origin):
    """Several workers evict, fill, follow and read the same small cache; every byte is right."""
    edge = selvaged(origin=origin, memory="16MiB", workers=3)
    expected = many_pages(origin)
    faults = []

    def client(seed):
        rnd = random.Random(seed)
        try:
            with edge.connect() as c:
                for _ in range(120):
                    n = min(int(rnd.expovariate(0.03)), 400)
                    if c.get(f"/p?{n}").body != expected(n):
                        faults.append(n)
        except AssertionError as fault:
            faults.append(str(fault))

    threads = [threading.Thread(target=client, args=(s,)) for s in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert faults == []


@pytest.mark.slow
@pytest.mark.release
def test_slow_readers_do_not_grow_memory(selvaged, origin):
    """Forty clients ask for 20 MiB each that nobody may keep, and read none of it."""
    edge = selvaged(origin=origin, memory="32MiB")
    piece = os.urandom(64 << 10)

    @origin.at("/own")
    def own(x):
        x.head(200, {"Cache-Control": "no-store", "Content-Length": str(20 * MIB)})
        for _ in range(320):
            x.send(piece)

    before = edge.rss_bytes()
    clients = [edge.connect(receive_bytes=4096) for _ in range(40)]
    for c in clients:
        c.request("/own")
    for c in clients:
        # Whoever finds no room may be told so; the others stream.
        assert c.read_head().status in (200, 503)
    # It is stalled when no further byte comes from the origin.
    last = -1

    def quiet():
        nonlocal last
        now = edge.metric("selvage_origin_received_bytes_total")
        same, last = now == last, now
        threading.Event().wait(0.3)
        return same
    wait_for(quiet, "the origin's senders to be held back")
    grown = edge.rss_bytes() - before
    assert grown < 32 * MIB + OVERHEAD, f"{grown / MIB:.0f} MiB"
    for c in clients:
        c.reset()


@pytest.mark.threaded
def test_pages_being_sent_are_not_overwritten(selvaged, origin):
    """The kernel reads a page until the client has acknowledged it: while a slow reader holds a
    page in its socket, the cache is churned many times over, and its bytes stay what they were."""
    edge = selvaged(origin=origin, memory="16MiB")
    body = os.urandom(1000000)  # just below what 16 MiB keep, and few enough to fit in a socket
    origin.page("/held", body, KEEP)
    expected = many_pages(origin)
    edge.get("/held")
    assert edge.get("/held").cache == "hit"
    slow = []
    for _ in range(6):
        c = edge.connect(receive_bytes=8192)
        c.request("/held")
        slow.append((c, c.read_head()))
        assert slow[-1][1].cache == "hit"
    with edge.connect() as c:
        for n in range(300):
            assert c.get(f"/p?{n}").body == expected(n)
    for c, head in slow:
        assert c.read_body(head).body == body
        c.close()


@pytest.mark.release
def test_idle_connections_are_cheap(selvaged, origin):
    edge = selvaged(origin=origin)
    origin.page("/a", b"hello", KEEP)
    edge.get("/a")
    before = edge.rss_bytes()
    clients = [edge.connect() for _ in range(400)]
    for c in clients:
        assert c.get("/a").body == b"hello"
    grown = (edge.rss_bytes() - before) / len(clients)
    assert grown < 16384, f"{grown:.0f} bytes for each connection"
    for c in clients:
        c.close()
    wait_for(lambda: edge.open_sockets() < 60, "the connections are closed")
