/*
 * conf.h - the edge's configuration: text or command line in, one immutable struct out.
 *
 * edge_conf_load() composes the directive tables of all layers (each stands next to the code that
 * it steers) into the contexts main, cache, origin, site and path. Everything lives in the struct's
 * own arena. Built by main(); read by any thread.
 */
#ifndef EDGE_CONF_H
#define EDGE_CONF_H

#include "base/arena.h"
#include "base/buf.h"
#include "cache/cache.h"
#include "conf/directive.h"
#include "daemon/conf.h"
#include "edge/accesslog.h"
#include "edge/acme.h"
#include "edge/site.h"

struct origin_entry {
    struct span name; /* empty for one that a site gave directly */
    struct origin *origin;
    struct conf_place at;
    bool used;
    struct origin_entry *next, *same_bucket;
};
enum { ORIGIN_BUCKETS = 4096 }; /* many sites may have an origin each */

#define EDGE_NAME_DEFAULT "selvage"

struct edge_conf {
    struct arena arena; /* owns all of this */
    struct buf text;    /* owns; of a file: in canonical form */
    struct daemon_conf daemon;
    struct span name;       /* of this edge, in Via, Cache-Status and CDN-Loop */
    struct span access_log; /* path; "off", or "stderr" */
    int access_format;      /* enum access_format */
    struct span resolver;   /* of a DNS server, as addr_parse() takes it; p == NULL: the system's */
    struct network_list purge_from; /* of sites that do not say */
    struct access_list access;      /* the same */
    struct geo *geo;                /* owns; NULL: no database */
    uint64_t limit_bytes;           /* for the buckets of all limits */
    struct rate *rates;             /* of all limits, by their numbers */
    unsigned rates_n;
    struct session_conf session;
    struct cache_conf cache;
    struct acme_conf acme;
    struct origin_entry *origins;                    /* all, newest first */
    struct origin_entry *origins_by[ORIGIN_BUCKETS]; /* the same by hash of the name */
    struct site *sites, **sites_end;                 /* in the order of the file */
    unsigned hosts;
    struct site_table *table;
};

/* Without a file: what the command line says (see selvaged(8)). NULL members are not given. */
struct edge_args {
    const char *listen, *origin, *memory, *disk, *workers, *control, *access_log;
};

/* NULL when something is wrong: the sentences, a line each, are in `errors`. Free it with
 * edge_conf_free(). Origins are opened (directories, names are not resolved yet). */
MUST_USE struct edge_conf *edge_conf_load_file(const char *path, struct buf *errors);
MUST_USE struct edge_conf *edge_conf_load_args(const struct edge_args *args, struct buf *errors);
void edge_conf_free(struct edge_conf **c);

/* The canonical text of a configuration file, for -T. False: errors are in `out`'s place. */
MUST_USE bool edge_conf_dump_file(const char *path, struct buf *out, struct buf *errors);

/* The root of the directive tables, for the manual and completion. */
extern const struct conf_context edge_conf_main;

#endif
