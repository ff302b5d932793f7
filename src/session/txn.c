#include "session/txn.h"

#include "session/sessions.h"

bool txn_process(const struct txn *t, struct stream_process *out)
{
    return stream_process(&t->session->stream, out);
}

const struct tls_peer *txn_tls(const struct txn *t)
{
    return t->session->tls;
}
