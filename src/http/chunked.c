#include "http/chunked.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/h1_write.h"

/*
 *   chunk      = 1*HEXDIG [ chunk-ext ] CRLF data CRLF
 *   chunk-ext  = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
 *
 * One state for each place between two bytes of that, as far as they differ in what may follow.
 */
enum chunked_state {
    SIZE,       /* in or before the size */
    EXT_SEMI,   /* white space: ';' must follow */
    EXT_BEFORE, /* before a name */
    EXT_NAME,
    EXT_EQUALS, /* white space after a name: '=' or ';' must follow */
    EXT_VALUE_BEFORE,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED, /* after a backslash */
    EXT_AFTER,   /* after a closing quote */
    SIZE_LF,     /* after the CR of a size line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    END,
    BAD,
};

void chunked_init(struct chunked *c, const struct h1_limits *limits, struct arena *a)
{
    *c = (struct chunked){.limits = limits, .arena = a, .state = SIZE};
}

static enum chunked_state bad(struct chunked *c, const char *why)
{
    c->why = why;
    return BAD;
}

static enum chunked_state size_byte(struct chunked *c, char byte)
{
    int digit = hex_value(byte);

    if (digit < 0) {
        if (c->digits == 0)
            return bad(c, "chunk without a size");
        if (byte == '\r')
            return SIZE_LF;
        if (byte == ';')
            return EXT_BEFORE;
        return byte == ' ' || byte == '\t' ? EXT_SEMI : bad(c, "bad chunk size");
    }
    if (++c->digits > 16 || c->left > (uint64_t)INT64_MAX >> 4)
        return bad(c, "chunk size too large");
    c->left = c->left << 4 | (unsigned)digit;
    return SIZE;
}

/* What may follow a whole extension, or a name when `blank` is EXT_EQUALS. */
static enum chunked_state ext_done(struct chunked *c, char byte, enum chunked_state blank)
{
    if (byte == '\r')
        return SIZE_LF;
    if (byte == ';')
        return EXT_BEFORE;
    return byte == ' ' || byte == '\t' ? blank : bad(c, "bad chunk extension");
}

static enum chunked_state ext_byte(struct chunked *c, enum chunked_state state, char byte)
{
    bool blank = byte == ' ' || byte == '\t', tchar = char_is(byte, CHAR_TOKEN);

    if (++c->ext > CHUNK_EXT_BYTES)
        return bad(c, "too many bytes of chunk extensions");
    switch (state) {
    case EXT_SEMI:
        if (blank || byte == ';')
            return blank ? EXT_SEMI : EXT_BEFORE;
        break;
    case EXT_BEFORE:
        if (blank || tchar)
            return blank ? EXT_BEFORE : EXT_NAME;
        break;
    case EXT_NAME:
        if (byte == '=')
            return EXT_VALUE_BEFORE;
        return tchar ? EXT_NAME : ext_done(c, byte, EXT_EQUALS);
    case EXT_EQUALS:
        if (byte == '=')
            return EXT_VALUE_BEFORE;
        if (blank || byte == ';')
            return blank ? EXT_EQUALS : EXT_BEFORE;
        break;
    case EXT_VALUE_BEFORE:
        if (byte == '"')
            return EXT_QUOTED;
        if (blank || tchar)
            return blank ? EXT_VALUE_BEFORE : EXT_VALUE;
        break;
    case EXT_VALUE:
        return tchar ? EXT_VALUE : ext_done(c, byte, EXT_SEMI);
    case EXT_QUOTED:
        if (byte == '"' || byte == '\\')
            return byte == '"' ? EXT_AFTER : EXT_ESCAPED;
        if (char_is(byte, CHAR_VALUE))
            return EXT_QUOTED;
        break;
    case EXT_ESCAPED:
        if (char_is(byte, CHAR_VALUE))
            return EXT_QUOTED;
        break;
    case EXT_AFTER:
        return ext_done(c, byte, EXT_SEMI);
    case SIZE:
    case SIZE_LF:
    case DATA:
    case DATA_CR:
    case DATA_LF:
    case TRAILER:
    case END:
    case BAD:
        check(!"an extension state");
    }
    return bad(c, "bad chunk extension");
}

/* The states between chunks' data take one byte at a time. */
static enum chunked_state step(struct chunked *c, char byte)
{
    enum chunked_state state = c->state;

