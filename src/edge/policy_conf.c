/*
 * policy_conf.c - the directives that a site and its path rules share: struct policy from text.
 */
#include "edge/site_conf.h"

#include "http/chars.h"
#include "http/fields.h"

static struct span arg(const struct conf_node *n, unsigned i)
{
    return n->args[i].text;
}

static void set_origin(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;

    (void)l;
    p->origin_name = arg(node, 0);
    p->origin_at = node->args[0].at;
}

static void set_ttl(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;
    int64_t ms;

    if (conf_arg_duration(l, node, 0, &ms))
        p->cache.ttl_s = ms / 1000;
}

static void set_bypass(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)l;
    (void)node;
    ((struct policy *)self)->bypass = true;
}

/* A list of its own, so that a path's additions do not reach its site. */
static struct header_rule *copy_headers(struct arena *a, const struct header_rule *from)
{
    struct header_rule *first = NULL, **end = &first;

    for (; from != NULL; from = from->next) {
        *end = arena_alloc(a, sizeof(**end));
        **end = *from;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    return first;
}

static bool may_change(struct conf_load *l, const struct conf_node *node, struct span name)
{
    enum field_id id = field_id_of(name);

    if (!token_valid(name)) {
        conf_error(l->errors, node->args[1].at, "\"%.*s\" is not a field name", CONF_SHOW(name));
        return false;
    }
    if (field_is_hop(id) || id == FIELD_CONTENT_LENGTH || id == FIELD_DATE || id == FIELD_AGE) {
        conf_error(l->errors, node->args[1].at,
            "the field %.*s belongs to the protocol and cannot be changed by a rule",
            CONF_SHOW(name));
        return false;
    }
    return true;
}

static void set_header(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const ops[] = {"set", "unset", NULL};
    struct policy *p = self;
    struct header_rule *h, **end;
    int op;

    if (!conf_arg_word(l, node, 0, ops, &op) || !may_change(l, node, arg(node, 1)))
        return;
    if ((op == HEADER_SET) != (node->args_n == 3)) {
        conf_error(l->errors, node->at,
            op == HEADER_SET ? "header set needs a field name and a value"
                             : "header unset takes a field name and nothing else");
        return;
    }
    if (op == HEADER_SET && !span_all(arg(node, 2), CHAR_VALUE)) {
        conf_error(l->errors, node->args[2].at, "this cannot stand in a field value");
        return;
    }
    h = arena_zalloc(l->arena, sizeof(*h));
    h->op = (enum header_op)op;
    h->name = arg(node, 1);
    h->value = op == HEADER_SET ? span_trim(arg(node, 2)) : SPAN_EMPTY;
    p->headers = copy_headers(l->arena, p->headers);
    for (end = &p->headers; *end != NULL; end = &(*end)->next)
        ;
    *end = h;
}

static void set_redirect(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;
    struct span to = arg(node, node->args_n - 1);
    int64_t status = 302;

    if (node->args_n == 2) {
        if (!conf_arg_integer(l, node, 0, &status))
            return;
        if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
            conf_error(l->errors, node->args[0].at,
                "%lld is no redirect: one of 301, 302, 303, 307, 308 would be", (long long)status);
            return;
        }
    }
    if (!span_all(to, CHAR_TARGET) ||
        !(span_starts(to, SPAN("/")) || span_istarts(to, SPAN("http://")) ||
            span_istarts(to, SPAN("https://")))) {
        conf_error(l->errors, node->args[node->args_n - 1].at,
            "\"%.*s\" is no place to redirect to: a path like /new or a URL like https://host/new "
            "would be",
            CONF_SHOW(to));
        return;
    }
    p->redirect_status = (int)status;
    p->redirect_to = to;
}

const struct directive policy_directives[] = {
    {"origin", CONF_CUSTOM(set_origin, 1, 1), .usage = "NAME|URL|DIRECTORY",
        .about = "Where what is not in the cache comes from: the name of an origin block, or "
                 "directly http://host[:port], or a directory of files (file:/srv/www or a path "
                 "with a slash in it)."},
    {"ttl", CONF_CUSTOM(set_ttl, 1, 1), .usage = "DURATION", .unset = "as the response says",
        .about = "How long responses are fresh in this cache, whatever they say of themselves; "
                 "what may not be stored at all (no-store, private) is still not stored. Clients "
                 "see the origin's fields."},
    {"bypass", CONF_CUSTOM(set_bypass, 0, 0),
        .about = "Neither looks up nor stores: every request goes to the origin."},
    {"header", CONF_CUSTOM(set_header, 2, 3), .usage = "set NAME VALUE|unset NAME",
        .flags = DIRECTIVE_MANY,
        .about = "Sets or removes a field of responses on their way to the client."},
    {"redirect", CONF_CUSTOM(set_redirect, 1, 2), .usage = "[STATUS] PATH|URL",
        .about = "Answers with a redirect (302 unless a STATUS is given) and asks no origin. "
                 "`$path` at the end of the place stands for the request's path and query."},
    {"trailers", CONF_FLAG(struct policy, pass_trailers), .preset = "off",
        .about = "Passes the origin's trailer fields on to clients; off drops them."},
    {0},
};
