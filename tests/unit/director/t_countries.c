/* Countries of clients: what the map says is what the databases say, and what is counted is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "director/client.h"
#include "director/countries.h"

#include <stdio.h>

static struct geo *open_all(void)
{
    static const char *const files[] = {DATA_DIR "/mmdb/city.mmdb",
        DATA_DIR "/maxmind-db/GeoIP2-Country-Test.mmdb",
        DATA_DIR "/maxmind-db/GeoIP2-City-Test.mmdb"};
    struct geo *g = geo_new();
    struct geo_why why;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        assert_true(geo_add(g, files[i], &why));
    return g;
}

static struct geo_map *compile(const struct geo *g, const struct geo_map_conf *conf)
{
    struct geo_map *m;
    struct geo_why why;

    if (!geo_maps_compile(g, conf, 1, NULL, &m, &why))
        fail_msg("%s", why.text);
    return m;
}

static struct geo_client client(const char *text, unsigned prefix)
{
    struct addr a;
    struct geo_client c;

    assert_true(addr_parse_ip(span_of(text), 0, &a));
    c = client_of(&a);
    c.prefix = (uint8_t)prefix;
    return c;
}

static void finds_what_databases_have(void **state)
{
    static const struct {
        const char *address;
        unsigned prefix;
        const char *country;
    } rows[] = {
        {"20.1.2.3", 32, "DE"},
        {"21.1.2.0", 24, "US"},
        {"2400:1::", 56, "US"},
        {"2400:2::", 56, "DE"},
        {"81.2.69.160", 32, "GB"},
        {"89.160.20.112", 32, "SE"},
        {"2001:218::", 48, "JP"},
        {"::ffff:20.1.2.3", 128, "DE"}, /* by the address inside */
        {"2002:1401:203::1", 128, "DE"},
        {"9.9.9.9", 32, "other"}, /* nobody knows */
        {"10.1.2.3", 32, "other"},
        {"20.0.0.0", 0, "other"}, /* does not want to be known */
        {"2400:1::", 0, "other"},
    };
    struct geo *g = open_all();
    struct geo_map *m = compile(g, &countries_map_conf);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct geo_client c = client(rows[i].address, rows[i].prefix);
        struct span word = countries_list.value(countries_find(m, &c));

        if (!span_eq(word, span_of(rows[i].country)))
            fail_msg("%s: %.*s, not %s", rows[i].address, SPAN_ARG(word), rows[i].country);
    }
    geo_map_free(&m);
    geo_free(&g);
}

/* The same as a whole map, in half of the room. */
static void asks_the_wide_trie_only(void **state)
{
    struct geo_map_conf whole_conf = countries_map_conf;
    struct geo *g = open_all();
    struct geo_map *m = compile(g, &countries_map_conf), *whole;
    struct geo_map_facts facts, whole_facts;

    (void)state;
    whole_conf.first_only = false;
    whole = compile(g, &whole_conf);
    for (uint32_t i = 0; i < 1 << 16; i++) {
        struct geo_client c = {.family = 4,
            .prefix = (uint8_t)(i % 33),
            .address = {(uint8_t)(i >> 8), (uint8_t)i, (uint8_t)(i * 7), (uint8_t)(i * 13)}};
        struct geo_found one, other;

        geo_map_find(m, &c, &one);
        geo_map_find(whole, &c, &other);
        assert_int_equal(one.first, other.first);
        assert_int_equal(one.scope, other.scope);
        assert_int_equal(one.mixed, other.mixed);
    }
    geo_map_facts(m, &facts);
    geo_map_facts(whole, &whole_facts);
    assert_true(facts.bytes < whole_facts.bytes);
    assert_int_equal(facts.v4_networks, whole_facts.v4_networks);
    assert_int_equal(facts.v4_fine_networks, 1);
    assert_false(hash128_eq(facts.identity, whole_facts.identity));
    geo_map_free(&whole);
    geo_map_free(&m);
    geo_free(&g);
}

static uint64_t seen(const char *country)
{
    for (unsigned i = 0; i < countries_list.n; i++) {
        if (span_eq(countries_list.value(i), span_of(country)))
            return countries_list.sum(i);
    }
    fail_msg("there is no %s", country);
    return 0;
}

static void counts_one_for_sixteen(void **state)
{
    struct geo *g = open_all();
    struct geo_map *m = compile(g, &countries_map_conf);
    struct geo_client germany = client("20.1.2.3", 32), japan = client("2001:218::1", 128);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        countries_count(NULL, &germany);
    for (unsigned i = 0; i < 15; i++)
        countries_count(m, &japan);
    assert_int_equal(seen("DE"), 0);
    assert_int_equal(seen("JP"), 0);
    countries_count(m, &germany);
    assert_int_equal(seen("DE"), 16);
    for (unsigned i = 0; i < 48; i++)
        countries_count(m, &japan);
    assert_int_equal(seen("JP"), 48);
    assert_int_equal(seen("DE"), 16);
    assert_int_equal(seen("other"), 0);
    geo_map_free(&m);
    geo_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_databases_have),
        cmocka_unit_test(asks_the_wide_trie_only),
        cmocka_unit_test(counts_one_for_sixteen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
