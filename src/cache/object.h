/*
 * object.h - one stored response: key, head, freshness record, body. Immutable once published,
 * counted atomically, shared by all workers.
 *
 * An update by a 304 (RFC 9111 §3.2, §4.3.4) makes a new object with the old one's body. What
 * changes after publication is atomic: references, eviction credit, `used_s`, `wanted`, and what
 * purges make of it: `checked`, `soft_purged`.
 *
 * Objects whose key begins with a newline are made of others and found through them only; purges
 * do not name them.
 */
#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include "base/clock.h"
#include "base/span.h"
#include "cache/cache.h"
#include "cache/chunk.h"
#include "cache/eviction.h"
#include "cache/fresh.h"
#include "cache/label.h"
#include "http/fields.h"
#include "http/message.h"

#include <stdatomic.h>

struct image;

/* One field of a stored head: offsets into its text. */
struct head_field {
    uint32_t name_at, value_at;
    uint32_t value_n;
    uint32_t name_n;
    uint16_t id; /* enum field_id */
};

/* What a look-up touches comes first; index_find() has it fetched at once. */
struct object {
    _Atomic uint32_t refs;
    _Atomic bool soft_purged; /* stale from now on, whatever the arithmetic says */
    bool whole;               /* set before it is stored */
    bool passed;              /* for one client only: by fill_pass() */
    uint8_t recode;           /* the edge's: which other codings it may get; edge/recode.h */
    _Atomic uint8_t wanted;   /* the edge's: how often, when it is recoded; edge/recoded.c */
    bool loose;               /* private: outside the budget, so never stored */
    bool stored;              /* private: under the lock of its shard */
    uint16_t status;
    _Atomic uint64_t checked;   /* no purge up to this one has made it gone; purge_impl.h */
    struct hash128 hash;        /* of key */
    struct eviction_entry used; /* private: the memory tier's */
    struct span key;            /* in this allocation, right behind the struct */
    struct cache *cache;        /* borrowed */
    uint32_t fields_n;
    uint32_t bytes;            /* of this allocation, without the body */
    _Atomic uint32_t used_s;   /* when it last was chosen among variants; 0: not yet */
    struct span head_text;     /* "HTTP/1.1 200 OK\r\nName: value\r\n...", no empty line; in this
                                  allocation */
    struct head_field *fields; /* in this allocation */
    uint64_t id;               /* random; of the representation: an update by a 304 keeps it, a new
                                  body has a new one. What is made of the body is keyed by it */
    uint64_t head_id;          /* random; of this head: an update by a 304 has a new one. What is
                                  made of an object has that of its source */
    uint64_t body_bytes;       /* length of a whole body */
    uint64_t sliced_bytes;     /* of a head object (slice.h): length of what is cut into slices, */
    uint32_t slice_bytes;      /* and of a slice; else 0 both. Set before it is stored */
    struct chunk *body;        /* counted; first chunk or NULL */
    struct freshness fresh;    /* see fresh.h */
    uint64_t born;             /* no purge up to this one concerns it */
    uint64_t site;             /* its label; 0: of none */
    uint16_t tags_n;           /* see object_tags() */
    uint16_t tags_dropped;     /* that it had beside, and cannot be purged by */
};

/*
 * A new object from a response head: fields are stored in order as they are given (the caller has
 * taken out hop-by-hop fields, RFC 9111 §3.1, and framing). `fresh` NULL: all zero. `labels` NULL:
 * born now, without site and tags. One reference, the caller's. When the budget refuses even after
 * eviction, or the head is larger than the memory tier's largest piece, the object is loose: it
 * serves its requests, and is never stored.
 */
MUST_USE struct object *object_new(struct cache *c, const struct cache_key *key,
    const struct http_response *head, const struct freshness *fresh,
    const struct object_labels *labels);
/* The same key and (whole) body under a new head. labels->keep is `old` whatever it says; `labels`
 * NULL: those of the old one. */
MUST_USE struct object *object_with_head(struct object *old, const struct http_response *head,
    const struct freshness *fresh, const struct object_labels *labels);

/* The head object (slice.h) of what `whole`'s body would be if it were cut: the same head, id and
 * labels, and no other coding. Whole, with one reference; NULL: the budget refuses. */
MUST_USE struct object *object_sliced(const struct object *whole, uint64_t bytes, uint32_t slice);

/* Length of the representation, sliced or not, of a whole object. */
static inline uint64_t object_length(const struct object *obj)
{
    return obj->sliced_bytes != 0 ? obj->sliced_bytes : obj->body_bytes;
}

/* What was stored on a disk (image.h), without its body: not whole yet. */
MUST_USE struct object *object_of_image(
    struct cache *c, const struct cache_key *key, const struct image *image);

struct object *object_ref(struct object *obj);
void object_release(struct object **obj);

/* For the memory tier: `o` is a bytewise copy of `from`. */
void object_rebase(struct object *o, const struct object *from);

/* What a key takes in an object, so that what follows is aligned. */
static inline size_t object_key_room(size_t n)
{
    return (n + 7) / 8 * 8;
}

/* Labels of its tags, as label_of_tag() makes them. */
static inline const uint64_t *object_tags(const struct object *o)
{
    return (const uint64_t *)(const void *)((const char *)(o + 1) + object_key_room(o->key.n));
}

struct span object_field_name(const struct object *o, unsigned i);
struct span object_field_value(const struct object *o, unsigned i);
/* First value of a known field; n == 0 and p == NULL when there is none. */
struct span object_get(const struct object *o, enum field_id id);
/* All fields as a struct fields in `a`; spans point into the object. */
struct fields object_fields(const struct object *o, struct arena *a);

#endif
