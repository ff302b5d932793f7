#include "health/probe_conf.h"

#include "conf/suggest.h"
#include "http/uri.h"

#include <stdlib.h>

/* One directive being read. */
struct reading {
    struct conf_load *l;
    const struct conf_node *node;
    unsigned at; /* the word to be read next */
    struct health_probe *out;
    struct tls_client_conf tls;
    const struct conf_word *said_tls; /* the first word that is about it */
};

/* --- where -------------------------------------------------------------------------------- */

static bool read_port(struct reading *r)
{
    const struct conf_word *w = &r->node->args[1];
    uint64_t port;

    if (!span_u64(w->text, &port) || port == 0 || port > 65535) {
        conf_error(r->l->errors, w->at,
            "\"%.*s\" is not a port: TCP is followed by a number from 1 to 65535, as in TCP 443",
            CONF_SHOW(w->text));
        return false;
    }
    r->out->kind = HEALTH_TCP;
    r->out->port = (unsigned)port;
    r->out->label = arena_printf(r->l->arena, "port %u", (unsigned)port);
    return true;
}

static bool target_is_good(struct span target)
{
    struct http_request req = {.method = METHOD_GET};

    return uri_target_parse(target, &req) && req.form == TARGET_ORIGIN;
}

static bool read_url(struct reading *r, bool *tls)
{
    const struct conf_word *w = &r->node->args[1];
    struct arena *a = r->l->arena;
    struct health_probe *out = r->out;
    struct span rest, host;
    size_t slash;
    unsigned port;

    *tls = span_istarts(w->text, SPAN("https://"));
    if (!*tls && !span_istarts(w->text, SPAN("http://"))) {
        conf_error(r->l->errors, w->at,
            "\"%.*s\" is not a URL to ask for: write http://HOST/PATH or https://HOST/PATH, with "
            "the host that clients use",
            CONF_SHOW(w->text));
        return false;
    }
    rest = span_from(w->text, *tls ? 8 : 7);
    slash = span_find(rest, '/');
    out->authority = arena_dup(a, span_make(rest.p, slash));
    if (!uri_authority_parse(out->authority, &host, &port)) {
        conf_error(r->l->errors, w->at, "\"%.*s\" in \"%.*s\" is not a host name or address",
            CONF_SHOW(out->authority), CONF_SHOW(w->text));
        return false;
    }
    out->target = slash < rest.n ? arena_dup(a, span_from(rest, slash)) : SPAN("/");
    if (!target_is_good(out->target)) {
        conf_error(r->l->errors, w->at, "\"%.*s\" cannot be asked for as it is written",
            CONF_SHOW(out->target));
        return false;
    }
    out->kind = HEALTH_HTTP;
    out->port = port != 0 ? port : *tls ? 443 : 80;
    out->label = arena_printf(a, "%.*s:%u", SPAN_ARG(host), out->port);
    if (host.p[0] == '[')
        host = span_make(host.p + 1, host.n - 2);
    out->host = arena_dup(a, host);
    return true;
}

/* --- words behind it ---------------------------------------------------------------------- */

/* The argument of the word before it. NULL: there is none, which is reported. */
static const struct conf_word *take(struct reading *r)
{
    const struct conf_word *word = &r->node->args[r->at - 1];

    if (r->at < r->node->args_n)
        return &r->node->args[r->at++];
    conf_error(r->l->errors, word->at, "\"%.*s\" is followed by nothing", CONF_SHOW(word->text));
    return NULL;
}

static bool read_duration(struct reading *r, int64_t min, int64_t max, int64_t *out)
{
    const struct conf_word *w = take(r);
    char low[VALUE_TEXT], high[VALUE_TEXT];

    if (w == NULL || !conf_arg_duration(r->l, r->node, r->at - 1, out))
        return false;
    if (*out >= min && *out <= max)
        return true;
    conf_error(r->l->errors, w->at, "\"%.*s\" is out of bounds: from %s to %s is possible",
        CONF_SHOW(w->text), value_duration_text(min, low), value_duration_text(max, high));
    return false;
}

