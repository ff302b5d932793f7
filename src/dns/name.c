#include "dns/name.h"

#include <stdio.h>

const struct dns_name dns_root = {.n = 1};

size_t dns_name_scan(const uint8_t *p, size_t n)
{
    const uint8_t *at = p, *end = p + (n < DNS_NAME_MAX ? n : DNS_NAME_MAX);

    while (at < end && *at <= DNS_LABEL_MAX) {
        if (*at == 0)
            return (size_t)(at - p) + 1;
        at += 1u + *at;
    }
    return 0;
}

bool dns_name_read(const uint8_t *msg, size_t n, size_t *at, struct dns_name *out)
{
    /* Every pointer points before `start`, which then is where it points to: so this ends. */
    size_t p = *at, start = p, behind = 0, used = 0;

    for (;;) {
        if (p >= n)
            return false;
        if ((msg[p] & 0xc0) == 0xc0) {
            size_t target;

            if (n - p < 2)
                return false;
            target = (msg[p] & 0x3fu) << 8 | msg[p + 1];
            if (target >= start)
                return false;
            if (behind == 0)
                behind = p + 2;
            p = start = target;
            continue;
        }
        size_t label = 1u + msg[p];

        if (msg[p] > DNS_LABEL_MAX || n - p < label || used + label > DNS_NAME_MAX)
            return false;
        memcpy(out->wire + used, msg + p, label);
        used += label;
        p += label;
        if (label == 1)
            break;
    }
    out->n = (uint8_t)used;
    *at = behind != 0 ? behind : p;
    return true;
}

size_t dns_name_skip(const uint8_t *msg, size_t n, size_t at)
{
    size_t start = at;

    while (at < n && at - start < DNS_NAME_MAX) {
        if (msg[at] == 0)
            return at + 1;
        if ((msg[at] & 0xc0) == 0xc0) {
            if (n - at < 2 || ((msg[at] & 0x3fu) << 8 | msg[at + 1]) >= start)
                return 0;
            return at + 2;
        }
        if (msg[at] > DNS_LABEL_MAX)
            return 0;
        at += 1u + msg[at];
    }
    return 0;
}

/* --- text --------------------------------------------------------------------------------------
 */

/* The byte that `s` begins with, escapes undone; *used says how much of s that was. NULL or what
 * is wrong. */
static const char *take_byte(struct span s, uint8_t *byte, size_t *used)
{
    unsigned char c = (unsigned char)s.p[0];
    unsigned value = 0;

    *used = 1;
    *byte = c;
    if (c >= 0x80)
        return "has letters outside ASCII: write its A-labels (xn--...)";
    if (c <= ' ' || c == 0x7f)
        return "has a space or control byte, which is written as \\DDD";
    if (c == '@')
        return "has an \"@\": a mailbox is written with a dot there";
    if (c != '\\')
        return NULL;
    if (s.n < 2)
        return "ends in a backslash";
    *byte = (uint8_t)s.p[1];
    *used = 2;
    if (*byte < '0' || *byte > '9')
        return *byte > ' ' && *byte < 0x7f ? NULL : "has a backslash before what it cannot escape";
    for (size_t i = 1; i <= 3; i++) {
        if (i >= s.n || s.p[i] < '0' || s.p[i] > '9')
            return "has an escape of less than three digits";
        value = value * 10 + (unsigned)(s.p[i] - '0');
    }
    if (value > 255)
        return "has an escape above \\255";
    *byte = (uint8_t)value;
    *used = 4;
    return NULL;
}

static const char *append(struct dns_name *out, const struct dns_name *origin)
{
    static const char *const too_long = "is longer than 255 bytes";

    if (origin->n > DNS_NAME_MAX - out->n)
        return too_long;
    memcpy(out->wire + out->n, origin->wire, origin->n);
    out->n = (uint8_t)(out->n + origin->n);
    return NULL;
}

const char *dns_name_parse(struct span text, const struct dns_name *origin, struct dns_name *out)
{
    size_t label = 0, at = 0; /* where the label's length stands; bytes written behind it */

    if (origin == NULL)
        origin = &dns_root;
    out->n = 0;
    if (text.n == 0)
        return "is empty";
    if (span_eq(text, SPAN("@")))
        return append(out, origin);
    if (span_eq(text, SPAN(".")))
        return append(out, &dns_root);
    for (at = 1;; at++) {
        bool dot = text.n != 0 && text.p[0] == '.';

        if (text.n == 0 || dot) {
            if (at - label == 1)
                return "has an empty label";
            if (at - label > 1 + DNS_LABEL_MAX)
                return "has a label of more than 63 bytes";
            out->wire[label] = (uint8_t)(at - label - 1);
            out->n = (uint8_t)at;
            text = span_from(text, 1);
            if (text.n == 0)
                return append(out, dot ? &dns_root : origin);
            label = at;
            continue;
        }
        uint8_t byte;
        size_t used;
        const char *wrong = take_byte(text, &byte, &used);

        if (wrong != NULL)
            return wrong;
        if (at >= DNS_NAME_MAX - 1)
            return "is longer than 255 bytes";
        out->wire[at] = byte;
        text = span_from(text, used);
    }
}

