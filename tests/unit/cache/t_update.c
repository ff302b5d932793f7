/*
 * t_update.c - what 304, HEAD and unsafe methods do to what is stored.
 */
#include "rules.h"

#include "cache/update.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define LM     "Last-Modified: " AT_DAY_AGO
#define LM_NEW "Last-Modified: " AT_100_AGO

static void selected(void **state)
{
    static const struct {
        const char *row, *stored, *not_modified;
        bool want;
    } rows[] = {
        {"9111 §4.3.4 strong", "ETag: \"a\"", "ETag: \"a\"", true},
        {"9111 §4.3.4 another", "ETag: \"a\"", "ETag: \"b\"", false},
        {"9111 §4.3.4 another, whatever the time", "ETag: \"a\"\n" LM, "ETag: \"b\"\n" LM, false},
        {"9111 §4.3.4 strong only there", LM, "ETag: \"a\"\n" LM, false},
        {"9111 §4.3.4 stored is weak", "ETag: W/\"a\"", "ETag: \"a\"", false},
        {"9111 §4.3.4 weak", "ETag: W/\"a\"", "ETag: W/\"a\"", true},
        {"9111 §4.3.4 weak of a strong one", "ETag: \"a\"", "ETag: W/\"a\"", true},
        {"9111 §4.3.4 another weak one", "ETag: W/\"a\"\n" LM, "ETag: W/\"b\"\n" LM, false},
        {"9111 §4.3.4 weak, but the time is known", LM, "ETag: W/\"a\"\n" LM, true},
        {"9111 §4.3.4 weak, nothing to compare", LM, "ETag: W/\"a\"", false},
        {"9111 §4.3.4 time", LM, LM, true},
        {"9111 §4.3.4 another time", LM, LM_NEW, false},
        {"9111 §4.3.4 the same time in other words", LM,
            "Last-Modified: Saturday, 05-Nov-94 08:49:37 GMT", true},
        {"9111 §4.3.4 time only there", "ETag: \"a\"", LM, false},
        {"9111 §4.3.4 no validator", "ETag: \"a\"", "X: 1", true},
        {"9111 §4.3.4 no validator at all", "X: 1", "X: 1", true},
        {"9110 §8.8.3 not a tag", "ETag: \"a\"", "ETag: a", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields stored = fields_of(&arena, rows[i].stored);
        struct fields newer = fields_of(&arena, rows[i].not_modified);

        row_check(rows[i].row, update_selects(&stored, &newer) == rows[i].want);
    }
}

static void heads(void **state)
{
    static const struct {
        const char *row, *stored, *head;
        int status;
        int64_t length; /* -1: not said */
        enum update_by_head want;
    } rows[] = {
        {"9111 §4.3.5 same tag", "ETag: \"a\"", "ETag: \"a\"", 200, -1, UPDATE_HEAD_SAME},
        {"9111 §4.3.5 other tag", "ETag: \"a\"", "ETag: \"b\"", 200, -1, UPDATE_HEAD_CHANGED},
        {"9111 §4.3.5 new tag", "X: 1", "ETag: \"b\"", 200, -1, UPDATE_HEAD_CHANGED},
        {"9111 §4.3.5 only what came counts", "ETag: \"a\"\n" LM, LM, 200, -1, UPDATE_HEAD_SAME},
        {"9111 §4.3.5 other time", LM, LM_NEW, 200, -1, UPDATE_HEAD_CHANGED},
        {"9111 §4.3.5 length", "X: 1", "X: 1", 200, 10, UPDATE_HEAD_SAME},
        {"9111 §4.3.5 other length", "ETag: \"a\"", "ETag: \"a\"", 200, 11, UPDATE_HEAD_CHANGED},
        {"9111 §4.3.5 not 200", "ETag: \"a\"", "ETag: \"b\"", 404, -1, UPDATE_HEAD_NOTHING},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields stored = fields_of(&arena, rows[i].stored);
        struct http_response head = {.status = rows[i].status,
            .fields = fields_of(&arena, rows[i].head),
            .has_content_length = rows[i].length >= 0,
            .content_length = (uint64_t)(rows[i].length >= 0 ? rows[i].length : 0)};

        row_check(rows[i].row, update_by_head(&stored, 10, &head) == rows[i].want);
    }
}

/* "Name=value;" of all lines */
static struct span said(const struct fields *f)
{
    struct span out = SPAN("");

    fields_each (line, f) {
        out = arena_printf(
            &arena, "%.*s%.*s=%.*s;", SPAN_ARG(out), SPAN_ARG(line->name), SPAN_ARG(line->value));
    }
    return out;
}

static void merged(void **state)
{
    static const struct {
        const char *row, *stored, *newer, *want;
    } rows[] = {
        {"9111 §3.2 replaced and kept", DATE_NOW "\nA: 1\nB: 2", DATE_NOW "\nA: 3",
            "B=2;Date=" AT_NOW ";A=3;"},
        {"9111 §3.2 added", "A: 1", DATE_NOW "\nX: 2", "A=1;Date=" AT_NOW ";X=2;"},
        {"9111 §3.2 all lines of a name", "A: 1\na: 2\nB: 3", DATE_NOW "\nA: 4\nA: 5",
            "B=3;Date=" AT_NOW ";A=4;A=5;"},
        {"9111 §3.2 never the body's", "Content-Length: 9\nContent-Encoding: gzip",
            DATE_NOW "\nContent-Length: 0\nContent-Encoding: br\nContent-Range: bytes */0",
            "Content-Length=9;Content-Encoding=gzip;Date=" AT_NOW ";"},
        {"9111 §3.2 the type may change", "Content-Type: a/b", DATE_NOW "\nContent-Type: c/d",
            "Date=" AT_NOW ";Content-Type=c/d;"},
        {"9111 §3.1 hop-by-hop", "A: 1",
            DATE_NOW "\nConnection: x\nX: 1\nTransfer-Encoding: chunked\nKeep-Alive: 1",
            "A=1;Date=" AT_NOW ";"},
        {"9111 §4.3.4 lifetime", "Cache-Control: max-age=1\nExpires: 0",
            DATE_NOW "\nCache-Control: max-age=5",
            "Expires=0;Date=" AT_NOW ";Cache-Control=max-age=5;"},
        {"9111 §4.2.3 Age is the newer one's", "Age: 100\nA: 1", DATE_NOW, "A=1;Date=" AT_NOW ";"},
        {"9111 §4.2.3 Age is the newer one's", "Age: 100\nA: 1", DATE_NOW "\nAge: 5",
            "A=1;Date=" AT_NOW ";Age=5;"},
        {"9110 §6.6.1 no Date", "Date: " AT_1970, "A: 1", "A=1;Date=" AT_NOW ";"},
        {"9110 §6.6.1 no valid Date", "Date: " AT_1970, "Date: x\nA: 1", "Date=" AT_NOW ";A=1;"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields stored = fields_of(&arena, rows[i].stored);
        struct fields newer = fields_of(&arena, rows[i].newer);
        struct fields out = update_merge(&stored, &newer, NOW, &arena);

        row_text(rows[i].row, said(&out), rows[i].want);
    }
}

static void invalidated(void **state)
{
    static const struct {
        const char *row;
        enum http_method method;
        int status;
        const char *response, *want; /* targets, a space behind each */
    } rows[] = {
        {"9111 §4.4", METHOD_POST, 200, "", "/d/f?q=1 "},
        {"9111 §4.4", METHOD_PUT, 204, "", "/d/f?q=1 "},
        {"9111 §4.4", METHOD_DELETE, 303, "", "/d/f?q=1 "},
        {"9111 §4.4", METHOD_PATCH, 200, "", "/d/f?q=1 "},
        {"9111 §4.4 unknown", METHOD_OTHER, 200, "", "/d/f?q=1 "},
        {"9111 §4.4 safe", METHOD_GET, 200, "Location: /a", ""},
        {"9111 §4.4 safe", METHOD_HEAD, 200, "Location: /a", ""},
        {"9111 §4.4 safe", METHOD_OPTIONS, 200, "Location: /a", ""},
        {"9111 §4.4 failed", METHOD_POST, 400, "Location: /a", ""},
        {"9111 §4.4 failed", METHOD_POST, 500, "Location: /a", ""},
        {"9111 §4.4 not final", METHOD_POST, 100, "", ""},
        {"9111 §4.4 both", METHOD_POST, 201, "Location: /a\nContent-Location: /b?c",
            "/d/f?q=1 /a /b?c "},
        {"3986 §5.2 absolute", METHOD_POST, 201, "Location: http://h.example/a?b#c",
            "/d/f?q=1 /a?b "},
        {"3986 §5.2 in any case, with port", METHOD_POST, 201, "Location: HTTP://H.Example:80",
            "/d/f?q=1 / "},
        {"3986 §5.2 without scheme", METHOD_POST, 201, "Location: //h.example/a", "/d/f?q=1 /a "},
        {"3986 §5.2 relative", METHOD_POST, 201, "Location: a/../b", "/d/f?q=1 /d/b "},
        {"3986 §5.2 relative", METHOD_POST, 201, "Location: ../../x", "/d/f?q=1 /x "},
        {"3986 §5.2 a query", METHOD_POST, 201, "Location: ?x", "/d/f?q=1 /d/f?x "},
        {"3986 §5.2 itself", METHOD_POST, 201, "Location: #x", "/d/f?q=1 /d/f?q=1 "},
        {"3986 §6.2.2 normal form", METHOD_POST, 201, "Location: /%61/./b%2f", "/d/f?q=1 /a/b%2F "},
        {"3986 §4.2 a colon later", METHOD_POST, 201, "Location: ./a:b", "/d/f?q=1 /d/a:b "},
        {"9111 §4.4 another host", METHOD_POST, 201, "Location: http://x.example/a", "/d/f?q=1 "},
        {"9111 §4.4 another host", METHOD_POST, 201, "Location: //x.example/a", "/d/f?q=1 "},
        {"9111 §4.4 another port", METHOD_POST, 201, "Location: http://h.example:81/a",
            "/d/f?q=1 "},
        {"9111 §4.4 another scheme", METHOD_POST, 201, "Location: https://h.example/a",
            "/d/f?q=1 "},
        {"9111 §4.4 another scheme", METHOD_POST, 201, "Location: mailto:a@h.example", "/d/f?q=1 "},
        {"9111 §4.4 userinfo", METHOD_POST, 201, "Location: http://h.example@x.example/a",
            "/d/f?q=1 "},
        {"9111 §4.4 no URI", METHOD_POST, 201, "Location: /a b", "/d/f?q=1 "},
        {"9111 §4.4 no URI", METHOD_POST, 201, "Location: /%zz", "/d/f?q=1 "},
        {"9111 §4.4 no URI", METHOD_POST, 201, "Location: http:/a", "/d/f?q=1 "},
    };
    const struct update_base base = {.scheme = SPAN("http"),
        .host = SPAN("h.example"),
        .target = {.path = SPAN("/d/f"), .has_query = true, .query = SPAN("q=1")}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].response);
        struct update_target got[UPDATE_TARGETS_MAX];
        struct span out = SPAN("");
        unsigned n = update_invalidates(rows[i].method, rows[i].status, &f, &base, &arena, got);

        for (unsigned t = 0; t < n; t++)
            out = arena_printf(&arena, "%.*s%.*s%s%.*s ", SPAN_ARG(out), SPAN_ARG(got[t].path),
                got[t].has_query ? "?" : "", SPAN_ARG(got[t].query));
        row_text(rows[i].row, out, rows[i].want);
    }
}

