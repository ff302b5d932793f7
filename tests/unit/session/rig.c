#include "rig.h"

#include "base/check.h"
#include "cache/fill.h"
#include "cache/reader.h"
#include "http/h1_parse.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 8000, LATE_MS = 20, FILL_STEP_BYTES = 7000 };

static char big[RIG_BIG_BYTES + 1];

/* --- scripts ----------------------------------------------------------------------------- */

/* One request being answered. */
struct play {
    struct txn *txn;
    const struct script *script;
    struct ev_timer timer;
    struct buf body;       /* owns; what /echo has read */
    struct fill *fill;     /* owns, while it runs */
    struct reader *reader; /* owns */
    struct object *object; /* counted */
    size_t filled;
};

struct script {
    const char *path;
    void (*start)(struct play *p);
    void (*later)(struct play *p); /* of the timer */
    bool length_known, cut;
};

static struct rig *rig_of(struct play *p)
{
    return p->txn->server;
}

static void respond(struct play *p, struct txn_response r)
{
    static const struct fields none;

    r.status = r.status != 0 ? r.status : 200;
    r.fields = &none;
    r.no_body = r.no_body || p->txn->request.method == METHOD_HEAD;
    txn_respond(p->txn, &r);
}

static void respond_text(struct play *p, struct span text)
{
    respond(
        p, (struct txn_response){.body = text, .length = (int64_t)text.n, .announce_length = true});
}

static void play_hello(struct play *p)
{
    respond_text(p, SPAN("hello"));
}

static void play_close(struct play *p)
{
    respond(p, (struct txn_response){.body = SPAN("bye"), .length = 3, .close = true});
}

static void set_timer(struct play *p, mono_ms ms)
{
    ev_timer_set(&p->timer, (double)ms / 1000, 0);
    ev_timer_start(p->txn->worker->loop, &p->timer);
}

static void play_timer(struct play *p)
{
    set_timer(p, LATE_MS);
}

static void play_nothing(struct play *p)
{
    (void)p;
}

static void play_interim(struct play *p)
{
    struct fields f = {0};

    fields_add_named(&f, &p->txn->arena, SPAN("Link"), SPAN("</a.css>"));
    txn_interim(p->txn, 103, &f);
    set_timer(p, LATE_MS);
}

/* More pieces of head than a connection has places for, if none can be sent. */
static void play_interims(struct play *p)
{
    for (int i = 0; i < 4; i++)
        txn_interim(p->txn, 102, NULL);
    respond(p, (struct txn_response){.body = SPAN("hello"), .length = -1});
}

static void play_stored(struct play *p)
{
    txn_respond(p->txn, &(struct txn_response){
                            .status = 200,
                            .head_text = SPAN("HTTP/1.1 200 Fine\r\nA: b\r\n"),
                            .more = SPAN("Age: 5\r\n"),
                            .body = SPAN("stored"),
                            .length = 6,
                        });
}

static void play_204(struct play *p)
{
    respond(p, (struct txn_response){.status = 204, .no_body = true, .length = -1});
}

static void play_304(struct play *p)
{
    respond(p, (struct txn_response){
                   .status = 304, .no_body = true, .length = 77, .announce_length = true});
}

static void play_unknown(struct play *p)
{
    respond(p, (struct txn_response){.body = SPAN("hello"), .length = -1});
}

static void play_unknown_empty(struct play *p)
{
    respond(p, (struct txn_response){.length = -1});
}

static void play_cut(struct play *p)
{
    respond(p, (struct txn_response){.body = SPAN("hello"), .length = 10});
}

static void play_abort(struct play *p)
{
    txn_abort(p->txn);
}

