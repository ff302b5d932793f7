/*
 * policy_conf.c - the directives that a site and its path rules share: struct policy from text.
 */
#include "edge/site_conf.h"

#include "cache/slice.h"
#include "cache/spec.h"
#include "cache/tags.h"
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

/* --- lifetimes ------------------------------------------------------------------------------ */

/* The last argument. False: reported. */
static bool set_seconds(struct conf_load *l, const struct conf_node *node, int64_t *to)
{
    unsigned last = node->args_n - 1;
    int64_t ms;

    if (!conf_arg_duration(l, node, last, &ms))
        return false;
    if (ms % 1000 != 0) {
        conf_error(l->errors, node->args[last].at,
            "HTTP counts lifetimes in whole seconds, and %lldms are not", (long long)ms);
        return false;
    }
    *to = ms / 1000;
    return true;
}

#define SECONDS_SETTER(name, member)                                                               \
    static void name(struct conf_load *l, void *self, const struct conf_node *node)                \
    {                                                                                              \
        (void)set_seconds(l, node, &((struct policy *)self)->cache.member);                        \
    }
SECONDS_SETTER(set_ttl, ttl_s)
SECONDS_SETTER(set_default_ttl, default_s)
SECONDS_SETTER(set_min_ttl, min_s)
SECONDS_SETTER(set_max_ttl, max_s)
SECONDS_SETTER(set_heuristic_max, heuristic_max_s)
SECONDS_SETTER(set_swr, stale_while_revalidate_s)
SECONDS_SETTER(set_sie, stale_if_error_s)
#undef SECONDS_SETTER

/* 404, or 500-599, or 4xx */
static bool read_statuses(struct conf_load *l, const struct conf_word *w, struct negative_ttl *n)
{
    struct span rest = w->text, piece;
    uint64_t first, last;

    if (w->text.n == 3 && span_ends(w->text, SPAN("xx")) && w->text.p[0] >= '3' &&
        w->text.p[0] <= '5') {
        n->first = (w->text.p[0] - '0') * 100;
        n->last = n->first + 99;
        return true;
    }
    if (span_cut(&rest, '-', &piece) && span_u64(piece, &first)) {
        last = first;
        if ((rest.p == NULL || span_u64(rest, &last)) && first >= 300 && last <= 599 &&
            first <= last) {
            n->first = (int)first;
            n->last = (int)last;
            return true;
        }
    }
    conf_error(l->errors, w->at, "\"%.*s\" is no status of an error: 404, 500-599 or 5xx would be",
        CONF_SHOW(w->text));
    return false;
}

static void set_negative(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct cache_options *o = &((struct policy *)self)->cache;
    unsigned more = node->args_n - 1;
    struct negative_ttl *all = arena_alloc(l->arena, (o->negative_n + more) * sizeof(*all));
    int64_t ttl_s;
    unsigned n = 0;

    if (!set_seconds(l, node, &ttl_s))
        return;
    for (unsigned i = 0; i < more; i++) {
        if (!read_statuses(l, &node->args[i], &all[n]))
            return;
        all[n++].ttl_s = ttl_s;
    }
    for (unsigned i = 0; i < o->negative_n; i++) /* newer ones count first */
        all[n++] = o->negative[i];
    o->negative = all;
    o->negative_n = n;
}

/* --- the key -------------------------------------------------------------------------------- */

static const struct span *names_from(
    struct conf_load *l, const struct conf_node *node, unsigned first, bool lower)
{
    struct span *v = arena_alloc(l->arena, (node->args_n - first) * sizeof(*v));

    for (unsigned i = first; i < node->args_n; i++) {
        v[i - first] = arena_dup(l->arena, arg(node, i));
        for (size_t k = 0; lower && k < v[i - first].n; k++)
            ((char *)v[i - first].p)[k] = ascii_lower(v[i - first].p[k]);
    }
    return v;
}

/* Behind those that are there, in a list of its own: what a site has does not change by its paths.
 */
static void names_add(struct conf_load *l, const struct span **v, unsigned *n,
    const struct conf_node *node, bool lower)
{
    const struct span *more = names_from(l, node, 1, lower);
    struct span *all = arena_alloc(l->arena, (*n + node->args_n - 1) * sizeof(*all));

    for (unsigned i = 0; i < *n; i++)
        all[i] = (*v)[i];
    for (unsigned i = 0; i + 1 < node->args_n; i++)
        all[*n + i] = more[i];
    *v = all;
    *n += node->args_n - 1;
}

