/*
 * pops_serve.h - the control socket's questions about PoPs.
 *
 *   GET /pops                       each with its state, share of answers, probes and load
 *   POST /pop?name=NAME&order=ORDER up, drain or down: holds until the next order
 *
 * Thread: the worker that has the control socket, which is the one that probes.
 */
#ifndef DIRECTOR_POPS_SERVE_H
#define DIRECTOR_POPS_SERVE_H

#include "admin/route.h"

void pops_serve(struct admin_call *call);
void pops_serve_order(struct admin_call *call);

#endif
