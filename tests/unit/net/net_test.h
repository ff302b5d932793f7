/*
 * net_test.h - what the tests of this folder share: a worker on the test's own thread, its clock,
 * sockets on loopback, and a DNS server that says what a test wants.
 */
#ifndef TESTS_UNIT_NET_NET_TEST_H
#define TESTS_UNIT_NET_NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "loop/worker.h"
#include "net/addr.h"

enum { GUARD_S = 60 }; /* for alarm(): a wait without end must not hang the run */

/* --- the worker: loop_setup() and loop_teardown() are fixtures
 * ------------------------------------- */

extern struct worker *worker;
int loop_setup(void **state);
int loop_teardown(void **state);
/* Runs the loop until *done. */
void loop_until(const bool *done);
/* Runs the loop for that long, for what is not to happen. */
void loop_for(int ms);
/* The worker's clock runs ahead of the real one by that much more from now on. */
void loop_skip(mono_ms ms);

/* --- sockets -------------------------------------------------------------------------------------
 */

/* Text to address; fails the test when it is none. */
struct addr addr_of(const char *text);
/* A listening socket; port 0 is replaced in *at. */
int listen_at(struct addr *at, int backlog);
/* Two addresses (port 0) get listening sockets on one port, which is set in both. */
void listen_at_both(struct addr *one, struct addr *two, int backlog_one, int fds[2]);
/* A blocking client socket, connected. */
int dial(const struct addr *to);
/* Makes connects to *at hang, which listens with backlog 0: the queue is full and nobody accepts.
 * Until the fds are closed. */
enum { BLACKHOLE_FDS = 8 };
void blackhole_fill(const struct addr *at, int fds[BLACKHOLE_FDS]);
void blackhole_close(const int fds[BLACKHOLE_FDS]);

/* --- a DNS server on loopback, on the worker's loop
 * -------------------------------------------------- */

enum dns_act {
    DNS_ANSWER, /* the addresses, or none of them */
    DNS_NXDOMAIN,
    DNS_SERVFAIL,
    DNS_SILENCE,
};

struct dns_rule {
    const char *name;
    int family; /* AF_INET for A, AF_INET6 for AAAA */
    enum dns_act act;
    uint32_t ttl_s;
    const char *addrs[4];
    const char *cname; /* the addresses are its */
    uint32_t cname_ttl_s;
};

struct dns_server {
    struct ev_io io;
    int fd;
    struct addr addr;
    const struct dns_rule *rules; /* up to a row without a name; others are NXDOMAIN */
    int asked_a, asked_aaaa;
};

void dns_open(struct dns_server *d, const struct dns_rule *rules);
void dns_close(struct dns_server *d);

#endif
