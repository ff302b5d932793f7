#include "cache/disk_tier.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "cache/disk_tier_impl.h"
#include "cache/object.h"
#include "cache/purge_impl.h"
#include "cache/slice.h"
#include "http/etag.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    PROGRESS_MS = 1000,
    RECOVERY_WAIT_MS = 200, /* worth waiting for, so that clients do not begin with misses */
    MEAN_BYTES = 16 << 10,  /* of what is remembered as asked for once */
    HEAD_USUAL_MAX = 4 << 10,
};

/* --- making and opening volumes -------------------------------------------------------------- */

struct progress {
    const char *path;
    mono_ms told_ms;
};

static bool on_progress(void *ctx, uint64_t done, uint64_t of)
{
    struct progress *p = ctx;
    mono_ms now = clock_mono_ms();

    if (now - p->told_ms >= PROGRESS_MS && of > 0) {
        p->told_ms = now;
        log_msg(LOG_INFO, "making the volume %s: %u %%", p->path, (unsigned)(done * 100 / of));
    }
    return true;
}

/* A volume that is not there yet is made; whatever is there is not touched. */
static bool make_if_missing(
    const struct disk_volume_conf *v, uint64_t journal, char err[VOLUME_ERR_MAX])
{
    struct volume_plan plan = {.bytes = v->bytes, .journal = journal};
    struct progress progress = {.path = v->path, .told_ms = clock_mono_ms()};

    if (access(v->path, F_OK) == 0)
        return true;
    log_msg(
        LOG_INFO, "making the volume %s of %llu MiB", v->path, (unsigned long long)v->bytes >> 20);
    return volume_init(v->path, &plan, false, on_progress, &progress, err);
}

/* One that was made by hand belongs to no journal yet. As long as it is blank, nothing can come
 * back from it. */
static bool adopt(struct volume *v, uint64_t journal, char err[VOLUME_ERR_MAX])
{
    if (v->sb.journal != 0 || !volume_is_blank(v))
        return true;
    if (volume_set_journal(v, journal))
        return true;
    snprintf(err, VOLUME_ERR_MAX, "the volume %s: writing: %s", v->path, strerror(errno));
    return false;
}

static bool belongs(const struct volume *v, uint64_t journal, char err[VOLUME_ERR_MAX])
{
    if (v->sb.journal == journal)
        return true;
    snprintf(err, VOLUME_ERR_MAX,
        "the volume %s belongs to another journal of purges, so what was purged could come back: "
        "give it that journal, or empty it by: selvagectl volume init --force %s",
        v->path, v->path);
    return false;
}

static struct volume *open_volume(
    const struct disk_volume_conf *conf, uint64_t journal, char err[VOLUME_ERR_MAX])
{
    struct volume *v;

    if (!make_if_missing(conf, journal, err))
        return NULL;
    v = volume_open(conf->path, NULL, err);
    if (v == NULL)
        return NULL;
    if (!adopt(v, journal, err) || !belongs(v, journal, err)) {
        volume_close(&v);
        return NULL;
    }
    if (v->sb.bytes != conf->bytes / DISK_PAGE * DISK_PAGE)
        log_msg(LOG_WARN,
            "the volume %s has %llu MiB, as it was made, and not the %llu MiB of the configuration",
            v->path, (unsigned long long)v->sb.bytes >> 20, (unsigned long long)conf->bytes >> 20);
    return v;
}

/* What a volume need not keep any longer. On its keeper's thread. */
static bool is_dead(void *ctx, const struct disk_meta *m)
{
    const struct disk_tier *t = ctx;

    return (m->expires != 0 && m->expires < clock_wall_ms() / 1000) ||
           purges_dead(t->cache->purges, m->site, m->born);
}

/* For all volumes together. On a keeper's thread. */
static bool keep(void *ctx, unsigned uses, uint64_t bytes)
{
    struct disk_tier *t = ctx;
    bool again;

    pthread_mutex_lock(&t->lock);
    again = admission_keep(&t->admission, uses, bytes);
    if (again)
        admission_wrote(&t->admission, bytes);
    pthread_mutex_unlock(&t->lock);
    return again;
}

