/* TLS streams: both roles, whatever pieces the bytes come in, and every way in which it ends. */
#include "net_test.h"
#include "tls_test.h"

#include "base/span.h"
#include "net/tls_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct test_cert ca;
static SSL_CTX *server_ctx, *client_ctx;

static int make_contexts(void **state)
{
    (void)state;
    ca = test_cert_make("test", "DNS:localhost", NULL, 3600);
    server_ctx = test_server_ctx(&ca);
    client_ctx = test_client_ctx(&ca);
    return 0;
}

static int free_contexts(void **state)
{
    (void)state;
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    test_cert_free(&ca);
    return 0;
}

/* --- one end of a connection
 * ------------------------------------------------------------------------------- */

struct end {
    struct stream s;
    bool reading; /* else nothing is read before it is set */
    size_t piece; /* of a read */
    char *got;
    size_t got_n, got_cap;
    int result;  /* of the handshake: 0 while it goes on */
    int last;    /* of reading */
    bool shaken; /* result is there */
    bool over;   /* nothing comes any more */
    int calls;
    const char *out; /* to be written */
    size_t out_n, out_max;
    bool written, then_shutdown;
};

static void drive(struct end *e)
{
    while (e->out_n > 0) {
        size_t n = e->out_n < e->out_max ? e->out_n : e->out_max;
        struct iovec v[] = {{(void *)(uintptr_t)e->out, n / 3}, {(void *)(uintptr_t)e->out, 0},
            {(void *)(uintptr_t)(e->out + n / 3), n - n / 3}};
        ssize_t sent = stream_writev(&e->s, v, 3, false);

        if (sent == STREAM_AGAIN)
            break;
        assert_true(sent > 0);
        e->out += sent;
        e->out_n -= (size_t)sent;
    }
    if (e->out != NULL && e->out_n == 0 && !e->written) {
        e->written = true;
        if (e->then_shutdown)
            stream_shutdown_write(&e->s);
    }
    stream_want(
        &e->s, (e->reading && !e->over ? STREAM_READ : 0) | (e->out_n > 0 ? STREAM_WRITE : 0));
}

static void take(struct end *e)
{
    ssize_t n;

    if (e->got_cap - e->got_n < e->piece) {
        e->got_cap = 2 * e->got_cap + e->piece;
        e->got = realloc(e->got, e->got_cap);
    }
    n = stream_read(&e->s, e->got + e->got_n, e->piece);
    if (n > 0) {
        e->got_n += (size_t)n;
    } else if (n != STREAM_AGAIN) {
        e->last = (int)n;
        e->over = true;
    }
}

static void on_end(struct stream *s, unsigned events)
{
    struct end *e = container_of(s, struct end, s);

    e->calls++;
    if (!e->shaken) {
        e->result = stream_handshake(s);
        if (e->result == STREAM_AGAIN)
            return;
        e->shaken = true;
        if (e->result == STREAM_ERROR) {
            e->over = true;
            e->last = STREAM_ERROR;
            stream_want(s, 0);
            return;
        }
        drive(e);
        return;
    }
    if ((events & STREAM_READ) != 0)
        take(e);
    drive(e);
}

static void open_end(struct end *e, SSL_CTX *ctx, int fd)
{
    *e = (struct end){.reading = true, .piece = 5000, .out_max = 100000, .last = 1};
    stream_open_tls(&e->s, worker, fd, test_ssl(ctx), on_end);
    e->result = stream_handshake(&e->s);
    assert_int_equal(e->result, STREAM_AGAIN);
    stream_want(&e->s, STREAM_READ);
}

static void close_end(struct end *e)
{
    if (stream_is_open(&e->s))
        stream_close(&e->s);
    free(e->got);
    e->got = NULL;
}

static void send_text(struct end *e, const char *text, size_t n)
{
    e->out = text;
    e->out_n = n;
    e->written = false;
    if (e->shaken)
        drive(e);
}

