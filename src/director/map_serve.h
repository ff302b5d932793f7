/*
 * map_serve.h - what the control socket answers about maps.
 *
 *   GET  /map                       state, databases, maps
 *   POST /map/reload?force=1        reads the databases; 200 with /map's answer, or 409 and why not
 *   GET  /map/check                 /map's answer, and how near to their PoPs clients are
 *
 * The latter two answer when it is done, which takes seconds to minutes. On the worker that has the
 * control socket; call->app is the struct director.
 */
#ifndef DIRECTOR_MAP_SERVE_H
#define DIRECTOR_MAP_SERVE_H

#include "admin/route.h"

void map_serve_status(struct admin_call *call);
void map_serve_reload(struct admin_call *call);
void map_serve_check(struct admin_call *call);

#endif
