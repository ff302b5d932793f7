/*
 * stream.h - a connected socket that tells when it is ready, plain or with TLS (tls_stream.h).
 *
 * The owner reads and writes when it wants to and asks for readiness when a call says
 * STREAM_AGAIN. Thread: the worker it was opened on. SIGPIPE must be ignored by the process.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "loop/worker.h"
#include "net/addr.h"

#include <sys/types.h>
#include <sys/uio.h>

enum {
    STREAM_EOF = 0,    /* the peer finished sending */
    STREAM_AGAIN = -1, /* not now: stream_want() and wait */
    STREAM_ERROR = -2, /* broken: close it; stream_error() says why */
};

enum stream_events { STREAM_READ = 1, STREAM_WRITE = 2 };

struct tls_stream;

struct stream {
    struct worker *worker;  /* borrowed */
    int fd;                 /* owns */
    struct ev_io io;        /* private */
    unsigned want;          /* private: enum stream_events asked for */
    int error;              /* errno of the last STREAM_ERROR */
    struct tls_stream *tls; /* private: owns; NULL: plain */
    void (*ready)(struct stream *s, unsigned events);
};

/* Takes over a connected non-blocking fd. `s` is embedded in its owner. Nothing is wanted yet. */
void stream_open(
    struct stream *s, struct worker *w, int fd, void (*ready)(struct stream *s, unsigned events));
/* Goes on as `to`, with another owner; `from`, which is open, is not afterwards. Nothing is wanted
 * yet. */
void stream_move(
    struct stream *to, struct stream *from, void (*ready)(struct stream *s, unsigned events));
/* Only one that is open. The memory stays the owner's. */
void stream_close(struct stream *s);
/* Closes so that the peer sees a reset: what is left unsent is thrown away. */
void stream_reset(struct stream *s);
/* False before stream_open() on zeroed memory, too. */
bool stream_is_open(const struct stream *s);

/* > 0 bytes, STREAM_EOF (reading only), STREAM_AGAIN or STREAM_ERROR. n > 0. */
MUST_USE ssize_t stream_read(struct stream *s, void *dst, size_t n);
/* The same for a plain stream, and the bytes stay in the socket: the next read finds them again. */
MUST_USE ssize_t stream_peek(struct stream *s, void *dst, size_t n);
/* `more`: the rest of a packet follows at once; the kernel holds a short one back for up to 200 ms.
 */
MUST_USE ssize_t stream_writev(struct stream *s, const struct iovec *v, int n, bool more);
/* Bytes that were written and that the socket has not taken (TLS only): they go out by themselves,
 * but not after stream_close(). When they have, ready(STREAM_WRITE) comes to who wants it. */
size_t stream_owes(const struct stream *s);
/* Bytes of a file, of a stream that can. A file that ends before `offset` is a STREAM_ERROR. */
MUST_USE ssize_t stream_sendfile(struct stream *s, int fd, int64_t offset, size_t n);
/* Of bytes, no more than that are taken by one stream_writev(), however much room there is. */
size_t stream_takes(const struct stream *s);
/* Whether stream_sendfile() is possible and cheap: plain sockets, and TLS where the kernel
 * encrypts. Over TLS that is so from the handshake on, or never. */
bool stream_can_sendfile(const struct stream *s);

/* Replaces the set of events that ready() is called for, level triggered; 0 for none. */
void stream_want(struct stream *s, unsigned events);
const char *stream_error(const struct stream *s);

/* Who connected to a Unix socket, as the kernel saw it then (SO_PEERCRED). False: no such socket.
 */
struct stream_process {
    int pid; /* 0: not in a namespace that we see */
    unsigned uid;
};
MUST_USE bool stream_process(const struct stream *s, struct stream_process *out);
void stream_shutdown_write(struct stream *s);

#endif
