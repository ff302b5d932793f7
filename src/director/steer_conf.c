#include "director/steer_conf.h"

#include "base/check.h"
#include "conf/suggest.h"
#include "director/conf.h"
#include "director/pop_conf.h"
#include "geo/country.h"
#include "geo/embedded.h"
#include "net/network_conf.h"

#include <stdlib.h>
#include <string.h>

enum { TTL_MAX_MS = 86400000, CHANGING_MAX_MS = 3600000, SHARE_MAX_KM = 20038 };

/* What is known of an override before the PoPs are. */
struct override {
    struct geo_override of;
    const struct conf_node *node;
    const struct conf_word *word; /* that says which one of its kind */
    unsigned pops_at;             /* first word behind -> */
};

/* What a steer is while it is read. */
struct steer_reading {
    const struct conf_node *node;
    struct override *v; /* owns, by malloc(): there may be many, and they do not live long */
    unsigned n, cap;
};

/* --- numbers ------------------------------------------------------------------------------ */

/* 300km, 0km or off */
static void set_share_within(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span text = node->args[0].text;
    struct steer *s = self;
    uint64_t km;

    if (span_eq(text, SPAN("off")))
        s->map.alike_km = -1;
    else if (span_ends(text, SPAN("km")) && span_u64(span_make(text.p, text.n - 2), &km) &&
             km <= SHARE_MAX_KM)
        s->map.alike_km = (double)km;
    else
        conf_error(
            l->errors, node->args[0].at, "\"%.*s\" is no distance: 300km, or off", CONF_SHOW(text));
}

/* scope-limit V4BITS V6BITS */
static void set_scope_limit(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const int64_t most[2] = {32, 128};
    struct steer *s = self;
    int64_t bits[2];

    for (unsigned i = 0; i < 2; i++) {
        if (!conf_arg_integer(l, node, i, &bits[i]))
            return;
        if (bits[i] < 1 || bits[i] > most[i]) {
            conf_error(l->errors, node->args[i].at,
                "\"%.*s\" is out of bounds: an IPv%c prefix has 1 to %d bits",
                CONF_SHOW(node->args[i].text), i == 0 ? '4' : '6', (int)most[i]);
            return;
        }
    }
    s->map.v4_bits = (uint8_t)bits[0];
    s->map.v6_bits = (uint8_t)bits[1];
}

static void set_nat64(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct steer *s = self;
    struct geo_nat64 *v = arena_zalloc(l->arena, GEO_NAT64_MAX * sizeof(*v));

    s->map.nat64 = v;
    for (unsigned i = 0; i < node->args_n; i++) {
        const struct conf_word *w = &node->args[i];
        struct geo_nat64 one = {.bits = 0};
        struct network net;

        if (!network_arg(l, w, &net))
            continue;
        memcpy(one.prefix, net.bytes, sizeof(one.prefix));
        one.bits = (uint8_t)net.bits;
        if (span_find(w->text, ':') == w->text.n || !geo_nat64_is_valid(&one))
            conf_error(l->errors, w->at,
                "\"%.*s\" is no NAT64 prefix: it is IPv6, of 32, 40, 48, 56, 64 or 96 bits",
                CONF_SHOW(w->text));
        else if (s->map.nat64_n == GEO_NAT64_MAX)
            conf_error(l->errors, w->at, "there are more than %d NAT64 prefixes", GEO_NAT64_MAX);
        else
            v[s->map.nat64_n++] = one;
    }
}

/* --- overrides, up to -> -------------------------------------------------------------------- */

static bool read_network(struct conf_load *l, const struct conf_word *w, struct geo_override *out)
{
    struct network net;
    bool v4 = span_find(w->text, ':') == w->text.n;

    if (!network_arg(l, w, &net))
        return false;
    out->network.family = v4 ? 4 : 6;
    out->network.prefix = (uint8_t)(v4 ? net.bits - 96 : net.bits);
    memcpy(out->network.address, v4 ? net.bytes + 12 : net.bytes, v4 ? 4 : 16);
    return true;
}

