/*
 * udp.h - questions by UDP: a socket of a worker for each address, read and answered in batches.
 *
 * One recvmmsg() takes what has come, at most UDP_BATCH datagrams, each is answered into a buffer
 * of the worker's, and one sendmmsg() sends the answers from the addresses that were asked. No
 * memory is allocated for a question. After UDP_ROUNDS batches the loop has its turn, so that
 * connections are served under a flood, too. Thread: the worker's.
 */
#ifndef DIRECTOR_UDP_H
#define DIRECTOR_UDP_H

#include "director/worker.h"

enum { UDP_BATCH = 64, UDP_ROUNDS = 4 };

struct director_listen;

struct udp_socket {
    struct director_worker *worker;     /* borrowed */
    const struct director_listen *conf; /* borrowed */
    int fd;                             /* owns; -1: not for UDP, or closed */
    bool any;                           /* datagrams say which of our addresses they came to */
    struct ev_io io;                    /* private */
};

/* The buffers that the sockets of one worker share. */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch **b);

/* Reads from now on. The fd is set, and bound. */
void udp_start(struct udp_socket *s);
/* Answers what has come already, then closes. */
void udp_stop(struct udp_socket *s);

#endif
