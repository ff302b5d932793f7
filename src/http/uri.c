#include "http/uri.h"

#include "http/chars.h"

#include <arpa/inet.h>

enum { HOST_MAX = 255 };

/* path [ "?" query ] */
static void path_split(struct span s, struct http_request *req)
{
    size_t at = span_find(s, '?');

    req->path = span_make(s.p, at);
    req->has_query = at < s.n;
    req->query = req->has_query ? span_from(s, at + 1) : SPAN_EMPTY;
}

/* RFC 9112 §3.2.2 */
static bool absolute_parse(struct span target, struct http_request *req)
{
    size_t colon = span_find(target, ':'), end;
    struct span rest = span_from(target, colon);

    req->scheme = span_make(target.p, colon);
    if (uri_default_port(req->scheme) == 0 || !span_starts(rest, SPAN("://")))
        return false;
    rest = span_from(rest, 3);
    for (end = 0; end < rest.n && rest.p[end] != '/' && rest.p[end] != '?';)
        end++;
    req->form = TARGET_ABSOLUTE;
    req->authority = span_make(rest.p, end);
    path_split(span_from(rest, end), req);
    /* The last proxy says "*" for OPTIONS on the server as a whole (RFC 9112 §3.2.4). */
    if (req->path.n == 0)
        req->path = req->method == METHOD_OPTIONS && !req->has_query ? SPAN("*") : SPAN("/");
    return uri_authority_parse(req->authority, &req->host, &req->port);
}

bool uri_target_parse(struct span target, struct http_request *req)
{
    if (!span_all(target, CHAR_TARGET))
        return false;
    if (req->method == METHOD_CONNECT) {
        req->form = TARGET_AUTHORITY;
        req->authority = target;
        return uri_authority_parse(target, &req->host, &req->port) && req->port != 0;
    }
    if (target.p[0] == '/') {
        req->form = TARGET_ORIGIN;
        path_split(target, req);
        return true;
    }
    if (target.n == 1 && target.p[0] == '*') {
        req->form = TARGET_ASTERISK;
        req->path = target;
        return req->method == METHOD_OPTIONS;
    }
    return absolute_parse(target, req);
}

static bool ipv6_valid(struct span s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (s.n >= sizeof(text) || !span_all(s, CHAR_HEX | CHAR_TARGET))
        return false;
    return inet_pton(AF_INET6, span_cstr(s, text, sizeof(text)), &addr) == 1;
}

