/*
 * sfv.h - Structured Field Values (RFC 9651): items, lists, dictionaries; and writing what
 * Cache-Status needs.
 *
 * A field parses as a whole or not at all. Lines of one field are joined first (fields_join()).
 * Text stays in the input, or in the arena when it had escapes. No recursion: lists nest once.
 */
#ifndef HTTP_SFV_H
#define HTTP_SFV_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

enum { SFV_MEMBERS_MAX = 1024, SFV_PARAMS_MAX = 256 }; /* as RFC 9651 §3 asks at least */

enum sfv_type {
    SFV_INTEGER, /* integer */
    SFV_DECIMAL, /* integer: in thousandths */
    SFV_DATE,    /* integer: seconds since 1970 */
    SFV_STRING,  /* text, unescaped */
    SFV_TOKEN,   /* text */
    SFV_BYTES,   /* text: decoded */
    SFV_DISPLAY, /* text: decoded UTF-8 */
    SFV_BOOLEAN, /* integer: 0 or 1 */
    SFV_INNER,   /* items: an inner list */
};

struct sfv_param;

struct sfv_item {
    enum sfv_type type;
    int64_t integer;
    struct span text;
    struct sfv_item *items; /* in the arena */
    unsigned items_n;
    struct sfv_param *params; /* in the arena */
    unsigned params_n;
};

struct sfv_param {
    struct span key;
    struct sfv_item value; /* without parameters of its own */
};

struct sfv_member {
    struct span key; /* empty in lists */
    struct sfv_item value;
};

struct sfv_members {
    struct sfv_member *v; /* in the arena */
    unsigned n;
};

MUST_USE bool sfv_item_parse(struct span s, struct arena *a, struct sfv_item *out);
MUST_USE bool sfv_list_parse(struct span s, struct arena *a, struct sfv_members *out);
/* Of members with the same key the last value counts, in the place of the first. */
MUST_USE bool sfv_dict_parse(struct span s, struct arena *a, struct sfv_members *out);

const struct sfv_item *sfv_dict_get(const struct sfv_members *d, struct span key);
const struct sfv_item *sfv_param_get(const struct sfv_item *item, struct span key);

/* Serialising. False: the buffer is full, or the value cannot be said in that type. */
MUST_USE bool sfv_token_write(struct buf *b, struct span token);
MUST_USE bool sfv_string_write(struct buf *b, struct span text);
MUST_USE bool sfv_integer_write(struct buf *b, int64_t v);

#endif
