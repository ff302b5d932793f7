#include "edge/server.h"

#include "admin/admin.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sink.h"
#include "cache/cache.h"
#include "cache/volumes.h"
#include "config.h"
#include "edge/certificates.h"
#include "edge/closing.h"
#include "edge/conf.h"
#include "edge/explain.h"
#include "edge/filler.h"
#include "edge/hints.h"
#include "edge/listing.h"
#include "edge/names.h"
#include "edge/notstored.h"
#include "edge/purge_serve.h"
#include "edge/recoder.h"
#include "edge/request.h"
#include "edge/unsliced.h"
#include "net/listen.h"
#include "net/rate.h"
#include "net/resolver.h"
#include "net/tls_keeper.h"
#include "net/tls_server.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    BLOCKING_THREADS = 8,
    BLOCKING_QUEUE = 4096,
    STOP_POLL_MS = 20, /* how often main looks whether the workers are done, while stopping */
};

/* --- opening -------------------------------------------------------------------------------- */

static bool open_logs(struct edge *e)
{
    const struct edge_conf *c = e->conf;
    const char *access = span_eq(c->access_log, SPAN("stderr")) ? NULL : c->access_log.p;

    log_set_level((enum log_level)c->error_log_level);
    if (c->error_log.n > 0 && !log_open(c->error_log.p)) {
        log_msg(LOG_ERROR, "cannot open the error log %s: %s", c->error_log.p, strerror(errno));
        return false;
    }
    if (span_eq(c->access_log, SPAN("off")))
        return true;
    e->access_log = access_log_open(access, (enum access_format)c->access_format);
    if (e->access_log == NULL)
        log_msg(LOG_ERROR, "cannot open the access log %s: %s", access, strerror(errno));
    return e->access_log != NULL;
}

static bool open_cache(struct edge *e)
{
    char err[256];

    e->cache = cache_open(&e->conf->cache, err, sizeof(err));
    if (e->cache == NULL)
        log_msg(LOG_ERROR, "cannot open the cache: %s", err);
    e->notstored = notstored_new();
    e->unsliced = unsliced_new();
    return e->cache != NULL;
}

/* Who may connect for that name, as the site says that has it. */
static const struct client_ca *client_ca_for(void *app, struct span name)
{
    const struct edge *e = app;
    const struct site *s = name.n > 0 ? site_find(e->conf->table, name) : NULL;

    return s != NULL ? s->secure.tls.client_ca : NULL;
}

static bool challenge_for(void *app, struct span name, unsigned char digest[])
{
    struct edge *e = app;

    return challenges_alpn(e->challenges, name, digest);
}

static void open_tls(struct edge *e)
{
    bool any = false;

    for (const struct listen_conf *l = e->conf->listens; l != NULL; l = l->next)
        any = any || l->tls;
    if (any)
        e->tls = tls_server_new(&(struct tls_server_options){
            .conf = &e->conf->tls,
            .policy_of = client_ca_for,
            .challenge_of = e->challenges != NULL ? challenge_for : NULL,
            .app = e,
            .now = clock_mono_ms(),
        });
}

/* A socket for each worker on each address, before any worker runs. */
static bool open_listeners(struct edge *e)
{
    const struct edge_conf *c = e->conf;
    unsigned n = (unsigned)c->workers, at = 0;
    int fds[THREADS_MAX];

    for (const struct listen_conf *l = c->listens; l != NULL; l = l->next)
        e->listens_n++;
    e->bound = xcalloc(e->listens_n, sizeof(*e->bound));
    e->doors = xcalloc(e->listens_n, sizeof(*e->doors));
    for (unsigned i = 0; i < n; i++) {
        e->workers[i].listeners = xcalloc(e->listens_n, sizeof(struct listener));
        for (unsigned k = 0; k < e->listens_n; k++)
            e->workers[i].listeners[k].fd = -1;
    }
    for (struct listen_conf *l = c->listens; l != NULL; l = l->next, at++) {
        struct addr want = addr_make(&l->addr.sa, l->addr.len);
        struct listen_why why;

        l->door.tls = l->tls ? e->tls : NULL;
        e->doors[at] = &l->door;
        if (!listen_open(&want, NULL, fds, n, &e->bound[at], &why)) {
            log_msg(LOG_ERROR, "%s", why.text);
            return false;
        }
        for (unsigned i = 0; i < n; i++)
            e->workers[i].listeners[at].fd = fds[i];
    }
    return true;
}

