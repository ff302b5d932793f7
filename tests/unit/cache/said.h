/*
 * said.h - random messages twice over: as plain numbers for the model of t_model.c, and spelled as
 * ugly as the grammar allows for the code under test.
 */
#ifndef TESTS_UNIT_CACHE_SAID_H
#define TESTS_UNIT_CACHE_SAID_H

#include "rules.h"

#include "cache/options.h"
#include "http/date.h"
#include "http/method.h"

enum { MEMBERS_MAX = 24 };

static struct arena arena;
static uint64_t state_of_chance;

/* --- chance ------------------------------------------------------------------------------- */

static uint64_t chance(uint64_t n)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return (state_of_chance >> 11) % n;
}

static bool one_in(uint64_t n)
{
    return chance(n) == 0;
}

static int64_t some_seconds(void)
{
    static const int64_t often[] = {0, 1, 2, 5, 10, 30, 60, 100, 3600, 86400};
    static const int64_t rarely[] = {2147483647, 2147483648, 2147483649, 1000000000000};

    return one_in(30) ? rarely[chance(ARRAY_LEN(rarely))] : often[chance(ARRAY_LEN(often))];
}

/* -1: absent */
static int64_t maybe_seconds(uint64_t n)
{
    return one_in(n) ? some_seconds() : -1;
}

/* --- what is said ------------------------------------------------------------------------- */

struct directives {
    bool there;
    bool no_store, is_private, is_public, no_cache;
    bool must_revalidate, proxy_revalidate, must_understand, immutable;
    int64_t max_age, s_maxage, while_revalidate, if_error;
};

enum kind { ABSENT, INVALID, VALID };

struct when {
    enum kind kind;
    wall_s at;
};

struct said {
    int status;
    struct directives cc, cdn;
    bool cdn_broken;
    struct when date, expires, modified;
    enum kind age_kind;
    int64_t age;
    char etag; /* 0: none */
    bool set_cookie, vary_any;
};

struct asked {
    enum http_method method;
    bool authorization;
    bool no_cache, no_store;
    int64_t max_age, min_fresh, max_stale, if_error;
};

static struct directives some_directives(void)
{
    struct directives d = {.there = true};

    d.no_store = one_in(12);
    d.is_private = one_in(12);
    d.is_public = one_in(6);
    d.no_cache = one_in(8);
    d.must_revalidate = one_in(8);
    d.proxy_revalidate = one_in(10);
    d.must_understand = one_in(10);
    d.immutable = one_in(8);
    d.max_age = maybe_seconds(2);
    d.s_maxage = maybe_seconds(5);
    d.while_revalidate = maybe_seconds(4);
    d.if_error = maybe_seconds(4);
    return d;
}

static struct when some_time(wall_s around, uint64_t n)
{
    struct when w = {.kind = ABSENT};

    if (!one_in(n))
        return w;
    w.kind = one_in(8) ? INVALID : VALID;
    w.at = around + (int64_t)chance(2000) - 1000;
    if (one_in(3))
        w.at = around;
    return w;
}

static struct said something_said(wall_s now)
{
    static const int statuses[] = {200, 200, 200, 200, 203, 204, 206, 299, 301, 302, 304, 308, 403,
        404, 410, 412, 416, 500, 501, 503, 599, 103};
    struct said s = {.status = statuses[chance(ARRAY_LEN(statuses))]};

    if (!one_in(3))
        s.cc = some_directives();
    if (one_in(5)) {
        s.cdn = some_directives();
        s.cdn_broken = one_in(5);
    }
    s.date = some_time(now, 1 + chance(2));
    s.expires = some_time(now + 300, 3);
    s.modified = some_time(now - (int64_t)chance(2000000), 2);
    s.age_kind = one_in(3) ? (one_in(6) ? INVALID : VALID) : ABSENT;
    s.age = some_seconds();
    s.etag = one_in(2) ? 'a' : 0;
    s.set_cookie = one_in(8);
    s.vary_any = one_in(15);
    return s;
}

static struct asked something_asked(void)
{
    return (struct asked){
        .method = one_in(20) ? METHOD_POST : METHOD_GET,
        .authorization = one_in(6),
        .no_cache = one_in(10),
        .no_store = one_in(15),
        .max_age = maybe_seconds(5),
        .min_fresh = maybe_seconds(5),
        .max_stale = maybe_seconds(5),
        .if_error = maybe_seconds(5),
    };
}

static struct cache_options some_options(void)
{
    struct cache_options o = cache_options_default();

    o.honour_request = one_in(2);
    o.ttl_s = one_in(8) ? some_seconds() : -1;
    o.default_s = one_in(3) ? 20 : 0;
    o.stale_while_revalidate_s = one_in(3) ? 15 : 0;
    o.stale_if_error_s = one_in(3) ? 0 : 3600;
    return o;
}

/* --- in messages -------------------------------------------------------------------------- */

struct members {
    struct span v[MEMBERS_MAX];
    size_t n;
};

static void member(struct members *m, bool there, const char *name)
{
    if (there)
        m->v[m->n++] = span_of(name);
}

static void number(struct members *m, int64_t v, const char *name, bool may_quote)
{
    bool quote = may_quote && one_in(6);

    if (v >= 0)
        m->v[m->n++] = arena_printf(&arena, quote ? "%s=\"%lld\"" : "%s=%lld", name, (long long)v);
}

static struct members members_of(const struct directives *d, bool targeted)
{
    struct members m = {.n = 0};

