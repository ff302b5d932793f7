/*
 * h1.h - HTTP/1.1 and 1.0 with a client: one connection, requests in order (RFC 9112).
 *
 *   state        entered when                               deadline
 *   H1_IDLE      accepted, or a response is done            idle (the first time: head)
 *   H1_HEAD      first byte of a request came               head, for the whole head
 *   H1_ACTIVE    the head is complete; handlers have it     body while they read one,
 *                                                           send while we wait for the client
 *   H1_LINGER    the last response is sent, but the client  linger
 *                still sends: read and drop, so that it sees our answer (RFC 9112 §9.6)
 *
 * Pipelined requests wait in the buffer: one txn at a time. Thread: the connection's worker.
 * Private to session/.
 */
#ifndef SESSION_H1_H
#define SESSION_H1_H

#include "session/sessions.h"

/* Takes over an accepted socket that speaks HTTP/1. */
void h1_begin(struct sessions *s, int fd, const struct addr *peer, const struct addr *local);
/* Goes on with a connection that turned out to, from its first byte; `from` is gone. */
void h1_go_on(struct session *from);

#endif
