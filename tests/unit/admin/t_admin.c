/* The doors, with a worker behind them and real sockets before them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "admin/admin.h"
#include "admin/client.h"
#include "admin/route.h"
#include "base/check.h"
#include "base/counters.h"
#include "cache/cache.h"
#include "cache/volumes.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/t_admin.XXXXXX";
static char control[64];
static _Atomic bool draining;

/* --- a daemon of which only the doors are there ------------------------------------------ */

struct daemon {
    struct admin *admin;
    struct worker *worker;
    struct message stop;
    int metrics_port;
};

static void facts(void *app, struct arena *a, struct admin_facts *out)
{
    struct span *listens = arena_alloc(a, 2 * sizeof(*listens));
    static const struct cache_volume two[] = {
        {.path = "/plain", .state = DISK_READY, .disk = {.objects = 11, .corrupt = 1}},
        {.path = "/a \"b\\c\nd", .state = DISK_OFFLINE, .slow = true, .disk = {.objects = 12}},
    };
    static const struct cache_stats cache = {.memory_bytes = 1000,
        .used_bytes = 500,
        .body_bytes = 400,
        .objects = 7,
        .fills = 2,
        .purge_seq = 99,
        .purge_labels = 8,
        .purge_labels_max = 512,
        .purge_prefixes = 3};
    static const struct cache_volumes volumes = {
        .v = two, .n = ARRAY_LEN(two), .admission = ADMISSION_SECOND, .queue_objects = 6};

    listens[0] = SPAN("127.0.0.1:80");
    listens[1] = SPAN("a \"quoted\" one");
    *out = (struct admin_facts){
        .config = SPAN("/etc/selvage.conf"),
        .listens = listens,
        .listens_n = 2,
        .workers = 3,
        .connections = 17,
        .connections_max = 40,
        .busy_per_mille = 300,
        .started_ms = *(mono_ms *)app,
        .draining = draining,
        .cache = &cache,
        .volumes = &volumes,
    };
}

static void serve_extra(struct admin_call *call)
{
    admin_answer_json(call, 202, json_pack("{s:i}", "started", *(mono_ms *)call->app != 0));
}

static struct span list_value(unsigned i)
{
    return i == 0 ? SPAN("first") : SPAN("second-one");
}

static uint64_t list_sum(unsigned i)
{
    return i + 5;
}

static const struct counter_list list = {
    .metric = "selvage_listed_total",
    .label = "reason",
    .help = "What a layer above counts",
    .n = 2,
    .value = list_value,
    .sum = list_sum,
};
static const struct counter_list *const lists[] = {&list, NULL};

/* One answer that comes by a message of another round of the loop, and one that never does. */
static struct message later;
static struct admin_call *later_call;
static _Atomic int never_waiting, gone;
static char mine[] = "found again";

static void on_gone(struct admin_call *call)
{
    assert_ptr_equal(call->pending, mine);
    gone++;
}

static void answer_later(struct message *m, struct worker *w)
{
    (void)m;
    assert_ptr_equal(w, later_call->txn->worker);
    admin_answer_text(later_call, 200, SPAN("text/plain"), SPAN("late, but here\n"));
}

static void serve_later(struct admin_call *call)
{
    call->gone = on_gone;
    call->pending = mine;
    later_call = call;
    later.run = answer_later;
    worker_post(call->txn->worker, &later);
}

static void serve_never(struct admin_call *call)
{
    call->gone = on_gone;
    call->pending = mine;
    never_waiting++;
}

static const struct admin_route extra[] = {
    {METHOD_POST, "/extra", ADMIN_CONTROL, serve_extra, "what a layer above adds"},
    {METHOD_POST, "/later", ADMIN_CONTROL, serve_later, "what takes time"},
    {METHOD_POST, "/never", ADMIN_CONTROL, serve_never, "what takes too long"},
    {0},
};

static mono_ms started_ms;

static struct admin_conf conf_of(const char *socket, const struct value_listen *metrics)
{
    return (struct admin_conf){
        .program = "selvaged",
        .daemons = COUNTER_EDGE,
        .control = span_of(socket),
        .metrics = metrics,
        .facts = facts,
        .counters = lists,
        .routes = extra,
        .app = &started_ms,
    };
}

