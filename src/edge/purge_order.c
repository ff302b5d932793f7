#include "edge/purge_order.h"

#include "cache/tags.h"
#include "conf/suggest.h"
#include "edge/conf.h"
#include "edge/route.h"
#include "http/chars.h"
#include "http/uri.h"

/* The order as it is read. */
struct reading {
    struct purge_order *o;
    const struct edge_conf *conf;
    struct arena *a;
    bool has_scope; /* another than PURGE_SITE, which is known at the end */
    unsigned sites_n;
    struct span sites[PURGE_TEXTS_MAX];
    const char *why;
};

static const char *const scope_names[] = {
    [PURGE_URL] = "url",
    [PURGE_PREFIX] = "prefix",
    [PURGE_TAG] = "tag",
    [PURGE_SITE] = "site",
    [PURGE_ALL] = "all",
};

#define KNOWN "there are url, prefix, tag, site, all, hard and wait"

struct span purge_scope_name(enum purge_scope scope)
{
    return span_of(scope_names[scope]);
}

/* --- names of what is stored -------------------------------------------------------------- */

static bool wrong(struct reading *r, const char *why)
{
    r->why = why;
    return false;
}

/* "...": why, for a value that may be long. */
static bool wrong_value(struct reading *r, struct span value, const char *why)
{
    enum { SHOWN_BYTES = 200 };
    bool cut = value.n > SHOWN_BYTES;

    value.n = cut ? SHOWN_BYTES : value.n;
    return wrong(r, arena_printf(r->a, "\"%.*s%s\": %s", SPAN_ARG(value), cut ? "..." : "", why).p);
}

static bool add_text(struct reading *r, struct span text)
{
    struct purge_order *o = r->o;

    if (o->texts_n == PURGE_TEXTS_MAX)
        return wrong(
            r, arena_printf(r->a, "an order has at most %d values", (int)PURGE_TEXTS_MAX).p);
    if (text.n > PURGE_TEXT_MAX)
        return wrong_value(r, text,
            arena_printf(r->a, "longer than the %d bytes of a purge", (int)PURGE_TEXT_MAX).p);
    o->texts[o->texts_n++] = text;
    return true;
}

/* As a client would ask for it; "http://" may be left out. */
static bool find_url(struct reading *r, struct span value, struct route *out)
{
    struct http_request req = {.method = METHOD_GET, .minor = 1};
    struct span target = route_target_of(value, r->conf->daemon.tls_only, r->a);
    const char *why;
    enum route_end end;

    if (!uri_target_parse(target, &req))
        return wrong_value(r, value, "no URL: www.example.com/path would be one");
    end = route_find(out, r->conf->table, &req, r->a);
    if (end == ROUTE_FOUND)
        return true;
    if (end == ROUTE_NO_SITE)
        return wrong_value(r, value, "its host belongs to no site of this edge");
    (void)route_refusal(end, &why);
    return wrong_value(r, value, why);
}

static bool add_url(struct reading *r, struct span value)
{
    struct route route;

    return find_url(r, value, &route) && add_text(r, arena_join(r->a, route.host, route.target));
}

/* A segment that is only dots would mean the directory above, though "/a/..b" begins so, too. */
static bool ends_in_dots(struct span path)
{
    size_t n = path.n;

    for (;;) {
        if (n >= 1 && path.p[n - 1] == '.')
            n -= 1;
        else if (n >= 3 && span_ieq(span_make(path.p + n - 3, 3), SPAN("%2e")))
            n -= 3;
        else
            break;
    }
    return n < path.n && n > 0 && path.p[n - 1] == '/';
}

static bool half_a_triplet(struct span s)
{
    for (size_t i = s.n < 2 ? 0 : s.n - 2; i < s.n; i++) {
        if (s.p[i] == '%')
            return true;
    }
    return false;
}

static bool add_prefix(struct reading *r, struct span value)
{
    struct span url = span_make(value.p, span_find(value, '#'));
    struct span path = span_make(url.p, span_find(url, '?'));
    struct route route;

    if (half_a_triplet(url))
        return wrong_value(r, value, "it ends within a percent-encoded character");
    if (span_ends(url, SPAN("*")))
        return wrong_value(r, value, "a prefix needs no star at its end; leave it out");
    if (ends_in_dots(path))
        return wrong_value(r, value, "it ends in dots that would lead somewhere else");
    if (!find_url(r, value, &route))
        return false;
    /* Rules for queries are for whole ones; of a beginning nobody knows what would be left. */
    if (path.n < url.n &&
        !(route.has_query &&
            span_eq(route.query, uri_query_normalise(r->a, span_from(url, path.n + 1)))))
        return wrong_value(r, value,
            "the site's rules change this query, so no stored URL begins so; leave the query out");
    return add_text(r, arena_join(r->a, route.host, route.target));
}

