/*
 * purge_storm.c - the proof that what has been purged is not served any more.
 *
 * An origin, readers and purgers in one program, around a running edge. Every object has a version,
 * which the origin says in body and ETag, and a floor. A purge
 *
 *   1. gives what it is about to purge a new version, at the origin;
 *   2. is sent to the edge, and acknowledged;
 *   3. raises the floor of what it has purged to that version.
 *
 * A reader notes the floor before it sends a request; whatever answers, from memory, from a fill
 * in flight, after a validation, an older version is a fault. So is a body of another object,
 * one that is not whole, an ETag of another version than the body, and any answer but 200.
 *
 * Sites are s0.test ... s9.test; objects of all scopes overlap:
 *
 *   object n   http://s(n % 10).test/(n / 10 / 50)/n   tags t(n % 997) and u(n % 13)
 *
 * One in four varies by Accept-Language, one in three is text, which the edge encodes if it is told
 * to; one in 50 answers takes its time in the middle of the body. Each connection has a thread,
 * which blocks: simple, and fast enough.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    SITES = 10,
    PREFIX_OBJECTS = 50, /* of one site under one prefix */
    TAGS = 997,
    WIDE_TAGS = 13,
    HOT = 500, /* objects that half of the requests are for */
    PIPELINE = 16,
    BUFFER_BYTES = 64 << 10,
    WAIT_S = 30, /* for an answer */
    READERS_MAX = 256,
    PURGERS_MAX = 16,
};

enum scope { URL, PREFIX, TAG, WIDE_TAG, SITE, ALL, SCOPES };
static const char *const scope_names[SCOPES] = {"url", "prefix", "tag", "wide tag", "site", "all"};

static struct {
    unsigned objects, readers, purgers, pause_us;
    uint64_t requests;
    int edge_port, origin_port;
    const char *control;
    uint64_t seed;
} options = {.objects = 100000, .readers = 24, .purgers = 2, .pause_us = 2000, .requests = 1200000};

static _Atomic uint64_t *versions, *floors;
static _Atomic uint64_t last_version;
static _Atomic uint64_t started, answered, hits, heads, coded, above, faults;
static _Atomic uint64_t purges[SCOPES][2];
static _Atomic uint64_t origin_full, origin_304, origin_slow;
static _Atomic bool over;

/* --- small things ------------------------------------------------------------------------- */

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("purge_storm: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

/* At most some of them are shown. */
static void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void fault(const char *fmt, ...)
{
    va_list ap;

    if (atomic_fetch_add(&faults, 1) >= 20)
        return;
    va_start(ap, fmt);
    fputs("FAULT: ", stdout);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static unsigned pick(uint64_t *state, unsigned n)
{
    return (unsigned)(random_next(state) % n);
}

static void raise_to(_Atomic uint64_t *v, uint64_t to)
{
    uint64_t was = atomic_load(v);

    while (was < to && !atomic_compare_exchange_weak(v, &was, to))
        ;
}

static void pause_us(unsigned us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000L};

    nanosleep(&t, NULL);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void thread_start(void *(*run)(void *arg), void *arg, pthread_t *id)
{
    pthread_attr_t attr;
    pthread_t own;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 512 << 10);
    if (id == NULL)
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(id != NULL ? id : &own, &attr, run, arg) != 0)
        die("no more threads");
    pthread_attr_destroy(&attr);
}

/* --- a connection, and messages on it ----------------------------------------------------- */

struct conn {
    int fd;
    size_t n, used; /* of in: received, and taken out */
    char in[BUFFER_BYTES];
};

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* False: the end, or too much. */
static bool receive(struct conn *c)
{
    ssize_t got;

    if (c->used > 0) {
        memmove(c->in, c->in + c->used, c->n - c->used);
        c->n -= c->used;
        c->used = 0;
    }
    if (c->n == sizeof(c->in))
        return false;
    do
        got = recv(c->fd, c->in + c->n, sizeof(c->in) - c->n, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    c->n += (size_t)got;
    return true;
}

/* The next head, in the buffer until the next call; NULL at the end. */
static char *next_head(struct conn *c, size_t *length)
{
    for (;;) {
        char *at = c->in + c->used;
        char *end = memmem(at, c->n - c->used, "\r\n\r\n", 4);

        if (end != NULL) {
            *length = (size_t)(end + 4 - at);
            end[2] = '\0';
            c->used += *length;
            return at;
        }
        if (!receive(c))
            return NULL;
    }
}

static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);

    return at != NULL ? at + strlen(name) : NULL;
}

