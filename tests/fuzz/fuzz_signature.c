/*
 * The parameters of a signature are taken out of a query once and for all; what is left is the same
 * when it is normalised again; and nothing is good without the secret, while what was made is.
 */
#include "base/check.h"
#include "edge/signature.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void make_and_check(
    const struct signing_keys *keys, const struct signed_request *r, struct arena *a)
{
    struct signature s = {.expires = SPAN("2000000000")};

    signature_make(&s, &keys->v[0], r, a);
    check(signature_check(&s, keys, r, 2000000000, a) == SIGNATURE_GOOD);
    check(signature_check(&s, keys, r, 2000000001, a) == SIGNATURE_EXPIRED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct signing_key key = {SPAN("k"), SPAN("0123456789abcdef")};
    const struct signing_keys keys = {.v = &key, .n = 1};
    struct span target = span_make((const char *)data, n), query, left;
    size_t mark = span_find(target, '?');
    struct signature s, again;
    struct addr client = {0};
    struct signed_request r = {
        .method = METHOD_GET, .host = SPAN("a.test"), .has_query = mark < n, .client = &client};
    struct arena a;
    bool has;

    arena_init(&a);
    if (uri_path_normalise(&a, span_make(target.p, mark), 0, &r.path) && r.path.n > 0) {
        query = r.has_query ? uri_query_normalise(&a, span_from(target, mark + 1)) : SPAN_EMPTY;
        has = r.has_query;
        r.query = signature_take(&a, query, &r.has_query, &s);
        check(!r.has_query || has);
        check(r.query.n <= query.n);
        check(signature_check(&s, &keys, &r, 0, &a) != SIGNATURE_GOOD);
        has = r.has_query;
        left = signature_take(&a, r.query, &has, &again);
        check(has == r.has_query && span_eq(left, r.query));
        check(again.sig.p == NULL && again.key.p == NULL && again.expires.p == NULL &&
              again.prefix.p == NULL && again.client.p == NULL && !again.twice);
        check(span_eq(uri_query_normalise(&a, r.query), r.query));
        make_and_check(&keys, &r, &a);
    }
    arena_free(&a);
    return 0;
}
