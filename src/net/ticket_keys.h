/*
 * ticket_keys.h - the keys that session tickets are sealed with (RFC 5077 §4), and their file.
 *
 * The first key seals, all of them open. A file for a fleet has them as nginx and HAProxy take
 * them: 80 bytes each, name (16), HMAC-SHA256 key (32), AES-256 key (32); either as they are, one
 * after the other, or in base64, a line for each. Pure but for the random source; any thread.
 */
#ifndef NET_TICKET_KEYS_H
#define NET_TICKET_KEYS_H

#include "base/attrs.h"
#include "base/span.h"

#include <stdint.h>

enum {
    TICKET_KEY_BYTES = 80,
    TICKET_KEYS_MAX = 16,
    TICKET_KEYS_KEPT = 3, /* of those that we make ourselves: the newest and two old ones */
    TICKET_FILE_MAX = 4096,
};

struct ticket_key {
    uint8_t name[16], hmac[32], aes[32];
};
_Static_assert(sizeof(struct ticket_key) == TICKET_KEY_BYTES, "as the file has it");

struct ticket_keys {
    unsigned n; /* 0: no tickets */
    struct ticket_key v[TICKET_KEYS_MAX];
};

/* NULL, or a sentence's end that says what is wrong with the file: "has no keys". */
MUST_USE const char *ticket_keys_parse(struct span file, struct ticket_keys *out);
/* Puts a new random key in front. False: the random source failed. */
MUST_USE bool ticket_keys_rotate(struct ticket_keys *k);
/* The key of that name, or NULL; *first: it is the one that seals. */
const struct ticket_key *ticket_keys_find(
    const struct ticket_keys *k, const uint8_t name[static 16], bool *first);

#endif
