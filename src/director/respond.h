/*
 * respond.h - one message of a client in, one out, whatever it came by: reading, cookies, the
 * answer, rates, and what is counted of it.
 *
 * UDP and TCP have the sockets, answer.h has the contents; this is what lies between. Thread: the
 * worker's; no allocation, no lock, no system call.
 */
#ifndef DIRECTOR_RESPOND_H
#define DIRECTOR_RESPOND_H

#include "director/worker.h"
#include "net/addr.h"

enum transport { BY_UDP, BY_TCP, BY_TLS };

struct respond_from {
    const struct addr *client; /* behind a proxy, too */
    enum transport transport;
    unsigned keepalive_ds; /* tenths of a second that the connection waits for another question */
};

/* The length of the response in out[0 .. cap), 0: say nothing. cap is at least 512. */
size_t respond(struct director_worker *w, const struct respond_from *from, const uint8_t *msg,
    size_t n, uint8_t *out, size_t cap);

#endif
