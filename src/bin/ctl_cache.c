/*
 * ctl_cache.c - selvagectl cache ls and show: what is stored.
 */
#include "admin/report.h"
#include "bin/ctl.h"

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

/* The question for the part that begins at `from` (NULL: the first). */
static bool question(const struct ctl *ctl, const char *from, struct buf *path)
{
    return buf_append(path, SPAN("/cache/objects?")) && put_parameter(path, "site", ctl->site) &&
           put_parameter(path, "prefix", ctl->prefix) && put_parameter(path, "tag", ctl->tag) &&
           put_parameter(path, "tier", ctl->tier) && put_parameter(path, "from", from) &&
           buf_append(path, span_make("", 1));
}

static json_t *ask_part(const struct ctl *ctl, const char *from)
{
    json_t *part = NULL;
    struct buf path;

    buf_init(&path, PATH_BYTES_MAX);
    if (question(ctl, from, &path))
        part = ctl_ask(ctl, path.p);
    else
        fprintf(stderr, "selvagectl: a value is too long\n");
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

/* Those of a part, while *left lasts. */
static bool show_part(const struct ctl *ctl, const json_t *part, unsigned long *left)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(part, "objects"), i, one)
    {
        if (*left == 0)
            return true;
        --*left;
        if (!show_object(ctl, one)) {
            perror("selvagectl: standard output");
            return false;
        }
    }
    return fflush(stdout) == 0;
}

static int list(const struct ctl *ctl)
{
    unsigned long left = ctl->limit;
    json_t *part = ask_part(ctl, NULL);
    int status = 1;

    if (part != NULL && !ctl->json)
        printf("%-6s %6s %10s %8s %9s %5s  %s\n", "TIER", "STATUS", "SIZE", "AGE", "TTL", "TAGS",
            "URL");
    while (part != NULL && show_part(ctl, part, &left)) {
        const char *from = json_string_value(json_object_get(part, "next"));
        json_t *next;

        status = from == NULL || left == 0 ? 0 : 1;
        if (status == 0)
            break;
        next = ask_part(ctl, from);
        json_decref(part);
        part = next;
    }
    json_decref(part);
    return status;
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
    if (strcmp(what, "show") != 0)
        return ctl_wrong_usage("cache ls or cache show URL, not cache ", what);
    if (ctl->prefix != NULL || ctl->tag != NULL || ctl->tier != NULL || ctl->site != NULL ||
        ctl->limit < ULONG_MAX)
        return ctl_wrong_usage("what narrows is for cache ls, not for ", what);
    return which != NULL ? show(ctl, which) : ctl_wrong_usage("a URL is missing", "");
}
