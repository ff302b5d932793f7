/*
 * denial.h - NSEC records for compact denial of existence (RFC 9824): one record, made for the very
 * name that was asked for, says what is there.
 *
 *   name does not exist      NSEC \000.NAME  RRSIG NSEC NXNAME
 *   empty non-terminal       NSEC \000.NAME  RRSIG NSEC
 *   type does not exist      NSEC \000.NAME  RRSIG NSEC and the types that do
 *   cut without DS           NSEC NAM\000    NS RRSIG NSEC
 *
 * Pure; any thread. Names are in wire format and lower case.
 */
#ifndef DNS_DENIAL_H
#define DNS_DENIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DENIAL_TYPES_MAX = 64,
    DENIAL_RDATA_MAX = 255 + (DENIAL_TYPES_MAX + 2) * 34, /* a window for each type at worst */
};

struct denial_types {
    uint16_t v[DENIAL_TYPES_MAX + 2]; /* rising, each once */
    unsigned n;
};

/* Those of every NSEC that we make: RRSIG and NSEC. */
void denial_types_init(struct denial_types *t);
/* In any order; the same one again does nothing. At most DENIAL_TYPES_MAX: what is beyond is left
 * out, and what is said then would be wrong. */
void denial_types_add(struct denial_types *t, uint16_t type);

/* The name that NSEC is for. */
struct denial_name {
    const uint8_t *name, *apex; /* of the zone */
    size_t name_n, apex_n;
    bool cut; /* what is below is the child's, and nothing is said of it (RFC 9824 §3.4) */
};

/* NSEC's RDATA; returns its length. */
size_t denial_put(const struct denial_name *name, const struct denial_types *types,
    uint8_t out[static DENIAL_RDATA_MAX]);

/* The name that comes next in canonical order (RFC 4034 §6.1) of all names that the zone could
 * have: its apex again after the last one. Returns the length. */
size_t denial_next(const struct denial_name *name, uint8_t out[static 255]);

#endif
