/*
 * cache_control.h - Cache-Control (RFC 9111 §5.2, 5861, 8246) and its targeted kin (RFC 9213).
 *
 * Directives that we do not know are ignored. What is doubtful is taken as the most restrictive
 * reading (RFC 9111 §4.2.1): of two values the smaller counts, an unparsable number is 0, a broken
 * field list means the unqualified directive. Numbers saturate at CACHE_SECONDS_MAX (§1.2.2).
 */
#ifndef HTTP_CACHE_CONTROL_H
#define HTTP_CACHE_CONTROL_H

#include "http/fields.h"

#define CACHE_SECONDS_MAX ((int64_t)1 << 31)

struct cache_control {
    bool present; /* there was a field with a member */
    bool no_store, no_cache, is_private, is_public;
    bool must_revalidate, proxy_revalidate, must_understand;
    bool no_transform, immutable, only_if_cached;
    /* Qualified forms, as in no-cache="a, b": the list's text; then the flag above is false. */
    struct span no_cache_fields, private_fields;
    /* Seconds; -1: absent. max_stale without a value is CACHE_SECONDS_MAX. */
    int64_t max_age, s_maxage, stale_while_revalidate, stale_if_error;
    int64_t max_stale, min_fresh;
};

/* All Cache-Control lines of a request or response. Copies to the arena only what is escaped. */
void cache_control_parse(const struct fields *f, struct arena *a, struct cache_control *out);

/* A targeted field (CDN-Cache-Control), a structured Dictionary. False: absent, empty or malformed,
 * to be ignored as a whole (RFC 9213 §2.2); true: it replaces Cache-Control and Expires. */
MUST_USE bool cache_control_targeted(
    const struct fields *f, enum field_id id, struct arena *a, struct cache_control *out);

/* delta-seconds (RFC 9111 §1.2.2): 1*DIGIT, saturating. */
MUST_USE bool delta_seconds_parse(struct span s, int64_t *out);

#endif
