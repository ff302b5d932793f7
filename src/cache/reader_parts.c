/*
 * reader_parts.c - the reader that is made of other readers and text: see reader.h.
 *
 * Parts stand in a short queue: the first is being consumed, the others were opened because the
 * sender had room for more than was left of those before them. A part is asked for pieces only when
 * all of the one before it has been given out, and leaves the queue when it has been consumed.
 */
#include "base/check.h"
#include "cache/fill_impl.h"

#include <stdlib.h>

enum { QUEUE_MAX = 4 };

struct queued {
    struct span text;      /* what is left of it; or */
    struct reader *reader; /* owns */
    size_t given;          /* bytes in the pieces of the last reader_pieces() */
};

struct parts {
    const struct part_source *source; /* static */
    void *ctx;
    int64_t length;
    struct queued queue[QUEUE_MAX];
    int n;
    bool cut;   /* the source said so */
    bool ended; /* likewise */
};

static void parts_run(struct message *m, struct worker *w);

struct reader *reader_of_parts(struct object *head, const struct part_source *source, void *ctx,
    int64_t length, struct worker *w, void (*wake)(void *ctx), void *wake_ctx)
{
    struct reader *r = reader_new(w, wake, wake_ctx);
    struct parts *p = xcalloc(1, sizeof(*p));

    p->source = source;
    p->ctx = ctx;
    p->length = length;
    r->parts = p;
    r->local = true;
    r->object = head != NULL ? object_ref(head) : NULL;
    r->posted_wake.run = parts_run;
    return r;
}

static void parts_free(struct reader *r)
{
    object_release(&r->object);
    free(r->parts);
    free(r);
}

void parts_close(struct reader *r)
{
    struct parts *p = r->parts;

    for (int i = 0; i < p->n; i++)
        reader_close(&p->queue[i].reader);
    p->n = 0;
    if (p->source->close != NULL)
        p->source->close(p->ctx);
    r->closed = true;
    if (!r->posted)
        parts_free(r);
}

/* --- wake-ups --------------------------------------------------------------------------------- */

void reader_parts_ready(void *self)
{
    struct reader *r = self;

    if (r->hungry)
        reader_post(r);
}

static void parts_run(struct message *m, struct worker *w)
{
    struct reader *r = container_of(m, struct reader, posted_wake);

    (void)w;
    r->posted = false;
    if (r->closed)
        parts_free(r);
    else
        r->wake(r->ctx);
}

/* --- the queue -------------------------------------------------------------------------------- */

/* Opens one more part; false when there is none for now. */
static bool parts_open(struct reader *r)
{
    struct parts *p = r->parts;
    struct reader_part part = {0};

    if (p->n == QUEUE_MAX || p->cut || p->ended)
        return false;
    switch (p->source->next(p->ctx, r, &part)) {
    case PART_READY:
        p->queue[p->n++] = (struct queued){.text = part.text, .reader = part.reader};
        return true;
    case PART_WAIT:
        return false;
    case PART_CUT:
        p->cut = true;
        return false;
    case PART_END:
        p->ended = true;
        return false;
    }
    return false;
}

/* Whether nothing of it is left behind what was given out. */
static bool queued_ends(const struct queued *q)
{
    return q->reader != NULL ? reader_covers(q->reader, q->given) : q->given == q->text.n;
}

static int queued_pieces(struct queued *q, struct piece *out, int max, size_t bytes)
{
    int n;

    q->given = 0;
    if (q->reader != NULL) {
        n = reader_pieces(q->reader, out, max, bytes);
        for (int i = 0; i < n; i++)
            q->given += out[i].data.n;
        return n;
    }
    if (q->text.n == 0 || max == 0 || bytes == 0)
        return 0;
    q->given = q->text.n < bytes ? q->text.n : bytes;
    out[0] = (struct piece){.data = span_make(q->text.p, q->given), .fd = -1};
    return 1;
}

/* Takes those that are finished from the front. */
static void parts_drop(struct parts *p)
{
    int done = 0;

    while (done < p->n && p->queue[done].given == 0 && queued_ends(&p->queue[done]))
        reader_close(&p->queue[done++].reader);
    p->n -= done;
    memmove(p->queue, p->queue + done, (size_t)p->n * sizeof(p->queue[0]));
}

static bool queued_cut(const struct queued *q)
{
    if (q->reader == NULL)
        return false;
    switch (reader_state(q->reader)) {
    case READ_WAIT:
    case READ_READY:
        return false;
    case READ_CUT: /* but for a range that came before the cut */
        return !reader_covers(q->reader, q->given);
    case READ_ALONE:
    case READ_FAILED:
        return true;
    }
    return false;
}

/* Cut, and all that came of it is consumed. */
static bool queued_over(const struct queued *q)
{
    return queued_cut(q) && (reader_state(q->reader) != READ_CUT || reader_at_end(q->reader));
}

/* Lets the source go on behind a part that ended short, if it can. */
static void parts_resume(struct reader *r)
{
    struct parts *p = r->parts;

    if (p->n == 0 || p->source->resume == NULL || !queued_over(&p->queue[0]) ||
        !p->source->resume(p->ctx, r->pos))
        return;
    for (int i = 0; i < p->n; i++)
        reader_close(&p->queue[i].reader);
    p->n = 0;
}

/* --- what reader.c hands on ------------------------------------------------------------------- */

int parts_pieces(struct reader *r, struct piece *out, int max, size_t bytes)
{
    struct parts *p = r->parts;
    int pieces = 0, i;

    for (i = 0; i < p->n; i++)
        p->queue[i].given = 0;
    parts_drop(p);
    parts_resume(r);
    for (i = 0; pieces < max && bytes > 0 && (i < p->n || parts_open(r)); i++) {
        struct queued *q = &p->queue[i];

        pieces += queued_pieces(q, out + pieces, max - pieces, bytes);
        bytes -= q->given;
        if (!queued_ends(q))
            break;
        if (i == 0 && q->given == 0) { /* empty */
            parts_drop(p);
            i--;
        }
    }
    r->hungry = pieces == 0 && !parts_at_end(r);
    return pieces;
}

void parts_consume(struct reader *r, size_t bytes, bool by_file)
{
    struct parts *p = r->parts;

    for (int i = 0; i < p->n && bytes > 0; i++) {
        struct queued *q = &p->queue[i];
        size_t n = bytes < q->given ? bytes : q->given;

        if (q->reader != NULL)
            reader_consume(q->reader, n, by_file);
        else
            q->text = span_from(q->text, n);
        q->given -= n;
        r->pos += n;
        bytes -= n;
    }
    check(bytes == 0);
    parts_drop(p);
}

enum read_state parts_state(struct reader *r)
{
    struct parts *p = r->parts;

    if (p->n > 0)
        return queued_cut(&p->queue[0]) ? READ_CUT : READ_READY;
    return p->cut ? READ_CUT : READ_READY;
}

int64_t parts_length(struct reader *r)
{
    return r->parts->length;
}

bool parts_at_end(struct reader *r)
{
    struct parts *p = r->parts;

    if (p->n == 0)
        return p->cut || p->ended || (p->length >= 0 && r->pos >= (uint64_t)p->length);
    return queued_over(&p->queue[0]);
}

bool parts_cover(struct reader *r, size_t bytes)
{
    struct parts *p = r->parts;

    if (p->length >= 0)
        return r->pos + bytes >= (uint64_t)p->length;
    return p->ended &&
           (p->n == 0 || (p->n == 1 && bytes == p->queue[0].given && queued_ends(&p->queue[0])));
}
