/*
 * fields.h - header and trailer fields: an ordered list of lines, in an arena.
 *
 * Names compare without case. A name of fields.tbl has an id, found once when the line is added;
 * all others are FIELD_OTHER and are looked up by name. Lines keep the order in which they came.
 * Text is borrowed: names and values must live as long as the list (usually all in one arena).
 * A zeroed struct is an empty list. Nothing here checks what strangers sent; h1_parse does, and
 * h1_write makes sure that nothing is sent that would break the message. One thread at a time.
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"

enum field_id {
    FIELD_OTHER,
#define FIELD(id, name, hop) FIELD_##id,
#include "http/fields.tbl"
#undef FIELD
    FIELD_IDS
};

struct field {
    struct span name, value; /* the value without white space around it */
    enum field_id id;
};

struct fields {
    struct field *v; /* in the arena */
    unsigned n, cap;
};

/* Constant time: switch on length and a letter or two, then one comparison. */
enum field_id field_id_of(struct span name) PURE;
/* As RFCs spell it ("ETag"); empty for FIELD_OTHER. */
struct span field_name(enum field_id id);
/* Never forwarded (RFC 9110 §7.6.1). */
bool field_is_hop(enum field_id id) PURE;

/* Adds a line at the end. The first is for known names (not FIELD_OTHER). */
void fields_add(struct fields *f, struct arena *a, enum field_id id, struct span value);
void fields_add_named(struct fields *f, struct arena *a, struct span name, struct span value);

/* The first line of that name, or NULL; then the one after `prev` with prev's name, or NULL.
 * Valid until the list changes. */
struct field *fields_find(const struct fields *f, enum field_id id);
struct field *fields_find_named(const struct fields *f, struct span name);
struct field *fields_next(const struct fields *f, const struct field *prev);

/* The value of the first line; p == NULL when there is none. */
struct span fields_get(const struct fields *f, enum field_id id);
struct span fields_get_named(const struct fields *f, struct span name);
bool fields_has(const struct fields *f, enum field_id id);
/* Number of lines of that name. */
unsigned fields_count(const struct fields *f, enum field_id id);

/* Removes all lines of that name and returns how many there were. */
unsigned fields_remove(struct fields *f, enum field_id id);
unsigned fields_remove_named(struct fields *f, struct span name);
/* Leaves exactly one line of that name, in the place of the first. */
void fields_set(struct fields *f, struct arena *a, enum field_id id, struct span value);
void fields_set_named(struct fields *f, struct arena *a, struct span name, struct span value);

/* A list of its own in `a`. fields_copy() shares the text, fields_dup() copies it too. */
struct fields fields_copy(const struct fields *f, struct arena *a);
struct fields fields_dup(const struct fields *f, struct arena *a);

/* All lines of a list-valued field as one value, joined by ", " (RFC 9110 §5.3); p == NULL when
 * there is none. Not for Set-Cookie. Copies only when there is more than one line. */
struct span fields_join(const struct fields *f, struct arena *a, enum field_id id);
struct span fields_join_named(const struct fields *f, struct arena *a, struct span name);

/*
 * Members of a comma-separated list (RFC 9110 §5.6.1), trimmed; commas in quoted strings do not
 * separate; empty members are never yielded.
 *
 *     struct span rest = value, member;
 *     while (list_next(&rest, &member)) ...
 */
bool list_next(struct span *rest, struct span *member);

/* The same over all lines of one name, without joining them:
 *
 *     struct field_list it = field_list_of(f, FIELD_VARY);
 *     while (field_list_next(&it, &member)) ...
 */
struct field_list {
    const struct fields *f;
    const struct field *line;
    struct span rest;
};

struct field_list field_list_of(const struct fields *f, enum field_id id);
struct field_list field_list_of_named(const struct fields *f, struct span name);
bool field_list_next(struct field_list *it, struct span *member);

/* Whether a member equals `token` without case. */
bool fields_list_has(const struct fields *f, enum field_id id, struct span token);

/* for (struct field *it over all lines) */
#define fields_each(it, f)                                                                         \
    for (struct field *it = (f)->v, *it##_end = (f)->n != 0 ? (f)->v + (f)->n : (f)->v;            \
         it != it##_end; it++)

/* for (struct field *it over the lines of one known name); the body must not change the list */
#define fields_each_named(it, f, id)                                                               \
    for (struct field *it = fields_find(f, id); it != NULL; it = fields_next(f, it))

#endif
