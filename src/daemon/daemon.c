#include "daemon/daemon.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sink.h"
#include "base/thread.h"
#include "config.h"
#include "daemon/closing.h"
#include "daemon/load.h"
#include "net/tls_keeper.h"
#include "net/tls_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STOP_POLL_MS = 20 /* how often main looks whether the workers are done, while stopping */ };

static unsigned workers_of(const struct daemon *d)
{
    return (unsigned)d->conf->workers;
}

/* --- opening -------------------------------------------------------------------------------- */

/* What main waits for; everybody else has all signals blocked. */
static sigset_t our_signals(void)
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

/* Connections, kept ones to origins, files: as many descriptors as we may have. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_msg(LOG_WARN, "cannot raise the limit of open files: %s", strerror(errno));
}

struct daemon *daemon_new(const char *name, struct daemon_conf *conf, const struct daemon_ops *ops,
    void *app, struct daemon_worker *(*worker_of)(void *app, unsigned i))
{
    struct daemon *d = xcalloc(1, sizeof(*d));

    d->signals = our_signals();
    /* From here on a signal waits until daemon_run() takes it. */
    pthread_sigmask(SIG_BLOCK, &d->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its writer, not our end */
    raise_descriptors();
    d->name = name;
    d->conf = conf;
    d->ops = ops;
    d->app = app;
    d->started_ms = clock_mono_ms();
    d->workers = xcalloc(workers_of(d), sizeof(*d->workers));
    for (unsigned i = 0; i < workers_of(d); i++) {
        d->workers[i] = worker_of(app, i);
        d->workers[i]->daemon = d;
        d->workers[i]->worker = worker_new((int)i + 1);
        d->workers[i]->worker->app = d->workers[i];
    }
    return d;
}

bool daemon_open_log(struct daemon *d)
{
    const struct daemon_conf *c = d->conf;

    log_set_level((enum log_level)c->error_log_level);
    if (c->error_log.n == 0 || log_open(c->error_log.p))
        return true;
    log_msg(LOG_ERROR, "cannot open the error log %s: %s", c->error_log.p, strerror(errno));
    return false;
}

void daemon_open_tls(struct daemon *d, struct tls_server_options options)
{
    bool any = false;

    for (const struct listen_conf *l = d->conf->listens; l != NULL; l = l->next)
        any = any || l->tls;
    if (!any)
        return;
    options.conf = &d->conf->tls;
    options.now = clock_mono_ms();
    d->tls = tls_server_new(&options);
    for (struct listen_conf *l = d->conf->listens; l != NULL; l = l->next)
        l->door.tls = l->tls ? d->tls : NULL;
}

static void make_room_for_listeners(struct daemon *d, bool (*wanted)(const struct listen_conf *l))
{
    unsigned n = 0;

    for (const struct listen_conf *l = d->conf->listens; l != NULL; l = l->next)
        n += wanted == NULL || wanted(l);
    n += n == 0;
    d->bound = xcalloc(n, sizeof(*d->bound));
    d->ats = xcalloc(n, sizeof(*d->ats));
    for (unsigned i = 0; i < workers_of(d); i++)
        d->workers[i]->listeners = xcalloc(n, sizeof(struct daemon_listener));
}

/* Before any worker runs. */
bool daemon_open_listeners(struct daemon *d, bool (*wanted)(const struct listen_conf *l))
{
    int fds[THREADS_MAX];

    make_room_for_listeners(d, wanted);
    for (const struct listen_conf *l = d->conf->listens; l != NULL; l = l->next) {
        struct addr want = addr_make(&l->addr.sa, l->addr.len);
        unsigned at = d->listens_n;
        struct listen_why why;

        if (wanted != NULL && !wanted(l))
            continue;
        if (!listen_open(&want, NULL, fds, workers_of(d), &d->bound[at], &why)) {
            log_msg(LOG_ERROR, "%s", why.text);
            return false;
        }
        for (unsigned i = 0; i < workers_of(d); i++) {
            d->workers[i]->listeners[at].listener.fd = fds[i];
            d->workers[i]->listeners[at].conf = l;
        }
        d->ats[at] = l;
        d->listens_n++;
    }
    return true;
}

