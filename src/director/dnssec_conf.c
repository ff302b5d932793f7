/* dnssec_conf.c - dnssec.h: the block dnssec { } of a zone. */
#include "director/dnssec.h"
#include "director/key_file.h"
#include "director/zone_impl.h"
#include "dns/types.h"

#include <string.h>

enum { DAY_MS = 86400000 };

static const char *const role_words[] = {"active", "standby", "retired", NULL};
static const char *const cds_words[] = {"off", "on", "delete", NULL};

/* What the block stands for while it is read: the zone, which its keys must be of. */
struct dnssec_draft {
    struct dnssec dnssec;
    struct zone_draft *zone;
};

static bool is_known(const struct dnssec *d, const struct dnskey *k)
{
    for (unsigned i = 0; i < d->keys_n; i++) {
        if (memcmp(d->keys[i].key.point, k->point, DNSKEY_POINT_LEN) == 0)
            return true;
    }
    return false;
}

/* key FILE [active|standby|retired] */
static void set_key(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct dnssec_draft *draft = self;
    struct dnssec *d = &draft->dnssec;
    struct conf_place at = node->args[0].at;
    int role = DNSSEC_ACTIVE;
    char why[KEY_FILE_WHY], name[DNS_NAME_TEXT];
    struct key_file f;

    if (node->args_n == 2 && !conf_arg_word(l, node, 1, role_words, &role))
        return;
    if (!key_file_read(node->args[0].text, &f, why)) {
        conf_error(l->errors, at, "%s", why);
    } else if (!dns_name_eq(
                   f.owner.wire, f.owner.n, draft->zone->origin.wire, draft->zone->origin.n)) {
        conf_error(l->errors, at, "the key is of %s, and not of this zone",
            dns_name_text(f.owner.wire, name));
    } else if (is_known(d, &f.key)) {
        conf_error(l->errors, at, "this key stands there twice");
    } else if (d->keys_n == DNSSEC_KEYS_MAX) {
        conf_error(l->errors, at, "a zone has %d keys at most", DNSSEC_KEYS_MAX);
    } else {
        d->keys[d->keys_n++] = (struct dnssec_key){
            .key = f.key, .role = (enum dnssec_role)role, .file = node->args[0].text};
        return;
    }
    dnskey_free(&f.key);
}

static const struct directive dnssec_directives[] = {
    {"key", CONF_CUSTOM(set_key, 1, 2), .usage = "FILE [active|standby|retired]",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about =
            "A key of the zone: what selvagectl dnssec keygen printed, the name of the files "
            "without .key and .private. dnssec-keygen's are taken, too, if they are of algorithm "
            "13 (ECDSAP256SHA256). All keys are published; an active one signs. Of an active pair, "
            "one with the SEP flag (257) and one without (256), the former signs keys and the "
            "latter everything else. Keys that are standby or retired sign keys alone, if they "
            "have "
            "SEP: so an old one or a new one, whichever the DS at the parent points to, will do. "
            "Nobody else than its owner may write the files, and not everybody may read "
            "FILE.private."},
    {"validity", CONF_DURATION(struct dnssec, validity_ms), .preset = "14d", .min = 10000,
        .max = 366LL * DAY_MS,
        .about = "How long a signature is good. Each ends up to a sixteenth of this sooner, so "
                 "that not all are made anew at once; each begins an hour before it was made."},
    {"refresh", CONF_DURATION(struct dnssec, refresh_ms), .preset = "7d", .min = 1000,
        .max = 365LL * DAY_MS,
        .about = "So long before its end a signature is replaced. Longer than any TTL of the zone, "
                 "and at most three quarters of validity."},
    {"cds", CONF_WORD(struct dnssec, cds, cds_words), .preset = "off",
        .about = "Whether the parent is told by CDS and CDNSKEY what DS it should have (RFC 7344): "
                 "those of the active and standby keys; or none any more, with delete (RFC 8078)."},
    {0},
};

