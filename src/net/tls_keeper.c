#include "net/tls_keeper.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/ocsp.h"
#include "net/text_index.h"
#include "net/tls_server_impl.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,       /* for keys, and for certificates that clients got for the first time */
    QUIET_MS = 200,       /* after a change, before files are read; */
    QUIET_MOST_MS = 5000, /* if there is no end of changes, after the first */
    RETRY_MS = 1000,      /* a half of two files may be new: once more before that is a fault */
    LOOK_MS = 600 * 1000, /* for changes that nobody told of */
    STOP_S = 2,
    OCSP_LEAST_S = 60,
    OCSP_MOST_S = 12 * 3600,
    OCSP_RETRY_MOST_S = 3600,
};

struct tls_keeper {
    struct tls_server *server; /* borrowed */
    pthread_t thread;
    int wake; /* eventfd: reloads, or the end */
    int stop; /* eventfd: the end, for who waits elsewhere */
    int inotify;
    struct text_index watched; /* directories; texts are owned */
    pthread_mutex_t lock;      /* of `asked` */
    struct tls_reload *asked;
    mono_ms load_at;    /* when to look at the files */
    mono_ms changed_at; /* since when they change; 0: they do not */
    bool retried;       /* the last look found a fault, and was not believed */
    unsigned live;      /* cert_live_count() when staples were last seen to */
    wall_s ocsp_at;     /* when to ask a responder next */
};

/* --- watching ----------------------------------------------------------------------------------
 */

static void watch(struct tls_keeper *k, struct span dir)
{
    static const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                   IN_CREATE | IN_ATTRIB | IN_ONLYDIR;
    char *text;

    if (text_index_find(&k->watched, dir) != TEXT_NONE)
        return;
    text = xmalloc(dir.n + 1);
    memcpy(text, dir.p, dir.n);
    text[dir.n] = '\0';
    if (inotify_add_watch(k->inotify, text, events) < 0) {
        log_msg(LOG_DEBUG, "cannot watch %s: %s", text, strerror(errno));
        free(text);
    } else {
        (void)text_index_add(&k->watched, span_make(text, dir.n));
    }
}

/* The directory of a path, or of what stands before the first star of a glob. */
static struct span dir_of(struct span path, bool glob)
{
    size_t end = 0, n = glob ? strcspn(path.p, "*?[") : path.n;

    for (size_t i = 0; i < n; i++) {
        if (path.p[i] == '/')
            end = i + 1;
    }
    return end > 0 ? span_make(path.p, end) : SPAN("./");
}

/* Also directories that came since the last time. */
static void watch_all(struct tls_keeper *k)
{
    const struct tls_server *t = k->server;

    for (const struct certs_source *s = t->conf->sources; s != NULL; s = s->next) {
        watch(k, dir_of(s->file, s->many));
        if (s->key.n > 0)
            watch(k, dir_of(s->key, false));
    }
    for (unsigned i = 0; t->certs != NULL && i < certs_count(t->certs); i++)
        watch(k, dir_of(certs_at(t->certs, i)->file, false));
    if (t->conf->ticket_file.n > 0)
        watch(k, dir_of(t->conf->ticket_file, false));
}

/* Whether there were any. */
static bool drop_events(int inotify)
{
    _Alignas(struct inotify_event) char events[4096];
    bool any = false;

    while (read(inotify, events, sizeof(events)) > 0)
        any = true;
    return any;
}

/* --- loading -----------------------------------------------------------------------------------
 */

static void swap(struct tls_server *t, struct certs *fresh)
{
    struct certs *old = t->certs;

    pthread_rwlock_wrlock(&t->lock);
    t->certs = fresh;
    pthread_rwlock_unlock(&t->lock);
    certs_free(&old);
}

static void append(char *text, size_t cap, struct span line)
{
    size_t n = strlen(text);

    (void)snprintf(text + n, cap - n, "%s%.*s", n > 0 ? "\n" : "", SPAN_ARG(line));
}

/* False: `text` says what is wrong, and nothing was changed. */
static bool load_certs(struct tls_server *t, bool *changed, char *text, size_t cap)
{
    struct conf_errors errors;
    struct arena arena;
    struct certs *fresh;

    if (t->certs == NULL)
        return true;
    arena_init(&arena);
    conf_errors_init(&errors, &arena);
    fresh = certs_load(t->conf->sources, t->certs, clock_wall_s(), &errors);
    for (unsigned i = 0; i < errors.n && i < CONF_ERRORS_MAX; i++)
        append(text, cap, errors.text[i]);
    arena_free(&arena);
    if (fresh == NULL)
        return false;
    if (certs_same(fresh, t->certs)) {
        certs_free(&fresh);
        return true;
    }
    log_msg(LOG_NOTICE, "certificates: %u for %u names, instead of %u for %u", certs_count(fresh),
        certs_names(fresh), certs_count(t->certs), certs_names(t->certs));
    swap(t, fresh);
    count(C_CERTS_RELOADED);
    *changed = true;
    return true;
}

