/* zone_conf.c - zone_conf.h: directives to drafts of names and records. What they mean together is
 * judged by zone_build.c. */
#include "director/zone_conf.h"

#include "director/conf.h"
#include "director/dnssec.h"
#include "director/zone_impl.h"
#include "dns/rdata.h"

#include <stdio.h>

enum {
    TTL_MAX_S = 2147483647, /* RFC 2181 §8 */
    NEGATIVE_DEFAULT_S = 300,
};

/* ---- names ---- */

/* A name as people write it. False: it is none, which is reported. */
static bool parse_name(struct conf_load *l, const struct conf_word *w,
    const struct dns_name *origin, struct dns_name *out)
{
    const char *wrong = dns_name_parse(w->text, origin, out);

    if (wrong != NULL)
        conf_error(l->errors, w->at, "\"%.*s\" %s", CONF_SHOW(w->text), wrong);
    return wrong == NULL;
}

/* Nothing is to be put behind it: it ends in a dot, or in the zone's own name, or is @. */
static bool is_whole(struct span text, const struct dns_name *origin)
{
    struct dns_name name;

    if (span_eq(text, SPAN("@")) || span_ends(text, SPAN(".")))
        return true;
    return dns_name_parse(text, NULL, &name) == NULL &&
           dns_name_below(name.wire, name.n, origin->wire, origin->n) >= 0;
}

/* The word with a dot at its end if it is whole without one. */
static struct span whole_name(struct arena *a, struct span text, const struct dns_name *origin)
{
    if (is_whole(text, origin) && !span_eq(text, SPAN("@")) && !span_ends(text, SPAN(".")))
        return arena_join(a, text, SPAN("."));
    return text;
}

/* ---- records ---- */

/* Which word of a type's data is a name that may be one of the zone; -1: none is. */
static int target_word(uint16_t type)
{
    switch (type) {
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
        return 0;
    case DNS_MX:
    case DNS_SVCB:
    case DNS_HTTPS:
        return 1;
    case DNS_SRV:
        return 3;
    default: /* a number, not an enum of ours */
        return -1;
    }
}

/* One record of the words first .. first + n; reported when they make none. */
static void add_record(struct conf_load *l, struct zone_name *name, uint16_t type,
    const struct conf_node *node, unsigned first, unsigned n)
{
    struct zone_record *r = arena_zalloc(l->arena, sizeof(*r));
    const struct dns_name *origin = &name->draft->origin;
    int target = target_word(type);
    uint8_t rdata[DNS_RDATA_MAX];
    struct span words[CONF_ARGS_MAX];
    struct dns_why why;
    size_t rdata_n;

    for (unsigned i = 0; i < n; i++)
        words[i] = node->args[first + i].text;
    if (target >= 0 && (unsigned)target < n && !span_eq(words[0], SPAN("\\#"))) {
        if (!is_whole(words[target], origin) && span_find(words[target], '.') < words[target].n)
            r->target = words[target];
        words[target] = whole_name(l->arena, words[target], origin);
    }
    if (!dns_rdata_parse(type, words, n, origin, rdata, &rdata_n, &why)) {
        conf_error(l->errors, node->args[first].at, "%s", why.text);
        return;
    }
    r->type = type;
    r->n = (uint16_t)rdata_n;
    r->rdata = (const uint8_t *)arena_dup(l->arena, span_make((const char *)rdata, rdata_n)).p;
    r->at = n == 1 ? node->args[first].at : node->at;
    *name->records_end = r;
    name->records_end = &r->next;
    name->records_n++;
}

static uint16_t type_of(const struct conf_node *node)
{
    uint16_t type = 0;

    (void)!dns_type_parse(node->name, &type);
    return type;
}

/* cname, mx, txt, ...: one record out of all words. */
static void set_record(struct conf_load *l, void *self, const struct conf_node *node)
{
    add_record(l, self, type_of(node), node, 0, node->args_n);
}

/* a, aaaa, ns: one record out of each word. */
static void set_records(struct conf_load *l, void *self, const struct conf_node *node)
{
    for (unsigned i = 0; i < node->args_n; i++)
        add_record(l, self, type_of(node), node, i, 1);
}

/* What stops a type from being written as `record`; NULL: nothing. */
static const char *no_such_record(uint16_t type)
{
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_MX:
    case DNS_TXT:
    case DNS_CAA:
    case DNS_SRV:
    case DNS_SVCB:
    case DNS_HTTPS:
    case DNS_DS:
        return "has a directive of its own";
    case DNS_SOA:
        return "is written as soa, in the zone";
    case DNS_DNAME:
        return "is not served: what is below such a name would have to be made up";
    case DNS_RRSIG:
    case DNS_NSEC:
    case DNS_NSEC3:
    case DNS_NSEC3PARAM:
    case DNS_DNSKEY:
        return "is made by signing, and cannot be written";
    default: /* a number, not an enum of ours */
        return type == 0 || dns_type_is_meta(type) ? "is for questions, and no data" : NULL;
    }
}

