/*
 * io.h - how a volume's file is reached: three functions, so that a test can put faults between.
 *
 * Offsets, lengths and addresses that reach these functions are multiples of DISK_PAGE: that is
 * what O_DIRECT asks for. Any thread; all of them may block.
 */
#ifndef DISK_IO_H
#define DISK_IO_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { DISK_SECTOR = 512, DISK_PAGE = 4096 };

/* As pread(2), pwrite(2) and fdatasync(2): -1 with errno, and they may do less than was asked. */
struct disk_io {
    ssize_t (*read)(struct disk_io *io, int fd, void *to, size_t n, uint64_t at);
    ssize_t (*write)(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at);
    int (*sync)(struct disk_io *io, int fd);
};

/* The system calls themselves. */
extern struct disk_io disk_io_system;
/* Reads, but what is written is not: it counts as done. */
extern struct disk_io disk_io_dry;

/* All of it or false with errno; the file ending before is EIO. */
MUST_USE bool disk_io_read(struct disk_io *io, int fd, void *to, size_t n, uint64_t at);
MUST_USE bool disk_io_write(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at);

/* Memory for them: aligned to DISK_PAGE, `n` rounded up to it, zeroed; aborts when out of memory;
 * free() frees it. */
MUST_USE void *disk_io_memory(size_t n);

static inline uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

#endif