static void set_query(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"keep", "ignore", "only", "drop", "sort", NULL};
    struct cache_options *o = &((struct policy *)self)->cache;
    int word;

    if (!conf_arg_word(l, node, 0, words, &word))
        return;
    if ((word == QUERY_ONLY || word == QUERY_DROP) != (node->args_n > 1)) {
        conf_error(l->errors, node->at,
            node->args_n > 1 ? "query keep, ignore and sort take no names"
                             : "query only and drop need names of parameters, like utm_*");
        return;
    }
    if (word == 4) {
        o->query_sort = true;
        return;
    }
    for (unsigned i = 1; i < node->args_n; i++) {
        if (arg(node, i).n == 0) {
            conf_error(l->errors, node->args[i].at, "the name of a parameter is not empty");
            return;
        }
    }
    if (o->query != (enum query_mode)word)
        o->query_names_n = 0;
    o->query = (enum query_mode)word;
    names_add(l, &o->query_names, &o->query_names_n, node, false);
}

/* Names of fields and cookies are tokens (RFC 9110 §5.1, RFC 6265 §4.1.1). */
static bool names_valid(struct conf_load *l, const struct conf_node *node, const char *of_what)
{
    for (unsigned i = 1; i < node->args_n; i++) {
        if (!token_valid(arg(node, i))) {
            conf_error(l->errors, node->args[i].at, "\"%.*s\" is not a %s name",
                CONF_SHOW(arg(node, i)), of_what);
            return false;
        }
    }
    return true;
}

static void set_key(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"header", "cookie", NULL};
    struct cache_options *o = &((struct policy *)self)->cache;
    int word;

    if (!conf_arg_word(l, node, 0, words, &word) ||
        !names_valid(l, node, word == 0 ? "field" : "cookie"))
        return;
    if (word == 0)
        names_add(l, &o->key_fields, &o->key_fields_n, node, true);
    else
        names_add(l, &o->key_cookies, &o->key_cookies_n, node, false);
}

static void set_vary(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"normalise", "pass", "ignore", NULL};
    struct cache_options *o = &((struct policy *)self)->cache;
    struct vary_rule *all = arena_alloc(l->arena, (o->vary_n + 1) * sizeof(*all));
    int word;

    if (!token_valid(arg(node, 0))) {
        conf_error(
            l->errors, node->args[0].at, "\"%.*s\" is not a field name", CONF_SHOW(arg(node, 0)));
        return;
    }
    if (!conf_arg_word(l, node, 1, words, &word))
        return;
    all[0] = (struct vary_rule){
        .name = *names_from(l, node, 0, true),
        .how = (enum vary_how)word,
        .values = node->args_n > 2 ? names_from(l, node, 2, true) : NULL,
        .values_n = node->args_n - 2,
    };
    for (unsigned i = 0; i < o->vary_n; i++) /* newer ones count first */
        all[i + 1] = o->vary[i];
    o->vary = all;
    o->vary_n++;
}

static void set_set_cookie(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"explicit", "never", "always", NULL};
    int word;

    if (conf_arg_word(l, node, 0, words, &word))
        ((struct policy *)self)->cache.set_cookie = (enum set_cookie)word;
}

/* --- slices --------------------------------------------------------------------------------- */

static void set_slice(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;
    uint64_t bytes;

    if (conf_arg_is(node, 0, "off")) {
        p->slice_bytes = 0;
        return;
    }
    if (!conf_arg_size(l, node, 0, &bytes))
        return;
    if (bytes < SLICE_BYTES_MIN || bytes > SLICE_BYTES_MAX) {
        conf_error(l->errors, node->args[0].at,
            "a slice has 64KiB to 16MiB, and \"%.*s\" is not in between", CONF_SHOW(arg(node, 0)));
        return;
    }
    p->slice_bytes = bytes;
}

static void set_slice_from(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;
    uint64_t bytes;

    if (conf_arg_is(node, 0, "always"))
        p->slice_from = SLICE_FROM_ALWAYS;
    else if (conf_arg_size(l, node, 0, &bytes))
        p->slice_from = bytes > 0 ? bytes : 1;
}

/* --- signed URLs ---------------------------------------------------------------------------- */

static void set_signed_url(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct policy *p = self;
    struct signing_keys *keys;
    char why[SIGNING_WHY];

    if (conf_arg_is(node, 0, "off")) {
        p->signing = NULL;
        return;
    }
    keys = arena_alloc(l->arena, sizeof(*keys));
    if (signing_keys_read(keys, arg(node, 0), l->arena, why))
        p->signing = keys;
    else
        conf_error(l->errors, node->args[0].at, "%s", why);
}

