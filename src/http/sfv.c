#include "http/sfv.h"

#include "http/chars.h"

#include <inttypes.h>

enum { INTEGER_DIGITS = 15, DECIMAL_DIGITS = 12, FRACTION_DIGITS = 3 };

/* What is left to parse. */
struct reader {
    struct span s;
    struct arena *a;
};

static bool next_is(const struct reader *r, char c)
{
    return r->s.n != 0 && r->s.p[0] == c;
}

static bool take(struct reader *r, char c)
{
    if (!next_is(r, c))
        return false;
    r->s = span_from(r->s, 1);
    return true;
}

static void skip_spaces(struct reader *r)
{
    while (take(r, ' '))
        ;
}

static void skip_ows(struct reader *r)
{
    while (take(r, ' ') || take(r, '\t'))
        ;
}

/* Room for one more element of `size` bytes in an array that doubles; NULL beyond `max`. */
static void *array_grow(struct arena *a, void *v, unsigned n, unsigned max, size_t size)
{
    void *more;

    if (n >= max)
        return NULL;
    /* Full at 0, 4, 8, 16, ... */
    if (n != 0 && (n < 4 || (n & (n - 1)) != 0))
        return v;
    more = arena_alloc(a, (n == 0 ? 4 : 2 * (size_t)n) * size);
    if (n != 0)
        memcpy(more, v, n * size);
    return more;
}

/* RFC 9651 §4.2.4 */
static bool number_parse(struct reader *r, struct sfv_item *out)
{
    bool negative = take(r, '-');
    unsigned whole = 0;
    int64_t v = 0;

    for (; r->s.n != 0 && char_is(r->s.p[0], CHAR_DIGIT); r->s = span_from(r->s, 1)) {
        if (++whole > INTEGER_DIGITS)
            return false;
        v = v * 10 + (r->s.p[0] - '0');
    }
    if (whole == 0)
        return false;
    out->type = SFV_INTEGER;
    if (take(r, '.')) {
        unsigned fraction = 0;

        for (; r->s.n != 0 && char_is(r->s.p[0], CHAR_DIGIT); r->s = span_from(r->s, 1)) {
            if (++fraction > FRACTION_DIGITS)
                return false;
            v = v * 10 + (r->s.p[0] - '0');
        }
        if (whole > DECIMAL_DIGITS || fraction == 0)
            return false;
        for (; fraction < FRACTION_DIGITS; fraction++)
            v *= 10;
        out->type = SFV_DECIMAL;
    }
    out->integer = negative ? -v : v;
    return true;
}

/* RFC 9651 §4.2.5 */
static bool string_parse(struct reader *r, struct sfv_item *out)
{
    size_t n = quoted_length(r->s);
    struct span quoted = span_make(r->s.p, n);

    if (n == 0)
        return false;
    for (size_t i = 1; i < n - 1; i++) {
        char c = quoted.p[i];

        if (c < 0x20 || c > 0x7e)
            return false;
        if (c == '\\' && quoted.p[++i] != '"' && quoted.p[i] != '\\')
            return false;
    }
    out->type = SFV_STRING;
    out->text = quoted_text(r->a, quoted);
    r->s = span_from(r->s, n);
    return true;
}

/* RFC 9651 §4.2.6; the caller saw the first character. */
static bool token_parse(struct reader *r, struct sfv_item *out)
{
    size_t n = 1;

    while (n < r->s.n && (char_is(r->s.p[n], CHAR_TOKEN) || r->s.p[n] == ':' || r->s.p[n] == '/'))
        n++;
    out->type = SFV_TOKEN;
    out->text = span_make(r->s.p, n);
    r->s = span_from(r->s, n);
    return true;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 9651 §4.2.7. Padding may be missing, but is right where it stands. */
static bool bytes_parse(struct reader *r, struct sfv_item *out)
{
    struct span text = span_from(r->s, 1);
    size_t end = span_find(text, ':'), n = 0, pad = 0;
    uint32_t bits = 0;
    char *bytes;

    if (end == text.n)
        return false;
    r->s = span_from(text, end + 1);
    text.n = end;
    while (text.n != 0 && text.p[text.n - 1] == '=' && pad < 2) {
        text.n--;
        pad++;
    }
    if (text.n % 4 == 1 || (pad != 0 && (text.n + pad) % 4 != 0))
        return false;
    bytes = arena_alloc(r->a, text.n);
    for (size_t i = 0; i < text.n; i++) {
        int v = base64_value(text.p[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (unsigned)v;
        if (i % 4 != 0)
            bytes[n++] = (char)(bits >> (6 - i % 4 * 2));
    }
    out->type = SFV_BYTES;
    out->text = span_make(bytes, n);
    return true;
}

static bool boolean_parse(struct reader *r, struct sfv_item *out)
{
    if (r->s.n < 2 || (r->s.p[1] != '0' && r->s.p[1] != '1'))
        return false;
    out->type = SFV_BOOLEAN;
    out->integer = r->s.p[1] - '0';
    r->s = span_from(r->s, 2);
    return true;
}

/* RFC 9651 §4.2.9 */
static bool date_parse(struct reader *r, struct sfv_item *out)
{
    r->s = span_from(r->s, 1);
    if (!number_parse(r, out) || out->type != SFV_INTEGER)
        return false;
    out->type = SFV_DATE;
    return true;
}

/* RFC 3629: shortest form, no surrogates, up to U+10FFFF. */
static bool utf8_valid(struct span s)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};

    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
        uint32_t v = n == 1 ? c : c & (0x7fu >> n);

        if (n == 0 || n > s.n - i)
            return false;
        for (size_t k = 1; k < n; k++) {
            unsigned char next = (unsigned char)s.p[i + k];

            if (next >> 6 != 2)
                return false;
            v = v << 6 | (next & 0x3f);
        }
        if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return false;
        i += n;
    }
    return true;
}