/* `length` bytes of body, NULL if they do not come. */
static char *next_body(struct conn *c, size_t length)
{
    while (c->n - c->used < length) {
        if (!receive(c))
            return NULL;
    }
    c->used += length;
    return c->in + c->used - length;
}

static void connect_to(struct conn *c, const struct sockaddr *sa, socklen_t n)
{
    struct timeval patience = {WAIT_S, 0};
    int one = 1;

    c->n = c->used = 0;
    c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, sa, n) != 0)
        die("cannot connect: %s", strerror(errno));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* --- objects ------------------------------------------------------------------------------ */

static unsigned site_of(unsigned n)
{
    return n % SITES;
}

static unsigned folder_of(unsigned n)
{
    return n / SITES / PREFIX_OBJECTS;
}

static bool varies(unsigned n)
{
    return n % 4 == 3;
}

/* The edge may make another coding of it. */
static bool is_text(unsigned n)
{
    return n % 3 == 1;
}

/* Its body is this text over and over, so that any byte of another shows. */
static size_t body_write(char *dst, unsigned n, uint64_t version)
{
    char line[64];
    size_t length =
        (size_t)snprintf(line, sizeof(line), "object %u version %" PRIu64 "\n", n, version);
    size_t times = 3 + n % 60;

    for (size_t i = 0; i < times; i++)
        memcpy(dst + i * length, line, length);
    return times * length;
}

enum { BODY_MAX = 64 * 64 };

/* --- the origin --------------------------------------------------------------------------- */

static bool answer(struct conn *c, const char *head, uint64_t *seed)
{
    bool is_head = strncmp(head, "HEAD ", 5) == 0;
    const char *target = strchr(head, '/'), *condition = field(head, "\nif-none-match: \"");
    char out[1024 + BODY_MAX], body[BODY_MAX];
    unsigned n, folder;
    uint64_t version;
    size_t body_n, at;

    if (target == NULL || sscanf(target, "/%u/%u ", &folder, &n) != 2 || n >= options.objects)
        die("the edge asks for something else: %s", head);
    version = atomic_load(&versions[n]);
    if (condition != NULL && strtoull(condition, NULL, 10) == version) {
        atomic_fetch_add(&origin_304, 1);
        at = (size_t)snprintf(out, sizeof(out),
            "HTTP/1.1 304 Not Modified\r\nETag: \"%" PRIu64 "\"\r\n"
            "Cache-Control: max-age=3600\r\n\r\n",
            version);
        return send_all(c->fd, out, at);
    }
    atomic_fetch_add(&origin_full, 1);
    body_n = body_write(body, n, version);
    at = (size_t)snprintf(out, sizeof(out),
        "HTTP/1.1 200 OK\r\nETag: \"%" PRIu64 "\"\r\nContent-Length: %zu\r\n"
        "Cache-Control: max-age=3600, stale-while-revalidate=3600\r\n"
        "Surrogate-Key: t%u u%u\r\n%s%s\r\n",
        version, body_n, n % TAGS, n % WIDE_TAGS, varies(n) ? "Vary: Accept-Language\r\n" : "",
        is_text(n) ? "Content-Type: text/plain\r\n" : "");
    if (is_head)
        return send_all(c->fd, out, at);
    memcpy(out + at, body, body_n);
    at += body_n;
    if (pick(seed, 50) != 0)
        return send_all(c->fd, out, at);
    /* What is purged now is a fill in flight. */
    atomic_fetch_add(&origin_slow, 1);
    if (!send_all(c->fd, out, at - body_n / 2))
        return false;
    pause_us(1000 + pick(seed, 20000));
    return send_all(c->fd, out + at - body_n / 2, body_n / 2);
}