static void tell_facts(void *app, struct arena *a, struct admin_facts *out)
{
    struct edge *e = app;
    struct span *listens = arena_alloc(a, e->listens_n * sizeof(*listens));
    char text[ADDR_TEXT];

    for (unsigned k = 0; k < e->listens_n; k++)
        listens[k] = arena_dup(a, span_of(addr_text(&e->bound[k], text)));
    *out = (struct admin_facts){
        .config = e->conf->path,
        .listens = listens,
        .listens_n = e->listens_n,
        .workers = (unsigned)e->conf->workers,
        .connections = (unsigned)(counter_sum(C_CONN_ACCEPTED) - counter_sum(C_CONN_CLOSED)),
        .started_ms = e->started_ms,
        .draining = atomic_load(&e->stopping),
    };
    if (e->tls != NULL) {
        struct tls_server_state *state = arena_alloc(a, sizeof(*state));

        tls_server_state(e->tls, state);
        out->tls = state;
    }
    cache_stats(e->cache, &out->cache);
    cache_volumes(e->cache, a, &out->volumes);
}

static bool open_admin(struct edge *e)
{
    const struct edge_conf *c = e->conf;
    static const struct admin_route routes[] = {
        {METHOD_GET, "/explain", ADMIN_CONTROL, explain_serve,
            "what would become of a request, and why"},
        {METHOD_GET, "/cache/objects", ADMIN_CONTROL, listing_serve,
            "what is stored, in parts: prefix=, site=, tag=, tier=, min-size=, ...; from="},
        {METHOD_GET, "/cache/object", ADMIN_CONTROL, listing_serve_one,
            "what is stored of one resource: url="},
        {METHOD_GET, "/cache/content", ADMIN_CONTROL, listing_serve_content,
            "the bytes of what is stored: handle=, id= as listed; from="},
        {METHOD_POST, "/purge", ADMIN_CONTROL, purge_serve,
            "takes out of the cache: url=, prefix=, tag=, site= or all; hard=1, wait=1"},
        {METHOD_POST, "/certificates/reload", ADMIN_CONTROL, certificates_serve_reload,
            "reads certificates and ticket keys again, if their files have changed"},
        {METHOD_POST, "/acme", ADMIN_CONTROL, acme_serve,
            "what uacme's hook is called with: method=, type=, name=, token=, answer="},
        {0},
    };
    static const struct counter_list *const counters[] = {&nostore_counters, NULL};
    char err[512];
    struct admin_conf conf = {
        .control = span_eq(c->control, SPAN("off")) ? SPAN_EMPTY : c->control,
        .metrics = c->metrics != NULL ? &c->metrics->addr : NULL,
        .facts = tell_facts,
        .counters = counters,
        .routes = routes,
        .app = e,
    };

    e->admin = admin_open(&conf, err, sizeof(err));
    if (e->admin == NULL)
        log_msg(LOG_ERROR, "%s", err);
    return e->admin != NULL;
}

static void name_ourselves(struct edge *e)
{
    struct arena *a = &e->conf->arena;

    e->via_20 = arena_printf(a, "2.0 %.*s", SPAN_ARG(e->conf->name));
    e->via_11 = arena_printf(a, "1.1 %.*s", SPAN_ARG(e->conf->name));
    e->via_10 = arena_printf(a, "1.0 %.*s", SPAN_ARG(e->conf->name));
    /* Unless the operator names them, an edge and its shield must not take each other for a loop.
     */
    e->loop_id = !span_eq(e->conf->name, SPAN(EDGE_NAME_DEFAULT))
                     ? e->conf->name
                     : arena_printf(a, EDGE_NAME_DEFAULT "-%08x", (unsigned)random_u64());
}

static void *worker_thread_state(struct edge *e, unsigned i)
{
    struct edge_worker *w = &e->workers[i];

    w->worker = worker_new((int)i + 1);
    w->edge = e;
    w->conf = e->conf;
    w->cache = e->cache;
    w->worker->app = w;
    list_init(&w->fillers);
    list_init(&w->recoders);
    return w;
}

/* What main waits for; everybody else has all signals blocked. */
static sigset_t edge_signals(void)
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

struct edge *edge_open(struct edge_conf *conf)
{
    struct edge *e = xcalloc(1, sizeof(*e));
    sigset_t set = edge_signals();

