#include "director/shedding.h"

static bool step_to(struct shedding *s, unsigned steps, mono_ms now)
{
    if (steps > SHEDDING_MOST)
        steps = SHEDDING_MOST;
    if (steps == s->steps)
        return false;
    s->steps = steps;
    s->stepped_ms = now;
    return true;
}

static bool is_due(const struct shedding *s, mono_ms every_ms, mono_ms now)
{
    return s->stepped_ms == 0 || now - s->stepped_ms >= every_ms;
}

bool shedding_take(struct shedding *s, bool known, unsigned load, unsigned capacity, mono_ms now)
{
    if (known)
        s->known_ms = now;
    else if (now - s->known_ms < SHEDDING_PATIENCE_MS)
        return false;
    else
        load = 0;
    if (load > capacity)
        return is_due(s, SHEDDING_MORE_MS, now) &&
               step_to(s, s->steps + 1 + (load - capacity) / SHEDDING_PER_STEP, now);
    if (s->steps > 0 && load + SHEDDING_SLACK < capacity)
        return is_due(s, SHEDDING_LESS_MS, now) && step_to(s, s->steps - 1, now);
    return false;
}