static void run(struct worker *w)
{
    admin_start(((struct daemon *)w->app)->admin, w);
    worker_run(w);
}

static void on_stop(struct message *m, struct worker *w)
{
    admin_stop(container_of(m, struct daemon, stop)->admin);
    worker_quit(w);
}

/* A port that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    return ntohs(in.sin_port);
}

static int daemon_start(void **state)
{
    static struct daemon d;
    static struct value_listen metrics;
    struct admin_conf conf = conf_of(control, &metrics);
    char err[512] = "";

    d = (struct daemon){.metrics_port = free_port(), .stop.run = on_stop};
    metrics = (struct value_listen){.len = sizeof(metrics.in),
        .in = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)d.metrics_port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    draining = false;
    started_ms = clock_mono_ms() - 65000;
    d.admin = admin_open(&conf, err, sizeof(err));
    if (d.admin == NULL)
        fail_msg("%s", err);
    d.worker = worker_new(1);
    d.worker->app = &d;
    worker_start(d.worker, run);
    *state = &d;
    return 0;
}

static int daemon_stop(void **state)
{
    struct daemon *d = *state;
    struct stat st;

    worker_post(d->worker, &d->stop);
    worker_join(&d->worker);
    admin_close(&d->admin);
    assert_null(d->admin);
    assert_int_equal(stat(control, &st), -1);
    return 0;
}

/* --- asking ------------------------------------------------------------------------------ */

static struct admin_reply ask(enum http_method method, const char *path)
{
    const struct admin_question q = {
        .socket = control, .method = method, .path = path, .timeout_ms = 5000};
    struct admin_reply reply;
    char why[512];

    if (admin_ask(&q, &reply, why, sizeof(why)) != ADMIN_ANSWERED)
        fail_msg("%s: %s", path, why);
    return reply;
}

static json_t *ask_json(const char *path)
{
    struct admin_reply reply = ask(METHOD_GET, path);
    json_t *json = json_loadb(reply.body.p, reply.body.n, 0, NULL);

    assert_int_equal(reply.status, 200);
    assert_non_null(json);
    admin_reply_free(&reply);
    return json;
}

static json_int_t number(const json_t *json, const char *a, const char *b)
{
    const json_t *n = json_object_get(json, a);

    n = b != NULL ? json_object_get(n, b) : n;
    if (!json_is_integer(n))
        fail_msg("%s %s is not there", a, b != NULL ? b : "");
    return json_integer_value(n);
}

/* Sends `text` to the metrics listener and reads until it closes. */
static void talk(const struct daemon *d, const char *text, char *out, size_t cap)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)d->metrics_port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;
    ssize_t got;

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    while (n + 1 < cap && (got = read(fd, out + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fd);
}

/* --- tests ------------------------------------------------------------------------------- */

static void status(void **state)
{
    json_t *json = ask_json("/status");
    const json_t *listens = json_object_get(json, "listens");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "version")), VERSION);
    assert_string_equal(json_string_value(json_object_get(json, "config")), "/etc/selvage.conf");
    assert_int_equal(number(json, "pid", NULL), getpid());
    assert_in_range(number(json, "uptime_s", NULL), 65, 120);
    assert_in_range(number(json, "since", NULL), clock_wall_s() - 120, clock_wall_s() - 65);
    assert_int_equal(number(json, "workers", NULL), 3);
    assert_int_equal(number(json, "connections", NULL), 17);
    assert_int_equal(number(json, "memory", "used_bytes"), 500);
    assert_int_equal(json_array_size(listens), 2);
    assert_string_equal(json_string_value(json_array_get(listens, 1)), "a \"quoted\" one");
    assert_true(json_is_false(json_object_get(json, "draining")));
    json_decref(json);
}

