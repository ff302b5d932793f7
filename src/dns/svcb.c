#include "dns/svcb.h"

#include "dns/wire.h"
#include "dns/words.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEY_MANDATORY,
    KEY_ALPN,
    KEY_NO_DEFAULT_ALPN,
    KEY_PORT,
    KEY_IPV4HINT,
    KEY_ECH,
    KEY_IPV6HINT,
    KEY_DOHPATH,
    KEYS_NAMED,
    KEY_INVALID = 65535, /* RFC 9460 §14.3.2 */
    PARAM_HEADER = 4,    /* key, length */
    SVCB_VALUE_MAX = 8192,
    SVCB_PARAMS_MAX = 64,
};

static const struct span key_words[KEYS_NAMED] = {
    [KEY_MANDATORY] = SPAN("mandatory"),
    [KEY_ALPN] = SPAN("alpn"),
    [KEY_NO_DEFAULT_ALPN] = SPAN("no-default-alpn"),
    [KEY_PORT] = SPAN("port"),
    [KEY_IPV4HINT] = SPAN("ipv4hint"),
    [KEY_ECH] = SPAN("ech"),
    [KEY_IPV6HINT] = SPAN("ipv6hint"),
    [KEY_DOHPATH] = SPAN("dohpath"),
};

/* --- the form on the wire ----------------------------------------------------------------------
 */

/* Keys in ascending order, none of them "mandatory" (§8). */
static bool check_mandatory(const uint8_t *p, size_t n)
{
    unsigned last = 0;

    if (n == 0 || n % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        if (get16(p + i) <= last)
            return false;
        last = get16(p + i);
    }
    return true;
}

/* §7.1.1: protocol names of at least one byte each. */
static bool check_alpn(const uint8_t *p, size_t n)
{
    size_t at = 0;

    for (; at < n; at += 1u + p[at]) {
        if (p[at] == 0)
            return false;
    }
    return n != 0 && at == n;
}

static bool check_value(unsigned key, const uint8_t *p, size_t n)
{
    switch (key) {
    case KEY_MANDATORY:
        return check_mandatory(p, n);
    case KEY_ALPN:
        return check_alpn(p, n);
    case KEY_NO_DEFAULT_ALPN:
        return n == 0;
    case KEY_PORT:
        return n == 2;
    case KEY_IPV4HINT:
        return n != 0 && n % 4 == 0;
    case KEY_IPV6HINT:
        return n != 0 && n % 16 == 0;
    case KEY_ECH:
    case KEY_DOHPATH:
        return n != 0;
    case KEY_INVALID:
        return false;
    default: /* any number */
        return true;
    }
}

/* The value of a key among well-formed parameters; NULL: it is not there. */
static const uint8_t *find_key(const uint8_t *p, size_t n, unsigned key, size_t *value_n)
{
    for (size_t at = 0; at < n; at += PARAM_HEADER + get16(p + at + 2)) {
        if (get16(p + at) == key) {
            *value_n = get16(p + at + 2);
            return p + at + PARAM_HEADER;
        }
    }
    return NULL;
}

/* §7.1.1, §8: what one parameter demands of the others. The missing key, or -1. */
static int missing_key(const uint8_t *p, size_t n)
{
    size_t mandatory_n = 0, other_n;
    const uint8_t *mandatory = find_key(p, n, KEY_MANDATORY, &mandatory_n);

    for (size_t i = 0; i < mandatory_n; i += 2) {
        if (find_key(p, n, get16(mandatory + i), &other_n) == NULL)
            return get16(mandatory + i);
    }
    if (find_key(p, n, KEY_NO_DEFAULT_ALPN, &other_n) != NULL &&
        find_key(p, n, KEY_ALPN, &other_n) == NULL)
        return KEY_ALPN;
    return -1;
}

bool dns_svcb_check(const uint8_t *p, size_t n)
{
    int last = -1;
    size_t at = 0;

    while (at < n) {
        size_t value_n;

        if (n - at < PARAM_HEADER || get16(p + at) <= last)
            return false;
        last = get16(p + at);
        value_n = get16(p + at + 2);
        at += PARAM_HEADER;
        if (n - at < value_n || !check_value((unsigned)last, p + at, value_n))
            return false;
        at += value_n;
    }
    return missing_key(p, n) < 0;
}

