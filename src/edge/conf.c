#include "edge/conf.h"

#include "base/check.h"
#include "base/hash.h"
#include "cache/conf.h"
#include "conf/dump.h"
#include "edge/purge_conf.h"
#include "edge/site_conf.h"
#include "http/chars.h"
#include "http/fields.h"
#include "origin/conf.h"

#include <stdlib.h>
#include <string.h>

/* Files of a directory say nothing of lifetimes; asking for each again costs little, but not
 * nothing. */
enum { FILES_TTL_S = 60 };

enum { DNS_PORT = 53 };

/* More than a command line can hold, each byte written as \xHH. */
enum { ARGS_BYTES_MAX = 16 << 20 };

enum { TEXT_BYTES_MAX = 256 << 20 };

static const char *const access_formats[] = {"combined", "json", NULL};

/* --- directives of main ------------------------------------------------------------------- */

/* What stands behind the address: how connections begin there. */
static void set_listen(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"h2c", "proxy", "tls", NULL};
    struct listen_conf *n = listen_conf_add(l, &((struct edge_conf *)self)->daemon.listens, node);
    int word;

    for (unsigned i = 1; n != NULL && i < node->args_n; i++) {
        if (!conf_arg_word(l, node, i, words, &word))
            continue;
        if (word == 1) {
            listen_conf_proxy(l, n, node, i);
            return;
        }
        if (word == 0)
            n->door.h2c = true;
        else
            n->tls = true;
    }
}

static void set_access_log(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct edge_conf *c = self;

    c->access_log = node->args[0].text;
    if (node->args_n == 2)
        (void)!conf_arg_word(l, node, 1, access_formats, &c->access_format);
}

static void set_name(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct edge_conf *c = self;

    if (!token_valid(node->args[0].text) || node->args[0].text.n > 64)
        conf_error(l->errors, node->args[0].at,
            "a name is up to 64 letters, digits, - _ and ., not \"%.*s\"",
            CONF_SHOW(node->args[0].text));
    else
        c->name = node->args[0].text;
}

static void set_resolver(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span text = node->args[0].text;
    char full[ADDR_TEXT];
    struct addr a;

    if (!addr_parse_ip(text, DNS_PORT, &a) && (!addr_parse(text, &a) || addr_port(&a) == 0))
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is not the address of a DNS server: 127.0.0.1, 127.0.0.1:53 or [::1]:53 "
            "would be",
            CONF_SHOW(text));
    else
        ((struct edge_conf *)self)->resolver = arena_dup(l->arena, span_of(addr_text(&a, full)));
}

static void set_geoip(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct edge_conf *c = self;
    struct geo_why why;

    if (c->geo == NULL)
        c->geo = geo_new();
    for (unsigned i = 0; i < node->args_n; i++) {
        if (!geo_add(c->geo, node->args[i].text.p, &why))
            conf_error(l->errors, node->args[i].at, "%s", why.text);
    }
}

static void *cache_block(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l;
    (void)node;
    return &((struct edge_conf *)parent)->cache;
}

static const struct conf_context cache_context = {
    .name = "cache",
    .about = "The tiers that hold responses.",
    .tables = {{cache_directives}},
    .open = cache_block,
};

/* Where the origin of that name stands, or would stand. */
static struct origin_entry **origin_place(struct edge_conf *c, struct span name)
{
    struct origin_entry **e = &c->origins_by[hash64(name) % ORIGIN_BUCKETS];

    while (*e != NULL && !span_eq((*e)->name, name))
        e = &(*e)->same_bucket;
    return e;
}

static struct origin_entry *origin_add(
    struct conf_load *l, struct edge_conf *c, struct span name, struct conf_place at)
{
    struct origin_entry *e = arena_zalloc(l->arena, sizeof(*e));

    e->name = name;
    e->at = at;
    e->next = c->origins;
    c->origins = e;
    *origin_place(c, name) = e;
    return e;
}

/* origin NAME { ... } */
static void *origin_block(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct edge_conf *c = parent;
    struct span name = node->args[0].text;
    struct origin_entry *e = *origin_place(c, name);

    if (e != NULL) {
        conf_error(l->errors, node->args[0].at,
            "the origin \"%.*s\" is already defined at %s:%u:%u", CONF_SHOW(name), e->at.file,
            e->at.line, e->at.column);
        return NULL;
    }
    e = origin_add(l, c, name, node->at);
    e->origin = origin_conf_open(l, name);
    return e->origin;
}

