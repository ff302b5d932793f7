#include "conf/value.h"

#include "conf/errors.h"
#include "conf/suggest.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first in each; the decimal ones are not for writing back. */
static const struct unit size_units[] = {{"TiB", 1LL << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
    {"KiB", 1 << 10}, {"B", 1}, {"TB", 1000000000000}, {"GB", 1000000000}, {"MB", 1000000},
    {"KB", 1000}};
enum { SIZE_UNITS_BINARY = 5 };

static const struct unit time_units[] = {{"y", 31536000000}, {"w", 604800000}, {"d", 86400000},
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static bool PRINTF(2, 3) wrong(struct value_why *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Splits the leading digits, and the rest up to the next digit, off the front. */
static void take_quantity(struct span *rest, struct span *digits, struct span *unit)
{
    size_t i = 0, j;

    while (i < rest->n && is_digit(rest->p[i]))
        i++;
    for (j = i; j < rest->n && !is_digit(rest->p[j]); j++)
        ;
    *digits = span_make(rest->p, i);
    *unit = span_make(rest->p + i, j - i);
    *rest = span_from(*rest, j);
}

static const struct unit *unit_of(const struct unit *units, size_t n, struct span name)
{
    for (size_t i = 0; i < n; i++) {
        if (span_eq(name, span_of(units[i].name)))
            return &units[i];
    }
    return NULL;
}

/* n units, at most INT64_MAX in all. */
static bool scale(struct span digits, const struct unit *u, int64_t *out)
{
    uint64_t n;
    int64_t scaled;

    if (!span_u64(digits, &n) || __builtin_mul_overflow(n, u->factor, &scaled))
        return false;
    *out = scaled;
    return true;
}

/* The unit that somebody who wrote 2G, 64m or 5Mb most likely has in mind. */
static const char *likely_size_unit(struct span unit)
{
    for (size_t i = 0; i < SIZE_UNITS_BINARY && unit.n > 0 && unit.n <= 3; i++) {
        if (ascii_lower(unit.p[0]) == ascii_lower(size_units[i].name[0]))
            return size_units[i].name;
    }
    return NULL;
}

bool value_size(struct span s, uint64_t *bytes, struct value_why *why)
{
    struct span rest = s, digits, unit;
    const struct unit *u;
    const char *meant;
    int64_t n;

    if (span_eq(s, SPAN("0"))) {
        *bytes = 0;
        return true;
    }
    take_quantity(&rest, &digits, &unit);
    if (digits.n == 0 || rest.n > 0)
        return wrong(
            why, "\"%.*s\" is not a size; write a whole number and a unit, as 64MiB", CONF_SHOW(s));
    if (unit.n == 0)
        return wrong(why, "\"%.*s\" has no unit; write %.*sKiB or %.*sMiB, for example",
            CONF_SHOW(s), CONF_SHOW(s), CONF_SHOW(s));
    u = unit_of(size_units, ARRAY_LEN(size_units), unit);
    if (u == NULL) {
        meant = likely_size_unit(unit);
        if (meant != NULL)
            return wrong(why, "\"%.*s\" is not a size, did you mean %.*s%s?", CONF_SHOW(s),
                CONF_SHOW(digits), meant);
        return wrong(why, "\"%.*s\" is not a size; the units are B KiB MiB GiB TiB KB MB GB TB",
            CONF_SHOW(s));
    }
    if (!scale(digits, u, &n))
        return wrong(why, "\"%.*s\" is too large", CONF_SHOW(s));
    *bytes = (uint64_t)n;
    return true;
}

bool value_duration(struct span s, int64_t *ms, struct value_why *why)
{
    struct span rest = s, digits, unit;
    const struct unit *u, *last = NULL;
    int64_t total = 0, n;

    if (span_eq(s, SPAN("0"))) {
        *ms = 0;
        return true;
    }
    do {
        take_quantity(&rest, &digits, &unit);
        if (digits.n == 0)
            return wrong(why,
                "\"%.*s\" is not a duration; write a whole number and a unit, as 30s or 1h30m",
                CONF_SHOW(s));
        if (unit.n == 0)
            return wrong(why, "\"%.*s\" has no unit; write %.*ss or %.*sms, for example",
                CONF_SHOW(s), CONF_SHOW(s), CONF_SHOW(s));
        u = unit_of(time_units, ARRAY_LEN(time_units), unit);
        if (u == NULL)
            return wrong(
                why, "\"%.*s\" is not a duration; the units are y w d h m s ms", CONF_SHOW(s));
        if (last != NULL && u <= last)
            return wrong(why,
                "\"%.*s\" is not a duration; write the largest unit first and each once",
                CONF_SHOW(s));
        if (!scale(digits, u, &n) || __builtin_add_overflow(total, n, &total))
            return wrong(why, "\"%.*s\" is too long", CONF_SHOW(s));
        last = u;
    } while (rest.n > 0);
    *ms = total;
    return true;
}

bool value_integer(struct span s, int64_t *n, struct value_why *why)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    struct span digits = span_from(s, minus);
    uint64_t u;

    if (!span_u64(digits, &u)) {
        for (size_t i = 0; i < digits.n; i++) {
            if (!is_digit(digits.p[i]))
                return wrong(why, "\"%.*s\" is not a whole number", CONF_SHOW(s));
        }
        if (digits.n == 0)
            return wrong(why, "\"%.*s\" is not a whole number", CONF_SHOW(s));
    } else if (u <= INT64_MAX) {
        *n = minus ? -(int64_t)u : (int64_t)u;
        return true;
    }
    return wrong(why, "\"%.*s\" is out of range", CONF_SHOW(s));
}

bool value_flag(struct span s, bool *flag, struct value_why *why)
{
    bool on = span_eq(s, SPAN("on"));

    if (!on && !span_eq(s, SPAN("off")))
        return wrong(why, "\"%.*s\" is neither on nor off", CONF_SHOW(s));
    *flag = on;
    return true;
}

static bool listen_unix(
    struct span s, struct span path, struct value_listen *out, struct value_why *why)
{
    struct value_listen l = {.un = {.sun_family = AF_UNIX}};

    if (path.n == 0)
        return wrong(why, "\"%.*s\" names no path; write unix:/run/selvage/http.sock, for example",
            CONF_SHOW(s));
    if (path.n >= sizeof(l.un.sun_path) || memchr(path.p, '\0', path.n) != NULL)
        return wrong(why, "\"%.*s\" is too long; a socket's path has at most %zu bytes",
            CONF_SHOW(s), sizeof(l.un.sun_path) - 1);
    memcpy(l.un.sun_path, path.p, path.n);
    l.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    *out = l;
    return true;
}

bool value_listen(struct span s, struct value_listen *out, struct value_why *why)
{
    struct value_listen l = {0};
    char host[INET6_ADDRSTRLEN];
    size_t colon = s.n;
    struct span name, digits;
    uint64_t port;
    bool six;

    if (span_starts(s, SPAN("unix:")))
        return listen_unix(s, span_from(s, 5), out, why);
    if (span_u64(s, &port) && port <= 65535)
        return wrong(why, "\"%.*s\" has no address; write 0.0.0.0:%.*s or [::]:%.*s", CONF_SHOW(s),
            CONF_SHOW(s), CONF_SHOW(s));
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return wrong(why, "\"%.*s\" has no port; write 127.0.0.1:8080, for example", CONF_SHOW(s));
    digits = span_from(s, colon);
    name = span_make(s.p, colon - 1);
    if (span_u64(digits, &port) && (name.n == 0 || span_eq(name, SPAN("*"))))
        return wrong(why, "\"%.*s\" has no address; write 0.0.0.0:%.*s or [::]:%.*s", CONF_SHOW(s),
            CONF_SHOW(digits), CONF_SHOW(digits));
    six = name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    if (six)
        name = span_make(name.p + 1, name.n - 2);
    if (name.n >= sizeof(host) || (name.n > 0 && memchr(name.p, '\0', name.n) != NULL) ||
        inet_pton(six ? AF_INET6 : AF_INET, span_cstr(name, host, sizeof(host)),
            six ? (void *)&l.in6.sin6_addr : (void *)&l.in.sin_addr) != 1)
        return wrong(why,
            "\"%.*s\" is no address to listen on; write 127.0.0.1:8080, [::1]:8080 or unix:PATH",
            CONF_SHOW(s));
    if (!span_u64(digits, &port) || port > 65535)
        return wrong(why, "\"%.*s\" has no good port; that is a number up to 65535", CONF_SHOW(s));
    if (six) {
        l.in6.sin6_family = AF_INET6;
        l.in6.sin6_port = htons((uint16_t)port);
        l.len = sizeof(l.in6);
    } else {
        l.in.sin_family = AF_INET;
        l.in.sin_port = htons((uint16_t)port);
        l.len = sizeof(l.in);
    }
    *out = l;
    return true;
}

/* "a, b or c" */
static void write_choices(const char *const *words, char *dst, size_t cap)
{
    size_t n = 0;

    dst[0] = '\0';
    for (size_t i = 0; words[i] != NULL && n < cap; i++) {
        const char *glue = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";

        n += (size_t)snprintf(dst + n, cap - n, "%s%s", glue, words[i]);
    }
}

bool value_word(struct span s, const char *const *words, int *index, struct value_why *why)
{
    struct suggestion near = {.of = s};
    char choices[128];

    for (int i = 0; words[i] != NULL; i++) {
        if (span_eq(s, span_of(words[i]))) {
            *index = i;
            return true;
        }
        suggest_offer(&near, words[i]);
    }
    if (near.best != NULL)
        return wrong(why, "unknown word \"%.*s\", did you mean \"%s\"?", CONF_SHOW(s), near.best);
    write_choices(words, choices, sizeof(choices));
    return wrong(why, "\"%.*s\" is not %s", CONF_SHOW(s), choices);
}

char *value_size_text(uint64_t bytes, char dst[VALUE_TEXT])
{
    const struct unit *u = size_units;

    if (bytes == 0)
        return strcpy(dst, "0");
    while (bytes % (uint64_t)u->factor != 0)
        u++;
    snprintf(dst, VALUE_TEXT, "%llu%s", (unsigned long long)(bytes / (uint64_t)u->factor), u->name);
    return dst;
}

char *value_duration_text(int64_t ms, char dst[VALUE_TEXT])
{
    const struct unit *u = time_units;

    if (ms == 0)
        return strcpy(dst, "0");
    while (ms % u->factor != 0)
        u++;
    snprintf(dst, VALUE_TEXT, "%lld%s", (long long)(ms / u->factor), u->name);
    return dst;
}
