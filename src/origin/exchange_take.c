#include "origin/exchange.h"

#include "base/log.h"

enum { INTERIM_MAX = 16 };

/* How long the origin keeps the connection: Keep-Alive: timeout=5 (RFC 2068 §19.7.1.1), less a
 * second for what is on its way. */
static mono_ms keep_time(const struct exchange *x, const struct fields *fields)
{
    mono_ms ms = x->fetch.origin->options.keepalive_ms;
    struct field_list it = field_list_of(fields, FIELD_KEEP_ALIVE);
    struct span member;
    uint64_t s;

    while (field_list_next(&it, &member)) {
        if (span_istarts(member, SPAN("timeout=")) && span_u64(span_from(member, 8), &s) &&
            s < (uint64_t)ms / 1000 + 1)
            ms = s > 0 ? (mono_ms)(s - 1) * 1000 : 0;
    }
    return ms;
}

/* 1xx: 100 is for us, a 101 was not asked for (RFC 9110 §15.2.2), others are passed on. */
static void take_interim(struct exchange *x, const struct http_response *resp)
{
    if (resp->status == 101) {
        exchange_finish(x, FETCH_BAD_RESPONSE, "101 without being asked");
        return;
    }
    if (++x->interims > INTERIM_MAX) {
        exchange_finish(x, FETCH_BAD_RESPONSE, "too many interim responses");
        return;
    }
    x->waiting = WAITING_NONE; /* a new time for the first byte */
    if (resp->status != 100 && x->fetch.handlers->interim != NULL)
        x->fetch.handlers->interim(x->fetch.ctx, resp);
    x->used += x->scan.used;
    h1_scan_init(&x->scan, &x->fetch.origin->limits);
}

static void log_answer(const struct exchange *x, int status)
{
    struct span line = buf_span(&x->head);

    line.n = span_find(line, '\r');
    log_msg(LOG_DEBUG, "origin %s (%s): %.*s: %d%s", x->fetch.origin->name.p, x->fetch.info.server,
        SPAN_ARG(line), status, x->fetch.info.reused ? ", on a kept connection" : "");
}

/* No content belongs to this response, but an origin that gets it wrong would send some: after
 * HEAD, or with fields that announce it (RFC 9112 §6.3). */
static bool is_suspect(const struct exchange *x, const struct http_response *resp)
{
    return resp->body == BODY_NONE &&
           (x->method == METHOD_HEAD || (resp->has_content_length && resp->content_length > 0) ||
               fields_has(&resp->fields, FIELD_TRANSFER_ENCODING));
}

static void take_final(struct exchange *x, const struct http_response *resp)
{
    struct fetch *f = &x->fetch;

    x->used += x->scan.used;
    x->state = EXCHANGE_BODY;
    x->framing = resp->body;
    x->left = resp->body == BODY_LENGTH ? resp->content_length : 0;
    x->keep = resp->keep_alive;
    x->keep_ms = keep_time(x, &resp->fields);
    x->suspect = is_suspect(x, resp);
    x->whole = x->framing == BODY_NONE || (x->framing == BODY_LENGTH && x->left == 0);
    if (x->framing == BODY_CHUNKED)
        chunked_init(&x->chunked, &f->origin->limits, &f->arena);
    log_answer(x, resp->status);
    f->handlers->head(f->ctx, resp);
}

/* The origin switches to what it was asked to (RFC 9110 §7.8): from here on nothing is HTTP. */
static bool switches(const struct exchange *x, const struct http_response *resp)
{
    return x->upgrade && resp->status == 101 && x->sending == SENDING_DONE &&
           fields_list_has(&resp->fields, FIELD_CONNECTION, SPAN("upgrade")) &&
           fields_has(&resp->fields, FIELD_UPGRADE);
}

static void take_switch(struct exchange *x, struct http_response *resp)
{
    resp->body = BODY_UNTIL_CLOSE;
    resp->keep_alive = false;
    x->switched = true;
    x->kind = BODY_UNTIL_CLOSE;
    x->sending = SENDING_BODY;
    take_final(x, resp);
    if (!exchange_ended(x))
        exchange_send(x); /* what the client sent meanwhile */
}

/* False: more bytes are needed, or it failed. */
static bool take_head(struct exchange *x)
{
    struct span in = span_from(buf_span(&x->in), x->used);
    struct http_response resp;

    switch (h1_response_parse(&x->scan, in, x->method, &x->fetch.arena, &resp)) {
    case H1_MORE:
        return false;
    case H1_BAD:
        exchange_finish(x, FETCH_BAD_RESPONSE, x->scan.why);
        return false;
    case H1_OK:
        if (switches(x, &resp))
            take_switch(x, &resp);
        else if (resp.status < 200)
            take_interim(x, &resp);
        else
            take_final(x, &resp);
        return !exchange_ended(x);
    }
    return false;
}

static void response_whole(struct exchange *x)
{
    const struct fields *trailers = &x->chunked.trailers;

    x->whole = true;
    if (x->framing == BODY_CHUNKED && trailers->n > 0 && x->fetch.handlers->trailers != NULL)
        x->fetch.handlers->trailers(x->fetch.ctx, trailers);
    if (!x->fetch.cancelled)
        exchange_finish(x, FETCH_DONE, "whole");
}

static void take_chunks(struct exchange *x, struct span in)
{
    const char *from = in.p;

    switch (chunked_next(&x->chunked, &in, &x->fetch.pending)) {
    case CHUNKED_MORE:
    case CHUNKED_DATA:
        break;
    case CHUNKED_END:
        x->whole = true;
        break;
    case CHUNKED_BAD:
        fetch_explain(&x->fetch, "the response was cut: %s", x->chunked.why);
        fetch_finish(&x->fetch, FETCH_CUT);
        break;
    }
    x->used += (size_t)(in.p - from);
}

/* What was received to fetch.pending, or `whole`. False: more bytes are needed. */
static bool take_body(struct exchange *x)
{
    struct span in = span_from(buf_span(&x->in), x->used);

    if (x->whole)
        return true;
    if (in.n == 0)
        return false;
    switch (x->framing) {
    case BODY_LENGTH:
        if (in.n > x->left)
            in.n = (size_t)x->left;
        x->left -= in.n;
        x->whole = x->left == 0;
        x->fetch.pending = in;
        x->used += in.n;
        break;
    case BODY_UNTIL_CLOSE:
        x->fetch.pending = in;
        x->used += in.n;
        break;
    case BODY_CHUNKED:
        take_chunks(x, in);
        break;
    case BODY_NONE:
        break;
    }
    return true;
}

void exchange_take(struct exchange *x)
{
    for (;;) {
        if (x->fetch.pending.n > 0 && !fetch_deliver(&x->fetch))
            return;
        if (x->state == EXCHANGE_HEAD) {
            if (!take_head(x))
                return;
        } else if (!take_body(x)) {
            return;
        }
        if (exchange_ended(x))
            return;
        if (x->whole && x->fetch.pending.n == 0) {
            response_whole(x);
            return;
        }
    }
}
