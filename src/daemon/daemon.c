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
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STOP_POLL_MS = 20 /* how often main looks whether the workers are done, while stopping */ };

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
    sigaddset(&set, SIGURG); /* our own: daemon_wake() */
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
    d->workers_n = (unsigned)conf->workers;
    d->ops = ops;
    d->app = app;
    d->started_ms = clock_mono_ms();
    d->path = xstrdup(conf->path.n > 0 ? conf->path.p : "");
    d->main_thread = pthread_self();
    d->workers = xcalloc(d->workers_n, sizeof(*d->workers));
    for (unsigned i = 0; i < d->workers_n; i++) {
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

static bool speaks_tls(const struct daemon_conf *c)
{
    for (const struct listen_conf *l = c->listens; l != NULL; l = l->next) {
        if (l->tls)
            return true;
    }
    return false;
}

/* The server of its configuration. */
static void give_tls(struct daemon *d, struct daemon_conf *c)
{
    d->tls_options.conf = &c->tls;
    d->tls_options.now = clock_mono_ms();
    if (d->tls != NULL)
        tls_server_adopt(d->tls, &c->tls);
    else if (speaks_tls(c))
        d->tls = tls_server_new(&d->tls_options);
    for (struct listen_conf *l = c->listens; l != NULL; l = l->next)
        l->door.tls = l->tls ? d->tls : NULL;
}

static void keep_tls(struct daemon *d)
{
    if (d->tls != NULL)
        d->tls_keeper = tls_keeper_start(d->tls);
}

void daemon_open_tls(struct daemon *d, struct tls_server_options options)
{
    d->tls_options = options;
    give_tls(d, d->conf);
}

bool daemon_open_admin(struct daemon *d, const struct admin_conf *conf)
{
    const struct daemon_conf *c = d->conf;
    struct admin_conf full = *conf;
    char err[512];

    full.program = d->name;
    if (!span_eq(c->control, SPAN("off")))
        full.control = span_of(d->control = xstrdup(c->control.p));
    if (c->metrics != NULL)
        d->metrics = c->metrics->addr;
    full.metrics = c->metrics != NULL ? &d->metrics : NULL;
    d->admin = admin_open(&full, err, sizeof(err));
    if (d->admin == NULL)
        log_msg(LOG_ERROR, "%s", err);
    return d->admin != NULL;
}

static unsigned listens_of(const struct daemon_listener *l)
{
    unsigned n = 0;

    for (; l != NULL; l = l->next)
        n++;
    return n;
}

void daemon_facts(struct daemon *d, struct arena *a, struct admin_facts *out)
{
    struct daemon_listener *first = d->workers[0]->listeners;
    struct span *listens;
    char text[ADDR_TEXT];
    unsigned n = listens_of(first);

    listens = arena_alloc(a, n * sizeof(*listens));
    for (const struct daemon_listener *l = first; l != NULL; l = l->next)
        listens[--n] = arena_dup(a, span_of(addr_text(&l->listener.addr, text)));
    *out = (struct admin_facts){
        .config = span_of(d->path),
        .listens = listens,
        .listens_n = listens_of(first),
        .workers = d->workers_n,
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

/* --- sockets -------------------------------------------------------------------------------- */

static bool same_place(const struct listen_conf *a, const struct listen_conf *b)
{
    return a->addr.len == b->addr.len && memcmp(&a->addr.sa, &b->addr.sa, a->addr.len) == 0;
}

static struct daemon_socket *socket_at(struct daemon *d, const struct listen_conf *l)
{
    for (struct daemon_socket *s = d->sockets; s != NULL; s = s->next) {
        if (same_place(s->conf, l))
            return s;
    }
    return NULL;
}

unsigned daemon_sockets(const struct daemon *d)
{
    unsigned n = 0;

    for (const struct daemon_socket *s = d->sockets; s != NULL; s = s->next)
        n++;
    return n;
}

static void free_sockets(struct daemon_socket **list, unsigned workers)
{
    while (*list != NULL) {
        struct daemon_socket *s = *list;

        *list = s->next;
        for (unsigned i = 0; s->fds != NULL && i < workers; i++) {
            if (s->fds[i] >= 0)
                close(s->fds[i]);
        }
        free(s->fds);
        free(s);
    }
}

static bool open_sockets(
    struct daemon *d, struct daemon_conf *conf, struct daemon_change *c, struct listen_why *why)
{
    struct daemon_socket **end = &c->sockets;

    *c = (struct daemon_change){.conf = conf};
    for (const struct listen_conf *l = conf->listens; l != NULL; l = l->next) {
        struct addr want = addr_make(&l->addr.sa, l->addr.len);
        const struct daemon_socket *there = socket_at(d, l);
        struct daemon_socket *s;

        if (d->wanted != NULL && !d->wanted(l))
            continue;
        s = xcalloc(1, sizeof(*s));
        s->conf = l;
        *end = s;
        end = &s->next;
        if (there != NULL) {
            s->bound = there->bound;
            continue;
        }
        s->fds = xcalloc(d->workers_n, sizeof(*s->fds));
        if (listen_open(&want, NULL, s->fds, d->workers_n, &s->bound, why))
            continue;
        free(s->fds);
        s->fds = NULL;
        free_sockets(&c->sockets, d->workers_n);
        return false;
    }
    return true;
}

/* Listeners of the worker for sockets that are new; before it runs they only wait. */
static void add_listeners(struct daemon_worker *dw, struct daemon_socket *sockets)
{
    unsigned i = (unsigned)dw->worker->index - 1;

    for (struct daemon_socket *s = sockets; s != NULL; s = s->next) {
        struct daemon_listener *dl;

        if (s->fds == NULL)
            continue;
        dl = xcalloc(1, sizeof(*dl));
        dl->conf = s->conf;
        dl->listener.fd = s->fds[i];
        s->fds[i] = -1;
        dl->next = dw->listeners;
        dw->listeners = dl;
    }
}

static void forget_descriptors(struct daemon_socket *sockets)
{
    for (struct daemon_socket *s = sockets; s != NULL; s = s->next) {
        free(s->fds);
        s->fds = NULL;
    }
}

bool daemon_open_listeners(struct daemon *d, bool (*wanted)(const struct listen_conf *l))
{
    struct daemon_change c;
    struct listen_why why;

    d->wanted = wanted;
    if (!open_sockets(d, d->conf, &c, &why)) {
        log_msg(LOG_ERROR, "%s", why.text);
        return false;
    }
    for (unsigned i = 0; i < d->workers_n; i++)
        add_listeners(d->workers[i], c.sockets);
    forget_descriptors(c.sockets);
    d->sockets = c.sockets;
    return true;
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

static void listen_now(struct daemon_worker *dw)
{
    for (struct daemon_listener *l = dw->listeners; l != NULL; l = l->next) {
        if (l->listener.worker == NULL)
            listener_open(&l->listener, dw->worker, l->listener.fd, on_accept);
    }
}

static void worker_main(struct worker *w)
{
    struct daemon_worker *dw = w->app;
    struct daemon *d = dw->daemon;

    d->ops->begin(w);
    listen_now(dw);
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
    for (struct daemon_listener *l = dw->listeners; l != NULL; l = l->next)
        listener_close(&l->listener);
    dw->daemon->ops->drain(w);
}

static void run_force(struct message *m, struct worker *w)
{
    (void)m;
    ((struct daemon_worker *)w->app)->daemon->ops->force(w);
}

static void tell_workers(struct daemon *d, void (*run)(struct message *m, struct worker *w))
{
    for (unsigned i = 0; i < d->workers_n; i++) {
        struct message *m = run == run_drain ? &d->workers[i]->drain : &d->workers[i]->force;

        m->run = run;
        worker_post(d->workers[i]->worker, m);
    }
}

/* --- changing ------------------------------------------------------------------------------- */

bool daemon_change_open(
    struct daemon *d, struct daemon_conf *conf, struct daemon_change *c, struct listen_why *why)
{
    if (!tls_keeper_stop(&d->tls_keeper)) {
        d->tls_kept = true;
        snprintf(why->text, sizeof(why->text),
            "the name of an OCSP responder is still being looked up: try again in a moment");
    } else if (open_sockets(d, conf, c, why)) {
        return true;
    }
    keep_tls(d);
    return false;
}

void daemon_change_drop(struct daemon *d, struct daemon_change *c)
{
    free_sockets(&c->sockets, d->workers_n);
    keep_tls(d);
}

/* What main and the workers say to each other meanwhile. */
struct change_order {
    struct daemon_change *change;
    void (*take_over)(struct worker *w, void *app);
    void *app;
    sem_t done;
};

static const struct listen_conf *goes_on(const struct daemon_listener *l, struct daemon_change *c)
{
    for (const struct daemon_socket *s = c->sockets; s != NULL; s = s->next) {
        if (same_place(s->conf, l->conf))
            return s->conf;
    }
    return NULL;
}

static void run_change(struct message *m, struct worker *w)
{
    struct daemon_worker *dw = w->app;
    struct change_order *o = dw->daemon->order;
    struct daemon_listener **at = &dw->listeners;

    (void)m;
    while (*at != NULL) {
        struct daemon_listener *l = *at;
        const struct listen_conf *conf = goes_on(l, o->change);

        if (conf == NULL) { /* who waits there is still taken in, by the old rules */
            listener_close(&l->listener);
            *at = l->next;
            free(l);
            continue;
        }
        l->conf = conf;
        at = &l->next;
    }
    o->take_over(w, o->app);
    add_listeners(dw, o->change->sockets);
    listen_now(dw);
    sem_post(&o->done);
}

static void unlisten(struct daemon *d, const struct daemon_change *c)
{
    for (const struct daemon_socket *s = d->sockets; s != NULL; s = s->next) {
        const struct daemon_socket *n = c->sockets;

        while (n != NULL && !same_place(n->conf, s->conf))
            n = n->next;
        if (n == NULL)
            listen_unlink(&s->bound);
    }
}

static void change_log(const struct daemon_conf *from, const struct daemon_conf *to)
{
    log_set_level((enum log_level)to->error_log_level);
    if (!span_eq(from->error_log, to->error_log))
        log_msg(LOG_WARN, "error-log: another file is written to from the next start on");
}

void daemon_change_make(struct daemon *d, struct daemon_change *c,
    void (*take_over)(struct worker *w, void *app), void *app)
{
    struct change_order o = {.change = c, .take_over = take_over, .app = app};

    give_tls(d, c->conf);
    sem_init(&o.done, 0, 0);
    /* cppcheck-suppress autoVariables ; it is taken back below */
    d->order = &o;
    for (unsigned i = 0; i < d->workers_n; i++) {
        d->workers[i]->change.run = run_change;
        worker_post(d->workers[i]->worker, &d->workers[i]->change);
    }
    for (unsigned i = 0; i < d->workers_n; i++) {
        while (sem_wait(&o.done) != 0)
            continue;
    }
    sem_destroy(&o.done);
    d->order = NULL;
    unlisten(d, c);
    free_sockets(&d->sockets, d->workers_n);
    forget_descriptors(c->sockets);
    d->sockets = c->sockets;
    change_log(d->conf, c->conf);
    d->conf = c->conf;
    keep_tls(d);
}

void daemon_wake(struct daemon *d)
{
    (void)pthread_kill(d->main_thread, SIGURG);
}

/* --- running -------------------------------------------------------------------------------- */

static void say_ready(struct daemon *d)
{
    char text[ADDR_TEXT];

    for (const struct daemon_socket *l = d->sockets; l != NULL; l = l->next)
        log_msg(LOG_INFO, "%s %s: listening on %s", d->name, VERSION, addr_text(&l->bound, text));
    log_msg(LOG_INFO, "%s %s: ready, %u workers", d->name, VERSION, d->workers_n);
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
        if (sig == SIGURG && d->ops->woken != NULL)
            d->ops->woken(d);
    }
}

enum daemon_exit daemon_run(struct daemon *d)
{
    enum daemon_exit how;
    mono_ms grace_ms;
    int sig;

    sinks_start();
    keep_tls(d);
    atomic_store(&d->running, (int)d->workers_n);
    for (unsigned i = 0; i < d->workers_n; i++)
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
    for (unsigned i = 0; i < d->workers_n; i++)
        worker_wait(d->workers[i]->worker);
    d->tls_kept = !tls_keeper_stop(&d->tls_keeper) || d->tls_kept;
}

void daemon_close(struct daemon *d)
{
    for (unsigned i = 0; i < d->workers_n; i++) {
        struct daemon_worker *dw = d->workers[i];

        worker_join(&dw->worker);
        while (dw->listeners != NULL) {
            struct daemon_listener *l = dw->listeners;

            dw->listeners = l->next;
            if (l->listener.fd >= 0)
                close(l->listener.fd);
            free(l);
        }
    }
    sinks_stop(); /* the last lines are written before their logs are closed */
    for (const struct daemon_socket *l = d->sockets; l != NULL; l = l->next)
        listen_unlink(&l->bound);
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
    free_sockets(&d->sockets, d->workers_n);
    free(d->workers);
    free(d->control);
    free(d->path);
    free(d);
}