static void volumes(void **state)
{
    json_t *json = ask_json("/volumes"), *all = json_object_get(json, "volumes"), *second;

    (void)state;
    assert_int_equal(json_array_size(all), 2);
    second = json_array_get(all, 1);
    assert_string_equal(json_string_value(json_object_get(second, "path")), "/a \"b\\c\nd");
    assert_string_equal(json_string_value(json_object_get(second, "state")), "offline");
    assert_true(json_is_true(json_object_get(second, "slow")));
    assert_int_equal(number(second, "objects", NULL), 12);
    assert_int_equal(number(json, "queue_objects", NULL), 6);
    assert_string_equal(json_string_value(json_object_get(json, "admission")), "second");
    json_decref(json);
}

/* Those that an edge has. */
static int counters_n(void)
{
    int n = 0;

    for (int c = 0; c < COUNTERS; c++)
        n += (counter_defs[c].daemons & COUNTER_EDGE) != 0;
    return n;
}

static void stats_have_every_counter(void **state)
{
    json_t *before = ask_json("/stats"), *after;
    const json_t *counters = json_object_get(before, "counters");
    int rows = 0;
    const char *name;
    json_t *n;

    (void)state;
    json_object_foreach((json_t *)counters, name, n) rows +=
        json_is_object(n) ? (int)json_object_size(n) : 1;
    assert_int_equal(rows, counters_n() + 2);
    assert_int_equal(number(counters, "listed", "first"), 5);
    assert_int_equal(number(counters, "listed", "second-one"), 6);
    assert_int_equal(number(before, "memory", "budget_bytes"), 1000);
    assert_int_equal(number(before, "memory", "body_bytes"), 400);
    assert_int_equal(number(before, "memory", "objects"), 7);
    assert_int_equal(number(before, "memory", "fills"), 2);

    count_add(C_REQ_HIT, 3);
    count(C_REQ_MISS);
    count_add(C_ORIGIN_BYTES_IN, 1 << 20);
    after = ask_json("/stats");
    counters = json_object_get(after, "counters");
    assert_int_equal(number(counters, "requests", "HIT"), 3);
    assert_int_equal(number(counters, "requests", "MISS"), 1);
    assert_int_equal(number(counters, "origin_received_bytes", NULL), 1 << 20);
    assert_true(json_real_value(json_object_get(after, "hit_ratio")) == 0.75);
    /* Asking is nobody's business. */
    assert_int_equal(number(counters, "connections", NULL), 0);
    assert_int_equal(number(counters, "client_received_bytes", NULL), 0);
    assert_int_equal(number(counters, "client_sent_bytes", NULL), 0);
    json_decref(before);
    json_decref(after);
}

static void metrics(void **state)
{
    struct admin_reply reply = ask(METHOD_GET, "/metrics");
    struct span rest = buf_span(&reply.body), line;
    static const char *const lines[] = {
        "# HELP selvage_requests_total Requests answered, by cache status",
        "# TYPE selvage_requests_total counter",
        "# TYPE selvage_memory_bytes gauge",
        "selvage_memory_bytes{kind=\"budget\"} 1000",
        "selvage_memory_bytes{kind=\"used\"} 500",
        "selvage_memory_bytes{kind=\"bodies\"} 400",
        "selvage_objects 7",
        "selvage_fills 2",
        "selvage_purge_labels{kind=\"used\"} 8",
        "selvage_purge_labels{kind=\"most\"} 512",
        "selvage_purge_prefixes 3",
        "selvage_purge_sequence 99",
        "selvage_volume_state{volume=\"/plain\",state=\"ready\"} 1",
        "selvage_volume_state{volume=\"/a \\\"b\\\\c\\nd\",state=\"ready\"} 0",
        "selvage_volume_state{volume=\"/a \\\"b\\\\c\\nd\",state=\"offline\"} 1",
        "selvage_volume_slow{volume=\"/a \\\"b\\\\c\\nd\"} 1",
        "selvage_volume_records{volume=\"/plain\"} 11",
        "selvage_volume_corrupt_total{volume=\"/plain\"} 1",
        "selvage_disk_queue_objects 6",
        "selvage_disk_admission_level 2",
        "selvage_connections 17",
        "selvage_build_info{version=\"" VERSION "\"} 1",
        "selvage_draining 0",
        "# HELP selvage_listed_total What a layer above counts",
        "# TYPE selvage_listed_total counter",
        "selvage_listed_total{reason=\"first\"} 5",
        "selvage_listed_total{reason=\"second-one\"} 6",
    };
    unsigned seen = 0, samples = 0;

    (void)state;
    assert_int_equal(reply.status, 200);
    while (span_cut(&rest, '\n', &line)) {
        samples += line.n > 0 && line.p[0] != '#';
        for (size_t i = 0; i < ARRAY_LEN(lines); i++)
            seen += span_eq(line, span_of(lines[i])) ? 1U << i : 0; /* twice would overflow */
    }
    assert_int_equal(seen, (1U << ARRAY_LEN(lines)) - 1);
    assert_int_equal(samples, counters_n() + 13 + 2 + 2 * 30 + 4);
    admin_reply_free(&reply);
}

