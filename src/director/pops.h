/*
 * pops.h - the PoPs at run time: who answers, who is drained, how loaded they are, since when.
 *
 * Made by main for a configuration. Probes run on one worker (pops_start()), which alone writes;
 * any worker reads a PoP's word without lock, and never half of a change. An order given by an
 * operator is carried out on that worker at once (well within the second that draining may take),
 * and kept in the state file, so that a restart undrains nothing: what a person took out, a person
 * puts back.
 *
 *   call            who and when
 *   pops_new()      main, before the workers: readable from then on
 *   pops_start()    on the worker that probes; from here on orders and probes have a say
 *   pops_stop()     on that worker; what was known stays readable
 *   pops_free()     main, when no worker reads them any more
 *
 * PoPs start as up, but for the orders that the state file has; the first probe of an address
 * decides alone.
 *
 * What a PoP is, for answers, follows from three things, in this order: the order (an operator's,
 * else the configuration's), the word of its edges (all of those asked say that they drain), and
 * the checks, which are per address.
 */
#ifndef DIRECTOR_POPS_H
#define DIRECTOR_POPS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "director/pop.h"
#include "loop/worker.h"

struct pops;
struct resolver;

/* Why it answers or does not. */
enum pop_state {
    POP_STATE_UP,
    POP_STATE_DRAINED,       /* by order: drain */
    POP_STATE_DRAINING,      /* its edges say that they drain */
    POP_STATE_DOWN_BY_ORDER, /* by order: down */
    POP_STATE_FAILED,        /* no address passes its checks */
};
enum { POP_STATES = 5 };
/* up, drained, draining, down, failed */
const char *pop_state_word(enum pop_state s);

/* Clients are shed in steps of 1/POP_SHED_STEPS of the client networks. */
enum { POP_SHED_STEPS = 64 };

/* One PoP at one instant, as choices need it. */
struct pop_now {
    enum pop_state state;
    uint8_t v4, v6; /* bit i: address i of the family passes its checks, whatever the state */
    uint8_t shed;   /* 0 .. POP_SHED_STEPS: so many of them go to its neighbours */
};
struct pop_now pop_now(const struct pops *p, unsigned index);
/* Grows with every change that an answer could show (state, addresses, shedding). */
uint64_t pops_epoch(const struct pops *p);
/* When its state or one of its addresses changed last; 0: never. */
mono_ms pop_changed_ms(const struct pops *p, unsigned index);
/* The same of the one that changed last. */
mono_ms pops_changed_ms(const struct pops *p);

struct pops_conf {
    const struct pop_list *list; /* borrowed; outlives the pops */
    struct span state_file;      /* n == 0: orders are forgotten with the process */
};
/* A state file that cannot be read is logged and keeps nobody from starting. */
MUST_USE struct pops *pops_new(const struct pops_conf *conf);
void pops_start(struct pops *p, struct worker *w, struct resolver *r);
void pops_stop(struct pops *p);
void pops_free(struct pops **p);

/* An operator's order, on the probing worker. Every answer that is made from now on follows it. It
 * is written to the state file behind; whether that works is logged, and pops_unkept() says it. */
void pops_order(struct pops *p, unsigned index, enum pop_order order);
/* Why orders would be forgotten by a restart: a sentence; NULL when they would not, or when there
 * is no state file. */
const char *pops_unkept(const struct pops *p);

/* --- for people: selvagectl pops, metrics, the page. On the probing worker. ---------------------
 */

struct pop_addr_report {
    const struct addr *addr;
    bool up;
    mono_ms since_ms;  /* when it became so; 0: at the start */
    mono_ms probed_ms; /* when the last probe ended; 0: none has yet */
    int64_t took_us;   /* what that took */
    const char *said;  /* what came of it: "200", "connection refused"; "" before the first */
    mono_ms held_ms;   /* up again not before (it has flapped); 0: not held */
    bool blind;        /* the last probe could not tell: what is missing is ours */
};

struct pop_load_report {
    const char *label; /* host:port of the edge */
    bool known;        /* it answered lately */
    bool draining;
    unsigned per_mille; /* of what it can carry */
};

struct pop_report {
    const struct pop *pop;
    struct pop_now now;
    enum pop_order order;
    bool ordered;       /* by an operator, not by the configuration */
    wall_s ordered_s;   /* when, if so */
    mono_ms changed_ms; /* as pop_changed_ms() */
    bool load_known;
    unsigned load_per_mille;         /* of the PoP: the mean of its edges that do not drain */
    struct pop_addr_report *v4, *v6; /* in the arena, pop->v4_n and pop->v6_n of them */
    struct pop_load_report *loads;   /* pop->loads_n of them */
};
void pops_report(const struct pops *p, unsigned index, struct arena *a, struct pop_report *out);

const struct pop_list *pops_list(const struct pops *p);

#endif
