/*
 * accept.h - how much a client would like a media type (RFC 9110 §12.5.1).
 *
 * Of the ranges that match, the most precise one counts: the type itself, before all of its kind,
 * before everything. Parameters of a range other than its weight do not matter: we have none to
 * tell apart. A member that is not understood is as if it were not there. Pure; any thread.
 */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include "http/fields.h"
#include "http/weighted.h"

/* Of "text/html", in lower case: 0 (not acceptable) to WEIGHT_WHOLE. Without the field: the
 * latter. */
int accept_weight(const struct fields *request, struct span type);

#endif
