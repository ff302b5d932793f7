#include "director/map_keeper.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "director/map_made.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LOOK_MS = 1000,      /* between looks at the files */
    SOON_MS = 200,       /* when they are about to settle */
    PATIENCE_MS = 30000, /* with files that do not settle, when somebody waits */
    RESTLESS_MS = 60000, /* of files that do not settle, before that is said */
    NICE = 10,           /* a tenth of what a worker gets, where both want the same core */
};

/* A worker's part in a swap. */
struct give {
    struct message message;
    struct map_keeper *keeper;
    struct worker *worker;
};

struct map_keeper {
    struct map_keeper_conf conf;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    int wake;   /* owns; eventfd: questions, or a look */
    int stop;   /* owns; eventfd */
    int passed; /* owns; eventfd: all workers have the new set */

    struct map_made *now;    /* owns; what workers have, or are given */
    struct map_made *former; /* owns; until all have passed */
    struct give *gives;      /* owns; one for each worker */
    unsigned gives_n;
    _Atomic unsigned waiting_for; /* workers that have not passed */

    struct map_files seen;  /* at the last look */
    mono_ms seen_ms;        /* since when they are so */
    mono_ms restless_ms;    /* since when they do not settle; 0: they do */
    struct map_files tried; /* what was taken or refused: not tried again by itself */
    bool tried_any;
    bool keep_failed; /* that it cannot be kept has been said */
    _Atomic bool look_asked;

    pthread_mutex_t lock; /* of what follows */
    struct map_request *asked;
    bool ended; /* nobody takes what is asked any more */
    struct map_status status;
};

const char *map_state_word(enum map_state s)
{
    static const char *const words[MAP_STATES] = {
        "default", "current", "compiling", "old", "without-database"};

    return words[s];
}

static bool has_databases(const struct map_keeper *k)
{
    return k->conf.conf->databases.n > 0;
}

/* --- status ----------------------------------------------------------------------------------- */

static void say_state(struct map_keeper *k, enum map_state s)
{
    pthread_mutex_lock(&k->lock);
    k->status.state = s;
    pthread_mutex_unlock(&k->lock);
}

static void say_files(struct map_keeper *k, const struct map_files *f)
{
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < f->n; i++) {
        struct map_file_status *s = &k->status.files[i];

        s->there = f->v[i].there;
        s->bytes = f->v[i].bytes;
        s->changed = f->v[i].changed_ns / 1000000000;
    }
    pthread_mutex_unlock(&k->lock);
}

/* What databases say of themselves: geo's i-th is the file's number at[i]. */
static void say_types(struct map_keeper *k, const struct geo *g, const unsigned *at, unsigned n)
{
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < n; i++) {
        struct map_file_status *s = &k->status.files[at[i]];
        struct geo_file f;

        geo_file(g, i, &f);
        memcpy(s->type, f.type, sizeof(s->type));
        s->built = f.built;
    }
    pthread_mutex_unlock(&k->lock);
}

static void say_set(struct map_keeper *k)
{
    const struct map_made *m = k->now;

    pthread_mutex_lock(&k->lock);
    k->status.number = m->set.number;
    k->status.made = m->made;
    k->status.kept = m->kept;
    k->status.moved = m->moved;
    k->status.took_ms = m->took_ms;
    k->status.from_databases = m->from_databases;
    for (unsigned i = 0; i < k->conf.steers->n; i++)
        geo_map_facts(m->set.maps[i], &k->status.facts[i]);
    if (m->set.countries != NULL) {
        struct geo_map_facts f;

        geo_map_facts(m->set.countries, &f);
        k->status.countries_bytes = f.bytes;
    }
    pthread_mutex_unlock(&k->lock);
}

static void say_refused(struct map_keeper *k, const char *why)
{
    pthread_mutex_lock(&k->lock);
    (void)snprintf(k->status.refused, sizeof(k->status.refused), "%s", why);
    k->status.refused_at = why[0] != '\0' ? clock_wall_s() : 0;
    pthread_mutex_unlock(&k->lock);
}

