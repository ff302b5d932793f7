"""Clients and an origin that both say odd things, at random and all at once: messages are mutated,
torn into pieces, cut and reset. Whatever happens, the edge stays up, says only HTTP to the origin,
and nobody gets a byte of what another path was answered. The seed is printed; E2E_SEED repeats it.
"""
import os
import random
import re
import socket
import struct
import threading

import pytest

SEED = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(1 << 32)))
CLIENTS, CONNECTIONS = 8, 25

CONFIG = """
cache {{ memory 16MiB; }}
head-timeout 1s; body-timeout 1s; idle-timeout 2s; send-timeout 2s;
origin odd {{ server {url}; first-byte-timeout 1s; between-bytes-timeout 1s; max-connections 20; }}
site * {{
    origin odd; trailers on; stale-if-error 5s;
    path /r* {{ header set X-S y; }}
    path /k* {{ key header X-V; }}
    path /b* {{ bypass; }}
}}
"""

STATUS_LINES = [b"HTTP/1.1 200 OK\r\n"] * 8 + [
    b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 N\r\n", b"HTTP/1.1 304 N\r\n", b"HTTP/1.1 404 N\r\n",
    b"HTTP/1.1 416 R\r\n", b"HTTP/1.1 500 E\r\n", b"HTTP/1.1 301 M\r\nLocation: /m3\r\n",
    b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-3/10\r\n",
    b"HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\n",
    b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n",
]
RESPONSE_FIELDS = [
    b"Cache-Control: max-age=1\r\n", b"Cache-Control: max-age=60\r\n", b"Cache-Control: no-cache\r\n",
    b"Cache-Control: private\r\n", b"Cache-Control: max-age=0, stale-while-revalidate=9\r\n",
    b"Cache-Control: max-age=60, no-cache=\"x-a\"\r\n", b"ETag: \"a\"\r\n", b"ETag: W/\"a\"\r\n",
    b"ETag: \"b\"\r\n", b"Vary: X-V\r\n", b"Vary: Accept-Language, Accept-Encoding\r\n",
    b"Vary: *\r\n", b"Content-Language: de\r\n", b"Set-Cookie: a=b\r\n", b"Age: 1\r\n",
    b"Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\n", b"X-A: y\r\n", b"Expires: 0\r\n",
    b"Connection: close\r\n", b"Connection: X-A\r\n", b"Content-Location: /m2\r\n",
]
REQUEST_FIELDS = [
    b"Range: bytes=0-3\r\n", b"Range: bytes=4-\r\n", b"Range: bytes=0-1,3-4\r\n",
    b"If-None-Match: \"a\"\r\n", b"If-None-Match: *\r\n", b"If-Match: \"b\"\r\n",
    b"If-Range: \"a\"\r\n", b"If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT\r\n",
    b"X-V: 1\r\n", b"X-V: 2\r\n", b"Connection: X-V\r\n", b"Connection: close\r\n",
    b"Accept-Language: de, en\r\n", b"Accept-Encoding: gzip, br\r\n", b"Authorization: x\r\n",
    b"Cookie: a=b\r\n", b"Expect: 100-continue\r\n", b"TE: trailers\r\n",
]
METHODS = [b"GET"] * 12 + [b"HEAD"] * 2 + [b"POST", b"PUT", b"DELETE", b"FOO", b"OPTIONS"]
INSERTS = [b"\r\n", b"\r", b"\n", b"\x00", b" ", b",", b"9999", b"\r\n\r\n", b"x" * 100]


def mutated(rnd, data):
    data = bytearray(data)
    for _ in range(rnd.choice([0, 0, 1, 1, 2, 3])):
        at = rnd.randrange(len(data) + 1)
        how = rnd.randrange(5)
        if how == 0 and data:
            data[at % len(data)] = rnd.choice(b"\x00\r\n \t:,;=\"0159axz\x7f\xff")
        elif how == 1:
            data[at:at] = rnd.choice(INSERTS)
        elif how == 2:
            del data[at:at + rnd.randrange(1, 12)]
        elif how == 3:
            data[at:at] = data[max(0, at - 30):at]
        else:
            del data[at:]
    return bytes(data)


def odd(rnd, message, often):
    """The message, or with its head, and perhaps its body, mutated, or cut."""
    head, _, body = message.partition(b"\r\n\r\n")
    if rnd.random() < often:
        message = mutated(rnd, head) + b"\r\n\r\n" + (mutated(rnd, body) if rnd.random() < .3 else body)
    return message[:rnd.randrange(len(message) + 1)] if rnd.random() < .05 else message


