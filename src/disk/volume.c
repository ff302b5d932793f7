#include "disk/volume.h"

#include "base/check.h"
#include "disk/index.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

PRINTF(2, 3) static bool refuse(char *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err, VOLUME_ERR_MAX, fmt, ap);
    va_end(ap);
    return false;
}

/* --- making one --- */

_Static_assert(VOLUME_BYTES_LIMIT / DISK_SECTOR <= INDEX_LOC_MAX + 1, "the index can say it all");

uint32_t volume_segment_choose(uint64_t bytes)
{
    uint32_t segment = VOLUME_SEGMENT_MAX;

    /* A record of the largest size needs a segment of 4 MiB; fewer than 64 are worth that. */
    while (segment > VOLUME_SEGMENT_MIN && bytes / segment < (segment > 4 << 20 ? 64 : 16))
        segment /= 2;
    return segment;
}

/* Where everything stands on a volume of that plan. */
static bool layout(const struct volume_plan *plan, struct superblock *s, char *err)
{
    uint64_t mean = plan->object_mean != 0 ? plan->object_mean : VOLUME_OBJECT_MEAN;
    uint64_t at = 2 * DISK_PAGE, segments;

    *s = (struct superblock){
        .generation = 1,
        .id = random_u64(),
        .key_seed = plan->key_seed != 0 ? plan->key_seed : random_u64(),
        .journal = plan->journal,
        .bytes = plan->bytes / DISK_PAGE * DISK_PAGE,
    };
    s->segment_bytes =
        plan->segment_bytes != 0 ? plan->segment_bytes : volume_segment_choose(plan->bytes);
    if (s->segment_bytes < VOLUME_SEGMENT_MIN || s->segment_bytes > VOLUME_SEGMENT_MAX ||
        (s->segment_bytes & (s->segment_bytes - 1)) != 0)
        return refuse(err, "segments of %u bytes: a power of two from %u to %u is possible",
            s->segment_bytes, (unsigned)VOLUME_SEGMENT_MIN, (unsigned)VOLUME_SEGMENT_MAX);
    if (mean < DISK_SECTOR)
        return refuse(err, "objects of %llu bytes in the mean: %u is the least",
            (unsigned long long)mean, (unsigned)DISK_SECTOR);
    if (s->bytes >= VOLUME_BYTES_LIMIT)
        return refuse(err, "a volume has less than %u TiB", (unsigned)(VOLUME_BYTES_LIMIT >> 40));
    s->buckets = disk_index_buckets(s->bytes / mean);
    s->checkpoint_bytes = checkpoint_bytes((uint64_t)s->buckets * INDEX_BUCKET_BYTES);
    for (int i = 0; i < 2; i++) {
        s->checkpoint_at[i] = at;
        at += s->checkpoint_bytes;
    }
    s->segments_at = at;
    segments = s->bytes > at ? (s->bytes - at) / s->segment_bytes : 0;
    if (segments < VOLUME_SEGMENTS_MIN)
        return refuse(err,
            "%llu bytes are too few: %llu for the index and at least %u segments of %u bytes",
            (unsigned long long)plan->bytes, (unsigned long long)at, (unsigned)VOLUME_SEGMENTS_MIN,
            s->segment_bytes);
    s->segments = (uint32_t)segments;
    return true;
}

/* The size of what is there: of the device, or of the file. */
static bool size_of(int fd, const char *path, uint64_t *bytes, bool *device, char *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return refuse(err, "%s: %s", path, strerror(errno));
    *device = S_ISBLK(st.st_mode);
    *bytes = (uint64_t)st.st_size;
    if (*device && ioctl(fd, BLKGETSIZE64, bytes) != 0)
        return refuse(err, "%s: its size: %s", path, strerror(errno));
    if (!*device && !S_ISREG(st.st_mode))
        return refuse(err, "%s: neither a file nor a block device", path);
    return true;
}

