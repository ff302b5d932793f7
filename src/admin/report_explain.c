/*
 * report_explain.c - the answer to /explain for people: the answer first, then what led to it.
 */
#include "admin/report.h"
#include "admin/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *string_of(const json_t *object, const char *name)
{
    const char *s = json_string_value(json_object_get(object, name));

    return s != NULL ? s : "";
}

static int64_t number_of(const json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static bool has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return value != NULL && !json_is_null(value);
}

/* --- what would happen -------------------------------------------------------------------- */

static void add_answer(struct table *t, const json_t *answer)
{
    const json_t *now = json_object_get(answer, "now");

    if (has(now, "status"))
        table_add(t, "answer", "%" PRId64 ": %s", number_of(now, "status"), string_of(now, "why"));
    else if (is_true(answer, "running") || strcmp(string_of(now, "cache"), "MISS") != 0)
        table_add(t, "answer", "%s: %s", string_of(now, "cache"), string_of(now, "why"));
    else
        table_add(t, "answer", "%s", string_of(now, "why"));
}

static void add_origin(struct table *t, const json_t *answer)
{
    const json_t *now = json_object_get(answer, "now");
    const json_t *origin = json_object_get(now, "origin");

    if (!json_is_object(origin))
        return;
    table_add(t, "origin", "%s", string_of(origin, "name"));
    table_add(t, "origin is asked", "%s%s", string_of(origin, "request"),
        is_true(origin, "background") ? ", in the background" : "");
    if (has(origin, "if_none_match"))
        table_add(t, "origin gets", "If-None-Match: %s", string_of(origin, "if_none_match"));
    if (has(origin, "if_modified_since"))
        table_add(
            t, "origin gets", "If-Modified-Since: %s", string_of(origin, "if_modified_since"));
    if (has(now, "on_failure"))
        table_add(t, "origin fails", "%s", string_of(now, "on_failure"));
}

/* --- where it belongs --------------------------------------------------------------------- */

static void add_site(struct table *t, const json_t *answer)
{
    const json_t *site = json_object_get(answer, "site"), *rule = json_object_get(answer, "rule");

    if (!json_is_object(site)) {
        table_add(t, "site", "none");
        return;
    }
    if (has(site, "file"))
        table_add(t, "site", "%s, %s:%" PRId64, string_of(site, "name"), string_of(site, "file"),
            number_of(site, "line"));
    else
        table_add(t, "site", "%s", string_of(site, "name"));
    table_add(t, "rule", "%s%s", json_is_object(rule) ? "path " : "none: as the site says",
        string_of(rule, "path"));
}

/* "name=value", or "name absent", of all lines. */
static void write_line(const json_t *line, char *out, size_t cap)
{
    if (has(line, "value"))
        snprintf(out, cap, "%s=%s", string_of(line, "name"), string_of(line, "value"));
    else
        snprintf(out, cap, "%s absent", string_of(line, "name"));
}

static void write_lines(const json_t *lines, char *out, size_t cap)
{
    const json_t *line;
    size_t i, at = 0;

    out[0] = '\0';
    json_array_foreach(lines, i, line)
    {
        if (i > 0 && at + 3 < cap)
            at += (size_t)snprintf(out + at, cap - at, ", ");
        write_line(line, out + at, cap - at);
        at += strlen(out + at);
    }
}

static void add_key(struct table *t, const json_t *answer)
{
    const json_t *key = json_object_get(answer, "key"), *line;
    size_t i;

    if (!json_is_object(key))
        return;
    table_add(t, "key host", "%s", string_of(key, "host"));
    table_add(t, "key path", "%s", string_of(key, "path"));
    if (has(key, "query"))
        table_add(t, "key query", "%s", string_of(key, "query"));
    json_array_foreach(json_object_get(key, "lines"), i, line)
    {
        char label[32], value[256];

        snprintf(label, sizeof(label), "key %s", string_of(line, "kind"));
        write_line(line, value, sizeof(value));
        table_add(t, label, "%s", value);
    }
}

