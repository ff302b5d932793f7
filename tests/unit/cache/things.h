/*
 * things.h - what the tests of the cache need again and again: bodies that can be checked at any
 * offset, keys, objects, and a worker's loop to turn by hand.
 */
#ifndef TESTS_CACHE_THINGS_H
#define TESTS_CACHE_THINGS_H

#include "base/check.h"
#include "cache/cache.h"
#include "cache/fill.h"
#include "cache/object.h"
#include "cache/reader.h"
#include "loop/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Byte `at` of the body number `seed`. */
static inline char body_byte(uint64_t seed, uint64_t at)
{
    uint64_t x = (at >> 3) * UINT64_C(0x9e3779b97f4a7c15) + seed * UINT64_C(0xd6e8feb86659fd93);

    x ^= x >> 29;
    return (char)(x >> (at & 7) * 8);
}

static inline void body_write(char *to, uint64_t seed, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = body_byte(seed, at + i);
}

static inline bool body_is(const char *p, uint64_t seed, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != body_byte(seed, at + i))
            return false;
    return true;
}

/* The key number i; the text lives in `text`. */
static inline struct cache_key key_number(char text[static 32], uint64_t i)
{
    int n = snprintf(text, 32, "example.com/%llu", (unsigned long long)i);

    return cache_key_of(span_make(text, (size_t)n));
}

static inline struct cache *cache_of(uint64_t memory_bytes)
{
    struct cache_conf conf = {.memory_bytes = memory_bytes, .laggard_ms = 50};
    char err[256] = "";
    struct cache *c = cache_open(&conf, err, sizeof(err));

    if (c == NULL)
        fail_msg("%s", err);
    return c;
}

static inline struct object *object_of(struct cache *c, const struct cache_key *key)
{
    struct field lines[] = {
        {SPAN("Content-Type"), SPAN("text/plain"), FIELD_CONTENT_TYPE},
        {SPAN("ETag"), SPAN("\"abc\""), FIELD_ETAG},
    };
    struct http_response head = {.status = 200, .fields = {lines, 2, 2}};

    return object_new(c, key, &head, NULL, NULL);
}

static inline void no_room(void *ctx)
{
    (void)ctx;
}

/* Leads a fill of that key; `w` is not turned. */
static inline struct fill *fill_led(struct cache *c, const struct cache_key *key, struct worker *w,
    void (*on_room)(void *ctx), void *ctx)
{
    struct fill_request rq = {
        .key = key, .collapse = true, .worker = w, .on_room = on_room, .ctx = ctx};
    struct fill *f;

    check(fill_join(c, &rq, &f) == FILL_LEAD);
    return f;
}

/* Appends bytes [fill_bytes, upto) of body `seed`; true when it took them all. */
static inline bool fill_feed(struct fill *f, uint64_t seed, uint64_t upto)
{
    char data[16 << 10];

    for (uint64_t at; (at = fill_bytes(f)) < upto;) {
        size_t n = upto - at < sizeof(data) ? (size_t)(upto - at) : sizeof(data);

        body_write(data, seed, at, n);
        if (fill_append(f, span_make(data, n)) < n)
            return false;
    }
    return true;
}

/* A whole fill of `n` bytes; true when it was kept. */
static inline bool fill_whole(
    struct cache *c, struct worker *w, uint64_t number, uint64_t n, bool announced)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    bool kept = fill_head(f, object_of(c, &key), announced ? (int64_t)n : -1);

    check(fill_feed(f, number, n));
    fill_finish(f);
    fill_release(&f);
    return kept;
}

/* Reads and checks what is there of body `seed`, at most `bytes`; returns how much. */
static inline uint64_t reader_eat(struct reader *r, uint64_t seed, uint64_t *pos, size_t bytes)
{
    struct piece pieces[4];
    uint64_t eaten = 0;

    while (eaten < bytes) {
        int n = reader_pieces(r, pieces, 4, bytes - (size_t)eaten);
        size_t sum = 0;

        if (n == 0)
            break;
        for (int i = 0; i < n; i++) {
            check(body_is(pieces[i].data.p, seed, *pos, pieces[i].data.n));
            *pos += pieces[i].data.n;
            sum += pieces[i].data.n;
        }
        reader_consume(r, sum, false);
        eaten += sum;
    }
    return eaten;
}

/* Runs what is posted, without waiting. */
static inline void worker_turn(struct worker *w)
{
    ev_run(w->loop, EVRUN_NOWAIT);
    ev_run(w->loop, EVRUN_NOWAIT);
}

/* What was sent so often is sent by file from now on. */
static inline struct object *sent_often(struct object *obj)
{
    for (struct chunk *k = obj->body; k != NULL; k = k->next)
        chunk_sent(k, CHUNK_COPIES * (uint64_t)k->cap, false);
    return obj;
}

#endif
