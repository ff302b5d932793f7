/* PoPs and steers out of text: what becomes of it. What is wrong with texts, and how that is said:
 * tests/e2e/test_director_health.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "director/conf.h"
#include "health/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct director_conf *load(const char *text)
{
    char path[] = "/tmp/t_steer_conf.XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    struct director_conf *c;
    struct buf errors;

    assert_non_null(f);
    fprintf(f, "listen 127.0.0.1:0 dns;\n%s", text);
    fclose(f);
    buf_init(&errors, 1 << 16);
    c = director_conf_load(path, &errors);
    unlink(path);
    if (c == NULL)
        print_error("%.*s", (int)errors.n, errors.p);
    assert_non_null(c);
    buf_free(&errors);
    return c;
}

static void pops_are_as_written(void **state)
{
    struct director_conf *c =
        load("pop fra { location 50.11 -8.068; address 192.0.2.1 2001:db8::1; address 192.0.2.2;\n"
             "    weight 300; capacity 75%; state drain;\n"
             "    health GET https://www.example.com/healthz every 2s insecure;\n"
             "    load GET http://127.0.0.1:9101/readyz; load GET http://127.0.0.2:9101/readyz; }\n"
             "pop iad { address 2001:db8::2; }\n");
    const struct pop *fra = pop_find(&c->pops, SPAN("fra")), *iad = pop_find(&c->pops, SPAN("iad"));
    char text[ADDR_TEXT];
    unsigned n;

    (void)state;
    assert_int_equal(c->pops.n, 2);
    assert_int_equal(fra->index, 0);
    assert_true(fra->has_location);
    assert_true(fra->latitude > 50.1099 && fra->latitude < 50.1101);
    assert_true(fra->longitude > -8.0681 && fra->longitude < -8.0679);
    assert_int_equal(fra->v4_n, 2);
    assert_string_equal(addr_ip_text(&fra->v4[1], text), "192.0.2.2");
    assert_string_equal(addr_ip_text(pop_addrs(fra, AF_INET6, &n), text), "2001:db8::1");
    assert_int_equal(n, 1);
    assert_int_equal(fra->weight, 300);
    assert_int_equal(fra->capacity_percent, 75);
    assert_int_equal(fra->order, POP_DRAIN);
    assert_int_equal(fra->check->every_ms, 2000);
    assert_int_equal(fra->check->timeout_ms, 1200);
    assert_int_equal(fra->check->fall, 2);
    assert_int_equal(fra->loads_n, 2);
    assert_true(response_statuses_have(&fra->loads[1].wish.statuses, 503));
    assert_false(iad->has_location);
    assert_null(iad->check);
    assert_int_equal(iad->order, POP_UP);
    assert_int_equal(iad->capacity_percent, 90);
    assert_true(fra->hash != iad->hash);
    assert_null(pop_find(&c->pops, SPAN("syd")));
    director_conf_free(&c);
}

static bool list_is(const struct geo_override *o, unsigned n, const uint8_t *points)
{
    return o->list.n == n && memcmp(o->list.points, points, n) == 0;
}

/* PoPs stand behind the steer here. */
static void steers_are_as_written(void **state)
{
    struct director_conf *c = load(
        "steer cdn { pops fra iad; pops syd; ttl 90s; ttl-changing 9s; changing-for 2m;\n"
        "    answers 2; share-within 300km; neighbours 3; all-down servfail; scope-limit 20 48;\n"
        "    network 203.0.113.0/24 2001:db8::/32 -> syd fra; asn AS64500 64501 -> iad;\n"
        "    country jp -> iad fra; continent OC -> syd; nat64 64:ff9b:1::/48; }\n"
        "steer plain { pops iad; }\n"
        "pop iad { address 192.0.2.2; } pop fra { address 192.0.2.1; } pop syd { address "
        "192.0.2.3; }\n");
    const struct steer *s = steer_find(&c->steers, SPAN("cdn"));
    const struct geo_override *o = s->map.overrides;
    const struct geo_map_conf *plain;

    (void)state;
    assert_int_equal(s->pops_n, 3);
    assert_string_equal(s->pops[0]->name.p, "fra");
    assert_string_equal(s->pops[2]->name.p, "syd");
    assert_int_equal(s->ttl_ms, 90000);
    assert_int_equal(s->ttl_changing_ms, 9000);
    assert_int_equal(s->changing_ms, 120000);
    assert_int_equal(s->answers, 2);
    assert_int_equal(s->neighbours, 3);
    assert_int_equal(s->all_down, STEER_SERVFAIL);
    assert_true(s->map.alike_km > 299.9 && s->map.alike_km < 300.1);
    assert_int_equal(s->map.v4_bits, 20);
    assert_int_equal(s->map.v6_bits, 48);
    assert_int_equal(s->map.points_n, 3);
    assert_int_equal(s->map.keep, 3);
    assert_int_equal(s->map.overrides_n, 6);
    assert_int_equal(o[0].by, GEO_WHY_NETWORK);
    assert_int_equal(o[0].network.family, 4);
    assert_int_equal(o[0].network.prefix, 24);
    assert_int_equal(o[0].network.address[2], 113);
    assert_true(list_is(&o[0], 2, (const uint8_t[]){2, 0}));
    assert_int_equal(o[1].network.family, 6);
    assert_int_equal(o[1].network.prefix, 32);
    assert_int_equal(o[1].network.address[0], 0x20);
    assert_int_equal(o[2].asn, 64500);
    assert_int_equal(o[3].asn, 64501);
    assert_true(list_is(&o[3], 1, (const uint8_t[]){1}));
    assert_string_equal(o[4].code, "JP");
    assert_int_equal(o[5].by, GEO_WHY_CONTINENT);
    assert_int_equal(s->map.nat64_n, 1);
    assert_int_equal(s->map.nat64[0].bits, 48);
    plain = &steer_find(&c->steers, SPAN("plain"))->map;
    assert_true(plain->alike_km < 0);
    assert_int_equal(plain->overrides_n, 0);
    assert_int_equal(plain->keep, 1);
    assert_null(plain->nat64);
    director_conf_free(&c);
}

static void clients_and_points(void **state)
{
    struct director_conf *c = load("pop a { location 1 2; address 192.0.2.1; }\n"
                                   "pop b { address 192.0.2.2; }\nsteer s { pops b a; }\n");
    struct geo_point points[2];
    struct geo_client client;
    struct addr a;

    (void)state;
    steer_points(&c->steers.v[0], NULL, points);
    assert_false(points[0].has_location);
    assert_true(points[1].has_location && points[1].latitude == 1 && points[1].longitude == 2);
    assert_true(addr_parse(SPAN("192.0.2.7:53"), &a) && steer_client(&a, &client));
    assert_int_equal(client.family, 4);
    assert_int_equal(client.prefix, 32);
    assert_int_equal(client.address[3], 7);
    assert_true(addr_parse(SPAN("[2001:db8::7]:53"), &a) && steer_client(&a, &client));
    assert_int_equal(client.family, 6);
    assert_int_equal(client.prefix, 128);
    assert_int_equal(client.address[15], 7);
    assert_true(addr_parse(SPAN("unix:/x"), &a));
    assert_false(steer_client(&a, &client));
    director_conf_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_are_as_written),
        cmocka_unit_test(steers_are_as_written),
        cmocka_unit_test(clients_and_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