def in_pieces(rnd, message):
    while message:
        n = len(message) if rnd.random() < .7 else rnd.randrange(1, len(message) + 1)
        yield message[:n]
        message = message[n:]


def chunks(body, step):
    return b"".join(b"%x\r\n%b\r\n" % (len(body[i:i + step]), body[i:i + step])
                    for i in range(0, len(body), step)) + b"0\r\n"


def answer(x, rnd):
    line = rnd.choice(STATUS_LINES)
    head = line + b"".join(rnd.sample(RESPONSE_FIELDS, rnd.randrange(7)))
    size = rnd.choice([0, 1, 10, 10, 10, 500, 5000, 70000, 300000])
    if b" 206 " in line:
        size = 4 if b"0-3" in line else 6
    # Each body is made of its path, said twice so that a mutation makes no other's of it.
    mark = b"<<%b:%b>>" % ((x.request.path.encode(),) * 2)
    body = (mark * (size // len(mark) + 1))[:size]
    framing = rnd.random()
    if framing < .5 or x.request.method == "HEAD":
        message = head + b"Content-Length: %d\r\n\r\n" % size
        message += b"" if x.request.method == "HEAD" and rnd.random() < .9 else body
    elif framing < .9:
        message = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, 3000)
        message += rnd.choice([b"", b"X-T: 1\r\n"]) + b"\r\n"
    else:
        message = head + b"\r\n" + body
        x.close()
    for piece in in_pieces(rnd, odd(rnd, message, .4)):
        x.send(piece)
    if rnd.random() < .15:
        x.close()
    if rnd.random() < .05:
        x.reset()


def request(rnd, path):
    method = rnd.choice(METHODS)
    head = method + b" " + path + b" HTTP/" + rnd.choice([b"1.1"] * 6 + [b"1.0"]) + b"\r\nHost: a.test\r\n"
    head += b"".join(rnd.sample(REQUEST_FIELDS, rnd.choice([0, 0, 1, 2, 3, 4])))
    if method not in (b"POST", b"PUT", b"FOO") and rnd.random() < .95:
        return odd(rnd, head + b"\r\n", .15)
    body = b"b" * rnd.choice([0, 5, 2000, 100000])
    if rnd.random() < .5:
        return odd(rnd, head + b"Content-Length: %d\r\n\r\n" % len(body) + body, .15)
    return odd(rnd, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, 50000) + b"\r\n", .15)


def talk(edge, rnd, path):
    """One connection: some pipelined requests, and as much of the answers as comes soon."""
    got = bytearray()
    with socket.create_connection(edge.address, 10) as s:
        for _ in range(rnd.randrange(1, 5)):
            for piece in in_pieces(rnd, b"".join(request(rnd, path) for _ in range(rnd.choice([1, 1, 1, 2, 5])))):
                s.sendall(piece)
            s.settimeout(rnd.choice([.02, .05, .2]))
            try:
                while (data := s.recv(rnd.choice([1, 100, 65536, 65536]))) and rnd.random() < .97:
                    got += data
            except socket.timeout:
                pass
        if rnd.random() < .3:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return bytes(got)


@pytest.mark.slow
@pytest.mark.threaded
def test_storm(selvaged, origin):
    print(f"E2E_SEED={SEED}")
    edge = selvaged(config=CONFIG.format(url=origin.url))
    of_origin, lock = random.Random(SEED), threading.Lock()
    foreign = []

    def program(x):
        with lock:
            rnd = random.Random(of_origin.randrange(1 << 32))
        answer(x, rnd)
    origin.at(None, program)

    def client(n):
        rnd = random.Random(SEED + n)
        for _ in range(CONNECTIONS):
            path = b"/%b%d" % (rnd.choice([b"m", b"r", b"k", b"b"]), rnd.randrange(6))
            try:
                got = talk(edge, rnd, path)
            except OSError:
                continue  # it may close or reset whenever we break a rule
            found = set(re.findall(rb"<<(/[a-z][0-9]):\1>>", got)) - {path}
            if found:
                foreign.append((path, found))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert foreign == []
    origin.at(None, lambda x: x.reply(200, b"calm", {"Cache-Control": "no-store"}))
    assert edge.get("/calm").body == b"calm"
