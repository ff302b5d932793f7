#include "net/tls_stream.h"

#include "base/check.h"
#include "base/thread.h"
#include "net/error.h"
#include "net/tls_stream_impl.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALL_RECORD_BYTES = 1369,            /* with its frame, in a packet of any common size */
    EARLY_BYTES = 6 * SMALL_RECORD_BYTES, /* in small records, after a pause */
    PAUSE_MS = 1000,
    QUIET_MAX = 32, /* records without data in a row */
};

/* By index of the worker; a worker's own thread only. */
static struct tls_worker *tls_workers[THREADS_MAX];

/* --- input beside the socket -------------------------------------------------------------------
 *
 * OpenSSL reads ahead: what is left of that wakes nobody. Such streams are called once per
 * iteration of the loop, as the socket would do it.
 */

static void on_soon(struct ev_loop *loop, struct ev_idle *soon, int events)
{
    struct tls_worker *w = container_of(soon, struct tls_worker, soon);
    struct list now;
    struct list *n;

    (void)loop;
    (void)events;
    list_init(&now);
    while ((n = list_pop(&w->ripe)) != NULL)
        list_append(&now, n);
    while ((n = list_pop(&now)) != NULL) {
        struct tls_stream *t = list_entry(n, struct tls_stream, node);

        list_append(&w->ripe, n);                 /* until it is read */
        ev_idle_start(w->worker->loop, &w->soon); /* the one before may have been the last */
        t->stream->ready(t->stream, STREAM_READ);
    }
}

static struct tls_worker *tls_worker_of(struct worker *worker)
{
    struct tls_worker **slot = &tls_workers[worker->index];

    if (*slot == NULL) {
        *slot = xmalloc(sizeof(**slot));
        (*slot)->worker = NULL;
        list_init(&(*slot)->ripe);
    }
    if ((*slot)->worker != worker) {
        check(list_empty(&(*slot)->ripe)); /* nothing is left of the one before */
        (*slot)->worker = worker;
        (*slot)->out_n = 0;
        ev_idle_init(&(*slot)->soon, on_soon);
        ev_set_priority(&(*slot)->soon, EV_MAXPRI - 1); /* sockets do not starve it */
    }
    return *slot;
}

/* In the list while it is ripe and its owner wants to read. */
static void settle(struct tls_stream *t)
{
    struct tls_worker *w = t->w;
    bool call = t->ripe && (t->stream->want & STREAM_READ) != 0;

    if (call != list_empty(&t->node))
        return;
    if (call) {
        list_append(&w->ripe, &t->node);
        ev_idle_start(w->worker->loop, &w->soon);
        return;
    }
    list_remove(&t->node);
    if (list_empty(&w->ripe))
        ev_idle_stop(w->worker->loop, &w->soon);
}

static void set_ripe(struct tls_stream *t, bool ripe)
{
    t->ripe = ripe;
    settle(t);
}

void tls_wanted(struct stream *s)
{
    settle(s->tls);
}

void tls_moved(struct stream *s)
{
    s->tls->stream = s;
    if (tls_owes(s->tls))
        stream_watch(s);
}

/* --- opening -----------------------------------------------------------------------------------
 */

