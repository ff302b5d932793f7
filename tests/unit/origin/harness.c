#include "harness.h"

#include "base/check.h"
#include "conf/directive.h"
#include "http/uri.h"
#include "net/resolver.h"
#include "origin/conf.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- the worker --------------------------------------------------------------------------- */

static struct worker *worker;
static struct pool *pool;
static struct fetcher fetcher;
static struct resolver *resolver;
static struct arena arena;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct call {
    struct message message;
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static void call_run(struct message *m, struct worker *w)
{
    struct call *c = container_of(m, struct call, message);

    (void)w;
    c->fn(c->arg);
    sem_post(&c->done);
}

static void soon(struct timespec *t)
{
    clock_gettime(CLOCK_REALTIME, t);
    t->tv_sec += HARNESS_MS / 1000;
}

void harness_on_worker(void (*fn)(void *arg), void *arg)
{
    struct call c = {.message = {.run = call_run}, .fn = fn, .arg = arg};
    struct timespec t;

    sem_init(&c.done, 0, 0);
    worker_post(worker, &c.message);
    soon(&t);
    if (sem_timedwait(&c.done, &t) != 0)
        fail_msg("the worker does not answer");
    sem_destroy(&c.done);
}

static void worker_main(struct worker *w)
{
    /* Nobody answers there: names are those of /etc/hosts. */
    struct resolver_options o = {.timeout_ms = 100, .tries = 1};

    check(addr_parse(SPAN("127.0.0.1:9"), &o.server));
    resolver = resolver_new(w, &o);
    fetcher_init(&fetcher, w, resolver, pool);
    worker_run(w);
}

static void stop_fetcher(void *arg)
{
    (void)arg;
    fetcher_stop(&fetcher);
}

static void stop_worker(void *arg)
{
    (void)arg;
    resolver_free(&resolver);
    worker_quit(worker);
}

int harness_start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena);
    pool = pool_new(2, 64);
    worker = worker_new(1);
    worker_start(worker, worker_main);
    return 0;
}

int harness_stop(void **state)
{
    (void)state;
    harness_on_worker(stop_fetcher, NULL);
    pool_free(&pool);
    harness_on_worker(stop_worker, NULL);
    worker_join(&worker);
    arena_free(&arena);
    return 0;
}

struct fetcher *harness_fetcher(void)
{
    return &fetcher;
}

static void *open_origin(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)parent;
    (void)node;
    return origin_conf_open(l, SPAN("app"));
}

struct origin *harness_origin(const char *fmt, ...)
{
    static const struct conf_context context = {.name = "origin",
        .open = open_origin,
        .close = origin_conf_close,
        .tables = {{origin_directives}}};
    const struct conf_node *root;
    struct conf_errors errors;
    struct origin *o;
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    conf_errors_init(&errors, &arena);
    root = conf_read_text(&arena, "test", span_of(text), &errors);
    o = root != NULL ? conf_apply(&context, NULL, root, &arena, &errors) : NULL;
    if (o == NULL)
        fail_msg("%s", errors.text[0].p);
    return o;
}

/* --- the server --------------------------------------------------------------------------- */

void server_trouble(struct server *s, const char *what)
{
    if (s->trouble[0] == '\0')
        snprintf(s->trouble, sizeof(s->trouble), "%s", what);
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

int server_accept(struct server *s)
{
    int fd = readable(s->listener, HARNESS_MS) ? accept(s->listener, NULL, NULL) : -1;

    if (fd < 0)
        server_trouble(s, "nobody connected");
    else
        s->accepted++;
    return fd;
}

bool server_body(struct server *s, int fd, char *dst, size_t n)
{
    size_t got = 0;

    while (got < n && readable(fd, HARNESS_MS)) {
        ssize_t r = recv(fd, dst + got, n - got, 0);

        if (r <= 0)
            break;
        got += (size_t)r;
    }
    if (got < n)
        server_trouble(s, "the request is short");
    return got == n;
}

/* Byte by byte, so that nothing behind the head is taken. */
bool server_head(struct server *s, int fd)
{
    char *head = s->head[s->heads];
    size_t n = 0;

    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n == sizeof(s->head[0]) - 1 || !server_body(s, fd, head + n, 1))
            return false;
        n++;
    }
    head[n] = '\0';
    s->heads++;
    return true;
}

