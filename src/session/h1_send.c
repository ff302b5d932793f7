/*
 * h1_send.c - a response on its way out: the head and a small body in one writev(), larger pieces
 * by sendfile() from the cache's memory where the socket can.
 */
#include "base/check.h"
#include "cache/reader.h"
#include "http/h1_write.h"
#include "http/status.h"
#include "session/h1_conn.h"

#include <string.h>

enum {
    PIECES = 16,
    BURST_BYTES = 17 << 16,     /* a MiB and its head; then other connections have their turn */
    SENDFILE_MIN_BYTES = 16384, /* below that, copying is cheaper */
    CHUNK_BYTES = 1 << 20,      /* of one chunk at most */
};

static void pend(struct h1_out *o, struct span text)
{
    if (text.n == 0)
        return;
    check(o->pending_n < (int)ARRAY_LEN(o->pending));
    o->pending[o->pending_n++] = text;
}

static void sent_bytes(struct h1 *c, size_t n)
{
    c->txn.bytes_out += n;
    session_count(c->session.owner, C_CLIENT_BYTES_OUT, n);
    deadline_clear(&c->send);
    pace_handed(&c->pace, n);
}

static char *put(char *at, struct span s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_length(char *at, uint64_t length)
{
    at = put(at, SPAN("Content-Length: "));
    at += span_put_u64(at, length);
    return put(at, SPAN("\r\n"));
}

/* The end of the head: further fields, framing, connection, empty line. */
static struct span head_tail(struct h1 *c)
{
    struct h1_out *o = &c->out;
    const struct txn_response *r = &o->r;
    int minor = c->txn.request.minor;
    char *text = arena_alloc(&c->txn.arena, r->more.n + r->upgrade.n + 128);
    char *at = text;

    if (r->more.n > 0)
        at = put(at, r->more);
    if (o->chunked)
        at = put(at, SPAN("Transfer-Encoding: chunked\r\n"));
    else if (r->length >= 0 && (!r->no_body || r->announce_length))
        at = put_length(at, (uint64_t)r->length);
    if (r->upgrade.n > 0) {
        at = put(at, SPAN("Connection: Upgrade\r\nUpgrade: "));
        at = put(at, r->upgrade);
        at = put(at, SPAN("\r\n"));
    } else if (o->close)
        at = put(at, SPAN("Connection: close\r\n"));
    else if (minor == 0)
        at = put(at, SPAN("Connection: keep-alive\r\n"));
    at = put(at, SPAN("\r\n"));
    return span_make(text, (size_t)(at - text));
}

/* The head from fields, for responses that are not sent as they were stored. */
static struct span head_of_fields(struct h1 *c)
{
    const struct txn_response *r = &c->out.r;
    size_t bytes = 64;
    struct buf b;
    struct span text;

    fields_each (f, r->fields)
        bytes += f->name.n + f->value.n + 4;
    buf_init(&b, bytes + 64);
    check(h1_status_write(&b, r->status, SPAN_EMPTY));
    fields_each (f, r->fields)
        check(h1_field_write(&b, f->name, f->value));
    text = arena_dup(&c->txn.arena, buf_span(&b));
    buf_free(&b);
    return text;
}

void h1_interim(struct txn *t, int status, const struct fields *fields)
{
    struct h1 *c = conn_of(t);
    struct buf b;
    struct iovec v;

    if (t->request.minor == 0 || c->out.responded || c->out.pending_n >= 2)
        return;
    buf_init(&b, c->session.owner->conf->limits.head_bytes);
    if (h1_status_write(&b, status, SPAN_EMPTY)) {
        bool ok = true;

        if (fields != NULL) {
            fields_each (f, fields)
                ok = ok && h1_field_write(&b, f->name, f->value);
        }
        if (ok && buf_append(&b, SPAN("\r\n"))) {
            ssize_t sent = 0;

            v = (struct iovec){b.p, b.n};
            if (c->out.pending_n == 0)
                sent = stream_writev(&c->session.stream, &v, 1, false);
            if (sent > 0)
                sent_bytes(c, (size_t)sent);
            else
                sent = 0; /* a broken connection shows again with the response */
            pend(&c->out, arena_dup(&t->arena, span_from(buf_span(&b), (size_t)sent)));
            h1_kick(c); /* sends the rest */
        }
    }
    buf_free(&b);
}

/* Whether the connection must end with this response. */
static bool must_close(const struct h1 *c)
{
    const struct txn_response *r = &c->out.r;
    const struct http_request *req = &c->txn.request;

    if (r->close || !req->keep_alive || c->eof || c->session.owner->draining)
        return true;
    if (!r->no_body && r->length < 0 && req->minor == 0)
        return true; /* only the end of the connection ends the body */
    return !h1_body_is_short(c);
}

void h1_respond(struct txn *t, const struct txn_response *r)
{
    struct h1 *c = conn_of(t);
    struct h1_out *o = &c->out;

    check(!o->responded);
    o->r = *r;
    o->responded = true;
    o->chunked = !r->no_body && r->length < 0 && t->request.minor >= 1 && r->upgrade.n == 0;
    o->close = r->upgrade.n > 0 || must_close(c);
    if (r->upgrade.n > 0)
        h1_body_switch(c);
    o->text_left = r->body;
    pend(o, r->head_text.n > 0 ? r->head_text : head_of_fields(c));
    pend(o, head_tail(c));
    h1_kick(c);
}

/* Body pieces that can go now, from the reader or the text. */
static int pieces(struct h1 *c, struct piece *out, size_t bytes)
{
    struct h1_out *o = &c->out;

    if (o->r.no_body)
        return 0;
    if (o->r.reader != NULL)
        return reader_pieces(o->r.reader, out, PIECES, bytes);
    if (o->text_left.n == 0)
        return 0;
    out[0] = (struct piece){
        .data = span_make(o->text_left.p, o->text_left.n < bytes ? o->text_left.n : bytes),
        .fd = -1,
    };
    return 1;
}

static bool source_at_end(struct h1 *c)
{
    const struct h1_out *o = &c->out;

    if (o->r.no_body)
        return true;
    if (o->r.reader != NULL)
        return reader_at_end(o->r.reader);
    return o->text_left.n == 0;
}

static bool source_cut(struct h1 *c)
{
    return !c->out.r.no_body && c->out.r.reader != NULL &&
           reader_state(c->out.r.reader) == READ_CUT;
}

static void body_sent(struct h1 *c, size_t bytes, bool by_file)
{
    struct h1_out *o = &c->out;

    if (bytes == 0)
        return;
    o->body_sent += bytes;
    c->txn.body_bytes_out += bytes;
    if (o->chunked)
        o->chunk_left -= bytes;
    if (o->r.reader != NULL)
        reader_consume(o->r.reader, bytes, by_file);
    else
        o->text_left = span_from(o->text_left, bytes);
}

/* Takes `sent` bytes off the pending text; returns what is left of it for the body. */
static size_t pending_sent(struct h1_out *o, size_t sent)
{
    int i = 0;

    while (i < o->pending_n && sent >= o->pending[i].n)
        sent -= o->pending[i++].n;
    if (i < o->pending_n && sent > 0) {
        o->pending[i] = span_from(o->pending[i], sent);
        sent = 0;
    }
    o->pending_n -= i;
    memmove(o->pending, o->pending + i, (size_t)o->pending_n * sizeof(o->pending[0]));
    return sent;
}

/* Opens a chunk for what is there, or writes the last one. The end of the chunk before goes out
 * together with the head of the next. */
static void frame_chunk(struct h1_out *o, size_t have, bool whole)
{
    bool first = o->body_sent == 0;
    size_t n = 0;

    if (!first)
        n = (size_t)(put(o->chunk_text, CHUNK_TAIL) - o->chunk_text);
    if (have > 0) {
        n += chunk_head(o->chunk_text + n, have);
        o->chunk_left = have;
    } else if (whole) {
        n = (size_t)(put(o->chunk_text + n, SPAN("0\r\n")) - o->chunk_text);
        o->last_chunk = true;
    } else {
        return;
    }
    pend(o, span_make(o->chunk_text, n));
    if (o->last_chunk && o->r.trailers && o->r.reader != NULL)
        pend(o, reader_trailers(o->r.reader));
    if (o->last_chunk)
        pend(o, SPAN("\r\n"));
}

static size_t sum(const struct piece *p, int n)
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += p[i].data.n;
    return bytes;
}

