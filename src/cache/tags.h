/*
 * tags.h - the tags that an origin puts on a response, so that it can be purged by them.
 *
 *   field            separated by   case counts   as defined by
 *   Surrogate-Key    white space    yes           Fastly
 *   Cache-Tag        commas         no            Cloudflare
 *   CDN-Tag          commas         yes           bunny.net
 *   Edge-Cache-Tag   commas         yes           Akamai
 *
 * All lines of all four fields count. They are for caches, so clients do not get them (tags_strip)
 * unless the site says so. What is over a limit is dropped and counted in `dropped`; whoever
 * stores the response says so. Pure; results are in the arena and share text with the fields. Any
 * thread.
 */
#ifndef CACHE_TAGS_H
#define CACHE_TAGS_H

#include "base/arena.h"
#include "http/fields.h"

enum {
    TAG_BYTES_MAX = 1024, /* of one */
    TAGS_DEFAULT = 128,   /* of one response, unless the site says otherwise */
    TAGS_MAX = 1024,
};

enum tag_field { TAG_SURROGATE_KEY, TAG_CACHE_TAG, TAG_CDN_TAG, TAG_EDGE_CACHE_TAG, TAG_FIELDS };

struct tag {
    struct span text; /* 1 .. TAG_BYTES_MAX bytes */
    enum tag_field field;
};

struct tags {
    struct tag *v;
    unsigned n;
    unsigned dropped;   /* too long, or more than there may be */
    unsigned fields_in; /* bit 1 << enum tag_field: there is such a field, though it be empty */
};

/* The first `most` (at most TAGS_MAX) tags of a response. */
struct tags tags_of(const struct fields *head, unsigned most, struct arena *a);
/* Takes the four fields out. */
void tags_strip(struct fields *head);

static inline bool tag_case_counts(enum tag_field field)
{
    return field != TAG_CACHE_TAG;
}

#endif