static void stands_for_get(void **state)
{
    static const struct {
        const char *row;
        enum http_method method;
        int status;
        const char *response;
        bool want;
    } rows[] = {
        {"9110 §9.3.3 relative", METHOD_POST, 200, "Content-Location: f?q=1", true},
        {"9110 §9.3.3 absolute", METHOD_POST, 200, "Content-Location: http://h.example/d/f?q=1",
            true},
        {"9110 §9.3.3 not said", METHOD_POST, 200, "X: 1", false},
        {"9110 §9.3.3 another", METHOD_POST, 200, "Content-Location: f?q=2", false},
        {"9110 §9.3.3 another", METHOD_POST, 200, "Content-Location: /d/f", false},
        {"9110 §9.3.3 another host", METHOD_POST, 200, "Content-Location: //x/d/f?q=1", false},
        {"9110 §9.3.3 not 200", METHOD_POST, 201, "Content-Location: f?q=1", false},
        {"9110 §9.3.4 not for PUT", METHOD_PUT, 200, "Content-Location: f?q=1", false},
    };
    const struct update_base base = {.scheme = SPAN("http"),
        .host = SPAN("h.example"),
        .target = {.path = SPAN("/d/f"), .has_query = true, .query = SPAN("q=1")}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].response);

        row_check(rows[i].row, update_stands_for_get(rows[i].method, rows[i].status, &f, &base,
                                   &arena) == rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selected),
        cmocka_unit_test(heads),
        cmocka_unit_test(merged),
        cmocka_unit_test(invalidated),
        cmocka_unit_test(stands_for_get),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
