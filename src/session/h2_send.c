/*
 * h2_send.c - responses on their way out: frames of all streams that can go on, in the order of
 * their priorities (RFC 9218, nghttp2's scheduler), gathered into one writev().
 *
 * Bodies are not copied: a DATA frame's bytes are written from where the reader has them, and the
 * reader is told when they are gone. What a socket does not take of a batch is copied once and goes
 * first next time; so nothing that happens to a stream can leave a frame half written. A batch is
 * small at first and grows as long as the socket takes all of it, so little is ever left.
 *
 * There is no sendfile() here: between frame headers a file would be sent in pieces of 16 KiB, two
 * calls for each.
 */
#include "base/check.h"
#include "cache/reader.h"
#include "session/h2_conn.h"

#include <string.h>

enum {
    TEXT_BYTES = 48 * 1024,      /* of frames but bodies, and small bodies */
    TEXT_FRAME_BYTES = 17 << 10, /* room for any frame that is no body */
    PIECES = 16,                 /* of one frame's body */
    IOVS = 128,
    COPY_BYTES = 2048, /* a smaller body is cheaper to copy than to point at */
    BURST_MIN = 32 * 1024,
    BURST_MAX = 128 * 1024,                              /* of one write */
    DATA_FRAME_BYTES = H2_FRAME_HEAD_BYTES + (16 << 10), /* at most; what ends a batch */
    TURN_BYTES = 1 << 20, /* then other connections have their turn */
    INTERIMS_MAX = 4,     /* of a stream, not sent yet */
    STATUS_LEN = 3,
    HEAD_FEW = 40, /* fields of most responses */
};

/* What goes out with one write; on the stack of h2_flush(). */
struct h2_batch {
    size_t bytes;
    int v_n;
    int spent_n;
    int found_n;
    bool full; /* more could be framed than there is room for */
    size_t text_n;
    struct piece found[PIECES]; /* of the next DATA frame's body */
    struct iovec v[IOVS];
    struct {
        struct h2_stream *stream;
        size_t n;
    } spent[IOVS]; /* what readers are to be told after the write */
    char text[TEXT_BYTES];
};

/* No batch is larger than what the stream takes in one call: the rest would be copied, and the
 * connection would wait for a socket that has room. */
static size_t burst_max(const struct h2 *c)
{
    size_t takes = stream_takes(&c->session.stream);

    return takes < BURST_MAX + DATA_FRAME_BYTES ? takes - DATA_FRAME_BYTES : BURST_MAX;
}

void h2_send_init(struct h2 *c)
{
    c->burst = BURST_MIN;
    pace_begin(&c->pace, c->session.owner->conf);
    buf_init(&c->left, BURST_MAX + TEXT_BYTES + TEXT_FRAME_BYTES);
}

/* --- heads --------------------------------------------------------------------------------- */

/* nghttp2 copies the list, and takes the texts as they are. */
struct head {
    struct arena *arena; /* borrowed from the txn; the texts are there */
    nghttp2_nv *nv;
    size_t n, cap;
    nghttp2_nv few[HEAD_FEW];
};

static void head_begin(struct head *h, struct arena *a)
{
    h->arena = a;
    h->nv = h->few;
    h->n = 0;
    h->cap = HEAD_FEW;
}

static void head_grow(struct head *h)
{
    nghttp2_nv *more = arena_alloc(h->arena, 2 * h->cap * sizeof(*more));

    memcpy(more, h->nv, h->n * sizeof(*more));
    h->nv = more;
    h->cap *= 2;
}

static void add(struct head *h, struct span name, struct span value, unsigned flags)
{
    if (h->n == h->cap)
        head_grow(h);
    /* The texts live in the txn's arena, or longer: until the frame is made, or never will be. */
    h->nv[h->n++] = (nghttp2_nv){
        .name = (uint8_t *)name.p,
        .value = (uint8_t *)value.p,
        .namelen = name.n,
        .valuelen = value.n,
        .flags = (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | flags),
    };
}

