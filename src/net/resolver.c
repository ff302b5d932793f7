#include "net/resolver.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "loop/deadline.h"
#include "net/channel.h"

#include <stdlib.h>

enum {
    TTL_MIN_MS = 1000,
    TTL_MAX_MS = 3600 * 1000,
    STALE_MS = 3600 * 1000, /* how long past its TTL an answer may stand in for a failure */
    RETRY_MS = 1000,        /* after a failure, and after "no such name" */
    AAAA_DELAY_MS = 50,     /* RFC 8305 section 3 */
    PATIENCE_MS = 500,      /* with an answer from before in hand */
    NAMES_MAX = 1024,
    BUCKETS = 256,
    NAME_BYTES = 254, /* with a dot at the end */
    FAMILY_ADDRS_MAX = RESOLVER_ADDRS_MAX / 2,
};

/* What AAAA or A said of a name. */
struct family {
    struct name *name;
    int af;
    struct addr addrs[FAMILY_ADDRS_MAX];
    unsigned n;
    mono_ms fresh_until;  /* addrs: their TTL */
    mono_ms usable_until; /* addrs: when DNS fails */
    int status;           /* of the last answer, c-ares's */
    bool asked;           /* no answer yet in this round */
};
enum { AAAA, A, FAMILIES };

/*
 * A name is asked for in rounds: both families at once; the round ends when both have answered.
 *
 *   never asked    fresh_until == 0, nothing asked
 *   asking         a family is `asked`; queries may wait
 *   known          now < fresh_until: the answer (or its absence) holds
 *   expired        now >= fresh_until; the next lookup starts a round
 */
struct name {
    struct list bucket; /* in resolver->buckets */
    struct list recent; /* in resolver->recent */
    struct resolver *resolver;
    struct family families[FAMILIES];
    struct list waiting;      /* of struct resolver_query */
    struct deadline patience; /* then waiting queries get what there is */
    mono_ms fresh_until, refresh_at;
    bool at_once; /* DNS is slow or fails: lookups get what there is and do not wait */
    bool failing; /* the last round brought nothing but failures */
    char text[NAME_BYTES + 1];
};

struct resolver {
    struct worker *worker;
    struct channel channel;
    struct list buckets[BUCKETS];
    struct list recent; /* all names, the latest used first */
    unsigned names;
};

/* --- answers -----------------------------------------------------------------------------------
 */

static const char *status_text(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        return "no such name";
    case ARES_SUCCESS:
    case ARES_ENODATA:
        return "the name has no address";
    case ARES_ETIMEOUT:
        return "no answer from DNS in time";
    /* c-ares asks the next server then; when there is none left, it says ECONNREFUSED for all. */
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
        return "the DNS servers fail or refuse";
    default:
        return ares_strerror(status);
    }
}

