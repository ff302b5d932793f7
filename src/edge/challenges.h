/*
 * challenges.h - what a certificate authority is about to ask for, to see that a name is ours
 * (ACME, RFC 8555 §8).
 *
 * The client that obtains certificates (acme.h) puts them here by the control socket; workers look
 * them up. There are few, for seconds each: a short list under a lock, which is not taken while it
 * is empty. Any thread.
 */
#ifndef EDGE_CHALLENGES_H
#define EDGE_CHALLENGES_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"

enum {
    CHALLENGES_MAX = 64,
    CHALLENGE_TEXT_MAX = 512, /* of a name, a token, an answer */
    CHALLENGE_DIGEST = 32,    /* SHA-256 */
    CHALLENGE_LIFE_MS = 15 * 60 * 1000,
};

enum challenge_type {
    CHALLENGE_HTTP,     /* http-01: the answer is served under the token (§8.3) */
    CHALLENGE_TLS_ALPN, /* tls-alpn-01: the answer is in a certificate (RFC 8737) */
};

#define CHALLENGE_PATH "/.well-known/acme-challenge/"

struct challenge {
    enum challenge_type type;
    struct span name;   /* that is to be proved */
    struct span token;  /* base64url */
    struct span answer; /* the key authorization; for tls-alpn-01 its digest, in base64url */
};

struct challenges;

struct challenges *challenges_new(void);
void challenges_free(struct challenges **c);

/* Copied; takes the place of one with the same type, name and token. False: too many are under way,
 * or one of the texts is not what it should be. */
MUST_USE bool challenges_put(struct challenges *c, const struct challenge *it);
/* Harmless if it is not there. */
void challenges_remove(struct challenges *c, const struct challenge *it);

/* For a request of this path: the text to answer with, in `a`. False: it is nothing of ours. */
MUST_USE bool challenges_http(
    struct challenges *c, struct span path, struct arena *a, struct span *answer);
/* For a handshake of this name: the digest. False: none is expected. */
MUST_USE bool challenges_alpn(
    struct challenges *c, struct span name, unsigned char digest[static CHALLENGE_DIGEST]);

#endif
