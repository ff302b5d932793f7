/*
 * ctl_steer.c - selvagectl steer ADDRESS[/BITS] [--name NAME] [--steer STEER].
 */
#include "admin/report.h"
#include "bin/ctl.h"

#include <stdio.h>

enum { PATH_BYTES_MAX = 8192 };

static bool put_parameter(struct buf *path, const char *name, const char *value)
{
    return value == NULL || (buf_printf(path, "&%s=", name) && ctl_put_value(path, span_of(value)));
}

int ctl_steer(const struct ctl *ctl)
{
    struct buf path;
    int status = 1;

    buf_init(&path, PATH_BYTES_MAX);
    if (buf_append(&path, SPAN("/steer?client=")) && ctl_put_value(&path, span_of(ctl->args[0])) &&
        put_parameter(&path, "name", ctl->name) && put_parameter(&path, "steer", ctl->steer) &&
        buf_append(&path, span_make("", 1)))
        status = ctl_show(ctl, METHOD_GET, path.p, report_steer);
    else
        fprintf(stderr, "selvagectl: the question is too long\n");
    buf_free(&path);
    return status;
}