char *dns_name_text(const uint8_t *wire, char dst[DNS_NAME_TEXT])
{
    char *to = dst;

    if (wire[0] == 0)
        *to++ = '.';
    for (; wire[0] != 0; wire = dns_name_parent(wire)) {
        for (size_t i = 1; i <= wire[0]; i++) {
            uint8_t c = wire[i];

            if (c <= ' ' || c >= 0x7f) {
                to += snprintf(to, 5, "\\%03u", c);
                continue;
            }
            if (strchr(".\\\"();@$", c) != NULL)
                *to++ = '\\';
            *to++ = (char)c;
        }
        *to++ = '.';
    }
    *to = '\0';
    return dst;
}

/* --- case --------------------------------------------------------------------------------------
 */

/* Sixteen bytes at a time, or eight, where the machine has registers for them. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));

static inline bytes16 lower16(const uint8_t *p)
{
    bytes16 x;

    memcpy(&x, p, sizeof(x));
    return x + ((bytes16)(x - 'A' <= 'Z' - 'A') & ('a' - 'A'));
}

static inline bytes8 lower8(const uint8_t *p)
{
    bytes8 x;

    memcpy(&x, p, sizeof(x));
    return x + ((bytes8)(x - 'A' <= 'Z' - 'A') & ('a' - 'A'));
}

/* The byte lengths of labels are below 'A' and stay as they are. The last bytes of a name may be
 * done twice: they are read before anything is written, for dst may be src. */
void dns_name_lower(uint8_t *dst, const uint8_t *src, size_t n)
{
    if (n >= 16) {
        bytes16 last = lower16(src + n - 16), x;

        for (size_t i = 0; i + 16 < n; i += 16) {
            x = lower16(src + i);
            memcpy(dst + i, &x, sizeof(x));
        }
        memcpy(dst + n - 16, &last, sizeof(last));
        return;
    }
    if (n >= 8) {
        bytes8 first = lower8(src), last = lower8(src + n - 8);

        memcpy(dst, &first, sizeof(first));
        memcpy(dst + n - 8, &last, sizeof(last));
        return;
    }
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)ascii_lower((char)src[i]);
}

static inline bool same16(const uint8_t *a, const uint8_t *b)
{
    bytes16 x = lower16(a), y = lower16(b);

    return memcmp(&x, &y, sizeof(x)) == 0;
}

static inline bool same8(const uint8_t *a, const uint8_t *b)
{
    bytes8 x = lower8(a), y = lower8(b);

    return memcmp(&x, &y, sizeof(x)) == 0;
}

bool dns_name_eq(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n)
{
    if (a_n != b_n)
        return false;
    if (a_n >= 16) {
        for (size_t i = 0; i + 16 < a_n; i += 16) {
            if (!same16(a + i, b + i))
                return false;
        }
        return same16(a + a_n - 16, b + a_n - 16);
    }
    if (a_n >= 8)
        return same8(a, b) && same8(a + a_n - 8, b + a_n - 8);
    for (size_t i = 0; i < a_n; i++) {
        if (ascii_lower((char)a[i]) != ascii_lower((char)b[i]))
            return false;
    }
    return true;
}

/* --- labels ------------------------------------------------------------------------------------
 */

size_t dns_name_bytes(const uint8_t *wire)
{
    const uint8_t *p = wire;

    while (*p != 0)
        p = dns_name_parent(p);
    return (size_t)(p - wire) + 1;
}

unsigned dns_name_labels(const uint8_t *wire)
{
    unsigned n = 0;

    for (; *wire != 0; wire = dns_name_parent(wire))
        n++;
    return n;
}

int dns_name_below(const uint8_t *name, size_t name_n, const uint8_t *zone, size_t zone_n)
{
    size_t at = 0;

    while (name_n - at > zone_n)
        at += 1u + name[at];
    return dns_name_eq(name + at, name_n - at, zone, zone_n) ? (int)at : -1;
}

static unsigned labels_of(const uint8_t *wire, uint8_t at[DNS_LABELS_MAX])
{
    unsigned n = 0;

    for (const uint8_t *p = wire; *p != 0; p = dns_name_parent(p))
        at[n++] = (uint8_t)(p - wire);
    return n;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
    unsigned n = a[0] < b[0] ? a[0] : b[0];

    for (unsigned i = 1; i <= n; i++) {
        int d = (uint8_t)ascii_lower((char)a[i]) - (uint8_t)ascii_lower((char)b[i]);

        if (d != 0)
            return d;
    }
    return a[0] - b[0];
}

int dns_name_compare(const uint8_t *a, const uint8_t *b)
{
    uint8_t a_at[DNS_LABELS_MAX], b_at[DNS_LABELS_MAX];
    unsigned a_n = labels_of(a, a_at), b_n = labels_of(b, b_at);

    while (a_n > 0 && b_n > 0) {
        int d = compare_labels(a + a_at[--a_n], b + b_at[--b_n]);

        if (d != 0)
            return d;
    }
    return (int)a_n - (int)b_n;
}
