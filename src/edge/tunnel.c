#include "edge/tunnel.h"

#include "base/counters.h"
#include "edge/site.h"
#include "http/message.h"

static const struct span websocket = {"websocket", 9};

struct span tunnel_asked(const struct http_request *req)
{
    if (!fields_has(&req->fields, FIELD_UPGRADE) || req->method != METHOD_GET || req->minor == 0 ||
        req->body != BODY_NONE ||
        !fields_list_has(&req->fields, FIELD_CONNECTION, SPAN("upgrade")) ||
        !fields_list_has(&req->fields, FIELD_UPGRADE, websocket))
        return SPAN_EMPTY;
    return websocket;
}

void tunnel_init(
    struct tunnel *t, struct worker *w, struct span protocol, void (*fire)(struct deadline *d))
{
    *t = (struct tunnel){.protocol = protocol};
    deadline_init(&t->deadline, w, fire);
}

void tunnel_open(struct tunnel *t, const struct policy *policy)
{
    t->open = true;
    t->idle_ms = policy->websocket_idle_ms;
    t->ends_ms = worker_now(t->deadline.worker) + policy->websocket_life_ms;
    count(C_TUNNELS_OPENED);
    tunnel_moved(t);
}

void tunnel_moved(struct tunnel *t)
{
    mono_ms left = t->ends_ms - worker_now(t->deadline.worker);

    if (left < 0)
        left = 0;
    deadline_set(&t->deadline, left < t->idle_ms ? left : t->idle_ms);
}

void tunnel_limit(struct tunnel *t, mono_ms ms)
{
    mono_ms ends = worker_now(t->deadline.worker) + ms;

    if (!t->open || ends >= t->ends_ms)
        return;
    t->ends_ms = ends;
    tunnel_moved(t);
}

void tunnel_close(struct tunnel *t)
{
    deadline_stop(&t->deadline);
    if (t->open)
        count(C_TUNNELS_CLOSED);
}
