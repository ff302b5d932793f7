/* Certificates: names and which certificate is for them, server names, keys of tickets, indexes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "net/certs.h"
#include "net/client_hello.h"
#include "net/leaf.h"
#include "net/text_index.h"
#include "net/ticket_keys.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW = 2000000000, DAY = 86400 };

/* --- making them ---------------------------------------------------------------------------- */

static char dir[] = "/tmp/t_certs.XXXXXX";

struct made {
    EVP_PKEY *key;
    X509 *cert;
};

static struct made make(const char *alt, bool rsa, int64_t days, bool v1)
{
    struct made m = {rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), X509_new()};
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);

    assert_non_null(m.key);
    X509_set_version(m.cert, v1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(m.cert), 1);
    ASN1_TIME_set(X509_getm_notBefore(m.cert), NOW - DAY);
    ASN1_TIME_set(X509_getm_notAfter(m.cert), NOW + days * DAY);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(m.cert), "CN", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(m.cert, X509_get_subject_name(m.cert));
    X509_set_pubkey(m.cert, m.key);
    if (!v1)
        X509_add_ext(m.cert, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(m.cert, m.key, EVP_sha256()) > 0);
    return m;
}

static void drop(struct made *m)
{
    EVP_PKEY_free(m->key);
    X509_free(m->cert);
}

static const char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned at;
    char *p = path[at++ % 4];

    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

