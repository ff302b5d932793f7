/*
 * diff.h - what lines one canonical text of a configuration (dump.h) has that another has not.
 *
 * The shortest edit script by the greedy algorithm of E. W. Myers, "An O(ND) Difference Algorithm
 * and Its Variations" (1986). Lines that went begin with "- ", those that came with "+ "; the heads
 * of the blocks that they stand in, with two blanks, come before. Pure; any thread.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

enum { CONF_DIFF_MAX = 2000 /* lines that may differ: their square is what it costs */ };

/* Appends nothing when both are the same. False: the buffer's limit was reached, or they differ by
 * more than CONF_DIFF_MAX lines, and then there is one line that says so. */
MUST_USE bool conf_diff(struct span before, struct span after, struct buf *out);

#endif
