/* What statuses and methods allow. */
#include "table.h"

#include "http/method.h"
#include "http/status.h"

static void statuses(void **state)
{
    /* 9110 §15.1, and 308 (9110 §15.4.9), 414, 501 as their sections say */
    static const int heuristic[] = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};
    size_t next = 0;

    (void)state;
    for (int status = -1; status < 1100; status++) {
        bool want = next < ARRAY_LEN(heuristic) && heuristic[next] == status;

        next += want;
        assert_int_equal(http_status_heuristically_cacheable(status), want);
        assert_true(http_status_reason(status).n != 0);
        assert_int_equal(http_status_bodyless(status),
            (status >= 100 && status <= 199) || status == 204 || status == 304);
    }
    row_text("404", http_status_reason(404), "Not Found");
    row_text("599", http_status_reason(599), "Unknown");
    assert_true(http_status_known(200) && !http_status_known(299) && !http_status_known(-1));
}

static void methods(void **state)
{
    /* 9110 §9.2 */
    static const struct {
        const char *name;
        enum http_method method;
        bool safe, idempotent;
    } rows[] = {
        {"GET", METHOD_GET, true, true},
        {"HEAD", METHOD_HEAD, true, true},
        {"POST", METHOD_POST, false, false},
        {"PUT", METHOD_PUT, false, true},
        {"DELETE", METHOD_DELETE, false, true},
        {"CONNECT", METHOD_CONNECT, false, false},
        {"OPTIONS", METHOD_OPTIONS, true, true},
        {"TRACE", METHOD_TRACE, true, true},
        {"PATCH", METHOD_PATCH, false, false},
        {"PURGE", METHOD_PURGE, false, false},
        {"get", METHOD_OTHER, false, false},
        {"OTHER", METHOD_OTHER, false, false},
        {"", METHOD_OTHER, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum http_method m = method_parse(span_of(rows[i].name));

        row_check(rows[i].name, m == rows[i].method && method_safe(m) == rows[i].safe);
        row_check(rows[i].name, method_idempotent(m) == rows[i].idempotent);
        if (m != METHOD_OTHER)
            row_text(rows[i].name, method_name(m), rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
