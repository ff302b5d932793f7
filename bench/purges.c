/*
 * purges.c - what a purge costs beside a million stored objects, and what it adds to a look-up.
 *
 *   make bench/purges && bench/purges [OBJECTS]
 *
 * Objects are tiny, each with four tags out of 10,000. Times are of this thread, and the middle of
 * many; "hit" is cache_find() and the release of what it gives.
 */
#include "base/check.h"
#include "cache/cache.h"
#include "cache/cache_impl.h"
#include "cache/object.h"
#include "cache/purge.h"
#include "cache/purge_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TAGS = 10000, TAGS_EACH = 4, TIMES = 1000, LOOKS = 2000000 };

static uint64_t chance = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (chance >> 11) % below;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct cache_key key_of(char text[static 48], uint64_t i)
{
    int n = snprintf(text, 48, "www%u.example.com/path/%" PRIu64, (unsigned)(i % 10), i);

    return cache_key_of(span_make(text, (size_t)n));
}

static void fill(struct cache *c, uint64_t objects)
{
    struct http_response head = {.status = 200};
    char key_text[48], tag_text[TAGS_EACH][16];
    struct tag v[TAGS_EACH];
    struct tags tags = {.v = v, .n = TAGS_EACH, .fields_in = 1};
    struct object_labels labels = {.site = SPAN("www.example.com"), .tags = &tags};

    for (uint64_t i = 0; i < objects; i++) {
        struct cache_key key = key_of(key_text, i);
        struct object *obj;

        for (int k = 0; k < TAGS_EACH; k++) {
            int n = snprintf(tag_text[k], sizeof(tag_text[k]), "tag-%u", (unsigned)rnd(TAGS));

            v[k] = (struct tag){span_make(tag_text[k], (size_t)n), TAG_SURROGATE_KEY};
        }
        obj = object_new(c, &key, &head, NULL, &labels);
        obj->whole = true;
        cache_put(c, obj);
        object_release(&obj);
    }
}

static int by_size(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;

    return *a < *b ? -1 : *a > *b;
}

static void say(const char *what, uint64_t ns[static TIMES])
{
    qsort(ns, TIMES, sizeof(*ns), by_size);
    printf("%-36s %8.2f us (99 of 100 below %.2f, the longest %.2f)\n", what,
        (double)ns[TIMES / 2] / 1e3, (double)ns[TIMES / 100 * 99] / 1e3,
        (double)ns[TIMES - 1] / 1e3);
}

static void time_purges(struct cache *c, const char *what, enum purge_scope scope, bool hard)
{
    static uint64_t ns[TIMES];
    char text[48];

    for (int i = 0; i < TIMES; i++) {
        struct purge p = {.scope = scope, .hard = hard};
        uint64_t start;
        int n = 0;

        if (scope == PURGE_URL)
            (void)key_of(text, rnd(1000000)), n = (int)strlen(text);
        else if (scope == PURGE_PREFIX)
            n = snprintf(text, sizeof(text), "www1.example.com/no/%d/", i);
        else if (scope == PURGE_TAG)
            n = snprintf(text, sizeof(text), "tag-%u", (unsigned)rnd(TAGS));
        else if (scope == PURGE_SITE)
            n = snprintf(text, sizeof(text), "site-%d", i);
        p.text = span_make(text, (size_t)n);
        start = now_ns();
        check(cache_purge(c, &p) != 0);
        ns[i] = now_ns() - start;
    }
    say(what, ns);
}

static struct object *find_only(struct cache *c, const struct cache_key *key)
{
    return memory_find(c->memory, key, true);
}

/* In ns for each; `keys` different ones in turn. */
static double time_finds(struct cache *c, uint64_t keys, uint64_t looks, uint64_t *found,
    struct object *(*find)(struct cache *c, const struct cache_key *key))
{
    char(*texts)[48] = xcalloc(keys, sizeof(*texts));
    struct cache_key *of = xcalloc(keys, sizeof(*of));
    uint64_t start;
    double ns;

    for (uint64_t i = 0; i < keys; i++)
        of[i] = key_of(texts[i], i);
    *found = 0;
    start = now_ns();
    for (uint64_t i = 0; i < looks; i++) {
        struct object *obj = find(c, &of[i % keys]);

        *found += obj != NULL;
        object_release(&obj);
    }
    ns = (double)(now_ns() - start) / (double)looks;
    free(texts);
    free(of);
    return ns;
}

int main(int argc, char **argv)
{
    uint64_t objects = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, found;
    struct cache_conf conf = {.memory_bytes = 4096u + objects * 1280};
    struct cache_stats stats;
    char err[256];
    struct cache *c = cache_open(&conf, err, sizeof(err));
    double without = 1e9, with = 1e9;

    if (c == NULL) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    fill(c, objects);
    cache_stats(c, &stats);
    printf("%" PRIu64 " objects stored; %zu bytes each for an object's struct\n", stats.objects,
        sizeof(struct object));
    for (int i = 0; i < 5; i++) {
        double ns = time_finds(c, 1000, LOOKS, &found, find_only);

        without = ns < without ? ns : without;
        ns = time_finds(c, 1000, LOOKS, &found, cache_find);
        with = ns < with ? ns : with;
    }
    printf("hit among 1000 objects: %.1f ns, without asking for purges %.1f ns\n", with, without);
    time_purges(c, "a URL", PURGE_URL, false);
    time_purges(c, "a site", PURGE_SITE, true);
    time_purges(c, "a tag, soft", PURGE_TAG, false);
    time_purges(c, "a tag, hard", PURGE_TAG, true);
    printf("first hit after a purge: %.1f ns", time_finds(c, objects, objects, &found, cache_find));
    printf(" (%" PRIu64 " of %" PRIu64 " still there)\n", found, objects);
    with = 0;
    for (int i = 0; i < 200; i++) {
        struct purge p = {.scope = PURGE_URL, .text = SPAN("www.example.com/nothing")};

        check(cache_purge(c, &p) != 0);
        with += time_finds(c, 1000, 1000, &found, cache_find) / 200;
    }
    printf("the same among 1000 objects: %.1f ns\n", with);
    time_purges(c, "a prefix", PURGE_PREFIX, true);
    printf("first hit after 1000 prefixes: %.1f ns\n",
        time_finds(c, objects, objects, &found, cache_find));
    cache_stats(c, &stats);
    printf("%" PRIu64 " labels, %" PRIu64 " prefixes; %" PRIu64 " bytes for all purges at most\n",
        stats.purge_labels, stats.purge_prefixes, purges_bytes(conf.memory_bytes));
    cache_close(&c);
    return 0;
}
