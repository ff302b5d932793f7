/*
 * manual.c - writes the directive reference of selvage.conf(5) or selvage-director.conf(5) from the
 * directive tables, so that the page and the program cannot disagree. Built for `make check` and
 * `make manual`, never installed.
 */
#include "conf/manual.h"
#include "base/buf.h"
#include "director/conf.h"
#include "edge/conf.h"

#include <stdio.h>
#include <string.h>

enum { MANUAL_BYTES = 1 << 20 };

int main(int argc, char **argv)
{
    bool director = argc > 1 && strcmp(argv[1], "selvage-director.conf") == 0;
    struct buf out;
    bool ok;

    buf_init(&out, MANUAL_BYTES);
    ok = conf_manual_mdoc(director ? &director_conf_main : &edge_conf_main, &out) &&
         fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    buf_free(&out);
    return ok ? 0 : 1;
}
