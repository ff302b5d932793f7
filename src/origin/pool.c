#include "origin/pool.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/tls_client.h"
#include "net/tls_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct origin_pool {
    struct list node;        /* in fetcher->pools */
    struct fetcher *fetcher; /* borrowed */
    struct origin *origin;   /* borrowed */
    struct list idle;        /* kept connections, used last first */
    unsigned idle_n;
    unsigned total;      /* connections: kept, in use and being made */
    struct list waiting; /* wishes beyond the limit, oldest first */
    unsigned waiting_n;
    unsigned turn; /* the server to try next */
    mono_ms rest_until[ORIGIN_SERVERS_MAX];
    struct ev_prepare kick;        /* fed, never started: serves who waits */
    struct tls_sessions *sessions; /* owns; of each server, by index; NULL: none has TLS */
};

static mono_ms now_of(const struct origin_pool *p)
{
    return worker_now(p->fetcher->worker);
}

/* --- kept connections --------------------------------------------------------------------- */

static void pool_serve_soon(struct origin_pool *p)
{
    if (p->waiting_n > 0)
        ev_feed_event(p->fetcher->worker->loop, &p->kick, EV_CUSTOM);
}

static void conn_free(struct origin_conn *c)
{
    stream_close(&c->stream);
    deadline_stop(&c->idle);
    free(c);
}

static void unlink_idle(struct origin_conn *c)
{
    list_remove(&c->node);
    c->pool->idle_n--;
}

static void drop_idle(struct origin_conn *c)
{
    struct origin_pool *p = c->pool;

    unlink_idle(c);
    p->total--;
    conn_free(c);
    pool_serve_soon(p);
}

/* Whether nothing has come on a kept connection, not even its end. What it costs to ask does not
 * matter any more when something has. */
static bool conn_is_quiet(struct origin_conn *c)
{
    char byte;

    return stream_read(&c->stream, &byte, 1) == STREAM_AGAIN;
}

static void idle_ready(struct stream *s, unsigned events)
{
    struct origin_conn *c = container_of(s, struct origin_conn, stream);

    (void)events;
    if (!conn_is_quiet(c))
        drop_idle(c);
}

static void idle_expired(struct deadline *d)
{
    drop_idle(container_of(d, struct origin_conn, idle));
}

static struct origin_conn *oldest_idle(struct origin_pool *p)
{
    return list_entry(p->idle.prev, struct origin_conn, node);
}

static struct origin_conn *take_idle(struct origin_pool *p, const struct origin_server *server)
{
    list_each_safe (n, &p->idle) {
        struct origin_conn *c = list_entry(n, struct origin_conn, node);

        if (c->server != server || c->quiet_ms > now_of(p))
            continue;
        if (!conn_is_quiet(c)) {
            drop_idle(c);
            continue;
        }
        unlink_idle(c);
        deadline_clear(&c->idle);
        stream_want(&c->stream, 0);
        c->reused = true;
        return c;
    }
    return NULL;
}

void origin_conn_keep(struct origin_conn **cp, mono_ms for_ms, bool suspect)
{
    struct origin_conn *c = *cp;
    struct origin_pool *p = c->pool;

    *cp = NULL;
    c->holder = NULL;
    c->stream.ready = idle_ready;
    stream_want(&c->stream, STREAM_READ);
    deadline_set(&c->idle, for_ms);
    c->quiet_ms = suspect ? now_of(p) + ORIGIN_QUIET_MS : 0;
    list_push(&p->idle, &c->node);
    if (++p->idle_n > (uint64_t)p->origin->options.max_idle)
        drop_idle(oldest_idle(p));
    pool_serve_soon(p);
}

void origin_conn_close(struct origin_conn **cp)
{
    struct origin_conn *c = *cp;
    struct origin_pool *p = c->pool;

    *cp = NULL;
    p->total--;
    conn_free(c);
    pool_serve_soon(p);
}

/* --- servers ------------------------------------------------------------------------------ */

/* The next one in turn that was not tried; first among those that do not rest. NULL: none left. */
static const struct origin_server *choose_server(struct origin_pool *p, uint64_t tried)
{
    unsigned n = p->origin->servers_n;

    for (int resting = 0; resting < 2; resting++) {
        for (unsigned i = 0; i < n; i++) {
            unsigned at = (p->turn + i) % n;

            if ((tried >> at & 1) != 0 || (resting == 0 && p->rest_until[at] > now_of(p)))
                continue;
            p->turn = (at + 1) % n;
            return &p->origin->servers[at];
        }
    }
    return NULL;
}

