/*
 * svcb.h - the parameters of SVCB and HTTPS records (RFC 9460 §2.2): keys in strictly ascending
 * order, each with a value of its own form.
 *
 * Part of rdata.h, split off for its size. Pure; any thread.
 */
#ifndef DNS_SVCB_H
#define DNS_SVCB_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_why;

/* The form of the parameters on the wire. */
MUST_USE bool dns_svcb_check(const uint8_t *p, size_t n);

/* From words (RFC 9460 §2.1), in any order: alpn=h2,h3 no-default-alpn port=8443 ... Escapes of
 * zone files are undone in values. Writes at most `cap` bytes to out. */
MUST_USE bool dns_svcb_parse(const struct span *words, size_t words_n, uint8_t *out, size_t cap,
    size_t *n, struct dns_why *why);

#endif
