/*
 * tunnel.h - a client and its origin that speak another protocol through us: WebSocket (RFC 6455).
 *
 * Where `websocket on` stands, a request that asks for it goes on to the origin as such (RFC 9110
 * §7.8). When that answers 101, the fetch's two bodies, which have no end of their own then, are
 * the tunnel: the fill that the client reads passes what the origin sends, the request's body what
 * the client sends, each at the pace of who takes it. Nothing of it is stored. A tunnel ends with
 * either side, when no byte has moved for websocket-idle, after websocket-life, and when half of
 * stop-grace is over: then it still ends in order. Thread: the request's worker.
 */
#ifndef EDGE_TUNNEL_H
#define EDGE_TUNNEL_H

#include "base/span.h"
#include "loop/deadline.h"

struct http_request;
struct policy;

struct tunnel {
    struct span protocol; /* what the origin was asked for; empty: it is no tunnel */
    bool open;            /* the origin has switched */
    /* private */
    struct deadline deadline;
    mono_ms idle_ms, ends_ms;
};

/* The protocol that this request asks to switch to, and may where `policy` holds: static text, or
 * empty. Before the fields that say so are removed (hop_remove()). */
struct span tunnel_asked(const struct http_request *req);

/* It is going to ask for `protocol`, which may be empty; fire() is for when the tunnel's time is
 * over. */
void tunnel_init(
    struct tunnel *t, struct worker *w, struct span protocol, void (*fire)(struct deadline *d));
/* The origin has switched. */
void tunnel_open(struct tunnel *t, const struct policy *policy);
/* Bytes moved, in either direction. */
void tunnel_moved(struct tunnel *t);
/* Not longer than that from now. */
void tunnel_limit(struct tunnel *t, mono_ms ms);
/* Before its memory goes. */
void tunnel_close(struct tunnel *t);

#endif
