/*
 * tls_keeper.h - a thread beside the workers that keeps what handshakes need: it watches the files
 * of certificates and builds a new set when they change, asks OCSP responders, renews ticket keys.
 *
 *   files changed (inotify; every 10 minutes a look without being told)
 *     -> a new set is built aside, which shares what nobody touched
 *     -> it is whole: it takes the old one's place.  It has a fault: the old one stays, the log
 * says why, and the next change is the next try.
 *
 * Started by main before the workers; questions come from any worker.
 */
#ifndef NET_TLS_KEEPER_H
#define NET_TLS_KEEPER_H

#include "loop/worker.h"
#include "net/tls_server.h"

struct tls_keeper;

struct tls_keeper *tls_keeper_start(struct tls_server *t);
/* Before tls_server_free(). False: it hangs in the look-up of a name, and goes on with what it has
 * until the process ends; then the server must not be freed. */
MUST_USE bool tls_keeper_stop(struct tls_keeper **k);

/* A reload that somebody asked for. In memory of the asker's that lives until done() was called. */
struct tls_reload {
    struct message message;  /* private */
    struct tls_reload *next; /* private */
    struct worker *worker;   /* the asker's */
    void (*done)(struct tls_reload *r);
    bool ok;
    bool changed;    /* the certificates, or the ticket keys */
    char text[1024]; /* what is wrong, lines */
};

/* On r->worker's thread. Responders that failed are asked again, too. */
void tls_keeper_reload(struct tls_keeper *k, struct tls_reload *r);

#endif
