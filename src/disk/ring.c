#include "disk/ring.h"

#include "base/check.h"

#include <stdlib.h>

void ring_init(struct ring *r, const struct volume *v)
{
    *r = (struct ring){.v = v, .head = 0, .tail = 1};
    r->users = xcalloc(v->sb.segments, sizeof(*r->users));
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->left, NULL);
}

void ring_free(struct ring *r)
{
    pthread_cond_destroy(&r->left);
    pthread_mutex_destroy(&r->lock);
    free(r->users);
}

void ring_set(struct ring *r, uint64_t head, uint64_t tail)
{
    check(tail >= 1 && tail <= head + 1 && head + 1 - tail <= r->v->sb.segments);
    atomic_store(&r->head, head);
    atomic_store(&r->tail, tail);
}

uint64_t ring_seq(const struct ring *r, uint64_t loc)
{
    uint64_t n = r->v->sb.segments, at = loc * DISK_SECTOR, head, segment, back;

    if (at < r->v->sb.segments_at)
        return 0;
    segment = (at - r->v->sb.segments_at) / r->v->sb.segment_bytes;
    head = atomic_load(&r->head);
    if (segment >= n || head == 0)
        return 0;
    back = ((head - 1) % n + n - segment) % n;
    return head > back && head - back >= atomic_load(&r->tail) ? head - back : 0;
}

static _Atomic uint32_t *users_of(struct ring *r, uint64_t seq)
{
    return &r->users[(seq - 1) % r->v->sb.segments];
}

/* Whoever enters counts first and looks at the tail afterwards; ring_retire() moves the tail first
 * and looks at the count afterwards. One of the two sees the other. */
uint64_t ring_enter(struct ring *r, uint64_t loc)
{
    uint64_t seq = ring_seq(r, loc);

    if (seq == 0)
        return 0;
    atomic_fetch_add(users_of(r, seq), 1);
    if (seq >= atomic_load(&r->tail))
        return seq;
    ring_leave(r, seq);
    return 0;
}

void ring_leave(struct ring *r, uint64_t seq)
{
    if (atomic_fetch_sub(users_of(r, seq), 1) != 1 || seq >= atomic_load(&r->tail))
        return;
    pthread_mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->left);
    pthread_mutex_unlock(&r->lock);
}

uint32_t ring_free_segments(const struct ring *r)
{
    /* The tail first: it never is past head + 1, whatever happens in between. */
    uint64_t tail = atomic_load(&r->tail), used = atomic_load(&r->head) + 1 - tail;

    return used < r->v->sb.segments ? (uint32_t)(r->v->sb.segments - used) : 0;
}

uint64_t ring_advance(struct ring *r)
{
    check(ring_free_segments(r) > 0);
    return atomic_fetch_add(&r->head, 1) + 1;
}

void ring_retire(struct ring *r)
{
    uint64_t seq = atomic_fetch_add(&r->tail, 1);

    check(seq < atomic_load(&r->head));
    pthread_mutex_lock(&r->lock);
    while (atomic_load(users_of(r, seq)) != 0)
        pthread_cond_wait(&r->left, &r->lock);
    pthread_mutex_unlock(&r->lock);
}