static void make_pair(int fds[2])
{
    int small = 20000;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

struct both {
    struct end c, s;
};

static void open_both(struct both *b)
{
    int fds[2];

    make_pair(fds);
    open_end(&b->c, client_ctx, fds[0]);
    open_end(&b->s, server_ctx, fds[1]);
}

static void shake_both(struct both *b)
{
    open_both(b);
    loop_until(&b->c.shaken);
    loop_until(&b->s.shaken);
    assert_int_equal(b->c.result, STREAM_DONE);
    assert_int_equal(b->s.result, STREAM_DONE);
}

static void close_both(struct both *b)
{
    close_end(&b->c);
    close_end(&b->s);
}

static void loop_until_got(struct end *e, size_t n)
{
    while (e->got_n < n && !e->over)
        ev_run(worker->loop, EVRUN_ONCE);
    assert_int_equal(e->got_n, n);
}

/* --- data ----------------------------------------------------------------------------------- */

enum { BODY = 2 << 20 };

static char *make_body(void)
{
    char *body = malloc(BODY);

    assert_non_null(body);
    for (size_t i = 0; i < BODY; i++)
        body[i] = (char)(i * 31 + i / 4096);
    return body;
}

/* Both ways at once, in pieces of all sizes, over sockets that take little. */
static void transfer(size_t read_piece, size_t write_max)
{
    struct both b;
    char *body = make_body();

    open_both(&b);
    b.c.piece = b.s.piece = read_piece;
    b.c.out_max = b.s.out_max = write_max;
    b.c.then_shutdown = b.s.then_shutdown = true;
    send_text(&b.c, body, BODY);
    send_text(&b.s, body, BODY);
    loop_until(&b.c.over);
    loop_until(&b.s.over);
    assert_int_equal(b.c.last, STREAM_EOF);
    assert_int_equal(b.s.last, STREAM_EOF);
    assert_int_equal(b.c.got_n, BODY);
    assert_int_equal(b.s.got_n, BODY);
    assert_memory_equal(b.c.got, body, BODY);
    assert_memory_equal(b.s.got, body, BODY);
    close_both(&b);
    free(body);
}

static void data_goes_both_ways(void **state)
{
    (void)state;
    transfer(100000, 1 << 20);
    transfer(16384, 16384);
    transfer(777, 100001);
    transfer(65536, 1000);
}

static void data_goes_both_ways_in_tls_1_2(void **state)
{
    (void)state;
    SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
    transfer(100000, 1 << 20);
    transfer(777, 100001);
    SSL_CTX_set_max_proto_version(client_ctx, 0);
}

/* --- a wire that we hold in our hands: client | a ... b | server -------------------------------
 */

struct wire {
    struct both b;
    int a, z;     /* our ends */
    size_t piece; /* bytes at once */
    size_t left;  /* until it is cut */
    size_t passed;
};

static void open_wire(struct wire *w, size_t piece, size_t cut)
{
    int one[2], two[2];

    make_pair(one);
    make_pair(two);
    w->a = one[1];
    w->z = two[1];
    w->piece = piece;
    w->left = cut;
    w->passed = 0;
    open_end(&w->b.c, client_ctx, one[0]);
    open_end(&w->b.s, server_ctx, two[0]);
}

static void pass(struct wire *w, int from, int to)
{
    char data[65536];
    size_t max = w->piece < w->left ? w->piece : w->left;
    ssize_t n = max > 0 ? recv(from, data, max, 0) : 0;

    if (n <= 0)
        return;
    assert_int_equal(send(to, data, (size_t)n, MSG_NOSIGNAL), n);
    w->left -= (size_t)n;
    w->passed += (size_t)n;
    if (w->left == 0) {
        shutdown(w->a, SHUT_WR);
        shutdown(w->z, SHUT_WR);
    }
}

static void turn(struct wire *w)
{
    pass(w, w->a, w->z);
    pass(w, w->z, w->a);
    for (int i = 0; i < 3; i++)
        ev_run(worker->loop, EVRUN_NOWAIT);
}

static void close_wire(struct wire *w)
{
    close_both(&w->b);
    close(w->a);
    close(w->z);
}

static void any_fragments_will_do(void **state)
{
    const size_t pieces[] = {1, 2, 3, 5, 6, 7, 64, 1000, 16384};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct wire w;
        char *body = make_body();
        size_t n = pieces[i] < 64 ? 3000 : 100000;

        open_wire(&w, pieces[i], SIZE_MAX);
        w.b.c.then_shutdown = w.b.s.then_shutdown = true;
        send_text(&w.b.c, body, n);
        send_text(&w.b.s, body, n);
        while (!w.b.c.over || !w.b.s.over)
            turn(&w);
        assert_int_equal(w.b.c.got_n, n);
        assert_int_equal(w.b.s.got_n, n);
        assert_memory_equal(w.b.c.got, body, n);
        assert_memory_equal(w.b.s.got, body, n);
        assert_int_equal(w.b.c.last, STREAM_EOF);
        close_wire(&w);
        free(body);
    }
}

