#include "http/fields.h"

#include "base/check.h"
#include "http/chars.h"

static const struct known {
    struct span name;
    bool hop;
} known[FIELD_IDS] = {
#define FIELD(id, name, hop) [FIELD_##id] = {SPAN(name), hop},
#include "http/fields.tbl"
#undef FIELD
};

/* Open addressing by length and three letters; filled before main() and constant from then on. */
enum { SLOTS = 512, GROW_FIRST = 16 };

static uint8_t slots[SLOTS]; /* enum field_id, 0 for an empty slot */

_Static_assert(FIELD_IDS < 256 && FIELD_IDS * 4 < SLOTS, "slots must be mostly empty");

static inline unsigned slot_of(struct span name)
{
    unsigned first = (unsigned char)name.p[0] | 0x20;
    unsigned last = (unsigned char)name.p[name.n - 1] | 0x20;
    unsigned middle = (unsigned char)name.p[name.n / 2] | 0x20;

    return ((unsigned)name.n * 67 + first * 7 + middle * 29 + last * 149) % SLOTS;
}

__attribute__((constructor)) static void slots_fill(void)
{
    for (unsigned id = FIELD_OTHER + 1; id < FIELD_IDS; id++) {
        unsigned at = slot_of(known[id].name);

        while (slots[at] != 0)
            at = (at + 1) % SLOTS;
        slots[at] = (uint8_t)id;
    }
}

