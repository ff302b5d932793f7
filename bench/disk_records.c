/*
 * disk_records - what it costs to put records on a volume and to get them back.
 *
 *   make bench/disk_records && bench/disk_records FILE [BODY_BYTES [VOLUME_MIB]]
 *
 * Fills a new volume once and a half (so that the tail is emptied as well), then gets records at
 * random, so many at once. Says bytes per second, CPU of all threads for each record, and bytes
 * written to the device for each byte that was put.
 */
#include "base/check.h"
#include "base/clock.h"
#include "disk/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 32, GETS = 20000, HEAD = 400 };

static struct disk *d;
static uint64_t body_n = 32 << 10, puts_n, gets_left, found_n;
static char *copy;

struct get {
    struct disk_read read;
};

static struct hash128 key_of(uint64_t i)
{
    return disk_key(d, span_make((const char *)&i, sizeof(i)));
}

static void take(
    struct disk_read *r, const struct disk_meta *meta, struct span head, struct span body)
{
    (void)r;
    (void)meta;
    (void)head;
    memcpy(copy, body.p, body.n); /* as the cache does; who comes last wins */
}

/* Another of the youngest half, until there have been enough. */
static void get_one(struct worker *w, struct get *g)
{
    while (gets_left > 0) {
        uint64_t i = puts_n - 1 - random_u64() % (puts_n / 3);

        gets_left--;
        g->read.key = key_of(i);
        if (disk_get(d, w, &g->read) == DISK_GET_READING)
            return;
    }
    worker_quit(w);
}

static void done(struct disk_read *r, bool found)
{
    found_n += found;
    get_one(r->worker, container_of(r, struct get, read));
}

static void say(const char *what, uint64_t n, mono_us start, clock_t cpu)
{
    double s = (double)(clock_mono_us() - start) / 1e6;

    printf("%s: %llu of %llu bytes in %.2f s: %.0f a second, %.0f MB/s, %.1f us of CPU each\n",
        what, (unsigned long long)n, (unsigned long long)body_n, s, (double)n / s,
        (double)(n * body_n) / s / 1e6, (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / (double)n);
}

static void put_all(uint64_t bytes)
{
    char *body = xcalloc(1, body_n), head[HEAD] = {0};
    struct span piece = span_make(body, body_n);
    mono_us start = clock_mono_us();
    clock_t cpu = clock();
    struct disk_stats s;

    for (uint64_t sum = 0; sum < bytes; sum += body_n, puts_n++) {
        struct disk_put p = {.key = key_of(puts_n),
            .head = span_make(head, sizeof(head)),
            .body = &piece,
            .body_n = 1};

        memcpy(body, &puts_n, sizeof(puts_n));
        while (disk_put(d, &p) == DISK_PUT_BUSY)
            usleep(500);
    }
    disk_flush(d);
    say("put", puts_n, start, cpu);
    disk_stats(d, &s);
    printf("written for each byte that was put: %.3f; refused for now: %llu\n",
        (double)s.written_bytes / (double)(puts_n * body_n), (unsigned long long)s.refused_puts);
    free(body);
}

static void get_all(void)
{
    static struct get gets[AT_ONCE];
    struct worker *w = worker_new(1);
    mono_us start = clock_mono_us();
    clock_t cpu = clock();
    struct disk_stats s;

    gets_left = GETS;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        gets[i].read.take = take;
        gets[i].read.done = done;
        get_one(w, &gets[i]);
    }
    do {
        worker_run(w);
        disk_stats(d, &s);
    } while (found_n + s.reads_missed + s.reads_joined < s.reads);
    say("get", found_n, start, cpu);
    disk_close(&d);
    worker_join(&w);
}

int main(int argc, char **argv)
{
    struct volume_plan plan = {.bytes = UINT64_C(1) << 30};
    struct disk_conf conf = {.slow_ms = 60000};
    char err[VOLUME_ERR_MAX];
    struct volume *v;

    if (argc < 2) {
        fprintf(stderr, "usage: disk_records FILE [BODY_BYTES [VOLUME_MIB]]\n");
        return 2;
    }
    if (argc > 2)
        body_n = strtoull(argv[2], NULL, 0);
    plan.object_mean = body_n;
    if (argc > 3)
        plan.bytes = strtoull(argv[3], NULL, 0) << 20;
    if (!volume_init(argv[1], &plan, false, NULL, NULL, err) ||
        (v = volume_open(argv[1], NULL, err)) == NULL || (d = disk_open(&v, &conf, err)) == NULL) {
        fprintf(stderr, "disk_records: %s\n", err);
        return 1;
    }
    check(disk_wait(d) == DISK_READY && body_n >= 8 && body_n <= disk_body_max(d, HEAD));
    copy = xmalloc(body_n);
    put_all(plan.bytes * 3 / 2);
    get_all();
    free(copy);
    return unlink(argv[1]);
}
