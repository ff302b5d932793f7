/*
 * redirect_conf.c - the block redirect: which hosts, by which steer, to which URLs.
 */
#include "base/hash.h"
#include "conf/suggest.h"
#include "director/conf.h"
#include "director/redirect.h"
#include "http/chars.h"
#include "http/uri.h"
#include "net/network_conf.h"

#include <stdlib.h>

/* `at POP URL... [geo COUNTRY]` */
struct redirect_at {
    const struct conf_node *node;
    struct redirect_at *next;
};

/* --- hosts ---------------------------------------------------------------------------------- */

/* In normal form, with its wildcard; empty when it is none (reported). */
static struct span host_name(struct conf_load *l, const struct conf_word *w)
{
    struct span name = w->text, host;
    bool wild = span_starts(name, SPAN("*."));
    unsigned port;

    if (span_eq(name, SPAN("*")))
        return name;
    if (wild)
        name = span_from(name, 2);
    if (!uri_authority_parse(name, &host, &port) || port != 0) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is not a host name: www.example.com, *.example.com or * would be",
            CONF_SHOW(w->text));
        return SPAN_EMPTY;
    }
    host = uri_host_normalise(l->arena, host, 0, 0);
    return wild ? arena_join(l->arena, SPAN("*."), host) : host;
}

static int compare(struct span a, struct span b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n == 0 ? 0 : memcmp(a.p, b.p, a.n);
}

static int compare_hosts(const void *a, const void *b)
{
    return compare(
        ((const struct redirect_host *)a)->name, ((const struct redirect_host *)b)->name);
}

static void index_hosts(struct conf_load *l, struct redirects *r)
{
    unsigned n = 0;

    for (const struct redirect *one = r->v; one != NULL; one = one->next)
        n += one->hosts_n;
    r->hosts = arena_alloc(l->arena, n * sizeof(*r->hosts));
    r->hosts_n = 0;
    for (const struct redirect *one = r->v; one != NULL; one = one->next) {
        for (unsigned i = 0; i < one->hosts_n; i++)
            r->hosts[r->hosts_n++] = (struct redirect_host){one->hosts[i], one};
    }
    qsort(r->hosts, r->hosts_n, sizeof(*r->hosts), compare_hosts);
    for (unsigned i = 1; i < r->hosts_n; i++) {
        if (span_eq(r->hosts[i - 1].name, r->hosts[i].name))
            conf_error(l->errors, r->hosts[i].redirect->at, "the host %.*s has two redirects",
                CONF_SHOW(r->hosts[i].name));
    }
}

static const struct redirect *find_exact(const struct redirects *r, struct span name)
{
    const struct redirect_host key = {.name = name};
    const struct redirect_host *host =
        r->hosts_n == 0 ? NULL
                        : bsearch(&key, r->hosts, r->hosts_n, sizeof(*r->hosts), compare_hosts);

    return host != NULL ? host->redirect : NULL;
}

const struct redirect *redirect_find(const struct redirects *r, struct span host)
{
    const struct redirect *found = find_exact(r, host);
    char wild[258] = "*";

    /* The longest name above it that has a wildcard. */
    while (found == NULL && host.n > 0) {
        host = span_from(host, span_find(host, '.'));
        if (host.n > 0 && host.n + 1 <= sizeof(wild)) {
            memcpy(wild + 1, host.p, host.n);
            found = find_exact(r, span_make(wild, host.n + 1));
            host = span_from(host, 1);
        }
    }
    return found != NULL ? found : find_exact(r, SPAN("*"));
}

/* --- where they are sent -------------------------------------------------------------------- */

/* $pop becomes the PoP's name. */
static struct span expand(struct arena *a, struct span text, struct span pop)
{
    static const struct span mark = {"$pop", 4};
    struct span out = SPAN_EMPTY;

    for (size_t i = 0; i < text.n;) {
        if (span_starts(span_from(text, i), mark)) {
            out = arena_join(a, arena_join(a, out, span_make(text.p, i)), pop);
            text = span_from(text, i + mark.n);
            i = 0;
        } else {
            i++;
        }
    }
    return out.n > 0 ? arena_join(a, out, text) : text;
}

/* scheme://host[:port][/path], so that a path can follow. */
static bool url_valid(struct span url)
{
    struct span rest, authority, host;
    size_t scheme = span_find(url, ':');
    unsigned port;

    rest = span_from(url, scheme);
    if (uri_default_port(span_make(url.p, scheme)) == 0 || !span_starts(rest, SPAN("://")))
        return false;
    rest = span_from(rest, 3);
    authority = span_make(rest.p, span_find(rest, '/'));
    rest = span_from(rest, authority.n);
    return url.n <= REDIRECT_URL_MAX && uri_authority_parse(authority, &host, &port) &&
           (rest.n == 0 || span_all(rest, CHAR_PATH | CHAR_UNRESERVED));
}

static bool make_node(
    struct conf_load *l, const struct conf_word *w, struct span pop, struct redirect_node *out)
{
    struct span url = expand(l->arena, w->text, pop);

