#include "net/text_index.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_LEAST = 64 };

/* The text's slot, or the free one where it would be. */
static struct text_slot *slot_of(const struct text_index *t, struct span text, uint32_t hash)
{
    for (uint32_t i = hash & (t->slots_n - 1);; i = (i + 1) & (t->slots_n - 1)) {
        struct text_slot *s = &t->slots[i];

        if (s->number == 0 || (s->hash == hash && span_eq(t->texts[s->number - 1], text)))
            return s;
    }
}

static void grow(struct text_index *t)
{
    struct text_slot *old = t->slots;
    uint32_t old_n = t->slots_n;

    t->slots_n = old_n == 0 ? SLOTS_LEAST : old_n * 2;
    check(t->slots_n > old_n);
    t->slots = xcalloc(t->slots_n, sizeof(*t->slots));
    for (uint32_t i = 0; i < old_n; i++) {
        if (old[i].number != 0)
            *slot_of(t, t->texts[old[i].number - 1], old[i].hash) = old[i];
    }
    free(old);
    t->texts = realloc(t->texts, t->slots_n / 2 * sizeof(*t->texts));
    check(t->texts != NULL);
}

uint32_t text_index_add(struct text_index *t, struct span text)
{
    uint32_t hash = (uint32_t)hash64(text);
    struct text_slot *s;

    if (t->n == t->slots_n / 2)
        grow(t);
    s = slot_of(t, text, hash);
    if (s->number == 0) {
        t->texts[t->n++] = text;
        *s = (struct text_slot){hash, t->n};
    }
    return s->number - 1;
}

uint32_t text_index_find(const struct text_index *t, struct span text)
{
    if (t->n == 0)
        return TEXT_NONE;
    return slot_of(t, text, (uint32_t)hash64(text))->number - 1;
}

void text_index_free(struct text_index *t)
{
    free(t->texts);
    free(t->slots);
    *t = (struct text_index){0};
}
