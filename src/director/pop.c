#include "director/pop.h"

#include <sys/socket.h>

const char *const pop_order_words[POP_ORDERS + 1] = {"up", "drain", "down", NULL};

const struct pop *pop_find(const struct pop_list *l, struct span name)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (span_eq(l->v[i].name, name))
            return &l->v[i];
    }
    return NULL;
}

const struct addr *pop_addrs(const struct pop *p, int family, unsigned *n)
{
    *n = family == AF_INET6 ? p->v6_n : p->v4_n;
    return family == AF_INET6 ? p->v6 : p->v4;
}