/* record TYPE \# LENGTH HEX...: RFC 3597 §5. */
static void set_any_record(struct conf_load *l, void *self, const struct conf_node *node)
{
    const char *wrong;
    uint16_t type;

    if (!dns_type_parse(node->args[0].text, &type)) {
        conf_error(l->errors, node->args[0].at, "\"%.*s\" is no type: TLSA or TYPE52 would be one",
            CONF_SHOW(node->args[0].text));
        return;
    }
    wrong = no_such_record(type);
    if (wrong != NULL) {
        conf_error(l->errors, node->args[0].at, "%.*s %s", CONF_SHOW(node->args[0].text), wrong);
        return;
    }
    if (!conf_arg_is(node, 1, "\\#")) {
        conf_error(l->errors, node->args[1].at,
            "the data of a record stands here as bytes: \\# LENGTH HEX");
        return;
    }
    add_record(l, self, type, node, 1, node->args_n - 1);
}

static void set_steer(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct zone_name *name = self;

    if (name->steer.text.n > 0)
        conf_error(l->errors, node->at, "\"%.*s\" is steered already, on line %u",
            CONF_SHOW(name->text), name->steer.at.line);
    name->steer = node->args[0];
}

#define RECORD(word, usage_text, fn, least, most, sentence)                                        \
    {                                                                                              \
        word, CONF_CUSTOM(fn, least, most), .usage = (usage_text), .flags = DIRECTIVE_MANY,        \
                                            .about = (sentence)                                    \
    }

static const struct directive record_directives[] = {
    {"steer", CONF_CUSTOM(set_steer, 1, 1), .usage = "NAME",
        .about = "The name's addresses come from the steer of that name, for each client its own. "
                 "Other types may stand beside it, but no a, aaaa or cname."},
    RECORD("a", "ADDRESS...", set_records, 1, CONF_ARGS_MAX, "IPv4 addresses."),
    RECORD("aaaa", "ADDRESS...", set_records, 1, CONF_ARGS_MAX, "IPv6 addresses."),
    RECORD("ns", "NAME...", set_records, 1, CONF_ARGS_MAX,
        "Name servers: of the zone, at its apex; elsewhere the name and all below it are delegated "
        "to them. One that lies below the name needs its addresses here, as glue."),
    {"cname", CONF_CUSTOM(set_record, 1, 1), .usage = "NAME",
        .about = "The name is another name for that one, and has nothing else. A chain is followed "
                 "as far as our zones go. DNAME is not served."},
    RECORD("txt", "WORD...", set_record, 1, CONF_ARGS_MAX,
        "Text; a word of more than 255 bytes becomes several strings."),
    RECORD("mx", "PREFERENCE NAME", set_record, 2, 2, "Where mail goes."),
    RECORD("caa", "FLAGS TAG VALUE", set_record, 3, 3,
        "Which authorities may issue certificates (RFC 8659)."),
    RECORD("srv", "PRIORITY WEIGHT PORT NAME", set_record, 4, 4, "Where a service is (RFC 2782)."),
    RECORD("https", "PRIORITY NAME [KEY=VALUE]...", set_record, 2, CONF_ARGS_MAX,
        "How to connect by HTTPS (RFC 9460): 1 . alpn=h2,h3."),
    RECORD("svcb", "PRIORITY NAME [KEY=VALUE]...", set_record, 2, CONF_ARGS_MAX,
        "How to connect to a service (RFC 9460)."),
    RECORD("ptr", "NAME", set_record, 1, 1, "The name of an address, in a reverse zone."),
    RECORD("ds", "TAG ALGORITHM DIGEST-TYPE HEX...", set_record, 4, CONF_ARGS_MAX,
        "Key digest of a delegated zone that is signed (RFC 4034)."),
    RECORD("record", "TYPE \\# LENGTH HEX...", set_any_record, 3, CONF_ARGS_MAX,
        "A record of any other type, its data in bytes (RFC 3597): record TYPE44 \\# 3 010203."),
    {0},
};

/* ---- soa ---- */

static const char *const soa_words[] = {"serial", "refresh", "retry", "expire", "minimum", NULL};
enum { SOA_SERIAL, SOA_NUMBERS = 5, SOA_MINIMUM = 4 };

