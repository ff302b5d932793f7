#include "director/map_json.h"

#include "admin/route.h"

#include <inttypes.h>
#include <stdio.h>

static void put_int(json_t *o, const char *name, uint64_t v)
{
    json_object_set_new(o, name, json_integer((json_int_t)v));
}

static void put_real(json_t *o, const char *name, double v)
{
    json_object_set_new(o, name, json_real(v));
}

static void put_text(json_t *o, const char *name, const char *text)
{
    json_object_set_new(o, name, admin_json_text(span_of(text)));
}

static void put_hash(json_t *o, const char *name, struct hash128 h)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, h.hi, h.lo);
    put_text(o, name, text);
}

json_t *map_json_map(const struct steer *s, const struct geo_map_facts *f)
{
    json_t *o = json_object();

    put_text(o, "steer", s->name.p);
    put_int(o, "pops", s->pops_n);
    put_int(o, "v4_networks", f->v4_networks);
    put_int(o, "v6_networks", f->v6_networks);
    put_int(o, "v4_fine_networks", f->v4_fine_networks);
    put_int(o, "v6_fine_networks", f->v6_fine_networks);
    put_real(o, "v4_mean_scope", f->v4_mean_scope);
    put_real(o, "v6_mean_scope", f->v6_mean_scope);
    put_int(o, "v4_known", f->known_v4);
    put_int(o, "v6_known", f->known_v6);
    put_int(o, "orders", f->orders);
    put_int(o, "bytes", f->bytes);
    put_hash(o, "hash", f->hash);
    return o;
}

void map_json_add_quality(json_t *map, const struct geo_map_quality *q)
{
    put_int(map, "v4_placed", (uint64_t)q->v4_known);
    put_int(map, "v6_placed", (uint64_t)q->v6_known);
    put_real(map, "v4_nearest_percent", q->v4_nearest_percent);
    put_real(map, "v6_nearest_percent", q->v6_nearest_percent);
    put_real(map, "v4_excess_km", q->v4_excess_km);
    put_real(map, "v6_excess_km", q->v6_excess_km);
}

static json_t *file_json(const struct map_file_status *f)
{
    json_t *o = json_object();

    put_text(o, "path", f->path);
    json_object_set_new(o, "there", json_boolean(f->there));
    if (f->there) {
        put_int(o, "bytes", f->bytes);
        json_object_set_new(o, "changed", json_integer((json_int_t)f->changed));
    }
    if (f->type[0] != '\0')
        put_text(o, "type", f->type);
    if (f->built > 0)
        json_object_set_new(o, "built", json_integer((json_int_t)f->built));
    return o;
}

json_t *map_json_status(const struct map_status *s, const struct steer_list *steers)
{
    json_t *o = json_object(), *files = json_array(), *maps = json_array();

    put_text(o, "state", map_state_word(s->state));
    put_int(o, "number", s->number);
    json_object_set_new(o, "made", json_integer((json_int_t)s->made));
    json_object_set_new(o, "kept", json_boolean(s->kept));
    if (s->took_ms > 0)
        json_object_set_new(o, "took_ms", json_integer((json_int_t)s->took_ms));
    if (s->moved >= 0)
        put_real(o, "moved_percent", s->moved);
    if (s->refused[0] != '\0') {
        put_text(o, "refused", s->refused);
        json_object_set_new(o, "refused_at", json_integer((json_int_t)s->refused_at));
    }
    for (unsigned i = 0; i < s->files_n; i++)
        json_array_append_new(files, file_json(&s->files[i]));
    json_object_set_new(o, "databases", files);
    for (unsigned i = 0; i < s->maps_n; i++)
        json_array_append_new(maps, map_json_map(&steers->v[i], &s->facts[i]));
    json_object_set_new(o, "maps", maps);
    return o;
}
