/*
 * siphash.h - SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), as
 * RFC 9018 wants it for server cookies: a keyed hash of a few bytes that nobody can forge who does
 * not know the key.
 *
 * OpenSSL has it as EVP_MAC "SIPHASH", but a cookie is checked on the way of every query, and
 * there, for the 20 bytes of an IPv4 client's cookie, its calls took 882 instructions against 254
 * here (bench/dns_message says how to count), as many as all the rest of reading the query and
 * writing its answer. The vectors of the paper and of RFC 9018 are its test. Pure; any thread.
 */
#ifndef DNS_SIPHASH_H
#define DNS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY = 16, SIPHASH_BYTES = 8 };

/* The value's bytes in the paper's order: the number is little-endian. */
void siphash24(const uint8_t key[static SIPHASH_KEY], const uint8_t *p, size_t n,
    uint8_t out[static SIPHASH_BYTES]);

#endif