static bool allocate(int fd, uint64_t bytes, bool (*progress)(void *, uint64_t, uint64_t),
    void *ctx, const char *path, char *err)
{
    const uint64_t step = UINT64_C(256) << 20;

    for (uint64_t at = 0; at < bytes; at += step) {
        uint64_t n = bytes - at < step ? bytes - at : step;
        int e = posix_fallocate(fd, (off_t)at, (off_t)n);

        if (e != 0)
            return refuse(
                err, "%s: allocating %llu bytes: %s", path, (unsigned long long)bytes, strerror(e));
        if (progress != NULL && !progress(ctx, at + n, bytes))
            return refuse(err, "%s: given up", path);
    }
    return true;
}

/* The last page of every segment and all headers are what recovery reads: none of them may seem
 * right because of what stood there before. The new identity takes care of that; only the two
 * superblocks have to be written, and they last. */
static bool stamp(int fd, const struct superblock *s, const char *path, char *err)
{
    void *page = disk_io_memory(DISK_PAGE);
    bool ok = true;

    for (int i = 0; i < 2 && ok; i++) {
        superblock_write(s, page);
        ok = disk_io_write(&disk_io_system, fd, page, DISK_PAGE, (uint64_t)i * DISK_PAGE) &&
             fdatasync(fd) == 0;
    }
    if (!ok)
        refuse(err, "%s: writing: %s", path, strerror(errno));
    free(page);
    return ok;
}

static bool fill_in(int fd, const char *path, const struct volume_plan *asked,
    bool (*progress)(void *, uint64_t, uint64_t), void *ctx, char *err)
{
    struct volume_plan plan = *asked;
    struct superblock s;
    uint64_t has;
    bool device;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return refuse(err, "%s: in use by another process", path);
    if (!size_of(fd, path, &has, &device, err))
        return false;
    if (plan.bytes == 0)
        plan.bytes = has;
    if (device && plan.bytes > has)
        return refuse(err, "%s: the device has %llu bytes", path, (unsigned long long)has);
    if (plan.bytes < VOLUME_BYTES_MIN)
        return refuse(err, "%s: %llu bytes: a volume has at least %llu", path,
            (unsigned long long)plan.bytes, (unsigned long long)VOLUME_BYTES_MIN);
    if (!layout(&plan, &s, err))
        return false;
    if (!device && ftruncate(fd, (off_t)s.bytes) != 0)
        return refuse(err, "%s: %s", path, strerror(errno));
    if (!device && !plan.sparse && !allocate(fd, s.bytes, progress, ctx, path, err))
        return false;
    return stamp(fd, &s, path, err);
}

/* A block device is opened for us alone: one that is mounted, or part of an array, is not ours. */
static int alone(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? O_EXCL : 0;
}

static const char *why_not(int err)
{
    return err == EBUSY ? "in use, or mounted" : strerror(err);
}

