#include "cache/index.h"

#include "base/check.h"
#include "cache/object.h"

enum { POINTER_BITS = 48, LINE_BYTES = 64 };

static uint64_t slot_tag(uint64_t hash)
{
    return hash >> 47 << POINTER_BITS; /* the top 16 of 63 bits */
}

static struct object *slot_object(uint64_t slot)
{
    return (struct object *)(uintptr_t)(slot & ((UINT64_C(1) << POINTER_BITS) - 1));
}

static uint64_t slot_of(const struct object *obj)
{
    return slot_tag(index_hash(obj->hash)) | (uintptr_t)obj;
}

/* The first and the second bucket of a hash. */
static struct index_bucket *bucket_of(const struct index *x, uint64_t hash, int which)
{
    uint32_t place = (uint32_t)(hash >> INDEX_SKIP_BITS);
    uint32_t tag = (uint32_t)(hash >> 47);

    if (which != 0)
        place ^= (tag + 1) * 0x9e3779b1u;
    return &x->buckets[(uint64_t)place * x->buckets_n >> 32];
}

void index_prefetch(const struct index *x, uint64_t hash)
{
    __builtin_prefetch(bucket_of(x, hash, 0));
    __builtin_prefetch(bucket_of(x, hash, 1));
}

/* What is read of an object that is found: all at once instead of one after another. */
static void object_prefetch(const struct object *obj)
{
    __builtin_prefetch(obj, 1);
    __builtin_prefetch((const char *)obj + LINE_BYTES, 1);
    __builtin_prefetch(obj + 1);
}

struct object *index_find(const struct index *x, const struct cache_key *key)
{
    uint64_t hash = index_hash(key->hash), tag = slot_tag(hash);

    for (int which = 0; which < 2; which++) {
        const struct index_bucket *b = bucket_of(x, hash, which);

        for (int i = 0; i < INDEX_WAYS; i++) {
            struct object *obj = slot_object(b->slots[i]);

            if (obj == NULL || (b->slots[i] ^ tag) >> POINTER_BITS != 0)
                continue;
            object_prefetch(obj);
            if (hash128_eq(obj->hash, key->hash) && span_eq(obj->key, key->text))
                return obj;
        }
    }
    return NULL;
}

struct object *index_find_hash(const struct index *x, uint64_t hash)
{
    uint64_t tag = slot_tag(hash);

    for (int which = 0; which < 2; which++) {
        const struct index_bucket *b = bucket_of(x, hash, which);

        for (int i = 0; i < INDEX_WAYS; i++) {
            struct object *obj = slot_object(b->slots[i]);

            if (obj != NULL && (b->slots[i] ^ tag) >> POINTER_BITS == 0 &&
                index_hash(obj->hash) == hash)
                return obj;
        }
    }
    return NULL;
}

unsigned index_bucket_objects(
    const struct index *x, uint32_t bucket, struct object *out[static INDEX_WAYS])
{
    unsigned n = 0;

    for (int i = 0; i < INDEX_WAYS; i++)
        if (x->buckets[bucket].slots[i] != 0)
            out[n++] = slot_object(x->buckets[bucket].slots[i]);
    return n;
}

static unsigned bucket_free(struct index_bucket *b, uint64_t **place)
{
    unsigned n = 0;

    for (int i = 0; i < INDEX_WAYS; i++)
        if (b->slots[i] == 0) {
            *place = &b->slots[i];
            n++;
        }
    return n;
}

bool index_add(struct index *x, struct object *obj)
{
    uint64_t hash = index_hash(obj->hash);
    struct index_bucket *first = bucket_of(x, hash, 0), *second = bucket_of(x, hash, 1);
    uint64_t *in_first = NULL, *in_second = NULL;
    unsigned free_first = bucket_free(first, &in_first);
    unsigned free_second = bucket_free(second, &in_second);

    check((uintptr_t)obj >> POINTER_BITS == 0);
    if (free_first + free_second == 0)
        return false;
    *(free_first >= free_second ? in_first : in_second) = slot_of(obj);
    return true;
}

unsigned index_rivals(const struct index *x, const struct object *obj, struct object **out)
{
    const struct index_bucket *b = bucket_of(x, index_hash(obj->hash), 0);
    unsigned n = 0;

    for (int i = 0; i < INDEX_WAYS; i++)
        if (b->slots[i] != 0)
            out[n++] = slot_object(b->slots[i]);
    return n;
}

static uint64_t *slot_find(const struct index *x, const struct object *obj)
{
    uint64_t slot = slot_of(obj);

    for (int which = 0; which < 2; which++) {
        struct index_bucket *b = bucket_of(x, index_hash(obj->hash), which);

        for (int i = 0; i < INDEX_WAYS; i++)
            if (b->slots[i] == slot)
                return &b->slots[i];
    }
    return NULL;
}

void index_replace(struct index *x, const struct object *old, struct object *obj)
{
    uint64_t *slot = slot_find(x, old);

    check(slot != NULL);
    *slot = slot_of(obj);
}

void index_remove(struct index *x, const struct object *obj)
{
    uint64_t *slot = slot_find(x, obj);

    check(slot != NULL);
    *slot = 0;
}
