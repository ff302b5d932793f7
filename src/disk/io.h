/*
 * io.h - how a volume's file is reached: four functions, so that a test can put faults between.
 *
 * Offsets, lengths and addresses that reach the first two are multiples of DISK_PAGE: that is what
 * O_DIRECT asks for. Any thread; all of them but read_cached() may block.
 */
#ifndef DISK_IO_H
#define DISK_IO_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { DISK_SECTOR = 512, DISK_PAGE = 4096 };

/* As pread(2), pwrite(2) and fdatasync(2): -1 with errno, and they may do less than was asked. */
struct disk_io {
    ssize_t (*read)(struct disk_io *io, int fd, void *to, size_t n, uint64_t at);
    ssize_t (*write)(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at);
    int (*sync)(struct disk_io *io, int fd);
    /* Of what the kernel has in its page cache: as preadv2(2) with RWF_NOWAIT, so it may be less,
     * or EAGAIN. Nothing needs to be aligned. NULL: there is no such thing. */
    ssize_t (*read_cached)(
        struct disk_io *io, int fd, const struct iovec *to, int to_n, uint64_t at);
};

/* The system calls themselves. */
extern struct disk_io disk_io_system;
/* Reads, but what is written is not: it counts as done. */
extern struct disk_io disk_io_dry;

/* All of it or false with errno; the file ending before is EIO. */
MUST_USE bool disk_io_read(struct disk_io *io, int fd, void *to, size_t n, uint64_t at);
MUST_USE bool disk_io_write(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at);

/* Whether all of those bytes are in the page cache, so far as that can be asked without having them
 * read (cachestat(2), from Linux 6.5 on); true where it cannot. */
MUST_USE bool disk_io_resident(int fd, uint64_t at, uint64_t n);
/* All of it, or false: without waiting for the disk. */
MUST_USE bool disk_io_read_cached(
    struct disk_io *io, int fd, const struct iovec *to, int to_n, uint64_t at);

/* Memory for them: aligned to DISK_PAGE, `n` rounded up to it, zeroed; aborts when out of memory;
 * free() frees it. */
MUST_USE void *disk_io_memory(size_t n);

static inline uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

#endif
