/*
 * ctl_reload.c - selvagectl reload [--diff].
 */
#include "admin/report.h"
#include "bin/ctl.h"

int ctl_reload(const struct ctl *ctl)
{
    if (ctl->diff)
        return ctl_show(ctl, METHOD_GET, "/reload", report_reload);
    return ctl_show(ctl, METHOD_POST, "/reload", report_reload);
}