static bool load_tickets(struct tls_server *t, bool *changed, char *text, size_t cap)
{
    struct ticket_keys keys;
    char why[TICKETS_WHY];
    bool other;

    if (t->conf->ticket_file.n == 0)
        return true;
    if (!tickets_read(t->conf->ticket_file.p, &keys, why)) {
        append(text, cap, span_of(why));
        return false;
    }
    other = tickets_set(t->tickets, &keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
    if (other)
        log_msg(LOG_NOTICE, "ticket keys: there are %u, and others than before", keys.n);
    *changed = *changed || other;
    return true;
}

static bool load(struct tls_keeper *k, bool *changed, char *text, size_t cap)
{
    bool ok;

    text[0] = '\0';
    *changed = false;
    ok = load_certs(k->server, changed, text, cap);
    ok = load_tickets(k->server, changed, text, cap) && ok;
    watch_all(k);
    return ok;
}

static void load_by_itself(struct tls_keeper *k, mono_ms now)
{
    char text[1024];
    bool changed, ok = load(k, &changed, text, sizeof(text));

    k->load_at = now + LOOK_MS;
    k->changed_at = 0;
    if (!ok && !k->retried) {
        k->retried = true;
        k->load_at = now + RETRY_MS;
        return;
    }
    k->retried = false;
    if (!ok) {
        count(C_CERTS_RELOAD_FAILED);
        log_msg(LOG_ERROR, "certificates changed, and the old ones stay: %s", text);
    }
}

static void load_for(struct tls_keeper *k, struct tls_reload *r)
{
    r->ok = load(k, &r->changed, r->text, sizeof(r->text));
    if (!r->ok) {
        count(C_CERTS_RELOAD_FAILED);
        log_msg(LOG_ERROR, "certificates: the old ones stay: %s", r->text);
    }
    k->load_at = clock_mono_ms() + LOOK_MS;
    k->ocsp_at = 0;
}

/* --- OCSP --------------------------------------------------------------------------------------
 */

static wall_s at_most(wall_s v, wall_s most)
{
    return v < most ? v : most;
}

/* When to ask again: halfway to the end of what we have. */
static wall_s refresh_at(wall_s now, wall_s until)
{
    wall_s half = (until - now) / 2;

    return now + (half < OCSP_LEAST_S ? OCSP_LEAST_S : at_most(half, OCSP_MOST_S));
}

static void ask(struct tls_keeper *k, struct cert *c, struct cert_ocsp *o, wall_s now)
{
    struct ocsp_answer a;

    switch (ocsp_ask(c, k->stop, now, &a)) {
    case OCSP_GOOD:
        count(C_OCSP_FETCHED);
        cert_set_staple(c, a.staple, a.until);
        OPENSSL_free((char *)a.staple.p);
        o->failures = 0;
        o->next = refresh_at(now, a.until);
        return;
    case OCSP_REVOKED_CERT:
        count(C_OCSP_REVOKED);
        log_msg(LOG_ERROR, "certificate %s: %s", c->file.p, a.why);
        cert_set_staple(c, SPAN_EMPTY, 0);
        o->next = now + OCSP_RETRY_MOST_S;
        return;
    case OCSP_NOBODY:
        if (c->must_staple)
            log_msg(LOG_WARN, "certificate %s wants to be stapled, but %s", c->file.p, a.why);
        o->next = INT64_MAX;
        return;
    case OCSP_FAILED:
        count(C_OCSP_FAILED);
        if (o->failures == 0)
            log_msg(LOG_WARN, "certificate %s: no new OCSP response: %s", c->file.p, a.why);
        o->failures++;
        o->next =
            now + at_most((wall_s)OCSP_LEAST_S << at_most(o->failures - 1, 6), OCSP_RETRY_MOST_S);
        return;
    }
}

/* Asks for all that are due, until there is something else to do. */
static void staple(struct tls_keeper *k, wall_s now)
{
    const struct certs *set = k->server->certs;
    unsigned live = cert_live_count(), good = 0;

    if (!k->server->conf->ocsp || set == NULL || (now < k->ocsp_at && live == k->live))
        return;
    k->live = live;
    k->ocsp_at = INT64_MAX;
    for (unsigned i = 0; i < certs_count(set); i++) {
        struct cert *c = certs_at(set, i);
        struct cert_ocsp *o = cert_ocsp(c);
        eventfd_t value;

        if (o == NULL)
            continue;
        if (o->next <= now)
            ask(k, c, o, now);
        k->ocsp_at = at_most(k->ocsp_at, o->next);
        good += cert_has_staple(c, now);
        if (eventfd_read(k->stop, &value) == 0) {
            eventfd_write(k->stop, value);
            return;
        }
    }
    atomic_store(&k->server->stapled, good);
}

/* Those that failed are asked again at once. */
static void forgive(struct tls_keeper *k)
{
    const struct certs *set = k->server->certs;

    for (unsigned i = 0; set != NULL && i < certs_count(set); i++) {
        struct cert_ocsp *o = cert_ocsp(certs_at(set, i));

        if (o != NULL && o->failures > 0)
            o->next = 0;
    }
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void run_done(struct message *m, struct worker *w)
{
    struct tls_reload *r = container_of(m, struct tls_reload, message);

    (void)w;
    r->done(r);
}

/* Without `load` there is no time left for that. */
static void answer_asked(struct tls_keeper *k, bool with_load)
{
    struct tls_reload *r, *next;

    pthread_mutex_lock(&k->lock);
    r = k->asked;
    k->asked = NULL;
    pthread_mutex_unlock(&k->lock);
    for (; r != NULL; r = next) {
        next = r->next;
        if (with_load) {
            load_for(k, r);
            forgive(k);
        }
        r->message.run = run_done;
        worker_post(r->worker, &r->message);
    }
}

static void wait_for_quiet(struct tls_keeper *k, mono_ms now)
{
    mono_ms latest;

    if (k->changed_at == 0)
        k->changed_at = now;
    latest = k->changed_at + QUIET_MOST_MS;
    k->load_at = now + QUIET_MS < latest ? now + QUIET_MS : latest;
}

static void *keep(void *arg)
{
    struct tls_keeper *k = arg;
    struct pollfd fds[] = {{.fd = k->wake, .events = POLLIN}, {.fd = k->inotify, .events = POLLIN},
        {.fd = k->stop, .events = POLLIN}};

    pthread_setname_np(pthread_self(), "certificates");
    watch_all(k);
    for (;;) {
        eventfd_t value;
        mono_ms now;

        (void)poll(fds, 3, k->load_at - clock_mono_ms() < QUIET_MS ? QUIET_MS / 2 : TICK_MS);
        if (fds[2].revents != 0)
            return NULL;
        now = clock_mono_ms();
        if (eventfd_read(k->wake, &value) == 0)
            answer_asked(k, true);
        if (drop_events(k->inotify))
            wait_for_quiet(k, now);
        if (now >= k->load_at)
            load_by_itself(k, now);
        tickets_tick(k->server->tickets, now);
        staple(k, clock_wall_s());
    }
}

struct tls_keeper *tls_keeper_start(struct tls_server *t)
{
    struct tls_keeper *k = xcalloc(1, sizeof(*k));

    k->server = t;
    k->load_at = clock_mono_ms() + LOOK_MS;
    k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    check(k->wake >= 0 && k->stop >= 0);
    if (k->inotify < 0)
        log_msg(LOG_WARN, "cannot watch certificates (%s): they are looked at every %d s",
            strerror(errno), LOOK_MS / 1000);
    pthread_mutex_init(&k->lock, NULL);
    check(pthread_create(&k->thread, NULL, keep, k) == 0);
    return k;
}

bool tls_keeper_stop(struct tls_keeper **kp)
{
    struct tls_keeper *k = *kp;
    struct timespec until;

    *kp = NULL;
    if (k == NULL)
        return true;
    check(eventfd_write(k->stop, 1) == 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    if (pthread_timedjoin_np(k->thread, NULL, &until) != 0) {
        log_msg(LOG_WARN, "a responder's name is still being looked up; not waiting for that");
        return false;
    }
    for (uint32_t i = 0; i < k->watched.n; i++)
        free((char *)k->watched.texts[i].p);
    text_index_free(&k->watched);
    close(k->wake);
    close(k->stop);
    if (k->inotify >= 0)
        close(k->inotify);
    answer_asked(k, false);
    pthread_mutex_destroy(&k->lock);
    free(k);
    return true;
}

void tls_keeper_reload(struct tls_keeper *k, struct tls_reload *r)
{
    pthread_mutex_lock(&k->lock);
    r->next = k->asked;
    k->asked = r;
    pthread_mutex_unlock(&k->lock);
    check(eventfd_write(k->wake, 1) == 0);
}
