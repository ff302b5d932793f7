#include "cache/volumes.h"

#include "cache/cache_impl.h"
#include "cache/disk_tier_impl.h"

const char *disk_state_name(enum disk_state s)
{
    switch (s) {
    case DISK_RECOVERING:
        return "recovering";
    case DISK_READY:
        return "ready";
    case DISK_READ_ONLY:
        return "read-only";
    case DISK_OFFLINE:
        return "offline";
    }
    return "";
}

const char *admission_level_name(enum admission_level l)
{
    switch (l) {
    case ADMISSION_ALL:
        return "all";
    case ADMISSION_SMALL:
        return "small";
    case ADMISSION_SECOND:
        return "second";
    case ADMISSION_SCARCE:
        return "scarce";
    }
    return "";
}

void cache_volumes(struct cache *c, struct arena *a, struct cache_volumes *out)
{
    struct disk_tier *t = c->disk;
    struct cache_volume *v;

    *out = (struct cache_volumes){0};
    if (t == NULL)
        return;
    v = arena_zalloc(a, t->volumes_n * sizeof(*v));
    out->v = v;
    out->n = t->volumes_n;
    out->ghost_bytes = disk_tier_ghost_bytes(t);
    pthread_mutex_lock(&t->lock);
    out->admission = t->admission.level;
    pthread_mutex_unlock(&t->lock);
    /* The queue first: what has left it is in a volume's buffers, or further. */
    disk_writer_queued(t->writer, &out->queue_objects, &out->queue_bytes);
    for (unsigned i = 0; i < t->volumes_n; i++) {
        v[i] = (struct cache_volume){
            .path = disk_volume(t->volumes[i])->path,
            .state = disk_state(t->volumes[i]),
            .slow = disk_slow(t->volumes[i]),
        };
        disk_stats(t->volumes[i], &v[i].disk);
    }
}
