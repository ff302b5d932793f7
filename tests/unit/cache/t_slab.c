/* t_slab.c - size classes, the hard limit, draining, and pages that the kernel still reads. */
#include "things.h"

#include "cache/memory.h"
#include "cache/slab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static void t_classes(void **state)
{
    size_t last = 0;

    (void)state;
    for (size_t n = 1; n <= SLAB_PIECE_MAX; n++) {
        size_t bytes = slab_piece_bytes(n);

        assert_true(bytes >= n && bytes >= last);
        assert_true(bytes % SLAB_PIECE_ALIGN == 0);
        /* At most 15 bytes, an eighth or, for pages, a quarter too much. */
        assert_true(bytes - n < 16 || bytes - n < n / (n > SLAB_PAGES_MIN ? 4 : 8));
        if (n > SLAB_PAGES_MIN)
            assert_true(bytes % SLAB_PAGE == 0);
        assert_int_equal(slab_piece_bytes(bytes), bytes);
        last = bytes;
    }
}

static void t_pieces_do_not_touch(void **state)
{
    struct slabs *s = slabs_new(8 << 20);
    static const size_t sizes[] = {1, 48, 100, 700, 4000, 15000, 16384, 20480, 65536};
    struct {
        char *p;
        size_t n;
    } have[256];
    unsigned n = 0;
    struct slabs_usage u;

    (void)state;
    assert_non_null(s);
    for (unsigned i = 0; i < ARRAY_LEN(have); i++) {
        have[n].n = sizes[i % ARRAY_LEN(sizes)];
        have[n].p = slab_alloc(s, have[n].n, i);
        if (have[n].p == NULL)
            break;
        if (have[n].n >= SLAB_PAGES_MIN)
            assert_int_equal(slab_offset(s, have[n].p) % SLAB_PAGE, 0);
        body_write(have[n].p, i, 0, have[n].n);
        n++;
    }
    assert_true(n > 200);
    for (unsigned i = 0; i < n; i += 2)
        slab_free(s, have[i].p, false);
    for (unsigned i = 1; i < n; i += 2) {
        assert_true(body_is(have[i].p, i, 0, have[i].n));
        slab_free(s, have[i].p, false);
    }
    slabs_usage(s, &u);
    assert_int_equal(u.free_bytes, u.arena_bytes);
    assert_int_equal(u.spare_bytes, 0);
    assert_true(u.total_bytes <= 8 << 20);
    slabs_free(&s);
    assert_null(s);
}

static void t_limit(void **state)
{
    struct slabs *s = slabs_new(8 << 20);
    struct slabs_usage u;
    void *p[1024];
    unsigned n = 0;

    (void)state;
    while ((p[n] = slab_alloc(s, SLAB_PIECE_MAX, 1)) != NULL)
        n++;
    slabs_usage(s, &u);
    assert_int_equal((uint64_t)n * SLAB_PIECE_MAX, u.arena_bytes);
    assert_true(u.arena_bytes > 8 * 1000 * 1000 * 9 / 10);
    assert_null(slab_alloc(s, 1, 1));
    slab_free(s, p[--n], false);
    assert_null(slab_alloc(s, 1, 1)); /* that slab still has three others */
    assert_non_null(p[n++] = slab_alloc(s, SLAB_PIECE_MAX, 1));
    while (n > 0)
        slab_free(s, p[--n], false);
    slabs_free(&s);
}

struct owners {
    struct slabs *s;
    void *pieces[4096];
    uint64_t pinned; /* is not given back */
    unsigned asked;
};

static void give(void *ctx, uint64_t owner)
{
    struct owners *o = ctx;

    o->asked++;
    if (owner == o->pinned)
        return;
    slab_free(o->s, o->pieces[owner], false);
    o->pieces[owner] = NULL;
}