/* 64500 or AS64500 */
static bool read_asn(struct conf_load *l, const struct conf_word *w, struct geo_override *out)
{
    uint64_t asn;

    if (!span_u64(span_istarts(w->text, SPAN("as")) ? span_from(w->text, 2) : w->text, &asn) ||
        asn == 0 || asn > UINT32_MAX) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is no number of an autonomous system: 64500 or AS64500 would be",
            CONF_SHOW(w->text));
        return false;
    }
    out->asn = (uint32_t)asn;
    return true;
}

static bool read_code(const struct conf_word *w, char code[3])
{
    for (unsigned i = 0; i < 2; i++) {
        char c = w->text.n == 2 ? ascii_lower(w->text.p[i]) : 0;

        if (c < 'a' || c > 'z')
            return false;
        code[i] = (char)(c - 'a' + 'A');
    }
    code[2] = '\0';
    return true;
}

static bool read_country(struct conf_load *l, const struct conf_word *w, struct geo_override *out)
{
    /* What people write for what ISO 3166-1 calls otherwise. */
    static const struct {
        const char *said, *meant;
    } others[] = {{"UK", "GB"}, {"EL", "GR"}, {"EN", "GB"}};

    if (read_code(w, out->code) && geo_country_find(out->code) != NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (span_ieq(w->text, span_of(others[i].said))) {
            conf_error(l->errors, w->at, "\"%.*s\" is no country code, did you mean \"%s\"?",
                CONF_SHOW(w->text), others[i].meant);
            return false;
        }
    }
    conf_error(l->errors, w->at,
        "\"%.*s\" is no country: it is written by its two letters of ISO 3166-1, as DE or JP",
        CONF_SHOW(w->text));
    return false;
}

static bool read_continent(struct conf_load *l, const struct conf_word *w, struct geo_override *out)
{
    static const char *const codes[] = {"AF", "AN", "AS", "EU", "NA", "OC", "SA"};
    bool good = read_code(w, out->code);

    for (size_t i = 0; i < ARRAY_LEN(codes) && good; i++) {
        if (memcmp(out->code, codes[i], 3) == 0)
            return true;
    }
    conf_error(l->errors, w->at, "\"%.*s\" is no continent: AF, AN, AS, EU, NA, OC and SA are",
        CONF_SHOW(w->text));
    return false;
}

static struct override *add_override(struct steer_reading *r)
{
    if (r->n == r->cap) {
        r->cap = r->cap != 0 ? r->cap * 2 : 64;
        r->v = xrealloc(r->v, r->cap * sizeof(*r->v));
    }
    r->v[r->n] = (struct override){.node = NULL};
    return &r->v[r->n++];
}

/* WHICH... -> POP... */
static void set_override(struct conf_load *l, struct steer *s, const struct conf_node *node,
    enum geo_why_first by,
    bool (*read)(struct conf_load *l, const struct conf_word *w, struct geo_override *out))
{
    struct steer_reading *r = s->reading;
    unsigned arrow = 0;

    while (arrow < node->args_n && !conf_arg_is(node, arrow, "->"))
        arrow++;
    if (arrow == 0 || arrow + 1 >= node->args_n) {
        conf_error(l->errors, node->at, "%.*s needs an arrow and PoPs behind it: %.*s %s -> fra",
            SPAN_ARG(node->name), SPAN_ARG(node->name), arrow == 0 ? "..." : node->args[0].text.p);
        return;
    }
    for (unsigned i = 0; i < arrow; i++) {
        struct geo_override of = {.by = by};
        struct override *o;

        if (!read(l, &node->args[i], &of))
            continue;
        if (r->n == GEO_OVERRIDES_MAX) {
            conf_error(l->errors, node->at, "there are more than %d overrides", GEO_OVERRIDES_MAX);
            return;
        }
        o = add_override(r);
        o->of = of;
        o->node = node;
        o->word = &node->args[i];
        o->pops_at = arrow + 1;
    }
}

static void set_network(struct conf_load *l, void *self, const struct conf_node *node)
{
    set_override(l, self, node, GEO_WHY_NETWORK, read_network);
}

static void set_asn(struct conf_load *l, void *self, const struct conf_node *node)
{
    set_override(l, self, node, GEO_WHY_ASN, read_asn);
}

