#include "dns/denial.h"

#include "dns/name.h"
#include "dns/types.h"

#include <stdbool.h>
#include <string.h>

void denial_types_init(struct denial_types *t)
{
    *t = (struct denial_types){.v = {DNS_RRSIG, DNS_NSEC}, .n = 2};
}

void denial_types_add(struct denial_types *t, uint16_t type)
{
    unsigned at = t->n;

    while (at > 0 && t->v[at - 1] > type)
        at--;
    if ((at > 0 && t->v[at - 1] == type) || t->n == DENIAL_TYPES_MAX + 2)
        return;
    memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(t->v[0]));
    t->v[at] = type;
    t->n++;
}

/* RFC 4034 §4.1.2: for each 256 types that have one there, a bitmap without trailing zeros. */
static size_t put_types(const struct denial_types *types, uint8_t *out)
{
    uint8_t *window = NULL, *p = out;

    for (unsigned i = 0; i < types->n; i++) {
        unsigned high = types->v[i] >> 8, octet = (types->v[i] & 0xff) / 8;

        if (window == NULL || window[0] != high) {
            window = p;
            window[0] = (uint8_t)high;
            window[1] = 0;
        }
        while (window[1] <= octet)
            window[2 + window[1]++] = 0;
        window[2 + octet] |= (uint8_t)(0x80 >> (types->v[i] & 7));
        p = window + 2 + window[1];
    }
    return (size_t)(p - out);
}

/*
 * Names of full length have nothing below them, so the next one comes by counting the first label
 * up (RFC 4471 §3.1.2): its last byte, or the one before it when that is at its end; capital
 * letters are no bytes of their own. A label that cannot be counted up goes, and its parent is the
 * one that is counted up.
 */
static size_t count_up(
    const uint8_t *name, size_t name_n, const uint8_t *apex, size_t apex_n, uint8_t *out)
{
    while (name_n > apex_n) {
        size_t n = name[0], rest = name_n - 1 - n;

        while (n > 0 && name[n] == 0xff)
            n--;
        if (n > 0) {
            out[0] = (uint8_t)n;
            memcpy(out + 1, name + 1, n);
            out[n] = out[n] == '@' ? '[' : (uint8_t)(out[n] + 1);
            memcpy(out + 1 + n, name + name_n - rest, rest);
            return 1 + n + rest;
        }
        name += name_n - rest;
        name_n = rest;
    }
    memcpy(out, apex, apex_n);
    return apex_n;
}

/* As far as there is room: below it, or beside it with a longer first label. */
size_t denial_next(const struct denial_name *d, uint8_t out[static 255])
{
    size_t n = d->name_n, label = d->name[0];

    if (!d->cut && n + 2 <= DNS_NAME_MAX) {
        out[0] = 1;
        out[1] = 0;
        memcpy(out + 2, d->name, n);
        return n + 2;
    }
    if (n < DNS_NAME_MAX && n > d->apex_n && label < DNS_LABEL_MAX) {
        out[0] = (uint8_t)(label + 1);
        memcpy(out + 1, d->name + 1, label);
        out[1 + label] = 0;
        memcpy(out + 2 + label, d->name + 1 + label, n - 1 - label);
        return n + 1;
    }
    return count_up(d->name, n, d->apex, d->apex_n, out);
}

size_t denial_put(const struct denial_name *name, const struct denial_types *types,
    uint8_t out[static DENIAL_RDATA_MAX])
{
    size_t n = denial_next(name, out);

    return n + put_types(types, out + n);
}
