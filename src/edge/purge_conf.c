#include "edge/purge_conf.h"

#include "net/network.h"

static bool network_arg(struct conf_load *l, const struct conf_word *w, struct network *out)
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

static void set_purge_from(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct network_list *list = self;
    struct network *v = arena_alloc(l->arena, node->args_n * sizeof(*v));

    *list = (struct network_list){.v = v};
    if (node->args_n == 1 && conf_arg_is(node, 0, "none"))
        return;
    for (unsigned i = 0; i < node->args_n; i++)
        list->n += network_arg(l, &node->args[i], &v[list->n]);
}

const struct directive purge_directives[] = {
    {"purge-from", CONF_CUSTOM(set_purge_from, 1, CONF_ARGS_MAX), .usage = "NETWORK...|none",
        .unset = "as outside of the site, else none",
        .about =
            "From where the method PURGE is taken: addresses and networks, like 192.0.2.0/24 or "
            "::1. "
            "The address of the connection counts alone, never what X-Forwarded-For says; so "
            "behind "
            "a proxy everybody has its address. Others are answered 403; where nobody may, PURGE "
            "is answered 405. See PURGING in selvaged(8)."},
    {0},
};