static bool read_number(struct reading *r, int64_t min, int64_t max, int64_t *out)
{
    const struct conf_word *w = take(r);

    if (w == NULL || !conf_arg_integer(r->l, r->node, r->at - 1, out))
        return false;
    if (*out >= min && *out <= max)
        return true;
    conf_error(r->l->errors, w->at, "\"%.*s\" is out of bounds: from %lld to %lld is possible",
        CONF_SHOW(w->text), (long long)min, (long long)max);
    return false;
}

static bool read_every(struct reading *r)
{
    return read_duration(r, HEALTH_EVERY_MIN_MS, HEALTH_EVERY_MAX_MS, &r->out->every_ms);
}

static bool read_timeout(struct reading *r)
{
    return read_duration(r, HEALTH_TIMEOUT_MIN_MS, HEALTH_TIMEOUT_MAX_MS, &r->out->timeout_ms);
}

static bool read_rise(struct reading *r)
{
    return read_number(r, 1, HEALTH_RUN_MAX, &r->out->rise);
}

static bool read_fall(struct reading *r)
{
    return read_number(r, 1, HEALTH_RUN_MAX, &r->out->fall);
}

static bool read_jitter(struct reading *r)
{
    return read_number(r, 0, HEALTH_JITTER_MAX_PERCENT, &r->out->jitter_percent);
}

/* 200 or 200-299 */
static bool status_range(struct span text, uint16_t *first, uint16_t *last)
{
    struct span rest = text, piece;
    uint64_t v[2] = {0, 0};
    unsigned n = 0;

    while (span_cut(&rest, '-', &piece)) {
        if (n == 2 || piece.n != 3 || !span_u64(piece, &v[n]))
            return false;
        n++;
    }
    if (n == 1)
        v[1] = v[0];
    *first = (uint16_t)v[0];
    *last = (uint16_t)v[1];
    return n > 0 && v[0] >= 200 && v[1] >= v[0];
}

static bool is_number(struct span text)
{
    return text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9';
}

static bool read_status(struct reading *r)
{
    struct response_statuses *s = &r->out->wish.statuses;
    const struct conf_word *w = take(r);

    s->n = 0;
    while (w != NULL) {
        if (s->n == RESPONSE_STATUSES_MAX ||
            !status_range(w->text, &s->v[s->n].first, &s->v[s->n].last)) {
            conf_error(r->l->errors, w->at,
                "\"%.*s\" is no status, or one too many: 200, or 200-299 for a range, up to %d of "
                "them",
                CONF_SHOW(w->text), RESPONSE_STATUSES_MAX);
            return false;
        }
        s->n++;
        w = r->at < r->node->args_n && is_number(r->node->args[r->at].text)
                ? &r->node->args[r->at++]
                : NULL;
    }
    return s->n > 0;
}

static bool read_contains(struct reading *r)
{
    const struct conf_word *w = take(r);

    if (w == NULL)
        return false;
    if (w->text.n == 0 || w->text.n > RESPONSE_TEXT_MAX) {
        conf_error(r->l->errors, w->at,
            "the text that is looked for has 1 to %d bytes; it is looked for in the first %d KiB",
            RESPONSE_TEXT_MAX, RESPONSE_BODY_BYTES / 1024);
        return false;
    }
    if (r->out->method == METHOD_HEAD) {
        conf_error(r->l->errors, w->at, "answers to HEAD have no content: ask by GET");
        return false;
    }
    r->out->wish.contains = arena_dup(r->l->arena, w->text);
    return true;
}

static void note_tls(struct reading *r)
{
    if (r->said_tls == NULL)
        r->said_tls = &r->node->args[r->at - 1];
}

