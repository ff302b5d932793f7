#include "dns/words.h"

#include <arpa/inet.h>
#include <stdarg.h>

bool word_wrong(struct dns_why *why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
    return false;
}

bool word_number(struct span s, const char *what, uint64_t max, uint64_t *out, struct dns_why *why)
{
    uint64_t n;

    if (!span_u64(s, &n) || n > max)
        return word_wrong(why, "\"%.*s\" is no %s, a number from 0 to %llu", WORD_SHOW(s), what,
            (unsigned long long)max);
    *out = n;
    return true;
}

static uint64_t unit_seconds(char unit)
{
    switch (ascii_lower(unit)) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default: /* any letter */
        return 0;
    }
}

bool word_seconds(struct span s, const char *what, uint32_t *out, struct dns_why *why)
{
    uint64_t sum = 0, n;
    struct span rest = s;

    if (span_u64(s, &n) && n <= INT32_MAX) {
        *out = (uint32_t)n;
        return true;
    }
    while (rest.n != 0) {
        size_t digits = 0;

        while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
            digits++;
        if (digits == rest.n || !span_u64(span_make(rest.p, digits), &n) || n > INT32_MAX ||
            unit_seconds(rest.p[digits]) == 0)
            break;
        sum += n * unit_seconds(rest.p[digits]);
        if (sum > INT32_MAX)
            break;
        rest = span_from(rest, digits + 1);
    }
    if (s.n == 0 || rest.n != 0 || sum > INT32_MAX)
        return word_wrong(why,
            "\"%.*s\" is no %s: seconds up to 2147483647, or with s, m, h, d, w as in 1h30m",
            WORD_SHOW(s), what);
    *out = (uint32_t)sum;
    return true;
}

bool word_address(struct span s, int family, uint8_t *out, struct dns_why *why)
{
    char text[INET6_ADDRSTRLEN];

    if (s.n >= sizeof(text) || inet_pton(family, span_cstr(s, text, sizeof(text)), out) != 1)
        return word_wrong(
            why, "\"%.*s\" is no %s address", WORD_SHOW(s), family == AF_INET ? "IPv4" : "IPv6");
    return true;
}

bool word_unescape(struct span s, uint8_t *out, size_t *n, struct dns_why *why)
{
    size_t to = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned value = 0;
        size_t digits = 0;

        if (s.p[i] != '\\') {
            out[to++] = (uint8_t)s.p[i];
            continue;
        }
        i++;
        while (digits < 3 && i + digits < s.n && s.p[i + digits] >= '0' && s.p[i + digits] <= '9')
            value = value * 10 + (unsigned)(s.p[i + digits++] - '0');
        if (i == s.n || (digits != 0 && digits != 3) || value > 255)
            return word_wrong(why,
                "\"%.*s\" has a backslash that is followed by neither three digits up to 255 nor "
                "the character meant",
                WORD_SHOW(s));
        out[to++] = digits == 3 ? (uint8_t)value : (uint8_t)s.p[i];
        if (digits == 3)
            i += 2;
    }
    *n = to;
    return true;
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool word_hex(struct span s, uint8_t *out, size_t cap, size_t *n, struct dns_why *why)
{
    if (s.n % 2 != 0 || s.n / 2 > cap)
        return word_wrong(why,
            "\"%.*s\" is not hexadecimal: two digits for each of at most %zu "
            "bytes",
            WORD_SHOW(s), cap);
    for (size_t i = 0; i < s.n; i += 2) {
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);

        if (high < 0 || low < 0)
            return word_wrong(why, "\"%.*s\" is not hexadecimal", WORD_SHOW(s));
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *n = s.n / 2;
    return true;
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* RFC 4648 §4, padded, with no bits left over that are not 0 (§3.5). */
bool word_base64(struct span s, uint8_t *out, size_t cap, size_t *n, struct dns_why *why)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t to = 0, data = s.n;

    while (data > 0 && s.n - data < 2 && s.p[data - 1] == '=')
        data--;
    for (size_t i = 0; i < data; i++) {
        int value = base64_value(s.p[i]);

        if (value < 0)
            break;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8)
            continue;
        if (to == cap)
            return word_wrong(why, "\"%.*s\" is too long", WORD_SHOW(s));
        held -= 8;
        out[to++] = (uint8_t)(bits >> held);
        bits &= (1u << held) - 1;
    }
    if (s.n == 0 || s.n % 4 != 0 || to != data * 6 / 8 || bits != 0)
        return word_wrong(why, "\"%.*s\" is not base64", WORD_SHOW(s));
    *n = to;
    return true;
}