void server_say(struct server *s, int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

        if (n <= 0) {
            server_trouble(s, "the peer went away while it was told something");
            return;
        }
        text = span_from(text, (size_t)n);
    }
}

void server_expect_close(struct server *s, int fd)
{
    char byte;

    if (!readable(fd, HARNESS_MS))
        server_trouble(s, "the peer did not close");
    else if (recv(fd, &byte, 1, 0) > 0)
        server_trouble(s, "the peer sent something instead of closing");
}

void server_expect_nobody(struct server *s, int ms)
{
    if (readable(s->listener, ms))
        server_trouble(s, "somebody connected");
}

static void *server_main(void *arg)
{
    struct server *s = arg;

    s->script(s);
    return NULL;
}

void server_start(struct server *s, void (*script)(struct server *s), const void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int room = 65536;

    memset(s, 0, sizeof(*s));
    s->script = script;
    s->arg = arg;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* What is sent and not read stays small, whatever this machine's limits are. */
    setsockopt(s->listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listener, 64), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

void server_join(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
    if (s->trouble[0] != '\0')
        fail_msg("the server: %s", s->trouble);
}

/* --- fetches ------------------------------------------------------------------------------ */

static void over(struct ask *a)
{
    ev_timer_stop(worker->loop, &a->later);
    pthread_mutex_lock(&lock);
    a->ended = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void cancel(struct ask *a)
{
    fetch_cancel(&a->fetch);
    a->cancelled = true;
    over(a);
}

static void on_interim(void *ctx, const struct http_response *head)
{
    struct ask *a = ctx;

    a->wrong |= a->cancelled || a->heads > 0 || a->ends > 0;
    if (a->interims_n < ARRAY_LEN(a->interims))
        a->interims[a->interims_n++] = head->status;
}

static void on_head(void *ctx, const struct http_response *head)
{
    struct ask *a = ctx;

    a->wrong |= a->cancelled || a->heads > 0 || a->ends > 0;
    a->heads++;
    a->status = head->status;
    a->head = fields_dup(&head->fields, &a->arena);
    a->framing = head->body;
    a->has_content_length = head->has_content_length;
    a->content_length = head->content_length;
    a->reused = fetch_info(a->fetch)->reused;
    if (a->cancel_at_head)
        cancel(a);
}

static void look_later(struct ask *a, int ms)
{
    ev_timer_set(&a->later, ms > 0 ? ms / 1000.0 : 0.001, 0);
    ev_timer_start(worker->loop, &a->later);
}

static size_t on_body(void *ctx, struct span data)
{
    struct ask *a = ctx;
    bool part = a->take_at_once > 0 && data.n > a->take_at_once;

    a->wrong |= a->cancelled || a->heads != 1 || a->ends > 0 || data.n == 0 || a->full;
    if (a->cancel_at_body) {
        cancel(a);
        return 0;
    }
    if (part) {
        data.n = a->take_at_once;
        a->full = true;
        if (a->pause_ms >= 0)
            look_later(a, a->pause_ms);
    }
    check(buf_append(&a->got, data));
    return data.n;
}

static void on_trailers(void *ctx, const struct fields *fields)
{
    struct ask *a = ctx;

    a->wrong |= a->cancelled || a->heads != 1 || a->ends > 0;
    a->trailers = fields_dup(fields, &a->arena);
}

static void on_end(void *ctx, enum fetch_end why, const char *detail)
{
    struct ask *a = ctx;

    a->wrong |= a->cancelled || a->ends > 0;
    a->ends++;
    a->why = why;
    snprintf(a->detail, sizeof(a->detail), "%s", detail);
    a->fetch = NULL;
    over(a);
}

static const struct fetch_handlers handlers = {on_interim, on_head, on_body, on_trailers, on_end};

static ssize_t on_pull(void *ctx, void *dst, size_t n)
{
    struct ask *a = ctx;
    size_t left = a->body_n - a->pulled;

    if (a->hungry > 0) {
        a->hungry--;
        look_later(a, 1);
        return STREAM_AGAIN;
    }
    if (left == 0 && a->client_gone)
        return STREAM_ERROR;
    if (n > left)
        n = left;
    if (a->pull_at_once > 0 && n > a->pull_at_once)
        n = a->pull_at_once;
    memcpy(dst, a->body + a->pulled, n);
    a->pulled += n;
    return (ssize_t)n;
}

static void on_later(struct ev_loop *loop, ev_timer *t, int events)
{
    struct ask *a = container_of(t, struct ask, later);

    (void)loop;
    (void)events;
    if (a->fetch == NULL)
        return;
    a->full = false;
    fetch_body_ready(a->fetch);
    fetch_resume(a->fetch);
}

void ask_begin(void *arg)
{
    struct ask *a = arg;
    struct fields fields = {0};
    struct fetch_request req = {
        .method = span_of(a->method != NULL ? a->method : "GET"),
        .target = span_of(a->target != NULL ? a->target : "/"),
        .host = SPAN("www.example.com"),
        .fields = &fields,
        .pull = on_pull,
    };

    req.method_id = method_parse(req.method);
    for (unsigned i = 0; i < ARRAY_LEN(a->fields) && a->fields[i][0] != NULL; i++)
        fields_add_named(&fields, &a->arena, span_of(a->fields[i][0]), span_of(a->fields[i][1]));
    if (a->body != NULL) {
        req.body = a->chunked ? BODY_CHUNKED : BODY_LENGTH;
        a->body_n = strlen(a->body);
        req.content_length = a->body_n + (a->client_gone || a->client_ends ? 10 : 0);
    }
    ev_timer_init(&a->later, on_later, 0, 0);
    a->fetch = fetch_start(&fetcher, a->origin, &req, &handlers, a);
    a->wrong |= a->heads > 0 || a->ends > 0;
}

void ask_prepare(struct ask *a)
{
    arena_init(&a->arena);
    buf_init(&a->got, 256 << 20);
}

void ask_start(struct ask *a)
{
    ask_prepare(a);
    harness_on_worker(ask_begin, a);
}

void ask_wait(struct ask *a)
{
    struct timespec t;
    bool in_time = true;

    soon(&t);
    pthread_mutex_lock(&lock);
    while (!a->ended && in_time)
        in_time = pthread_cond_timedwait(&changed, &lock, &t) == 0;
    pthread_mutex_unlock(&lock);
    if (!a->ended)
        fail_msg("%s %s does not end; it has status %d and %zu bytes",
            a->method != NULL ? a->method : "GET", a->target != NULL ? a->target : "/", a->status,
            a->got.n);
}

void ask_run(struct ask *a)
{
    ask_start(a);
    ask_wait(a);
}

static void cancel_now(void *arg)
{
    struct ask *a = arg;

    if (a->fetch != NULL)
        cancel(a);
}

void ask_cancel(struct ask *a)
{
    harness_on_worker(cancel_now, a);
}

struct look {
    struct ask *ask;
    bool full;
};

static void look_now(void *arg)
{
    struct look *l = arg;

    l->full = l->ask->full;
}

void ask_wait_full(struct ask *a)
{
    struct look l = {.ask = a};

    for (int i = 0; i < HARNESS_MS && !l.full; i++) {
        harness_on_worker(look_now, &l);
        usleep(1000);
    }
    if (!l.full)
        fail_msg("no body came");
}

static void go_now(void *arg)
{
    struct ask *a = arg;

    a->take_at_once = 0;
    a->full = false;
    fetch_resume(a->fetch);
}

void ask_go(struct ask *a)
{
    harness_on_worker(go_now, a);
}

void ask_free(struct ask *a)
{
    arena_free(&a->arena);
    buf_free(&a->got);
}

const char *ask_field(struct ask *a, const char *name)
{
    struct span v = fields_get_named(&a->head, span_of(name));

    return v.p != NULL ? arena_dup(&a->arena, v).p : "";
}

void ask_expect(struct ask *a, enum fetch_end why, int status, const char *body)
{
    if (a->wrong || a->ends != 1 || a->why != why || a->status != status)
        fail_msg("%s %s: %s (%s), status %d, %u ends%s", a->method != NULL ? a->method : "GET",
            a->target != NULL ? a->target : "/", fetch_end_name(a->why), a->detail, a->status,
            a->ends, a->wrong ? ", calls in the wrong order" : "");
    assert_int_equal(a->got.n, strlen(body));
    assert_memory_equal(a->got.n > 0 ? a->got.p : "", body, a->got.n);
}
