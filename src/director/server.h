/*
 * server.h - the director as a whole: workers, sockets, signals, from start to stop.
 *
 * main() opens it, runs it and closes it. Workers share what stands here; they change none of it.
 */
#ifndef DIRECTOR_SERVER_H
#define DIRECTOR_SERVER_H

#include "base/attrs.h"
#include "base/clock.h"
#include "net/addr.h"

#include <stdatomic.h>
#include <stdbool.h>

struct admin;
struct director_conf;
struct director_worker;

struct director {
    struct director_conf *conf;      /* owns */
    struct director_worker *workers; /* owns; conf->workers of them */
    struct addr *bound;              /* owns; where we listen */
    unsigned listens_n;
    struct admin *admin; /* owns; lives on the first worker */
    _Atomic int running; /* workers that have not ended */
    mono_ms started_ms;
};

enum director_exit { DIRECTOR_FINE = 0, DIRECTOR_FAILED = 1, DIRECTOR_FORCED = 2 };

/* Opens everything that can fail. Takes over `conf`. NULL: a sentence is in the error log. */
MUST_USE struct director *director_open(struct director_conf *conf);
/* Serves until TERM, INT or QUIT; what is to be the exit status. */
enum director_exit director_run(struct director *d);
void director_close(struct director **d);

#endif
