/* Cache-Control with its ugly cases, and the targeted fields. */
#include "table.h"

#include "http/cache_control.h"

#include <stdio.h>

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

/* What was understood, in words; one word per member that is set. */
static struct span said(const struct cache_control *cc)
{
    static const struct {
        const char *name;
        size_t at;
    } flags[] = {
#define FLAG(member) {#member, offsetof(struct cache_control, member)}
        FLAG(no_store), FLAG(no_cache), FLAG(is_private), FLAG(is_public), FLAG(must_revalidate),
        FLAG(proxy_revalidate), FLAG(must_understand), FLAG(no_transform), FLAG(immutable),
        FLAG(only_if_cached)
#undef FLAG
    };
    struct span out = SPAN("");

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (*((const bool *)(const void *)((const char *)cc + flags[i].at)))
            out = arena_printf(&arena, "%.*s%s ", SPAN_ARG(out), flags[i].name);
    }
#define NUMBER(member)                                                                             \
    if (cc->member >= 0)                                                                           \
    out = arena_printf(&arena, "%.*s" #member "=%lld ", SPAN_ARG(out), (long long)cc->member)
    NUMBER(max_age);
    NUMBER(s_maxage);
    NUMBER(stale_while_revalidate);
    NUMBER(stale_if_error);
    NUMBER(max_stale);
    NUMBER(min_fresh);
#undef NUMBER
    if (cc->no_cache_fields.n != 0)
        out = arena_printf(
            &arena, "%.*sno_cache(%.*s) ", SPAN_ARG(out), SPAN_ARG(cc->no_cache_fields));
    if (cc->private_fields.n != 0)
        out =
            arena_printf(&arena, "%.*sprivate(%.*s) ", SPAN_ARG(out), SPAN_ARG(cc->private_fields));
    return out;
}

