#include "base/sink.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long the writer lingers after a wake-up, so that it writes batches and is woken seldom. */
enum { LINGER_MS = 20, BATCH_BYTES = 256 * 1024 };

/*
 * One producer, one consumer. head and tail count bytes forever; a record is a 4-byte length and
 * its bytes, rounded up to 4, wrapping at the end of the room.
 */
struct ring {
    char *room;            /* owns */
    _Atomic uint32_t head; /* the producer's */
    char pad[60];          /* keeps the two ends on different cache lines */
    _Atomic uint32_t tail; /* the writer's */
};

struct sink {
    struct list node;
    char *path; /* owns; NULL for standard error */
    _Atomic int fd;
    unsigned ring_bytes;
    sink_format_fn *format;
    struct ring *_Atomic rings[THREADS_MAX]; /* owns; made by the thread at its first record */
    pthread_mutex_t shared;                  /* producers with index 0 */
    /* Of whoever writes: the writer, and who finds it off, as it may begin meanwhile. */
    pthread_mutex_t writing;
    struct buf out; /* under `writing` */
};

static struct {
    pthread_mutex_t lock; /* the list of sinks */
    struct list sinks;
    pthread_t thread;
    int wake_fd;
    _Atomic bool running, asleep, stop;
} writer = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .sinks = {&writer.sinks, &writer.sinks},
    .wake_fd = -1,
};

