#include "director/explain.h"

#include "admin/route.h"
#include "director/map_keeper.h"
#include "geo/country.h"
#include "geo/embedded.h"
#include "geo/nearest.h"

#include <arpa/inet.h>
#include <string.h>

/* --- where ----------------------------------------------------------------------------------- */

static struct addr addr_of(const struct geo_client *c)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};

    if (c->family == 4) {
        memcpy(&in.sin_addr, c->address, 4);
        return addr_make((struct sockaddr *)&in, sizeof(in));
    }
    memcpy(&in6.sin6_addr, c->address, 16);
    return addr_make((struct sockaddr *)&in6, sizeof(in6));
}

static struct geo_client inside_of(const struct geo_client *client, const struct geo_map_conf *conf)
{
    const struct geo_nat64 *nat64 = conf->nat64;
    unsigned nat64_n = conf->nat64_n;
    struct geo_client inside;
    struct geo_embedding how;

    if (nat64 == NULL) {
        nat64 = &geo_nat64_well_known;
        nat64_n = 1;
    }
    return geo_embedded(client, nat64, nat64_n, &inside, &how) ? inside : *client;
}

struct addr explain_looked_up(const struct steer *steer, const struct geo_client *client)
{
    struct geo_client inside = inside_of(client, &steer->map);

    return addr_of(&inside);
}

static void locate(struct explained *e)
{
    const struct geo_country *country = geo_country_find(e->place.country);

    if (e->place.has_location) {
        e->located = LOCATED_BY_DATABASE;
        e->latitude = e->place.latitude;
        e->longitude = e->place.longitude;
    } else if (country != NULL) {
        e->located = LOCATED_BY_COUNTRY;
        e->latitude = country->latitude;
        e->longitude = country->longitude;
    }
}

static double km_to(const struct explained *e, const struct geo_point *p)
{
    if (e->located == LOCATED_NOT || !p->has_location)
        return -1;
    return geo_km_of(geo_chord2(
        geo_vector_of(e->latitude, e->longitude), geo_vector_of(p->latitude, p->longitude)));
}

/* --- which override -------------------------------------------------------------------------- */

static bool network_has_client(const struct geo_client *network, const struct geo_client *client)
{
    unsigned whole = network->prefix / 8, rest = network->prefix % 8;

    if (network->family != client->family || network->prefix > client->prefix ||
        memcmp(network->address, client->address, whole) != 0)
        return false;
    return rest == 0 || (network->address[whole] ^ client->address[whole]) >> (8 - rest) == 0;
}

static bool matches(
    const struct geo_override *o, const struct explained *e, const struct geo_client *inside)
{
    const struct geo_country *country = geo_country_find(e->place.country);

    switch (o->by) {
    case GEO_WHY_NETWORK:
        return network_has_client(&o->network, &e->client) ||
               network_has_client(&o->network, inside);
    case GEO_WHY_ASN:
        return o->asn == e->place.asn;
    case GEO_WHY_COUNTRY:
        return strcmp(o->code, e->place.country) == 0;
    case GEO_WHY_CONTINENT:
        return strcmp(o->code, e->place.continent) == 0 ||
               (e->place.continent[0] == '\0' && country != NULL &&
                   strcmp(o->code, country->continent) == 0);
    case GEO_WHY_NEAREST:
    case GEO_WHY_COUNTRY_POINT:
    case GEO_WHY_DEFAULT:
        return false;
    }
    return false;
}

