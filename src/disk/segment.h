/*
 * segment.h - what is in a segment that has been written: by its footer, or record by record.
 *
 * These block. Any thread; the segment must not be used again meanwhile.
 */
#ifndef DISK_SEGMENT_H
#define DISK_SEGMENT_H

#include "disk/disk_impl.h"

/* In which run of the writer that segment was begun; false: its header is not right, or cannot be
 * read. */
MUST_USE bool segment_run(struct disk *d, uint64_t seq, uint32_t *run);

/* The footer of that segment: *n entries, in memory that the caller frees (*memory) in any case;
 * NULL: it has none that is right, or it cannot be read. */
const struct footer_entry *segment_footer(struct disk *d, uint64_t seq, uint32_t *n, void **memory);

/* The same, from the records that are right, in memory that the caller frees. A torn record is
 * passed over; room for a footer is left at the end. NULL, and *n is 0: none. */
struct footer_entry *segment_scan(struct disk *d, uint64_t seq, uint32_t *n);

/* By the footer, or, when there is none, by the records (*scanned: what is not right is missing).
 */
const struct footer_entry *segment_list(
    struct disk *d, uint64_t seq, uint32_t *n, void **memory, bool *scanned);

#endif
