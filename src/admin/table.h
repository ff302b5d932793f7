/*
 * table.h - lines of a label and a value, aligned, for people. Private to admin/.
 *
 * Values from outside may have anything in them: control characters would steer the terminal and
 * are shown as '?'.
 */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include "base/attrs.h"
#include "base/buf.h"

#include <stdint.h>

struct row {
    char label[48]; /* "" separates groups */
    char value[256];
    char note[64];
    bool faint; /* nothing happened here yet */
};

struct table {
    struct row *rows; /* owns */
    size_t n, cap;
    bool numbers; /* values stand to the right */
};

/* The new row, until the next one is added. A label or value that is too long is cut. */
struct row *table_add(struct table *t, const char *label, const char *fmt, ...) PRINTF(3, 4);
/* An empty line. */
void table_separate(struct table *t);
/* Frees the rows. `colour`: with the escape sequences of a terminal. False: the buffer's limit does
 * not allow. */
MUST_USE bool table_write(struct table *t, bool colour, struct buf *out);

/* "1.5 MiB"; "2 h 5 min". Both return `out`. */
const char *table_bytes(double bytes, char out[32]);
const char *table_duration(int64_t s, char out[64]);

#endif
