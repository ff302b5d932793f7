#include "edge/reload.h"

#include "admin/route.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sink.h"
#include "conf/diff.h"
#include "edge/acme.h"
#include "edge/conf.h"
#include "edge/names.h"
#include "edge/server.h"
#include "edge/setup.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 20 };

/* --- what is asked for ---------------------------------------------------------------------- */

/* Outlives the client that asked. */
struct order {
    struct message message; /* back to the asker's worker */
    struct order *next;
    struct edge *edge;
    struct admin_call *call; /* NULL: it has left */
    struct worker *worker;
    bool diff; /* nothing is to be done */
    bool ok;
    struct buf text;       /* errors, or what only a start can change, in lines */
    struct buf difference; /* with diff */
};

static struct {
    pthread_mutex_t lock;
    struct order *first;
} asked = {.lock = PTHREAD_MUTEX_INITIALIZER};

static json_t *lines_json(struct span text)
{
    json_t *all = json_array();
    struct span line;

    while (span_cut(&text, '\n', &line))
        json_array_append_new(all, admin_json_text(line));
    return all;
}

static void answer(struct message *m, struct worker *w)
{
    struct order *o = container_of(m, struct order, message);
    struct admin_call *call = o->call;

    (void)w;
    if (call != NULL && o->ok)
        admin_answer_json(call, 200,
            json_pack("{s:b, s:o, s:o}", "reloaded", (int)!o->diff, "difference",
                o->diff ? admin_json_text(buf_span(&o->difference)) : json_null(), "notes",
                lines_json(buf_span(&o->text))));
    else if (call != NULL)
        admin_answer_text(call, 409, SPAN("text/plain; charset=utf-8"),
            arena_printf(&call->txn->arena, "nothing was changed:\n%.*s", (int)o->text.n,
                o->text.n > 0 ? o->text.p : ""));
    buf_free(&o->text);
    buf_free(&o->difference);
    free(o);
}

static void on_gone(struct admin_call *call)
{
    ((struct order *)call->pending)->call = NULL;
}

void reload_serve(struct admin_call *call)
{
    struct edge *e = call->app;
    struct order *o = xcalloc(1, sizeof(*o));

    o->edge = e;
    o->call = call;
    o->diff = call->txn->request.method != METHOD_POST;
    o->worker = call->txn->worker;
    buf_init(&o->text, TEXT_BYTES);
    buf_init(&o->difference, TEXT_BYTES);
    call->gone = on_gone;
    call->pending = o;
    pthread_mutex_lock(&asked.lock);
    o->next = asked.first;
    asked.first = o;
    pthread_mutex_unlock(&asked.lock);
    daemon_wake(e->daemon);
}

/* --- judging -------------------------------------------------------------------------------- */

static bool same_place(const struct listen_conf *a, const struct listen_conf *b)
{
    return a == NULL || b == NULL ? a == b : span_eq(a->text, b->text);
}

static bool same_volumes(const struct disk_volume_conf *a, const struct disk_volume_conf *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (strcmp(a->path, b->path) != 0 || a->bytes != b->bytes || a->direct != b->direct)
            return false;
    }
    return a == b;
}

static bool same_cache(const struct cache_conf *a, const struct cache_conf *b)
{
    return a->memory_bytes == b->memory_bytes && a->object_max_bytes == b->object_max_bytes &&
           a->laggard_ms == b->laggard_ms && span_eq(a->journal, b->journal) &&
           same_volumes(a->volumes, b->volumes) && a->admission == b->admission &&
           a->disk_wait_ms == b->disk_wait_ms && a->disk_write_bytes_s == b->disk_write_bytes_s &&
           a->disk_checkpoint_ms == b->disk_checkpoint_ms;
}

/* What stays as it is until the next start. */
static void note_the_rest(
    const struct edge_conf *from, const struct edge_conf *to, struct buf *notes)
{
    const struct {
        const char *name;
        bool same;
    } rest[] = {
        {"workers", from->daemon.workers == to->daemon.workers},
        {"control", span_eq(from->daemon.control, to->daemon.control)},
        {"metrics", same_place(from->daemon.metrics, to->daemon.metrics)},
        {"error-log", span_eq(from->daemon.error_log, to->daemon.error_log)},
        {"resolver", span_eq(from->resolver, to->resolver)},
        {"cache", same_cache(&from->cache, &to->cache)},
    };

    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        if (!rest[i].same)
            (void)!buf_printf(notes, "%s: changes with the next start only\n", rest[i].name);
    }
}

