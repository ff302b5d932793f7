/*
 * policy.h - whether a response may be stored, and how long it is fresh (RFC 9111 §3, §4.2, with
 * RFC 5861, 8246 and 9213).
 *
 * Pure: messages, options and times in, a verdict out. The edge asks once per response, and again
 * about the head that an update has made (update.h). Field values that a verdict points to live as
 * long as the response's fields and the arena. Any thread.
 */
#ifndef CACHE_POLICY_H
#define CACHE_POLICY_H

#include "base/counters.h"
#include "cache/fresh.h"
#include "cache/options.h"
#include "http/cache_control.h"
#include "http/message.h"

enum nostore_reason {
    NOSTORE_NONE, /* it is stored */
#define REASON(name, token, section, of_request, sentence) NOSTORE_##name,
#include "cache/reasons.tbl"
#undef REASON
    NOSTORE_REASONS
};

struct policy_question {
    enum http_method method;
    const struct fields *request;     /* as the client sent them */
    const struct fresh_ask *ask;      /* NULL: nothing asked */
    const struct http_response *head; /* with hop-by-hop fields and Age or without */
    const struct cache_options *options;
    wall_s request_s, response_s; /* when the request went to the origin, and the head came */
};

struct verdict {
    bool store;
    enum nostore_reason reason; /* NOSTORE_NONE exactly if `store` */
    bool targeted;              /* CDN-Cache-Control replaces Cache-Control and Expires */
    bool omits;                 /* some fields must not be stored: policy_omit() */
    struct cache_control cc;    /* what counts, whichever field it is from */
    struct freshness fresh;     /* also when it is not stored */
};

void policy_judge(const struct policy_question *q, struct arena *a, struct verdict *out);

/* Takes out what private="..." and no-cache="..." list (§5.2.2.4, §5.2.2.7), from the head that is
 * to be stored; the client that caused the fill may have them. (When they list something that a
 * stored response cannot do without, as Content-Encoding, they count as unqualified instead.) */
void policy_omit(const struct verdict *v, struct fields *head);

/* What the client's Cache-Control asks for (§5.2.1), or Pragma: no-cache in its absence (§5.4). All
 * zero unless the options honour it. */
struct fresh_ask policy_ask(
    const struct fields *request, const struct cache_options *options, struct arena *a);

/* "private"; empty for NOSTORE_NONE. Tokens of RFC 9651, so they may stand in Cache-Status. */
struct span nostore_token(enum nostore_reason r);
struct span nostore_section(enum nostore_reason r);
struct span nostore_sentence(enum nostore_reason r);
/* One more of selvage_not_stored_total. Not NOSTORE_NONE. */
void nostore_count(enum nostore_reason r);
extern const struct counter_list nostore_counters;
/* Due to this request alone: nothing to remember about the key. */
bool nostore_of_request(enum nostore_reason r);

#endif
