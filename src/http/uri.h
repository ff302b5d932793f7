/*
 * uri.h - request targets (RFC 9112 §3.2) and the parts of a URI (RFC 3986): check, split,
 * normalise, decode.
 *
 * Normal forms are idempotent, and equal ones mean the same resource, so the cache key, rules and
 * origin requests all use them. Pure; results are in the arena, or are the input itself when it
 * was normal already.
 */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"
#include "http/message.h"

/*
 * Fills form, target, scheme, authority, host, port, path, query of req from the target, with
 * req->method set. False: not a target that this method may have, a character that may not stand
 * there, userinfo, another scheme than http(s), an invalid authority.
 */
MUST_USE bool uri_target_parse(struct span target, struct http_request *req);

/*
 * host [":" port]. The host is a DNS-like name (letters, digits, '-', '_', '.', no empty label
 * but for one dot at the end, at most 255 bytes), an IPv4 address, or an IPv6 address in
 * brackets. *port is 0 when none is given; a port 0 is refused. False leaves both alone.
 */
MUST_USE bool uri_authority_parse(struct span authority, struct span *host, unsigned *port);

/* http: 80, https: 443, in any case; else 0. */
unsigned uri_default_port(struct span scheme);

/* Lower case, no dot at the end; ":port" only when it is neither 0 nor `default_port`. */
struct span uri_host_normalise(
    struct arena *a, struct span host, unsigned port, unsigned default_port);

enum uri_path_flags {
    URI_MERGE_SLASHES = 1 << 0, /* "//" means "/" */
};

/*
 * RFC 3986 §6.2.2: unreserved characters decoded, other percent-encodings in upper case, what may
 * not stand in a path encoded, dot segments removed (also those written %2e). `path` starts with
 * '/' and so does the result, or both are "*". False: a '%' without two hex digits, or NUL.
 */
MUST_USE bool uri_path_normalise(
    struct arena *a, struct span path, unsigned flags, struct span *out);

/* The same for a query, without dot segments; a '%' without two hex digits becomes "%25". */
struct span uri_query_normalise(struct arena *a, struct span query);

/* Percent-decoding of all there is. False: a bad '%', or one that means NUL. */
MUST_USE bool uri_decode(struct arena *a, struct span s, struct span *out);
/* For a path that shall name a file: false also for an encoded '/' and for "." or ".." segments. */
MUST_USE bool uri_path_decode(struct arena *a, struct span path, struct span *out);
/* Encodes what may not stand in a path (see CHAR_PATH), and '%'; '/' stays. */
struct span uri_path_encode(struct arena *a, struct span s);

/* The name[=value] pairs of a query, as they are, empty ones skipped. *value is empty with
 * p == NULL when there is no '='. */
bool uri_query_next(struct span *rest, struct span *name, struct span *value);

#endif
