/*
 * daemon.h - what selvaged and selvage-director have in common: workers and their sockets, signals,
 * readiness, the operator's door, from start to stop.
 *
 * A daemon's own server.c opens what is its own in between and says in a struct daemon_ops what
 * its workers do:
 *
 *   daemon_new()          signals are blocked from here on, workers exist without threads
 *   daemon_open_*()       log, TLS, listening sockets, control socket: all that can fail
 *   daemon_run()          threads; ready; until TERM, INT or QUIT; drain, and by force at the end
 * of the grace daemon_wait()         all workers have ended daemon_close()        their sockets,
 * the control socket, the logs' last lines daemon_free()         the rest; from daemon_run() on a
 * bound on how long all that takes: closing.h
 *
 * main() only, but for the ops that run on a worker.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "admin/admin.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "daemon/conf.h"
#include "loop/worker.h"
#include "net/listen.h"
#include "net/tls_server.h"

#include <pthread.h>
#include <signal.h>

struct change_order;
struct closing;
struct daemon;
struct daemon_load;
struct tls_keeper;
struct tls_server;

/* The exit status of a daemon. */
enum daemon_exit { DAEMON_FINE = 0, DAEMON_FAILED = 1, DAEMON_FORCED = 2, DAEMON_UNCLEAN = 3 };

struct daemon_ops {
    /* On a worker's thread: before its loop runs; then what its listeners accept, a connected
     * non-blocking socket that is the callee's from now on. */
    void (*begin)(struct worker *w);
    void (*accepted)(struct worker *w, const struct listen_conf *at, int fd,
        const struct addr *peer, const struct addr *local);
    /* The listeners are closed: ends with worker_quit() when what is in flight has ended... */
    void (*drain)(struct worker *w);
    /* ... or at once. */
    void (*force)(struct worker *w);
    /* The loop has ended. */
    void (*end)(struct worker *w);

    /* On main's thread; each may be NULL. */
    void (*ready)(struct daemon *d);       /* all workers run */
    void (*stopping)(struct daemon *d);    /* told to stop; workers drain */
    bool (*reopen_logs)(struct daemon *d); /* USR1: those of its own; false with errno */
    void (*hang_up)(struct daemon *d);     /* HUP */
    void (*woken)(struct daemon *d);       /* daemon_wake() */
};

/* One of a worker's listeners. */
struct daemon_listener {
    struct listener listener; /* first */
    const struct listen_conf *conf;
    struct daemon_listener *next;
};

/* The first member of what the daemon keeps for each of its workers, to which worker->app points.
 */
struct daemon_worker {
    struct worker *worker;               /* owns */
    struct daemon *daemon;               /* borrowed */
    struct daemon_listener *listeners;   /* owns */
    struct message drain, force, change; /* from main */
};

/* A socket's descriptors for each worker, at one address. */
struct daemon_socket {
    const struct listen_conf *conf;
    struct addr bound;
    int *fds; /* owns until workers have them; NULL: they have */
    struct daemon_socket *next;
};

struct daemon {
    const char *name;               /* "selvaged" */
    struct daemon_conf *conf;       /* borrowed */
    const struct daemon_ops *ops;   /* borrowed */
    void *app;                      /* the daemon's own */
    struct daemon_worker **workers; /* owns, not what they point to; workers_n of them */
    unsigned workers_n;
    struct daemon_socket *sockets; /* owns; where it listens */
    struct tls_server *tls;        /* owns; or NULL: no listener speaks TLS */
    struct tls_server_options tls_options;
    struct tls_keeper *tls_keeper; /* owns; runs beside the workers; or NULL */
    struct admin *admin;           /* owns; lives on the first worker */
    struct daemon_load *load;      /* owns; the same */
    char *path;                    /* owns; of the configuration; "": the command line */
    char *control;                 /* owns; the socket's path, */
    struct value_listen metrics;   /* and what the configuration of the start said of this */
    mono_ms started_ms;
    _Atomic int running; /* workers that have not ended */
    _Atomic bool stopping;
    /* private */
    pthread_t main_thread;
    bool (*wanted)(const struct listen_conf *l);
    struct change_order *order; /* while one is made */
    sigset_t signals;
    bool tls_kept; /* its keeper hangs, and uses it still */
    struct closing *closing;
};

/* `worker_of`: what `app` has for a worker, 0 to conf->workers - 1; borrowed until daemon_free().
 */
struct daemon *daemon_new(const char *name, struct daemon_conf *conf, const struct daemon_ops *ops,
    void *app, struct daemon_worker *(*worker_of)(void *app, unsigned i));

/* Each: false, and a sentence is in the error log. */
MUST_USE bool daemon_open_log(struct daemon *d);
/* If any listener speaks TLS. The options' conf and time are filled in. */
void daemon_open_tls(struct daemon *d, struct tls_server_options options);
/* A socket for each worker at each address that `wanted` says yes to (NULL: all): TCP, or Unix. */
MUST_USE bool daemon_open_listeners(struct daemon *d, bool (*wanted)(const struct listen_conf *l));
/* *conf's facts, counters, routes and app; name and sockets are filled in. */
MUST_USE bool daemon_open_admin(struct daemon *d, const struct admin_conf *conf);

/* What is to be the exit status, if nothing else is found later. */
enum daemon_exit daemon_run(struct daemon *d);

/* Another configuration while it runs: first all that can fail, then what cannot. */
struct daemon_change {
    struct daemon_conf *conf;
    struct daemon_socket
        *sockets; /* of `conf`, in its order; with descriptors those that are new */
};
/* False: nothing is open, and `why` has the sentence. */
MUST_USE bool daemon_change_open(
    struct daemon *d, struct daemon_conf *conf, struct daemon_change *c, struct listen_why *why);
void daemon_change_drop(struct daemon *d, struct daemon_change *c);
/* Each worker calls take_over(), then listens where it now shall; all have when this returns. What
 * the log writes, and to where, changes too, and certificates. */
void daemon_change_make(struct daemon *d, struct daemon_change *c,
    void (*take_over)(struct worker *w, void *app), void *app);
/* From any thread: main calls ops->woken() soon. */
void daemon_wake(struct daemon *d);

/* At how many addresses it listens. */
unsigned daemon_sockets(const struct daemon *d);

void daemon_wait(struct daemon *d);
void daemon_close(struct daemon *d);
/* NULL is fine; *d becomes NULL. */
void daemon_free(struct daemon **d);

/* What an admin_conf's facts() begins with: all but what is the daemon's own. */
void daemon_facts(struct daemon *d, struct arena *a, struct admin_facts *out);

#endif
