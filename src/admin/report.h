/*
 * report.h - what a control socket answered, as a table for people.
 *
 * Each line says its subject in full ("origin requests   12"), so that grep finds it. Pure: JSON
 * in, text out. Counters are shown as they come, so that a new one needs nothing here.
 */
#ifndef ADMIN_REPORT_H
#define ADMIN_REPORT_H

#include "base/attrs.h"
#include "base/buf.h"

#include <jansson.h>

/* Appends the text. `colour`: with the escape sequences of a terminal. What is missing in `answer`
 * or of another type than expected is left out. False: the buffer's limit does not allow. */
MUST_USE bool report_status(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_stats(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_volumes(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_reload(const json_t *answer, bool colour, struct buf *out);
bool report_certificates(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_volume_check(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_object(const json_t *answer, bool colour, struct buf *out);
/* Without what steers a terminal; NULL is "?". */
MUST_USE bool report_printable(struct buf *out, const char *s);
/* One line of a list. */
MUST_USE bool report_object_line(const json_t *object, struct buf *out);
MUST_USE bool report_explain(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_pops(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_steer(const json_t *answer, bool colour, struct buf *out);
MUST_USE bool report_purge(const json_t *answer, bool colour, struct buf *out);

#endif
