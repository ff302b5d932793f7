/*
 * report_steer.c - selvagectl steer: why a client is sent where it is sent.
 */
#include "admin/report.h"
#include "admin/table.h"

#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 12 };

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}

static void add_text(struct table *t, const char *label, const json_t *o, const char *key)
{
    if (text_of(o, key)[0] != '\0')
        table_add(t, label, "%s", text_of(o, key));
}

/* --- the head --- */

static void add_place(struct table *t, const json_t *place)
{
    const json_t *latitude = json_object_get(place, "latitude");
    const json_t *asn = json_object_get(place, "asn");
    const char *country = text_of(place, "country"), *continent = text_of(place, "continent");

    table_add(t, "country", "%s%s%s", country[0] != '\0' ? country : "not known",
        continent[0] != '\0' ? " in " : "", continent);
    if (json_is_integer(asn))
        table_add(t, "autonomous system", "AS%" JSON_INTEGER_FORMAT, json_integer_value(asn));
    if (json_is_number(latitude))
        table_add(t, "location", "%.2f %.2f%s", json_number_value(latitude),
            json_number_value(json_object_get(place, "longitude")),
            strcmp(text_of(place, "located_by"), "country") == 0 ? ", the country's point" : "");
}

static void add_answer(struct table *t, const char *label, const json_t *answer)
{
    char text[200] = "";
    const json_t *address;
    size_t i, at = 0;

    json_array_foreach(json_object_get(answer, "addresses"), i, address)
    {
        int n = snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "",
            json_is_string(address) ? json_string_value(address) : "?");

        if (n < 0 || (size_t)n >= sizeof(text) - at)
            break;
        at += (size_t)n;
    }
    if (at == 0)
        table_add(t, label, "%s",
            strcmp(text_of(answer, "end"), "nobody") == 0 ? "none: no PoP is up" : "no address");
    else
        table_add(t, label, "%s, scope /%d, TTL %d s", text,
            (int)json_integer_value(json_object_get(answer, "scope")),
            (int)json_integer_value(json_object_get(answer, "ttl_s")));
}

/* --- the PoPs --- */

static bool put_pop(struct buf *out, size_t rank, const json_t *p)
{
    const json_t *km = json_object_get(p, "km");
    int name_n = (int)strlen(text_of(p, "pop"));
    char distance[32] = "?";

    if (json_is_integer(km))
        snprintf(distance, sizeof(distance), "%" JSON_INTEGER_FORMAT " km", json_integer_value(km));
    return buf_printf(out, "%3zu  ", rank) && report_printable(out, text_of(p, "pop")) &&
           buf_printf(out, "%*s %9s  %-9s ", name_n < NAME_WIDTH ? NAME_WIDTH - name_n : 0, "",
               distance, text_of(p, "state")) &&
           report_printable(out, text_of(p, "reason")) && buf_append(out, SPAN("\n"));
}

static bool put_one(const json_t *s, bool colour, struct buf *out)
{
    const json_t *place = json_object_get(s, "place"), *p;
    struct table t = {0};
    bool ok;
    size_t i;

    add_text(&t, "steer", s, "steer");
    add_text(&t, "client", s, "client");
    if (strncmp(text_of(s, "client"), text_of(s, "looked_up"), strlen(text_of(s, "looked_up"))) !=
        0)
        add_text(&t, "looked up as", s, "looked_up");
    add_place(&t, place);
    add_text(&t, "decided by", s, "why");
    add_text(&t, "override", s, "override");
    add_text(&t, "the same for", s, "network");
    add_answer(&t, "A", json_object_get(s, "a"));
    add_answer(&t, "AAAA", json_object_get(s, "aaaa"));
    ok = table_write(&t, colour, out) && buf_printf(out, "\n  #  %-*s %9s  %-9s %s\n", NAME_WIDTH,
                                             "POP", "DISTANCE", "STATE", "WHY");
    json_array_foreach(json_object_get(s, "pops"), i, p) ok = ok && put_pop(out, i + 1, p);
    return ok;
}

bool report_steer(const json_t *answer, bool colour, struct buf *out)
{
    const json_t *s;
    bool ok = true;
    size_t i;

    json_array_foreach(json_object_get(answer, "steers"), i, s) ok =
        ok && (i == 0 || buf_append(out, SPAN("\n"))) && put_one(s, colour, out);
    return ok;
}
