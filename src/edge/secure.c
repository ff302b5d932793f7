#include "edge/secure.h"

#include "edge/challenges.h"
#include "edge/conf.h"
#include "edge/request.h"
#include "edge/site.h"
#include "http/chars.h"
#include "net/tls_server.h"

#include <string.h>

/* --- configuration -----------------------------------------------------------------------------
 */

static void set_redirect(struct conf_load *l, void *self, const struct conf_node *node)
{
    static const char *const words[] = {"308", "301", NULL};
    int word = 0;

    if (node->args_n == 0 || conf_arg_word(l, node, 0, words, &word))
        ((struct secure *)self)->redirect_status = word == 0 ? 308 : 301;
}

static void set_subject(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span name = node->args[0].text;

    if (!token_valid(name) || field_id_of(name) != FIELD_OTHER)
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is not the name of a field of your own: X-Client-Subject would be",
            CONF_SHOW(name));
    else
        ((struct secure *)self)->subject_field = name;
}

static const char *const proto_words[] = {"actual", "http", "https", NULL};

const struct directive secure_directives[] = {
    {"https-redirect", CONF_CUSTOM(set_redirect, 0, 1), .usage = "[308|301]",
        .about = "Sends requests that come without TLS to the same host, path and query over "
                 "https, but for those of /.well-known/acme-challenge/. The port is the default "
                 "one, whichever the request came by."},
    {"forwarded-proto", CONF_WORD(struct secure, proto, proto_words), .preset = "actual",
        .about =
            "What the origin is told in X-Forwarded-Proto and Forwarded: how the client came, or "
            "always the same. Since it may answer by it, what it is told is a part of the cache "
            "key: a site that is served over http and https has an object for each, unless "
            "https-redirect or this directive leaves one of them."},
    {"client-subject", CONF_CUSTOM(set_subject, 1, 1), .usage = "NAME",
        .about = "Tells the origin the subject of the client's certificate (client-ca) in this "
                 "request field, as RFC 2253 writes it. What a client sends in it is dropped. It "
                 "is a part of the cache key, so that nobody gets what was made for another."},
    {0},
};

void secure_set_hsts(struct conf_load *l, void *policy, const struct conf_node *node)
{
    static const char *const words[] = {"subdomains", "preload", NULL};
    static const char *const texts[] = {"; includeSubDomains", "; preload"};
    struct policy *p = policy;
    struct span line;
    int64_t ms;
    int word;

    if (!conf_arg_duration(l, node, 0, &ms))
        return;
    line =
        arena_printf(l->arena, "Strict-Transport-Security: max-age=%lld", (long long)(ms / 1000));
    for (unsigned i = 1; i < node->args_n; i++) {
        if (conf_arg_word(l, node, i, words, &word))
            line = arena_join(l->arena, line, span_of(texts[word]));
    }
    p->hsts = arena_join(l->arena, line, SPAN("\r\n"));
}

void secure_judge(struct conf_load *l, const struct site *site, struct policy *p)
{
    struct cache_options *o = &p->cache;
    struct span *fields, name;

    if (site->secure.subject_field.p == NULL)
        return;
    fields = arena_alloc(l->arena, (o->key_fields_n + 1) * sizeof(*fields));
    for (unsigned i = 0; i < o->key_fields_n; i++)
        fields[i] = o->key_fields[i];
    name = arena_dup(l->arena, site->secure.subject_field);
    for (size_t i = 0; i < name.n; i++)
        ((char *)name.p)[i] = ascii_lower(name.p[i]);
    fields[o->key_fields_n++] = name;
    o->key_fields = fields;
}

/* Where fields become environment variables '_' and '-' are one (RFC 3875 §4.1.18). */
static bool is_alike(struct span x, struct span y)
{
    if (x.n != y.n)
        return false;
    for (size_t i = 0; i < x.n; i++) {
        char a = x.p[i] == '_' ? '-' : ascii_lower(x.p[i]);
        char b = y.p[i] == '_' ? '-' : ascii_lower(y.p[i]);

        if (a != b)
            return false;
    }
    return true;
}

static void remove_alike(struct fields *f, struct span name)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < f->n; i++) {
        if (!is_alike(f->v[i].name, name))
            f->v[kept++] = f->v[i];
    }
    f->n = kept;
}

/* --- requests ----------------------------------------------------------------------------------
 */

struct span secure_told(const struct route *r)
{
    switch ((enum secure_proto)r->site->secure.proto) {
    case PROTO_HTTP:
        return SPAN("http");
    case PROTO_HTTPS:
        return SPAN("https");
    case PROTO_ACTUAL:
        break;
    }
    return r->scheme;
}

struct span secure_hsts(const struct request *r)
{
    if (r->route.policy == NULL || r->route.policy->hsts.n == 0 || txn_tls(r->txn) == NULL)
        return SPAN_EMPTY;
    return r->route.policy->hsts;
}

void secure_strip(const struct policy *p, struct fields *f)
{
    if (p->hsts.n > 0)
        (void)fields_remove_named(f, SPAN("Strict-Transport-Security"));
}

static bool redirect(struct request *r)
{
    const struct secure *s = &r->route.site->secure;
    struct arena *a = &r->txn->arena;

    /* What certificate authorities look at is asked for over plain HTTP (RFC 8555 §8.3). */
    if (s->redirect_status == 0 || txn_tls(r->txn) != NULL ||
        span_starts(r->route.path, SPAN(CHALLENGE_PATH)) || r->route.path.p[0] != '/')
        return false;
    request_answer_location(r, s->redirect_status,
        arena_printf(a, "https://%.*s%.*s",
            SPAN_ARG(uri_host_normalise(a, r->txn->request.host, 0, 0)),
            SPAN_ARG(r->route.target)));
    return true;
}

/* Whoever asks for this site must have been asked for what it asks for. */
static bool misdirected(const struct request *r)
{
    const struct tls_peer *tls = txn_tls(r->txn);

    return !client_ca_same(tls != NULL ? tls->policy : NULL, r->route.site->secure.tls.client_ca);
}

static void tell_subject(struct request *r)
{
    struct span field = r->route.site->secure.subject_field;
    const struct tls_peer *tls = txn_tls(r->txn);

    if (field.p == NULL)
        return;
    remove_alike(&r->txn->request.fields, field);
    if (tls != NULL && tls->subject.n > 0)
        fields_set_named(&r->txn->request.fields, &r->txn->arena, field, tls->subject);
}

bool request_secure(struct request *r)
{
    if (redirect(r))
        return true;
    if (misdirected(r)) {
        request_answer_error(
            r, 421, "This connection was opened for another site than that of the request");
        return true;
    }
    tell_subject(r);
    return false;
}