static void *origin_connection(void *arg)
{
    struct conn *c = arg;
    uint64_t seed = options.seed ^ (uint64_t)c->fd << 32;
    const char *head;
    size_t length;

    while ((head = next_head(c, &length)) != NULL && answer(c, head, &seed))
        ;
    close(c->fd);
    free(c);
    return NULL;
}

static void *origin(void *arg)
{
    int listener = *(int *)arg, one = 1;

    for (;;) {
        struct conn *c = malloc(sizeof(*c));

        if (c == NULL)
            die("out of memory");
        c->n = c->used = 0;
        c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (c->fd < 0)
            die("accept: %s", strerror(errno));
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        thread_start(origin_connection, c, NULL);
    }
    return NULL;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int origin_listen(void)
{
    struct sockaddr_in in = loopback(options.origin_port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, 1024) != 0)
        die("cannot listen on port %d: %s", options.origin_port, strerror(errno));
    return fd;
}

/* --- readers ------------------------------------------------------------------------------ */

struct asked {
    unsigned n;
    uint64_t floor;
    bool head;
};

struct reader {
    struct conn c;
    uint64_t seed;
    unsigned index;
    bool warming; /* every object once, in the reader's share, before the storm */
    unsigned next;
    pthread_t thread;
};

static unsigned choose(struct reader *r)
{
    unsigned n;

    if (!r->warming)
        return pick(&r->seed, 2) == 0 ? pick(&r->seed, HOT) % options.objects
                                      : pick(&r->seed, options.objects);
    n = r->next;
    r->next += options.readers;
    return n;
}

static size_t request_write(char *dst, size_t cap, const struct asked *q, uint64_t *seed)
{
    return (size_t)snprintf(dst, cap,
        "%s /%u/%u HTTP/1.1\r\nHost: s%u.test\r\nAccept-Language: %s\r\nAccept-Encoding: "
        "%s\r\n\r\n",
        q->head ? "HEAD" : "GET", folder_of(q->n), q->n, site_of(q->n),
        pick(seed, 2) == 0 ? "en" : "de", pick(seed, 2) == 0 ? "gzip" : "identity");
}

static void judge(const struct asked *q, const char *head, const char *body, size_t body_n)
{
    const char *etag = field(head, "\netag: "), *status = field(head, "\ncache-status: ");
    uint64_t version = etag != NULL ? strtoull(etag + strcspn(etag, "0123456789"), NULL, 10) : 0;
    char want[BODY_MAX];
    size_t want_n = body_write(want, q->n, version);

    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0)
        fault("object %u: answered %.30s", q->n, head);
    else if (version < q->floor)
        fault("object %u: version %" PRIu64 ", purged at %" PRIu64 ": %.*s", q->n, version,
            q->floor, status != NULL ? (int)strcspn(status, "\r") : 0, status);
    else if (!q->head && (body_n != want_n || memcmp(body, want, want_n) != 0))
        fault("object %u: the body of version %" PRIu64 " is another: %.40s", q->n, version, body);
    atomic_fetch_add(&answered, 1);
    atomic_fetch_add(&heads, q->head);
    atomic_fetch_add(&above, q->floor > 0);
    atomic_fetch_add(&hits, status != NULL && strncmp(status, "selvage; hit", 12) == 0);
}

/* A body in chunks (RFC 9112 §7.1) without trailers; false: cut, or too long. */
static bool read_chunks(struct conn *c, char *dst, size_t *n)
{
    for (*n = 0;;) {
        const char *line;
        size_t size, at;
        char *end;

        while ((end = memmem(c->in + c->used, c->n - c->used, "\r\n", 2)) == NULL) {
            if (!receive(c))
                return false;
        }
        line = c->in + c->used;
        size = strtoul(line, NULL, 16);
        c->used = (size_t)(end + 2 - c->in);
        if (size > BODY_MAX - *n || (line = next_body(c, size + 2)) == NULL)
            return false;
        at = *n;
        *n += size;
        memcpy(dst + at, line, size);
        if (size == 0)
            return true;
    }
}

