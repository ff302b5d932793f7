#include "http/method.h"

static const struct span names[] = {
    [METHOD_GET] = SPAN("GET"),
    [METHOD_HEAD] = SPAN("HEAD"),
    [METHOD_POST] = SPAN("POST"),
    [METHOD_PUT] = SPAN("PUT"),
    [METHOD_DELETE] = SPAN("DELETE"),
    [METHOD_CONNECT] = SPAN("CONNECT"),
    [METHOD_OPTIONS] = SPAN("OPTIONS"),
    [METHOD_TRACE] = SPAN("TRACE"),
    [METHOD_PATCH] = SPAN("PATCH"),
    [METHOD_PURGE] = SPAN("PURGE"),
    [METHOD_OTHER] = SPAN("OTHER"),
};

enum http_method method_parse(struct span name)
{
    for (enum http_method m = METHOD_GET; m < METHOD_OTHER; m++) {
        if (span_eq(name, names[m]))
            return m;
    }
    return METHOD_OTHER;
}

struct span method_name(enum http_method m)
{
    return names[m];
}

bool method_safe(enum http_method m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_TRACE;
}

bool method_idempotent(enum http_method m)
{
    return method_safe(m) || m == METHOD_PUT || m == METHOD_DELETE;
}