    if (!url_valid(url)) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is not a URL that a path can follow: https://$pop.example.net or "
            "https://www.example.net/files would be",
            CONF_SHOW(url));
        return false;
    }
    while (span_ends(url, SPAN("/")))
        url.n--;
    out->url = url;
    out->head[0] = arena_join(l->arena, SPAN("HTTP/1.1 302 Found\r\nLocation: "), url);
    out->head[1] = arena_join(l->arena, SPAN("HTTP/1.1 307 Temporary Redirect\r\nLocation: "), url);
    out->link = arena_join(l->arena, SPAN("Link: <"), url);
    out->hash = hash64_seeded(url, 0); /* the same on every director */
    return true;
}

/* The URLs from argument `first` on, which a country may follow. */
static void make_target(struct conf_load *l, const struct conf_node *node, unsigned first,
    struct span pop, struct redirect_target *out)
{
    struct redirect_node *nodes = arena_zalloc(l->arena, node->args_n * sizeof(*nodes));

    out->nodes = nodes;
    for (unsigned i = first; i < node->args_n; i++) {
        if (i > first && i + 2 == node->args_n && conf_arg_is(node, i, "geo")) {
            struct span geo = node->args[i + 1].text;

            if (geo.n != 2 || !span_all(geo, CHAR_ALPHA)) {
                conf_error(l->errors, node->args[i + 1].at,
                    "\"%.*s\" is not a country as ISO 3166 has them: DE would be", CONF_SHOW(geo));
                return;
            }
            out->geo[0] = ascii_lower(geo.p[0]);
            out->geo[1] = ascii_lower(geo.p[1]);
            return;
        }
        if (out->nodes_n == REDIRECT_NODES_MAX) {
            conf_error(
                l->errors, node->args[i].at, "a PoP has at most %d URLs", REDIRECT_NODES_MAX);
            return;
        }
        if (make_node(l, &node->args[i], pop, &nodes[out->nodes_n]))
            out->nodes_n++;
    }
}

/* The end of a sentence: what was meant, if that is known. */
static struct span did_you_mean(struct arena *a, const struct suggestion *near)
{
    if (near->best == NULL)
        return SPAN_EMPTY;
    return arena_printf(a, ", did you mean \"%s\"?", near->best);
}

static void unknown_pop(struct conf_load *l, const struct steer *s, const struct conf_word *w)
{
    struct suggestion near = {.of = w->text};

    for (unsigned i = 0; i < s->pops_n; i++)
        suggest_offer(&near, s->pops[i]->name.p);
    conf_error(l->errors, w->at, "the steer %.*s has no PoP \"%.*s\"%.*s", CONF_SHOW(s->name),
        CONF_SHOW(w->text), SPAN_ARG(did_you_mean(l->arena, &near)));
}

static void unknown_steer(
    struct conf_load *l, const struct redirect *r, const struct steer_list *steers)
{
    struct suggestion near = {.of = r->steer_name};

    for (unsigned i = 0; i < steers->n; i++)
        suggest_offer(&near, steers->v[i].name.p);
    conf_error(l->errors, r->steer_at, "there is no steer \"%.*s\"%.*s", CONF_SHOW(r->steer_name),
        SPAN_ARG(did_you_mean(l->arena, &near)));
}

static const struct pop *pop_of(const struct steer *s, struct span name)
{
    for (unsigned i = 0; i < s->pops_n; i++) {
        if (span_eq(s->pops[i]->name, name))
            return s->pops[i];
    }
    return NULL;
}

static void set_targets(struct conf_load *l, struct redirect *r, unsigned pops_n)
{
    struct redirect_target *targets = arena_zalloc(l->arena, pops_n * sizeof(*targets));
    const struct steer *s = r->steer;

    r->targets = targets;
    for (const struct redirect_at *at = r->ats; at != NULL; at = at->next) {
        const struct pop *pop = pop_of(s, at->node->args[0].text);

        if (pop == NULL)
            unknown_pop(l, s, &at->node->args[0]);
        else if (targets[pop->index].nodes != NULL)
            conf_error(
                l->errors, at->node->at, "there is an  at %.*s  already", CONF_SHOW(pop->name));
        else
            make_target(l, at->node, 1, pop->name, &targets[pop->index]);
    }
    for (unsigned i = 0; i < s->pops_n; i++) {
        const struct pop *pop = s->pops[i];

        if (targets[pop->index].nodes != NULL)
            continue;
        if (r->to == NULL)
            conf_error(l->errors, r->at,
                "nobody says where clients of %.*s are sent:  to https://$pop.example.net;  or  "
                "at %.*s https://www.example.net;  would",
                CONF_SHOW(pop->name), CONF_SHOW(pop->name));
        else
            make_target(l, r->to, 0, pop->name, &targets[pop->index]);
    }
}

