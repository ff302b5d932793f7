#include "net/tls_conf.h"

#include "net/tickets.h"

#include <string.h>

static const char *const min_words[] = {"1.2", "1.3", NULL};
static const char *const unknown_words[] = {"default", "refuse", NULL};

/* A path as it is, or relative to where we were started, as everywhere in the configuration. */
static struct certs_source *new_source(struct conf_load *l, const struct conf_node *node, bool many)
{
    struct certs_source *s = arena_zalloc(l->arena, sizeof(*s));

    s->file = arena_dup(l->arena, node->args[0].text);
    s->many = many;
    s->at = node->args[0].at;
    return s;
}

/* FILE [key FILE] */
static struct certs_source *certificate_of(struct conf_load *l, const struct conf_node *node)
{
    struct certs_source *s = new_source(l, node, false);

    if (node->args_n == 1)
        return s;
    if (node->args_n != 3 || !conf_arg_is(node, 1, "key")) {
        conf_error(l->errors, node->at, "it is written  certificate FILE key FILE;");
        return NULL;
    }
    s->key = arena_dup(l->arena, node->args[2].text);
    return s;
}

static void append(struct tls_conf *c, struct certs_source *s)
{
    *c->sources_end = s;
    c->sources_end = &s->next;
}

static void set_certificate(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct certs_source *s = certificate_of(l, node);

    if (s == NULL)
        return;
    s->fallback = true;
    append(self, s);
}

static void set_certificates(struct conf_load *l, void *self, const struct conf_node *node)
{
    for (unsigned i = 0; i < node->args_n; i++) {
        struct certs_source *s = new_source(l, node, true);

        s->file = arena_dup(l->arena, node->args[i].text);
        s->at = node->args[i].at;
        append(self, s);
    }
}

static void set_ticket_keys(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct tls_conf *c = self;
    char why[TICKETS_WHY];

    c->ticket_file = arena_dup(l->arena, node->args[0].text);
    c->ticket_at = node->args[0].at;
    if (!tickets_read(c->ticket_file.p, &c->ticket_keys, why))
        conf_error(l->errors, node->args[0].at, "%s", why);
}

static void set_site_certificate(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct tls_site *site = self;
    struct certs_source *s = certificate_of(l, node);

    if (s == NULL)
        return;
    s->next = site->sources;
    site->sources = s;
}

static void set_client_ca(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct tls_site *site = self;
    char why[CLIENT_CA_WHY];

    if (node->args_n == 2 && !conf_arg_is(node, 1, "optional")) {
        conf_error(l->errors, node->args[1].at, "behind the file only \"optional\" may follow");
        return;
    }
    site->client_ca =
        client_ca_read(arena_dup(l->arena, node->args[0].text).p, node->args_n == 2, why);
    if (site->client_ca == NULL)
        conf_error(l->errors, node->args[0].at, "%s", why);
}

const struct directive tls_directives[] = {
    {"certificate", CONF_CUSTOM(set_certificate, 1, 3), .usage = "FILE [key FILE]",
        .flags = DIRECTIVE_MANY,
        .about =
            "A certificate for listeners that speak TLS, in PEM form with its chain behind it, and "
            "its key, which may stand in the same file, or beside it as NAME.key. Clients find it "
            "by its DNS names. The first one of main is also for clients that name no host, or one "
            "that no certificate is for. An ECDSA and an RSA certificate may stand side by side: "
            "clients get the first unless they only know the other."},
    {"certificates", CONF_CUSTOM(set_certificates, 1, 64), .usage = "PATTERN...",
        .flags = DIRECTIVE_MANY,
        .about = "All certificates of a directory: /etc/selvage/tls/*.crt, with the keys beside "
                 "them as NAME.key or in the same files; or "
                 "/etc/letsencrypt/live/*/fullchain.pem, with privkey.pem. Files that change, come "
                 "or go are seen at once, and a set that has a fault changes nothing."},
    {"tls-min", CONF_WORD(struct tls_conf, min, min_words), .preset = "1.2",
        .about = "The lowest version of TLS that is spoken with clients: 1.2 or 1.3."},
    {"tls-unknown-name", CONF_WORD(struct tls_conf, unknown, unknown_words), .preset = "default",
        .about = "What clients get that name no host, or one that no certificate is for: the first "
                 "certificate of main (default), or the alert unrecognized_name (refuse), which "
                 "they get in any case if main has none."},
    {"tls-kernel", CONF_FLAG(struct tls_conf, kernel), .preset = "off",
        .about =
            "Whether the kernel may encrypt what is sent to clients (kTLS), so that bodies go out "
            "without being copied. Where it cannot (the module tls is missing), nothing "
            "changes. Peers that ask for new keys in a long connection lose it."},
    {"http2", CONF_FLAG(struct tls_conf, http2), .preset = "on",
        .about = "Offers HTTP/2 to clients over TLS (ALPN)."},
    {"ocsp-stapling", CONF_FLAG(struct tls_conf, ocsp), .preset = "on",
        .about = "Asks the responders of certificates that have one in the background, and sends "
                 "along what they said for as long as it is good."},
    {"ticket-keys", CONF_CUSTOM(set_ticket_keys, 1, 1), .usage = "FILE",
        .unset = "random ones, a new one every 8 hours, two old ones are still good",
        .about =
            "Keys of session tickets, shared by a fleet so that clients may resume at any edge of "
            "it: 80 bytes each, as nginx and HAProxy take them, as they are or in base64, a line "
            "each. The first seals, all open. Read again with the certificates."},
    {0},
};

const struct directive tls_site_directives[] = {
    {"certificate", CONF_CUSTOM(set_site_certificate, 1, 3), .usage = "FILE [key FILE]",
        .flags = DIRECTIVE_MANY,
        .about = "A certificate for the hosts of this site, before any other."},
    {"client-ca", CONF_CUSTOM(set_client_ca, 1, 2), .usage = "FILE [optional]",
        .about = "Clients must have a certificate of one of these authorities (PEM); with optional "
                 "they need none, but one that they have must be good. Requests for this site over "
                 "connections that were opened for another are answered with 421."},
    {0},
};

void tls_conf_init(struct tls_conf *c)
{
    c->sources_end = &c->sources;
}

void tls_conf_add_site(
    struct tls_conf *c, struct tls_site *site, const struct span *hosts, unsigned hosts_n)
{
    struct certs_source *s, *next, *turned = NULL;

    for (s = site->sources; s != NULL; s = next) {
        next = s->next;
        s->next = turned;
        s->hosts = hosts;
        s->hosts_n = hosts_n;
        turned = s;
    }
    for (s = turned; s != NULL; s = next) {
        next = s->next;
        s->next = NULL;
        append(c, s);
    }
    site->sources = NULL;
}

void tls_conf_add_files(
    struct conf_load *l, struct tls_conf *c, struct span pattern, struct conf_place at)
{
    struct certs_source *s = arena_zalloc(l->arena, sizeof(*s));

    s->file = arena_dup(l->arena, pattern);
    s->many = true;
    s->at = at;
    append(c, s);
}

void tls_conf_close(struct conf_load *l, struct tls_conf *c, wall_s now)
{
    if (c->sources != NULL)
        c->certs = certs_load(c->sources, NULL, now, l->errors);
}

void tls_conf_free(struct tls_conf *c)
{
    certs_free(&c->certs);
    OPENSSL_cleanse(&c->ticket_keys, sizeof(c->ticket_keys));
}