static const struct conf_context origin_context = {
    .name = "origin",
    .about = "A named group of servers, or a directory of files, that holds the truth.",
    .tables = {{origin_directives}},
    .open = origin_block,
    .close = origin_conf_close,
};

static const struct directive main_directives[] = {
    {"listen", CONF_CUSTOM(set_listen, 1, CONF_ARGS_MAX),
        .usage = "ADDRESS:PORT [tls] [h2c] [proxy from NETWORK...]",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about =
            "Where clients connect: 0.0.0.0:80, [::]:80, 127.0.0.1:8080. Port 0 lets the "
            "kernel choose one, which the log tells. With tls, clients speak TLS there, for which "
            "there must be a certificate. With h2c, clients that begin with HTTP/2 at "
            "once (prior knowledge) are told from others by their first bytes. With proxy, every "
            "connection begins with a PROXY header, version 1 or 2, before anything else, TLS "
            "too: the client that it names counts from then on, in logs, limits and "
            "X-Forwarded-For. Whoever connects from elsewhere than the NETWORKs, or without "
            "such a header, is closed at once."},
    {"name", CONF_CUSTOM(set_name, 1, 1), .unset = "selvage",
        .about =
            "What this edge calls itself in Via and Cache-Status, and in CDN-Loop, by which it "
            "knows a request that came through it before. Edges of one fleet may share a name "
            "only if none of them is the origin of another. Without a name CDN-Loop says "
            "selvage and a random number."},
    {"access-log", CONF_CUSTOM(set_access_log, 1, 2), .usage = "PATH|stderr|off [combined|json]",
        .unset = "off",
        .about = "One line per request: in the combined format of Apache and nginx with cache "
                 "status and times behind it, or as JSON. Written by a thread of its own; a log "
                 "that cannot keep up loses lines (counted), never delays a request."},
    {"resolver", CONF_CUSTOM(set_resolver, 1, 1), .usage = "ADDRESS[:PORT]",
        .unset = "the system's", .about = "The DNS server to ask, like 127.0.0.1 or [::1]:5353."},
    {"acme", CONF_BLOCK(&acme_context, 0, 0),
        .about = "How certificates are obtained for sites that say `acme on`."},
    {"geoip", CONF_CUSTOM(set_geoip, 1, GEO_FILES_MAX), .usage = "FILE...",
        .about = "Databases in MaxMind's format (.mmdb), of cities or countries and of autonomous "
                 "systems, that say where an address is. Each adds what those before it do not "
                 "know. They are read with the configuration; replacing or overwriting a file "
                 "changes nothing before the next reload."},
    {"limit-memory", CONF_SIZE(struct edge_conf, limit_bytes), .preset = "16MiB", .min = 4096,
        .max = 1LL << 34,
        .about = "Memory for what limit counts, at 16 bytes for each client, site or value that "
                 "has asked lately. When it is full, those that have asked least are forgotten "
                 "first, and those that are being refused never."},
    {"cache", CONF_BLOCK(&cache_context, 0, 0), .flags = DIRECTIVE_IMPLIED,
        .about = "The tiers that hold responses."},
    {"origin", CONF_BLOCK(&origin_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY,
        .about = "A named group of servers or a directory, for sites to refer to."},
    {"site", CONF_BLOCK(&site_context, 1, CONF_ARGS_MAX), .usage = "HOST...",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about = "Host names: exact, *.example.com for all below, * for every other."},
    {0},
};

/* --- the whole ---------------------------------------------------------------------------- */

/* The struct that apply() hands in, with an arena and a path already. */
static void *main_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct edge_conf *c = parent;

    (void)l;
    (void)node;
    c->name = SPAN(EDGE_NAME_DEFAULT);
    c->access_log = SPAN("off");
    c->sites_end = &c->sites;
    daemon_conf_init(&c->daemon);
    return c;
}

/* The policy's origin: a block's name, or a place given directly. */
static void resolve_origin(struct conf_load *l, struct edge_conf *c, struct policy *p)
{
    struct origin_entry *e = *origin_place(c, p->origin_name);

    if (p->origin_name.n == 0)
        return;
    if (e == NULL && !origin_conf_is_place(p->origin_name)) {
        conf_error(l->errors, p->origin_at,
            "there is no origin \"%.*s\": write  origin %.*s { server http://HOST; }  or a place: "
            "http://HOST, https://HOST, file:DIRECTORY",
            CONF_SHOW(p->origin_name), CONF_SHOW(p->origin_name));
        return;
    }
    if (e == NULL) {
        e = origin_add(l, c, p->origin_name, p->origin_at);
        e->origin = origin_conf_place(l, p->origin_name, p->origin_at);
    }
    e->used = true;
    p->origin = e->origin;
}

