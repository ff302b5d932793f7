/*
 * label.h - what a purge may name, as 64-bit numbers that mean the same tomorrow.
 *
 * A label is a hash of a text and its kind. It must outlive the process (the journal has labels,
 * and so may what is stored on a disk), so its seed is not the process's (base/hash.h) but the
 * identity of the journal; without a journal it is a random number. Two texts with one label would
 * be purged together: too much, never too little. Pure. Any thread.
 */
#ifndef CACHE_LABEL_H
#define CACHE_LABEL_H

#include "base/span.h"
#include "cache/tags.h"

#include <stdint.h>

struct object;

/* What an object is purged by, beside everything and what its key says: who makes it knows. */
struct object_labels {
    uint64_t born;             /* cache_purge_seq() when the request went out that brought it */
    struct span site;          /* its name; n == 0: that of `keep`, if any */
    const struct tags *tags;   /* NULL: none */
    const struct object *keep; /* or NULL. Of its tags those stay that came in a field which `tags`
                                  has not */
};

enum label_kind { LABEL_URL = 1, LABEL_SITE, LABEL_TAG, LABEL_TAG_NO_CASE };

/* Never 0. Of a tag it leaves the two lowest bits at 0, where objects note the field. */
uint64_t label_of(uint64_t seed, enum label_kind kind, struct span text);
/* A tag's label, of that site only. */
uint64_t label_within(uint64_t seed, uint64_t tag, uint64_t site);

enum { LABEL_FIELD_MASK = 3 };
_Static_assert(TAG_FIELDS <= LABEL_FIELD_MASK + 1, "the field of a tag has two bits");

/* What an object keeps of a tag: its label, and its field. */
static inline uint64_t label_of_tag(uint64_t seed, const struct tag *t)
{
    enum label_kind kind = tag_case_counts(t->field) ? LABEL_TAG : LABEL_TAG_NO_CASE;

    return label_of(seed, kind, t->text) | (uint64_t)t->field;
}

/* What comes before the first line end of a key: host and target (key.h). */
static inline struct span label_key_url(struct span key)
{
    return span_make(key.p, span_find(key, '\n'));
}

#endif
