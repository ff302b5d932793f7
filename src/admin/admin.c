#include "admin/admin.h"

#include "admin/answer.h"
#include "base/buf.h"
#include "base/check.h"
#include "net/listen.h"
#include "session/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A question to explain has a URL and fields in its line, one to purge many names, and each byte
 * may be percent-encoded. */
enum { DOOR_LINE_BYTES = 32 << 10, DOOR_HEAD_BYTES = 48 << 10 };

/* Our patience is short. */
static const struct session_conf door_conf = {
    .line_bytes = DOOR_LINE_BYTES,
    .head_bytes = DOOR_HEAD_BYTES,
    .fields = 50,
    .body_max_bytes = 64 << 10,
    .head_timeout_ms = 5000,
    .body_timeout_ms = 5000,
    .idle_timeout_ms = 60000,
    .send_timeout_ms = 10000,
    .connections_max = ADMIN_CONNECTIONS,
    .limits = {DOOR_LINE_BYTES, DOOR_HEAD_BYTES, 50},
};

/* One listener and its connections. */
struct door {
    enum admin_door kind;
    struct admin *admin; /* borrowed */
    int fd;              /* owns until admin_start(); -1: not open */
    bool open;           /* the listener runs */
    struct addr bound;
    struct listener listener;
    struct sessions sessions;
};

enum { DOORS = 2 };

struct admin {
    struct admin_conf conf;
    struct door doors[DOORS];
};

/* --- answering --------------------------------------------------------------------------- */

static bool method_fits(const struct admin_route *row, enum http_method m)
{
    return row->method == m || (row->method == METHOD_GET && m == METHOD_HEAD);
}

/* What is looked for in a table of routes, and what was found on the way. */
struct route_search {
    unsigned door;
    enum http_method method;
    struct span path;
    const struct admin_route *found;
    struct buf allow; /* methods of rows whose path fits: "GET, HEAD" */
    struct buf known; /* a line for each row that this door has */
};

static void search_rows(struct route_search *s, const struct admin_route *row)
{
    for (; row != NULL && row->path != NULL && s->found == NULL; row++) {
        struct span method = method_name(row->method);

        if ((row->doors & s->door) == 0)
            continue;
        if (!buf_printf(&s->known, "  %.*s %-12s %s\n", SPAN_ARG(method), row->path, row->about))
            return;
        if (!span_eq(s->path, span_of(row->path)))
            continue;
        if (method_fits(row, s->method))
            s->found = row;
        else if (!buf_printf(&s->allow, "%s%.*s%s", s->allow.n > 0 ? ", " : "", SPAN_ARG(method),
                     row->method == METHOD_GET ? ", HEAD" : ""))
            return;
    }
}

static void answer_unknown(struct admin_call *call, const struct route_search *s)
{
    struct arena *a = &call->txn->arena;
    struct span allow = arena_dup(a, buf_span(&s->allow));

    if (allow.n > 0)
        admin_answer_allow(call, 405, ADMIN_PLAIN,
            arena_printf(a, "this path answers %.*s only\n", SPAN_ARG(allow)), allow);
    else
        admin_answer_text(call, 404, ADMIN_PLAIN,
            arena_printf(a, "there is no such path here; there are:\n%.*s", (int)s->known.n,
                s->known.p != NULL ? s->known.p : ""));
}

/* It lives in the txn's arena, and so until the txn's end. */
static struct admin_call *new_call(struct txn *t)
{
    const struct door *d = t->server;
    struct admin_call *call = arena_zalloc(&t->arena, sizeof(*call));

    call->txn = t;
    call->app = d->admin->conf.app;
    call->conf = &d->admin->conf;
    t->app = call;
    return call;
}

static void on_request(struct txn *t)
{
    const struct door *d = t->server;
    const struct admin_conf *conf = &d->admin->conf;
    struct admin_call *call = new_call(t);
    struct route_search s = {.door = d->kind, .method = t->request.method, .path = t->request.path};

    buf_init(&s.allow, 256);
    buf_init(&s.known, 8192);
    search_rows(&s, admin_routes);
    search_rows(&s, conf->routes);
    if (s.found != NULL)
        s.found->serve(call);
    else
        answer_unknown(call, &s);
    check(call->answered || call->gone != NULL);
    buf_free(&s.allow);
    buf_free(&s.known);
}

