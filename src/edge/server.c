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
#include "edge/reload.h"
#include "edge/request.h"
#include "edge/setup.h"
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

/* The door of a connection that is opening is its setup's. */
static void hold(struct sessions *s, const struct session_door *door)
{
    (void)setup_hold_more(door->keeper, s->app);
}

static void let_go(struct sessions *s, const struct session_door *door)
{
    setup_release(door->keeper, s->app);
}

static void begin(struct worker *worker)
{
    struct edge_worker *w = worker->app;
    struct edge *e = w->edge;
    const struct edge_conf *conf = e->oldest->conf;
    struct resolver_options options = {0};

    setup_take_over(w, e->oldest);
    w->session = conf->session;
    if (conf->resolver.n > 0)
        check(addr_parse(conf->resolver, &options.server));
    w->resolver = resolver_new(worker, &options);
    fetcher_init(&w->fetcher, worker, w->resolver, e->blocking);
    sessions_init(&w->sessions, worker, &w->session, &request_handlers, w);
    w->sessions.hold = hold;
    w->sessions.let_go = let_go;
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

    fillers_drain(w, w->setup->conf->daemon.stop_grace_ms / 2);
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

    setup_stop(w);
    fetcher_stop(&w->fetcher);
    resolver_free(&w->resolver);
}

/* --- main ----------------------------------------------------------------------------------- */

static void on_ready(struct daemon *d)
{
    struct edge *e = d->app;

    e->acme = acme_start(e->setup->conf);
}

static void on_stopping(struct daemon *d)
{
    acme_stop(&((struct edge *)d->app)->acme);
}

static bool reopen_logs(struct daemon *d)
{
    struct edge *e = d->app;

    return e->setup->access_log == NULL || sink_reopen(e->setup->access_log);
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
    .hang_up = reload_now,
    .woken = reload_asked,
};

/* --- opening -------------------------------------------------------------------------------- */

static bool open_cache(struct edge *e)
{
    char err[256];

    e->cache = cache_open(&e->setup->conf->cache, err, sizeof(err));
    if (e->cache == NULL)
        log_msg(LOG_ERROR, "cannot open the cache: %s", err);
    e->notstored = notstored_new();
    e->unsliced = unsliced_new();
    return e->cache != NULL;
}

/* Who may connect for that name, as the site says that has it. */
static const struct client_ca *client_ca_for(void *app, struct span name)
{
    const struct site *s = name.n > 0 ? site_find(edge_conf_of(app)->table, name) : NULL;

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
                                   .challenge_of = challenge_for,
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
    out->connections_max = (unsigned)edge_conf_of(e)->session.connections_max;
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
        {METHOD_GET, "/reload", ADMIN_CONTROL, reload_serve,
            "what a reload would change, or what is wrong with the configuration"},
        {METHOD_POST, "/reload", ADMIN_CONTROL, reload_serve,
            "reads the configuration again and goes by it, if nothing is wrong with it"},
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

static struct daemon_worker *daemon_worker_of(void *app, unsigned i)
{
    return &((struct edge *)app)->workers[i].daemon;
}

static void prepare_worker(struct edge *e, struct edge_worker *w)
{
    w->worker = w->daemon.worker;
    w->edge = e;
    w->cache = e->cache;
    list_init(&w->fillers);
    list_init(&w->recoders);
}

static bool open_setup(struct edge *e, struct edge_conf *conf)
{
    struct sink *log;
    bool ok = daemon_open_log(e->daemon) && setup_open_log(conf, &log);

    e->oldest = e->setup = setup_new(conf, NULL, ok ? log : NULL, true, e->daemon->workers_n);
    return ok;
}

struct edge *edge_open(struct edge_conf *conf)
{
    struct edge *e = xcalloc(1, sizeof(*e));
    unsigned workers = (unsigned)conf->daemon.workers;

    e->workers = xcalloc(workers, sizeof(*e->workers));
    e->daemon = daemon_new("selvaged", &conf->daemon, &edge_ops, e, daemon_worker_of);
    e->hints = hints_new();
    e->challenges = challenges_new();
    session_crowd_init(&e->crowd, &conf->session);
    open_tls(e);
    if (!open_setup(e, conf) || !names_resolve(conf) || !open_cache(e) ||
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
    hints_free(&e->hints);
    session_crowd_free(&e->crowd);
    challenges_free(&e->challenges);
    daemon_free(&e->daemon);
    free(e->workers);
    setup_free_all(&e->oldest);
    free(e);
}