static void health_follows_draining(void **state)
{
    static const struct {
        const char *path;
        bool draining;
        int status;
        const char *body;
    } rows[] = {
        {"/healthz", false, 200, "ok\n"},
        {"/readyz", false, 200, "ready\nload 0.425\n"},
        {"/healthz", true, 200, "ok\n"},
        {"/readyz", true, 503, "draining\nload 0.425\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admin_reply reply;

        draining = rows[i].draining;
        reply = ask(METHOD_GET, rows[i].path);
        assert_int_equal(reply.status, rows[i].status);
        assert_true(span_eq(buf_span(&reply.body), span_of(rows[i].body)));
        admin_reply_free(&reply);
    }
}

static void who_may_ask_what(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        int status;
        const char *says; /* part of the body */
    } rows[] = {
        {METHOD_GET, "/", 404, "GET /status"},
        {METHOD_GET, "/nothing", 404, "POST /extra"},
        {METHOD_GET, "/statusx", 404, "there is no such path"},
        {METHOD_GET, "/status/", 404, "there is no such path"},
        {METHOD_POST, "/status", 405, "answers GET, HEAD only"},
        {METHOD_DELETE, "/extra", 405, "answers POST only"},
        {METHOD_HEAD, "/status", 200, ""},
        {METHOD_HEAD, "/extra", 405, ""},
        {METHOD_POST, "/extra", 202, "\"started\": 1"},
        {METHOD_GET, "/status?pretty", 200, "\"version\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct admin_reply reply = ask(rows[i].method, rows[i].path);

        if (reply.status != rows[i].status)
            fail_msg("%s: %d", rows[i].path, reply.status);
        assert_true(buf_append(&reply.body, SPAN("\0")));
        if (strstr(reply.body.p, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].path, reply.body.p);
        if (rows[i].method == METHOD_HEAD)
            assert_int_equal(reply.body.n, 1);
        admin_reply_free(&reply);
    }
}

static void answers_may_come_later(void **state)
{
    (void)state;
    gone = 0;
    for (int i = 0; i < 3; i++) {
        struct admin_reply reply = ask(METHOD_POST, "/later");

        assert_int_equal(reply.status, 200);
        assert_true(span_eq(buf_span(&reply.body), SPAN("late, but here\n")));
        admin_reply_free(&reply);
    }
    assert_int_equal(gone, 0);
}

static void pending_calls_hear_of_the_end(void **state)
{
    const struct admin_question q = {
        .socket = control, .method = METHOD_POST, .path = "/never", .timeout_ms = 100};
    struct admin_reply reply;
    char why[512];

    gone = never_waiting = 0;
    assert_int_equal(admin_ask(&q, &reply, why, sizeof(why)), ADMIN_SILENT);
    admin_reply_free(&reply);
    assert_int_equal(never_waiting, 1);
    daemon_stop(state);
    assert_int_equal(gone, 1);
    daemon_start(state);
}

static void metrics_listener_is_narrow(void **state)
{
    static const struct {
        const char *text, *first, *also;
    } rows[] = {
        {"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
            "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
        {"GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"},
        {"HEAD /readyz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Content-Length: 17\r\n"},
        {"GET /status HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "  GET /metrics"},
        {"GET /stats HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Cache-Control: no-store"},
        {"POST /extra HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", ""},
        {"POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET, HEAD\r\n"},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "text/plain"},
    };
    char got[65536];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        talk(*state, rows[i].text, got, sizeof(got));
        if (strncmp(got, rows[i].first, strlen(rows[i].first)) != 0 ||
            strstr(got, rows[i].also) == NULL)
            fail_msg("row %zu: %s", i, got);
    }
    talk(*state, "GET /status HTTP/1.0\r\n\r\n", got, sizeof(got));
    assert_null(strstr(got, "/stats"));
    assert_null(strstr(got, "/extra"));
}

static void connections_are_bounded(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fds[ADMIN_CONNECTIONS + 1];
    struct admin_reply reply;
    char c;

    (void)state;
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", control);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&un, sizeof(un)), 0);
    }
    /* The one too many is closed at once, the others are not. */
    assert_int_equal(read(fds[ADMIN_CONNECTIONS], &c, 1), 0);
    assert_int_equal(recv(fds[0], &c, 1, MSG_DONTWAIT), -1);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    /* They were closed before this one came, and the worker hears of it in that order or it
     * refuses once more; so ask on one of a later round. */
    for (int tries = 0;; tries++) {
        const struct admin_question q = {
            .socket = control, .method = METHOD_GET, .path = "/healthz", .timeout_ms = 5000};
        char why[512];
        bool answered = admin_ask(&q, &reply, why, sizeof(why)) == ADMIN_ANSWERED;

        admin_reply_free(&reply);
        if (answered)
            break;
        assert_in_range(tries, 0, 100);
    }
}

