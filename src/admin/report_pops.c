/*
 * report_pops.c - selvagectl pops and pop: state, answers, probes, load.
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

/* "12.5 %", or "-" where nothing is known. */
static const char *percent(const json_t *o, const char *key, char out[16])
{
    const json_t *n = json_object_get(o, key);

    if (json_is_number(n))
        snprintf(out, 16, "%.1f %%", json_number_value(n));
    else
        snprintf(out, 16, "-");
    return out;
}

static const char *since(const json_t *o, const char *key, char out[64])
{
    const json_t *n = json_object_get(o, key);

    if (json_is_integer(n))
        return table_duration(json_integer_value(n), out);
    return "start";
}

static bool put_address(struct buf *out, const json_t *a)
{
    const json_t *took = json_object_get(a, "took_us"), *held = json_object_get(a, "held_s");
    char text[64];
    bool ok;

    ok = buf_printf(out, "%*s  %-39s %-5s", NAME_WIDTH, "", text_of(a, "address"),
        json_is_true(json_object_get(a, "up")) ? "up" : "down");
    if (json_is_integer(took))
        ok = ok && buf_printf(out, " %8.1f ms  ", (double)json_integer_value(took) / 1000) &&
             report_printable(out, text_of(a, "said")) &&
             buf_printf(out, ", %s ago", since(a, "probed_s", text));
    if (json_is_integer(held))
        ok = ok && buf_printf(out, ", kept out for %s since it flaps",
                       table_duration(json_integer_value(held), text));
    return ok && buf_append(out, SPAN("\n"));
}

static bool put_edge(struct buf *out, const json_t *e)
{
    char text[16];

    return buf_printf(out, "%*s  edge ", NAME_WIDTH, "") &&
           report_printable(out, text_of(e, "edge")) &&
           buf_printf(out, "  load %s%s\n", percent(e, "load_percent", text),
               json_is_true(json_object_get(e, "draining")) ? ", draining" : "");
}

static bool put_pop(struct buf *out, const json_t *p)
{
    int name_n = (int)strlen(text_of(p, "pop"));
    char share[16], load[16], shed[16], time[64];
    const json_t *one;
    bool ok;
    size_t i;

    ok = report_printable(out, text_of(p, "pop")) &&
         buf_printf(out, "%*s  %-9s %-12s %8s %8s %8s  %s\n",
             name_n < NAME_WIDTH ? NAME_WIDTH - name_n : 0, "", text_of(p, "state"),
             since(p, "since_s", time), percent(p, "share_percent", share),
             percent(p, "load_percent", load), percent(p, "shed_percent", shed),
             json_is_true(json_object_get(p, "ordered")) ? text_of(p, "order") : "");
    json_array_foreach(json_object_get(p, "addresses"), i, one) ok = ok && put_address(out, one);
    json_array_foreach(json_object_get(p, "edges"), i, one) ok = ok && put_edge(out, one);
    return ok;
}

static bool put_head(struct buf *out)
{
    return buf_printf(out, "%-*s  %-9s %-12s %8s %8s %8s  %s\n", NAME_WIDTH, "POP", "STATE",
        "SINCE", "ANSWERS", "LOAD", "SHED", "ORDER");
}

bool report_pops(const json_t *answer, bool colour, struct buf *out)
{
    const char *unkept = json_string_value(json_object_get(answer, "unkept"));
    const json_t *p;
    bool ok = put_head(out);
    size_t i;

    (void)colour;
    json_array_foreach(json_object_get(answer, "pops"), i, p) ok = ok && put_pop(out, p);
    if (unkept != NULL)
        ok = ok && buf_append(out, SPAN("A restart would forget orders: ")) &&
             report_printable(out, unkept) && buf_append(out, SPAN("\n"));
    return ok;
}
