#include "cache/purge.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/purge_impl.h"
#include "cache/spec.h"

#include <stdlib.h>

enum {
    BYTES_PER_LABEL = 8 << 10, /* of the budget */
    LABELS_MIN = 512,
    LABELS_MAX = 1 << 20,
    /* Numbers that the last process may have given away and not written down are not used again:
     * what was born at one of them is not to be missed. */
    SEQ_GAP = 1 << 20,
};

static uint64_t labels_max(uint64_t budget_bytes)
{
    uint64_t n = budget_bytes / BYTES_PER_LABEL;

    return n < LABELS_MIN ? LABELS_MIN : n > LABELS_MAX ? LABELS_MAX : n;
}

uint64_t purges_bytes(uint64_t budget_bytes)
{
    return sizeof(struct purges) + purge_table_bytes(labels_max(budget_bytes));
}

/* --- what a purge says, under the lock ---------------------------------------------------- */

static void drop_old_prefixes(struct purges *p, struct span text)
{
    while (purge_prefixes_full(&p->prefixes, text)) {
        purge_table_raise_floor(&p->table, purge_prefixes_oldest(&p->prefixes));
        purge_prefixes_drop(&p->prefixes);
        count(C_PURGE_DROPPED);
    }
}

static void apply_all(struct purges *p, struct purge_mark by)
{
    purge_table_raise_floor(&p->table, by);
    if (by.hard == 0)
        return;
    purge_table_clear(&p->table);
    purge_prefixes_clear(&p->prefixes);
}

static void apply(struct purges *p, const struct purge_record *r)
{
    switch (r->kind) {
    case PURGE_RECORD_ALL:
        apply_all(p, r->mark);
        return;
    case PURGE_RECORD_LABEL:
        purge_table_raise(&p->table, r->label, r->mark);
        return;
    case PURGE_RECORD_PREFIX:
        drop_old_prefixes(p, r->text);
        purge_prefixes_raise(&p->prefixes, r->text, r->mark);
        return;
    }
}

/* Applies it, and has it written. */
static void tell(struct purges *p, const struct purge_record *r)
{
    apply(p, r);
    if (p->journal != NULL)
        purge_journal_add(p->journal, r);
}

static void tell_label(struct purges *p, enum purge_kind kind, uint64_t label, struct purge_mark by)
{
    tell(p, &(struct purge_record){.kind = PURGE_RECORD_LABEL, .mark = by, .label = label});
    atomic_store_explicit(
        &p->last_of[kind], by.hard > by.soft ? by.hard : by.soft, memory_order_release);
}

static void tell_tag(struct purges *p, const struct purge *purge, struct purge_mark by)
{
    static const enum label_kind kinds[] = {LABEL_TAG, LABEL_TAG_NO_CASE};
    uint64_t site = purge->site.n > 0 ? label_of(p->seed, LABEL_SITE, purge->site) : 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint64_t tag = label_of(p->seed, kinds[i], purge->text);

        if (site != 0)
            tell_label(p, KIND_TAG_WITHIN, label_within(p->seed, tag, site), by);
        else
            tell_label(p, KIND_TAG, tag, by);
    }
}

/* A host alone is not the beginning of a longer name. */
static void tell_prefix(struct purges *p, struct span text, struct purge_mark by)
{
    char with_slash[PURGE_TEXT_MAX + 1];

    if (span_find(text, '/') == text.n) {
        memcpy(with_slash, text.p, text.n);
        with_slash[text.n] = '/';
        text = span_make(with_slash, text.n + 1);
    }
    tell(p, &(struct purge_record){.kind = PURGE_RECORD_PREFIX, .mark = by, .text = text});
}

static void tell_purge(struct purges *p, const struct purge *purge, struct purge_mark by)
{
    switch (purge->scope) {
    case PURGE_URL:
        tell_label(p, KIND_URL, label_of(p->seed, LABEL_URL, purge->text), by);
        return;
    case PURGE_PREFIX:
        tell_prefix(p, purge->text, by);
        return;
    case PURGE_TAG:
        tell_tag(p, purge, by);
        return;
    case PURGE_SITE:
        tell_label(p, KIND_SITE, label_of(p->seed, LABEL_SITE, purge->text), by);
        return;
    case PURGE_ALL:
        tell(p, &(struct purge_record){.kind = PURGE_RECORD_ALL, .mark = by});
        return;
    }
}