/* Lower case only, as RFC 9651 §4.2.10 has it. */
static int lower_hex(char c)
{
    return c >= 'A' && c <= 'F' ? -1 : hex_value(c);
}

static bool display_parse(struct reader *r, struct sfv_item *out)
{
    struct span s = span_from(r->s, 2);
    size_t end = span_find(s, '"'), n = 0;
    char *text;

    if (r->s.n < 2 || r->s.p[1] != '"' || end == s.n)
        return false;
    r->s = span_from(s, end + 1);
    text = arena_alloc(r->a, end);
    for (size_t i = 0; i < end; i++) {
        char c = s.p[i];

        if (c < 0x20 || c > 0x7e)
            return false;
        if (c == '%') {
            int high = i + 2 < end ? lower_hex(s.p[i + 1]) : -1;
            int low = i + 2 < end ? lower_hex(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        text[n++] = c;
    }
    out->type = SFV_DISPLAY;
    out->text = span_make(text, n);
    return utf8_valid(out->text);
}

/* RFC 9651 §4.2.3.1 */
static bool bare_item_parse(struct reader *r, struct sfv_item *out)
{
    char c;

    *out = (struct sfv_item){0};
    if (r->s.n == 0)
        return false;
    c = r->s.p[0];
    if (c == '-' || char_is(c, CHAR_DIGIT))
        return number_parse(r, out);
    if (c == '*' || char_is(c, CHAR_ALPHA))
        return token_parse(r, out);
    switch (c) {
    case '"':
        return string_parse(r, out);
    case ':':
        return bytes_parse(r, out);
    case '?':
        return boolean_parse(r, out);
    case '@':
        return date_parse(r, out);
    case '%':
        return display_parse(r, out);
    default:
        return false;
    }
}

static bool is_key_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || c == '*')
        return true;
    return !first && (char_is(c, CHAR_DIGIT) || c == '_' || c == '-' || c == '.');
}

/* RFC 9651 §4.2.3.3 */
static bool key_parse(struct reader *r, struct span *out)
{
    size_t n = 0;

    while (n < r->s.n && is_key_char(r->s.p[n], n == 0))
        n++;
    *out = span_make(r->s.p, n);
    r->s = span_from(r->s, n);
    return n != 0;
}

/* RFC 9651 §4.2.3.2 */
static bool params_parse(struct reader *r, struct sfv_item *item)
{
    while (take(r, ';')) {
        struct sfv_param param = {.value = {.type = SFV_BOOLEAN, .integer = 1}};
        unsigned at = 0;

        skip_spaces(r);
        if (!key_parse(r, &param.key) || (take(r, '=') && !bare_item_parse(r, &param.value)))
            return false;
        while (at < item->params_n && !span_eq(item->params[at].key, param.key))
            at++;
        if (at == item->params_n) {
            item->params = array_grow(
                r->a, item->params, item->params_n, SFV_PARAMS_MAX, sizeof(*item->params));
            if (item->params == NULL)
                return false;
            item->params_n++;
        }
        item->params[at] = param;
    }
    return true;
}

