#include "edge/limit.h"

#include "base/counters.h"
#include "base/log.h"
#include "http/chars.h"
#include "net/client_key.h"
#include "net/network_conf.h"

/* --- asking --------------------------------------------------------------------------------- */

/* What the request counts for; false: nothing, so that it is not limited. */
static bool key_of(const struct limit *l, const struct addr *client, const struct fields *fields,
    uint64_t *number, struct span *key)
{
    const struct field *f;

    *key = span_make((const char *)number, sizeof(*number));
    switch (l->by) {
    case LIMIT_BY_CLIENT:
        return client_key(client, number);
    case LIMIT_BY_SITE:
        *number = 0;
        return true;
    case LIMIT_BY_HEADER:
        f = fields_find_named(fields, l->header);
        if (f == NULL || f->value.n == 0)
            return false;
        *key = f->value;
        return true;
    }
    return false;
}

static void tell_dry(const struct limit *l, const struct addr *client)
{
    char text[ADDR_TEXT];

    count(C_LIMIT_DRY);
    log_peer("client %s: limit %.*s (%s:%u) would refuse it, but for dry-run",
        addr_text(client, text), SPAN_ARG(l->text), l->at.file, l->at.line);
}

struct limit_answer limit_ask(struct rate_table *t, const struct limit_list *limits,
    const struct addr *client, const struct fields *fields, mono_us now)
{
    for (unsigned i = 0; i < limits->n; i++) {
        const struct limit *l = limits->v[i];
        mono_us wait_us = 0;
        uint64_t number;
        struct span key;

        if (!key_of(l, client, fields, &number, &key) || network_list_has(&l->except, client))
            continue;
        switch (rate_take(t, l->which - 1, key, now, &wait_us)) {
        case RATE_TAKEN:
            break;
        case RATE_UNKNOWN:
            count(C_LIMIT_UNKNOWN);
            break;
        case RATE_EMPTY:
            if (!l->dry_run)
                return (struct limit_answer){l, (unsigned)((wait_us + 999999) / 1000000)};
            tell_dry(l, client);
            break;
        }
    }
    return (struct limit_answer){0};
}

void limit_number(const struct limit_list *limits, unsigned *n)
{
    for (unsigned i = 0; i < limits->n; i++) {
        if (limits->v[i]->which == 0)
            limits->v[i]->which = ++*n;
    }
}

/* --- directives ----------------------------------------------------------------------------- */

enum { COUNT_MAX = 1000000 };

/* 100/s, 600/m, 1000/h */
static bool read_rate(struct span s, uint64_t *n, uint64_t *period_ms)
{
    struct span rest = s, digits;

    if (!span_cut(&rest, '/', &digits) || !span_u64(digits, n) || *n == 0 || *n > COUNT_MAX)
        return false;
    if (span_eq(rest, SPAN("s")))
        *period_ms = 1000;
    else if (span_eq(rest, SPAN("m")))
        *period_ms = 60000;
    else if (span_eq(rest, SPAN("h")))
        *period_ms = 3600000;
    else
        return false;
    return true;
}

/* Reads what stands behind the rate: word by word. False: reported. */
static bool read_words(
    struct conf_load *l, const struct conf_node *node, struct limit *out, int64_t *burst)
{
    static const char *const words[] = {"by", "burst", "dry-run", "except", NULL};
    static const char *const bys[] = {"client", "site", "header", NULL};
    bool has_by = false;
    int word, by;

    for (unsigned i = 1; i < node->args_n; i++) {
        if (!conf_arg_word(l, node, i, words, &word))
            return false;
        if (word == 2) {
            out->dry_run = true;
            continue;
        }
        if (i + 1 == node->args_n) {
            conf_error(l->errors, node->args[i].at, "something is missing behind %s", words[word]);
            return false;
        }
        if (word == 3)
            return has_by && network_args(l, node, i + 1, &out->except);
        i++;
        if (word == 1) {
            if (!conf_arg_integer(l, node, i, burst))
                return false;
            if (*burst < 1 || *burst > COUNT_MAX) {
                conf_error(l->errors, node->args[i].at, "a burst has 1 to 1000000 requests");
                return false;
            }
            continue;
        }
        if (!conf_arg_word(l, node, i, bys, &by))
            return false;
        has_by = true;
        out->by = (enum limit_by)by;
        if (out->by != LIMIT_BY_HEADER)
            continue;
        if (++i == node->args_n || !token_valid(node->args[i].text)) {
            conf_error(l->errors, node->args[i - 1].at, "header needs the name of a field");
            return false;
        }
        out->header = node->args[i].text;
    }
    if (!has_by)
        conf_error(l->errors, node->at, "a limit counts by client, by site or by header NAME");
    return has_by;
}

static void append(struct conf_load *l, struct limit_list *list, struct limit *limit)
{
    struct limit **v = arena_alloc(l->arena, (list->n + 1) * sizeof(*v));

    for (unsigned i = 0; i < list->n; i++)
        v[i] = list->v[i];
    v[list->n] = limit;
    *list = (struct limit_list){v, list->n + 1};
}

static void set_limit(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct limit *limit = arena_zalloc(l->arena, sizeof(*limit));
    struct limit_list *list = self;
    uint64_t n, period_ms;
    int64_t burst = 0;

    if (node->args_n == 1 && conf_arg_is(node, 0, "off")) {
        *list = (struct limit_list){0};
        return;
    }
    if (!read_rate(node->args[0].text, &n, &period_ms)) {
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is no rate: 100/s, 600/m or 1000/h would be, with 1 to 1000000 requests",
            CONF_SHOW(node->args[0].text));
        return;
    }
    if (!read_words(l, node, limit, &burst))
        return;
    if (burst == 0)
        burst = (int64_t)((n * 1000 + period_ms - 1) / period_ms); /* what comes in a second */
    limit->rate = rate_of(n, period_ms, (uint64_t)burst);
    limit->at = node->at;
    limit->text = node->args[0].text;
    for (unsigned i = 1; i < node->args_n && !conf_arg_is(node, i, "except"); i++)
        limit->text =
            arena_join(l->arena, limit->text, arena_join(l->arena, SPAN(" "), node->args[i].text));
    append(l, list, limit);
}

const struct directive limit_directives[] = {
    {"limit", CONF_CUSTOM(set_limit, 1, CONF_ARGS_MAX),
        .usage = "RATE [burst NUMBER] by client|site|header NAME [dry-run] [except NETWORK...]|off",
        .flags = DIRECTIVE_MANY,
        .about =
            "How many requests may come in a time, over all workers: RATE is like 100/s, 600/m or "
            "1000/h. burst is how many of them may come at once (else as many as come in a "
            "second). Further ones are answered 429 with Retry-After, before anything is looked "
            "up. A client is an IPv4 address or the /64 of an IPv6 one; site counts all that this "
            "line is for; header counts each value of a request field by itself, and requests "
            "without it not at all. Clients in the NETWORKs are not counted. With dry-run nobody "
            "is refused, but counted and logged. Every line counts by itself, those of the site "
            "for all of its paths together; a path's own come on top, and off drops those of "
            "the site."},
    {0},
};
