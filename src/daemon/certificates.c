#include "daemon/certificates.h"

#include "base/check.h"
#include "daemon/daemon.h"
#include "net/tls_keeper.h"
#include "net/tls_server.h"

#include <stdlib.h>

/* Outlives the client that asked. */
struct reloading {
    struct tls_reload reload;
    struct admin_call *call; /* NULL: it has left */
    struct daemon *daemon;
};

static void on_done(struct tls_reload *r)
{
    struct reloading *l = container_of(r, struct reloading, reload);
    struct tls_server_state state;
    json_t *answer;

    if (l->call != NULL && r->ok) {
        tls_server_state(l->daemon->tls, &state);
        answer = admin_certificates_json(&state);
        json_object_set_new(answer, "changed", json_boolean(r->changed));
        admin_answer_json(l->call, 200, answer);
    } else if (l->call != NULL) {
        admin_answer_text(l->call, 409, SPAN("text/plain; charset=utf-8"),
            arena_printf(&l->call->txn->arena, "nothing was changed: %s\n", r->text));
    }
    free(l);
}

static void on_gone(struct admin_call *call)
{
    ((struct reloading *)call->pending)->call = NULL;
}

void certificates_answer_reload(struct admin_call *call, struct daemon *d)
{
    struct reloading *l;

    if (d->tls_keeper == NULL) {
        admin_answer_text(
            call, 409, SPAN("text/plain; charset=utf-8"), SPAN("no listener here speaks TLS\n"));
        return;
    }
    l = xcalloc(1, sizeof(*l));
    l->call = call;
    l->daemon = d;
    l->reload.worker = call->txn->worker;
    l->reload.done = on_done;
    call->gone = on_gone;
    call->pending = l;
    tls_keeper_reload(d->tls_keeper, &l->reload);
}
