/*
 * conf.h - the director's configuration: text in, one immutable struct out.
 *
 * Composes the directive tables of the parts (each stands next to the code that it steers) into the
 * contexts main, dns, pop, steer and zone. Everything lives in the struct's own arena. Built by
 * main(); read by any thread.
 */
#ifndef DIRECTOR_CONF_H
#define DIRECTOR_CONF_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/directive.h"
#include "daemon/conf.h"
#include "director/dns_conf.h"
#include "director/map_conf.h"
#include "director/pop.h"
#include "director/redirect.h"
#include "director/steer.h"
#include "director/zone_conf.h"
#include "session/sessions.h"

/* What is spoken where clients come to: listen_conf.use. DNS without TLS is UDP and TCP. */
enum director_speaks { DIRECTOR_DNS, DIRECTOR_REDIRECT };

struct director_conf {
    struct arena arena; /* owns all of this */
    struct daemon_conf daemon;
    struct span resolver; /* of a DNS server, as addr_parse() takes it; p == NULL: the
                           * system's */
    struct map_conf map;
    struct redirects redirects;
    struct session_conf session; /* of connections, DNS and HTTP alike */
    struct dns_conf dns;
    struct zones_conf zones;
    struct pop_list pops;
    struct steer_list steers;
    struct span state; /* path of the file with operators' orders; "off": none */
};

/* NULL when something is wrong: the sentences, a line each, are in `errors`. Free it with
 * director_conf_free(). */
MUST_USE struct director_conf *director_conf_load(const char *path, struct buf *errors);
void director_conf_free(struct director_conf **c);

/* The canonical text of a configuration file, for -T. False: errors are in `errors`. */
MUST_USE bool director_conf_dump(const char *path, struct buf *out, struct buf *errors);

/* The root of the directive tables, for the manual and completion. */
extern const struct conf_context director_conf_main;

#endif