/* --- from words --------------------------------------------------------------------------------
 */

struct param {
    unsigned key;
    bool generic; /* written as keyNNNNN: its value is bytes, whatever we know of it */
    bool has_value;
    struct span value; /* escapes as they came */
};

/* "alpn", "key65400" (no zeros in front). */
static bool parse_key(struct span word, unsigned *key, bool *generic, struct dns_why *why)
{
    const struct span prefix = SPAN("key");
    struct span digits = span_from(word, prefix.n);
    uint64_t n;

    *generic = false;
    for (unsigned i = 0; i < KEYS_NAMED; i++) {
        if (span_ieq(word, key_words[i])) {
            *key = i;
            return true;
        }
    }
    if (!span_istarts(word, prefix) || !span_u64(digits, &n) || n >= KEY_INVALID ||
        (digits.n > 1 && digits.p[0] == '0'))
        return word_wrong(why,
            "\"%.*s\" is no parameter of SVCB: mandatory, alpn, no-default-alpn, port, ipv4hint, "
            "ech, ipv6hint, dohpath or keyNNNNN",
            WORD_SHOW(word));
    *generic = true;
    *key = (unsigned)n;
    return true;
}

/* A list as of Appendix A.1: takes one item off the front, with \, and \\ undone. */
static bool next_item(const uint8_t **p, const uint8_t *end, uint8_t *item, size_t *item_n)
{
    *item_n = 0;
    if (*p == NULL)
        return false;
    for (; *p < end && **p != ','; (*p)++) {
        if (**p == '\\' && end - *p > 1)
            (*p)++;
        item[(*item_n)++] = **p;
    }
    *p = *p < end ? *p + 1 : NULL;
    return true;
}

static bool write_alpn(
    const uint8_t *value, size_t n, uint8_t *out, size_t cap, size_t *out_n, struct dns_why *why)
{
    const uint8_t *p = value;
    uint8_t item[SVCB_VALUE_MAX];
    size_t item_n, to = 0;

    while (next_item(&p, value + n, item, &item_n)) {
        if (item_n == 0 || item_n > 255)
            return word_wrong(why, "alpn has a protocol of 0 or more than 255 bytes");
        if (cap - to < item_n + 1)
            return word_wrong(why, "alpn is too long");
        out[to] = (uint8_t)item_n;
        memcpy(out + to + 1, item, item_n);
        to += item_n + 1;
    }
    *out_n = to;
    return true;
}

static int by_number(const void *a, const void *b)
{
    return get16(a) - get16(b);
}

static bool write_mandatory(
    struct span value, uint8_t *out, size_t cap, size_t *out_n, struct dns_why *why)
{
    struct span rest = value, item;
    size_t to = 0;
    unsigned key;
    bool generic;

    while (span_cut(&rest, ',', &item)) {
        if (!parse_key(item, &key, &generic, why))
            return false;
        if (cap - to < 2)
            return word_wrong(why, "mandatory is too long");
        put16(out + to, key);
        to += 2;
    }
    qsort(out, to / 2, 2, by_number);
    *out_n = to;
    return true;
}

static bool write_addresses(
    struct span value, int family, uint8_t *out, size_t cap, size_t *out_n, struct dns_why *why)
{
    const size_t each = family == AF_INET ? 4 : 16;
    struct span rest = value, item;
    size_t to = 0;

    while (span_cut(&rest, ',', &item)) {
        if (cap - to < each)
            return word_wrong(why, "too many addresses");
        if (!word_address(item, family, out + to, why))
            return false;
        to += each;
    }
    *out_n = to;
    return true;
}

static bool write_port(struct span value, uint8_t *out, size_t *out_n, struct dns_why *why)
{
    uint64_t port;

    if (!word_number(value, "port", UINT16_MAX, &port, why))
        return false;
    put16(out, (unsigned)port);
    *out_n = 2;
    return true;
}

/* RFC 9461 §5: a URI template, relative, with the variable "dns". */
static bool dohpath_good(struct span path)
{
    return span_starts(path, SPAN("/")) && memmem(path.p, path.n, "{?dns", 5) != NULL;
}