static int open_or_make(const char *path, bool *made)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | alone(path));

    *made = false;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    *made = true;
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static bool all_zero(const char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Tables of partitions, file systems, arrays and volume managers all begin or end a device: one
 * that has nothing but zeros there has nothing. */
static bool is_blank_device(int fd, const char *path)
{
    const size_t look = 1 << 20;
    char err[VOLUME_ERR_MAX], *page = xmalloc(look);
    uint64_t has, from[2] = {0, 0};
    bool blank, device;

    blank = size_of(fd, path, &has, &device, err) && device && has >= look;
    from[1] = blank ? has - look : 0;
    for (int i = 0; i < 2 && blank; i++)
        blank = pread(fd, page, look, (off_t)from[i]) == (ssize_t)look && all_zero(page, look);
    free(page);
    return blank;
}

/* False with a sentence: there is something that may be worth more than a volume. */
static bool may_be_taken(int fd, const char *path, char *err)
{
    struct superblock s;
    char page[DISK_PAGE];
    ssize_t n = pread(fd, page, sizeof(page), 0);
    bool ours = n == sizeof(page) && superblock_parse(page, &s) != SUPERBLOCK_NONE;

    return n == 0 || is_blank_device(fd, path) ||
           refuse(err, "%s: %s; only --force makes a volume of it", path,
               ours ? "is a volume already" : "is not empty");
}

bool volume_init(const char *path, const struct volume_plan *plan, bool force,
    bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, char err[VOLUME_ERR_MAX])
{
    bool made, ok;
    int fd = open_or_make(path, &made);

    if (fd < 0)
        return refuse(err, "%s: %s", path, why_not(errno));
    if (!made && !force && !may_be_taken(fd, path, err)) {
        close(fd);
        return false;
    }
    ok = fill_in(fd, path, plan, progress, ctx, err);
    close(fd);
    if (!ok && made)
        (void)unlink(path);
    return ok;
}

/* --- opening one --- */

/* With O_DIRECT if the file system lets us read a page so. */
static int open_direct(const char *path, int flags, bool *direct)
{
    int fd = open(path, flags | O_DIRECT | O_CLOEXEC | O_NOCTTY);

    *direct = fd >= 0;
    if (fd < 0 && errno == EINVAL)
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
    return fd;
}

/* Of the two superblocks the one that holds; if there is none, why. */
static bool read_superblock(struct volume *v, char *err)
{
    char *page = disk_io_memory(DISK_PAGE);
    enum superblock_state worst = SUPERBLOCK_NONE;
    uint32_t version = 0;
    bool found = false;

    for (int i = 0; i < 2; i++) {
        struct superblock s;
        enum superblock_state state;

        if (!volume_read(v, page, DISK_PAGE, (uint64_t)i * DISK_PAGE)) {
            refuse(err, "%s: reading: %s", v->path, strerror(errno));
            continue;
        }
        state = superblock_parse(page, &s);
        if (state == SUPERBLOCK_OK && (!found || s.generation > v->sb.generation)) {
            v->sb = s;
            found = true;
        }
        if (state == SUPERBLOCK_VERSION)
            version = s.version;
        if (state > worst)
            worst = state;
        refuse(err, "%s: %s", v->path,
            worst == SUPERBLOCK_NONE ? "not a volume; it has to be initialised first"
                                     : "its superblocks are damaged; it has to be initialised");
    }
    free(page);
    if (!found && worst == SUPERBLOCK_VERSION)
        refuse(err, "%s: a volume of format %u, this is for format %u; it has to be initialised",
            v->path, version, (unsigned)DISK_VERSION);
    return found;
}

static struct volume *open_as(const char *path, struct disk_io *io, int flags, char *err)
{
    struct volume *v = xcalloc(1, sizeof(*v));
    uint64_t has;
    bool device;

    v->io = io;
    v->path = xstrdup(path);
    v->cached_fd = -1;
    v->fd = open_direct(path, flags | alone(path), &v->direct);
    if (v->fd < 0)
        refuse(err, "%s: %s", path, why_not(errno));
    else if (flock(v->fd, LOCK_EX | LOCK_NB) != 0)
        refuse(err, "%s: in use by another process", path);
    else if (size_of(v->fd, path, &has, &device, err) && read_superblock(v, err)) {
        if (has >= v->sb.bytes)
            return v;
        refuse(err, "%s: has %llu bytes of the %llu that it should have", path,
            (unsigned long long)has, (unsigned long long)v->sb.bytes);
    }
    volume_close(&v);
    return NULL;
}

struct volume *volume_open(const char *path, struct disk_io *io, char err[VOLUME_ERR_MAX])
{
    return open_as(path, io != NULL ? io : &disk_io_system, O_RDWR, err);
}

struct volume *volume_open_dry(const char *path, char err[VOLUME_ERR_MAX])
{
    return open_as(path, &disk_io_dry, O_RDONLY, err);
}

/* The file that `fd` has open once more, for reading through the page cache; -1: not to be had. */
static int open_cached(const char *path, int fd)
{
    int cached = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat a, b;

    if (cached < 0)
        return -1;
    /* Records are read one here, one there: what is around one is not wanted. */
    if (fstat(cached, &a) != 0 || fstat(fd, &b) != 0 || a.st_dev != b.st_dev ||
        a.st_ino != b.st_ino || posix_fadvise(cached, 0, 0, POSIX_FADV_RANDOM) != 0) {
        close(cached);
        return -1;
    }
    return cached;
}

void volume_use_page_cache(struct volume *v)
{
    check(v->cached_fd < 0);
    v->cached_fd = open_cached(v->path, v->fd);
}

void volume_close(struct volume **vp)
{
    struct volume *v = *vp;

    if (v == NULL)
        return;
    *vp = NULL;
    if (v->fd >= 0)
        close(v->fd);
    if (v->cached_fd >= 0)
        close(v->cached_fd);
    free(v->path);
    free(v);
}

/* One after the other, so that one is whole at any time. */
static bool write_superblocks(const struct volume *v, const struct superblock *s)
{
    void *page = disk_io_memory(DISK_PAGE);
    bool ok = true;

    superblock_write(s, page);
    for (int i = 0; i < 2 && ok; i++)
        ok = volume_write(v, page, DISK_PAGE, (uint64_t)i * DISK_PAGE) &&
             v->io->sync(v->io, v->fd) == 0;
    free(page);
    return ok;
}

bool volume_set_journal(struct volume *v, uint64_t journal)
{
    struct superblock s = v->sb;

    if (s.journal == journal)
        return true;
    s.journal = journal;
    s.generation++;
    if (!write_superblocks(v, &s))
        return false;
    v->sb = s;
    return true;
}

/* --- opening one again --- */

/* Whether what `again` has open is the volume `v`, and nobody has written to it since. */
static bool is_same(struct volume *again, const struct volume *v)
{
    char err[VOLUME_ERR_MAX];
    uint64_t has;
    bool device;

    return flock(again->fd, LOCK_EX | LOCK_NB) == 0 &&
           size_of(again->fd, again->path, &has, &device, err) && has >= v->sb.bytes &&
           read_superblock(again, err) && again->sb.id == v->sb.id &&
           again->sb.generation == v->sb.generation;
}

/* What cannot be had through the page cache is read as everything else. */
static void take_cached(struct volume *v)
{
    int fd = v->cached_fd >= 0 ? open_cached(v->path, v->fd) : -1;

    if (v->cached_fd >= 0)
        check(dup3(fd >= 0 ? fd : v->fd, v->cached_fd, O_CLOEXEC) == v->cached_fd);
    if (fd >= 0)
        close(fd);
}

enum volume_back volume_reopen(struct volume *v)
{
    struct volume again = {.io = v->io, .path = v->path};
    enum volume_back back = VOLUME_GONE;

    again.fd = open_direct(v->path, O_RDWR | alone(v->path), &again.direct);
    if (again.fd < 0 && errno == EBUSY) /* as it is while we have it open alone ourselves */
        again.fd = open_direct(v->path, O_RDWR, &again.direct);
    if (again.fd < 0)
        return VOLUME_GONE;
    /* It may be the same file, and our own lock must not be in the way. */
    (void)flock(v->fd, LOCK_UN);
    if (is_same(&again, v)) {
        back = write_superblocks(&again, &v->sb) ? VOLUME_WRITABLE : VOLUME_READABLE;
        check(dup3(again.fd, v->fd, O_CLOEXEC) == v->fd);
        take_cached(v);
    } else {
        (void)flock(v->fd, LOCK_EX | LOCK_NB);
    }
    close(again.fd);
    return back;
}

bool volume_is_blank(const struct volume *v)
{
    uint64_t shard_bytes = (uint64_t)v->sb.buckets * INDEX_BUCKET_BYTES;
    void *page = disk_io_memory(DISK_PAGE);
    struct checkpoint_header checkpoint;
    struct segment_header segment;
    bool blank = true;

    for (int i = 0; i < 2 && blank; i++)
        blank = volume_read(v, page, DISK_PAGE, v->sb.checkpoint_at[i]) &&
                !checkpoint_header_parse(v->sb.id, shard_bytes, page, &checkpoint);
    for (uint64_t seq = 1; seq <= v->sb.segments && blank; seq++)
        blank = volume_read(v, page, DISK_PAGE, volume_segment_at(v, seq)) &&
                !segment_header_parse(v->sb.id, page, &segment);
    free(page);
    return blank;
}

struct hash128 volume_key(const struct volume *v, struct span text)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(text.p != NULL ? text.p : "", text.n, v->sb.key_seed);

    return (struct hash128){h.low64, h.high64};
}
