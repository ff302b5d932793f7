/*
 * rig.h - sessions on a worker of their own, before real sockets; the handlers follow a script that
 * the request's path names.
 *
 *   /hello /close /late /stored /204 /304             small answers in several ways
 *   /interim /interims                                one 103 and an answer later; many 102 and one
 * now /unknown /unknown-empty                           a text whose length is not said /cut /abort
 * /abort-late /never                    answers that do not come, or not whole /echo /ignore the
 * request's body, as an answer or not read /big RIG_BIG_BYTES of text /object the same from a
 * stored object /fill /fill-unknown /fill-cut /fill-cut-unknown   RIG_FILL_BYTES that arrive bit by
 * bit
 *
 * The test's thread is the client: blocking, but never longer than a few seconds.
 */
#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/buf.h"
#include "cache/cache.h"
#include "session/sessions.h"

#include <pthread.h>

enum { RIG_BIG_BYTES = 4 << 20, RIG_FILL_BYTES = 300000, RIG_ENDS_MAX = 65536 };

/* Byte `i` of every long body. */
static inline char rig_byte(size_t i)
{
    return (char)('a' + i % 26 + (i / 26 % 7 == 0 ? 'A' - 'a' : 0));
}

/* What end() was told about one txn. */
struct rig_end {
    enum txn_end why;
    unsigned nth;
    uint64_t bytes_in, bytes_out, body_bytes_out;
    int body_error;
};

struct rig {
    struct worker *worker; /* owns */
    struct cache *cache;   /* owns */
    struct session_conf conf;
    struct sessions sessions;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    struct rig_end ends[RIG_ENDS_MAX];
    unsigned ends_n;
    unsigned requests_n;
    unsigned drained_n;
};

/* For cmocka: *state is a running rig; its conf may be changed while no connection is open. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* A TCP connection to the sessions; its client end. `sndbuf` > 0: of the server's end. */
int rig_connect(struct rig *r, int sndbuf);
/* Runs fn on the worker and waits until it has returned. */
void rig_run(struct rig *r, void (*fn)(struct rig *r));
void rig_drain(struct rig *r);

/* The nth end (from 0), as soon as it has come. */
struct rig_end rig_wait_end(struct rig *r, unsigned nth);
/* Waits until that many requests were handed over. */
void rig_wait_requests(struct rig *r, unsigned n);
/* Waits until that many connections are open. */
void rig_wait_connections(struct rig *r, unsigned n);
bool rig_is_drained(struct rig *r);

/* --- the client's side; each fails the test when it is not so ------------------------------ */

void client_send(int fd, const char *text);
void client_send_bytes(int fd, const void *p, size_t n);
/* The next bytes are exactly these. */
void client_expect(int fd, const char *text);
/* The next `n` bytes are a long body from its byte `from` on. */
void client_expect_long(int fd, size_t from, size_t n);
/* A chunked long body of `n` bytes to its end. */
void client_expect_chunked(int fd, size_t n);
/* The server ended the connection: in order, or by a reset. */
void client_expect_eof(int fd);
void client_expect_reset(int fd);
/* Nothing comes for that long. */
void client_expect_silence(int fd, int ms);
/* All that comes until the connection ends (in whatever way), NUL-terminated. */
size_t client_drain(int fd, char *out, size_t cap);

#endif