static bool read_ca(struct reading *r)
{
    const struct conf_word *w;

    note_tls(r);
    w = take(r);
    if (w == NULL)
        return false;
    r->tls.ca = arena_dup(r->l->arena, w->text).p;
    return true;
}

static bool read_insecure(struct reading *r)
{
    note_tls(r);
    r->tls.insecure = true;
    return true;
}

static const struct {
    const char *word;
    bool http; /* of HTTP only */
    bool (*read)(struct reading *r);
} words[] = {
    {"every", false, read_every},
    {"timeout", false, read_timeout},
    {"rise", false, read_rise},
    {"fall", false, read_fall},
    {"jitter", false, read_jitter},
    {"status", true, read_status},
    {"contains", true, read_contains},
    {"ca", true, read_ca},
    {"insecure", true, read_insecure},
};

static bool unknown_word(struct reading *r, const struct conf_word *w)
{
    bool http = r->out->kind == HEALTH_HTTP;
    struct suggestion near = {.of = w->text};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (http || !words[i].http)
            suggest_offer(&near, words[i].word);
    }
    if (near.best != NULL)
        conf_error(r->l->errors, w->at, "unknown word \"%.*s\" in %.*s, did you mean \"%s\"?",
            CONF_SHOW(w->text), SPAN_ARG(r->node->name), near.best);
    else
        conf_error(r->l->errors, w->at,
            "unknown word \"%.*s\" in %.*s: every, timeout, rise, fall, jitter%s may stand here",
            CONF_SHOW(w->text), SPAN_ARG(r->node->name),
            http ? ", status, contains, ca, insecure" : "");
    return false;
}

static bool read_word(struct reading *r)
{
    const struct conf_word *w = &r->node->args[r->at++];

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!span_eq(w->text, span_of(words[i].word)))
            continue;
        if (!words[i].http || r->out->kind == HEALTH_HTTP)
            return words[i].read(r);
        conf_error(r->l->errors, w->at, "\"%s\" is for probes by HTTP", words[i].word);
        return false;
    }
    return unknown_word(r, w);
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool open_tls(struct reading *r)
{
    struct tls_client_why why;

    r->out->tls = tls_client_new(&r->tls, &why);
    if (r->out->tls == NULL)
        conf_error(r->l->errors, r->node->at, "%.*s: %s", SPAN_ARG(r->node->name), why.text);
    return r->out->tls != NULL;
}

bool health_probe_read(struct conf_load *l, const struct conf_node *node,
    const struct health_defaults *defaults, struct health_probe *out)
{
    static const char *const methods[] = {"GET", "HEAD", "TCP", NULL};
    struct reading r = {.l = l, .node = node, .at = 2, .out = out};
    bool tls = false;
    int method;

    *out = (struct health_probe){
        .every_ms = defaults->every_ms,
        .timeout_ms = defaults->timeout_ms,
        .rise = defaults->rise,
        .fall = defaults->fall,
        .jitter_percent = defaults->jitter_percent,
        .wish.statuses = defaults->statuses,
    };
    if (!conf_arg_word(l, node, 0, methods, &method))
        return false;
    if (node->args_n < 2) {
        conf_error(l->errors, node->args[0].at, "%s is followed by %s", methods[method],
            method == 2 ? "a port" : "a URL");
        return false;
    }
    out->method = method == 1 ? METHOD_HEAD : METHOD_GET;
    if (method == 2 ? !read_port(&r) : !read_url(&r, &tls))
        return false;
    while (r.at < node->args_n) {
        if (!read_word(&r))
            return false;
    }
    if (tls)
        return open_tls(&r);
    if (r.said_tls != NULL) {
        conf_error(l->errors, r.said_tls->at, "\"%.*s\" is for https:// alone",
            CONF_SHOW(r.said_tls->text));
        return false;
    }
    return true;
}

void health_probe_free(struct health_probe *p)
{
    tls_client_free(&p->tls);
}