static void play_echo(struct play *p)
{
    ssize_t got;

    for (;;) {
        char piece[777];

        got = txn_read_body(p->txn, piece, sizeof(piece));
        if (got <= 0)
            break;
        if (!buf_append(&p->body, span_make(piece, (size_t)got)))
            abort();
    }
    if (got == STREAM_AGAIN)
        return;
    if (got == STREAM_ERROR && txn_body_error(p->txn) == 0)
        txn_abort(p->txn);
    else if (got == STREAM_ERROR)
        respond(p, (struct txn_response){
                       .status = txn_body_error(p->txn), .body = SPAN("no"), .length = 2});
    else
        respond_text(p, arena_dup(&p->txn->arena, buf_span(&p->body)));
}

static void play_big(struct play *p)
{
    respond_text(p, span_make(big, RIG_BIG_BYTES));
}

/* --- bodies out of the cache ------------------------------------------------------------- */

static void on_wake(void *ctx)
{
    struct play *p = ctx;

    txn_wake(p->txn);
}

static void fill_more(struct play *p)
{
    size_t end = p->script->cut ? RIG_FILL_BYTES / 2 : RIG_FILL_BYTES;
    size_t step = end - p->filled < FILL_STEP_BYTES ? end - p->filled : FILL_STEP_BYTES;

    if (step > 0) {
        p->filled += fill_append(p->fill, span_make(big + p->filled, step));
        set_timer(p, 1);
        return;
    }
    if (p->script->cut)
        fill_fail(p->fill, 502, "the script says so");
    else
        fill_finish(p->fill);
    fill_release(&p->fill);
}

static void on_room(void *ctx)
{
    (void)ctx; /* the timer comes back anyway */
}

static void begin_fill(struct play *p, bool collapse, int64_t length)
{
    struct cache_key key = cache_key_of(SPAN("/object"));
    const struct fill_request rq = {
        .key = &key, .collapse = collapse, .worker = p->txn->worker, .on_room = on_room, .ctx = p};
    struct http_response head = {.status = 200, .minor = 1};
    enum fill_role role = fill_join(rig_of(p)->cache, &rq, &p->fill);

    check(role == (collapse ? FILL_LEAD : FILL_ALONE));
    (void)fill_head(p->fill, object_new(rig_of(p)->cache, &key, &head, NULL, NULL), length);
}

static void play_fill(struct play *p)
{
    int64_t length = p->script->length_known ? RIG_FILL_BYTES : -1;

    begin_fill(p, false, length);
    p->reader = reader_of_fill(p->fill, true, p->txn->worker, on_wake, p);
    check(p->reader != NULL);
    respond(p, (struct txn_response){.reader = p->reader, .length = length});
    set_timer(p, 1);
}

/* Stored by the first who asks; then it is a hit. */
static void play_object(struct play *p)
{
    struct cache_key key = cache_key_of(SPAN("/object"));

    p->object = cache_find(rig_of(p)->cache, &key);
    if (p->object == NULL) {
        begin_fill(p, true, RIG_BIG_BYTES);
        check(fill_append(p->fill, span_make(big, RIG_BIG_BYTES)) == RIG_BIG_BYTES);
        fill_finish(p->fill);
        fill_release(&p->fill);
        p->object = cache_find(rig_of(p)->cache, &key);
        check(p->object != NULL);
    }
    p->reader = reader_of_object(p->object);
    respond(p, (struct txn_response){
                   .reader = p->reader, .length = RIG_BIG_BYTES, .announce_length = true});
}

static const struct script scripts[] = {
    {"/hello", play_hello, NULL},
    {"/close", play_close, NULL},
    {"/late", play_timer, play_hello},
    {"/interim", play_interim, play_hello},
    {"/interims", play_interims, NULL},
    {"/stored", play_stored, NULL},
    {"/204", play_204, NULL},
    {"/304", play_304, NULL},
    {"/unknown", play_unknown, NULL},
    {"/unknown-empty", play_unknown_empty, NULL},
    {"/cut", play_cut, NULL},
    {"/abort", play_abort, NULL},
    {"/abort-late", play_timer, play_abort},
    {"/never", play_nothing, NULL},
    {"/echo", play_echo, NULL},
    {"/ignore", play_hello, NULL},
    {"/big", play_big, NULL},
    {"/object", play_object, NULL},
    {"/fill", play_fill, fill_more, .length_known = true},
    {"/fill-unknown", play_fill, fill_more},
    {"/fill-cut", play_fill, fill_more, .length_known = true, .cut = true},
    {"/fill-cut-unknown", play_fill, fill_more, .cut = true},
};

