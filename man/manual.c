/*
 * manual.c - writes the directive reference of selvage.conf(5) from the directive tables, so that
 * the page and the program cannot disagree. Built for `make check` and `make manual`, never
 * installed.
 */
#include "conf/manual.h"
#include "base/buf.h"
#include "edge/conf.h"

#include <stdio.h>

enum { MANUAL_BYTES = 1 << 20 };

int main(void)
{
    struct buf out;
    bool ok;

    buf_init(&out, MANUAL_BYTES);
    ok = conf_manual_mdoc(&edge_conf_main, &out) && fwrite(out.p, 1, out.n, stdout) == out.n &&
         fflush(stdout) == 0;
    buf_free(&out);
    return ok ? 0 : 1;
}
