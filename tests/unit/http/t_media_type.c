/* Media types: patterns, and what is worth compressing. */
#include "table.h"

#include "http/media_type.h"

static void compressible(void **state)
{
    static const struct {
        const char *type;
        bool want;
    } rows[] = {
        {"text/html", true},
        {"TEXT/HTML; charset=UTF-8", true},
        {"text/html;charset=utf-8", true},
        {" text/css ", true},
        {"text/event-stream", false},
        {"Text/Event-Stream; charset=utf-8", false},
        {"application/json", true},
        {"application/problem+json; charset=x", true},
        {"application/atom+xml", true},
        {"image/svg+xml", true},
        {"application/wasm", true},
        {"font/ttf", true},
        {"font/woff2", false},
        {"image/png", false},
        {"video/mp4", false},
        {"application/octet-stream", false},
        {"application/gzip", false},
        {"application/jsonx", false},
        {"application/x+jsonx", false},
        {"application/zip; name=\"text/html\"", false},
        {"", false},
        {"text", false},
        {"text/", false},
        {"/html", false},
        {"text/html/x", false},
        {"text/ht ml", false},
        {"text /html", false},
        {";text/html", false},
        {"+json", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        row_check(rows[i].type, media_type_in(span_of(rows[i].type), media_types_compressible,
                                    media_types_compressible_n) == rows[i].want);
    }
    for (unsigned i = 0; i < media_types_compressible_n; i++)
        assert_true(media_type_pattern_valid(media_types_compressible[i]));
}

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *type;
        bool want;
    } rows[] = {
        {"text/*", "text/plain", true},
        {"text/*", "textual/plain", false},
        {"text/*", "text/event-stream", false},
        {"text/event-stream", "text/event-stream", true},
        {"*/*", "image/png", false}, /* not a pattern */
        {"*+json", "application/json", false},
        {"*+json", "application/ld+json", true},
        {"*+json", "a/+json", true},
        {"a/b", "a/b;c=d", true},
        {"a/b", "a/bc", false},
        {"a/b", "A/B", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span pattern = span_of(rows[i].pattern);

        row_check(
            rows[i].pattern, media_type_in(span_of(rows[i].type), &pattern, 1) == rows[i].want);
    }
    assert_false(media_type_in(SPAN("a/b"), NULL, 0));
}

static void pattern_grammar(void **state)
{
    static const struct {
        const char *pattern;
        bool want;
    } rows[] = {
        {"text/*", true},
        {"*+xml", true},
        {"application/json", true},
        {"Text/*", false},
        {"text/h*", false},
        {"*/*", false},
        {"t*/x", false},
        {"*", false},
        {"*+", false},
        {"text", false},
        {"text/", false},
        {"/x", false},
        {"text/x;y=z", false},
        {"text/x/y", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        row_check(
            rows[i].pattern, media_type_pattern_valid(span_of(rows[i].pattern)) == rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressible),
        cmocka_unit_test(patterns),
        cmocka_unit_test(pattern_grammar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
