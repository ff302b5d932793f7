/*
 * disk_index - what the disk tier's index costs: bytes and nanoseconds of CPU per object.
 *
 *   make bench/disk_index && bench/disk_index [OBJECTS [LOOKUPS]]
 *
 * Times are of the thread's own CPU clock, so that a busy machine shows less.
 */
#include "base/check.h"
#include "disk/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct disk_index *x;
static uint64_t objects = 10000000, lookups = 8000000;
static _Atomic bool stop;

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0, all;

    check(f != NULL && fscanf(f, "%ld %ld", &all, &pages) == 2);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* The hash of object i. */
static uint64_t hash_of(uint64_t i)
{
    uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double look_up(uint64_t first, uint64_t of, uint64_t *found)
{
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    struct disk_entry e;

    *found = 0;
    for (uint64_t i = 0; i < lookups; i++)
        *found += disk_index_find(x, hash_of(first + hash_of(i) % of), &e);
    return (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / (double)lookups * 1e9;
}

static void *look_up_thread(void *ns)
{
    uint64_t found;

    *(double *)ns = look_up(0, objects, &found);
    return NULL;
}

static void *change_thread(void *arg)
{
    uint64_t n = 0;

    (void)arg;
    while (!atomic_load(&stop)) {
        uint64_t i = hash_of(++n) % objects;

        (void)disk_index_put(x, hash_of(i), &(struct disk_entry){.loc = i + 1, .sectors = 9});
    }
    return NULL;
}

static void with_threads(unsigned readers, bool writer)
{
    pthread_t t[2], w;
    double ns[2] = {0};

    atomic_store(&stop, false);
    if (writer)
        check(pthread_create(&w, NULL, change_thread, NULL) == 0);
    for (unsigned i = 0; i < readers; i++)
        check(pthread_create(&t[i], NULL, look_up_thread, &ns[i]) == 0);
    for (unsigned i = 0; i < readers; i++)
        check(pthread_join(t[i], NULL) == 0);
    atomic_store(&stop, true);
    if (writer)
        check(pthread_join(w, NULL) == 0);
    printf("look-up, %u threads%s: %.0f ns\n", readers, writer ? ", one more that changes" : "",
        (ns[0] + ns[1]) / readers);
}

static void dump_and_load(void)
{
    uint64_t bytes = disk_index_shard_bytes(x), n = 0;
    struct disk_index *y = disk_index_new((uint32_t)(bytes / INDEX_BUCKET_BYTES));
    void *page = xmalloc(bytes);
    double start = seconds(CLOCK_THREAD_CPUTIME_ID), load = 0;

    check(y != NULL);
    for (unsigned i = 0; i < INDEX_SHARDS; i++) {
        disk_index_dump(x, i, page);
        load -= seconds(CLOCK_THREAD_CPUTIME_ID);
        n += disk_index_load(y, i, page, NULL, NULL);
        load += seconds(CLOCK_THREAD_CPUTIME_ID);
    }
    check(n == disk_index_count(x));
    printf("dump: %.3f s, load: %.3f s\n", seconds(CLOCK_THREAD_CPUTIME_ID) - start - load, load);
    free(page);
    disk_index_free(&y);
}

int main(int argc, char **argv)
{
    double start, before = resident_bytes();
    uint64_t forgotten = 0, found;

    if (argc > 1)
        objects = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        lookups = strtoull(argv[2], NULL, 0);
    check(objects > 0 && lookups > 0);
    x = disk_index_new(disk_index_buckets(objects));
    check(x != NULL);

    start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t i = 0; i < objects; i++)
        forgotten += disk_index_put(
            x, hash_of(i), &(struct disk_entry){.loc = i + 1, .sectors = 9, .born = i});
    printf("%llu objects: %.1f bytes each (resident %.1f), put: %.0f ns, forgotten: %llu\n",
        (unsigned long long)objects, (double)disk_index_bytes(x) / (double)objects,
        (resident_bytes() - before) / (double)objects,
        (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / (double)objects * 1e9,
        (unsigned long long)forgotten);
    printf("look-up: %.0f ns, ", look_up(0, objects, &found));
    printf("of %llu there are %llu\n", (unsigned long long)lookups, (unsigned long long)found);
    printf("look-up of what is not there: %.0f ns", look_up(objects, objects, &found));
    printf(", %llu taken for another\n", (unsigned long long)found);
    with_threads(2, false);
    with_threads(1, true);
    dump_and_load();
    disk_index_free(&x);
    return 0;
}
