/*
 * words.h - single words of a record to bytes: numbers, addresses, escapes, hexadecimal, base64.
 *
 * For rdata_words.c and svcb.c. Each answers false with a sentence in *why. Pure; any thread.
 */
#ifndef DNS_WORDS_H
#define DNS_WORDS_H

#include "dns/rdata.h"

#include <stdio.h>

/* Always false, for `return word_wrong(...)`. The word is cut to what keeps a sentence readable. */
bool word_wrong(struct dns_why *why, const char *fmt, ...) PRINTF(2, 3);
#define WORD_SHOW(s) (int)((s).n < 80 ? (s).n : 80), (s).p

/* A whole number of at most `max`; `what` is its name in the sentence. */
MUST_USE bool word_number(
    struct span s, const char *what, uint64_t max, uint64_t *out, struct dns_why *why);
/* A number or a duration as people write it in zones: 3600, 1h, 1w2d (s m h d w). At most
 * 2^31 - 1. */
MUST_USE bool word_seconds(struct span s, const char *what, uint32_t *out, struct dns_why *why);
/* AF_INET: 4 bytes, AF_INET6: 16. */
MUST_USE bool word_address(struct span s, int family, uint8_t *out, struct dns_why *why);
/* With the escapes \DDD and \X of RFC 1035 §5.1 undone; out has room for s.n bytes. */
MUST_USE bool word_unescape(struct span s, uint8_t *out, size_t *n, struct dns_why *why);
/* Both write at most cap bytes. */
MUST_USE bool word_hex(struct span s, uint8_t *out, size_t cap, size_t *n, struct dns_why *why);
MUST_USE bool word_base64(struct span s, uint8_t *out, size_t cap, size_t *n, struct dns_why *why);

#endif
