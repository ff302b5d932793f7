#include "admin/report.h"

#include "admin/table.h"
#include "http/date.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- values ------------------------------------------------------------------------------ */

static void add_count(struct table *t, const char *label, const json_t *n)
{
    if (json_is_integer(n))
        table_add(t, label, "%" JSON_INTEGER_FORMAT, json_integer_value(n))->faint =
            json_integer_value(n) == 0;
}

static struct row *add_bytes(struct table *t, const char *label, const json_t *n)
{
    char text[32];
    struct row *row;

    if (!json_is_integer(n))
        return NULL;
    row = table_add(t, label, "%s", table_bytes((double)json_integer_value(n), text));
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
        table_bytes(budget, text));
}

/* --- reports ----------------------------------------------------------------------------- */

static void add_up(struct table *t, const json_t *answer)
{
    const json_t *up = json_object_get(answer, "uptime_s");
    const json_t *since = json_object_get(answer, "since");
    char date[HTTP_DATE_LEN], text[64];

    if (!json_is_integer(up) || !json_is_integer(since))
        return;
    table_duration(json_integer_value(up), text);
    http_date_format(json_integer_value(since), date);
    table_add(t, "up", "%s, since %.*s", text, HTTP_DATE_LEN, date);
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

    table_add(&t, text_or(json_object_get(answer, "program"), "program"), "%s",
        text_or(json_object_get(answer, "version"), "?"));
    add_count(&t, "process", json_object_get(answer, "pid"));
    add_up(&t, answer);
    table_add(&t, "state", "%s",
        json_is_true(json_object_get(answer, "draining")) ? "draining" : "serving");
    table_add(
        &t, "configuration", "%s", text_or(json_object_get(answer, "config"), "the command line"));
    json_array_foreach(json_object_get(answer, "listens"), i, listen)
        table_add(&t, "listen", "%s", text_or(listen, "?"));
    add_count(&t, "workers", json_object_get(answer, "workers"));
    add_count(&t, "connections", json_object_get(answer, "connections"));
    add_memory_used(&t, memory);
    add_count(&t, "memory objects", json_object_get(memory, "objects"));
    return table_write(&t, colour, out);
}

static void add_requests(struct table *t, const json_t *answer)
{
    json_t *requests = json_object_get(json_object_get(answer, "counters"), "requests");
    const json_t *ratio = json_object_get(answer, "hit_ratio");
    const char *status;
    json_t *n;
    json_int_t all = 0;

    json_object_foreach(requests, status, n) all += json_integer_value(n);
    table_add(t, "requests", "%" JSON_INTEGER_FORMAT, all)->faint = all == 0;
    json_object_foreach(requests, status, n)
    {
        char label[40];

        snprintf(label, sizeof(label), "requests %s", status);
        add_count(t, label, n);
        if (json_integer_value(n) > 0)
            note_percent(&t->rows[t->n - 1], (double)json_integer_value(n), (double)all, "");
    }
    if (json_is_real(ratio))
        table_add(t, "hit ratio", "%.1f %%", 100 * json_real_value(ratio));
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

/* One of several by label: "encoded in gzip" for encoded_in_bytes and gzip, in bytes still. */
static void add_labelled(struct table *t, const char *name, const char *part, json_t *n)
{
    struct span s = span_of(name);
    const char *unit = span_ends(s, SPAN("_bytes")) ? "_bytes" : "";
    char label[96];

    s.n -= strlen(unit);
    snprintf(label, sizeof(label), "%.*s_%s%s", SPAN_ARG(s), part, unit);
    add_counter(t, label, n);
}

static void add_counters(struct table *t, json_t *counters)
{
    const char *name, *part;
    json_t *n, *m;

    json_object_foreach(counters, name, n)
    {
        if (strcmp(name, "requests") == 0)
            continue; /* shown before */
        if (!json_is_object(n)) {
            add_counter(t, name, n);
            continue;
        }
        json_object_foreach(n, part, m) add_labelled(t, name, part, m);
    }
}

/* Of all volumes; which one has what is for report_volumes(). */
static void add_disk(struct table *t, json_t *disk)
{
    static const char *const sums[] = {
        "size_bytes", "objects", "waiting_bytes", "corrupt", "read_errors", "write_errors"};
    json_t *volumes = json_object_get(disk, "volumes"), *v;
    json_int_t ready = 0;
    size_t k;

    if (json_array_size(volumes) == 0)
        return;
    table_separate(t);
    json_array_foreach(volumes, k, v) ready +=
        strcmp(text_or(json_object_get(v, "state"), ""), "ready") == 0;
    table_add(t, "disk volumes", "%zu", json_array_size(volumes));
    table_add(t, "disk volumes ready", "%" JSON_INTEGER_FORMAT, ready);
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        json_t *sum;
        json_int_t all = 0;

        json_array_foreach(volumes, k, v) all += json_integer_value(json_object_get(v, sums[i]));
        sum = json_integer(all);
        add_labelled(t, "disk", sums[i], sum);
        json_decref(sum);
    }
    add_count(t, "disk queue objects", json_object_get(disk, "queue_objects"));
    table_add(t, "disk admission", "%s", text_or(json_object_get(disk, "admission"), "?"));
}

