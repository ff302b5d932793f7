/* What does not travel, and what cannot be kept from travelling. */
#include "table.h"

#include "http/hop.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void rows(void **state)
{
    static const struct {
        const char *why, *fields, *left; /* left: names, each followed by a space */
    } rows[] = {
        {"9110 §7.6.1 the known ones",
            "A: 1\nConnection: x\nKeep-Alive: 1\nProxy-Connection: 1\nTE: a\nTransfer-Encoding: b\n"
            "Upgrade: c\nProxy-Authenticate: d\nProxy-Authorization: e\nB: 2",
            "A B "},
        {"9110 §7.6.1 the listed ones", "Connection: close, X-a ,y\nX-A: 1\nB: 2\nY: 3\nX-A: 4",
            "B "},
        {"listed on two lines", "X: 1\nConnection: x\nY: 3\nConnection: y\nZ: 4", "Z "},
        {"nobody lists these away",
            "Connection: host, content-length, x-forwarded-for, cdn-loop, cache-control, "
            "authorization, via, cookie, forwarded, set-cookie, age\nHost: a\nContent-Length: 1\n"
            "X-Forwarded-For: b\nCDN-Loop: c\nCache-Control: d\nAuthorization: e\nVia: f\n"
            "Cookie: g\nForwarded: h\nSet-Cookie: i\nAge: 1",
            "Host Content-Length X-Forwarded-For CDN-Loop Cache-Control Authorization Via Cookie "
            "Forwarded Set-Cookie Age "},
        {"Connection listing itself", "X: 1\nConnection: connection, x\nZ: 1", "Z "},
        {"nothing to do", "A: 1\nB: 2", "A B "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct span left = SPAN("");

        hop_remove(&f);
        fields_each (line, &f)
            left = arena_join(&arena, left, arena_join(&arena, line->name, SPAN(" ")));
        row_text(rows[i].why, left, rows[i].left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