/* --- what is stored ----------------------------------------------------------------------- */

static void add_variant(struct table *t, const json_t *variant)
{
    int64_t ttl = number_of(variant, "ttl_s");
    char values[128], bytes[32];
    struct row *row;

    write_lines(json_object_get(variant, "values"), values, sizeof(values));
    row = table_add(t, "variant", "%s: %" PRId64 ", %s, %s for %" PRId64 " s", values,
        number_of(variant, "status"), table_bytes((double)number_of(variant, "body_bytes"), bytes),
        ttl > 0 ? "fresh" : "stale", ttl > 0 ? ttl : -ttl);
    if (is_true(variant, "chosen"))
        snprintf(row->note, sizeof(row->note), "<- chosen: what the request says");
}

static void add_vary(struct table *t, const json_t *answer)
{
    const json_t *vary = json_object_get(answer, "vary"), *one;
    char request[256];
    size_t i;

    if (!json_is_object(vary))
        return;
    write_lines(json_object_get(vary, "request"), request, sizeof(request));
    table_add(t, "request varies", "%s", has(vary, "request") ? request : "values are too long");
    json_array_foreach(json_object_get(vary, "variants"), i, one) add_variant(t, one);
}

static void add_stored(struct table *t, const json_t *answer)
{
    const json_t *stored = json_object_get(answer, "stored");
    char bytes[32];

    if (!json_is_object(stored)) {
        if (is_true(answer, "running") && json_is_object(json_object_get(answer, "key")))
            table_add(t, "stored", "nothing for this request");
        return;
    }
    table_add(t, "stored", "%" PRId64 ", %s%s", number_of(stored, "status"),
        table_bytes((double)number_of(stored, "body_bytes"), bytes),
        is_true(stored, "soft_purged") ? ", purged softly" : "");
    if (has(stored, "slice_bytes"))
        table_add(t, "slices", "of %s; slice %" PRId64 " of this request is %sstored",
            table_bytes((double)number_of(stored, "slice_bytes"), bytes),
            number_of(json_object_get(stored, "slice"), "n"),
            is_true(json_object_get(stored, "slice"), "stored") ? "" : "not ");
    if (number_of(stored, "tags") > 0 || number_of(stored, "tags_dropped") > 0)
        table_add(t, "tags", "%" PRId64 ", and %" PRId64 " too long or too many",
            number_of(stored, "tags"), number_of(stored, "tags_dropped"));
    if (has(stored, "etag"))
        table_add(t, "ETag", "%s", string_of(stored, "etag"));
    if (has(stored, "last_modified"))
        table_add(t, "Last-Modified", "%s", string_of(stored, "last_modified"));
}

static void add_coding(struct table *t, const json_t *answer)
{
    const json_t *coding = json_object_get(answer, "coding");

    if (!json_is_object(coding) || strcmp(string_of(coding, "reason"), "off") == 0)
        return;
    if (has(coding, "answer") &&
        strcmp(string_of(coding, "stored"), string_of(coding, "answer")) != 0)
        table_add(t, "coding", "%s, %s out of %s: %s", string_of(coding, "answer"),
            is_true(coding, "made") ? "stored, made" : "to be made", string_of(coding, "stored"),
            string_of(coding, "why"));
    else
        table_add(t, "coding", "%s, as it is stored: %s", string_of(coding, "stored"),
            string_of(coding, "why"));
}

/* What a response would get that is not there yet. */
static void add_policy(struct table *t, const json_t *answer)
{
    const json_t *policy = json_object_get(answer, "policy");

    if (has(answer, "freshness") || !has(answer, "key") || is_true(policy, "bypass"))
        return;
    if (has(policy, "ttl_s"))
        table_add(t, "lifetime", "%" PRId64 " s, from ttl", number_of(policy, "ttl_s"));
    else
        table_add(t, "lifetime", "as the response says, else %" PRId64 " s",
            number_of(policy, "default_s"));
    table_add(t, "stale windows",
        "stale-while-revalidate %" PRId64 " s, stale-if-error %" PRId64 " s, unless it says others",
        number_of(policy, "stale_while_revalidate_s"), number_of(policy, "stale_if_error_s"));
}

