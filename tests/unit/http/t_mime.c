/* Content types by name. */
#include "table.h"

#include "http/mime.h"

static void types(void **state)
{
    static const struct {
        const char *path, *type;
    } rows[] = {
        {"/index.html", "text/html; charset=utf-8"},
        {"/a/STYLE.CSS", "text/css; charset=utf-8"},
        {"/a.tar.gz", "application/gzip"},
        {"/pic.JPeG", "image/jpeg"},
        {"a.svg", "image/svg+xml"},
        {"/a.d/file", "application/octet-stream"},
        {"/html", "application/octet-stream"},
        {"/a.", "application/octet-stream"},
        {"/a.htmlx", "application/octet-stream"},
        {"", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        row_text(rows[i].path, mime_of_path(span_of(rows[i].path)), rows[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