static bool read_plain(struct conn *c, const char *head, char *dst, size_t *n)
{
    const char *said = field(head, "\ncontent-length: "), *body;

    *n = said != NULL ? strtoull(said, NULL, 10) : BODY_MAX + 1;
    if (*n > BODY_MAX || (body = next_body(c, *n)) == NULL)
        return false;
    memcpy(dst, body, *n);
    return true;
}

/* In place; false: it is no gzip, or not whole. */
static bool gunzip(char *body, size_t *n)
{
    char plain[BODY_MAX];
    z_stream z = {.next_in = (unsigned char *)body,
        .avail_in = (unsigned)*n,
        .next_out = (unsigned char *)plain,
        .avail_out = sizeof(plain)};
    bool ok;

    if (inflateInit2(&z, 15 + 16) != Z_OK)
        die("zlib has no memory");
    ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0;
    *n = z.total_out;
    memcpy(body, plain, *n);
    inflateEnd(&z);
    return ok;
}

static bool read_answer(struct reader *r, const struct asked *q)
{
    char body[BODY_MAX], head[2048];
    size_t length, body_n = 0;
    const char *came = next_head(&r->c, &length);
    bool ok = came != NULL && length < sizeof(head);

    if (!ok) {
        fault("object %u: no answer", q->n);
        return false;
    }
    strcpy(head, came); /* reading on moves what stands in the buffer */
    if (!q->head)
        ok = field(head, "\ntransfer-encoding: chunked") != NULL
                 ? read_chunks(&r->c, body, &body_n)
                 : read_plain(&r->c, head, body, &body_n);
    if (!ok) {
        fault("object %u: the body is cut", q->n);
        return false;
    }
    if (!q->head && field(head, "\ncontent-encoding: gzip") != NULL) {
        atomic_fetch_add(&coded, 1);
        if (!gunzip(body, &body_n))
            fault("object %u: no whole gzip", q->n);
    }
    judge(q, head, body, body_n);
    return true;
}

static bool goes_on(const struct reader *r)
{
    return r->warming ? r->next < options.objects
                      : atomic_fetch_add(&started, PIPELINE) < options.requests;
}

static void *reader(void *arg)
{
    struct reader *r = arg;
    struct sockaddr_in in = loopback(options.edge_port);
    bool ok = true;

    connect_to(&r->c, (struct sockaddr *)&in, sizeof(in));
    while (ok && goes_on(r)) {
        struct asked asked[PIPELINE];
        char out[PIPELINE * 160];
        size_t n = 0;
        unsigned count = 0;

        for (; count < PIPELINE && (!r->warming || r->next < options.objects); count++) {
            struct asked *q = &asked[count];

            q->n = choose(r);
            q->head = !r->warming && pick(&r->seed, 10) == 0;
            q->floor = atomic_load(&floors[q->n]);
            n += request_write(out + n, sizeof(out) - n, q, &r->seed);
        }
        if (!send_all(r->c.fd, out, n))
            fault("the edge closed a connection");
        for (unsigned i = 0; i < count && ok; i++)
            ok = read_answer(r, &asked[i]);
    }
    close(r->c.fd);
    return NULL;
}

static void run_readers(struct reader *readers, bool warming)
{
    for (unsigned i = 0; i < options.readers; i++) {
        struct reader *r = &readers[i];

        r->index = i;
        r->warming = warming;
        r->next = i;
        r->seed = options.seed + i * 2 + warming;
        thread_start(reader, r, &r->thread);
    }
    for (unsigned i = 0; i < options.readers; i++)
        pthread_join(readers[i].thread, NULL);
}

/* --- purgers ------------------------------------------------------------------------------ */

/* What one purge is about: `like` is one of it. */
struct target {
    enum scope scope;
    unsigned like;
    bool hard, changes; /* the origin has something new */
};

