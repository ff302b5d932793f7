#include "base/thread.h"

#include "base/check.h"

#include <sys/prctl.h>

_Thread_local int thread_index_tls;

void thread_set(int index, const char *name)
{
    check(index >= 0 && index < THREADS_MAX);
    thread_index_tls = index;
    prctl(PR_SET_NAME, name);
}