static bool name_valid(struct span s)
{
    if (s.n == 0 || s.n > HOST_MAX || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.'
                ? s.p[i - 1] == '.'
                : !char_is(s.p[i], CHAR_ALPHA | CHAR_DIGIT) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return true;
}

static bool port_parse(struct span s, unsigned *port)
{
    uint64_t v;

    if (s.n > 5 || !span_u64(s, &v) || v == 0 || v > 65535)
        return false;
    *port = (unsigned)v;
    return true;
}

bool uri_authority_parse(struct span authority, struct span *host, unsigned *port)
{
    bool bracket = authority.n != 0 && authority.p[0] == '[';
    size_t end = span_find(authority, bracket ? ']' : ':');
    struct span name, rest;
    unsigned number = 0;

    if (bracket) {
        if (end == authority.n || !ipv6_valid(span_make(authority.p + 1, end - 1)))
            return false;
        end++;
    }
    name = span_make(authority.p, end);
    rest = span_from(authority, end);
    if (!bracket && !name_valid(name))
        return false;
    if (rest.n != 0 && rest.p[0] != ':')
        return false;
    /* An empty port is none (RFC 3986 §3.2.3). */
    if (rest.n > 1 && !port_parse(span_from(rest, 1), &number))
        return false;
    *host = name;
    *port = number;
    return true;
}

unsigned uri_default_port(struct span scheme)
{
    if (span_ieq(scheme, SPAN("http")))
        return 80;
    return span_ieq(scheme, SPAN("https")) ? 443 : 0;
}

static struct span with_port(struct arena *a, struct span host, unsigned port)
{
    char *text = arena_alloc(a, host.n + 1 + SPAN_U64_MAX);

    memcpy(text, host.p, host.n);
    text[host.n] = ':';
    return span_make(text, host.n + 1 + span_put_u64(text + host.n + 1, port));
}

struct span uri_host_normalise(
    struct arena *a, struct span host, unsigned port, unsigned default_port)
{
    bool upper = false;
    struct span out;

    if (host.n != 0 && host.p[host.n - 1] == '.')
        host.n--;
    for (size_t i = 0; i < host.n; i++)
        upper |= host.p[i] >= 'A' && host.p[i] <= 'Z';
    out = host;
    if (upper) {
        char *lower = arena_alloc(a, host.n);

        for (size_t i = 0; i < host.n; i++)
            lower[i] = ascii_lower(host.p[i]);
        out.p = lower;
    }
    if (port == 0 || port == default_port)
        return out;
    return with_port(a, out, port);
}

static char *encode_byte(char *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";

    *out++ = '%';
    *out++ = digits[c >> 4];
    *out++ = digits[c & 15];
    return out;
}

/* The byte that "%XX" at i means, or -1. */
static int encoded_byte(struct span s, size_t i)
{
    int high, low;

    if (s.n - i < 3)
        return -1;
    high = hex_value(s.p[i + 1]);
    low = hex_value(s.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* One spelling for every byte; `out` has room for 3 * s.n. Returns the length, or SIZE_MAX for a
 * bad '%' when `strict`, and for NUL. */
static size_t encodings_normalise(struct span s, bool query, bool strict, char *out)
{
    char *at = out;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int byte;

        if (strict && c == '\0')
            return SIZE_MAX;
        if (c != '%') {
            if (char_is(c, CHAR_PATH) || (query && c == '?'))
                *at++ = c;
            else
                at = encode_byte(at, (unsigned char)c);
            continue;
        }
        byte = encoded_byte(s, i);
        if (strict && byte <= 0)
            return SIZE_MAX;
        if (byte < 0) {
            at = encode_byte(at, '%');
            continue;
        }
        if (char_is((char)byte, CHAR_UNRESERVED))
            *at++ = (char)byte;
        else
            at = encode_byte(at, (unsigned char)byte);
        i += 2;
    }
    return (size_t)(at - out);
}

/* RFC 3986 §5.2.4 in place, segment by segment; p[0] is '/'. Returns the new length. */
static size_t dots_remove(char *p, size_t n, bool merge)
{
    size_t out = 0, next;

    for (size_t i = 0; i < n; i = next) {
        struct span segment;
        bool last, up, dot;

        segment = span_from(span_make(p, n), i + 1);
        segment.n = span_find(segment, '/');
        next = i + 1 + segment.n;
        last = next >= n;
        up = span_eq(segment, SPAN(".."));
        dot = span_eq(segment, SPAN(".")) || (merge && segment.n == 0);
        if (!up && !dot) {
            memmove(p + out, p + i, 1 + segment.n);
            out += 1 + segment.n;
            continue;
        }
        if (up && out > 0) {
            while (p[--out] != '/')
                ;
        }
        if (last)
            p[out++] = '/';
    }
    return out;
}

static bool path_is_normal(struct span path, bool merge)
{
    for (size_t i = 0; i < path.n; i++) {
        if (!char_is(path.p[i], CHAR_PATH))
            return false;
        if (path.p[i] == '/' && i + 1 < path.n &&
            (path.p[i + 1] == '.' || (merge && path.p[i + 1] == '/')))
            return false;
    }
    return true;
}

bool uri_path_normalise(struct arena *a, struct span path, unsigned flags, struct span *out)
{
    bool merge = (flags & URI_MERGE_SLASHES) != 0;
    char *text;
    size_t n;

    if (path.n == 0 || path.p[0] != '/') {
        *out = path;
        return span_eq(path, SPAN("*"));
    }
    if (path_is_normal(path, merge)) {
        *out = path;
        return true;
    }
    text = arena_alloc(a, path.n * 3);
    n = encodings_normalise(path, false, true, text);
    if (n == SIZE_MAX)
        return false;
    *out = span_make(text, dots_remove(text, n, merge));
    return true;
}

struct span uri_query_normalise(struct arena *a, struct span query)
{
    size_t i = 0;
    char *text;

    while (i < query.n && (char_is(query.p[i], CHAR_PATH) || query.p[i] == '?'))
        i++;
    if (i == query.n)
        return query;
    text = arena_alloc(a, query.n * 3);
    return span_make(text, encodings_normalise(query, true, false, text));
}

bool uri_decode(struct arena *a, struct span s, struct span *out)
{
    size_t n = 0;
    char *text;

    if (span_find(s, '%') == s.n) {
        *out = s;
        return true;
    }
    text = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++) {
        int byte = (unsigned char)s.p[i];

        if (byte == '%') {
            byte = encoded_byte(s, i);
            if (byte <= 0)
                return false;
            i += 2;
        }
        text[n++] = (char)byte;
    }
    *out = span_make(text, n);
    return true;
}

bool uri_path_decode(struct arena *a, struct span path, struct span *out)
{
    struct span rest = path, segment, decoded;

    while (span_cut(&rest, '/', &segment)) {
        if (!uri_decode(a, segment, &decoded) || span_find(decoded, '/') != decoded.n ||
            span_eq(decoded, SPAN(".")) || span_eq(decoded, SPAN("..")))
            return false;
    }
    return uri_decode(a, path, out);
}

struct span uri_path_encode(struct arena *a, struct span s)
{
    char *text = arena_alloc(a, s.n * 3), *at = text;

    for (size_t i = 0; i < s.n; i++) {
        if (char_is(s.p[i], CHAR_PATH))
            *at++ = s.p[i];
        else
            at = encode_byte(at, (unsigned char)s.p[i]);
    }
    return span_make(text, (size_t)(at - text));
}

bool uri_query_next(struct span *rest, struct span *name, struct span *value)
{
    struct span pair;

    while (span_cut(rest, '&', &pair)) {
        size_t at = span_find(pair, '=');

        if (pair.n == 0)
            continue;
        *name = span_make(pair.p, at);
        *value = at < pair.n ? span_make(pair.p + at + 1, pair.n - at - 1) : SPAN_EMPTY;
        return true;
    }
    return false;
}
