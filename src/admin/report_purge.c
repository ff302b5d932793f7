/*
 * report_purge.c - the answer to POST /purge for people.
 */
#include "admin/report.h"
#include "admin/table.h"

#include <stdio.h>

static const char *holds(const json_t *answer)
{
    bool durable = json_is_true(json_object_get(answer, "durable"));
    bool waited = json_is_true(json_object_get(answer, "waited"));

    if (!durable)
        return "now, but PERHAPS NOT AFTER A RESTART: the journal cannot be written, see the log";
    return waited ? "everywhere in this process, and after a restart"
                  : "for every request from now on, and after a restart";
}

bool report_purge(const json_t *answer, bool colour, struct buf *out)
{
    struct table t = {0};
    const char *scope = json_string_value(json_object_get(answer, "scope"));
    const char *site = json_string_value(json_object_get(answer, "site"));
    bool hard = json_is_true(json_object_get(answer, "hard"));
    const json_t *purged = json_object_get(answer, "purged"), *one;
    size_t i;

    json_array_foreach(purged, i, one)
    {
        const char *what = json_string_value(json_object_get(one, "what"));
        char label[48];

        snprintf(label, sizeof(label), "purge %" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_get(one, "sequence")));
        table_add(&t, label, "%s %s%s%s%s%s", hard ? "hard" : "soft", scope != NULL ? scope : "",
            site != NULL ? " of site " : "", site != NULL ? site : "", what != NULL ? ": " : "",
            what != NULL ? what : "");
    }
    table_add(&t, "holds", "%s", holds(answer));
    return table_write(&t, colour, out);
}
