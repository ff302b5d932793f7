#include "edge/acme.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/process.h"
#include "edge/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CLIENT_MS = 10 * 60 * 1000, /* for one certificate */
    RETRY_MS = 10 * 1000, /* after the first failure, which may pass: a network that comes up; */
    RETRY_GROWTH = 6,     /* five tries in the first hour, which is what authorities allow */
    RETRY_MAX_MS = 12 * 3600 * 1000,
    FILE_BYTES_MAX = 256 << 10, /* of a chain, of a key */
};

/* uacme(1), EXIT STATUS */
enum { CLIENT_OBTAINED = 0, CLIENT_CURRENT = 1 };

/* A site's certificate. The thread's. */
struct wanted {
    const struct site *site;
    mono_ms next_ms;  /* when it is looked at */
    mono_ms retry_ms; /* how long after a failure */
};

struct acme {
    const struct edge_conf *conf; /* borrowed */
    pthread_t thread;
    int stop_fd; /* owns; eventfd */
    struct wanted *v;
    unsigned n;
    char *socket, *type; /* own; "SELVAGE_SOCKET=/path" and SELVAGE_ACME_TYPE, for the hook */
};

/* --- files -------------------------------------------------------------------------------------
 */

static bool make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    log_msg(LOG_ERROR, "acme: cannot make the directory %s: %s", path, strerror(errno));
    return false;
}

/* Adds what is in a file to *text, n bytes of FILE_BYTES_MAX * 2. */
static bool add_file(const char *path, char *text, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (fd >= 0) {
        got = read(fd, text + *n, FILE_BYTES_MAX);
        close(fd);
    }
    if (got <= 0 || got == FILE_BYTES_MAX) {
        log_msg(LOG_ERROR, "acme: cannot read %s: %s", path,
            got < 0 ? strerror(errno) : "no certificate or key is of that size");
        return false;
    }
    *n += (size_t)got;
    return true;
}

static bool write_whole(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;

    if (!ok)
        log_msg(LOG_ERROR, "acme: cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Chain and key as one file under its final name, which is there whole or not at all. */
static bool install(const struct acme *a, struct span name)
{
    struct span dir = a->conf->acme.directory;
    struct arena arena;
    size_t n = 0;
    char *text = xmalloc(2 * FILE_BYTES_MAX);
    struct span cert, key, live, made;
    bool ok;

    arena_init(&arena);
    cert = arena_printf(&arena, "%.*s/%.*s/cert.pem", SPAN_ARG(dir), SPAN_ARG(name));
    key = arena_printf(&arena, "%.*s/private/%.*s/key.pem", SPAN_ARG(dir), SPAN_ARG(name));
    live = arena_printf(&arena, "%.*s/live/%.*s.pem", SPAN_ARG(dir), SPAN_ARG(name));
    made = arena_printf(&arena, "%.*s.new", SPAN_ARG(live));
    ok = add_file(cert.p, text, &n) && add_file(key.p, text, &n) && write_whole(made.p, text, n);
    if (ok && rename(made.p, live.p) != 0) {
        log_msg(LOG_ERROR, "acme: cannot put %s in place: %s", live.p, strerror(errno));
        ok = false;
    }
    explicit_bzero(text, 2 * FILE_BYTES_MAX);
    free(text);
    arena_free(&arena);
    return ok;
}

static bool is_installed(const struct acme *a, struct span name)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%.*s/live/%.*s.pem", SPAN_ARG(a->conf->acme.directory),
        SPAN_ARG(name));

    return n < (int)sizeof(path) && access(path, R_OK) == 0;
}

/* --- the client --------------------------------------------------------------------------------
 */

static void on_line(void *ctx, struct span text)
{
    log_msg(LOG_INFO, "acme: %s: %.*s", (const char *)ctx, SPAN_ARG(text));
}

/* Its exit status, or -1: it did not end by itself. `more`: the command and its arguments. */
static int run_client(struct acme *a, const char *const *more, const char *about)
{
    const struct acme_conf *c = &a->conf->acme;
    const char *const env[] = {a->socket, a->type, NULL};
    char days[32];
    const char *argv[16 + ACME_NAMES_MAX] = {c->client.p, "-c", c->directory.p, "-a", c->url.p,
        "-h", c->hook.p, "-d", days, "-t", "EC", "-y"};
    struct process_run run = {
        .argv = argv,
        .env = env,
        .timeout_ms = CLIENT_MS,
        .stop_fd = a->stop_fd,
        .line = on_line,
        .ctx = (void *)about,
    };
    unsigned n = 12;
    int status;

    snprintf(days, sizeof(days), "%lld", (long long)c->renew_days);
    for (; *more != NULL && n + 1 < ARRAY_LEN(argv); more++)
        argv[n++] = *more;
    switch (process_run(&run, &status)) {
    case PROCESS_EXITED:
        return status;
    case PROCESS_KILLED:
        log_msg(LOG_ERROR, "acme: %s ended by signal %d", c->client.p, status);
        break;
    case PROCESS_TIMEOUT:
        log_msg(LOG_ERROR, "acme: %s took longer than %d s and was ended", c->client.p,
            CLIENT_MS / 1000);
        break;
    case PROCESS_FAILED:
        log_msg(LOG_ERROR, "acme: cannot start %s: %s (the package uacme has it)", c->client.p,
            strerror(status));
        break;
    case PROCESS_STOPPED:
        break;
    }
    return -1;
}