/* Of networks the longest; else the first (geo/map.h). */
static const struct geo_override *find_override(const struct explained *e)
{
    const struct geo_map_conf *conf = &e->steer->map;
    struct geo_client inside = inside_of(&e->client, conf);
    const struct geo_override *found = NULL;

    for (unsigned i = 0; i < conf->overrides_n; i++) {
        const struct geo_override *o = &conf->overrides[i];

        if (o->by != e->choice.why || !matches(o, e, &inside))
            continue;
        if (found == NULL ||
            (o->by == GEO_WHY_NETWORK && o->network.prefix > found->network.prefix))
            found = o;
    }
    return found;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void choose(const struct explain_question *q, int family, struct steer_trace *trace,
    struct steer_choice *out)
{
    const struct steer_ask ask = {.client = &q->client, .family = family, .trace = trace};

    steer_choose(&q->steering, q->steer, &ask, out);
}

static void add_pop(
    const struct explain_question *q, struct explained *e, const struct steer_candidate *c)
{
    struct explained_pop *p = &e->pops[e->pops_n++];

    p->pop = c->pop;
    p->now = c->now;
    p->verdict = c->verdict;
    p->since_ms = pop_changed_ms(q->steering.pops, c->pop->index);
    p->place = q->maps != NULL
                   ? q->maps->places[c->pop->index]
                   : (struct geo_point){c->pop->has_location, c->pop->latitude, c->pop->longitude};
    p->km = km_to(e, &p->place);
}

void explain_client(const struct explain_question *q, struct arena *a, struct explained *out)
{
    struct steer_trace *trace = arena_zalloc(a, sizeof(*trace));
    struct explained e = {
        .steer = q->steer,
        .client = q->client,
        .looked_up = explain_looked_up(q->steer, &q->client),
        .place = q->place,
        .now = q->steering.now,
    };

    locate(&e);
    choose(q, AF_UNSPEC, trace, &e.choice);
    choose(q, AF_INET, NULL, &e.v4);
    choose(q, AF_INET6, NULL, &e.v6);
    e.override = find_override(&e);
    e.pops = arena_zalloc(a, trace->n * sizeof(*e.pops));
    for (unsigned i = 0; i < trace->n; i++)
        add_pop(q, &e, &trace->v[i]);
    *out = e;
}

/* --- words ----------------------------------------------------------------------------------- */

static struct span network_text(struct arena *a, const struct geo_client *c, unsigned bits)
{
    struct geo_client network = {.family = c->family};
    char text[ADDR_TEXT];
    struct addr addr;

    memcpy(network.address, c->address, bits / 8);
    if (bits % 8 != 0)
        network.address[bits / 8] = (uint8_t)(c->address[bits / 8] & (0xff << (8 - bits % 8)));
    addr = addr_of(&network);
    return arena_printf(a, "%s/%u", addr_ip_text(&addr, text), bits);
}

struct span explain_scope(const struct explained *e, struct arena *a)
{
    return network_text(a, &e->client, e->choice.scope);
}

struct span explain_override(const struct explained *e, struct arena *a)
{
    const struct geo_override *o = e->override;
    struct span text;

    if (o == NULL)
        return SPAN_EMPTY;
    text = arena_printf(a, "%s ", geo_why_word(o->by));
    if (o->by == GEO_WHY_NETWORK)
        text = arena_join(a, text, network_text(a, &o->network, o->network.prefix));
    else if (o->by == GEO_WHY_ASN)
        text = arena_printf(a, "asn %u", (unsigned)o->asn);
    else
        text = arena_join(a, text, span_of(o->code));
    text = arena_join(a, text, SPAN(" ->"));
    for (unsigned i = 0; i < o->list.n; i++) {
        unsigned point = o->list.points[i];

        if (point < e->steer->pops_n)
            text =
                arena_printf(a, "%.*s %.*s", SPAN_ARG(text), SPAN_ARG(e->steer->pops[point]->name));
    }
    return text;
}

static struct span since_text(const struct explained *e, mono_ms since_ms, struct arena *a)
{
    mono_ms s = (e->now - since_ms) / 1000;

    if (since_ms == 0 || s < 0)
        return SPAN_EMPTY;
    if (s < 120)
        return arena_printf(a, ", for %d s", (int)s);
    if (s < 7200)
        return arena_printf(a, ", for %d min", (int)(s / 60));
    if (s < 48 * 3600)
        return arena_printf(a, ", for %d h", (int)(s / 3600));
    return arena_printf(a, ", for %d days", (int)(s / 86400));
}

static const char *state_reason(enum pop_state s)
{
    switch (s) {
    case POP_STATE_UP:
        return "up";
    case POP_STATE_DRAINED:
        return "drained";
    case POP_STATE_DRAINING:
        return "its edges say that they are draining";
    case POP_STATE_DOWN_BY_ORDER:
        return "taken out";
    case POP_STATE_FAILED:
        return "fails its health checks";
    }
    return "";
}

struct span explain_reason(
    const struct explained *e, const struct explained_pop *p, struct arena *a)
{
    switch (p->verdict) {
    case STEER_CHOSEN:
        return SPAN("answers");
    case STEER_SPARE:
        return SPAN("others come first");
    case STEER_PASSED:
        return arena_join(a, span_of(state_reason(p->now.state)), since_text(e, p->since_ms, a));
    case STEER_NO_FAMILY:
        return SPAN("has no address of this family");
    case STEER_FAMILY_DOWN:
        return SPAN("no address of this family passes its checks");
    case STEER_SHEDS:
        return SPAN("above its capacity; hands this network over");
    case STEER_LOST_SHARE:
        return SPAN("as near as the one that answers, which has this network");
    }
    return SPAN_EMPTY;
}

static const char *why_text(unsigned why)
{
    switch ((enum geo_why_first)why) {
    case GEO_WHY_NETWORK:
        return "a rule for this network";
    case GEO_WHY_ASN:
        return "a rule for this autonomous system";
    case GEO_WHY_COUNTRY:
        return "a rule for this country";
    case GEO_WHY_CONTINENT:
        return "a rule for this continent";
    case GEO_WHY_NEAREST:
        return "the shortest distance";
    case GEO_WHY_COUNTRY_POINT:
        return "the shortest distance from the country";
    case GEO_WHY_DEFAULT:
        return "the default order, because the place is not known";
    }
    return "";
}

static const char *how_text(enum steer_how how)
{
    switch (how) {
    case STEER_FIRST:
        return "";
    case STEER_NEXT:
        return "; those before it cannot answer";
    case STEER_SHARED:
        return "; PoPs as near as each other share their clients";
    case STEER_SHED:
        return "; it takes over from one that is above its capacity";
    case STEER_ALL_DOWN:
        return "; none is up, so one that is not answers all the same";
    }
    return "";
}

struct span explain_why(const struct explained *e, struct arena *a)
{
    if (e->choice.n == 0)
        return e->choice.all_down ? SPAN("no PoP is up") : SPAN("no PoP has an address");
    return arena_printf(a, "%s%s", why_text(e->choice.why), how_text(e->choice.how));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *s)
{
    return s[0] != '\0' ? json_string(s) : json_null();
}

static json_t *degrees(bool known, double v)
{
    return known ? json_real(v) : json_null();
}

static json_t *place_json(const struct explained *e)
{
    static const char *const by[] = {
        [LOCATED_NOT] = "nothing",
        [LOCATED_BY_DATABASE] = "database",
        [LOCATED_BY_COUNTRY] = "country",
    };
    bool known = e->located != LOCATED_NOT;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}", "country", text_or_null(e->place.country),
        "continent", text_or_null(e->place.continent), "asn",
        e->place.asn != 0 ? json_integer(e->place.asn) : json_null(), "latitude",
        degrees(known, e->latitude), "longitude", degrees(known, e->longitude), "located_by",
        by[e->located]);
}

