/*
 * rules.h - what the tests of the caching rules share: rows that name their RFC section, and a
 * fixed point in time.
 */
#ifndef TESTS_UNIT_CACHE_RULES_H
#define TESTS_UNIT_CACHE_RULES_H

#include "../http/table.h"

#include "base/clock.h"

/* NOW as Date says it, and some times around it. */
#define NOW        ((wall_s)784111777)
#define DATE_NOW   "Date: Sun, 06 Nov 1994 08:49:37 GMT"
#define AT_NOW     "Sun, 06 Nov 1994 08:49:37 GMT"
#define AT_100_AGO "Sun, 06 Nov 1994 08:47:57 GMT"
#define AT_100_ON  "Sun, 06 Nov 1994 08:51:17 GMT"
#define AT_DAY_AGO "Sat, 05 Nov 1994 08:49:37 GMT"
#define AT_1970    "Thu, 01 Jan 1970 00:00:00 GMT"

#endif
