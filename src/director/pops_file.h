/*
 * pops_file.h - operators' orders on disk: a line for each PoP that has one.
 *
 *   selvage pops 1
 *   drain fra 1790000000
 *
 * Written beside under another name, synced and renamed, so that it is never half there. What the
 * file says of PoPs that the configuration does not have is kept out of it from the next order on.
 */
#ifndef DIRECTOR_POPS_FILE_H
#define DIRECTOR_POPS_FILE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/clock.h"
#include "director/pop.h"

#include <stdbool.h>

struct pops_file_order {
    enum pop_order order;
    wall_s at;
};

enum { POPS_FILE_BYTES_MAX = 1 << 16, POPS_FILE_WHY = 256 };

/* Each order of a PoP that `list` has is given to take(). A file that is not there has none. False:
 * it cannot be read, or does not say what it should; `why` says it, and take() may have been
 * called. */
MUST_USE bool pops_file_read(const char *path, const struct pop_list *list,
    void (*take)(void *ctx, const struct pop *pop, struct pops_file_order order), void *ctx,
    char why[static POPS_FILE_WHY]);

/* The text: begin, then a line for each. False: out of memory. */
MUST_USE bool pops_file_begin(struct buf *b);
MUST_USE bool pops_file_add(struct buf *b, const struct pop *pop, struct pops_file_order order);
/* Whether its folder is there and ours to write; as far as can be said without writing. */
MUST_USE bool pops_file_writable(const char *path, char why[static POPS_FILE_WHY]);
/* Blocks. */
MUST_USE bool pops_file_write(const char *path, struct span text, char why[static POPS_FILE_WHY]);

#endif
