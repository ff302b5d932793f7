/* apply.c - conf_apply() of directive.h: walks the tree with the tables. */
#include "base/check.h"
#include "conf/directive.h"
#include "conf/suggest.h"

#include <stdio.h>

enum { USAGE_MAX = 256 };

/* A block that is being applied. */
struct frame {
    const struct conf_context *context;
    const struct conf_node *node;
    void *self;
    const struct conf_node *next;   /* child to look at for inner blocks */
    const struct conf_table *table; /* and behind those: the rows to look at for implied ones */
    const struct directive *row;
    const struct conf_node *first[CONF_ROWS_MAX]; /* where the block gives each row, or NULL */
};

struct apply {
    struct conf_load load;
    const struct conf_context *root;
    struct frame *frames; /* borrowed from conf_apply(); FRAMES_MAX of them */
    unsigned n;
};

/* The root, what the text nests, and implied blocks in implied blocks behind that. */
enum { FRAMES_MAX = CONF_DEPTH_MAX + 4 };

/* ---- what is wrong with a directive ---- */

/* The contexts, other than here, where the word is known: "site or path". Empty: none. */
static void known_elsewhere(
    const struct apply *a, const struct conf_context *here, struct span name, char *dst, size_t cap)
{
    const struct conf_context *all[CONF_CONTEXTS_MAX];
    unsigned total = conf_contexts(a->root, all);
    size_t n = 0;

    dst[0] = '\0';
    for (unsigned i = 0; i < total && n < cap; i++) {
        if (all[i] != here && conf_find_row(all[i], name, NULL) != NULL)
            n += (size_t)snprintf(dst + n, cap - n, "%s%s", n > 0 ? " or " : "", all[i]->name);
    }
}

static void report_unknown(
    struct apply *a, const struct conf_context *here, const struct conf_node *node)
{
    struct suggestion near = {.of = node->name};
    char elsewhere[128];

    known_elsewhere(a, here, node->name, elsewhere, sizeof(elsewhere));
    if (elsewhere[0] != '\0') {
        conf_error(a->load.errors, node->at, "\"%.*s\" belongs in %s, not in %s",
            CONF_SHOW(node->name), elsewhere, here->name);
        return;
    }
    for (const struct conf_table *t = here->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++)
            suggest_offer(&near, d->name);
    }
    suggest_offer(&near, "include");
    if (near.best != NULL)
        conf_error(a->load.errors, node->at,
            "unknown directive \"%.*s\" in %s, did you mean \"%s\"?", CONF_SHOW(node->name),
            here->name, near.best);
    else
        conf_error(a->load.errors, node->at, "unknown directive \"%.*s\" in %s",
            CONF_SHOW(node->name), here->name);
}

/* A directive that goes on over lines and does not fit most likely swallowed its neighbour. */
static const char *missing_semicolon(const struct conf_node *node, char *dst, size_t cap)
{
    unsigned line = node->at.line;

    dst[0] = '\0';
    for (unsigned i = 0; i < node->args_n; i++) {
        if (node->args[i].at.line != line) {
            snprintf(dst, cap, "; is a \";\" missing on line %u?", line);
            break;
        }
        line = node->args[i].at.line;
    }
    return dst;
}

static void args_bounds(const struct directive *d, unsigned *least, unsigned *most)
{
    switch (d->kind) {
    case DIRECTIVE_CUSTOM:
    case DIRECTIVE_BLOCK:
        *least = d->args_min;
        *most = d->args_max;
        return;
    case DIRECTIVE_STRINGS:
        *least = 1;
        *most = CONF_ARGS_MAX;
        return;
    case DIRECTIVE_SIZE:
    case DIRECTIVE_DURATION:
    case DIRECTIVE_INTEGER:
    case DIRECTIVE_FLAG:
    case DIRECTIVE_STRING:
    case DIRECTIVE_WORD:
    case DIRECTIVE_LISTEN:
        *least = *most = 1;
        return;
    }
}

static bool has_right_shape(
    struct apply *a, const struct directive *d, const struct conf_node *node)
{
    bool wants_block = d->kind == DIRECTIVE_BLOCK;
    char usage[USAGE_MAX], hint[64], found[32];
    unsigned least = 0, most = 0;

    missing_semicolon(node, hint, sizeof(hint));
    if (node->block != wants_block) {
        conf_error(a->load.errors, node->at,
            wants_block ? "\"%s\" needs a block { ... }%s" : "\"%s\" takes no block%s", d->name,
            hint);
        return false;
    }
    args_bounds(d, &least, &most);
    if (node->args_n >= least && node->args_n <= most)
        return true;
    directive_usage(d, usage, sizeof(usage));
    snprintf(found, sizeof(found), node->args_n == 0 ? "nothing" : "%u word%s", node->args_n,
        node->args_n == 1 ? "" : "s");
    conf_error(a->load.errors, node->at, "\"%s\" takes %s, found %s%s", d->name,
        usage[0] != '\0' ? usage : "no argument", found, hint);
    return false;
}

/* ---- one block ---- */

static void *table_self(const struct frame *f, const struct conf_table *t)
{
    return (char *)f->self + t->offset;
}

