/*
 * map_file.c - compiled maps on disk: a head, then the parts, each at a multiple of 64 bytes.
 *
 * A file that is opened is read through once against its checksum and only then mapped, so that
 * its pages become resident as they are used. It is trusted as our own memory is: it belongs to us
 * (or to root), nobody else may write to it, and whoever could replace it could replace the
 * program. Nobody writes to a file under its name: a new map is a new file, renamed over the old
 * one, which lives on as long as it is mapped.
 */
#include "base/check.h"
#include "geo/map_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PART_ALIGN = 64, READ_BYTES = 1 << 20 };

static bool failed(struct geo_why *why, const char *path, const char *because)
{
    snprintf(why->text, sizeof(why->text), "%.200s: %s", path, because);
    return false;
}

static uint64_t aligned(uint64_t at)
{
    return (at + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

/* --- writing -------------------------------------------------------------------------------- */

struct writer {
    int fd;
    uint64_t at;
    XXH3_state_t *digest;
};

static bool write_all(struct writer *w, const void *p, size_t n)
{
    const char *from = p;

    XXH3_128bits_update(w->digest, p, n);
    w->at += n;
    while (n > 0) {
        ssize_t done = write(w->fd, from, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        from += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_parts(struct writer *w, const struct geo_map *m, const struct map_head *head)
{
    static const char zeros[PART_ALIGN];

    if (!write_all(w, head, sizeof(*head)))
        return false;
    for (unsigned i = 0; i < MAP_PARTS; i++) {
        if (!write_all(w, zeros, (size_t)(head->at[i] - w->at)) ||
            (head->bytes[i] != 0 && !write_all(w, m->part[i], (size_t)head->bytes[i])))
            return false;
    }
    return true;
}

static bool write_map(int fd, const struct geo_map *m, struct hash128 stamp)
{
    struct map_head head = m->head;
    struct writer w = {.fd = fd};
    uint64_t at = sizeof(head);
    XXH128_hash_t sum;
    bool good;

    for (unsigned i = 0; i < MAP_PARTS; i++) {
        head.at[i] = aligned(at);
        at = head.at[i] + head.bytes[i];
    }
    head.stamp = stamp;
    head.checksum = (struct hash128){0};
    w.digest = XXH3_createState();
    XXH3_128bits_reset(w.digest);
    good = write_parts(&w, m, &head);
    sum = XXH3_128bits_digest(w.digest);
    XXH3_freeState(w.digest);
    head.checksum = (struct hash128){.lo = sum.low64, .hi = sum.high64};
    return good && pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && fsync(fd) == 0;
}

/* The name is safe on disk, too. */
static bool sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int fd;
    bool good;

    snprintf(folder, sizeof(folder), "%.*s",
        slash == NULL   ? 1
        : slash == path ? 1
                        : (int)(slash - path),
        slash == NULL ? "." : path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

bool geo_map_write(
    const struct geo_map *m, const char *path, struct hash128 stamp, struct geo_why *why)
{
    char temporary[4096];
    int fd, error;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
        return failed(why, path, strerror(ENAMETOOLONG));
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return failed(why, path, strerror(errno));
    if (write_map(fd, m, stamp) && rename(temporary, path) == 0) {
        close(fd);
        return sync_folder(path) || failed(why, path, strerror(errno));
    }
    error = errno;
    close(fd);
    unlink(temporary);
    return failed(why, path, strerror(error));
}

/* --- opening -------------------------------------------------------------------------------- */

/* What the head says fits into the file; with a good checksum it is as we wrote it. */
static bool head_fits(const struct map_head *h, uint64_t file_bytes)
{
    static const size_t trie_min[TRIE_PARTS] = {[TRIE_PART_ROOT] = TRIE_ROOT * sizeof(uint32_t)};

    for (unsigned i = 0; i < MAP_PARTS; i++) {
        if (h->at[i] % PART_ALIGN != 0 || h->at[i] > file_bytes ||
            h->bytes[i] > file_bytes - h->at[i])
            return false;
        if (i >= PART_TRIES && h->bytes[i] < trie_min[(i - PART_TRIES) % TRIE_PARTS])
            return false;
    }
    return h->points_n >= 1 && h->points_n <= GEO_POINTS_MAX &&
           (h->fine_shift == FINE_SHIFT || h->fine_shift == FINE_NARROW_SHIFT) &&
           h->nat64_n <= GEO_NAT64_MAX && h->bytes[PART_DEFAULT] == h->points_n &&
           h->bytes[PART_NEIGHBOURS] == (uint64_t)h->points_n * h->points_n &&
           h->bytes[PART_NAT64] == h->nat64_n * sizeof(struct geo_nat64) &&
           h->bytes[PART_ORDERS] == (uint64_t)h->orders_n * h->row_bytes;
}

/* NULL: fine. */
static const char *read_head(int fd, uint64_t file_bytes, struct map_head *head)
{
    if (file_bytes < sizeof(*head) || pread(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head) ||
        memcmp(head->magic, MAP_MAGIC, sizeof(head->magic)) != 0)
        return "this is no compiled map";
    if (head->format != MAP_FORMAT || head->byte_order != MAP_BYTE_ORDER)
        return "this map is of another version, or of another kind of machine";
    return head_fits(head, file_bytes) ? NULL : "the map is damaged";
}

static bool sum_is_right(int fd, uint64_t file_bytes, const struct map_head *head)
{
    struct map_head unsummed = *head;
    XXH3_state_t *digest = XXH3_createState();
    char *piece = xmalloc(READ_BYTES);
    uint64_t at = sizeof(unsummed);
    XXH128_hash_t sum;
    ssize_t got;

    unsummed.checksum = (struct hash128){0};
    XXH3_128bits_reset(digest);
    XXH3_128bits_update(digest, &unsummed, sizeof(unsummed));
    while ((got = pread(fd, piece, READ_BYTES, (off_t)at)) > 0) {
        XXH3_128bits_update(digest, piece, (size_t)got);
        at += (uint64_t)got;
    }
    sum = XXH3_128bits_digest(digest);
    XXH3_freeState(digest);
    free(piece);
    return got == 0 && at == file_bytes && sum.low64 == head->checksum.lo &&
           sum.high64 == head->checksum.hi;
}

static struct geo_map *map_of(int fd, uint64_t file_bytes, const struct map_head *head)
{
    struct geo_map *m = xcalloc(1, sizeof(*m));

    m->file = mmap(NULL, (size_t)file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (m->file == MAP_FAILED) {
        free(m);
        return NULL;
    }
    m->file_bytes = (size_t)file_bytes;
    m->head = *head;
    for (unsigned i = 0; i < MAP_PARTS; i++)
        m->part[i] = head->bytes[i] != 0 ? (const char *)m->file + head->at[i] : NULL;
    geo_map_set_tries(m);
    return m;
}

static struct geo_map *open_map(
    int fd, const char *path, struct map_head *head, struct geo_why *why)
{
    const char *wrong;
    struct geo_map *m;
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)failed(why, path, "this is not a file");
        return NULL;
    }
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)failed(why, path, "others than us can write to this map");
        return NULL;
    }
    wrong = read_head(fd, (uint64_t)st.st_size, head);
    if (wrong == NULL && !sum_is_right(fd, (uint64_t)st.st_size, head))
        wrong = "the map is damaged";
    if (wrong != NULL) {
        (void)failed(why, path, wrong);
        return NULL;
    }
    m = map_of(fd, (uint64_t)st.st_size, head);
    if (m == NULL)
        (void)failed(why, path, strerror(errno));
    return m;
}

struct geo_map *geo_map_open(const char *path, struct hash128 *stamp, struct geo_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct map_head head;
    struct geo_map *m;

    if (fd < 0) {
        (void)failed(why, path, strerror(errno));
        return NULL;
    }
    m = open_map(fd, path, &head, why);
    close(fd);
    if (m != NULL && stamp != NULL)
        *stamp = head.stamp;
    return m;
}
