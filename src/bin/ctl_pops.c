/*
 * ctl_pops.c - selvagectl pops, and pop up|drain|down NAME.
 */
#include "admin/report.h"
#include "bin/ctl.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 8192 };

int ctl_pops(const struct ctl *ctl)
{
    return ctl_show(ctl, METHOD_GET, "/pops", report_pops);
}

int ctl_pop(const struct ctl *ctl)
{
    const char *order = ctl->args[0], *name = ctl->args[1];
    struct buf path;
    int status = 1;

    if (strcmp(order, "up") != 0 && strcmp(order, "drain") != 0 && strcmp(order, "down") != 0)
        return ctl_wrong_usage("pop up, drain or down, and a PoP, not pop ", order);
    buf_init(&path, PATH_BYTES_MAX);
    if (buf_printf(&path, "/pop?order=%s&name=", order) && ctl_put_value(&path, span_of(name)) &&
        buf_append(&path, span_make("", 1)))
        status = ctl_show(ctl, METHOD_POST, path.p, report_pops);
    else
        fprintf(stderr, "selvagectl: the name is too long\n");
    buf_free(&path);
    return status;
}