static void set_country(struct conf_load *l, void *self, const struct conf_node *node)
{
    set_override(l, self, node, GEO_WHY_COUNTRY, read_country);
}

static void set_continent(struct conf_load *l, void *self, const struct conf_node *node)
{
    set_override(l, self, node, GEO_WHY_CONTINENT, read_continent);
}

/* --- the block ------------------------------------------------------------------------------ */

/* PoPs are looked up when all are known. */
static void set_pops(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)l;
    (void)self;
    (void)node;
}

static const char *const all_down_words[] = {"all", "default", "servfail", NULL};

static const struct directive steer_directives[] = {
    {"pops", CONF_CUSTOM(set_pops, 1, CONF_ARGS_MAX), .usage = "POP...",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about = "Where clients are sent. The order counts for those of whom nothing is known."},
    {"ttl", CONF_DURATION(struct steer, ttl_ms), .preset = "30s", .min = 1000, .max = TTL_MAX_MS,
        .about = "How long resolvers keep an answer, in whole seconds."},
    {"ttl-changing", CONF_DURATION(struct steer, ttl_changing_ms), .preset = "5s", .min = 1000,
        .max = TTL_MAX_MS,
        .about = "The same while a PoP of these has gone or come back lately, if that is less "
                 "than ttl."},
    {"changing-for", CONF_DURATION(struct steer, changing_ms), .preset = "1m",
        .max = CHANGING_MAX_MS, .about = "How long after such a change that is so."},
    {"answers", CONF_INTEGER(struct steer, answers), .preset = "1", .min = 1,
        .max = STEER_ANSWERS_MAX,
        .about = "PoPs whose addresses are in one answer. Clients choose among them as they like, "
                 "so more than one gives up some of the nearness."},
    {"share-within", CONF_CUSTOM(set_share_within, 1, 1), .usage = "DISTANCEkm|off",
        .preset = "off",
        .about = "PoPs that are at most so much farther from a client than the nearest one share "
                 "such clients, by their weights: up to 8 of them, or neighbours + 1. A client "
                 "network (/24, /56) keeps its PoP, and when one goes, only its clients move."},
    {"neighbours", CONF_INTEGER(struct steer, neighbours), .preset = "2", .min = 1,
        .max = GEO_KEEP_MAX - 1,
        .about = "The next so many PoPs take the clients that one above its capacity hands over. "
                 "Maps grow with it."},
    {"all-down", CONF_WORD(struct steer, all_down, all_down_words), .preset = "all",
        .about = "What is answered when no PoP is up: with all, as if all of them were (but those "
                 "with state down), since the checks may be wrong; with default, the first of pops "
                 "for everybody; with servfail, an error, so that resolvers use what they still "
                 "have or ask another server. An extended error (RFC 8914) says so in each case."},
    {"network", CONF_CUSTOM(set_network, 3, CONF_ARGS_MAX), .usage = "NETWORK... -> POP...",
        .flags = DIRECTIVE_MANY,
        .about = "Clients in these networks are sent to these PoPs, in this order, before all "
                 "others. The longest network that fits counts, before any asn, country and "
                 "continent."},
    {"asn", CONF_CUSTOM(set_asn, 3, CONF_ARGS_MAX), .usage = "NUMBER... -> POP...",
        .flags = DIRECTIVE_MANY,
        .about = "The same for clients of autonomous systems, if a database has their numbers."},
    {"country", CONF_CUSTOM(set_country, 3, CONF_ARGS_MAX), .usage = "COUNTRY... -> POP...",
        .flags = DIRECTIVE_MANY, .about = "The same for clients in countries: DE, JP."},
    {"continent", CONF_CUSTOM(set_continent, 3, CONF_ARGS_MAX), .usage = "CONTINENT... -> POP...",
        .flags = DIRECTIVE_MANY,
        .about = "The same for clients on continents: AF, AN, AS, EU, NA, OC, SA."},
    {"nat64", CONF_CUSTOM(set_nat64, 1, GEO_NAT64_MAX), .usage = "PREFIX...",
        .unset = "64:ff9b::/96",
        .about = "Prefixes of NAT64: a client in one of them is where the IPv4 address in its "
                 "address is."},
    {"scope-limit", CONF_CUSTOM(set_scope_limit, 2, 2), .usage = "BITS4 BITS6",
        .unset = "none: 32 and 128",
        .about = "The most bits that the scope of an answer has (RFC 7871), so that resolvers keep "
                 "fewer answers apart. A network of which parts are nearer to another PoP gets "
                 "what is right for most of it."},
    {0},
};

