/*
 * fuzz_conf.c - any text through reading, applying and dumping; the dump of what applies must
 * apply again, to the same dump.
 */
#include "base/check.h"
#include "conf/dump.h"

#include "../unit/conf/demo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { DUMP_MAX = 1 << 24 };

/* False: the text is wrong, and that was said. */
static bool dump(struct span text, struct buf *out)
{
    const struct conf_node *root;
    struct conf_errors errors;
    struct arena a;
    bool ok;

    arena_init(&a);
    conf_errors_init(&errors, &a);
    ok = demo_load(&a, text, &errors, &root) != NULL;
    check(ok == (errors.n == 0));
    if (ok)
        check(conf_dump(&demo_main, root, out));
    else
        check(conf_errors_write(&errors, out));
    arena_free(&a);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf once, twice;

    buf_init(&once, DUMP_MAX);
    buf_init(&twice, DUMP_MAX);
    if (dump(span_make((const char *)data, n), &once)) {
        check(dump(buf_span(&once), &twice));
        check(span_eq(buf_span(&once), buf_span(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
