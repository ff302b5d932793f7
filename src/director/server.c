#include "director/server.h"

#include "admin/route.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/thread.h"
#include "daemon/certificates.h"
#include "director/conf.h"
#include "director/countries.h"
#include "director/map_keeper.h"
#include "director/map_metrics.h"
#include "director/map_serve.h"
#include "director/places.h"
#include "director/pops.h"
#include "director/pops_serve.h"
#include "director/respond.h"
#include "director/rrl.h"
#include "director/steer_serve.h"
#include "director/tally.h"
#include "director/tcp.h"
#include "director/udp.h"
#include "net/datagram.h"
#include "net/resolver.h"
#include "net/tls_server.h"

#include <openssl/rand.h>
#include <stdlib.h>

/* --- a worker -------------------------------------------------------------------------------- */

/* One of the workers looks after the PoPs, for all. */
static void begin_probing(struct director *d, struct worker *worker)
{
    struct resolver_options options = {.tries = 0};

    if (d->conf->resolver.n > 0)
        check(addr_parse(d->conf->resolver, &options.server));
    d->resolver = resolver_new(worker, &options);
    pops_start(d->pops, worker, d->resolver);
}

static void begin(struct worker *worker)
{
    struct director_worker *w = worker->app;

    if (worker->index == 1)
        begin_probing(w->director, worker);

    sessions_init(&w->dns, worker, &w->conf->session, NULL, w);
    sessions_init(&w->web, worker, &w->conf->session, &redirect_handlers, w);
    w->dns.crowd = w->web.crowd = &w->director->crowd;
    for (unsigned k = 0; k < w->udp_n; k++) {
        if (w->udp[k].fd >= 0)
            udp_start(&w->udp[k]);
    }
}

static void on_accepted(struct worker *worker, const struct listen_conf *at, int fd,
    const struct addr *peer, const struct addr *local)
{
    struct director_worker *w = worker->app;

    sessions_accept(at->use == DIRECTOR_DNS ? &w->dns : &w->web, &at->door, fd, peer, local);
}

static void on_drained(struct sessions *s)
{
    struct director_worker *w = s->app;

    if (w->dns.count + w->web.count == 0)
        worker_quit(s->worker);
}

static void drain(struct worker *worker)
{
    struct director_worker *w = worker->app;

    for (unsigned k = 0; k < w->udp_n; k++)
        udp_stop(&w->udp[k]);
    sessions_drain(&w->dns, on_drained);
    sessions_drain(&w->web, on_drained);
}

static void force(struct worker *worker)
{
    struct director_worker *w = worker->app;

    sessions_close_all(&w->dns);
    sessions_close_all(&w->web);
    worker_quit(worker);
}

static void end(struct worker *worker)
{
    struct director *d = ((struct director_worker *)worker->app)->director;

    if (worker->index != 1)
        return;
    pops_stop(d->pops);
    resolver_free(&d->resolver);
}

static void on_ready(struct daemon *d)
{
    unsigned n = (unsigned)d->conf->workers;
    struct worker *workers[THREADS_MAX];

    for (unsigned i = 0; i < n; i++)
        workers[i] = d->workers[i]->worker;
    map_keeper_start(((struct director *)d->app)->maps, workers, n);
}

static void on_stopping(struct daemon *d)
{
    map_keeper_stop(((struct director *)d->app)->maps);
}

static void on_hang_up(struct daemon *d)
{
    log_msg(LOG_NOTICE,
        "HUP: databases are read again; a new configuration is taken by a restart only");
    map_keeper_look(((struct director *)d->app)->maps);
}

static const struct daemon_ops director_ops = {
    .begin = begin,
    .accepted = on_accepted,
    .drain = drain,
    .force = force,
    .end = end,
    .ready = on_ready,
    .stopping = on_stopping,
    .hang_up = on_hang_up,
};

/* --- opening --------------------------------------------------------------------------------- */

