/*
 * thread.h - which thread am I: workers are 1 .. N, every other thread is 0.
 *
 * Per-thread state (counters, log rings) is indexed by it.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

enum { THREADS_MAX = 129 }; /* index 0 and 128 workers */

extern _Thread_local int thread_index_tls;

/* Called once by each worker thread as it starts; `name` shows in ps and gdb. */
void thread_set(int index, const char *name);

static inline int thread_index(void)
{
    return thread_index_tls;
}

#endif