void stream_begin_tls(struct stream *s, SSL *ssl)
{
    struct tls_stream *t = xcalloc(1, sizeof(*t));

    check(stream_is_open(s) && s->tls == NULL);
    t->ssl = ssl;
    t->stream = s;
    t->w = tls_worker_of(s->worker);
    t->server = SSL_is_server(ssl) == 1;
    list_init(&t->node);
    s->tls = t;
    tls_bio_attach(t);
    SSL_set_read_ahead(ssl, 1); /* not a call for each header, and one for each body */
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* each record without data comes to be counted */
    SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

void stream_open_tls(struct stream *s, struct worker *w, int fd, SSL *ssl,
    void (*ready)(struct stream *s, unsigned events))
{
    stream_open(s, w, fd, ready);
    stream_begin_tls(s, ssl);
}

SSL *stream_ssl(const struct stream *s)
{
    return s->tls != NULL ? s->tls->ssl : NULL;
}

static const struct tls_stream *tls_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

enum tls_failure tls_failure_of(const SSL *ssl)
{
    return tls_of(ssl)->failure;
}

const char *tls_error_of(const SSL *ssl)
{
    return stream_error(tls_of(ssl)->stream);
}

/* --- what a call of OpenSSL's comes to ---------------------------------------------------------
 */

static const char *too_early(const struct tls_stream *t)
{
    return t->shaken ? "the connection was closed without close_notify"
                     : "the connection was closed during the TLS handshake";
}

static void peer_gone(struct tls_stream *t)
{
    if (t->server && t->shaken)
        t->end = TLS_CLOSED;
    else
        tls_broken_by(t, TLS_FAILURE_ENDED, too_early(t));
}

/* A call has failed. True: it is to be made again, a record without data was dealt with. False: it
 * waits for the socket, or it is the end. */
static bool may_go_on(struct tls_stream *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        if (t->dry) {
            if (t->fin)
                peer_gone(t);
            return false;
        }
        if (++t->quiet <= QUIET_MAX)
            return true;
        tls_broken_by(t, TLS_FAILURE_OTHER, "the peer sends TLS messages, but no data");
        return false;
    case SSL_ERROR_ZERO_RETURN:
        t->end = TLS_CLOSED;
        return false;
    case SSL_ERROR_SYSCALL:
        tls_broken_socket(t, t->read_error != 0 ? t->read_error : t->write_error);
        return false;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: /* a callback of the SSL's wants to be asked again */
    case SSL_ERROR_WANT_X509_LOOKUP:
        return false;
    default:
        tls_broken(t);
        return false;
    }
}

static void prepare(struct tls_stream *t)
{
    ERR_clear_error(); /* or SSL_get_error() would find what others left */
    t->dry = false;
}