static struct span lower_copy(struct arena *a, struct span name)
{
    char *text = arena_alloc(a, name.n);

    for (size_t i = 0; i < name.n; i++)
        text[i] = ascii_lower(name.p[i]);
    return span_make(text, name.n);
}

/* "Name: value" CRLF lines, which become theirs: names are made lower case in place. */
static void add_lines(struct head *h, char *p, char *end, unsigned flags)
{
    while (p < end) {
        struct span name, value;
        char *eol, *start = p;

        for (; *p != ':'; p++)
            *p = ascii_lower(*p);
        name = span_make(start, (size_t)(p - start));
        p += p[1] == ' ' ? 2 : 1;
        eol = memchr(p, '\r', (size_t)(end - p));
        check(eol != NULL);
        value = span_make(p, (size_t)(eol - p));
        add(h, name, value, flags);
        p = eol + 2;
    }
}

static void add_text(struct head *h, struct span text, unsigned flags)
{
    char *copy;

    if (text.n == 0)
        return;
    copy = arena_alloc(h->arena, text.n);
    memcpy(copy, text.p, text.n);
    add_lines(h, copy, copy + text.n, flags);
}

static void add_fields(struct head *h, const struct fields *fields)
{
    fields_each (f, fields)
        add(h, lower_copy(h->arena, f->name), f->value, 0);
}

/* Of fields that are gone before the frame is made. */
static void add_copies(struct head *h, const struct fields *fields)
{
    fields_each (f, fields)
        add(h, lower_copy(h->arena, f->name), arena_dup(h->arena, f->value), 0);
}

static void add_status(struct head *h, int status)
{
    char *text = arena_alloc(h->arena, STATUS_LEN);

    text[0] = (char)('0' + status / 100);
    text[1] = (char)('0' + status / 10 % 10);
    text[2] = (char)('0' + status % 10);
    add(h, SPAN(":status"), span_make(text, STATUS_LEN), 0);
}

static void add_length(struct head *h, uint64_t length)
{
    char *text = arena_alloc(h->arena, SPAN_U64_MAX);

    add(h, SPAN("content-length"), span_make(text, span_put_u64(text, length)), 0);
}

/* What is the answer's own (Age, Cache-Status) differs from one to the next: it is not to push
 * anything out of the client's table. */
static void add_head(struct head *h, const struct txn_response *r)
{
    add_status(h, r->upgrade.n > 0 ? 200 : r->status); /* RFC 8441 §5.1 */
    if (r->head_text.n > 0)
        add_text(h, span_from(r->head_text, span_find(r->head_text, '\n') + 1), 0);
    else
        add_fields(h, r->fields);
    add_text(h, r->more, NGHTTP2_NV_FLAG_NO_INDEX);
    if (r->length >= 0 && (!r->no_body || r->announce_length))
        add_length(h, (uint64_t)r->length);
}

void h2_interim(struct txn *t, int status, const struct fields *fields)
{
    struct h2_stream *s = stream_of(t);
    struct head h;

    if (s->out.responded || s->closed || s->out.interims >= INTERIMS_MAX)
        return;
    head_begin(&h, &t->arena);
    add_status(&h, status);
    if (fields != NULL)
        add_copies(&h, fields);
    if (nghttp2_submit_headers(s->conn->ng, NGHTTP2_FLAG_NONE, s->id, NULL, h.nv, h.n, NULL) == 0)
        s->out.interims++;
    h2_kick(s->conn);
}

/* --- bodies -------------------------------------------------------------------------------- */

static size_t sum(const struct piece *p, int n)
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += p[i].data.n;
    return bytes;
}

/* Without the first `skip` bytes. */
static int drop(struct piece *p, int n, size_t skip)
{
    int at = 0;

    while (at < n && skip >= p[at].data.n)
        skip -= p[at++].data.n;
    if (at < n)
        p[at].data = span_from(p[at].data, skip);
    memmove(p, p + at, (size_t)(n - at) * sizeof(*p));
    return n - at;
}

