/*
 * recovery.h - the index of a volume that was just opened.
 *
 * After a clean stop the last checkpoint is the index. Otherwise the headers of all segments say
 * how far the log went; the newest checkpoint that is whole gives what is older than itself,
 * without what has been written over since; and what is younger is read again, in the order in
 * which it was written: footers, or, where a segment has none, record by record. Whatever is wrong
 * costs only itself: every record has its own checksums.
 */
#ifndef DISK_RECOVERY_H
#define DISK_RECOVERY_H

#include "disk/disk_impl.h"

/* Sets the ring, the index and the generation. False: the volume cannot even be read or written.
 * The keeper's thread, before anybody uses any of these. */
MUST_USE bool recover(struct disk *d);

#endif
