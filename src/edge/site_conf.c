#include "edge/site_conf.h"

#include "cache/slice.h"
#include "edge/conf.h"
#include "edge/purge_conf.h"
#include "http/uri.h"
#include "net/addr.h"

#include <string.h>

/* A host name in normal form, with its wildcard; p == NULL when it is none (reported). */
static struct span host_name(struct conf_load *l, const struct conf_word *w)
{
    struct span name = w->text, host;
    bool wild = span_starts(name, SPAN("*."));
    struct addr literal;
    unsigned port;

    if (span_eq(name, SPAN("*")))
        return name;
    if (wild)
        name = span_from(name, 2);
    if (!uri_authority_parse(name, &host, &port) || (wild && addr_parse_ip(host, 0, &literal))) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is not a host name: www.example.com, *.example.com or * would be",
            CONF_SHOW(w->text));
        return SPAN_EMPTY;
    }
    if (port != 0) {
        conf_error(l->errors, w->at, "a site's host has no port: \"%s%.*s\" would be right",
            wild ? "*." : "", CONF_SHOW(host));
        return SPAN_EMPTY;
    }
    host = uri_host_normalise(l->arena, host, 0, 0);
    return wild ? arena_join(l->arena, SPAN("*."), host) : host;
}

static void *site_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct edge_conf *conf = parent;
    struct site *s = arena_zalloc(l->arena, sizeof(*s));

    s->name = node->args[0].text;
    s->at = node->at;
    s->hosts = arena_alloc(l->arena, node->args_n * sizeof(*s->hosts));
    for (unsigned i = 0; i < node->args_n; i++) {
        struct span host = host_name(l, &node->args[i]);

        if (host.n > 0)
            s->hosts[s->hosts_n++] = host;
    }
    s->purge_from = conf->purge_from;
    s->policy.access = conf->access;
    s->policy.access.own = false;
    s->rules_end = &s->rules;
    s->policy.cache = cache_options_default();
    s->policy.coding = coding_options_default();
    s->policy.slice_bytes = SLICE_BYTES_DEFAULT;
    s->policy.slice_from = SLICE_FROM_TOO_BIG;
    conf->hosts += s->hosts_n;
    *conf->sites_end = s;
    conf->sites_end = &s->next;
    return s;
}

static void *path_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct site *site = parent;
    struct path_rule *r = arena_zalloc(l->arena, sizeof(*r));

    r->pattern = node->args[0].text;
    if (r->pattern.p[0] != '/' && r->pattern.p[0] != '*') {
        conf_error(l->errors, node->args[0].at,
            "a path pattern starts with / or *: \"/%.*s\" may be meant", CONF_SHOW(r->pattern));
        return NULL;
    }
    r->at = node->at;
    r->policy = site->policy;
    r->policy.access.own = false;
    *site->rules_end = r;
    site->rules_end = &r->next;
    return r;
}

/* A path with an origin of its own is not redirected with the rest of its site. */
static void path_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct path_rule *r = self;

    (void)l;
    if (conf_find_child(node, "origin") != NULL && conf_find_child(node, "redirect") == NULL)
        r->policy.redirect_status = 0;
}

static const struct conf_context path_context = {
    .name = "path",
    .about = "What is different for some paths of a site. The first path that matches counts, in "
             "the order of the file; what it does not say is as the site says.",
    .tables = {{policy_directives, offsetof(struct path_rule, policy), .inherited = true},
        {coding_directives, offsetof(struct path_rule, policy.coding), .inherited = true},
        {access_directives, offsetof(struct path_rule, policy.access), .inherited = true},
        {limit_directives, offsetof(struct path_rule, policy.limits), .inherited = true}},
    .open = path_open,
    .close = path_close,
};

static const struct directive site_directives[] = {
    {"acme", CONF_FLAG(struct site, acme), .preset = "off",
        .about = "Obtains and renews certificates for the hosts of the site; see the block acme."},
    {"merge-slashes", CONF_FLAG(struct site, merge_slashes), .preset = "off",
        .about = "Takes several slashes in a row in a path for one: for rules, for the key, and in "
                 "what the origin sees."},
    {"path", CONF_BLOCK(&path_context, 1, 1), .usage = "PATTERN", .flags = DIRECTIVE_MANY,
        .about = "A pattern of the normalised path: /exact, /prefix/*, *.css; * stands for any "
                 "text."},
    {0},
};

const struct conf_context site_context = {
    .name = "site",
    .about = "A set of host names with one policy.",
    .tables = {{policy_directives, offsetof(struct site, policy)},
        {coding_directives, offsetof(struct site, policy.coding)}, {site_directives, 0},
        {secure_directives, offsetof(struct site, secure)},
        {tls_site_directives, offsetof(struct site, secure.tls)},
        {access_directives, offsetof(struct site, policy.access), .inherited = true},
        {limit_directives, offsetof(struct site, policy.limits)},
        {purge_directives, offsetof(struct site, purge_from), .inherited = true}},
    .open = site_open,
};
