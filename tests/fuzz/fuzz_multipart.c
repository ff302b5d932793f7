/*
 * A multipart/byteranges body is written for ranges and a Content-Type out of the input, and read
 * back by a naive parser: the same parts, and exactly the length that was said.
 *
 *   input: a value of Range, '\n', a Content-Type, '\n', the representation
 */
#include "base/check.h"
#include "http/multipart.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *put(char *to, struct span s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

/* Takes `what` off the front of what is left. */
static void expect(struct span *rest, struct span what)
{
    check(span_starts(*rest, what));
    *rest = span_from(*rest, what.n);
}

static struct span line(struct span *rest)
{
    struct span got;

    for (size_t i = 0; i + 1 < rest->n; i++) {
        if (rest->p[i] == '\r' && rest->p[i + 1] == '\n') {
            got = span_make(rest->p, i);
            *rest = span_from(*rest, i + 2);
            return got;
        }
    }
    check_failed("a line", __FILE__, __LINE__, __func__);
}

static void read_back(struct span body, const struct multipart *m, const struct range_set *set,
    struct span type, struct span whole)
{
    struct span boundary = m->content_type, before;

    check(span_cut(&boundary, '=', &before));
    check(span_eq(before, SPAN("multipart/byteranges; boundary")));
    check(boundary.n > 0 && boundary.n <= 70); /* RFC 2046 §5.1.1 */
    for (unsigned i = 0; i < set->n; i++) {
        struct content_range cr;
        struct span name;

        expect(&body, i > 0 ? SPAN("\r\n--") : SPAN("--"));
        expect(&body, boundary);
        expect(&body, SPAN("\r\n"));
        if (type.n > 0) {
            name = line(&body);
            check(span_starts(name, SPAN("Content-Type: ")));
            check(span_eq(span_from(name, 14), type));
        }
        name = line(&body);
        check(span_starts(name, SPAN("Content-Range: ")));
        check(content_range_parse(span_from(name, 15), &cr) && cr.satisfied && cr.has_length);
        check(cr.length == whole.n && cr.range.first == set->v[i].first &&
              cr.range.last == set->v[i].last);
        check(line(&body).n == 0);
        expect(&body, span_make(whole.p + cr.range.first, cr.range.last - cr.range.first + 1));
    }
    expect(&body, SPAN("\r\n--"));
    expect(&body, boundary);
    expect(&body, SPAN("--\r\n"));
    check(body.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span rest = span_make((const char *)data, n), value, type;
    static const uint64_t random[2] = {7, UINT64_MAX};
    struct range_request asked;
    struct range_set set;
    struct multipart m;
    struct arena a;
    char *body, *at;

    if (!span_cut(&rest, '\n', &value) || !span_cut(&rest, '\n', &type) ||
        memchr(type.p, '\r', type.n) != NULL || memchr(type.p, '\0', type.n) != NULL ||
        !range_parse(value, &asked) || !range_resolve(&asked, rest.n, &set))
        return 0;
    arena_init(&a);
    check(multipart_make(&m, &set, rest.n, type, random, &a));
    body = malloc(m.length);
    check(body != NULL);
    at = body;
    for (unsigned i = 0; i < m.n; i++) {
        at = put(at, m.heads[i]);
        at = put(at, span_make(rest.p + set.v[i].first, set.v[i].last - set.v[i].first + 1));
    }
    at = put(at, m.end);
    check((uint64_t)(at - body) == m.length);
    read_back(span_make(body, m.length), &m, &set, type, rest);
    free(body);
    arena_free(&a);
    return 0;
}
