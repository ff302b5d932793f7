/*
 * leaf.h - what a server has to know of a certificate (RFC 5280), read off its DER without more.
 *
 * OpenSSL's own reading decodes the public key as well, which takes 150 us where this takes two: it
 * is for those few that clients ask for (cert.h), this is for the hundred thousand that stand in a
 * directory. The bytes are an operator's, and are bounded all the same. Pure; any thread.
 */
#ifndef NET_LEAF_H
#define NET_LEAF_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

struct leaf {
    wall_s not_before, not_after;
    bool rsa;           /* otherwise ECDSA or EdDSA */
    struct span public; /* what a private key of this certificate has in it, too: the point, or the
                           modulus */
    struct span names;  /* the SubjectAltName's members, for leaf_next_name(); n == 0: none */
    bool must_staple;   /* RFC 7633 */
};

/* Everything points into `der`. False: no X.509 v3 certificate. */
MUST_USE bool leaf_read(struct span der, struct leaf *out);
/* Takes DNS names off *names one by one; false: no more. They are as they stand there: perhaps in
 * capitals, perhaps "*.example.com". */
MUST_USE bool leaf_next_name(struct span *names, struct span *name);

#endif
