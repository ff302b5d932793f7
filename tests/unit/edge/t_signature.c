/* Signed URLs: what is good, and every trick that shall not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "edge/signature.h"
#include "http/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NOW = 1800000000 };

static struct arena arena;
static struct signing_key two_keys[] = {
    {SPAN("new"), SPAN("a-secret-of-many-characters")},
    {SPAN("old"), SPAN("another-secret-of-many-more")},
};
static const struct signing_keys keys = {.v = two_keys, .n = 2};

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* A request as the router sees it: path and query in normal form, without the signature. */
static struct signed_request request_of(const char *target, struct signature *s)
{
    static struct addr client;
    struct span whole = span_of(target), path = span_make(target, span_find(whole, '?'));
    struct signed_request r = {
        .method = METHOD_GET, .host = SPAN("a.test"), .has_query = path.n < whole.n};

    assert_true(addr_parse_ip(SPAN("192.0.2.7"), 80, &client));
    r.client = &client;
    assert_true(uri_path_normalise(&arena, path, 0, &r.path));
    if (r.has_query)
        r.query = uri_query_normalise(&arena, span_from(whole, path.n + 1));
    r.query = signature_take(&arena, r.query, &r.has_query, s);
    return r;
}

static enum signature_end check_target(const char *target)
{
    struct signature s;
    struct signed_request r = request_of(target, &s);

    return signature_check(&s, &keys, &r, NOW, &arena);
}

/* `target` with parameters behind it. */
static char *signed_target(
    const char *target, const char *expires, const char *prefix, const char *client, unsigned key)
{
    static char text[2048];
    struct signature none, s = {.expires = span_of(expires)};
    struct signed_request r = request_of(target, &none);
    int n;

    if (prefix != NULL)
        s.prefix = span_of(prefix);
    if (client != NULL)
        s.client = span_of(client);
    signature_make(&s, &two_keys[key], &r, &arena);
    n = snprintf(text, sizeof(text), "%s%csig-expires=%s&sig-key=%.*s", target,
        r.has_query ? '&' : '?', expires, SPAN_ARG(s.key));
    if (prefix != NULL)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "&sig-prefix=%s", prefix);
    if (client != NULL)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "&sig-client=%s", client);
    snprintf(text + n, sizeof(text) - (size_t)n, "&sig=%.*s", SPAN_ARG(s.sig));
    return text;
}

static char *good(const char *target)
{
    return signed_target(target, "1800000060", NULL, NULL, 0);
}

/* Computed by openssl(1):
 *   printf 'selvage-url-1\nexact\na.test\n/film?a=1\n1800000060\nnew\n\n' |
 *   openssl dgst -sha256 -hmac a-secret-of-many-characters */
static void as_others_compute_it(void **state)
{
    (void)state;
    assert_string_equal(good("/film?a=1"),
        "/film?a=1&sig-expires=1800000060&sig-key=new&sig="
        "8367a213270b1d1f738a64e8fa3b5bcdca3ca42b7d6cf77695f9eb92db97754b");
}

static void good_ones(void **state)
{
    (void)state;
    assert_int_equal(check_target(good("/film")), SIGNATURE_GOOD);
    assert_int_equal(check_target(good("/film?")), SIGNATURE_GOOD);
    assert_int_equal(check_target(good("/film?a=1&b=2&&c")), SIGNATURE_GOOD);
    assert_int_equal(
        check_target(signed_target("/film", "1800000060", NULL, NULL, 1)), SIGNATURE_GOOD);
    assert_int_equal(
        check_target(signed_target("/film", "1800000000", NULL, NULL, 0)), SIGNATURE_GOOD);
    assert_int_equal(
        check_target(signed_target("/film", "1799999999", NULL, NULL, 0)), SIGNATURE_EXPIRED);
    assert_int_equal(
        check_target(signed_target("/film", "1800000060", NULL, "192.0.2.7", 0)), SIGNATURE_GOOD);
    assert_int_equal(check_target(signed_target("/film", "1800000060", NULL, "192.0.2.0/24", 0)),
        SIGNATURE_GOOD);
    assert_int_equal(
        check_target(signed_target("/film", "1800000060", NULL, "192.0.2.8", 0)), SIGNATURE_CLIENT);
}

