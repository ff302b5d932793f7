/*
 * conf.h - what every daemon's configuration has: workers, sockets, logs, how it stops; the
 * directives stand beside it.
 *
 * A member of the daemon's own configuration, over which its tables are laid:
 *
 *   .tables = {{daemon_directives, offsetof(struct edge_conf, daemon)},
 *       {tls_directives, offsetof(struct edge_conf, daemon.tls)}, ...}
 *
 * What may stand behind `listen ADDRESS` is the daemon's affair: it has the row, and makes an entry
 * by listen_conf_add(). Built by main(); immutable then.
 */
#ifndef DAEMON_CONF_H
#define DAEMON_CONF_H

#include "base/log.h"
#include "conf/directive.h"
#include "conf/value.h"
#include "net/tls_conf.h"
#include "session/sessions.h"

struct listen_conf {
    struct value_listen addr;
    struct span text; /* as written */
    struct session_door door;
    bool tls;
    int use; /* the daemon's own */
    struct conf_place at;
    struct listen_conf *next;
};

struct daemon_conf {
    struct span path; /* of the file; n == 0: the command line */
    int64_t workers;
    struct span control;
    struct listen_conf *listens, *metrics;
    struct span error_log; /* n == 0: standard error */
    int error_log_level;
    int64_t stop_grace_ms;
    struct tls_conf tls; /* with clients */
    bool tls_only;       /* all listeners speak TLS */
};

extern const struct directive daemon_directives[];

/* What open() of main begins with: the values that are no preset's. */
void daemon_conf_init(struct daemon_conf *c);
/* When everything stands: workers counted, certificates read. `or_add` ends the sentence that a TLS
 * listener without any certificate gets: what else could be written. */
void daemon_conf_close(struct conf_load *l, struct daemon_conf *c, const char *or_add);
void daemon_conf_free(struct daemon_conf *c);

/* Another entry at the end of the list, with the address of argument 0. NULL: reported. */
struct listen_conf *listen_conf_add(
    struct conf_load *l, struct listen_conf **list, const struct conf_node *node);
/* The words behind `proxy`, argument `at`, which are the last: from NETWORK... */
void listen_conf_proxy(
    struct conf_load *l, struct listen_conf *n, const struct conf_node *node, unsigned at);

#endif
