#include "edge/names.h"

#include "base/log.h"
#include "edge/conf.h"
#include "origin/origin.h"

#include <netdb.h>

static bool name_resolves(const struct origin *o, const struct origin_server *s)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int err = getaddrinfo(s->host.p, NULL, &hints, &found);

    if (err == 0) {
        freeaddrinfo(found);
        return true;
    }
    if (err == EAI_NONAME || err == EAI_NODATA) {
        log_msg(LOG_ERROR,
            "origin %.*s: the name %s has no address; check its spelling or your DNS",
            SPAN_ARG(o->name), s->host.p);
        return false;
    }
    log_msg(LOG_WARN, "origin %.*s: cannot look up %s now (%s); it is asked for again when needed",
        SPAN_ARG(o->name), s->host.p, gai_strerror(err));
    return true;
}

bool names_resolve(const struct edge_conf *conf)
{
    bool ok = true;

    if (conf->resolver.n > 0)
        return true; /* another DNS server than the system's is to be asked */
    for (const struct origin_entry *e = conf->origins; e != NULL; e = e->next) {
        for (unsigned i = 0; e->used && i < e->origin->servers_n; i++)
            ok = name_resolves(e->origin, &e->origin->servers[i]) && ok;
    }
    return ok;
}