static bool wants_datagrams(const struct listen_conf *l)
{
    return l->use == DIRECTOR_DNS && !l->tls && l->addr.sa.sa_family != AF_UNIX;
}

/* What is no larger than this goes through any path in one piece (RFC 9715). */
enum { WHOLE_BYTES = 1232 };

/* At each address of DNS a socket for each worker, where TCP is open already. */
static bool open_datagrams(struct director *d)
{
    unsigned n = (unsigned)d->conf->daemon.workers;
    const struct datagram_options options = {.whole = d->conf->dns.udp_bytes <= WHOLE_BYTES};
    int fds[THREADS_MAX];

    for (unsigned i = 0; i < n; i++)
        d->workers[i].udp = xcalloc(daemon_sockets(d->daemon), sizeof(struct udp_socket));
    for (const struct daemon_socket *s = d->daemon->sockets; s != NULL; s = s->next) {
        struct listen_why why;
        struct addr bound;

        if (!wants_datagrams(s->conf))
            continue;
        if (!datagram_open(&s->bound, &options, fds, n, &bound, &why)) {
            log_msg(LOG_ERROR, "%s", why.text);
            return false;
        }
        for (unsigned i = 0; i < n; i++) {
            struct director_worker *w = &d->workers[i];

            w->udp[w->udp_n++] =
                (struct udp_socket){.worker = w, .conf = s->conf, .fd = fds[i], .bound = bound};
        }
    }
    return true;
}

static void tell_facts(void *app, struct arena *a, struct admin_facts *out)
{
    struct director *d = app;

    daemon_facts(d->daemon, a, out);
    out->connections_max = (unsigned)d->conf->session.connections_max;
}

static void serve_reload(struct admin_call *call)
{
    certificates_answer_reload(call, ((struct director *)call->app)->daemon);
}

static const struct admin_route routes[] = {
    {METHOD_POST, "/certificates/reload", ADMIN_CONTROL, serve_reload,
        "reads certificates and ticket keys again, if their files have changed"},
    {METHOD_GET, "/pops", ADMIN_CONTROL, pops_serve,
        "each PoP: its state, share of answers, probes and load"},
    {METHOD_POST, "/pop", ADMIN_CONTROL, pops_serve_order,
        "name=NAME&order=up|drain|down: an order about a PoP"},
    {METHOD_GET, "/steer", ADMIN_CONTROL, steer_serve,
        "client=ADDRESS[/BITS]: where a client is sent, and why"},
    {METHOD_GET, "/map", ADMIN_CONTROL, map_serve_status,
        "what clients are sent by: databases, maps, and why other ones were refused"},
    {METHOD_GET, "/map/check", ADMIN_CONTROL, map_serve_check,
        "that, and how near to clients their PoPs are; takes a while"},
    {METHOD_POST, "/map/reload", ADMIN_CONTROL, map_serve_reload,
        "reads the databases; force=1 takes those that move too much"},
    {0},
};

/* What is counted beside counters.tbl. */
static const struct counter_list *const *all_lists(const struct director_conf *c)
{
    static const struct counter_list *lists[TALLY_LISTS + MAP_METRICS + 1];
    unsigned n = TALLY_LISTS;

    tally_lists(&c->pops, lists);
    if (c->map.country_metrics)
        lists[n++] = &countries_list;
    map_metrics_lists(&c->map, &c->steers, &lists[n]);
    return lists;
}

static bool open_admin(struct director *d)
{
    return daemon_open_admin(d->daemon, &(struct admin_conf){
                                            .daemons = COUNTER_DIRECTOR,
                                            .facts = tell_facts,
                                            .counters = all_lists(d->conf),
                                            .routes = routes,
                                            .app = d,
                                        });
}

/* Those of the configuration, or one for as long as we run. */
static void open_cookies(struct director *d)
{
    d->cookies = d->conf->dns.cookie_secrets;
    if (d->cookies.n > 0)
        return;
    d->cookies.n = 1;
    check(RAND_priv_bytes(d->cookies.secret[0], DNS_COOKIE_SECRET) == 1);
}

