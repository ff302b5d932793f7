#include "loop/deadline.h"

static void arm(struct deadline *d, mono_ms after_ms)
{
    ev_timer_stop(d->worker->loop, &d->timer);
    ev_timer_set(&d->timer, (double)(after_ms > 0 ? after_ms : 0) / 1000.0, 0.);
    ev_timer_start(d->worker->loop, &d->timer);
    d->armed_ms = d->worker->now_ms + after_ms;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int events)
{
    struct deadline *d = container_of(t, struct deadline, timer);

    (void)loop;
    (void)events;
    if (d->at_ms == 0)
        return;
    if (d->at_ms > d->worker->now_ms) {
        arm(d, d->at_ms - d->worker->now_ms); /* it was moved meanwhile */
        return;
    }
    d->at_ms = 0;
    d->fire(d);
}

void deadline_init(struct deadline *d, struct worker *w, void (*fire)(struct deadline *d))
{
    *d = (struct deadline){.worker = w, .fire = fire};
    ev_timer_init(&d->timer, on_timer, 0., 0.);
}

void deadline_set(struct deadline *d, mono_ms after_ms)
{
    d->at_ms = d->worker->now_ms + after_ms;
    if (!ev_is_active(&d->timer) || d->at_ms < d->armed_ms)
        arm(d, after_ms);
}

void deadline_clear(struct deadline *d)
{
    /* The timer stays: the next deadline_set() is likely to come soon and to be later. */
    d->at_ms = 0;
}

void deadline_stop(struct deadline *d)
{
    d->at_ms = 0;
    ev_timer_stop(d->worker->loop, &d->timer);
}