static void add_addrs(json_t *list, const struct pop *pop, int family, uint8_t mask)
{
    unsigned n;
    const struct addr *v = pop_addrs(pop, family, &n);
    char text[ADDR_TEXT];

    for (unsigned i = 0; i < n; i++) {
        if ((mask >> i & 1) != 0)
            json_array_append_new(list, json_string(addr_ip_text(&v[i], text)));
    }
}

static json_t *answer_json(const struct steer_choice *choice, int family)
{
    static const char *const ends[] = {
        [STEER_ANSWER] = "answer",
        [STEER_NODATA] = "no-address",
        [STEER_NOBODY] = "nobody",
    };
    json_t *pops = json_array(), *addrs = json_array();

    for (unsigned i = 0; i < choice->n; i++) {
        const struct steer_pick *pick = &choice->picks[i];

        json_array_append_new(pops, admin_json_text(pick->pop->name));
        if (family != AF_INET6)
            add_addrs(addrs, pick->pop, AF_INET, pick->v4);
        if (family != AF_INET)
            add_addrs(addrs, pick->pop, AF_INET6, pick->v6);
    }
    return json_pack("{s:s, s:o, s:o, s:i, s:i}", "end", ends[choice->end], "pops", pops,
        "addresses", addrs, "scope", (int)choice->scope, "ttl_s", (int)choice->ttl_s);
}

static json_t *pop_json(const struct explained *e, const struct explained_pop *p, struct arena *a)
{
    bool since = p->since_ms != 0;

    return json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "pop",
        admin_json_text(p->pop->name), "km",
        p->km >= 0 ? json_integer((json_int_t)(p->km + 0.5)) : json_null(), "state",
        pop_state_word(p->now.state), "since_s",
        since ? json_integer((e->now - p->since_ms) / 1000) : json_null(), "verdict",
        steer_verdict_text(p->verdict), "reason", admin_json_text(explain_reason(e, p, a)),
        "latitude", degrees(p->place.has_location, p->place.latitude), "longitude",
        degrees(p->place.has_location, p->place.longitude));
}

json_t *explain_json(const struct explained *e, struct arena *a)
{
    struct span override = explain_override(e, a);
    json_t *pops = json_array();
    char text[ADDR_TEXT];

    for (unsigned i = 0; i < e->pops_n; i++)
        json_array_append_new(pops, pop_json(e, &e->pops[i], a));
    return json_pack("{s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "steer",
        admin_json_text(e->steer->name), "client",
        admin_json_text(network_text(a, &e->client, e->client.prefix)), "looked_up",
        addr_ip_text(&e->looked_up, text), "place", place_json(e), "order",
        geo_why_word((enum geo_why_first)e->choice.why), "how", steer_how_word(e->choice.how),
        "why", admin_json_text(explain_why(e, a)), "override",
        override.n > 0 ? admin_json_text(override) : json_null(), "network",
        admin_json_text(explain_scope(e, a)), "answer", answer_json(&e->choice, AF_UNSPEC), "a",
        answer_json(&e->v4, AF_INET), "aaaa", answer_json(&e->v6, AF_INET6), "pops", pops);
}
