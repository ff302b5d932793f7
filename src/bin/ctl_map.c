/*
 * ctl_map.c - selvagectl map [check|reload]: what the director sends people by.
 */
#include "bin/ctl.h"
#include "director/conf.h"
#include "director/map_check.h"
#include "director/map_json.h"

#include <stdio.h>
#include <string.h>

/* Whole databases are read, with what processor time answering leaves over. */
enum { PATIENCE_MS = 30 * 60 * 1000, ERRORS_BYTES = 1 << 20 };

/* Without a director: what one with this configuration would have. */
static int check_file(const struct ctl *ctl)
{
    struct director_conf *conf;
    struct buf errors;
    struct geo_why why;
    json_t *answer;
    int status = 1;

    buf_init(&errors, ERRORS_BYTES);
    conf = director_conf_load(ctl->config, &errors);
    if (conf == NULL)
        fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&errors)));
    buf_free(&errors);
    if (conf == NULL)
        return 1;
    answer = map_check(
        &(struct map_keeper_conf){.conf = &conf->map, .steers = &conf->steers, .pops = &conf->pops},
        &why);
    if (answer != NULL)
        status = ctl_show_json(ctl, answer, map_report);
    else
        fprintf(stderr, "selvagectl: %s\n", why.text);
    json_decref(answer);
    director_conf_free(&conf);
    return status;
}

int ctl_map(const struct ctl *ctl)
{
    const char *what = ctl->args[0];
    struct ctl patient = *ctl;

    patient.timeout_ms = PATIENCE_MS;
    if (ctl->config != NULL && (what == NULL || strcmp(what, "check") != 0))
        return ctl_wrong_usage("-c belongs to map check, not to map ", what != NULL ? what : "");
    if (ctl->config != NULL)
        return check_file(ctl);
    if (what == NULL)
        return ctl_show(ctl, METHOD_GET, "/map", map_report);
    if (strcmp(what, "check") == 0)
        return ctl_show(&patient, METHOD_GET, "/map/check", map_report);
    if (strcmp(what, "reload") == 0)
        return ctl_show(
            &patient, METHOD_POST, ctl->force ? "/map/reload?force=1" : "/map/reload", map_report);
    return ctl_wrong_usage("map, map check or map reload, not map ", what);
}
