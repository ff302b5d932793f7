/*
 * fuzz_vary.c - Vary, specifications out of nowhere, and variant keys.
 *
 * Input: one byte of options; a line that may be a specification; then blocks of "Name: value"
 * lines: a request, another, and a response. What must hold whatever they say: the names of a
 * Vary are in order and each there once; what is planned can be read again and tells all apart
 * that the response lists; two requests share a key only when they count alike.
 */
#include "fuzz_lines.h"

#include "base/check.h"
#include "cache/key.h"
#include "cache/vary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define KEY SPAN("h.example/p?q=1")

struct input {
    struct arena *a;
    struct cache_options options;
    struct span old; /* what may stand at the resource's key */
    struct fields request, other, response;
};

static struct input input_of(struct arena *a, const uint8_t *data, size_t n)
{
    static const struct span values[] = {SPAN("en"), SPAN("de"), SPAN("gzip")};
    static const struct vary_rule rules[] = {
        {.name = SPAN("accept-language"), .values = values, .values_n = 3},
        {.name = SPAN("accept-encoding"), .how = VARY_PASS},
        {.name = SPAN("user-agent"), .how = VARY_IGNORE}};
    struct input in = {.a = a, .options = cache_options_default()};
    struct span rest = span_make((const char *)data + 1, n - 1);

    in.options.vary = &rules[data[0] & 1];
    in.options.vary_n = data[0] & 2 ? 3 - (data[0] & 1) : 0;
    (void)span_cut(&rest, '\n', &in.old);
    in.request = lines_take(a, &rest);
    in.other = lines_take(a, &rest);
    in.response = lines_take(a, &rest);
    return in;
}

static void names_check(const struct vary_names *names)
{
    check(names->n <= VARY_NAMES_MAX);
    for (unsigned i = 0; i < names->n; i++)
        check(token_valid(names->v[i]) && names->v[i].n <= VARY_NAME_MAX);
    for (unsigned i = 1; i < names->n; i++) {
        struct span name = names->v[i], before = names->v[i - 1];
        int order = memcmp(before.p, name.p, before.n < name.n ? before.n : name.n);

        check(order < 0 || (order == 0 && before.n < name.n));
    }
}

static bool names_have(const struct vary_names *names, struct span name)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (span_eq(names->v[i], name))
            return true;
    }
    return false;
}

/* A variant key tells in lines what it is made of. */
static void lines_check(struct span key, const struct vary_names *names)
{
    struct span rest = span_from(key, KEY.n);
    struct key_line line;
    unsigned n = 0;

    check(span_starts(key, KEY) && key.n <= VARY_KEY_MAX);
    for (; key_line_next(&rest, &line); n++)
        check(n < names->n && span_eq(line.name, names->v[n]));
    check(n == names->n && rest.n == 0);
}

/* Absent, and there but empty, are not the same. */
static bool same_value(struct span a, struct span b)
{
    return (a.p == NULL) == (b.p == NULL) && span_eq(a, b);
}

static void keys_check(const struct input *in, struct span spec)
{
    struct span one, two, before, sent_key;
    struct vary_names names;
    struct fields sent = fields_copy(&in->request, in->a);
    bool valid = vary_spec_names(spec, &names);

    one = vary_key_text(in->a, KEY, spec, &in->request, &in->options);
    two = vary_key_text(in->a, KEY, spec, &in->other, &in->options);
    check(valid == vary_spec_same_id(spec, spec));
    check(valid || (one.p == NULL && two.p == NULL));
    if (one.p == NULL)
        return;
    names_check(&names);
    lines_check(one, &names);
    before = vary_key_unlearnt(in->a, KEY, spec, &in->request, &in->options);
    if (before.p != NULL)
        lines_check(before, &names);
    vary_forward(&sent, in->a, &in->options);
    sent_key = vary_key_text(in->a, KEY, spec, &sent, &in->options);
    check(span_eq(one, sent_key));
    if (two.p == NULL || span_find(spec, '\t') < spec.n) /* what was learnt is shared */
        return;
    for (unsigned i = 0; i < names.n; i++) {
        struct span v = vary_value(in->a, &in->request, names.v[i], &in->options);
        struct span w = vary_value(in->a, &in->other, names.v[i], &in->options);

        check(same_value(v, w) || !span_eq(one, two));
    }
}

static void plan_check(const struct input *in, struct span old)
{
    struct span spec = SPAN_EMPTY, again = SPAN_EMPTY;
    struct vary_names listed, names;
    enum vary_plan plan =
        vary_plan(in->a, old, &in->request, &in->response, &in->options, 7, &spec);

    vary_parse(&in->response, in->a, &listed);
    names_check(&listed);
    check(plan == VARY_FAIL || !(listed.any || listed.invalid));
    if (plan != VARY_KEEP && plan != VARY_SPEC)
        return;
    check(plan != VARY_KEEP || span_eq(spec, old));
    check(spec.n <= VARY_SPEC_MAX && vary_spec_names(spec, &names));
    for (unsigned i = 0; i < listed.n; i++) {
        struct span v = vary_value(in->a, &in->request, listed.v[i], &in->options);

        check(names_have(&names, listed.v[i]) || v.p == NULL); /* ignored ones count as absent */
    }
    keys_check(in, spec);
    /* The same answer once more changes nothing. */
    plan = vary_plan(in->a, spec, &in->request, &in->response, &in->options, 8, &again);
    check(plan == VARY_KEEP && span_eq(spec, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct input in;

    if (n < 1)
        return 0;
    arena_init(&a);
    in = input_of(&a, data, n);
    keys_check(&in, in.old);
    plan_check(&in, SPAN_EMPTY);
    plan_check(&in, in.old);
    arena_free(&a);
    return 0;
}