/* RFC 9651 §4.2.1.2; the caller saw '('. */
static bool inner_list_parse(struct reader *r, struct sfv_item *out)
{
    *out = (struct sfv_item){.type = SFV_INNER};
    r->s = span_from(r->s, 1);
    for (;;) {
        struct sfv_item *item;

        skip_spaces(r);
        if (take(r, ')'))
            return params_parse(r, out);
        out->items =
            array_grow(r->a, out->items, out->items_n, SFV_PARAMS_MAX, sizeof(*out->items));
        if (out->items == NULL)
            return false;
        item = &out->items[out->items_n++];
        if (!bare_item_parse(r, item) || !params_parse(r, item) ||
            (!next_is(r, ' ') && !next_is(r, ')')))
            return false;
    }
}

static bool item_or_inner_parse(struct reader *r, struct sfv_item *out)
{
    if (next_is(r, '('))
        return inner_list_parse(r, out);
    return bare_item_parse(r, out) && params_parse(r, out);
}

/* After a member: the end, or a comma and another member. */
static bool separator_parse(struct reader *r)
{
    struct reader at = *r;

    skip_spaces(&at);
    if (at.s.n == 0) {
        *r = at;
        return true;
    }
    skip_ows(r);
    if (!take(r, ','))
        return false;
    skip_ows(r);
    return r->s.n != 0;
}

bool sfv_item_parse(struct span s, struct arena *a, struct sfv_item *out)
{
    struct reader r = {s, a};

    skip_spaces(&r);
    if (!bare_item_parse(&r, out) || !params_parse(&r, out))
        return false;
    skip_spaces(&r);
    return r.s.n == 0;
}

bool sfv_list_parse(struct span s, struct arena *a, struct sfv_members *out)
{
    struct reader r = {s, a};

    *out = (struct sfv_members){0};
    skip_spaces(&r);
    while (r.s.n != 0) {
        out->v = array_grow(a, out->v, out->n, SFV_MEMBERS_MAX, sizeof(*out->v));
        if (out->v == NULL)
            return false;
        out->v[out->n].key = SPAN_EMPTY;
        if (!item_or_inner_parse(&r, &out->v[out->n++].value) || !separator_parse(&r))
            return false;
    }
    return true;
}

static bool member_parse(struct reader *r, struct sfv_member *out)
{
    if (!key_parse(r, &out->key))
        return false;
    if (take(r, '='))
        return item_or_inner_parse(r, &out->value);
    out->value = (struct sfv_item){.type = SFV_BOOLEAN, .integer = 1};
    return params_parse(r, &out->value);
}

bool sfv_dict_parse(struct span s, struct arena *a, struct sfv_members *out)
{
    struct reader r = {s, a};

    *out = (struct sfv_members){0};
    skip_spaces(&r);
    while (r.s.n != 0) {
        struct sfv_member member;
        unsigned at = 0;

        if (!member_parse(&r, &member) || !separator_parse(&r))
            return false;
        while (at < out->n && !span_eq(out->v[at].key, member.key))
            at++;
        if (at == out->n) {
            out->v = array_grow(a, out->v, out->n, SFV_MEMBERS_MAX, sizeof(*out->v));
            if (out->v == NULL)
                return false;
            out->n++;
        }
        out->v[at] = member;
    }
    return true;
}

const struct sfv_item *sfv_dict_get(const struct sfv_members *d, struct span key)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (span_eq(d->v[i].key, key))
            return &d->v[i].value;
    }
    return NULL;
}

const struct sfv_item *sfv_param_get(const struct sfv_item *item, struct span key)
{
    for (unsigned i = 0; i < item->params_n; i++) {
        if (span_eq(item->params[i].key, key))
            return &item->params[i].value;
    }
    return NULL;
}

bool sfv_token_write(struct buf *b, struct span token)
{
    if (token.n == 0 || (token.p[0] != '*' && !char_is(token.p[0], CHAR_ALPHA)))
        return false;
    for (size_t i = 1; i < token.n; i++) {
        if (!char_is(token.p[i], CHAR_TOKEN) && token.p[i] != ':' && token.p[i] != '/')
            return false;
    }
    return buf_append(b, token);
}

bool sfv_string_write(struct buf *b, struct span text)
{
    if (text.n > SIZE_MAX / 2 - 2 || !buf_reserve(b, 2 * text.n + 2))
        return false;
    b->p[b->n++] = '"';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
        if (text.p[i] == '"' || text.p[i] == '\\')
            b->p[b->n++] = '\\';
        b->p[b->n++] = text.p[i];
    }
    b->p[b->n++] = '"';
    return true;
}

bool sfv_integer_write(struct buf *b, int64_t v)
{
    const int64_t most = 999999999999999; /* 15 digits */

    return v >= -most && v <= most && buf_printf(b, "%" PRId64, v);
}
