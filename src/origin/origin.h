/*
 * origin.h - a named group of servers, or a directory of files, that holds the truth.
 *
 * Part of the configuration: built by conf.c on main's thread, immutable while workers run, but for
 * `pools`, in which each worker has one slot that nobody else touches. Names of servers are
 * resolved when they are connected to. Text lives in the configuration's arena.
 */
#ifndef ORIGIN_ORIGIN_H
#define ORIGIN_ORIGIN_H

#include "base/span.h"
#include "base/thread.h"
#include "http/h1_parse.h"

#include <stdbool.h>
#include <stdint.h>

struct origin_pool;
struct tls_client;

/* One that speaks HTTP/1.1, over TLS or not. */
struct origin_server {
    struct span host;  /* name or literal, NUL-terminated, an IPv6 address without brackets */
    unsigned port;     /* 1 .. 65535 */
    const char *label; /* "127.0.0.1:8000", for logs */
    bool tls;          /* https:// */
};

struct origin_options {
    int64_t connect_timeout_ms;    /* for a connection to one server, names and waiting included */
    int64_t first_byte_timeout_ms; /* from the request's last byte to the response's first */
    int64_t between_bytes_timeout_ms; /* between any two pieces, either way */
    int64_t max_connections;          /* per worker, to all servers together */
    int64_t max_idle;                 /* kept connections per worker */
    int64_t keepalive_ms;             /* how long one is kept; 0: none is */
    uint64_t line_bytes, head_bytes;  /* limits of response heads */
    int64_t fields;
    struct span host; /* value of Host; empty: what the request says */
    bool dot_files;   /* directory: serve names that begin with a dot */
    struct span ca;   /* https: a PEM file of those to be trusted; empty: the system's */
    struct span certificate, key; /* https: our own, PEM files; empty: none */
    struct span sni;              /* https: the name to ask for and to verify; empty: the host */
    bool insecure;                /* https: no certificate is verified */
};
enum { ORIGIN_SERVERS_MAX = 64 };

struct origin {
    struct span name; /* of the block, or the place as written; NUL-terminated */
    struct origin_options options;
    struct h1_limits limits;       /* the options' */
    struct origin_server *servers; /* in the order of the text */
    unsigned servers_n;
    const char *directory;  /* absolute or as written; NULL: servers */
    struct tls_client *tls; /* owns; NULL: no server is reached by https */

    struct origin_pool *pools[THREADS_MAX]; /* by worker; pool.c's */
};

static inline bool origin_is_directory(const struct origin *o)
{
    return o->directory != NULL;
}

#endif