/* Cut after any byte: nobody takes it for a whole one. */
static void a_cut_handshake_fails(void **state)
{
    size_t whole;
    struct wire w;

    (void)state;
    open_wire(&w, 100, SIZE_MAX);
    while (!w.b.c.shaken || !w.b.s.shaken)
        turn(&w);
    whole = w.passed; /* ours only: tickets may follow */
    close_wire(&w);
    assert_true(whole > 800);
    for (size_t cut = 1; cut < 800; cut += cut < 20 ? 1 : 13) {
        open_wire(&w, 100, cut);
        for (int i = 0; i < 200 && (!w.b.c.shaken || !w.b.s.shaken); i++)
            turn(&w);
        assert_true(w.b.c.shaken && w.b.s.shaken);
        assert_int_equal(w.b.c.result, STREAM_ERROR);
        assert_int_equal(w.b.s.result, STREAM_ERROR);
        assert_int_equal(tls_failure_of(stream_ssl(&w.b.s.s)), TLS_FAILURE_ENDED);
        assert_string_equal(
            stream_error(&w.b.s.s), "the connection was closed during the TLS handshake");
        assert_int_equal(stream_handshake(&w.b.s.s), STREAM_ERROR); /* and stays so */
        close_wire(&w);
    }
}

/* A body that is cut is broken for the client; a server takes the end for an end. */
static void an_end_without_close_notify(void **state)
{
    struct wire w;

    (void)state;
    open_wire(&w, 65536, SIZE_MAX);
    while (!w.b.c.shaken || !w.b.s.shaken)
        turn(&w);
    send_text(&w.b.c, "question", 8);
    send_text(&w.b.s, "answer", 6);
    while (w.b.c.got_n < 6 || w.b.s.got_n < 8)
        turn(&w);
    shutdown(w.a, SHUT_WR);
    shutdown(w.z, SHUT_WR);
    while (!w.b.c.over || !w.b.s.over)
        turn(&w);
    assert_int_equal(w.b.c.last, STREAM_ERROR);
    assert_string_equal(stream_error(&w.b.c.s), "the connection was closed without close_notify");
    assert_int_equal(tls_failure_of(stream_ssl(&w.b.c.s)), TLS_FAILURE_ENDED);
    assert_int_equal(w.b.s.last, STREAM_EOF);
    close_wire(&w);
}

/* Record headers as they pass: type and length. */
struct records {
    char bytes[1 << 18];
    size_t n;
};

static size_t record_at(const struct records *r, size_t at, size_t *length)
{
    *length = (size_t)(unsigned char)r->bytes[at + 3] << 8 | (unsigned char)r->bytes[at + 4];
    return at + 5 + *length;
}

static void collect(int fd, struct records *r)
{
    ssize_t n;

    while ((n = recv(fd, r->bytes + r->n, sizeof(r->bytes) - r->n, 0)) > 0)
        r->n += (size_t)n;
}

static size_t write_all(struct stream *s, const char *data, size_t n, size_t piece)
{
    struct iovec v[64];
    int k = 0;

    for (size_t at = 0; at < n && k < 64; at += piece)
        v[k++] = (struct iovec){(void *)(uintptr_t)(data + at), n - at < piece ? n - at : piece};
    n = (size_t)stream_writev(s, v, k, false);
    return n;
}

/* Small ones first, so that the first packet can be read when it is there; then full ones, even of
 * small pieces; small ones again after a pause. */
