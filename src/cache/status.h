/*
 * status.h - our member of Cache-Status (RFC 9211): how this cache handled the request.
 *
 * A zeroed struct says nothing but our name. Pure; any thread.
 */
#ifndef CACHE_STATUS_H
#define CACHE_STATUS_H

#include "base/attrs.h"
#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer names, keys and details are cut. */
enum { CACHE_STATUS_TEXT_MAX = 128, CACHE_STATUS_MAX = 1024 };

/* §2.2 */
enum cache_fwd {
    FWD_NONE,
    FWD_BYPASS,
    FWD_METHOD,
    FWD_URI_MISS,
    FWD_VARY_MISS,
    FWD_MISS,
    FWD_REQUEST,
    FWD_STALE,
    FWD_PARTIAL,
};

struct cache_status {
    bool hit;           /* §2.1: nothing was forwarded; then what concerns that is not said */
    enum cache_fwd fwd; /* why it went forward */
    int fwd_status;     /* §2.3: what the origin answered; 0: not said */
    bool has_ttl;
    int64_t ttl_s;      /* §2.4; negative: stale for that long */
    bool stored;        /* §2.5: of what was forwarded */
    bool collapsed;     /* §2.6 */
    struct span key;    /* §2.7; empty: not said */
    struct span detail; /* §2.8; empty: not said */
};

/* Writes the member, not terminated; returns its length, at most CACHE_STATUS_MAX. `name` is who we
 * are. Bytes that cannot stand in a String become '?'. */
size_t cache_status_write(
    const struct cache_status *cs, struct span name, char dst[static CACHE_STATUS_MAX]);

/* "uri-miss"; empty for FWD_NONE. */
struct span cache_fwd_name(enum cache_fwd fwd);

#endif
