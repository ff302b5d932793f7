/* What a signature is made over: the signature of RFC 6605 §6.1 fits, and only as it stands there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "dns/dnssec.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/types.h"

#include <string.h>

static const char record[] = "example.net. IN DNSKEY 257 3 13 "
                             "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb "
                             "krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==\n";
static const uint8_t signature[DNSKEY_SIGNATURE_LEN] = {0xab, 0x1e, 0xb0, 0x2d, 0x8a, 0xa6, 0x87,
    0xe9, 0x7d, 0xa0, 0x22, 0x93, 0x37, 0xaa, 0x88, 0x73, 0xe6, 0xf0, 0xeb, 0x26, 0xbe, 0x28, 0x9f,
    0x28, 0x33, 0x3d, 0x18, 0x3f, 0x5d, 0x3b, 0x7a, 0x95, 0xc0, 0xc8, 0x69, 0xad, 0xfb, 0x74, 0x8d,
    0xae, 0xe3, 0xc5, 0x28, 0x6e, 0xed, 0x66, 0x82, 0xc1, 0x2e, 0x55, 0x33, 0x18, 0x6b, 0xac, 0xed,
    0x9c, 0x26, 0xc1, 0x67, 0xa9, 0xeb, 0xae, 0x95, 0x0b};

static void the_example(void **state)
{
    static const uint8_t rdata[] = {0, 4, 192, 0, 2, 1};
    struct dns_name owner, zone;
    struct dnskey k;
    const char *why;
    size_t n;
    uint8_t digest[DNSKEY_DIGEST_LEN];
    struct rrsig_terms terms = {
        .type = DNS_A,
        .ttl_s = 3600,
        .expiration = 1284026679, /* 2010-09-09 10:04:39 */
        .inception = 1281607479,  /* 2010-08-12 10:04:39 */
        .tag = 55648,
    };
    struct dnssec_set set = {.rdata = rdata, .rdata_bytes = sizeof(rdata)};

    (void)state;
    assert_true(dnskey_read_record(span_of(record), &k, zone.wire, &n, &why));
    assert_null(dns_name_parse(SPAN("www.example.net."), NULL, &owner));
    terms.signer = zone.wire;
    terms.signer_n = n;
    terms.labels = rrsig_labels(owner.wire);
    set.owner = owner.wire;
    set.owner_n = owner.n;
    dnssec_digest(&terms, &set, digest);
    assert_true(dnskey_verify(&k, digest, signature));
    terms.inception++;
    dnssec_digest(&terms, &set, digest);
    assert_false(dnskey_verify(&k, digest, signature));
}

static void terms_as_bytes(void **state)
{
    static const uint8_t want[] = {0, 28, 13, 2, 0, 0, 0x0e, 0x10, 0x6a, 0, 0, 1, 0x69, 0xff, 0xff,
        0xff, 0x12, 0x34, 3, 'n', 'e', 't', 0};
    struct rrsig_terms t = {
        .type = DNS_AAAA,
        .labels = 2,
        .ttl_s = 3600,
        .expiration = 0x6a000001,
        .inception = 0x69ffffff,
        .tag = 0x1234,
        .signer = (const uint8_t *)"\3net",
        .signer_n = 5,
    };
    uint8_t out[RRSIG_TERMS_MAX];

    (void)state;
    assert_int_equal(rrsig_put_terms(&t, out), sizeof(want));
    assert_memory_equal(out, want, sizeof(want));
}

static void labels(void **state)
{
    static const struct {
        const char *name;
        unsigned labels;
    } rows[] = {{".", 0}, {"net.", 1}, {"www.example.net.", 3}, {"*.example.net.", 2}, {"*.", 0},
        {"a.*.example.net.", 4}, {"**.example.net.", 3}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_name n;

        assert_null(dns_name_parse(span_of(rows[i].name), NULL, &n));
        assert_int_equal(rrsig_labels(n.wire), rows[i].labels);
    }
}

/* Names inside are signed in lower case, and other bytes as they are. */
static void letters_inside(void **state)
{
    static const uint8_t upper[] = {0, 7, 0, 10, 3, 'N', 'E', 'T', 0};
    static const uint8_t lower[] = {0, 7, 0, 10, 3, 'n', 'e', 't', 0};
    uint8_t a[DNSKEY_DIGEST_LEN], b[DNSKEY_DIGEST_LEN];
    struct rrsig_terms t = {.signer = (const uint8_t *)"", .signer_n = 1};
    struct dnssec_set u = {(const uint8_t *)"", 1, upper, sizeof(upper)};
    struct dnssec_set l = {(const uint8_t *)"", 1, lower, sizeof(lower)};

    (void)state;
    t.type = DNS_MX;
    dnssec_digest(&t, &u, a);
    dnssec_digest(&t, &l, b);
    assert_memory_equal(a, b, sizeof(a));
    t.type = DNS_TXT;
    dnssec_digest(&t, &u, a);
    dnssec_digest(&t, &l, b);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example),
        cmocka_unit_test(terms_as_bytes),
        cmocka_unit_test(labels),
        cmocka_unit_test(letters_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
