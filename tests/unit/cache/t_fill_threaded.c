/*
 * t_fill_threaded.c - four workers, fills led and followed on any of them, at random pace, with
 * readers and fills that are aborted at random, in an arena too small for all of it. Every byte is
 * checked; at the end nothing is left. Prints its seed; takes one as argument.
 */
#include "things.h"

#include "base/counters.h"

enum {
    WORKERS = 4,
    CLIENTS = 50, /* readers at a time, on all workers */
    READS = 12,   /* by each of them */
    KEYS = 12,
    BUDGET = 8 << 20,
    STEP_MAX = 200000, /* bytes eaten at a time */
};

struct turner {
    struct worker *w;
    uint64_t random;
    ev_timer look; /* whether all is over */
};

/* One who reads one thing after the other; leads when nobody else does. */
struct client {
    struct turner *t;
    char text[32];
    struct cache_key key;
    uint64_t number;
    unsigned reads_left;
    struct reader *r;
    uint64_t pos;
    uint64_t quits_at; /* aborts there */
    ev_timer timer;
};

/* Runs a fill to its end, with or without readers. */
struct leader {
    struct turner *t;
    struct fill *f;
    uint64_t number, size;
    uint64_t fails_at;
    bool waits_for_room;
    ev_timer timer;
};

static _Atomic uint64_t checked_bytes, ends, cuts, failures, alones;
static _Atomic int busy; /* clients and leaders that run */
static struct turner turners[WORKERS];
static struct cache *cache;
static uint64_t seed;

static uint64_t rnd(struct turner *t, uint64_t below)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (t->random >> 11) % below;
}

static uint64_t size_of(uint64_t number)
{
    static const uint64_t sizes[KEYS] = {
        0, 1, 300, 5000, 16384, 40000, 70000, 131072, 300001, 500000, 1500000, 3000000};

    return sizes[number];
}

static void client_next(struct client *cl);

/* --- leaders ---------------------------------------------------------------------------------- */

static void leader_end(struct leader *l)
{
    ev_timer_stop(l->t->w->loop, &l->timer);
    fill_release(&l->f);
    free(l);
    atomic_fetch_sub(&busy, 1);
}

static void leader_step(struct leader *l)
{
    uint64_t upto = fill_bytes(l->f) + 1 + rnd(l->t, STEP_MAX);

    if (upto >= l->fails_at) {
        fill_fail(l->f, 502, "by chance");
        leader_end(l);
        return;
    }
    if (upto > l->size)
        upto = l->size;
    if (!fill_feed(l->f, l->number, upto)) {
        l->waits_for_room = true;
        return;
    }
    if (upto == l->size) {
        fill_finish(l->f);
        leader_end(l);
        return;
    }
    ev_timer_set(&l->timer, (double)rnd(l->t, 3) / 1000., 0.);
    ev_timer_start(l->t->w->loop, &l->timer);
}

static void leader_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct leader *l = container_of(timer, struct leader, timer);

    (void)loop;
    (void)events;
    if (fill_state(l->f) == FILL_WAITING) {
        char text[32];
        struct cache_key key = key_number(text, l->number);
        int64_t length = rnd(l->t, 2) ? (int64_t)l->size : -1;

        if (rnd(l->t, 8) == 0)
            fill_pass(l->f, object_of(cache, &key), length, (mono_ms)rnd(l->t, 3));
        else
            fill_head(l->f, object_of(cache, &key), length);
    }
    leader_step(l);
}

static void leader_room(void *ctx)
{
    struct leader *l = ctx;

    if (l->waits_for_room) {
        l->waits_for_room = false;
        leader_step(l);
    }
}

static struct leader *leader_new(struct turner *t, uint64_t number)
{
    struct leader *l = xcalloc(1, sizeof(*l));

    atomic_fetch_add(&busy, 1);
    l->t = t;
    l->number = number;
    l->size = size_of(number);
    l->fails_at = rnd(t, 8) == 0 ? rnd(t, l->size + 1) : UINT64_MAX;
    ev_timer_init(&l->timer, leader_timer, (double)rnd(t, 5) / 1000., 0.);
    ev_timer_start(t->w->loop, &l->timer);
    return l;
}

/* --- clients ---------------------------------------------------------------------------------- */

static void client_done(struct client *cl)
{
    ev_timer_stop(cl->t->w->loop, &cl->timer);
    reader_close(&cl->r);
    if (--cl->reads_left > 0) {
        client_next(cl);
        return;
    }
    free(cl);
    atomic_fetch_sub(&busy, 1);
}

static void client_read(struct client *cl)
{
    switch (reader_state(cl->r)) {
    case READ_WAIT:
        return;
    case READ_ALONE:
        atomic_fetch_add(&alones, 1);
        client_done(cl);
        return;
    case READ_FAILED:
        atomic_fetch_add(&failures, 1);
        client_done(cl);
        return;
    case READ_READY:
    case READ_CUT:
        break;
    }
    check(reader_object(cl->r)->status == 200);
    atomic_fetch_add(
        &checked_bytes, reader_eat(cl->r, cl->number, &cl->pos, 1 + (size_t)rnd(cl->t, STEP_MAX)));
    if (cl->pos >= cl->quits_at) {
        client_done(cl);
        return;
    }
    if (reader_at_end(cl->r)) {
        if (reader_state(cl->r) == READ_READY) {
            check(cl->pos == size_of(cl->number));
            atomic_fetch_add(&ends, 1);
        } else {
            atomic_fetch_add(&cuts, 1);
        }
        client_done(cl);
        return;
    }
    /* One in eight is slow. */
    ev_timer_set(&cl->timer, (double)rnd(cl->t, rnd(cl->t, 8) == 0 ? 60 : 2) / 1000., 0.);
    ev_timer_start(cl->t->w->loop, &cl->timer);
}

