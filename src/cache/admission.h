/*
 * admission.h - what may be written to the disk: newcomers by size and second request, and what
 * goes another round when its segment is used again; within a budget of bytes.
 *
 * A disk wears by what is written to it, and most of what is asked for once is never asked for
 * again. So only some of what is fetched is written, by level:
 *
 *   ADMISSION_ALL     everything
 *   ADMISSION_SMALL   up to ADMISSION_SMALL_BYTES at once, larger ones when they come again
 *   ADMISSION_SECOND  what comes again
 *   ADMISSION_SCARCE  what comes again, the larger the less probably
 *
 * It starts with ALL, for an empty ring has room. Once the ring has gone round, the level is the
 * first one that keeps the budget, and not below `floor`, which the configuration says, or
 * measurement (duel.h). admission_tick() moves it, a step at a time: up while the budget is
 * overdrawn, down when it has been saved up. When it is overdrawn by more than its burst, nothing
 * is written at all.
 *
 * "Again" means: before as many bytes as `window` says were written to the ring; ghosts.h
 * remembers. In the ring, segments are used again in the order they were written. What was used
 * since it was written may be written again (admission_keep()), as long as that is no more than
 * newcomers were (half of it while the budget binds): the ring then writes at most twice what it
 * admits. When little of that is left, only what was used more often is written again.
 *
 * Pure policy: no memory of its own but the ghosts it is handed, no clock, no locks; the caller
 * serialises.
 */
#ifndef CACHE_ADMISSION_H
#define CACHE_ADMISSION_H

#include "base/attrs.h"
#include "base/clock.h"
#include "cache/ghosts.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADMISSION_SMALL_BYTES = 64 << 10 };

enum admission_level {
    ADMISSION_ALL,
    ADMISSION_SMALL,
    ADMISSION_SECOND,
    ADMISSION_SCARCE,
};

struct admission_conf {
    uint64_t ring_bytes;
    uint64_t window_bytes;      /* 0: ring_bytes */
    uint64_t budget_bytes_s;    /* to be written per second, in the long run; 0: no bound */
    enum admission_level floor; /* once the ring has gone round; ADMISSION_SMALL is a good one */
};

struct admission {
    struct admission_conf conf;
    struct ghosts seen; /* its clock: bytes written to the ring */
    enum admission_level level;
    uint64_t keep_bytes;  /* that may be written again */
    int64_t budget_bytes; /* left; negative: overdrawn */
    mono_ms ticked_ms;
    mono_ms moved_ms; /* when the level changed */
    uint64_t random;
};

/* `ghosts` has ghosts_n zeroed places: one for each object that fits into the window is right. */
void admission_init(struct admission *a, const struct admission_conf *conf, uint32_t *ghosts,
    uint64_t ghosts_n, uint64_t seed, mono_ms now);

/* Whether something that was asked for is worth writing; `bytes` is what it would take. When not,
 * it is remembered. `fingerprint`: see ghosts.h. */
MUST_USE bool admission_wants(struct admission *a, uint64_t fingerprint, uint64_t bytes);
/* The same, and it is written when true. */
MUST_USE bool admission_take(struct admission *a, uint64_t fingerprint, uint64_t bytes);
/* Whether what was used that often since it was written is written again, now that its segment is
 * used again. */
MUST_USE bool admission_keep(struct admission *a, unsigned uses, uint64_t bytes);
/* Those bytes were written, for the one reason or the other. */
void admission_wrote(struct admission *a, uint64_t bytes);
/* Some time has passed; to be called every second or so. `round`: the ring has gone round. */
void admission_tick(struct admission *a, mono_ms now, bool round);

#endif
