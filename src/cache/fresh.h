/*
 * fresh.h - the freshness record of a stored response, and what it allows (RFC 9111 §4.2, §5.2,
 * RFC 5861, RFC 8246).
 *
 * policy.h makes the record when a response arrives; every stored object embeds a copy. Small and
 * plain, so copying is assignment; all zero is a response of age 0 that is stale at once, and may
 * not be used when the origin fails. Pure: time is an argument. Any thread. Seconds saturate at
 * FRESH_SECONDS_MAX (RFC 9111 §1.2.2).
 */
#ifndef CACHE_FRESH_H
#define CACHE_FRESH_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct fields;

#define FRESH_SECONDS_MAX ((int64_t)1 << 31)

/* Where a lifetime came from. */
enum fresh_source {
    FRESH_FROM_DEFAULT, /* nothing said anything: the site's default, which may be 0 */
    FRESH_FROM_CDN,     /* max-age of CDN-Cache-Control (RFC 9213) */
    FRESH_FROM_S_MAXAGE,
    FRESH_FROM_MAX_AGE,
    FRESH_FROM_EXPIRES,
    FRESH_FROM_HEURISTIC, /* a part of the age by Last-Modified, §4.2.2 */
    FRESH_FROM_RULE,      /* ttl of a site or path */
    FRESH_FROM_NEGATIVE,  /* negative-ttl of a site or path */
    FRESH_FROM_MINIMUM,   /* the least that the site allows; the response said less */
    FRESH_FROM_MAXIMUM,   /* the most that the site allows; the response said more */
};

struct freshness {
    wall_s date_s;               /* date_value; response_s when Date says nothing valid */
    wall_s response_s;           /* response_time: when it came, or was validated last */
    uint32_t age_value_s;        /* of the Age field, or 0 */
    uint32_t delay_s;            /* response_delay: from our request to its response */
    uint32_t initial_age_s;      /* corrected_initial_age, §4.2.3 */
    uint32_t lifetime_s;         /* freshness_lifetime, §4.2.1 */
    uint32_t while_revalidate_s; /* stale-while-revalidate: past the lifetime; 0: never */
    uint32_t if_error_s;         /* stale-if-error, or the site's: past the lifetime; 0: never */
    uint8_t source;              /* enum fresh_source of lifetime_s */
    bool has_date;               /* date_s is what Date says */
    bool no_cache;               /* never used without validation, §5.2.2.4 */
    bool must_revalidate; /* stale only within the two windows (which the response gave itself) */
    bool immutable;       /* a reload needs no validation while fresh, RFC 8246 */
};

/* What the client's Cache-Control asks for (§5.2.1). All zero: nothing, or not to be honoured. */
struct fresh_ask {
    bool honoured; /* the rest counts; -1 means absent */
    bool no_cache, no_store, only_if_cached;
    int64_t max_age, min_fresh, max_stale, stale_if_error;
};

enum fresh_use {
    FRESH_USE,             /* fresh, or stale as much as the client allows */
    FRESH_USE_AND_REFRESH, /* stale, but within stale-while-revalidate: refresh meanwhile */
    FRESH_VALIDATE,        /* ask the origin first */
};

/* current_age, §4.2.3: never negative. */
int64_t fresh_age(const struct freshness *f, wall_s now) PURE;
/* lifetime - age; negative: stale for that long (the ttl of RFC 9211 §2.5). */
int64_t fresh_ttl(const struct freshness *f, wall_s now) PURE;

/* `ask` may be NULL. `soft_purged`: stale whatever the arithmetic says, and not used without asking
 * whatever a client or a window allows. */
enum fresh_use fresh_judge(
    const struct freshness *f, const struct fresh_ask *ask, wall_s now, bool soft_purged) PURE;

/* Whether it may answer although the origin failed (RFC 9111 §4.2.4, RFC 5861 §4). `ask` may be
 * NULL. What is purged softly may within its window, which ends when it would without the purge;
 * without a window it is as stale as anything. */
bool fresh_may_serve_on_error(
    const struct freshness *f, const struct fresh_ask *ask, wall_s now, bool soft_purged) PURE;

/* The response itself says how long it is fresh. */
static inline bool fresh_is_explicit(const struct freshness *f)
{
    return f->source == FRESH_FROM_CDN || f->source == FRESH_FROM_S_MAXAGE ||
           f->source == FRESH_FROM_MAX_AGE || f->source == FRESH_FROM_EXPIRES;
}

/* Seconds into 0 .. FRESH_SECONDS_MAX. */
static inline uint32_t fresh_seconds(int64_t s)
{
    return (uint32_t)(s < 0 ? 0 : s > FRESH_SECONDS_MAX ? FRESH_SECONDS_MAX : s);
}

/* Fills what concerns age out of Date and Age of a response (§4.2.3, §5.1): everything up to
 * initial_age_s, and has_date. */
void fresh_set_age(
    struct freshness *f, const struct fields *head, wall_s request_s, wall_s response_s);

/* "s-maxage", "heuristic", ...; for explain. */
struct span fresh_source_name(enum fresh_source source);

#endif