static void *open_steer(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct steer_list *list = &((struct director_conf *)parent)->steers;
    const struct conf_word *name = &node->args[0];
    const struct steer *other = steer_find(list, name->text);
    struct steer *s;

    if (!pop_conf_name(l, name))
        return NULL;
    if (other != NULL) {
        conf_error(l->errors, name->at, "there is a steer \"%.*s\" already, in %s:%u",
            CONF_SHOW(name->text), other->at.file, other->at.line);
        return NULL;
    }
    if (list->n == STEERS_MAX) {
        conf_error(l->errors, node->at, "there are more than %d steers", STEERS_MAX);
        return NULL;
    }
    if (list->v == NULL)
        list->v = arena_zalloc(l->arena, STEERS_MAX * sizeof(*list->v));
    s = &list->v[list->n];
    s->index = list->n++;
    s->name = arena_dup(l->arena, name->text);
    s->at = node->at;
    s->reading = arena_zalloc(l->arena, sizeof(*s->reading));
    s->reading->node = node;
    return s;
}

static void judge_seconds(
    struct conf_load *l, const struct conf_node *block, const char *name, int64_t ms)
{
    const struct conf_node *said = conf_find_child(block, name);

    if (said != NULL && ms % 1000 != 0)
        conf_error(l->errors, said->at, "%s counts in whole seconds", name);
}

static void close_steer(struct conf_load *l, void *self, const struct conf_node *node)
{
    const struct steer *s = self;

    judge_seconds(l, node, "ttl", s->ttl_ms);
    judge_seconds(l, node, "ttl-changing", s->ttl_changing_ms);
}

const struct conf_context steer_context = {
    .name = "steer",
    .about = "To which PoPs clients are sent, and by what.",
    .open = open_steer,
    .close = close_steer,
    .tables = {{steer_directives}},
};

/* --- names ---------------------------------------------------------------------------------- */

static void unknown_pop(struct conf_load *l, const struct conf_word *w, const struct pop_list *pops)
{
    struct suggestion near = {.of = w->text};

    for (unsigned i = 0; i < pops->n; i++)
        suggest_offer(&near, pops->v[i].name.p);
    if (near.best != NULL)
        conf_error(l->errors, w->at, "there is no pop \"%.*s\", did you mean \"%s\"?",
            CONF_SHOW(w->text), near.best);
    else
        conf_error(l->errors, w->at, "there is no pop \"%.*s\"", CONF_SHOW(w->text));
}

/* Its place among the steer's PoPs, or pops_n. */
static unsigned place_of(const struct steer *s, const struct pop *p)
{
    unsigned i = 0;

    while (i < s->pops_n && s->pops[i] != p)
        i++;
    return i;
}

static void resolve_pops(struct conf_load *l, struct steer *s, const struct pop_list *pops)
{
    const struct pop **v = arena_zalloc(l->arena, STEER_POPS_MAX * sizeof(const struct pop *));

    s->pops = v;
    conf_each (said, s->reading->node) {
        if (!span_eq(said->name, SPAN("pops")))
            continue;
        for (unsigned i = 0; i < said->args_n; i++) {
            const struct conf_word *w = &said->args[i];
            const struct pop *p = pop_find(pops, w->text);

            if (p == NULL)
                unknown_pop(l, w, pops);
            else if (place_of(s, p) < s->pops_n)
                conf_error(l->errors, w->at, "\"%.*s\" stands there twice", CONF_SHOW(w->text));
            else if (s->pops_n == STEER_POPS_MAX)
                conf_error(l->errors, w->at, "a steer has at most %d pops", STEER_POPS_MAX);
            else
                v[s->pops_n++] = p;
        }
    }
}

