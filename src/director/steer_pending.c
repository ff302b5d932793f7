/* Stands in for steering while no configuration can have any; goes with the first that can. */
#include "director/steer.h"

__attribute__((weak)) void steer_choose(const struct steering *s, const struct steer *steer,
    const struct steer_ask *ask, struct steer_choice *out)
{
    (void)s;
    (void)steer;
    (void)ask;
    *out = (struct steer_choice){.end = STEER_NODATA};
}

__attribute__((weak)) const struct addr *pop_addrs(const struct pop *p, int family, unsigned *n)
{
    *n = family == AF_INET ? p->v4_n : p->v6_n;
    return family == AF_INET ? p->v4 : p->v6;
}

__attribute__((weak)) const struct steer *steer_find(const struct steer_list *l, struct span name)
{
    (void)l;
    (void)name;
    return NULL;
}
