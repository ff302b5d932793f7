/*
 * opening.h - a connection until it is known what it speaks: one step after the other, as its door
 * asks for them, and one deadline for all of them (head-timeout).
 *
 * Nothing is read that does not belong to a step: what comes next is looked at and left in the
 * socket (MSG_PEEK), so that the step or the protocol behind it finds all of its bytes there. A
 * step that needs more than has come waits for that much (SO_RCVLOWAT), not for readability, which
 * would spin. Thread: the connection's worker. Private to session/.
 */
#ifndef SESSION_OPENING_H
#define SESSION_OPENING_H

#include "session/sessions.h"

/* Whether there is a step to be done at this door. */
static inline bool opening_is_needed(const struct session_door *door)
{
    return door->h2c || door->tls != NULL || door->proxy_from.n > 0 || door->go_on != NULL;
}

/* Takes over the socket, and ends in a protocol or the connection's end. */
void opening_begin(struct sessions *s, const struct session_door *door, int fd,
    const struct addr *peer, const struct addr *local);

#endif
