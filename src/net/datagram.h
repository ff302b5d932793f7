/*
 * datagram.h - UDP sockets that take datagrams from anybody: one for each worker on each address.
 *
 * main() opens the sockets of all workers before threads start; the kernel spreads clients over
 * them (SO_REUSEPORT). How they are read and written is the owner's affair.
 */
#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

#include "net/listen.h"

struct datagram_options {
    bool whole; /* nobody on the way may break datagrams into fragments: larger ones than the
                 * interface takes cannot be sent (EMSGSIZE), than the path takes are lost */
};

/* Opens `n` sockets on one IP address, non-blocking. With port 0 all get the same port; *bound says
 * which. Where *at stands for all addresses, each datagram comes with the one that it was sent to
 * (IP_PKTINFO, IPV6_RECVPKTINFO). Reports of smaller paths, which anybody can send, are not
 * believed (RFC 9715 §3.1). False: nothing is open and `why` has the sentence. */
MUST_USE bool datagram_open(const struct addr *at, const struct datagram_options *options, int *fds,
    unsigned n, struct addr *bound, struct listen_why *why);

#endif