/* --- handlers ---------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int events)
{
    struct play *p = container_of(t, struct play, timer);

    (void)loop;
    (void)events;
    p->script->later(p);
}

static struct play *play_new(struct txn *t)
{
    struct play *p = xcalloc(1, sizeof(*p));
    struct rig *r = t->server;

    p->txn = t;
    t->app = p;
    ev_init(&p->timer, on_timer);
    buf_init(&p->body, 64 << 20);
    pthread_mutex_lock(&r->lock);
    r->requests_n++;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return p;
}

static void on_request(struct txn *t)
{
    struct play *p = play_new(t);

    for (size_t i = 0; i < ARRAY_LEN(scripts) && p->script == NULL; i++) {
        if (span_eq(t->request.path, span_of(scripts[i].path)))
            p->script = &scripts[i];
    }
    check(p->script != NULL);
    p->script->start(p);
}

static void on_refused(struct txn *t, int status, const char *why)
{
    respond(
        play_new(t), (struct txn_response){
                         .status = status, .body = span_of(why), .length = (int64_t)strlen(why)});
}

static void on_body_ready(struct txn *t)
{
    play_echo(t->app);
}

static void on_end(struct txn *t, enum txn_end why)
{
    struct play *p = t->app;
    struct rig *r = t->server;

    ev_timer_stop(t->worker->loop, &p->timer);
    if (p->reader != NULL)
        reader_close(&p->reader);
    if (p->fill != NULL) {
        fill_fail(p->fill, 502, "the client is gone");
        fill_release(&p->fill);
    }
    if (p->object != NULL)
        object_release(&p->object);
    buf_free(&p->body);
    pthread_mutex_lock(&r->lock);
    check(r->ends_n < RIG_ENDS_MAX);
    r->ends[r->ends_n++] = (struct rig_end){.why = why,
        .nth = t->nth,
        .bytes_in = t->bytes_in,
        .bytes_out = t->bytes_out,
        .body_bytes_out = t->body_bytes_out,
        .body_error = txn_body_error(t)};
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    free(p);
}

static const struct txn_handlers handlers = {
    .request = on_request,
    .refused = on_refused,
    .body_ready = on_body_ready,
    .end = on_end,
};

/* --- the rig ----------------------------------------------------------------------------- */

int rig_setup(void **state)
{
    struct rig *r = xcalloc(1, sizeof(*r));
    const struct cache_conf cache = {.memory_bytes = 64 << 20, .object_max_bytes = 16 << 20};
    char err[256];

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < RIG_BIG_BYTES; i++)
        big[i] = rig_byte(i);
    r->cache = cache_open(&cache, err, sizeof(err));
    if (r->cache == NULL)
        fail_msg("%s", err);
    r->conf = (struct session_conf){
        .body_max_bytes = 1 << 20,
        .head_timeout_ms = 5000,
        .body_timeout_ms = 5000,
        .idle_timeout_ms = 5000,
        .send_timeout_ms = 5000,
        .connections_max = 100,
        .limits = {1024, 4096, 20},
    };
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->worker = worker_new(1);
    sessions_init(&r->sessions, r->worker, &r->conf, &handlers, r);
    worker_start(r->worker, worker_run);
    *state = r;
    return 0;
}

static void close_and_quit(struct rig *r)
{
    sessions_close_all(&r->sessions);
    worker_quit(r->worker);
}