void map_keeper_status(struct map_keeper *k, struct map_status *out)
{
    pthread_mutex_lock(&k->lock);
    *out = k->status;
    pthread_mutex_unlock(&k->lock);
}

/* --- swapping --------------------------------------------------------------------------------- */

static void run_give(struct message *message, struct worker *w)
{
    struct map_keeper *k = container_of(message, struct give, message)->keeper;

    k->conf.take(w, &k->now->set);
    if (atomic_fetch_sub(&k->waiting_for, 1) == 1)
        check(eventfd_write(k->passed, 1) == 0);
}

/* False: we stop, and what is left is map_keeper_free()'s. */
static bool wait_until_passed(struct map_keeper *k)
{
    struct pollfd fds[] = {{.fd = k->passed, .events = POLLIN}, {.fd = k->stop, .events = POLLIN}};
    eventfd_t value;

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return fds[1].revents == 0 && eventfd_read(k->passed, &value) == 0;
}

static void swap(struct map_keeper *k, struct map_made *fresh)
{
    fresh->set.number = k->now->set.number + 1;
    k->former = k->now;
    k->now = fresh;
    atomic_store(&k->waiting_for, k->gives_n);
    for (unsigned i = 0; i < k->gives_n; i++)
        worker_post(k->gives[i].worker, &k->gives[i].message);
    if (wait_until_passed(k))
        map_made_free(&k->former);
}

/* --- making ----------------------------------------------------------------------------------- */

/* All databases, or, when there is nothing to lose, those that can be read: then `lost` says what
 * is wrong with one of the others. NULL: `lost` says why not. */
static struct geo *open_databases(struct map_keeper *k, bool all, struct geo_why *lost)
{
    const struct conf_strings *paths = &k->conf.conf->databases;
    unsigned at[GEO_FILES_MAX], n = 0;
    struct geo *g = geo_new();

    lost->text[0] = '\0';
    for (unsigned i = 0; i < paths->n; i++) {
        if (geo_add(g, paths->v[i].p, lost)) {
            at[n++] = i;
            continue;
        }
        if (all)
            break;
        log_msg(LOG_ERROR, "maps: made without %s", lost->text);
    }
    if (n == 0 || (all && n < paths->n)) {
        geo_free(&g);
        return NULL;
    }
    say_types(k, g, at, n);
    return g;
}

static bool go_on(void *ctx, unsigned percent)
{
    struct map_keeper *k = ctx;

    (void)percent;
    return !atomic_load(&k->stopping);
}

static void keep_on_disk(struct map_keeper *k)
{
    struct geo_why why;

    if (k->now->partial || map_made_keep(&k->conf, k->now, &why)) {
        k->keep_failed = false;
        return;
    }
    if (!k->keep_failed)
        log_msg(LOG_WARN,
            "maps: they cannot be kept, so that the next start compiles them again: %s", why.text);
    k->keep_failed = true;
}

static void log_taken(const struct map_keeper *k)
{
    const struct map_made *m = k->now;
    char moved[64] = "";

    if (m->moved >= 0)
        (void)snprintf(moved, sizeof(moved), ", which moves %.2f %% of what is known", m->moved);
    log_msg(LOG_NOTICE, "maps: compiled from the databases in %lld.%03d s%s",
        (long long)(m->took_ms / 1000), (int)(m->took_ms % 1000), moved);
}

/* The maps that follow from the files, if they may. `f`: the files as they are. */
static enum map_end make(
    struct map_keeper *k, const struct map_files *f, bool forced, struct geo_why *why)
{
    const struct geo_progress progress = {.go_on = go_on, .ctx = k};
    bool nothing_to_lose = !k->now->from_databases || k->now->partial, partial, good;
    struct geo_why lost;
    struct geo *g = open_databases(k, !nothing_to_lose, &lost);
    struct map_made *fresh;