static int open_log(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

struct sink *sink_open(const char *path, unsigned ring_bytes, sink_format_fn *format)
{
    struct sink *s;
    int fd = STDERR_FILENO;

    check((ring_bytes & (ring_bytes - 1)) == 0 && ring_bytes >= 1024);
    if (path != NULL && (fd = open_log(path)) < 0)
        return NULL;
    s = xcalloc(1, sizeof(*s));
    s->path = path != NULL ? xstrdup(path) : NULL;
    atomic_init(&s->fd, fd);
    s->ring_bytes = ring_bytes;
    s->format = format;
    pthread_mutex_init(&s->shared, NULL);
    pthread_mutex_init(&s->writing, NULL);
    buf_init(&s->out, 16 * BATCH_BYTES);
    pthread_mutex_lock(&writer.lock);
    list_append(&writer.sinks, &s->node);
    pthread_mutex_unlock(&writer.lock);
    return s;
}

static void write_out(struct sink *s)
{
    struct span rest = buf_span(&s->out);

    while (rest.n > 0) {
        ssize_t n = write(atomic_load(&s->fd), rest.p, rest.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* a full disk or a closed pipe: these lines are lost, the next may not be */
        rest = span_from(rest, (size_t)n);
    }
    s->out.n = 0;
}

static void put_text(struct sink *s, struct span record)
{
    if (s->format != NULL)
        s->format(record, &s->out);
    else
        (void)!buf_append(&s->out, record);
    if (s->out.n >= BATCH_BYTES)
        write_out(s);
}

static struct ring *ring_of(struct sink *s, int thread)
{
    struct ring *r = atomic_load_explicit(&s->rings[thread], memory_order_acquire);

    if (r == NULL) {
        r = xcalloc(1, sizeof(*r));
        r->room = xmalloc(s->ring_bytes);
        atomic_store_explicit(&s->rings[thread], r, memory_order_release);
    }
    return r;
}

static void ring_copy_in(struct ring *r, uint32_t mask, uint32_t at, const void *p, uint32_t n)
{
    uint32_t i = at & mask, first = mask + 1 - i < n ? mask + 1 - i : n;

    if (n == 0) /* an empty record; its p may be NULL */
        return;
    memcpy(r->room + i, p, first);
    if (n > first)
        memcpy(r->room, (const char *)p + first, n - first);
}

static void ring_copy_out(struct ring *r, uint32_t mask, uint32_t at, void *p, uint32_t n)
{
    uint32_t i = at & mask, first = mask + 1 - i < n ? mask + 1 - i : n;

    memcpy(p, r->room + i, first);
    if (n > first)
        memcpy((char *)p + first, r->room, n - first);
}

static bool ring_put(struct sink *s, struct ring *r, struct span record)
{
    uint32_t mask = s->ring_bytes - 1, len = (uint32_t)record.n;
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint32_t need = 4 + ((len + 3) & ~3u);

    if (record.n > s->ring_bytes / 4 || s->ring_bytes - (head - tail) < need)
        return false;
    ring_copy_in(r, mask, head, &len, 4);
    ring_copy_in(r, mask, head + 4, record.p, len);
    /* Sequentially consistent, as are the loads and stores of writer.asleep: either the writer sees
     * this record before it sleeps, or we see it asleep and wake it. */
    atomic_store(&r->head, head + need);
    return true;
}

static void ring_drain(struct sink *s, struct ring *r, char *scratch)
{
    uint32_t mask = s->ring_bytes - 1;
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);

    while (tail != head) {
        uint32_t len;

        ring_copy_out(r, mask, tail, &len, 4);
        ring_copy_out(r, mask, tail + 4, scratch, len);
        tail += 4 + ((len + 3) & ~3u);
        atomic_store_explicit(&r->tail, tail, memory_order_release);
        put_text(s, span_make(scratch, len));
    }
}

static void wake_writer(void)
{
    uint64_t one = 1;

    if (atomic_load(&writer.asleep) && atomic_exchange(&writer.asleep, false))
        (void)!write(writer.wake_fd, &one, sizeof(one));
}

static void put_now(struct sink *s, struct span record)
{
    pthread_mutex_lock(&s->writing);
    put_text(s, record);
    write_out(s);
    pthread_mutex_unlock(&s->writing);
}

bool sink_put(struct sink *s, struct span record)
{
    int t = thread_index();
    bool running = atomic_load_explicit(&writer.running, memory_order_relaxed);
    bool ok;

    if (unlikely(!running)) {
        put_now(s, record);
        return true;
    }
    if (t == 0)
        pthread_mutex_lock(&s->shared);
    ok = ring_put(s, ring_of(s, t), record);
    if (t == 0)
        pthread_mutex_unlock(&s->shared);
    if (!ok)
        count(C_LOG_DROPPED);
    wake_writer();
    return ok;
}

bool sink_reopen(struct sink *s)
{
    int fd, old;

    if (s->path == NULL)
        return true;
    fd = open_log(s->path);
    if (fd < 0)
        return false;
    /* dup3() swaps atomically: the writer's next write() goes to the new file. */
    old = atomic_load(&s->fd);
    check(dup3(fd, old, O_CLOEXEC) == old);
    close(fd);
    return true;
}

static bool rings_empty(void)
{
    bool empty = true;

    pthread_mutex_lock(&writer.lock);
    list_each (n, &writer.sinks) {
        struct sink *s = list_entry(n, struct sink, node);

        for (int t = 0; t < THREADS_MAX && empty; t++) {
            struct ring *r = atomic_load_explicit(&s->rings[t], memory_order_acquire);

            empty = r == NULL || atomic_load(&r->head) == atomic_load(&r->tail);
        }
    }
    pthread_mutex_unlock(&writer.lock);
    return empty;
}

static void drain_all(void)
{
    pthread_mutex_lock(&writer.lock);
    list_each (n, &writer.sinks) {
        struct sink *s = list_entry(n, struct sink, node);
        char *scratch = xmalloc(s->ring_bytes / 4 + 4);

        pthread_mutex_lock(&s->writing);
        for (int t = 0; t < THREADS_MAX; t++) {
            struct ring *r = atomic_load_explicit(&s->rings[t], memory_order_acquire);

            if (r != NULL)
                ring_drain(s, r, scratch);
        }
        write_out(s);
        pthread_mutex_unlock(&s->writing);
        free(scratch);
    }
    pthread_mutex_unlock(&writer.lock);
}

static void *writer_main(void *arg)
{
    struct pollfd pfd = {.fd = writer.wake_fd, .events = POLLIN};
    uint64_t drop;

    (void)arg;
    thread_set(0, "log");
    while (!atomic_load(&writer.stop)) {
        drain_all();
        atomic_store(&writer.asleep, true);
        if (rings_empty() && !atomic_load(&writer.stop))
            poll(&pfd, 1, -1);
        atomic_store(&writer.asleep, false);
        (void)!read(writer.wake_fd, &drop, sizeof(drop));
        if (!atomic_load(&writer.stop))
            poll(NULL, 0, LINGER_MS);
    }
    drain_all();
    return NULL;
}

void sinks_start(void)
{
    sigset_t all, old;

    check(!atomic_load(&writer.running));
    writer.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    check(writer.wake_fd >= 0);
    atomic_store(&writer.stop, false);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    check(pthread_create(&writer.thread, NULL, writer_main, NULL) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    atomic_store(&writer.running, true);
}

void sinks_stop(void)
{
    uint64_t one = 1;

    if (!atomic_load(&writer.running))
        return;
    atomic_store(&writer.stop, true);
    (void)!write(writer.wake_fd, &one, sizeof(one));
    pthread_join(writer.thread, NULL);
    atomic_store(&writer.running, false);
    drain_all();
    close(writer.wake_fd);
    writer.wake_fd = -1;
}

void sink_close(struct sink **sp)
{
    struct sink *s = *sp;

    if (s == NULL)
        return;
    *sp = NULL;
    pthread_mutex_lock(&writer.lock);
    list_remove(&s->node);
    pthread_mutex_unlock(&writer.lock);
    for (int t = 0; t < THREADS_MAX; t++) {
        struct ring *r = atomic_load(&s->rings[t]);

        if (r != NULL)
            free(r->room);
        free(r);
    }
    if (s->path != NULL)
        close(atomic_load(&s->fd));
    buf_free(&s->out);
    pthread_mutex_destroy(&s->shared);
    pthread_mutex_destroy(&s->writing);
    free(s->path);
    free(s);
}
