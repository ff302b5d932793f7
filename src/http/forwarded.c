#include "http/forwarded.h"

#include "http/chars.h"

#include <stdio.h>

enum { NODE_MAX = 128 };

/* name=value, as a quoted-string where the value is no token (RFC 7239 §4). */
static bool pair_write(struct buf *b, size_t start, const char *name, struct span value)
{
    if (value.n == 0)
        return true;
    if (b->n != start && !buf_append(b, SPAN(";")))
        return false;
    if (token_valid(value))
        return buf_printf(b, "%s=%.*s", name, SPAN_ARG(value));
    for (size_t i = 0; i < value.n; i++) {
        if (!char_is(value.p[i], CHAR_VALUE) || value.p[i] == '"' || value.p[i] == '\\')
            return false;
    }
    return buf_printf(b, "%s=\"%.*s\"", name, SPAN_ARG(value));
}

/* RFC 7239 §6: IPv6 in brackets; a port behind an address. */
static bool node_write(
    struct buf *b, size_t start, const char *name, struct span node, unsigned port)
{
    bool ipv6 = span_find(node, ':') != node.n;
    char text[NODE_MAX], number[16] = "";
    int n;

    if (node.n == 0)
        return true;
    if (port != 0)
        snprintf(number, sizeof(number), ":%u", port);
    n = snprintf(text, sizeof(text), ipv6 ? "[%.*s]%s" : "%.*s%s", SPAN_ARG(node), number);
    return n < NODE_MAX && pair_write(b, start, name, span_make(text, (size_t)n));
}

bool forwarded_write(struct buf *b, const struct forwarded *f)
{
    size_t start = b->n;

    return node_write(b, start, "for", f->for_, f->for_port) &&
           pair_write(b, start, "host", f->host) && pair_write(b, start, "proto", f->proto) &&
           node_write(b, start, "by", f->by, f->by_port);
}
