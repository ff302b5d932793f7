#include "disk/io.h"

#include "base/check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static ssize_t system_read(struct disk_io *io, int fd, void *to, size_t n, uint64_t at)
{
    (void)io;
    return pread(fd, to, n, (off_t)at);
}

static ssize_t system_write(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at)
{
    (void)io;
    return pwrite(fd, from, n, (off_t)at);
}

static int system_sync(struct disk_io *io, int fd)
{
    (void)io;
    return fdatasync(fd);
}

static ssize_t system_read_cached(
    struct disk_io *io, int fd, const struct iovec *to, int to_n, uint64_t at)
{
    (void)io;
    return preadv2(fd, to, to_n, (off_t)at, RWF_NOWAIT);
}

static ssize_t dry_write(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at)
{
    (void)io;
    (void)fd;
    (void)from;
    (void)at;
    return (ssize_t)n;
}

static int dry_sync(struct disk_io *io, int fd)
{
    (void)io;
    (void)fd;
    return 0;
}

struct disk_io disk_io_system = {system_read, system_write, system_sync, system_read_cached};
struct disk_io disk_io_dry = {system_read, dry_write, dry_sync, system_read_cached};

/* How far a call came that did `did` of what was asked: whole pages only, so that the next one is
 * aligned again. False: no further, with errno. */
static bool advance(ssize_t did, size_t *done, unsigned *stuck)
{
    enum { STUCK_MAX = 16 };

    if (did < 0 && errno != EINTR)
        return false;
    if (did >= DISK_PAGE) {
        *done += (size_t)did / DISK_PAGE * DISK_PAGE;
        *stuck = 0;
        return true;
    }
    if (did == 0 || ++*stuck > STUCK_MAX) {
        errno = EIO;
        return false;
    }
    return true;
}

bool disk_io_read(struct disk_io *io, int fd, void *to, size_t n, uint64_t at)
{
    unsigned stuck = 0;

    for (size_t done = 0; done < n;)
        if (!advance(io->read(io, fd, (char *)to + done, n - done, at + done), &done, &stuck))
            return false;
    return true;
}

bool disk_io_write(struct disk_io *io, int fd, const void *from, size_t n, uint64_t at)
{
    unsigned stuck = 0;

    for (size_t done = 0; done < n;)
        if (!advance(
                io->write(io, fd, (const char *)from + done, n - done, at + done), &done, &stuck))
            return false;
    return true;
}

/* --- the page cache --- */

/* As the kernel has them (linux/mman.h); the C library does not know the call yet. */
enum { CACHESTAT = 451 };

struct cachestat_range {
    uint64_t at, n;
};

struct cachestat {
    uint64_t cached, dirty, writeback, evicted, evicted_lately; /* pages */
};

bool disk_io_resident(int fd, uint64_t at, uint64_t n)
{
    static _Atomic bool absent;
    struct cachestat_range range = {at, n};
    struct cachestat s;

    if (atomic_load_explicit(&absent, memory_order_relaxed))
        return true;
    if (syscall(CACHESTAT, fd, &range, &s, 0) != 0) {
        atomic_store_explicit(&absent, true, memory_order_relaxed);
        return true;
    }
    return s.cached >= (at + n + DISK_PAGE - 1) / DISK_PAGE - at / DISK_PAGE;
}

bool disk_io_read_cached(struct disk_io *io, int fd, const struct iovec *to, int to_n, uint64_t at)
{
    size_t all = 0;

    for (int i = 0; i < to_n; i++)
        all += to[i].iov_len;
    return io->read_cached != NULL && io->read_cached(io, fd, to, to_n, at) == (ssize_t)all;
}

void *disk_io_memory(size_t n)
{
    void *p = NULL;

    n = round_up(n, DISK_PAGE);
    check(posix_memalign(&p, DISK_PAGE, n) == 0);
    return memset(p, 0, n);
}
