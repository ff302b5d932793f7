/*
 * update.h - how newer messages change what is stored: 304 (RFC 9111 §4.3.4), HEAD (§4.3.5), unsafe
 * methods (§4.4).
 *
 * Pure; results are in the arena and share text with their inputs. Any thread.
 */
#ifndef CACHE_UPDATE_H
#define CACHE_UPDATE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "http/message.h"

/* Whether a 304 is about this stored response: same strong validator, else the same weak one, else
 * (no validator at all in the 304) it was the only one that was asked about. */
MUST_USE bool update_selects(const struct fields *stored, const struct fields *not_modified);

enum update_by_head {
    UPDATE_HEAD_SAME,    /* the stored response takes on the new fields: update_merge() */
    UPDATE_HEAD_CHANGED, /* the representation is another one: what is stored is stale */
    UPDATE_HEAD_NOTHING, /* the HEAD says nothing about it (another status than 200) */
};

/* What a forwarded HEAD says about a stored 200 of `stored_bytes` (§4.3.5). */
enum update_by_head update_by_head(
    const struct fields *stored, uint64_t stored_bytes, const struct http_response *head);

/*
 * The stored fields with those of the newer message in their place (§3.2); never Content-Length,
 * Content-Encoding, Content-Range, Transfer-Encoding and what concerns a connection. Age is the
 * newer message's or none; Date, too, or else `response_s` (RFC 9110 §6.6.1).
 */
struct fields update_merge(
    const struct fields *stored, const struct fields *newer, wall_s response_s, struct arena *a);

/* A resource of the same origin. */
struct update_target {
    struct span path; /* in normal form */
    bool has_query;
    struct span query; /* in normal form */
};

enum { UPDATE_TARGETS_MAX = 3 };

struct update_base {
    struct span scheme; /* "http" or "https" */
    struct span host;   /* in normal form, without port */
    unsigned port;      /* 0: the scheme's */
    struct update_target target;
    unsigned path_flags; /* enum uri_path_flags of the site */
};

/*
 * What a response to an unsafe method makes invalid (§4.4): nothing unless the status is 2xx or
 * 3xx; then the target itself, and Location and Content-Location when they are of the same origin.
 * Returns how many.
 */
unsigned update_invalidates(enum http_method method, int status, const struct fields *response,
    const struct update_base *base, struct arena *a,
    struct update_target out[static UPDATE_TARGETS_MAX]);

/*
 * Whether the response to a POST is at the same time what a GET of its target would get: its
 * Content-Location is the target (RFC 9110 §9.3.3). It may then be stored if it says itself how
 * long it is fresh.
 */
bool update_stands_for_get(enum http_method method, int status, const struct fields *response,
    const struct update_base *base, struct arena *a);

#endif