void redirects_close(struct conf_load *l, struct redirects *r, const struct pop_list *pops,
    const struct steer_list *steers)
{
    for (struct redirect *one = r->v; one != NULL; one = one->next) {
        if (one->steer_name.n == 0)
            continue; /* reported */
        one->steer = steer_find(steers, one->steer_name);
        if (one->steer == NULL)
            unknown_steer(l, one, steers);
        else
            set_targets(l, one, pops->n);
    }
    index_hosts(l, r);
}

/* --- directives ------------------------------------------------------------------------------ */

static void *redirect_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct redirects *all = &((struct director_conf *)parent)->redirects;
    struct redirect *r = arena_zalloc(l->arena, sizeof(*r)), **end = &all->v;

    r->at = node->at;
    r->hosts = arena_alloc(l->arena, node->args_n * sizeof(*r->hosts));
    for (unsigned i = 0; i < node->args_n; i++) {
        struct span host = host_name(l, &node->args[i]);

        if (host.n > 0)
            r->hosts[r->hosts_n++] = host;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
    return r;
}

static void set_steer(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct redirect *r = self;

    (void)l;
    r->steer_name = node->args[0].text;
    r->steer_at = node->args[0].at;
}

static void set_to(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)l;
    ((struct redirect *)self)->to = node;
}

static void set_at(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct redirect *r = self;
    struct redirect_at *at = arena_alloc(l->arena, sizeof(*at));

    *at = (struct redirect_at){node, r->ats};
    r->ats = at;
}

static void set_page(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span path = node->args[0].text;

    if (path.p[0] != '/' || !span_all(path, CHAR_PATH | CHAR_UNRESERVED))
        conf_error(l->errors, node->args[0].at, "a page has a path: /where would be one");
    else
        ((struct redirect *)self)->page = path;
}

static void set_trusted(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct client_trust *t = &((struct redirects *)self)->trust;

    if (conf_arg_word(l, node, 0, client_field_words, &t->field))
        (void)!network_args(l, node, 1, &t->from);
}

static const struct directive redirect_block_directives[] = {
    {"steer", CONF_CUSTOM(set_steer, 1, 1), .usage = "NAME", .flags = DIRECTIVE_REQUIRED,
        .about = "Who decides for these hosts: the steer of that name."},
    {"to", CONF_CUSTOM(set_to, 1, REDIRECT_NODES_MAX), .usage = "URL...",
        .about = "Where the clients of a PoP are sent, if no at is there for it; $pop stands for "
                 "its name, as in https://$pop.example.net. The request's path and query follow, "
                 "byte for byte. Of several URLs each path belongs to one (rendezvous hashing), so "
                 "that the caches behind them share the content among themselves; when one is "
                 "added or taken away, only its share of the paths moves."},
    {"at", CONF_CUSTOM(set_at, 2, CONF_ARGS_MAX), .usage = "POP URL... [geo COUNTRY]",
        .flags = DIRECTIVE_MANY,
        .about = "Where the clients of one PoP are sent. The country (two letters of ISO 3166) is "
                 "told with the PoP where it is an alternate."},
    {"alternates", CONF_INTEGER(struct redirect, alternates), .preset = "3", .min = 0,
        .max = REDIRECT_ALTERNATES_MAX,
        .about =
            "How many PoPs behind the first one a redirect names at most, as Link fields with "
            "rel=duplicate (RFC 6249), for clients that download from several; none for a "
            "path of more than 2 KiB, or one with <, > or \", which such a field cannot hold."},
    {"max-age", CONF_DURATION(struct redirect, max_age_ms), .preset = "0s", .min = 0,
        .max = 3600000,
        .about = "How long a client may keep a redirect (Cache-Control: private, max-age), and no "
                 "longer than the ttl that the steer gives its answers just then. With 0s every "
                 "request comes here first, so that none goes to a PoP that has failed since."},
    {"page", CONF_CUSTOM(set_page, 1, 1), .usage = "PATH", .unset = "no page",
        .about = "A page for people at that path, instead of a redirect: where their address is "
                 "taken to be, and which PoPs they would be sent to, on a map; as JSON for who "
                 "prefers application/json."},
    {0},
};

static const struct conf_context redirect_context = {
    .name = "redirect",
    .about = "Host names whose HTTP clients are sent to their PoP: GET and HEAD with 302, other "
             "methods with 307.",
    .tables = {{redirect_block_directives}},
    .open = redirect_open,
};

const struct directive redirect_directives[] = {
    {"redirect", CONF_BLOCK(&redirect_context, 1, CONF_ARGS_MAX), .usage = "HOST...",
        .flags = DIRECTIVE_MANY,
        .about = "Hosts whose clients are redirected, at listeners with the word redirect. "
                 "*.example.com is any name below, * every host that no other redirect names."},
    {"trusted", CONF_CUSTOM(set_trusted, 2, CONF_ARGS_MAX),
        .usage = "x-forwarded-for|forwarded NETWORK...", .unset = "nobody",
        .about = "Proxies whose word on the client's address is taken, and the field that they "
                 "write it into: the last address there counts that is not in one of the "
                 "networks."},
    {0},
};