    /* From here on a signal waits until edge_run() takes it. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its writer, not our end */
    raise_descriptors();
    e->conf = conf;
    e->started_ms = clock_mono_ms();
    e->workers = xcalloc((size_t)conf->workers, sizeof(*e->workers));
    e->hints = hints_new();
    e->rates = rate_table_new(conf->rates, conf->rates_n, conf->limit_bytes);
    session_crowd_init(&e->crowd, &conf->session);
    if (conf->acme.on)
        e->challenges = challenges_new();
    name_ourselves(e);
    open_tls(e);
    if (!open_logs(e) || !names_resolve(conf) || !open_cache(e) || !open_listeners(e) ||
        !open_admin(e) || (conf->acme.on && !acme_prepare(&conf->acme))) {
        edge_close(&e);
        return NULL;
    }
    e->blocking = pool_new(BLOCKING_THREADS, BLOCKING_QUEUE);
    e->coding = pool_new((unsigned)conf->workers, (unsigned)conf->workers * RECODERS_MAX);
    for (unsigned i = 0; i < (unsigned)conf->workers; i++)
        worker_thread_state(e, i);
    return e;
}

static void close_worker(struct edge *e, struct edge_worker *w)
{
    if (w->worker != NULL)
        worker_join(&w->worker);
    for (unsigned k = 0; w->listeners != NULL && k < e->listens_n; k++) {
        if (w->listeners[k].fd >= 0)
            close(w->listeners[k].fd);
    }
    free(w->listeners);
}

void edge_close(struct edge **ep)
{
    struct edge *e = *ep;
    bool kept;

    *ep = NULL;
    acme_stop(&e->acme);
    pool_free(&e->blocking);
    pool_free(&e->coding);
    /* All have ended before the first is freed: they post to each other. */
    for (int64_t i = 0; i < e->conf->workers; i++) {
        if (e->workers[i].worker != NULL)
            worker_wait(e->workers[i].worker);
    }
    kept = tls_keeper_stop(&e->tls_keeper);
    if (e->cache != NULL)
        cache_stop(e->cache);
    for (int64_t i = 0; i < e->conf->workers; i++)
        close_worker(e, &e->workers[i]);
    sinks_stop(); /* the last lines are written before their logs are closed */
    for (unsigned k = 0; e->bound != NULL && k < e->listens_n; k++)
        listen_unlink(&e->bound[k]);
    if (e->admin != NULL)
        admin_close(&e->admin);
    if (e->cache != NULL)
        cache_close(&e->cache);
    notstored_free(&e->notstored);
    unsliced_free(&e->unsliced);
    sink_close(&e->access_log);
    hints_free(&e->hints);
    if (kept)
        tls_server_free(&e->tls);
    session_crowd_free(&e->crowd);
    challenges_free(&e->challenges);
    rate_table_free(&e->rates);
    free(e->workers);
    free(e->bound);
    free(e->doors);
    edge_conf_free(&e->conf);
    if (e->closing != NULL)
        closing_end(&e->closing);
    free(e);
}

/* --- a worker ------------------------------------------------------------------------------- */

static void on_accept(struct listener *l, int fd, const struct addr *peer, const struct addr *local)
{
    struct edge_worker *w = l->worker->app;

    sessions_accept(&w->sessions, w->edge->doors[l - w->listeners], fd, peer, local);
}

static void worker_main(struct worker *worker)
{
    struct edge_worker *w = worker->app;
    struct edge *e = w->edge;
    struct resolver_options options = {0};

    if (e->conf->resolver.n > 0)
        check(addr_parse(e->conf->resolver, &options.server));
    w->resolver = resolver_new(worker, &options);
    fetcher_init(&w->fetcher, worker, w->resolver, e->blocking);
    sessions_init(&w->sessions, worker, &e->conf->session, &request_handlers, w);
    w->sessions.crowd = &e->crowd;
    for (unsigned k = 0; k < e->listens_n; k++) {
        int fd = w->listeners[k].fd;

        listener_open(&w->listeners[k], worker, fd, on_accept);
    }
    if (worker->index == 1)
        admin_start(e->admin, worker);
    worker_run(worker);
    if (worker->index == 1)
        admin_stop(e->admin);
    fetcher_stop(&w->fetcher);
    resolver_free(&w->resolver);
    atomic_fetch_sub(&e->running, 1);
}

