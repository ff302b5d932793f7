/*
 * ctl_volume.c - selvagectl volume init and check: volumes that no selvaged has open.
 */
#include "admin/report.h"
#include "bin/ctl.h"
#include "conf/value.h"
#include "disk/verify.h"
#include "disk/volume.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct progress {
    const char *doing;
    int told; /* percent */
};

/* One line that counts up, on a terminal. */
static bool tell(void *ctx, uint64_t done, uint64_t of)
{
    struct progress *p = ctx;
    int percent = of > 0 ? (int)((double)done * 100 / (double)of) : 100;

    if (!isatty(STDERR_FILENO) || percent == p->told)
        return true;
    p->told = percent;
    fprintf(stderr, "\r%s: %3d %%%s", p->doing, percent, done == of ? "\n" : "");
    return true;
}

static int fail(const char *why)
{
    fprintf(stderr, "selvagectl: %s\n", why);
    return 1;
}

static int init(const struct ctl *ctl, const char *path)
{
    struct progress progress = {.doing = "making the volume", .told = -1};
    struct volume_plan plan = {0};
    struct value_why wrong;
    char err[VOLUME_ERR_MAX];

    if (ctl->size != NULL && !value_size(span_of(ctl->size), &plan.bytes, &wrong)) {
        fprintf(stderr, "selvagectl: --size %s: %s\n", ctl->size, wrong.text);
        return 1;
    }
    if (ctl->size == NULL && access(path, F_OK) != 0)
        return ctl_wrong_usage("a new file needs --size", "");
    return volume_init(path, &plan, ctl->force, tell, &progress, err) ? 0 : fail(err);
}

static json_t *verify_json(const char *path, const struct verify *v)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"size_bytes", v->bytes},
        {"superblocks", v->superblocks},
        {"checkpoints", v->checkpoints},
        {"segments", v->segments},
        {"segments_used", v->used},
        {"segments_unclosed", v->unclosed},
        {"segments_absent", v->absent},
        {"records", v->records},
        {"record_bytes", v->record_bytes},
        {"records_damaged", v->damaged},
        {"read_errors", v->read_errors},
        {"index_entries", v->index},
        {"index_entries_right", v->index_right},
    };
    char journal[24];
    json_t *o;

    snprintf(journal, sizeof(journal), "%016llx", (unsigned long long)v->journal);
    o = json_pack("{s:b, s:s%, s:s?, s:b, s:b}", "ok", (int)verify_ok(v), "path", path,
        strlen(path), "journal", v->journal != 0 ? journal : NULL, "clean", (int)v->clean,
        "checkpoint_right", (int)v->checkpoint);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    return o;
}

static int check_volume(const struct ctl *ctl, const char *path)
{
    struct progress progress = {.doing = "reading the volume", .told = -1};
    char err[VOLUME_ERR_MAX];
    struct verify found;
    json_t *answer;
    int status;

    if (!volume_verify(path, &found, tell, &progress, err))
        return fail(err);
    answer = verify_json(path, &found);
    if (answer == NULL)
        return fail("the path is not UTF-8");
    status = ctl_show_json(ctl, answer, report_volume_check);
    json_decref(answer);
    return status == 0 && verify_ok(&found) ? 0 : 1;
}

int ctl_volume(const struct ctl *ctl)
{
    const char *what = ctl->args[0], *path = ctl->args[1];
    bool makes = strcmp(what, "init") == 0;

    if (!makes && strcmp(what, "check") != 0)
        return ctl_wrong_usage("volume init PATH or volume check PATH, not volume ", what);
    if (path == NULL)
        return ctl_wrong_usage("the path of the volume is missing", "");
    if (!makes && (ctl->size != NULL || ctl->force))
        return ctl_wrong_usage("--size and --force belong to volume init, not to ", what);
    return makes ? init(ctl, path) : check_volume(ctl, path);
}
