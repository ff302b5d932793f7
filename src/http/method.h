/*
 * method.h - request methods (RFC 9110 §9, RFC 5789) and what may be concluded from them.
 *
 * Names are case-sensitive. A method that we do not know is METHOD_OTHER: neither safe nor
 * idempotent. Pure; any thread.
 */
#ifndef HTTP_METHOD_H
#define HTTP_METHOD_H

#include "base/span.h"

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
    METHOD_PURGE,
    METHOD_OTHER,
};

enum http_method method_parse(struct span name) PURE;
/* "GET"; "OTHER" for METHOD_OTHER, whose real name is in http_request.method_text. */
struct span method_name(enum http_method m);
/* RFC 9110 §9.2.1 */
bool method_safe(enum http_method m) PURE;
/* RFC 9110 §9.2.2: may be sent again when the connection died. */
bool method_idempotent(enum http_method m) PURE;

#endif
