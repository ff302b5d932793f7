#include "origin/fetch.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "origin/fetch_kind.h"
#include "origin/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    int status;
} ends[] = {
    [FETCH_DONE] = {"done", 200},
    [FETCH_CUT] = {"cut", 502},
    [FETCH_REFUSED] = {"connect-refused", 502},
    [FETCH_UNRESOLVED] = {"unresolved", 502},
    [FETCH_CONNECT_TIMEOUT] = {"connect-timeout", 504},
    [FETCH_FIRST_BYTE_TIMEOUT] = {"first-byte-timeout", 504},
    [FETCH_BETWEEN_BYTES_TIMEOUT] = {"between-bytes-timeout", 504},
    [FETCH_RESET] = {"reset", 502},
    [FETCH_BAD_RESPONSE] = {"bad-response", 502},
    [FETCH_OVERLOAD] = {"overload", 503},
    [FETCH_CERTIFICATE] = {"tls-certificate", 502},
    [FETCH_TLS] = {"tls", 502},
    [FETCH_CLIENT_GONE] = {"client-gone", 502},
};

int fetch_end_status(enum fetch_end why)
{
    return ends[why].status;
}

const char *fetch_end_name(enum fetch_end why)
{
    return ends[why].name;
}

void fetcher_init(
    struct fetcher *fr, struct worker *w, struct resolver *resolver, struct pool *blocking)
{
    fr->worker = w;
    fr->resolver = resolver;
    fr->blocking = blocking;
    list_init(&fr->pools);
}

void fetcher_stop(struct fetcher *fr)
{
    origin_pools_close(fr);
}

struct fetch *fetch_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx)
{
    count(C_ORIGIN_REQUESTS);
    return origin_is_directory(o) ? files_start(fr, o, req, handlers, ctx)
                                  : exchange_start(fr, o, req, handlers, ctx);
}

static void kicked(struct ev_loop *loop, struct ev_prepare *kick, int events)
{
    (void)loop;
    (void)events;
    fetch_run(container_of(kick, struct fetch, kick));
}

void fetch_init(struct fetch *f, const struct fetch_kind *kind, struct fetcher *fr,
    struct origin *o, const struct fetch_request *req, const struct fetch_handlers *handlers,
    void *ctx)
{
    f->kind = kind;
    f->fetcher = fr;
    f->origin = o;
    f->handlers = handlers;
    f->ctx = ctx;
    f->pull = req->pull;
    f->keeper = req->keeper;
    f->info = (struct fetch_info){.server = o->name.p, .connect_ms = -1, .first_byte_ms = -1};
    f->started_ms = worker_now(fr->worker);
    arena_init(&f->arena);
    ev_prepare_init(&f->kick, kicked);
    fetch_kick(f);
}

void fetch_kick(struct fetch *f)
{
    ev_feed_event(f->fetcher->worker->loop, &f->kick, EV_CUSTOM);
}

void fetch_free(struct fetch *f)
{
    if (f->handlers->gone != NULL)
        f->handlers->gone(f->fetcher, f->keeper);
    arena_free(&f->arena);
    free(f);
}

static void fetch_abandon(struct fetch *f)
{
    ev_clear_pending(f->fetcher->worker->loop, &f->kick);
    if (f->kind->release(f))
        fetch_free(f);
}

static void fetch_conclude(struct fetch *f)
{
    bool released;

    if (f->why != FETCH_DONE && f->why != FETCH_CLIENT_GONE)
        count(C_ORIGIN_ERRORS);
    log_msg(LOG_DEBUG, "%s", f->detail);
    ev_clear_pending(f->fetcher->worker->loop, &f->kick);
    released = f->kind->release(f); /* first, so that what end() starts finds the connection */
    check(released);
    f->handlers->end(f->ctx, f->why, f->detail);
    fetch_free(f);
}

void fetch_run(struct fetch *f)
{
    check(!f->running);
    f->running = true;
    if (f->resumed)
        f->resumed = f->paused = false;
    f->kind->run(f);
    f->running = false;
    if (f->cancelled)
        fetch_abandon(f);
    else if (f->finished)
        fetch_conclude(f);
}

void fetch_finish(struct fetch *f, enum fetch_end why)
{
    check(!f->finished);
    f->finished = true;
    f->why = why;
}

bool fetch_deliver(struct fetch *f)
{
    size_t took;

    if (f->paused)
        return false;
    took = f->handlers->body(f->ctx, f->pending);
    if (f->cancelled)
        return false;
    check(took <= f->pending.n);
    f->pending = span_from(f->pending, took);
    f->paused = f->pending.n > 0;
    return !f->paused;
}

void fetch_resume(struct fetch *f)
{
    f->resumed = true;
    fetch_kick(f);
}

void fetch_body_ready(struct fetch *f)
{
    f->kind->body_ready(f);
}

void fetch_cancel(struct fetch **fp)
{
    struct fetch *f = *fp;

    if (f == NULL)
        return;
    *fp = NULL;
    f->cancelled = true;
    if (!f->running)
        fetch_abandon(f);
}

const struct fetch_info *fetch_info(const struct fetch *f)
{
    return &f->info;
}

void fetch_explain(struct fetch *f, const char *fmt, ...)
{
    const struct origin *o = f->origin;
    va_list ap;
    int n;

    if (strcmp(o->name.p, f->info.server) == 0)
        n = snprintf(f->detail, sizeof(f->detail), "origin %s: ", o->name.p);
    else
        n = snprintf(f->detail, sizeof(f->detail), "origin %s (%s): ", o->name.p, f->info.server);
    if (n < 0 || (size_t)n >= sizeof(f->detail))
        return;
    va_start(ap, fmt);
    vsnprintf(f->detail + n, sizeof(f->detail) - (size_t)n, fmt, ap);
    va_end(ap);
}
