/*
 * accept_encoding.h - which content coding a client would like best (RFC 9110 §12.5.3).
 *
 *   no field at all     every coding is acceptable by the letter; but who does not ask often cannot
 *                       decode, so identity is preferred to all others
 *   an empty field      identity only
 *   "*"                 stands for all that are not named, identity included
 *   identity not named  acceptable, and liked least, unless "*;q=0"
 *   named twice         the first counts; x-gzip is gzip
 *   not understood      a member with a wrong weight or name is as if it were not there
 *
 * Nothing is allocated; the time is that of reading the field once. Pure; any thread.
 */
#ifndef HTTP_ACCEPT_ENCODING_H
#define HTTP_ACCEPT_ENCODING_H

#include "http/coding.h"

struct accept_encoding {
    bool present;
    uint16_t weight[CODING_KINDS]; /* in thousandths; 0: not acceptable */
};

struct accept_encoding accept_encoding_of(const struct fields *request);

static inline bool accept_encoding_takes(const struct accept_encoding *a, enum coding coding)
{
    return a->weight[coding] > 0;
}

/*
 * The acceptable one of greatest weight among the `n` that there are; of several with the same
 * weight the first in `available`, which is thus our order of preference. CODING_IDENTITY when none
 * is acceptable: plain content is more use to anybody than a 406 (§12.5.3 leaves the choice).
 */
enum coding accept_encoding_best(
    const struct accept_encoding *a, const enum coding *available, unsigned n);

/* Whether a coding of any name is accepted by what the field says; false when there is none. */
bool accept_encoding_names(const struct fields *request, struct span coding);

#endif
