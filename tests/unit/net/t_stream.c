/* Streams: partial writes, files, both ends of a connection, and how it ends. */
#include "net_test.h"

#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BODY = 4 << 20, GAP = 12345 };

/* A writer that has its body in three pieces and in a file, and a reader that collects it. */
struct pair {
    struct stream out, in;
    char *body; /* BODY bytes */
    int file;   /* GAP other bytes, then the body; -1: by writev() */
    size_t sent, got;
    char *received;
    int partial, waits;
    bool eof;
};

static void make_pair(int fds[2])
{
    struct addr at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 1), small = 32768;

    fds[0] = dial(&at);
    fds[1] = accept(l, NULL, NULL);
    close(l);
    assert_true(fds[1] >= 0);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
}

static ssize_t send_some(struct pair *p)
{
    /* Pieces of unlike length, so that writes end inside of each. */
    size_t at = p->sent, left = BODY - at, one = left / 7, two = left / 3;
    struct iovec v[] = {
        {p->body + at, one},
        {p->body + at + one, two},
        {p->body + at + one + two, left - one - two},
    };

    if (p->file >= 0)
        return stream_sendfile(&p->out, p->file, (int64_t)(GAP + at), left);
    return stream_writev(&p->out, v, 3, false);
}

static void on_out(struct stream *s, unsigned events)
{
    struct pair *p = container_of(s, struct pair, out);
    ssize_t n;

    assert_int_equal(events, STREAM_WRITE);
    while (p->sent < BODY && (n = send_some(p)) != STREAM_AGAIN) {
        assert_true(n > 0);
        p->partial += p->sent + (size_t)n < BODY;
        p->sent += (size_t)n;
    }
    if (p->sent < BODY) {
        p->waits++;
        return;
    }
    stream_want(s, 0);
    stream_shutdown_write(s);
}

static void on_in(struct stream *s, unsigned events)
{
    struct pair *p = container_of(s, struct pair, in);
    ssize_t n = stream_read(s, p->received + p->got, BODY + 1 - p->got);

    assert_int_equal(events, STREAM_READ);
    if (n == STREAM_EOF) {
        p->eof = true;
        stream_want(s, 0);
        return;
    }
    assert_true(n > 0);
    p->got += (size_t)n;
}

static void transfer(bool by_file)
{
    struct pair p = {.body = malloc(BODY), .received = malloc(BODY + 1), .file = -1};
    int fds[2];

    assert_non_null(p.body);
    assert_non_null(p.received);
    for (size_t i = 0; i < BODY; i++)
        p.body[i] = (char)(i * 31 + i / 4096);
    if (by_file) {
        p.file = memfd_create("body", MFD_CLOEXEC);
        assert_int_equal(ftruncate(p.file, GAP), 0);
        assert_int_equal(pwrite(p.file, p.body, BODY, GAP), BODY);
    }
    make_pair(fds);
    stream_open(&p.out, worker, fds[0], on_out);
    stream_open(&p.in, worker, fds[1], on_in);
    assert_true(stream_can_sendfile(&p.out));
    stream_want(&p.out, STREAM_WRITE);
    stream_want(&p.in, STREAM_READ);
    loop_until(&p.eof);
    assert_int_equal(p.got, BODY);
    assert_memory_equal(p.received, p.body, BODY);
    assert_true(p.partial > 0);
    assert_true(p.waits > 0);
    stream_close(&p.out);
    stream_close(&p.in);
    assert_false(stream_is_open(&p.out));
    if (p.file >= 0)
        close(p.file);
    free(p.body);
    free(p.received);
}

static void writes_go_on_where_they_stopped(void **state)
{
    (void)state;
    transfer(false);
}

static void files_are_sent_from_their_offset(void **state)
{
    (void)state;
    transfer(true);
}

/* --- readiness
 * ------------------------------------------------------------------------------------- */

struct probe {
    struct stream s;
    unsigned events;
    int calls;
    bool called;
    bool close_at_once;
};

static void on_probe(struct stream *s, unsigned events)
{
    struct probe *p = container_of(s, struct probe, s);

    p->calls++;
    p->events |= events;
    p->called = true;
    if (p->close_at_once)
        stream_close(s);
}

