#include "cache/purge_journal.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/hash.h"
#include "base/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 48,
    HEAD_BYTES = 24, /* of a record */
    FORMAT_VERSION = 1,
    FILE_MAX = 256 << 20,
    QUEUE_MAX = 1 << 20, /* more than that waits for a snapshot */
    ADDED_MIN = 4 << 20, /* a file may grow by that, or as much as its snapshot has */
};

static const char magic[8] = "SLVPURGE";

struct purge_journal {
    bool (*snapshot)(void *ctx, struct buf *out, uint64_t *seq);
    void *ctx;
    char *path, *path_new; /* own */
    uint64_t identity;

    /* Of who is writing. */
    int fd;                  /* locked; -1: there is no file */
    uint64_t bytes;          /* of the file */
    uint64_t snapshot_bytes; /* of them the header and the snapshot */
    bool sound;              /* what is on the disk is what we think */

    pthread_mutex_t lock;
    pthread_cond_t written;
    struct buf queue;
    uint64_t queue_seq; /* the last that the queue, or what was written, has */
    bool overfull;      /* the queue has not all */
    bool writing;
    uint64_t writing_seq; /* what the write in progress covers */
    uint64_t synced;
};

/* --- the format --------------------------------------------------------------------------- */

static void put16(char *to, uint16_t v)
{
    v = htole16(v);
    memcpy(to, &v, sizeof(v));
}

static void put32(char *to, uint32_t v)
{
    v = htole32(v);
    memcpy(to, &v, sizeof(v));
}

static void put64(char *to, uint64_t v)
{
    v = htole64(v);
    memcpy(to, &v, sizeof(v));
}

static uint16_t get16(const char *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static uint32_t get32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static uint64_t get64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static uint64_t checksum(const char *p, size_t n)
{
    return hash64_seeded(span_make(p, n), 0);
}

static bool one_write(struct buf *out, const struct purge_record *r, bool hard, uint64_t seq)
{
    char label[sizeof(r->label)], head[HEAD_BYTES];
    struct span rest = SPAN_EMPTY;

    switch (r->kind) {
    case PURGE_RECORD_ALL:
        break;
    case PURGE_RECORD_LABEL:
        put64(label, r->label);
        rest = span_make(label, sizeof(label));
        break;
    case PURGE_RECORD_PREFIX:
        rest = r->text;
        break;
    }
    check(rest.n <= UINT16_MAX);
    head[4] = (char)r->kind;
    head[5] = (char)hard;
    put16(head + 6, (uint16_t)rest.n);
    put64(head + 8, seq);
    put64(head + 16, checksum(rest.p, rest.n));
    put32(head, (uint32_t)checksum(head + 4, sizeof(head) - 4));
    return buf_append(out, span_make(head, sizeof(head))) && buf_append(out, rest);
}

bool purge_record_write(struct buf *out, const struct purge_record *r)
{
    return (r->mark.hard == 0 || one_write(out, r, true, r->mark.hard)) &&
           (r->mark.soft == 0 || one_write(out, r, false, r->mark.soft));
}

static void header_write(
    char to[static HEADER_BYTES], uint64_t identity, uint64_t base, uint64_t snapshot_bytes)
{
    memcpy(to, magic, sizeof(magic));
    put32(to + 8, FORMAT_VERSION);
    put32(to + 12, 0);
    put64(to + 16, identity);
    put64(to + 24, base);
    put64(to + 32, snapshot_bytes);
    put64(to + 40, checksum(to, 40));
}

enum got { GOT_RECORD, GOT_END, GOT_TORN, GOT_DAMAGE };

static bool is_zeros(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != 0)
            return false;
    }
    return true;
}

static bool rest_fits(enum purge_record_kind kind, size_t n)
{
    switch (kind) {
    case PURGE_RECORD_ALL:
        return n == 0;
    case PURGE_RECORD_LABEL:
        return n == sizeof(uint64_t);
    case PURGE_RECORD_PREFIX:
        return n > 0;
    }
    return false;
}

/* Takes a record off the front. */
static enum got record_read(struct span *s, struct purge_record *r, uint64_t *seq)
{
    struct span rest;

