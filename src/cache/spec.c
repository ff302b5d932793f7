#include "cache/spec.h"

void spec_put(struct cache *c, const struct cache_key *key, struct span text, struct arena *a)
{
    struct http_response head = {0};
    struct object *obj;

    fields_add_named(&head.fields, a, SPAN("spec"), text);
    obj = object_new(c, key, &head, NULL);
    obj->whole = true;
    cache_put(c, obj);
    object_release(&obj);
}
