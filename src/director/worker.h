/*
 * worker.h - what the director keeps for each of its workers.
 */
#ifndef DIRECTOR_WORKER_H
#define DIRECTOR_WORKER_H

#include "loop/worker.h"

struct director;
struct director_conf;
struct udp_batch;
struct udp_socket;

struct director_worker {
    struct worker *worker;            /* owns */
    struct director *director;        /* borrowed */
    const struct director_conf *conf; /* borrowed; immutable */
    struct udp_batch *batch;          /* owns */
    struct udp_socket *udp;           /* owns; one for each address */
    struct message drain;             /* from main */
};

#endif