/* Up to eight bytes as a number. */
static inline uint64_t word(const char *p, size_t n)
{
    uint64_t low = 0, high = 0;

    if (n >= 8) {
        memcpy(&low, p, 8);
    } else if (n >= 4) { /* the halves may overlap */
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
    } else {
        low = (unsigned char)p[0];
        high = (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
    }
    return low | high << 32;
}

/* Without case, a word at a time. Known names have letters, digits and '-' only: those with bit 6
 * are letters. */
static inline bool name_is(struct span name, struct span known_name)
{
    uint64_t differ = 0;

    if (name.n != known_name.n)
        return false;
    for (size_t at = 0;;) {
        uint64_t k = word(known_name.p + at, name.n - at);
        uint64_t fold = (k & 0x4040404040404040u) >> 1;

        differ |= (word(name.p + at, name.n - at) | fold) ^ (k | fold);
        if (at + 8 >= name.n)
            return differ == 0;
        /* The last word may overlap the one before. */
        at = at + 16 <= name.n ? at + 8 : name.n - 8;
    }
}

enum field_id field_id_of(struct span name)
{
    if (name.n == 0)
        return FIELD_OTHER;
    for (unsigned at = slot_of(name); slots[at] != 0; at = (at + 1) % SLOTS) {
        if (name_is(name, known[slots[at]].name))
            return (enum field_id)slots[at];
    }
    return FIELD_OTHER;
}

struct span field_name(enum field_id id)
{
    return known[id].name;
}

bool field_is_hop(enum field_id id)
{
    return known[id].hop;
}

static struct field *line_new(struct fields *f, struct arena *a)
{
    if (f->n == f->cap) {
        unsigned cap = f->cap != 0 ? f->cap * 2 : GROW_FIRST;
        struct field *v = arena_alloc(a, cap * sizeof(*v));

        if (f->n != 0)
            memcpy(v, f->v, f->n * sizeof(*v));
        f->v = v;
        f->cap = cap;
    }
    return &f->v[f->n++];
}

void fields_add(struct fields *f, struct arena *a, enum field_id id, struct span value)
{
    check(id != FIELD_OTHER);
    *line_new(f, a) = (struct field){known[id].name, value, id};
}

void fields_add_named(struct fields *f, struct arena *a, struct span name, struct span value)
{
    *line_new(f, a) = (struct field){name, value, field_id_of(name)};
}

static inline bool line_has(const struct field *line, enum field_id id, struct span name)
{
    return line->id == id && (id != FIELD_OTHER || span_ieq(line->name, name));
}

static struct field *find_from(
    const struct fields *f, unsigned from, enum field_id id, struct span name)
{
    for (unsigned i = from; i < f->n; i++) {
        if (line_has(&f->v[i], id, name))
            return &f->v[i];
    }
    return NULL;
}

struct field *fields_find(const struct fields *f, enum field_id id)
{
    check(id != FIELD_OTHER);
    return find_from(f, 0, id, SPAN_EMPTY);
}

struct field *fields_find_named(const struct fields *f, struct span name)
{
    return find_from(f, 0, field_id_of(name), name);
}

struct field *fields_next(const struct fields *f, const struct field *prev)
{
    return find_from(f, (unsigned)(prev - f->v) + 1, prev->id, prev->name);
}

struct span fields_get(const struct fields *f, enum field_id id)
{
    const struct field *line = fields_find(f, id);

    return line != NULL ? line->value : SPAN_EMPTY;
}

struct span fields_get_named(const struct fields *f, struct span name)
{
    const struct field *line = fields_find_named(f, name);

    return line != NULL ? line->value : SPAN_EMPTY;
}

bool fields_has(const struct fields *f, enum field_id id)
{
    return fields_find(f, id) != NULL;
}

unsigned fields_count(const struct fields *f, enum field_id id)
{
    unsigned n = 0;

    fields_each_named (line, f, id)
        n++;
    return n;
}

/* Keeps the first `keep` lines of that name. Returns how many lines went. */
static unsigned remove_but(struct fields *f, enum field_id id, struct span name, unsigned keep)
{
    unsigned kept = 0, seen = 0;

    for (unsigned i = 0; i < f->n; i++) {
        if (line_has(&f->v[i], id, name) && seen++ >= keep)
            continue;
        if (kept != i)
            f->v[kept] = f->v[i];
        kept++;
    }
    seen = f->n - kept;
    f->n = kept;
    return seen;
}

unsigned fields_remove(struct fields *f, enum field_id id)
{
    check(id != FIELD_OTHER);
    return remove_but(f, id, SPAN_EMPTY, 0);
}

unsigned fields_remove_named(struct fields *f, struct span name)
{
    return remove_but(f, field_id_of(name), name, 0);
}

void fields_set(struct fields *f, struct arena *a, enum field_id id, struct span value)
{
    struct field *line = fields_find(f, id);

    if (line == NULL) {
        fields_add(f, a, id, value);
        return;
    }
    line->value = value;
    remove_but(f, id, SPAN_EMPTY, 1);
}

void fields_set_named(struct fields *f, struct arena *a, struct span name, struct span value)
{
    struct field *line = fields_find_named(f, name);

    if (line == NULL) {
        fields_add_named(f, a, name, value);
        return;
    }
    line->value = value;
    remove_but(f, line->id, name, 1);
}

struct fields fields_copy(const struct fields *f, struct arena *a)
{
    struct fields out = {0};

    fields_each (line, f)
        *line_new(&out, a) = *line;
    return out;
}

struct fields fields_dup(const struct fields *f, struct arena *a)
{
    struct fields out = fields_copy(f, a);

    fields_each (line, &out) {
        line->name = line->id != FIELD_OTHER ? known[line->id].name : arena_dup(a, line->name);
        line->value = arena_dup(a, line->value);
    }
    return out;
}

static struct span join_from(const struct fields *f, struct arena *a, const struct field *first)
{
    size_t n = 0;
    char *out, *at;

    if (first == NULL)
        return SPAN_EMPTY;
    if (fields_next(f, first) == NULL)
        return first->value;
    for (const struct field *line = first; line != NULL; line = fields_next(f, line))
        n += line->value.n + 2;
    out = at = arena_alloc(a, n);
    for (const struct field *line = first; line != NULL; line = fields_next(f, line)) {
        if (line->value.n != 0)
            memcpy(at, line->value.p, line->value.n);
        at += line->value.n;
        memcpy(at, ", ", 2);
        at += 2;
    }
    return span_make(out, n - 2);
}

struct span fields_join(const struct fields *f, struct arena *a, enum field_id id)
{
    return join_from(f, a, fields_find(f, id));
}

struct span fields_join_named(const struct fields *f, struct arena *a, struct span name)
{
    return join_from(f, a, fields_find_named(f, name));
}

bool list_next(struct span *rest, struct span *member)
{
    struct span s = *rest;
    size_t i = 0, end;

    while (i < s.n && (s.p[i] == ',' || s.p[i] == ' ' || s.p[i] == '\t'))
        i++;
    if (i == s.n) {
        *rest = SPAN_EMPTY;
        return false;
    }
    for (end = i; end < s.n && s.p[end] != ','; end++) {
        if (s.p[end] == '"') {
            size_t quoted = quoted_length(span_from(s, end));

            if (quoted == 0) { /* never closed: nothing after it can be told apart */
                end = s.n;
                break;
            }
            end += quoted - 1;
        }
    }
    *member = span_trim(span_make(s.p + i, end - i));
    *rest = end < s.n ? span_from(s, end + 1) : SPAN_EMPTY;
    return true;
}

static struct field_list list_from(const struct fields *f, const struct field *line)
{
    return (struct field_list){f, line, line != NULL ? line->value : SPAN_EMPTY};
}

struct field_list field_list_of(const struct fields *f, enum field_id id)
{
    return list_from(f, fields_find(f, id));
}

struct field_list field_list_of_named(const struct fields *f, struct span name)
{
    return list_from(f, fields_find_named(f, name));
}

bool field_list_next(struct field_list *it, struct span *member)
{
    while (it->line != NULL) {
        if (list_next(&it->rest, member))
            return true;
        *it = list_from(it->f, fields_next(it->f, it->line));
    }
    return false;
}

bool fields_list_has(const struct fields *f, enum field_id id, struct span token)
{
    struct field_list it = field_list_of(f, id);
    struct span member;

    while (field_list_next(&it, &member)) {
        if (span_ieq(member, token))
            return true;
    }
    return false;
}