/* The row of a child of the block, and its number among the context's rows. */
static const struct directive *row_of(const struct frame *f, const struct conf_node *child,
    const struct conf_table **table, unsigned *number)
{
    unsigned n = 0;

    for (const struct conf_table *t = f->context->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++, n++) {
            if (span_eq(child->name, span_of(d->name))) {
                check(n < CONF_ROWS_MAX);
                *table = t;
                *number = n;
                return d;
            }
        }
    }
    return NULL;
}

/* Is this child the one, or one of those, that count? */
static bool counts(const struct directive *d, const struct frame *f, unsigned number,
    const struct conf_node *child)
{
    return (d->flags & DIRECTIVE_MANY) != 0 || f->first[number] == child;
}

static void note_children(struct apply *a, struct frame *f)
{
    const struct conf_table *t;
    const struct directive *d;
    unsigned number;

    conf_each (it, f->node) {
        d = row_of(f, it, &t, &number);
        if (d == NULL) {
            report_unknown(a, f->context, it);
            continue;
        }
        if (f->first[number] == NULL)
            f->first[number] = it;
        if (!counts(d, f, number, it))
            conf_error(a->load.errors, it->at, "\"%s\" is given twice, first at %s:%u:%u", d->name,
                f->first[number]->at.file, f->first[number]->at.line, f->first[number]->at.column);
    }
}

/* What the block leaves out. */
static void apply_absent(struct apply *a, struct frame *f)
{
    unsigned n = 0;

    for (const struct conf_table *t = f->context->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++, n++) {
            check(n < CONF_ROWS_MAX);
            if (f->first[n] != NULL)
                continue;
            if ((d->flags & DIRECTIVE_REQUIRED) != 0)
                conf_error(
                    a->load.errors, f->node->at, "%s needs \"%s\"", f->context->name, d->name);
            if (!t->inherited)
                directive_set_preset(&a->load, d, table_self(f, t));
        }
    }
}

static void apply_plain(struct apply *a, struct frame *f)
{
    const struct conf_table *t;
    const struct directive *d;
    unsigned number;

    conf_each (it, f->node) {
        d = row_of(f, it, &t, &number);
        if (d == NULL || d->kind == DIRECTIVE_BLOCK || !counts(d, f, number, it) ||
            !has_right_shape(a, d, it))
            continue;
        /* What a block says replaces what it inherited; only its own lines add up. */
        if (d->kind == DIRECTIVE_STRINGS && f->first[number] == it)
            *(struct conf_strings *)(void *)((char *)table_self(f, t) + d->offset) =
                (struct conf_strings){0};
        directive_set(&a->load, d, table_self(f, t), it);
    }
}

/* ---- the walk ---- */

/* The block's struct, or NULL when open() would not have it. */
static void *enter(
    struct apply *a, const struct conf_context *context, void *parent, const struct conf_node *node)
{
    void *self = context->open(&a->load, parent, node);
    struct frame *f;

    if (self == NULL)
        return NULL;
    check(a->n < FRAMES_MAX);
    f = &a->frames[a->n++];
    *f = (struct frame){.context = context,
        .node = node,
        .self = self,
        .next = node->children,
        .table = context->tables,
        .row = context->tables->rows};
    note_children(a, f);
    apply_absent(a, f);
    apply_plain(a, f);
    return self;
}

/* Enters the next inner block of the text; false when there is none left. */
static bool enter_next_block(struct apply *a, struct frame *f)
{
    const struct conf_table *t;
    const struct directive *d;
    unsigned number;

    while (f->next != NULL) {
        const struct conf_node *child = f->next;

        f->next = child->next;
        d = row_of(f, child, &t, &number);
        if (d == NULL || d->kind != DIRECTIVE_BLOCK || !counts(d, f, number, child) ||
            !has_right_shape(a, d, child))
            continue;
        enter(a, d->block, f->self, child);
        return true;
    }
    return false;
}

static bool enter_next_implied(struct apply *a, struct frame *f)
{
    for (; f->table->rows != NULL; f->table++, f->row = f->table->rows) {
        while (f->row->name != NULL) {
            const struct directive *d = f->row++;
            struct conf_node *empty;

            if ((d->flags & DIRECTIVE_IMPLIED) == 0 || conf_find_child(f->node, d->name) != NULL)
                continue;
            empty = arena_zalloc(a->load.arena, sizeof(*empty));
            empty->name = span_of(d->name);
            empty->at = f->node->at;
            empty->block = true;
            enter(a, d->block, f->self, empty);
            return true;
        }
    }
    return false;
}

void *conf_apply(const struct conf_context *root_context, void *parent,
    const struct conf_node *root, struct arena *arena, struct conf_errors *errors)
{
    struct frame frames[FRAMES_MAX];
    struct apply a = {.load = {arena, errors}, .root = root_context, .frames = frames};
    void *self;

    self = enter(&a, root_context, parent, root);
    while (a.n > 0) {
        struct frame *f = &frames[a.n - 1];

        if (enter_next_block(&a, f) || enter_next_implied(&a, f))
            continue;
        if (f->context->close != NULL)
            f->context->close(&a.load, f->self, f->node);
        a.n--;
    }
    return errors->n == 0 ? self : NULL;
}
