/* mmdb.h - writes small databases in MaxMind's format for tests, in any of its three node sizes. */
#ifndef TESTS_UNIT_GEO_MMDB_H
#define TESTS_UNIT_GEO_MMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mmdb_record {
    bool flat;           /* country_code, latitude, longitude (floats) */
    const char *country; /* NULL: none */
    const char *continent;
    bool has_location;
    double latitude, longitude;
    uint32_t asn; /* 0: none */
};

struct mmdb;
/* ip_version 4 or 6; IPv4 networks go into a file for IPv6 as ::a.b.c.d. */
struct mmdb *mmdb_new(unsigned ip_version);
void mmdb_free(struct mmdb **m);
/* Shorter networks first: what is longer takes its part out of them. */
void mmdb_put(struct mmdb *m, const uint8_t *address, unsigned len, const struct mmdb_record *r);
/* The bytes of the file, which the caller frees. */
uint8_t *mmdb_bytes(const struct mmdb *m, unsigned record_bits, size_t *n);

#endif
