/*
 * purge_journal.h - purges on the disk, so that they hold after a restart or a crash.
 *
 * What purges say is added to a queue in memory, and written by whoever waits for it in
 * purge_journal_sync(): one at a time, for all who wait. A file that has grown is written anew from
 * what holds (a snapshot) beside itself, and takes its own place by rename(); so it is at every
 * start, and when a write has failed, since nobody knows then what is on the disk.
 *
 *   file     header, records of the snapshot, records that were added since
 *   header   magic, version, identity (the seed of labels), number of the last purge in the
 *            snapshot, bytes of the snapshot, checksum; little-endian
 *   record   checksum of the rest of the head, kind, hard or soft, length of what follows, number,
 *            checksum of what follows; then a label, or a prefix's text
 *
 * What is read. A tail that ends too early, or is zeros, was never acknowledged: it is cut off.
 * Anything else that does not agree with its checksum, and numbers that are missing, is damage:
 * what was purged cannot be known then, so `damaged` says that all is to be taken for purged that
 * was born before. A header that cannot be read means the same, and a new identity.
 *
 * Any thread, after purge_journal_open(). Locks: its own, for moments, is the last one taken.
 */
#ifndef CACHE_PURGE_JOURNAL_H
#define CACHE_PURGE_JOURNAL_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"
#include "cache/purge_table.h"

enum purge_record_kind { PURGE_RECORD_ALL = 1, PURGE_RECORD_LABEL, PURGE_RECORD_PREFIX };

/* One thing that a purge says. */
struct purge_record {
    enum purge_record_kind kind;
    struct purge_mark mark; /* in a snapshot both may be set; it takes two on the disk */
    uint64_t label;         /* PURGE_RECORD_LABEL */
    struct span text;       /* PURGE_RECORD_PREFIX; at most UINT16_MAX bytes */
};

/* False: no memory, or a limit of `out`. */
MUST_USE bool purge_record_write(struct buf *out, const struct purge_record *r);

struct purge_journal;

struct purge_journal_found {
    uint64_t identity; /* of the journal */
    uint64_t last;     /* the highest number that may have been given to a purge it knew */
    bool is_new;
    bool damaged;
};

/*
 * Reads the file, or makes do without when there is none; calls replay() for every record.
 * snapshot() is called later by those who write: all that holds, and the number of the last purge;
 * it calls purge_journal_forget() while no purge can come in between. The file is not changed
 * before purge_journal_rewrite(). NULL with a sentence in err: it cannot be read, is of another
 * version, or belongs to a running process.
 */
MUST_USE struct purge_journal *purge_journal_open(const char *path,
    void (*replay)(void *ctx, const struct purge_record *r),
    bool (*snapshot)(void *ctx, struct buf *out, uint64_t *seq), void *ctx,
    struct purge_journal_found *found, char *err, unsigned long err_cap);
/* Writes what is still in the queue. */
void purge_journal_close(struct purge_journal **j);

/* Writes the file from a snapshot. When that fails the log says so, and the next one to wait tries
 * it again. */
void purge_journal_rewrite(struct purge_journal *j);

/* For those who purge, one after the other: what a purge says is to be written; and what was is
 * part of a snapshot. */
void purge_journal_add(struct purge_journal *j, const struct purge_record *r);
void purge_journal_forget(struct purge_journal *j);

/* See cache_purge_sync(). */
MUST_USE bool purge_journal_sync(struct purge_journal *j, uint64_t seq);

#endif
