/*
 * ctl_cache.c - selvagectl cache ls and show: what is stored. (cache export: ctl_export.c.)
 */
#include "admin/report.h"
#include "bin/ctl.h"
#include "conf/value.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES_MAX = 64 << 10, TEXT_BYTES_MAX = 32 << 20 };

/* --- ls --- */

static bool put_parameter(struct buf *path, const char *name, const char *value)
{
    return value == NULL || (buf_printf(path, "%s=", name) && ctl_put_value(path, span_of(value)) &&
                                buf_append(path, SPAN("&")));
}

static bool put_number(struct buf *path, const char *name, uint64_t n)
{
    return buf_printf(path, "%s=%llu&", name, (unsigned long long)n);
}

static bool put_size(struct buf *path, const char *name, const char *value)
{
    struct value_why why;
    uint64_t n;

    if (value == NULL)
        return true;
    if (value_size(span_of(value), &n, &why))
        return put_number(path, name, n);
    fprintf(stderr, "selvagectl: --%s %s: %s\n", name, value, why.text);
    return false;
}

static bool put_age(struct buf *path, const char *name, const char *value)
{
    struct value_why why;
    int64_t ms;

    if (value == NULL)
        return true;
    if (value_duration(span_of(value), &ms, &why))
        return put_number(path, name, (uint64_t)ms / 1000);
    fprintf(stderr, "selvagectl: --%s %s: %s\n", name, value, why.text);
    return false;
}

/* The question for the part that begins at `from` (NULL: the first). */
static bool question(const struct ctl *ctl, const char *from, struct buf *path)
{
    return buf_append(path, SPAN("/cache/objects?")) && put_parameter(path, "site", ctl->site) &&
           put_parameter(path, "prefix", ctl->prefix) && put_parameter(path, "tag", ctl->tag) &&
           put_parameter(path, "tier", ctl->tier) && put_parameter(path, "from", from) &&
           put_size(path, "min-size", ctl->min_size) && put_size(path, "max-size", ctl->max_size) &&
           put_age(path, "min-age", ctl->min_age) && put_age(path, "max-age", ctl->max_age) &&
           buf_append(path, span_make("", 1));
}

static json_t *ask_part(const struct ctl *ctl, const char *from)
{
    json_t *part = NULL;
    struct buf path;

    buf_init(&path, PATH_BYTES_MAX);
    if (question(ctl, from, &path))
        part = ctl_ask(ctl, path.p);
    buf_free(&path);
    return part;
}

static bool show_object(const struct ctl *ctl, const json_t *object)
{
    struct buf text;
    bool ok;

    if (ctl->json)
        return json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    buf_init(&text, TEXT_BYTES_MAX);
    ok = report_object_line(object, &text) && fwrite(text.p, 1, text.n, stdout) == text.n;
    buf_free(&text);
    return ok;
}

bool ctl_cache_parts(
    const struct ctl *ctl, bool (*each)(void *ctx, const json_t *part, bool *enough), void *ctx)
{
    json_t *part = ask_part(ctl, NULL);
    bool enough = false, ok = false;

    while (part != NULL && !ok && each(ctx, part, &enough)) {
        const char *from = json_string_value(json_object_get(part, "next"));
        json_t *next;

        ok = from == NULL || enough;
        next = ok ? NULL : ask_part(ctl, from);
        json_decref(part);
        part = next;
    }
    json_decref(part);
    return ok;
}

struct showing {
    const struct ctl *ctl;
    unsigned long left;
};

/* Those of a part, while the limit lasts. */
static bool show_part(void *ctx, const json_t *part, bool *enough)
{
    struct showing *s = ctx;
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(part, "objects"), i, one)
    {
        if (s->left == 0)
            break;
        s->left--;
        if (!show_object(s->ctl, one)) {
            perror("selvagectl: standard output");
            return false;
        }
    }
    *enough = s->left == 0;
    return fflush(stdout) == 0;
}

static int list(const struct ctl *ctl)
{
    struct showing s = {ctl, ctl->limit};

    if (!ctl->json)
        printf("%-6s %6s %10s %8s %9s %5s  %s\n", "TIER", "STATUS", "SIZE", "AGE", "TTL", "TAGS",
            "URL");
    return ctl_cache_parts(ctl, show_part, &s) ? 0 : 1;
}

/* --- show --- */

static int show(const struct ctl *ctl, const char *url)
{
    struct buf path;
    int status = 1;

    buf_init(&path, PATH_BYTES_MAX);
    if (buf_append(&path, SPAN("/cache/object?url=")) && ctl_put_value(&path, span_of(url)) &&
        buf_append(&path, span_make("", 1)))
        status = ctl_show(ctl, METHOD_GET, path.p, report_object);
    else
        fprintf(stderr, "selvagectl: the URL is too long\n");
    buf_free(&path);
    return status;
}

int ctl_cache(const struct ctl *ctl)
{
    const char *what = ctl->args[0], *which = ctl->args[1];

    if (strcmp(what, "ls") == 0)
        return which == NULL ? list(ctl) : ctl_wrong_usage("cache ls takes no ", which);
    if (strcmp(what, "export") == 0)
        return ctl_export(ctl, which);
    if (strcmp(what, "show") != 0)
        return ctl_wrong_usage("cache ls, cache show URL or cache export, not cache ", what);
    if (ctl->prefix != NULL || ctl->tag != NULL || ctl->tier != NULL || ctl->site != NULL ||
        ctl->min_size != NULL || ctl->max_size != NULL || ctl->min_age != NULL ||
        ctl->max_age != NULL || ctl->limit < ULONG_MAX)
        return ctl_wrong_usage("what narrows is for cache ls and export, not for ", what);
    return which != NULL ? show(ctl, which) : ctl_wrong_usage("a URL is missing", "");
}