bool daemon_open_admin(struct daemon *d, const struct admin_conf *conf)
{
    const struct daemon_conf *c = d->conf;
    struct admin_conf full = *conf;
    char err[512];

    full.program = d->name;
    full.control = span_eq(c->control, SPAN("off")) ? SPAN_EMPTY : c->control;
    full.metrics = c->metrics != NULL ? &c->metrics->addr : NULL;
    d->admin = admin_open(&full, err, sizeof(err));
    if (d->admin == NULL)
        log_msg(LOG_ERROR, "%s", err);
    return d->admin != NULL;
}

void daemon_facts(struct daemon *d, struct arena *a, struct admin_facts *out)
{
    struct span *listens = arena_alloc(a, d->listens_n * sizeof(*listens));
    char text[ADDR_TEXT];

    for (unsigned k = 0; k < d->listens_n; k++)
        listens[k] = arena_dup(a, span_of(addr_text(&d->bound[k], text)));
    *out = (struct admin_facts){
        .config = d->conf->path,
        .listens = listens,
        .listens_n = d->listens_n,
        .workers = workers_of(d),
        .connections = (unsigned)(counter_sum(C_CONN_ACCEPTED) - counter_sum(C_CONN_CLOSED)),
        .busy_per_mille = daemon_load_busy(d->load),
        .started_ms = d->started_ms,
        .draining = atomic_load(&d->stopping),
    };
    if (d->tls != NULL) {
        struct tls_server_state *state = arena_alloc(a, sizeof(*state));

        tls_server_state(d->tls, state);
        out->tls = state;
    }
}

/* --- a worker ------------------------------------------------------------------------------- */

static void on_accept(struct listener *l, int fd, const struct addr *peer, const struct addr *local)
{
    struct daemon_listener *dl = container_of(l, struct daemon_listener, listener);

    ((struct daemon_worker *)l->worker->app)
        ->daemon->ops->accepted(l->worker, dl->conf, fd, peer, local);
}

static void quit_if_last(struct ev_loop *loop, struct ev_timer *t, int events)
{
    struct daemon_worker *dw = t->data;

    (void)loop;
    (void)events;
    if (atomic_load(&dw->daemon->running) == 1)
        worker_quit(dw->worker);
}

/* The worker with the operator's door stays until the others have drained, so that whoever asks
 * learns that they do. */
static void stay_for_others(struct daemon_worker *dw)
{
    struct ev_timer look;

    ev_timer_init(&look, quit_if_last, 0., STOP_POLL_MS / 1000.);
    look.data = dw;
    ev_timer_start(dw->worker->loop, &look);
    while (atomic_load(&dw->daemon->running) > 1)
        worker_run(dw->worker);
    ev_timer_stop(dw->worker->loop, &look);
}

static void worker_main(struct worker *w)
{
    struct daemon_worker *dw = w->app;
    struct daemon *d = dw->daemon;

    d->ops->begin(w);
    for (unsigned k = 0; k < d->listens_n; k++)
        listener_open(&dw->listeners[k].listener, w, dw->listeners[k].listener.fd, on_accept);
    if (w->index == 1) {
        d->load = daemon_load_start(d, w);
        admin_start(d->admin, w);
    }
    worker_run(w);
    if (w->index == 1) {
        stay_for_others(dw);
        admin_stop(d->admin);
        daemon_load_stop(&d->load);
    }
    d->ops->end(w);
    atomic_fetch_sub(&d->running, 1);
}

/* Messages from main. */
static void run_drain(struct message *m, struct worker *w)
{
    struct daemon_worker *dw = w->app;

    (void)m;
    for (unsigned k = 0; k < dw->daemon->listens_n; k++)
        listener_close(&dw->listeners[k].listener);
    dw->daemon->ops->drain(w);
}

static void run_force(struct message *m, struct worker *w)
{
    (void)m;
    ((struct daemon_worker *)w->app)->daemon->ops->force(w);
}

static void tell_workers(struct daemon *d, void (*run)(struct message *m, struct worker *w))
{
    for (unsigned i = 0; i < workers_of(d); i++) {
        struct message *m = run == run_drain ? &d->workers[i]->drain : &d->workers[i]->force;

        m->run = run;
        worker_post(d->workers[i]->worker, m);
    }
}

/* --- running -------------------------------------------------------------------------------- */

static void say_ready(struct daemon *d)
{
    char text[ADDR_TEXT];

    for (unsigned k = 0; k < d->listens_n; k++)
        log_msg(
            LOG_INFO, "%s %s: listening on %s", d->name, VERSION, addr_text(&d->bound[k], text));
    log_msg(LOG_INFO, "%s %s: ready, %u workers", d->name, VERSION, workers_of(d));
}

