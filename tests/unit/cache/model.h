/*
 * model.h - a naive model of a stored response, and the comparison of what the caching rules say of
 * it with what the model says; for t_model.c and t_model_engine.c.
 *
 * The model is written from the text of RFC 9111 (with 5861, 8246, 9213) and never parses anything;
 * the messages are spelled by said.h. The seed is printed; SELVAGE_SEED repeats a run.
 */
#ifndef TESTS_UNIT_CACHE_MODEL_H
#define TESTS_UNIT_CACHE_MODEL_H

#include "said.h"

#include "base/hash.h"
#include "cache/policy.h"
#include "cache/update.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the model ---------------------------------------------------------------------------- */

/* A response and when it came: all that the model knows. */
struct model {
    struct said said;
    struct asked asked; /* by who caused it */
    const struct cache_options *options;
    wall_s request_time, response_time;
};

static int64_t at_most(int64_t v)
{
    return v > 2147483648 ? 2147483648 : v; /* 9111 §1.2.2 */
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* 9213 §2.2: a valid targeted field makes the cache ignore Cache-Control and Expires. */
static bool targeted(const struct model *m)
{
    return m->said.cdn.there && !m->said.cdn_broken;
}

static struct directives in_force(const struct model *m)
{
    struct directives none = {
        .max_age = -1, .s_maxage = -1, .while_revalidate = -1, .if_error = -1};

    return targeted(m) ? m->said.cdn : m->said.cc.there ? m->said.cc : none;
}

/* 9110 §15.1 */
static bool cacheable_by_default(int status)
{
    static const int list[] = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        if (status == list[i])
            return true;
    }
    return false;
}

/* 9111 §4.2.3 */
static int64_t date_value(const struct model *m)
{
    return m->said.date.kind == VALID ? m->said.date.at : m->response_time;
}

static int64_t corrected_initial_age(const struct model *m)
{
    int64_t apparent_age = larger(0, m->response_time - date_value(m));
    int64_t age_value = m->said.age_kind == VALID ? at_most(m->said.age) : 0;
    int64_t response_delay = m->response_time - m->request_time;

    return at_most(larger(apparent_age, age_value + response_delay));
}

static int64_t current_age(const struct model *m, wall_s now)
{
    return at_most(corrected_initial_age(m) + (now - m->response_time));
}

/* The operator's lifetimes count from arrival. */
static bool ruled(const struct model *m)
{
    return m->options->ttl_s >= 0 && m->said.status >= 200 && m->said.status <= 399;
}

/* 9111 §4.2.1; -1: not said. */
static int64_t explicit_freshness(const struct model *m)
{
    struct directives d = in_force(m);

    if (d.s_maxage >= 0)
        return at_most(d.s_maxage);
    if (d.max_age >= 0)
        return at_most(d.max_age);
    if (targeted(m) || m->said.expires.kind == ABSENT)
        return -1;
    if (m->said.expires.kind == INVALID)
        return 0;
    return at_most(larger(0, m->said.expires.at - date_value(m)));
}

static int64_t freshness_lifetime(const struct model *m)
{
    int64_t said = explicit_freshness(m), since = date_value(m) - m->said.modified.at;

    if (ruled(m))
        return corrected_initial_age(m) + at_most(m->options->ttl_s);
    if (said >= 0)
        return said;
    if (!cacheable_by_default(m->said.status) && !in_force(m).is_public)
        return 0;
    if (m->said.modified.kind == VALID && since > 0) /* 9111 §4.2.2 */
        return since / 10 < 86400 ? since / 10 : 86400;
    return corrected_initial_age(m) + m->options->default_s;
}

static bool never_without_validation(const struct model *m)
{
    return in_force(m).no_cache && !ruled(m);
}

/* 9111 §4.2.4: prohibited by words of the response. */
static bool stale_prohibited(const struct model *m)
{
    struct directives d = in_force(m);

    return d.must_revalidate || d.proxy_revalidate || never_without_validation(m);
}

/* How long past its lifetime, for a window of the response's or of the site's. */
static int64_t window(const struct model *m, int64_t own, int64_t of_site)
{
    if (stale_prohibited(m))
        return 0;
    if (own >= 0)
        return at_most(own);
    return in_force(m).s_maxage >= 0 ? 0 : of_site;
}

static enum fresh_use may_use(const struct model *m, const struct asked *a, wall_s now)
{
    int64_t age = current_age(m, now), lifetime = at_most(freshness_lifetime(m));
    int64_t refresh = window(m, in_force(m).while_revalidate, m->options->stale_while_revalidate_s);
    bool is_fresh = lifetime > age;

    if (never_without_validation(m))
        return FRESH_VALIDATE;
    if (m->options->honour_request) {
        if (a->no_cache)
            return FRESH_VALIDATE;
        if (a->max_age >= 0 && age > at_most(a->max_age) && !(in_force(m).immutable && is_fresh))
            return FRESH_VALIDATE;
        if (a->min_fresh >= 0 && (!is_fresh || lifetime - age < at_most(a->min_fresh)))
            return FRESH_VALIDATE;
        if (!is_fresh && a->max_stale >= 0 && age - lifetime <= at_most(a->max_stale) &&
            !stale_prohibited(m) && in_force(m).s_maxage < 0)
            return FRESH_USE;
        if (!is_fresh && a->max_age >= 0)
            return FRESH_VALIDATE;
    }
    if (is_fresh)
        return FRESH_USE;
    return age < lifetime + refresh ? FRESH_USE_AND_REFRESH : FRESH_VALIDATE;
}

