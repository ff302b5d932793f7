/*
 * hints.h - the Link fields of a page's last 103 (Early Hints, RFC 8297): for the next client that
 * has to wait for the origin, so that its browser can begin before the origin does.
 *
 * A table of fixed size in which newer ones replace older ones whose keys fall together; texts are
 * at most HINTS_BYTES each. What is lost costs a hint, nothing else. A lock that is held for one
 * comparison and one copy. Any thread.
 */
#ifndef EDGE_HINTS_H
#define EDGE_HINTS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/hash.h"
#include "http/fields.h"

struct hints;

enum { HINTS_MAX = 1024, HINTS_BYTES = 2048 };

MUST_USE struct hints *hints_new(void);
/* Sets *h to NULL. */
void hints_free(struct hints **h);

/* Remembers the Link lines among `fields`; without any, or when they are too long, forgets. */
void hints_put(struct hints *h, struct hash128 key, const struct fields *fields);
/* The remembered lines, copied to `a`. False: there are none. */
MUST_USE bool hints_get(struct hints *h, struct hash128 key, struct arena *a, struct fields *out);

#endif