static void reopen_logs(struct daemon *d)
{
    bool ok = log_reopen();

    if (d->ops->reopen_logs != NULL && !d->ops->reopen_logs(d))
        ok = false;
    if (ok)
        log_msg(LOG_INFO, "reopened the logs");
    else
        log_msg(LOG_ERROR, "cannot reopen a log: %s; writing on to the old one", strerror(errno));
}

/* Waits for the workers to end; another TERM or INT, or the end of the grace, forces them. */
static enum daemon_exit wait_for_workers(struct daemon *d, mono_ms grace_ms)
{
    static const struct timespec poll = {0, STOP_POLL_MS * 1000000L};
    mono_ms until = clock_mono_ms() + grace_ms;
    enum daemon_exit how = DAEMON_FINE;

    while (atomic_load(&d->running) > 0) {
        int sig = sigtimedwait(&d->signals, NULL, &poll);
        bool late = grace_ms >= 0 && clock_mono_ms() >= until;

        if (sig == SIGUSR1)
            reopen_logs(d);
        if (how == DAEMON_FINE && (sig == SIGTERM || sig == SIGINT || late)) {
            log_msg(LOG_WARN, "%s: closing the connections that are left",
                late ? "the grace is over" : "told to stop again");
            tell_workers(d, run_force);
            how = DAEMON_FORCED;
        }
    }
    return how;
}

/* The signal that ended it. */
static int serve(struct daemon *d)
{
    for (;;) {
        int sig = sigwaitinfo(&d->signals, NULL);

        if (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT)
            return sig;
        if (sig == SIGUSR1)
            reopen_logs(d);
        if (sig == SIGHUP && d->ops->hang_up != NULL)
            d->ops->hang_up(d);
    }
}

enum daemon_exit daemon_run(struct daemon *d)
{
    enum daemon_exit how;
    mono_ms grace_ms;
    int sig;

    sinks_start();
    if (d->tls != NULL)
        d->tls_keeper = tls_keeper_start(d->tls);
    atomic_store(&d->running, (int)workers_of(d));
    for (unsigned i = 0; i < workers_of(d); i++)
        worker_start(d->workers[i]->worker, worker_main);
    say_ready(d);
    notify_ready();
    if (d->ops->ready != NULL)
        d->ops->ready(d);
    sig = serve(d);
    log_msg(LOG_INFO, "told to %s, finishing what is in flight", sig == SIGQUIT ? "drain" : "stop");
    notify_stopping();
    atomic_store(&d->stopping, true);
    tell_workers(d, run_drain);
    if (d->ops->stopping != NULL)
        d->ops->stopping(d);
    grace_ms = sig == SIGQUIT ? -1 : d->conf->stop_grace_ms;
    how = wait_for_workers(d, grace_ms);
    d->closing = closing_begin(&d->signals, grace_ms, how == DAEMON_FORCED);
    return how;
}

/* --- closing -------------------------------------------------------------------------------- */

void daemon_wait(struct daemon *d)
{
    /* All have ended before the first is freed: they post to each other. */
    for (unsigned i = 0; i < workers_of(d); i++)
        worker_wait(d->workers[i]->worker);
    d->tls_kept = !tls_keeper_stop(&d->tls_keeper);
}

void daemon_close(struct daemon *d)
{
    for (unsigned i = 0; i < workers_of(d); i++) {
        struct daemon_worker *dw = d->workers[i];

        worker_join(&dw->worker);
        for (unsigned k = 0; k < d->listens_n; k++) {
            if (dw->listeners[k].listener.fd >= 0)
                close(dw->listeners[k].listener.fd);
        }
        free(dw->listeners);
    }
    sinks_stop(); /* the last lines are written before their logs are closed */
    for (unsigned k = 0; k < d->listens_n; k++)
        listen_unlink(&d->bound[k]);
    if (d->admin != NULL)
        admin_close(&d->admin);
}

void daemon_free(struct daemon **dp)
{
    struct daemon *d = *dp;

    *dp = NULL;
    if (d == NULL)
        return;
    if (!d->tls_kept)
        tls_server_free(&d->tls);
    if (d->closing != NULL)
        closing_end(&d->closing);
    free(d->workers);
    free(d->bound);
    free(d->ats);
    free(d);
}
