#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t wall_shift_s;

static int64_t read_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

mono_ms clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

mono_us clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

wall_ms clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000 +
           atomic_load_explicit(&wall_shift_s, memory_order_relaxed) * 1000;
}

wall_s clock_wall_s(void)
{
    return clock_wall_ms() / 1000;
}

void clock_wall_shift(int64_t s)
{
    atomic_fetch_add_explicit(&wall_shift_s, s, memory_order_relaxed);
}
