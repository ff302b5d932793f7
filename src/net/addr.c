#include "net/addr.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>

enum { PATH_OFFSET = offsetof(struct sockaddr_un, sun_path) };

/* --- from text ------------------------------------------------------------------------------- */

/* inet_pton() wants a terminator. */
static bool parse_ip(int family, struct span s, void *out)
{
    char text[INET6_ADDRSTRLEN];

    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, out) == 1;
}

static bool parse_v4(struct span s, unsigned port, struct addr *out)
{
    struct addr a = {
        .in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, .len = sizeof(a.in)};

    if (!parse_ip(AF_INET, s, &a.in.sin_addr))
        return false;
    *out = a;
    return true;
}

static bool parse_v6(struct span s, unsigned port, struct addr *out)
{
    struct addr a = {
        .in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}, .len = sizeof(a.in6)};

    if (!parse_ip(AF_INET6, s, &a.in6.sin6_addr))
        return false;
    *out = a;
    return true;
}

static bool in_brackets(struct span s)
{
    return s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
}

bool addr_parse_ip(struct span s, unsigned port, struct addr *out)
{
    if (port > UINT16_MAX)
        return false;
    if (in_brackets(s))
        return parse_v6(span_make(s.p + 1, s.n - 2), port, out);
    return parse_v4(s, port, out) || parse_v6(s, port, out);
}

static bool parse_unix(struct span path, struct addr *out)
{
    struct addr a = {.un = {.sun_family = AF_UNIX}};

    if (path.n == 0 || path.n >= sizeof(a.un.sun_path) || memchr(path.p, '\0', path.n) != NULL)
        return false;
    memcpy(a.un.sun_path, path.p, path.n);
    a.len = (socklen_t)(PATH_OFFSET + path.n + 1);
    *out = a;
    return true;
}

bool addr_parse(struct span s, struct addr *out)
{
    size_t colon = s.n;
    struct span host;
    uint64_t port;

    if (span_starts(s, SPAN("unix:")))
        return parse_unix(span_from(s, 5), out);
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || !span_u64(span_from(s, colon), &port) || port > UINT16_MAX)
        return false;
    host = span_make(s.p, colon - 1);
    if (host.n == 0)
        host = SPAN("0.0.0.0");
    if (in_brackets(host))
        return parse_v6(span_make(host.p + 1, host.n - 2), (unsigned)port, out);
    return parse_v4(host, (unsigned)port, out);
}

/* --- from the system ---------------------------------------------------------------------------
 */

struct addr addr_make(const struct sockaddr *sa, socklen_t len)
{
    struct addr a = {.len = 0};

    if (len < sizeof(sa->sa_family))
        return a;
    if ((sa->sa_family == AF_INET && len >= sizeof(a.in)) ||
        (sa->sa_family == AF_INET6 && len >= sizeof(a.in6)) || sa->sa_family == AF_UNIX) {
        a.len = len <= sizeof(a.un) ? len : sizeof(a.un);
        memcpy(&a.sa, sa, a.len);
    }
    return a;
}

struct addr addr_local(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return (struct addr){.len = 0};
    return addr_make((struct sockaddr *)&ss, len);
}

/* --- what it says -------------------------------------------------------------------------- */

int addr_family(const struct addr *a)
{
    return a->len > 0 ? a->sa.sa_family : AF_UNSPEC;
}

unsigned addr_port(const struct addr *a)
{
    switch (addr_family(a)) {
    case AF_INET:
        return ntohs(a->in.sin_port);
    case AF_INET6:
        return ntohs(a->in6.sin6_port);
    default:
        return 0;
    }
}

void addr_set_port(struct addr *a, unsigned port)
{
    if (addr_family(a) == AF_INET)
        a->in.sin_port = htons((uint16_t)port);
    else if (addr_family(a) == AF_INET6)
        a->in6.sin6_port = htons((uint16_t)port);
}

bool addr_is_any(const struct addr *a)
{
    switch (addr_family(a)) {
    case AF_INET:
        return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
    case AF_INET6:
        return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
    default:
        return false;
    }
}

/* A path with or without its terminator; a name in the abstract space, which begins with NUL, has
 * no terminator. */
static struct span unix_name(const struct addr *a)
{
    struct span name = {a->un.sun_path, a->len > PATH_OFFSET ? a->len - PATH_OFFSET : 0};

    if (name.n > 0 && name.p[0] != '\0')
        name.n = strnlen(name.p, name.n);
    return name;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    if (addr_family(a) != addr_family(b))
        return false;
    switch (addr_family(a)) {
    case AF_INET:
        return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    case AF_INET6:
        return a->in6.sin6_port == b->in6.sin6_port &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
    case AF_UNIX:
        return span_eq(unix_name(a), unix_name(b));
    default:
        return true;
    }
}

/* --- to text ------------------------------------------------------------------------------------
 */

_Static_assert(ADDR_TEXT > sizeof("unix:") + sizeof(((struct sockaddr_un *)0)->sun_path),
    "the longest path fits");

char *addr_ip_text(const struct addr *a, char dst[ADDR_TEXT])
{
    struct span path;

    switch (addr_family(a)) {
    case AF_INET:
        inet_ntop(AF_INET, &a->in.sin_addr, dst, ADDR_TEXT);
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &a->in6.sin6_addr, dst, ADDR_TEXT);
        break;
    case AF_UNIX:
        path = unix_name(a);
        if (path.n > 0 && path.p[0] == '\0')
            snprintf(dst, ADDR_TEXT, "unix:@%.*s", (int)path.n - 1, path.p + 1);
        else
            snprintf(dst, ADDR_TEXT, "unix:%.*s", SPAN_ARG(path));
        break;
    default:
        snprintf(dst, ADDR_TEXT, "-");
        break;
    }
    return dst;
}

char *addr_text(const struct addr *a, char dst[ADDR_TEXT])
{
    char ip[ADDR_TEXT];

    addr_ip_text(a, ip);
    if (addr_family(a) == AF_INET)
        snprintf(dst, ADDR_TEXT, "%.*s:%u", INET_ADDRSTRLEN, ip, addr_port(a));
    else if (addr_family(a) == AF_INET6)
        snprintf(dst, ADDR_TEXT, "[%.*s]:%u", INET6_ADDRSTRLEN, ip, addr_port(a));
    else
        memcpy(dst, ip, sizeof(ip));
    return dst;
}
