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
/* After this no wake-up comes any more. Sets *r to NULL. */
void reader_close(struct reader **r);

enum read_state reader_state(struct reader *r);
/* The object with its head; borrowed from the reader. Only in READ_READY and READ_CUT. The object
 * of a fill that goes on has no body yet: its length is fill_length(). */
struct object *reader_object(struct reader *r);
/* Of the whole body; -1 while it is not known. In READ_READY and READ_CUT. */
int64_t reader_length(struct reader *r);
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

#endif