    if (s->n == 0)
        return GOT_END;
    if (s->n < HEAD_BYTES || is_zeros(*s))
        return GOT_TORN;
    if (get32(s->p) != (uint32_t)checksum(s->p + 4, HEAD_BYTES - 4))
        return GOT_DAMAGE;
    rest = span_make(s->p + HEAD_BYTES, get16(s->p + 6));
    if (rest.n > s->n - HEAD_BYTES)
        return GOT_TORN;
    *r = (struct purge_record){.kind = (enum purge_record_kind)s->p[4], .text = rest};
    *seq = get64(s->p + 8);
    if (get64(s->p + 16) != checksum(rest.p, rest.n) || !rest_fits(r->kind, rest.n) ||
        (unsigned char)s->p[5] > 1 || *seq == 0)
        return GOT_DAMAGE;
    *(s->p[5] != 0 ? &r->mark.hard : &r->mark.soft) = *seq;
    if (r->kind == PURGE_RECORD_LABEL) {
        r->label = get64(rest.p);
        if (r->label == 0)
            return GOT_DAMAGE;
    }
    *s = span_from(*s, HEAD_BYTES + rest.n);
    return GOT_RECORD;
}

/* --- reading ------------------------------------------------------------------------------ */

static void replay_damaged(
    const char *path, struct span file, struct span left, struct purge_journal_found *found)
{
    found->damaged = true;
    /* As many as there can have been. */
    found->last += left.n / HEAD_BYTES + 1;
    log_msg(LOG_ERROR,
        "purge journal %s: damaged at byte %zu of %zu; everything stored before is purged", path,
        file.n - left.n, file.n);
}

static void replay_all(const char *path, struct span file, uint64_t snapshot_bytes,
    void (*replay)(void *ctx, const struct purge_record *r), void *ctx,
    struct purge_journal_found *found)
{
    const uint64_t base = found->last;
    struct span left = span_from(file, HEADER_BYTES), before;
    bool in_snapshot;
    struct purge_record r;
    uint64_t seq;

    for (;;) {
        before = left;
        in_snapshot = file.n - left.n < HEADER_BYTES + snapshot_bytes;
        switch (record_read(&left, &r, &seq)) {
        case GOT_RECORD:
            if (in_snapshot ? seq > base : seq < found->last || seq > found->last + 1) {
                replay_damaged(path, file, before, found);
                return;
            }
            replay(ctx, &r);
            found->last = in_snapshot ? base : seq;
            continue;
        case GOT_END:
            if (in_snapshot)
                replay_damaged(path, file, before, found);
            return;
        case GOT_TORN:
            if (in_snapshot)
                replay_damaged(path, file, before, found);
            else
                log_msg(LOG_WARN, "purge journal %s: cut off %zu bytes that were never complete",
                    path, before.n);
            return;
        case GOT_DAMAGE:
            replay_damaged(path, file, before, found);
            return;
        }
    }
}

/* False: a sentence is in err. */
static bool read_header(const char *path, struct span file, struct purge_journal_found *found,
    uint64_t *snapshot_bytes, char *err, unsigned long err_cap)
{
    *found = (struct purge_journal_found){.identity = random_u64(), .is_new = file.n == 0};
    *snapshot_bytes = 0;
    if (file.n == 0)
        return true;
    if (file.n < HEADER_BYTES || memcmp(file.p, magic, sizeof(magic)) != 0 ||
        get64(file.p + 40) != checksum(file.p, 40)) {
        found->damaged = true;
        log_msg(LOG_ERROR,
            "purge journal %s: its header is damaged; everything stored before is purged", path);
        return true;
    }
    if (get32(file.p + 8) != FORMAT_VERSION) {
        snprintf(err, err_cap, "the purge journal %s is of version %u, and this is %d", path,
            (unsigned)get32(file.p + 8), FORMAT_VERSION);
        return false;
    }
    found->identity = get64(file.p + 16);
    found->last = get64(file.p + 24);
    *snapshot_bytes = get64(file.p + 32);
    return true;
}