int stream_handshake(struct stream *s)
{
    struct tls_stream *t = s->tls;
    int result = 0;

    while (!t->shaken && t->end == TLS_OPEN) {
        prepare(t);
        result = SSL_do_handshake(t->ssl);
        if (result == 1)
            t->shaken = true;
        else if (!may_go_on(t, result))
            break;
    }
    if (t->end == TLS_CLOSED)
        tls_broken_by(t, TLS_FAILURE_ENDED, too_early(t));
    tls_send(t); /* an alert, too */
    if (t->end != TLS_OPEN)
        return STREAM_ERROR;
    if (!t->shaken)
        return STREAM_AGAIN;
    t->quiet = 0;
    set_ripe(t, SSL_has_pending(t->ssl) == 1);
    return STREAM_DONE;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static ssize_t end_of(const struct tls_stream *t)
{
    switch (t->end) {
    case TLS_OPEN:
        return STREAM_AGAIN;
    case TLS_CLOSED:
        return STREAM_EOF;
    case TLS_BROKEN:
        break;
    }
    return STREAM_ERROR;
}

/* The next data, of one record at most; 0: none now. */
static size_t read_record(struct tls_stream *t, char *dst, size_t n)
{
    size_t got;
    int result;

    do {
        prepare(t);
        result = SSL_read_ex(t->ssl, dst, n, &got);
        if (result > 0) {
            t->quiet = 0;
            return got;
        }
    } while (may_go_on(t, result));
    return 0;
}

ssize_t tls_read(struct stream *s, void *dst, size_t n)
{
    struct tls_stream *t = s->tls;
    size_t got = 0;

    check(n > 0);
    while (got < n && t->end == TLS_OPEN) {
        size_t more = read_record(t, (char *)dst + got, n - got);

        got += more;
        if (more == 0 || SSL_has_pending(t->ssl) == 0)
            break;
    }
    tls_send(t); /* answers to messages after the handshake, and alerts */
    set_ripe(t, t->end != TLS_OPEN || (!t->dry && SSL_has_pending(t->ssl) == 1));
    return got > 0 ? (ssize_t)got : end_of(t);
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Where a call stands in its pieces. */
struct cursor {
    const struct iovec *v;
    int n;
    size_t at; /* in the first of them */
};

static void skip_empty(struct cursor *c)
{
    while (c->n > 0 && c->at == c->v->iov_len) {
        c->v++;
        c->n--;
        c->at = 0;
    }
}

/* Up to `n` bytes in one piece: where they are, or gathered in `scratch`. */
static struct span next_piece(struct cursor *c, size_t n, char *scratch)
{
    size_t here = c->v->iov_len - c->at, got = 0;
    const char *p = (const char *)c->v->iov_base + c->at;

    if (here >= n || c->n == 1) {
        here = here < n ? here : n;
        c->at += here;
        skip_empty(c);
        return span_make(p, here);
    }
    while (c->n > 0 && got < n) {
        here = c->v->iov_len - c->at;
        here = here < n - got ? here : n - got;
        memcpy(scratch + got, (const char *)c->v->iov_base + c->at, here);
        got += here;
        c->at += here;
        skip_empty(c);
    }
    return span_make(scratch, got);
}

static size_t record_size(const struct tls_stream *t)
{
    return t->early < EARLY_BYTES ? SMALL_RECORD_BYTES : TLS_RECORD_BYTES;
}

static void count_early(struct tls_stream *t, size_t n)
{
    if (t->early < EARLY_BYTES)
        t->early += (uint32_t)n;
}

static ssize_t write_failed(struct stream *s)
{
    struct tls_stream *t = s->tls;

    if (t->end == TLS_BROKEN)
        return STREAM_ERROR; /* of which something is known already */
    s->error = t->write_error;
    return STREAM_ERROR;
}

ssize_t tls_writev(struct stream *s, const struct iovec *v, int n, bool more)
{
    struct tls_stream *t = s->tls;
    mono_ms now = worker_now(s->worker);
    struct cursor c = {v, n, 0};
    size_t sent = 0;
    bool failed = false;

    if (!tls_send_owed(t))
        return STREAM_AGAIN;
    if (t->write_error != 0 || t->end == TLS_BROKEN)
        return write_failed(s);
    if (now - t->wrote_ms > PAUSE_MS)
        t->early = 0;
    t->wrote_ms = now;
    skip_empty(&c);
    while (c.n > 0 && sent < TLS_BATCH_BYTES) {
        size_t room = TLS_BATCH_BYTES - sent, size = record_size(t), wrote;
        struct span piece = next_piece(&c, size < room ? size : room, t->w->plain);
        int result;

        t->last = c.n == 0 || sent + piece.n == TLS_BATCH_BYTES;
        t->more = more || c.n > 0;
        prepare(t);
        result = SSL_write_ex(t->ssl, piece.p, piece.n, &wrote);
        if (result <= 0) {
            failed = true;
            if (t->write_error == 0)
                tls_broken(t);
            break;
        }
        check(wrote == piece.n); /* tls_bio.c takes all */
        sent += piece.n;
        count_early(t, piece.n);
    }
    tls_send(t);
    return sent > 0 || !failed ? (ssize_t)sent : write_failed(s);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void say_close_notify(struct tls_stream *t)
{
    if (!t->shaken || t->end == TLS_BROKEN || t->write_error != 0 ||
        (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    prepare(t);
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    tls_send(t);
}

void tls_shutdown_write(struct stream *s)
{
    struct tls_stream *t = s->tls;

    say_close_notify(t);
    t->ending = true;
    if (tls_send_owed(t))
        (void)!shutdown(s->fd, SHUT_WR);
}

void tls_close(struct stream *s, bool say)
{
    struct tls_stream *t = s->tls;

    if (say) {
        say_close_notify(t);
        (void)tls_send_owed(t);
    }
    t->stream->want = 0;
    set_ripe(t, false);
    /* However a connection ends, its session is good (RFC 5246 §7.2.1), or OpenSSL knows. */
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    BIO_free(t->socket);
    free(t->owed);
    free(t->text);
    free(t);
    s->tls = NULL;
}

unsigned tls_io(struct stream *s, unsigned events)
{
    struct tls_stream *t = s->tls;

    if ((events & STREAM_WRITE) != 0 && tls_owes(t)) {
        if (!tls_send_owed(t))
            events &= ~(unsigned)STREAM_WRITE;
        else if (t->ending)
            (void)!shutdown(s->fd, SHUT_WR);
    }
    return events & s->want;
}
