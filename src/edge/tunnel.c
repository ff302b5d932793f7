#include "edge/tunnel.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/hash.h"
#include "edge/site.h"
#include "http/message.h"

#include <openssl/evp.h>
#include <string.h>

enum { KEY_LEN = 24 }; /* base64 of 16 bytes */

static const struct span websocket = {"websocket", 9}, key_name = {"Sec-WebSocket-Key", 17},
                         accept_name = {"Sec-WebSocket-Accept", 20};

struct span tunnel_asked(const struct http_request *req)
{
    if (req->upgrade.n > 0)
        return span_ieq(req->upgrade, websocket) ? websocket : SPAN_EMPTY;
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

/* RFC 6455 §4.2.2, 5.4 */
static void accept_of(struct span key, char accept[TUNNEL_ACCEPT_LEN + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[KEY_LEN + sizeof(guid)];
    unsigned n;

    check(key.n == KEY_LEN);
    memcpy(text, key.p, KEY_LEN);
    memcpy(text + KEY_LEN, guid, sizeof(guid));
    check(EVP_Digest(text, KEY_LEN + sizeof(guid) - 1, digest, &n, EVP_sha1(), NULL) == 1);
    check(EVP_EncodeBlock((unsigned char *)accept, digest, (int)n) == TUNNEL_ACCEPT_LEN);
}

void tunnel_ask(struct tunnel *t, struct fields *fields, struct arena *a)
{
    uint64_t random[2] = {random_u64(), random_u64()};
    char key[KEY_LEN + 1];

    if (!span_eq(t->protocol, websocket) || fields_get_named(fields, key_name).p != NULL)
        return;
    check(
        EVP_EncodeBlock((unsigned char *)key, (unsigned char *)random, sizeof(random)) == KEY_LEN);
    accept_of(span_make(key, KEY_LEN), t->accept);
    fields_set_named(fields, a, key_name, arena_dup(a, span_make(key, KEY_LEN)));
}

bool tunnel_agrees(const struct tunnel *t, const struct fields *fields)
{
    return fields_list_has(fields, FIELD_UPGRADE, t->protocol) &&
           (t->accept[0] == '\0' ||
               span_eq(fields_get_named(fields, accept_name), span_of(t->accept)));
}

void tunnel_open(struct tunnel *t, const struct policy *policy, struct fields *fields)
{
    if (t->accept[0] != '\0')
        (void)fields_remove_named(fields, accept_name);
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
