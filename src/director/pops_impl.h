/*
 * pops_impl.h - what pops.c, pops_watch.c and pops_keep.c share. For nobody else.
 */
#ifndef DIRECTOR_POPS_IMPL_H
#define DIRECTOR_POPS_IMPL_H

#include "director/pops.h"
#include "director/shedding.h"
#include "health/watch.h"

#include <stdatomic.h>

struct pops_keeping;

/* An edge of a PoP that says how it is. */
struct pop_edge {
    struct watch watch;
    struct pop_run *run;
    bool draining; /* as it said last: one that drains and then is gone has not come back */
    unsigned per_mille;
    mono_ms said_ms; /* when it said its load last; 0: never */
};

struct pop_check {
    struct watch watch;
    struct pop_run *run;
    const struct addr *addr; /* borrowed from the pop */
};

/* One PoP. What is atomic is read by anybody; the rest belongs to the worker that probes. */
struct pop_run {
    struct pops *pops;
    const struct pop *pop;
    struct pop_check *checks; /* owns; pop->v4_n, then pop->v6_n of them; NULL: no check */
    struct pop_edge *edges;   /* owns; pop->loads_n of them */
    struct shedding shedding;
    bool load_known;
    unsigned load; /* per mille */
    wall_s ordered_s;
    _Atomic uint64_t word; /* struct pop_word, packed */
    _Atomic mono_ms changed_ms;
};

/* All that one PoP is at one instant, in one atomic word. */
struct pop_word {
    struct pop_now now;
    enum pop_order order;
    bool ordered; /* by an operator */
};

struct pops {
    struct pops_conf conf;
    struct pop_run *runs; /* owns; conf.list->n of them */
    _Atomic uint64_t epoch;
    _Atomic mono_ms changed_ms;
    struct worker *worker;        /* that probes; NULL: not started, or stopped */
    struct pops_keeping *keeping; /* owns; NULL: no state file, or not started */
};

/* pops.c */
struct pop_word pop_word(const struct pop_run *r);
/* Before anybody reads it. */
void pop_restore(struct pop_run *r, const struct pop_word *word);
/* Stores what is new, and says it in the log. */
void pop_tell(struct pop_run *r, const struct pop_word *word);
/* The state that follows from the rest of the word. `draining`: all its edges say so. */
enum pop_state pop_state_of(const struct pop_word *w, bool draining);

/* pops_watch.c: on the worker that probes */
void pop_watch_init(struct pop_run *r, struct resolver *resolver);
void pop_watch_start(struct pop_run *r);
void pop_watch_stop(struct pop_run *r);
/* What its checks and edges make of it, with that order. */
void pop_judge(struct pop_run *r, enum pop_order order, bool ordered);

/* pops_keep.c: the same */
void pops_keep_start(struct pops *p);
void pops_keep_stop(struct pops *p);
void pops_keep_free(struct pops *p);
/* Orders have changed: they are written as they are now. */
void pops_keep(struct pops *p);
/* On main's thread, before anybody reads them. */
void pops_keep_read(struct pops *p);

#endif
