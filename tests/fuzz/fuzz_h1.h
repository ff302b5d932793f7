/* fuzz_h1.h - what the two targets for HTTP/1 heads share: small limits, and comparing fields. */
#ifndef TESTS_FUZZ_FUZZ_H1_H
#define TESTS_FUZZ_FUZZ_H1_H

#include "base/buf.h"
#include "base/check.h"
#include "http/h1_parse.h"
#include "http/h1_write.h"

#include <stdlib.h>

/* Small, so that inputs of a few hundred bytes reach them. */
static const struct h1_limits limits = {256, 1024, 16};
static const struct h1_limits wide = {65536, 1 << 20, 200};

/* Exactly as large as `s`, so that ASan sees a read past its end. The caller frees p. */
static inline struct span exact_copy(struct span s)
{
    char *p = malloc(s.n != 0 ? s.n : 1);

    check(p != NULL);
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    return span_make(p, s.n);
}

/* How many bytes come at a time: 1 to 8, by the input's own length. */
static inline size_t step_of(size_t n)
{
    return n % 8 + 1;
}

static inline bool is_rewritten(const struct field *line)
{
    return line->id == FIELD_HOST || line->id == FIELD_CONTENT_LENGTH ||
           line->id == FIELD_TRANSFER_ENCODING || line->id == FIELD_CONNECTION ||
           line->id == FIELD_KEEP_ALIVE || line->id == FIELD_PROXY_CONNECTION;
}

/* The same lines in the same order, but for those that h1_write makes itself. */
static inline void fields_check(const struct fields *a, const struct fields *b)
{
    unsigned i = 0, k = 0;

    for (;; i++, k++) {
        while (i < a->n && is_rewritten(&a->v[i]))
            i++;
        while (k < b->n && is_rewritten(&b->v[k]))
            k++;
        if (i == a->n || k == b->n)
            break;
        check(a->v[i].id == b->v[k].id);
        check(span_eq(a->v[i].name, b->v[k].name) && span_eq(a->v[i].value, b->v[k].value));
    }
    check(i == a->n && k == b->n);
}

#endif