/* --- doing it ------------------------------------------------------------------------------- */

static void take_over(struct worker *worker, void *app)
{
    struct edge_worker *w = worker->app;
    struct setup *s = app;

    w->session = s->conf->session;
    setup_take_over(w, s);
}

static bool same_log(const struct edge_conf *a, const struct edge_conf *b)
{
    return span_eq(a->access_log, b->access_log) && a->access_format == b->access_format;
}

/* Everything that can fail. False: nothing has changed, and why stands in `errors`. */
static bool open_all(struct edge *e, struct edge_conf *conf, struct daemon_change *change,
    struct sink **log, struct buf *errors)
{
    bool new_log = !same_log(e->setup->conf, conf);
    struct listen_why why;

    if (conf->acme.on && !acme_prepare(&conf->acme)) {
        (void)!buf_printf(errors, "acme: its directory cannot be made; the log says why\n");
        return false;
    }
    if (!names_resolve(conf)) {
        (void)!buf_printf(errors, "the name of an origin does not exist; the log says which\n");
        return false;
    }
    if (new_log && !setup_open_log(conf, log)) {
        (void)!buf_printf(errors, "cannot open the access log %.*s: %s\n",
            SPAN_ARG(conf->access_log), strerror(errno));
        return false;
    }
    if (daemon_change_open(e->daemon, &conf->daemon, change, &why))
        return true;
    (void)!buf_printf(errors, "%s\n", why.text);
    sink_close(log);
    return false;
}

/* The file as it is now; NULL: why stands in `text`. */
static struct edge_conf *load(struct edge *e, struct buf *text)
{
    const struct edge_conf *old = e->setup->conf;

    if (old->daemon.path.n > 0)
        return edge_conf_load_file(old->daemon.path.p, text);
    (void)!buf_printf(text, "what runs came from the command line: there is no file to read\n");
    return NULL;
}

/* False: nothing has changed, and `text` has the sentences; else it has notes. */
static bool reload(struct edge *e, struct buf *text)
{
    struct edge_conf *old = e->setup->conf, *conf = load(e, text);
    struct daemon_change change;
    struct sink *log = NULL;

    if (conf == NULL)
        return false;
    if (!open_all(e, conf, &change, &log, text)) {
        edge_conf_free(&conf);
        return false;
    }
    note_the_rest(old, conf, text);
    acme_stop(&e->acme);
    e->setup = setup_new(conf, e->setup, log, !same_log(old, conf), e->daemon->workers_n);
    daemon_change_make(e->daemon, &change, take_over, e->setup);
    e->acme = acme_start(conf);
    return true;
}

/* What a reload would change. */
static bool compare(struct edge *e, struct order *o)
{
    struct edge_conf *conf = load(e, &o->text);

    if (conf == NULL)
        return false;
    note_the_rest(e->setup->conf, conf, &o->text);
    (void)!conf_diff(buf_span(&e->setup->conf->text), buf_span(&conf->text), &o->difference);
    edge_conf_free(&conf);
    return true;
}

static void tell(bool ok, const struct buf *text)
{
    struct span rest = buf_span(text), line;

    while (span_cut(&rest, '\n', &line))
        log_msg(ok ? LOG_WARN : LOG_ERROR, "reload: %.*s", SPAN_ARG(line));
    if (ok)
        log_msg(LOG_NOTICE, "reload: the configuration is in use");
    else
        log_msg(LOG_ERROR, "reload: nothing was changed");
}

static bool reload_told(struct edge *e, struct buf *text)
{
    bool ok;

    notify_reloading();
    ok = reload(e, text);
    count(ok ? C_RELOADS_DONE : C_RELOADS_FAILED);
    notify_ready();
    tell(ok, text);
    return ok;
}

void reload_now(struct daemon *d)
{
    struct buf text;

    buf_init(&text, TEXT_BYTES);
    (void)reload_told(d->app, &text);
    buf_free(&text);
}

void reload_asked(struct daemon *d)
{
    struct order *o, *next;

    pthread_mutex_lock(&asked.lock);
    o = asked.first;
    asked.first = NULL;
    pthread_mutex_unlock(&asked.lock);
    for (; o != NULL; o = next) {
        next = o->next;
        o->ok = o->diff ? compare(d->app, o) : reload_told(d->app, &o->text);
        o->message.run = answer;
        worker_post(o->worker, &o->message);
    }
}
