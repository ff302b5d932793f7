/*
 * ctl_certificates.c - selvagectl certificates [reload].
 */
#include "admin/report.h"
#include "bin/ctl.h"

#include <string.h>

int ctl_certificates(const struct ctl *ctl)
{
    if (ctl->args[0] == NULL)
        return ctl_show(ctl, METHOD_GET, "/certificates", report_certificates);
    if (strcmp(ctl->args[0], "reload") != 0)
        return ctl_wrong_usage(
            "certificates, or certificates reload, not certificates ", ctl->args[0]);
    return ctl_show(ctl, METHOD_POST, "/certificates/reload", report_certificates);
}