/* NAME.pem with both in it. */
static void put(const char *name, const char *alt, bool rsa, int64_t days)
{
    struct made m = make(alt, rsa, days, false);
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    assert_true(PEM_write_X509(f, m.cert) == 1);
    assert_true(PEM_write_PrivateKey(f, m.key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    drop(&m);
}

static struct certs *load(const struct certs_source *s, const struct certs *old, unsigned *wrong)
{
    struct conf_errors errors;
    struct certs *c;
    struct arena a;

    arena_init(&a);
    conf_errors_init(&errors, &a);
    c = certs_load(s, old, NOW, &errors);
    *wrong = errors.n;
    arena_free(&a);
    return c;
}

static const char *file_for(const struct certs *c, const char *name, enum cert_kind kind)
{
    const struct cert_pair *p = certs_find(c, span_of(name));
    const char *slash;

    if (p == NULL || p->of[kind] == NULL)
        return "-";
    slash = strrchr(p->of[kind]->file.p, '/');
    return slash + 1;
}

/* --- the set -------------------------------------------------------------------------------- */

static void names(void **state)
{
    struct certs_source main = {.many = true}, site = {.hosts = NULL};
    const struct span hosts[] = {SPAN("own.test"), SPAN("*.wide.test")};
    struct certs *c, *again;
    char pattern[128];
    unsigned wrong;

    (void)state;
    put("a.pem", "DNS:a.test,DNS:*.B.test,DNS:own.test", false, 50);
    put("b.pem", "DNS:one.b.test,DNS:a.test", false, 40);
    put("c.pem", "DNS:a.test", true, 60);
    put("over.pem", "DNS:one.b.test", false, -1);
    put("w.pem", "DNS:*.x.wide.test,DNS:a.test,DNS:f*o.test,DNS:*", false, 90);
    snprintf(pattern, sizeof(pattern), "%s/[a-o]*.pem", dir);
    main.file = span_of(pattern);
    main.next = &site;
    site.file = span_of(strdup(path_of("w.pem")));
    site.hosts = hosts;
    site.hosts_n = 2;
    c = load(&main, NULL, &wrong);
    assert_int_equal(wrong, 0);
    assert_int_equal(certs_count(c), 5);
    /* The longest valid one, of each kind; a site's own only for its hosts and what is below. */
    assert_string_equal(file_for(c, "a.test", CERT_ECDSA), "a.pem");
    assert_string_equal(file_for(c, "a.test", CERT_RSA), "c.pem");
    assert_string_equal(file_for(c, "one.b.test", CERT_ECDSA), "b.pem");
    assert_string_equal(file_for(c, "two.b.test", CERT_ECDSA), "a.pem");
    assert_string_equal(file_for(c, "own.test", CERT_ECDSA), "w.pem");
    assert_string_equal(file_for(c, "z.wide.test", CERT_ECDSA), "w.pem");
    assert_string_equal(file_for(c, "z.x.wide.test", CERT_ECDSA), "w.pem");
    assert_string_equal(file_for(c, "b.test", CERT_ECDSA), "-");
    assert_string_equal(file_for(c, "x.two.b.test", CERT_ECDSA), "-");
    assert_string_equal(file_for(c, "foo.test", CERT_ECDSA), "-");
    assert_string_equal(file_for(c, "*", CERT_ECDSA), "-");
    assert_string_equal(file_for(c, "", CERT_ECDSA), "-");
    assert_string_equal(file_for(c, ".", CERT_ECDSA), "-");
    assert_null(certs_fallback(c));
    assert_int_equal(certs_soonest(c)->not_after, NOW - DAY);
    /* What nobody touched is shared; what was is not. */
    again = load(&main, c, &wrong);
    assert_true(certs_same(again, c));
    certs_free(&again);
    put("c.pem", "DNS:a.test,DNS:new.test", true, 60);
    again = load(&main, c, &wrong);
    assert_false(certs_same(again, c));
    assert_string_equal(file_for(again, "new.test", CERT_RSA), "c.pem");
    assert_ptr_equal(certs_at(again, 0), certs_at(c, 0));
    certs_free(&c);
    assert_string_equal(file_for(again, "a.test", CERT_ECDSA), "a.pem");
    /* A fault in one of them, and there is no set. */
    put("d.pem", "email:x@example.com", false, 10);
    assert_null(load(&main, again, &wrong));
    assert_int_equal(wrong, 1);
    certs_free(&again);
    free((char *)site.file.p);
}

static void many_names(void **state)
{
    enum { MANY = 100000 };
    struct text_index t = {0};
    char *texts = malloc((size_t)MANY * 24);

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        int n = snprintf(texts + (size_t)i * 24, 24, "host-%u.test", i);

        assert_int_equal(text_index_add(&t, span_make(texts + (size_t)i * 24, (size_t)n)), i);
    }
    for (unsigned i = 0; i < MANY; i++) {
        struct span s = span_of(texts + (size_t)i * 24);

        assert_int_equal(text_index_find(&t, s), i);
        assert_int_equal(text_index_add(&t, s), i);
    }
    assert_int_equal(text_index_find(&t, SPAN("host-100000.test")), TEXT_NONE);
    assert_int_equal(t.n, MANY);
    text_index_free(&t);
    assert_int_equal(text_index_find(&t, SPAN("x")), TEXT_NONE);
    free(texts);
}

/* --- a leaf --------------------------------------------------------------------------------- */

static void leaves(void **state)
{
    struct made m = make("DNS:A.test,IP:127.0.0.1,DNS:b.test", true, 7, false);
    unsigned char *der = NULL;
    int n = i2d_X509(m.cert, &der);
    struct span whole = span_make((char *)der, (size_t)n), name;
    struct leaf leaf;

    (void)state;
    assert_true(leaf_read(whole, &leaf));
    assert_true(leaf.rsa && !leaf.must_staple);
    assert_int_equal(leaf.not_before, NOW - DAY);
    assert_int_equal(leaf.not_after, NOW + 7 * DAY);
    assert_true(leaf_next_name(&leaf.names, &name) && span_eq(name, SPAN("A.test")));
    assert_true(leaf_next_name(&leaf.names, &name) && span_eq(name, SPAN("b.test")));
    assert_false(leaf_next_name(&leaf.names, &name));
    for (int cut = 0; cut < n; cut++) /* in memory of its own, for sanitizers */ {
        char *part = malloc((size_t)cut + 1);

        memcpy(part, der, (size_t)cut);
        assert_false(leaf_read(span_make(part, (size_t)cut), &leaf));
        free(part);
    }
    OPENSSL_free(der);
    drop(&m);
    m = make("DNS:a.test", false, 7, true);
    der = NULL;
    n = i2d_X509(m.cert, &der);
    assert_true(leaf_read(span_make((char *)der, (size_t)n), &leaf));
    assert_false(leaf.rsa || leaf_next_name(&leaf.names, &name));
    OPENSSL_free(der);
    drop(&m);
}

/* --- server names --------------------------------------------------------------------------- */

static void server_names(void **state)
{
    static const struct {
        struct span body;
        bool ok;
        const char *name;
    } rows[] = {
        {SPAN("\0\x09\0\0\x06"
              "A.Test"),
            true, "a.test"},
        {SPAN("\0\x0a\0\0\x07"
              "a.test."),
            true, "a.test"},
        {SPAN("\0\x0c\0\0\x09"
              "127.0.0.1"),
            true, ""},
        {SPAN("\0\x05\0\0\x02::"), true, ""},
        {SPAN(""), false, ""},
        {SPAN("\0"), false, ""},
        {SPAN("\0\0"), false, ""},
        {SPAN("\0\x03\0\0\0"), false, ""},
        {SPAN("\0\x08\0\0\x06"
              "a.test"),
            false, ""},
        {SPAN("\0\x09\0\0\x05"
              "a.test"),
            false, ""},
        {SPAN("\0\x09\x01\0\x06"
              "a.test"),
            false, ""},
        {SPAN("\0\x09\0\0\x06"
              "a.\0est"),
            false, ""},
        /* two names */
        {SPAN("\0\x08\0\0\x01"
              "a\0\0\x01"
              "b"),
            false, ""},
    };
    char name[SERVER_NAME_MAX];
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(client_hello_name(rows[i].body, name, &n), rows[i].ok);
        if (rows[i].ok)
            assert_true(span_eq(span_make(name, n), span_of(rows[i].name)));
    }
}

