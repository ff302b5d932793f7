/*
 * Structured fields: what parses is made of valid parts, and tokens, strings and integers say the
 * same when they are written and read again.
 */
#include "base/buf.h"
#include "base/check.h"
#include "http/sfv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void bare_check(struct arena *a, const struct sfv_item *v)
{
    struct sfv_item again;
    struct buf b;

    buf_init(&b, 1 << 20);
    switch (v->type) {
    case SFV_INTEGER:
        check(sfv_integer_write(&b, v->integer));
        break;
    case SFV_TOKEN:
        check(sfv_token_write(&b, v->text));
        break;
    case SFV_STRING:
        check(sfv_string_write(&b, v->text));
        break;
    case SFV_BOOLEAN:
        check(v->integer == 0 || v->integer == 1);
        break;
    case SFV_DECIMAL:
    case SFV_DATE:
    case SFV_BYTES:
    case SFV_DISPLAY:
        break;
    case SFV_INNER:
        check(!"a bare item");
    }
    if (b.n != 0) {
        check(sfv_item_parse(buf_span(&b), a, &again) && again.type == v->type);
        check(again.integer == v->integer && span_eq(again.text, v->text));
    }
    buf_free(&b);
}

static void item_check(struct arena *a, const struct sfv_item *v)
{
    if (v->type != SFV_INNER)
        bare_check(a, v);
    for (unsigned i = 0; i < v->params_n; i++) {
        bare_check(a, &v->params[i].value);
        check(sfv_param_get(v, v->params[i].key) == &v->params[i].value);
    }
}

static void members_check(struct arena *a, const struct sfv_members *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        const struct sfv_item *v = &m->v[i].value;

        item_check(a, v);
        for (unsigned k = 0; v->type == SFV_INNER && k < v->items_n; k++)
            item_check(a, &v->items[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    struct sfv_members m;
    struct sfv_item item;
    struct arena a;

    arena_init(&a);
    if (sfv_item_parse(in, &a, &item))
        item_check(&a, &item);
    if (sfv_list_parse(in, &a, &m))
        members_check(&a, &m);
    if (sfv_dict_parse(in, &a, &m)) {
        members_check(&a, &m);
        for (unsigned i = 0; i < m.n; i++)
            check(sfv_dict_get(&m, m.v[i].key) == &m.v[i].value);
    }
    arena_free(&a);
    return 0;
}
