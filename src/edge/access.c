#include "edge/access.h"

#include "net/network_conf.h"

#include <string.h>

/* --- deciding ------------------------------------------------------------------------------- */

static const struct geo_place *place_of(const struct access_client *who)
{
    static const struct geo_place nowhere;

    if (who->geo == NULL)
        return &nowhere;
    if (!*who->placed) {
        geo_find(who->geo, &who->address->sa, who->place);
        *who->placed = true;
    }
    return who->place;
}

static bool has_code(const struct access_rule *r, const char code[3])
{
    for (unsigned i = 0; i < r->n; i++) {
        if (memcmp(r->codes[i], code, 2) == 0)
            return true;
    }
    return false;
}

static bool has_asn(const struct access_rule *r, uint32_t asn)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (r->asns[i] == asn)
            return true;
    }
    return false;
}

static bool matches(const struct access_rule *r, const struct access_client *who)
{
    switch (r->kind) {
    case ACCESS_ALL:
        return true;
    case ACCESS_NETWORK:
        return network_list_has(&r->networks, who->address);
    case ACCESS_COUNTRY:
        return has_code(r, place_of(who)->country);
    case ACCESS_CONTINENT:
        return has_code(r, place_of(who)->continent);
    case ACCESS_ASN:
        return has_asn(r, place_of(who)->asn);
    }
    return false;
}

const struct access_rule *access_refusal(
    const struct access_list *list, const struct access_client *who)
{
    for (const struct access_rule *r = list->first; r != NULL; r = r->next) {
        if (matches(r, who))
            return r->allow ? NULL : r;
    }
    return NULL;
}

const struct access_rule *access_by_place(const struct access_list *list)
{
    const struct access_rule *r = list->first;

    while (r != NULL && (r->kind == ACCESS_ALL || r->kind == ACCESS_NETWORK))
        r = r->next;
    return r;
}

/* --- directives ----------------------------------------------------------------------------- */

/* Two letters, in either case. */
static bool read_code(struct conf_load *l, const struct conf_word *w, char out[3])
{
    for (unsigned i = 0; i < 2; i++) {
        char c = w->text.n == 2 ? ascii_lower(w->text.p[i]) : '\0';

        if (c < 'a' || c > 'z') {
            conf_error(l->errors, w->at, "\"%.*s\" is no code of two letters, like DE or EU",
                CONF_SHOW(w->text));
            return false;
        }
        out[i] = (char)(c - 'a' + 'A');
    }
    out[2] = '\0';
    return true;
}

/* 64496, or AS64496. */
static bool read_asn(struct conf_load *l, const struct conf_word *w, uint32_t *out)
{
    struct span digits = span_istarts(w->text, SPAN("AS")) ? span_from(w->text, 2) : w->text;
    uint64_t n;

    if (!span_u64(digits, &n) || n == 0 || n > UINT32_MAX) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is no number of an autonomous system: 64496 would be", CONF_SHOW(w->text));
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool read_codes(struct conf_load *l, const struct conf_node *node, struct access_rule *r)
{
    char(*codes)[3] = arena_alloc(l->arena, node->args_n * sizeof(*codes));

    for (unsigned i = 1; i < node->args_n; i++) {
        if (!read_code(l, &node->args[i], codes[r->n++]))
            return false;
    }
    r->codes = codes;
    return true;
}

static bool read_asns(struct conf_load *l, const struct conf_node *node, struct access_rule *r)
{
    uint32_t *asns = arena_alloc(l->arena, node->args_n * sizeof(*asns));

    for (unsigned i = 1; i < node->args_n; i++) {
        if (!read_asn(l, &node->args[i], &asns[r->n++]))
            return false;
    }
    r->asns = asns;
    return true;
}

static bool read_rule(struct conf_load *l, const struct conf_node *node, struct access_rule *r)
{
    static const char *const kinds[] = {"country", "continent", "asn"};

    if (conf_arg_is(node, 0, "all")) {
        r->kind = ACCESS_ALL;
        if (node->args_n == 1)
            return true;
        conf_error(l->errors, node->args[1].at, "all stands alone");
        return false;
    }
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!conf_arg_is(node, 0, kinds[i]))
            continue;
        r->kind = (enum access_kind)(ACCESS_COUNTRY + i);
        if (node->args_n > 1)
            return r->kind == ACCESS_ASN ? read_asns(l, node, r) : read_codes(l, node, r);
        conf_error(l->errors, node->args[0].at, "%s needs one or more of them", kinds[i]);
        return false;
    }
    r->kind = ACCESS_NETWORK;
    return network_args(l, node, 0, &r->networks);
}

static void add(
    struct conf_load *l, struct access_list *list, const struct conf_node *node, bool allow)
{
    struct access_rule *r = arena_zalloc(l->arena, sizeof(*r));

    r->allow = allow;
    r->at = node->at;
    r->text = allow ? SPAN("allow") : SPAN("deny");
    for (unsigned i = 0; i < node->args_n && i < 4; i++)
        r->text =
            arena_join(l->arena, r->text, arena_join(l->arena, SPAN(" "), node->args[i].text));
    if (node->args_n > 4)
        r->text = arena_join(l->arena, r->text, SPAN(" ..."));
    if (!read_rule(l, node, r))
        return;
    if (!list->own)
        *list = (struct access_list){.own = true};
    if (list->first == NULL)
        list->first = r;
    else
        list->last->next = r;
    list->last = r;
}

static void set_allow(struct conf_load *l, void *self, const struct conf_node *node)
{
    add(l, self, node, true);
}

static void set_deny(struct conf_load *l, void *self, const struct conf_node *node)
{
    add(l, self, node, false);
}

#define ACCESS_USAGE "all|NETWORK...|country CODE...|continent CODE...|asn NUMBER..."

const struct directive access_directives[] = {
    {"allow", CONF_CUSTOM(set_allow, 1, CONF_ARGS_MAX), .usage = ACCESS_USAGE,
        .flags = DIRECTIVE_MANY, .unset = "as outside of the block, else all",
        .about = "Whoever matches may ask. Of the lines allow and deny the first that matches "
                 "decides; who matches none may ask. Lines inside of a block take the place of "
                 "all of those outside. The client's address counts: that of the connection, or "
                 "what a PROXY header says, never X-Forwarded-For. Countries (ISO 3166-1), "
                 "continents (AF, AN, AS, EU, NA, OC, SA) and autonomous systems are those of "
                 "the databases that geoip names."},
    {"deny", CONF_CUSTOM(set_deny, 1, CONF_ARGS_MAX), .usage = ACCESS_USAGE,
        .flags = DIRECTIVE_MANY,
        .about = "Whoever matches is answered 403, whatever is asked for and before anything is "
                 "looked up. See allow."},
    {0},
};
