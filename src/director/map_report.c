/*
 * map_report.c - what map_json.c says of maps, for people.
 */
#include "admin/table.h"
#include "director/map_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *text_of(const json_t *o, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text != NULL ? text : otherwise;
}

static double number_of(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

/* "2026-06-05"; "?" for what is no date. */
static const char *day_of(const json_t *o, const char *name, char out[32])
{
    time_t t = (time_t)number_of(o, name);
    struct tm tm;

    if (t <= 0 || gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d", &tm) == 0)
        strcpy(out, "?");
    return out;
}

static const char *time_of(const json_t *o, const char *name, char out[32])
{
    time_t t = (time_t)number_of(o, name);
    struct tm tm;

    if (t <= 0 || gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        strcpy(out, "?");
    return out;
}

static const char *about_state(const char *word)
{
    static const struct {
        const char *word, *about;
    } all[] = {
        {"default", "no database is configured: PoPs are in their default order"},
        {"current", "made from the databases as they are"},
        {"compiling", "the databases are being read"},
        {"old", "not made from the databases as they are now"},
        {"without-database", "no database could be read: PoPs are in their default order"},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i].word, word) == 0)
            return all[i].about;
    }
    return "?";
}

static void add_state(struct table *t, const json_t *answer)
{
    const char *state = text_of(answer, "state", NULL);
    char when[32];

    if (state == NULL)
        return;
    table_add(t, "state", "%s: %s", state, about_state(state));
    if (number_of(answer, "made") > 0) {
        const json_t *took = json_object_get(answer, "took_ms");
        struct row *row = table_add(t, "made", "%s", time_of(answer, "made", when));

        if (took != NULL)
            (void)snprintf(
                row->note, sizeof(row->note), "in %.3f s", json_number_value(took) / 1000);
        else if (json_is_true(json_object_get(answer, "kept")))
            (void)snprintf(row->note, sizeof(row->note), "and kept on disk");
    }
    if (json_object_get(answer, "moved_percent") != NULL)
        table_add(t, "moved", "%.2f %% of what is known", number_of(answer, "moved_percent"));
    if (json_object_get(answer, "refused") != NULL) {
        table_add(t, "refused", "%s", text_of(answer, "refused", "?"));
        table_add(t, "refused at", "%s", time_of(answer, "refused_at", when));
    }
}

static void add_databases(struct table *t, const json_t *answer)
{
    const json_t *files = json_object_get(answer, "databases"), *f;
    char day[32], bytes[32];
    size_t i;

    if (json_array_size(files) > 0)
        table_separate(t);
    json_array_foreach(files, i, f)
    {
        struct row *row = table_add(t, "database", "%s", text_of(f, "path", "?"));

        if (!json_is_true(json_object_get(f, "there")))
            (void)snprintf(row->note, sizeof(row->note), "IS NOT THERE");
        else
            (void)snprintf(row->note, sizeof(row->note), "%.20s of %s, %s", text_of(f, "type", "?"),
                day_of(f, "built", day), table_bytes(number_of(f, "bytes"), bytes));
    }
}

/* "map cdn networks" */
static const char *label(char out[48], const json_t *map, const char *what)
{
    (void)snprintf(out, 48, "map %.24s %s", text_of(map, "steer", "?"), what);
    return out;
}

static void add_quality(struct table *t, const json_t *m)
{
    char l[48];

    if (json_object_get(m, "v4_nearest_percent") == NULL)
        return;
    table_add(t, label(l, m, "nearest PoP"), "%.4f %% of IPv4, %.4f %% of IPv6",
        number_of(m, "v4_nearest_percent"), number_of(m, "v6_nearest_percent"));
    table_add(t, label(l, m, "excess"), "%.3f km for IPv4, %.3f km for IPv6",
        number_of(m, "v4_excess_km"), number_of(m, "v6_excess_km"));
}

static void add_map(struct table *t, const json_t *m)
{
    char l[48], bytes[32];

    table_separate(t);
    table_add(t, label(l, m, "PoPs"), "%.0f", number_of(m, "pops"));
    table_add(t, label(l, m, "networks"), "%.0f IPv4, %.0f IPv6", number_of(m, "v4_networks"),
        number_of(m, "v6_networks"));
    table_add(t, label(l, m, "known"), "%.2f %% of IPv4, %.0f /48s of IPv6",
        number_of(m, "v4_known") / 4294967296.0 * 100, number_of(m, "v6_known"));
    table_add(t, label(l, m, "mean scope"), "/%.2f IPv4, /%.2f IPv6", number_of(m, "v4_mean_scope"),
        number_of(m, "v6_mean_scope"));
    add_quality(t, m);
    table_add(t, label(l, m, "memory"), "%s", table_bytes(number_of(m, "bytes"), bytes));
    table_add(t, label(l, m, "hash"), "%s", text_of(m, "hash", "?"));
}

bool map_report(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *maps = json_object_get(answer, "maps"), *m;
    struct table t = {0};
    size_t i;

    add_state(&t, answer);
    add_databases(&t, answer);
    json_array_foreach(maps, i, m) add_map(&t, m);
    return table_write(&t, colour, out);
}
