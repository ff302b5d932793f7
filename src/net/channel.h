/*
 * channel.h - c-ares on a worker's loop: sockets watched, timeouts kept. Private to resolver.c.
 */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include "base/list.h"
#include "loop/worker.h"
#include "net/resolver.h"

#include <ares.h>

struct channel {
    struct worker *worker; /* borrowed */
    ares_channel ares;     /* owns; DNS */
    ares_channel hosts;    /* owns; /etc/hosts, no sockets */
    struct ev_timer timer; /* the next timeout of any question */
    struct list watches;   /* of struct watch; one for each socket of c-ares */
};

/* Aborts when c-ares has no memory. */
void channel_open(struct channel *c, struct worker *w, const struct resolver_options *options);
/* What is still asked is answered with ARES_EDESTRUCTION, from inside. */
void channel_close(struct channel *c);
/* What /etc/hosts has, of both families. The answer comes from inside. */
void channel_hosts(struct channel *c, const char *name, ares_addrinfo_callback answer, void *arg);
/* Asks DNS for one family. The answer may come from inside. */
void channel_ask(
    struct channel *c, const char *name, int family, ares_addrinfo_callback answer, void *arg);

#endif
