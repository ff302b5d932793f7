/*
 * report_cache.c - stored objects for people: a line of a list, and all that is stored of one
 * resource.
 */
#include "admin/report.h"
#include "admin/table.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));

    return s != NULL ? s : "?";
}

static json_int_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* What strangers sent may steer a terminal. */
bool report_printable(struct buf *out, const char *s)
{
    bool ok = true;

    for (s = s != NULL ? s : "?"; *s != '\0' && ok; s++) {
        bool control = (unsigned char)*s < 0x20 || *s == 0x7f;

        ok = buf_append(out, control ? SPAN("?") : span_make(s, 1));
    }
    return ok;
}

/* What the key has beside the URL: "accept-language=de". */
static bool put_lines(struct buf *out, const json_t *object)
{
    const json_t *line;
    bool ok = true;
    size_t i;

    json_array_foreach(json_object_get(object, "lines"), i, line)
    {
        const char *value = json_string_value(json_object_get(line, "value"));

        ok = ok && buf_append(out, SPAN(" ")) && report_printable(out, text_of(line, "name")) &&
             buf_append(out, SPAN("=")) && report_printable(out, value != NULL ? value : "-");
    }
    return ok;
}

bool report_object_line(const json_t *object, struct buf *out)
{
    char size[32];

    return report_printable(out, text_of(object, "tier")) &&
           buf_printf(out,
               "%*s %6" JSON_INTEGER_FORMAT " %10s %8" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT
               " %5" JSON_INTEGER_FORMAT "  ",
               strcmp(text_of(object, "tier"), "disk") == 0 ? 2 : 0, "",
               number_of(object, "status"),
               table_bytes((double)number_of(object, "body_bytes"), size),
               number_of(object, "age_s"), number_of(object, "ttl_s"), number_of(object, "tags")) &&
           report_printable(out, text_of(object, "url")) && put_lines(out, object) &&
           buf_append(out, SPAN("\n"));
}

static void add_lines(struct table *t, const json_t *object)
{
    const json_t *line;
    size_t i;

    json_array_foreach(json_object_get(object, "lines"), i, line)
    {
        const char *value = json_string_value(json_object_get(line, "value"));
        char label[48];

        snprintf(label, sizeof(label), "key %s", text_of(line, "kind"));
        table_add(t, label, "%s%s%s", text_of(line, "name"), value != NULL ? "=" : " absent",
            value != NULL ? value : "");
    }
}

/* Where it stands on a volume, and what the record says. */
static void add_record(struct table *t, const json_t *object)
{
    const json_t *record = json_object_get(object, "record");
    char size[32];

    if (!json_is_object(record))
        return;
    table_add(t, "volume", "%s", text_of(object, "volume"));
    table_add(t, "segment", "%" JSON_INTEGER_FORMAT, number_of(record, "segment"));
    table_add(t, "record", "%s, %s, used %" JSON_INTEGER_FORMAT, text_of(record, "kind"),
        table_bytes((double)number_of(record, "bytes"), size), number_of(record, "used"));
    table_add(t, "born", "after purge %" JSON_INTEGER_FORMAT, number_of(record, "born"));
    if (json_is_integer(json_object_get(record, "expires")))
        table_add(t, "expires", "%" JSON_INTEGER_FORMAT, number_of(record, "expires"));
}

static void add_head(struct table *t, const json_t *object)
{
    const json_t *field;
    size_t i;

    json_array_foreach(json_object_get(object, "head"), i, field)
        table_add(t, "head", "%s: %s", text_of(field, "name"), text_of(field, "value"));
}

static void add_object(struct table *t, const json_t *object)
{
    json_int_t slice = number_of(object, "slice_bytes");
    char size[32], slices[32];

    table_separate(t);
    table_add(t, "id", "%s", text_of(object, "id"));
    add_lines(t, object);
    table_add(t, "stored", "%s%s", text_of(object, "tier"),
        strcmp(text_of(object, "tier"), "disk") != 0 &&
                json_is_true(json_object_get(object, "on_disk"))
            ? " and disk"
            : "");
    table_add(t, "status", "%" JSON_INTEGER_FORMAT, number_of(object, "status"));
    table_add(t, "size", "%s%s%s", table_bytes((double)number_of(object, "body_bytes"), size),
        slice > 0 ? " in slices of " : "", slice > 0 ? table_bytes((double)slice, slices) : "");
    table_add(t, "age", "%" JSON_INTEGER_FORMAT " s", number_of(object, "age_s"));
    table_add(t, "ttl", "%" JSON_INTEGER_FORMAT " s%s", number_of(object, "ttl_s"),
        json_is_true(json_object_get(object, "soft_purged")) ? ", purged softly" : "");
    table_add(t, "tags", "%" JSON_INTEGER_FORMAT, number_of(object, "tags"));
    add_record(t, object);
    add_head(t, object);
}

bool report_object(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *objects = json_object_get(answer, "objects"), *one;
    struct table t = {0};
    size_t i;

    table_add(&t, "url", "%s", text_of(answer, "url"));
    if (json_is_true(json_object_get(answer, "varies")))
        table_add(&t, "variants", "%zu in memory", json_array_size(objects));
    else if (json_array_size(objects) == 0)
        table_add(&t, "stored", "no");
    json_array_foreach(objects, i, one) add_object(&t, one);
    return table_write(&t, colour, out);
}
