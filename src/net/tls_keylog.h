/*
 * tls_keylog.h - the secrets of TLS connections in the file that SSLKEYLOGFILE names, so that
 * captured traffic can be read (draft-ietf-tls-keylogfile). For finding faults only: who has the
 * file can read the connections; the log says so when it is opened.
 *
 * Any thread. Lines are appended with one write(2) each.
 */
#ifndef NET_TLS_KEYLOG_H
#define NET_TLS_KEYLOG_H

#include <openssl/ssl.h>

/* Connections of this context write their secrets, when the environment says so. Opens the file at
 * the first call, mode 0600, and never again; a failure is logged and changes nothing else. */
void tls_keylog_attach(SSL_CTX *ctx);

#endif