/* "No such name" is knowledge; a timeout is not. */
static bool is_definite(int status)
{
    return status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

static const char *why_none(const struct name *name)
{
    const struct family *aaaa = &name->families[AAAA], *a = &name->families[A];

    if (!is_definite(a->status))
        return status_text(a->status);
    if (!is_definite(aaaa->status))
        return status_text(aaaa->status);
    return status_text(a->status == ARES_ENOTFOUND ? a->status : aaaa->status);
}

static void take_answer(const struct name *name, mono_ms now, struct resolver_answer *out)
{
    out->n = 0;
    out->stale = false;
    for (int i = 0; i < FAMILIES; i++) {
        const struct family *f = &name->families[i];

        if (f->n == 0 || now >= f->usable_until)
            continue;
        memcpy(&out->addrs[out->n], f->addrs, f->n * sizeof(f->addrs[0]));
        out->n += f->n;
        out->stale = out->stale || now >= f->fresh_until;
    }
    out->why = out->n > 0 ? "" : why_none(name);
}

/* Answers all that wait. Last act of whoever calls it: done() may do anything, `name` may go. */
static void deliver(struct name *name)
{
    struct resolver_answer answer;
    struct list *first = name->waiting.next, waiting;
    struct list *node;

    if (list_empty(&name->waiting))
        return;
    take_answer(name, worker_now(name->resolver->worker), &answer);
    /* Those who ask from inside done() wait for the next one. */
    list_remove(&name->waiting);
    list_insert_between(&waiting, first->prev, first);
    while ((node = list_pop(&waiting)) != NULL) {
        struct resolver_query *q = list_entry(node, struct resolver_query, node);

        q->done(q, &answer);
    }
}

/* --- rounds
 * --------------------------------------------------------------------------------------- */

static bool is_asking(const struct name *name)
{
    return name->families[AAAA].asked || name->families[A].asked;
}

static void note_failure(struct name *name)
{
    struct resolver_answer left;

    if (name->failing)
        return;
    name->failing = true;
    take_answer(name, worker_now(name->resolver->worker), &left);
    /* Without a last answer whoever asked says what it means for him. */
    if (left.n > 0)
        log_msg(
            LOG_WARN, "resolver: %s: %s; using the last good answer", name->text, why_none(name));
}

static void end_round(struct name *name)
{
    mono_ms now = worker_now(name->resolver->worker), until = INT64_MAX;
    bool known = false, failed = false;

    deadline_clear(&name->patience);
    for (int i = 0; i < FAMILIES; i++) {
        struct family *f = &name->families[i];

        failed = failed || !is_definite(f->status);
        if (f->status != ARES_SUCCESS)
            continue;
        known = true;
        until = f->fresh_until < until ? f->fresh_until : until;
    }
    name->at_once = failed;
    if (known) {
        name->fresh_until = until;
        name->refresh_at = until - (until - now) / 5;
        name->failing = false;
    } else {
        name->fresh_until = name->refresh_at = now + RETRY_MS;
        if (failed)
            note_failure(name);
    }
    deliver(name);
}

static mono_ms ttl_ms(const struct ares_addrinfo *res)
{
    int64_t ttl = TTL_MAX_MS / 1000;

    for (const struct ares_addrinfo_node *n = res->nodes; n != NULL; n = n->ai_next)
        ttl = n->ai_ttl < ttl ? n->ai_ttl : ttl;
    for (const struct ares_addrinfo_cname *c = res->cnames; c != NULL; c = c->next)
        ttl = c->ttl < ttl ? c->ttl : ttl;
    return ttl * 1000 > TTL_MIN_MS ? ttl * 1000 : TTL_MIN_MS;
}

/* An answer replaces what was known; a failure leaves it. */
static void store(struct family *f, int status, const struct ares_addrinfo *res)
{
    f->status = status;
    if (!is_definite(status))
        return;
    f->n = 0;
    for (const struct ares_addrinfo_node *a = res != NULL ? res->nodes : NULL;
         a != NULL && f->n < FAMILY_ADDRS_MAX; a = a->ai_next) {
        if (a->ai_family != f->af)
            continue;
        f->addrs[f->n] = addr_make(a->ai_addr, a->ai_addrlen);
        addr_set_port(&f->addrs[f->n++], 0);
    }
    if (f->n == 0) {
        f->status = status == ARES_SUCCESS ? ARES_ENODATA : status;
        return;
    }
    f->fresh_until = worker_now(f->name->resolver->worker) + ttl_ms(res);
    f->usable_until = f->fresh_until + STALE_MS;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
    struct family *f = arg;
    struct name *name = f->name;

    (void)timeouts;
    f->asked = false;
    if (status == ARES_EDESTRUCTION)
        return;
    store(f, status, res);
    ares_freeaddrinfo(res);
    if (!is_asking(name))
        end_round(name);
    else if (f->status == ARES_SUCCESS)
        deadline_set(&name->patience, f == &name->families[A] ? AAAA_DELAY_MS : PATIENCE_MS);
}

static void on_patience(struct deadline *d)
{
    struct name *name = container_of(d, struct name, patience);
    struct resolver_answer left;

    take_answer(name, worker_now(name->resolver->worker), &left);
    if (left.n == 0)
        return;
    name->at_once = true;
    deliver(name);
}

/* A name that stands in /etc/hosts with one family only has no other. */
static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
    struct name *name = arg;

    (void)timeouts;
    for (int i = 0; status == ARES_SUCCESS && i < FAMILIES; i++) {
        store(&name->families[i], status, res);
        name->families[i].asked = false;
    }
    ares_freeaddrinfo(res);
}

static void start_round(struct name *name)
{
    struct resolver *r = name->resolver;

    /* Both first: an answer may come from inside channel_ask(). */
    for (int i = 0; i < FAMILIES; i++)
        name->families[i].asked = true;
    channel_hosts(&r->channel, name->text, on_hosts, name);
    if (!is_asking(name)) {
        end_round(name);
        return;
    }
    deadline_set(&name->patience, PATIENCE_MS);
    channel_ask(&r->channel, name->text, AF_INET6, on_answer, &name->families[AAAA]);
    channel_ask(&r->channel, name->text, AF_INET, on_answer, &name->families[A]);
}

