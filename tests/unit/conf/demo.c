#include "demo.h"

/* ---- two lower layers, each with rows for its own struct ---- */

static const struct directive cache_rows[] = {
    {"memory", CONF_SIZE(struct demo_cache, memory_bytes), .preset = "256MiB", .min = 1 << 20,
        .max = 1LL << 40, .about = "Memory for stored responses."},
    {"followers", CONF_FLAG(struct demo_cache, followers), .preset = "on",
        .about = "Lets requests join a fill."},
    {0},
};

static const struct directive limits_rows[] = {
    {"idle", CONF_DURATION(struct demo_limits, idle_ms), .preset = "1m30s", .min = 100,
        .max = 3600000, .about = "Longest pause between requests."},
    {"head", CONF_SIZE(struct demo_limits, head_bytes), .preset = "64KiB",
        .about = "Largest head of a request."},
    {0},
};

/* ---- the place where they meet ---- */

static void *open_cache(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct demo *d = parent;

    (void)l, (void)node;
    return &d->cache;
}

static const struct conf_context cache_context = {
    .name = "cache", .about = "The store.", .open = open_cache, .tables = {{cache_rows}}};

static void set_server(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const roles[] = {"main", "backup", NULL};
    struct demo_origin *o = self;
    int role = 0;

    if (node->args_n == 2 && !conf_arg_word(l, node, 1, roles, &role))
        return;
    if (role == 0)
        o->url = node->args[0].text;
    o->servers++;
}

static const struct directive origin_rows[] = {
    {"server", CONF_CUSTOM(set_server, 1, 2), .usage = "URL [main|backup]",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED, .about = "A server of this origin."},
    {0},
};

static void *open_origin(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct demo *d = parent;
    struct demo_origin *o = arena_zalloc(l->arena, sizeof(*o));

    o->name = node->args[0].text;
    list_append(&d->origins, &o->link);
    return o;
}

static const struct conf_context origin_context = {
    .name = "origin", .open = open_origin, .tables = {{origin_rows}}};

static const struct directive policy_rows[] = {
    {"ttl", CONF_DURATION(struct demo_policy, ttl_ms), .preset = "0",
        .about = "Lifetime when the origin names none."},
    {"strip", CONF_STRINGS(struct demo_policy, strip), .preset = "Server X-Powered-By",
        .flags = DIRECTIVE_MANY, .usage = "FIELD...", .about = "Fields that do not pass."},
    {"origin", CONF_STRING(struct demo_policy, origin_name), .max = 16, .usage = "NAME",
        .about = "Who is asked."},
    {0},
};

static void set_bypass(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct demo_path *p = self;

    (void)l, (void)node;
    p->bypass = true;
}

static const struct directive path_rows[] = {
    {"bypass", CONF_CUSTOM(set_bypass, 0, 0), .about = "Neither look up nor store."},
    {0},
};

static void *open_path(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct demo_site *s = parent;
    struct demo_path *p = arena_zalloc(l->arena, sizeof(*p));

    p->pattern = node->args[0].text;
    p->policy = s->policy;
    list_append(&s->paths, &p->link);
    return p;
}

static const struct conf_context path_context = {.name = "path",
    .open = open_path,
    .tables = {{path_rows}, {policy_rows, offsetof(struct demo_path, policy), .inherited = true}}};

static const struct directive site_rows[] = {
    {"path", CONF_BLOCK(&path_context, 1, 1), .usage = "PATTERN", .flags = DIRECTIVE_MANY,
        .about = "A part of the site."},
    {0},
};

static void *open_site(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct demo *d = parent;
    struct demo_site *s = arena_zalloc(l->arena, sizeof(*s));

    if (conf_arg_is(node, 0, "localhost")) {
        conf_error(l->errors, node->args[0].at, "site: \"localhost\" is nobody's name");
        return NULL;
    }
    s->host = node->args[0].text;
    list_init(&s->paths);
    list_append(&d->sites, &s->link);
    return s;
}

static const struct conf_context site_context = {.name = "site",
    .open = open_site,
    .tables = {{site_rows}, {policy_rows, offsetof(struct demo_site, policy)}}};

static void set_listen(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const options[] = {"tls", NULL};
    struct demo *d = self;
    int option;

    if (!conf_arg_listen(l, node, 0, &d->listen))
        return;
    if (node->args_n == 2) {
        if (!conf_arg_word(l, node, 1, options, &option))
            return;
        d->tls++;
    }
    d->listeners++;
}

static const char *const log_words[] = {"error", "warn", "info", NULL};

static const struct directive main_rows[] = {
    {"listen", CONF_CUSTOM(set_listen, 1, 2), .usage = "ADDRESS [tls]",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED, .about = "Where clients connect."},
    {"workers", CONF_INTEGER(struct demo, workers), .max = 128, .unset = "one per core",
        .about = "Threads that serve."},
    {"log", CONF_WORD(struct demo, log, log_words), .preset = "info",
        .about = "What is worth a line."},
    {"user", CONF_STRING(struct demo, user), .preset = "www data", .min = 2, .max = 8,
        .about = "Whom we run as."},
    {"control", CONF_LISTEN(struct demo, control), .preset = "unix:/run/demo.sock",
        .about = "Where operators ask."},
    {"cache", CONF_BLOCK(&cache_context, 0, 0), .flags = DIRECTIVE_IMPLIED,
        .about = "The store and its tiers."},
    {"origin", CONF_BLOCK(&origin_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY,
        .about = "Who holds the truth."},
    {"site", CONF_BLOCK(&site_context, 1, CONF_ARGS_MAX), .usage = "HOST...",
        .flags = DIRECTIVE_MANY, .about = "Hosts with one policy."},
    {0},
};

static void *open_main(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct demo *d = arena_zalloc(l->arena, sizeof(*d));

    (void)parent, (void)node;
    list_init(&d->origins);
    list_init(&d->sites);
    return d;
}

static const struct demo_origin *find_origin(const struct demo *d, struct span name)
{
    list_each (it, &d->origins) {
        const struct demo_origin *o = list_entry(it, struct demo_origin, link);

        if (span_eq(o->name, name))
            return o;
    }
    return NULL;
}

static void close_main(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct demo *d = self;

    (void)node;
    list_each (it, &d->sites) {
        struct demo_site *s = list_entry(it, struct demo_site, link);

        s->origin = find_origin(d, s->policy.origin_name);
        if (s->policy.origin_name.n > 0 && s->origin == NULL)
            conf_error(l->errors, node->at, "site %.*s: no origin \"%.*s\"", CONF_SHOW(s->host),
                CONF_SHOW(s->policy.origin_name));
    }
}

const struct conf_context demo_main = {.name = "main",
    .open = open_main,
    .close = close_main,
    .tables = {{main_rows}, {limits_rows, offsetof(struct demo, limits)}}};

struct demo *demo_load(
    struct arena *a, struct span text, struct conf_errors *errors, const struct conf_node **root)
{
    const struct conf_node *tree = conf_read_text(a, "demo.conf", text, errors);

    if (root != NULL)
        *root = tree;
    return tree != NULL ? conf_apply(&demo_main, NULL, tree, a, errors) : NULL;
}
