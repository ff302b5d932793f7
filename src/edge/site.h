/*
 * site.h - sites by host and rules by path: which policy a request meets.
 *
 * Built once with the configuration, immutable afterwards; look-ups are for any thread. The cost of
 * finding a site does not grow with their number: one hash look-up, and one more for each label
 * of the host when only a wildcard fits. Within a site the first path rule that matches, in the
 * order of the file, decides.
 *
 *   host names     www.example.com      exactly this
 *                  *.example.com        any name below it, at any depth; the longest wins
 *                  *                    every host that no other site names
 *   path patterns  an exact path, or with stars, each for any text, also "/": see path_matches()
 */
#ifndef EDGE_SITE_H
#define EDGE_SITE_H

#include "base/arena.h"
#include "base/span.h"
#include "cache/policy.h"
#include "conf/errors.h"
#include "edge/access.h"
#include "edge/coding_options.h"
#include "edge/limit.h"
#include "edge/secure.h"
#include "edge/signature.h"
#include "http/uri.h"
#include "net/network.h"

struct origin;

enum header_op { HEADER_SET, HEADER_UNSET };

/* `header set NAME VALUE;` on responses to clients. */
struct header_rule {
    enum header_op op;
    struct span name, value;
    struct header_rule *next;
};

#define SLICE_FROM_ALWAYS                                                                          \
    ((uint64_t)0)                     /* whatever is larger than a slice; ask for slices at once */
#define SLICE_FROM_TOO_BIG UINT64_MAX /* what is larger than an object may be */

/* What a site says, and a path rule in its place (it starts as a copy of its site's). */
struct policy {
    struct origin *origin;   /* borrowed from the configuration */
    struct span origin_name; /* as written; p == NULL: not given */
    struct conf_place origin_at;
    bool guarded; /* it says one of the next three */
    struct access_list access;
    struct limit_list limits;
    const struct signing_keys *signing;           /* NULL: URLs need no signature */
    bool bypass;                                  /* neither look up nor store */
    bool websocket;                               /* clients may switch to WebSocket */
    int64_t websocket_idle_ms, websocket_life_ms; /* how long such a tunnel stands */
    bool show_key;                                /* Cache-Status tells the cache key */
    uint64_t range_wait_bytes;   /* a range this far ahead of a fill waits for it */
    bool pass_trailers;          /* trailer fields of the origin travel on */
    bool show_tags;              /* clients get the fields that have an object's tags */
    int64_t tags_max;            /* of one response; 1 .. TAGS_MAX (cache/tags.h) */
    struct header_rule *headers; /* in the order of the file, or NULL */
    struct span hsts;            /* a field line, sent over TLS; n == 0: none */
    int redirect_status;         /* 0: no redirect */
    struct span redirect_to;
    uint64_t slice_bytes;       /* of a slice at most (cache/slice.h); 0: nothing is sliced */
    uint64_t slice_from;        /* larger representations are sliced; SLICE_FROM_... */
    struct cache_options cache; /* lifetimes, key, what may be stored */
    struct coding_options coding;
};

struct path_rule {
    struct span pattern; /* as written */
    struct conf_place at;
    struct policy policy;
    struct path_rule *next;
};

struct site {
    struct span name;   /* its first host, for logs and explain */
    struct span *hosts; /* all of them, in normal form */
    unsigned hosts_n;
    struct conf_place at;
    bool acme;                      /* certificates for its hosts are obtained (acme.h) */
    struct secure secure;           /* what it asks of connections, and tells of them */
    bool merge_slashes;             /* "//" in a path means "/" */
    struct network_list purge_from; /* who may PURGE here; none: the method is not taken */
    struct policy policy;
    struct path_rule *rules, **rules_end; /* in the order of the file */
    struct site *next;
};

struct site_table;

/* Maps host names (normal form, lower case) to sites. */
struct site_table *site_table_new(struct arena *a, unsigned hosts);
/* NULL when added; else the site that has the name already. `host` is a name, "*.name" or "*". */
const struct site *site_table_add(struct site_table *t, struct span host, struct site *site);
/* The site for a normalised host without port, or NULL. */
const struct site *site_find(const struct site_table *t, struct span host);

/* The policy for a normalised path; *rule is the rule that matched or NULL. */
const struct policy *site_policy(
    const struct site *site, struct span path, const struct path_rule **rule);

/* enum uri_path_flags of http/uri.h: how the site's paths are normalised. */
static inline unsigned site_path_flags(const struct site *site)
{
    return site->merge_slashes ? URI_MERGE_SLASHES : 0;
}

/* Whether `path` as a whole matches a pattern. Linear in both, however many stars there are. */
bool path_matches(struct span pattern, struct span path);

#endif