/* Who takes the field out of every response may store them all. */
static bool strips_set_cookie(const struct policy *p)
{
    const struct header_rule *h = p->headers;

    while (h != NULL && (h->op != HEADER_UNSET || field_id_of(h->name) != FIELD_SET_COOKIE))
        h = h->next;
    return h != NULL;
}

static void judge_policy(
    struct conf_load *l, struct edge_conf *c, struct policy *p, struct conf_place at)
{
    resolve_origin(l, c, p);
    if (strips_set_cookie(p))
        p->cache.set_cookie = SET_COOKIE_ALWAYS;
    if (p->origin != NULL && origin_is_directory(p->origin) && p->cache.ttl_s < 0)
        p->cache.ttl_s = FILES_TTL_S;
    if (c->geo == NULL && access_by_place(&p->access) != NULL)
        conf_error(l->errors, access_by_place(&p->access)->at,
            "countries, continents and autonomous systems need databases: geoip FILE...");
    limit_number(&p->limits, &c->rates_n);
    p->guarded = p->access.first != NULL || p->limits.n > 0 || p->signing != NULL;
    if (p->cache.min_s > p->cache.max_s)
        conf_error(l->errors, at, "min-ttl is longer than max-ttl here");
}

static void judge_site(struct conf_load *l, struct edge_conf *c, struct site *s)
{
    judge_policy(l, c, &s->policy, s->at);
    if (s->policy.origin_name.n == 0 && s->policy.redirect_status == 0)
        conf_error(l->errors, s->at,
            "this site has no origin: add  origin http://HOST;  or  origin file:DIRECTORY;");
    secure_judge(l, s, &s->policy);
    for (struct path_rule *r = s->rules; r != NULL; r = r->next) {
        judge_policy(l, c, &r->policy, r->at);
        secure_judge(l, s, &r->policy);
    }
}

static void index_hosts(struct conf_load *l, struct edge_conf *c, struct site *s)
{
    for (unsigned i = 0; i < s->hosts_n; i++) {
        const struct site *other = site_table_add(c->table, s->hosts[i], s);

        if (other == s)
            conf_error(l->errors, s->at, "the host %.*s is given twice", CONF_SHOW(s->hosts[i]));
        else if (other != NULL)
            conf_error(l->errors, s->at, "the host %.*s belongs to the site at %s:%u:%u already",
                CONF_SHOW(s->hosts[i]), other->at.file, other->at.line, other->at.column);
    }
}

static void gather_rates(struct edge_conf *c, const struct limit_list *limits)
{
    for (unsigned i = 0; i < limits->n; i++)
        c->rates[limits->v[i]->which - 1] = limits->v[i]->rate;
}

static void number_rates(struct conf_load *l, struct edge_conf *c)
{
    if (c->rates_n > RATES_MAX)
        conf_error(l->errors, c->sites->at, "there are more than %d limits", RATES_MAX);
    c->rates = arena_alloc(l->arena, c->rates_n * sizeof(*c->rates));
    for (struct site *s = c->sites; s != NULL; s = s->next) {
        gather_rates(c, &s->policy.limits);
        for (struct path_rule *r = s->rules; r != NULL; r = r->next)
            gather_rates(c, &r->policy.limits);
    }
}

static void main_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct edge_conf *c = self;

    (void)node;
    session_conf_close(&c->session);
    c->table = site_table_new(l->arena, c->hosts);
    for (struct site *s = c->sites; s != NULL; s = s->next) {
        index_hosts(l, c, s);
        judge_site(l, c, s);
        tls_conf_add_site(&c->daemon.tls, &s->secure.tls, s->hosts, s->hosts_n);
    }
    acme_conf_judge(l, c);
    if (c->acme.on)
        tls_conf_add_files(l, &c->daemon.tls, acme_live_files(&c->acme, l->arena), c->acme.at);
    daemon_conf_close(l, &c->daemon, "  or an acme block");
    number_rates(l, c);
}

