/*
 * listen.h - sockets that listen, and the watcher of one on a worker.
 *
 * main() opens the sockets of all workers before threads start, so that an address in use or a
 * missing permission ends the start with a sentence. Each worker then has a listener per address,
 * which hands over accepted connections.
 */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "loop/worker.h"
#include "net/addr.h"

struct listen_options {
    int backlog; /* 0: LISTEN_BACKLOG */
};
enum { LISTEN_BACKLOG = 4096 };

struct listen_why {
    char text[320];
};

/* Opens `n` sockets on one address, a socket for each worker: the kernel spreads connections over
 * them. A Unix socket is one socket with n descriptors, mode 0600; a path that a dead server left
 * behind is taken over, that of a live one is not. With port 0 all get the same port; *bound says
 * which. False: nothing is open and `why` has the sentence ("cannot listen on ..."). */
MUST_USE bool listen_open(const struct addr *at, const struct listen_options *options, int *fds,
    unsigned n, struct addr *bound, struct listen_why *why);
/* Removes a Unix socket's path, if it is still a socket; nothing for other addresses. When the
 * server stops. */
void listen_unlink(const struct addr *bound);

/* Embedded in its owner. On the worker's thread. */
struct listener {
    struct worker *worker; /* borrowed */
    int fd;                /* owns; -1 when closed */
    struct addr addr;      /* bound to */
    /* A connected, non-blocking socket that the callee owns from now on. TCP_NODELAY is set. May
     * pause or close the listener. */
    void (*accepted)(struct listener *l, int fd, const struct addr *peer, const struct addr *local);
    /* private below */
    struct ev_io io;
    struct ev_timer backoff; /* runs while descriptors are short */
    int reserve;             /* a descriptor to give up for shedding */
    bool paused, closing;
    mono_ms said_ms; /* when the shortage was last logged; 0: never */
};

/* Takes over `fd` and accepts from now on. */
void listener_open(struct listener *l, struct worker *w, int fd,
    void (*accepted)(
        struct listener *l, int fd, const struct addr *peer, const struct addr *local));
/* Connections wait in the kernel's queue meanwhile. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
/* Hands over what waits in the queue (the kernel would reset it), then closes. Closing again is
 * harmless. */
void listener_close(struct listener *l);

#endif