    if (g == NULL) {
        *why = lost;
        return MAP_REFUSED;
    }
    partial = lost.text[0] != '\0';
    if (!partial && map_made_same(&k->conf, k->now, g)) {
        k->now->files = map_files_hash(f);
        geo_free(&g);
        log_msg(LOG_INFO, "maps: the databases are what those in use are made from");
        keep_on_disk(k);
        return MAP_UNCHANGED;
    }
    fresh = map_made_compile(&k->conf, g, &progress, why);
    geo_free(&g);
    good = fresh != NULL && (map_made_judge(&k->conf, k->now, fresh, why) || forced);
    if (!good) {
        map_made_free(&fresh);
        return atomic_load(&k->stopping) ? MAP_STOPPED : MAP_REFUSED;
    }
    fresh->partial = partial;
    fresh->files = map_files_hash(f);
    swap(k, fresh);
    log_taken(k);
    say_set(k);
    keep_on_disk(k);
    *why = lost;
    return MAP_TAKEN;
}

/* Partial sets are as good as it gets, and what is missing was said. */
static enum map_state state_after(const struct map_keeper *k, enum map_end end)
{
    if (!k->now->from_databases)
        return MAP_WITHOUT;
    return end == MAP_REFUSED || k->now->partial ? MAP_OLD : MAP_CURRENT;
}

static void log_refused(const struct map_keeper *k, const char *why)
{
    log_msg(LOG_ERROR,
        k->now->from_databases ? "maps: those in use stay: %s"
                               : "maps: PoPs stay in their default order: %s",
        why);
}

/* Whether files were written to while we read them: then what came of it means nothing. */
static bool are_still(struct map_keeper *k, const struct map_files *since)
{
    struct map_files f;

    map_files_look(&k->conf.conf->databases, &f);
    return map_files_same(&f, since);
}

static enum map_end try(struct map_keeper *k, bool forced, struct geo_why *why)
{
    struct map_files f;
    enum map_end end;

    map_files_look(&k->conf.conf->databases, &f);
    say_files(k, &f);
    say_state(k, MAP_COMPILING);
    why->text[0] = '\0';
    end = make(k, &f, forced, why);
    malloc_trim(0); /* compiling takes a lot; nobody else is going to need it */
    if (end == MAP_STOPPED)
        return end;
    if (end == MAP_REFUSED && !are_still(k, &f)) {
        /* Not worth a word: they are tried again when they have settled. */
        say_state(k, state_after(k, end));
        return end;
    }
    k->tried = f;
    k->tried_any = true;
    count(end == MAP_TAKEN       ? C_MAPS_TAKEN
          : end == MAP_UNCHANGED ? C_MAPS_UNCHANGED
                                 : C_MAPS_REFUSED);
    if (end == MAP_REFUSED)
        log_refused(k, why->text);
    say_refused(k, why->text);
    say_state(k, state_after(k, end));
    return end;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void log_restless(struct map_keeper *k, mono_ms now)
{
    if (k->restless_ms == 0 || now - k->restless_ms < RESTLESS_MS)
        return;
    k->restless_ms = now;
    count(C_MAPS_REFUSED);
    say_refused(k, "the databases have been changing for a minute without a pause");
    log_refused(k, "the databases have been changing for a minute without a pause");
}

/* True: the files have been as they are for long enough. */
static bool look(struct map_keeper *k, mono_ms now)
{
    struct map_files f;

    map_files_look(&k->conf.conf->databases, &f);
    if (!map_files_same(&f, &k->seen)) {
        k->seen = f;
        k->seen_ms = now;
        if (k->restless_ms == 0)
            k->restless_ms = now;
    }
    if (now - k->seen_ms < MAP_FILES_SETTLE_MS) {
        log_restless(k, now);
        return false;
    }
    k->restless_ms = 0;
    return true;
}

static void look_by_itself(struct map_keeper *k)
{
    bool asked;
    struct geo_why why;

    if (!has_databases(k) || !look(k, clock_mono_ms()))
        return;
    asked = atomic_exchange(&k->look_asked, false);
    if (asked || !k->tried_any || !map_files_same(&k->seen, &k->tried))
        (void)try(k, false, &why);
}

static int look_in_ms(const struct map_keeper *k)
{
    if (!has_databases(k))
        return -1;
    return clock_mono_ms() - k->seen_ms < MAP_FILES_SETTLE_MS ? SOON_MS : LOOK_MS;
}

/* --- questions -------------------------------------------------------------------------------- */

/* True: we stop. */
static bool rest(const struct map_keeper *k, int ms)
{
    struct pollfd fd = {.fd = k->stop, .events = POLLIN};

    return poll(&fd, 1, ms) > 0;
}

static enum map_end reload_for(struct map_keeper *k, struct map_request *r)
{
    mono_ms until = clock_mono_ms() + PATIENCE_MS;

