/*
 * object.h - one stored response: key, head, freshness record, body. Immutable once published,
 * counted atomically, shared by all workers.
 *
 * An update by a 304 (RFC 9111 §3.2, §4.3.4) makes a new object with the old one's body. What changes
 * after publication is atomic: references, eviction credit, `soft_purged`.
 */
#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include "base/clock.h"
#include "base/span.h"
#include "cache/cache.h"
#include "cache/chunk.h"
#include "cache/fresh.h"
#include "http/fields.h"
#include "http/message.h"

#include <stdatomic.h>

/* One field of a stored head: offsets into its text. */
struct head_field {
    uint32_t name_at, value_at;
    uint32_t value_n;
    uint16_t name_n;
    uint16_t id; /* enum field_id */
};

struct object {
    _Atomic uint32_t refs;
    _Atomic uint8_t credit;      /* of the eviction policy */
    _Atomic bool soft_purged;    /* stale from now on, whatever the arithmetic says */
    bool whole;                  /* set before it is stored */
    uint16_t status;
    uint16_t fields_n;
    struct cache *cache;         /* borrowed */
    struct hash128 hash;         /* of key */
    struct span key;             /* in this allocation */
    struct span head_text;       /* "HTTP/1.1 200 OK\r\nName: value\r\n...", no empty line; in this allocation */
    struct head_field *fields;   /* in this allocation */
    struct freshness fresh;      /* see fresh.h */
    uint64_t body_bytes;         /* length of a whole body */
    struct chunk *body;          /* counted; first chunk or NULL */
    uint32_t bytes;              /* of this allocation, without the body */
    /* the memory tier's own links follow in a struct of its own */
};

/*
 * A new object from a response head: fields are stored in order as they are given (the caller has
 * taken out hop-by-hop fields, RFC 9111 §3.1). One reference, the caller's. NULL when the memory
 * budget refuses even after eviction.
 */
MUST_USE struct object *object_new(struct cache *c, const struct cache_key *key,
    const struct http_response *head, const struct freshness *fresh);
/* The same body and key under a new head. */
MUST_USE struct object *object_with_head(
    struct object *old, const struct http_response *head, const struct freshness *fresh);

struct object *object_ref(struct object *obj);
void object_release(struct object **obj);

struct span object_field_name(const struct object *o, unsigned i);
struct span object_field_value(const struct object *o, unsigned i);
/* First value of a known field; n == 0 and p == NULL when there is none. */
struct span object_get(const struct object *o, enum field_id id);
/* All fields as a struct fields in `a`; spans point into the object. */
struct fields object_fields(const struct object *o, struct arena *a);

#endif
