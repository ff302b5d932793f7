/*
 * disk.h - a volume in service: records are put under a key, found again, and forgotten when their
 * turn comes. It knows nothing of HTTP: what a record means is the cache's business.
 *
 * A record is a key (a hash of 128 bits by disk_key(); the text itself belongs into the head, where
 * the caller compares it), a few numbers (struct disk_meta), a head and a body of at most
 * disk_body_max() bytes. Larger bodies are several records under keys that the caller derives.
 *
 * Threads: one writer, some readers and one keeper per volume. What is called here never waits for
 * the disk, unless its comment says so; it refuses instead. Any thread.
 *
 *   state        entered when                      put      get
 *   RECOVERING   opened                            refused  refused, and nothing is known yet
 *   READY        the index stands                  yes      yes
 *   READ_ONLY    DISK_ERRORS_READ_ONLY errors      refused  yes
 *                within 10 s
 *   OFFLINE      DISK_ERRORS_OFFLINE of them, or   refused  refused
 *                it has vanished, or nothing could
 *                be recovered
 * The keeper looks every look_ms whether a volume in the last two states is there again, as it was
 * left, and can be read and written: then it is READY again, and what the index knew is found. Each
 * time it fails again soon, the next look comes later, up to a minute. What was not recovered after
 * opening stays OFFLINE until it is closed and opened again.
 *
 * What holds:
 *  - What disk_get() hands out is what was put under that key, whole: checksums over header, head
 *    and body are looked at before. What fails is a miss, leaves the index, and is counted.
 *  - A record that was put is found at once, and until its segment is reused, a rival needs its
 * slot in the index, it is dropped, or another is put under its key.
 *  - After disk_close() it is found again by the next disk_open(). After a crash that is so for
 * what was written (within DISK_SEAL_MS), and it may be that disk_drop() was forgotten, or that an
 *    earlier record of the same key is back. So what must not return has to be told by disk_meta:
 *    born, against the journal of purges.
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/span.h"
#include "disk/index.h"
#include "disk/volume.h"
#include "loop/worker.h"

struct disk;

enum {
    DISK_SEAL_MS = 250, /* a record waits at most that long to be written */
    DISK_ERRORS_READ_ONLY = 5,
    DISK_ERRORS_OFFLINE = 50,
    DISK_KINDS = 4,
    DISK_NOW_MAX = 288 << 10, /* 256 KiB and what is around them, as the index rounds it */
    DISK_FREE_SEGMENTS = 3, /* kept ahead: one to write, one for the writer's next, the keeper's */
};

enum disk_state { DISK_RECOVERING, DISK_READY, DISK_READ_ONLY, DISK_OFFLINE };

/* What is known of a record beside its bytes. */
struct disk_meta {
    uint64_t born;  /* the last purge's number when its request went out (cache/purge.h) */
    uint64_t site;  /* label; the index keeps its lowest 16 bits */
    wall_s expires; /* 0: never; kept to 2106 */
    uint8_t kind;   /* 0 .. DISK_KINDS - 1, the caller's */
    uint8_t flags;  /* the caller's */
};

struct disk_conf {
    unsigned readers;         /* threads; 0: 4 */
    unsigned reads_max;       /* waiting; 0: 1024 */
    unsigned buffers;         /* aggregation buffers; 0: 4 */
    uint32_t buffer_bytes;    /* of each; 0: 4 MiB, less with small segments */
    mono_ms slow_ms;          /* reads that wait longer make the volume slow; 0: 200 */
    mono_ms look_ms;          /* between looks whether a volume has come back; 0: 1 s */
    mono_ms checkpoint_ms;    /* between two; 0: 5 minutes, < 0: only on closing */
    uint64_t checkpoint_rate; /* bytes per second; 0: 32 MiB */
    bool direct;              /* the kernel's page cache is never used */
    /* Whether nobody wants that record any more (purged, expired long ago). On the keeper's thread;
     * NULL: nobody says so. */
    bool (*dead)(void *ctx, const struct disk_meta *m);
    /* Whether a record of that many bytes, used so often since it was written (at most
     * INDEX_USED_MAX), is written again now that its segment is needed. On the keeper's thread;
     * NULL: no record is. */
    bool (*keep)(void *ctx, unsigned uses, uint64_t bytes);
    void *ctx;
};

/*
 * Takes over the volume, which is closed with it, and returns at once; recovery runs behind. NULL
 * with a sentence in err when the memory for the index cannot be had; the volume is closed then,
 * too.
 */
MUST_USE struct disk *disk_open(
    struct volume **v, const struct disk_conf *conf, char err[VOLUME_ERR_MAX]);
/* Writes what waits and the directory. All reads must be done. Blocks. */
void disk_close(struct disk **d);
/* As a crash would: what is not written is lost. For tests. Blocks. */
void disk_abandon(struct disk **d);

enum disk_state disk_state(const struct disk *d);
/* Blocks until the state is another than DISK_RECOVERING. */
enum disk_state disk_wait(struct disk *d);
/* Whether reads wait too long just now. disk_get() refuses while it is so. */
bool disk_slow(struct disk *d);