bool report_stats(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *memory = json_object_get(answer, "memory");
    struct table t = {.numbers = true};

    add_requests(&t, answer);
    table_separate(&t);
    add_memory_used(&t, memory);
    add_bytes(&t, "memory bodies", json_object_get(memory, "body_bytes"));
    add_count(&t, "memory objects", json_object_get(memory, "objects"));
    add_bytes(&t, "memory for disk", json_object_get(memory, "disk_bytes"));
    add_count(&t, "fills now", json_object_get(memory, "fills"));
    add_count(&t, "connections now", json_object_get(answer, "connections"));
    add_disk(&t, json_object_get(answer, "disk"));
    table_separate(&t);
    add_counters(&t, json_object_get(answer, "counters"));
    return table_write(&t, colour, out);
}

/* --- volumes ------------------------------------------------------------------------------- */

/* Everything but path and state, as it comes. */
static void add_volume(struct table *t, size_t number, json_t *volume)
{
    const json_t *took = json_object_get(volume, "recovery_ms");
    const char *name;
    char label[96];
    json_t *n;

    snprintf(label, sizeof(label), "volume %zu", number);
    table_add(t, label, "%s", text_or(json_object_get(volume, "path"), "?"));
    snprintf(label, sizeof(label), "volume %zu state", number);
    table_add(t, label, "%s%s", text_or(json_object_get(volume, "state"), "?"),
        json_is_true(json_object_get(volume, "slow")) ? ", slow" : "");
    snprintf(label, sizeof(label), "volume %zu recovery", number);
    table_add(t, label, "%" JSON_INTEGER_FORMAT " ms, after %s", json_integer_value(took),
        json_is_true(json_object_get(volume, "clean")) ? "a clean stop" : "a crash, or new");
    json_object_foreach(volume, name, n)
    {
        if (strcmp(name, "recovery_ms") == 0)
            continue;
        snprintf(label, sizeof(label), "volume %zu %s", number, name);
        add_counter(t, label, n);
    }
}

bool report_volumes(const json_t *answer, bool colour, struct buf *out)
{
    json_t *volumes = json_object_get(answer, "volumes"), *one;
    struct table t = {0};
    size_t i;

    if (json_array_size(volumes) == 0)
        table_add(&t, "volumes", "none: what is stored is in memory only");
    json_array_foreach(volumes, i, one)
    {
        add_volume(&t, i + 1, one);
        table_separate(&t);
    }
    if (i > 0) {
        table_add(&t, "admission", "%s", text_or(json_object_get(answer, "admission"), "?"));
        add_count(&t, "queue objects", json_object_get(answer, "queue_objects"));
        add_bytes(&t, "queue", json_object_get(answer, "queue_bytes"));
        add_bytes(&t, "memory", json_object_get(answer, "memory_bytes"));
        add_bytes(&t, "memory ghosts", json_object_get(answer, "ghost_bytes"));
    }
    return table_write(&t, colour, out);
}

/* --- certificates ---------------------------------------------------------------------------- */

