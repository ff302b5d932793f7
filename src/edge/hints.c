#include "edge/hints.h"

#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct hint {
    struct hash128 key;
    char *text; /* owns; values of Link, each with a NUL behind it; NULL: free */
    size_t n;
};

struct hints {
    pthread_mutex_t lock;
    struct hint v[HINTS_MAX];
};

struct hints *hints_new(void)
{
    struct hints *h = xcalloc(1, sizeof(*h));

    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void hints_free(struct hints **hp)
{
    struct hints *h = *hp;

    *hp = NULL;
    if (h == NULL)
        return;
    for (size_t i = 0; i < HINTS_MAX; i++)
        free(h->v[i].text);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static struct hint *place_of(struct hints *h, struct hash128 key)
{
    return &h->v[key.hi % HINTS_MAX];
}

/* All Link values in one piece of memory; NULL when there is nothing to remember. */
static char *texts_of(const struct fields *fields, size_t *n)
{
    char *text, *at;

    *n = 0;
    fields_each_named (f, fields, FIELD_LINK)
        *n += f->value.n + 1;
    if (*n == 0 || *n > HINTS_BYTES)
        return NULL;
    text = at = xmalloc(*n);
    fields_each_named (f, fields, FIELD_LINK) {
        memcpy(at, f->value.p, f->value.n);
        at += f->value.n;
        *at++ = '\0';
    }
    return text;
}

void hints_put(struct hints *h, struct hash128 key, const struct fields *fields)
{
    struct hint *place = place_of(h, key);
    size_t n;
    char *text = texts_of(fields, &n);

    pthread_mutex_lock(&h->lock);
    if (text != NULL || hash128_eq(place->key, key)) {
        free(place->text);
        *place = (struct hint){key, text, n};
    }
    pthread_mutex_unlock(&h->lock);
}

bool hints_get(struct hints *h, struct hash128 key, struct arena *a, struct fields *out)
{
    const struct hint *place = place_of(h, key);
    struct span texts = SPAN_EMPTY, value;

    pthread_mutex_lock(&h->lock);
    if (place->text != NULL && hash128_eq(place->key, key))
        texts = arena_dup(a, span_make(place->text, place->n - 1));
    pthread_mutex_unlock(&h->lock);
    *out = (struct fields){0};
    while (span_cut(&texts, '\0', &value))
        fields_add(out, a, FIELD_LINK, value);
    return out->n > 0;
}
