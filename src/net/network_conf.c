#include "net/network_conf.h"

bool network_arg(struct conf_load *l, const struct conf_word *w, struct network *out)
{
    const char *why = NULL;

    switch (network_parse(w->text, out)) {
    case NETWORK_OK:
        return true;
    case NETWORK_NO_ADDRESS:
        why = "is no network: 192.0.2.7, 192.0.2.0/24, ::1 or 2001:db8::/32 would be";
        break;
    case NETWORK_NO_BITS:
        why = "has no good number of bits: up to 32 of an IPv4 address, up to 128 of an IPv6 one";
        break;
    case NETWORK_HOST_BITS:
        why = "has an address that goes on behind its bits: 192.0.2.0/24, or 192.0.2.7 without /24";
        break;
    }
    conf_error(l->errors, w->at, "\"%.*s\" %s", CONF_SHOW(w->text), why);
    return false;
}

bool network_args(
    struct conf_load *l, const struct conf_node *node, unsigned first, struct network_list *out)
{
    struct network *v = arena_alloc(l->arena, node->args_n * sizeof(*v));
    bool ok = true;

    *out = (struct network_list){.v = v};
    for (unsigned i = first; i < node->args_n; i++) {
        if (network_arg(l, &node->args[i], &v[out->n]))
            out->n++;
        else
            ok = false;
    }
    return ok;
}
