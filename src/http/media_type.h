/*
 * media_type.h - whether a Content-Type is one of a list (RFC 9110 §8.3.1).
 *
 * A pattern is a media type in lower case without parameters ("application/json"), all of a type
 * ("text/" and a star), or all with a structured syntax suffix of RFC 6839 (a star and "+xml").
 * Pure; any thread.
 */
#ifndef HTTP_MEDIA_TYPE_H
#define HTTP_MEDIA_TYPE_H

#include "base/attrs.h"
#include "base/span.h"

MUST_USE bool media_type_pattern_valid(struct span pattern);

/*
 * Whether a Content-Type, in any case and with any parameters, matches one of the patterns. False
 * for what is no media type. text/event-stream matches only by its full name: what is sent event by
 * event is not to wait in a buffer because somebody wrote text and a star.
 */
bool media_type_in(struct span content_type, const struct span *patterns, unsigned n);

/* Types of which it is known that compressing them pays: a list for media_type_in(). */
extern const struct span media_types_compressible[];
extern const unsigned media_types_compressible_n;

#endif