static void records_are_small_at_first_then_full(void **state)
{
    static char data[65536];
    static struct records r;
    struct wire w;
    size_t at = 0, length, full = 0, small = 0;
    int big = 1 << 20;

    (void)state;
    open_wire(&w, 65536, SIZE_MAX);
    while (!w.b.c.shaken || !w.b.s.shaken)
        turn(&w);
    turn(&w); /* the tickets */
    (void)setsockopt(w.b.s.s.fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
    loop_skip(5000);
    loop_for(1);
    r.n = 0;
    assert_int_equal(write_all(&w.b.s.s, data, sizeof(data), 3000), 64 * 1024);
    collect(w.z, &r);
    for (int i = 0; i < 6; i++) {
        at = record_at(&r, at, &length);
        assert_int_equal(length, 1369 + 17);
    }
    while (at < r.n) {
        at = record_at(&r, at, &length);
        full += length == 16384 + 17;
        small += length != 16384 + 17;
    }
    assert_int_equal(at, r.n);
    assert_int_equal(full, 3);
    assert_int_equal(small, 1); /* the rest */
    r.n = 0;
    assert_int_equal(write_all(&w.b.s.s, data, 30000, 5000), 30000);
    collect(w.z, &r);
    assert_int_equal(record_at(&r, 0, &length), 16384 + 22);
    loop_skip(5000);
    loop_for(1);
    r.n = 0;
    assert_int_equal(write_all(&w.b.s.s, data, 100, 100), 100);
    assert_int_equal(write_all(&w.b.s.s, data, 30000, 5000), 30000);
    collect(w.z, &r);
    at = record_at(&r, 0, &length);
    assert_int_equal(length, 117);
    record_at(&r, at, &length);
    assert_int_equal(length, 1369 + 17);
    close_wire(&w);
}

/* --- readiness ------------------------------------------------------------------------------ */

/* All is in OpenSSL's buffer after the first read: the rest is asked for all the same, once per
 * iteration, and nobody is called who does not want to be. */
static void what_openssl_has_read_ahead_is_told(void **state)
{
    struct both b;
    char text[300];

    (void)state;
    shake_both(&b);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)i;
    b.c.reading = false;
    drive(&b.c);
    for (int i = 0; i < 3; i++)
        send_text(&b.s, text + 100 * i, 100);
    b.c.piece = 7;
    b.c.reading = true;
    drive(&b.c);
    loop_until_got(&b.c, 7);
    b.c.reading = false;
    drive(&b.c);
    b.c.calls = 0;
    loop_for(5);
    assert_int_equal(b.c.calls, 0);
    b.c.reading = true;
    drive(&b.c);
    loop_until_got(&b.c, 300);
    assert_memory_equal(b.c.got, text, 300);
    b.c.calls = 0;
    loop_for(5);
    assert_in_range(b.c.calls, 0, 2); /* and then it is quiet */
    send_text(&b.s, "x", 1);
    loop_until_got(&b.c, 301);
    close_both(&b);
}

/* Several have read ahead: when one has come to its end the others go on. */
static void several_read_ahead(int fast)
{
    struct both b[3];
    char text[100] = "";

    for (int i = 0; i < 3; i++) {
        shake_both(&b[i]);
        b[i].c.reading = false;
        drive(&b[i].c);
        send_text(&b[i].s, text, sizeof(text));
        b[i].c.piece = i == fast ? 50 : 3;
    }
    for (int i = 0; i < 3; i++) {
        b[i].c.reading = true;
        drive(&b[i].c);
    }
    for (int i = 0; i < 3; i++)
        loop_until_got(&b[i].c, 100);
    for (int i = 0; i < 3; i++)
        close_both(&b[i]);
}

static void several_may_have_read_ahead(void **state)
{
    (void)state;
    for (int fast = 0; fast < 3; fast++)
        several_read_ahead(fast);
}