    if (!has_databases(k)) {
        (void)snprintf(r->why.text, sizeof(r->why.text), "no database is configured");
        return MAP_REFUSED;
    }
    while (!look(k, clock_mono_ms())) {
        if (rest(k, SOON_MS))
            return MAP_STOPPED;
        if (clock_mono_ms() > until) {
            (void)snprintf(
                r->why.text, sizeof(r->why.text), "somebody is writing to the databases");
            return MAP_REFUSED;
        }
    }
    return try(k, r->ask == MAP_RELOAD_FORCED, &r->why);
}

static enum map_end check_for(struct map_keeper *k, struct map_request *r)
{
    struct map_plan *plan = xcalloc(1, sizeof(*plan));
    struct geo *g = open_databases(k, true, &r->why);
    bool ok = true;

    if (!has_databases(k))
        (void)snprintf(r->why.text, sizeof(r->why.text), "no database is configured");
    for (unsigned i = 0; g != NULL && ok && i < k->conf.steers->n; i++) {
        map_plan_make(plan, &k->conf.steers->v[i], g);
        ok = geo_map_check(k->now->own[i], g, &plan->conf, &r->quality[i], &r->why);
    }
    ok = ok && g != NULL;
    geo_free(&g);
    free(plan);
    malloc_trim(0);
    return ok ? MAP_UNCHANGED : MAP_REFUSED;
}

static void run_done(struct message *m, struct worker *w)
{
    struct map_request *r = container_of(m, struct map_request, message);

    (void)w;
    r->done(r);
}

static struct map_request *take_asked(struct map_keeper *k)
{
    struct map_request *r;

    pthread_mutex_lock(&k->lock);
    r = k->asked;
    k->asked = NULL;
    k->ended = atomic_load(&k->stopping);
    pthread_mutex_unlock(&k->lock);
    return r;
}

static enum map_end answer(struct map_keeper *k, struct map_request *r)
{
    if (atomic_load(&k->stopping))
        return MAP_STOPPED;
    switch (r->ask) {
    case MAP_RELOAD:
    case MAP_RELOAD_FORCED:
        return reload_for(k, r);
    case MAP_CHECK:
        return check_for(k, r);
    }
    return MAP_STOPPED;
}

static void answer_asked(struct map_keeper *k)
{
    struct map_request *r, *next;

    for (r = take_asked(k); r != NULL; r = next) {
        next = r->next;
        r->end = answer(k, r);
        worker_post(r->worker, &r->message);
    }
}

void map_keeper_ask(struct map_keeper *k, struct map_request *r)
{
    bool ended;

    r->why.text[0] = '\0';
    r->message.run = run_done;
    pthread_mutex_lock(&k->lock);
    ended = k->ended;
    if (!ended) {
        r->next = k->asked;
        k->asked = r;
    }
    pthread_mutex_unlock(&k->lock);
    if (!ended) {
        check(eventfd_write(k->wake, 1) == 0);
        return;
    }
    r->end = MAP_STOPPED;
    worker_post(r->worker, &r->message);
}

void map_keeper_look(struct map_keeper *k)
{
    atomic_store(&k->look_asked, true);
    check(eventfd_write(k->wake, 1) == 0);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Answering comes first, but on a core that never rests there must be new maps, too. Of this thread
 * alone, as Linux has it. */
static void stand_back(void)
{
    id_t self = (id_t)gettid();

    if (setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICE) != 0)
        log_msg(LOG_DEBUG, "maps are compiled with the priority of everything else");
}

static void *keep(void *arg)
{
    struct map_keeper *k = arg;
    struct pollfd fds[] = {{.fd = k->wake, .events = POLLIN}, {.fd = k->stop, .events = POLLIN}};

    pthread_setname_np(pthread_self(), "maps");
    stand_back();
    while (!atomic_load(&k->stopping)) {
        eventfd_t value;

        look_by_itself(k);
        answer_asked(k);
        (void)poll(fds, 2, look_in_ms(k));
        (void)eventfd_read(k->wake, &value);
    }
    answer_asked(k);
    return NULL;
}

static void log_start(const struct map_keeper *k)
{
    const struct conf_strings *paths = &k->conf.conf->databases;

    if (paths->n == 0)
        log_msg(LOG_NOTICE, "maps: no database is configured: PoPs are in their default order");
    else if (!k->now->from_databases)
        log_msg(LOG_NOTICE, "maps: PoPs are in their default order until maps are compiled");
    for (unsigned i = 0; i < paths->n; i++) {
        if (!k->seen.v[i].there)
            log_msg(LOG_ERROR, "maps: there is no database %s", paths->v[i].p);
    }
}

struct map_keeper *map_keeper_new(const struct map_keeper_conf *c)
{
    struct map_keeper *k = xcalloc(1, sizeof(*k));