static bool add_tag(struct reading *r, struct span value)
{
    if (value.n == 0)
        return wrong(r, "a tag is empty");
    if (value.n > TAG_BYTES_MAX)
        return wrong_value(r, value,
            arena_printf(r->a, "no tag that counts has more than %d bytes", (int)TAG_BYTES_MAX).p);
    for (size_t i = 0; i < value.n; i++) {
        if (!char_is(value.p[i], CHAR_VALUE))
            return wrong_value(r, value, "a tag has no control characters");
    }
    if (span_trim(value).n != value.n)
        return wrong_value(r, value, "a tag has no white space at its ends");
    return add_text(r, value);
}

/* By a name that the configuration gives it; not by one that a wildcard of it stands for. */
static const struct site *site_of(const struct reading *r, struct span name)
{
    struct span host = uri_host_normalise(r->a, name, 0, 0);
    const struct site *s = site_find(r->conf->table, host);

    for (unsigned i = 0; s != NULL && i < s->hosts_n; i++) {
        if (span_eq(host, s->hosts[i]))
            return s;
    }
    return NULL;
}

static bool no_site(struct reading *r, struct span value)
{
    struct suggestion near = {.of = value};

    for (const struct site *s = r->conf->sites; s != NULL; s = s->next)
        suggest_offer(&near, s->name.p);
    if (near.best == NULL)
        return wrong_value(r, value, "the configuration gives no site this name");
    return wrong_value(r, value,
        arena_printf(r->a, "the configuration gives no site this name, did you mean %s?", near.best)
            .p);
}

static bool add_site(struct reading *r, struct span value)
{
    const struct site *s = site_of(r, value);

    if (s == NULL)
        return no_site(r, value);
    if (r->sites_n == PURGE_TEXTS_MAX)
        return wrong(r, "too many sites for one order");
    r->sites[r->sites_n++] = s->name;
    return true;
}

/* --- the query ---------------------------------------------------------------------------- */

static bool set_scope(struct reading *r, enum purge_scope scope)
{
    if (r->has_scope && r->o->scope != scope)
        return wrong(r, "an order is of one kind: url, prefix, tag, site or all");
    r->has_scope = true;
    r->o->scope = scope;
    return true;
}

/* hard, hard=1, hard=0 */
static bool read_flag(struct reading *r, struct span value, bool *flag)
{
    *flag = !span_eq(value, SPAN("0"));
    if (*flag && value.n > 0 && !span_eq(value, SPAN("1")))
        return wrong_value(r, value, "hard, wait and all are 1 or 0");
    return true;
}

static bool read_parameter(struct reading *r, struct span name, struct span value)
{
    bool all;

    if (span_eq(name, SPAN("url")))
        return set_scope(r, PURGE_URL) && add_url(r, value);
    if (span_eq(name, SPAN("prefix")))
        return set_scope(r, PURGE_PREFIX) && add_prefix(r, value);
    if (span_eq(name, SPAN("tag")))
        return set_scope(r, PURGE_TAG) && add_tag(r, value);
    if (span_eq(name, SPAN("site")))
        return add_site(r, value);
    if (span_eq(name, SPAN("all")))
        return read_flag(r, value, &all) && (!all || set_scope(r, PURGE_ALL));
    if (span_eq(name, SPAN("hard")))
        return read_flag(r, value, &r->o->hard);
    if (span_eq(name, SPAN("wait")))
        return read_flag(r, value, &r->o->wait);
    return wrong_value(r, name, "no parameter of a purge; " KNOWN);
}

/* What the parameters are together. */
static bool judge(struct reading *r)
{
    struct purge_order *o = r->o;

    if (!r->has_scope && r->sites_n == 0)
        return wrong(r, "nothing says what is to be purged; " KNOWN);
    if (!r->has_scope) {
        o->scope = PURGE_SITE;
        o->texts_n = r->sites_n;
        memcpy(o->texts, r->sites, r->sites_n * sizeof(r->sites[0]));
    } else if (r->sites_n > 1 || (r->sites_n == 1 && o->scope != PURGE_TAG)) {
        return wrong(r, "beside what is purged, site narrows tags, to one site");
    } else if (r->sites_n == 1) {
        o->site = r->sites[0];
    }
    if (o->scope == PURGE_ALL)
        o->texts[o->texts_n++] = SPAN_EMPTY;
    return true;
}

bool purge_order_read(struct purge_order *o, struct span query, const struct edge_conf *conf,
    struct arena *a, const char **why)
{
    struct reading r = {.o = o, .conf = conf, .a = a};
    struct span name, value;

    *o = (struct purge_order){0};
    while (uri_query_next(&query, &name, &value)) {
        if (!uri_decode(a, value, &value)) {
            *why = "a parameter has a percent sign that encodes nothing, or a NUL";
            return false;
        }
        if (!read_parameter(&r, name, value)) {
            *why = r.why;
            return false;
        }
    }
    *why = "";
    if (judge(&r))
        return true;
    *why = r.why;
    return false;
}

bool purge_order_of_route(struct purge_order *o, const struct route *r, struct arena *a)
{
    struct span text = arena_join(a, r->host, r->target);

    *o = (struct purge_order){.scope = PURGE_URL, .texts_n = 1, .texts = {text}};
    return text.n <= PURGE_TEXT_MAX;
}
