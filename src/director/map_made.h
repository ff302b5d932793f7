/*
 * map_made.h - one set of maps, from its making to its end: compiled, or read from the folder that
 * keeps them, and judged against the set before it.
 *
 * A kept map carries a stamp of two halves: the configuration (which PoPs, where, which overrides)
 * and the files. A map of another configuration is of no use: its points are others. A map of
 * other files is used until there is a better one, and what comes is judged against it.
 *
 * For map_keeper.c, and for whoever checks maps without a director. One thread at a time.
 */
#ifndef DIRECTOR_MAP_MADE_H
#define DIRECTOR_MAP_MADE_H

#include "director/map_files.h"
#include "director/map_keeper.h"

struct map_made {
    struct map_set set;            /* its maps are these: */
    struct geo_map *own[MAPS_MAX]; /* owns; those of the steers come first */
    unsigned n;
    bool from_databases; /* and can be what another set is judged against */
    bool partial;        /* not from all of them: it cannot */
    bool kept;           /* all of them were read from disk */
    uint64_t files;      /* map_files_hash() of what it is made from; 0: several, or none */
    wall_s made;
    int64_t took_ms; /* 0: not compiled */
    double moved;    /* percent, beside the set before; < 0: not known */
};

/* What identifies the configuration's part in the maps, the same on every start. */
uint64_t map_conf_hash(const struct map_keeper_conf *c, unsigned map);

/* From the databases in `g` (NULL: without any). NULL: `why` says why not. */
MUST_USE struct map_made *map_made_compile(const struct map_keeper_conf *c, const struct geo *g,
    const struct geo_progress *progress, struct geo_why *why);
/* What was kept for this configuration; what was not is compiled without databases. */
struct map_made *map_made_open(const struct map_keeper_conf *c);
/* NULL is fine, and *m is set to NULL. */
void map_made_free(struct map_made **m);

/* Both come out of the same databases and configuration, whatever the files' names and dates. */
bool map_made_same(const struct map_keeper_conf *c, const struct map_made *m, const struct geo *g);
/* Whether `fresh` may take the place of `old`: it knows something, and moves no more than is
 * allowed. Sets fresh->moved. False: `why` has a sentence. */
MUST_USE bool map_made_judge(const struct map_keeper_conf *c, const struct map_made *old,
    struct map_made *fresh, struct geo_why *why);
/* Writes them where the next map_made_open() finds them. False: `why` says what is in the way. */
MUST_USE bool map_made_keep(
    const struct map_keeper_conf *c, const struct map_made *m, struct geo_why *why);

/* The configuration of a steer's map with its points, in memory of the caller's. */
struct map_plan {
    struct geo_map_conf conf;
    struct geo_point points[STEER_POPS_MAX];
};
void map_plan_make(struct map_plan *p, const struct steer *s, const struct geo *g);

#endif
