/*
 * map_files.h - the files of databases as they lie on disk: which ones are there, whether they have
 * changed, whether somebody is still at it. What is in them is geo/database.h's.
 *
 * Nothing here trusts a file for longer than a look: what was seen is compared with what is seen
 * later. Any thread.
 */
#ifndef DIRECTOR_MAP_FILES_H
#define DIRECTOR_MAP_FILES_H

#include "base/attrs.h"
#include "base/clock.h"
#include "conf/directive.h"
#include "geo/database.h"

/* After the last change, before a file counts as whole: whoever writes one in place pauses less. */
enum { MAP_FILES_SETTLE_MS = 2000 };

struct map_file {
    bool there; /* a plain file that we may look at */
    uint64_t device, inode, bytes;
    int64_t changed_ns; /* mtime */
    int64_t touched_ns; /* ctime, which nobody can set */
};

struct map_files {
    unsigned n;
    struct map_file v[GEO_FILES_MAX]; /* in the order of the configuration */
};

void map_files_look(const struct conf_strings *paths, struct map_files *out);
bool map_files_same(const struct map_files *a, const struct map_files *b) PURE;
/* Nothing has changed for MAP_FILES_SETTLE_MS, by the clock that files are dated by. */
bool map_files_settled(const struct map_files *f, wall_ms now) PURE;
/* The same on every start, as long as nobody touches the files. */
uint64_t map_files_hash(const struct map_files *f) PURE;

#endif
