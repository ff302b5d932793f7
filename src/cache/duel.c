#include "cache/duel.h"

#include "base/check.h"

#include <stdlib.h>

enum {
    MEAN_BYTES = 16 << 10, /* of an object: how many fit is a guess */
    USES_MAX = 3,
    JUDGEMENTS = 2,      /* while as many bytes are asked for as the ring has */
    BETTER_PERCENT = 92, /* of the other's bytes, and no more objects: ADMISSION_ALL is better */
    BETTER_TIMES = 3,    /* one after another, until it wins; */
    MUCH_PERCENT = 90,   /* of the other's bytes and objects: at once */
};

static const enum admission_level levels[DUEL_MODELS] = {ADMISSION_ALL, ADMISSION_SMALL};

static void model_init(struct duel_model *m, enum admission_level level, uint64_t ring_bytes)
{
    struct admission_conf conf = {.ring_bytes = ring_bytes, .floor = level};
    uint64_t ghosts_n = ring_bytes / MEAN_BYTES + GHOSTS_WAYS;

    m->n = GHOSTS_WAYS;
    while (m->n < 2 * ghosts_n && m->n < DUEL_OBJECTS_MAX)
        m->n *= 2;
    if (ghosts_n > m->n)
        ghosts_n = m->n;
    m->bytes_max = ring_bytes;
    m->entries = xcalloc(m->n, sizeof(*m->entries));
    m->buckets = xcalloc(m->n, sizeof(*m->buckets));
    m->ghosts = xcalloc(ghosts_n, sizeof(*m->ghosts));
    admission_init(&m->admission, &conf, m->ghosts, ghosts_n, 1, 0);
}

void duel_init(struct duel *d, uint64_t ring_bytes)
{
    *d = (struct duel){.winner = ADMISSION_SMALL};
    while ((ring_bytes >> d->shift) / MEAN_BYTES > DUEL_OBJECTS_MAX / 2)
        d->shift++;
    for (unsigned i = 0; i < DUEL_MODELS; i++)
        model_init(&d->models[i], levels[i], ring_bytes >> d->shift);
}

void duel_free(struct duel *d)
{
    for (unsigned i = 0; i < DUEL_MODELS; i++) {
        free(d->models[i].entries);
        free(d->models[i].buckets);
        free(d->models[i].ghosts);
    }
}

uint64_t duel_memory(const struct duel *d)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < DUEL_MODELS; i++) {
        const struct duel_model *m = &d->models[i];

        bytes += m->n * (sizeof(*m->entries) + sizeof(*m->buckets)) +
                 m->admission.seen.sets * GHOSTS_WAYS * sizeof(*m->ghosts);
    }
    return bytes;
}

/* --- a model ---------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct duel_model *m, uint32_t fingerprint)
{
    return &m->buckets[fingerprint & (m->n - 1)];
}

static struct duel_entry *model_find(const struct duel_model *m, uint32_t fingerprint)
{
    for (uint32_t at = *bucket_of(m, fingerprint); at != 0; at = m->entries[at - 1].older)
        if (m->entries[at - 1].fingerprint == fingerprint)
            return &m->entries[at - 1];
    return NULL;
}

static void model_append(struct duel_model *m, uint32_t fingerprint, uint32_t bytes, uint8_t uses)
{
    uint32_t place = (uint32_t)(m->end++ & (m->n - 1)), *bucket = bucket_of(m, fingerprint);

    m->entries[place] = (struct duel_entry){fingerprint, bytes, *bucket, uses};
    *bucket = place + 1;
    m->bytes += bytes;
    admission_wrote(&m->admission, bytes);
}

/* It is the oldest of its bucket, too. */
static struct duel_entry model_take_oldest(struct duel_model *m)
{
    uint32_t place = (uint32_t)(m->begin++ & (m->n - 1));
    struct duel_entry e = m->entries[place];
    uint32_t *at = bucket_of(m, e.fingerprint);

    while (*at != place + 1)
        at = &m->entries[*at - 1].older;
    *at = 0;
    m->bytes -= e.bytes;
    return e;
}

static bool model_full(const struct duel_model *m, uint64_t more)
{
    return m->begin != m->end && (m->bytes + more > m->bytes_max || m->end - m->begin == m->n);
}

static bool model_round(const struct duel_model *m)
{
    return m->admission.seen.passed_bytes >= m->bytes_max;
}

/* Of something large each slice comes here, and all of them are one object. */
static uint64_t worth(uint64_t bytes)
{
    uint64_t one = ADMISSION_SMALL_BYTES;

    return bytes <= one ? one : one * one / bytes;
}

static void model_ask(struct duel_model *m, uint32_t fingerprint, uint64_t hash, uint32_t bytes)
{
    struct duel_entry *e = model_find(m, fingerprint);

    if (e != NULL) {
        e->uses = e->uses < USES_MAX ? e->uses + 1 : USES_MAX;
        return;
    }
    m->missed_bytes += bytes;
    m->missed_objects += worth(bytes);
    if (bytes > m->bytes_max || !admission_take(&m->admission, hash, bytes))
        return;
    while (model_full(m, bytes)) {
        struct duel_entry old = model_take_oldest(m);

        if (admission_keep(&m->admission, old.uses, old.bytes))
            model_append(m, old.fingerprint, old.bytes, old.uses / 2);
    }
    model_append(m, fingerprint, bytes, 0);
    admission_tick(&m->admission, 0, model_round(m));
}

/* --- both ------------------------------------------------------------------------------------- */

static bool is_less(uint64_t a, uint64_t b, unsigned percent)
{
    return a / percent < b / 100;
}

/* Small falls behind for a while when both begin to differ, for what is large has to come twice
 * until it is there: so once is no proof. */
static void duel_compare(struct duel *d)
{
    const struct duel_model *all = &d->models[0], *small = &d->models[1];

    if (!is_less(all->missed_bytes, small->missed_bytes, BETTER_PERCENT) ||
        all->missed_objects > small->missed_objects) {
        d->better = 0;
        d->winner = ADMISSION_SMALL;
        return;
    }
    d->better++;
    if (d->better >= BETTER_TIMES ||
        (is_less(all->missed_bytes, small->missed_bytes, MUCH_PERCENT) &&
            is_less(all->missed_objects, small->missed_objects, MUCH_PERCENT)))
        d->winner = ADMISSION_ALL;
}

/* What was missed longer ago counts half as much each time. */
static void duel_judge(struct duel *d)
{
    bool round = model_round(&d->models[0]) && model_round(&d->models[1]);

    if (round)
        duel_compare(d);
    for (unsigned i = 0; i < DUEL_MODELS; i++) {
        struct duel_model *m = &d->models[i];

        m->missed_bytes = round ? m->missed_bytes / 2 : 0;
        m->missed_objects = round ? m->missed_objects / 2 : 0;
    }
}

void duel_ask(struct duel *d, uint64_t fingerprint, uint64_t bytes)
{
    uint32_t n = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;

    for (unsigned i = 0; i < DUEL_MODELS; i++)
        model_ask(&d->models[i], (uint32_t)(fingerprint >> 32), fingerprint, n);
    d->asked_bytes += n;
    if (d->asked_bytes < d->models[0].bytes_max / JUDGEMENTS)
        return;
    d->asked_bytes = 0;
    duel_judge(d);
}
