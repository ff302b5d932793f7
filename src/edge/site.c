#include "edge/site.h"

#include "base/hash.h"

#include <string.h>

struct slot {
    struct span host; /* n == 0: free */
    struct site *site;
};

struct site_table {
    struct slot *slots; /* a power of two, at most half of them in use */
    size_t mask;
    struct site *rest; /* "*", or NULL */
};

struct site_table *site_table_new(struct arena *a, unsigned hosts)
{
    struct site_table *t = arena_zalloc(a, sizeof(*t));
    size_t n = 16;

    while (n < (size_t)hosts * 2)
        n *= 2;
    t->slots = arena_zalloc(a, n * sizeof(*t->slots));
    t->mask = n - 1;
    return t;
}

static struct slot *slot_of(const struct site_table *t, struct span host)
{
    size_t i = hash64(host) & t->mask;

    while (t->slots[i].host.n > 0 && !span_eq(t->slots[i].host, host))
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

const struct site *site_table_add(struct site_table *t, struct span host, struct site *site)
{
    struct slot *s;

    if (span_eq(host, SPAN("*"))) {
        if (t->rest != NULL)
            return t->rest;
        t->rest = site;
        return NULL;
    }
    s = slot_of(t, host);
    if (s->host.n > 0)
        return s->site;
    *s = (struct slot){host, site};
    return NULL;
}

const struct site *site_find(const struct site_table *t, struct span host)
{
    const struct slot *s = slot_of(t, host);
    char wild[258];

    if (host.n > 0 && s->host.n > 0)
        return s->site;
    if (host.n + 2 > sizeof(wild))
        return t->rest;
    /* Below each dot, from the left: *.b.c, then *.c */
    for (size_t at = span_find(host, '.'); at < host.n;
         at += 1 + span_find(span_from(host, at + 1), '.')) {
        struct span tail = span_from(host, at);

        wild[0] = '*';
        memcpy(wild + 1, tail.p, tail.n);
        s = slot_of(t, span_make(wild, tail.n + 1));
        if (s->host.n > 0)
            return s->site;
    }
    return t->rest;
}

bool path_matches(struct span pattern, struct span path)
{
    size_t star = span_find(pattern, '*');

    if (star == pattern.n)
        return span_eq(pattern, path);
    if (!span_starts(path, span_make(pattern.p, star)))
        return false;
    path = span_from(path, star);
    pattern = span_from(pattern, star + 1);
    /* A piece between two stars is taken where it first occurs: that leaves most to those behind.
     */
    while ((star = span_find(pattern, '*')) < pattern.n) {
        const char *at = memmem(path.p, path.n, pattern.p, star);

        if (at == NULL)
            return false;
        path = span_from(path, (size_t)(at - path.p) + star);
        pattern = span_from(pattern, star + 1);
    }
    return span_ends(path, pattern);
}

const struct policy *site_policy(
    const struct site *site, struct span path, const struct path_rule **rule)
{
    for (const struct path_rule *r = site->rules; r != NULL; r = r->next) {
        if (path_matches(r->pattern, path)) {
            *rule = r;
            return &r->policy;
        }
    }
    *rule = NULL;
    return &site->policy;
}