static void t_drain(void **state)
{
    struct owners o = {.s = slabs_new(8 << 20), .pinned = UINT64_MAX};
    struct slabs_usage u;
    unsigned n = 0, asked;

    (void)state;
    while ((o.pieces[n] = slab_alloc(o.s, 4096, n)) != NULL)
        n++;
    /* The emptiest slab is chosen: that of the last pieces. */
    for (unsigned i = n - 10; i < n; i++) {
        slab_free(o.s, o.pieces[i], false);
        o.pieces[i] = NULL;
    }
    assert_true(slabs_drain(o.s, SLABS_ANY, give, &o));
    asked = o.asked;
    assert_true(asked > 40 && asked < 64);
    assert_non_null(o.pieces[0]);
    slabs_usage(o.s, &u);
    assert_int_equal(u.free_bytes, 256 << 10);
    assert_int_equal(u.spare_bytes, 0);
    assert_non_null(o.pieces[n] = slab_alloc(o.s, 60000, n));

    /* With a piece that stays, that slab is left alone until something in it is freed. */
    o.pinned = n;
    o.asked = 0;
    assert_false(slabs_drain(o.s, SLABS_ANY, give, &o));
    assert_int_equal(o.asked, 1);
    assert_true(slabs_drain(o.s, SLABS_ANY, give, &o));
    assert_true(o.asked > 40);
    slab_free(o.s, o.pieces[n], false);
    slabs_usage(o.s, &u);
    assert_int_equal(u.free_bytes, 512 << 10);
    for (unsigned i = 0; i < n; i++)
        if (o.pieces[i] != NULL)
            slab_free(o.s, o.pieces[i], false);
    slabs_free(&o.s);
}

/* Two ends of a TCP connection over loopback. */
static void tcp_pair(int fd[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(sa);
    int l = socket(AF_INET, SOCK_STREAM, 0), big = 4 << 20;

    assert_int_equal(bind(l, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&sa, &n), 0);
    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
    assert_int_equal(connect(fd[0], (struct sockaddr *)&sa, n), 0);
    fd[1] = accept(l, NULL, NULL);
    assert_true(fd[1] >= 0);
    close(l);
}

/* Reads n bytes and counts how many are not those of the body `seed`. */
static size_t wrong_bytes(int fd, uint64_t seed, size_t n)
{
    static char data[65536];
    size_t wrong = 0;

    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, data, sizeof(data) < n - at ? sizeof(data) : n - at);

        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            wrong += data[i] != body_byte(seed, at + (size_t)i);
        at += (size_t)got;
    }
    return wrong;
}

static size_t send_free_overwrite(int pair[2], bool punch)
{
    struct slabs *s = slabs_new(8 << 20);
    enum { N = 65536, PIECES = 120 };
    char *p = slab_alloc(s, N, 1), *other[PIECES];
    off_t off = slab_offset(s, p);
    ssize_t sent;
    size_t wrong;

    body_write(p, 1, 0, N);
    sent = sendfile(pair[0], slabs_fd(s), &off, N); /* nobody reads it yet */
    assert_true(sent > 0);
    slab_free(s, p, punch);
    for (int i = 0; i < PIECES; i++) {
        other[i] = slab_alloc(s, N, 2);
        assert_non_null(other[i]);
        body_write(other[i], 2, 0, N);
    }
    wrong = wrong_bytes(pair[1], 1, (size_t)sent);
    for (int i = 0; i < PIECES; i++) {
        assert_true(body_is(other[i], 2, 0, N));
        slab_free(s, other[i], false);
    }
    slabs_free(&s);
    return wrong;
}

static void t_sent_pages_are_not_overwritten(void **state)
{
    int pair[2];

    (void)state;
    tcp_pair(pair);
    assert_int_equal(send_free_overwrite(pair, true), 0);
    /* The test can fail: without new pages the reader gets the other bytes. */
    assert_true(send_free_overwrite(pair, false) > 0);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_classes),
        cmocka_unit_test(t_pieces_do_not_touch),
        cmocka_unit_test(t_limit),
        cmocka_unit_test(t_drain),
        cmocka_unit_test(t_sent_pages_are_not_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