/* Without a dot at its end a name with a dot is whole here: hostmaster.example.com. */
static struct span soa_name(struct arena *a, struct span text, const struct dns_name *origin)
{
    if (span_find(text, '.') < text.n && !span_ends(text, SPAN(".")))
        return arena_join(a, text, SPAN("."));
    return whole_name(a, text, origin);
}

/* hostmaster@example.com becomes hostmaster.example.com., with dots before the @ escaped (RFC 1035
 * §8). */
static struct span soa_mailbox(struct arena *a, struct span text, const struct dns_name *origin)
{
    size_t at = span_find(text, '@');
    struct span dst = SPAN_EMPTY;

    if (at == 0 || at == text.n)
        return soa_name(a, text, origin);
    for (size_t i = 0; i < at; i++) {
        char escaped[3] = {'\\', text.p[i], '\0'};

        dst = arena_join(a, dst, text.p[i] == '.' ? span_of(escaped) : span_make(text.p + i, 1));
    }
    dst = arena_join(a, dst, SPAN("."));
    return soa_name(a, arena_join(a, dst, span_from(text, at + 1)), origin);
}

/* The number behind a word of soa, in seconds but for the serial. */
static bool soa_number(
    struct conf_load *l, const struct conf_node *node, unsigned i, int which, uint64_t *out)
{
    int64_t ms;

    if (which == SOA_SERIAL) {
        if (span_u64(node->args[i].text, out) && *out <= UINT32_MAX)
            return true;
        conf_error(l->errors, node->args[i].at,
            "serial \"%.*s\" is not a number from 0 to 4294967295", CONF_SHOW(node->args[i].text));
        return false;
    }
    if (!conf_arg_duration(l, node, i, &ms))
        return false;
    *out = (uint64_t)ms / 1000;
    if (ms % 1000 == 0 && *out <= TTL_MAX_S)
        return true;
    conf_error(l->errors, node->args[i].at, "%s is in whole seconds, %d at most", soa_words[which],
        TTL_MAX_S);
    return false;
}

static void set_soa(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct zone_draft *z = self;
    uint64_t numbers[SOA_NUMBERS] = {0, 3600, 900, 14 * 86400, NEGATIVE_DEFAULT_S};
    struct conf_word args[2 + SOA_NUMBERS];
    struct conf_node whole = {.name = node->name, .at = node->at, .args = args, .args_n = 7};
    unsigned seen = 0;
    int which;

    for (unsigned i = 2; i < node->args_n; i += 2) {
        if (!conf_arg_word(l, node, i, soa_words, &which))
            return;
        if (i + 1 == node->args_n || (seen & 1u << which) != 0) {
            conf_error(l->errors, node->args[i].at,
                seen & 1u << which ? "%s is there twice" : "%s needs a value behind it",
                soa_words[which]);
            return;
        }
        seen |= 1u << which;
        if (!soa_number(l, node, i + 1, which, &numbers[which]))
            return;
    }
    if ((seen & 1u << SOA_SERIAL) == 0) {
        conf_error(l->errors, node->at, "soa has no serial: soa %.*s %.*s serial 1",
            CONF_SHOW(node->args[0].text), CONF_SHOW(node->args[1].text));
        return;
    }
    args[0] = node->args[0];
    args[0].text = soa_name(l->arena, args[0].text, &z->origin);
    args[1] = node->args[1];
    args[1].text = soa_mailbox(l->arena, args[1].text, &z->origin);
    for (int i = 0; i < SOA_NUMBERS; i++)
        args[2 + i] = (struct conf_word){
            arena_printf(l->arena, "%llu", (unsigned long long)numbers[i]), node->at};
    add_record(l, &z->apex, DNS_SOA, &whole, 0, whole.args_n);
    z->negative_max_s = (uint32_t)numbers[SOA_MINIMUM];
}

/* ---- blocks ---- */

void zone_name_init(
    struct zone_name *n, struct zone_draft *z, struct span text, const uint8_t *wire, size_t wire_n)
{
    n->node.name = wire;
    n->node.name_n = (uint8_t)wire_n;
    n->node.labels = (uint8_t)dns_name_labels(wire);
    n->node.zone = &z->zone;
    n->text = text;
    n->draft = z;
    n->records_end = &n->records;
    n->ttl_ms = -1;
}

static void judge_ttl(struct conf_load *l, const struct conf_node *block, int64_t ttl_ms)
{
    const struct conf_node *node = conf_find_child(block, "ttl");

    if (node != NULL && ttl_ms % 1000 != 0)
        conf_error(
            l->errors, node->at, "ttl is in whole seconds: %lld ms is not", (long long)ttl_ms);
}

