/*
 * What a client says behind HTTP/2's preface: each request that the handlers get ends exactly once,
 * nothing is left when the connection is gone, and no answer is begun twice.
 *
 * The first byte says in how large pieces the rest comes; every second connection reads nothing.
 */
#include "base/check.h"
#include "http/chars.h"
#include "session/sessions.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { TURNS_MAX = 200, BODY_BYTES = 3000 };

static unsigned begun, ended;
static char body[BODY_BYTES];

static void answer(struct txn *t, int status)
{
    static const struct fields none;

    txn_respond(t, &(struct txn_response){
                       .status = status,
                       .fields = &none,
                       .more = SPAN("X-Thing: some Thing\r\n"),
                       .body = span_make(body, sizeof(body)),
                       .length = t->request.has_query ? -1 : (int64_t)sizeof(body),
                       .no_body = t->request.method == METHOD_HEAD,
                   });
}

/* To the end of the body, which is then the answer's cause. */
static void go_on(struct txn *t)
{
    char piece[700];
    ssize_t got;

    do
        got = txn_read_body(t, piece, sizeof(piece));
    while (got > 0);
    if (got == STREAM_ERROR)
        txn_abort(t);
    else if (got == 0)
        answer(t, 200);
}

static void on_request(struct txn *t)
{
    const struct http_request *req = &t->request;

    begun++;
    check(req->h2 && req->host.n > 0);
    fields_each (f, &req->fields)
        check(text_is_line(f->value) && token_valid(f->name));
    switch ((int)req->method) {
    case METHOD_PUT: /* never answered */
        break;
    case METHOD_DELETE:
        txn_abort(t);
        break;
    case METHOD_POST:
        go_on(t);
        break;
    case METHOD_PATCH:
        txn_interim(t, 103, &req->fields);
        answer(t, 200);
        break;
    default:
        answer(t, 200);
    }
}

static void on_refused(struct txn *t, int status, const char *why)
{
    begun++;
    check(status >= 400 && why != NULL);
    answer(t, status);
}

static void on_end(struct txn *t, enum txn_end why)
{
    (void)t;
    (void)why;
    ended++;
}

static const struct txn_handlers handlers = {
    .request = on_request,
    .refused = on_refused,
    .body_ready = go_on,
    .end = on_end,
};

static struct sessions *sessions(void)
{
    static struct session_conf conf = {
        .line_bytes = 300,
        .head_bytes = 3000,
        .fields = 20,
        .body_max_bytes = 100000,
        .head_timeout_ms = 60000,
        .body_timeout_ms = 60000,
        .idle_timeout_ms = 60000,
        .send_timeout_ms = 60000,
        .connections_max = 10,
        .h2_streams = 20,
        .h2_window = 16384,
    };
    static struct sessions s;

    if (s.worker == NULL) {
        session_conf_close(&conf);
        sessions_init(&s, worker_new(1), &conf, &handlers, NULL);
    }
    return &s;
}

static void turn(struct sessions *s, int fd, bool reads)
{
    char sink[65536];

    ev_run(s->worker->loop, EVRUN_NOWAIT);
    while (reads && read(fd, sink, sizeof(sink)) > 0)
        ;
}

static bool send_all(int fd, const void *p, size_t n)
{
    return n == 0 || send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

static void talk(struct sessions *s, const uint8_t *data, size_t n, bool reads)
{
    static const struct session_door door = {.h2c = true};
    static const struct addr nobody = {.sa.sa_family = AF_UNIX, .len = sizeof(sa_family_t)};
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t step = (size_t)data[0] * data[0] + 1, at = 1;
    int fds[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    sessions_accept(s, &door, fds[0], &nobody, &nobody);
    check(send_all(fds[1], preface, sizeof(preface) - 1));
    for (int i = 0; i < TURNS_MAX && at < n && s->count > 0; i++) {
        size_t piece = step < n - at && i + 1 < TURNS_MAX ? step : n - at;

        if (!send_all(fds[1], data + at, piece))
            break;
        at += piece;
        turn(s, fds[1], reads);
    }
    turn(s, fds[1], reads);
    close(fds[1]);
    turn(s, -1, false);
    sessions_close_all(s);
    check(s->count == 0 && begun == ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sessions *s = sessions();

    if (n == 0)
        return 0;
    talk(s, data, n, true);
    talk(s, data, n, false);
    return 0;
}
