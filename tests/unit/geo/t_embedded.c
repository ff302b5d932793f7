/* IPv4 addresses inside IPv6 ones: the examples of RFC 6052 §2.4, RFC 3056, RFC 4380; the table of
 * countries; distances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "geo/country.h"
#include "geo/embedded.h"
#include "geo/nearest.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct geo_client v6(const char *text, unsigned prefix)
{
    struct geo_client c = {.family = 6, .prefix = (uint8_t)prefix};

    assert_int_equal(inet_pton(AF_INET6, text, c.address), 1);
    return c;
}

static void assert_inside(const char *text, const struct geo_nat64 *nat64, unsigned n,
    const char *v4, unsigned bits_of_24)
{
    struct geo_client c = v6(text, 128), inside;
    struct geo_embedding how;
    uint8_t expected[4];

    assert_int_equal(inet_pton(AF_INET, v4, expected), 1);
    assert_true(geo_embedded(&c, nat64, n, &inside, &how));
    assert_int_equal(inside.family, 4);
    assert_int_equal(inside.prefix, 32);
    assert_memory_equal(inside.address, expected, 4);
    assert_int_equal(geo_embedded_bits(&how, 24), bits_of_24);
    /* What is asked for by its scope is still known as far as that. */
    for (unsigned bits = 0; bits <= 32; bits++) {
        c.prefix = (uint8_t)geo_embedded_bits(&how, bits);
        assert_true(geo_embedded(&c, nat64, n, &inside, &how));
        assert_int_equal(inside.prefix, bits);
    }
}

static void ways(void **state)
{
    (void)state;
    assert_inside("::ffff:192.0.2.33", NULL, 0, "192.0.2.33", 120);
    assert_inside("2002:c000:221:1::1", NULL, 0, "192.0.2.33", 40);
    /* Server 65.54.227.120; the client is 192.0.2.45. */
    assert_inside("2001:0:4136:e378:8000:63bf:3fff:fdd2", NULL, 0, "192.0.2.45", 120);
    assert_inside("64:ff9b::192.0.2.33", &geo_nat64_well_known, 1, "192.0.2.33", 120);
}

/* RFC 6052 §2.4, table 3. */
static void nat64(void **state)
{
    static const struct {
        unsigned bits;
        const char *prefix, *address;
        unsigned bits_of_24;
    } cases[] = {{32, "2001:db8::", "2001:db8:c000:221::", 56},
        {40, "2001:db8:100::", "2001:db8:1c0:2:21::", 64},
        {48, "2001:db8:122::", "2001:db8:122:c000:2:2100::", 80},
        {56, "2001:db8:122:300::", "2001:db8:122:3c0:0:221::", 88},
        {64, "2001:db8:122:344::", "2001:db8:122:344:c0:2:2100::", 96},
        {96, "2001:db8:122:344::", "2001:db8:122:344::192.0.2.33", 120}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct geo_client prefix = v6(cases[i].prefix, 128);
        struct geo_nat64 n = {.bits = (uint8_t)cases[i].bits};

        memcpy(n.prefix, prefix.address, sizeof(n.prefix));
        assert_true(geo_nat64_is_valid(&n));
        assert_inside(cases[i].address, &n, 1, "192.0.2.33", cases[i].bits_of_24);
    }
    assert_false(geo_nat64_is_valid(&(struct geo_nat64){.bits = 33}));
    assert_false(geo_nat64_is_valid(&(struct geo_nat64){.bits = 95}));
    assert_false(geo_nat64_is_valid(&(struct geo_nat64){.bits = 72}));
    assert_false(geo_nat64_is_valid(&(struct geo_nat64){.bits = 32, .prefix = {[4] = 1}}));
}

static void none(void **state)
{
    static const char *const texts[] = {
        "2003::1", "2001:1::1", "::1", "64:ff9b:1::1", "::fffe:192.0.2.1", "2a00::1"};
    struct geo_client inside, v4 = {4, 32, {192, 0, 2, 1}}, c;
    struct geo_embedding how;

    (void)state;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        c = v6(texts[i], 128);
        assert_false(geo_embedded(&c, &geo_nat64_well_known, 1, &inside, &how));
    }
    assert_false(geo_embedded(&v4, NULL, 0, &inside, &how));
    /* Not enough is said. */
    c = v6("2001:0:4136:e378::", 64);
    assert_false(geo_embedded(&c, NULL, 0, &inside, &how));
    c = v6("2002::", 15);
    assert_false(geo_embedded(&c, NULL, 0, &inside, &how));
    c = v6("64:ff9b::", 95);
    assert_false(geo_embedded(&c, &geo_nat64_well_known, 1, &inside, &how));
}

static void distances(void **state)
{
    static const struct {
        double a[2], b[2], km;
    } cases[] = {{{0, 0}, {0, 90}, 10007.557}, {{90, 0}, {-90, 50}, 20015.114},
        {{51.5, 0}, {51.5, 0}, 0}, {{0, 179.5}, {0, -179.5}, 111.195}, /* over the date line */
        {{52.5, 13.4}, {52.5001, 13.4}, 0.01112}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t chord2 = geo_chord2(geo_vector_of(cases[i].a[0], cases[i].a[1]),
            geo_vector_of(cases[i].b[0], cases[i].b[1]));

        if (fabs(geo_km_of(chord2) - cases[i].km) > 0.001)
            fail_msg("%u: %f km", i, geo_km_of(chord2));
        assert_true(fabs(geo_km_of(geo_chord2_of(cases[i].km)) - cases[i].km) < 0.001);
    }
}

static void countries(void **state)
{
    char code[3] = "AA";
    unsigned n = 0;

    (void)state;
    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
            const struct geo_country *c = geo_country_find(code);

            if (c == NULL)
                continue;
            n++;
            assert_string_equal(c->code, code);
            assert_non_null(strstr("AF AN AS EU NA OC SA", c->continent));
            assert_int_equal(strlen(c->continent), 2);
            assert_true(fabs(c->latitude) <= 90 && fabs(c->longitude) <= 180);
        }
    }
    assert_int_equal(n, 250); /* 249 of ISO 3166-1, and XK */
    assert_null(geo_country_find("ZZ"));
    assert_true(fabs(geo_country_find("JP")->latitude - 35.68) < 0.1);
    assert_true(geo_country_find("BR")->longitude < -40);
    assert_string_equal(geo_country_find("NZ")->continent, "OC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways),
        cmocka_unit_test(nat64),
        cmocka_unit_test(none),
        cmocka_unit_test(distances),
        cmocka_unit_test(countries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
