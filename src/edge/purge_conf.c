#include "edge/purge_conf.h"

#include "net/network_conf.h"

static void set_purge_from(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct network_list *list = self;

    *list = (struct network_list){0};
    if (node->args_n == 1 && conf_arg_is(node, 0, "none"))
        return;
    (void)!network_args(l, node, 0, list);
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
