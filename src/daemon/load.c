#include "daemon/load.h"

#include "base/check.h"
#include "base/thread.h"
#include "daemon/daemon.h"

#include <stdlib.h>

struct daemon_load {
    const struct daemon *daemon; /* borrowed */
    struct worker *worker;       /* borrowed */
    struct ev_timer timer;
    mono_us at_us;               /* of the last look */
    mono_us cpu_us[THREADS_MAX]; /* what each worker had used by then */
    unsigned busy[THREADS_MAX];  /* of 1000, smoothed */
};

static unsigned workers_n(const struct daemon_load *l)
{
    return l->daemon->workers_n;
}

static void look(struct daemon_load *l)
{
    mono_us now = clock_mono_us(), passed = now - l->at_us;

    l->at_us = now;
    for (unsigned i = 0; i < workers_n(l); i++) {
        mono_us used = worker_cpu_us(l->daemon->workers[i]->worker);
        mono_us share = passed > 0 ? (used - l->cpu_us[i]) * 1000 / passed : 0;

        l->cpu_us[i] = used;
        share = share < 0 ? 0 : share > 1000 ? 1000 : share;
        l->busy[i] = (l->busy[i] + (unsigned)share) / 2;
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int events)
{
    (void)loop;
    (void)events;
    look(container_of(t, struct daemon_load, timer));
}

struct daemon_load *daemon_load_start(const struct daemon *d, struct worker *w)
{
    struct daemon_load *l = xcalloc(1, sizeof(*l));
    double every = DAEMON_LOAD_EVERY_MS / 1000.0;

    l->daemon = d;
    l->worker = w;
    l->at_us = clock_mono_us();
    ev_timer_init(&l->timer, on_timer, every, every);
    ev_timer_start(w->loop, &l->timer);
    return l;
}

void daemon_load_stop(struct daemon_load **lp)
{
    struct daemon_load *l = *lp;

    if (l == NULL)
        return;
    *lp = NULL;
    ev_timer_stop(l->worker->loop, &l->timer);
    free(l);
}

unsigned daemon_load_busy(const struct daemon_load *l)
{
    unsigned most = 0;

    for (unsigned i = 0; l != NULL && i < workers_n(l); i++) {
        if (l->busy[i] > most)
            most = l->busy[i];
    }
    return most;
}