/* The next bytes of the body that are there, up to `want`, as b->found. */
static size_t find_body(struct h2_stream *s, struct h2_batch *b, size_t want)
{
    struct h2_out *o = &s->out;

    b->found_n = 0;
    if (o->r.length >= 0 && (uint64_t)o->r.length - o->framed < want)
        want = (size_t)((uint64_t)o->r.length - o->framed);
    if (want == 0)
        return 0;
    if (o->r.reader != NULL) {
        b->found_n = reader_pieces(o->r.reader, b->found, PIECES, o->promised + want);
        b->found_n = drop(b->found, b->found_n, o->promised);
    } else {
        struct span rest = span_from(o->r.body, (size_t)o->framed);

        b->found[0] = (struct piece){.data = span_make(rest.p, rest.n < want ? rest.n : want)};
        b->found_n = rest.n > 0;
    }
    return sum(b->found, b->found_n);
}

static bool source_ended(const struct h2_out *o)
{
    if (o->r.reader != NULL)
        return reader_at_end(o->r.reader);
    return o->framed == o->r.body.n;
}

static bool source_cut(const struct h2_out *o)
{
    return o->r.reader != NULL && reader_state(o->r.reader) == READ_CUT;
}

/* END_STREAM goes with the trailers, if there are any. */
static void add_trailers(struct h2_stream *s, uint32_t *flags)
{
    struct span text = SPAN_EMPTY;
    struct head h;

    if (s->out.r.trailers && s->out.r.reader != NULL)
        text = reader_trailers(s->out.r.reader);
    if (text.n == 0)
        return;
    head_begin(&h, &s->txn.arena);
    add_text(&h, text, 0);
    if (nghttp2_submit_trailer(s->conn->ng, s->id, h.nv, h.n) == 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

/* Nothing is there for a frame: why? */
static ssize_t nothing_found(struct h2_stream *s, struct h2_batch *b, uint32_t *flags)
{
    struct h2_out *o = &s->out;

    if (o->promised > 0) { /* the reader must hear of that first */
        b->full = true;
        return NGHTTP2_ERR_PAUSE;
    }
    if (!source_ended(o) && !source_cut(o)) {
        o->starved = true;
        list_remove(&s->sending);
        h2_window_opened(s);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (source_cut(o) || o->r.length >= 0) {
        s->cut = true;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_COPY;
    add_trailers(s, flags);
    return 0;
}

/* nghttp2 has come to a stream that may send, and asks for a frame. */
static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *dst, size_t n, uint32_t *flags,
    nghttp2_data_source *source, void *conn)
{
    struct h2_stream *s = source->ptr;
    struct h2_batch *b = ((struct h2 *)conn)->batch;
    size_t found;

    (void)ng;
    (void)id;
    (void)dst;
    if (b->bytes >= s->conn->burst || b->v_n + PIECES + 2 > IOVS || b->spent_n == IOVS ||
        b->text_n + TEXT_FRAME_BYTES > TEXT_BYTES) {
        b->full = true;
        return NGHTTP2_ERR_PAUSE;
    }
    found = find_body(s, b, n);
    if (found == 0)
        return nothing_found(s, b, flags);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->out.framed + found == (uint64_t)s->out.r.length)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)found;
}

/* --- a batch ------------------------------------------------------------------------------- */

static void put_text(struct h2_batch *b, const void *p, size_t n)
{
    char *to = b->text + b->text_n;
    struct iovec *last = b->v_n > 0 ? &b->v[b->v_n - 1] : NULL;

    memcpy(to, p, n);
    b->text_n += n;
    b->bytes += n;
    if (last != NULL && (char *)last->iov_base + last->iov_len == to)
        last->iov_len += n;
    else
        b->v[b->v_n++] = (struct iovec){to, n};
}

static void spend(struct h2_stream *s, size_t n)
{
    if (s->out.r.reader != NULL)
        reader_consume(s->out.r.reader, n, false);
}

/* The pieces that were found last go out: as copies if there is little of them. */
static void put_body(struct h2_batch *b, struct h2_stream *s, size_t n)
{
    bool copy = n <= COPY_BYTES && s->out.promised == 0;

    for (int i = 0; i < b->found_n; i++) {
        struct span data = b->found[i].data;

        if (copy) {
            put_text(b, data.p, data.n);
            continue;
        }
        b->v[b->v_n++] = (struct iovec){(void *)data.p, data.n};
        b->bytes += data.n;
    }
    if (copy) {
        spend(s, n);
        return;
    }
    s->out.promised += n;
    b->spent[b->spent_n].stream = s;
    b->spent[b->spent_n++].n = n;
}

int h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
    nghttp2_data_source *source, void *conn)
{
    struct h2_stream *s = source->ptr;
    struct h2 *c = conn;
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    put_text(c->batch, head, H2_FRAME_HEAD_BYTES);
    if (length > 0)
        put_body(c->batch, s, length);
    s->out.framed += length;
    s->txn.bytes_out += H2_FRAME_HEAD_BYTES + length;
    s->txn.body_bytes_out += length;
    h2_guard_sent_data(&c->guard);
    if (s->out.stalls_since != 0)
        h2_window_opened(s);
    if (ends)
        h2_stream_whole(s);
    (void)ng;
    return 0;
}

