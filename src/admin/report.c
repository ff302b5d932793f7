#include "admin/report.h"

#include "base/check.h"
#include "http/date.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a table ----------------------------------------------------------------------------- */

struct row {
    char label[48]; /* "" separates groups */
    char value[256];
    char note[64];
    bool faint; /* nothing happened here yet */
};

struct table {
    struct row *rows; /* owns */
    size_t n, cap;
    bool numbers; /* values stand to the right */
};

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

static struct row *add_value(struct table *t, const char *label, const char *fmt, ...) PRINTF(3, 4);

static struct row *add_value(struct table *t, const char *label, const char *fmt, ...)
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

static bool write_table(struct table *t, bool colour, struct buf *out)
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

/* --- values ------------------------------------------------------------------------------ */

static void add_count(struct table *t, const char *label, const json_t *n)
{
    if (json_is_integer(n))
        add_value(t, label, "%" JSON_INTEGER_FORMAT, json_integer_value(n))->faint =
            json_integer_value(n) == 0;
}

static const char *bytes_text(double bytes, char out[32])
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

static struct row *add_bytes(struct table *t, const char *label, const json_t *n)
{
    char text[32];
    struct row *row;

    if (!json_is_integer(n))
        return NULL;
    row = add_value(t, label, "%s", bytes_text((double)json_integer_value(n), text));
    row->faint = json_integer_value(n) == 0;
    return row;
}

static void note_percent(struct row *row, double part, double whole, const char *of)
{
    if (row != NULL && whole > 0)
        snprintf(row->note, sizeof(row->note), "%5.1f %%%s%s", 100 * part / whole,
            of[0] != '\0' ? " of " : "", of);
}

static void add_memory_used(struct table *t, const json_t *memory)
{
    const json_t *used = json_object_get(memory, "used_bytes");
    double budget = (double)json_integer_value(json_object_get(memory, "budget_bytes"));
    char text[32];

    note_percent(add_bytes(t, "memory used", used), (double)json_integer_value(used), budget,
        bytes_text(budget, text));
}

static void duration_text(int64_t s, char out[64])
{
    if (s >= 86400)
        snprintf(out, 64, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        snprintf(out, 64, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 64, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        snprintf(out, 64, "%" PRId64 " s", s);
}

/* --- reports ----------------------------------------------------------------------------- */

static void add_up(struct table *t, const json_t *answer)
{
    const json_t *up = json_object_get(answer, "uptime_s");
    const json_t *since = json_object_get(answer, "since");
    char date[HTTP_DATE_LEN], text[64];

    if (!json_is_integer(up) || !json_is_integer(since))
        return;
    duration_text(json_integer_value(up), text);
    http_date_format(json_integer_value(since), date);
    add_value(t, "up", "%s, since %.*s", text, HTTP_DATE_LEN, date);
}

static const char *text_or(const json_t *s, const char *otherwise)
{
    return json_is_string(s) ? json_string_value(s) : otherwise;
}

bool report_status(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *memory = json_object_get(answer, "memory");
    const json_t *listen;
    struct table t = {0};
    size_t i;

    add_value(&t, text_or(json_object_get(answer, "program"), "program"), "%s",
        text_or(json_object_get(answer, "version"), "?"));
    add_count(&t, "process", json_object_get(answer, "pid"));
    add_up(&t, answer);
    add_value(&t, "state", "%s",
        json_is_true(json_object_get(answer, "draining")) ? "draining" : "serving");
    add_value(
        &t, "configuration", "%s", text_or(json_object_get(answer, "config"), "the command line"));
    json_array_foreach(json_object_get(answer, "listens"), i, listen)
        add_value(&t, "listen", "%s", text_or(listen, "?"));
    add_count(&t, "workers", json_object_get(answer, "workers"));
    add_count(&t, "connections", json_object_get(answer, "connections"));
    add_memory_used(&t, memory);
    add_count(&t, "memory objects", json_object_get(memory, "objects"));
    return write_table(&t, colour, out);
}

static void add_requests(struct table *t, const json_t *answer)
{
    json_t *requests = json_object_get(json_object_get(answer, "counters"), "requests");
    const json_t *ratio = json_object_get(answer, "hit_ratio");
    const char *status;
    json_t *n;
    json_int_t all = 0;

    json_object_foreach(requests, status, n) all += json_integer_value(n);
    add_value(t, "requests", "%" JSON_INTEGER_FORMAT, all)->faint = all == 0;
    json_object_foreach(requests, status, n)
    {
        char label[40];

        snprintf(label, sizeof(label), "requests %s", status);
        add_count(t, label, n);
        if (json_integer_value(n) > 0)
            note_percent(&t->rows[t->n - 1], (double)json_integer_value(n), (double)all, "");
    }
    if (json_is_real(ratio))
        add_value(t, "hit ratio", "%.1f %%", 100 * json_real_value(ratio));
}

/* "origin_received_bytes": words of the label, and the unit of the value. */
static void add_counter(struct table *t, const char *name, const json_t *n)
{
    struct span s = span_of(name);
    bool bytes = span_ends(s, SPAN("_bytes"));
    char label[48];

    if (bytes)
        s.n -= strlen("_bytes");
    span_cstr(s, label, sizeof(label));
    for (char *c = label; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    if (bytes)
        add_bytes(t, label, n);
    else
        add_count(t, label, n);
}

static void add_counters(struct table *t, json_t *counters)
{
    const char *name, *part;
    json_t *n, *m;

    json_object_foreach(counters, name, n)
    {
        char label[96];

        if (strcmp(name, "requests") == 0)
            continue; /* shown before */
        if (!json_is_object(n)) {
            add_counter(t, name, n);
            continue;
        }
        json_object_foreach(n, part, m)
        {
            snprintf(label, sizeof(label), "%s_%s", name, part);
            add_counter(t, label, m);
        }
    }
}

bool report_stats(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *memory = json_object_get(answer, "memory");
    struct table t = {.numbers = true};

    add_requests(&t, answer);
    add_row(&t);
    add_memory_used(&t, memory);
    add_bytes(&t, "memory bodies", json_object_get(memory, "body_bytes"));
    add_count(&t, "memory objects", json_object_get(memory, "objects"));
    add_count(&t, "fills now", json_object_get(memory, "fills"));
    add_count(&t, "connections now", json_object_get(answer, "connections"));
    add_row(&t);
    add_counters(&t, json_object_get(answer, "counters"));
    return write_table(&t, colour, out);
}
