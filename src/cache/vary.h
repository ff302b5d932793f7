/*
 * vary.h - which stored response of a resource fits a request (RFC 9111 §4.1).
 *
 * Responses that vary are stored under a variant key: the resource's key, a random id, and the
 * values of the request fields that matter, normalised. At the resource's key stands a spec
 * instead: a text with the id and the union of all field names that Vary has listed. A request is
 * looked up by building its variant key from the spec. A new id makes all variants of before
 * unreachable.
 *
 * A spec also remembers for which Accept-Language a response in some language was given, so that
 * a request which prefers exactly this language finds it, too; and which Accept-Encoding got which
 * Content-Encoding. Where this is known, the variant key names the coding of the response instead
 * of what the request accepts, so that a representation is stored once per coding, however many
 * different clients ask for it.
 *
 * Only texts here; storing them is the edge's. Pure; results are in the arena. Any thread.
 */
#ifndef CACHE_VARY_H
#define CACHE_VARY_H

#include "base/arena.h"
#include "base/attrs.h"
#include "cache/options.h"
#include "http/fields.h"

enum {
    VARY_NAMES_MAX = 16,
    VARY_NAME_MAX = 64,
    VARY_LANGUAGES_MAX = 16,
    VARY_VALUE_MAX = 4 << 10,
    VARY_SPEC_MAX = 4 << 10,
    VARY_KEY_MAX = 48 << 10, /* with the resource's key */
};

/* The names of a Vary field: lower case, sorted, each once. */
struct vary_names {
    bool any;     /* "*" is one of them: matches nothing */
    bool invalid; /* too many, too long, or not names: to be treated like any */
    unsigned n;
    struct span v[VARY_NAMES_MAX]; /* in the arena */
};

void vary_parse(const struct fields *response, struct arena *a, struct vary_names *out);

enum vary_plan {
    VARY_NONE, /* does not vary: store it under the resource's key, in the place of any spec */
    VARY_KEEP, /* the spec is right as it stands */
    VARY_SPEC, /* first store *spec at the resource's key */
    VARY_FAIL, /* not to be stored */
};

/*
 * What a response that is to be stored does to the spec. `old` is the spec that stands there, or
 * empty; `id` 64 random bits for a new one. On VARY_KEEP and VARY_SPEC *spec is the one to make the
 * variant key with.
 */
MUST_USE enum vary_plan vary_plan(struct arena *a, struct span old, const struct fields *request,
    const struct fields *response, const struct cache_options *options, uint64_t id,
    struct span *spec);

/* The variant key. p == NULL: not a spec, or too long; not to be looked up or stored. */
struct span vary_key_text(struct arena *a, struct span key, struct span spec,
    const struct fields *request, const struct cache_options *options);

/* The same without what was learnt: the key under which a request was looked up before its like had
 * been answered, and under which a fill of it may have begun. p == NULL also when that makes no
 * difference. */
struct span vary_key_unlearnt(struct arena *a, struct span key, struct span spec,
    const struct fields *request, const struct cache_options *options);

/* Whether variants of the one spec can be found through the other. */
MUST_USE bool vary_spec_same_id(struct span spec, struct span other);

/* The names in a spec, for explain; false when it is none. */
MUST_USE bool vary_spec_names(struct span spec, struct vary_names *out);

/* The value of a request field as it counts: lines joined, normalised by the field's rule. p ==
 * NULL: absent (or ignored). `name` in any case. */
struct span vary_value(struct arena *a, const struct fields *request, struct span name,
    const struct cache_options *options);

/* What the origin shall see, so that it cannot answer by more than the key tells apart:
 * Accept-Encoding and fields with a list of values as they count; ignored fields are taken out. */
void vary_forward(struct fields *request, struct arena *a, const struct cache_options *options);

#endif
