/*
 * addr.h - where a socket is: IPv4, IPv6 or a Unix socket's path. Literals only, no names.
 *
 * A plain value: copy it, compare it, write it as text. Pure but for addr_local(); any thread.
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/span.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    socklen_t len; /* 0: no address */
};

/* "192.0.2.1:80", "[2001:db8::1]:443", ":8080" (any IPv4 address) or "unix:/path". False leaves
 * *out alone. */
MUST_USE bool addr_parse(struct span s, struct addr *out);
/* An address without a port, an IPv6 one without or with brackets. */
MUST_USE bool addr_parse_ip(struct span s, unsigned port, struct addr *out);
/* A copy of what the system gave. Families other than the three become no address. */
struct addr addr_make(const struct sockaddr *sa, socklen_t len);
/* The local end of a socket; no address when the system refuses. */
struct addr addr_local(int fd);

/* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC for no address. */
int addr_family(const struct addr *a) PURE;
/* 0 when there is none. */
unsigned addr_port(const struct addr *a) PURE;
/* Nothing happens to a Unix address. */
void addr_set_port(struct addr *a, unsigned port);
/* 0.0.0.0 and :: stand for all addresses of this machine. */
bool addr_is_any(const struct addr *a) PURE;
/* Family, address and port, or the path. */
bool addr_eq(const struct addr *a, const struct addr *b) PURE;

/* As addr_parse() reads it; "unix:" for a Unix socket without a name, "-" for no address. Returns
 * dst. */
enum { ADDR_TEXT = 128 };
char *addr_text(const struct addr *a, char dst[ADDR_TEXT]);
/* The same without port and brackets, as access logs and X-Forwarded-For want it. */
char *addr_ip_text(const struct addr *a, char dst[ADDR_TEXT]);

#endif