int rig_teardown(void **state)
{
    struct rig *r = *state;

    rig_run(r, close_and_quit);
    worker_join(&r->worker);
    assert_int_equal(r->sessions.count, 0);
    assert_int_equal(r->ends_n, r->requests_n); /* exactly one end for each request */
    cache_close(&r->cache);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(r);
    return 0;
}

/* A function of the test on its way to the worker. */
struct errand {
    struct message message;
    struct rig *rig;
    void (*fn)(struct rig *r);
    int fd; /* to be accepted, or -1 */
    struct addr peer;
    bool done; /* under the rig's lock */
};

static void run_errand(struct message *m, struct worker *w)
{
    struct errand *e = container_of(m, struct errand, message);
    struct rig *r = e->rig;

    (void)w;
    if (e->fn != NULL)
        e->fn(r);
    else
        sessions_accept(&r->sessions, NULL, e->fd, &e->peer, &e->peer);
    pthread_mutex_lock(&r->lock);
    e->done = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* Waits, under the lock, for a change. */
static void wait_change(struct rig *r)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += PATIENCE_MS / 1000;
    if (pthread_cond_timedwait(&r->changed, &r->lock, &t) != 0)
        fail_msg("the worker does not come to it: %u requests, %u ends", r->requests_n, r->ends_n);
}

static void run(struct rig *r, struct errand *e)
{
    e->rig = r;
    e->message.run = run_errand;
    worker_post(r->worker, &e->message);
    pthread_mutex_lock(&r->lock);
    while (!e->done)
        wait_change(r);
    pthread_mutex_unlock(&r->lock);
}

void rig_run(struct rig *r, void (*fn)(struct rig *r))
{
    struct errand e = {.fn = fn, .fd = -1};

    run(r, &e);
}

int rig_connect(struct rig *r, int sndbuf)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    socklen_t len = sizeof(in);
    struct errand e = {0};
    int small = 16384, on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

    if (sndbuf > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&in, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, len), 0);
    e.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(e.fd >= 0);
    close(listener);
    assert_int_equal(setsockopt(e.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    if (sndbuf > 0)
        assert_int_equal(setsockopt(e.fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    e.peer = addr_make((struct sockaddr *)&in, len);
    run(r, &e);
    return fd;
}

static void on_drained(struct sessions *s)
{
    struct rig *r = container_of(s, struct rig, sessions);

    pthread_mutex_lock(&r->lock);
    r->drained_n++;
    pthread_mutex_unlock(&r->lock);
}

static void drain(struct rig *r)
{
    sessions_drain(&r->sessions, on_drained);
}

void rig_drain(struct rig *r)
{
    rig_run(r, drain);
}

bool rig_is_drained(struct rig *r)
{
    unsigned n;

    pthread_mutex_lock(&r->lock);
    n = r->drained_n;
    pthread_mutex_unlock(&r->lock);
    assert_true(n <= 1);
    return n == 1;
}

struct rig_end rig_wait_end(struct rig *r, unsigned nth)
{
    struct rig_end end;

    pthread_mutex_lock(&r->lock);
    while (r->ends_n <= nth)
        wait_change(r);
    end = r->ends[nth];
    pthread_mutex_unlock(&r->lock);
    return end;
}

void rig_wait_requests(struct rig *r, unsigned n)
{
    pthread_mutex_lock(&r->lock);
    while (r->requests_n < n)
        wait_change(r);
    assert_int_equal(r->requests_n, n);
    pthread_mutex_unlock(&r->lock);
}

static _Atomic unsigned connections_now;

static void read_connections(struct rig *r)
{
    connections_now = r->sessions.count;
}

void rig_wait_connections(struct rig *r, unsigned n)
{
    struct timespec pause = {.tv_nsec = 2000000};

    for (int i = 0; i < PATIENCE_MS / 2; i++) {
        rig_run(r, read_connections);
        if (connections_now == n)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("%u connections instead of %u", connections_now, n);
}