static void *name_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct zone_draft *z = parent;
    struct conf_word word = node->args[0];
    struct dns_name name;
    struct zone_name *n;

    word.text = whole_name(l->arena, word.text, &z->origin);
    if (!parse_name(l, &word, &z->origin, &name))
        return NULL;
    if (dns_name_below(name.wire, name.n, z->origin.wire, z->origin.n) < 0) {
        conf_error(l->errors, word.at, "\"%.*s\" is not in zone %.*s", CONF_SHOW(word.text),
            CONF_SHOW(z->text));
        return NULL;
    }
    if (name.n == z->origin.n) {
        if (z->apex.opened)
            conf_error(l->errors, word.at, "the zone's own name stands here already, on line %u",
                z->apex.at.line);
        z->apex.opened = true;
        z->apex.at = node->at;
        return &z->apex;
    }
    dns_name_lower(name.wire, name.wire, name.n);
    n = arena_zalloc(l->arena, sizeof(*n));
    zone_name_init(n, z, node->args[0].text,
        (const uint8_t *)arena_dup(l->arena, span_make((const char *)name.wire, name.n)).p, name.n);
    n->at = node->at;
    *z->names_end = n;
    z->names_end = &n->next;
    return n;
}

static void name_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    const struct zone_name *n = self;

    judge_ttl(l, node, n->ttl_ms);
}

static const struct directive name_directives[] = {
    {"ttl", CONF_DURATION(struct zone_name, ttl_ms), .min = 0, .max = TTL_MAX_S * 1000LL,
        .unset = "as in the zone",
        .about = "How long resolvers may keep the name's records, in whole seconds. Steered "
                 "addresses have the TTL of their steer."},
    {0},
};

static const struct conf_context name_context = {
    .name = "name",
    .about = "A name of a zone and its records. It is relative to the zone unless it ends in a dot "
             "or in the zone's name; @ is the zone itself, and * all names that do not exist at "
             "its place (RFC 4592).",
    .tables = {{name_directives, 0}, {record_directives, 0}},
    .open = name_open,
    .close = name_close,
};

static void *zone_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct zones_conf *zones = &((struct director_conf *)parent)->zones;
    struct zone_draft *z;
    struct dns_name name;

    if (span_find(node->args[0].text, ':') < node->args[0].text.n) {
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is no name of a zone: cdn.example.com would be, without scheme and port",
            CONF_SHOW(node->args[0].text));
        return NULL;
    }
    if (!parse_name(l, &node->args[0], NULL, &name))
        return NULL;
    z = arena_zalloc(l->arena, sizeof(*z));
    z->origin.n = name.n;
    dns_name_lower(z->origin.wire, name.wire, name.n);
    z->text = node->args[0].text;
    z->zone.at = z->apex.at = node->at;
    z->zone.apex = &z->apex.node;
    z->names_end = &z->names;
    zone_name_init(&z->apex, z, SPAN("@"), z->origin.wire, z->origin.n);
    if (zones->drafts_end == NULL)
        zones->drafts_end = &zones->drafts;
    *zones->drafts_end = z;
    zones->drafts_end = &z->next;
    return z;
}

static void zone_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    const struct zone_draft *z = self;

    judge_ttl(l, node, z->ttl_ms);
}

static const struct directive zone_directives[] = {
    {"soa", CONF_CUSTOM(set_soa, 4, 12),
        .usage = "PRIMARY MAILBOX serial NUMBER [refresh DURATION] [retry DURATION] "
                 "[expire DURATION] [minimum DURATION]",
        .flags = DIRECTIVE_REQUIRED,
        .about = "The zone's primary name server, the mailbox of who looks after it (with . or @), "
                 "and its serial number. refresh (1h), retry (15m) and expire (14d) are for "
                 "secondaries; minimum (5m) is how long it may be kept that something does not "
                 "exist."},
    {"ttl", CONF_DURATION(struct zone_draft, ttl_ms), .preset = "1h", .min = 0,
        .max = TTL_MAX_S * 1000LL,
        .about =
            "How long resolvers may keep records, in whole seconds; names may have their own."},
    {"dnssec", CONF_BLOCK(&dnssec_context, 0, 0)},
    {"name", CONF_BLOCK(&name_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY},
    {0},
};

const struct conf_context zone_context = {
    .name = "zone",
    .about = "A zone that we answer for, with authority. Records in the block itself are those of "
             "the zone's own name; at least one ns must be among them.",
    .tables = {{zone_directives, 0}, {record_directives, offsetof(struct zone_draft, apex)}},
    .open = zone_open,
    .close = zone_close,
};

void zones_conf_free(struct zones_conf *z)
{
    for (struct zone_draft *draft = z->drafts; draft != NULL; draft = draft->next)
        dnssec_free(draft->zone.dnssec);
}
