/*
 * server.h - the director as a whole: what all of its workers share, from start to stop.
 *
 * main() opens it, runs it and closes it; what it has in common with the edge is daemon/'s.
 */
#ifndef DIRECTOR_SERVER_H
#define DIRECTOR_SERVER_H

#include "base/attrs.h"
#include "daemon/daemon.h"
#include "dns/cookie.h"
#include "session/sessions.h"

struct director_conf;
struct director_worker;
struct map_keeper;
struct places;
struct pops;
struct resolver;
struct rrl;
struct signatures;

struct director {
    struct director_conf *conf;      /* owns */
    struct daemon *daemon;           /* owns */
    struct director_worker *workers; /* owns; conf->daemon.workers of them */
    struct dns_cookie_secrets cookies;
    struct pops *pops;             /* owns; probed on the first worker */
    struct map_keeper *maps;       /* owns; runs beside the workers */
    struct resolver *resolver;     /* owns; the first worker's */
    struct places *places;         /* owns; or NULL: no databases */
    struct rrl *rrl;               /* owns; NULL: no limits */
    struct signatures *signatures; /* owns; NULL: no zone is signed */
    struct session_crowd crowd;    /* the connections of all workers */
};

/* Opens everything that can fail. Takes over `conf`. NULL: a sentence is in the error log. */
MUST_USE struct director *director_open(struct director_conf *conf);
/* Serves until TERM, INT or QUIT; what is to be the exit status. */
enum daemon_exit director_run(struct director *d);
/* After director_run() it may end the process with DAEMON_UNCLEAN instead of returning:
 * daemon/closing.h. */
void director_close(struct director **d);

#endif
