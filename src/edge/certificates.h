/*
 * certificates.h - the control socket's question to read certificates again now.
 *
 * They are watched (net/tls_keeper.h); this is for who does not want to wait, or wants to know what
 * is wrong. Thread: the first worker.
 */
#ifndef EDGE_CERTIFICATES_H
#define EDGE_CERTIFICATES_H

#include "admin/route.h"

/* POST /certificates/reload */
void certificates_serve_reload(struct admin_call *call);

#endif
