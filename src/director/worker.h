/*
 * worker.h - what the director keeps for each of its workers.
 */
#ifndef DIRECTOR_WORKER_H
#define DIRECTOR_WORKER_H

#include "daemon/daemon.h"
#include "director/answer.h"
#include "director/redirect.h"
#include "director/signer.h"
#include "director/steer.h"
#include "session/sessions.h"

struct director;
struct director_conf;
struct map_set;
struct udp_batch;
struct udp_socket;

struct director_worker {
    struct daemon_worker daemon;      /* first */
    struct director *director;        /* borrowed */
    const struct director_conf *conf; /* borrowed; immutable */
    struct answer_ctx answer;         /* by what questions are answered */
    struct signer signer;             /* of `answer`, if a zone is signed */
    struct steering steering;         /* by what clients are steered */
    const struct map_set *maps;       /* borrowed; those that it has, and PoPs' places */
    struct sessions dns;              /* connections that speak DNS */
    struct sessions web;              /* those that are redirected */
    struct redirect_date date;        /* of their answers */
    struct udp_batch *batch;          /* owns */
    struct udp_socket *udp; /* owns; for each of the daemon's listeners, if it is for DNS */
    unsigned udp_n;
    uint8_t *tcp_out; /* owns; where an answer by TCP is written first */
};

#endif
