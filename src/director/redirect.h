/*
 * redirect.h - HTTP clients to their PoP: a redirect for each request, by the host that it names.
 *
 *   redirect www.example.com {
 *       steer cdn;
 *       to https://$pop.example.net;
 *       at fra https://fra1.example.net https://fra2.example.net geo DE;
 *       page /where;
 *   }
 *
 * The Location is the PoP's URL with the request's path and query behind it, byte for byte as they
 * came: nothing is decoded or normalised, so a signed URL stays one, and no byte can be among them
 * that would end the line (http/uri.h). A GET or HEAD gets a 302; other methods a 307, which keeps
 * method and body (RFC 9110 §15.4). The next best PoPs go along as Link fields (RFC 6249 §3).
 *
 * What depends on the configuration alone is made when it is read; for each request these pieces
 * are copied into the txn's arena, and nothing else is allocated.
 *
 * A struct redirects is configuration, immutable, any thread. The handlers run on the workers of
 * their connections.
 */
#ifndef DIRECTOR_REDIRECT_H
#define DIRECTOR_REDIRECT_H

#include "conf/directive.h"
#include "director/client_chain.h"
#include "director/pop.h"
#include "director/steer.h"
#include "http/date.h"
#include "session/txn.h"

enum {
    REDIRECT_NODES_MAX = 32, /* URLs of one PoP */
    REDIRECT_ALTERNATES_MAX = STEER_ANSWERS_MAX - 1,
    REDIRECT_URL_MAX = 512,     /* bytes */
    REDIRECT_LINKED_MAX = 2048, /* a longer target is not repeated in Link fields */
    REDIRECT_RETRY_S = 5,       /* of 503: by then another probe has come back */
};

/* One URL of a PoP, with all that can stand around it. */
struct redirect_node {
    struct span url;     /* without a slash at the end */
    struct span head[2]; /* 302, 307: a status line and a Location up to the end of the URL */
    struct span link;    /* the beginning of a Link field, as far */
    uint64_t hash;
};

struct redirect_target {
    const struct redirect_node *nodes; /* several: each path belongs to one of them */
    unsigned nodes_n;
    char geo[3]; /* country, lower case, or empty */
};

struct redirect_at;

struct redirect {
    struct span *hosts; /* in normal form; "*.example.com", "*" */
    unsigned hosts_n;
    struct conf_place at;
    struct span steer_name;
    struct conf_place steer_at;
    const struct steer *steer;
    const struct conf_node *to;            /* the template for PoPs that have no `at`, or NULL */
    struct redirect_at *ats;               /* read by redirects_close() */
    const struct redirect_target *targets; /* by pop->index */
    int64_t alternates;
    int64_t max_age_ms;
    struct span page; /* path; n == 0: none */
    struct redirect *next;
};

struct redirect_host {
    struct span name;
    const struct redirect *redirect;
};

struct redirects {
    struct redirect *v, **end; /* in the order of the file */
    struct client_trust trust;
    struct redirect_host *hosts; /* of all of them, sorted */
    unsigned hosts_n;
};

/* --- configuration (redirect_conf.c) --- */

/* Rows of main; their struct is a struct redirects. */
extern const struct directive redirect_directives[];
/* When PoPs and steers are known. */
void redirects_close(struct conf_load *l, struct redirects *r, const struct pop_list *pops,
    const struct steer_list *steers);

/* Of a host name in normal form, or NULL. */
const struct redirect *redirect_find(const struct redirects *r, struct span host);

/* --- serving --- */

/* The value of Date, made once in a second. */
struct redirect_date {
    wall_s at_s;
    char text[HTTP_DATE_LEN];
};

/* Of sessions whose `app` is a struct director_worker. */
extern const struct txn_handlers redirect_handlers;

/* For page.c: the value of Date now, and who asks. */
struct span redirect_date_now(struct txn *t);
struct addr redirect_client(struct txn *t);
/* Where a PoP's clients are sent with that path. */
const struct redirect_node *redirect_node_for(
    const struct redirect *r, const struct pop *pop, struct span path);

#endif
