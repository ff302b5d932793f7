/*
 * purging.h - objects with labels, for the tests of purges.
 */
#ifndef TESTS_CACHE_PURGING_H
#define TESTS_CACHE_PURGING_H

#include "things.h"

#include "cache/purge.h"
#include "cache/tags.h"

/* Stores an object under that key, of that site ("" for none), with tags in a Cache-Tag line (or
 * a Surrogate-Key line when it begins with a space; NULL: none). The reference is the caller's. */
static inline struct object *labelled(
    struct cache *c, const char *key, uint64_t born, const char *site, const char *tags)
{
    struct cache_key k = cache_key_of(span_of(key));
    struct http_response head = {.status = 200};
    struct object_labels labels = {.born = born, .site = span_of(site)};
    struct fields f = {0};
    struct arena a;
    struct object *obj;
    struct tags t;

    arena_init(&a);
    if (tags != NULL)
        fields_add(&f, &a, tags[0] == ' ' ? FIELD_SURROGATE_KEY : FIELD_CACHE_TAG, span_of(tags));
    t = tags_of(&f, TAGS_DEFAULT, &a);
    labels.tags = &t;
    obj = object_new(c, &k, &head, NULL, &labels);
    obj->whole = true;
    arena_free(&a);
    return obj;
}

static inline void store(
    struct cache *c, const char *key, uint64_t born, const char *site, const char *tags)
{
    struct object *obj = labelled(c, key, born, site, tags);

    cache_put(c, obj);
    object_release(&obj);
}

static inline uint64_t purge(
    struct cache *c, enum purge_scope scope, bool hard, const char *text, const char *site)
{
    uint64_t seq = cache_purge(c, &(struct purge){scope, hard, span_of(text), span_of(site)});

    check(seq == cache_purge_seq(c));
    return seq;
}

/* What somebody who looks the key up gets: 'h' for nothing, 's' for something soft, '-' for
 * something that is as it was. */
static inline char state_of(struct cache *c, const char *key)
{
    struct cache_key k = cache_key_of(span_of(key));
    struct object *obj = cache_find(c, &k);
    char state = obj == NULL ? 'h' : obj->soft_purged ? 's' : '-';

    object_release(&obj);
    return state;
}

#endif