static unsigned server_index(const struct origin_pool *p, const struct origin_server *s)
{
    return (unsigned)(s - p->origin->servers);
}

/* --- wishes ------------------------------------------------------------------------------- */

static void connected(void *ctx, const struct connect_result *result);

static void wish_connect(struct origin_wish *w)
{
    struct origin_pool *p = w->pool;
    struct connect_to to = {
        .worker = p->fetcher->worker,
        .resolver = p->fetcher->resolver,
        .host = w->server->host,
        .port = w->server->port,
        .timeout_ms = p->origin->options.connect_timeout_ms,
    };

    w->state = WISH_CONNECTING;
    w->began_ms = now_of(p);
    w->tried |= (uint64_t)1 << server_index(p, w->server);
    deadline_clear(&w->deadline);
    w->connect = connect_start(&to, connected, w);
}

static void wish_end(struct origin_wish *w)
{
    w->state = WISH_NONE;
    deadline_stop(&w->deadline);
}

static void wish_fail(struct origin_wish *w, enum fetch_end why)
{
    wish_end(w);
    w->why = why;
    w->done(w);
}

static void wish_grant(struct origin_wish *w, struct origin_conn *c)
{
    w->pool->rest_until[server_index(w->pool, w->server)] = 0;
    c->holder = NULL;
    c->stream.ready = idle_ready;
    wish_end(w);
    w->conn = c;
    w->done(w);
}

static enum fetch_end why_of(const struct connect_result *result)
{
    switch (result->end) {
    case CONNECT_UNRESOLVED:
        return FETCH_UNRESOLVED;
    case CONNECT_TIMEOUT:
        return FETCH_CONNECT_TIMEOUT;
    case CONNECT_DONE:
    case CONNECT_FAILED:
        break;
    }
    switch (result->error) { /* ours, not the server's */
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
        return FETCH_OVERLOAD;
    default:
        return FETCH_REFUSED;
    }
}

/* What went wrong, without the address where that is the server's label anyway. */
static const char *text_of(const struct origin_server *s, const struct connect_result *result)
{
    size_t n = strlen(s->label);

    return strncmp(result->why, s->label, n) == 0 && strncmp(result->why + n, ": ", 2) == 0
               ? result->why + n + 2
               : result->why;
}

/* The server cannot be used; w->text says why. */
static void server_failed(struct origin_wish *w, enum fetch_end why)
{
    struct origin_pool *p = w->pool;
    const struct origin_server *failed = w->server;

    p->rest_until[server_index(p, failed)] = now_of(p) + ORIGIN_REST_MS;
    w->server = choose_server(p, w->tried);
    if (w->server != NULL) {
        log_peer("origin %s: %s cannot be reached: %s; trying %s", p->origin->name.p, failed->label,
            w->text, w->server->label);
        wish_connect(w); /* in the place that it holds already */
        return;
    }
    w->server = failed;
    p->total--;
    pool_serve_soon(p);
    wish_fail(w, why);
}

/* --- TLS: a connection is none before its handshake is complete --------------------------------
 */

static void count_failure(enum tls_failure failure)
{
    switch (failure) {
    case TLS_FAILURE_NONE:
    case TLS_FAILURE_OTHER:
        count(C_ORIGIN_TLS_OTHER);
        return;
    case TLS_FAILURE_SOCKET:
    case TLS_FAILURE_ENDED:
        count(C_ORIGIN_TLS_CLOSED);
        return;
    case TLS_FAILURE_HTTP:
    case TLS_FAILURE_NOT_TLS:
        count(C_ORIGIN_TLS_NOT_TLS);
        return;
    case TLS_FAILURE_VERSION:
        count(C_ORIGIN_TLS_VERSION);
        return;
    case TLS_FAILURE_PARAMETERS:
        count(C_ORIGIN_TLS_PARAMETERS);
        return;
    case TLS_FAILURE_CERTIFICATE:
        count(C_ORIGIN_TLS_CERTIFICATE);
        return;
    case TLS_FAILURE_REFUSED:
        count(C_ORIGIN_TLS_REFUSED);
        return;
    }
}

/* w->text says what is wrong. */
static void shaking_failed(struct origin_wish *w, enum fetch_end why)
{
    struct origin_conn *c = w->shaking;

    w->shaking = NULL;
    deadline_clear(&w->deadline);
    conn_free(c);
    server_failed(w, why);
}