/* --- names ---------------------------------------------------------------------------------------
 */

static void name_free(struct name *name)
{
    list_remove(&name->bucket);
    list_remove(&name->recent);
    deadline_stop(&name->patience);
    name->resolver->names--;
    free(name);
}

/* Makes room for one more. False: every name is being asked for. */
static bool make_room(struct resolver *r)
{
    if (r->names < NAMES_MAX)
        return true;
    for (struct list *n = r->recent.prev; n != &r->recent; n = n->prev) {
        struct name *name = list_entry(n, struct name, recent);

        if (!is_asking(name) && list_empty(&name->waiting)) {
            name_free(name);
            return true;
        }
    }
    return false;
}

/* Lower case, and only what host names are made of (RFC 1123 section 2.1, and the underscore). */
static bool normalise(struct span host, char text[NAME_BYTES + 1])
{
    if (host.n == 0 || host.n > NAME_BYTES || host.p[0] == '.')
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
            (c != '.' || host.p[i - 1] == '.'))
            return false;
        text[i] = c;
    }
    text[host.n] = '\0';
    return true;
}

/* The name, made if need be; NULL: there is no room. */
static struct name *find(struct resolver *r, const char *text)
{
    struct list *bucket = &r->buckets[hash64(span_of(text)) % BUCKETS];
    struct name *name;

    list_each (n, bucket) {
        name = list_entry(n, struct name, bucket);
        if (strcmp(name->text, text) == 0) {
            list_remove(&name->recent);
            list_push(&r->recent, &name->recent);
            return name;
        }
    }
    if (!make_room(r))
        return NULL;
    name = xcalloc(1, sizeof(*name));
    name->resolver = r;
    name->families[AAAA] = (struct family){.name = name, .af = AF_INET6};
    name->families[A] = (struct family){.name = name, .af = AF_INET};
    list_init(&name->waiting);
    deadline_init(&name->patience, r->worker, on_patience);
    memcpy(name->text, text, strlen(text) + 1);
    list_push(bucket, &name->bucket);
    list_push(&r->recent, &name->recent);
    r->names++;
    return name;
}

/* --- the calls
 * ------------------------------------------------------------------------------------- */

struct resolver *resolver_new(struct worker *w, const struct resolver_options *options)
{
    static const struct resolver_options defaults;
    struct resolver *r = xcalloc(1, sizeof(*r));

    r->worker = w;
    list_init(&r->recent);
    for (int i = 0; i < BUCKETS; i++)
        list_init(&r->buckets[i]);
    channel_open(&r->channel, w, options != NULL ? options : &defaults);
    return r;
}

void resolver_free(struct resolver **rp)
{
    struct resolver *r = *rp;

    if (r == NULL)
        return;
    channel_close(&r->channel);
    list_each_safe (n, &r->recent) {
        struct name *name = list_entry(n, struct name, recent);

        while (list_pop(&name->waiting) != NULL)
            ;
        name_free(name);
    }
    free(r);
    *rp = NULL;
}

static bool answer_none(struct resolver_answer *answer, const char *why)
{
    answer->n = 0;
    answer->stale = false;
    answer->why = why;
    return true;
}

bool resolver_lookup(struct resolver *r, struct span host, struct resolver_query *q,
    void (*done)(struct resolver_query *q, const struct resolver_answer *answer),
    struct resolver_answer *answer)
{
    mono_ms now = worker_now(r->worker);
    char text[NAME_BYTES + 1];
    struct name *name;

    list_init(&q->node);
    q->done = done;
    if (addr_parse_ip(host, 0, &answer->addrs[0])) {
        answer->n = 1;
        answer->stale = false;
        answer->why = "";
        return true;
    }
    if (!normalise(host, text))
        return answer_none(answer, "that is no host name");
    name = find(r, text);
    if (name == NULL)
        return answer_none(answer, "too many names are being looked up");
    if (now >= name->refresh_at && !is_asking(name))
        start_round(name);
    take_answer(name, now, answer);
    if (now < name->fresh_until || (answer->n > 0 && name->at_once))
        return true;
    list_append(&name->waiting, &q->node);
    return false;
}

void resolver_cancel(struct resolver_query *q)
{
    list_remove(&q->node);
}