uint64_t cache_purge(struct cache *c, const struct purge *purge)
{
    struct purges *p = c->purges;
    struct purge_mark by = {0, 0};
    uint64_t seq, dropped;

    if (purge->text.n > PURGE_TEXT_MAX || (purge->text.n == 0 && purge->scope != PURGE_ALL))
        return 0;
    pthread_mutex_lock(&p->lock);
    seq = atomic_load_explicit(&p->last, memory_order_relaxed) + 1;
    *(purge->hard ? &by.hard : &by.soft) = seq;
    dropped = atomic_load_explicit(&p->table.dropped, memory_order_relaxed);
    tell_purge(p, purge, by);
    dropped = atomic_load_explicit(&p->table.dropped, memory_order_relaxed) - dropped;
    atomic_store(&p->last, seq);
    pthread_mutex_unlock(&p->lock);
    count_add(C_PURGE_DROPPED, dropped);
    return seq;
}

uint64_t cache_purge_seq(const struct cache *c)
{
    return purges_last(c->purges);
}

/* --- asking ------------------------------------------------------------------------------- */

/* What is known of something in the cache. */
struct subject {
    struct span url;
    uint64_t since; /* it was held against all up to this one */
    uint64_t site;
    const uint64_t *tags;
    unsigned tags_n;
};

static bool is_news(const struct purges *p, enum purge_kind kind, const struct subject *s)
{
    return atomic_load_explicit(&p->last_of[kind], memory_order_acquire) > s->since;
}

static struct purge_mark ask_tags(const struct purges *p, const struct subject *s)
{
    bool all = is_news(p, KIND_TAG, s), within = s->site != 0 && is_news(p, KIND_TAG_WITHIN, s);
    struct purge_mark m = {0, 0};

    for (unsigned i = 0; i < s->tags_n && (all || within); i++) {
        uint64_t tag = s->tags[i] & ~(uint64_t)LABEL_FIELD_MASK;

        if (all)
            purge_mark_raise(&m, purge_table_get(&p->table, tag));
        if (within)
            purge_mark_raise(&m, purge_table_get(&p->table, label_within(p->seed, tag, s->site)));
    }
    return m;
}

static struct purge_mark ask(struct purges *p, const struct subject *s)
{
    struct purge_mark m = purge_prefixes_get(&p->prefixes, s->url, s->since);

    if (is_news(p, KIND_URL, s))
        purge_mark_raise(&m, purge_table_get(&p->table, label_of(p->seed, LABEL_URL, s->url)));
    if (s->site != 0 && is_news(p, KIND_SITE, s))
        purge_mark_raise(&m, purge_table_get(&p->table, s->site));
    purge_mark_raise(&m, ask_tags(p, s));
    purge_mark_raise(&m, purge_table_floor(&p->table)); /* the last one: see purge_table.h */
    return m;
}

static enum purged is_soft(const struct object *obj)
{
    return atomic_load_explicit(&obj->soft_purged, memory_order_relaxed) ? PURGED_SOFT : PURGED_NOT;
}

enum purged purges_ask(struct purges *p, struct object *obj)
{
    uint64_t last = purges_last(p);
    struct subject s = {
        .url = label_key_url(obj->key),
        .since = atomic_load_explicit(&obj->checked, memory_order_acquire),
        .site = obj->site,
        .tags = object_tags(obj),
        .tags_n = obj->tags_n,
    };
    struct purge_mark m = {0, 0};

    if (s.since == last)
        return is_soft(obj);
    if (s.url.n > 0)
        m = ask(p, &s);
    if (m.hard > obj->born)
        return PURGED_HARD;
    /* A specification is never stale: its variants are. */
    if (m.soft > obj->born && !object_is_spec(obj))
        atomic_store_explicit(&obj->soft_purged, true, memory_order_relaxed);
    atomic_store_explicit(&obj->checked, last, memory_order_release);
    return is_soft(obj);
}

enum purged purges_ask_key(struct purges *p, struct span key, uint64_t site, uint64_t born)
{
    return purges_ask_tagged(p, key, site, born, NULL, 0);
}

enum purged purges_ask_tagged(struct purges *p, struct span key, uint64_t site, uint64_t born,
    const uint64_t *tags, unsigned tags_n)
{
    struct subject s = {
        .url = label_key_url(key), .since = born, .site = site, .tags = tags, .tags_n = tags_n};
    struct purge_mark m = {0, 0};

    if (born != purges_last(p) && s.url.n > 0)
        m = ask(p, &s);
    return m.hard > born ? PURGED_HARD : m.soft > born ? PURGED_SOFT : PURGED_NOT;
}

