/* choose.c - steer_choose() of steer.h. */
#include "director/rendezvous.h"
#include "director/steer.h"
#include "geo/embedded.h"

#include <string.h>
#include <sys/socket.h>

/* One PoP of the steer, as this client finds it. */
struct option {
    const struct pop *pop;
    struct pop_now now;
    enum steer_verdict verdict;
};

/* One choice under way. */
struct choosing {
    const struct steering *s;
    const struct steer *steer;
    const struct steer_ask *ask;
    struct steer_choice *out;
    unsigned answers;
    bool hashed;     /* a hash of the client's network has had a say */
    uint64_t client; /* that hash; once it is needed */
    unsigned n;      /* of options, in the client's order */
    unsigned alike;  /* so many of them at the front are as near as the first */
    struct option options[STEER_POPS_MAX];
    unsigned usable_n; /* options that can answer, best first, by index */
    uint8_t usable[STEER_POPS_MAX];
};

/* --- one PoP ------------------------------------------------------------------------------ */

/* Those of the masks that belong to the family asked for. */
static bool has_any(int family, uint8_t v4, uint8_t v6)
{
    return (family != AF_INET6 && v4 != 0) || (family != AF_INET && v6 != 0);
}

static uint8_t all_of(unsigned n)
{
    return (uint8_t)((1U << n) - 1);
}

static bool has_family(const struct pop *p, int family)
{
    return has_any(family, all_of(p->v4_n), all_of(p->v6_n));
}

/* STEER_SPARE: it can answer. */
static enum steer_verdict judge(const struct pop *p, const struct pop_now *now, int family)
{
    if (!has_family(p, family))
        return STEER_NO_FAMILY;
    if (now->state != POP_STATE_UP)
        return STEER_PASSED;
    return has_any(family, now->v4, now->v6) ? STEER_SPARE : STEER_FAMILY_DOWN;
}

static void pick(struct choosing *c, const struct pop *p, uint8_t v4, uint8_t v6)
{
    int family = c->ask->family;

    c->out->picks[c->out->n++] = (struct steer_pick){
        .pop = p, .v4 = family != AF_INET6 ? v4 : 0, .v6 = family != AF_INET ? v6 : 0};
}

/* --- hashes ------------------------------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Bits of the client's network that keeps its PoP: what holds for a whole network is no finer than
 * the steer wants its scopes to be. */
static unsigned network_bits(const struct choosing *c)
{
    const struct geo_client *client = c->ask->client;
    const struct geo_map_conf *map = &c->steer->map;
    const struct geo_nat64 *nat64 = map->nat64 != NULL ? map->nat64 : &geo_nat64_well_known;
    unsigned bits = client->family == 4 ? STEER_SHARE_V4_BITS : STEER_SHARE_V6_BITS;
    unsigned cap = client->family == 4 ? map->v4_bits : map->v6_bits;
    struct geo_embedding how;
    struct geo_client inside;

    if (geo_embedded(client, nat64, map->nat64 != NULL ? map->nat64_n : 1, &inside, &how))
        bits = geo_embedded_bits(&how, STEER_SHARE_V4_BITS);
    return least(cap != 0 ? least(bits, cap) : bits, client->prefix);
}

static uint64_t draw(struct choosing *c, const struct pop *p, enum rendezvous_use use)
{
    if (!c->hashed) {
        unsigned bits = network_bits(c);

        c->hashed = true;
        c->client = rendezvous_client(c->ask->client, bits);
        if (c->out->scope < bits)
            c->out->scope = bits;
    }
    return rendezvous_draw(c->client, p->hash, use);
}

/* Whether it hands this client over. */
static bool sheds(struct choosing *c, const struct option *o)
{
    return o->now.shed > 0 && draw(c, o->pop, RENDEZVOUS_SHED) % POP_SHED_STEPS < o->now.shed;
}

/* --- the order ---------------------------------------------------------------------------- */

static void add_option(struct choosing *c, const struct pop *p)
{
    struct option *o = &c->options[c->n];

    o->pop = p;
    o->now = pop_now(c->s->pops, p->index);
    o->verdict = judge(p, &o->now, c->ask->family);
    if (o->verdict == STEER_SPARE)
        c->usable[c->usable_n++] = (uint8_t)c->n;
    c->n++;
}

static void default_order(struct choosing *c)
{
    c->out->why = GEO_WHY_DEFAULT;
    c->out->scope = 0;
    c->alike = 1;
    for (unsigned i = 0; i < c->steer->pops_n; i++)
        add_option(c, c->steer->pops[i]);
}

/* Those behind cannot matter: there are enough to answer, without the first, and to hand over to.
 */
static bool has_enough(const struct choosing *c)
{
    return c->n >= c->alike && c->usable_n > c->answers &&
           c->usable_n > (unsigned)c->steer->neighbours && c->ask->trace == NULL;
}