/* --- life ----------------------------------------------------------------------------------- */

/* Segments are a part of a volume, and records of segments. */
static void tell_if_small(const struct disk *d)
{
    uint32_t max = disk_body_max(d, HEAD_USUAL_MAX);

    if (max < DISK_TIER_WHOLE_MAX)
        log_msg(LOG_WARN,
            "the volume %s is small: it stores nothing, object or slice, of more than %u KiB; one "
            "of %u MiB or more stores all",
            disk_volume(d)->path, (unsigned)(max >> 10), (unsigned)DISK_TIER_VOLUME_MIB);
}

static bool open_all(
    struct disk_tier *t, const struct cache_conf *conf, uint64_t journal, char err[VOLUME_ERR_MAX])
{
    for (const struct disk_volume_conf *v = conf->volumes; v != NULL; v = v->next) {
        struct disk_conf disk = {
            .slow_ms = t->wait_ms,
            .checkpoint_ms = conf->disk_checkpoint_ms,
            .direct = v->direct,
            .dead = is_dead,
            .keep = keep,
            .ctx = t,
        };
        struct volume *opened;

        check(t->volumes_n < DISK_TIER_VOLUMES_MAX);
        opened = open_volume(v, journal, err);
        if (opened == NULL)
            return false;
        t->weights[t->volumes_n] = (double)opened->sb.bytes;
        t->volumes[t->volumes_n] = disk_open(&opened, &disk, err);
        if (t->volumes[t->volumes_n] == NULL)
            return false;
        tell_if_small(t->volumes[t->volumes_n]);
        unread_init(&t->unread[t->volumes_n]);
        t->volumes_n++;
    }
    return true;
}

static bool recovering(const struct disk_tier *t)
{
    for (unsigned i = 0; i < t->volumes_n; i++) {
        if (!unread_over(&t->unread[i]))
            return true;
    }
    return false;
}

static void wait_a_little(const struct disk_tier *t)
{
    const struct timespec tick = {.tv_nsec = 1000000};
    mono_ms until = clock_mono_ms() + RECOVERY_WAIT_MS;

    while (recovering(t) && clock_mono_ms() < until)
        nanosleep(&tick, NULL);
}

/* The keepers are there already; until now nothing was kept. */
static void init_admission(struct disk_tier *t, const struct cache_conf *conf)
{
    struct admission_conf admission = {.budget_bytes_s = conf->disk_write_bytes_s};
    uint64_t ghosts_n;

    for (unsigned i = 0; i < t->volumes_n; i++)
        admission.ring_bytes += disk_volume(t->volumes[i])->sb.bytes;
    ghosts_n = admission.ring_bytes / MEAN_BYTES;
    if (ghosts_n < GHOSTS_WAYS)
        ghosts_n = GHOSTS_WAYS;
    pthread_mutex_lock(&t->lock);
    t->duels = conf->admission == CACHE_ADMISSION_AUTO;
    if (t->duels)
        duel_init(&t->duel, admission.ring_bytes);
    admission.floor = t->duels ? t->duel.winner : (enum admission_level)(conf->admission - 1);
    t->ghosts = xcalloc(ghosts_n, sizeof(*t->ghosts));
    admission_init(&t->admission, &admission, t->ghosts, ghosts_n, random_u64(), clock_mono_ms());
    pthread_mutex_unlock(&t->lock);
}

struct disk_tier *disk_tier_open(
    struct cache *c, const struct cache_conf *conf, uint64_t journal, char *err, size_t err_cap)
{
    struct disk_tier *t = xcalloc(1, sizeof(*t));
    char why[VOLUME_ERR_MAX];

    t->cache = c;
    t->wait_ms = conf->disk_wait_ms != 0 ? conf->disk_wait_ms : DISK_TIER_WAIT_MS;
    pthread_mutex_init(&t->lock, NULL);
    loads_init(t);
    if (!open_all(t, conf, journal, why)) {
        snprintf(err, err_cap, "%s", why);
        disk_tier_close(&t);
        return NULL;
    }
    init_admission(t, conf);
    disk_writer_start(t, conf->memory_bytes / DISK_QUEUE_BYTES_DIVISOR);
    wait_a_little(t);
    return t;
}

