/* Accept, RFC 9110 §12.5.1. */
#include "table.h"

#include "http/accept.h"

static void weights(void **state)
{
    static const struct {
        const char *accept; /* NULL: no field; "a|b": two lines */
        int html, json;
    } rows[] = {
        {NULL, 1000, 1000},
        {"", 0, 0},
        {"*/*", 1000, 1000},
        {"text/html", 1000, 0},
        {"application/json", 0, 1000},
        {"TEXT/HTML, Application/Json;q=0.9", 1000, 900},
        {"text/*;q=0.3, text/html;q=0.7, */*;q=0.5", 700, 500},
        {"*/*;q=0.5, text/*;q=0.3", 300, 500},
        {"text/html;level=1;q=0.4", 400, 0},
        {"application/*, text/html;q=0", 0, 1000},
        {"application/json;q=0|*/*", 1000, 0},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", 1000, 800},
        {"text/html;q=1.5, */*;q=0.1", 100, 100},
        {"text, /html, text/, */html;q=0.2, json", 0, 0},
        {"texts/*, text/*x", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].accept != NULL ? rows[i].accept : "none";
        struct span rest = span_of(rows[i].accept), line;
        struct fields f = {0};
        struct arena a;

        arena_init(&a);
        if (rows[i].accept != NULL && rest.n == 0)
            fields_add(&f, &a, FIELD_ACCEPT, SPAN_EMPTY);
        while (rest.n > 0 && span_cut(&rest, '|', &line))
            fields_add(&f, &a, FIELD_ACCEPT, line);
        row_check(row, accept_weight(&f, SPAN("text/html")) == rows[i].html);
        row_check(row, accept_weight(&f, SPAN("application/json")) == rows[i].json);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
