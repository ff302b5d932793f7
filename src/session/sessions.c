#include "session/sessions.h"

#include "base/log.h"
#include "net/census.h"
#include "net/client_key.h"
#include "session/h1.h"
#include "session/opening.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic uint64_t numbers;

void sessions_init(struct sessions *s, struct worker *w, const struct session_conf *conf,
    const struct txn_handlers *handlers, void *app)
{
    *s = (struct sessions){.worker = w, .conf = conf, .handlers = handlers, .app = app};
    list_init(&s->all);
}

void session_crowd_init(struct session_crowd *c, const struct session_conf *conf)
{
    atomic_init(&c->open, 0);
    c->census = conf->client_limit.most > 0 ? census_new((unsigned)conf->connections_max) : NULL;
}

void session_crowd_free(struct session_crowd *c)
{
    census_free(&c->census);
}

/* Takes a place for one more. Two who come for the last one at the same time may both be sent away.
 */
static bool take_place(struct sessions *s)
{
    if (s->crowd == NULL)
        return s->count < (uint64_t)s->conf->connections_max;
    if (atomic_fetch_add_explicit(&s->crowd->open, 1, memory_order_relaxed) <
        s->conf->connections_max)
        return true;
    atomic_fetch_sub_explicit(&s->crowd->open, 1, memory_order_relaxed);
    return false;
}

static void leave_place(struct sessions *s)
{
    if (s->crowd != NULL)
        atomic_fetch_sub_explicit(&s->crowd->open, 1, memory_order_relaxed);
}

static void refused(struct sessions *s, int fd)
{
    session_count(s, C_CONN_REFUSED, 1);
    session_count(s, C_CONN_CLOSED, 1);
    close(fd);
}

void sessions_accept(struct sessions *s, const struct session_door *door, int fd,
    const struct addr *peer, const struct addr *local)
{
    session_count(s, C_CONN_ACCEPTED, 1);
    if (!take_place(s)) {
        log_peer("client: refused a connection, %lld are open (max-connections)",
            (long long)s->conf->connections_max);
        refused(s, fd);
        return;
    }
    if (door != NULL && opening_is_needed(door))
        opening_begin(s, door, fd, peer, local);
    else
        h1_begin(s, fd, peer, local);
}

void sessions_drain(struct sessions *s, void (*drained)(struct sessions *s))
{
    s->draining = true;
    s->drained = NULL;
    list_each_safe (n, &s->all) {
        struct session *c = list_entry(n, struct session, node);

        c->ops->drain(c);
    }
    s->drained = drained;
    if (s->count == 0 && drained != NULL)
        drained(s);
}

void sessions_close_all(struct sessions *s)
{
    list_each_safe (n, &s->all) {
        struct session *c = list_entry(n, struct session, node);

        c->ops->close(c);
    }
}

/* --- for the protocols ------------------------------------------------------------------------ */

void *session_new(struct sessions *owner, size_t bytes, const struct session_ops *ops, int fd,
    const struct addr *peer, const struct addr *local,
    void (*ready)(struct stream *s, unsigned events))
{
    struct session *c = calloc(1, bytes);

    if (c == NULL) {
        leave_place(owner);
        refused(owner, fd);
        return NULL;
    }
    c->ops = ops;
    c->owner = owner;
    c->peer = *peer;
    c->local = *local;
    c->number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
    stream_open(&c->stream, owner->worker, fd, ready);
    list_append(&owner->all, &c->node);
    owner->count++;
    return c;
}

void *session_become(struct session *from, size_t bytes, const struct session_ops *ops,
    void (*ready)(struct stream *s, unsigned events))
{
    struct session *c = calloc(1, bytes);

    if (c == NULL) {
        session_end(from);
        return NULL;
    }
    c->ops = ops;
    c->owner = from->owner;
    c->tls = from->tls;
    c->peer = from->peer;
    c->local = from->local;
    c->number = from->number;
    c->client = from->client;
    c->counted = from->counted;
    c->proxied = from->proxied;
    stream_move(&c->stream, &from->stream, ready);
    list_append(&c->owner->all, &c->node);
    list_remove(&from->node);
    free(from);
    return c;
}

bool session_enter(struct session *c)
{
    const struct client_limit *limit = &c->owner->conf->client_limit;
    struct session_crowd *crowd = c->owner->crowd;
    char text[ADDR_TEXT];

    if (crowd == NULL || crowd->census == NULL || !client_key(&c->peer, &c->client) ||
        network_list_has(&limit->except, &c->peer))
        return true;
    c->counted = census_enter(crowd->census, c->client, (unsigned)limit->most);
    if (!c->counted) {
        session_count(c->owner, C_CONN_REFUSED_CLIENT, 1);
        log_peer("client %s: refused a connection, it has %lld (max-connections-per-client)",
            addr_text(&c->peer, text), (long long)limit->most);
    }
    return c->counted;
}

void session_end(struct session *c)
{
    struct sessions *owner = c->owner;

    if (c->counted)
        census_leave(owner->crowd->census, c->client);
    leave_place(owner);
    if (stream_is_open(&c->stream))
        stream_close(&c->stream);
    list_remove(&c->node);
    free(c);
    owner->count--;
    session_count(owner, C_CONN_CLOSED, 1);
    if (owner->draining && owner->count == 0 && owner->drained != NULL)
        owner->drained(owner);
}
