/*
 * ctl_acme.c - selvagectl acme: what uacme's hook was called with, to POST /acme.
 */
#include "bin/ctl.h"

#include <stdio.h>

enum { PATH_BYTES_MAX = 16 << 10 };

/* The hook's output is uacme's: all is well without a word. */
static bool report_nothing(const json_t *answer, bool colour, struct buf *out)
{
    (void)answer;
    (void)colour;
    (void)out;
    return true;
}

int ctl_acme(const struct ctl *ctl)
{
    static const char *const names[] = {"method", "type", "name", "token", "answer"};
    struct buf path;
    bool ok;
    int status = 1;

    buf_init(&path, PATH_BYTES_MAX);
    ok = buf_append(&path, SPAN("/acme?"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ok = ok && buf_printf(&path, "%s=", names[i]) &&
             ctl_put_value(&path, span_of(ctl->args[i])) && buf_append(&path, SPAN("&"));
    ok = ok && buf_append(&path, span_make("", 1));
    if (ok)
        status = ctl_show(ctl, METHOD_POST, path.p, report_nothing);
    else
        fprintf(stderr, "selvagectl: an argument is too long\n");
    buf_free(&path);
    return status;
}