/* --- keys of tickets ------------------------------------------------------------------------ */

static void ticket_files(void **state)
{
    struct ticket_keys k, lines;
    char raw[TICKET_KEY_BYTES * 17], text[4096];
    size_t at = 0;
    bool first;

    (void)state;
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (char)(i % 251);
    for (unsigned i = 0; i < 3; i++) {
        at += (size_t)EVP_EncodeBlock((unsigned char *)text + at,
            (const unsigned char *)raw + (size_t)i * TICKET_KEY_BYTES, TICKET_KEY_BYTES);
        at += (size_t)sprintf(text + at, i == 1 ? "\r\n# old\n\n" : "\n");
    }
    assert_null(ticket_keys_parse(span_make(raw, 3 * TICKET_KEY_BYTES), &k));
    assert_null(ticket_keys_parse(span_make(text, at), &lines));
    assert_int_equal(k.n, 3);
    assert_int_equal(lines.n, 3);
    assert_memory_equal(k.v, lines.v, 3 * TICKET_KEY_BYTES);
    assert_memory_equal(k.v[1].hmac, raw + 80 + 16, 32); /* as nginx and HAProxy have them */
    assert_memory_equal(k.v[1].aes, raw + 80 + 48, 32);
    assert_ptr_equal(ticket_keys_find(&k, k.v[0].name, &first), &k.v[0]);
    assert_true(first);
    assert_ptr_equal(ticket_keys_find(&k, k.v[2].name, &first), &k.v[2]);
    assert_false(first);
    assert_null(ticket_keys_find(&k, (const uint8_t *)"nobody's name ..", &first));

    assert_string_equal(ticket_keys_parse(SPAN_EMPTY, &k), "is empty");
    assert_non_null(ticket_keys_parse(span_make(raw, 79), &k));
    assert_non_null(ticket_keys_parse(span_make(raw, 48), &k));
    assert_non_null(ticket_keys_parse(span_make(raw, sizeof(raw)), &k));
    assert_non_null(ticket_keys_parse(span_make(text, at - 3), &k)); /* the last line is cut */
    memcpy(raw + TICKET_KEY_BYTES, raw, TICKET_KEY_BYTES);
    assert_string_equal(
        ticket_keys_parse(span_make(raw, 160), &k), "has two keys of the same name");
}

static void rotation(void **state)
{
    struct ticket_keys k = {0};
    struct ticket_key seen[5];
    bool first;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(ticket_keys_rotate(&k));
        seen[i] = k.v[0];
    }
    assert_int_equal(k.n, TICKET_KEYS_KEPT);
    for (unsigned i = 0; i < 5; i++) /* the newest and two old ones are good */
        assert_int_equal(ticket_keys_find(&k, seen[i].name, &first) != NULL, i >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(many_names),
        cmocka_unit_test(leaves),
        cmocka_unit_test(server_names),
        cmocka_unit_test(ticket_files),
        cmocka_unit_test(rotation),
    };
    char command[64];
    int status;

    if (mkdtemp(dir) == NULL)
        return 1;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) != 0 || status;
}
