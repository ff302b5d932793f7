/*
 * limit.h - `limit`: how many requests a client, a site or a value of a field may make in a time.
 *
 * Every directive has buckets of its own (net/rate.h): what a site says is counted together for all
 * of its paths, and what a path says besides that. All limits of a policy are asked, in the order
 * of the file; the first one that is used up refuses, and those before it have counted the request.
 *
 * Immutable once built; any thread.
 */
#ifndef EDGE_LIMIT_H
#define EDGE_LIMIT_H

#include "base/attrs.h"
#include "conf/directive.h"
#include "http/fields.h"
#include "net/network.h"
#include "net/rate.h"

enum limit_by { LIMIT_BY_CLIENT, LIMIT_BY_SITE, LIMIT_BY_HEADER };

struct limit {
    struct rate rate;
    enum limit_by by;
    struct span header; /* LIMIT_BY_HEADER: its name */
    struct network_list except;
    bool dry_run;   /* only counted and logged */
    unsigned which; /* number of the rate, when the configuration is complete; from 1 */
    struct conf_place at;
    struct span text; /* as written: "100/s by client" */
};

struct limit_list {
    struct limit *const *v;
    unsigned n;
};

struct limit_answer {
    const struct limit *refused; /* NULL: the request may pass */
    unsigned retry_s;            /* when it may try again */
};

/* Counts the request. */
struct limit_answer limit_ask(struct rate_table *t, const struct limit_list *limits,
    const struct addr *client, const struct fields *fields, mono_us now);

/* Numbers the limits that have no number yet, from *n + 1 on. */
void limit_number(const struct limit_list *limits, unsigned *n);

/* Of site and path; self: struct limit_list. */
extern const struct directive limit_directives[];

#endif
