/*
 * certificates.h - the control socket's question to read certificates again now.
 *
 * They are watched (net/tls_keeper.h); this is for who does not want to wait, or wants to know what
 * is wrong. Thread: the first worker.
 */
#ifndef DAEMON_CERTIFICATES_H
#define DAEMON_CERTIFICATES_H

#include "admin/route.h"

struct daemon;

/* POST /certificates/reload, for a row of the daemon's own. */
void certificates_answer_reload(struct admin_call *call, struct daemon *d);

#endif
