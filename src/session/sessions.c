#include "session/sessions.h"

#include "base/log.h"
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
    if (s->count >= (uint64_t)s->conf->connections_max) {
        log_peer("client: refused a connection, %u are open (max-connections)", s->count);
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
    c->peer = from->peer;
    c->local = from->local;
    c->number = from->number;
    stream_move(&c->stream, &from->stream, ready);
    list_append(&c->owner->all, &c->node);
    list_remove(&from->node);
    free(from);
    return c;
}

void session_end(struct session *c)
{
    struct sessions *owner = c->owner;

    if (stream_is_open(&c->stream))
        stream_close(&c->stream);
    list_remove(&c->node);
    free(c);
    owner->count--;
    session_count(owner, C_CONN_CLOSED, 1);
    if (owner->draining && owner->count == 0 && owner->drained != NULL)
        owner->drained(owner);
}
