/*
 * h2.h - HTTP/2 with a client: one connection, many requests at once (RFC 9113).
 *
 * Framing and HPACK are nghttp2's; what it hands up becomes a txn for each stream, and what txns
 * answer is gathered into one write for all streams that can go on. Private to session/.
 *
 *   state      entered when                                 deadline
 *   H2_OPEN    accepted                                     head until the first request is there
 *                                                           and for each head; idle without streams
 *   H2_NOTICE  draining: the client was told, and may have  drain grace, or the client's answer
 *              sent requests before it heard                to our PING
 *   H2_ENDING  GOAWAY is sent or queued; what was accepted  send
 *              before is finished, unless it is an error
 *   H2_LINGER  all is sent: read and drop, so that the      linger
 *              client sees it
 */
#ifndef SESSION_H2_H
#define SESSION_H2_H

#include "session/sessions.h"

/* Goes on with a connection that begins with HTTP/2's preface; `from` is gone. */
void h2_go_on(struct session *from);

#endif