/* Wherever the parameters stand, and however they are spelt, they are the same ones. */
static void spellings(void **state)
{
    char text[2048];
    const char *sig;

    (void)state;
    sig = strchr(good("/film"), '?') + 1;
    snprintf(text, sizeof(text), "/film?%s&a=1", sig);
    assert_int_equal(check_target(text), SIGNATURE_WRONG); /* a=1 is not signed */
    sig = strchr(good("/%66ilm"), '?') + 1;
    snprintf(text, sizeof(text), "/./film?%s", sig);
    assert_int_equal(check_target(text), SIGNATURE_GOOD); /* the same in normal form */
    snprintf(text, sizeof(text), "/film?s%%69g%s", strstr(sig, "-expires"));
    assert_int_equal(check_target(text), SIGNATURE_GOOD);
    snprintf(text, sizeof(text), "/film?S%s", sig + 1);
    assert_int_equal(check_target(text), SIGNATURE_MALFORMED); /* Sig-expires is another name */
}

static void without_or_twice(void **state)
{
    char text[2048];
    const char *target;

    (void)state;
    assert_int_equal(check_target("/film"), SIGNATURE_MISSING);
    assert_int_equal(check_target("/film?a=1"), SIGNATURE_MISSING);
    assert_int_equal(check_target("/film?sig=1"), SIGNATURE_MALFORMED);
    assert_int_equal(check_target("/film?sig"), SIGNATURE_MALFORMED);
    target = good("/film");
    snprintf(text, sizeof(text), "%s&sig-expires=1900000000", target);
    assert_int_equal(check_target(text), SIGNATURE_AMBIGUOUS);
    snprintf(text, sizeof(text), "%s&s%%69g=0", target);
    assert_int_equal(check_target(text), SIGNATURE_AMBIGUOUS);
    snprintf(text, sizeof(text), "%s&sig-key", target);
    assert_int_equal(check_target(text), SIGNATURE_AMBIGUOUS);
}

static void replace(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);

    assert_non_null(at);
    memcpy(at, to, strlen(to));
}

static void changed(void **state)
{
    static const struct {
        const char *from, *to;
        enum signature_end end;
    } rows[] = {
        {"/film", "/fIlm", SIGNATURE_WRONG},
        {"a=1", "a=2", SIGNATURE_WRONG},
        {"a=1&b=2", "b=2&a=1", SIGNATURE_WRONG},
        {"1800000060", "1900000060", SIGNATURE_WRONG},
        {"1800000060", "0800000060", SIGNATURE_MALFORMED},
        {"1800000060", "+800000060", SIGNATURE_MALFORMED},
        {"1800000060", "18000000.0", SIGNATURE_MALFORMED},
        {"sig-key=new", "sig-key=old", SIGNATURE_WRONG},
        {"sig-key=new", "sig-key=odd", SIGNATURE_KEY},
        {"sig-key=new", "xxx-key=new", SIGNATURE_MALFORMED},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = good("/film?a=1&b=2");

        replace(text, rows[i].from, rows[i].to);
        if (check_target(text) != rows[i].end)
            fail_msg("%s: %d", text, (int)check_target(text));
    }
}

/* No digit of the code may be another, upper case included, and none may be missing. */
static void other_codes(void **state)
{
    char *text = good("/film"), *sig = strstr(text, "&sig=") + 5;

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        char was = sig[i];

        sig[i] = was == '0' ? '1' : '0';
        assert_int_equal(check_target(text), SIGNATURE_WRONG);
        if (was >= 'a') {
            sig[i] = (char)(was - 'a' + 'A');
            assert_int_equal(check_target(text), SIGNATURE_WRONG);
        }
        sig[i] = was;
    }
    assert_int_equal(check_target(text), SIGNATURE_GOOD);
    sig[63] = '\0';
    assert_int_equal(check_target(text), SIGNATURE_MALFORMED);
}

