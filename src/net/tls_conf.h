/*
 * tls_conf.h - what the configuration says of TLS with clients; the directives stand beside it.
 */
#ifndef NET_TLS_CONF_H
#define NET_TLS_CONF_H

#include "conf/directive.h"
#include "net/certs.h"
#include "net/client_ca.h"
#include "net/ticket_keys.h"

enum tls_min { TLS_MIN_12, TLS_MIN_13 };
enum tls_unknown { TLS_UNKNOWN_DEFAULT, TLS_UNKNOWN_REFUSE };

/* In the configuration's arena, with what it owns outside of it. */
struct tls_conf {
    int min;     /* enum tls_min */
    int unknown; /* enum tls_unknown */
    bool http2;
    bool kernel; /* may encrypt */
    bool ocsp;
    struct certs_source *sources, **sources_end; /* main's first, then those of sites */
    struct certs *certs;                         /* owns, until a server takes it; or NULL */
    struct span ticket_file;                     /* n == 0: keys of our own */
    struct conf_place ticket_at;
    struct ticket_keys ticket_keys; /* of the file */
};

extern const struct directive tls_directives[];      /* of struct tls_conf, in main */
extern const struct directive tls_site_directives[]; /* of struct tls_site, in a site */

/* What a site says. */
struct tls_site {
    struct certs_source *sources; /* newest first, until tls_conf_add_site() */
    struct client_ca *client_ca;  /* owns; or NULL: nobody is asked */
};

void tls_conf_init(struct tls_conf *c);
/* When the site's hosts are known. */
void tls_conf_add_site(
    struct tls_conf *c, struct tls_site *site, const struct span *hosts, unsigned hosts_n);
/* A glob of files that have certificates and keys, from elsewhere than the directives. */
void tls_conf_add_files(
    struct conf_load *l, struct tls_conf *c, struct span pattern, struct conf_place at);
/* When all are: reads certificates and keys. What is wrong is reported. */
void tls_conf_close(struct conf_load *l, struct tls_conf *c, wall_s now);
void tls_conf_free(struct tls_conf *c);

#endif