/* What is ripe, and what is owed, goes along. */
static void a_stream_may_move(void **state)
{
    struct both b;
    struct end moved;
    char *body = make_body();

    (void)state;
    shake_both(&b);
    b.c.reading = false;
    drive(&b.c);
    send_text(&b.c, body, BODY); /* the server's end reads it, later */
    send_text(&b.s, "hello, world", 12);
    b.c.piece = 5;
    b.c.reading = true;
    drive(&b.c);
    loop_until_got(&b.c, 5);
    moved = b.c;
    stream_move(&moved.s, &b.c.s, on_end);
    assert_false(stream_is_open(&b.c.s));
    b.c.got = NULL;
    moved.then_shutdown = true;
    drive(&moved);
    loop_until_got(&moved, 12);
    loop_until(&b.s.over);
    assert_int_equal(b.s.got_n, BODY);
    assert_memory_equal(b.s.got, body, BODY);
    close_end(&moved);
    close_both(&b);
    free(body);
}

/* The owner has written all and waits for nothing: what the socket did not take goes out. */
static void what_is_owed_goes_out_by_itself(void **state)
{
    struct both b;
    char *body = make_body();
    struct iovec v = {body, 60000};

    (void)state;
    shake_both(&b);
    b.s.reading = b.c.reading = false;
    drive(&b.s);
    drive(&b.c);
    assert_int_equal(stream_writev(&b.s.s, &v, 1, false), 60000);
    assert_in_range(stream_owes(&b.s.s), 1, 60000);
    assert_int_equal(stream_writev(&b.s.s, &v, 1, false), STREAM_AGAIN);
    stream_shutdown_write(&b.s.s);
    b.s.calls = 0;
    b.c.reading = true;
    drive(&b.c);
    loop_until(&b.c.over);
    assert_int_equal(b.c.last, STREAM_EOF);
    assert_int_equal(b.c.got_n, 60000);
    assert_memory_equal(b.c.got, body, 60000);
    assert_int_equal(stream_owes(&b.s.s), 0);
    assert_int_equal(b.s.calls, 0);
    close_both(&b);
    free(body);
}

/* --- after the handshake -------------------------------------------------------------------- */

static void keys_may_change(void **state)
{
    struct both b;
    char *body = make_body();

    (void)state;
    shake_both(&b);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(SSL_key_update(stream_ssl(&b.c.s), SSL_KEY_UPDATE_REQUESTED), 1);
        send_text(&b.c, body + 1000 * i, 1000);
        send_text(&b.s, body + 1000 * i, 1000);
        loop_until_got(&b.s, 1000 * (size_t)(i + 1));
        loop_until_got(&b.c, 1000 * (size_t)(i + 1));
    }
    assert_memory_equal(b.s.got, body, 40000);
    assert_memory_equal(b.c.got, body, 40000);
    close_both(&b);
    free(body);
}

