#include "session/h2_guard.h"

enum {
    HEAD_BYTES = 9,         /* of every frame, RFC 9113 §4.1 */
    UPDATES_FOR_DATA = 2,   /* of the stream's window and the connection's */
    UPDATES_MAX = 1 << 20,  /* that may still come for what was sent long ahead of the client */
    PADDED_EMPTY_MAX = 256, /* a padded frame up to that size may have nothing but padding */
};

/* RFC 9113 §6, RFC 9218 §7.1 */
enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_PRIORITY = 2,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PING = 6,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
    FRAME_PRIORITY_UPDATE = 16,
    FLAG_END_STREAM = 1, /* and ACK */
    FLAG_END_HEADERS = 4,
    FLAG_PADDED = 8,
};

static const struct {
    const char *word;
    mono_us each_us;  /* until one is forgotten */
    mono_us burst_us; /* that may be due at once */
} kinds[] = {
#define KIND(name, word, burst, per_second)                                                        \
    {word, 1000000 / (per_second), (mono_us)(burst)*1000000 / (per_second)},
#include "session/h2_guard.tbl"
#undef KIND
};

void h2_guard_init(struct h2_guard *g)
{
    *g = (struct h2_guard){0};
}

/* The generic cell rate algorithm (ITU-T I.371): a bucket that needs no timer to leak. */
bool h2_guard_count(struct h2_guard *g, enum h2_kind kind, mono_us now)
{
    mono_us *due = &g->due[kind];

    if (kind == H2_WINDOWS && g->updates > 0) {
        g->updates--;
        return true;
    }
    if (*due < now)
        *due = now;
    *due += kinds[kind].each_us;
    return *due - now <= kinds[kind].burst_us;
}

void h2_guard_sent_data(struct h2_guard *g)
{
    if (g->updates < UPDATES_MAX)
        g->updates += UPDATES_FOR_DATA;
}

unsigned h2_guard_head(const struct h2_guard *g)
{
    return g->in_head ? g->heads : 0;
}

const char *h2_kind_word(enum h2_kind kind)
{
    return kind < H2_KINDS ? kinds[kind].word : "";
}

/* A frame that carries nothing and ends nothing. */
static bool is_empty(uint32_t length, unsigned flags, unsigned end)
{
    bool nothing = length == 0 || ((flags & FLAG_PADDED) != 0 && length < PADDED_EMPTY_MAX);

    return nothing && (flags & end) == 0;
}

/* What a frame counts as; H2_CALM: nothing, it is work that is bounded elsewhere. */
static enum h2_kind kind_of(unsigned type, unsigned flags, uint32_t length)
{
    bool ack = (flags & FLAG_END_STREAM) != 0;

    switch (type) {
    case FRAME_DATA:
        return is_empty(length, flags, FLAG_END_STREAM) ? H2_EMPTY : H2_CALM;
    case FRAME_HEADERS:
        return is_empty(length, flags, FLAG_END_HEADERS) ? H2_EMPTY : H2_CALM;
    case FRAME_CONTINUATION:
        return H2_CONTINUATIONS;
    case FRAME_PRIORITY:
    case FRAME_PRIORITY_UPDATE:
        return H2_PRIORITIES;
    case FRAME_RST_STREAM:
        return H2_RESETS;
    case FRAME_SETTINGS:
        return ack ? H2_OTHERS : H2_SETTINGS;
    case FRAME_PING:
        return ack ? H2_OTHERS : H2_PINGS;
    case FRAME_WINDOW_UPDATE:
        return H2_WINDOWS;
    default:
        return H2_OTHERS;
    }
}

/* The header of a frame is there. */
static enum h2_kind frame_begins(struct h2_guard *g, mono_us now)
{
    const unsigned char *p = g->head;
    unsigned type = p[3], flags = p[4];
    enum h2_kind kind;

    g->left = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    if (type == FRAME_HEADERS) {
        g->in_head = true;
        g->heads++;
    }
    kind = kind_of(type, flags, g->left);
    return kind == H2_CALM || h2_guard_count(g, kind, now) ? H2_CALM : kind;
}

/* Its payload, too. */
static void frame_ends(struct h2_guard *g)
{
    unsigned type = g->head[3], flags = g->head[4];

    if ((type == FRAME_HEADERS || type == FRAME_CONTINUATION) && (flags & FLAG_END_HEADERS) != 0)
        g->in_head = false;
    g->head_n = 0;
}

enum h2_kind h2_guard_bytes(struct h2_guard *g, struct span bytes, mono_us now)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t n = bytes.n;

    while (n > 0) {
        size_t take;

        if (g->head_n < HEAD_BYTES) {
            enum h2_kind kind;

            g->head[g->head_n++] = *p++;
            n--;
            if (g->head_n < HEAD_BYTES)
                continue;
            kind = frame_begins(g, now);
            if (kind != H2_CALM)
                return kind;
        }
        take = n < g->left ? n : g->left;
        p += take;
        n -= take;
        g->left -= (uint32_t)take;
        if (g->left == 0)
            frame_ends(g);
    }
    return H2_CALM;
}
