/*
 * beginning.c - a fill that ends short leaves its bytes as an object, and another fill goes on
 * where they end (RFC 9111 §3.3, §3.4). The chain of chunks changes hands; no byte is copied.
 */
#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/fill_impl.h"
#include "cache/index.h"

bool fill_keep_beginning(struct fill *f, struct object *obj)
{
    struct memory *m = f->cache->memory;
    bool keep = f->state == FILL_STREAMING && f->keep && f->slice_bytes == 0 && f->first != NULL &&
                !obj->loose && !atomic_load(&f->doomed);

    check(!obj->whole);
    if (keep) {
        chunk_own(f->first, index_hash(obj->hash));
        obj->body = chunk_ref(f->first);
        obj->body_bytes = f->bytes;
        obj->whole = true;
        memory_put(m, obj);
        count(C_FILLS_BEGUN);
        /* As when a fill is stored: a removal dooms first and removes then. */
        if (atomic_load(&f->doomed))
            memory_remove_object(m, obj);
    }
    object_release(&obj);
    return keep;
}

bool fill_can_continue(const struct object *obj)
{
    return obj->body != NULL && atomic_load_explicit(&obj->refs, memory_order_acquire) == 1 &&
           chunk_alone(obj->body);
}

void fill_continue(struct fill *f, struct object *obj)
{
    struct chunk *last = obj->body;

    check(f->state == FILL_STREAMING && f->bytes == 0 && f->first == NULL && f->slice_bytes == 0);
    chunk_own(obj->body, index_hash(f->object->hash));
    pthread_mutex_lock(&f->lock);
    f->first = obj->body;
    f->bytes = obj->body_bytes;
    for (; last->next != NULL; last = last->next)
        f->previous = f->keep ? last : NULL;
    f->last = chunk_ref(last);
    list_each (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        r->chunk = chunk_ref(f->first);
        reader_post(r);
    }
    pthread_mutex_unlock(&f->lock);
    obj->body = NULL;
    obj->body_bytes = 0;
}