bool report_certificates(const json_t *answer, bool colour, struct buf *out)
{
    json_t *left = json_object_get(answer, "soonest_left_s"),
           *changed = json_object_get(answer, "changed");
    struct table t = {0};
    char text[64];

    if (json_is_boolean(changed))
        table_add(
            &t, "files", json_is_true(changed) ? "changed, and read again" : "did not change");
    add_count(&t, "certificates", json_object_get(answer, "certificates"));
    add_count(&t, "certificate names", json_object_get(answer, "names"));
    add_count(&t, "certificates ready", json_object_get(answer, "ready"));
    add_count(&t, "certificates stapled", json_object_get(answer, "stapled"));
    if (json_is_integer(left)) {
        json_int_t s = json_integer_value(left);

        table_add(&t, "certificate over first", "%s",
            text_or(json_object_get(answer, "soonest_file"), "?"));
        table_add(&t, "certificate over in", "%s%s", s < 0 ? "OVER SINCE " : "",
            table_duration(s < 0 ? -s : s, text));
    }
    return table_write(&t, colour, out);
}

/* Lines of a difference; removed ones red, added ones green. */
static bool write_difference(const char *text, bool colour, struct buf *out)
{
    struct span rest = span_of(text), line;
    bool ok = true;

    while (ok && span_cut(&rest, '\n', &line)) {
        const char *paint = !colour || line.n == 0 ? ""
                            : line.p[0] == '-'     ? "\033[31m"
                            : line.p[0] == '+'     ? "\033[32m"
                                                   : "";

        ok =
            buf_printf(out, "%s%.*s%s\n", paint, SPAN_ARG(line), paint[0] != '\0' ? "\033[0m" : "");
    }
    return ok;
}

bool report_reload(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *difference = json_object_get(answer, "difference"), *note;
    bool ok = true;
    size_t i;

    if (json_is_string(difference) && json_string_length(difference) > 0)
        ok = write_difference(json_string_value(difference), colour, out);
    else if (json_is_string(difference))
        ok = buf_append(out, SPAN("nothing would change\n"));
    else
        ok = buf_append(out, SPAN("the configuration is in use\n"));
    json_array_foreach(json_object_get(answer, "notes"), i, note) ok =
        ok && buf_printf(out, "note: %s\n", text_or(note, "?"));
    return ok;
}

static json_int_t number(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

/* What is wrong stands in capitals. */
static void add_wrong(struct table *t, const char *label, bool wrong, const char *what)
{
    table_add(t, label, "%s%s", wrong ? "DAMAGED: " : "", what);
}

bool report_volume_check(const json_t *answer, bool colour, struct buf *out)
{
    json_int_t index = number(answer, "index_entries"), superblocks = number(answer, "superblocks");
    json_int_t nowhere = index - number(answer, "index_entries_right");
    json_int_t damaged = number(answer, "records_damaged"), errors = number(answer, "read_errors");
    struct table t = {0};
    char text[96];

    table_add(&t, "volume", "%s", text_or(json_object_get(answer, "path"), "?"));
    add_bytes(&t, "size", json_object_get(answer, "size_bytes"));
    table_add(&t, "journal", "%s",
        text_or(json_object_get(answer, "journal"), "none yet: it was never in use"));
    table_add(&t, "closed", "%s",
        json_is_true(json_object_get(answer, "clean")) ? "well"
        : number(answer, "segments_used") == 0         ? "never in use"
                                               : "not: what had it open crashed, or was killed");
    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT " of 2", superblocks);
    add_wrong(&t, "superblocks", superblocks != 2, text);
    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number(answer, "checkpoints"));
    add_wrong(&t, "checkpoints", !json_is_true(json_object_get(answer, "checkpoint_right")), text);
    table_add(&t, "segments", "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " in use",
        number(answer, "segments_used"), number(answer, "segments"));
    add_count(&t, "segments unclosed", json_object_get(answer, "segments_unclosed"));
    add_count(&t, "segments absent", json_object_get(answer, "segments_absent"));
    add_count(&t, "records", json_object_get(answer, "records"));
    add_bytes(&t, "records size", json_object_get(answer, "record_bytes"));
    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, damaged);
    add_wrong(&t, "records damaged", damaged != 0, text);
    snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, errors);
    add_wrong(&t, "read errors", errors != 0, text);
    snprintf(text, sizeof(text),
        "%" JSON_INTEGER_FORMAT " entries, %" JSON_INTEGER_FORMAT " lead nowhere", index, nowhere);
    add_wrong(&t, "index", nowhere != 0, text);
    table_add(&t, "result", "%s",
        json_is_true(json_object_get(answer, "ok")) ? "sound" : "DAMAGED, as said above");
    return table_write(&t, colour, out);
}
