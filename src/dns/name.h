/*
 * name.h - domain names as on the wire (RFC 1035 §3.1): labels of at most 63 bytes, 255 bytes in
 * all, the root's empty label at the end.
 *
 * A name stands for itself in any case (RFC 4343): what came keeps its case, what is looked up is
 * in lower case. Since the bytes of lengths (0..63) are no letters, lower case is made of a whole
 * wire name at once, without a look at its labels; and a name in lower case is equal to another
 * when the bytes are. Most functions take a pointer to wire format, so that the part of a name from
 * one of its labels on is a name, too, without a copy.
 *
 * Names from strangers go through dns_name_scan() or dns_name_read(), names from people through
 * dns_name_parse(); everything else trusts them to be well-formed. Internationalised names are for
 * others: only A-labels (xn--..., RFC 5890) are taken from text.
 *
 * Pure; any thread.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/hash.h"
#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_NAME_MAX = 255, /* bytes on the wire, the root's included */
    DNS_LABEL_MAX = 63,
    DNS_LABELS_MAX = 127, /* of one name, the root's not counted */
    DNS_NAME_TEXT = 1024, /* room for any name as text */
};

struct dns_name {
    uint8_t n; /* bytes in wire, 1 for the root */
    uint8_t wire[DNS_NAME_MAX];
};

extern const struct dns_name dns_root;

/* Bytes of the uncompressed name at the start of p[0 .. n); 0: there is none (cut short, too long,
 * a pointer or an unknown kind of label). */
size_t dns_name_scan(const uint8_t *p, size_t n) PURE;

/* The name at msg[*at], compressed or not (RFC 1035 §4.1.4); *at moves behind it. A pointer must
 * point before the name's (or the last pointer's) start, so that following them ends. False: no
 * name, *at and *out are left alone or half written. */
MUST_USE bool dns_name_read(const uint8_t *msg, size_t n, size_t *at, struct dns_name *out);
/* The same without the copy, and without following a pointer farther than to a place before: for
 * names of records that nobody wants. 0: no name; else how many bytes to go on. */
size_t dns_name_skip(const uint8_t *msg, size_t n, size_t at) PURE;

/* From text: labels and dots, \DDD and \X escapes (RFC 1035 §5.1), "@" for the origin. A name that
 * does not end in a dot gets the origin behind it (NULL: the root). Case is kept. Returns NULL, or
 * what is wrong: the rest of a sentence that begins with the name ("has an empty label"). */
MUST_USE const char *dns_name_parse(
    struct span text, const struct dns_name *origin, struct dns_name *out);
/* To text, with a dot at the end; NUL-terminated. Returns dst. */
char *dns_name_text(const uint8_t *wire, char dst[DNS_NAME_TEXT]);

/* dst may be src. Reads and writes n bytes. */
void dns_name_lower(uint8_t *dst, const uint8_t *src, size_t n);

/* Bytes up to and with the root's label. */
size_t dns_name_bytes(const uint8_t *wire) PURE;
/* Labels, the root's not counted. */
unsigned dns_name_labels(const uint8_t *wire) PURE;
/* The name without its first label; not for the root. */
static inline const uint8_t *dns_name_parent(const uint8_t *wire)
{
    return wire + 1 + wire[0];
}

/* In any case of letters. */
bool dns_name_eq(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n) PURE;
/* `name` is `zone` or below it: then the bytes that stand before the zone's part (0: equal), else
 * -1. In any case of letters. */
int dns_name_below(const uint8_t *name, size_t name_n, const uint8_t *zone, size_t zone_n) PURE;
/* The order of RFC 4034 §6.1: by labels from the right, in lower case. <0, 0, >0. */
int dns_name_compare(const uint8_t *a, const uint8_t *b) PURE;

/* For names in lower case. Seeded per process (base/hash.h). */
static inline uint64_t dns_name_hash(const uint8_t *lower, size_t n)
{
    return hash64(span_make((const char *)lower, n));
}

/* A first label of "*" (RFC 4592 §2.1.1). */
static inline bool dns_name_is_wildcard(const uint8_t *wire)
{
    return wire[0] == 1 && wire[1] == '*';
}

#endif
