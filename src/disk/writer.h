/*
 * writer.h - the log's end: records gather in buffers of memory, and one thread writes those.
 *
 * A buffer is a stretch of the segment that is being written. It is sealed when the next record
 * does not fit or when its first one is DISK_SEAL_MS old, and written as a whole, in order. Until
 * then its records are read from it (writer_view()). A segment that has no room for another record
 * and its line in the footer gets the footer, and the next one is begun.
 *
 *   buffer    who enters it                         in it
 *   FREE      the writer, or the last viewer        nothing
 *   OPEN      who appends and finds none open       appended to; one at most
 *   SEALED    who appends, or the writer by time    waits for its turn, and until those who append
 *                                                   to it are done
 *   WRITTEN   the writer                            on the disk (or lost); viewers are still in it
 *
 * Appending never waits for the disk, except for the keeper, which may wait for a buffer. The last
 * free segment is the keeper's: once it has begun that one, everybody else is refused until the
 * tail is free. So what has to be saved from the tail always has a place to go.
 */
#ifndef DISK_WRITER_H
#define DISK_WRITER_H

#include "disk/disk_impl.h"

struct writer *writer_new(struct disk *d);
/* After recovery: records may come. */
void writer_start(struct writer *w);
/* `write`: what waits is written, and the segment gets its footer; otherwise all of it is lost. */
void writer_free(struct writer **w, bool write);

enum writer_result {
    WRITER_DONE,
    WRITER_BUSY, /* no buffer, or no segment */
    WRITER_LOST, /* the record that was to be moved had gone meanwhile */
};

/* The record is found under its key when this returns. `from`: 0, or, for the keeper, the place
 * where it stands now: nothing happens unless it is still there; `used` is what the index is to
 * say. */
MUST_USE enum writer_result writer_append(
    struct writer *w, const struct disk_put *p, uint64_t from, unsigned used);

/* The record of that hash, which the index says is at `loc`, if it is not written yet: its bytes
 * stay until writer_view_end(). Of the header magic and check are not set, and the sums are not
 * there. False: it is not in memory. */
struct writer_view {
    void *buffer; /* private */
    struct record_header h;
    struct span head, body;
};
MUST_USE bool writer_view(struct writer *w, uint64_t hash, uint64_t loc, struct writer_view *out);
void writer_view_end(struct writer *w, struct writer_view *view);

/* The lines of a segment's footer that is not written yet: a copy in memory that the caller frees
 * (*memory). NULL, and *memory too: it is written, or it was never begun. */
const struct footer_entry *writer_footer(
    struct writer *w, uint64_t seq, uint32_t *n, void **memory);

/* Blocks until everything that was appended is written or lost to an error. */
void writer_flush(struct writer *w);
uint64_t writer_bytes(const struct writer *w); /* of memory */
/* Bytes that were appended and are not written yet. */
uint64_t writer_waiting(struct writer *w);

#endif
