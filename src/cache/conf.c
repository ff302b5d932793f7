#include "cache/conf.h"

#include "cache/disk_tier.h"
#include "disk/volume.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *const admission_words[] = {"auto", "all", "small", "second", NULL};

/* The folder that a path is in. */
static struct span folder_of(struct arena *a, struct span path)
{
    size_t n = path.n;

    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return n == 0 ? SPAN(".") : arena_printf(a, "%.*s", (int)n, path.p);
}

/* What can be seen without making or opening it; what may not be looked at may be right. NULL: so
 * far it can be a volume. */
static const char *why_no_volume(struct arena *a, struct span path)
{
    struct span folder = folder_of(a, path);
    struct stat st;

    if (stat(path.p, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return "this is a folder; a volume is a file in it, like PATH/volume";
        return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? NULL
                                                          : "neither a file nor a block device";
    }
    if (errno == ENOENT && stat(folder.p, &st) != 0 && errno == ENOENT)
        return "there is no such folder for a volume; only the file itself is made";
    return errno == ENOTDIR ? "a part of this path is no folder" : NULL;
}

/* disk PATH size SIZE [direct]; */
static void set_disk(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct cache_conf *c = self;
    struct disk_volume_conf *v = arena_zalloc(l->arena, sizeof(*v)), **link = &c->volumes;
    const char *why;
    unsigned n = 0;

    if (!conf_arg_is(node, 1, "size")) {
        conf_error(l->errors, node->at, "disk takes a path and its size: disk PATH size 100GiB;");
        return;
    }
    if (!conf_arg_size(l, node, 2, &v->bytes))
        return;
    v->direct = conf_arg_is(node, 3, "direct");
    if (node->args_n > 3 && !v->direct) {
        conf_error(l->errors, node->args[3].at, "after the size of a volume there may be: direct");
        return;
    }
    if (v->bytes < VOLUME_BYTES_MIN) {
        conf_error(l->errors, node->args[2].at, "a volume has at least %u MiB",
            (unsigned)(VOLUME_BYTES_MIN >> 20));
        return;
    }
    if (v->bytes >= VOLUME_BYTES_LIMIT) {
        conf_error(l->errors, node->args[2].at,
            "a volume has less than %u TiB; there may be %d of them",
            (unsigned)(VOLUME_BYTES_LIMIT >> 40), DISK_TIER_VOLUMES_MAX);
        return;
    }
    v->path = arena_printf(l->arena, "%.*s", SPAN_ARG(node->args[0].text)).p;
    why = why_no_volume(l->arena, span_of(v->path));
    if (why != NULL) {
        conf_error(l->errors, node->args[0].at, "%s: %s", v->path, why);
        return;
    }
    for (; *link != NULL; link = &(*link)->next, n++) {
        if (strcmp((*link)->path, v->path) == 0) {
            conf_error(l->errors, node->args[0].at, "the volume %s stands here twice", v->path);
            return;
        }
    }
    if (n >= DISK_TIER_VOLUMES_MAX) {
        conf_error(l->errors, node->at, "there may be %d volumes", DISK_TIER_VOLUMES_MAX);
        return;
    }
    *link = v;
}

const struct directive cache_directives[] = {
    {"memory", CONF_SIZE(struct cache_conf, memory_bytes), .preset = "256MiB",
        .min = CACHE_MEMORY_MIN_BYTES, .max = 1LL << 44,
        .about = "Memory for stored responses, their index and fills in flight. The budget is "
                 "hard: when it is used up, something is evicted or not stored."},
    {"object-max", CONF_SIZE(struct cache_conf, object_max_bytes), .min = 1024, .max = 1LL << 44,
        .unset = "a sixteenth of memory; with a disk an eighth of the volumes, if that is more",
        .about = "Largest response body that is stored; larger ones pass through. Without a disk "
                 "it is kept in memory in one piece. With one, what is larger than a sixteenth of "
                 "memory goes to the disk in slices as it arrives, and no object may be larger "
                 "than half of the volumes."},
    {"journal", CONF_STRING(struct cache_conf, journal), .usage = "PATH",
        .unset = "with a disk: the path of the first volume, which must be a file then, and "
                 ".purges; else none",
        .about = "A file in which purges are written down, so that they still hold after a restart "
                 "or a crash. Without one they hold as long as the process does. It is small, is "
                 "made when it is missing, and belongs to one process at a time; its folder must "
                 "be writable, since the file is replaced when it has grown."},
    {"disk", CONF_CUSTOM(set_disk, 3, 4), .usage = "PATH size SIZE [direct]",
        .flags = DIRECTIVE_MANY, .unset = "memory only",
        .about = "A volume for what is stored: a file, or a block device. A file that is not "
                 "there is made, with all of its blocks; what is there and is no volume of this "
                 "version is left alone, and the edge does not start. Several volumes share what "
                 "is stored in proportion to their sizes. What they hold survives restarts and "
                 "crashes. What is read more than once is read through the kernel's page cache, "
                 "which keeps it as long as memory is left over; direct: never, so that the page "
                 "cache stays as it is. A volume of less than 64 MiB stores no objects and no "
                 "slices of 1 "
                 "MiB; what it does store it says when it is opened."},
    {"disk-admit", CONF_WORD(struct cache_conf, admission, admission_words), .preset = "auto",
        .usage = "auto|all|small|second",
        .about = "What is written to the volumes once they have been full: all, what is small at "
                 "once and larger things on their second request, or everything on its second "
                 "request only. By default it is small, or all as long as that misses clearly "
                 "fewer bytes and no more objects, which is found out with a sample of the "
                 "requests; all writes several times as much."},
    {"disk-wait", CONF_DURATION(struct cache_conf, disk_wait_ms), .preset = "200ms", .min = 1,
        .max = 60000,
        .about = "How long a request waits for a volume before it is sent to the origin. A volume "
                 "that keeps reads waiting longer than that is not asked until it has caught up."},
    {"disk-write", CONF_SIZE(struct cache_conf, disk_write_bytes_s), .max = 1LL << 40,
        .unset = "no bound",
        .about = "Bytes per second that may be written to the volumes in the long run, so that "
                 "they last: when it is more, less is admitted."},
    {"disk-checkpoint", CONF_DURATION(struct cache_conf, disk_checkpoint_ms), .preset = "5m",
        .min = 100, .max = 86400000LL,
        .about = "How often the directory of a volume is written while it is in use. After a crash "
                 "only what was written since has to be read."},
    {0},
};
