/*
 * trace.h - a list of requests, held so that policies can be run over it one after another.
 *
 * Objects are numbered as they come; a request is the number of an object, 4 bytes. A key that
 * comes with another size is another object: the old representation is of no use any more. Objects
 * larger than `slice_bytes` are asked for as slices of that many bytes, one after another, as the
 * edge keeps them; the request is a hit when all of them are.
 *
 * Text: a line for each request, "time key bytes", separated by blanks; the key is any word.
 * Binary: TRACE_MAGIC, then 20 bytes for each request, little endian: time (4, seconds), hash of
 * the key (8), bytes (8). Times order the requests, nothing else.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_MAGIC "SELVTRC1"

enum { TRACE_SLICE_BYTES = 1 << 20 };
/* On a request: the next one belongs to it. */
#define TRACE_MORE (UINT32_C(1) << 31)

struct trace {
    uint32_t *requests; /* owns */
    uint64_t requests_n, requests_cap;
    uint64_t *bytes;  /* owns; by object */
    uint64_t *hashes; /* owns; by object */
    uint32_t objects_n, objects_cap;
    uint32_t *table; /* owns; open addressing: object + 1 */
    uint64_t table_n;
    uint64_t slice_bytes;     /* 0: whole objects */
    uint64_t footprint_bytes; /* of all objects */
    uint64_t asked_n;         /* requests as they came */
    uint64_t asked_bytes;
    uint64_t skip_n; /* of `requests` at the start that are not counted */
};

void trace_init(struct trace *t, uint64_t slice_bytes);
void trace_free(struct trace *t);
/* `key` is a hash. More than 2^31 objects: check(). */
void trace_add(struct trace *t, uint64_t key, uint64_t bytes);
/* Text or binary, by its first bytes. False with a sentence in err. */
MUST_USE bool trace_read(struct trace *t, FILE *f, char *err, unsigned long err_cap);

/* To write one: a head, then records. */
void trace_write_head(FILE *f);
void trace_write(FILE *f, uint32_t time_s, uint64_t key, uint64_t bytes);

static inline uint32_t trace_object(const struct trace *t, uint64_t at)
{
    return t->requests[at] & ~TRACE_MORE;
}

/* What a policy got right. */
struct tally {
    uint64_t requests, misses;
    uint64_t bytes, miss_bytes;
    uint64_t written_bytes; /* to the disk */
    bool missed;            /* some slice of the current request */
};

void tally_add(struct tally *y, const struct trace *t, uint64_t at, bool hit);

static inline double tally_objects(const struct tally *y)
{
    return y->requests != 0 ? (double)y->misses / (double)y->requests : 0;
}

static inline double tally_bytes(const struct tally *y)
{
    return y->bytes != 0 ? (double)y->miss_bytes / (double)y->bytes : 0;
}

/* A good mix of 64 bits. */
static inline uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
