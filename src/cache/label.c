#include "cache/label.h"

#include "base/check.h"
#include "base/hash.h"

/* Kinds have seeds of their own. */
static uint64_t seed_of(uint64_t seed, uint64_t kind)
{
    return seed + kind * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash_no_case(struct span text, uint64_t seed)
{
    char lower[TAG_BYTES_MAX];

    /* A longer one is no tag of any object (tags.h), so its label does not matter. */
    if (text.n > sizeof(lower))
        return hash64_seeded(text, seed);
    for (size_t i = 0; i < text.n; i++)
        lower[i] = ascii_lower(text.p[i]);
    return hash64_seeded(span_make(lower, text.n), seed);
}

uint64_t label_of(uint64_t seed, enum label_kind kind, struct span text)
{
    uint64_t label = 0;

    seed = seed_of(seed, kind);
    switch (kind) {
    case LABEL_URL:
    case LABEL_SITE:
        label = hash64_seeded(text, seed);
        break;
    case LABEL_TAG:
        label = hash64_seeded(text, seed) & ~(uint64_t)LABEL_FIELD_MASK;
        break;
    case LABEL_TAG_NO_CASE:
        label = hash_no_case(text, seed) & ~(uint64_t)LABEL_FIELD_MASK;
        break;
    }
    return label != 0 ? label : LABEL_FIELD_MASK + 1;
}

uint64_t label_within(uint64_t seed, uint64_t tag, uint64_t site)
{
    const uint64_t both[2] = {tag, site};
    uint64_t label = hash64_seeded(
        span_make((const char *)both, sizeof(both)), seed_of(seed, LABEL_TAG_NO_CASE + 1));

    return label != 0 ? label : 1;
}
