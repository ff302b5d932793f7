/*
 * one_worker.h - the usual stage of a test: a worker whose loop is turned by hand, and a cache.
 * Included after the headers of the project, since its names are short.
 */
#ifndef TESTS_CACHE_ONE_WORKER_H
#define TESTS_CACHE_ONE_WORKER_H

#include "things.h"

static struct worker *w;
static struct cache *c;

static int set_up(void **state)
{
    (void)state;
    w = worker_new(1);
    c = cache_of(8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_turn(w);
    cache_close(&c);
    worker_join(&w);
    return 0;
}

#endif