/* What one host, method or kind of signature allows, another does not. */
static void elsewhere(void **state)
{
    struct signature s;
    struct signed_request r = request_of(good("/film/"), &s);

    (void)state;
    r.host = SPAN("b.test");
    assert_int_equal(signature_check(&s, &keys, &r, NOW, &arena), SIGNATURE_WRONG);
    r.host = SPAN("a.test");
    r.method = METHOD_HEAD;
    assert_int_equal(signature_check(&s, &keys, &r, NOW, &arena), SIGNATURE_GOOD);
    r.method = METHOD_POST;
    assert_int_equal(signature_check(&s, &keys, &r, NOW, &arena), SIGNATURE_METHOD);
    r.method = METHOD_GET;
    s.prefix = SPAN("/film/"); /* the code is that of the path alone */
    assert_int_equal(signature_check(&s, &keys, &r, NOW, &arena), SIGNATURE_WRONG);
}

static enum signature_end below(const char *prefix, const char *target)
{
    char text[2048];
    const char *sig = strchr(signed_target(prefix, "1800000060", prefix, NULL, 0), '?') + 1;

    snprintf(text, sizeof(text), "%s%c%s", target, strchr(target, '?') != NULL ? '&' : '?', sig);
    return check_target(text);
}

static void prefixes(void **state)
{
    (void)state;
    assert_int_equal(below("/pub/", "/pub/a.mp4"), SIGNATURE_GOOD);
    assert_int_equal(below("/pub/", "/pub/"), SIGNATURE_GOOD);
    assert_int_equal(below("/pub/", "/pub/x/y?z=1"), SIGNATURE_GOOD);
    assert_int_equal(below("/pub/", "/pub/%41"), SIGNATURE_GOOD);
    assert_int_equal(below("/pub/", "/pub/a%20b.c..d"), SIGNATURE_GOOD);
    assert_int_equal(below("/", "/anything"), SIGNATURE_GOOD);
    assert_int_equal(below("/pub/", "/pub"), SIGNATURE_PREFIX);
    assert_int_equal(below("/pub/", "/public/a"), SIGNATURE_PREFIX);
    assert_int_equal(below("/pub/", "/secret"), SIGNATURE_PREFIX);
    assert_int_equal(below("/pub/", "/pub/../secret"), SIGNATURE_PREFIX);
    assert_int_equal(below("/pub/", "/pub/%2e%2e/secret"), SIGNATURE_PREFIX);
    /* What another server may take for /secret. */
    assert_int_equal(below("/pub/", "/pub/..%2fsecret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/%2e%2e%2fsecret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/x%2F..%2F..%2Fsecret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/..%5csecret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/..\\secret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/..;/secret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/..;a=b/secret"), SIGNATURE_AMBIGUOUS);
    assert_int_equal(below("/pub/", "/pub/%252e%252e/secret"), SIGNATURE_AMBIGUOUS);
    /* No prefix at all. */
    assert_int_equal(below("/pub", "/pub/a"), SIGNATURE_MALFORMED);
    assert_int_equal(below("/pub/../", "/secret"), SIGNATURE_MALFORMED);
    assert_int_equal(below("/p%75b/", "/pub/a"), SIGNATURE_WRONG); /* that is not what was signed */
    assert_int_equal(below("/p%20b/", "/p%20b/a"), SIGNATURE_MALFORMED);
    assert_int_equal(below("/pub/./", "/pub/a"), SIGNATURE_MALFORMED);
}

