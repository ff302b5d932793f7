#include "edge/accesslog.h"

#include "base/attrs.h"
#include "base/check.h"
#include "base/sink.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    RING_BYTES = 1 << 20,
    TEXT_MAX_BYTES = 2048, /* of each text in a line; longer ones are cut */
    TEXTS = 8,
};

/* What goes through the ring: the numbers, then the texts one after the other. */
struct flat {
    struct access_record r; /* its spans' p is meaningless; n counts */
};

const char *cache_word_text(enum cache_word w)
{
    static const char *const words[] = {
        [CACHE_NONE] = "-",
        [CACHE_HIT] = "HIT",
        [CACHE_PARTIAL] = "PARTIAL",
        [CACHE_MISS] = "MISS",
        [CACHE_EXPIRED] = "EXPIRED",
        [CACHE_STALE] = "STALE",
        [CACHE_UPDATING] = "UPDATING",
        [CACHE_REVALIDATED] = "REVALIDATED",
        [CACHE_BYPASS] = "BYPASS",
    };

    return words[w];
}

static void texts_of(struct access_record *r, struct span *texts[static TEXTS])
{
    texts[0] = &r->method;
    texts[1] = &r->target;
    texts[2] = &r->host;
    texts[3] = &r->referer;
    texts[4] = &r->user_agent;
    texts[5] = &r->server;
    texts[6] = &r->detail;
    texts[7] = &r->sni;
}

void access_log_put(struct sink *s, const struct access_record *r)
{
    char raw[sizeof(struct flat) + TEXTS * TEXT_MAX_BYTES];
    struct flat flat = {.r = *r};
    struct span *texts[TEXTS];
    size_t n = sizeof(flat);

    texts_of(&flat.r, texts);
    for (int i = 0; i < TEXTS; i++) {
        if (texts[i]->n > TEXT_MAX_BYTES)
            texts[i]->n = TEXT_MAX_BYTES;
        if (texts[i]->n > 0)
            memcpy(raw + n, texts[i]->p, texts[i]->n);
        n += texts[i]->n;
    }
    memcpy(raw, &flat, sizeof(flat));
    sink_put(s, span_make(raw, n));
}

static struct access_record unflatten(struct span record)
{
    struct flat flat;
    struct span *texts[TEXTS];
    const char *at = record.p + sizeof(flat);

    check(record.n >= sizeof(flat));
    memcpy(&flat, record.p, sizeof(flat));
    texts_of(&flat.r, texts);
    for (int i = 0; i < TEXTS; i++) {
        texts[i]->p = at;
        at += texts[i]->n;
    }
    return flat.r;
}

static const char hex_digits[] = "0123456789abcdef";

/* Text from a stranger for inside quotes: what could end or forge a line is written as \xHH. */
static void put_escaped(struct buf *out, struct span s)
{
    if (!buf_reserve(out, s.n * 4))
        return;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '"' || c == '\\' || c < 0x20 || c >= 0x7f) {
            memcpy(out->p + out->n, "\\x", 2);
            out->p[out->n + 2] = hex_digits[c >> 4];
            out->p[out->n + 3] = hex_digits[c & 15];
            out->n += 4;
        } else {
            out->p[out->n++] = (char)c;
        }
    }
}

/* The same without quotes around: what could end a word is escaped, too. */
static void put_bare(struct buf *out, struct span s)
{
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && s.p[n] != ' ' && s.p[n] != ',')
            n++;
        put_escaped(out, span_make(s.p, n));
        if (n < s.n)
            (void)!buf_printf(out, "\\x%02x", (unsigned char)s.p[n]);
        s = span_from(s, n + 1);
    }
}

static void put_quoted(struct buf *out, struct span s)
{
    (void)!buf_append(out, SPAN("\""));
    put_escaped(out, s);
    (void)!buf_append(out, SPAN("\""));
}

static void put_or_dash(struct buf *out, struct span s)
{
    put_quoted(out, s.n > 0 ? s : SPAN("-"));
}

static void put_time(struct buf *out, wall_ms at, const char *fmt)
{
    time_t s = (time_t)(at / 1000);
    struct tm tm;
    char text[64];

    gmtime_r(&s, &tm);
    (void)!buf_append(out, span_make(text, strftime(text, sizeof(text), fmt, &tm)));
}

/* Microseconds as seconds with three decimals, or "-". */
static void put_seconds(struct buf *out, int64_t us)
{
    if (us < 0)
        (void)!buf_append(out, SPAN("-"));
    else
        (void)!buf_printf(out, "%" PRId64 ".%03d", us / 1000000, (int)(us / 1000 % 1000));
}

static void put_request_line(struct buf *out, const struct access_record *r)
{
    if (r->method.n == 0) { /* nothing was understood */
        put_quoted(out, SPAN("-"));
        return;
    }
    (void)!buf_append(out, SPAN("\""));
    put_escaped(out, r->method);
    (void)!buf_append(out, SPAN(" "));
    put_escaped(out, r->target);
    (void)!buf_printf(out, " %s\"", r->protocol);
}

