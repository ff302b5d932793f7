/*
 * manual.h - the reference of all directives, written from their tables, so it cannot drift.
 */
#ifndef CONF_MANUAL_H
#define CONF_MANUAL_H

#include "base/attrs.h"
#include "base/buf.h"
#include "conf/directive.h"

/* mdoc(7) source: a subsection for each context (.Ss), to stand in a section of
 * selvage.conf(5). False: the buffer's limit was reached. */
MUST_USE bool conf_manual_mdoc(const struct conf_context *root, struct buf *out);

/* For shell completion and editors: a line for each context: its name, a colon, then its
 * directives, `include` among them, in byte order. */
MUST_USE bool conf_manual_words(const struct conf_context *root, struct buf *out);

#endif
