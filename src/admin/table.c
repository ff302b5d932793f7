#include "admin/table.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct row *add_row(struct table *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? t->cap * 2 : 64;
        t->rows = xrealloc(t->rows, t->cap * sizeof(t->rows[0]));
    }
    t->rows[t->n] = (struct row){0};
    return &t->rows[t->n++];
}

/* Control characters would steer the terminal. */
static void make_printable(char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
    }
}

struct row *table_add(struct table *t, const char *label, const char *fmt, ...)
{
    struct row *row = add_row(t);
    va_list ap;

    snprintf(row->label, sizeof(row->label), "%s", label);
    va_start(ap, fmt);
    vsnprintf(row->value, sizeof(row->value), fmt, ap);
    va_end(ap);
    make_printable(row->label);
    make_printable(row->value);
    return row;
}

void table_separate(struct table *t)
{
    add_row(t);
}

/* Characters on the screen, if the text is UTF-8. */
static int width(const char *s)
{
    int n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static bool write_row(const struct table *t, const struct row *row, int labels, int values,
    bool faint, struct buf *out)
{
    int before = t->numbers ? values - width(row->value) : 0;

    return buf_printf(out, "%s%s%*s  %*s%s", faint ? "\033[2m" : "", row->label,
               labels - width(row->label), "", before, "", row->value) &&
           (row->note[0] == '\0' || buf_printf(out, "  %s", row->note)) &&
           buf_printf(out, "%s\n", faint ? "\033[0m" : "");
}

bool table_write(struct table *t, bool colour, struct buf *out)
{
    int labels = 0, values = 0;
    bool ok = true;

    for (size_t i = 0; i < t->n; i++) {
        const struct row *row = &t->rows[i];

        labels = width(row->label) > labels ? width(row->label) : labels;
        values = width(row->value) > values ? width(row->value) : values;
    }
    for (size_t i = 0; i < t->n && ok; i++) {
        const struct row *row = &t->rows[i];

        if (row->label[0] == '\0')
            ok = buf_append(out, SPAN("\n"));
        else
            ok = write_row(t, row, labels, values, colour && row->faint, out);
    }
    free(t->rows);
    return ok;
}

const char *table_bytes(double bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t u = 0;

    while (bytes >= 1024 && u + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        u++;
    }
    snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return out;
}

const char *table_duration(int64_t s, char out[64])
{
    if (s >= 86400)
        snprintf(out, 64, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        snprintf(out, 64, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 64, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        snprintf(out, 64, "%" PRId64 " s", s);
    return out;
}