/* The value of one key, at least 2 bytes of room. */
static bool write_value(
    const struct param *param, uint8_t *out, size_t cap, size_t *n, struct dns_why *why)
{
    uint8_t bytes[SVCB_VALUE_MAX];
    struct span value;
    size_t bytes_n = 0;

    if (param->value.n > sizeof(bytes))
        return word_wrong(why, "a value of more than %d bytes", SVCB_VALUE_MAX);
    if (!word_unescape(param->value, bytes, &bytes_n, why))
        return false;
    value = span_make((const char *)bytes, bytes_n);
    switch (param->generic ? KEY_INVALID : param->key) {
    case KEY_MANDATORY:
        return write_mandatory(value, out, cap, n, why);
    case KEY_ALPN:
        return write_alpn(bytes, bytes_n, out, cap, n, why);
    case KEY_PORT:
        return write_port(value, out, n, why);
    case KEY_IPV4HINT:
        return write_addresses(value, AF_INET, out, cap, n, why);
    case KEY_IPV6HINT:
        return write_addresses(value, AF_INET6, out, cap, n, why);
    case KEY_ECH:
        return word_base64(value, out, cap, n, why);
    case KEY_DOHPATH:
        if (!dohpath_good(value))
            return word_wrong(why, "\"%.*s\" is no dohpath: /dns-query{?dns}", WORD_SHOW(value));
        break;
    default: /* any number: the bytes as they are */
        break;
    }
    if (bytes_n > cap)
        return word_wrong(why, "the parameters are too long");
    memcpy(out, bytes, bytes_n);
    *n = bytes_n;
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct param *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

static const char *key_text(unsigned key, char dst[16])
{
    if (key < KEYS_NAMED)
        return key_words[key].p;
    snprintf(dst, 16, "key%u", key & 0xffff);
    return dst;
}

/* Words to parameters in the order of the wire, each key once. */
static bool read_params(
    const struct span *words, size_t n, struct param *params, struct dns_why *why)
{
    char text[16];

    for (size_t i = 0; i < n; i++) {
        struct span key, rest = words[i];
        size_t equals = span_find(words[i], '=');

        (void)span_cut(&rest, '=', &key);
        params[i] = (struct param){.has_value = equals < words[i].n, .value = rest};
        if (!parse_key(key, &params[i].key, &params[i].generic, why))
            return false;
    }
    qsort(params, n, sizeof(*params), by_key);
    for (size_t i = 1; i < n; i++) {
        if (params[i].key == params[i - 1].key)
            return word_wrong(why, "%s stands there twice", key_text(params[i].key, text));
    }
    return true;
}

bool dns_svcb_parse(const struct span *words, size_t words_n, uint8_t *out, size_t cap, size_t *n,
    struct dns_why *why)
{
    struct param params[SVCB_PARAMS_MAX];
    char text[16];
    size_t at = 0;
    int missing;

    if (words_n > SVCB_PARAMS_MAX)
        return word_wrong(why, "more than %d parameters", SVCB_PARAMS_MAX);
    if (!read_params(words, words_n, params, why))
        return false;
    for (size_t i = 0; i < words_n; i++) {
        const char *key = key_text(params[i].key, text);
        size_t value_n = 0;

        if (cap - at < PARAM_HEADER + 2)
            return word_wrong(why, "the parameters are too long");
        if (params[i].key == KEY_NO_DEFAULT_ALPN && params[i].has_value)
            return word_wrong(why, "%s takes no value", key);
        if (params[i].key < KEYS_NAMED && params[i].key != KEY_NO_DEFAULT_ALPN &&
            !params[i].has_value)
            return word_wrong(why, "%s needs a value", key);
        if (!write_value(
                &params[i], out + at + PARAM_HEADER, cap - at - PARAM_HEADER, &value_n, why))
            return false;
        put16(put16(out + at, params[i].key), (unsigned)value_n);
        at += PARAM_HEADER;
        if (!check_value(params[i].key, out + at, value_n))
            return word_wrong(why, "%s has a value that it cannot have", key);
        at += value_n;
    }
    missing = missing_key(out, at);
    if (missing >= 0)
        return word_wrong(
            why, "%s is missing, which another parameter needs", key_text((unsigned)missing, text));
    *n = at;
    return true;
}
