/*
 * options.h - what a site, or a path rule in its place, says about caching.
 *
 * Part of the configuration: built once, immutable, any thread; texts and arrays belong to its
 * arena. Start from cache_options_default(), not from zeros.
 */
#ifndef CACHE_OPTIONS_H
#define CACHE_OPTIONS_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum set_cookie {
    SET_COOKIE_EXPLICIT, /* stored only if the response itself says how long (RFC 9111 §7.3) */
    SET_COOKIE_NEVER,    /* not stored */
    SET_COOKIE_ALWAYS,   /* does not matter; also for who strips the field before storing */
};

/* A lifetime for answers of these statuses that say nothing of their own. */
struct negative_ttl {
    int first, last; /* statuses, both included */
    int64_t ttl_s;
};

enum query_mode {
    QUERY_KEEP,
    QUERY_IGNORE, /* as if there were none */
    QUERY_ONLY,   /* these parameters stay, others are dropped */
    QUERY_DROP,   /* these parameters are dropped, others stay */
};

enum vary_how {
    VARY_NORMALISE, /* what means the same is the same */
    VARY_PASS,      /* as sent, but for white space around and between list members */
    VARY_IGNORE,    /* has no part in the choice; does not reach the origin */
};

struct vary_rule {
    struct span name; /* lower case */
    enum vary_how how;
    /* Codings or languages that count, lower case; none: the well-known codings, all languages. */
    const struct span *values;
    unsigned values_n;
};

struct cache_options {
    /* Lifetimes, in seconds. */
    int64_t ttl_s;           /* for 2xx and 3xx, whatever they say; -1: as the response says */
    int64_t default_s;       /* of heuristically cacheable responses that say nothing */
    int64_t min_s, max_s;    /* 0: no minimum */
    int64_t heuristic_max_s; /* RFC 9111 §4.2.2 */
    int heuristic_percent;   /* of the time since Last-Modified; 0: no heuristics */
    const struct negative_ttl *negative;
    unsigned negative_n;
    /* Windows past the lifetime, unless the response says others. */
    int64_t stale_while_revalidate_s, stale_if_error_s;

    bool honour_request; /* the client's Cache-Control counts */
    enum set_cookie set_cookie;

    /* The key. */
    enum query_mode query;
    bool query_sort;                /* the order of parameters does not matter */
    const struct span *query_names; /* "utm_*" stands for all that start so */
    unsigned query_names_n;
    const struct span *key_fields; /* request fields, lower case */
    unsigned key_fields_n;
    const struct span *key_cookies;
    unsigned key_cookies_n;
    const struct vary_rule *vary; /* the first for a field counts; without: VARY_NORMALISE */
    unsigned vary_n;
    int64_t variants_max; /* of one resource; 1 .. SPEC_VARIANTS_MAX (spec.h) */
};

/* As the manual says: lifetimes from responses alone, heuristics of 10 % up to a day,
 * stale-if-error 1 h, the query as it is, 64 variants, requests' Cache-Control not honoured. */
struct cache_options cache_options_default(void);

#endif
