#include "conf/tree.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One `include` that is being followed: its files in order, one of them open at a time. The first
 * source is the file (or the text) that was asked for. */
struct source {
    const char **paths;     /* in the arena */
    size_t paths_n, path_i; /* path_i: the next to open */
    struct conf_place at;   /* of the include's pattern */
    unsigned depth;         /* of the block that the include stands in */

    bool open;
    struct conf_lexer lexer;
    struct buf text; /* owns; of the open file */
    dev_t dev;       /* which file it is */
    ino_t ino;
};

struct block {
    struct conf_node *node;
    struct conf_node **tail; /* where its next child goes */
};

struct reader {
    struct arena *arena;
    struct conf_errors *errors;
    struct source sources[CONF_INCLUDE_DEPTH_MAX + 1];
    unsigned sources_n;
    struct block blocks[CONF_DEPTH_MAX + 1]; /* the root and the open ones in it */
    unsigned depth;                          /* index of the innermost */
    unsigned nodes, files;
    size_t bytes;
    bool text_only; /* no includes */
    bool stopped;   /* a limit of the whole was passed */
};

/* ---- files ---- */

static bool read_all(struct reader *r, struct source *s, const char *path, int fd)
{
    ssize_t got = 1;

    buf_init(&s->text, CONF_FILE_BYTES_MAX + 1);
    while (got > 0) {
        size_t room = s->text.limit - s->text.n;

        if (room == 0) {
            conf_error(
                r->errors, s->at, "\"%s\" is larger than %d bytes", path, CONF_FILE_BYTES_MAX);
            return false;
        }
        if (!buf_reserve(&s->text, room < 65536 ? room : 65536)) {
            conf_error(r->errors, s->at, "cannot read \"%s\": out of memory", path);
            return false;
        }
        do
            got = read(fd, s->text.p + s->text.n, s->text.cap - s->text.n);
        while (got < 0 && errno == EINTR);
        if (got > 0)
            s->text.n += (size_t)got;
    }
    if (got < 0)
        conf_error(r->errors, s->at, "cannot read \"%s\": %s", path, strerror(errno));
    return got == 0;
}

static bool is_open_already(const struct reader *r, const struct stat *st)
{
    for (unsigned i = 0; i < r->sources_n; i++) {
        const struct source *s = &r->sources[i];

        if (s->open && s->dev == st->st_dev && s->ino == st->st_ino)
            return true;
    }
    return false;
}

static bool limits_hold(struct reader *r, const struct source *s)
{
    r->files++;
    r->bytes += s->text.n;
    if (r->files <= CONF_FILES_MAX && r->bytes <= CONF_TOTAL_BYTES_MAX)
        return true;
    conf_error(r->errors, s->at, "more than %d files or %d bytes in all", CONF_FILES_MAX,
        CONF_TOTAL_BYTES_MAX);
    r->stopped = true;
    return false;
}

static bool open_fd(struct reader *r, struct source *s, const char *path, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        conf_error(r->errors, s->at, "cannot read \"%s\": %s", path, strerror(errno));
        return false;
    }
    if (is_open_already(r, &st)) {
        conf_error(r->errors, s->at, "\"%s\" includes itself", path);
        return false;
    }
    if (!read_all(r, s, path, fd) || !limits_hold(r, s)) {
        buf_free(&s->text);
        return false;
    }
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return true;
}

static void open_next(struct reader *r, struct source *s)
{
    const char *path = s->paths[s->path_i++];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    s->open = open_fd(r, s, path, fd);
    if (s->open)
        conf_lexer_init(&s->lexer, r->arena, r->errors, path, buf_span(&s->text));
    if (fd >= 0)
        close(fd);
}

/* Also after an error inside: blocks that the file left open are given up. */
static void close_file(struct reader *r, struct source *s)
{
    buf_free(&s->text);
    s->open = false;
    r->depth = s->depth;
}

/* ---- include ---- */

static bool is_pattern(struct span s)
{
    return span_find(s, '*') < s.n || span_find(s, '?') < s.n || span_find(s, '[') < s.n;
}

/* The folder of a file with its slash, or nothing. */
static struct span folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return span_make(file, slash != NULL ? (size_t)(slash + 1 - file) : 0);
}

