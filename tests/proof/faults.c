/*
 * faults.c - a disk that fails: preloaded (LD_PRELOAD) into the daemon by tests, it stands before
 * pread(2), preadv2(2), pwrite(2) and fdatasync(2) of the volumes, and leaves all other files
 * alone.
 *
 *   FAULTS_VOLUME  the path of a volume, or what several paths begin with
 *   FAULTS_SCRIPT  a file that holds a struct script, mapped and shared: the test changes what
 *                  happens while the daemon runs, and reads how often it did
 *
 * Each kind of fault befalls one call in so many; 0: none. What follows from the seed is the order
 * of draws; which call gets which depends on threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct script {
    _Atomic uint32_t seed;
    _Atomic uint32_t read_eio, read_short, read_flip;
    _Atomic uint32_t write_eio, write_enospc, write_short, write_flip, write_lost;
    _Atomic uint32_t sync_eio;
    _Atomic uint32_t read_wait_ms, write_wait_ms; /* of every call */
    _Atomic uint32_t reads, writes, done;         /* calls, and faults but waits, so far */
};

static struct script *script;
static const char *volume;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_SCRIPT");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = MAP_FAILED;

    volume = getenv("FAULTS_VOLUME");
    if (fd >= 0) {
        p = mmap(NULL, sizeof(struct script), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (volume == NULL || p == MAP_FAILED) {
        fprintf(stderr, "faults: there is no script, or no volume\n");
        _exit(99);
    }
    script = p;
}

static bool concerns(int fd)
{
    char link[64], path[1024];
    ssize_t n;

    if (fd < 0 || script == NULL)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return false;
    path[n] = '\0';
    return strncmp(path, volume, strlen(volume)) == 0 && strstr(path, ".purges") == NULL;
}

static uint32_t draw(void)
{
    uint32_t x = atomic_fetch_add(&script->seed, 0x9e3779b9u);

    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

static bool befalls(uint32_t one_in)
{
    if (one_in == 0 || draw() % one_in != 0)
        return false;
    atomic_fetch_add(&script->done, 1);
    return true;
}

static void hang(uint32_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    if (ms > 0)
        nanosleep(&t, NULL);
}

/* Of whole pages, as a disk would. */
static size_t shortened(size_t n)
{
    return n >= 2 * PAGE ? (1 + draw() % (n / PAGE - 1)) * PAGE : n;
}

static void flip(char *bytes, size_t n)
{
    bytes[draw() % n] ^= (char)(1 << draw() % 8);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t did;

    if (!concerns(fd))
        return syscall(SYS_pread64, fd, to, n, at);
    atomic_fetch_add(&script->reads, 1);
    hang(script->read_wait_ms);
    if (befalls(script->read_eio)) {
        errno = EIO;
        return -1;
    }
    if (befalls(script->read_short))
        n = shortened(n);
    did = syscall(SYS_pread64, fd, to, n, at);
    if (did > 0 && befalls(script->read_flip))
        flip(to, (size_t)did);
    return did;
}

static ssize_t cached(int fd, const struct iovec *to, int n, off_t at, int flags)
{
    return syscall(SYS_preadv2, fd, to, n, at, 0, flags);
}

/* What the page cache has needs no disk, and is asked for so that nobody waits: while reads wait it
 * has nothing. */
ssize_t preadv2(int fd, const struct iovec *to, int n, off_t at, int flags)
{
    ssize_t did;

    if (!concerns(fd))
        return cached(fd, to, n, at, flags);
    atomic_fetch_add(&script->reads, 1);
    if (script->read_wait_ms > 0) {
        errno = EAGAIN;
        return -1;
    }
    if (befalls(script->read_eio)) {
        errno = EIO;
        return -1;
    }
    if (befalls(script->read_short))
        n = 1;
    did = cached(fd, to, n, at, flags);
    if (did > 0 && befalls(script->read_flip))
        flip(to[0].iov_base, (size_t)did < to[0].iov_len ? (size_t)did : to[0].iov_len);
    return did;
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    ssize_t did;
    char *copy;

    if (!concerns(fd))
        return syscall(SYS_pwrite64, fd, from, n, at);
    atomic_fetch_add(&script->writes, 1);
    hang(script->write_wait_ms);
    if (befalls(script->write_eio)) {
        errno = EIO;
        return -1;
    }
    if (befalls(script->write_enospc)) {
        errno = ENOSPC;
        return -1;
    }
    if (befalls(script->write_lost))
        return (ssize_t)n;
    if (befalls(script->write_short))
        n = shortened(n);
    if (!befalls(script->write_flip))
        return syscall(SYS_pwrite64, fd, from, n, at);
    if (posix_memalign((void **)&copy, PAGE, n) != 0)
        abort();
    memcpy(copy, from, n);
    flip(copy, n);
    did = syscall(SYS_pwrite64, fd, copy, n, at);
    free(copy);
    return did;
}

int fdatasync(int fd)
{
    if (concerns(fd) && befalls(script->sync_eio)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* The same under the names that programs for large files use. */
ssize_t pread64(int fd, void *to, size_t n, off_t at) __attribute__((alias("pread")));
ssize_t preadv64v2(int fd, const struct iovec *to, int n, off_t at, int flags)
    __attribute__((alias("preadv2")));
ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) __attribute__((alias("pwrite")));
