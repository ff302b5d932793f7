/*
 * date.h - HTTP dates (RFC 9110 §5.6.7), without locale and time zone of the process.
 *
 * Years 1 to 9999. Pure; any thread.
 */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

enum { HTTP_DATE_LEN = 29 };

/*
 * All three formats: IMF-fixdate, RFC 850, asctime. Names in any case (RFC 9111 §4.2), all else
 * strictly as written: spaces, "GMT", number of digits, a day that the month has, seconds to 60;
 * the name of the day must be one but is not checked against the date. A two-digit year that would
 * be more than 50 years after `now` is in the past. False leaves *out alone.
 */
MUST_USE bool http_date_parse(struct span s, wall_s now, wall_s *out);

/* IMF-fixdate, not terminated; times outside the years above are taken to the nearest inside. */
void http_date_format(wall_s t, char out[static HTTP_DATE_LEN]);

#endif