static bool by_file(const struct h1 *c, const struct piece *p)
{
    return p->fd >= 0 && p->data.n >= SENDFILE_MIN_BYTES && stream_can_sendfile(&c->session.stream);
}

/* Pending text and what follows it up to the first piece for sendfile(), in one call. */
static ssize_t write_some(struct h1 *c, const struct piece *p, int n)
{
    struct h1_out *o = &c->out;
    struct iovec v[ARRAY_LEN(o->pending) + PIECES];
    int k = 0, i = 0;
    ssize_t sent;

    for (; k < o->pending_n; k++)
        v[k] = (struct iovec){(void *)o->pending[k].p, o->pending[k].n};
    for (; i < n && !by_file(c, &p[i]); i++)
        v[k++] = (struct iovec){(void *)p[i].data.p, p[i].data.n};
    sent = stream_writev(&c->session.stream, v, k, i < n);
    if (sent > 0) {
        sent_bytes(c, (size_t)sent);
        body_sent(c, pending_sent(o, (size_t)sent), false);
    }
    return sent;
}

static ssize_t send_file(struct h1 *c, const struct piece *p)
{
    ssize_t sent = stream_sendfile(&c->session.stream, p->fd, p->offset, p->data.n);

    if (sent > 0) {
        sent_bytes(c, (size_t)sent);
        body_sent(c, (size_t)sent, true);
    }
    return sent;
}