static void set_order(struct choosing *c, const struct geo_map *map)
{
    struct geo_order order;

    if (map == NULL) {
        default_order(c);
        return;
    }
    geo_map_order(map, c->ask->client, &order);
    c->out->why = order.why;
    c->out->scope = order.scope;
    c->alike = order.alike;
    for (unsigned i = 0; i < order.n && !has_enough(c); i++)
        add_option(c, c->steer->pops[order.points[i]]);
}

/* --- who goes first among those that can answer ------------------------------------------------
 */

/* Puts the first `n` usable ones into the order that their draws say. */
static void share(struct choosing *c, unsigned n)
{
    uint32_t cost[STEER_POPS_MAX];

    for (unsigned i = 0; i < n; i++)
        cost[c->usable[i]] =
            rendezvous_cost(draw(c, c->options[c->usable[i]].pop, RENDEZVOUS_SHARE));
    for (unsigned i = 1; i < n; i++) {
        uint8_t x = c->usable[i];
        unsigned at = i;

        while (at > 0 && rendezvous_before(cost[x], c->options[x].pop->weight,
                             cost[c->usable[at - 1]], c->options[c->usable[at - 1]].pop->weight)) {
            c->usable[at] = c->usable[at - 1];
            at--;
        }
        c->usable[at] = x;
    }
    for (unsigned i = 1; i < n; i++)
        c->options[c->usable[i]].verdict = STEER_LOST_SHARE;
}

/* The place (in usable) of the neighbour that takes this client, or 0: none can. */
static unsigned find_taker(struct choosing *c)
{
    unsigned last = least((unsigned)c->steer->neighbours, c->usable_n - 1), taker = 0;
    uint32_t best = 0;

    for (unsigned i = 1; i <= last; i++) {
        const struct option *o = &c->options[c->usable[i]];
        uint32_t cost;

        if (sheds(c, o))
            continue;
        cost = rendezvous_cost(draw(c, o->pop, RENDEZVOUS_NEIGHBOUR));
        if (taker != 0 && !rendezvous_before(
                              cost, o->pop->weight, best, c->options[c->usable[taker]].pop->weight))
            continue;
        taker = i;
        best = cost;
    }
    return taker;
}

/* The first one may be above its capacity, and becomes the last resort. It stays when no neighbour
 * has room: then nobody is helped by sending clients around. */
static bool shed(struct choosing *c)
{
    uint8_t first = c->usable[0], taken;
    unsigned taker;

    if (!sheds(c, &c->options[first]))
        return false;
    taker = find_taker(c);
    if (taker == 0)
        return false;
    taken = c->usable[taker];
    memmove(c->usable + 1, c->usable, taker * sizeof(c->usable[0]));
    c->usable[0] = taken;
    memmove(c->usable + 1, c->usable + 2, (c->usable_n - 2) * sizeof(c->usable[0]));
    c->usable[c->usable_n - 1] = first;
    c->options[first].verdict = STEER_SHEDS;
    return true;
}

static void choose_usable(struct choosing *c)
{
    unsigned sharing = 0;

    while (sharing < c->usable_n && c->usable[sharing] < c->alike)
        sharing++;
    c->out->how = c->usable[0] == 0 ? STEER_FIRST : STEER_NEXT;
    if (sharing > 1) {
        share(c, sharing);
        c->out->how = STEER_SHARED;
    }
    if (shed(c))
        c->out->how = STEER_SHED;
    for (unsigned i = 0; i < c->usable_n && i < c->answers; i++) {
        struct option *o = &c->options[c->usable[i]];

        if (o->verdict != STEER_SHEDS)
            o->verdict = STEER_CHOSEN;
        pick(c, o->pop, o->now.v4, o->now.v6);
    }
}

/* --- nobody can ------------------------------------------------------------------------------- */

/* By now it answers at least with what passes its checks, else with all that it has. */
static void pick_anyway(struct choosing *c, struct option *o)
{
    bool works = has_any(c->ask->family, o->now.v4, o->now.v6);

    o->verdict = STEER_CHOSEN;
    pick(c, o->pop, works ? o->now.v4 : all_of(o->pop->v4_n),
        works ? o->now.v6 : all_of(o->pop->v6_n));
}

/* Those that work, and were only taken out, before those that do not. */
static void choose_all(struct choosing *c)
{
    for (int working = 1; working >= 0; working--) {
        for (unsigned i = 0; i < c->n && c->out->n < c->answers; i++) {
            struct option *o = &c->options[i];
            bool works = has_any(c->ask->family, o->now.v4, o->now.v6);

            if (works == (working == 1) && o->now.state != POP_STATE_DOWN_BY_ORDER &&
                has_family(o->pop, c->ask->family))
                pick_anyway(c, o);
        }
    }
}

