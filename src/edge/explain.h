/*
 * explain.h - what would become of a request, and why, as JSON.
 *
 * The answer comes from the functions that serve: route.h, decision.h, cache/fresh.h; nothing in
 * the cache changes by asking. The names of the answer's members are in selvagectl(1). With a
 * running edge: `GET /explain?url=...&method=...&field=Name:%20value` on the control socket.
 * Without one, of a configuration alone: then nothing is stored.
 */
#ifndef EDGE_EXPLAIN_H
#define EDGE_EXPLAIN_H

#include "admin/route.h"
#include "base/arena.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

#include <jansson.h>

struct cache;
struct edge_conf;
struct notstored_table;

struct explain_source {
    const struct edge_conf *conf;
    struct cache *cache; /* NULL, as is the next: no edge runs */
    struct notstored_table *notstored;
    wall_s now;
};

enum { EXPLAIN_FIELDS_MAX = 100 };

struct explain_question {
    struct span url;    /* "http://" may be left out */
    struct span method; /* empty: GET */
    struct span client; /* its address, or empty: anybody */
    unsigned fields_n;
    struct span fields[EXPLAIN_FIELDS_MAX]; /* "Name: value" */
};

/* NULL: it is no request; *why is a sentence, static or in the arena. */
MUST_USE json_t *explain(const struct explain_source *source, const struct explain_question *q,
    struct arena *a, const char **why);

/* What follows the first line of a key, or the resource's key in a variant's, as a list of objects:
 * kind, name, value. */
MUST_USE json_t *explain_key_lines(struct span lines);

/* The row of the control socket; its app is a struct edge. */
void explain_serve(struct admin_call *call);

#endif
