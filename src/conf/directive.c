#include "conf/directive.h"

#include "base/check.h"

#include <stdio.h>

const struct directive *conf_find_row(
    const struct conf_context *c, struct span name, const struct conf_table **table)
{
    for (const struct conf_table *t = c->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++) {
            if (span_eq(name, span_of(d->name))) {
                if (table != NULL)
                    *table = t;
                return d;
            }
        }
    }
    return NULL;
}

const struct conf_node *conf_find_child(const struct conf_node *block, const char *name)
{
    conf_each (it, block) {
        if (span_eq(it->name, span_of(name)))
            return it;
    }
    return NULL;
}

static unsigned add_context(
    const struct conf_context *c, const struct conf_context **out, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (out[i] == c)
            return n;
    }
    check(n < CONF_CONTEXTS_MAX);
    out[n] = c;
    return n + 1;
}

unsigned conf_contexts(
    const struct conf_context *root, const struct conf_context *out[CONF_CONTEXTS_MAX])
{
    unsigned n = add_context(root, out, 0);

    for (unsigned i = 0; i < n; i++) {
        for (const struct conf_table *t = out[i]->tables; t->rows != NULL; t++) {
            for (const struct directive *d = t->rows; d->name != NULL; d++) {
                if (d->kind == DIRECTIVE_BLOCK)
                    n = add_context(d->block, out, n);
            }
        }
    }
    return n;
}

static const char *kind_usage(enum directive_kind kind)
{
    switch (kind) {
    case DIRECTIVE_SIZE:
        return "SIZE";
    case DIRECTIVE_DURATION:
        return "DURATION";
    case DIRECTIVE_INTEGER:
        return "NUMBER";
    case DIRECTIVE_FLAG:
        return "on|off";
    case DIRECTIVE_STRING:
        return "TEXT";
    case DIRECTIVE_STRINGS:
        return "TEXT...";
    case DIRECTIVE_LISTEN:
        return "ADDRESS";
    case DIRECTIVE_WORD:
    case DIRECTIVE_CUSTOM:
    case DIRECTIVE_BLOCK:
        break;
    }
    return "";
}

const char *directive_usage(const struct directive *d, char *dst, size_t cap)
{
    size_t n = 0;

    if (d->usage != NULL || d->kind != DIRECTIVE_WORD) {
        snprintf(dst, cap, "%s", d->usage != NULL ? d->usage : kind_usage(d->kind));
        return dst;
    }
    for (unsigned i = 0; d->words[i] != NULL && n < cap; i++)
        n += (size_t)snprintf(dst + n, cap - n, "%s%s", i > 0 ? "|" : "", d->words[i]);
    return dst;
}

/* ---- one value ---- */

enum measure { MEASURE_SIZE, MEASURE_DURATION, MEASURE_COUNT };

static const char *measure_text(enum measure m, int64_t v, char dst[VALUE_TEXT])
{
    switch (m) {
    case MEASURE_SIZE:
        return value_size_text((uint64_t)v, dst);
    case MEASURE_DURATION:
        return value_duration_text(v, dst);
    case MEASURE_COUNT:
        break;
    }
    snprintf(dst, VALUE_TEXT, "%lld", (long long)v);
    return dst;
}

static bool in_bounds(const struct directive *d, enum measure m, int64_t v, struct value_why *why)
{
    char bound[VALUE_TEXT], found[VALUE_TEXT];
    bool low = v < d->min, high = d->max != 0 && v > d->max;

    if ((d->min == 0 && d->max == 0) || (!low && !high))
        return true;
    snprintf(why->text, sizeof(why->text), "%s is %s than %s", measure_text(m, v, found),
        low ? "less" : "more", measure_text(m, low ? d->min : d->max, bound));
    return false;
}

static bool string_fits(const struct directive *d, struct span text, struct value_why *why)
{
    if (text.n == 0) {
        snprintf(why->text, sizeof(why->text), "an empty text says nothing");
        return false;
    }
    if (in_bounds(d, MEASURE_COUNT, (int64_t)text.n, why))
        return true;
    snprintf(why->text, sizeof(why->text), "the text has %zu bytes, allowed are %lld to %lld",
        text.n, (long long)d->min, (long long)(d->max != 0 ? d->max : CONF_WORD_MAX));
    return false;
}