static void *dnssec_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct dnssec_draft *draft = arena_zalloc(l->arena, sizeof(*draft));

    (void)node;
    draft->zone = parent;
    draft->zone->zone.dnssec = &draft->dnssec;
    return draft;
}

static bool has_active(const struct dnssec *d, bool sep)
{
    for (unsigned i = 0; i < d->keys_n; i++) {
        const struct dnssec_key *k = &d->keys[i];

        if (k->role == DNSSEC_ACTIVE && ((k->key.flags & DNSKEY_SEP) != 0) == sep)
            return true;
    }
    return false;
}

/* The table of dnssec.h. */
static void share_out(struct dnssec *d)
{
    bool pair = has_active(d, false) && has_active(d, true);

    for (unsigned i = 0; i < d->keys_n; i++) {
        struct dnssec_key *k = &d->keys[i];
        bool sep = (k->key.flags & DNSKEY_SEP) != 0, active = k->role == DNSSEC_ACTIVE;

        k->signs_keys = sep || (active && !pair);
        k->signs_data = active && !(pair && sep);
    }
}

static void add_record(
    struct conf_load *l, struct zone_draft *z, uint16_t type, const uint8_t *rdata, size_t n)
{
    struct zone_record *r = arena_zalloc(l->arena, sizeof(*r));

    r->type = type;
    r->n = (uint16_t)n;
    r->rdata = (const uint8_t *)arena_dup(l->arena, span_make((const char *)rdata, n)).p;
    r->at = z->zone.at;
    *z->apex.records_end = r;
    z->apex.records_end = &r->next;
    z->apex.records_n++;
}

/* DNSKEY, CDS and CDNSKEY, as if they were written at the apex. */
static void add_records(struct conf_load *l, const struct dnssec *d, struct zone_draft *z)
{
    static const uint8_t delete_ds[] = {0, 0, 0, 0, 0}, delete_key[] = {0, 0, 3, 0, 0};
    uint8_t key[DNSKEY_RDATA_LEN], ds[DNSKEY_DS_LEN];

    for (unsigned i = 0; i < d->keys_n; i++) {
        const struct dnssec_key *k = &d->keys[i];

        dnskey_rdata(&k->key, key);
        add_record(l, z, DNS_DNSKEY, key, sizeof(key));
        if (d->cds != DNSSEC_CDS_ON || !k->signs_keys || k->role == DNSSEC_RETIRED)
            continue;
        dnskey_ds(&k->key, z->origin.wire, z->origin.n, ds);
        add_record(l, z, DNS_CDS, ds, sizeof(ds));
        add_record(l, z, DNS_CDNSKEY, key, sizeof(key));
    }
    if (d->cds == DNSSEC_CDS_DELETE) {
        add_record(l, z, DNS_CDS, delete_ds, sizeof(delete_ds));
        add_record(l, z, DNS_CDNSKEY, delete_key, sizeof(delete_key));
    }
}

static void dnssec_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct dnssec_draft *draft = self;
    struct dnssec *d = &draft->dnssec;

    if (d->keys_n > 0 && !has_active(d, true) && !has_active(d, false))
        conf_error(l->errors, node->at, "none of the keys is active: nothing would be signed");
    if (d->refresh_ms > d->validity_ms / 4 * 3)
        conf_error(l->errors, node->at,
            "refresh is more than three quarters of validity: signatures would be made anew all "
            "the time");
    share_out(d);
    add_records(l, d, draft->zone);
}

void dnssec_free(const struct dnssec *d)
{
    for (unsigned i = 0; d != NULL && i < d->keys_n; i++)
        EVP_PKEY_free(d->keys[i].key.secret);
}

const struct conf_context dnssec_context = {
    .name = "dnssec",
    .about =
        "The zone is signed, with ECDSA on P-256 (algorithm 13). What does not exist is denied "
        "by one record (RFC 9824).",
    .tables = {{dnssec_directives}},
    .open = dnssec_open,
    .close = dnssec_close,
};