static void client_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct client *cl = container_of(timer, struct client, timer);

    (void)loop;
    (void)events;
    if (cl->r != NULL)
        client_read(cl);
    else
        client_next(cl); /* it came too late for that fill */
}

static void client_wake(void *ctx)
{
    struct client *cl = ctx;

    if (!ev_is_active(&cl->timer))
        client_read(cl);
}

static void client_timed(struct client *cl)
{
    ev_timer_init(&cl->timer, client_timer, 0.001, 0.);
    ev_timer_start(cl->t->w->loop, &cl->timer);
}

static void client_fetch(struct client *cl, const struct object *seen)
{
    struct fill_request rq = {.key = &cl->key, .seen = seen, .worker = cl->t->w};
    struct leader *l = leader_new(cl->t, cl->number);
    struct fill *f;
    enum fill_role role;

    rq.collapse = rnd(cl->t, 10) != 0;
    rq.on_room = leader_room;
    rq.ctx = l;
    role = fill_join(cache, &rq, &f);
    if (role == FILL_FOLLOW) {
        ev_timer_stop(cl->t->w->loop, &l->timer);
        free(l);
        atomic_fetch_sub(&busy, 1);
    } else {
        l->f = f;
    }
    cl->r = reader_of_fill(f, role != FILL_FOLLOW, cl->t->w, client_wake, cl);
    if (role == FILL_FOLLOW)
        fill_release(&f);
}

static void client_next(struct client *cl)
{
    struct object *obj;

    cl->number = rnd(cl->t, KEYS);
    cl->key = key_number(cl->text, cl->number);
    cl->pos = 0;
    cl->quits_at = rnd(cl->t, 4) == 0 ? rnd(cl->t, size_of(cl->number) + 1) : UINT64_MAX;
    ev_timer_init(&cl->timer, client_timer, 0., 0.);
    switch (rnd(cl->t, 40)) {
    case 0:
        cache_remove(cache, &cl->key);
        break;
    case 1:
        cache_clear(cache);
        break;
    default:
        break;
    }
    obj = cache_find(cache, &cl->key);
    if (obj != NULL && rnd(cl->t, 4) != 0) {
        cl->r = reader_of_object(obj);
        client_timed(cl);
    } else {
        client_fetch(cl, obj);
        if (cl->r == NULL)
            client_timed(cl);
    }
    object_release(&obj);
}

/* --- workers ---------------------------------------------------------------------------------- */

static void look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct turner *t = container_of(timer, struct turner, look);
    struct cache_stats st;

    (void)events;
    cache_stats(cache, &st);
    check(st.used_bytes <= st.memory_bytes);
    if (atomic_load(&busy) > 0)
        return;
    ev_timer_stop(loop, timer);
    worker_quit(t->w);
}

static void worker_main(struct worker *w)
{
    struct turner *t = &turners[w->index - 1];

    for (int i = w->index - 1; i < CLIENTS; i += WORKERS) {
        struct client *cl = xcalloc(1, sizeof(*cl));

        cl->t = t;
        cl->reads_left = READS;
        ev_timer_init(&cl->timer, client_timer, 0., 0.);
        ev_timer_start(w->loop, &cl->timer);
    }
    ev_timer_init(&t->look, look, 0.005, 0.005);
    ev_timer_start(w->loop, &t->look);
    worker_run(w);
}

static void t_many(void **state)
{
    struct cache_stats st;
    uint64_t empty;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    cache = cache_of(BUDGET);
    cache_stats(cache, &st);
    empty = st.used_bytes;
    atomic_store(&busy, CLIENTS);
    for (int i = 0; i < WORKERS; i++) {
        turners[i].random = seed + (uint64_t)i * 7919 + 1;
        turners[i].w = worker_new(i + 1);
    }
    for (int i = 0; i < WORKERS; i++)
        worker_start(turners[i].w, worker_main);
    for (int i = 0; i < WORKERS; i++)
        worker_join(&turners[i].w);
    print_message("%llu bytes checked; whole %llu, cut %llu, failed %llu, alone %llu; fills %llu, "
                  "followed %llu, laggards %llu, evicted %llu, refused %llu\n",
        (unsigned long long)checked_bytes, (unsigned long long)ends, (unsigned long long)cuts,
        (unsigned long long)failures, (unsigned long long)alones,
        (unsigned long long)counter_sum(C_FILLS), (unsigned long long)counter_sum(C_FOLLOWS),
        (unsigned long long)counter_sum(C_LAGGARDS_CUT),
        (unsigned long long)counter_sum(C_CACHE_EVICTED),
        (unsigned long long)counter_sum(C_CACHE_REFUSED));
    assert_true(ends > CLIENTS);
    assert_true(counter_sum(C_FOLLOWS) > 0);
    cache_clear(cache);
    cache_stats(cache, &st);
    assert_int_equal(st.used_bytes, empty);
    assert_int_equal(st.fills, 0);
    cache_close(&cache);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_many)};

    if (argc < 2 || !span_u64(span_of(argv[1]), &seed))
        seed = random_u64() % 1000000;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