/* For the kinds that are one word. `text` outlives the configuration. */
static bool set_word(
    const struct directive *d, void *field, struct span text, struct value_why *why)
{
    uint64_t size;
    int64_t n;
    int index;

    switch (d->kind) {
    case DIRECTIVE_SIZE:
        if (!value_size(text, &size, why) || !in_bounds(d, MEASURE_SIZE, (int64_t)size, why))
            return false;
        *(uint64_t *)field = size;
        return true;
    case DIRECTIVE_DURATION:
        if (!value_duration(text, &n, why) || !in_bounds(d, MEASURE_DURATION, n, why))
            return false;
        *(int64_t *)field = n;
        return true;
    case DIRECTIVE_INTEGER:
        if (!value_integer(text, &n, why) || !in_bounds(d, MEASURE_COUNT, n, why))
            return false;
        *(int64_t *)field = n;
        return true;
    case DIRECTIVE_FLAG:
        return value_flag(text, field, why);
    case DIRECTIVE_STRING:
        if (!string_fits(d, text, why))
            return false;
        *(struct span *)field = text;
        return true;
    case DIRECTIVE_WORD:
        if (!value_word(text, d->words, &index, why))
            return false;
        memcpy(field, &index, sizeof(index)); /* an enum or an int, by CONF_WORD */
        return true;
    case DIRECTIVE_LISTEN:
        return value_listen(text, field, why);
    case DIRECTIVE_STRINGS:
    case DIRECTIVE_CUSTOM:
    case DIRECTIVE_BLOCK:
        break;
    }
    check(!"a kind of one word");
    return false;
}

/* ---- one directive ---- */

static bool report(
    struct conf_load *l, const struct conf_node *n, unsigned i, const struct value_why *why)
{
    conf_error(l->errors, n->args[i].at, "%.*s: %s", CONF_SHOW(n->name), why->text);
    return false;
}

static bool add_strings(struct conf_load *l, const struct directive *d, struct conf_strings *list,
    const struct conf_node *node)
{
    struct span *v = arena_alloc(l->arena, (list->n + node->args_n) * sizeof(*v));
    struct value_why why;

    if (list->n > 0)
        memcpy(v, list->v, list->n * sizeof(*v));
    for (unsigned i = 0; i < node->args_n; i++) {
        if (!string_fits(d, node->args[i].text, &why))
            return report(l, node, i, &why);
        v[list->n + i] = node->args[i].text;
    }
    *list = (struct conf_strings){v, list->n + node->args_n};
    return true;
}

bool directive_set(
    struct conf_load *l, const struct directive *d, void *table_self, const struct conf_node *node)
{
    unsigned errors_before = l->errors->n;
    void *field = (char *)table_self + d->offset;
    struct value_why why;

    if (d->kind == DIRECTIVE_CUSTOM) {
        d->set(l, table_self, node);
        return l->errors->n == errors_before;
    }
    if (d->kind == DIRECTIVE_STRINGS)
        return add_strings(l, d, field, node);
    return set_word(d, field, node->args[0].text, &why) || report(l, node, 0, &why);
}

void directive_set_preset(struct conf_load *l, const struct directive *d, void *table_self)
{
    const struct conf_node *root;
    struct value_why why;
    struct span text;

    if (d->preset == NULL)
        return;
    if (d->kind != DIRECTIVE_CUSTOM && d->kind != DIRECTIVE_STRINGS) {
        check(set_word(d, (char *)table_self + d->offset, span_of(d->preset), &why));
        return;
    }
    text = arena_printf(l->arena, "%s %s;", d->name, d->preset);
    root = conf_read_text(l->arena, "a default", text, l->errors);
    check(root != NULL && root->children != NULL);
    check(directive_set(l, d, table_self, root->children));
}

/* ---- for set() and open() ---- */

bool conf_arg_size(struct conf_load *l, const struct conf_node *n, unsigned i, uint64_t *bytes)
{
    struct value_why why = {""};

    return value_size(n->args[i].text, bytes, &why) || report(l, n, i, &why);
}

bool conf_arg_duration(struct conf_load *l, const struct conf_node *n, unsigned i, int64_t *ms)
{
    struct value_why why = {""};

    return value_duration(n->args[i].text, ms, &why) || report(l, n, i, &why);
}

bool conf_arg_integer(struct conf_load *l, const struct conf_node *n, unsigned i, int64_t *out)
{
    struct value_why why = {""};

    return value_integer(n->args[i].text, out, &why) || report(l, n, i, &why);
}

bool conf_arg_flag(struct conf_load *l, const struct conf_node *n, unsigned i, bool *out)
{
    struct value_why why = {""};

    return value_flag(n->args[i].text, out, &why) || report(l, n, i, &why);
}

bool conf_arg_listen(
    struct conf_load *l, const struct conf_node *n, unsigned i, struct value_listen *out)
{
    struct value_why why = {""};

    return value_listen(n->args[i].text, out, &why) || report(l, n, i, &why);
}

bool conf_arg_word(struct conf_load *l, const struct conf_node *n, unsigned i,
    const char *const *words, int *index)
{
    struct value_why why = {""};

    return value_word(n->args[i].text, words, index, &why) || report(l, n, i, &why);
}

bool conf_arg_is(const struct conf_node *n, unsigned i, const char *word)
{
    return i < n->args_n && span_eq(n->args[i].text, span_of(word));
}