static size_t room_for_body(const struct h1_out *o, size_t burst)
{
    size_t room = BURST_BYTES - burst;

    if (o->chunked && o->chunk_left > 0)
        return o->chunk_left < room ? (size_t)o->chunk_left : room;
    if (o->chunked)
        return room < CHUNK_BYTES ? room : CHUNK_BYTES;
    if (o->r.length >= 0 && (uint64_t)o->r.length - o->body_sent < room)
        return (size_t)((uint64_t)o->r.length - o->body_sent);
    return room;
}

/* Nothing to send: why? */
static enum h1_sent nothing_left(struct h1 *c)
{
    struct h1_out *o = &c->out;

    if (o->r.length >= 0 && o->body_sent == (uint64_t)o->r.length)
        return SENT_ALL; /* what was announced is there; the source's end is its own affair */
    if (!source_at_end(c))
        return source_cut(c) ? SENT_CUT : SENT_STARVED;
    if (source_cut(c) || (!o->r.no_body && o->r.length >= 0))
        return SENT_CUT;
    return SENT_ALL;
}

static enum h1_sent blocked(struct h1 *c)
{
    if (c->send.at_ms == 0)
        deadline_set(&c->send, pace_wait(&c->pace, c->session.owner->conf, &c->session.stream));
    return SENT_BLOCKED;
}

enum h1_sent h1_send(struct h1 *c)
{
    struct h1_out *o = &c->out;
    struct piece p[PIECES];
    size_t burst = 0;

    while (burst < BURST_BYTES) {
        size_t room = room_for_body(o, burst);
        int n = room > 0 && !o->last_chunk ? pieces(c, p, room) : 0;
        ssize_t sent;

        if (o->chunked && o->chunk_left == 0 && !o->last_chunk) {
            if (o->pending_n + 3 <= (int)ARRAY_LEN(o->pending))
                frame_chunk(o, sum(p, n), n == 0 && source_at_end(c) && !source_cut(c));
            else
                n = 0; /* no room for a chunk's head before this is sent */
        }
        if (o->pending_n == 0 && n == 0) {
            enum h1_sent how = nothing_left(c);

            /* It may be the last: nothing goes out after a close. */
            return how == SENT_ALL && stream_owes(&c->session.stream) > 0 ? blocked(c) : how;
        }
        sent = o->pending_n == 0 && by_file(c, &p[0]) ? send_file(c, &p[0]) : write_some(c, p, n);
        if (sent == STREAM_AGAIN)
            return blocked(c);
        if (sent < 0)
            return SENT_BROKEN;
        burst += (size_t)sent;
    }
    return SENT_BLOCKED;
}
