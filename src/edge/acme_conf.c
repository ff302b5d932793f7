#include "edge/acme.h"
#include "edge/conf.h"

#include <stdlib.h>

static const char *const types[] = {
    [CHALLENGE_HTTP] = "http-01",
    [CHALLENGE_TLS_ALPN] = "tls-alpn-01",
    NULL,
};

const char *acme_type_name(enum challenge_type type)
{
    return types[type];
}

static void *acme_block(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct acme_conf *c = &((struct edge_conf *)parent)->acme;

    (void)l;
    c->on = true;
    c->hook = SPAN(PKGLIBEXECDIR "/acme-hook");
    c->at = node->at;
    return c;
}

static void set_challenge(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)!conf_arg_word(l, node, 0, types, &((struct acme_conf *)self)->type);
}

static const struct directive acme_directives[] = {
    {"directory", CONF_STRING(struct acme_conf, directory), .preset = "/var/lib/selvage/acme",
        .about = "Where the account, keys and certificates are kept. It is made with mode 0700."},
    {"url", CONF_STRING(struct acme_conf, url),
        .preset = "https://acme-v02.api.letsencrypt.org/directory",
        .about = "The directory of the certificate authority. To have this block is to agree to "
                 "its terms."},
    {"email", CONF_STRING(struct acme_conf, email), .unset = "none",
        .about = "Where the authority may write to."},
    {"challenge", CONF_CUSTOM(set_challenge, 1, 1), .usage = "http-01|tls-alpn-01",
        .unset = "http-01",
        .about = "How names are proved: by a file on port 80, or by a handshake on port 443."},
    {"renew-before", CONF_INTEGER(struct acme_conf, renew_days), .preset = "30", .min = 1,
        .max = 365, .about = "Certificates with fewer days left than this are renewed."},
    {"check", CONF_DURATION(struct acme_conf, check_ms), .preset = "12h", .min = 60000,
        .max = 7LL * 86400 * 1000, .about = "How often certificates are looked at."},
    {"client", CONF_STRING(struct acme_conf, client), .preset = "uacme",
        .about = "The program uacme(1), which speaks with the authority."},
    {"hook", CONF_STRING(struct acme_conf, hook),
        .unset = "the one that is installed with selvaged",
        .about = "What uacme calls when a name is to be proved."},
    {0},
};

const struct conf_context acme_context = {
    .name = "acme",
    .about =
        "Certificates for sites with `acme on`, obtained and renewed by themselves (RFC 8555).",
    .tables = {{acme_directives}},
    .open = acme_block,
};

static void judge_site(struct conf_load *l, const struct edge_conf *c, const struct site *s)
{
    if (!c->acme.on)
        conf_error(l->errors, s->at,
            "this site says acme on, but no block says how: add  acme { email YOU@example.com; }");
    if (s->hosts_n > ACME_NAMES_MAX)
        conf_error(l->errors, s->at, "a certificate has at most %d names, this site has %u",
            (int)ACME_NAMES_MAX, s->hosts_n);
    for (unsigned i = 0; i < s->hosts_n; i++) {
        if (s->hosts[i].p[0] == '*')
            conf_error(l->errors, s->at,
                "no certificate for %.*s can be obtained here: wildcards are proved by DNS only",
                CONF_SHOW(s->hosts[i]));
    }
}

void acme_conf_judge(struct conf_load *l, const struct edge_conf *c)
{
    for (const struct site *s = c->sites; s != NULL; s = s->next) {
        if (s->acme)
            judge_site(l, c, s);
    }
    if (c->acme.on && span_eq(c->daemon.control, SPAN("off")))
        conf_error(l->errors, c->acme.at,
            "acme needs the control socket, by which it is told what to prove: add  control "
            "/run/selvage/selvaged.sock;");
}

struct span acme_live_files(const struct acme_conf *c, struct arena *a)
{
    return arena_printf(a, "%.*s/live/*.pem", SPAN_ARG(c->directory));
}