static void tells_only_what_is_wanted(void **state)
{
    struct probe p = {.calls = 0};
    int fds[2];
    char c;

    (void)state;
    assert_false(stream_is_open(&p.s)); /* zeroed memory */
    make_pair(fds);
    stream_open(&p.s, worker, fds[0], on_probe);
    assert_int_equal(stream_read(&p.s, &c, 1), STREAM_AGAIN);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_for(5);
    assert_int_equal(p.calls, 0); /* nothing is wanted yet */
    stream_want(&p.s, STREAM_READ);
    loop_until(&p.called);
    assert_int_equal(p.events, STREAM_READ);
    p.called = false;
    p.events = 0;
    stream_want(&p.s, STREAM_READ | STREAM_WRITE);
    loop_until(&p.called); /* level triggered: the byte is still there */
    assert_int_equal(p.events, STREAM_READ | STREAM_WRITE);
    stream_want(&p.s, 0);
    p.calls = 0;
    loop_for(5);
    assert_int_equal(p.calls, 0);
    assert_int_equal(stream_read(&p.s, &c, 1), 1);
    stream_close(&p.s);
    close(fds[1]);
}

static void may_be_closed_when_it_is_ready(void **state)
{
    struct probe p[2] = {{.close_at_once = true}, {.close_at_once = true}};
    int fds[2];

    (void)state;
    /* Both become ready in one iteration; the first closes itself only. */
    make_pair(fds);
    for (int i = 0; i < 2; i++) {
        stream_open(&p[i].s, worker, fds[i], on_probe);
        stream_want(&p[i].s, STREAM_WRITE | STREAM_READ);
    }
    loop_until(&p[0].called);
    loop_until(&p[1].called);
    loop_for(5);
    assert_int_equal(p[0].calls, 1);
    assert_int_equal(p[1].calls, 1);
}

/* --- ends
 * ---------------------------------------------------------------------------------------------- */

static void ignore(struct stream *s, unsigned events)
{
    (void)s;
    (void)events;
}

static void the_end_and_the_reset_differ(void **state)
{
    struct stream s;
    int fds[2];
    char c;

    (void)state;
    make_pair(fds);
    stream_open(&s, worker, fds[0], ignore);
    stream_close(&s);
    assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
    assert_int_equal(read(fds[1], &c, 1), 0);
    close(fds[1]);

    make_pair(fds);
    stream_open(&s, worker, fds[0], ignore);
    stream_reset(&s);
    assert_false(stream_is_open(&s));
    assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
    assert_int_equal(read(fds[1], &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fds[1]);
}

static void errors_have_words_and_no_signal(void **state)
{
    struct stream a, b;
    int fds[2];
    char c = 'x';
    struct iovec v = {&c, 1};

    (void)state;
    make_pair(fds);
    stream_open(&a, worker, fds[0], ignore);
    stream_open(&b, worker, fds[1], ignore);
    stream_reset(&a);
    assert_int_equal(stream_read(&b, &c, 1), STREAM_ERROR);
    assert_int_equal(b.error, ECONNRESET);
    assert_string_equal(stream_error(&b), "connection reset by the peer");
    assert_int_equal(stream_writev(&b, &v, 1, false), STREAM_ERROR); /* SIGPIPE would end us */
    assert_int_equal(b.error, EPIPE);
    stream_close(&b);
}

static void a_file_that_shrank_is_an_error(void **state)
{
    struct stream s;
    int fds[2], file = memfd_create("short", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(write(file, "0123456789", 10), 10);
    make_pair(fds);
    stream_open(&s, worker, fds[0], ignore);
    assert_int_equal(stream_sendfile(&s, file, 4, 100), 6);
    assert_int_equal(stream_sendfile(&s, file, 10, 100), STREAM_ERROR);
    assert_string_equal(stream_error(&s), "the file has become shorter");
    stream_close(&s);
    close(fds[1]);
    close(file);
}

static void a_unix_socket_knows_the_process(void **state)
{
    struct stream_process who = {.pid = -7};
    struct stream s;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stream_open(&s, worker, fds[0], ignore);
    assert_true(stream_process(&s, &who));
    assert_int_equal(who.pid, getpid());
    assert_int_equal(who.uid, geteuid());
    stream_close(&s);
    close(fds[1]);
    make_pair(fds);
    stream_open(&s, worker, fds[0], ignore);
    assert_false(stream_process(&s, &who));
    assert_int_equal(who.pid, getpid());
    stream_close(&s);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_go_on_where_they_stopped, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(
            files_are_sent_from_their_offset, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(tells_only_what_is_wanted, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(may_be_closed_when_it_is_ready, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(the_end_and_the_reset_differ, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(errors_have_words_and_no_signal, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(a_unix_socket_knows_the_process, loop_setup, loop_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_shrank_is_an_error, loop_setup, loop_teardown),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
