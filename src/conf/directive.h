/*
 * directive.h - what may be written where, and what it does: the tree becomes a struct.
 *
 * A directive is one row of a table that stands next to the code which it steers; error messages,
 * defaults, the -T dump, the manual and completion all come from it. A layer declares its struct
 * and its rows (cache/conf.h):
 *
 *   struct cache_conf { uint64_t memory_bytes; int64_t ttl_max_ms; bool followers; };
 *
 *   const struct directive cache_directives[] = {
 *       {"memory", CONF_SIZE(struct cache_conf, memory_bytes), .preset = "256MiB",
 *           .min = 1 << 20, .max = 1LL << 40,
 *           .about = "Memory for stored responses, their index and fills in flight."},
 *       {"followers", CONF_FLAG(struct cache_conf, followers), .preset = "on",
 *           .about = "Lets requests join a fill that another one has started."},
 *       {0},
 *   };
 *
 * Whoever joins the layers (edge/) composes contexts out of tables and nests them by rows of the
 * kind CONF_BLOCK. A table is laid over the context's struct at an offset, so that the layers'
 * structs can be members of one:
 *
 *   static void *cache_open(struct conf_load *l, void *parent, const struct conf_node *node)
 *   {
 *       return &((struct edge_conf *)parent)->cache;       (a member; a site would be allocated
 *   }                                                       in l->arena and linked to the parent)
 *
 *   static const struct conf_context cache_context = {
 *       .name = "cache", .open = cache_open, .tables = {{cache_directives}}};
 *
 *   static const struct directive main_directives[] = {
 *       {"workers", CONF_INTEGER(struct edge_conf, workers), .max = 128, .unset = "one per core",
 *           .about = "Threads that serve."},
 *       {"listen", CONF_CUSTOM(set_listen, 1, 2), .usage = "ADDRESS [tls]",
 *           .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED, .about = "Where clients connect."},
 *       {"cache", CONF_BLOCK(&cache_context, 0, 0), .flags = DIRECTIVE_IMPLIED},
 *       {"site", CONF_BLOCK(&site_context, 1, CONF_ARGS_MAX), .usage = "HOST...",
 *           .flags = DIRECTIVE_MANY},
 *       {0},
 *   };
 *
 *   const struct conf_context main_context = {.name = "main", .open = main_open,
 *       .close = main_close, .tables = {{main_directives},
 *           {session_directives, offsetof(struct edge_conf, session)}}};
 *
 * How a block is applied: open(); then the presets of what the block leaves out; then its plain
 * directives in the order of the text; then its blocks in the order of the text, then the implied
 * ones; close(). So a block's open() sees its parent's plain values, wherever in the parent they
 * stand, and a path may start as a copy of its site: the table it shares with the site is
 * `inherited` there, which leaves its presets out. Names that may be defined further down (the
 * origin of a site) are resolved in main's close(), which runs last, or not at all when the root
 * could not be opened.
 *
 * Errors are reported by conf_error(l->errors, place, ...) and collected; nothing stops at the
 * first. close() runs with errors too (of others), and must not trip over half-set structs.
 *
 * Everything, the tree's texts included, lives in one arena that becomes the configuration,
 * immutable from then on. One thread (main) while it is built, any thread afterwards.
 */
#ifndef CONF_DIRECTIVE_H
#define CONF_DIRECTIVE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "conf/errors.h"
#include "conf/tree.h"
#include "conf/value.h"

#include <stddef.h>
#include <stdint.h>

struct conf_context;

/* What is being built, handed to open(), set() and close(). */
struct conf_load {
    struct arena *arena; /* borrowed; becomes the configuration */
    struct conf_errors *errors;
};

struct conf_strings {
    struct span *v; /* in the arena */
    unsigned n;
};

enum directive_kind {
    DIRECTIVE_SIZE,     /* uint64_t, bytes */
    DIRECTIVE_DURATION, /* int64_t, milliseconds */
    DIRECTIVE_INTEGER,  /* int64_t */
    DIRECTIVE_FLAG,     /* bool: on or off */
    DIRECTIVE_STRING,   /* struct span, never empty, NUL-terminated; bounds are of its length */
    DIRECTIVE_WORD,     /* an enum: the index in `words` */
    DIRECTIVE_STRINGS, /* struct conf_strings: one or more; with DIRECTIVE_MANY the lines of a block
                        * add up, and replace what was inherited */
    DIRECTIVE_LISTEN,  /* struct value_listen */
    DIRECTIVE_CUSTOM,  /* set() judges the arguments */
    DIRECTIVE_BLOCK,   /* { } of another context */
};

enum {
    DIRECTIVE_REQUIRED = 1, /* its absence is an error */
    DIRECTIVE_MANY = 2,     /* may be repeated; otherwise a second one is an error */
    DIRECTIVE_IMPLIED = 4,  /* block: absent means empty, so that its presets are applied */
};

/* `self` is the context's struct at the table's offset. Reports what is wrong with the node. */
typedef void conf_set_fn(struct conf_load *l, void *self, const struct conf_node *node);

struct directive {
    const char *name;
    enum directive_kind kind; /* this and the next four by the CONF_* macros below */
    size_t offset;
    conf_set_fn *set;
    const struct conf_context *block;
    unsigned args_min, args_max; /* CUSTOM and BLOCK; the number of arguments that may come */
    const char *const *words;    /* WORD: NULL at the end */
    unsigned flags;
    int64_t min, max;   /* inclusive; both 0: no bounds; max 0: no upper bound */
    const char *usage;  /* the arguments for people: PATH size SIZE; NULL: from the kind */
    const char *preset; /* the default as it would be written behind the name; NULL: open() */
                        /* decides, and then */
    const char *unset;  /* says in words what absence means, or NULL */
    const char *about;  /* sentences for the manual */
};

