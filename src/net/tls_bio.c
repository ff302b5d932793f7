/* tls_bio.c - the bytes between OpenSSL and the socket. */
#include "base/check.h"
#include "net/tls_stream_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* until the process ends */

/* --- sending -----------------------------------------------------------------------------------
 */

/* The bytes taken, or -1 with write_error set when that is for ever. */
static ssize_t send_pieces(struct tls_stream *t, struct iovec *v, size_t n)
{
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = n};
    ssize_t sent;

    do
        sent = sendmsg(t->stream->fd, &msg, MSG_NOSIGNAL | (t->more ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        t->write_error = errno;
    return sent;
}

static void drop_owed(struct tls_stream *t)
{
    free(t->owed);
    t->owed = NULL;
    t->owed_at = t->owed_n = 0;
}

/* False: too much already. */
static bool owe(struct tls_stream *t, const char *data, size_t n)
{
    if (n == 0)
        return true;
    if (t->owed_n - t->owed_at + n > TLS_OWED_MAX) {
        t->write_error = ENOBUFS;
        return false;
    }
    if (t->owed_at > 0)
        memmove(t->owed, t->owed + t->owed_at, t->owed_n - t->owed_at);
    t->owed_n -= t->owed_at;
    t->owed_at = 0;
    t->owed = xrealloc(t->owed, t->owed_n + n);
    memcpy(t->owed + t->owed_n, data, n);
    t->owed_n += n;
    stream_watch(t->stream);
    return true;
}

/* What was gathered, and `data` behind it. False: write_error. */
static bool send_with(struct tls_stream *t, const char *data, size_t n)
{
    struct tls_worker *w = t->w;
    struct iovec v[2] = {{w->out, w->out_n}, {(void *)(uintptr_t)data, n}};
    size_t gathered = w->out_n, sent = 0;
    ssize_t got;

    w->out_n = 0;
    if (gathered + n == 0)
        return true;
    got = gathered > 0 ? send_pieces(t, v, n > 0 ? 2 : 1) : send_pieces(t, v + 1, 1);
    if (t->write_error != 0)
        return false;
    if (got > 0)
        sent = (size_t)got;
    if (sent < gathered)
        return owe(t, w->out + sent, gathered - sent) && owe(t, data, n);
    return owe(t, data + (sent - gathered), n - (sent - gathered));
}

void tls_send(struct tls_stream *t)
{
    (void)send_with(t, NULL, 0);
    t->more = t->last = false;
}

bool tls_send_owed(struct tls_stream *t)
{
    struct iovec v = {t->owed + t->owed_at, t->owed_n - t->owed_at};
    ssize_t sent = 0;

    if (!tls_owes(t))
        return true;
    t->more = false;
    if (t->write_error == 0)
        sent = send_pieces(t, &v, 1);
    if (sent > 0)
        t->owed_at += (size_t)sent;
    if (t->write_error == 0 && t->owed_at < t->owed_n)
        return false;
    drop_owed(t);
    stream_watch(t->stream);
    return true;
}

/* --- the kernel's TLS --------------------------------------------------------------------------
 *
 * Where the context allows it (SSL_OP_ENABLE_KTLS) and the kernel can, OpenSSL hands it the keys
 * for sending, by a BIO of its own beneath ours. From then on data bypasses OpenSSL, as over a
 * plain socket, and what OpenSSL still writes (alerts, tickets) goes through that BIO, which labels
 * it. Reading stays as it is.
 */

enum { KTLS_SET = 72, KTLS_SET_TYPE = 74, KTLS_CLEAR_TYPE = 75 }; /* in bio.h in a comment only */

static void offer_kernel(struct tls_stream *t)
{
    static const char name[] = "tls";

    if ((SSL_get_options(t->ssl) & SSL_OP_ENABLE_KTLS) == 0)
        return;
    if (setsockopt(t->stream->fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)) != 0)
        return; /* it cannot */
    t->socket = BIO_new_socket(t->stream->fd, BIO_NOCLOSE);
    check(t->socket != NULL);
}

static long give_keys(struct tls_stream *t, long sending, void *keys)
{
    if (t->socket == NULL || sending == 0 || !send_with(t, NULL, 0) || tls_owes(t))
        return 0;
    t->kernel = BIO_ctrl(t->socket, KTLS_SET, sending, keys) > 0;
    return t->kernel;
}

static int write_labelled(struct tls_stream *t, const char *data, size_t n, size_t *written)
{
    if (BIO_write_ex(t->socket, data, n, written) == 1)
        return 1;
    t->write_error = errno; /* also when it is full: there is no place to keep the label */
    return -1;
}

/* --- OpenSSL's side ----------------------------------------------------------------------------
 */

/* A record. It is always taken, unless the socket is broken. */
static int on_write(BIO *b, const char *data, size_t n, size_t *written)
{
    struct tls_stream *t = BIO_get_data(b);
    struct tls_worker *w = t->w;
    bool taken = true;

    BIO_clear_retry_flags(b);
    *written = 0;
    if (t->write_error != 0)
        return -1;
    if (t->kernel)
        return write_labelled(t, data, n, written);
    if (tls_owes(t)) {
        taken = owe(t, data, n);
    } else if (t->last || n > sizeof(w->out) - w->out_n) {
        taken = send_with(t, data, n);
    } else {
        memcpy(w->out + w->out_n, data, n);
        w->out_n += n;
    }
    *written = taken ? n : 0;
    return taken ? 1 : -1;
}

static int on_read(BIO *b, char *dst, size_t n, size_t *got)
{
    struct tls_stream *t = BIO_get_data(b);
    ssize_t r;

    BIO_clear_retry_flags(b);
    *got = 0;
    do
        r = recv(t->stream->fd, dst, n, 0);
    while (r < 0 && errno == EINTR);
    if (r > 0) {
        *got = (size_t)r;
        return 1;
    }
    if (r < 0 && errno != EAGAIN) {
        t->read_error = errno;
        return -1;
    }
    /* OpenSSL takes an end here for an attack and forgets the session: we judge it ourselves. */
    t->dry = true;
    t->fin = r == 0;
    BIO_set_retry_read(b);
    return -1;
}

static long on_ctrl(BIO *b, int command, long n, void *p)
{
    struct tls_stream *t = BIO_get_data(b);

    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1; /* done at the end of the call */
    case BIO_CTRL_GET_KTLS_SEND:
        return t->kernel;
    case KTLS_SET:
        return give_keys(t, n, p);
    case KTLS_SET_TYPE:
    case KTLS_CLEAR_TYPE:
        return t->kernel ? BIO_ctrl(t->socket, command, n, p) : 0;
    default:
        return 0;
    }
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    check(method != NULL);
    BIO_meth_set_write_ex(method, on_write);
    BIO_meth_set_read_ex(method, on_read);
    BIO_meth_set_ctrl(method, on_ctrl);
}

void tls_bio_attach(struct tls_stream *t)
{
    BIO *b;

    pthread_once(&once, make_method);
    b = BIO_new(method);
    check(b != NULL);
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    SSL_set_bio(t->ssl, b, b); /* for both: one reference */
    offer_kernel(t);
}
