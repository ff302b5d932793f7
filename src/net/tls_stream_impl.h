/*
 * tls_stream_impl.h - what stream.c, tls_stream.c (OpenSSL's calls), tls_bio.c (the bytes between
 * OpenSSL and the socket) and tls_error.c (sentences) share. Private to these files.
 *
 * OpenSSL's writes never wait: tls_bio.c takes every record. Those of one call are gathered in a
 * buffer of the worker and sent at its end; what the socket does not take then is owed. So a call
 * of OpenSSL's can only ever wait for bytes to read.
 */
#ifndef NET_TLS_STREAM_IMPL_H
#define NET_TLS_STREAM_IMPL_H

#include "base/list.h"
#include "net/tls_stream.h"

enum {
    TLS_RECORD_BYTES = 16384,               /* RFC 8446 §5.1 */
    TLS_BATCH_BYTES = 65536,                /* of plain text, in one call of stream_writev() */
    TLS_OUT_BYTES = TLS_BATCH_BYTES + 2048, /* the same, and what its records add */
    TLS_OWED_MAX = 1 << 18, /* answers to a peer that reads none of them; far beyond any flight */
};

enum tls_end {
    TLS_OPEN,
    TLS_CLOSED, /* the peer has finished sending */
    TLS_BROKEN,
};

/* What the TLS streams of one worker share; made with the first of them, and kept. */
struct tls_worker {
    struct worker *worker; /* whose it is now */
    struct list ripe;      /* streams that have input beside the socket, and are waited for */
    struct ev_idle soon;   /* runs while there are such */
    size_t out_n;          /* gathered in `out`; 0 between calls */
    char out[TLS_OUT_BYTES];
    char plain[TLS_RECORD_BYTES]; /* pieces that go into one record */
};

struct tls_stream {
    SSL *ssl;                    /* owns */
    struct stream *stream;       /* borrowed: the one that has us */
    struct tls_worker *w;        /* borrowed */
    struct list node;            /* in w->ripe */
    char *owed;                  /* owns; records that the socket has not taken; NULL: none */
    size_t owed_at, owed_n;      /* what is left of them: from, and up to */
    enum tls_end end;            /* of reading */
    int read_error, write_error; /* errno of the socket; 0: none */
    bool server;
    bool kernel;    /* the kernel encrypts: data is written as over a plain socket */
    bool shaken;    /* the handshake is complete */
    bool more;      /* MSG_MORE for what is sent next */
    bool last;      /* the record that comes next is the last of this call */
    bool dry;       /* the socket had nothing when OpenSSL asked last */
    bool fin;       /* ... and never will */
    bool ripe;      /* a read gets further without the socket */
    bool ending;    /* nothing follows what is owed: then the socket's sending side is shut down */
    uint8_t quiet;  /* records without data in a row */
    uint32_t early; /* bytes sent since the last pause, as far as that matters */
    mono_ms wrote_ms; /* when the last were */
    enum tls_failure failure;
    const char *why; /* sentence; NULL: that of stream->error. In `text`, or static */
    BIO *socket;     /* owns; OpenSSL's own, when the kernel may encrypt; or NULL */
    char *text;      /* owns */
};

/* --- stream.c ----------------------------------------------------------------------------------
 */

/* What is waited for has changed: the owner's want, or whether something is owed. */
void stream_watch(struct stream *s);

/* --- tls_stream.c, as the calls of stream.h ----------------------------------------------------
 */

ssize_t tls_read(struct stream *s, void *dst, size_t n);
ssize_t tls_writev(struct stream *s, const struct iovec *v, int n, bool more);
void tls_shutdown_write(struct stream *s);
/* The SSL and all that is kept for it. `say`: close_notify, as far as the socket takes it. */
void tls_close(struct stream *s, bool say);
/* The socket is ready for `events`: those that concern the owner. */
unsigned tls_io(struct stream *s, unsigned events);
/* The owner's want has changed. */
void tls_wanted(struct stream *s);
/* It is another stream's now. */
void tls_moved(struct stream *s);

/* --- tls_bio.c ---------------------------------------------------------------------------------
 */

/* Puts itself under t->ssl. */
void tls_bio_attach(struct tls_stream *t);
/* Sends what was gathered. */
void tls_send(struct tls_stream *t);
/* True: nothing is owed any more. */
bool tls_send_owed(struct tls_stream *t);
static inline bool tls_owes(const struct tls_stream *t)
{
    return t->owed != NULL;
}

/* --- tls_error.c -------------------------------------------------------------------------------
 */

/* The stream is broken: by what OpenSSL's queue of errors says, which is empty afterwards. */
void tls_broken(struct tls_stream *t);
/* ... by what we know ourselves; `why` is static. */
void tls_broken_by(struct tls_stream *t, enum tls_failure failure, const char *why);
/* ... by the socket. */
void tls_broken_socket(struct tls_stream *t, int error);

#endif
