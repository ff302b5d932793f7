/*
 * h2_frames.c - what nghttp2 tells of frames that came and went, and how its sessions are made.
 */
#include "base/check.h"
#include "session/h2_conn.h"

#include <pthread.h>

enum {
    WINDOW_BYTES = 1 << 20,   /* of request bodies that nobody has read yet */
    ACKS_MAX = 200,           /* of PING and SETTINGS, not sent yet */
    CONTINUATIONS_MAX = 16,   /* of a head: more than its limit has room for */
    HEAD_OUT_BYTES = 1 << 20, /* of a response; origins are held to less */
};

/* --- nghttp2's callbacks ------------------------------------------------------------------- */

static struct h2_stream *stream_by_id(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* RFC 9113 §6.3: an error, which nghttp2 does not look for any more. */
static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *head, void *conn)
{
    (void)ng;
    (void)conn;
    return head->type == NGHTTP2_PRIORITY && head->stream_id == 0 ? NGHTTP2_ERR_CALLBACK_FAILURE
                                                                  : 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *conn)
{
    struct h2 *c = conn;
    int32_t id = frame->hd.stream_id;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        c->reading = stream_by_id(ng, id);
        return 0;
    }
    c->reading = NULL;
    /* A stream that was reset counts until the handlers are through with it. */
    if (c->streams_n < (unsigned)c->session.owner->conf->h2_streams)
        c->reading = h2_stream_new(c, id);
    if (c->reading != NULL) {
        check(nghttp2_session_set_stream_user_data(ng, id, c->reading) == 0);
        return 0;
    }
    (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* its fields are decoded and forgotten */
}

static int malformed(struct h2 *c, int32_t id)
{
    (void)nghttp2_submit_rst_stream(c->ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *conn)
{
    struct h2 *c = conn;
    const struct h1_limits *limits = &c->session.owner->conf->limits;
    struct h2_stream *s = c->reading;
    struct span n = span_make((const char *)name, name_n);
    struct span v = span_make((const char *)value, value_n);

    (void)ng;
    (void)flags;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) { /* trailers: nobody reads them */
        s->head.bytes += name_n + value_n;
        return s->head.bytes <= limits->head_bytes ? 0 : malformed(c, s->id);
    }
    switch (h2_head_add(&s->head, &s->txn.arena, limits, n, v)) {
    case H2_FIELD_FINE:
        return 0;
    case H2_FIELD_MALFORMED:
        return malformed(c, s->id);
    case H2_FIELD_FLOOD:
        c->flood = H2_HEADS;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

/* nghttp2 would forget such a field and go on. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *conn)
{
    (void)ng;
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    (void)flags;
    return malformed(conn, frame->hd.stream_id);
}

static void windows_opened(struct h2 *c, int32_t id)
{
    list_each (n, &c->sending) {
        struct h2_stream *s = list_entry(n, struct h2_stream, sending);

        if (id == 0 || s->id == id)
            h2_window_opened(s);
    }
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *conn)
{
    struct h2 *c = conn;
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct h2_stream *s;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s = stream_by_id(ng, frame->hd.stream_id);
        if (s != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            h2_stream_serve(s, frame->hd.length, ended);
        else if (s != NULL && ended)
            h2_stream_ended(s);
        break;
    case NGHTTP2_DATA:
        s = ended ? stream_by_id(ng, frame->hd.stream_id) : NULL;
        if (s != NULL)
            h2_stream_ended(s);
        break;
    case NGHTTP2_PING:
        if (ended && c->state == H2_NOTICE) /* the same bit as ACK: it has heard the notice */
            h2_leave(c);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        windows_opened(c, frame->hd.stream_id);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(
    nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *conn)
{
    struct h2_stream *s = stream_by_id(ng, id);

    (void)flags;
    (void)conn;
    if (s != NULL)
        h2_stream_data(s, p, n);
    else
        (void)nghttp2_session_consume_connection(ng, n);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *conn)
{
    struct h2_stream *s = stream_by_id(ng, id);

    (void)error;
    (void)conn;
    if (s != NULL)
        h2_stream_closed(s);
    return 0;
}

static void head_sent(struct h2_stream *s, const nghttp2_frame *frame)
{
    s->txn.bytes_out += H2_FRAME_HEAD_BYTES + frame->hd.length;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        h2_stream_whole(s);
    else if (s->out.interims > 0)
        s->out.interims--;
}

/* What a client makes us reset costs as much as what it resets itself. */
static void reset_sent(struct h2 *c, const struct h2_stream *s, uint32_t error)
{
    if (error == NGHTTP2_NO_ERROR || (s != NULL && s->cut))
        return;
    if (s != NULL && !s->begun)
        session_count(c->session.owner, C_REQ_BAD, 1);
    h2_count(c, H2_RESETS);
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *conn)
{
    struct h2 *c = conn;
    struct h2_stream *s;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_RST_STREAM)
        return 0;
    s = stream_by_id(ng, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && s != NULL)
        head_sent(s, frame);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        reset_sent(c, s, frame->rst_stream.error_code);
    return 0;
}

static int on_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *conn)
{
    struct h2_stream *s =
        frame->hd.type == NGHTTP2_HEADERS ? stream_by_id(ng, frame->hd.stream_id) : NULL;

    (void)conn;
    if (s != NULL && error != NGHTTP2_ERR_STREAM_CLOSING && error != NGHTTP2_ERR_STREAM_CLOSED &&
        error != NGHTTP2_ERR_SESSION_CLOSING)
        h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* --- how sessions of nghttp2 are made ------------------------------------------------------ */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static void make_options(void)
{
    check(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_send_data);
    check(nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_outbound_ack(options, ACKS_MAX);
    nghttp2_option_set_max_send_header_block_length(options, HEAD_OUT_BYTES);
    nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
    nghttp2_option_set_max_continuations(options, CONTINUATIONS_MAX);
#endif
}

bool h2_session_begin(struct h2 *c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct session_conf *conf = c->session.owner->conf;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)conf->h2_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)conf->h2_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)conf->head_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},   /* RFC 9218 §2.1 */
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}, /* RFC 8441 */
    };

    int window = conf->h2_window > WINDOW_BYTES ? (int)conf->h2_window : WINDOW_BYTES;

    c->window = (size_t)conf->h2_window;
    pthread_once(&once, make_options);
    return nghttp2_session_server_new2(&c->ng, callbacks, c, options) == 0 &&
           nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0 &&
           nghttp2_session_set_local_window_size(c->ng, NGHTTP2_FLAG_NONE, 0, window) == 0;
}
