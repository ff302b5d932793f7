/*
 * find.c - what a look-up in the memory tier costs: cache_find() and object_release(), one thread,
 * among so many objects in no order.
 *
 * usage: bench/find [OBJECTS [ROUNDS]]
 *
 * Keys are made outside the measured time, a batch at a time, so that they are in the cache of the
 * CPU as a request's key is. Thread CPU time; each round is a line, and the best one is the figure
 * (what disturbs it on a shared machine only makes it slower).
 */
#include "base/check.h"
#include "cache/cache.h"
#include "cache/cache_impl.h"
#include "cache/index.h"
#include "cache/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 64, FINDS = 1 << 20, BODY_BYTES = 300, BYTES_EACH = 1700, TEXT_BYTES = 64 };

static double cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct cache_key key_number(char *text, uint64_t i)
{
    int n = snprintf(text, TEXT_BYTES, "www.example.com/articles/%llu", (unsigned long long)i);

    return cache_key_of(span_make(text, (size_t)n));
}

static void store(struct cache *c, uint64_t i)
{
    static struct field fields[] = {
        {SPAN("Content-Type"), SPAN("text/html; charset=utf-8"), FIELD_CONTENT_TYPE},
        {SPAN("Cache-Control"), SPAN("public, max-age=3600"), FIELD_CACHE_CONTROL},
        {SPAN("ETag"), SPAN("\"5f3e-1a2b3c4d5e6f\""), FIELD_ETAG},
        {SPAN("Last-Modified"), SPAN("Sat, 21 Nov 2026 08:00:00 GMT"), FIELD_LAST_MODIFIED},
    };
    static const char body[BODY_BYTES];
    struct http_response head = {
        .status = 200, .fields = {fields, ARRAY_LEN(fields), ARRAY_LEN(fields)}};
    char text[TEXT_BYTES];
    struct cache_key key = key_number(text, i);
    struct object *obj = object_new(c, &key, &head, NULL, NULL);

    obj->body = chunk_new(c->memory, BODY_BYTES, 0, index_hash(key.hash));
    check(obj->body != NULL);
    obj->body->n = chunk_write(obj->body, span_make(body, sizeof(body)));
    obj->body_bytes = BODY_BYTES;
    obj->whole = true;
    cache_put(c, obj);
    object_release(&obj);
}

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, x = 1;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    struct cache_conf conf = {.memory_bytes = n * BYTES_EACH + CACHE_MEMORY_MIN_BYTES};
    struct cache_stats st;
    char err[256] = "", texts[BATCH][TEXT_BYTES];
    struct cache_key keys[BATCH];
    struct cache *c = cache_open(&conf, err, sizeof(err));
    double start, best = 0;

    if (c == NULL || n == 0) {
        fprintf(stderr, "find: %s\n", c == NULL ? err : "how many objects?");
        return 1;
    }
    for (uint64_t i = 0; i < n; i++)
        store(c, i);
    cache_stats(c, &st);
    printf("%llu objects, %.0f bytes of memory each\n", (unsigned long long)st.objects,
        (double)st.used_bytes / (double)st.objects);
    for (unsigned round = 0; round < rounds; round++) {
        double total = 0;
        unsigned found = 0;

        for (unsigned i = 0; i < FINDS; i += BATCH) {
            for (unsigned j = 0; j < BATCH; j++)
                keys[j] = key_number(texts[j], random_next(&x) % n);
            start = cpu_ns();
            for (unsigned j = 0; j < BATCH; j++) {
                struct object *obj = cache_find(c, &keys[j]);

                found += obj != NULL;
                object_release(&obj);
            }
            total += cpu_ns() - start;
        }
        printf("round %u: %.0f ns of CPU, %.1f %% found\n", round + 1, total / FINDS,
            100.0 * found / FINDS);
        if (best == 0 || total < best)
            best = total;
    }
    printf("find and release: %.0f ns of CPU\n", best / FINDS);
    cache_close(&c);
    return 0;
}
