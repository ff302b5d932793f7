/*
 * ctl_purge.c - selvagectl purge: as many questions to POST /purge as its values need.
 */
#include "admin/report.h"
#include "bin/ctl.h"
#include "conf/suggest.h"
#include "edge/purge_order.h"

#include <stdio.h>
#include <string.h>

/* No further value after so many bytes of a path: with one of PURGE_TEXT_MAX bytes, all of them
 * percent-encoded, it is still a line that the control socket takes. */
enum { PATH_FULL_BYTES = 4 << 10, PATH_BYTES_MAX = 64 << 10 };

enum { SCOPES = PURGE_ALL + 1 };

static int usage(void)
{
    return ctl_wrong_usage(
        "purge what? url URL..., prefix URL..., tag TAG..., site HOST... or all", "");
}

static int unknown_scope(const char *name)
{
    struct suggestion s = {.of = span_of(name)};

    for (int i = 0; i < SCOPES; i++)
        suggest_offer(&s, purge_scope_name((enum purge_scope)i).p);
    if (s.best == NULL)
        return usage();
    fprintf(stderr, "selvagectl: purge what? not \"%s\", did you mean \"%s\"?\n", name, s.best);
    return 1;
}

/* The part of the path that all questions have. */
static bool begin(const struct ctl *ctl, struct buf *path)
{
    bool ok = buf_append(path, SPAN("/purge?"));

    if (ctl->hard)
        ok = ok && buf_append(path, SPAN("hard=1&"));
    if (ctl->wait)
        ok = ok && buf_append(path, SPAN("wait=1&"));
    if (ctl->site != NULL)
        ok = ok && buf_append(path, SPAN("site=")) && ctl_put_value(path, span_of(ctl->site)) &&
             buf_append(path, SPAN("&"));
    return ok;
}

/* Puts in as many values as one question has room for; *values moves on behind them. */
static bool put_values(struct buf *path, const char *scope, char ***values)
{
    for (unsigned n = 0; **values != NULL && n < PURGE_TEXTS_MAX && path->n < PATH_FULL_BYTES;
         n++) {
        if (!buf_printf(path, "%s%s=", n > 0 ? "&" : "", scope) ||
            !ctl_put_value(path, span_of(**values)))
            return false;
        (*values)++;
    }
    return true;
}

static int ask(const struct ctl *ctl, const char *scope, char ***values)
{
    struct buf path;
    bool ok;
    int status = 1;

    buf_init(&path, PATH_BYTES_MAX);
    ok = begin(ctl, &path);
    if (**values == NULL)
        ok = ok && buf_append(&path, span_of(scope));
    ok = ok && put_values(&path, scope, values) && buf_append(&path, span_make("", 1));
    if (ok)
        status = ctl_show(ctl, METHOD_POST, path.p, report_purge);
    else
        fprintf(stderr, "selvagectl: a value is too long\n");
    buf_free(&path);
    return status;
}

int ctl_purge(const struct ctl *ctl)
{
    char **values = ctl->args;
    const char *scope = *values;
    int status, i = 0;

    if (scope == NULL)
        return usage();
    while (i < SCOPES && strcmp(scope, purge_scope_name((enum purge_scope)i).p) != 0)
        i++;
    if (i == SCOPES)
        return unknown_scope(scope);
    values++;
    if (i == PURGE_ALL ? *values != NULL : *values == NULL)
        return i == PURGE_ALL ? ctl_wrong_usage("purge all takes no ", *values) : usage();
    if (ctl->site != NULL && i != PURGE_TAG)
        return ctl_wrong_usage("--site narrows tags, not ", scope);
    do
        status = ask(ctl, scope, &values);
    while (*values != NULL && status == 0);
    if (*values != NULL)
        fprintf(stderr, "selvagectl: not purged any more: %s and what follows it\n", *values);
    return status;
}
