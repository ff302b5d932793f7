#include "director/server.h"

#include "admin/admin.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sink.h"
#include "base/thread.h"
#include "director/conf.h"
#include "director/udp.h"
#include "net/datagram.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool open_logs(const struct director_conf *c)
{
    log_set_level((enum log_level)c->error_log_level);
    if (c->error_log.n == 0 || log_open(c->error_log.p))
        return true;
    log_msg(LOG_ERROR, "cannot open the error log %s: %s", c->error_log.p, strerror(errno));
    return false;
}

static bool open_sockets(struct director *d)
{
    unsigned n = (unsigned)d->conf->workers, at = 0;
    int fds[THREADS_MAX];

    for (const struct director_listen *l = d->conf->listens; l != NULL; l = l->next)
        d->listens_n++;
    d->bound = xcalloc(d->listens_n, sizeof(*d->bound));
    for (unsigned i = 0; i < n; i++) {
        d->workers[i].udp = xcalloc(d->listens_n, sizeof(struct udp_socket));
        for (unsigned k = 0; k < d->listens_n; k++)
            d->workers[i].udp[k].fd = -1;
    }
    for (const struct director_listen *l = d->conf->listens; l != NULL; l = l->next, at++) {
        struct addr want = addr_make(&l->addr.sa, l->addr.len);
        struct listen_why why;

        if (l->speaks != DIRECTOR_DNS || l->tls || addr_family(&want) == AF_UNIX)
            continue;
        if (!datagram_open(&want, fds, n, &d->bound[at], &why)) {
            log_msg(LOG_ERROR, "%s", why.text);
            return false;
        }
        for (unsigned i = 0; i < n; i++)
            d->workers[i].udp[at] = (struct udp_socket){
                .worker = &d->workers[i], .conf = l, .fd = fds[i], .any = addr_is_any(&want)};
    }
    return true;
}

static void tell_facts(void *app, struct arena *a, struct admin_facts *out)
{
    struct director *d = app;
    struct span *listens = arena_alloc(a, d->listens_n * sizeof(*listens));
    char text[ADDR_TEXT];

    for (unsigned k = 0; k < d->listens_n; k++)
        listens[k] = arena_dup(a, span_of(addr_text(&d->bound[k], text)));
    *out = (struct admin_facts){
        .config = d->conf->path,
        .listens = listens,
        .listens_n = d->listens_n,
        .workers = (unsigned)d->conf->workers,
        .started_ms = d->started_ms,
    };
}

static bool open_admin(struct director *d)
{
    const struct director_conf *c = d->conf;
    char err[512];
    struct admin_conf conf = {
        .control = span_eq(c->control, SPAN("off")) ? SPAN_EMPTY : c->control,
        .metrics = c->metrics.len > 0 ? &c->metrics : NULL,
        .program = "selvage-director",
        .daemons = COUNTER_DIRECTOR,
        .facts = tell_facts,
        .app = d,
    };

    d->admin = admin_open(&conf, err, sizeof(err));
    if (d->admin == NULL)
        log_msg(LOG_ERROR, "%s", err);
    return d->admin != NULL;
}

/* What main waits for; everybody else has all signals blocked. */
static sigset_t director_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    return set;
}

struct director *director_open(struct director_conf *conf)
{
    struct director *d = xcalloc(1, sizeof(*d));
    sigset_t set = director_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    d->conf = conf;
    d->started_ms = clock_mono_ms();
    d->workers = xcalloc((size_t)conf->workers, sizeof(*d->workers));
    if (!open_logs(conf) || !open_sockets(d) || !open_admin(d)) {
        director_close(&d);
        return NULL;
    }
    for (int64_t i = 0; i < conf->workers; i++) {
        struct director_worker *w = &d->workers[i];

        w->worker = worker_new((int)i + 1);
        w->worker->app = w;
        w->director = d;
        w->conf = conf;
        w->batch = udp_batch_new();
    }
    return d;
}

void director_close(struct director **dp)
{
    struct director *d = *dp;

    *dp = NULL;
    for (int64_t i = 0; i < d->conf->workers; i++) {
        struct director_worker *w = &d->workers[i];

        if (w->worker != NULL)
            worker_join(&w->worker);
        for (unsigned k = 0; w->udp != NULL && k < d->listens_n; k++) {
            if (w->udp[k].fd >= 0)
                close(w->udp[k].fd);
        }
        free(w->udp);
        udp_batch_free(&w->batch);
    }
    sinks_stop();
    if (d->admin != NULL)
        admin_close(&d->admin);
    free(d->workers);
    free(d->bound);
    director_conf_free(&d->conf);
    free(d);
}

static void worker_main(struct worker *worker)
{
    struct director_worker *w = worker->app;

    for (unsigned k = 0; k < w->director->listens_n; k++) {
        if (w->udp[k].fd >= 0)
            udp_start(&w->udp[k]);
    }
    if (worker->index == 1)
        admin_start(w->director->admin, worker);
    worker_run(worker);
    if (worker->index == 1)
        admin_stop(w->director->admin);
    atomic_fetch_sub(&w->director->running, 1);
}

static void run_drain(struct message *m, struct worker *worker)
{
    struct director_worker *w = worker->app;

    (void)m;
    for (unsigned k = 0; k < w->director->listens_n; k++)
        udp_stop(&w->udp[k]);
    worker_quit(worker);
}

enum director_exit director_run(struct director *d)
{
    sigset_t set = director_signals();
    char text[ADDR_TEXT];
    int sig = 0;

    sinks_start();
    atomic_store(&d->running, (int)d->conf->workers);
    for (int64_t i = 0; i < d->conf->workers; i++)
        worker_start(d->workers[i].worker, worker_main);
    for (unsigned k = 0; k < d->listens_n; k++)
        log_msg(LOG_INFO, "selvage-director %s: listening on %s", VERSION,
            addr_text(&d->bound[k], text));
    log_msg(LOG_INFO, "selvage-director %s: ready, %d workers", VERSION, (int)d->conf->workers);
    notify_ready();
    while (sig != SIGTERM && sig != SIGINT && sig != SIGQUIT) {
        sig = sigwaitinfo(&set, NULL);
        if (sig == SIGUSR1)
            (void)!log_reopen();
    }
    log_msg(LOG_INFO, "told to stop, finishing what is in flight");
    notify_stopping();
    for (int64_t i = 0; i < d->conf->workers; i++) {
        d->workers[i].drain.run = run_drain;
        worker_post(d->workers[i].worker, &d->workers[i].drain);
    }
    for (int64_t i = 0; i < d->conf->workers; i++)
        worker_wait(d->workers[i].worker);
    return DIRECTOR_FINE;
}