const struct volume *disk_volume(const struct disk *d);
struct hash128 disk_key(const struct disk *d, struct span text);
/* Bytes of body that fit into a record with that head; 0: the head is too large. */
uint32_t disk_body_max(const struct disk *d, uint32_t head_n);

struct disk_put {
    struct hash128 key;
    struct disk_meta meta;
    struct span head;
    const struct span *body; /* body_n pieces, one after another */
    unsigned body_n;
};

enum disk_put_result {
    DISK_PUT_DONE,  /* found from now on; nothing of *p is needed any more */
    DISK_PUT_BUSY,  /* the writer does not keep up */
    DISK_PUT_LARGE, /* more than disk_body_max() */
    DISK_PUT_OFF,   /* not in this state */
};
/* Copies the bytes: up to 1 MiB of memcpy(). */
MUST_USE enum disk_put_result disk_put(struct disk *d, const struct disk_put *p);

/* Forgets what is under the key; true when there was something (of that hash). */
bool disk_drop(struct disk *d, struct hash128 key);
/* A use of that record that did not come here (it was in memory): it is worth keeping. */
void disk_used(struct disk *d, struct hash128 key);
/* What the index knows of that key, without a read; a key with the same hash in the index looks the
 * same. */
MUST_USE bool disk_peek(struct disk *d, struct hash128 key, struct disk_entry *out);

/* --- reading --- */

enum disk_get_result {
    DISK_GET_READING, /* done() will be called */
    DISK_GET_MISS,
    DISK_GET_UNKNOWN, /* not recovered yet: a miss, and no reason to put it */
    DISK_GET_REFUSED, /* offline, slow, or too many are waiting: a miss */
};

/* Embedded in what it is for; must live until done() was called. */
struct disk_read {
    struct hash128 key;
    /* On a reader's thread, when the record was found and is right: copies what it wants of head
     * and body, which are gone afterwards. Must not call disk_*(). */
    void (*take)(
        struct disk_read *r, const struct disk_meta *meta, struct span head, struct span body);
    /* On the worker, once, after take() or without it: a miss. */
    void (*done)(struct disk_read *r, bool found);
    /* private below */
    struct message message;
    struct worker *worker;
    struct list node;        /* in the queue, or among those who joined */
    struct list joined;      /* equal reads */
    struct disk_read *chain; /* among those in flight in one place of the table */
    uint64_t loc;            /* what the index said when it was asked */
    mono_ms since;
    bool found;
};

/* On a worker. Only for DISK_GET_READING is *r used any further. Counts as a use. */
MUST_USE enum disk_get_result disk_get(struct disk *d, struct worker *w, struct disk_read *r);

/* A record that is read at once. */
struct disk_now {
    struct hash128 key;
    /* Its header and head are right: where each RECORD_PIECE of the body is to go (the last one may
     * be shorter). False: it is not wanted. Must not call disk_*(). */
    bool (*begin)(struct disk_now *r, const struct disk_meta *meta, struct span head,
        uint32_t body_n, char **pieces);
};

/*
 * Reads what the kernel has in its page cache, on the calling thread and without waiting for the
 * disk. True: the record is there, its body is where begin() said, and all of it is right; counts
 * as a use. False: disk_get() may have it; begin() may have been called, and what it gave may hold
 * anything. Records of up to DISK_NOW_MAX bytes: reading one takes some tens of microseconds.
 */
MUST_USE bool disk_get_now(struct disk *d, struct disk_now *r);

/* No disk_get() succeeds any more, and all reads' messages are posted when it returns: their
 * workers may be joined. One thread, once. */
void disk_stop_reads(struct disk *d);

/* --- looking after it --- */

/* Writes a checkpoint now. Blocks. False: it could not be written, or the state forbids. */
MUST_USE bool disk_checkpoint(struct disk *d);
/* Blocks until everything that was put is written or lost to an error. */
void disk_flush(struct disk *d);
/* Whether the ring has gone round: segments are used again. */
MUST_USE bool disk_gone_round(const struct disk *d);

struct disk_stats {
    uint64_t bytes;                /* of the volume */
    uint64_t objects;              /* in the index */
    uint64_t index_bytes;          /* of memory */
    uint64_t buffer_bytes;         /* of memory: aggregation and read buffers */
    uint64_t segments, head, tail; /* head and tail are sequence numbers */
    uint64_t admitted, reinserted; /* records */
    uint64_t admitted_bytes, reinserted_bytes, written_bytes;
    uint64_t waiting_bytes;                       /* put, and not on the disk yet */
    uint64_t reads, reads_joined, reads_buffered; /* buffered: found before it was written */
    uint64_t reads_now;                           /* of disk_get_now(); none of the others */
    uint64_t reads_missed; /* the record was another's, or had gone meanwhile */
    uint64_t refused_puts, refused_reads;
    uint64_t corrupt; /* records that failed a check */
    uint64_t read_errors, write_errors;
    uint64_t dropped_live; /* entries that went with their segment, in use or not */
    uint64_t dropped_dead; /* of which dead() said so */
    uint64_t dropped_full; /* entries forgotten for another's slot */
    uint64_t checkpoints;
    uint64_t recovered; /* entries after opening */
    mono_ms recovery_ms;
    bool clean; /* whether it was closed well before */
};
void disk_stats(struct disk *d, struct disk_stats *out);

#endif
