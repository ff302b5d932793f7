/* client.c - the client's side of rig.h. */
#include "rig.h"

#include "base/check.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void client_send_bytes(int fd, const void *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0)
            fail_msg("send: %s", strerror(errno));
        p = (const char *)p + sent;
        n -= (size_t)sent;
    }
}

void client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text));
}

static void receive(int fd, char *out, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = recv(fd, out + have, n - have, 0);

        if (got <= 0)
            fail_msg("after %zu of %zu bytes: %s: %.*s", have, n,
                got == 0 ? "end" : strerror(errno), (int)(have < 500 ? have : 500), out);
        have += (size_t)got;
    }
}

void client_expect(int fd, const char *text)
{
    size_t n = strlen(text);
    char *got = xcalloc(1, n + 1);

    receive(fd, got, n);
    assert_string_equal(got, text);
    free(got);
}

void client_expect_long(int fd, size_t from, size_t n)
{
    char piece[8192];

    while (n > 0) {
        size_t now = n < sizeof(piece) ? n : sizeof(piece);

        receive(fd, piece, now);
        for (size_t i = 0; i < now; i++) {
            if (piece[i] != rig_byte(from + i))
                fail_msg("byte %zu of the body: %02x", from + i, (unsigned char)piece[i]);
        }
        from += now;
        n -= now;
    }
}

void client_expect_chunked(int fd, size_t n)
{
    size_t at = 0, chunk;

    do {
        char line[24];
        size_t k = 0;

        do {
            assert_true(k + 1 < sizeof(line));
            receive(fd, line + k, 1);
        } while (line[k++] != '\n');
        line[k] = '\0';
        chunk = strtoul(line, NULL, 16);
        if (strspn(line, "0123456789abcdef") + 2 != k || line[k - 2] != '\r')
            fail_msg("the chunk's head is \"%s\"", line);
        client_expect_long(fd, at, chunk);
        at += chunk;
        client_expect(fd, "\r\n");
    } while (chunk > 0);
    assert_int_equal(at, n);
}

void client_expect_eof(int fd)
{
    char c;
    ssize_t got = recv(fd, &c, 1, 0);

    if (got != 0)
        fail_msg("no end: %s", got > 0 ? "a byte" : strerror(errno));
    close(fd);
}

void client_expect_reset(int fd)
{
    char piece[4096];
    ssize_t got;

    while ((got = recv(fd, piece, sizeof(piece), 0)) > 0)
        ;
    if (got == 0 || errno != ECONNRESET)
        fail_msg("no reset: %s", got == 0 ? "end" : strerror(errno));
    close(fd);
}

void client_expect_silence(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, ms) != 0)
        fail_msg("not silent");
}

size_t client_drain(int fd, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got;

    while (n + 1 < cap && (got = recv(fd, out + n, cap - 1 - n, 0)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fd);
    return n;
}