static bool may_use_on_error(const struct model *m, const struct asked *a, wall_s now)
{
    int64_t most = window(m, in_force(m).if_error, m->options->stale_if_error_s);

    if (never_without_validation(m))
        return false;
    if (m->options->honour_request && a->if_error >= 0 && !stale_prohibited(m) &&
        in_force(m).s_maxage < 0)
        most = at_most(a->if_error);
    return current_age(m, now) < at_most(freshness_lifetime(m)) + most;
}

/* 9111 §3 for a shared cache that stores only whole answers to GET, and cookies as §7.3 warns only
 * where the response is explicit. */
static bool may_store(const struct model *m)
{
    struct directives d = in_force(m);
    int status = m->said.status;
    bool understood = status != 299 && status != 599;

    if (m->asked.method != METHOD_GET || status < 200)
        return false;
    if (status == 206 || status == 304 || status == 412 || status == 416)
        return false;
    if (d.must_understand ? !understood : d.no_store)
        return false;
    if (m->options->honour_request && m->asked.no_store)
        return false;
    if (d.is_private || m->said.vary_any)
        return false;
    if (m->asked.authorization && !d.must_revalidate && !d.is_public && d.s_maxage < 0)
        return false;
    if (m->said.set_cookie &&
        (never_without_validation(m) || (!d.is_public && explicit_freshness(m) <= 0)))
        return false;
    return d.is_public || explicit_freshness(m) >= 0 || cacheable_by_default(status) || ruled(m);
}

static bool validator(const struct model *m)
{
    return m->said.etag != 0 || m->said.modified.kind == VALID;
}

/* --- both --------------------------------------------------------------------------------- */

static struct {
    unsigned stored, useless, updated, unselected, uses[3], errors;
    unsigned reasons[NOSTORE_REASONS];
} seen;

static uint64_t the_seed;
static unsigned script;

#define same(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr))                                                                               \
            fail_msg("SELVAGE_SEED=%llu, script %u: not so: %s", (unsigned long long)the_seed,     \
                script, #expr);                                                                    \
    } while (0)

static struct verdict judge(const struct model *m, const struct fields *response)
{
    struct fields request = request_of(&m->asked);
    struct fresh_ask ask = policy_ask(&request, m->options, &arena);
    struct http_response head = {.status = m->said.status, .fields = *response};
    struct verdict v;

    policy_judge(&(struct policy_question){m->asked.method, &request, &ask, &head, m->options,
                     m->request_time, m->response_time},
        &arena, &v);
    return v;
}

/* What is refused as useless would never have answered anybody without the site's windows. */
static void check_useless(const struct model *m)
{
    struct cache_options strict = *m->options;
    struct asked nothing = {
        .method = METHOD_GET, .max_age = -1, .min_fresh = -1, .max_stale = -1, .if_error = -1};
    struct model alone = *m;

    strict.stale_while_revalidate_s = strict.stale_if_error_s = 0;
    alone.options = &strict;
    seen.useless++;
    same(may_store(m) && !validator(m));
    same(may_use(&alone, &nothing, m->response_time) == FRESH_VALIDATE);
    same(!may_use_on_error(&alone, &nothing, m->response_time));
}

static bool check_verdict(const struct model *m, const struct verdict *v)
{
    seen.reasons[v->reason]++;
    same(v->store == (v->reason == NOSTORE_NONE));
    same(v->fresh.initial_age_s == corrected_initial_age(m));
    same(v->fresh.lifetime_s == at_most(freshness_lifetime(m)));
    if (v->reason == NOSTORE_USELESS)
        check_useless(m);
    else
        same(v->store == may_store(m));
    return v->store;
}

/* What the stored response says once a 304 has brought `u` (9111 §3.2). */
static struct said updated(const struct said *s, const struct said *u, wall_s response_time)
{
    struct said out = *s;

    if (u->cc.there)
        out.cc = u->cc;
    if (u->cdn.there) {
        out.cdn = u->cdn;
        out.cdn_broken = u->cdn_broken;
    }
    if (u->expires.kind != ABSENT)
        out.expires = u->expires;
    if (u->modified.kind != ABSENT)
        out.modified = u->modified;
    if (u->etag != 0)
        out.etag = u->etag;
    /* 9110 §6.6.1: who receives no Date gives it one. */
    out.date = u->date.kind == VALID ? u->date : (struct when){VALID, response_time};
    out.age_kind = u->age_kind;
    out.age = u->age;
    out.set_cookie |= u->set_cookie;
    out.vary_any = u->vary_any;
    return out;
}

/* 9111 §4.3.4 with strong validators and times. */
static bool identified(const struct said *s, const struct said *u)
{
    if (u->etag != 0)
        return s->etag == u->etag;
    if (u->modified.kind == VALID)
        return s->modified.kind == VALID && s->modified.at == u->modified.at;
    return true;
}

/* What a 304 to a question about `m` may say, now and then about something else. */
static struct said some_news(const struct model *m, wall_s now)
{
    struct said u = something_said(now);

    if (u.etag != 0 && one_in(5))
        u.etag = 'b';
    u.modified = one_in(2) ? m->said.modified : (struct when){ABSENT, 0};
    if (u.modified.kind == VALID && one_in(5))
        u.modified.at++;
    if (u.modified.kind == INVALID)
        u.modified.kind = ABSENT;
    u.vary_any = m->said.vary_any;
    return u;
}

static struct fields news_of(const struct said *u)
{
    struct fields newer = response_of(u);

    fields_remove(&newer, FIELD_VARY);
    fields_add(&newer, &arena, FIELD_CONTENT_LENGTH, SPAN("7"));
    return newer;
}

static void seed_take(void)
{
    const char *given = getenv("SELVAGE_SEED");

    the_seed = given != NULL ? strtoull(given, NULL, 10) : random_u64();
    state_of_chance = the_seed != 0 ? the_seed : 1;
    printf("SELVAGE_SEED=%llu\n", (unsigned long long)the_seed);
}

#endif
