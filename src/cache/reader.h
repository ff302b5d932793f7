/*
 * reader.h - reading the body of a stored or filling object, at one's own pace.
 *
 * One interface for every source: delivery does not know whether the bytes were there yesterday or
 * arrive now. A reader holds a counted reference to its object and to the chunk it stands in; no
 * lock is held while bytes are sent. Thread: the worker that made it, all calls.
 */
#ifndef CACHE_READER_H
#define CACHE_READER_H

#include "base/span.h"
#include "cache/fill.h"
#include "cache/object.h"

struct worker;

enum read_state {
    READ_WAIT,   /* no head yet */
    READ_ALONE,  /* the fill turned out to be another's alone: do your own fetch */
    READ_FAILED, /* the fill failed before a head: reader_status(), reader_why() */
    READ_READY,  /* head and perhaps bytes are there */
    READ_CUT,    /* after the head: the body will never be whole, or this reader was cut off */
};

/* A piece of body as the sender wants it. */
struct piece {
    struct span data; /* in memory, valid until reader_consume(), reader_close() or a wake-up */
    int fd;           /* the same bytes in a file for sendfile(2), or -1 */
    int64_t offset;   /* in that file */
};

/* From a stored object: state READ_READY at once. Takes its own reference. */
struct reader *reader_of_object(struct object *obj);
/* From a fill; `is_leader` for the request that leads it (it may read a passing fill). `wake(ctx)`
 * is called on worker `w` when the state changed or bytes came after reader_pieces() had none, and
 * once for a fill that is past FILL_WAITING already;
 * never from inside a reader or fill call. NULL: the fill can no longer be joined from its first
 * byte. The reader holds its own reference to the fill. */
struct reader *reader_of_fill(
    struct fill *f, bool is_leader, struct worker *w, void (*wake)(void *ctx), void *ctx);
/* Another reader of the same body from its first byte, on the same worker, with wake-ups of its
 * own. NULL: the first byte is not there any more, or it is a reader of parts. */
MUST_USE struct reader *reader_again(struct reader *r, void (*wake)(void *ctx), void *ctx);
/* After this no wake-up comes any more. Sets *r to NULL. */
void reader_close(struct reader **r);

enum read_state reader_state(struct reader *r);
/* The object with its head; borrowed from the reader. Only in READ_READY and READ_CUT. The object
 * of a fill that goes on has no body yet: its length is fill_length(). */
struct object *reader_object(struct reader *r);
/* Of the whole body; -1 while it is not known. In READ_READY and READ_CUT. */
int64_t reader_length(struct reader *r);
/* Bytes of the body that are there by now, read or not. */
uint64_t reader_come(struct reader *r);
/* Whether what has come stays, so that reader_again() finds it later: of an object, and of a fill
 * that is kept (until memory is short). */
bool reader_stays(struct reader *r);
/* Trailer fields in wire form, or nothing; once reader_at_end(). Borrowed from the reader. */
struct span reader_trailers(struct reader *r);
int reader_status(struct reader *r);
const char *reader_why(struct reader *r);

/* Limits the body to [first, first + count): before the first reader_pieces(). Bytes before `first`
 * are skipped as they come. */
void reader_range(struct reader *r, uint64_t first, uint64_t count);

/* Up to `max` pieces that can be sent now, at most `bytes` in all; 0 when none are there yet or
 * the end is reached. */
MUST_USE int reader_pieces(struct reader *r, struct piece *out, int max, size_t bytes);
/* That many bytes of them are sent. `by_file` when they went by sendfile(2): such memory is given
 * new pages before it is used again, because the kernel may still be reading the old ones. */
void reader_consume(struct reader *r, size_t bytes, bool by_file);
/* All bytes that there will ever be are consumed. In READ_CUT that is no success. */
bool reader_at_end(struct reader *r);

/* --- one reader put together of parts --------------------------------------------------------- */

/* A part: text, which lives as long as the reader of parts; or (text.n == 0) a reader, which is
 * taken over. Its range, if it has one, was set by who made it; what lies in it is read to its end.
 * It is READ_READY or READ_CUT, or READ_WAIT of a fill that must not become another's alone. */
struct reader_part {
    struct span text;
    struct reader *reader;
};

enum part_state {
    PART_READY, /* *out is the next part */
    PART_WAIT,  /* not yet: reader_parts_ready() will be called */
    PART_CUT,   /* it cannot be had: the whole is READ_CUT */
    PART_END,   /* that was the last */
};

/* Where the parts come from. Calls come from inside the functions above, so they must not call
 * them with `self`, nor close it. */
struct part_source {
    /* Asked for the next part when all of those before it have been given out as pieces. */
    enum part_state (*next)(void *ctx, struct reader *self, struct reader_part *out);
    /* A part was cut, failed, or is another's alone, and the `sent` bytes that came before are all
     * consumed. True: it is to be forgotten, since next() will go on from there. May be NULL. */
    bool (*resume)(void *ctx, uint64_t sent);
    /* The reader is being closed; the parts that it had are closed already. May be NULL. */
    void (*close)(void *ctx);
};

/*
 * A reader of one part after another, READ_READY at once: text between ranges, ranges of an object,
 * slices that are opened when they are needed. `head` is what reader_object() gives (a reference is
 * taken, may be NULL), `length` that of all parts together or -1. Its parts and all calls are on
 * worker `w`, where wake(wake_ctx) is called under the rules of reader_of_fill(). A part that is
 * cut, fails, or is another's alone makes the whole READ_CUT behind the bytes that came before. It
 * has no range of its own: its source knows which parts are wanted.
 */
MUST_USE struct reader *reader_of_parts(struct object *head, const struct part_source *source,
    void *ctx, int64_t length, struct worker *w, void (*wake)(void *ctx), void *wake_ctx);
/* next() would not say PART_WAIT now. Also the `wake` of readers of fills that are parts, with the
 * reader of parts as its `ctx`: so its argument is a void pointer. On the reader's worker; harmless
 * from anywhere there, since what follows comes from the loop. */
void reader_parts_ready(void *self);

#endif
