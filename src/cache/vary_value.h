/*
 * vary_value.h - request fields in the form in which they select a response. Private to cache/; see
 * vary.h.
 */
#ifndef CACHE_VARY_VALUE_H
#define CACHE_VARY_VALUE_H

#include "cache/options.h"
#include "http/fields.h"

/* The rule for a field, or NULL. */
const struct vary_rule *vary_rule_find(const struct cache_options *o, struct span name);
bool vary_ignored(const struct cache_options *o, struct span name);
/* Accept-Language has no list of languages of its own, and is not passed as it is. */
bool vary_learns_languages(const struct cache_options *o);

/* The one language that a normalised Accept-Language prefers to all others; empty: none, or several
 * alike, or "*". */
struct span vary_preferred_language(struct span value);

#endif