/* The words behind -> of one directive. */
static struct geo_list read_list(struct conf_load *l, const struct steer *s,
    const struct conf_node *node, unsigned from, const struct pop_list *pops)
{
    uint8_t *v = arena_alloc(l->arena, node->args_n);
    struct geo_list list = {.points = v};

    for (unsigned i = from; i < node->args_n; i++) {
        const struct conf_word *w = &node->args[i];
        const struct pop *p = pop_find(pops, w->text);
        unsigned at = p != NULL ? place_of(s, p) : s->pops_n;

        if (p == NULL)
            unknown_pop(l, w, pops);
        else if (at == s->pops_n)
            conf_error(l->errors, w->at, "the steer \"%s\" does not have the pop \"%.*s\" in pops",
                s->name.p, CONF_SHOW(w->text));
        else if (memchr(v, (int)at, list.n) != NULL)
            conf_error(l->errors, w->at, "\"%.*s\" stands there twice", CONF_SHOW(w->text));
        else
            v[list.n++] = (uint8_t)at;
    }
    return list;
}

static int order_of(const struct geo_override *a, const struct geo_override *b)
{
    if (a->by != b->by)
        return a->by < b->by ? -1 : 1;
    if (a->asn != b->asn)
        return a->asn < b->asn ? -1 : 1;
    if (a->network.family != b->network.family || a->network.prefix != b->network.prefix)
        return a->network.family != b->network.family ? a->network.family - b->network.family
                                                      : a->network.prefix - b->network.prefix;
    if (memcmp(a->code, b->code, sizeof(a->code)) != 0)
        return memcmp(a->code, b->code, sizeof(a->code));
    return memcmp(a->network.address, b->network.address, sizeof(a->network.address));
}

/* Of two alike, the one that was written first comes first. */
static int compare(const void *x, const void *y)
{
    const struct override *a = *(const struct override *const *)x;
    const struct override *b = *(const struct override *const *)y;
    int order = order_of(&a->of, &b->of);

    return order != 0 ? order : (a > b) - (a < b);
}

static void judge_twice(struct conf_load *l, const struct steer_reading *r)
{
    const struct override **sorted = xcalloc(r->n, sizeof(struct override *));

    for (unsigned i = 0; i < r->n; i++)
        sorted[i] = &r->v[i];
    qsort(sorted, r->n, sizeof(*sorted), compare);
    for (unsigned i = 1; i < r->n; i++) {
        const struct override *a = sorted[i - 1], *b = sorted[i];

        if (order_of(&a->of, &b->of) == 0)
            conf_error(l->errors, b->word->at, "%.*s %.*s has been said already, in %s:%u",
                SPAN_ARG(b->node->name), CONF_SHOW(b->word->text), a->word->at.file,
                a->word->at.line);
    }
    free(sorted);
}

static void resolve_overrides(struct conf_load *l, struct steer *s, const struct pop_list *pops)
{
    struct steer_reading *r = s->reading;
    struct geo_override *v = arena_alloc(l->arena, r->n * sizeof(*v));
    const struct conf_node *last = NULL;
    struct geo_list list = {.n = 0};

    for (unsigned i = 0; i < r->n; i++) {
        if (r->v[i].node != last)
            list = read_list(l, s, r->v[i].node, r->v[i].pops_at, pops);
        last = r->v[i].node;
        v[i] = r->v[i].of;
        v[i].list = list;
    }
    if (r->n > 0)
        judge_twice(l, r);
    s->map.overrides = v;
    s->map.overrides_n = r->n;
}

/* So many at the front of an order must be told apart: those who take what is shed, and those who
 * share. */
static unsigned keep_of(const struct steer *s)
{
    enum { SHARING = 8 };
    unsigned keep = (unsigned)s->neighbours + 1;

    if (s->map.alike_km >= 0 && keep < SHARING)
        keep = SHARING;
    return keep < s->pops_n ? keep : s->pops_n;
}

void steer_list_resolve(struct conf_load *l, struct steer_list *steers, const struct pop_list *pops)
{
    for (unsigned i = 0; i < steers->n; i++) {
        struct steer *s = &steers->v[i];

        resolve_pops(l, s, pops);
        resolve_overrides(l, s, pops);
        s->map.points_n = s->pops_n;
        s->map.keep = keep_of(s);
        free(s->reading->v);
        s->reading = NULL;
    }
}
