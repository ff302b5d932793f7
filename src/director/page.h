/*
 * page.h - the page for people at a redirect's `page` path: where they are taken to be, which PoPs
 * they would be sent to and why not to the others, on a map; or the same as JSON, as Accept asks.
 *
 * It needs nothing from elsewhere, and its policy (Content-Security-Policy) lets nothing in. What
 * the databases say comes from places.h, so the answer may come later. Thread: the connection's
 * worker.
 */
#ifndef DIRECTOR_PAGE_H
#define DIRECTOR_PAGE_H

#include "base/buf.h"
#include "director/explain.h"
#include "director/redirect.h"
#include "session/txn.h"

void page_answer(struct txn *t, const struct redirect *r);
/* The txn is over, answered or not. */
void page_forget(struct txn *t);

/* --- page_html.c --- */

enum { PAGE_BYTES_MAX = 512 << 10 };

/* Somebody who wants to be named with a database. */
struct page_credit {
    const char *text, *url;
};
enum { PAGE_CREDITS_MAX = 4 };

struct page_view {
    const struct explained *explained;
    struct span host;                  /* of the request */
    struct span address;               /* the client's */
    struct span url;                   /* of the PoP; n == 0: nobody would answer */
    const struct page_credit *credits; /* whom the databases are from; credits_n of them */
    unsigned credits_n;
    struct span nonce; /* of the style in the policy */
};

/* The whole document. False: the buffer's limit does not allow. */
MUST_USE bool page_html(const struct page_view *v, struct arena *a, struct buf *out);

#endif
