#include "director/map_files.h"

#include "base/hash.h"

#include <sys/stat.h>

enum { HASH_SEED = 0x66696c65 };

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void map_files_look(const struct conf_strings *paths, struct map_files *out)
{
    struct stat st;

    memset(out, 0, sizeof(*out)); /* padding too: it is hashed */
    out->n = paths->n;
    for (unsigned i = 0; i < paths->n; i++) {
        struct map_file *f = &out->v[i];

        if (stat(paths->v[i].p, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        f->there = true;
        f->device = st.st_dev;
        f->inode = st.st_ino;
        f->bytes = (uint64_t)st.st_size;
        f->changed_ns = nanoseconds(st.st_mtim);
        f->touched_ns = nanoseconds(st.st_ctim);
    }
}

bool map_files_same(const struct map_files *a, const struct map_files *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* A date in the future says nothing; whoever looks again later finds out. */
static bool is_past(int64_t then_ns, wall_ms now)
{
    return then_ns / 1000000 + MAP_FILES_SETTLE_MS <= now;
}

bool map_files_settled(const struct map_files *f, wall_ms now)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (f->v[i].there &&
            !(is_past(f->v[i].changed_ns, now) && is_past(f->v[i].touched_ns, now)))
            return false;
    }
    return true;
}

uint64_t map_files_hash(const struct map_files *f)
{
    struct map_files copy;

    memcpy(&copy, f, sizeof(copy));
    /* Numbers of devices may be others after the next boot. */
    for (unsigned i = 0; i < copy.n; i++)
        copy.v[i].device = 0;
    return hash64_seeded(span_make((const char *)&copy, sizeof(copy)), HASH_SEED);
}
