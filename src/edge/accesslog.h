/*
 * accesslog.h - one line per request: who asked for what, what the cache did, how long it took.
 *
 * A worker hands over a flat record; text is made by the log's writer thread (base/sink.h), so a
 * request pays for two copies of a few hundred bytes. Formats: `combined` (as Apache and nginx
 * write it, followed by cache status and times) and `json` (one object per line).
 */
#ifndef EDGE_ACCESSLOG_H
#define EDGE_ACCESSLOG_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/span.h"
#include "net/addr.h"

#include <stdint.h>

struct sink;

enum access_format { ACCESS_COMBINED, ACCESS_JSON };

/* Cache status as access logs of this field spell it; CACHE_NONE is "-". */
enum cache_word {
    CACHE_NONE,
    CACHE_HIT,
    CACHE_PARTIAL, /* the head was stored, and the first slice that was needed was not */
    CACHE_MISS,
    CACHE_EXPIRED,
    CACHE_STALE,
    CACHE_UPDATING,
    CACHE_REVALIDATED,
    CACHE_BYPASS,
};
const char *cache_word_text(enum cache_word w);

struct access_record {
    wall_ms at_ms; /* when the response ended */
    struct addr peer;
    struct span method, target, host, referer, user_agent;
    struct span server;   /* of the origin, empty when none was asked */
    struct span detail;   /* why, in a word: the detail of Cache-Status */
    const char *protocol; /* "HTTP/1.1"; static */
    const char *tls;      /* "TLSv1.3"; static; NULL: a plain connection */
    const char *cipher;   /* static */
    bool resumed;         /* the TLS session */
    struct span sni;      /* the name that the client asked for in its ClientHello */
    int status;
    enum cache_word cache;
    uint64_t bytes_out, body_bytes_out, bytes_in;
    int64_t total_us;      /* from the head's last byte in to the response's last byte out */
    int64_t first_byte_us; /* to the first byte out; -1: none */
    int64_t origin_us;     /* to the origin's head; -1: none was asked */
    uint64_t connection;
    unsigned nth;
    const char *end; /* "sent", "cut", "client-gone", "timeout" */
};

/* NULL path: standard error. NULL with errno when it cannot be opened. */
struct sink *access_log_open(const char *path, enum access_format format);
void access_log_put(struct sink *s, const struct access_record *r);

#endif
