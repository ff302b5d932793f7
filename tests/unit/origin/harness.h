/*
 * harness.h - for tests of origin/: a worker, origins from configuration text, a server that does
 * what a test's function says byte by byte, and fetches whose every call is written down.
 *
 * Assertions stand in the test's thread only; the server's thread reports by server_trouble().
 * Nothing waits longer than HARNESS_MS.
 */
#ifndef TESTS_ORIGIN_HARNESS_H
#define TESTS_ORIGIN_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/counters.h"
#include "origin/fetch.h"

#include <pthread.h>

enum { HARNESS_MS = 10000 };

/* --- the worker --------------------------------------------------------------------------- */

/* Group set-up and tear-down of cmocka. */
int harness_start(void **state);
int harness_stop(void **state);
/* Runs `fn` on the worker and waits for it. */
void harness_on_worker(void (*fn)(void *arg), void *arg);
struct fetcher *harness_fetcher(void);

/* The origin that the text of a block describes; lives until harness_stop(). */
struct origin *harness_origin(const char *fmt, ...) PRINTF(1, 2);

/* --- the server --------------------------------------------------------------------------- */

struct server {
    int listener;
    unsigned port;
    pthread_t thread;
    void (*script)(struct server *s);
    const void *arg;     /* the script's */
    char head[16][4096]; /* of requests, in the order they came */
    unsigned heads;
    unsigned accepted;
    char trouble[256];
};

/* Runs the script on a thread of its own. */
void server_start(struct server *s, void (*script)(struct server *s), const void *arg);
/* Waits for the script's end; it must have had no trouble. */
void server_join(struct server *s);

/* For scripts. -1 or false after the time is up or when the peer went away; `trouble` is set. */
int server_accept(struct server *s);
bool server_head(struct server *s, int fd);
bool server_body(struct server *s, int fd, char *dst, size_t n);
void server_say(struct server *s, int fd, struct span text);
/* The peer closes without a further byte. */
void server_expect_close(struct server *s, int fd);
/* Nobody connects while `ms` pass. */
void server_expect_nobody(struct server *s, int ms);
void server_trouble(struct server *s, const char *what);

/* --- fetches ------------------------------------------------------------------------------ */

struct ask {
    /* the question; method NULL: GET, target NULL: "/" */
    struct origin *origin;
    const char *method, *target;
    const char *fields[8][2]; /* up to the first without a name */
    const char *body;         /* NULL: none */
    bool chunked;
    size_t pull_at_once; /* bytes; 0: all */
    unsigned hungry;     /* so often pull() has nothing at first, and a timer says when it has */
    bool client_gone;    /* pull() fails after the body's text, and more was announced */
    bool client_ends;    /* pull() says the end there, and more was announced */
    size_t take_at_once; /* bytes; 0: all. What is left is asked for again by a timer, */
    int pause_ms;        /* after that time, at least 1; -1: by ask_go() */
    bool cancel_at_head, cancel_at_body;

    /* the answer */
    bool ended;
    unsigned heads, ends;
    int status;
    struct arena arena;
    struct fields head, trailers;
    enum http_body framing;
    bool has_content_length;
    uint64_t content_length;
    int interims[32];
    unsigned interims_n;
    struct buf got;
    enum fetch_end why;
    char detail[600];
    bool reused;
    bool wrong; /* calls in the wrong order */

    /* private */
    struct fetch *fetch;
    size_t pulled, body_n;
    ev_timer later;
    bool cancelled, full;
};

/* Asks and waits for the end (or the cancelling). */
void ask_run(struct ask *a);
/* The same in two steps, so that several are under way. */
void ask_start(struct ask *a);
/* ask_start() in its two halves, the second one for the worker. */
void ask_prepare(struct ask *a);
void ask_begin(void *ask);
void ask_wait(struct ask *a);
/* From the test's thread, while it runs. */
void ask_cancel(struct ask *a);
/* With pause_ms -1: waits until it took its first piece; takes all from now on. */
void ask_wait_full(struct ask *a);
void ask_go(struct ask *a);
void ask_free(struct ask *a);

/* The value of the head's first field of that name, or "". */
const char *ask_field(struct ask *a, const char *name);
/* What was got is exactly this. */
void ask_expect(struct ask *a, enum fetch_end why, int status, const char *body);

#endif
