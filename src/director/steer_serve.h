/*
 * steer_serve.h - the control socket's question about steering: GET /steer, why a client is sent
 * where it is sent.
 *
 *   client   ADDRESS, or ADDRESS/BITS for what a resolver would say of a client
 *   name     a steered name of a zone, or a host of a redirect: by its steer
 *   steer    by the steer of that name
 *
 * Without name and steer: by each of them. Thread: the worker that has the control socket.
 */
#ifndef DIRECTOR_STEER_SERVE_H
#define DIRECTOR_STEER_SERVE_H

#include "admin/route.h"

void steer_serve(struct admin_call *call);

#endif
