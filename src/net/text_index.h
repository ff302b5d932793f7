/*
 * text_index.h - texts to numbers: 0, 1, 2 ... in the order in which they were added. The texts are
 * borrowed; 32 to 64 bytes for each are ours.
 *
 * Not locked: built by one, then read by any.
 */
#ifndef NET_TEXT_INDEX_H
#define NET_TEXT_INDEX_H

#include "base/attrs.h"
#include "base/span.h"

#include <stdint.h>

struct text_slot {
    uint32_t hash, number; /* from 1; 0: free */
};

struct text_index {
    struct span *texts; /* owns; of each number */
    uint32_t n;
    struct text_slot *slots; /* owns; slots_n of them, a power of two */
    uint32_t slots_n;
};

enum { TEXT_NONE = UINT32_MAX };

/* Of a zeroed struct. The number of a text, which is added if it is new. */
uint32_t text_index_add(struct text_index *t, struct span text);
/* TEXT_NONE: it is not there. */
uint32_t text_index_find(const struct text_index *t, struct span text);
void text_index_free(struct text_index *t);

#endif
