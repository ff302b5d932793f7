/*
 * coding_options.h - what a site, or a path rule in its place, says about content codings.
 *
 * Part of the configuration: built once, immutable, any thread; texts and arrays belong to its
 * arena. Start from coding_options_default(), not from zeros. What follows from it for a response
 * and a request is in recode.h.
 */
#ifndef EDGE_CODING_OPTIONS_H
#define EDGE_CODING_OPTIONS_H

#include "base/span.h"
#include "conf/directive.h"
#include "http/coding.h"

struct coding_levels {
    int first;  /* for an answer that somebody waits for */
    int stored; /* for one that is stored and asked for again */
};

struct coding_options {
    enum coding encode[CODING_KINDS]; /* the best liked first */
    unsigned encode_n;                /* 0: nothing is encoded here */
    bool decode;                      /* for clients that take none of what is stored */
    const struct span *types;         /* patterns of http/media_type.h */
    unsigned types_n;
    uint64_t min_bytes; /* smaller ones are not encoded */
    struct coding_levels levels[CODING_KINDS];
};

/* As the manual says: nothing is encoded; if it is, the well-known types from 1 KiB on. */
struct coding_options coding_options_default(void);

extern const struct directive coding_directives[]; /* of struct coding_options */

#endif