    member(&m, d->no_store, "no-store");
    member(&m, d->is_private, "private");
    member(&m, d->is_public, "public");
    member(&m, d->no_cache, "no-cache");
    member(&m, d->must_revalidate, "must-revalidate");
    member(&m, d->proxy_revalidate, "proxy-revalidate");
    member(&m, d->must_understand, "must-understand");
    member(&m, d->immutable, "immutable");
    number(&m, d->max_age, "max-age", !targeted);
    number(&m, d->s_maxage, "s-maxage", !targeted);
    number(&m, d->while_revalidate, "stale-while-revalidate", !targeted);
    number(&m, d->if_error, "stale-if-error", !targeted);
    member(&m, targeted || one_in(4), "ext=\"no-store, max-age=1\"");
    for (size_t i = m.n; i > 1; i--) {
        size_t with = chance(i);
        struct span other = m.v[with];

        m.v[with] = m.v[i - 1];
        m.v[i - 1] = other;
    }
    return m;
}

/* Directives in any case and order, on one line or several, with what lists allow between them. */
static void say_directives(struct fields *f, const struct directives *d)
{
    static const char *const between[] = {",", ", ", " ,\t", ",,", ", ,"};
    struct members m = members_of(d, false);
    struct span line = SPAN("");

    for (size_t i = 0; i < m.n; i++) {
        char *p = arena_alloc(&arena, m.v[i].n);

        for (size_t c = 0; c < m.v[i].n; c++) {
            bool letter = m.v[i].p[c] >= 'a' && m.v[i].p[c] <= 'z';

            p[c] = (char)(letter && one_in(9) ? m.v[i].p[c] - 32 : m.v[i].p[c]);
        }
        line = arena_printf(&arena, "%.*s%s%.*s", SPAN_ARG(line),
            line.n == 0 ? "" : between[chance(ARRAY_LEN(between))], (int)m.v[i].n, p);
        if (one_in(5)) {
            fields_add(f, &arena, FIELD_CACHE_CONTROL, line);
            line = SPAN("");
        }
    }
    fields_add(f, &arena, FIELD_CACHE_CONTROL, line);
}

static void say_targeted(struct fields *f, const struct directives *d, bool broken)
{
    static const char *const faults[] = {",", ", a b", ", max-age =1", ", A=1", ", \"x\""};
    struct members m = members_of(d, true);
    struct span line = SPAN("");

    for (size_t i = 0; i < m.n; i++)
        line = arena_printf(&arena, "%.*s%s%.*s%s", SPAN_ARG(line),
            line.n == 0 ? ""
            : one_in(2) ? ","
                        : " , ",
            SPAN_ARG(m.v[i]), one_in(6) ? ";p=1" : "");
    if (broken)
        line = arena_printf(&arena, "%.*s%s", SPAN_ARG(line), faults[chance(ARRAY_LEN(faults))]);
    fields_add(f, &arena, FIELD_CDN_CACHE_CONTROL, line);
}

static void say_time(struct fields *f, enum field_id id, struct when w)
{
    static const char *const faults[] = {"0", "-1", "", "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT"};
    char date[HTTP_DATE_LEN];

    if (w.kind == INVALID) {
        fields_add(f, &arena, id, span_of(faults[chance(ARRAY_LEN(faults))]));
    } else if (w.kind == VALID) {
        http_date_format(w.at, date);
        fields_add(f, &arena, id, arena_dup(&arena, span_make(date, sizeof(date))));
    }
}

static struct fields response_of(const struct said *s)
{
    static const char *const faults[] = {"x", "-5", "1.5", "7;a=b", ""};
    struct fields f = {0};

    if (s->cc.there)
        say_directives(&f, &s->cc);
    if (s->cdn.there)
        say_targeted(&f, &s->cdn, s->cdn_broken);
    say_time(&f, FIELD_DATE, s->date);
    say_time(&f, FIELD_EXPIRES, s->expires);
    say_time(&f, FIELD_LAST_MODIFIED, s->modified);
    if (s->age_kind == VALID)
        fields_add(&f, &arena, FIELD_AGE,
            arena_printf(&arena, one_in(5) ? "%lld, 7" : "%lld", (long long)s->age));
    else if (s->age_kind == INVALID)
        fields_add(&f, &arena, FIELD_AGE, span_of(faults[chance(ARRAY_LEN(faults))]));
    if (s->etag != 0)
        fields_add(&f, &arena, FIELD_ETAG, arena_printf(&arena, "\"%c\"", s->etag));
    if (s->set_cookie)
        fields_add(&f, &arena, FIELD_SET_COOKIE, SPAN("a=b"));
    if (s->vary_any || one_in(6))
        fields_add(&f, &arena, FIELD_VARY, s->vary_any ? SPAN("A, *") : SPAN("A, b"));
    return f;
}

static struct fields request_of(const struct asked *a)
{
    struct members m = {.n = 0};
    struct fields f = {0};

    member(&m, a->no_cache, "no-cache");
    member(&m, a->no_store, "no-store");
    number(&m, a->max_age, "max-age", true);
    number(&m, a->min_fresh, "min-fresh", true);
    number(&m, a->max_stale, "max-stale", true);
    number(&m, a->if_error, "stale-if-error", true);
    for (size_t i = 0; i < m.n; i++)
        fields_add(&f, &arena, FIELD_CACHE_CONTROL, m.v[i]);
    if (a->authorization)
        fields_add(&f, &arena, FIELD_AUTHORIZATION, SPAN("Basic YTpi"));
    return f;
}

#endif