static void choose_default(struct choosing *c)
{
    c->out->scope = 0;
    c->n = c->usable_n = 0;
    default_order(c);
    for (unsigned i = 0; i < c->n && c->out->n < c->answers; i++) {
        struct option *o = &c->options[i];

        if (o->now.state != POP_STATE_DOWN_BY_ORDER && has_family(o->pop, c->ask->family))
            pick_anyway(c, o);
    }
}

/* Whether the family is what is missing: no PoP has it at all, or those that are up do not have it
 * now. Who can use the other one is served by that, and an address that is known to be dead helps
 * nobody. */
static bool lacks_family(const struct choosing *c)
{
    bool any = false;

    for (unsigned i = 0; i < c->n; i++) {
        if (c->options[i].now.state == POP_STATE_UP)
            return true;
        any = any || has_family(c->options[i].pop, c->ask->family);
    }
    return !any;
}

static void choose_anyway(struct choosing *c)
{
    if (lacks_family(c)) {
        c->out->end = STEER_NODATA;
        c->out->how = STEER_NEXT;
        c->out->scope = 0;
        return;
    }
    c->out->how = STEER_ALL_DOWN;
    c->out->all_down = true;
    switch (c->steer->all_down) {
    case STEER_ALL:
        choose_all(c);
        break;
    case STEER_DEFAULT:
        choose_default(c);
        break;
    case STEER_SERVFAIL:
        break;
    }
    if (c->out->n == 0) {
        c->out->end = STEER_NOBODY;
        c->out->scope = 0;
    }
}

/* --- the choice --------------------------------------------------------------------------------
 */

static void fill_trace(const struct choosing *c)
{
    struct steer_trace *t = c->ask->trace;

    t->n = c->n;
    for (unsigned i = 0; i < c->n; i++)
        t->v[i] =
            (struct steer_candidate){c->options[i].pop, c->options[i].now, c->options[i].verdict};
}

/* The first of the map's order answers, and nothing else has to be known: true. Then its scope is
 * the wider one. */
static bool choose_first(struct choosing *c, const struct geo_map *map)
{
    struct geo_found found;
    const struct pop *p;
    struct pop_now now;

    if (map == NULL || c->answers != 1)
        return false;
    geo_map_find(map, c->ask->client, &found);
    p = c->steer->pops[found.first];
    now = pop_now(c->s->pops, p->index);
    if ((!found.alone && c->steer->pops_n > 1) || now.shed > 0 ||
        judge(p, &now, c->ask->family) != STEER_SPARE)
        return false;
    c->out->why = found.why;
    c->out->how = STEER_FIRST;
    c->out->scope = found.scope;
    pick(c, p, now.v4, now.v6);
    return true;
}

static bool is_changing(const struct choosing *c)
{
    mono_ms since = c->s->now - c->steer->changing_ms;
    mono_ms at = pops_changed_ms(c->s->pops);

    if (at == 0 || at < since)
        return false;
    for (unsigned i = 0; i < c->steer->pops_n; i++) {
        at = pop_changed_ms(c->s->pops, c->steer->pops[i]->index);
        if (at != 0 && at >= since)
            return true;
    }
    return false;
}

static unsigned ttl_s(const struct choosing *c)
{
    int64_t ms = c->steer->ttl_ms;

    if (c->steer->ttl_changing_ms < ms && (c->out->all_down || is_changing(c)))
        ms = c->steer->ttl_changing_ms;
    return (unsigned)(ms / 1000);
}

static void choose(struct choosing *c, const struct geo_map *map)
{
    set_order(c, map);
    if (c->usable_n > 0)
        choose_usable(c);
    else
        choose_anyway(c);
}

void steer_choose(const struct steering *s, const struct steer *steer, const struct steer_ask *ask,
    struct steer_choice *out)
{
    const struct geo_map *map = s->maps != NULL ? s->maps[steer->index] : NULL;
    struct choosing c;
    unsigned wide;

    /* Not the whole struct: the tables in it are large, and written before they are read. */
    c.s = s;
    c.steer = steer;
    c.ask = ask;
    c.out = out;
    c.answers =
        least(ask->answers != 0 ? ask->answers : (unsigned)steer->answers, STEER_ANSWERS_MAX);
    c.hashed = false;
    c.n = c.usable_n = 0;
    out->end = STEER_ANSWER;
    out->all_down = false;
    out->n = 0;
    if (!choose_first(&c, map)) {
        choose(&c, map);
    } else if (ask->trace != NULL) {
        wide = out->scope;
        out->n = 0;
        choose(&c, map);
        out->scope = wide;
    }
    if (ask->trace != NULL)
        fill_trace(&c);
    if (ask->client->prefix == 0)
        out->scope = 0;
    out->ttl_s = ttl_s(&c);
}