static void keys_may_not_change_for_ever(void **state)
{
    struct both b;

    (void)state;
    shake_both(&b);
    for (int i = 0; i < 100 && !b.s.over; i++) {
        assert_int_equal(SSL_key_update(stream_ssl(&b.c.s), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        (void)SSL_do_handshake(stream_ssl(&b.c.s));
        (void)!stream_read(&b.c.s, (char[1]){0}, 1); /* sends it */
        ev_run(worker->loop, EVRUN_NOWAIT);
    }
    assert_true(b.s.over);
    assert_int_equal(b.s.last, STREAM_ERROR);
    assert_string_equal(stream_error(&b.s.s), "the peer sends TLS messages, but no data");
    close_both(&b);
}

/* --- peers that are none -------------------------------------------------------------------- */

static void gets(
    SSL_CTX *ctx, const char *bytes, size_t n, enum tls_failure failure, const char *why)
{
    struct end e;
    char answer[16];
    int fds[2];

    make_pair(fds);
    open_end(&e, ctx, fds[0]);
    assert_int_equal(write(fds[1], bytes, n), (ssize_t)n);
    loop_until(&e.shaken);
    assert_int_equal(e.result, STREAM_ERROR);
    assert_int_equal(tls_failure_of(stream_ssl(&e.s)), failure);
    assert_string_equal(stream_error(&e.s), why);
    assert_int_equal(stream_read(&e.s, answer, 1), STREAM_ERROR);
    assert_int_equal(stream_writev(&e.s, &(struct iovec){answer, 1}, 1, false), STREAM_ERROR);
    close_end(&e);
    close(fds[1]);
}

static void what_is_not_tls_is_refused(void **state)
{
    const char *http = "plain HTTP came where TLS is spoken";
    struct span requests[] = {SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPAN("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), SPAN("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SPAN("PUT / HTTP/1.1\r\nHost: a\r\n\r\n")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        gets(server_ctx, requests[i].p, requests[i].n, TLS_FAILURE_HTTP, http);
    gets(server_ctx, "\x05\x01\x00zzzzzzzzzzzz", 15, TLS_FAILURE_NOT_TLS, "what came is not TLS");
    gets(client_ctx, "\x15\x03\x01\x00\x02\x02\x46", 7, TLS_FAILURE_VERSION,
        "the peer speaks no version of TLS that we do (alert protocol_version)");
    gets(client_ctx, "\x15\x03\x01\x00\x02\x02\x2a", 7, TLS_FAILURE_REFUSED,
        "the peer refused: alert bad certificate");
    gets(client_ctx, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, TLS_FAILURE_NOT_TLS,
        "what came is not TLS");
}

/* Whatever comes, it ends, and nothing is read or written that must not be. */
static void noise_is_refused(void **state)
{
    unsigned char noise[600] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct end e;
        int fds[2];

        make_pair(fds);
        open_end(&e, i % 3 == 0 ? client_ctx : server_ctx, fds[0]);
        RAND_bytes(noise + 11 - i % 12, (int)sizeof(noise) - 11 + i % 12);
        assert_int_equal(write(fds[1], noise, sizeof(noise)), sizeof(noise));
        shutdown(fds[1], SHUT_WR);
        loop_until(&e.shaken);
        assert_int_equal(e.result, STREAM_ERROR);
        assert_true(strlen(stream_error(&e.s)) > 10);
        close_end(&e);
        close(fds[1]);
    }
}

static void a_certificate_that_is_not_trusted(void **state)
{
    struct test_cert other = test_cert_make("other", NULL, NULL, 3600);
    SSL_CTX *ctx = test_client_ctx(&other), *was = client_ctx;
    struct both b;

    (void)state;
    client_ctx = ctx;
    open_both(&b);
    client_ctx = was;
    loop_until(&b.c.shaken);
    loop_until(&b.s.over);
    assert_int_equal(b.c.result, STREAM_ERROR);
    assert_int_equal(tls_failure_of(stream_ssl(&b.c.s)), TLS_FAILURE_CERTIFICATE);
    assert_string_equal(tls_error_of(stream_ssl(&b.c.s)),
        "the peer's certificate is not to be trusted: self-signed certificate");
    assert_int_equal(b.s.last, STREAM_ERROR);
    assert_int_equal(tls_failure_of(stream_ssl(&b.s.s)), TLS_FAILURE_REFUSED);
    assert_string_equal(stream_error(&b.s.s), "the peer refused: alert unknown CA");
    close_both(&b);
    SSL_CTX_free(ctx);
    test_cert_free(&other);
}

static void a_reset_is_an_error(void **state)
{
    struct both b;
    int fds[2];
    struct addr at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 1);

    (void)state;
    fds[0] = dial(&at);
    fds[1] = accept(l, NULL, NULL);
    close(l);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
    open_end(&b.c, client_ctx, fds[0]);
    open_end(&b.s, server_ctx, fds[1]);
    loop_until(&b.c.shaken);
    loop_until(&b.s.shaken);
    stream_reset(&b.c.s);
    loop_until(&b.s.over);
    assert_int_equal(b.s.last, STREAM_ERROR);
    assert_int_equal(b.s.s.error, ECONNRESET);
    assert_string_equal(stream_error(&b.s.s), "connection reset by the peer");
    assert_int_equal(tls_failure_of(stream_ssl(&b.s.s)), TLS_FAILURE_SOCKET);
    close_both(&b);
}

/* --- a kernel that encrypts: ours does not, so it is made to say that it will ------------------
 */

static enum { KERNEL_CANNOT, KERNEL_CAN } kernel;
static int keys_given;

/* In the place of the system's, for OpenSSL too. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t n)
{
    if (level == IPPROTO_TCP && option == TCP_ULP && kernel == KERNEL_CAN)
        return 0;
    if (level == SOL_TLS) {
        keys_given++;
        return 0;
    }
    return (int)syscall(SYS_setsockopt, fd, level, option, value, n);
}

static void tcp_pair(int fds[2])
{
    struct addr at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 1);

    fds[0] = dial(&at);
    fds[1] = accept(l, NULL, NULL);
    close(l);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
}

static void shake_over_tcp(struct both *b)
{
    int fds[2];

    tcp_pair(fds);
    open_end(&b->c, client_ctx, fds[0]);
    open_end(&b->s, server_ctx, fds[1]);
    b->c.reading = false; /* it would find no TLS behind the handshake */
    loop_until(&b->c.shaken);
    loop_until(&b->s.shaken);
    assert_int_equal(b->s.result, STREAM_DONE);
}

/* Data is left to the kernel from the handshake on, by write and from files. */
static void the_kernel_may_encrypt(void **state)
{
    int file = memfd_create("body", MFD_CLOEXEC);
    char text[] = "written, ";
    struct iovec v[] = {{text, 9}};
    struct both b;
    char got[4096];
    ssize_t n;

    (void)state;
    assert_int_equal(write(file, "xxfrom a file", 13), 13);
    SSL_CTX_set_options(server_ctx, SSL_OP_ENABLE_KTLS);
    SSL_CTX_set_num_tickets(server_ctx, 0);
    kernel = KERNEL_CAN;
    shake_over_tcp(&b);
    assert_int_equal(keys_given, 1); /* for sending only */
    assert_true(stream_can_sendfile(&b.s.s));
    assert_int_equal(stream_writev(&b.s.s, v, 1, true), 9);
    assert_int_equal(stream_sendfile(&b.s.s, file, 2, 11), 11);
    n = recv(b.c.s.fd, got, sizeof(got), 0);
    assert_int_equal(n, 20);
    assert_memory_equal(got, "written, from a file", 20);
    stream_shutdown_write(&b.s.s);
    n = recv(b.c.s.fd, got, sizeof(got), 0);
    assert_int_equal(n, 2); /* close_notify, which the kernel would put into a record */
    assert_memory_equal(got, "\x01\x00", 2);
    assert_int_equal(recv(b.c.s.fd, got, sizeof(got), 0), 0);
    kernel = KERNEL_CANNOT;
    close_both(&b);
    close(file);
}

/* As on most machines: allowed, but the kernel has no TLS. */
static void a_kernel_without_tls_changes_nothing(void **state)
{
    struct both b;

    (void)state;
    SSL_CTX_set_options(server_ctx, SSL_OP_ENABLE_KTLS);
    keys_given = 0;
    shake_over_tcp(&b);
    assert_int_equal(keys_given, 0);
    assert_false(stream_can_sendfile(&b.s.s));
    b.c.reading = true;
    drive(&b.c);
    send_text(&b.s, "in a record", 11);
    loop_until_got(&b.c, 11);
    close_both(&b);
    SSL_CTX_clear_options(server_ctx, SSL_OP_ENABLE_KTLS);
    SSL_CTX_set_num_tickets(server_ctx, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_goes_both_ways),
        TEST(data_goes_both_ways_in_tls_1_2),
        TEST(any_fragments_will_do),
        TEST(a_cut_handshake_fails),
        TEST(an_end_without_close_notify),
        TEST(records_are_small_at_first_then_full),
        TEST(what_openssl_has_read_ahead_is_told),
        TEST(several_may_have_read_ahead),
        TEST(a_stream_may_move),
        TEST(what_is_owed_goes_out_by_itself),
        TEST(keys_may_change),
        TEST(keys_may_not_change_for_ever),
        TEST(what_is_not_tls_is_refused),
        TEST(noise_is_refused),
        TEST(a_certificate_that_is_not_trusted),
        TEST(a_reset_is_an_error),
        TEST(the_kernel_may_encrypt),
        TEST(a_kernel_without_tls_changes_nothing),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
