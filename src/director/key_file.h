/*
 * key_file.h - a zone's key on disk: two files, as BIND's dnssec-keygen makes them (dns/dnskey.h).
 *
 *   Kexample.com.+013+55648.key       the DNSKEY record, for everybody
 *   Kexample.com.+013+55648.private   the secret, for its owner
 *
 * Blocking; while configuration is read, and in selvagectl.
 */
#ifndef DIRECTOR_KEY_FILE_H
#define DIRECTOR_KEY_FILE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "dns/dnskey.h"
#include "dns/name.h"

enum { KEY_FILE_WHY = 512, KEY_FILE_PATH = 1024 };

struct key_file {
    struct dnskey key; /* dnskey_free() */
    struct dns_name owner;
};

/* `path` without .key and .private, or with either. A secret that others can read, or that somebody
 * else could have put there, is refused. False: a sentence that begins with the path. */
MUST_USE bool key_file_read(struct span path, struct key_file *out, char why[KEY_FILE_WHY]);
/* The .key file alone; key.secret is NULL. */
MUST_USE bool key_file_read_public(struct span path, struct key_file *out, char why[KEY_FILE_WHY]);

/* Makes a key, and both files in a folder; *path is what they are called without .key and .private.
 * What is there is never overwritten. */
MUST_USE bool key_file_make(const char *folder, const struct dns_name *owner, bool sep, wall_s now,
    struct key_file *out, char path[KEY_FILE_PATH], char why[KEY_FILE_WHY]);

#endif
