/*
 * volume.h - a file or block device of fixed size that is ours: made, opened, checked.
 *
 * A volume is made once, by an operator's explicit word, with everything that does not change:
 * size, segment size, size of the index, identity, the seed of its keys. Opening one of another
 * version, or a damaged one, or one that another process has open, fails with a sentence and
 * changes nothing.
 *
 * Opened with O_DIRECT where the file system has it. Any thread may read and write.
 */
#ifndef DISK_VOLUME_H
#define DISK_VOLUME_H

#include "base/hash.h"
#include "disk/format.h"

enum {
    VOLUME_SEGMENT_MIN = 256 << 10,
    VOLUME_SEGMENT_MAX = 64 << 20,
    VOLUME_SEGMENTS_MIN = 8,
    VOLUME_OBJECT_MEAN = 16 << 10, /* bytes, where nobody says otherwise */
    VOLUME_ERR_MAX = 512,
};
#define VOLUME_BYTES_MIN   (UINT64_C(4) << 20)
#define VOLUME_BYTES_LIMIT (UINT64_C(16) << 40) /* less than that: what the index can say */

struct volume_plan {
    uint64_t bytes;         /* 0: all of the device, or what the file has */
    uint64_t object_mean;   /* bytes; 0: VOLUME_OBJECT_MEAN. The index has room for bytes / that */
    uint32_t segment_bytes; /* a power of 2; 0: as large as leaves 64 of
                                them, or 16 of 4 MiB, within the bounds */
    uint64_t key_seed;      /* 0: drawn; volumes that share one set of keys share it */
    uint64_t journal;       /* see volume_set_journal() */
    bool sparse;            /* no blocks are allocated: for measurements, never for service */
};

struct volume {
    int fd;
    int cached_fd;      /* the same file, for reading through the kernel's page cache; or -1 */
    struct disk_io *io; /* borrowed */
    struct superblock sb;
    bool direct; /* O_DIRECT */
    char *path;
};

/*
 * Makes a volume at `path`, which is a file that does not exist yet or is empty, or a block device
 * that begins and ends with a mebibyte of zeros, or, with `force`, whatever it is now, if nobody
 * has it mounted or open. progress (may be NULL) is called now and then with bytes done and of how
 * many; false from it gives up. False with a sentence in err. Blocks for as long as the file system
 * needs to allocate the file.
 */
/* The size of the segments of a volume of that many bytes, when its plan does not say. */
uint32_t volume_segment_choose(uint64_t bytes) PURE;

MUST_USE bool volume_init(const char *path, const struct volume_plan *plan, bool force,
    bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, char err[VOLUME_ERR_MAX]);

/* NULL with a sentence in err. `io`: NULL for the system calls. */
MUST_USE struct volume *volume_open(const char *path, struct disk_io *io, char err[VOLUME_ERR_MAX]);
/* The same without ever changing anything: what is written is taken for done, and is not. */
MUST_USE struct volume *volume_open_dry(const char *path, char err[VOLUME_ERR_MAX]);
void volume_close(struct volume **v);
/* cached_fd is there from now on, if it is to be had. Before others know the volume. */
void volume_use_page_cache(struct volume *v);

/* What is at the path now. */
enum volume_back {
    VOLUME_GONE,     /* nothing, or it cannot be read, or it is another one */
    VOLUME_READABLE, /* this one, but it cannot be written */
    VOLUME_WRITABLE,
};
/* Opens the path again, after errors: a device may have come back under it, a file system may be
 * mounted again. Unless VOLUME_GONE, the volume is used through what was opened now, by those who
 * read at this moment, too. Its superblocks are written again to see that writing works. Blocks.
 * One thread at a time. */
MUST_USE enum volume_back volume_reopen(struct volume *v);

/* Whether nothing was ever put on it: no segment was begun, no checkpoint written. What cannot be
 * read may be anything. Blocks: reads a page of each segment. */
MUST_USE bool volume_is_blank(const struct volume *v);

/* Writes the identity of the purge journal that the records are held against from now on. False
 * with errno. */
MUST_USE bool volume_set_journal(struct volume *v, uint64_t journal);

/* The hash of a key's text on this volume. */
struct hash128 volume_key(const struct volume *v, struct span text);

static inline bool volume_read(const struct volume *v, void *to, size_t n, uint64_t at)
{
    return disk_io_read(v->io, v->fd, to, n, at);
}

static inline bool volume_write(const struct volume *v, const void *from, size_t n, uint64_t at)
{
    return disk_io_write(v->io, v->fd, from, n, at);
}

/* Where the segment of that sequence number begins, in bytes. */
static inline uint64_t volume_segment_at(const struct volume *v, uint64_t seq)
{
    return v->sb.segments_at + (seq - 1) % v->sb.segments * v->sb.segment_bytes;
}

#endif
