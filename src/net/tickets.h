/*
 * tickets.h - session tickets of all workers: sealed with the newest key, opened with any.
 *
 * Sessions are not kept here but in their tickets, for TLS 1.2 (RFC 5077) and 1.3 (RFC 8446
 * §4.6.1), sealed by AES-256-CBC and HMAC-SHA256. Without a file the keys are made and renewed
 * here; with one they are the file's, and renewing them is the operator's affair. Any thread.
 */
#ifndef NET_TICKETS_H
#define NET_TICKETS_H

#include "base/clock.h"
#include "net/ticket_keys.h"

#include <openssl/ssl.h>

enum { TICKETS_ROTATE_S = 8 * 3600 };
/* What the oldest of our own keys still opens; and the lifetime that clients are told. */
enum { TICKETS_LIFE_S = TICKETS_ROTATE_S * (TICKET_KEYS_KEPT - 1) };

struct tickets;

/* `keys` are a file's, or NULL. */
struct tickets *tickets_new(const struct ticket_keys *keys, mono_ms now);
void tickets_free(struct tickets **t);
/* Contexts that share these. The context's SSLs must be gone before tickets_free(). */
void tickets_attach(struct tickets *t, SSL_CTX *ctx);

/* Those of the file as it is now. False: they are the same. */
bool tickets_set(struct tickets *t, const struct ticket_keys *keys);
/* From now on those of a file, or (NULL) our own; what was sealed lately can still be opened. */
void tickets_use(struct tickets *t, const struct ticket_keys *keys, mono_ms now);
/* Makes a new key when it is time, unless they are a file's. */
void tickets_tick(struct tickets *t, mono_ms now);

/* Reads the file. False: `why` has the sentence. */
enum { TICKETS_WHY = 512 };
MUST_USE bool tickets_read(const char *file, struct ticket_keys *out, char why[static TICKETS_WHY]);

#endif
