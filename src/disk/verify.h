/*
 * verify.h - looks at all of a volume that nobody has open, and changes nothing.
 *
 * The index is made as the next disk_open() would make it; then every segment that is in use is
 * read, every record in it is held against its checksums, and what the index leads to is counted.
 * What a crash leaves behind is no damage: a segment without a footer, a torn record at its end.
 *
 * One thread; blocks for as long as the volume takes to be read once.
 */
#ifndef DISK_VERIFY_H
#define DISK_VERIFY_H

#include "disk/volume.h"

struct verify {
    uint64_t bytes, journal;
    unsigned superblocks; /* of two that are right */
    bool checkpoint;      /* there is one, and the newest is whole, or there is none */
    bool clean;           /* the volume was closed well */
    uint64_t checkpoints; /* of two areas that have one */
    uint64_t segments;    /* of the volume */
    uint64_t used;        /* of them, in use */
    uint64_t unclosed;    /* of these, without a footer */
    uint64_t absent;      /* of these, whose header is not what the order of the log says */
    uint64_t records, record_bytes; /* right ones, and those that are not found any more, too */
    uint64_t damaged;               /* records that a footer has and that are not right */
    uint64_t read_errors;
    uint64_t index;       /* entries */
    uint64_t index_right; /* of these, that lead to a record that is right and theirs */
};

/* False with a sentence in err: it cannot be looked at, or progress() gave up. */
MUST_USE bool volume_verify(const char *path, struct verify *out,
    bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, char err[VOLUME_ERR_MAX]);

/* Whether all is as it should be. */
bool verify_ok(const struct verify *v) PURE;

#endif
