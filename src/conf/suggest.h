/*
 * suggest.h - "did you mean": the nearest of a list of words.
 *
 * Nearness is the Damerau-Levenshtein distance (optimal string alignment): letters left out, put
 * in, changed, or two neighbours swapped. Pure, any thread.
 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "base/span.h"

/* Keeps the nearest word offered so far; start with {.of = the word that was found}. */
struct suggestion {
    struct span of;
    const char *best;  /* borrowed from the caller of suggest_offer(); NULL: none near enough */
    unsigned distance; /* of best */
};

/* Near enough is 2 at most, and no more than half of the word. The first of equals stays. */
void suggest_offer(struct suggestion *s, const char *word);

#endif
