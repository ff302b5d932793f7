#include "edge/server.h"

#include "admin/admin.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sink.h"
#include "cache/cache.h"
#include "cache/volumes.h"
#include "daemon/certificates.h"
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
#include "net/rate.h"
#include "net/resolver.h"
#include "net/tls_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKING_THREADS = 8,
    BLOCKING_QUEUE = 4096,
};

/* --- a worker ------------------------------------------------------------------------------- */

static void begin(struct worker *worker)
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
}

static void on_accepted(struct worker *worker, const struct listen_conf *at, int fd,
    const struct addr *peer, const struct addr *local)
{
    sessions_accept(&((struct edge_worker *)worker->app)->sessions, &at->door, fd, peer, local);
}

static void on_drained(struct sessions *s)
{
    struct edge_worker *w = s->app;

    recoders_stop(w);
    fillers_stop(w);
    worker_quit(w->worker);
}

static void drain(struct worker *worker)
{
    struct edge_worker *w = worker->app;

    fillers_drain(w, w->conf->daemon.stop_grace_ms / 2);
    sessions_drain(&w->sessions, on_drained);
}

static void force(struct worker *worker)
{
    struct edge_worker *w = worker->app;

    sessions_close_all(&w->sessions);
    recoders_stop(w);
    fillers_stop(w);
    worker_quit(worker);
}

static void end(struct worker *worker)
{
    struct edge_worker *w = worker->app;

    fetcher_stop(&w->fetcher);
    resolver_free(&w->resolver);
}

/* --- main ----------------------------------------------------------------------------------- */

static void on_ready(struct daemon *d)
{
    struct edge *e = d->app;

    e->acme = acme_start(e->conf);
}

static void on_stopping(struct daemon *d)
{
    acme_stop(&((struct edge *)d->app)->acme);
}

static bool reopen_logs(struct daemon *d)
{
    struct edge *e = d->app;

    return e->access_log == NULL || sink_reopen(e->access_log);
}

static void on_hang_up(struct daemon *d)
{
    (void)d;
    log_msg(
        LOG_WARN, "HUP: this version does not take a new configuration while it runs; restart it");
}

static const struct daemon_ops edge_ops = {
    .begin = begin,
    .accepted = on_accepted,
    .drain = drain,
    .force = force,
    .end = end,
    .ready = on_ready,
    .stopping = on_stopping,
    .reopen_logs = reopen_logs,
    .hang_up = on_hang_up,
};

/* --- opening -------------------------------------------------------------------------------- */

static bool open_logs(struct edge *e)
{
    const struct edge_conf *c = e->conf;
    const char *access = span_eq(c->access_log, SPAN("stderr")) ? NULL : c->access_log.p;

    if (!daemon_open_log(e->daemon))
        return false;
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
    daemon_open_tls(e->daemon, (struct tls_server_options){
                                   .policy_of = client_ca_for,
                                   .challenge_of = e->challenges != NULL ? challenge_for : NULL,
                                   .app = e,
                               });
}

static void tell_facts(void *app, struct arena *a, struct admin_facts *out)
{
    struct edge *e = app;
    struct cache_stats *stats = arena_zalloc(a, sizeof(*stats));
    struct cache_volumes *volumes = arena_zalloc(a, sizeof(*volumes));

    daemon_facts(e->daemon, a, out);
    cache_stats(e->cache, stats);
    cache_volumes(e->cache, a, volumes);
    out->connections_max = (unsigned)e->conf->session.connections_max;
    out->cache = stats;
    out->volumes = volumes;
}

static void serve_reload(struct admin_call *call)
{
    certificates_answer_reload(call, ((struct edge *)call->app)->daemon);
}

static bool open_admin(struct edge *e)
{
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
        {METHOD_POST, "/certificates/reload", ADMIN_CONTROL, serve_reload,
            "reads certificates and ticket keys again, if their files have changed"},
        {METHOD_POST, "/acme", ADMIN_CONTROL, acme_serve,
            "what uacme's hook is called with: method=, type=, name=, token=, answer="},
        {0},
    };
    static const struct counter_list *const counters[] = {&nostore_counters, NULL};

    return daemon_open_admin(e->daemon, &(struct admin_conf){
                                            .daemons = COUNTER_EDGE,
                                            .facts = tell_facts,
                                            .counters = counters,
                                            .routes = routes,
                                            .app = e,
                                        });
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

static struct daemon_worker *daemon_worker_of(void *app, unsigned i)
{
    return &((struct edge *)app)->workers[i].daemon;
}

static void prepare_worker(struct edge *e, struct edge_worker *w)
{
    w->worker = w->daemon.worker;
    w->edge = e;
    w->conf = e->conf;
    w->cache = e->cache;
    list_init(&w->fillers);
    list_init(&w->recoders);
}

struct edge *edge_open(struct edge_conf *conf)
{
    struct edge *e = xcalloc(1, sizeof(*e));
    unsigned workers = (unsigned)conf->daemon.workers;

    e->conf = conf;
    e->workers = xcalloc(workers, sizeof(*e->workers));
    e->daemon = daemon_new("selvaged", &conf->daemon, &edge_ops, e, daemon_worker_of);
    e->hints = hints_new();
    e->rates = rate_table_new(conf->rates, conf->rates_n, conf->limit_bytes);
    session_crowd_init(&e->crowd, &conf->session);
    if (conf->acme.on)
        e->challenges = challenges_new();
    name_ourselves(e);
    open_tls(e);
    if (!open_logs(e) || !names_resolve(conf) || !open_cache(e) ||
        !daemon_open_listeners(e->daemon, NULL) || !open_admin(e) ||
        (conf->acme.on && !acme_prepare(&conf->acme))) {
        edge_close(&e);
        return NULL;
    }
    e->blocking = pool_new(BLOCKING_THREADS, BLOCKING_QUEUE);
    e->coding = pool_new(workers, workers * RECODERS_MAX);
    for (unsigned i = 0; i < workers; i++)
        prepare_worker(e, &e->workers[i]);
    return e;
}

enum daemon_exit edge_run(struct edge *e)
{
    return daemon_run(e->daemon);
}

void edge_close(struct edge **ep)
{
    struct edge *e = *ep;

    *ep = NULL;
    acme_stop(&e->acme);
    pool_free(&e->blocking);
    pool_free(&e->coding);
    daemon_wait(e->daemon);
    if (e->cache != NULL)
        cache_stop(e->cache);
    daemon_close(e->daemon);
    if (e->cache != NULL)
        cache_close(&e->cache);
    notstored_free(&e->notstored);
    unsliced_free(&e->unsliced);
    sink_close(&e->access_log);
    hints_free(&e->hints);
    session_crowd_free(&e->crowd);
    challenges_free(&e->challenges);
    rate_table_free(&e->rates);
    daemon_free(&e->daemon);
    free(e->workers);
    edge_conf_free(&e->conf);
    free(e);
}