/* False: nghttp2 has no memory. */
static bool fill(struct h2 *c, struct h2_batch *b)
{
    while (b->text_n + TEXT_FRAME_BYTES <= TEXT_BYTES && b->v_n + 1 < IOVS) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->ng, &p);

        if (n <= 0)
            return n == 0;
        put_text(b, p, (size_t)n);
    }
    b->full = true;
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

static void sent_bytes(struct h2 *c, size_t n)
{
    session_count(c->session.owner, C_CLIENT_BYTES_OUT, n);
    pace_handed(&c->pace, n);
    deadline_clear(&c->send);
}

/* Copies what is behind the first `sent` bytes. */
static bool keep_rest(struct h2 *c, const struct h2_batch *b, size_t sent)
{
    for (int i = 0; i < b->v_n; i++) {
        struct span piece = span_make(b->v[i].iov_base, b->v[i].iov_len);
        size_t skip = sent < piece.n ? sent : piece.n;

        sent -= skip;
        if (!buf_append(&c->left, span_from(piece, skip)))
            return false;
    }
    return true;
}

static void settle(struct h2_batch *b)
{
    for (int i = 0; i < b->spent_n; i++) {
        struct h2_stream *s = b->spent[i].stream;

        s->out.promised -= b->spent[i].n;
        spend(s, b->spent[i].n);
    }
}

/* Streams that nghttp2 closed while their frames were not written. */
static void end_closed(struct h2 *c)
{
    list_each_safe (n, &c->ending) {
        struct h2_stream *s = list_entry(n, struct h2_stream, ending);

        if (s->why != TXN_SENT || c->left.n == 0)
            h2_stream_end(s, s->why);
    }
}

static enum h2_sent blocked(struct h2 *c)
{
    c->burst = BURST_MIN;
    if (c->send.at_ms == 0)
        deadline_set(&c->send, pace_wait(&c->pace, c->session.owner->conf, &c->session.stream));
    return H2_SENT_BLOCKED;
}

static enum h2_sent write_left(struct h2 *c)
{
    struct iovec v = {c->left.p, c->left.n};
    ssize_t sent = stream_writev(&c->session.stream, &v, 1, false);

    if (sent == STREAM_AGAIN)
        return blocked(c);
    if (sent < 0)
        return H2_SENT_BROKEN;
    sent_bytes(c, (size_t)sent);
    buf_consume(&c->left, (size_t)sent);
    if (c->left.n > 0)
        return blocked(c);
    buf_free(&c->left);
    return H2_SENT_ALL;
}

static enum h2_sent write_batch(struct h2 *c, struct h2_batch *b)
{
    ssize_t sent = stream_writev(&c->session.stream, b->v, b->v_n, false);
    enum h2_sent how = H2_SENT_ALL;