/* What the parameters leave behind is what the origin is asked for. */
static void what_is_left(void **state)
{
    static const struct {
        const char *query, *left; /* NULL: no query */
    } rows[] = {
        {"", ""},
        {"a=1", "a=1"},
        {"sig=x", NULL},
        {"sig=x&sig-key=y", NULL},
        {"a=1&sig=x", "a=1"},
        {"sig=x&a=1", "a=1"},
        {"a=1&sig=x&b=2", "a=1&b=2"},
        {"a&&sig=x&b", "a&&b"},
        {"sig=x&", ""},
        {"signature=1&sigma=2&sig-other=3", "signature=1&sigma=2&sig-other=3"},
        {"a=sig=1", "a=sig=1"},
        {"a;sig=1", "a;sig=1"},
        {"=sig", "=sig"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct signature s;
        bool has = true;
        struct span left = signature_take(&arena, span_of(rows[i].query), &has, &s);

        if (has != (rows[i].left != NULL) || (has && !span_eq(left, span_of(rows[i].left))))
            fail_msg("\"%s\" leaves \"%.*s\"", rows[i].query, SPAN_ARG(left));
    }
}

/* --- the file ------------------------------------------------------------------------------- */

static bool read_text(const char *text, mode_t mode, struct signing_keys *out, char *why)
{
    char path[] = "/tmp/t_signature.XXXXXX";
    int fd = mkstemp(path);
    bool ok;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    ok = signing_keys_read(out, span_of(path), &arena, why);
    unlink(path);
    return ok;
}

static void key_files(void **state)
{
    static const char *const wrong[] = {
        "",
        "# nothing\n\n",
        "k1\n",
        "k1 short\n",
        "k1 secret with spaces in it\n",
        "k/1 0123456789abcdef\n",
        "k1 0123456789abcdef\nk1 0123456789abcdee\n",
        "k1 0123456789abcde\x7f\n",
        "k1 0123456789abcd\xc3\xa4\n",
    };
    struct signing_keys k;
    char why[SIGNING_WHY];

    (void)state;
    assert_true(read_text("# keys\n\n  k2 \t fedcba9876543210  \r\nk1 0123456789abcdef", 0600, &k,
                    why) == false);
    assert_true(
        read_text("# keys\n\n  k2 \t fedcba9876543210  \nk1 0123456789abcdef", 0600, &k, why));
    assert_int_equal(k.n, 2);
    assert_true(span_eq(k.v[0].id, SPAN("k2")));
    assert_true(span_eq(k.v[0].secret, SPAN("fedcba9876543210")));
    assert_true(span_eq(k.v[1].secret, SPAN("0123456789abcdef")));
    assert_true(read_text("k1 0123456789abcdef\n", 0640, &k, why));
    assert_false(read_text("k1 0123456789abcdef\n", 0644, &k, why));
    assert_non_null(strstr(why, "chmod"));
    assert_false(read_text("k1 0123456789abcdef\n", 0660, &k, why));
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        if (read_text(wrong[i], 0600, &k, why))
            fail_msg("taken: %s", wrong[i]);
        assert_null(strstr(why, "0123456789")); /* a secret is in no message */
    }
    assert_false(signing_keys_read(&k, SPAN("/nonexistent"), &arena, why));
    assert_false(signing_keys_read(&k, SPAN("/"), &arena, why));
}

static void cost(void **state)
{
    enum { N = 100000 };
    struct signature s;
    struct signed_request r = request_of(good("/film/part/0001.ts?a=1"), &s);
    struct timespec a, b;
    double ns;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned i = 0; i < N; i++) {
        struct arena own;

        arena_init(&own);
        assert_int_equal(signature_check(&s, &keys, &r, NOW, &own), SIGNATURE_GOOD);
        arena_free(&own);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / N;
    print_message("signature_check(): %.0f ns\n", ns);
    assert_true(ns < 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_others_compute_it),
        cmocka_unit_test(good_ones),
        cmocka_unit_test(spellings),
        cmocka_unit_test(without_or_twice),
        cmocka_unit_test(changed),
        cmocka_unit_test(other_codes),
        cmocka_unit_test(elsewhere),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(what_is_left),
        cmocka_unit_test(key_files),
        cmocka_unit_test(cost),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
