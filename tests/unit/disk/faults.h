/*
 * faults.h - a disk that fails now and then, by a seeded source: struct disk_io with errors, short
 * transfers, other bits than were written or read, and waits.
 */
#ifndef TESTS_UNIT_DISK_FAULTS_H
#define TESTS_UNIT_DISK_FAULTS_H

#include "things.h"

#include "disk/io.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Each: one call in so many; 0: never. */
struct faults {
    struct disk_io io;
    pthread_mutex_t lock;
    uint64_t rng;
    _Atomic unsigned read_error, read_short, read_flip, read_wait_ms;
    _Atomic unsigned write_error, write_full, write_short, write_flip, write_lost;
    _Atomic unsigned sync_error;
    _Atomic uint64_t wait_at; /* only reads of that byte wait; 0: all */
    _Atomic uint64_t done;    /* faults so far */
};

static inline bool fault(struct faults *f, unsigned one_in)
{
    bool is;

    if (one_in == 0)
        return false;
    pthread_mutex_lock(&f->lock);
    is = rnd_below(&f->rng, one_in) == 0;
    pthread_mutex_unlock(&f->lock);
    atomic_fetch_add(&f->done, is);
    return is;
}

static inline uint64_t fault_below(struct faults *f, uint64_t n)
{
    uint64_t v;

    pthread_mutex_lock(&f->lock);
    v = rnd_below(&f->rng, n);
    pthread_mutex_unlock(&f->lock);
    return v;
}

/* At least a byte of n, less than all. */
static inline size_t fault_shorten(struct faults *f, size_t n)
{
    return 1 + fault_below(f, n - 1);
}

static inline ssize_t faulty_read(struct disk_io *io, int fd, void *to, size_t n, uint64_t at)
{
    struct faults *f = container_of(io, struct faults, io);
    ssize_t did;

    if (f->read_wait_ms != 0 && (f->wait_at == 0 || (at <= f->wait_at && f->wait_at - at < n)))
        usleep(f->read_wait_ms * 1000);
    if (fault(f, f->read_error)) {
        errno = EIO;
        return -1;
    }
    if (fault(f, f->read_short))
        n = fault_shorten(f, n);
    did = pread(fd, to, n, (off_t)at);
    /* What O_DIRECT does not allow is what a short transfer looks like. */
    if (did < 0 && errno == EINVAL) {
        n = n > DISK_PAGE ? n / DISK_PAGE * DISK_PAGE : DISK_PAGE;
        did = pread(fd, to, n, (off_t)at);
    }
    if (did > 0 && fault(f, f->read_flip))
        ((char *)to)[fault_below(f, (uint64_t)did)] ^= (char)(1 << fault_below(f, 8));
    return did;
}

static inline ssize_t faulty_read_cached(
    struct disk_io *io, int fd, const struct iovec *to, int to_n, uint64_t at)
{
    struct faults *f = container_of(io, struct faults, io);
    ssize_t did;

    if (fault(f, f->read_error)) {
        errno = EAGAIN;
        return -1;
    }
    did = preadv2(fd, to, to_n, (off_t)at, RWF_NOWAIT);
    if (did > 1 && fault(f, f->read_short))
        did = (ssize_t)fault_shorten(f, (size_t)did);
    if (did > 0 && fault(f, f->read_flip))
        ((char *)to[0].iov_base)[fault_below(f, to[0].iov_len)] ^= (char)(1 << fault_below(f, 8));
    return did;
}

static inline ssize_t faulty_write(
    struct disk_io *io, int fd, const void *from, size_t n, uint64_t at)
{
    struct faults *f = container_of(io, struct faults, io);
    ssize_t did;
    char *copy;

    if (fault(f, f->write_error)) {
        errno = EIO;
        return -1;
    }
    if (fault(f, f->write_full)) {
        errno = ENOSPC;
        return -1;
    }
    if (fault(f, f->write_lost))
        return (ssize_t)n;
    if (fault(f, f->write_short) && n > DISK_PAGE)
        n = fault_shorten(f, n / DISK_PAGE) * DISK_PAGE;
    if (!fault(f, f->write_flip))
        return pwrite(fd, from, n, (off_t)at);
    copy = disk_io_memory(n);
    memcpy(copy, from, n);
    copy[fault_below(f, n)] ^= (char)(1 << fault_below(f, 8));
    did = pwrite(fd, copy, n, (off_t)at);
    free(copy);
    return did;
}

static inline int faulty_sync(struct disk_io *io, int fd)
{
    struct faults *f = container_of(io, struct faults, io);

    if (!fault(f, f->sync_error))
        return fdatasync(fd);
    errno = EIO;
    return -1;
}

static inline void faults_init(struct faults *f, uint64_t seed)
{
    memset(f, 0, sizeof(*f));
    f->io = (struct disk_io){faulty_read, faulty_write, faulty_sync, faulty_read_cached};
    f->rng = seed;
    pthread_mutex_init(&f->lock, NULL);
}

#endif
