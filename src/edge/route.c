#include "edge/route.h"

#include "cache/key.h"
#include "edge/secure.h"
#include "http/uri.h"

static void find_query(struct route *r, const struct http_request *req, struct arena *a)
{
    struct span query = req->has_query ? uri_query_normalise(a, req->query) : SPAN_EMPTY;

    r->has_query = req->has_query;
    if (unlikely(r->policy->signing != NULL)) {
        query = signature_take(a, query, &r->has_query, &r->signature);
        r->signed_query = query;
        r->has_signed_query = r->has_query;
    }
    if (r->has_query)
        r->query = key_query(a, query, &r->has_query, &r->policy->cache);
    r->target = r->path;
    if (r->has_query)
        r->target = arena_join(a, arena_join(a, r->path, SPAN("?")), r->query);
}

enum route_end route_find(struct route *r, const struct site_table *sites,
    const struct http_request *req, struct arena *a)
{
    *r = (struct route){0};
    if (req->form == TARGET_AUTHORITY)
        return ROUTE_TUNNEL;
    r->site = site_find(sites, uri_host_normalise(a, req->host, 0, 0));
    if (r->site == NULL)
        return ROUTE_NO_SITE;
    r->policy = &r->site->policy;
    r->scheme = span_ieq(req->scheme, SPAN("https")) ? SPAN("https") : SPAN("http");
    r->host = uri_host_normalise(a, req->host, req->port, uri_default_port(r->scheme));
    if (req->form == TARGET_ASTERISK)
        r->path = SPAN("*");
    else if (!uri_path_normalise(a, req->path, site_path_flags(r->site), &r->path))
        return ROUTE_BAD_PATH;
    r->policy = site_policy(r->site, r->path, &r->rule);
    find_query(r, req, a);
    return ROUTE_FOUND;
}

/* "http:" and further, as with any scheme: whoever parses it says which there are. */
static bool has_scheme(struct span url)
{
    size_t colon = span_find(url, ':');

    return colon < span_find(url, '/') && span_starts(span_from(url, colon), SPAN("://"));
}

struct span route_target_of(struct span url, bool tls_only, struct arena *a)
{
    url.n = span_find(url, '#');
    if (has_scheme(url))
        return url;
    return arena_join(a, tls_only ? SPAN("https://") : SPAN("http://"), url);
}

/* RFC 8586: our name as a member of CDN-Loop, with or without parameters. */
static bool came_through_us(const struct http_request *req, struct span loop_id)
{
    struct field_list it = field_list_of(&req->fields, FIELD_CDN_LOOP);
    struct span member;

    while (field_list_next(&it, &member)) {
        struct span id = span_trim(span_make(member.p, span_find(member, ';')));

        if (span_ieq(id, loop_id))
            return true;
    }
    return false;
}

enum route_end route_screen(const struct http_request *req, struct span loop_id)
{
    if (req->method == METHOD_TRACE)
        return ROUTE_TRACE;
    if (came_through_us(req, loop_id))
        return ROUTE_LOOP;
    return req->method == METHOD_PURGE ? ROUTE_PURGE : ROUTE_FOUND;
}

int route_refusal(enum route_end end, const char **why)
{
    switch (end) {
    case ROUTE_FOUND:
        break;
    case ROUTE_TUNNEL:
        *why = "CONNECT is not for an edge: it is no tunnel";
        return 405;
    case ROUTE_NO_SITE:
        *why = "No site of this edge has the host name of the request";
        return 421;
    case ROUTE_BAD_PATH:
        *why = "The path of the request has a percent sign that encodes nothing, or a NUL";
        return 400;
    case ROUTE_TRACE:
        *why = "TRACE is not answered: it would show what should stay hidden";
        return 405;
    case ROUTE_INSECURE:
        *why = "A resource of https is not answered over a connection without TLS";
        return 421;
    case ROUTE_PURGE:
        *why = "PURGE is not taken on this site";
        return 405;
    case ROUTE_LOOP:
        *why = "This request came through this edge before: its origin leads back here";
        return 508;
    }
    *why = "";
    return 200;
}

bool route_key(struct route *r, const struct fields *fields, struct arena *a)
{
    const struct key_parts parts = {
        .scheme = secure_told(r),
        .host = r->host,
        .path = r->path,
        .has_query = r->has_query,
        .query = r->query,
        .fields = fields,
    };

    r->key = cache_key_of(key_text(a, &parts, &r->policy->cache));
    return r->key.text.p != NULL;
}

bool route_cached(const struct route *r)
{
    return !r->policy->bypass && r->path.p[0] == '/';
}