void disk_tier_stop(struct disk_tier *t)
{
    for (unsigned i = 0; i < t->volumes_n; i++)
        disk_stop_reads(t->volumes[i]);
}

void disk_tier_close(struct disk_tier **tp)
{
    struct disk_tier *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    disk_writer_free(&t->writer);
    for (unsigned i = 0; i < t->volumes_n; i++) {
        disk_close(&t->volumes[i]);
        unread_free(&t->unread[i]);
    }
    pthread_mutex_destroy(&t->loads_lock);
    pthread_mutex_destroy(&t->lock);
    duel_free(&t->duel);
    free(t->ghosts);
    free(t);
}

/* --- its memory ------------------------------------------------------------------------------- */

uint64_t disk_tier_ghost_bytes(const struct disk_tier *t)
{
    return (uint64_t)t->admission.seen.sets * GHOSTS_WAYS * sizeof(*t->ghosts) +
           duel_memory(&t->duel);
}

uint64_t disk_tier_memory(struct disk_tier *t)
{
    uint64_t bytes = disk_tier_ghost_bytes(t);

    for (unsigned i = 0; i < t->volumes_n; i++) {
        struct disk_stats s;

        disk_stats(t->volumes[i], &s);
        bytes += s.index_bytes + s.buffer_bytes;
    }
    return bytes;
}

/* --- which volume ---------------------------------------------------------------------------- */

/* Weighted rendezvous: of all volumes the one whose own draw for that key, stretched by its size,
 * is the highest. */
unsigned disk_tier_place(const struct disk_tier *t, struct span key)
{
    double best = -HUGE_VAL;
    unsigned chosen = 0;

    for (unsigned i = 0; t->volumes_n > 1 && i < t->volumes_n; i++) {
        uint64_t draw = XXH3_64bits_withSeed(key.p, key.n, disk_volume(t->volumes[i])->sb.id);
        double score = t->weights[i] / -log(((double)(draw >> 11) + 0.5) * 0x1p-53);

        if (score > best) {
            best = score;
            chosen = i;
        }
    }
    return chosen;
}

/* --- what comes and goes ---------------------------------------------------------------------- */

static bool has_record(const struct disk_tier *t, struct span key)
{
    unsigned place = disk_tier_place(t, key);
    struct disk *d = t->volumes[place];
    struct disk_entry entry;

    return unread_over(&t->unread[place]) && disk_peek(d, disk_key(d, key), &entry);
}

/* While something is queued it is in memory; if it is not, it has been removed there, and a record
 * is an older version's. */
bool disk_tier_has(struct disk_tier *t, struct span key)
{
    return has_record(t, key) && !disk_writer_has(t->writer, key);
}

static bool gone_round(const struct disk_tier *t)
{
    for (unsigned i = 0; i < t->volumes_n; i++)
        if (!disk_gone_round(t->volumes[i]))
            return false;
    return true;
}

/* Under the lock. */
static void asked(struct disk_tier *t, uint64_t fingerprint, uint64_t bytes)
{
    if (!t->duels || !duel_samples(&t->duel, fingerprint))
        return;
    duel_ask(&t->duel, fingerprint, bytes);
    t->admission.conf.floor = t->duel.winner;
}

void disk_tier_loaded(struct disk_tier *t, const struct object *obj)
{
    if (!t->duels || !duel_samples(&t->duel, obj->hash.lo))
        return;
    pthread_mutex_lock(&t->lock);
    asked(t, obj->hash.lo, obj->bytes + obj->body_bytes);
    pthread_mutex_unlock(&t->lock);
}

static bool admit(struct disk_tier *t, const struct object *obj, uint64_t bytes)
{
    bool take;

    pthread_mutex_lock(&t->lock);
    asked(t, obj->hash.lo, bytes);
    admission_tick(&t->admission, clock_mono_ms(), gone_round(t));
    take = admission_take(&t->admission, obj->hash.lo, bytes);
    pthread_mutex_unlock(&t->lock);
    return take;
}

