/*
 * tcp.h - DNS on a connection, over TCP (RFC 7766) or TLS (RFC 7858): messages with their length in
 * front, answered in the order in which they come.
 *
 * A client may send any number of questions before it takes the first answer; but when so many
 * bytes wait for it (DNS_TCP_WAITING_BYTES) it is not read from until it has taken some. A turn of
 * the loop answers at most DNS_TCP_TURN of them, so that one connection does not keep the others
 * waiting.
 *
 *   what ends a connection
 *   tcp-idle is over since the last whole question (a slow sender's bytes win no time)
 *   the client takes nothing for send-timeout, or less than send-rate (session/pace.h)
 *   what comes is no question: too short, or a response
 *   the client has finished, and all is answered; or we drain, and all is answered
 *
 * Opening, PROXY header, TLS and the number of connections are session/'s. Thread: the
 * connection's worker.
 */
#ifndef DIRECTOR_TCP_H
#define DIRECTOR_TCP_H

#include "session/sessions.h"

enum {
    DNS_TCP_TURN = 64,
    DNS_TCP_WAITING_BYTES = 64 * 1024,
    DNS_TCP_OUT_BYTES = 2 + 65535, /* of director_worker.tcp_out */
};

/* For doors that DNS comes through: go_on and alpn. The sessions' app is a struct director_worker.
 */
void dns_tcp_go_on(struct session *from);
extern const struct span dns_tcp_alpn;

#endif