static void close_listeners(struct edge_worker *w)
{
    for (unsigned k = 0; k < w->edge->listens_n; k++)
        listener_close(&w->listeners[k]);
}

static void on_drained(struct sessions *s)
{
    struct edge_worker *w = s->app;

    recoders_stop(w);
    fillers_stop(w);
    worker_quit(w->worker);
}

/* Messages from main. */
static void run_drain(struct message *m, struct worker *worker)
{
    struct edge_worker *w = worker->app;

    (void)m;
    close_listeners(w);
    fillers_drain(w, w->conf->stop_grace_ms / 2);
    sessions_drain(&w->sessions, on_drained);
}

static void run_force(struct message *m, struct worker *worker)
{
    struct edge_worker *w = worker->app;

    (void)m;
    sessions_close_all(&w->sessions);
    recoders_stop(w);
    fillers_stop(w);
    worker_quit(worker);
}

static void tell_workers(struct edge *e, void (*run)(struct message *m, struct worker *w))
{
    for (int64_t i = 0; i < e->conf->workers; i++) {
        struct edge_worker *w = &e->workers[i];
        struct message *m = run == run_drain ? &w->drain : &w->force;

        m->run = run;
        worker_post(w->worker, m);
    }
}

/* --- running -------------------------------------------------------------------------------- */

static void say_ready(struct edge *e)
{
    char text[ADDR_TEXT];

    for (unsigned k = 0; k < e->listens_n; k++)
        log_msg(LOG_INFO, "selvaged %s: listening on %s", VERSION, addr_text(&e->bound[k], text));
    log_msg(LOG_INFO, "selvaged %s: ready, %d workers", VERSION, (int)e->conf->workers);
}

static void reopen_logs(struct edge *e)
{
    bool ok = log_reopen();

    if (e->access_log != NULL && !sink_reopen(e->access_log))
        ok = false;
    if (ok)
        log_msg(LOG_INFO, "reopened the logs");
    else
        log_msg(LOG_ERROR, "cannot reopen a log: %s; writing on to the old one", strerror(errno));
}

/* Waits for the workers to end; another TERM or INT, or the end of the grace, forces them. */
static enum edge_exit wait_for_workers(struct edge *e, const sigset_t *set, mono_ms grace_ms)
{
    static const struct timespec poll = {0, STOP_POLL_MS * 1000000L};
    mono_ms until = clock_mono_ms() + grace_ms;
    enum edge_exit how = EDGE_FINE;

    while (atomic_load(&e->running) > 0) {
        int sig = sigtimedwait(set, NULL, &poll);
        bool late = grace_ms >= 0 && clock_mono_ms() >= until;

        if (sig == SIGUSR1)
            reopen_logs(e);
        if (how == EDGE_FINE && (sig == SIGTERM || sig == SIGINT || late)) {
            log_msg(LOG_WARN, "%s: closing the connections that are left",
                late ? "the grace is over" : "told to stop again");
            tell_workers(e, run_force);
            how = EDGE_FORCED;
        }
    }
    return how;
}

enum edge_exit edge_run(struct edge *e)
{
    sigset_t set = edge_signals();
    enum edge_exit how;
    mono_ms grace_ms;
    int sig = 0;

    sinks_start();
    if (e->tls != NULL)
        e->tls_keeper = tls_keeper_start(e->tls);
    atomic_store(&e->running, (int)e->conf->workers);
    for (int64_t i = 0; i < e->conf->workers; i++)
        worker_start(e->workers[i].worker, worker_main);
    say_ready(e);
    notify_ready();
    e->acme = acme_start(e->conf);
    while (sig != SIGTERM && sig != SIGINT && sig != SIGQUIT) {
        sig = sigwaitinfo(&set, NULL);
        if (sig == SIGUSR1)
            reopen_logs(e);
        if (sig == SIGHUP)
            log_msg(LOG_WARN, "HUP: this version does not take a new configuration while it runs; "
                              "restart it");
    }
    log_msg(LOG_INFO, "told to %s, finishing what is in flight", sig == SIGQUIT ? "drain" : "stop");
    notify_stopping();
    atomic_store(&e->stopping, true);
    tell_workers(e, run_drain);
    acme_stop(&e->acme);
    grace_ms = sig == SIGQUIT ? -1 : e->conf->stop_grace_ms;
    how = wait_for_workers(e, &set, grace_ms);
    e->closing = closing_begin(&set, grace_ms, how == EDGE_FORCED);
    return how;
}
