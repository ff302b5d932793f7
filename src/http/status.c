#include "http/status.h"

static const struct status {
    struct span reason;
    bool heuristic;
} statuses[600] = {
#define STATUS(code, heuristic, reason) [code] = {SPAN(reason), heuristic},
#include "http/status.tbl"
#undef STATUS
};

bool http_status_known(int status)
{
    return status >= 0 && status < (int)ARRAY_LEN(statuses) && statuses[status].reason.n != 0;
}

struct span http_status_reason(int status)
{
    return http_status_known(status) ? statuses[status].reason : SPAN("Unknown");
}

bool http_status_heuristically_cacheable(int status)
{
    return http_status_known(status) && statuses[status].heuristic;
}

bool http_status_bodyless(int status)
{
    return (status >= 100 && status < 200) || status == 204 || status == 304;
}
