/*
 * Field sections and lists: members are in order, trimmed and not empty; entity tags and
 * hop-by-hop removal work on anything that parses as fields.
 */
#include "base/check.h"
#include "http/etag.h"
#include "http/h1_parse.h"
#include "http/hop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void list_check(struct span in)
{
    struct span rest = in, member;
    const char *at = in.p;

    while (list_next(&rest, &member)) {
        check(member.n != 0 && member.p >= at && member.p + member.n <= in.p + in.n);
        check(span_trim(member).n == member.n && member.p[0] != ',');
        at = member.p + member.n;
    }
    check(rest.n == 0);
}

static void fields_check(struct arena *a, struct fields *f)
{
    struct etag tag = {SPAN("\"a\""), false};
    struct fields copy = fields_dup(f, a);
    unsigned n;

    for (unsigned i = 0; i < f->n; i++) {
        struct span name = f->v[i].name;
        struct field *first = fields_find_named(f, name);

        check(first != NULL && first <= &f->v[i] && first->id == field_id_of(name));
        check(fields_join_named(f, a, name).n >= f->v[i].value.n);
        list_check(f->v[i].value);
    }
    (void)etag_list_match(f, FIELD_IF_NONE_MATCH, &tag, false);
    (void)etag_list_match(f, FIELD_IF_MATCH, NULL, true);
    hop_remove(f);
    n = f->n;
    for (unsigned i = 0; i < n; i++)
        check(!field_is_hop(f->v[i].id));
    hop_remove(f);
    check(f->n == n);
    for (unsigned i = 0; i < copy.n; i++) {
        if (copy.v[i].id != FIELD_OTHER && !field_is_hop(copy.v[i].id))
            check(fields_has(f, copy.v[i].id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct h1_limits limits = {8192, 65536, 100};
    struct span in = span_make((const char *)data, n);
    struct fields f;
    struct arena a;
    const char *why;

    arena_init(&a);
    if (n != 0)
        list_check(in);
    if (h1_fields_parse(in, &limits, &a, &f, &why))
        fields_check(&a, &f);
    arena_free(&a);
    return 0;
}
