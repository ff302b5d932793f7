/*
 * cached.h - records that the kernel has in its page cache, read by who asks for them.
 *
 * What was written to a volume went past the page cache, and so does the first read of a record:
 * most are read once and no more, and O_DIRECT costs less. A record that was used before is read
 * through the page cache, by the readers; so from its second read on the kernel may have it, for as
 * long as memory is left over, and who asks finds it there without a thread, a queue and a wait.
 * The index knows how often a record was used, so nothing else has to be remembered.
 *
 * What the kernel has may have come from the disk at any time: the checksums are looked at here as
 * everywhere.
 */
#ifndef DISK_CACHED_H
#define DISK_CACHED_H

#include "disk/disk_impl.h"

/* See disk_get_now(). Any thread. */
MUST_USE bool cached_read(struct disk *d, struct disk_now *r);

/* Where a reader has to read a record with that entry: the file descriptor. */
int cached_fd_for(const struct disk *d, const struct disk_entry *e);

#endif
