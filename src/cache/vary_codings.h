/*
 * vary_codings.h - in which coding a resource comes to whom. Private to cache/; see vary.h.
 *
 * There are few sets of codings that a client may accept: of gzip, br and zstd eight, and no field
 * at all. For each a letter says in which coding the origin answered it last. A set that was not
 * asked with yet is answered like a larger one, when it accepts what that one got: who chose gzip
 * out of "br, gzip" chooses it out of "gzip", too. Else only the origin can tell.
 *
 * Pure; any thread.
 */
#ifndef CACHE_VARY_CODINGS_H
#define CACHE_VARY_CODINGS_H

#include "cache/options.h"
#include "http/coding.h"

enum {
    CODING_SETS = 1 << (CODING_KINDS - 1),
    CODING_SET_ABSENT = CODING_SETS, /* no Accept-Encoding */
    VARY_CODINGS_TEXT = CODING_SETS + 1,
};

struct vary_codings {
    char given[VARY_CODINGS_TEXT]; /* by set; see letters in vary_codings.c */
};

/* Whether the options leave it to us which codings count and what they mean. */
bool vary_learns_codings(const struct cache_options *options);
/* Which set a request accepts, of those that count. */
unsigned vary_coding_set(const struct fields *request, const struct cache_options *options);

/* Nothing is known. */
struct vary_codings vary_codings_new(void);
bool vary_codings_known(const struct vary_codings *v);
MUST_USE bool vary_codings_parse(struct span text, struct vary_codings *out);

/* That set got this response. True: that is news. */
bool vary_codings_learn(struct vary_codings *v, unsigned set, const struct fields *response);
/* In which coding that set is answered; false: not known, or in none that we know. */
MUST_USE bool vary_codings_find(const struct vary_codings *v, unsigned set, enum coding *out);

#endif
