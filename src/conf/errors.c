#include "conf/errors.h"

#include <stdarg.h>
#include <stdio.h>

enum { SENTENCE_MAX = 1024 };

void conf_errors_init(struct conf_errors *e, struct arena *a)
{
    *e = (struct conf_errors){.arena = a};
}

/* Control bytes would let a file write to the terminal of whoever tests it. */
static struct span escaped(struct arena *a, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    char out[SENTENCE_MAX * 4];
    size_t n = 0;

    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c >= 0x20 && c != 0x7f) {
            out[n++] = *p;
            continue;
        }
        out[n++] = '\\';
        out[n++] = 'x';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    return arena_dup(a, span_make(out, n));
}

void conf_error(struct conf_errors *e, struct conf_place at, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list ap;
    int n;

    if (e->n++ >= CONF_ERRORS_MAX)
        return;
    n = snprintf(text, sizeof(text), "%.256s:%u:%u: ", at.file, at.line, at.column);
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    e->text[e->n - 1] = escaped(e->arena, text);
}

bool conf_errors_write(const struct conf_errors *e, struct buf *out)
{
    unsigned kept = e->n < CONF_ERRORS_MAX ? e->n : CONF_ERRORS_MAX;

    for (unsigned i = 0; i < kept; i++) {
        if (!buf_append(out, e->text[i]) || !buf_append(out, SPAN("\n")))
            return false;
    }
    return e->n == kept ||
           buf_printf(out, "and %u more error%s\n", e->n - kept, e->n - kept == 1 ? "" : "s");
}