static void directives(void **state)
{
    static const struct {
        const char *fields, *said;
    } rows[] = {
        {"X: 1", ""},
        {"Cache-Control:", ""},
        {"Cache-Control: max-age=60", "max_age=60 "},
        {"Cache-Control: MAX-AGE=60, Public", "is_public max_age=60 "}, /* 9111 §5.2 */
        {"Cache-Control: max-age=\"60\"", "max_age=60 "},
        {"Cache-Control: max-age=0060", "max_age=60 "},
        {"Cache-Control: max-age=2147483648", "max_age=2147483648 "}, /* 9111 §1.2.2 */
        {"Cache-Control: max-age=2147483649", "max_age=2147483648 "},
        {"Cache-Control: max-age=99999999999999999999", "max_age=2147483648 "},
        /* 9111 §4.2.1: invalid is stale */
        {"Cache-Control: max-age", "max_age=0 "},
        {"Cache-Control: max-age=", "max_age=0 "},
        {"Cache-Control: max-age=-1", "max_age=0 "},
        {"Cache-Control: max-age=1.5", "max_age=0 "},
        {"Cache-Control: max-age='60'", "max_age=0 "},
        {"Cache-Control: max-age=60a", "max_age=0 "},
        {"Cache-Control: max-age= 60", "max_age=0 "},
        {"Cache-Control: s-maxage=x, max-age=60", "max_age=60 s_maxage=0 "},
        /* the most restrictive of two */
        {"Cache-Control: max-age=60, max-age=1", "max_age=1 "},
        {"Cache-Control: max-age=1\nCache-Control: max-age=60", "max_age=1 "},
        {"Cache-Control: min-fresh=1, min-fresh=60", "min_fresh=60 "},
        {"Cache-Control: max-age=60, ext=\"max-age=3600, no-store\"", "max_age=60 "},
        {"Cache-Control: no-store, no-cache, must-revalidate, proxy-revalidate, no-transform, "
         "must-understand, immutable, only-if-cached, private",
            "no_store no_cache is_private must_revalidate proxy_revalidate must_understand "
            "no_transform immutable only_if_cached "},
        {"Cache-Control: max-age=1\nCache-Control: No-Store", "no_store max_age=1 "},
        {"Cache-Control: no-store=1", "no_store "},
        {"Cache-Control: nostore, x-private, privately", ""},
        {"Cache-Control: max-age=60 private", "max_age=0 "},
        {"Cache-Control: stale-while-revalidate=5, stale-if-error=6",
            "stale_while_revalidate=5 stale_if_error=6 "},     /* 5861 */
        {"Cache-Control: max-stale", "max_stale=2147483648 "}, /* 9111 §5.2.1.2 */
        {"Cache-Control: max-stale=5", "max_stale=5 "},
        {"Cache-Control: max-stale=x", "max_stale=0 "},
        {"Cache-Control: max-stale, max-stale=5", "max_stale=5 "},
        {"Cache-Control: no-cache=\"a, b\"", "no_cache(a, b) "}, /* 9111 §5.2.2.4 */
        {"Cache-Control: no-cache=a", "no_cache(a) "},
        {"Cache-Control: private=\"Set-Cookie\"", "private(Set-Cookie) "}, /* 9111 §5.2.2.7 */
        {"Cache-Control: private=\"\\a\"", "private(a) "},
        {"Cache-Control: private=\"a\", private", "is_private "},
        {"Cache-Control: private, private=\"a\"", "is_private "},
        {"Cache-Control: no-cache=\"a\", no-cache=\"b\"", "no_cache "},
        {"Cache-Control: no-cache=", "no_cache "},
        {"Cache-Control: no-cache=\"\"", "no_cache "},
        {"Cache-Control: no-cache=\"a b\"", "no_cache "},
        {"Cache-Control: private=\"a", "is_private "},
        {"Cache-Control: ext=\"a, no-store", "no_store "}, /* never closed: nothing is hidden */
        {"Cache-Control: , ,max-age=60,,", "max_age=60 "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct cache_control cc;

        cache_control_parse(&f, &arena, &cc);
        row_text(rows[i].fields, said(&cc), rows[i].said);
        row_check(rows[i].fields, cc.present == (strlen(rows[i].fields) > 15));
    }
}

static void targeted(void **state)
{
    static const struct {
        const char *fields, *said; /* NULL: to be ignored */
    } rows[] = {
        /* 9213 §2.1 */
        {"CDN-Cache-Control: max-age=60", "max_age=60 "},
        {"CDN-Cache-Control: max-age=60, no-store", "no_store max_age=60 "},
        {"CDN-Cache-Control: max-age=60\nCDN-Cache-Control: private", "is_private max_age=60 "},
        {"CDN-Cache-Control: max-age=1, max-age=60;x=1", "max_age=60 "},
        {"CDN-Cache-Control: max-age=99999999999", "max_age=2147483648 "},
        {"CDN-Cache-Control: foobar, must-revalidate=?1", "must_revalidate "},
        {"CDN-Cache-Control: no-store=?0, private=\"a\"", "private(a) "},
        {"CDN-Cache-Control: max-age=\"60\", no-store=1", ""},
        {"CDN-Cache-Control: max-age=-1, s-maxage=1.0", ""},
        /* 9213 §2.2: as if it were not there */
        {"X: 1", NULL},
        {"CDN-Cache-Control:", NULL},
        {"CDN-Cache-Control: max-age =60", NULL},
        {"CDN-Cache-Control: max-age= 60", NULL},
        {"CDN-Cache-Control: MaX-aGe=60", NULL},
        {"CDN-Cache-Control: max-age=60, &&&", NULL},
        {"CDN-Cache-Control: max-age=60,", NULL},
        {"CDN-Cache-Control: max-age=60\nCDN-Cache-Control: (", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct cache_control cc;
        bool there = cache_control_targeted(&f, FIELD_CDN_CACHE_CONTROL, &arena, &cc);

        row_check(rows[i].fields, there == (rows[i].said != NULL));
        if (there)
            row_text(rows[i].fields, said(&cc), rows[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directives),
        cmocka_unit_test(targeted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
