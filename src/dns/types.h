/*
 * types.h - the numbers of DNS and their words: types, classes, response codes. The lists are
 * types.tbl and rcodes.tbl.
 *
 * Any number is a type (RFC 3597): the names are for those that we say something about. Pure; any
 * thread.
 */
#ifndef DNS_TYPES_H
#define DNS_TYPES_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum dns_type {
#define DNS_TYPE(word, code) DNS_##word = (code),
#include "dns/types.tbl"
#undef DNS_TYPE
};

enum dns_class {
    DNS_IN = 1,
    DNS_CH = 3,
    DNS_CLASS_ANY = 255,
};

enum dns_rcode {
#define DNS_RCODE(word, code) DNS_RCODE_##word = (code),
#include "dns/rcodes.tbl"
#undef DNS_RCODE
};

enum { DNS_OPCODE_QUERY = 0 };

/* "AAAA" or "TYPE1234" (RFC 3597 §5), in any case. */
MUST_USE bool dns_type_parse(struct span word, uint16_t *type);
enum { DNS_WORD = 16 };
/* The same backwards; NUL-terminated. Return dst. */
char *dns_type_text(unsigned type, char dst[DNS_WORD]);
/* "NXDOMAIN" or "RCODE11". */
char *dns_rcode_text(unsigned rcode, char dst[DNS_WORD]);

/* Codes that are no data of a name but belong to questions and messages (RFC 6895 §3.1). */
static inline bool dns_type_is_meta(unsigned type)
{
    return (type >= 128 && type <= 255) || type == DNS_OPT;
}

#endif
