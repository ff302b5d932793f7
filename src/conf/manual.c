#include "conf/manual.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { USAGE_MAX = 256 };

/* Text of ours into roff: a backslash, and a line that begins as a request would. */
static bool write_roff(struct buf *out, const char *text)
{
    bool fresh = true;

    for (const char *p = text; *p != '\0'; p++) {
        if (fresh && (*p == '.' || *p == '\'') && !buf_append(out, SPAN("\\&")))
            return false;
        if (!buf_append(out, *p == '\\' ? SPAN("\\e") : span_make(p, 1)))
            return false;
        fresh = *p == '\n';
    }
    return true;
}

/* The same inside of a macro's line, where a word that is a macro's name would be called: each
 * word in quotes. */
static bool write_argument(struct buf *out, const char *text)
{
    if (!buf_append(out, SPAN("\"")))
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        struct span piece = *p == '\\' ? SPAN("\\e") : *p == '"' ? SPAN("\\(dq") : span_make(p, 1);

        if (!buf_append(out, piece))
            return false;
    }
    return buf_append(out, SPAN("\""));
}

static bool write_bound(struct buf *out, const struct directive *d, const char *label, int64_t v)
{
    char text[VALUE_TEXT];

    if (d->kind == DIRECTIVE_SIZE)
        value_size_text((uint64_t)v, text);
    else if (d->kind == DIRECTIVE_DURATION)
        value_duration_text(v, text);
    else
        snprintf(text, sizeof(text), "%lld", (long long)v);
    return buf_printf(out, "%s %s%s.\n", label, text,
        d->kind == DIRECTIVE_STRING || d->kind == DIRECTIVE_STRINGS ? " bytes" : "");
}

static bool write_facts(struct buf *out, const struct directive *d)
{
    if ((d->flags & DIRECTIVE_REQUIRED) != 0 && !buf_append(out, SPAN("Required.\n")))
        return false;
    if ((d->flags & DIRECTIVE_MANY) != 0 && !buf_append(out, SPAN("May be repeated.\n")))
        return false;
    if (d->min != 0 && !write_bound(out, d, "At least", d->min))
        return false;
    if (d->max != 0 && !write_bound(out, d, "At most", d->max))
        return false;
    if (d->preset != NULL)
        return buf_append(out, SPAN("Default:\n.Ql ")) && write_argument(out, d->preset) &&
               buf_append(out, SPAN(" .\n"));
    if (d->unset != NULL)
        return buf_append(out, SPAN("Default: ")) && write_roff(out, d->unset) &&
               buf_append(out, SPAN(".\n"));
    return true;
}

static bool write_row(struct buf *out, const struct directive *d)
{
    char usage[USAGE_MAX];
    bool block = d->kind == DIRECTIVE_BLOCK;

    directive_usage(d, usage, sizeof(usage));
    if (!buf_printf(out, ".It Ic %s", d->name))
        return false;
    if (usage[0] != '\0' && (!buf_append(out, SPAN(" Ar ")) || !write_argument(out, usage)))
        return false;
    if (!buf_append(out, block ? SPAN(" Brq No ...\n") : SPAN("\n")))
        return false;
    if (d->about != NULL && (!write_roff(out, d->about) || !buf_append(out, SPAN("\n"))))
        return false;
    if (block && !buf_printf(out, "See\n.Sx Directives in %s .\n", d->block->name))
        return false;
    return write_facts(out, d);
}

static bool write_context(struct buf *out, const struct conf_context *c)
{
    if (!buf_printf(out, ".Ss Directives in %s\n", c->name))
        return false;
    if (c->about != NULL && (!write_roff(out, c->about) || !buf_append(out, SPAN("\n"))))
        return false;
    if (!buf_append(out, SPAN(".Bl -tag -width Ds\n")))
        return false;
    for (const struct conf_table *t = c->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++) {
            if (!write_row(out, d))
                return false;
        }
    }
    return buf_append(out, SPAN(".El\n"));
}

bool conf_manual_mdoc(const struct conf_context *root, struct buf *out)
{
    const struct conf_context *all[CONF_CONTEXTS_MAX];
    unsigned n = conf_contexts(root, all);

    for (unsigned i = 0; i < n; i++) {
        if (!write_context(out, all[i]))
            return false;
    }
    return true;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool write_words(struct buf *out, const struct conf_context *c)
{
    const char *words[CONF_ROWS_MAX + 1] = {"include"};
    size_t n = 1;

    for (const struct conf_table *t = c->tables; t->rows != NULL; t++) {
        for (const struct directive *d = t->rows; d->name != NULL; d++) {
            check(n <= CONF_ROWS_MAX);
            words[n++] = d->name;
        }
    }
    qsort(words, n, sizeof(words[0]), compare_words);
    if (!buf_printf(out, "%s:", c->name))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!buf_printf(out, " %s", words[i]))
            return false;
    }
    return buf_append(out, SPAN("\n"));
}

bool conf_manual_words(const struct conf_context *root, struct buf *out)
{
    const struct conf_context *all[CONF_CONTEXTS_MAX];
    unsigned n = conf_contexts(root, all);

    for (unsigned i = 0; i < n; i++) {
        if (!write_words(out, all[i]))
            return false;
    }
    return true;
}
