#include "loop/worker.h"

#include "base/check.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct start {
    struct worker *worker;
    void (*main)(struct worker *w);
};

/* Runs the messages in the order in which they came. */
static void run_inbox(struct worker *w)
{
    struct message *m = atomic_exchange_explicit(&w->inbox, NULL, memory_order_acquire);
    struct message *ordered = NULL;

    while (m != NULL) {
        struct message *next = m->next;

        m->next = ordered;
        ordered = m;
        m = next;
    }
    while (ordered != NULL) {
        struct message *next = ordered->next; /* run() may free it or post it again */

        ordered->run(ordered, w);
        ordered = next;
    }
}

static void on_wake(struct ev_loop *loop, struct ev_async *a, int events)
{
    (void)loop;
    (void)events;
    run_inbox(container_of(a, struct worker, wake));
}

static void read_clocks(struct worker *w)
{
    w->now_ms = clock_mono_ms();
    w->wall_now_ms = clock_wall_ms();
}

static void after_poll(struct ev_loop *loop, struct ev_check *c, int events)
{
    (void)loop;
    (void)events;
    read_clocks(container_of(c, struct worker, checked));
}

struct worker *worker_new(int index)
{
    struct worker *w = xcalloc(1, sizeof(*w));

    check(index > 0 && index < THREADS_MAX);
    w->index = index;
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
    check(w->loop != NULL);
    ev_async_init(&w->wake, on_wake);
    ev_async_start(w->loop, &w->wake);
    ev_check_init(&w->checked, after_poll);
    ev_set_priority(&w->checked, EV_MAXPRI); /* before anything that asks for the time */
    ev_check_start(w->loop, &w->checked);
    read_clocks(w);
    return w;
}

/* Before the first iteration: timers count from now, not from when the loop was made. */
static void start_clocks(struct worker *w)
{
    ev_now_update(w->loop);
    read_clocks(w);
}

static void *thread_main(void *arg)
{
    struct start s = *(struct start *)arg;
    char name[16];

    clockid_t cpu_clock;

    free(arg);
    if (pthread_getcpuclockid(pthread_self(), &cpu_clock) == 0)
        atomic_store(&s.worker->cpu_clock, (int)cpu_clock);
    snprintf(name, sizeof(name), "worker %d", s.worker->index);
    thread_set(s.worker->index, name);
    start_clocks(s.worker);
    s.main(s.worker);
    return NULL;
}

void worker_start(struct worker *w, void (*main)(struct worker *w))
{
    struct start *s = xmalloc(sizeof(*s));
    sigset_t all, old;
    pthread_t t;

    *s = (struct start){w, main};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    check(pthread_create(&t, NULL, thread_main, s) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->thread = (unsigned long)t;
}

int64_t worker_cpu_us(const struct worker *w)
{
    clockid_t id = atomic_load(&w->cpu_clock);
    struct timespec t;

    if (id == 0 || clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void worker_run(struct worker *w)
{
    start_clocks(w);
    ev_run(w->loop, 0);
    run_inbox(w);
}

void worker_quit(struct worker *w)
{
    ev_break(w->loop, EVBREAK_ALL);
}

void worker_wait(struct worker *w)
{
    if (w->thread != 0)
        check(pthread_join((pthread_t)w->thread, NULL) == 0);
    w->thread = 0;
}

void worker_join(struct worker **wp)
{
    struct worker *w = *wp;

    worker_wait(w);
    run_inbox(w); /* what was posted after the loop ended */
    ev_async_stop(w->loop, &w->wake);
    ev_check_stop(w->loop, &w->checked);
    ev_loop_destroy(w->loop);
    free(w);
    *wp = NULL; /* only now: the thread may have used it */
}

void worker_post(struct worker *w, struct message *m)
{
    struct message *was = atomic_load_explicit(&w->inbox, memory_order_relaxed);

    do
        m->next = was;
    while (!atomic_compare_exchange_weak_explicit(
        &w->inbox, &was, m, memory_order_release, memory_order_relaxed));
    if (was == NULL)
        ev_async_send(w->loop, &w->wake);
}
