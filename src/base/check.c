#include "base/check.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void check_failed(const char *expr, const char *file, int line, const char *func)
{
    void *frames[32];
    int n;

    fprintf(stderr, "selvage: bug: check(%s) failed in %s() at %s:%d\n", expr, func, file, line);
    n = backtrace(frames, 32);
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
    abort();
}

static void *or_die(void *p, unsigned long bytes)
{
    if (p == NULL) {
        fprintf(stderr, "selvage: out of memory: could not get %lu bytes\n", bytes);
        abort();
    }
    return p;
}

void *xmalloc(unsigned long bytes)
{
    return or_die(malloc(bytes != 0 ? bytes : 1), bytes);
}

void *xcalloc(unsigned long count, unsigned long bytes)
{
    return or_die(calloc(count != 0 ? count : 1, bytes != 0 ? bytes : 1), count * bytes);
}

void *xrealloc(void *p, unsigned long bytes)
{
    return or_die(realloc(p, bytes != 0 ? bytes : 1), bytes);
}

char *xstrdup(const char *s)
{
    return or_die(strdup(s), strlen(s) + 1);
}
