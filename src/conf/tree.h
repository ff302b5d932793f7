/*
 * tree.h - configuration text to a tree of directives that nobody has judged yet.
 *
 *   name word "another word";
 *   name word { name word; include sites.d/site-*.conf; }
 *
 * `include PATTERN;` may stand anywhere and is replaced by what the files say, each balanced in
 * itself. The pattern is a glob, relative to the folder of the file that includes; files come in
 * byte order of their names; a pattern with * ? [ may match nothing, a plain name may not. A file
 * that includes itself, at any distance, is refused.
 *
 * All sizes below bound what a file can cost; passing one is an error with its place. Everything
 * lives in the arena; the tree does not change once it is returned. One thread (main).
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "conf/errors.h"
#include "conf/lex.h"

#include <stdbool.h>

enum {
    CONF_FILE_BYTES_MAX = 4 << 20,
    CONF_TOTAL_BYTES_MAX = 64 << 20,
    CONF_FILES_MAX = 4096,
    CONF_INCLUDE_DEPTH_MAX = 8, /* files open at once, the first one not counted */
    CONF_DEPTH_MAX = 16,        /* blocks in blocks */
    CONF_ARGS_MAX = 64,
    CONF_NODES_MAX = 1 << 18,
};

struct conf_node {
    struct span name; /* empty for the root */
    struct conf_place at;
    const struct conf_word *args; /* args_n of them */
    unsigned args_n;
    bool block;                 /* has { }, which may be empty */
    struct conf_node *children; /* first; NULL for none */
    struct conf_node *next;
};

#define conf_each(it, parent)                                                                      \
    for (const struct conf_node *it = (parent)->children; it != NULL; it = it->next)

/* The root, whose children are the file's directives; NULL after any error, all reported. */
MUST_USE const struct conf_node *conf_read_file(
    struct arena *a, const char *path, struct conf_errors *errors);

/* The same from text that is called `file` in errors. Includes are refused: text has no folder.
 * For tests, and for a configuration that was given on the command line. */
MUST_USE const struct conf_node *conf_read_text(
    struct arena *a, const char *file, struct span text, struct conf_errors *errors);

#endif