/* So that glob() takes every byte as it is. */
static struct span glob_escaped(struct arena *a, struct span s)
{
    char *out = arena_alloc(a, s.n * 2 + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (strchr("*?[]\\", s.p[i]) != NULL)
            out[n++] = '\\';
        out[n++] = s.p[i];
    }
    return span_make(out, n);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder that is not there holds no match; one that cannot be read is an error. */
static int on_glob_error(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

static bool find_matches(
    struct reader *r, struct source *inc, struct span folder, struct span pattern)
{
    struct span whole = arena_join(r->arena, glob_escaped(r->arena, folder), pattern);
    glob_t found;
    int status = glob(whole.p, GLOB_NOSORT, on_glob_error, &found);
    bool ok = status == 0 || status == GLOB_NOMATCH;

    if (!ok)
        conf_error(r->errors, inc->at, "cannot read a folder of \"%.*s\"", CONF_SHOW(pattern));
    if (status == 0) {
        qsort(found.gl_pathv, found.gl_pathc, sizeof(found.gl_pathv[0]), compare_paths);
        inc->paths_n = found.gl_pathc;
        inc->paths = arena_alloc(r->arena, found.gl_pathc * sizeof(inc->paths[0]));
        for (size_t i = 0; i < found.gl_pathc; i++)
            inc->paths[i] = arena_dup(r->arena, span_of(found.gl_pathv[i])).p;
    }
    globfree(&found);
    return ok;
}

static bool include(struct reader *r, const struct source *from, const struct conf_node *node)
{
    struct span folder = folder_of(from->lexer.file), pattern;
    struct source inc = {.depth = r->depth};

    if (node->args_n != 1) {
        conf_error(r->errors, node->at, "include takes one file or pattern");
        return false;
    }
    inc.at = node->args[0].at;
    pattern = node->args[0].text;
    if (r->text_only) {
        conf_error(r->errors, node->at, "include is not possible here");
        return false;
    }
    if (r->sources_n > CONF_INCLUDE_DEPTH_MAX) {
        conf_error(
            r->errors, inc.at, "includes are nested more than %d deep", CONF_INCLUDE_DEPTH_MAX);
        return false;
    }
    if (span_starts(pattern, SPAN("/")))
        folder = SPAN_EMPTY;
    if (is_pattern(pattern)) {
        if (!find_matches(r, &inc, folder, pattern))
            return false;
    } else {
        inc.paths_n = 1;
        inc.paths = arena_alloc(r->arena, sizeof(inc.paths[0]));
        inc.paths[0] = arena_join(r->arena, folder, pattern).p;
    }
    r->sources[r->sources_n++] = inc;
    return true;
}

/* ---- directives ---- */

static void append(struct reader *r, struct conf_node *node)
{
    struct block *b = &r->blocks[r->depth];

    *b->tail = node;
    b->tail = &node->next;
}

static bool open_block(struct reader *r, struct conf_node *node)
{
    if (r->depth == CONF_DEPTH_MAX) {
        conf_error(r->errors, node->at, "blocks are nested more than %d deep", CONF_DEPTH_MAX);
        return false;
    }
    node->block = true;
    append(r, node);
    r->blocks[++r->depth] = (struct block){node, &node->children};
    return true;
}

/* False: the rest of this file makes no sense; reported. */
static bool end_directive(
    struct reader *r, struct source *s, struct conf_node *node, enum conf_token by)
{
    bool is_include = span_eq(node->name, SPAN("include"));

    switch (by) {
    case CONF_TOKEN_SEMICOLON:
        if (is_include)
            return include(r, s, node);
        append(r, node);
        return true;
    case CONF_TOKEN_OPEN:
        if (!is_include)
            return open_block(r, node);
        conf_error(r->errors, node->at, "include takes no block");
        return false;
    case CONF_TOKEN_CLOSE:
    case CONF_TOKEN_END:
        conf_error(r->errors, node->at, "\"%.*s\" is not ended by \";\"", CONF_SHOW(node->name));
        return false;
    case CONF_TOKEN_BARE:
    case CONF_TOKEN_QUOTED:
    case CONF_TOKEN_BAD:
        break;
    }
    return false;
}

/* The words behind the name, up to what ends the directive. */
static bool read_directive(struct reader *r, struct source *s, const struct conf_word *name)
{
    struct conf_word args[CONF_ARGS_MAX], w;
    struct conf_node *node;
    enum conf_token t;
    unsigned n = 0;

    if (++r->nodes > CONF_NODES_MAX) {
        conf_error(r->errors, name->at, "more than %d directives in all", CONF_NODES_MAX);
        r->stopped = true;
        return false;
    }
    while ((t = conf_lex(&s->lexer, &w)) == CONF_TOKEN_BARE || t == CONF_TOKEN_QUOTED) {
        if (n == CONF_ARGS_MAX) {
            conf_error(r->errors, w.at, "more than %d words behind \"%.*s\"; is a \";\" missing?",
                CONF_ARGS_MAX, CONF_SHOW(name->text));
            return false;
        }
        args[n++] = w;
    }
    if (t == CONF_TOKEN_BAD)
        return false;
    node = arena_zalloc(r->arena, sizeof(*node));
    node->name = name->text;
    node->at = name->at;
    node->args_n = n;
    if (n > 0) {
        struct conf_word *kept = arena_alloc(r->arena, n * sizeof(args[0]));

        memcpy(kept, args, n * sizeof(args[0]));
        node->args = kept;
    }
    return end_directive(r, s, node, t);
}

/* One directive, or the end of a block. False: this file is at its end, or given up. */
static bool read_statement(struct reader *r, struct source *s)
{
    struct conf_word w;

    switch (conf_lex(&s->lexer, &w)) {
    case CONF_TOKEN_BARE:
        return read_directive(r, s, &w);
    case CONF_TOKEN_QUOTED:
        conf_error(r->errors, w.at, "a directive begins with its name, not with a quoted word");
        return false;
    case CONF_TOKEN_SEMICOLON:
        conf_error(r->errors, w.at, "\";\" without a directive");
        return true;
    case CONF_TOKEN_OPEN:
        conf_error(r->errors, w.at, "\"{\" without a directive");
        return false;
    case CONF_TOKEN_CLOSE:
        if (r->depth == s->depth) {
            conf_error(r->errors, w.at, "\"}\" without its \"{\" in this file");
            return false;
        }
        r->depth--;
        return true;
    case CONF_TOKEN_END:
        if (r->depth != s->depth) {
            const struct conf_node *open = r->blocks[r->depth].node;

            conf_error(r->errors, open->at, "block \"%.*s\" is not closed by \"}\"",
                CONF_SHOW(open->name));
        }
        return false;
    case CONF_TOKEN_BAD:
        return false;
    }
    return false;
}

static const struct conf_node *read_sources(struct reader *r, const char *file)
{
    struct conf_node *root = arena_zalloc(r->arena, sizeof(*root));
    unsigned errors_before = r->errors->n;

    root->at = (struct conf_place){file, 1, 1};
    root->block = true;
    r->blocks[0] = (struct block){root, &root->children};
    while (r->sources_n > 0) {
        struct source *s = &r->sources[r->sources_n - 1];

        if (s->open) {
            if (r->stopped || !read_statement(r, s))
                close_file(r, s);
        } else if (s->path_i < s->paths_n && !r->stopped) {
            open_next(r, s);
        } else {
            r->sources_n--;
        }
    }
    return r->errors->n == errors_before ? root : NULL;
}

const struct conf_node *conf_read_file(
    struct arena *a, const char *path, struct conf_errors *errors)
{
    const char *name = arena_dup(a, span_of(path)).p;
    struct reader r = {.arena = a, .errors = errors, .sources_n = 1};

    r.sources[0] = (struct source){.paths = &name, .paths_n = 1, .at = {name, 1, 1}};
    return read_sources(&r, name);
}

const struct conf_node *conf_read_text(
    struct arena *a, const char *file, struct span text, struct conf_errors *errors)
{
    const char *name = arena_dup(a, span_of(file)).p;
    struct reader r = {.arena = a, .errors = errors, .sources_n = 1, .text_only = true};

    r.sources[0] = (struct source){.at = {name, 1, 1}, .open = true};
    conf_lexer_init(&r.sources[0].lexer, a, errors, name, text);
    return read_sources(&r, name);
}
