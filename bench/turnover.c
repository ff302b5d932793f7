/*
 * turnover.c - how much memory of the process stands behind a byte that is stored, after many times
 * the budget of mixed sizes has come and gone.
 *
 *   make bench/turnover && bench/turnover [MIB [TIMES]]
 *
 * Sizes are drawn as 100 bytes times two to the power of 0 to 13 (820 KB), each power as often as
 * any other, and within it evenly; every fourth object is asked for again later. "net" is what is
 * stored: keys, heads and bodies. "gross" is what the process has more than before the first
 * object.
 */
#include "base/check.h"
#include "cache/cache.h"
#include "cache/cache_impl.h"
#include "cache/chunk.h"
#include "cache/index.h"
#include "cache/memory.h"
#include "cache/object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POWERS = 14, SMALLEST = 100, BODY_MAX = SMALLEST << POWERS };

static uint64_t chance = 88172645463325252u;
static char bytes[BODY_MAX];

static uint64_t rnd(uint64_t below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 11) % below;
}

/* Shared memory counts, too: the arena is a memfd. */
static uint64_t resident(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t kib = 0;

    check(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    fclose(f);
    return kib * 1024;
}

static struct cache_key key_of(char text[static 64], uint64_t i)
{
    int n = snprintf(text, 64, "www.example.com/some/path/%" PRIu64, i);

    return cache_key_of(span_make(text, (size_t)n));
}

static bool give_body(struct object *o, uint64_t n)
{
    struct chunk **link = &o->body;

    for (uint64_t at = 0; at < n;) {
        uint32_t part = n - at < CHUNK_MAX ? (uint32_t)(n - at) : CHUNK_MAX;
        struct chunk *c = chunk_new(o->cache->memory, part, at, index_hash(o->hash));

        if (c == NULL)
            return false;
        c->n = chunk_write(c, span_make(bytes + at, part));
        *link = c;
        link = &c->next;
        at += part;
    }
    o->body_bytes = n;
    o->whole = true;
    return true;
}

/* Bytes of body. */
static uint64_t store(struct cache *c, uint64_t i)
{
    struct field lines[] = {
        {SPAN("Content-Type"), SPAN("text/html; charset=utf-8"), FIELD_CONTENT_TYPE},
        {SPAN("Cache-Control"), SPAN("public, max-age=86400"), FIELD_CACHE_CONTROL},
        {SPAN("ETag"), SPAN("\"5f3e1c2a-1b2c3\""), FIELD_ETAG},
        {SPAN("Last-Modified"), SPAN("Sat, 21 Nov 2026 12:00:00 GMT"), FIELD_LAST_MODIFIED},
    };
    struct http_response head = {.status = 200, .fields = {lines, 4, 4}};
    uint64_t base = (uint64_t)SMALLEST << rnd(POWERS), n = base / 2 + rnd(base / 2);
    char text[64];
    struct cache_key key = key_of(text, i);
    struct object *o = object_new(c, &key, &head, NULL, NULL);

    if (!o->loose && give_body(o, n))
        cache_put(c, o);
    object_release(&o);
    return n;
}

static uint64_t net(struct cache *c)
{
    struct object *objects[MEMORY_WALK_MAX];
    struct memory_walk w = {0};
    uint64_t sum = 0;
    unsigned n;
    bool more;

    do {
        more = memory_walk(c->memory, &w, objects, &n);
        for (unsigned i = 0; i < n; i++) {
            sum += objects[i]->body_bytes + objects[i]->head_text.n + objects[i]->key.n;
            object_release(&objects[i]);
        }
    } while (more);
    return sum;
}

int main(int argc, char **argv)
{
    uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 256;
    uint64_t times = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    uint64_t before = resident(), through = 0, stored, gross;
    struct cache_conf conf = {.memory_bytes = mib << 20};
    struct cache_stats stats;
    char err[256], text[64];
    struct cache *c = cache_open(&conf, err, sizeof(err));

    if (c == NULL) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    for (uint64_t i = 0; through < times * (mib << 20); i++) {
        through += store(c, i);
        if (i % 4 == 0) {
            struct cache_key key = key_of(text, i - rnd(i < 1000 ? i + 1 : 1000));
            struct object *o = cache_find(c, &key);

            object_release(&o);
        }
    }
    cache_stats(c, &stats);
    stored = net(c);
    gross = resident() - before;
    printf("budget %" PRIu64 " MiB, %" PRIu64 " MiB went through; %" PRIu64 " objects are stored\n",
        mib, through >> 20, stats.objects);
    printf("net %.1f MiB, gross %.1f MiB: %.3f; budget/net %.3f\n", (double)stored / 1048576,
        (double)gross / 1048576, (double)gross / (double)stored,
        (double)(mib << 20) / (double)stored);
    cache_close(&c);
    return 0;
}
