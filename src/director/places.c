#include "director/places.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct file_state {
    bool there;
    dev_t device;
    ino_t number;
    off_t bytes;
    struct timespec changed;
};

struct places {
    const struct map_conf *conf;
    struct pool *pool; /* owns; one thread */
    /* That thread's: */
    struct geo *geo; /* owns; NULL: nothing was opened yet */
    struct file_state files[GEO_FILES_MAX];
    mono_ms looked_ms;
};

struct places *places_new(const struct map_conf *conf)
{
    struct places *p;

    if (conf->databases.n == 0)
        return NULL;
    p = xcalloc(1, sizeof(*p));
    p->conf = conf;
    p->pool = pool_new(1, PLACES_QUEUE_MAX);
    return p;
}

void places_free(struct places **pp)
{
    struct places *p = *pp;

    *pp = NULL;
    if (p == NULL)
        return;
    pool_free(&p->pool);
    geo_free(&p->geo);
    free(p);
}

/* --- on the pool's thread --------------------------------------------------------------------- */

static struct file_state state_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct file_state){.there = false};
    return (struct file_state){true, st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool same(const struct file_state *a, const struct file_state *b)
{
    return a->there == b->there && a->device == b->device && a->number == b->number &&
           a->bytes == b->bytes && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Files that cannot be read are left out: the keeper of the maps tells about them. */
static struct geo *open_all(const struct map_conf *conf)
{
    bool on_disk = !span_eq(conf->cache, SPAN("off"));
    struct geo *g = geo_new();
    struct geo_why why;

    for (unsigned i = 0; i < conf->databases.n; i++) {
        const char *path = conf->databases.v[i].p;

        if (on_disk && geo_add_on_disk(g, path, conf->cache.p, &why))
            continue;
        if (!geo_add(g, path, &why))
            log_msg(LOG_DEBUG, "places: %s", why.text);
    }
    return g;
}

static void refresh(struct places *p)
{
    mono_ms now = clock_mono_ms();
    bool changed = p->geo == NULL;

    if (!changed && now - p->looked_ms < PLACES_FRESH_MS)
        return;
    p->looked_ms = now;
    for (unsigned i = 0; i < p->conf->databases.n; i++) {
        struct file_state state = state_of(p->conf->databases.v[i].p);

        changed = changed || !same(&state, &p->files[i]);
        p->files[i] = state;
    }
    if (!changed)
        return;
    geo_free(&p->geo);
    p->geo = open_all(p->conf);
}

static void look(struct job *j)
{
    struct place_request *r = container_of(j, struct place_request, job);

    refresh(r->places);
    geo_find(r->places->geo, &r->addr.sa, &r->place);
}

/* --- on the asker's --------------------------------------------------------------------------- */

static void tell(struct job *j)
{
    struct place_request *r = container_of(j, struct place_request, job);

    r->done(r);
}

bool places_ask(struct places *p, struct worker *w, struct place_request *r)
{
    if (p == NULL)
        return false;
    r->places = p;
    r->place = (struct geo_place){0};
    r->job = (struct job){.work = look, .done = tell};
    return pool_submit(p->pool, w, &r->job);
}