static bool read_whole(int fd, struct buf *to)
{
    ssize_t n;

    for (;;) {
        if (!buf_reserve(to, 64 << 10)) {
            errno = EFBIG;
            return false;
        }
        n = read(fd, to->p + to->n, to->cap - to->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        to->n += (size_t)n;
    }
}

/* --- the file ----------------------------------------------------------------------------- */

/* Only one process has a journal. It may have been replaced between open() and flock(). */
static int open_locked(const char *path, char *err, unsigned long err_cap)
{
    struct stat opened, now;
    int fd;

    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            snprintf(err, err_cap, "cannot open the purge journal %s: %s", path, strerror(errno));
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            snprintf(err, err_cap, "the purge journal %s belongs to another process", path);
            close(fd);
            return -1;
        }
        if (fstat(fd, &opened) == 0 && stat(path, &now) == 0 && opened.st_ino == now.st_ino &&
            opened.st_dev == now.st_dev)
            return fd;
        close(fd);
    }
}

static bool write_all(int fd, struct span s, uint64_t at)
{
    while (s.n > 0) {
        ssize_t n = pwrite(fd, s.p, s.n, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return false;
        }
        s = span_from(s, (size_t)n);
        at += (uint64_t)n;
    }
    return true;
}

/* What was renamed is found after a crash only when its folder is on the disk, too. */
static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    int fd, error;
    bool ok;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ok = fsync(fd) == 0;
    error = errno;
    close(fd);
    errno = error;
    return ok;
}

/* A new file in the old one's place; its descriptor, or -1. */
static int file_replace(const struct purge_journal *j, struct span header, struct span records)
{
    int fd = open(j->path_new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error;

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write_all(fd, header, 0) &&
        write_all(fd, records, header.n) && fsync(fd) == 0 && rename(j->path_new, j->path) == 0 &&
        sync_folder(j->path))
        return fd;
    error = errno;
    (void)unlink(j->path_new);
    close(fd);
    errno = error;
    return -1;
}

static bool failed(struct purge_journal *j)
{
    if (j->sound)
        log_msg(LOG_ERROR,
            "purge journal %s: %s; purges hold, but a restart would forget the last ones", j->path,
            strerror(errno));
    count(C_PURGE_JOURNAL_ERRORS);
    j->sound = false;
    return false;
}

