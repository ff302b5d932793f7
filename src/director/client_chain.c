#include "director/client_chain.h"

#include "http/chars.h"

const char *const client_field_words[] = {"x-forwarded-for", "forwarded", NULL};

/* An address, with or without a port. RFC 7239 §6: one of IPv6 stands in brackets there. */
static bool parse_node(struct span s, bool brackets, struct addr *out)
{
    struct span host = s;

    if (s.n > 0 && s.p[0] == '[') {
        size_t end = span_find(s, ']') + 1;

        if (end > s.n || (end < s.n && (s.p[end] != ':' || end + 1 == s.n)))
            return false;
        host.n = end;
    } else if (span_find(s, ':') < s.n) {
        size_t colon = span_find(s, ':');
        bool v6 = span_find(span_from(s, colon + 1), ':') < s.n - colon - 1;

        if (v6 ? brackets : colon + 1 == s.n)
            return false;
        host.n = v6 ? s.n : colon;
    }
    /* A port may be hidden (§6.3), and is of no use here. */
    if (host.n < s.n && !span_all(span_from(s, host.n + 1), CHAR_DIGIT) &&
        !(brackets && s.p[host.n + 1] == '_' && token_valid(span_from(s, host.n + 1))))
        return false;
    return addr_parse_ip(host, 0, out);
}

/* §4: forwarded-pair = token "=" (token / quoted-string); each parameter once in an element. */
static bool take_pair(struct span *rest, struct arena *a, struct span *name, struct span *value)
{
    size_t eq = span_find(*rest, '='), n;
    struct span at = span_from(*rest, eq + 1);

    if (eq == rest->n)
        return false;
    *name = span_make(rest->p, eq);
    n = quoted_length(at);
    if (n > 0) {
        *value = quoted_text(a, span_make(at.p, n));
    } else {
        n = span_find(at, ';');
        *value = span_make(at.p, n);
        if (!token_valid(*value))
            return false;
    }
    *rest = span_from(at, n);
    return token_valid(*name);
}

static bool parse_forwarded(struct span element, struct arena *a, struct addr *out)
{
    struct span rest = element, name, value, node = SPAN_EMPTY;

    while (take_pair(&rest, a, &name, &value)) {
        if (span_ieq(name, SPAN("for"))) {
            if (node.p != NULL)
                return false;
            node = value;
        }
        if (rest.n == 0)
            return node.p != NULL && parse_node(node, true, out);
        if (rest.p[0] != ';')
            return false;
        rest = span_from(rest, 1);
    }
    return false;
}

static bool parse_element(int field, struct span element, struct arena *a, struct addr *out)
{
    if (field == CLIENT_FORWARDED)
        return parse_forwarded(element, a, out);
    return parse_node(element, false, out);
}

struct addr client_chain_find(const struct client_trust *trust, const struct fields *fields,
    const struct addr *peer, struct arena *a)
{
    struct field_list it;
    struct span members[CLIENT_CHAIN_MAX], member;
    struct addr client = *peer, before;
    unsigned all = 0, left;

    if (trust->from.n == 0 || !network_list_has(&trust->from, peer))
        return client;
    it = field_list_of(
        fields, trust->field == CLIENT_FORWARDED ? FIELD_FORWARDED : FIELD_X_FORWARDED_FOR);
    while (field_list_next(&it, &member))
        members[all++ % CLIENT_CHAIN_MAX] = member;
    left = all < CLIENT_CHAIN_MAX ? all : CLIENT_CHAIN_MAX;
    while (left-- > 0 && network_list_has(&trust->from, &client)) {
        if (!parse_element(trust->field, members[--all % CLIENT_CHAIN_MAX], a, &before))
            break;
        client = before;
    }
    return client;
}
