#include "session/pace.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

void pace_begin(struct pace *p, const struct session_conf *conf)
{
    *p = (struct pace){.left_ms = conf->send_timeout_ms};
}

/* Bytes in the socket that the client has not acknowledged, and those that wait for it to take
 * them. */
static uint64_t unsent(const struct stream *s)
{
    int n = 0;

    return stream_owes(s) + (ioctl(s->fd, SIOCOUTQ, &n) == 0 && n > 0 ? (uint64_t)n : 0);
}

static mono_ms least(mono_ms a, mono_ms b)
{
    return a < b ? a : b;
}

/* Brings what is known up to now. */
static void look(struct pace *p, const struct session_conf *conf, const struct stream *s)
{
    mono_ms now = worker_now(s->worker);
    uint64_t left = unsent(s), taken = p->handed > left ? p->handed - left : 0;

    if (p->looked_ms != 0)
        p->left_ms -= now - p->looked_ms;
    if (taken > p->taken) {
        if (conf->send_rate > 0)
            p->left_ms += (mono_ms)((taken - p->taken) * 1000 / conf->send_rate);
        p->left_ms = least(p->left_ms, 2 * conf->send_timeout_ms);
        p->taken = taken;
        p->moved_ms = now;
    }
    p->looked_ms = now;
}

/* Until the client must have taken something, or be back at its rate. */
static mono_ms until_next(const struct pace *p, const struct session_conf *conf)
{
    mono_ms left = conf->send_timeout_ms - (p->looked_ms - p->moved_ms);

    return conf->send_rate > 0 ? least(left, p->left_ms) : left;
}

mono_ms pace_wait(struct pace *p, const struct session_conf *conf, const struct stream *s)
{
    p->looked_ms = 0;
    look(p, conf, s);
    p->moved_ms = p->looked_ms; /* it took what made room for us */
    return until_next(p, conf) > 0 ? until_next(p, conf) : 1;
}

mono_ms pace_goes_on(struct pace *p, const struct session_conf *conf, const struct stream *s)
{
    mono_ms left;

    look(p, conf, s);
    left = until_next(p, conf);
    return left > 0 ? left : 0;
}
