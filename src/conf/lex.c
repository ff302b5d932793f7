#include "conf/lex.h"

void conf_lexer_init(struct conf_lexer *lx, struct arena *a, struct conf_errors *errors,
    const char *file, struct span text)
{
    *lx = (struct conf_lexer){.arena = a, .errors = errors, .text = text, .file = file, .line = 1};
    if (span_starts(text, SPAN("\xef\xbb\xbf"))) /* a byte order mark */
        lx->at = lx->line_at = 3;
}

static struct conf_place place_at(const struct conf_lexer *lx, size_t at)
{
    return (struct conf_place){lx->file, lx->line, (unsigned)(at - lx->line_at + 1)};
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What ends a bare word, and what must follow a quoted one. */
static bool is_delimiter(char c)
{
    return is_space(c) || c == ';' || c == '{' || c == '}';
}

static void skip_blank(struct conf_lexer *lx)
{
    bool comment = false;

    for (; lx->at < lx->text.n; lx->at++) {
        char c = lx->text.p[lx->at];

        if (c == '\n') {
            comment = false;
            lx->line++;
            lx->line_at = lx->at + 1;
        } else if (c == '#') {
            comment = true;
        } else if (!comment && !is_space(c)) {
            return;
        }
    }
}

static enum conf_token bad_byte(struct conf_lexer *lx, size_t at)
{
    conf_error(lx->errors, place_at(lx, at), "byte 0x%02x is not text",
        (unsigned)(unsigned char)lx->text.p[at]);
    return CONF_TOKEN_BAD;
}

static enum conf_token lex_bare(struct conf_lexer *lx, struct conf_word *w)
{
    size_t from = lx->at, at = from;

    for (; at < lx->text.n && !is_delimiter(lx->text.p[at]); at++) {
        if (lx->text.p[at] == '"') {
            conf_error(lx->errors, place_at(lx, at),
                "quote inside of a word; put the whole word in quotes");
            return CONF_TOKEN_BAD;
        }
        if (is_control(lx->text.p[at]))
            return bad_byte(lx, at);
    }
    if (at - from > CONF_WORD_MAX) {
        conf_error(lx->errors, w->at, "word of more than %d bytes", CONF_WORD_MAX);
        return CONF_TOKEN_BAD;
    }
    w->text = arena_dup(lx->arena, span_make(lx->text.p + from, at - from));
    lx->at = at;
    return CONF_TOKEN_BARE;
}

/* The escape at *at (its backslash) to one byte; *at moves behind it. */
static bool take_escape(struct conf_lexer *lx, size_t *at, char *out)
{
    struct span rest = span_from(lx->text, *at + 1);
    uint64_t byte;

    if (rest.n >= 3 && rest.p[0] == 'x' && span_hex64(span_make(rest.p + 1, 2), &byte) &&
        byte != 0) {
        *out = (char)byte;
        *at += 4;
        return true;
    }
    if (rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\\'))
        *out = rest.p[0];
    else if (rest.n > 0 && rest.p[0] == 'n')
        *out = '\n';
    else if (rest.n > 0 && rest.p[0] == 't')
        *out = '\t';
    else {
        conf_error(lx->errors, place_at(lx, *at),
            "unknown escape; write \\\" \\\\ \\n \\t or \\x01 to \\xff");
        return false;
    }
    *at += 2;
    return true;
}

static enum conf_token end_quoted(struct conf_lexer *lx, size_t at)
{
    if (at < lx->text.n && !is_delimiter(lx->text.p[at])) {
        conf_error(lx->errors, place_at(lx, at), "space or \";\" must follow a quoted word");
        return CONF_TOKEN_BAD;
    }
    lx->at = at;
    return CONF_TOKEN_QUOTED;
}

static enum conf_token lex_quoted(struct conf_lexer *lx, struct conf_word *w)
{
    char word[CONF_WORD_MAX];
    size_t at = lx->at + 1, n = 0;

    while (at < lx->text.n && lx->text.p[at] != '\n') {
        char c = lx->text.p[at];

        if (c == '"') {
            w->text = arena_dup(lx->arena, span_make(word, n));
            return end_quoted(lx, at + 1);
        }
        if (c == '\\') {
            if (!take_escape(lx, &at, &c))
                return CONF_TOKEN_BAD;
        } else if (is_control(c) && c != '\t') {
            return bad_byte(lx, at);
        } else {
            at++;
        }
        if (n == sizeof(word)) {
            conf_error(lx->errors, w->at, "word of more than %d bytes", CONF_WORD_MAX);
            return CONF_TOKEN_BAD;
        }
        word[n++] = c;
    }
    conf_error(lx->errors, w->at, "the quote that opens here is not closed on its line");
    return CONF_TOKEN_BAD;
}

enum conf_token conf_lex(struct conf_lexer *lx, struct conf_word *w)
{
    char c;

    skip_blank(lx);
    *w = (struct conf_word){.at = place_at(lx, lx->at)};
    if (lx->at == lx->text.n)
        return CONF_TOKEN_END;
    c = lx->text.p[lx->at];
    if (c == '"')
        return lex_quoted(lx, w);
    if (c == '\'') {
        conf_error(lx->errors, w->at, "single quotes do not quote here; write \"...\"");
        return CONF_TOKEN_BAD;
    }
    if (c != ';' && c != '{' && c != '}')
        return lex_bare(lx, w);
    lx->at++;
    return c == ';' ? CONF_TOKEN_SEMICOLON : c == '{' ? CONF_TOKEN_OPEN : CONF_TOKEN_CLOSE;
}