static void open_says_why_not(void **state)
{
    struct admin_conf conf = conf_of(control, NULL);
    struct value_listen taken;
    char err[512] = "", longest[200];
    struct stat st;
    struct daemon *d = *state;
    struct admin_reply reply;

    /* The running one is left alone. */
    assert_null(admin_open(&conf, err, sizeof(err)));
    assert_non_null(strstr(err, control));
    assert_non_null(strstr(err, "control: "));
    reply = ask(METHOD_GET, "/healthz");
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);

    conf.control = SPAN("/nonexistent/control");
    assert_null(admin_open(&conf, err, sizeof(err)));
    assert_non_null(strstr(err, "/nonexistent/control"));

    memset(longest, 'x', sizeof(longest));
    conf.control = span_make(longest, sizeof(longest));
    assert_null(admin_open(&conf, err, sizeof(err)));
    assert_non_null(strstr(err, "longer than the 107 bytes"));

    /* The second door fails: the first one's socket does not stay behind. */
    taken = (struct value_listen){.len = sizeof(taken.in),
        .in = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)d->metrics_port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    snprintf(longest, sizeof(longest), "%s/other", dir);
    conf = conf_of(longest, &taken);
    assert_null(admin_open(&conf, err, sizeof(err)));
    assert_non_null(strstr(err, "metrics: "));
    assert_non_null(strstr(err, "in use"));
    assert_int_equal(stat(longest, &st), -1);
}

static void socket_is_the_owners(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(control, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* Nothing configured, never started: nothing to do, and nothing goes wrong. */
static void no_doors(void **state)
{
    struct admin_conf conf = {.facts = facts};
    char err[512];
    struct admin *a = admin_open(&conf, err, sizeof(err));

    (void)state;
    assert_non_null(a);
    admin_close(&a);
    admin_close(&a);
}

static int make_dir(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(control, sizeof(control), "%s/control", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

#define WITH_DAEMON(f) cmocka_unit_test_setup_teardown(f, daemon_start, daemon_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_doors),
        WITH_DAEMON(status),
        WITH_DAEMON(volumes),
        WITH_DAEMON(stats_have_every_counter),
        WITH_DAEMON(metrics),
        WITH_DAEMON(health_follows_draining),
        WITH_DAEMON(who_may_ask_what),
        WITH_DAEMON(answers_may_come_later),
        WITH_DAEMON(pending_calls_hear_of_the_end),
        WITH_DAEMON(metrics_listener_is_narrow),
        WITH_DAEMON(connections_are_bounded),
        WITH_DAEMON(open_says_why_not),
        WITH_DAEMON(socket_is_the_owners),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
