/*
 * disk_recovery - how long a volume takes until it knows what it has.
 *
 *   make bench/disk_recovery && bench/disk_recovery FILE [OBJECTS [PERCENT]]
 *
 * Makes a sparse volume with real segment headers and footers for so many objects of 32 KiB (their
 * bodies are holes), and opens it: without any checkpoint; after a clean stop; and as after a kill,
 * when the last PERCENT of them (10) were written after the last checkpoint. Says for each how long
 * it took until the first answer (a miss that is none of recovery's business) and until all of the
 * index stood.
 */
#include "base/check.h"
#include "base/clock.h"
#include "disk/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OBJECT = 32 << 10, MIB = 1 << 20 };

static const char *path;
static struct disk_conf conf = {.checkpoint_ms = -1, .checkpoint_rate = UINT64_C(1) << 40};

static struct volume *open_volume(void)
{
    char err[VOLUME_ERR_MAX];
    struct volume *v = volume_open(path, NULL, err);

    if (v == NULL) {
        fprintf(stderr, "disk_recovery: %s\n", err);
        exit(1);
    }
    return v;
}

static uint64_t per_segment(const struct volume *v)
{
    uint64_t n = v->sb.segment_bytes / OBJECT;

    while (DISK_PAGE + n * OBJECT + footer_bytes((uint32_t)n) > v->sb.segment_bytes)
        n--;
    return n;
}

/* Objects first .. last - 1, from that segment on; returns the next segment's number. */
static uint64_t write_segments(uint64_t seq, uint64_t first, uint64_t last)
{
    struct volume *v = open_volume();
    uint64_t each = per_segment(v);
    struct footer_entry *entries = xcalloc(each, sizeof(*entries));
    char *page = disk_io_memory(DISK_PAGE), *footer = disk_io_memory(footer_bytes((uint32_t)each));

    for (; first < last; seq++) {
        uint32_t n = (uint32_t)(last - first < each ? last - first : each);
        uint64_t at = volume_segment_at(v, seq);

        for (uint32_t i = 0; i < n; i++, first++)
            entries[i] = (struct footer_entry){
                .hash = volume_key(v, span_make((const char *)&first, sizeof(first))).lo,
                .born = first,
                .sector = DISK_PAGE / DISK_SECTOR + i * (OBJECT / DISK_SECTOR),
                .sectors = OBJECT / DISK_SECTOR};
        segment_header_write(v->sb.id, seq, 1, page);
        footer_write(v->sb.id, seq, 1, entries, n, footer);
        check(volume_write(v, page, DISK_PAGE, at));
        check(volume_write(v, footer, footer_bytes(n), at + v->sb.segment_bytes - footer_bytes(n)));
    }
    free(page);
    free(footer);
    free(entries);
    volume_close(&v);
    return seq;
}

static struct disk *measure(const char *what)
{
    char err[VOLUME_ERR_MAX];
    mono_us start = clock_mono_us(), first;
    clock_t cpu = clock();
    struct volume *v = open_volume();
    struct disk *d = disk_open(&v, &conf, err);
    struct worker *w = worker_new(1);
    struct disk_read r = {.key = {1, 2}};
    struct disk_stats s;
    uint64_t known = 0;

    check(d != NULL);
    check(disk_get(d, w, &r) != DISK_GET_READING);
    first = clock_mono_us();
    check(disk_wait(d) == DISK_READY);
    disk_stats(d, &s);
    printf("%-28s first answer %4.0f ms, all of it %5.0f ms (%.0f of CPU), %llu objects, index "
           "%.0f MiB%s\n",
        what, (double)(first - start) / 1e3, (double)(clock_mono_us() - start) / 1e3,
        (double)(clock() - cpu) * 1e3 / CLOCKS_PER_SEC, (unsigned long long)s.recovered,
        (double)s.index_bytes / MIB, s.clean ? ", clean" : "");
    for (uint64_t i = 0; i < 1000; i++) {
        struct disk_entry e;

        known += disk_peek(d, disk_key(d, span_make((const char *)&i, sizeof(i))), &e);
    }
    check(known >= 990);
    worker_join(&w);
    return d;
}

int main(int argc, char **argv)
{
    uint64_t objects = argc > 2 ? strtoull(argv[2], NULL, 0) : 10000000, seq, early;
    uint64_t percent = argc > 3 ? strtoull(argv[3], NULL, 0) : 10;
    struct volume_plan plan = {.object_mean = OBJECT, .sparse = true};
    char err[VOLUME_ERR_MAX];
    struct disk *d;

    if (argc < 2 || objects < 10000 || percent > 100) {
        fprintf(stderr, "usage: disk_recovery FILE [OBJECTS [PERCENT]]\n");
        return 2;
    }
    path = argv[1];
    /* A little more than they need, so that the ring has room ahead. */
    plan.bytes = objects * OBJECT + objects / 50 * OBJECT + (UINT64_C(1) << 30);
    if (!volume_init(path, &plan, false, NULL, NULL, err)) {
        fprintf(stderr, "disk_recovery: %s\n", err);
        return 1;
    }
    early = objects - objects * percent / 100;
    seq = write_segments(1, 0, early);
    d = measure("no checkpoint, footers only");
    check(disk_checkpoint(d));
    disk_abandon(&d);
    (void)write_segments(seq, early, objects);
    d = measure("killed, with a checkpoint");
    disk_close(&d);
    d = measure("stopped well");
    disk_close(&d);
    return unlink(path);
}