static bool covers(const struct target *t, unsigned n)
{
    switch (t->scope) {
    case URL:
        return n == t->like;
    case PREFIX:
        return site_of(n) == site_of(t->like) && folder_of(n) == folder_of(t->like);
    case TAG:
        return n % TAGS == t->like % TAGS;
    case WIDE_TAG: /* narrowed to a site */
        return n % WIDE_TAGS == t->like % WIDE_TAGS && site_of(n) == site_of(t->like);
    case SITE:
        return site_of(n) == site_of(t->like);
    case ALL:
    case SCOPES:
        break;
    }
    return true;
}

static void raise_covered(const struct target *t, _Atomic uint64_t *v, uint64_t to)
{
    if (t->scope == URL) {
        raise_to(&v[t->like], to);
        return;
    }
    for (unsigned n = 0; n < options.objects; n++) {
        if (covers(t, n))
            raise_to(&v[n], to);
    }
}

static enum scope choose_scope(uint64_t *seed)
{
    unsigned p = pick(seed, 1000);

    return p < 600   ? URL
           : p < 780 ? PREFIX
           : p < 950 ? TAG
           : p < 980 ? WIDE_TAG
           : p < 995 ? SITE
                     : ALL;
}

static size_t purge_write(char *dst, size_t cap, const struct target *t)
{
    char what[128] = "all";
    unsigned n = t->like;

    if (t->scope == URL)
        snprintf(what, sizeof(what), "url=s%u.test/%u/%u", site_of(n), folder_of(n), n);
    else if (t->scope == PREFIX)
        snprintf(what, sizeof(what), "prefix=s%u.test/%u/", site_of(n), folder_of(n));
    else if (t->scope == TAG)
        snprintf(what, sizeof(what), "tag=t%u", n % TAGS);
    else if (t->scope == WIDE_TAG)
        snprintf(what, sizeof(what), "tag=u%u&site=s%u.test", n % WIDE_TAGS, site_of(n));
    else if (t->scope == SITE)
        snprintf(what, sizeof(what), "site=s%u.test", site_of(n));
    return (size_t)snprintf(dst, cap, "POST /purge?%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n", what,
        t->hard ? "&hard=1" : "");
}

static void purge(struct conn *c, const struct target *t)
{
    uint64_t version = t->changes ? atomic_fetch_add(&last_version, 1) + 1 : 0;
    char out[256];
    const char *head, *length;
    size_t n;

    raise_covered(t, versions, version);
    n = purge_write(out, sizeof(out), t);
    if (!send_all(c->fd, out, n) || (head = next_head(c, &n)) == NULL)
        die("the control socket is closed");
    length = field(head, "\ncontent-length: ");
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || length == NULL)
        die("a purge is answered %.40s", head);
    if (next_body(c, strtoull(length, NULL, 10)) == NULL)
        die("the answer to a purge is cut");
    raise_covered(t, floors, version);
    atomic_fetch_add(&purges[t->scope][t->hard], 1);
}

static void *purger(void *arg)
{
    uint64_t seed = options.seed * 3 + (uint64_t)(uintptr_t)arg;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct conn *c = malloc(sizeof(*c));

    if (c == NULL || strlen(options.control) >= sizeof(un.sun_path))
        die("out of memory, or the path of the control socket is too long");
    strcpy(un.sun_path, options.control);
    connect_to(c, (struct sockaddr *)&un, sizeof(un));
    while (!atomic_load(&over)) {
        struct target t = {
            .scope = choose_scope(&seed),
            .like = pick(&seed, 2) == 0 ? pick(&seed, HOT) % options.objects
                                        : pick(&seed, options.objects),
            .hard = pick(&seed, 2) == 0,
            .changes = pick(&seed, 5) != 0,
        };

        purge(c, &t);
        pause_us(pick(&seed, 2 * options.pause_us + 1));
    }
    close(c->fd);
    free(c);
    return NULL;
}

/* --- all of it ---------------------------------------------------------------------------- */

