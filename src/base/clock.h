/*
 * clock.h - two kinds of time, with the unit in the type's name.
 *
 * mono_ms measures durations and deadlines; wall_s dates headers and logs. Decisions take the
 * time as an argument; only the loop, the log and main() read the clock here. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

typedef int64_t mono_ms; /* milliseconds of CLOCK_MONOTONIC */
typedef int64_t mono_us; /* microseconds of CLOCK_MONOTONIC */
typedef int64_t wall_s;  /* seconds since 1970-01-01T00:00:00Z */
typedef int64_t wall_ms;

mono_ms clock_mono_ms(void);
mono_us clock_mono_us(void);
wall_s clock_wall_s(void);
wall_ms clock_wall_ms(void);

/* Tests and selvagectl only: shifts what clock_wall_* answer by `s` seconds from now on. */
void clock_wall_shift(int64_t s);

#endif
