/*
 * reload.h - another configuration while the edge serves: HUP, and /reload on the control socket.
 *
 * main reads the file as a whole. When anything is wrong with it, or something new cannot be
 * opened, nothing has changed and the sentences say why. Else each worker takes the new setup over
 * (setup.h) between two events: no connection is lost, nothing stored, and what has begun ends as
 * it began. What only a start can change is said.
 */
#ifndef EDGE_RELOAD_H
#define EDGE_RELOAD_H

struct admin_call;
struct daemon;

/* On main's thread: reads the configuration again; the log says how it went. */
void reload_now(struct daemon *d);
/* On main's thread, when it was woken: what was asked for by the control socket. */
void reload_asked(struct daemon *d);

/* POST /reload: 200, or 409 with what is wrong. GET: what would change; nothing is done. */
void reload_serve(struct admin_call *call);

#endif