/* tls=TLSv1.3,TLS_AES_128_GCM_SHA256,new,www.example.com */
static void put_tls(struct buf *out, const struct access_record *r)
{
    if (r->tls == NULL)
        return;
    (void)!buf_printf(out, " tls=%s,%s,%s,", r->tls, r->cipher, r->resumed ? "resumed" : "new");
    if (r->sni.n > 0)
        put_bare(out, r->sni);
    else
        (void)!buf_append(out, SPAN("-"));
}

static void format_combined(struct span record, struct buf *out)
{
    struct access_record r = unflatten(record);
    char addr[ADDR_TEXT];

    (void)!buf_printf(out, "%s - - [", addr_ip_text(&r.peer, addr));
    put_time(out, r.at_ms, "%d/%b/%Y:%H:%M:%S +0000] ");
    put_request_line(out, &r);
    (void)!buf_printf(out, " %d %" PRIu64 " ", r.status, r.body_bytes_out);
    put_or_dash(out, r.referer);
    (void)!buf_append(out, SPAN(" "));
    put_or_dash(out, r.user_agent);
    (void)!buf_append(out, SPAN(" "));
    put_or_dash(out, r.host);
    (void)!buf_printf(out, " cache=%s total=", cache_word_text(r.cache));
    put_seconds(out, r.total_us);
    (void)!buf_append(out, SPAN(" origin="));
    put_seconds(out, r.origin_us);
    (void)!buf_printf(out, " end=%s", r.end);
    put_tls(out, &r);
    if (r.detail.n > 0) {
        (void)!buf_append(out, SPAN(" detail="));
        put_quoted(out, r.detail);
    }
    (void)!buf_append(out, SPAN("\n"));
}

/* JSON (RFC 8259) strings are UTF-8; other bytes are written as U+FFFD. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                 : (p[0] & 0xf0) == 0xe0       ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static void put_json(struct buf *out, const char *name, struct span s)
{
    (void)!buf_printf(out, ",\"%s\":", name);
    if (!buf_reserve(out, s.n * 6 + 2))
        return;
    out->p[out->n++] = '"';
    for (size_t i = 0; i < s.n;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t len = utf8_length(p, s.n - i);

        if (len == 0) {
            memcpy(out->p + out->n, "\\ufffd", 6);
            out->n += 6;
            i++;
        } else if (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
            memcpy(out->p + out->n, "\\u00", 4);
            out->p[out->n + 4] = hex_digits[*p >> 4];
            out->p[out->n + 5] = hex_digits[*p & 15];
            out->n += 6;
            i++;
        } else {
            memcpy(out->p + out->n, p, len);
            out->n += len;
            i += len;
        }
    }
    out->p[out->n++] = '"';
}

static void put_json_seconds(struct buf *out, const char *name, int64_t us)
{
    if (us < 0)
        return;
    (void)!buf_printf(out, ",\"%s\":%" PRId64 ".%06d", name, us / 1000000, (int)(us % 1000000));
}

static void format_json(struct span record, struct buf *out)
{
    struct access_record r = unflatten(record);
    char addr[ADDR_TEXT];

    (void)!buf_append(out, SPAN("{\"time\":\""));
    put_time(out, r.at_ms, "%Y-%m-%dT%H:%M:%S");
    (void)!buf_printf(out, ".%03dZ\"", (int)(r.at_ms % 1000));
    put_json(out, "client", span_of(addr_ip_text(&r.peer, addr)));
    put_json(out, "method", r.method);
    put_json(out, "host", r.host);
    put_json(out, "target", r.target);
    (void)!buf_printf(out, ",\"protocol\":\"%s\",\"status\":%d", r.protocol, r.status);
    put_json(out, "cache", span_of(cache_word_text(r.cache)));
    if (r.detail.n > 0)
        put_json(out, "detail", r.detail);
    (void)!buf_printf(out,
        ",\"bytes_out\":%" PRIu64 ",\"body_bytes_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64,
        r.bytes_out, r.body_bytes_out, r.bytes_in);
    put_json_seconds(out, "total_s", r.total_us);
    put_json_seconds(out, "first_byte_s", r.first_byte_us);
    put_json_seconds(out, "origin_s", r.origin_us);
    if (r.server.n > 0)
        put_json(out, "server", r.server);
    if (r.referer.n > 0)
        put_json(out, "referer", r.referer);
    if (r.user_agent.n > 0)
        put_json(out, "user_agent", r.user_agent);
    if (r.tls != NULL) {
        (void)!buf_printf(out, ",\"tls\":\"%s\",\"cipher\":\"%s\",\"tls_resumed\":%s", r.tls,
            r.cipher, r.resumed ? "true" : "false");
        put_json(out, "sni", r.sni);
    }
    (void)!buf_printf(out, ",\"connection\":%" PRIu64 ",\"nth\":%u,\"end\":\"%s\"}\n", r.connection,
        r.nth, r.end);
}

struct sink *access_log_open(const char *path, enum access_format format)
{
    static sink_format_fn *const formats[] = {
        [ACCESS_COMBINED] = format_combined,
        [ACCESS_JSON] = format_json,
    };

    return sink_open(path, RING_BYTES, formats[format]);
}
