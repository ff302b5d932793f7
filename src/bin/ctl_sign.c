/*
 * ctl_sign.c - selvagectl sign: a URL that a site with signed-url answers. Asks no daemon.
 */
#include "bin/ctl.h"
#include "conf/value.h"
#include "edge/route.h"
#include "edge/signature.h"
#include "http/uri.h"
#include "net/network.h"

#include <stdio.h>

static int fail(const char *what, const char *which)
{
    fprintf(stderr, "selvagectl: %s%s\n", what, which);
    return 1;
}

/* The URL as sites see it. False: said. */
static bool read_url(
    struct span url, struct arena *a, struct http_request *req, struct signed_request *out)
{
    struct signature already;
    struct span path;

    req->method = METHOD_GET;
    if (!uri_target_parse(route_target_of(url, false, a), req) || req->form != TARGET_ABSOLUTE ||
        !uri_path_normalise(a, req->path, 0, &path))
        return fail("this is no URL: ", url.p) == 0;
    *out = (struct signed_request){
        .method = METHOD_GET,
        .host = uri_host_normalise(a, req->host, req->port, uri_default_port(req->scheme)),
        .path = path,
        .query = req->has_query ? uri_query_normalise(a, req->query) : SPAN_EMPTY,
        .has_query = req->has_query,
    };
    out->query = signature_take(a, out->query, &out->has_query, &already);
    return true;
}

static const struct signing_key *choose_key(const struct signing_keys *keys, const char *id)
{
    for (unsigned i = 0; i < keys->n; i++) {
        if (id == NULL || span_eq(keys->v[i].id, span_of(id)))
            return &keys->v[i];
    }
    return NULL;
}

/* What the options ask for. False: said. */
static bool read_wishes(
    const struct ctl *ctl, const struct signed_request *r, struct arena *a, struct signature *s)
{
    struct value_why why;
    struct network network;
    int64_t ms;

    if (!value_duration(span_of(ctl->expires), &ms, &why))
        return fail("--expires: ", why.text) == 0;
    s->expires = arena_printf(a, "%lld", (long long)(clock_wall_s() + ms / 1000));
    if (ctl->prefix != NULL) {
        s->prefix = span_of(ctl->prefix);
        if (!signature_prefix_is_good(s->prefix, a))
            return fail("--prefix is a path in normal form that begins and ends with a slash, not ",
                       ctl->prefix) == 0;
        if (!span_starts(r->path, s->prefix))
            return fail("the URL does not begin with the prefix ", ctl->prefix) == 0;
    }
    if (ctl->client != NULL) {
        s->client = span_of(ctl->client);
        if (network_parse(s->client, &network) != NETWORK_OK)
            return fail("--client is an address or a network, not ", ctl->client) == 0;
    }
    return true;
}

static int write_url(
    const struct http_request *req, const struct signed_request *r, const struct signature *s)
{
    printf("%.*s://%.*s%.*s?", SPAN_ARG(req->scheme), SPAN_ARG(r->host), SPAN_ARG(r->path));
    if (r->has_query)
        printf("%.*s&", SPAN_ARG(r->query));
    printf("sig-expires=%.*s&sig-key=%.*s", SPAN_ARG(s->expires), SPAN_ARG(s->key));
    if (s->prefix.p != NULL)
        printf("&sig-prefix=%.*s", SPAN_ARG(s->prefix));
    if (s->client.p != NULL)
        printf("&sig-client=%.*s", SPAN_ARG(s->client));
    printf("&sig=%.*s\n", SPAN_ARG(s->sig));
    return fflush(stdout) == 0 ? 0 : 1;
}

static int sign(const struct ctl *ctl, struct arena *a)
{
    struct signature s = {0};
    struct signed_request r;
    struct http_request req = {0};
    const struct signing_key *key;
    struct signing_keys keys;
    char why[SIGNING_WHY];

    if (!signing_keys_read(&keys, span_of(ctl->key), a, why))
        return fail(why, "");
    key = choose_key(&keys, ctl->id);
    if (key == NULL)
        return fail("there is no key of that name: ", ctl->id);
    if (!read_url(ctl->question.url, a, &req, &r) || !read_wishes(ctl, &r, a, &s))
        return 1;
    signature_make(&s, key, &r, a);
    return write_url(&req, &r, &s);
}

int ctl_sign(const struct ctl *ctl)
{
    struct arena a;
    int status;

    if (ctl->key == NULL || ctl->expires == NULL)
        return ctl_wrong_usage("sign needs --key FILE and --expires DURATION", "");
    arena_init(&a);
    status = sign(ctl, &a);
    arena_free(&a);
    return status;
}