const struct conf_context edge_conf_main = {
    .name = "main",
    .tables = {{main_directives}, {daemon_directives, offsetof(struct edge_conf, daemon)},
        {session_directives, offsetof(struct edge_conf, session)},
        {purge_directives, offsetof(struct edge_conf, purge_from)},
        {tls_directives, offsetof(struct edge_conf, daemon.tls)},
        {access_directives, offsetof(struct edge_conf, access)}},
    .open = main_open,
    .close = main_close,
};

static struct edge_conf *new_conf(void)
{
    struct edge_conf *c = xcalloc(1, sizeof(*c));

    arena_init(&c->arena);
    buf_init(&c->text, TEXT_BYTES_MAX);
    return c;
}

void edge_conf_free(struct edge_conf **cp)
{
    struct edge_conf *c = *cp;

    if (c == NULL)
        return;
    *cp = NULL;
    daemon_conf_free(&c->daemon);
    for (struct site *s = c->sites; s != NULL; s = s->next)
        client_ca_free(&s->secure.tls.client_ca);
    geo_free(&c->geo);
    for (const struct origin_entry *e = c->origins; e != NULL; e = e->next)
        origin_conf_free(e->origin);
    buf_free(&c->text);
    arena_free(&c->arena);
    free(c);
}

/* The tree to a configuration; errors, also those of reading the tree, become text. */
static struct edge_conf *apply(
    struct edge_conf *c, const struct conf_node *root, struct conf_errors *e, struct buf *errors)
{
    if (root != NULL && conf_apply(&edge_conf_main, c, root, &c->arena, e) != NULL)
        return c;
    (void)!conf_errors_write(e, errors);
    edge_conf_free(&c);
    return NULL;
}

struct edge_conf *edge_conf_load_file(const char *path, struct buf *errors)
{
    struct edge_conf *c = new_conf();
    const struct conf_node *root;
    struct conf_errors e;

    c->daemon.path = arena_dup(&c->arena, span_of(path));
    conf_errors_init(&e, &c->arena);
    root = conf_read_file(&c->arena, path, &e);
    c = apply(c, root, &e, errors);
    if (c != NULL)
        (void)!conf_dump(&edge_conf_main, root, &c->text);
    return c;
}

static void put_word(struct buf *b, const char *before, const char *word, const char *after)
{
    (void)!buf_append(b, span_of(before));
    (void)!conf_write_word(b, span_of(word));
    (void)!buf_append(b, span_of(after));
}

/* PATH=SIZE; without a size the directive says what is missing. */
static void put_disk(struct buf *b, const char *disk)
{
    struct span path, size = span_of(disk);

    if (disk == NULL)
        return;
    (void)!span_cut(&size, '=', &path);
    (void)!buf_append(b, SPAN(" disk "));
    (void)!conf_write_word(b, path);
    (void)!buf_append(b, SPAN(" size "));
    (void)!conf_write_word(b, size);
    (void)!buf_append(b, SPAN(";"));
}

struct edge_conf *edge_conf_load_args(const struct edge_args *args, struct buf *errors)
{
    struct edge_conf *c = new_conf();
    struct conf_errors e;
    struct buf text;
    struct span place = span_of(args->origin);

    /* There are no names of origins here: a word is a directory. */
    if (place.n > 0 && !origin_conf_is_place(place))
        place = arena_join(&c->arena, SPAN("./"), place);
    buf_init(&text, ARGS_BYTES_MAX);
    put_word(&text, "listen ", args->listen, ";\n");
    if (args->workers != NULL)
        put_word(&text, "workers ", args->workers, ";\n");
    if (args->control != NULL)
        put_word(&text, "control ", args->control, ";\n");
    if (args->access_log != NULL)
        put_word(&text, "access-log ", args->access_log, ";\n");
    if (args->memory != NULL || args->disk != NULL) {
        (void)!buf_append(&text, SPAN("cache {"));
        if (args->memory != NULL)
            put_word(&text, " memory ", args->memory, ";");
        put_disk(&text, args->disk);
        (void)!buf_append(&text, SPAN(" }\n"));
    }
    put_word(&text, "site * { origin ", place.p, "; }\n");
    conf_errors_init(&e, &c->arena);
    c = apply(c, conf_read_text(&c->arena, "command line", buf_span(&text), &e), &e, errors);
    buf_free(&text);
    return c;
}

bool edge_conf_dump_file(const char *path, struct buf *out, struct buf *errors)
{
    struct edge_conf *c = edge_conf_load_file(path, errors);
    bool ok;

    if (c == NULL)
        return false;
    ok = buf_append(out, buf_span(&c->text));
    edge_conf_free(&c);
    return ok;
}
