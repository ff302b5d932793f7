#include "conf/dump.h"

#include "base/check.h"

static bool is_bare(char c)
{
    unsigned char u = (unsigned char)c;

    return u > 0x20 && u != 0x7f && strchr(";{}\"", c) == NULL;
}

static bool needs_quotes(struct span word)
{
    if (word.n == 0 || word.p[0] == '#' || word.p[0] == '\'')
        return true;
    for (size_t i = 0; i < word.n; i++) {
        if (!is_bare(word.p[i]))
            return true;
    }
    return false;
}

static bool write_escaped(struct buf *out, char c)
{
    if (c == '"')
        return buf_append(out, SPAN("\\\""));
    if (c == '\\')
        return buf_append(out, SPAN("\\\\"));
    if (c == '\n')
        return buf_append(out, SPAN("\\n"));
    if (c == '\t')
        return buf_append(out, SPAN("\\t"));
    if ((unsigned char)c < 0x20 || c == 0x7f)
        return buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
    return buf_append(out, span_make(&c, 1));
}

bool conf_write_word(struct buf *out, struct span word)
{
    if (!needs_quotes(word))
        return buf_append(out, word);
    if (!buf_append(out, SPAN("\"")))
        return false;
    for (size_t i = 0; i < word.n; i++) {
        if (!write_escaped(out, word.p[i]))
            return false;
    }
    return buf_append(out, SPAN("\""));
}

static bool write_indent(struct buf *out, unsigned depth, bool comment)
{
    return buf_printf(out, "%*s%s", (int)depth * 4, "", comment ? "# " : "");
}

static bool write_head(struct buf *out, const struct conf_node *n)
{
    if (!buf_append(out, n->name))
        return false;
    for (unsigned i = 0; i < n->args_n; i++) {
        if (!buf_append(out, SPAN(" ")) || !conf_write_word(out, n->args[i].text))
            return false;
    }
    return buf_append(out, n->block ? SPAN(" {\n") : SPAN(";\n"));
}

static bool write_absent_row(struct buf *out, const struct directive *d)
{
    if (d->preset == NULL)
        return buf_printf(out, "%s: %s\n", d->name, d->unset);
    if (!buf_printf(out, "%s ", d->name))
        return false;
    if (d->kind == DIRECTIVE_STRING)
        return conf_write_word(out, span_of(d->preset)) && buf_append(out, SPAN(";\n"));
    return buf_printf(out, "%s;\n", d->preset);
}

/* What the block leaves out, as comments. `block` is NULL for an implied block, all of which is a
 * comment; `inner` is how deep we are in those. Calls itself along the tables, not the input. */
static bool write_absent(struct buf *out, const struct conf_context *c,
    const struct conf_node *block, unsigned depth, unsigned inner)
{
    for (const struct conf_table *t = c->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++) {
            bool implied = (d->flags & DIRECTIVE_IMPLIED) != 0;
            bool says = !t->inherited && (d->preset != NULL || d->unset != NULL);

            if ((!implied && !says) || (block != NULL && conf_find_child(block, d->name) != NULL))
                continue;
            if (!write_indent(out, depth, true) || !buf_printf(out, "%*s", (int)inner * 4, ""))
                return false;
            if (!implied && !write_absent_row(out, d))
                return false;
            if (implied && (!buf_printf(out, "%s {\n", d->name) ||
                               !write_absent(out, d->block, NULL, depth, inner + 1) ||
                               !write_indent(out, depth, true) ||
                               !buf_printf(out, "%*s}\n", (int)inner * 4, "")))
                return false;
        }
    }
    return true;
}

struct level {
    const struct conf_context *context;
    const struct conf_node *block, *next;
    bool absent_written;
};

/* Directives of the block, up to and with the head of its next inner block, or to its end. */
static bool write_plain(struct buf *out, struct level *l, unsigned depth)
{
    for (; l->next != NULL && !l->next->block; l->next = l->next->next) {
        if (!write_indent(out, depth, false) || !write_head(out, l->next))
            return false;
    }
    if (!l->absent_written && !write_absent(out, l->context, l->block, depth, 0))
        return false;
    l->absent_written = true;
    return l->next == NULL || (write_indent(out, depth, false) && write_head(out, l->next));
}

bool conf_dump(
    const struct conf_context *root_context, const struct conf_node *root, struct buf *out)
{
    struct level levels[CONF_DEPTH_MAX + 1] = {{root_context, root, root->children, false}};
    unsigned depth = 0;

    for (;;) {
        struct level *l = &levels[depth];
        const struct conf_node *inner;
        const struct directive *row;

        if (!write_plain(out, l, depth))
            return false;
        inner = l->next;
        if (inner != NULL) {
            row = conf_find_row(l->context, inner->name, NULL);
            check(row != NULL && row->kind == DIRECTIVE_BLOCK && depth < CONF_DEPTH_MAX);
            l->next = inner->next;
            levels[++depth] = (struct level){row->block, inner, inner->children, false};
            continue;
        }
        if (depth == 0)
            return true;
        depth--;
        if (!write_indent(out, depth, false) || !buf_append(out, SPAN("}\n")))
            return false;
    }
}