    if (sent > 0)
        sent_bytes(c, (size_t)sent);
    if (sent == STREAM_AGAIN)
        sent = 0;
    if (sent < 0)
        how = H2_SENT_BROKEN;
    else if ((size_t)sent < b->bytes)
        how = keep_rest(c, b, (size_t)sent) ? blocked(c) : H2_SENT_BROKEN;
    else if (c->burst < burst_max(c))
        c->burst = c->burst * 2 < burst_max(c) ? c->burst * 2 : burst_max(c);
    settle(b);
    return how;
}

void h2_window_opened(struct h2_stream *s)
{
    struct h2_out *o = &s->out;

    if (o->stalls_since != 0)
        o->stalled_ms += worker_now(s->txn.worker) - o->stalls_since;
    o->stalls_since = 0;
    deadline_clear(&s->send);
}

/* All streams that could go on have gone: those that have more to send wait for their client to
 * open a window. */
static void wait_for_windows(struct h2 *c)
{
    const struct session_conf *conf = c->session.owner->conf;

    list_each (n, &c->sending) {
        struct h2_stream *s = list_entry(n, struct h2_stream, sending);

        if (s->out.stalls_since != 0)
            continue;
        s->out.stalls_since = worker_now(s->txn.worker);
        deadline_set(&s->send, session_patience(conf->send_timeout_ms, conf->send_rate,
                                   s->out.stalled_ms, s->out.framed));
    }
}

/* One batch; *bytes: of it. */
static enum h2_sent flush_batch(struct h2 *c, size_t *bytes, bool *more)
{
    struct h2_batch b;
    enum h2_sent how = H2_SENT_ALL;
    bool good;

    b.bytes = b.text_n = 0;
    b.v_n = b.spent_n = b.found_n = 0;
    b.full = false;
    c->batch = &b;
    good = fill(c, &b);
    if (b.v_n > 0)
        how = write_batch(c, &b);
    c->batch = NULL;
    end_closed(c);
    *bytes = b.bytes;
    *more = b.full;
    return good ? how : H2_SENT_BROKEN;
}

enum h2_sent h2_flush(struct h2 *c)
{
    size_t turn = 0, bytes;
    bool more = true;

    if (c->left.n > 0) {
        enum h2_sent how = write_left(c);

        if (how != H2_SENT_ALL)
            return how;
        end_closed(c);
    }
    while (more) {
        enum h2_sent how = flush_batch(c, &bytes, &more);

        if (how != H2_SENT_ALL)
            return how;
        turn += bytes;
        if (turn >= TURN_BYTES && more)
            return H2_SENT_BLOCKED;
    }
    wait_for_windows(c);
    return H2_SENT_ALL;
}

/* --- the txn's calls ----------------------------------------------------------------------- */

void h2_respond(struct txn *t, const struct txn_response *r)
{
    struct h2_stream *s = stream_of(t);
    struct h2_out *o = &s->out;
    const nghttp2_data_provider source = {.source.ptr = s, .read_callback = read_body};
    bool has_body = !r->no_body && r->length != 0;
    struct head h;

    check(!o->responded);
    o->r = *r;
    o->responded = true;
    s->body.switched = r->upgrade.n > 0;
    h2_kick(s->conn);
    if (s->closed)
        return;
    head_begin(&h, &t->arena);
    add_head(&h, r);
    if (nghttp2_submit_response(s->conn->ng, s->id, h.nv, h.n, has_body ? &source : NULL) != 0)
        h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
    else if (has_body)
        list_append(&s->conn->sending, &s->sending);
}

void h2_wake(struct txn *t)
{
    struct h2_stream *s = stream_of(t);

    if (!s->out.starved)
        return;
    s->out.starved = false;
    if (s->closed)
        return;
    list_append(&s->conn->sending, &s->sending);
    (void)nghttp2_session_resume_data(s->conn->ng, s->id);
    h2_kick(s->conn);
}
