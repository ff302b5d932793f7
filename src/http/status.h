/*
 * status.h - status codes and what RFC 9110 §15 says about each. The list is status.tbl.
 *
 * Pure; any thread.
 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/span.h"

/* The registered reason phrase; "Unknown" for a code that is not in the list. */
struct span http_status_reason(int status);
/* In our list, so its semantics are understood (must-understand, RFC 9111 §5.2.2.3). */
bool http_status_known(int status) PURE;
/* May be stored without explicit freshness (RFC 9110 §15.1). */
bool http_status_heuristically_cacheable(int status) PURE;
/* Never has content, whatever the fields say: 1xx, 204, 304 (RFC 9112 §6.3). */
bool http_status_bodyless(int status) PURE;

#endif
