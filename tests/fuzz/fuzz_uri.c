/*
 * Targets, authorities, paths and queries: normal forms are normal, and stay so.
 */
#include "base/check.h"
#include "http/chars.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool has(struct span s, struct span part)
{
    return part.n <= s.n && s.n != 0 && memmem(s.p, s.n, part.p, part.n) != NULL;
}

static void path_check(struct arena *a, struct span path, unsigned flags)
{
    struct span out, again, file;

    if (!uri_path_normalise(a, path, flags, &out))
        return;
    check(uri_path_normalise(a, out, flags, &again) && span_eq(out, again));
    if (span_eq(out, SPAN("*")))
        return;
    check(out.n != 0 && out.p[0] == '/' && out.n <= 3 * path.n);
    check(!has(out, SPAN("/./")) && !has(out, SPAN("/../")));
    check(!span_ends(out, SPAN("/.")) && !span_ends(out, SPAN("/..")));
    if ((flags & URI_MERGE_SLASHES) != 0)
        check(!has(out, SPAN("//")));
    for (size_t i = 0; i < out.n; i++)
        check(out.p[i] == '%' || char_is(out.p[i], CHAR_PATH));
    if (uri_path_decode(a, out, &file))
        check(!has(file, SPAN("/../")) && (file.n == 0 || memchr(file.p, 0, file.n) == NULL));
}

static void authority_check(struct arena *a, struct span text)
{
    struct span host, normal, again;
    unsigned port;

    if (!uri_authority_parse(text, &host, &port))
        return;
    check(port <= 65535 && host.n != 0 && host.n <= text.n);
    normal = uri_host_normalise(a, host, port, 80);
    check(uri_authority_parse(normal, &host, &port));
    again = uri_host_normalise(a, host, port, 80);
    check(span_eq(normal, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n), out, rest = in, name, value;
    struct http_request req = {.method = n % 4 == 0 ? METHOD_OPTIONS : METHOD_GET};
    struct arena a;

    arena_init(&a);
    path_check(&a, in, 0);
    path_check(&a, in, URI_MERGE_SLASHES);
    authority_check(&a, in);
    out = uri_query_normalise(&a, in);
    check(span_eq(uri_query_normalise(&a, out), out));
    out = uri_path_encode(&a, in);
    if (n == 0 || memchr(data, 0, n) == NULL)
        check(uri_decode(&a, out, &out) && span_eq(out, in));
    while (uri_query_next(&rest, &name, &value))
        check(name.n + value.n <= n);
    if (uri_target_parse(in, &req)) {
        path_check(&a, req.path, 0);
        check(req.form == TARGET_ORIGIN || req.form == TARGET_ASTERISK || req.host.n != 0);
    }
    arena_free(&a);
    return 0;
}