/* --- the table ------------------------------------------------------------------------------ */

const struct directive policy_directives[] = {
    {"origin", CONF_CUSTOM(set_origin, 1, 1), .usage = "NAME|URL|DIRECTORY",
        .about = "Where what is not in the cache comes from: the name of an origin block, or "
                 "directly http://host[:port], or a directory of files (file:/srv/www or a path "
                 "with a slash in it)."},
    {"ttl", CONF_CUSTOM(set_ttl, 1, 1), .usage = "DURATION", .unset = "as the response says",
        .about = "How long responses are fresh in this cache, whatever they say of themselves; "
                 "what may not be stored at all (no-store, private) is still not stored. Clients "
                 "see the origin's fields."},
    {"default-ttl", CONF_CUSTOM(set_default_ttl, 1, 1), .usage = "DURATION", .unset = "0",
        .about = "How long responses are fresh that may be stored but say nothing of how long, "
                 "and have no Last-Modified to guess from."},
    {"min-ttl", CONF_CUSTOM(set_min_ttl, 1, 1), .usage = "DURATION", .unset = "0",
        .about = "Shorter lifetimes are taken for this one."},
    {"max-ttl", CONF_CUSTOM(set_max_ttl, 1, 1), .usage = "DURATION", .unset = "no limit",
        .about = "Longer lifetimes are taken for this one."},
    {"heuristic-max", CONF_CUSTOM(set_heuristic_max, 1, 1), .usage = "DURATION", .unset = "1d",
        .about = "A response that has only Last-Modified is fresh for a tenth of the time since "
                 "then, and at most for this long; 0 for not at all."},
    {"negative-ttl", CONF_CUSTOM(set_negative, 2, CONF_ARGS_MAX), .usage = "STATUS... DURATION",
        .flags = DIRECTIVE_MANY,
        .about = "How long errors and redirects with these statuses (404, 500-599, 5xx) are fresh "
                 "that say nothing of how long."},
    {"stale-while-revalidate", CONF_CUSTOM(set_swr, 1, 1), .usage = "DURATION", .unset = "0",
        .about = "How long past its lifetime a response is still used while it is refreshed in "
                 "the background, unless the response says otherwise (RFC 5861)."},
    {"stale-if-error", CONF_CUSTOM(set_sie, 1, 1), .usage = "DURATION", .unset = "1h",
        .about = "How long past its lifetime a response is still used when the origin fails, "
                 "unless the response says otherwise (RFC 5861)."},
    {"honour-request", CONF_FLAG(struct policy, cache.honour_request), .preset = "off",
        .about = "Whether a client's Cache-Control (no-cache, max-age, only-if-cached ...) counts. "
                 "Off by default: a reload in one browser shall not cost the origin a request."},
    {"set-cookie", CONF_CUSTOM(set_set_cookie, 1, 1), .usage = "explicit|never|always",
        .unset = "explicit",
        .about = "Whether a response with Set-Cookie is stored: only when it says itself how long "
                 "it is fresh, never, or always."},
    {"query", CONF_CUSTOM(set_query, 1, CONF_ARGS_MAX),
        .usage = "keep|ignore|sort|only NAME...|drop NAME...", .flags = DIRECTIVE_MANY,
        .about = "What of the query belongs to the cache key. What does not, the origin does not "
                 "see either. NAME may end in *. Names of more than one line, those of the site "
                 "among them, add up; another mode starts anew."},
    {"key", CONF_CUSTOM(set_key, 2, CONF_ARGS_MAX), .usage = "header NAME...|cookie NAME...",
        .flags = DIRECTIVE_MANY,
        .about = "Request fields or cookies whose values belong to the cache key, besides those "
                 "of other such lines and of the site."},
    {"vary", CONF_CUSTOM(set_vary, 2, CONF_ARGS_MAX),
        .usage = "NAME normalise|pass|ignore [VALUE...]", .flags = DIRECTIVE_MANY,
        .about = "How a request field that Vary names tells variants apart: values that mean the "
                 "same are the same (only the VALUEs count, if given), or as sent, or not at all "
                 "(then the origin does not see it)."},
    {"variants-max", CONF_INTEGER(struct policy, cache.variants_max), .preset = "64", .min = 1,
        .max = SPEC_VARIANTS_MAX,
        .about = "How many variants of one resource are stored at most. When another comes, the "
                 "one that was not used for longest goes."},
    {"tags-max", CONF_INTEGER(struct policy, tags_max), .preset = "128", .min = 1, .max = TAGS_MAX,
        .about =
            "How many tags of one response count (Surrogate-Key, Cache-Tag, CDN-Tag, "
            "Edge-Cache-Tag together), each of at most 1024 bytes. It cannot be purged by what "
            "is over that; explain, the log and selvage_tags_dropped_total say so."},
    {"show-tags", CONF_FLAG(struct policy, show_tags), .preset = "off",
        .about = "Clients get the fields with tags as the origin sent them. Counts for what is "
                 "stored from then on. When off, the fields end here."},
    {"bypass", CONF_CUSTOM(set_bypass, 0, 0),
        .about = "Neither looks up nor stores: every request goes to the origin."},
    {"signed-url", CONF_CUSTOM(set_signed_url, 1, 1), .usage = "FILE|off", .unset = "off",
        .about =
            "Only URLs with a good signature are answered, others with 403. FILE has the keys, one "
            "in a line: a name and a secret of at least 16 characters; it must not be readable by "
            "others. Any of them is good, so that a new one can come before an old one goes. "
            "selvagectl sign makes such URLs; see SIGNED URLS in selvaged(8). The parameters of "
            "the signature neither belong to the cache key nor reach the origin."},
    {"slice", CONF_CUSTOM(set_slice, 1, 1), .usage = "off|SIZE", .unset = "1MiB",
        .about =
            "Large representations are stored in slices of this size (64KiB to 16MiB, and "
            "never more than memory keeps in one piece), each fetched by its range when it is "
            "first needed. They need a strong ETag and an origin that knows ranges. Others, and "
            "all "
            "of them with off, are fetched as a whole: with a disk they are stored there as they "
            "come, see object-max; without one they pass."},
    {"slice-from", CONF_CUSTOM(set_slice_from, 1, 1), .usage = "SIZE|always",
        .unset = "what memory does not keep in one piece",
        .about = "What is larger than SIZE is stored in slices. always is for paths with large "
                 "files: already the first request asks the origin for a slice only, and "
                 "everything that is larger than one is sliced."},
    {"header", CONF_CUSTOM(set_header, 2, 3), .usage = "set NAME VALUE|unset NAME",
        .flags = DIRECTIVE_MANY,
        .about = "Sets or removes a field of responses on their way to the client."},
    {"hsts", CONF_CUSTOM(secure_set_hsts, 1, 3), .usage = "DURATION [subdomains] [preload]",
        .about = "Tells browsers to come over TLS only, for that long (Strict-Transport-Security), "
                 "in responses over TLS; what the origin says of it is dropped."},
    {"redirect", CONF_CUSTOM(set_redirect, 1, 2), .usage = "[STATUS] PATH|URL",
        .about = "Answers with a redirect (302 unless a STATUS is given) and asks no origin. "
                 "`$path` at the end of the place stands for the request's path and query. A path "
                 "with an origin of its own is not redirected with the rest of its site."},
    {"show-key", CONF_FLAG(struct policy, show_key), .preset = "off",
        .about = "Tells the cache key in Cache-Status. It may hold cookies and other fields that "
                 "belong to the key."},
    {"range-wait", CONF_SIZE(struct policy, range_wait_bytes), .preset = "4MiB",
        .about = "A request for a range waits for a fetch of the whole that others have begun when "
                 "no more than that many bytes must come before its own. When more must, and they "
                 "are more than it asks for, the range alone is asked of the origin, whose answer "
                 "is passed on and not stored."},
    {"websocket", CONF_FLAG(struct policy, websocket), .preset = "off",
        .about = "Requests that ask to switch to WebSocket (RFC 6455) go on to the origin as such, "
                 "and when it switches, client and origin speak through a tunnel. Without it they "
                 "are requests like any other."},
    {"websocket-idle", CONF_DURATION(struct policy, websocket_idle_ms), .preset = "5m", .min = 1,
        .about = "A tunnel through which no byte moved for so long is closed."},
    {"websocket-life", CONF_DURATION(struct policy, websocket_life_ms), .preset = "1d", .min = 1,
        .about = "A tunnel is closed after this time, however busy. When the edge stops, "
                 "it has half of stop-grace left."},
    {"trailers", CONF_FLAG(struct policy, pass_trailers), .preset = "off",
        .about = "Passes the origin's trailer fields on to clients; off drops them."},
    {0},
};