    switch (state) {
    case SIZE:
        return size_byte(c, byte);
    case SIZE_LF:
        if (byte != '\n')
            return bad(c, "chunk size line does not end in CRLF");
        c->digits = 0;
        return c->left != 0 ? DATA : TRAILER;
    case DATA_CR:
        return byte == '\r' ? DATA_LF : bad(c, "chunk does not end in CRLF");
    case DATA_LF:
        return byte == '\n' ? SIZE : bad(c, "chunk does not end in CRLF");
    case EXT_SEMI:
    case EXT_BEFORE:
    case EXT_NAME:
    case EXT_EQUALS:
    case EXT_VALUE_BEFORE:
    case EXT_VALUE:
    case EXT_QUOTED:
    case EXT_ESCAPED:
    case EXT_AFTER:
        return ext_byte(c, state, byte);
    case DATA:
    case TRAILER:
    case END:
    case BAD:
        break;
    }
    check(!"a state that takes single bytes");
    return BAD;
}

bool trailer_allowed(enum field_id id)
{
    /* Whatever we or others act on early must come early; ETag may come late (RFC 9110 §8.8.3). */
    return id == FIELD_OTHER || id == FIELD_ETAG;
}

static enum chunked_state trailers_parse(struct chunked *c)
{
    struct fields all;

    if (c->trailer_n == 2)
        return END;
    if (!h1_fields_parse(span_make(c->trailer, c->trailer_n), c->limits, c->arena, &all, &c->why))
        return BAD;
    fields_each (line, &all) {
        if (trailer_allowed(line->id))
            fields_add_named(&c->trailers, c->arena, line->name, line->value);
    }
    return END;
}

static void trailer_keep(struct chunked *c, struct span piece)
{
    size_t need = c->trailer_n + piece.n;

    if (need > c->trailer_cap) {
        char *room;

        c->trailer_cap = need * 2 > 64 ? need * 2 : 64;
        room = arena_alloc(c->arena, c->trailer_cap);
        if (c->trailer_n != 0)
            memcpy(room, c->trailer, c->trailer_n);
        c->trailer = room;
    }
    memcpy(c->trailer + c->trailer_n, piece.p, piece.n);
    c->trailer_n = need;
}

/* Collects one line, or what there is of it. */
static enum chunked_state trailer_line(struct chunked *c, struct span *in)
{
    size_t limit =
        c->limits->head_bytes < CHUNK_TRAILER_BYTES ? c->limits->head_bytes : CHUNK_TRAILER_BYTES;
    size_t newline = span_find(*in, '\n');
    bool whole = newline < in->n;
    struct span piece = span_make(in->p, whole ? newline + 1 : in->n);

    if (piece.n > limit - c->trailer_n)
        return bad(c, "trailer section too long");
    trailer_keep(c, piece);
    *in = span_from(*in, piece.n);
    if (!whole)
        return TRAILER;
    if (c->trailer_n < c->trailer_line + 2 || c->trailer[c->trailer_n - 2] != '\r')
        return bad(c, "trailer line does not end in CRLF");
    if (c->trailer_n == c->trailer_line + 2)
        return trailers_parse(c);
    c->trailer_line = c->trailer_n;
    return TRAILER;
}

static void data_piece(struct chunked *c, struct span *in, struct span *data)
{
    size_t n = in->n < c->left ? in->n : (size_t)c->left;

    *data = span_make(in->p, n);
    *in = span_from(*in, n);
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
}

enum chunked_result chunked_next(struct chunked *c, struct span *in, struct span *data)
{
    check(c->state != END && c->state != BAD);
    while (in->n != 0) {
        if (c->state == DATA) {
            data_piece(c, in, data);
            return CHUNKED_DATA;
        }
        if (c->state == TRAILER) {
            c->state = (uint8_t)trailer_line(c, in);
        } else {
            c->state = (uint8_t)step(c, in->p[0]);
            *in = span_from(*in, 1);
        }
        if (c->state == END)
            return CHUNKED_END;
        if (c->state == BAD)
            return CHUNKED_BAD;
    }
    return CHUNKED_MORE;
}

size_t chunk_head(char out[static CHUNK_HEAD_MAX], uint64_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 1;

    check(bytes != 0);
    while (n < 16 && bytes >> (4 * n) != 0)
        n++;
    for (size_t i = n; i-- > 0; bytes >>= 4)
        out[i] = digits[bytes & 15];
    out[n] = '\r';
    out[n + 1] = '\n';
    return n + 2;
}

bool chunked_end_write(struct buf *b, const struct fields *trailers)
{
    if (!buf_append(b, SPAN("0\r\n")))
        return false;
    fields_each (line, trailers) {
        if (trailer_allowed(line->id) && !h1_field_write(b, line->name, line->value))
            return false;
    }
    return buf_append(b, SPAN("\r\n"));
}