static void wrote(struct disk_tier *t, uint64_t bytes)
{
    pthread_mutex_lock(&t->lock);
    admission_wrote(&t->admission, bytes);
    pthread_mutex_unlock(&t->lock);
}

/* When it is wanted, it is offered soon, and that is when it counts as asked for. */
static bool admission_would(struct disk_tier *t, const struct object *obj, uint64_t bytes)
{
    bool wants;

    pthread_mutex_lock(&t->lock);
    wants = admission_wants(&t->admission, obj->hash.lo, bytes);
    if (!wants)
        asked(t, obj->hash.lo, bytes);
    pthread_mutex_unlock(&t->lock);
    return wants;
}

/* Slices of a larger object have to come from the origin when the disk has lost some of them. */
static bool can_be_cut(const struct object *obj)
{
    struct etag tag;

    return etag_parse(object_get(obj, FIELD_ETAG), &tag) && !tag.weak &&
           !span_ieq(object_get(obj, FIELD_ACCEPT_RANGES), SPAN("none"));
}

/* Codings are made again sooner than read, and the beginning of something is not worth a record. */
static bool is_worth_it(const struct object *obj, uint64_t length)
{
    if (slice_key_is(obj->key))
        return true;
    return obj->status != 206 && obj->key.p[0] != '\n' &&
           (length <= DISK_TIER_WHOLE_MAX || can_be_cut(obj));
}

bool disk_tier_wants(struct disk_tier *t, const struct object *obj, uint64_t length)
{
    return is_worth_it(obj, length) &&
           (has_record(t, obj->key) || admission_would(t, obj, obj->bytes + length));
}

/* What is there already is replaced: an older version, or an older head of this one. */
static bool is_known(struct disk_tier *t, struct span key)
{
    return has_record(t, key) || disk_writer_has(t->writer, key);
}

/* Whether it is on its way to the disk. */
static bool take(struct disk_tier *t, struct object *obj)
{
    uint64_t bytes = obj->bytes + obj->body_bytes;

    if (!is_worth_it(obj, obj->body_bytes))
        return false;
    if (!is_known(t, obj->key)) {
        if (!admit(t, obj, bytes))
            return false;
        wrote(t, bytes);
    }
    return disk_writer_put(t->writer, obj);
}

/* What is not written must not leave an older version behind, either. */
void disk_tier_keep(struct disk_tier *t, struct object *obj)
{
    if (take(t, obj))
        loads_doom(t, obj->key);
    else
        disk_tier_drop(t, obj->key);
}

/* Pieces stand on all volumes. */
static bool all_ready(const struct disk_tier *t)
{
    for (unsigned i = 0; i < t->volumes_n; i++) {
        if (!unread_over(&t->unread[i]) || disk_state(t->volumes[i]) != DISK_READY)
            return false;
    }
    return true;
}

bool disk_tier_admits(struct disk_tier *t, struct object *obj, uint64_t bytes)
{
    return all_ready(t) && (is_known(t, obj->key) || admit(t, obj, bytes));
}

bool disk_tier_room(struct disk_tier *t)
{
    return disk_writer_room(t->writer);
}

void disk_tier_write(struct disk_tier *t, struct object *obj, struct disk_batch *batch)
{
    wrote(t, obj->bytes + obj->body_bytes);
    disk_writer_add(t->writer, obj, batch);
    if (!slice_key_is(obj->key))
        loads_doom(t, obj->key);
}

uint64_t disk_tier_bytes(const struct disk_tier *t)
{
    double bytes = 0;

    for (unsigned i = 0; i < t->volumes_n; i++)
        bytes += t->weights[i];
    return (uint64_t)bytes;
}

void disk_tier_forget(struct disk_tier *t, struct span key)
{
    unsigned place = disk_tier_place(t, key);

    unread_drop(&t->unread[place], t->volumes[place], disk_key(t->volumes[place], key));
}

/* The order matters: a load that begins after this finds nothing queued, and no record. */
void disk_tier_drop(struct disk_tier *t, struct span key)
{
    disk_writer_forget(t->writer, key);
    disk_tier_forget(t, key);
    loads_doom(t, key);
}