/* By who is writing. *seq: what it covers. */
static bool rewrite(struct purge_journal *j, uint64_t *seq)
{
    char header[HEADER_BYTES];
    struct buf records;
    bool was_sound = j->sound;
    int fd = -1;

    buf_init(&records, FILE_MAX);
    errno = ENOMEM;
    if (j->snapshot(j->ctx, &records, seq)) {
        header_write(header, j->identity, *seq, records.n);
        fd = file_replace(j, span_make(header, sizeof(header)), buf_span(&records));
    }
    if (fd < 0) {
        buf_free(&records);
        return failed(j);
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->bytes = j->snapshot_bytes = HEADER_BYTES + records.n;
    j->sound = true;
    buf_free(&records);
    if (!was_sound)
        log_msg(LOG_INFO, "purge journal %s: is written again", j->path);
    return true;
}

static bool append(struct purge_journal *j, struct span records)
{
    if (!write_all(j->fd, records, j->bytes) || fdatasync(j->fd) < 0)
        return failed(j);
    j->bytes += records.n;
    return true;
}

/* --- those who purge ---------------------------------------------------------------------- */

void purge_journal_add(struct purge_journal *j, const struct purge_record *r)
{
    pthread_mutex_lock(&j->lock);
    if (!j->overfull && !purge_record_write(&j->queue, r))
        j->overfull = true;
    j->queue_seq = r->mark.hard > r->mark.soft ? r->mark.hard : r->mark.soft;
    pthread_mutex_unlock(&j->lock);
}

void purge_journal_forget(struct purge_journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->queue.n = 0;
    j->overfull = false;
    j->writing_seq = j->queue_seq;
    pthread_mutex_unlock(&j->lock);
}

/* --- those who wait ----------------------------------------------------------------------- */

static bool has_grown(const struct purge_journal *j, size_t by)
{
    uint64_t most = j->snapshot_bytes > ADDED_MIN ? j->snapshot_bytes : ADDED_MIN;

    return j->bytes - j->snapshot_bytes + by > most;
}

/* Writes all that there is; under the lock, which it leaves meanwhile. */
static void write_queue(struct purge_journal *j)
{
    struct buf records = j->queue;
    bool anew = !j->sound || j->overfull || has_grown(j, records.n), ok;
    uint64_t seq = j->queue_seq;

    j->writing = true;
    j->writing_seq = seq;
    if (!anew)
        buf_init(&j->queue, QUEUE_MAX);
    pthread_mutex_unlock(&j->lock);
    if (anew) {
        ok = rewrite(j, &seq);
    } else {
        ok = append(j, buf_span(&records));
        buf_free(&records);
    }
    pthread_mutex_lock(&j->lock);
    if (ok && seq > j->synced)
        j->synced = seq;
    j->writing = false;
    pthread_cond_broadcast(&j->written);
}

bool purge_journal_sync(struct purge_journal *j, uint64_t seq)
{
    bool tried = false;

    pthread_mutex_lock(&j->lock);
    while (j->synced < seq && !tried) {
        if (j->writing) {
            /* What began without ours is no answer. */
            tried = j->writing_seq >= seq;
            pthread_cond_wait(&j->written, &j->lock);
            tried = tried && !j->writing;
            continue;
        }
        write_queue(j);
        tried = true;
    }
    tried = j->synced >= seq;
    pthread_mutex_unlock(&j->lock);
    return tried;
}

void purge_journal_rewrite(struct purge_journal *j)
{
    pthread_mutex_lock(&j->lock);
    j->sound = true; /* so that a failure is said */
    j->overfull = true;
    write_queue(j);
    pthread_mutex_unlock(&j->lock);
}

/* --- life --------------------------------------------------------------------------------- */

static void journal_free(struct purge_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    buf_free(&j->queue);
    pthread_cond_destroy(&j->written);
    pthread_mutex_destroy(&j->lock);
    free(j->path);
    free(j->path_new);
    free(j);
}

static struct purge_journal *journal_new(const char *path)
{
    struct purge_journal *j = xcalloc(1, sizeof(*j));
    size_t n = strlen(path) + sizeof(".new");

    j->path = xmalloc(n);
    j->path_new = xmalloc(n);
    snprintf(j->path, n, "%s", path);
    snprintf(j->path_new, n, "%s.new", path);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->written, NULL);
    buf_init(&j->queue, QUEUE_MAX);
    j->fd = -1;
    return j;
}

struct purge_journal *purge_journal_open(const char *path,
    void (*replay)(void *ctx, const struct purge_record *r),
    bool (*snapshot)(void *ctx, struct buf *out, uint64_t *seq), void *ctx,
    struct purge_journal_found *found, char *err, unsigned long err_cap)
{
    struct purge_journal *j = journal_new(path);
    uint64_t snapshot_bytes;
    struct buf file;
    bool ok;

    buf_init(&file, FILE_MAX);
    j->fd = open_locked(path, err, err_cap);
    ok = j->fd >= 0;
    if (ok && !read_whole(j->fd, &file)) {
        snprintf(err, err_cap, "cannot read the purge journal %s: %s", path, strerror(errno));
        ok = false;
    }
    ok = ok && read_header(path, buf_span(&file), found, &snapshot_bytes, err, err_cap);
    if (!ok) {
        buf_free(&file);
        journal_free(j);
        return NULL;
    }
    if (!found->damaged && file.n > 0)
        replay_all(path, buf_span(&file), snapshot_bytes, replay, ctx, found);
    buf_free(&file);
    j->snapshot = snapshot;
    j->ctx = ctx;
    j->identity = found->identity;
    j->synced = j->queue_seq = found->last;
    return j;
}

void purge_journal_close(struct purge_journal **jp)
{
    struct purge_journal *j = *jp;

    if (!purge_journal_sync(j, j->queue_seq))
        log_msg(LOG_ERROR, "purge journal %s: the last purges are not in it", j->path);
    *jp = NULL; /* only now: the snapshot asks for it */
    journal_free(j);
}