bool purges_dead(struct purges *p, uint64_t site, uint64_t born)
{
    struct purge_mark m = {0, 0};

    if (site != 0)
        m = purge_table_get(&p->table, site);
    purge_mark_raise(&m, purge_table_floor(&p->table)); /* the last one: see purge_table.h */
    return m.hard > born;
}

struct object *purges_sift(struct cache *c, struct object *obj)
{
    if (purges_ask(c->purges, obj) != PURGED_HARD)
        return obj;
    cache_remove_object(c, obj);
    object_release(&obj);
    return NULL;
}

enum purged cache_purged(struct cache *c, struct object *obj)
{
    return purges_ask(c->purges, obj);
}

/* --- the journal -------------------------------------------------------------------------- */

static void replay(void *ctx, const struct purge_record *r)
{
    apply(ctx, r);
}

struct snapshot {
    struct buf *out;
    bool ok;
};

static void snapshot_record(struct snapshot *s, struct purge_record r)
{
    s->ok = s->ok && purge_record_write(s->out, &r);
}

static void snapshot_label(void *ctx, uint64_t label, struct purge_mark m)
{
    snapshot_record(
        ctx, (struct purge_record){.kind = PURGE_RECORD_LABEL, .mark = m, .label = label});
}

/* All that holds, as records; and nothing is left to be added. The journal calls it. */
static bool snapshot(void *ctx, struct buf *out, uint64_t *seq)
{
    struct purges *p = ctx;
    struct snapshot s = {out, true};

    pthread_mutex_lock(&p->lock);
    *seq = purges_last(p);
    /* First: replaying it forgets what came before. */
    snapshot_record(
        &s, (struct purge_record){.kind = PURGE_RECORD_ALL, .mark = purge_table_floor(&p->table)});
    purge_table_each(&p->table, snapshot_label, &s);
    for (unsigned i = 0; i < p->prefixes.n; i++)
        snapshot_record(&s, (struct purge_record){.kind = PURGE_RECORD_PREFIX,
                                .mark = p->prefixes.v[i].mark,
                                .text = p->prefixes.v[i].text});
    purge_journal_forget(p->journal);
    pthread_mutex_unlock(&p->lock);
    return s.ok;
}

static bool journal_start(struct purges *p, struct span path, char *err, unsigned long err_cap)
{
    struct purge_journal_found found;

    p->journal = purge_journal_open(path.p, replay, snapshot, p, &found, err, err_cap);
    if (p->journal == NULL)
        return false;
    p->seed = found.identity;
    if (!found.is_new)
        found.last += SEQ_GAP;
    if (found.damaged)
        apply_all(p, (struct purge_mark){.hard = found.last});
    for (int kind = 0; kind < PURGE_KINDS; kind++) /* the journal does not tell them apart */
        atomic_store(&p->last_of[kind], found.last);
    atomic_store(&p->last, found.last);
    purge_journal_rewrite(p->journal);
    return true;
}

bool cache_purge_sync(struct cache *c, uint64_t seq)
{
    return c->purges->journal == NULL || purge_journal_sync(c->purges->journal, seq);
}

/* --- life --------------------------------------------------------------------------------- */

struct purges *purges_new(
    uint64_t budget_bytes, struct span journal, char *err, unsigned long err_cap)
{
    struct purges *p;
    void *memory = NULL;

    check(posix_memalign(&memory, _Alignof(struct purges), sizeof(*p)) == 0);
    p = memory;
    memset(p, 0, sizeof(*p));
    atomic_init(&p->last, 0);
    purge_table_init(&p->table, labels_max(budget_bytes));
    purge_prefixes_init(&p->prefixes);
    pthread_mutex_init(&p->lock, NULL);
    p->seed = random_u64();
    if (journal.n > 0 && !journal_start(p, journal, err, err_cap))
        purges_free(&p);
    return p;
}

void purges_free(struct purges **pp)
{
    struct purges *p = *pp;

    *pp = NULL;
    if (p->journal != NULL)
        purge_journal_close(&p->journal);
    purge_table_destroy(&p->table);
    purge_prefixes_destroy(&p->prefixes);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void purges_stats(struct purges *p, struct cache_stats *out)
{
    pthread_mutex_lock(&p->lock);
    out->purge_seq = purges_last(p);
    out->purge_labels = atomic_load_explicit(&p->table.used, memory_order_relaxed);
    out->purge_labels_max = purge_table_entries_max(&p->table);
    out->purge_prefixes = p->prefixes.n;
    pthread_mutex_unlock(&p->lock);
}
