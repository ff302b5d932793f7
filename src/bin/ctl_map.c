/*
 * ctl_map.c - selvagectl map [check|reload]: what the director sends people by.
 */
#include "bin/ctl.h"
#include "director/map_json.h"

#include <string.h>

/* Whole databases are read, with what processor time answering leaves over. */
enum { PATIENCE_MS = 30 * 60 * 1000 };

int ctl_map(const struct ctl *ctl)
{
    const char *what = ctl->args[0];
    struct ctl patient = *ctl;

    patient.timeout_ms = PATIENCE_MS;
    if (what == NULL)
        return ctl_show(ctl, METHOD_GET, "/map", map_report);
    if (strcmp(what, "check") == 0)
        return ctl_show(&patient, METHOD_GET, "/map/check", map_report);
    if (strcmp(what, "reload") == 0)
        return ctl_show(
            &patient, METHOD_POST, ctl->force ? "/map/reload?force=1" : "/map/reload", map_report);
    return ctl_wrong_usage("map, map check or map reload, not map ", what);
}