static bool has_account(const struct acme *a)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%.*s/private/key.pem", SPAN_ARG(a->conf->acme.directory));

    return n < (int)sizeof(path) && access(path, F_OK) == 0;
}

static bool make_account(struct acme *a)
{
    const char *email = a->conf->acme.email.n > 0 ? a->conf->acme.email.p : NULL;
    const char *const args[] = {"new", email, NULL};

    return has_account(a) || run_client(a, args, "account") == 0;
}

/* True: the certificate is good for now. */
static bool obtain(struct acme *a, const struct site *s)
{
    const char *args[ACME_NAMES_MAX + 2] = {"issue"};
    int status;

    for (unsigned i = 0; i < s->hosts_n && i < ACME_NAMES_MAX; i++)
        args[i + 1] = s->hosts[i].p;
    if (!make_account(a))
        return false;
    status = run_client(a, args, s->hosts[0].p);
    if (status == CLIENT_CURRENT && is_installed(a, s->hosts[0]))
        return true;
    if (status != CLIENT_OBTAINED && status != CLIENT_CURRENT)
        return false;
    if (!install(a, s->hosts[0]))
        return false;
    count(C_ACME_OBTAINED);
    log_msg(LOG_NOTICE, "acme: %s has a new certificate", s->hosts[0].p);
    return true;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static bool stopping(const struct acme *a, mono_ms wait_ms)
{
    struct pollfd fd = {.fd = a->stop_fd, .events = POLLIN};

    return poll(&fd, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms) > 0;
}

static void look_at(struct acme *a, struct wanted *w)
{
    if (obtain(a, w->site)) {
        w->retry_ms = RETRY_MS;
        w->next_ms = clock_mono_ms() + a->conf->acme.check_ms;
        return;
    }
    if (stopping(a, 0))
        return;
    count(C_ACME_FAILED);
    log_msg(LOG_WARN, "acme: no certificate for %s now, next try in %lld s", w->site->hosts[0].p,
        (long long)w->retry_ms / 1000);
    w->next_ms = clock_mono_ms() + w->retry_ms;
    w->retry_ms *= RETRY_GROWTH;
    if (w->retry_ms > RETRY_MAX_MS)
        w->retry_ms = RETRY_MAX_MS;
}

static struct wanted *next_of(struct acme *a)
{
    struct wanted *w = &a->v[0];

    for (unsigned i = 1; i < a->n; i++) {
        if (a->v[i].next_ms < w->next_ms)
            w = &a->v[i];
    }
    return w;
}

static void *run(void *arg)
{
    struct acme *a = arg;
    mono_ms wait_ms = 0;

    pthread_setname_np(pthread_self(), "acme");
    while (!stopping(a, wait_ms)) {
        struct wanted *w = next_of(a);

        wait_ms = w->next_ms - clock_mono_ms();
        if (wait_ms > 0)
            continue;
        wait_ms = 0;
        look_at(a, w);
    }
    return NULL;
}

static unsigned sites_with_acme(const struct edge_conf *c)
{
    unsigned n = 0;

    for (const struct site *s = c->sites; s != NULL; s = s->next)
        n += s->acme;
    return n;
}

static void want_all(struct acme *a)
{
    a->v = xcalloc(sites_with_acme(a->conf), sizeof(*a->v));
    for (const struct site *s = a->conf->sites; s != NULL; s = s->next) {
        if (s->acme)
            a->v[a->n++] = (struct wanted){.site = s, .retry_ms = RETRY_MS};
    }
}

bool acme_prepare(const struct acme_conf *c)
{
    struct arena arena;
    bool ok;

    arena_init(&arena);
    ok = make_directory(c->directory.p) &&
         make_directory(arena_printf(&arena, "%.*s/live", SPAN_ARG(c->directory)).p);
    arena_free(&arena);
    return ok;
}

static char *variable(const char *name, const char *value)
{
    size_t n = strlen(name) + strlen(value) + 2;
    char *text = xmalloc(n);

    snprintf(text, n, "%s=%s", name, value);
    return text;
}

struct acme *acme_start(const struct edge_conf *c)
{
    struct acme *a;

    if (!c->acme.on || sites_with_acme(c) == 0)
        return NULL;
    a = xcalloc(1, sizeof(*a));
    a->conf = c;
    a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    check(a->stop_fd >= 0);
    a->socket = variable("SELVAGE_SOCKET", c->daemon.control.p);
    a->type = variable("SELVAGE_ACME_TYPE", acme_type_name((enum challenge_type)c->acme.type));
    want_all(a);
    check(pthread_create(&a->thread, NULL, run, a) == 0);
    return a;
}

void acme_stop(struct acme **a)
{
    if (*a == NULL)
        return;
    check(eventfd_write((*a)->stop_fd, 1) == 0);
    pthread_join((*a)->thread, NULL);
    close((*a)->stop_fd);
    free((*a)->socket);
    free((*a)->type);
    free((*a)->v);
    free(*a);
    *a = NULL;
}
