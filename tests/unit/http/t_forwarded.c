/* Elements of Forwarded, RFC 7239. */
#include "table.h"

#include "http/forwarded.h"

static void elements(void **state)
{
    static const struct {
        struct forwarded in;
        const char *out; /* NULL: refused */
    } rows[] = {
        /* §4, §6 */
        {{.for_ = {"192.0.2.60", 10}, .proto = {"http", 4}, .by = {"203.0.113.43", 12}},
            "for=192.0.2.60;proto=http;by=203.0.113.43"},
        {{.for_ = {"2001:db8::17", 12}, .for_port = 4711}, "for=\"[2001:db8::17]:4711\""},
        {{.for_ = {"2001:db8::17", 12}}, "for=\"[2001:db8::17]\""},
        {{.for_ = {"192.0.2.43", 10}, .for_port = 47011}, "for=\"192.0.2.43:47011\""},
        {{.for_ = {"unknown", 7}, .host = {"a.example:80", 12}},
            "for=unknown;host=\"a.example:80\""},
        {{.host = {"a\"b", 3}}, NULL},
        {{.host = {"a\nb", 3}}, NULL},
        {{.host = {NULL, 0}}, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].out != NULL ? rows[i].out : "refused";
        struct buf b;
        bool good;

        buf_init(&b, 256);
        assert_true(buf_append(&b, SPAN("for=a, ")));
        good = forwarded_write(&b, &rows[i].in);
        row_check(row, good == (rows[i].out != NULL));
        if (good)
            row_text(row, span_from(buf_span(&b), 7), rows[i].out);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
