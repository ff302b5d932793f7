#include "director/steer.h"

#include <string.h>
#include <sys/socket.h>

const struct steer *steer_find(const struct steer_list *l, struct span name)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (span_eq(l->v[i].name, name))
            return &l->v[i];
    }
    return NULL;
}

static bool find_point(const struct geo *g, const struct addr *v, unsigned n, struct geo_point *out)
{
    for (unsigned i = 0; i < n; i++) {
        struct geo_place place;

        geo_find(g, &v[i].sa, &place);
        if (!place.has_location)
            continue;
        *out = (struct geo_point){true, place.latitude, place.longitude};
        return true;
    }
    return false;
}

void steer_points(const struct steer *s, const struct geo *g, struct geo_point *out)
{
    for (unsigned i = 0; i < s->pops_n; i++) {
        const struct pop *p = s->pops[i];

        out[i] = (struct geo_point){p->has_location, p->latitude, p->longitude};
        if (!p->has_location && g != NULL && !find_point(g, p->v4, p->v4_n, &out[i]))
            (void)find_point(g, p->v6, p->v6_n, &out[i]);
    }
}

bool steer_client(const struct addr *a, struct geo_client *out)
{
    memset(out, 0, sizeof(*out));
    switch (addr_family(a)) {
    case AF_INET:
        out->family = 4;
        out->prefix = 32;
        memcpy(out->address, &a->in.sin_addr, 4);
        return true;
    case AF_INET6:
        out->family = 6;
        out->prefix = 128;
        memcpy(out->address, &a->in6.sin6_addr, 16);
        return true;
    default:
        return false;
    }
}

const char *steer_how_word(enum steer_how how)
{
    static const char *const words[STEER_HOWS] = {
        [STEER_FIRST] = "first",
        [STEER_NEXT] = "next",
        [STEER_SHARED] = "shared",
        [STEER_SHED] = "shed",
        [STEER_ALL_DOWN] = "all-down",
    };

    return words[how];
}

const char *steer_verdict_text(enum steer_verdict v)
{
    static const char *const texts[STEER_VERDICTS] = {
        [STEER_CHOSEN] = "chosen",
        [STEER_SPARE] = "spare: others come first",
        [STEER_PASSED] = "not up",
        [STEER_NO_FAMILY] = "no address of this family",
        [STEER_FAMILY_DOWN] = "no address of this family passes its checks",
        [STEER_SHEDS] = "above its capacity: hands this client over",
        [STEER_LOST_SHARE] = "another one at like distance has this client",
    };

    return texts[v];
}