/* Who may ask, and what counts the request. */
static void add_admission(struct table *t, const json_t *answer)
{
    const json_t *a = json_object_get(answer, "admission"), *limits = json_object_get(a, "limits");
    const json_t *access = json_object_get(a, "access");

    if (!json_is_object(a))
        return;
    if (has(access, "rule"))
        table_add(
            t, "access", "refused by %s (%s)", string_of(access, "rule"), string_of(access, "at"));
    else if (json_is_object(access))
        table_add(t, "access", "%s",
            has(access, "allowed") ? "allowed" : "depends on who asks: --client ADDRESS");
    if (has(a, "signature"))
        table_add(t, "signature", "%s", string_of(a, "signature"));
    for (size_t i = 0; i < json_array_size(limits); i++)
        table_add(t, "limit", "%s", json_string_value(json_array_get(limits, i)));
}

static void add_freshness(struct table *t, const json_t *answer)
{
    const json_t *f = json_object_get(answer, "freshness");

    if (!json_is_object(f))
        return;
    table_add(t, "lifetime", "%" PRId64 " s, from %s", number_of(f, "lifetime_s"),
        string_of(f, "lifetime_from"));
    table_add(t, "age", "%" PRId64 " s = %" PRId64 " s at arrival + %" PRId64 " s here",
        number_of(f, "age_s"), number_of(f, "initial_age_s"), number_of(f, "resident_s"));
    table_add(t, "age at arrival",
        "%" PRId64 " s = the greater of arrived - date, and Age %" PRId64 " s + delay %" PRId64
        " s",
        number_of(f, "initial_age_s"), number_of(f, "age_field_s"),
        number_of(f, "response_delay_s"));
    table_add(t, "arrived", "%s", string_of(f, "arrived"));
    table_add(t, "date", "%s, from %s", string_of(f, "date"), string_of(f, "date_from"));
    table_add(t, "ttl", "%" PRId64 " s = %" PRId64 " s - %" PRId64 " s", number_of(f, "ttl_s"),
        number_of(f, "lifetime_s"), number_of(f, "age_s"));
    table_add(t, "stale windows",
        "stale-while-revalidate %" PRId64 " s, stale-if-error %" PRId64 " s%s%s",
        number_of(f, "stale_while_revalidate_s"), number_of(f, "stale_if_error_s"),
        is_true(f, "no_cache") ? ", no-cache" : "",
        is_true(f, "must_revalidate") ? ", must-revalidate" : "");
}

static void add_not_stored(struct table *t, const json_t *answer)
{
    const json_t *last = json_object_get(answer, "not_stored");
    char ago[64];

    if (!json_is_object(last))
        return;
    table_add(t, "not stored", "%s: %s (%s)", string_of(last, "reason"),
        string_of(last, "sentence"), string_of(last, "section"));
    table_add(t, "not stored at", "%s, %s ago, status %" PRId64, string_of(last, "at"),
        table_duration(number_of(last, "ago_s"), ago), number_of(last, "status"));
}

bool report_explain(const json_t *answer, bool colour, struct buf *out)
{
    struct table t = {0};

    add_answer(&t, answer);
    add_origin(&t, answer);
    table_separate(&t);
    add_site(&t, answer);
    add_admission(&t, answer);
    add_key(&t, answer);
    add_policy(&t, answer);
    if (is_true(answer, "running") && has(answer, "key"))
        table_separate(&t);
    add_vary(&t, answer);
    add_stored(&t, answer);
    add_coding(&t, answer);
    add_freshness(&t, answer);
    add_not_stored(&t, answer);
    return table_write(&t, colour, out);
}