static void shaking_broken(struct origin_wish *w)
{
    const SSL *ssl = stream_ssl(&w->shaking->stream);
    enum tls_failure failure = tls_failure_of(ssl);

    count_failure(failure);
    snprintf(w->text, sizeof(w->text), "%s", tls_client_error(ssl));
    shaking_failed(w, failure == TLS_FAILURE_CERTIFICATE ? FETCH_CERTIFICATE : FETCH_TLS);
}

static void shaking_done(struct origin_wish *w)
{
    struct origin_conn *c = w->shaking;
    SSL *ssl = stream_ssl(&c->stream);
    const char *wrong = tls_client_judge(ssl);

    if (wrong != NULL) {
        count_failure(TLS_FAILURE_PARAMETERS);
        snprintf(w->text, sizeof(w->text), "%s", wrong);
        shaking_failed(w, FETCH_TLS);
        return;
    }
    count(SSL_session_reused(ssl) ? C_ORIGIN_TLS_RESUMED : C_ORIGIN_TLS_FULL);
    stream_want(&c->stream, 0);
    w->shaking = NULL;
    wish_grant(w, c);
}

static void shake(struct origin_wish *w)
{
    switch (stream_handshake(&w->shaking->stream)) {
    case STREAM_AGAIN:
        stream_want(&w->shaking->stream, STREAM_READ);
        return;
    case STREAM_DONE:
        shaking_done(w);
        return;
    default:
        shaking_broken(w);
    }
}

static void shaking_ready(struct stream *s, unsigned events)
{
    (void)events;
    shake(container_of(s, struct origin_conn, stream)->holder);
}

static void shaking_too_long(struct origin_wish *w)
{
    count(C_ORIGIN_TLS_TIMEOUT);
    snprintf(w->text, sizeof(w->text), "connect timeout after %lld ms, in the TLS handshake",
        (long long)w->pool->origin->options.connect_timeout_ms);
    shaking_failed(w, FETCH_CONNECT_TIMEOUT);
}

static SSL *new_ssl(struct origin_wish *w)
{
    struct origin_pool *p = w->pool;
    struct span sni = p->origin->options.sni;

    if (p->sessions == NULL)
        p->sessions = xcalloc(p->origin->servers_n, sizeof(*p->sessions));
    return tls_client_new_ssl(p->origin->tls, sni.n > 0 ? sni.p : w->server->host.p,
        &p->sessions[server_index(p, w->server)]);
}

static void begin_shaking(struct origin_wish *w, struct origin_conn *c)
{
    mono_ms left_ms = w->pool->origin->options.connect_timeout_ms - (now_of(w->pool) - w->began_ms);

    stream_begin_tls(&c->stream, new_ssl(w));
    c->stream.ready = shaking_ready;
    c->holder = w;
    w->shaking = c;
    w->state = WISH_SHAKING;
    deadline_set(&w->deadline, left_ms > 0 ? left_ms : 0);
    shake(w);
}

static struct origin_conn *conn_new(struct origin_wish *w, int fd)
{
    struct origin_conn *c = xcalloc(1, sizeof(*c));

    count(C_ORIGIN_CONNECTS);
    stream_open(&c->stream, w->pool->fetcher->worker, fd, idle_ready);
    deadline_init(&c->idle, w->pool->fetcher->worker, idle_expired);
    list_init(&c->node);
    c->server = w->server;
    c->pool = w->pool;
    return c;
}

static void connected(void *ctx, const struct connect_result *result)
{
    struct origin_wish *w = ctx;

    w->connect = NULL;
    if (result->end != CONNECT_DONE) {
        snprintf(w->text, sizeof(w->text), "%s", text_of(w->server, result));
        server_failed(w, why_of(result));
        return;
    }
    if (w->server->tls)
        begin_shaking(w, conn_new(w, result->fd));
    else
        wish_grant(w, conn_new(w, result->fd));
}

/* Within the limit: a kept connection, which is granted at once, or a place to connect in. */
static bool wish_place(struct origin_wish *w)
{
    struct origin_pool *p = w->pool;

    w->server = choose_server(p, 0);
    w->conn = w->fresh ? NULL : take_idle(p, w->server);
    if (w->conn != NULL)
        return true;
    if (p->total >= (uint64_t)p->origin->options.max_connections && p->idle_n > 0)
        drop_idle(oldest_idle(p));
    if (p->total >= (uint64_t)p->origin->options.max_connections) {
        w->server = NULL;
        return false;
    }
    p->total++;
    return true;
}

