/*
 * Input: lines of Accept-Encoding, then an empty line, then lines of Content-Encoding. Weights are
 * weights; the choice is acceptable and none is better; both ways of reading the field agree.
 */
#include "fuzz_lines.h"

#include "base/check.h"
#include "http/accept_encoding.h"
#include "http/weighted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct fields values_take(struct arena *a, struct span *rest, enum field_id id)
{
    struct fields f = {0};
    struct span line;

    while (span_cut(rest, '\n', &line) && line.n > 0) {
        if (f.n < LINES_MAX && span_all(line, CHAR_VALUE))
            fields_add(&f, a, id, span_trim(line));
    }
    return f;
}

static void best_check(const struct accept_encoding *a, const enum coding *available, unsigned n)
{
    enum coding best = accept_encoding_best(a, available, n);
    bool there = false;

    for (unsigned i = 0; i < n; i++) {
        there |= available[i] == best;
        check(a->weight[available[i]] <= a->weight[best] || a->weight[best] == 0);
        check(a->weight[best] > 0 || !accept_encoding_takes(a, available[i]));
    }
    check(best == CODING_IDENTITY || (there && accept_encoding_takes(a, best)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum coding available[] = {
        CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY, CODING_ZSTD};
    struct span rest = span_make((const char *)data, n);
    struct accept_encoding a;
    struct fields request, response;
    struct arena arena;
    enum coding coding;

    arena_init(&arena);
    request = values_take(&arena, &rest, FIELD_ACCEPT_ENCODING);
    response = values_take(&arena, &rest, FIELD_CONTENT_ENCODING);
    a = accept_encoding_of(&request);
    check(a.present == (request.n > 0));
    for (unsigned i = 0; i < CODING_KINDS; i++)
        check(a.weight[i] <= WEIGHT_WHOLE);
    for (unsigned i = 0; i <= ARRAY_LEN(available); i++) {
        best_check(&a, available, i);
        best_check(&a, available + i, (unsigned)ARRAY_LEN(available) - i);
    }
    for (unsigned i = CODING_IDENTITY + 1; i < CODING_KINDS && a.present; i++) {
        struct span name = coding_name((enum coding)i);

        check(accept_encoding_names(&request, name) == accept_encoding_takes(&a, (enum coding)i));
    }
    (void)accept_encoding_names(&request, SPAN("deflate"));
    check(!coding_of_content(&response, &coding) || coding < CODING_KINDS);
    check(response.n > 0 || (coding_of_content(&response, &coding) && coding == CODING_IDENTITY));
    arena_free(&arena);
    return 0;
}
