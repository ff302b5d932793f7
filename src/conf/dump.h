/*
 * dump.h - the whole configuration back as text, in canonical form (selvaged -T).
 *
 * One directive per line, blocks indented by four spaces, words quoted where they must be, files
 * included in place. What a block leaves out stands in front of its first inner block, or at its
 * end, as a comment with the default. Comments of the source are gone; reading the dump gives the
 * same dump.
 */
#ifndef CONF_DUMP_H
#define CONF_DUMP_H

#include "base/attrs.h"
#include "base/buf.h"
#include "conf/directive.h"
#include "conf/tree.h"

/* Only for a tree that conf_apply() took with this context. False: the buffer's limit was reached.
 */
MUST_USE bool conf_dump(
    const struct conf_context *root_context, const struct conf_node *root, struct buf *out);

/* One word, in quotes when it needs them: conf_read_text() reads the same bytes back. For those
 * who compose configuration text, too. The word has no NUL in it. */
MUST_USE bool conf_write_word(struct buf *out, struct span word);

#endif
