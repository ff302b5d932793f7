#include "health/standing.h"

void standing_init(struct standing *s)
{
    *s = (struct standing){.up = true};
}

static mono_ms hold_ms(unsigned flaps)
{
    mono_ms ms = STANDING_HOLD_MS;

    if (flaps == 0)
        return 0;
    while (--flaps > 0 && ms < STANDING_HOLD_MAX_MS)
        ms *= 2;
    return ms < STANDING_HOLD_MAX_MS ? ms : STANDING_HOLD_MAX_MS;
}

static void go_down(struct standing *s, mono_ms now)
{
    bool steady = s->since_ms == 0 || now - s->since_ms >= STANDING_STEADY_MS;

    s->flaps = steady ? 0 : s->flaps + 1;
    s->up = false;
    s->run = 0;
    s->since_ms = now;
    s->held_ms = s->flaps > 0 ? now + hold_ms(s->flaps) : 0;
}

static void go_up(struct standing *s, mono_ms now)
{
    s->up = true;
    s->run = 0;
    s->since_ms = now;
    s->held_ms = 0;
}

bool standing_take(struct standing *s, unsigned rise, unsigned fall, bool good, mono_ms now)
{
    bool first = !s->judged;

    s->judged = true;
    if (good == s->up) {
        s->run = 0;
        return false;
    }
    s->run++;
    if (!good) {
        if (!first && s->run < fall)
            return false;
        go_down(s, now);
        return true;
    }
    if (s->run < rise || now < s->held_ms)
        return false;
    go_up(s, now);
    return true;
}

bool standing_doubts(const struct standing *s)
{
    return s->up && s->run > 0;
}
