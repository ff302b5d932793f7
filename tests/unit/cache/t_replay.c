/*
 * t_replay.c - the simulator (sim/tiers.h) beside the cache itself: the same requests, once through
 * the policies alone and once through memory, fills, volume, loads and the keeper, in which
 * everything that a simulator leaves out is there. They must agree to TOLERANCE of the requests and
 * of the bytes; otherwise the figures of doc/hit-ratio.md say nothing about the product.
 */
#include "things.h"

#include "cache/cache_impl.h"
#include "cache/disk_tier_impl.h"
#include "cache/load.h"
#include "sim/tiers.h"
#include "sim/traffic.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

#define TOLERANCE 0.01

enum {
    SIZE_MAX_BYTES = 256 << 10, /* copies and writes are what takes long */
    LOAD_PATIENCE_MS = 20000,
};

struct stage {
    struct worker *w;
    struct cache *c;
    char dir[32], volume[64];
    bool loaded;
};

static void add(void *ctx, uint32_t time_s, uint64_t key, uint64_t bytes)
{
    (void)time_s;
    trace_add(ctx, key, bytes % SIZE_MAX_BYTES);
}

static void trace_of(struct trace *t, const char *model, uint64_t n, uint32_t scale)
{
    char err[4200] = "";

    trace_init(t, 0);
    if (!traffic_make(traffic_model(model), n, scale, 1, DATA_DIR, add, t, err, sizeof(err)))
        fail_msg("%s", err);
}

/* --- the cache -------------------------------------------------------------------------------- */

static void stage_open(struct stage *s, uint64_t memory, uint64_t disk, int admission)
{
    struct disk_volume_conf v = {s->volume, disk, NULL};
    struct cache_conf conf = {.memory_bytes = memory,
        .volumes = disk != 0 ? &v : NULL,
        .admission = admission,
        .object_max_bytes = SIZE_MAX_BYTES,
        .disk_wait_ms = LOAD_PATIENCE_MS};
    char err[256] = "";

    *s = (struct stage){0};
    snprintf(s->dir, sizeof(s->dir), "/tmp/t_replay.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->volume, sizeof(s->volume), "%s/volume", s->dir);
    s->c = cache_open(&conf, err, sizeof(err));
    if (s->c == NULL)
        fail_msg("%s", err);
    s->w = worker_new(1);
}

static void stage_close(struct stage *s)
{
    char purges[80];

    worker_turn(s->w);
    cache_stop(s->c);
    worker_join(&s->w);
    cache_close(&s->c);
    (void)unlink(s->volume);
    snprintf(purges, sizeof(purges), "%s.purges", s->volume);
    (void)unlink(purges);
    assert_int_equal(rmdir(s->dir), 0);
}

static void on_loaded(void *ctx)
{
    struct stage *s = ctx;

    s->loaded = true;
}

/* As the edge does it: from memory, or from the disk. */
static bool is_stored(struct stage *s, const struct cache_key *key)
{
    struct object *obj = cache_find(s->c, key);
    struct cache_load *load;

    if (obj == NULL && s->c->disk != NULL) {
        s->loaded = false;
        load = cache_load(s->c, key, s->w, on_loaded, s);
        for (unsigned i = 0; load != NULL && !s->loaded; i++)
            ev_run(s->w->loop, EVRUN_ONCE);
        obj = cache_peek(s->c, key);
    }
    if (obj == NULL)
        return false;
    object_release(&obj);
    return true;
}

/* The thread that writes shall not be the bound: that would be another experiment. */
static void let_it_write(struct stage *s)
{
    const struct timespec moment = {.tv_nsec = 200000};
    uint64_t objects = 1, bytes;

    while (s->c->disk != NULL) {
        disk_writer_queued(s->c->disk->writer, &objects, &bytes);
        if (objects < 4)
            return;
        nanosleep(&moment, NULL);
    }
}

struct result {
    struct tally tally;
    uint64_t body_bytes; /* in memory, once it was full, on the average */
};

static uint64_t body_bytes(struct stage *s)
{
    struct cache_stats st;

    cache_stats(s->c, &st);
    return st.body_bytes;
}

static struct result engine_run(
    const struct trace *t, uint64_t memory, uint64_t disk, int admission)
{
    struct result r = {0};
    uint64_t looked = 0;
    struct stage s;

    stage_open(&s, memory, disk, admission);
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);
        char text[32];
        struct cache_key key = key_number(text, x);
        bool hit = is_stored(&s, &key);

        if (!hit) {
            (void)fill_whole(s.c, s.w, x, t->bytes[x], true);
            let_it_write(&s);
        }
        tally_add(&r.tally, t, at, hit);
        if (at % 64 != 0)
            continue;
        worker_turn(s.w);
        if (at > t->requests_n / 4) {
            r.body_bytes += body_bytes(&s);
            looked++;
        }
    }
    r.body_bytes /= looked;
    if (s.c->disk != NULL) {
        struct disk_stats d;

        disk_flush(s.c->disk->volumes[0]);
        disk_stats(s.c->disk->volumes[0], &d);
        r.tally.written_bytes = d.admitted_bytes + d.reinserted_bytes;
    }
    stage_close(&s);
    return r;
}

/* --- beside each other ------------------------------------------------------------------------ */

static bool near(const char *what, double engine, double sim, double tolerance)
{
    print_message("  %s: cache %.4f, simulator %.4f\n", what, engine, sim);
    return fabs(engine - sim) <= tolerance;
}

static void compare(
    const char *model, uint64_t n, uint32_t scale, uint64_t memory, uint64_t disk, int admission)
{
    struct tiers_conf conf = {.disk_bytes = disk, .admission = admission};
    struct result engine;
    struct tally sim;
    struct trace t;
    bool fine;

    trace_of(&t, model, n, scale);
    engine = engine_run(&t, memory, disk, admission);
    /* What slabs, tables and heads take is another question. */
    conf.memory_bytes = engine.body_bytes;
    sim = tiers_run(&t, &conf);
    print_message("seed 1, %s: %.0f MB, memory %.0f MB (bodies %.0f MB), disk %.0f MB\n", model,
        (double)t.footprint_bytes / 1e6, (double)memory / 1e6, (double)engine.body_bytes / 1e6,
        (double)disk / 1e6);
    fine = near("objects missed", tally_objects(&engine.tally), tally_objects(&sim), TOLERANCE);
    fine &= near("bytes missed", tally_bytes(&engine.tally), tally_bytes(&sim), TOLERANCE);
    if (disk != 0)
        fine &=
            near("bytes written", (double)engine.tally.written_bytes / (double)engine.tally.bytes,
                (double)sim.written_bytes / (double)sim.bytes, 2 * TOLERANCE);
    trace_free(&t);
    assert_true(fine);
}

static void t_memory(void **state)
{
    (void)state;
    compare("zipf0.9", 20000, 400, 64 << 20, 0, 0);
}

static void t_memory_and_disk(void **state)
{
    (void)state;
    compare("zipf0.9", 20000, 400, 64 << 20, 64 << 20, 1 + ADMISSION_SMALL);
    compare("twice", 6000, 400, 64 << 20, 96 << 20, CACHE_ADMISSION_AUTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_memory),
        cmocka_unit_test(t_memory_and_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
