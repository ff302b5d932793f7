/*
 * signature.h - signed URLs: what somebody with the key has allowed to be asked for, until when,
 * and by whom.
 *
 *   /film/a.mp4?sig-expires=1767225600&sig-key=k1&sig=0123...ef
 *
 *   sig-expires   seconds since 1970 UTC; afterwards the URL is no good
 *   sig-key       the name of the key
 *   sig-prefix    optional: all paths that begin so, with any query, instead of this one alone
 *   sig-client    optional: an address or a network that the client must be in
 *   sig           HMAC-SHA256 (RFC 2104) in 64 lower case hexadecimal digits, by the key's secret,
 * of
 *
 *     selvage-url-1 LF  exact|prefix LF  HOST LF  PATH[?QUERY]|PREFIX LF  EXPIRES LF  KEY LF CLIENT
 * LF
 *
 * All of it in normal form (http/uri.h), as sites and rules see it: host in lower case with a port
 * that is not the default, path and query normalised, the query without these parameters and before
 * rules leave any of it out. The parameters neither belong to the cache key nor reach the origin.
 *
 * What could be read in two ways is refused: a parameter twice, a prefix that is not in normal form
 * or does not end with '/', and below a prefix all paths that another server may read otherwise (an
 * encoded slash, backslash or percent sign, a segment that begins with two dots). Pure but for the
 * arena; any thread.
 */
#ifndef EDGE_SIGNATURE_H
#define EDGE_SIGNATURE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "http/method.h"
#include "net/addr.h"

struct signing_key {
    struct span id, secret;
};

/* A file of keys; the first one signs, all are good. */
struct signing_keys {
    struct span path;
    struct signing_key *v;
    unsigned n;
};
enum { SIGNING_KEYS_MAX = 64, SIGNING_ID_MAX = 64, SIGNING_SECRET_MIN = 16 };

/* The parameters as they came; p == NULL: not there. */
struct signature {
    struct span expires, key, prefix, client, sig;
    bool twice; /* one of them */
};

/* Takes them out of a query in normal form. *has_query becomes false when nothing else was there.
 */
struct span signature_take(
    struct arena *a, struct span query, bool *has_query, struct signature *out);

enum signature_end {
    SIGNATURE_GOOD,
    SIGNATURE_MISSING,
    SIGNATURE_AMBIGUOUS, /* a parameter twice, or what could be read in two ways */
    SIGNATURE_MALFORMED,
    SIGNATURE_METHOD, /* only GET, HEAD and OPTIONS are signed for */
    SIGNATURE_KEY,    /* no such key */
    SIGNATURE_WRONG,
    SIGNATURE_EXPIRED,
    SIGNATURE_PREFIX, /* the path does not begin so */
    SIGNATURE_CLIENT,
};

/* What the signature is for, in normal form. */
struct signed_request {
    enum http_method method;
    struct span host, path, query;
    bool has_query;
    const struct addr *client;
};

MUST_USE enum signature_end signature_check(const struct signature *s,
    const struct signing_keys *keys, const struct signed_request *r, wall_s now, struct arena *a);
/* "signature-expired"; empty for SIGNATURE_GOOD. */
struct span signature_token(enum signature_end end);

/* Sets s->sig for what is in the others. */
void signature_make(struct signature *s, const struct signing_key *key,
    const struct signed_request *r, struct arena *a);
/* Whether it may be signed for: a prefix that is in normal form and ends with '/'. */
bool signature_prefix_is_good(struct span prefix, struct arena *a);

/* Reads a file: a key in each line, its name and its secret, # begins a comment. It must not be
 * readable by others, nor writable by the group. Texts are in the arena. False: `why` has a
 * sentence. */
enum { SIGNING_WHY = 400 };
MUST_USE bool signing_keys_read(
    struct signing_keys *out, struct span path, struct arena *a, char why[SIGNING_WHY]);

#endif
