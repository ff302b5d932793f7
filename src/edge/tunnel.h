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

#include "base/arena.h"
#include "base/span.h"
#include "loop/deadline.h"

struct fields;
struct http_request;
struct policy;

/* WebSocket's handshake proves nothing to who relays it, so in HTTP/2 it has none (RFC 8441 §5): we
 * make one for the origin. */
enum { TUNNEL_ACCEPT_LEN = 28 }; /* base64 of a SHA-1 */

struct tunnel {
    struct span protocol; /* what the origin was asked for; empty: it is no tunnel */
    bool open;            /* the origin has switched */
    /* What the origin must say to a key of ours; empty: the client has asked with its own. */
    char accept[TUNNEL_ACCEPT_LEN + 1];
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
/* Completes what goes to the origin, for a client that asked by HTTP/2. */
void tunnel_ask(struct tunnel *t, struct fields *fields, struct arena *a);
/* The origin says that it switches. False: not to what it was asked for. */
MUST_USE bool tunnel_agrees(const struct tunnel *t, const struct fields *fields);
/* It has; the client gets these fields. */
void tunnel_open(struct tunnel *t, const struct policy *policy, struct fields *fields);
/* Bytes moved, in either direction. */
void tunnel_moved(struct tunnel *t);
/* Not longer than that from now. */
void tunnel_limit(struct tunnel *t, mono_ms ms);
/* Before its memory goes. */
void tunnel_close(struct tunnel *t);

#endif
