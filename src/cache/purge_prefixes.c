#include "cache/purge_prefixes.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void purge_prefixes_init(struct purge_prefixes *p)
{
    pthread_rwlockattr_t attr;

    p->n = 0;
    p->bytes = 0;
    atomic_init(&p->last, 0);
    pthread_rwlockattr_init(&attr);
    /* Readers come all the time, and must not keep a purge waiting. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&p->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

void purge_prefixes_destroy(struct purge_prefixes *p)
{
    purge_prefixes_clear(p);
    pthread_rwlock_destroy(&p->lock);
}

static uint64_t last_of(const struct purge_prefix *x)
{
    return x->mark.hard > x->mark.soft ? x->mark.hard : x->mark.soft;
}

/* Under the lock. */
static struct purge_prefix take(struct purge_prefixes *p, unsigned at)
{
    struct purge_prefix x = p->v[at];

    p->n--;
    memmove(&p->v[at], &p->v[at + 1], (p->n - at) * sizeof(p->v[0]));
    p->bytes -= x.text.n;
    return x;
}

static void put(struct purge_prefixes *p, struct purge_prefix x)
{
    p->v[p->n++] = x;
    p->bytes += x.text.n;
}

/* Where it stands, or n. By writers: nobody else changes the list. */
static unsigned find(const struct purge_prefixes *p, struct span text)
{
    unsigned at = 0;

    while (at < p->n && !span_eq(p->v[at].text, text))
        at++;
    return at;
}

void purge_prefixes_raise(struct purge_prefixes *p, struct span text, struct purge_mark by)
{
    struct purge_prefix x = {{NULL, 0}, by};
    unsigned at = find(p, text);
    char *copy;

    pthread_rwlock_wrlock(&p->lock);
    if (at < p->n) {
        x = take(p, at);
        purge_mark_raise(&x.mark, by);
    }
    if (x.text.p == NULL) {
        check(p->n < PURGE_PREFIXES_MAX);
        copy = xmalloc(text.n);
        memcpy(copy, text.p, text.n);
        x.text = span_make(copy, text.n);
    }
    put(p, x);
    pthread_rwlock_unlock(&p->lock);
    if (last_of(&x) > atomic_load_explicit(&p->last, memory_order_relaxed))
        atomic_store_explicit(&p->last, last_of(&x), memory_order_release);
}

bool purge_prefixes_full(const struct purge_prefixes *p, struct span text)
{
    return p->n > 0 && find(p, text) == p->n &&
           (p->n == PURGE_PREFIXES_MAX || p->bytes + text.n > PURGE_PREFIX_BYTES_MAX);
}

struct purge_mark purge_prefixes_oldest(const struct purge_prefixes *p)
{
    return p->v[0].mark;
}

void purge_prefixes_drop(struct purge_prefixes *p)
{
    struct purge_prefix x;

    pthread_rwlock_wrlock(&p->lock);
    x = take(p, 0);
    pthread_rwlock_unlock(&p->lock);
    free((char *)x.text.p);
}

void purge_prefixes_clear(struct purge_prefixes *p)
{
    while (p->n > 0)
        purge_prefixes_drop(p);
}

struct purge_mark purge_prefixes_get(struct purge_prefixes *p, struct span url, uint64_t since)
{
    struct purge_mark m = {0, 0};

    if (atomic_load_explicit(&p->last, memory_order_acquire) <= since)
        return m;
    pthread_rwlock_rdlock(&p->lock);
    for (unsigned i = p->n; i-- > 0 && last_of(&p->v[i]) > since;) {
        if (span_starts(url, p->v[i].text))
            purge_mark_raise(&m, p->v[i].mark);
    }
    pthread_rwlock_unlock(&p->lock);
    return m;
}
