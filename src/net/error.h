/*
 * error.h - what the system says about sockets, in words that fit into our sentences.
 */
#ifndef NET_ERROR_H
#define NET_ERROR_H

/* "connection refused". Never NULL. Any thread. */
const char *net_error_text(int error);

#endif
