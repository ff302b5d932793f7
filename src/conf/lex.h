/*
 * lex.h - the text of one configuration file to words, `;`, `{` and `}`.
 *
 * A word is bare (anything but space, control bytes, and ; { } ", and no ' or # at its start) or
 * "quoted" on one line, with the escapes \" \\ \n \t \xHH (never \x00). A backslash in a bare
 * word is a backslash. `#` where a word could start begins a comment that ends with the line.
 * Words are copied into the arena, NUL-terminated and without a NUL inside, so text.p is a C
 * string.
 *
 * Used by tree.c; everybody else starts there.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "base/arena.h"
#include "conf/errors.h"

enum { CONF_WORD_MAX = 8192 };

struct conf_word {
    struct span text;
    struct conf_place at;
};

enum conf_token {
    CONF_TOKEN_BARE,
    CONF_TOKEN_QUOTED,
    CONF_TOKEN_SEMICOLON,
    CONF_TOKEN_OPEN,
    CONF_TOKEN_CLOSE,
    CONF_TOKEN_END, /* of the text */
    CONF_TOKEN_BAD, /* reported; there is no going on in this text */
};

struct conf_lexer {
    struct arena *arena;        /* borrowed; words go there */
    struct conf_errors *errors; /* borrowed */
    struct span text;           /* borrowed */
    const char *file;           /* borrowed; outlives the words */
    size_t at, line_at;         /* offsets of the next byte and of its line */
    unsigned line;
};

void conf_lexer_init(struct conf_lexer *lx, struct arena *a, struct conf_errors *errors,
    const char *file, struct span text);

/* w->at is set for every token, w->text for words only. */
enum conf_token conf_lex(struct conf_lexer *lx, struct conf_word *w);

#endif