static void open_worker(struct director *d, struct director_worker *w)
{
    w->director = d;
    w->conf = d->conf;
    w->batch = udp_batch_new();
    w->tcp_out = xmalloc(DNS_TCP_OUT_BYTES);
    w->answer.zones = d->conf->zones.zones;
    w->answer.steering = &w->steering;
    w->steering.pops = d->pops;
    w->answer.identity = &d->conf->dns.identity;
    if (d->signatures != NULL) {
        signer_init(&w->signer, d->signatures);
        w->answer.signer = &w->signer;
    }
}

static void open_pops(struct director *d)
{
    struct pops_conf conf = {.list = &d->conf->pops};

    if (!span_eq(d->conf->state, SPAN("off")))
        conf.state_file = d->conf->state;
    d->pops = pops_new(&conf);
}

/* On each worker. */
static void take_maps(struct worker *worker, const struct map_set *set)
{
    struct director_worker *w = worker->app;

    w->maps = set;
    w->steering.maps = set->maps;
}

static void open_maps(struct director *d)
{
    const struct map_keeper_conf conf = {.conf = &d->conf->map,
        .steers = &d->conf->steers,
        .pops = &d->conf->pops,
        .take = take_maps};

    d->maps = map_keeper_new(&conf);
    map_metrics_watch(d->maps);
    for (int64_t i = 0; i < d->conf->daemon.workers; i++)
        take_maps(d->workers[i].daemon.worker, map_keeper_first(d->maps));
}

static struct daemon_worker *worker_of(void *app, unsigned i)
{
    return &((struct director *)app)->workers[i].daemon;
}

struct director *director_open(struct director_conf *conf)
{
    struct director *d = xcalloc(1, sizeof(*d));

    d->conf = conf;
    d->workers = xcalloc((size_t)conf->daemon.workers, sizeof(*d->workers));
    d->daemon = daemon_new("selvage-director", &conf->daemon, &director_ops, d, worker_of);
    session_crowd_init(&d->crowd, &conf->session);
    open_cookies(d);
    d->rrl = rrl_new(&conf->dns.rrl);
    daemon_open_tls(d->daemon, (struct tls_server_options){.app = d});
    if (!daemon_open_log(d->daemon) || !daemon_open_listeners(d->daemon, NULL) ||
        !open_datagrams(d) || !open_admin(d)) {
        director_close(&d);
        return NULL;
    }
    d->signatures = signatures_new(conf->zones.zones); /* its thread writes to the log */
    open_pops(d);
    tally_watch(d->pops);
    d->places = places_new(&conf->map);
    for (int64_t i = 0; i < conf->daemon.workers; i++)
        open_worker(d, &d->workers[i]);
    open_maps(d);
    return d;
}

enum daemon_exit director_run(struct director *d)
{
    return daemon_run(d->daemon);
}

static void close_worker(struct director_worker *w)
{
    for (unsigned k = 0; k < w->udp_n; k++)
        udp_close(&w->udp[k]);
    free(w->udp);
    free(w->tcp_out);
    udp_batch_free(&w->batch);
}

void director_close(struct director **dp)
{
    struct director *d = *dp;

    *dp = NULL;
    daemon_wait(d->daemon);
    /* Who posts to workers has ended before they are freed. */
    places_free(&d->places);
    map_keeper_wait(d->maps);
    daemon_close(d->daemon);
    for (int64_t i = 0; i < d->conf->daemon.workers; i++)
        close_worker(&d->workers[i]);
    daemon_free(&d->daemon);
    map_metrics_watch(NULL);
    map_keeper_free(&d->maps);
    session_crowd_free(&d->crowd);
    tally_watch(NULL);
    pops_free(&d->pops);
    rrl_free(&d->rrl);
    signatures_free(&d->signatures);
    free(d->workers);
    director_conf_free(&d->conf);
    free(d);
}
