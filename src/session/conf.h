/*
 * conf.h - limits and timeouts of client connections, and their directives.
 */
#ifndef SESSION_CONF_H
#define SESSION_CONF_H

#include "base/clock.h"
#include "conf/directive.h"
#include "http/h1_parse.h"
#include "net/network.h"

#include <stdint.h>

/* `max-connections-per-client` */
struct client_limit {
    int64_t most; /* 0: any number */
    struct network_list except;
};

struct session_conf {
    uint64_t line_bytes;     /* request line */
    uint64_t head_bytes;     /* request head, request line included */
    int64_t fields;          /* field lines of a request */
    uint64_t body_max_bytes; /* larger request bodies are a 413 */
    mono_ms head_timeout_ms; /* whole request head, from its first byte */
    mono_ms body_timeout_ms; /* between two reads of a request body */
    uint64_t body_rate;      /* bytes of it in a second, beyond body_timeout_ms; 0: any */
    mono_ms idle_timeout_ms; /* between requests */
    mono_ms send_timeout_ms; /* without the client taking a byte */
    uint64_t send_rate;      /* bytes of it that it takes in a second (pace.h); 0: any */
    int64_t connections_max; /* of all workers together */
    struct client_limit client_limit;
    int64_t h2_streams;      /* of an HTTP/2 connection at a time */
    uint64_t h2_window;      /* bytes of a request body that a stream may be ahead of its reader */
    struct h1_limits limits; /* the first three, as the parser takes them */
};

extern const struct directive session_directives[];

/* How much longer a client is waited for that has sent, or taken, `total` bytes while we waited so
 * long: `timeout_ms`, and in all no longer than that and what `rate` (bytes in a second; 0: any)
 * allows for those bytes. */
mono_ms session_patience(mono_ms timeout_ms, uint64_t rate, mono_ms waited_ms, uint64_t total);

/* Sets `limits` from what was configured. */
void session_conf_close(struct session_conf *c);

#endif
