/*
 * ocsp.h - asks a certificate's responder whether it is still good (RFC 6960), for stapling.
 *
 * Blocks, up to OCSP_TIMEOUT_S for all but the look-up of a name: for a thread that has nothing
 * else to do. `stop` becoming readable ends it. What comes is checked: the signature by the issuer
 * or whom it named, the certificate, the time.
 */
#ifndef NET_OCSP_H
#define NET_OCSP_H

#include "base/clock.h"
#include "base/span.h"
#include "net/cert.h"

enum { OCSP_TIMEOUT_S = 10, OCSP_RESPONSE_MAX = 16 << 10 };

enum ocsp_result {
    OCSP_GOOD,
    OCSP_REVOKED_CERT,
    OCSP_NOBODY, /* the certificate names no responder, or its issuer is not in the chain */
    OCSP_FAILED,
};

struct ocsp_answer {
    struct span staple; /* the response; from OPENSSL_malloc(), the caller's; of OCSP_GOOD */
    wall_s until;
    char why[256]; /* of the others */
};

enum ocsp_result ocsp_ask(struct cert *c, int stop, wall_s now, struct ocsp_answer *out);

#endif
