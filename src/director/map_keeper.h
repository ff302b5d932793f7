/*
 * map_keeper.h - a thread beside the workers that keeps the maps true while they answer.
 *
 *   start      the maps that were kept on disk, if they are of this configuration; else maps
 *              without databases (networks that the configuration names, and the default order)
 *   then, and whenever a file has changed and settled, on HUP, and when an operator says so:
 *              files -> copies in our memory -> new maps beside those in use -> judged
 *                -> taken: each worker gets them by a message; when the last one has passed on,
 *                   the former ones are freed, and the new ones are written to disk
 *                -> refused (broken, being written, nothing known, moves too much): the maps in
 *                   use stay; said in log, status and metrics, once for each state of the files
 *
 * The thread has a low priority, so that one core goes on answering. No lock is on a worker's way
 * to an answer, and no question waits.
 *
 *   call                 who and when
 *   map_keeper_new()     main, before the workers: milliseconds, unless kept maps must be read
 *   map_keeper_first()   main: what workers begin with
 *   map_keeper_start()   main, when all workers run
 *   map_keeper_reload()  any worker; map_keeper_look() main (HUP)
 *   map_keeper_stop()    main: it need not go on
 *   map_keeper_wait()    main, before workers are joined: it has ended, and gives them nothing new
 *   map_keeper_free()    main, after that
 */
#ifndef DIRECTOR_MAP_KEEPER_H
#define DIRECTOR_MAP_KEEPER_H

#include "base/attrs.h"
#include "base/clock.h"
#include "director/map_conf.h"
#include "director/pop.h"
#include "director/steer.h"
#include "geo/map.h"
#include "loop/worker.h"

/* Maps of one set: one for each steer, and behind them the one of countries. */
enum { MAPS_MAX = STEERS_MAX + 1 };

/* Immutable. The maps are the keeper's. */
struct map_set {
    const struct geo_map *maps[STEERS_MAX]; /* by steer.index; none is NULL */
    const struct geo_map *countries;        /* director/countries.h; NULL: nobody counts them */
    struct geo_point places[POPS_MAX];      /* by pop.index: as configured, or found */
    uint64_t number;                        /* of the set, 1 for the first; rises */
};

struct map_keeper_conf {
    const struct map_conf *conf;     /* borrowed, as all here */
    const struct steer_list *steers; /* each with at least one PoP */
    const struct pop_list *pops;
    /* On each worker's thread: it decides by `set` from now on, and forgets the former one. */
    void (*take)(struct worker *w, const struct map_set *set);
};

struct map_keeper;

struct map_keeper *map_keeper_new(const struct map_keeper_conf *c);
const struct map_set *map_keeper_first(struct map_keeper *k);
/* All n workers, which live until map_keeper_wait(). */
void map_keeper_start(struct map_keeper *k, struct worker *const *workers, unsigned n);
/* Returns at once. NULL is fine. */
void map_keeper_stop(struct map_keeper *k);
/* After that. A walk through whole databases that has begun is not broken off. NULL is fine. */
void map_keeper_wait(struct map_keeper *k);
/* NULL is fine, and *k is set to NULL. */
void map_keeper_free(struct map_keeper **k);

/* Reads the files again, soon, whether they have changed or not. Any thread. */
void map_keeper_look(struct map_keeper *k);

/* --- what somebody asks for ------------------------------------------------------------------ */

enum map_ask { MAP_RELOAD, MAP_RELOAD_FORCED, MAP_CHECK };

enum map_end {
    MAP_TAKEN,     /* there are new maps */
    MAP_UNCHANGED, /* the files are what the maps are made from */
    MAP_REFUSED,   /* why[] says why the maps in use stay, or could not be checked */
    MAP_STOPPED,   /* we end; nothing was done */
};

/* In memory of the asker's that lives until done() was called, on r->worker's thread. */
struct map_request {
    struct message message;   /* private */
    struct map_request *next; /* private */
    struct worker *worker;    /* the asker's */
    enum map_ask ask;
    void (*done)(struct map_request *r);
    enum map_end end;
    struct geo_why why;
    /* MAP_CHECK: of each steer, by index; checked says which. */
    struct geo_map_quality quality[STEERS_MAX];
};
/* On r->worker's thread. Takes seconds to minutes. */
void map_keeper_ask(struct map_keeper *k, struct map_request *r);

/* --- for people ------------------------------------------------------------------------------ */

enum map_state {
    MAP_BY_DEFAULT, /* no database is configured */
    MAP_CURRENT,    /* made from the databases as they are */
    MAP_COMPILING,  /* `kept` says by what we answer meanwhile */
    MAP_OLD,        /* the databases are other ones now, or gone, and were refused */
    MAP_WITHOUT,    /* as MAP_OLD, and there was no map before: the default order */
};
enum { MAP_STATES = 5 };
/* default, current, compiling, old, without-database */
const char *map_state_word(enum map_state s);

struct map_file_status {
    const char *path;
    bool there;
    uint64_t bytes;
    wall_s changed; /* mtime */
    char type[64];  /* what the database says that it is, when it was read last */
    wall_s built;   /* the same of when; 0: unknown */
};

struct map_status {
    enum map_state state;
    uint64_t number; /* of the set that workers have, or are given right now */
    wall_s made;     /* when its maps were compiled, or written to disk; 0: without databases */
    bool kept;       /* they were read from disk */
    double moved;    /* percent that it moved, beside the set before; < 0: not known */
    int64_t took_ms; /* what compiling took; 0: not compiled */
    char refused[sizeof(
        ((struct geo_why *)NULL)->text)]; /* why the last try came to nothing, or "" */
    wall_s refused_at;
    unsigned files_n;
    struct map_file_status files[GEO_FILES_MAX];
    bool from_databases; /* else PoPs are in their default order, but for overrides of networks */
    unsigned maps_n;
    struct geo_map_facts facts[STEERS_MAX]; /* by steer.index */
    uint64_t countries_bytes;               /* of the map of countries; 0: there is none */
};
/* Any thread. */
void map_keeper_status(struct map_keeper *k, struct map_status *out);

#endif
