#include "daemon/closing.h"

#include "base/check.h"
#include "base/log.h"
#include "base/thread.h"
#include "daemon/daemon.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 20, LOG_MS = 100 /* that the last line has to be written */ };

struct closing {
    pthread_t thread;
    sigset_t set;
    mono_ms until; /* < 0: no end yet */
    bool forced;
    _Atomic bool over;
};

static void force(struct closing *c, const char *why)
{
    log_msg(LOG_WARN, "%s: what is not closed within %d ms is given up", why, CLOSING_FORCED_MS);
    c->forced = true;
    c->until = clock_mono_ms() + CLOSING_FORCED_MS;
}

static void give_up(void)
{
    static const struct timespec pause = {0, LOG_MS * 1000000L};

    log_msg(LOG_ERROR, "a disk does not answer: ended without it; what was not written is lost");
    nanosleep(&pause, NULL);
    _exit(DAEMON_UNCLEAN);
}

static void *watch(void *arg)
{
    static const struct timespec poll = {0, POLL_MS * 1000000L};
    struct closing *c = arg;

    thread_set(0, "closing");
    while (!atomic_load(&c->over)) {
        int sig = sigtimedwait(&c->set, NULL, &poll);
        bool late = c->until >= 0 && clock_mono_ms() >= c->until;

        if (late && c->forced)
            give_up();
        else if (late)
            force(c, "the grace is over");
        else if (!c->forced && (sig == SIGTERM || sig == SIGINT))
            force(c, "told to stop again");
    }
    return NULL;
}

struct closing *closing_begin(const sigset_t *set, mono_ms grace_ms, bool forced)
{
    struct closing *c = xcalloc(1, sizeof(*c));

    c->set = *set;
    if (forced)
        grace_ms = CLOSING_FORCED_MS;
    c->until = grace_ms < 0 ? -1 : clock_mono_ms() + grace_ms;
    c->forced = forced;
    check(pthread_create(&c->thread, NULL, watch, c) == 0);
    return c;
}

void closing_end(struct closing **cp)
{
    struct closing *c = *cp;

    *cp = NULL;
    atomic_store(&c->over, true);
    pthread_join(c->thread, NULL);
    free(c);
}
