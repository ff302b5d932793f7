/*
 * Orders to purge: what is accepted is within its bounds, and purging what it names again names the
 * same.
 */
#include "base/buf.h"
#include "base/check.h"
#include "edge/conf.h"
#include "edge/purge_order.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct edge_conf *conf_of_args(void)
{
    struct buf errors;
    struct edge_conf *c;

    buf_init(&errors, 64 << 10);
    c = edge_conf_load_args(
        &(struct edge_args){.listen = "127.0.0.1:1", .origin = "http://127.0.0.1:1"}, &errors);
    check(c != NULL);
    buf_free(&errors);
    return c;
}

/* A normal form is its own. */
static void read_again(const struct edge_conf *conf, const struct purge_order *o, struct arena *a)
{
    struct span query = arena_join(a, purge_scope_name(o->scope), SPAN("="));
    struct span value = uri_path_encode(a, o->texts[0]);
    struct purge_order again;
    const char *why;

    /* The path's encoder leaves what separates parameters. */
    if (span_find(value, '&') < value.n)
        return;
    query = arena_join(a, query, value);
    check(purge_order_read(&again, query, conf, a, &why));
    check(again.scope == o->scope && again.texts_n == 1);
    check(span_eq(again.texts[0], o->texts[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct edge_conf *conf;
    struct purge_order o;
    const char *why = NULL;
    struct arena a;

    if (conf == NULL)
        conf = conf_of_args();
    arena_init(&a);
    if (!purge_order_read(&o, span_make((const char *)data, n), conf, &a, &why)) {
        check(why != NULL && why[0] != '\0');
    } else {
        check(o.texts_n > 0 && o.texts_n <= PURGE_TEXTS_MAX);
        for (unsigned i = 0; i < o.texts_n; i++)
            check(o.texts[i].n <= PURGE_TEXT_MAX && (o.texts[i].n > 0) == (o.scope != PURGE_ALL));
        if (o.scope != PURGE_ALL)
            read_again(conf, &o, &a);
    }
    arena_free(&a);
    return 0;
}
