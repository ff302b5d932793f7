/*
 * udp.h - questions by UDP: a socket of a worker for each address, read and answered in batches.
 *
 * One recvmmsg() takes what has come, at most UDP_BATCH datagrams, each is answered into a buffer
 * of the worker's, and one sendmmsg() sends the answers from the addresses that were asked. No
 * memory is allocated for a question. After UDP_ROUNDS batches the loop has its turn, so that
 * connections are served under a flood, too.
 *
 * What the kernel does not take at once is lost, as datagrams are: the client asks again. Thread:
 * the worker's.
 */
#ifndef DIRECTOR_UDP_H
#define DIRECTOR_UDP_H

#include "director/worker.h"

enum { UDP_BATCH = 64, UDP_ROUNDS = 4 };

struct udp_socket {
    struct director_worker *worker; /* borrowed */
    const struct listen_conf *conf; /* borrowed */
    int fd;                         /* owns; -1: there is none */
    struct addr bound;
    bool any;        /* private: datagrams say which of our addresses they are for */
    struct ev_io io; /* private */
};

/* The buffers that the sockets of one worker share. */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch **b);

/* Reads from now on. All but what is private is set. */
void udp_start(struct udp_socket *s);
/* Answers what has come already, and closes. */
void udp_stop(struct udp_socket *s);
/* Without a start. */
void udp_close(struct udp_socket *s);

#endif
