/* Keys against the example of RFC 6605 §6.1, and the files of dnssec-keygen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "dns/dnskey.h"
#include "dns/name.h"

#include <string.h>

#define RECORD                                                                                     \
    "DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb "                                \
    "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==\n"
#define SECRET                                                                                     \
    "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n"                                  \
    "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n"

static const char comments[] = "; This is a key-signing key, keyid 55648, for example.net.\n"
                               "; Created: 20100812100439 (Thu Aug 12 10:04:39 2010)\n\n"
                               "Example.NET. 3600 IN " RECORD;

static void key_read(struct dnskey *k, struct dns_name *owner)
{
    const char *why;
    size_t n;

    assert_true(dnskey_read_record(span_of(comments), k, owner->wire, &n, &why));
    owner->n = (uint8_t)n;
    assert_true(dnskey_read_secret(span_of(SECRET), k, &why));
}

static void the_example(void **state)
{
    static const uint8_t ds[DNSKEY_DS_LEN] = {0xd9, 0x60, 13, 2, 0xb4, 0xc8, 0xc1, 0xfe, 0x2e, 0x74,
        0x77, 0x12, 0x7b, 0x27, 0x11, 0x56, 0x56, 0xad, 0x62, 0x56, 0xf4, 0x24, 0x62, 0x5b, 0xf5,
        0xc1, 0xe2, 0x77, 0x0c, 0xe6, 0xd6, 0xe3, 0x7d, 0xf6, 0x1d, 0x17};
    uint8_t out[DNSKEY_DS_LEN];
    char text[DNS_NAME_TEXT];
    struct dns_name owner;
    struct dnskey k;

    (void)state;
    key_read(&k, &owner);
    assert_int_equal(k.flags, 257);
    assert_int_equal(k.tag, 55648);
    assert_string_equal(dns_name_text(owner.wire, text), "example.net.");
    dnskey_ds(&k, owner.wire, owner.n, out);
    assert_memory_equal(out, ds, sizeof(ds));
    dnskey_free(&k);
}

static void records(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"example.net. IN " RECORD, NULL},
        {"example.net. IN " RECORD "; a comment\n\n", NULL},
        {"example.net. 3600 " RECORD, NULL},
        {"example.net.\tin\tdnskey 256 3 13 "
         "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYb"
         "cB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==\r\n",
            NULL},
        {"", "there is no DNSKEY record in it"},
        {"; nothing\n", "there is no DNSKEY record in it"},
        {"example.net. IN " RECORD "example.net. IN " RECORD,
            "there is more than one record in it"},
        {"a..b. IN " RECORD, "the record does not begin with a name"},
        {"example.net. IN DS 1 13 2 00\n", "there is no DNSKEY record in it"},
        {"example.net. IN DNSKEY 257 3\n",
            "behind DNSKEY stand three numbers: flags, protocol and algorithm"},
        {"example.net. IN DNSKEY 65793 3 13 AAAA\n",
            "behind DNSKEY stand three numbers: flags, protocol and algorithm"},
        {"example.net. IN DNSKEY 257 3 8 AwEAAQ==\n",
            "the key is not of algorithm 13 (ECDSAP256SHA256), the only one that we sign with"},
        {"example.net. IN DNSKEY 1 3 13 AAAA\n", "the flags say that this is no zone's key"},
        {"example.net. IN DNSKEY 385 3 13 AAAA\n", "the key is revoked"},
        {"example.net. IN DNSKEY 257 3 13 AAAA\n", "the key is not 64 bytes in base64"},
        {"example.net. IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb"
         "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAAA=\n",
            "the key is not 64 bytes in base64"},
        {"example.net. IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb"
         "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=\n",
            "the key is not 64 bytes in base64"},
        {"example.net. IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb"
         "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAB==\n",
            "the key is not 64 bytes in base64"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t owner[DNS_NAME_MAX];
        struct dnskey k;
        const char *why = NULL;
        size_t n;
        bool ok = dnskey_read_record(span_of(rows[i].text), &k, owner, &n, &why);

        assert_int_equal(ok, rows[i].why == NULL);
        if (!ok)
            assert_string_equal(why, rows[i].why);
    }
}

static void secrets(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {SECRET, NULL},
        {"Private-key-format: v1.3\r\nAlgorithm: 13\r\nCreated: 20261121214105\r\n"
         "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\r\n",
            NULL},
        {"", "it does not begin with \"Private-key-format: v1.\""},
        {"-----BEGIN PRIVATE KEY-----\n", "it does not begin with \"Private-key-format: v1.\""},
        {"Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n",
            "the key is not of algorithm 13 (ECDSAP256SHA256), the only one that we sign with"},
        {"Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n",
            "behind \"PrivateKey:\" do not stand 32 bytes in base64"},
        {"Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: "
         "GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mU=\n",
            "the secret does not belong to the DNSKEY record"},
        {"Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: "
         "/////////////////////////////////////////////w==\n",
            "behind \"PrivateKey:\" do not stand 32 bytes in base64"},
        {"Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: "
         "//////////////////////////////////////////8=\n",
            "the secret does not belong to the DNSKEY record"},
        {"Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: "
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
            "the secret does not belong to the DNSKEY record"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t owner[DNS_NAME_MAX];
        const char *why = NULL;
        struct dnskey k;
        size_t n;
        bool ok;

        assert_true(dnskey_read_record(span_of(comments), &k, owner, &n, &why));
        ok = dnskey_read_secret(span_of(rows[i].text), &k, &why);
        assert_int_equal(ok, rows[i].why == NULL);
        if (!ok)
            assert_string_equal(why, rows[i].why);
        dnskey_free(&k);
    }
}

/* What is written can be read again, and is the same key. */
static void there_and_back(void **state)
{
    uint8_t owner[DNS_NAME_MAX], digest[DNSKEY_DIGEST_LEN] = {7}, signature[DNSKEY_SIGNATURE_LEN];
    const char *why;
    struct dnskey a, b;
    struct buf out;
    size_t n;

    (void)state;
    for (int sep = 0; sep < 2; sep++) {
        assert_true(dnskey_generate(&a, sep));
        assert_int_equal(a.flags, 256 + sep);
        buf_init(&out, 1024);
        assert_true(dnskey_write_record(&a, SPAN("example.com."), &out));
        assert_true(dnskey_read_record(buf_span(&out), &b, owner, &n, &why));
        assert_int_equal(a.tag, b.tag);
        assert_memory_equal(a.point, b.point, sizeof(a.point));
        buf_free(&out);
        buf_init(&out, 1024);
        assert_true(dnskey_write_secret(&a, &out));
        assert_true(dnskey_read_secret(buf_span(&out), &b, &why));
        buf_free(&out);
        assert_true(dnskey_sign(&b, digest, signature));
        assert_true(dnskey_verify(&a, digest, signature));
        digest[5] ^= 1;
        assert_false(dnskey_verify(&a, digest, signature));
        dnskey_free(&a);
        dnskey_free(&b);
    }
}

/* r and s keep their leading zeros; some come in 300 signatures. */
static void fields_have_their_length(void **state)
{
    uint8_t digest[DNSKEY_DIGEST_LEN] = {0}, signature[DNSKEY_SIGNATURE_LEN];
    struct dns_name owner;
    struct dnskey k;

    (void)state;
    key_read(&k, &owner);
    for (unsigned i = 0; i < 300; i++) {
        digest[0] = (uint8_t)i;
        assert_true(dnskey_sign(&k, digest, signature));
        assert_true(dnskey_verify(&k, digest, signature));
    }
    memset(signature, 0, sizeof(signature));
    assert_false(dnskey_verify(&k, digest, signature));
    dnskey_free(&k);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example),
        cmocka_unit_test(records),
        cmocka_unit_test(secrets),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(fields_have_their_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
