#include "cache/status.h"

#include "base/check.h"

#define MEMBER(name) (sizeof(name) - 1)

/* Every part at its longest: parameters, three texts with all bytes escaped, three numbers. */
_Static_assert(3 * (2 + 2 * CACHE_STATUS_TEXT_MAX) +
                       MEMBER("; hit; fwd=vary-miss; stored; collapsed") +
                       MEMBER("; fwd-status=; ttl=; key=; detail=") + 2 * 20 <=
                   CACHE_STATUS_MAX,
    "a Cache-Status member must fit");

static const struct span fwd_names[] = {
    [FWD_NONE] = SPAN(""),
    [FWD_BYPASS] = SPAN("bypass"),
    [FWD_METHOD] = SPAN("method"),
    [FWD_URI_MISS] = SPAN("uri-miss"),
    [FWD_VARY_MISS] = SPAN("vary-miss"),
    [FWD_MISS] = SPAN("miss"),
    [FWD_REQUEST] = SPAN("request"),
    [FWD_STALE] = SPAN("stale"),
    [FWD_PARTIAL] = SPAN("partial"),
};

struct span cache_fwd_name(enum cache_fwd fwd)
{
    return fwd_names[fwd];
}

static char *put(char *at, struct span s)
{
    if (s.n != 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

/* sf-integer (RFC 9651 §3.3.1), which has 15 digits at most. */
static char *put_integer(char *at, int64_t v)
{
    const int64_t most = 999999999999999;
    char digits[16];
    size_t n = 0;

    v = v > most ? most : v < -most ? -most : v;
    if (v < 0) {
        *at++ = '-';
        v = -v;
    }
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

/* sf-string (RFC 9651 §3.3.3), cut. */
static char *put_string(char *at, struct span s)
{
    size_t n = s.n < CACHE_STATUS_TEXT_MAX ? s.n : CACHE_STATUS_TEXT_MAX;

    *at++ = '"';
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];

        if (c == '"' || c == '\\')
            *at++ = '\\';
        *at++ = c >= 0x20 && c <= 0x7e ? c : '?';
    }
    *at++ = '"';
    return at;
}

static bool alpha(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

/* sf-token (RFC 9651 §3.3.4), of which names of hosts and our own words are made. */
static bool is_token(struct span s)
{
    if (s.n == 0 || s.n > CACHE_STATUS_TEXT_MAX || (!alpha(s.p[0]) && s.p[0] != '*'))
        return false;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];

        if (!alpha(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_' && c != ':' &&
            c != '/')
            return false;
    }
    return true;
}

static char *put_token_or_string(char *at, struct span s)
{
    return is_token(s) ? put(at, s) : put_string(at, s);
}

size_t cache_status_write(
    const struct cache_status *cs, struct span name, char dst[static CACHE_STATUS_MAX])
{
    char *at = put_token_or_string(dst, name);

    if (cs->hit) {
        at = put(at, SPAN("; hit"));
    } else if (cs->fwd != FWD_NONE) {
        at = put(at, SPAN("; fwd="));
        at = put(at, fwd_names[cs->fwd]);
    }
    if (cs->fwd_status != 0 && !cs->hit) {
        at = put(at, SPAN("; fwd-status="));
        at = put_integer(at, cs->fwd_status);
    }
    if (cs->has_ttl) {
        at = put(at, SPAN("; ttl="));
        at = put_integer(at, cs->ttl_s);
    }
    if (cs->stored && !cs->hit)
        at = put(at, SPAN("; stored"));
    if (cs->collapsed && !cs->hit)
        at = put(at, SPAN("; collapsed"));
    if (cs->key.n > 0) {
        at = put(at, SPAN("; key="));
        at = put_string(at, cs->key);
    }
    if (cs->detail.n > 0) {
        at = put(at, SPAN("; detail="));
        at = put_token_or_string(at, cs->detail);
    }
    check((size_t)(at - dst) <= CACHE_STATUS_MAX);
    return (size_t)(at - dst);
}
