/*
 * recode.h - content codings that the edge makes or undoes: what may be recoded, what a client
 * gets, and what becomes of the head (RFC 9110 §8.4, §12.5.3, §7.7).
 *
 * When a response arrives it is judged once (recode_mark()): its object remembers whether it may be
 * encoded or decoded. What may be says so to everybody, by Vary: Accept-Encoding, whatever its
 * client got. A request then chooses (recode_choose()) among the coding that is there and those
 * that can be made. What is encoded already is never encoded again.
 *
 * Another coding is another representation: its entity tag is weak, it has no ranges, and digests
 * of the first one are not its own. So what needs the bytes as the origin made them (Range,
 * If-Match) selects those.
 *
 * Pure; results are in the arena and share text with their inputs. Any thread. Who does it:
 * recoder.h.
 */
#ifndef EDGE_RECODE_H
#define EDGE_RECODE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "cache/object.h"
#include "edge/coding_options.h"
#include "http/message.h"

/* object.recode: RECODE_NOT, or RECODE_FROM + the coding that it has and that may be changed; and
 * RECODE_SAYS if the last member of its Vary is ours. */
enum { RECODE_NOT, RECODE_FROM, RECODE_SAYS = 0x80 };

/* Of an object that is not RECODE_NOT. */
static inline enum coding recode_has(const struct object *obj)
{
    return (enum coding)((obj->recode & ~(unsigned)RECODE_SAYS) - RECODE_FROM);
}

/* Why a request gets the coding that it gets. */
enum recode_why {
    RECODE_CHOSEN,       /* among all that there could be */
    RECODE_OFF,          /* no `encode` here, or `decode off` */
    RECODE_METHOD,       /* other than GET and HEAD */
    RECODE_STATUS,       /* of the response */
    RECODE_PART,         /* the response has a Content-Range */
    RECODE_NO_TRANSFORM, /* says the response */
    RECODE_TYPE,         /* not one of encode-types */
    RECODE_SMALL,        /* less than encode-min */
    RECODE_LARGE,        /* more than is kept */
    RECODE_UNKNOWN,      /* a coding that we cannot undo */
    RECODE_ASKED_NOT_TO, /* no-transform in the request */
    RECODE_BYTES,        /* Range or If-Match are about the bytes as they are */
    RECODE_WHYS
};

/* "type", "no-transform", ...; and a sentence for people. */
struct span recode_why_token(enum recode_why why);
struct span recode_why_sentence(enum recode_why why);

/* What may be done with a response. `length` is that of its body, -1 while it is not known; larger
 * ones than `most` pass as they are. *why is RECODE_CHOSEN exactly if something may. */
unsigned recode_judge(const struct coding_options *o, const struct http_response *head,
    int64_t length, uint64_t most, struct arena *a, enum recode_why *why);

/* The same for a head that is to become an object's; if something may be done, Vary says so. After
 * the key of the variant was chosen: only what the origin said of Vary counts there. */
unsigned recode_mark(const struct coding_options *o, struct http_response *head, int64_t length,
    uint64_t most, struct arena *a);

/* Takes out of the fields of an object what recode_mark() added: as the origin said them, for what
 * becomes the head of another. */
void recode_unmark(const struct object *obj, struct fields *f, struct arena *a);

struct recode_choice {
    bool other;         /* than the object has: it is to be made */
    enum coding coding; /* what the client gets */
    enum recode_why why;
};

/* For a request that could be answered with `obj`, which is not RECODE_NOT; `length` is that of its
 * body, or -1. */
struct recode_choice recode_choose(const struct coding_options *o, const struct http_request *req,
    const struct object *obj, int64_t length);

/* The fields of the same response in another coding: CODING_IDENTITY for the decoded one. */
void recode_fields(struct fields *f, enum coding to, struct arena *a);
/* Makes an entity tag weak: what a 304 to the client of another coding has. */
void recode_weaken(struct fields *f, struct arena *a);
/* The same for an origin's 304, if its client asked by weak tags only: what that holds may have
 * been recoded here, and must not come by the tag of other bytes. */
void recode_not_modified(struct fields *f, const struct fields *request, struct arena *a);

/* Under which key the recoded body is stored; no resource's key begins so. In the arena. */
struct cache_key recode_key(const struct object *obj, enum coding to, struct arena *a);

#endif