/* The member's type is checked when the row is compiled. */
#define CONF_MEMBER(st, member, type)                                                              \
    .offset = _Generic(((st *)0)->member, type : offsetof(st, member))
#define CONF_SIZE(st, member)     .kind = DIRECTIVE_SIZE, CONF_MEMBER(st, member, uint64_t)
#define CONF_DURATION(st, member) .kind = DIRECTIVE_DURATION, CONF_MEMBER(st, member, int64_t)
#define CONF_INTEGER(st, member)  .kind = DIRECTIVE_INTEGER, CONF_MEMBER(st, member, int64_t)
#define CONF_FLAG(st, member)     .kind = DIRECTIVE_FLAG, CONF_MEMBER(st, member, bool)
#define CONF_STRING(st, member)   .kind = DIRECTIVE_STRING, CONF_MEMBER(st, member, struct span)
#define CONF_STRINGS(st, member)                                                                   \
    .kind = DIRECTIVE_STRINGS, CONF_MEMBER(st, member, struct conf_strings)
#define CONF_LISTEN(st, member)                                                                    \
    .kind = DIRECTIVE_LISTEN, CONF_MEMBER(st, member, struct value_listen)
/* The member is an enum (or int) whose values run 0, 1, ... as the words do. */
#define CONF_WORD(st, member, list)                                                                \
    .kind = DIRECTIVE_WORD, .words = (list),                                                       \
    .offset = _Generic(((st *)0)->member, int                                                      \
                       : offsetof(st, member), unsigned                                            \
                       : offsetof(st, member))
#define CONF_CUSTOM(fn, least, most)                                                               \
    .kind = DIRECTIVE_CUSTOM, .set = (fn), .args_min = (least), .args_max = (most)
#define CONF_BLOCK(context, least, most)                                                           \
    .kind = DIRECTIVE_BLOCK, .block = (context), .args_min = (least), .args_max = (most)

struct conf_table {
    const struct directive *rows; /* ends with a row without name */
    size_t offset;                /* of the table's struct in the context's */
    bool inherited;               /* open() has set the values: no presets */
};

enum { CONF_TABLES_MAX = 12, CONF_ROWS_MAX = 256 }; /* of one context */

struct conf_context {
    const char *name;                          /* for messages: ... in site */
    const char *about;                         /* sentences for the manual, or NULL */
    struct conf_table tables[CONF_TABLES_MAX]; /* up to the first without rows */
    /* The struct to fill; it must be cleared or copied from the parent. The node has the block's
     * arguments, args_min to args_max of them. NULL: reported, the block is left out. `parent` is
     * the parent context's struct (its start, no table's offset), for the root what conf_apply()
     * was given. */
    void *(*open)(struct conf_load *l, void *parent, const struct conf_node *node);
    /* Judges the whole, or NULL. */
    void (*close)(struct conf_load *l, void *self, const struct conf_node *node);
};

/* Applies the whole tree; the root's open() gets `parent`, which may be NULL. The root's struct, or
 * NULL when there is any error in `errors`. */
MUST_USE void *conf_apply(const struct conf_context *root_context, void *parent,
    const struct conf_node *root, struct arena *a, struct conf_errors *errors);

/* Stores a directive's arguments at the table's struct; false when something was wrong, which is
 * reported. For kinds other than BLOCK, with a number of arguments that fits. */
bool directive_set(
    struct conf_load *l, const struct directive *d, void *table_self, const struct conf_node *node);
/* Stores the preset, if there is one; that it fits its own row is our duty. */
void directive_set_preset(struct conf_load *l, const struct directive *d, void *table_self);

/* For set() and open(): one argument to a value; false when it was wrong, which is reported at the
 * word. */
MUST_USE bool conf_arg_size(
    struct conf_load *l, const struct conf_node *n, unsigned i, uint64_t *bytes);
MUST_USE bool conf_arg_duration(
    struct conf_load *l, const struct conf_node *n, unsigned i, int64_t *ms);
MUST_USE bool conf_arg_integer(
    struct conf_load *l, const struct conf_node *n, unsigned i, int64_t *out);
MUST_USE bool conf_arg_flag(struct conf_load *l, const struct conf_node *n, unsigned i, bool *out);
MUST_USE bool conf_arg_listen(
    struct conf_load *l, const struct conf_node *n, unsigned i, struct value_listen *out);
/* *index in `words` (NULL at the end); a suggestion is made for a near miss. */
MUST_USE bool conf_arg_word(struct conf_load *l, const struct conf_node *n, unsigned i,
    const char *const *words, int *index);

/* Argument i is there and is exactly this word; false is no error. */
MUST_USE bool conf_arg_is(const struct conf_node *n, unsigned i, const char *word);

/* The row of that name in the context, or NULL; *table (unless NULL) is the one it stands in. */
const struct directive *conf_find_row(
    const struct conf_context *c, struct span name, const struct conf_table **table);

/* The first directive of that name in a block, or NULL. */
const struct conf_node *conf_find_child(const struct conf_node *block, const char *name);

/* All contexts that can be reached from the root, itself first, each once, in the order of the
 * rows. Returns how many. More than CONF_CONTEXTS_MAX are our bug. */
enum { CONF_CONTEXTS_MAX = 32 };
unsigned conf_contexts(
    const struct conf_context *root, const struct conf_context *out[CONF_CONTEXTS_MAX]);

/* The arguments as the manual shows them: SIZE, on|off, PATH size SIZE; "" for none. */
const char *directive_usage(const struct directive *d, char *dst, size_t cap);

#endif