static void on_refused(struct txn *t, int status, const char *why)
{
    admin_answer_text(new_call(t), status, ADMIN_PLAIN, arena_printf(&t->arena, "%s\n", why));
}

static void on_body_ready(struct txn *t)
{
    (void)t; /* no route reads a body */
}

static void on_end(struct txn *t, enum txn_end why)
{
    struct admin_call *call = t->app;

    (void)why;
    if (!call->answered)
        call->gone(call);
}

static const struct txn_handlers handlers = {
    .request = on_request,
    .refused = on_refused,
    .body_ready = on_body_ready,
    .end = on_end,
};

/* --- doors ------------------------------------------------------------------------------- */

static bool door_bind(struct door *d, const struct addr *at, char *err, size_t err_cap)
{
    struct listen_why why;
    struct addr bound;
    int fd;

    if (listen_open(at, NULL, &fd, 1, &bound, &why)) {
        d->fd = fd;
        d->bound = bound; /* ours to unlink: only from here on */
        return true;
    }
    snprintf(err, err_cap, "%s: %s", d->kind == ADMIN_CONTROL ? "control" : "metrics", why.text);
    return false;
}

static bool bind_control(struct admin *a, char *err, size_t err_cap)
{
    struct span path = a->conf.control;
    struct addr at = {.un = {.sun_family = AF_UNIX}};

    if (path.n == 0)
        return true;
    if (path.n >= sizeof(at.un.sun_path)) {
        snprintf(err, err_cap,
            "control: the path %.*s is longer than the %zu bytes of a socket's path",
            SPAN_ARG(path), sizeof(at.un.sun_path) - 1);
        return false;
    }
    span_cstr(path, at.un.sun_path, sizeof(at.un.sun_path));
    at = addr_make(&at.sa, sizeof(at.un));
    return door_bind(&a->doors[0], &at, err, err_cap);
}

static bool bind_metrics(struct admin *a, char *err, size_t err_cap)
{
    const struct value_listen *v = a->conf.metrics;
    struct addr at;

    if (v == NULL)
        return true;
    at = addr_make(&v->sa, v->len);
    return door_bind(&a->doors[1], &at, err, err_cap);
}

static void on_accepted(
    struct listener *l, int fd, const struct addr *peer, const struct addr *local)
{
    sessions_accept(&container_of(l, struct door, listener)->sessions, NULL, fd, peer, local);
}

struct admin *admin_open(const struct admin_conf *conf, char *err, size_t err_cap)
{
    struct admin *a = xcalloc(1, sizeof(*a));

    a->conf = *conf;
    a->doors[0] = (struct door){.kind = ADMIN_CONTROL, .admin = a, .fd = -1};
    a->doors[1] = (struct door){.kind = ADMIN_METRICS, .admin = a, .fd = -1};
    if (!bind_control(a, err, err_cap) || !bind_metrics(a, err, err_cap))
        admin_close(&a);
    return a;
}

void admin_start(struct admin *a, struct worker *w)
{
    for (int i = 0; i < DOORS; i++) {
        struct door *d = &a->doors[i];

        if (d->fd < 0)
            continue;
        sessions_init(&d->sessions, w, &door_conf, &handlers, d);
        d->sessions.uncounted = true;
        listener_open(&d->listener, w, d->fd, on_accepted);
        d->fd = -1;
        d->open = true;
    }
}

void admin_stop(struct admin *a)
{
    for (int i = 0; i < DOORS; i++) {
        struct door *d = &a->doors[i];

        if (!d->open)
            continue;
        listener_close(&d->listener);
        sessions_close_all(&d->sessions);
        d->open = false;
    }
}

void admin_close(struct admin **ap)
{
    struct admin *a = *ap;

    *ap = NULL;
    if (a == NULL)
        return;
    for (int i = 0; i < DOORS; i++) {
        struct door *d = &a->doors[i];

        check(!d->open);
        if (d->fd >= 0)
            close(d->fd);
        if (d->bound.len > 0)
            listen_unlink(&d->bound);
    }
    free(a);
}
