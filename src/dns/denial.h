/*
 * denial.h - NSEC records for compact denial of existence (RFC 9824): one record, made for the very
 * name that was asked for, says what is there.
 *
 *   name does not exist      NSEC \000.NAME  RRSIG NSEC NXNAME
 *   empty non-terminal       NSEC \000.NAME  RRSIG NSEC
 *   type does not exist      NSEC \000.NAME  RRSIG NSEC and the types that do
 *   cut without DS           NSEC \000.NAME  NS RRSIG NSEC
 *
 * Pure; any thread. Names are in wire format and lower case.
 */
#ifndef DNS_DENIAL_H
#define DNS_DENIAL_H

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
/* In any order; the same one again does nothing. What is beyond DENIAL_TYPES_MAX is left out. */
void denial_types_add(struct denial_types *t, uint16_t type);

/* NSEC's RDATA for `name` in the zone of that apex; returns its length. */
size_t denial_put(const uint8_t *name, size_t name_n, const uint8_t *apex, size_t apex_n,
    const struct denial_types *types, uint8_t out[static DENIAL_RDATA_MAX]);

/* The name that comes next after `name` in canonical order (RFC 4034 §6.1) of all names that a zone
 * with that apex could have: its apex again after the last one. Returns the length. */
size_t denial_next(const uint8_t *name, size_t name_n, const uint8_t *apex, size_t apex_n,
    uint8_t out[static 255]);

#endif