static void report(double warm_s, double storm_s)
{
    uint64_t all = 0;

    printf("objects %u, warmed in %.1f s\n", options.objects, warm_s);
    printf("requests %" PRIu64 " (HEAD %" PRIu64 ") in %.1f s, %.0f a second\n", (uint64_t)answered,
        (uint64_t)heads, storm_s, (double)answered / storm_s);
    printf("of objects that had been purged %" PRIu64 "\n", (uint64_t)above);
    printf("hits %" PRIu64 "\n", (uint64_t)hits);
    printf("in gzip %" PRIu64 "\n", (uint64_t)coded);
    for (int s = 0; s < SCOPES; s++) {
        printf("purges %s: soft %" PRIu64 ", hard %" PRIu64 "\n", scope_names[s],
            (uint64_t)purges[s][0], (uint64_t)purges[s][1]);
        all += purges[s][0] + purges[s][1];
    }
    printf("purges %" PRIu64 "\n", all);
    printf("origin: 200 %" PRIu64 ", 304 %" PRIu64 ", slow %" PRIu64 "\n", (uint64_t)origin_full,
        (uint64_t)origin_304, (uint64_t)origin_slow);
    printf("faults %" PRIu64 "\n", (uint64_t)faults);
}

static void usage(void)
{
    die("usage: purge_storm --edge PORT --origin PORT --control PATH [--objects N] [--requests N]\n"
        "    [--readers N] [--purgers N] [--pause MICROSECONDS] [--seed N]");
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"edge", required_argument, NULL, 'e'},
        {"origin", required_argument, NULL, 'o'},
        {"control", required_argument, NULL, 'c'},
        {"objects", required_argument, NULL, 'n'},
        {"requests", required_argument, NULL, 'r'},
        {"readers", required_argument, NULL, 'R'},
        {"purgers", required_argument, NULL, 'P'},
        {"pause", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 's'},
        {0},
    };
    int o;

    while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t n = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

        switch (o) {
        case 'e':
            options.edge_port = (int)n;
            break;
        case 'o':
            options.origin_port = (int)n;
            break;
        case 'c':
            options.control = optarg;
            break;
        case 'n':
            options.objects = (unsigned)n;
            break;
        case 'r':
            options.requests = n;
            break;
        case 'R':
            options.readers = (unsigned)n;
            break;
        case 'P':
            options.purgers = (unsigned)n;
            break;
        case 'p':
            options.pause_us = (unsigned)n;
            break;
        case 's':
            options.seed = n;
            break;
        default:
            usage();
        }
    }
    if (options.edge_port == 0 || options.origin_port == 0 || options.control == NULL ||
        options.objects == 0 || options.readers == 0 || options.readers > READERS_MAX ||
        options.purgers > PURGERS_MAX)
        usage();
}

int main(int argc, char **argv)
{
    pthread_t purgers[PURGERS_MAX];
    struct reader *readers;
    double begun, warm, end;
    int listener;

    options.seed = (uint64_t)time(NULL);
    read_options(argc, argv);
    printf("seed %" PRIu64 "\n", options.seed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    versions = calloc(options.objects, sizeof(*versions));
    floors = calloc(options.objects, sizeof(*floors));
    readers = calloc(options.readers, sizeof(*readers));
    if (versions == NULL || floors == NULL || readers == NULL)
        die("out of memory");
    listener = origin_listen();
    thread_start(origin, &listener, NULL);
    begun = now_s();
    run_readers(readers, true);
    warm = now_s();
    answered = heads = hits = coded = above = origin_full = origin_304 = origin_slow = 0;
    for (unsigned i = 0; i < options.purgers; i++)
        thread_start(purger, (void *)(uintptr_t)(i + 1), &purgers[i]);
    run_readers(readers, false);
    end = now_s();
    over = true;
    for (unsigned i = 0; i < options.purgers; i++)
        pthread_join(purgers[i], NULL);
    report(warm - begun, end - warm);
    free(readers); /* not what the origin's threads may still use */
    return faults == 0 ? 0 : 1;
}
