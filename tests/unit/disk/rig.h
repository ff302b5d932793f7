/*
 * rig.h - a small volume in a temporary file, records that say what they are, and reads that wait.
 *
 * A record of key k and version v has a head that says both, and a body that follows from them, so
 * that whatever comes back can be judged by itself.
 */
#ifndef TESTS_UNIT_DISK_RIG_H
#define TESTS_UNIT_DISK_RIG_H

#include "things.h"

#include "disk/disk.h"

#include "disk/format.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct rig {
    char path[64];
    struct volume_plan plan;
    struct disk_conf conf;
    struct disk_io *io; /* NULL: the system's */
    struct worker *w;
    struct disk *d;
};

struct record_head {
    uint64_t key, version;
    uint32_t body_n;
    char text[20];
};

static inline void body_fill(char *to, uint64_t key, uint64_t version, size_t n)
{
    uint64_t state = key * 1000003 + version;

    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = rnd(&state);

        memcpy(to + i, &v, n - i < 8 ? n - i : 8);
    }
}

static inline bool rig_keep(void *ctx, unsigned uses, uint64_t bytes)
{
    (void)ctx;
    (void)bytes;
    return uses != 0;
}

static inline void rig_init(struct rig *r, uint64_t bytes, uint32_t segment_bytes)
{
    char err[VOLUME_ERR_MAX] = "";
    int fd;

    *r = (struct rig){
        .plan = {
            .bytes = bytes, .segment_bytes = segment_bytes, .object_mean = 512, .key_seed = 1}};
    r->conf.keep = rig_keep;
    r->conf.checkpoint_ms = -1;
    r->conf.checkpoint_rate = UINT64_C(1) << 40;
    r->conf.slow_ms = 30000;
    r->conf.look_ms = 3600 * 1000;
    strcpy(r->path, "/tmp/selvage-disk-XXXXXX");
    fd = mkstemp(r->path);
    assert_true(fd >= 0);
    close(fd);
    if (!volume_init(r->path, &r->plan, true, NULL, NULL, err))
        fail_msg("%s", err);
    r->w = worker_new(1);
}

static inline void rig_open(struct rig *r)
{
    char err[VOLUME_ERR_MAX] = "";
    struct volume *v = volume_open(r->path, r->io, err);

    if (v == NULL || (r->d = disk_open(&v, &r->conf, err)) == NULL)
        fail_msg("%s", err);
    assert_null(v);
    (void)disk_wait(r->d);
}

static inline void rig_free(struct rig *r)
{
    disk_close(&r->d);
    worker_join(&r->w);
    assert_int_equal(unlink(r->path), 0);
}

static inline struct hash128 rig_key(const struct rig *r, uint64_t key)
{
    return disk_key(r->d, span_make((const char *)&key, sizeof(key)));
}

static inline enum disk_put_result rig_try_put(
    struct rig *r, uint64_t key, uint64_t version, uint32_t body_n)
{
    struct record_head h = {.key = key, .version = version, .body_n = body_n, .text = "a head"};
    char *body = xmalloc(body_n + 8);
    struct span pieces[2] = {{body, body_n / 3}, {body + body_n / 3, body_n - body_n / 3}};
    struct disk_put p = {
        .key = rig_key(r, key),
        .meta = {.born = version, .site = key, .expires = 77, .kind = key % 4, .flags = 9},
        .head = span_make((const char *)&h, sizeof(h)),
        .body = pieces,
        .body_n = 2,
    };
    enum disk_put_result res;

    body_fill(body, key, version, body_n);
    res = disk_put(r->d, &p);
    memset(body, 'x', body_n); /* nothing of it is needed any more */
    free(body);
    return res;
}

/* Waits until there is room. */
static inline void rig_put(struct rig *r, uint64_t key, uint64_t version, uint32_t body_n)
{
    enum disk_put_result res;

    while ((res = rig_try_put(r, key, version, body_n)) == DISK_PUT_BUSY)
        disk_flush(r->d);
    assert_int_equal(res, DISK_PUT_DONE);
}

struct rig_read {
    struct disk_read read;
    uint64_t key;
    unsigned dones, takes;
    bool found;
    uint64_t version;
    uint32_t body_n;
    unsigned *left; /* NULL, or of several how many are missing */
};

static inline void rig_take(
    struct disk_read *read, const struct disk_meta *meta, struct span head, struct span body)
{
    struct rig_read *g = container_of(read, struct rig_read, read);
    struct record_head h;
    char *want;

    check(head.n == sizeof(h));
    memcpy(&h, head.p, sizeof(h));
    check(h.key == g->key && h.body_n == body.n && strcmp(h.text, "a head") == 0);
    check(meta->born == h.version && meta->site == h.key && meta->expires == 77 &&
          meta->kind == h.key % 4 && meta->flags == 9);
    want = xmalloc(body.n + 8);
    body_fill(want, h.key, h.version, body.n);
    check(memcmp(want, body.p, body.n) == 0);
    free(want);
    g->takes++;
    g->version = h.version;
    g->body_n = h.body_n;
}

static inline void rig_done(struct disk_read *read, bool found)
{
    struct rig_read *g = container_of(read, struct rig_read, read);

    g->dones++;
    g->found = found;
    check(g->takes == (found ? 1 : 0));
    if (g->left == NULL || --*g->left == 0)
        worker_quit(read->worker);
}

static inline enum disk_get_result rig_start(struct rig *r, struct rig_read *g, uint64_t key)
{
    *g = (struct rig_read){.key = key, .left = g->left};
    g->read.key = rig_key(r, key);
    g->read.take = rig_take;
    g->read.done = rig_done;
    return disk_get(r->d, r->w, &g->read);
}

/* A read at once, as its body comes in. */
struct rig_now {
    struct disk_now now;
    uint64_t key;
    struct record_head h;
    char *body; /* owns */
};

static inline bool rig_begin(struct disk_now *now, const struct disk_meta *meta, struct span head,
    uint32_t body_n, char **pieces)
{
    struct rig_now *g = container_of(now, struct rig_now, now);

    check(head.n == sizeof(g->h));
    memcpy(&g->h, head.p, sizeof(g->h));
    check(g->h.key == g->key && g->h.body_n == body_n && meta->born == g->h.version);
    g->body = xmalloc(body_n + 8);
    for (uint32_t at = 0; at < body_n; at += RECORD_PIECE)
        *pieces++ = g->body + at;
    return true;
}

/* The version that is read at once and checked byte for byte; 0: none. */
static inline uint64_t rig_get_now(struct rig *r, uint64_t key)
{
    struct rig_now g = {.now = {.key = rig_key(r, key), .begin = rig_begin}, .key = key};
    bool found = disk_get_now(r->d, &g.now);
    char *want;

    if (found) {
        want = xmalloc(g.h.body_n + 8);
        body_fill(want, key, g.h.version, g.h.body_n);
        check(memcmp(want, g.body, g.h.body_n) == 0);
        free(want);
    }
    free(g.body);
    return found ? g.h.version : 0;
}

/* The version that is found, which is checked byte for byte; 0: none. */
static inline uint64_t rig_get(struct rig *r, uint64_t key)
{
    struct rig_read g = {.left = NULL};
    uint64_t now = rig_get_now(r, key);

    if (now != 0)
        return now;
    if (rig_start(r, &g, key) != DISK_GET_READING)
        return 0;
    while (g.dones == 0)
        worker_run(r->w);
    return g.found ? g.version : 0;
}

static inline struct disk_stats rig_stats(struct rig *r)
{
    struct disk_stats s;

    disk_stats(r->d, &s);
    return s;
}

#endif
