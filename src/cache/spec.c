#include "cache/spec.h"

#include "base/check.h"
#include "cache/vary.h"

enum { ADD_TRIES = 8 /* others may change the spec meanwhile; one entry is not worth more */ };

struct variant_list {
    unsigned n;
    struct hash128 v[SPEC_VARIANTS_MAX];
};

unsigned object_spec_variants(
    const struct object *obj, struct hash128 out[static SPEC_VARIANTS_MAX])
{
    struct span list = object_field_value(obj, 1);

    check(list.n % sizeof(*out) == 0 && list.n / sizeof(*out) <= SPEC_VARIANTS_MAX);
    if (list.n > 0)
        memcpy(out, list.p, list.n);
    return (unsigned)(list.n / sizeof(*out));
}

static struct http_response spec_head(
    struct span text, const struct variant_list *list, struct arena *a)
{
    struct span bytes = span_make((const char *)list->v, list->n * sizeof(list->v[0]));
    struct http_response head = {0};

    fields_add_named(&head.fields, a, SPAN("spec"), text);
    fields_add_named(&head.fields, a, SPAN("variants"), bytes);
    return head;
}

void spec_put(struct cache *c, const struct cache_key *key, const struct object *old,
    struct span text, const struct object_labels *labels, struct arena *a)
{
    struct variant_list list = {.n = 0};
    struct http_response head;
    struct object *obj;

    if (old != NULL && object_is_spec(old) && vary_spec_same_id(object_spec(old), text))
        list.n = object_spec_variants(old, list.v);
    head = spec_head(text, &list, a);
    obj = object_new(c, key, &head, NULL, labels);
    obj->whole = true;
    cache_put(c, obj);
    object_release(&obj);
}

/* --- variants ----------------------------------------------------------------------------- */

static bool listed(const struct variant_list *list, struct hash128 hash)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (hash128_eq(list->v[i], hash))
            return true;
    }
    return false;
}

/* When it was used last; coming counts as a use. */
static wall_s last_use(const struct object *obj)
{
    wall_s used = atomic_load_explicit(&obj->used_s, memory_order_relaxed);

    return used > obj->fresh.response_s ? used : obj->fresh.response_s;
}

static void list_drop(struct variant_list *list, unsigned at)
{
    memmove(&list->v[at], &list->v[at + 1], (--list->n - at) * sizeof(list->v[0]));
}

/* Leaves out what is not stored any more; removes the least recently used until fewer than `most`
 * are left. */
static void make_room(struct cache *c, struct variant_list *list, unsigned most)
{
    while (list->n >= most) {
        unsigned least = 0;
        wall_s since = INT64_MAX;
        struct object *obj;

        for (unsigned i = list->n; i-- > 0;) { /* of equals, the oldest */
            obj = cache_peek_hash(c, list->v[i]);
            if (obj == NULL) {
                list_drop(list, i);
                least -= least > i;
            } else if (last_use(obj) < since) {
                since = last_use(obj);
                least = i;
            }
            object_release(&obj);
        }
        if (list->n < most)
            return;
        obj = cache_peek_hash(c, list->v[least]);
        if (obj != NULL)
            cache_remove(c, &(struct cache_key){obj->key, obj->hash});
        object_release(&obj);
        list_drop(list, least);
    }
}

/* False: somebody else has changed the spec meanwhile. */
static bool try_to_add(
    struct cache *c, struct object *spec, struct hash128 variant, unsigned most, struct arena *a)
{
    struct variant_list list;
    struct http_response head;
    struct object *obj;
    bool done;

    list.n = object_spec_variants(spec, list.v);
    if (listed(&list, variant))
        return true;
    make_room(c, &list, most);
    memmove(&list.v[1], &list.v[0], list.n++ * sizeof(list.v[0]));
    list.v[0] = variant;
    head = spec_head(object_spec(spec), &list, a);
    obj = object_with_head(spec, &head, NULL, NULL);
    done = obj->loose || cache_replace(c, spec, obj);
    object_release(&obj);
    return done;
}

void spec_add_variant(struct cache *c, const struct cache_key *key, const struct cache_key *variant,
    unsigned most, struct arena *a)
{
    bool done = false;

    check(most > 0 && most <= SPEC_VARIANTS_MAX);
    for (int i = 0; i < ADD_TRIES && !done; i++) {
        struct object *spec = cache_peek(c, key);

        done = spec == NULL || !object_is_spec(spec) || try_to_add(c, spec, variant->hash, most, a);
        object_release(&spec);
    }
}
