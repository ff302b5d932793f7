/*
 * tls_stream.h - a stream over TLS (RFC 8446, 5246), in either role, behind the calls of stream.h.
 *
 * Opening one and its handshake are here; afterwards stream_read(), stream_writev() and the others
 * do what they do for a plain stream, with these differences:
 *
 * - What a write returns as written is encrypted, and cannot be taken back; what of it the socket
 *   did not take is kept (64 KiB and a handshake's flight at most), goes out as the socket takes
 * it, whatever the owner waits for, and no more is taken meanwhile. stream_owes() tells; closing
 *   before that throws it away.
 * - The end: close_notify is STREAM_EOF. An end without it is STREAM_ERROR for us as a client: who
 *   knows where the response ends has stopped reading before, and who does not must not take this
 *   for its end (RFC 9112 §9.8, RFC 8446 §6.1). For us as a server it is STREAM_EOF: no request
 *   ends by the end of a connection, and clients that just go are many.
 * - stream_close() and stream_shutdown_write() say close_notify, as far as the socket takes it;
 *   stream_reset() says nothing.
 * - ready() may come when there is nothing to read after all; then a read says STREAM_AGAIN.
 *
 * There is no renegotiation. Messages after the handshake (tickets, new keys) are dealt with inside
 * of reads; one that never stops sending them is broken off.
 *
 * Until data was sent without a pause, records are as small as a packet, so that the first bytes
 * can be read when the first packet is there; then they are full.
 *
 * Thread: the worker of the stream. SSL_CTXs may be shared by workers.
 */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include "net/stream.h"

#include <openssl/ssl.h>

/* As stream_open(); takes over `ssl`, whose role is set (SSL_set_accept_state() or
 * SSL_set_connect_state()) and which has no BIOs. Nothing is sent before stream_handshake(). */
void stream_open_tls(struct stream *s, struct worker *w, int fd, SSL *ssl,
    void (*ready)(struct stream *s, unsigned events));
/* The same for an open plain stream from which all was read that comes before TLS. */
void stream_begin_tls(struct stream *s, SSL *ssl);

enum { STREAM_DONE = 1 };

/* STREAM_DONE when the handshake is complete (also when asked again); STREAM_AGAIN: want
 * STREAM_READ and call again (writing is seen to in here); STREAM_ERROR: stream_error() has the
 * sentence, and the peer is told by an alert as the stream is closed. */
MUST_USE int stream_handshake(struct stream *s);

/* The connection's, borrowed; NULL: a plain stream. */
SSL *stream_ssl(const struct stream *s);

/* What a STREAM_ERROR of TLS was, for counters. */
enum tls_failure {
    TLS_FAILURE_NONE,
    TLS_FAILURE_SOCKET,      /* an error of the socket */
    TLS_FAILURE_ENDED,       /* the connection was closed too early */
    TLS_FAILURE_HTTP,        /* plain HTTP came */
    TLS_FAILURE_NOT_TLS,     /* something else came that is no TLS */
    TLS_FAILURE_VERSION,     /* no version in common */
    TLS_FAILURE_PARAMETERS,  /* no cipher, group or other parameter in common */
    TLS_FAILURE_CERTIFICATE, /* the peer's certificate is missing or not to be trusted */
    TLS_FAILURE_REFUSED,     /* the peer sent an alert */
    TLS_FAILURE_OTHER,
};

/* Of the stream that has this SSL, and the sentence of stream_error(). */
enum tls_failure tls_failure_of(const SSL *ssl);
const char *tls_error_of(const SSL *ssl);

#endif