static void took_too_long(struct deadline *d)
{
    struct origin_wish *w = container_of(d, struct origin_wish, deadline);

    if (w->state == WISH_SHAKING) {
        shaking_too_long(w);
        return;
    }
    list_remove(&w->node);
    w->pool->waiting_n--;
    wish_fail(w, FETCH_OVERLOAD);
}

/* That the line is too long is told from the loop too, at once. */
static void wish_wait(struct origin_wish *w)
{
    struct origin_pool *p = w->pool;
    const struct origin_options *o = &p->origin->options;
    bool full = p->waiting_n >= ORIGIN_QUEUE_MAX;

    if (full)
        snprintf(w->text, sizeof(w->text), "all %lld connections are in use and %u requests wait",
            (long long)o->max_connections, p->waiting_n);
    else
        snprintf(w->text, sizeof(w->text), "all %lld connections were in use for %lld ms",
            (long long)o->max_connections, (long long)o->connect_timeout_ms);
    w->state = WISH_WAITING;
    list_append(&p->waiting, &w->node);
    p->waiting_n++;
    deadline_set(&w->deadline, full ? 0 : o->connect_timeout_ms);
}

static void pool_serve(struct ev_loop *loop, struct ev_prepare *kick, int events)
{
    struct origin_pool *p = container_of(kick, struct origin_pool, kick);

    (void)loop;
    (void)events;
    while (p->waiting_n > 0) {
        struct origin_wish *w = list_entry(p->waiting.next, struct origin_wish, node);

        if (!wish_place(w))
            return;
        list_remove(&w->node);
        p->waiting_n--;
        if (w->conn == NULL) {
            wish_connect(w);
            continue;
        }
        wish_end(w);
        w->done(w);
    }
}

static struct origin_pool *pool_of(struct fetcher *fr, struct origin *o)
{
    struct origin_pool **slot = &o->pools[fr->worker->index];

    if (*slot == NULL) {
        struct origin_pool *p = xcalloc(1, sizeof(*p));

        p->fetcher = fr;
        p->origin = o;
        list_init(&p->idle);
        list_init(&p->waiting);
        list_append(&fr->pools, &p->node);
        ev_prepare_init(&p->kick, pool_serve);
        *slot = p;
    }
    return *slot;
}

bool origin_wish_start(struct origin_wish *w, struct fetcher *fr, struct origin *o, bool fresh)
{
    struct origin_pool *p = pool_of(fr, o);

    w->pool = p;
    w->conn = NULL;
    w->server = NULL;
    w->fresh = fresh;
    w->tried = 0;
    list_init(&w->node);
    deadline_init(&w->deadline, fr->worker, took_too_long);
    if (p->waiting_n > 0 || !wish_place(w)) {
        wish_wait(w);
        return false;
    }
    if (w->conn != NULL)
        return true;
    wish_connect(w);
    return false;
}

void origin_wish_cancel(struct origin_wish *w)
{
    switch (w->state) {
    case WISH_NONE:
        return;
    case WISH_WAITING:
        list_remove(&w->node);
        w->pool->waiting_n--;
        break;
    case WISH_CONNECTING:
        connect_cancel(&w->connect);
        w->pool->total--;
        pool_serve_soon(w->pool);
        break;
    case WISH_SHAKING:
        origin_conn_close(&w->shaking);
        break;
    }
    wish_end(w);
}

static void pool_close(struct origin_pool *p)
{
    struct fetcher *fr = p->fetcher;

    check(p->waiting_n == 0);
    while (!list_empty(&p->idle))
        drop_idle(oldest_idle(p));
    check(p->total == 0);
    ev_clear_pending(fr->worker->loop, &p->kick);
    p->origin->pools[fr->worker->index] = NULL;
    for (unsigned i = 0; p->sessions != NULL && i < p->origin->servers_n; i++)
        tls_sessions_clear(&p->sessions[i]);
    free(p->sessions);
    free(p);
}

void origin_pool_close(struct fetcher *fr, struct origin *o)
{
    struct origin_pool *p = o->pools[fr->worker->index];

    if (p == NULL)
        return;
    list_remove(&p->node);
    pool_close(p);
}

void origin_pools_close(struct fetcher *fr)
{
    struct list *n;

    while ((n = list_pop(&fr->pools)) != NULL)
        pool_close(list_entry(n, struct origin_pool, node));
}