    k->conf = *c;
    k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->passed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    check(k->wake >= 0 && k->stop >= 0 && k->passed >= 0);
    pthread_mutex_init(&k->lock, NULL);
    k->now = map_made_open(c);
    k->now->set.number = 1;
    map_files_look(&c->conf->databases, &k->seen);
    k->seen_ms = clock_mono_ms();
    if (map_files_settled(&k->seen, clock_wall_s() * 1000))
        k->seen_ms -= MAP_FILES_SETTLE_MS;
    if (k->now->kept && k->now->files == map_files_hash(&k->seen)) {
        k->tried = k->seen;
        k->tried_any = true;
    }
    k->status.maps_n = c->steers->n;
    k->status.files_n = c->conf->databases.n;
    for (unsigned i = 0; i < k->status.files_n; i++)
        k->status.files[i].path = c->conf->databases.v[i].p;
    k->status.state = !has_databases(k) ? MAP_BY_DEFAULT
                      : k->tried_any    ? MAP_CURRENT
                                        : MAP_COMPILING;
    say_files(k, &k->seen);
    say_set(k);
    log_start(k);
    return k;
}

const struct map_set *map_keeper_first(struct map_keeper *k)
{
    return &k->now->set;
}

void map_keeper_start(struct map_keeper *k, struct worker *const *workers, unsigned n)
{
    k->gives_n = n;
    k->gives = xcalloc(n, sizeof(*k->gives));
    for (unsigned i = 0; i < n; i++)
        k->gives[i] = (struct give){.message.run = run_give, .keeper = k, .worker = workers[i]};
    check(pthread_create(&k->thread, NULL, keep, k) == 0);
    k->started = true;
}

void map_keeper_stop(struct map_keeper *k)
{
    if (k == NULL)
        return;
    atomic_store(&k->stopping, true);
    check(eventfd_write(k->stop, 1) == 0);
}

void map_keeper_wait(struct map_keeper *k)
{
    if (k == NULL || !k->started)
        return;
    map_keeper_stop(k);
    pthread_join(k->thread, NULL);
    k->started = false;
}

void map_keeper_free(struct map_keeper **kp)
{
    struct map_keeper *k = *kp;

    *kp = NULL;
    if (k == NULL)
        return;
    map_made_free(&k->former);
    map_made_free(&k->now);
    close(k->wake);
    close(k->stop);
    close(k->passed);
    pthread_mutex_destroy(&k->lock);
    free(k->gives);
    free(k);
}
