/*
 * t_model.c - a volume against a dictionary: put, get, use, drop, laps, clean stops, crashes, and
 * crashes with pages of what was written last zeroed or garbled.
 *
 * What is checked: nothing comes back that was not put, byte for byte; while the process lives, a
 * key has its last version or none; a record that is neither dropped nor lapped is there; after a
 * crash so is what was flushed before; and a version that was seen after a crash stays the one.
 *
 * SELVAGE_SEED repeats a run, SELVAGE_STEPS makes it shorter (or longer).
 */
#include "rig.h"

#include "disk/walk.h"

enum { KEYS = 150, STEPS = 6000, SEGMENT = 256 << 10 };

struct known {
    uint64_t version; /* of the last put; 0: none */
    uint64_t oldest;  /* that may be found: below `version` only after a crash */
    uint64_t head;    /* segment that was being written when it was put */
    bool dropped;     /* since: it may be gone */
    uint64_t flushed; /* version that was on the disk for certain, 0: none */
    uint64_t flushed_head;
    bool exact; /* `version` or nothing */
};

struct model {
    struct rig r;
    struct known keys[KEYS];
    uint64_t rng, next_version;
    unsigned crashes, torn, reopened, gets, hits;
};

static uint64_t head_now(struct model *m)
{
    return rig_stats(&m->r).head;
}

/* Whether what was put when `head` was being written is still there, whatever happened. The keeper
 * works ahead, and after a crash a segment is begun anew. */
static bool not_lapped(struct model *m, uint64_t head)
{
    struct disk_stats s = rig_stats(&m->r);

    return head + s.segments > s.head + 8;
}

static void do_put(struct model *m, struct known *k, uint64_t key)
{
    uint32_t size = (uint32_t)rnd_below(&m->rng, rnd_below(&m->rng, 8) == 0 ? 55000 : 9000);

    k->version = k->oldest = ++m->next_version;
    rig_put(&m->r, key, k->version, size);
    k->head = head_now(m);
    k->dropped = false;
    k->exact = true;
}

static void do_get(struct model *m, struct known *k, uint64_t key)
{
    uint64_t found = rig_get(&m->r, key);

    m->gets++;
    m->hits += found != 0;
    if (found != 0) {
        if (k->exact && found != k->version)
            fail_msg("key %llu: version %llu, not %llu", (unsigned long long)key,
                (unsigned long long)found, (unsigned long long)k->version);
        if (found > k->version || found < k->oldest)
            fail_msg("key %llu: version %llu is not of %llu to %llu", (unsigned long long)key,
                (unsigned long long)found, (unsigned long long)k->oldest,
                (unsigned long long)k->version);
        k->version = k->oldest = found;
        k->exact = true;
        return;
    }
    if (k->version != 0 && !k->dropped && not_lapped(m, k->head))
        fail_msg("key %llu: version %llu is lost", (unsigned long long)key,
            (unsigned long long)k->version);
    /* It is not there, so it will not be again. */
    k->dropped = true;
}

static void do_flush(struct model *m)
{
    disk_flush(m->r.d);
    for (unsigned i = 0; i < KEYS; i++) {
        struct known *k = &m->keys[i];

        k->flushed = k->exact && !k->dropped ? k->version : 0;
        k->flushed_head = k->head;
    }
}

static void do_clean(struct model *m)
{
    disk_close(&m->r.d);
    rig_open(&m->r);
    assert_true(rig_stats(&m->r).clean);
    m->reopened++;
}

/* Spoils some pages among the segments that were written last. */
static void tear(struct model *m, const struct volume *v, uint64_t head)
{
    int fd = open(m->r.path, O_WRONLY);
    uint64_t page[DISK_PAGE / 8] = {0};

    for (uint64_t i = rnd_below(&m->rng, 6) + 1; i > 0; i--) {
        uint64_t seq = head > 1 ? head - rnd_below(&m->rng, 2) : head;
        uint64_t at =
            volume_segment_at(v, seq) + rnd_below(&m->rng, SEGMENT / DISK_PAGE) * DISK_PAGE;

        for (unsigned k = 0; k < ARRAY_LEN(page) && i % 2 == 0; k++)
            page[k] = rnd(&m->rng);
        if (seq != 0)
            assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)at), sizeof(page));
    }
    close(fd);
}

static void do_crash(struct model *m, bool torn)
{
    uint64_t head = head_now(m);
    struct volume v = *disk_volume(m->r.d);

    disk_abandon(&m->r.d);
    if (torn)
        tear(m, &v, head);
    rig_open(&m->r);
    assert_false(rig_stats(&m->r).clean);
    for (unsigned i = 0; i < KEYS; i++) {
        struct known *k = &m->keys[i];

        /* What was flushed is there, unless it was dropped since, or another was put in its place
         * (a checkpoint may have the place of that one, which was not written), or torn. Nothing
         * older is. What was dropped may be back. */
        k->exact = false;
        k->dropped = k->dropped || torn || k->flushed != k->version;
        k->oldest = torn || k->flushed == 0 ? 1 : k->flushed;
        k->head = k->flushed_head;
        k->flushed = 0;
    }
    m->crashes++;
    m->torn += torn;
}

static bool count_sound(void *ctx, const struct disk_seen *seen)
{
    *(uint64_t *)ctx += !seen->damaged;
    return true;
}

/* The index and the volume agree, record by record. (Who looks for what was torn drops it.) */
static void check_volume(struct model *m)
{
    struct disk_walk w = {0};
    uint64_t sound = 0;

    for (uint64_t i = 0; i < KEYS; i++)
        (void)rig_get(&m->r, i);
    while (disk_walk(m->r.d, &w, 100, true, count_sound, &sound))
        ;
    assert_int_equal(sound, rig_stats(&m->r).objects);
}

static void t_model(void **state)
{
    static struct model m;
    const char *said = getenv("SELVAGE_STEPS");
    uint64_t steps = said != NULL ? strtoull(said, NULL, 0) : STEPS;
    struct disk_stats s;

    (void)state;
    m.rng = seed_of_run();
    rig_init(&m.r, 8 << 20, SEGMENT);
    rig_open(&m.r);
    for (uint64_t step = 0; step < steps; step++) {
        uint64_t key = rnd_below(&m.rng, KEYS);
        uint64_t what = rnd_below(&m.rng, 1000);
        struct known *k = &m.keys[key];

        if (what < 400)
            do_put(&m, k, key);
        else if (what < 900)
            do_get(&m, k, key);
        else if (what < 940)
            disk_used(m.r.d, rig_key(&m.r, key));
        else if (what < 960) {
            (void)disk_drop(m.r.d, rig_key(&m.r, key));
            k->dropped = true;
        } else if (what < 980)
            do_flush(&m);
        else if (what < 985)
            assert_true(disk_checkpoint(m.r.d));
        else if (what < 989)
            do_clean(&m);
        else if (what < 995)
            do_crash(&m, false);
        else if (what < 998)
            do_crash(&m, true);
    }
    check_volume(&m);
    s = rig_stats(&m.r);
    printf("%u gets, %u found; %u crashes, %u of them torn; %u clean stops; %llu segments begun of "
           "%llu\n",
        m.gets, m.hits, m.crashes, m.torn, m.reopened, (unsigned long long)s.head,
        (unsigned long long)s.segments);
    if (said == NULL) {
        assert_true(m.hits > m.gets / 3);
        assert_true(m.torn > 0 && m.reopened > 0 && s.head > 3 * s.segments);
    }
    rig_free(&m.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_model),
    };

    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
