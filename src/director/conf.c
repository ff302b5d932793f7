#include "director/conf.h"

#include "base/check.h"
#include "conf/dump.h"
#include "director/pop_conf.h"
#include "director/steer_conf.h"
#include "director/tcp.h"

#include <stdlib.h>

enum { DNS_PORT = 53 };

/* --- directives of main ------------------------------------------------------------------- */

/* listen ADDRESS:PORT dns|redirect [tls] [proxy from NETWORK...] */
static void set_listen(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const speaks[] = {"dns", "redirect", NULL};
    static const char *const words[] = {"proxy", "tls", NULL};
    struct listen_conf *n =
        listen_conf_add(l, &((struct director_conf *)self)->daemon.listens, node);
    int word;

    if (n == NULL || !conf_arg_word(l, node, 1, speaks, &n->use))
        return;
    if (n->use == DIRECTOR_DNS) {
        n->door.go_on = dns_tcp_go_on;
        n->door.alpn = dns_tcp_alpn;
    }
    for (unsigned i = 2; i < node->args_n; i++) {
        if (!conf_arg_word(l, node, i, words, &word))
            continue;
        if (word == 0) {
            listen_conf_proxy(l, n, node, i);
            return;
        }
        n->tls = true;
    }
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
        ((struct director_conf *)self)->resolver =
            arena_dup(l->arena, span_of(addr_text(&a, full)));
}

static void *dns_block(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l;
    (void)node;
    return &((struct director_conf *)parent)->dns;
}

static const struct conf_context dns_context = {
    .name = "dns",
    .about = "How questions are answered, whatever the answer is.",
    .tables = {{dns_directives}},
    .open = dns_block,
};

static const struct directive main_directives[] = {
    {"listen", CONF_CUSTOM(set_listen, 2, CONF_ARGS_MAX),
        .usage = "ADDRESS:PORT dns|redirect [tls] [proxy from NETWORK...]",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about =
            "Where clients come to: 0.0.0.0:53, [::]:53, 127.0.0.1:5353. With dns, questions are "
            "answered there over UDP and TCP, or with tls over TLS (RFC 7858, port 853). With "
            "redirect, HTTP clients are sent to a PoP, with tls by HTTPS. With tls there must be a "
            "certificate. Port 0 lets the kernel choose one, which the log tells. With proxy, "
            "every connection begins with a PROXY header, version 1 or 2, and every datagram with "
            "one of version 2: the client that it names counts from then on. Whoever comes from "
            "elsewhere than the NETWORKs, or without such a header, gets no answer."},
    {"resolver", CONF_CUSTOM(set_resolver, 1, 1), .usage = "ADDRESS[:PORT]",
        .unset = "the system's",
        .about = "The DNS server to ask for the names that health checks need, like 127.0.0.1 or "
                 "[::1]:5353."},
    {"dns", CONF_BLOCK(&dns_context, 0, 0), .flags = DIRECTIVE_IMPLIED,
        .about = "How questions are answered, whatever the answer is."},
    {"state", CONF_STRING(struct director_conf, state), .preset = "off",
        .about = "A file that keeps what operators have ordered about PoPs (selvagectl pop), so "
                 "that a restart changes nothing of it; or off. Its folder must be there, and ours "
                 "to write."},
    {"pop", CONF_BLOCK(&pop_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY,
        .about = "A place that serves clients."},
    {"steer", CONF_BLOCK(&steer_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY,
        .about = "To which PoPs clients are sent."},
    {"zone", CONF_BLOCK(&zone_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY,
        .about = "Names that are answered for."},
    {0},
};

/* --- the whole ---------------------------------------------------------------------------- */

/* The struct that apply() hands in, with an arena and a path already. */
static void *main_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct director_conf *c = parent;

    (void)l;
    (void)node;
    daemon_conf_init(&c->daemon);
    return c;
}

static bool has_listener(const struct director_conf *c, int use)
{
    for (const struct listen_conf *n = c->daemon.listens; n != NULL; n = n->next) {
        if (n->use == use)
            return true;
    }
    return false;
}

/* What nobody could ask for was meant otherwise. */
static void check_listeners(
    struct conf_load *l, const struct director_conf *c, const struct conf_node *main)
{
    const struct conf_node *zone = conf_find_child(main, "zone");
    const struct conf_node *redirect = conf_find_child(main, "redirect");

    if (zone != NULL && !has_listener(c, DIRECTOR_DNS))
        conf_error(l->errors, zone->at,
            "nobody can ask for zones without a listener for DNS: add  listen 0.0.0.0:53 dns;");
    if (redirect != NULL && !has_listener(c, DIRECTOR_REDIRECT))
        conf_error(l->errors, redirect->at,
            "nobody gets to redirects without a listener for them: add  listen 0.0.0.0:80 "
            "redirect;");
}

static void main_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct director_conf *c = self;

    session_conf_close(&c->session);
    daemon_conf_close(l, &c->daemon, "");
    check_listeners(l, c, node);
    map_conf_close(l, &c->map, node);
    steer_list_resolve(l, &c->steers, &c->pops);
    zones_conf_close(l, &c->zones, &c->steers);
    redirects_close(l, &c->redirects, &c->pops, &c->steers);
}

const struct conf_context director_conf_main = {
    .name = "main",
    .tables = {{main_directives}, {session_directives, offsetof(struct director_conf, session)},
        {daemon_directives, offsetof(struct director_conf, daemon)},
        {tls_directives, offsetof(struct director_conf, daemon.tls)},
        {map_directives, offsetof(struct director_conf, map)},
        {redirect_directives, offsetof(struct director_conf, redirects)}},
    .open = main_open,
    .close = main_close,
};

static struct director_conf *new_conf(void)
{
    struct director_conf *c = xcalloc(1, sizeof(*c));

    arena_init(&c->arena);
    return c;
}

void director_conf_free(struct director_conf **cp)
{
    struct director_conf *c = *cp;

    if (c == NULL)
        return;
    *cp = NULL;
    pop_list_free(&c->pops);
    daemon_conf_free(&c->daemon);
    zones_conf_free(&c->zones);
    arena_free(&c->arena);
    free(c);
}

struct director_conf *director_conf_load(const char *path, struct buf *errors)
{
    struct director_conf *c = new_conf();
    const struct conf_node *root;
    struct conf_errors e;

    c->daemon.path = arena_dup(&c->arena, span_of(path));
    conf_errors_init(&e, &c->arena);
    root = conf_read_file(&c->arena, path, &e);
    if (root != NULL && conf_apply(&director_conf_main, c, root, &c->arena, &e) != NULL)
        return c;
    (void)!conf_errors_write(&e, errors);
    director_conf_free(&c);
    return NULL;
}

bool director_conf_dump(const char *path, struct buf *out, struct buf *errors)
{
    struct director_conf *c = director_conf_load(path, errors);
    const struct conf_node *root;
    struct conf_errors e;
    struct arena a;
    bool ok;

    if (c == NULL)
        return false;
    director_conf_free(&c);
    arena_init(&a);
    conf_errors_init(&e, &a);
    root = conf_read_file(&a, path, &e);
    ok = root != NULL && conf_dump(&director_conf_main, root, out);
    if (!ok)
        (void)!conf_errors_write(&e, errors);
    arena_free(&a);
    return ok;
}
