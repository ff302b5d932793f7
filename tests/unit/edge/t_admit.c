/* allow, deny and limit: as they are written, and what they decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/buf.h"
#include "edge/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GEO                                                                                        \
    "geoip " DATA_DIR "/maxmind-db/GeoIP2-Country-Test.mmdb " DATA_DIR                             \
    "/maxmind-db/GeoLite2-ASN-Test.mmdb;\n"

static char errors_text[4096];

static struct edge_conf *load(const char *text)
{
    char path[] = "/tmp/t_admit.XXXXXX";
    int fd = mkstemp(path);
    struct edge_conf *conf;
    struct buf errors;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    buf_init(&errors, sizeof(errors_text));
    conf = edge_conf_load_file(path, &errors);
    unlink(path);
    span_cstr(buf_span(&errors), errors_text, sizeof(errors_text));
    buf_free(&errors);
    return conf;
}

static struct edge_conf *load_good(const char *text)
{
    struct edge_conf *conf = load(text);

    if (conf == NULL)
        fail_msg("%s", errors_text);
    return conf;
}

/* --- access ---------------------------------------------------------------------------------- */

static bool may(const struct edge_conf *conf, const struct policy *p, const char *address)
{
    struct addr a;
    struct geo_place place;
    bool placed = false;
    const struct access_client who = {&a, conf->geo, &place, &placed};

    assert_true(addr_parse_ip(span_of(address), 80, &a));
    return access_refusal(&p->access, &who) == NULL;
}

/* The policy of a site with these lines. */
static const struct policy *site_with(struct edge_conf **conf, const char *lines)
{
    char text[2048];

    snprintf(text, sizeof(text), GEO "listen 127.0.0.1:1;\nsite a.test { origin http://b; %s }\n",
        lines);
    *conf = load_good(text);
    return &(*conf)->sites->policy;
}

static void the_first_that_matches(void **state)
{
    static const struct {
        const char *lines, *address;
        bool may;
    } rows[] = {
        {"deny 192.0.2.1;", "192.0.2.1", false},
        {"deny 192.0.2.1;", "::ffff:192.0.2.1", false},
        {"deny 192.0.2.1;", "192.0.2.2", true},
        {"allow 192.0.2.0/24; deny all;", "192.0.2.9", true},
        {"allow 192.0.2.0/24; deny all;", "192.0.3.9", false},
        {"deny all; allow 192.0.2.0/24;", "192.0.2.9", false},
        {"allow all; deny all;", "::1", true},
        {"deny 10.0.0.0/8 2001:db8::/32;", "2001:db8::1", false},
        {"deny country gb;", "81.2.69.160", false},
        {"deny country GB;", "::ffff:81.2.69.160", false},
        {"deny country DE FR;", "81.2.69.160", true},
        {"allow country GB; deny all;", "81.2.69.160", true},
        {"allow country GB; deny all;", "127.0.0.1", false}, /* nobody knows where */
        {"deny country GB;", "127.0.0.1", true},
        {"deny continent EU;", "81.2.69.160", false},
        {"deny continent AS;", "2001:218::1", false},
        {"deny asn 1221;", "1.128.0.1", false},
        {"deny asn AS1221 7;", "1.128.0.1", false},
        {"deny asn 1222;", "1.128.0.1", true},
        {"allow 81.2.69.160; deny country GB;", "81.2.69.160", true},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct edge_conf *conf;
        const struct policy *p = site_with(&conf, rows[i].lines);

        assert_true(p->guarded);
        if (may(conf, p, rows[i].address) != rows[i].may)
            fail_msg("%s: %s", rows[i].lines, rows[i].address);
        edge_conf_free(&conf);
    }
}

static void inside_takes_the_place(void **state)
{
    struct edge_conf *conf = load_good("listen 127.0.0.1:1;\ndeny 192.0.2.1; deny 192.0.2.2;\n"
                                       "site a.test { origin http://b;\n"
                                       "  path /open/* { allow all; }\n"
                                       "  path /same/* { ttl 1s; } }\n"
                                       "site b.test { origin http://b; deny 192.0.2.9; }\n");
    const struct site *a = conf->sites, *b = a->next;
    const struct path_rule *open_rule = a->rules, *same = open_rule->next;

    (void)state;
    assert_false(may(conf, &a->policy, "192.0.2.2"));
    assert_true(may(conf, &open_rule->policy, "192.0.2.2"));
    assert_false(may(conf, &same->policy, "192.0.2.2"));
    assert_true(may(conf, &b->policy, "192.0.2.2"));
    assert_false(may(conf, &b->policy, "192.0.2.9"));
    edge_conf_free(&conf);
}

static void looked_up_once(void **state)
{
    struct edge_conf *conf;
    const struct policy *p = site_with(&conf, "deny country DE; deny country FR; deny asn 5;");
    struct geo_place place = {.country = "FR"};
    struct addr a;
    bool placed = true; /* the connection knows already */
    const struct access_client who = {&a, conf->geo, &place, &placed};

    (void)state;
    assert_true(addr_parse_ip(SPAN("81.2.69.160"), 80, &a));
    assert_non_null(access_refusal(&p->access, &who));
    placed = false;
    assert_null(access_refusal(&p->access, &who));
    assert_true(placed);
    assert_string_equal(place.country, "GB");
    edge_conf_free(&conf);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void limits_are_numbered(void **state)
{
    struct edge_conf *conf =
        load_good("listen 127.0.0.1:1;\n"
                  "site a.test { origin http://b; limit 10/s by client;\n"
                  "  path /x { limit 600/m burst 3 by header X-Key dry-run except 10.0.0.0/8; }\n"
                  "  path /y { ttl 1s; }\n"
                  "  path /z { limit off; } }\n"
                  "site b.test { origin http://b; limit 1/h by site; }\n");
    const struct path_rule *x = conf->sites->rules, *y = x->next, *z = y->next;
    const struct limit *l;

    (void)state;
    assert_int_equal(conf->rates_n, 3);
    assert_int_equal(conf->sites->policy.limits.n, 1);
    assert_int_equal(x->policy.limits.n, 2);
    assert_ptr_equal(x->policy.limits.v[0], conf->sites->policy.limits.v[0]);
    assert_ptr_equal(y->policy.limits.v[0], conf->sites->policy.limits.v[0]);
    assert_int_equal(z->policy.limits.n, 0);
    assert_false(z->policy.guarded);
    l = x->policy.limits.v[1];
    assert_true(l->by == LIMIT_BY_HEADER && l->dry_run && l->except.n == 1);
    assert_int_equal(l->rate.interval_ns, 100000000);
    assert_int_equal(l->rate.tolerance_ns, 200000000);
    l = conf->sites->policy.limits.v[0];
    assert_int_equal(l->rate.tolerance_ns, 900000000); /* ten at once */
    l = conf->sites->next->policy.limits.v[0];
    assert_int_equal(l->rate.interval_ns, 3600000000000);
    assert_int_equal(l->rate.tolerance_ns, 0);
    assert_int_equal(conf->rates[l->which - 1].interval_ns, 3600000000000);
    edge_conf_free(&conf);
}

static void limits_ask(void **state)
{
    struct edge_conf *conf =
        load_good("listen 127.0.0.1:1;\n"
                  "site a.test { origin http://b; limit 1/s burst 2 by client except 10.0.0.0/8;\n"
                  "  limit 1/m burst 3 by header X-Key; }\n");
    const struct limit_list *limits = &conf->sites->policy.limits;
    struct rate_table *t = rate_table_new(conf->rates, conf->rates_n, 4096);
    struct fields none = {0}, keyed = {0};
    struct limit_answer got;
    struct arena a;
    struct addr client, other, exempt;

    (void)state;
    arena_init(&a);
    fields_add_named(&keyed, &a, SPAN("x-key"), SPAN("k"));
    assert_true(addr_parse_ip(SPAN("192.0.2.1"), 80, &client));
    assert_true(addr_parse_ip(SPAN("192.0.2.2"), 80, &other));
    assert_true(addr_parse_ip(SPAN("10.9.9.9"), 80, &exempt));
    for (unsigned i = 0; i < 2; i++)
        assert_null(limit_ask(t, limits, &client, &none, 1000000).refused);
    got = limit_ask(t, limits, &client, &none, 1000000);
    assert_ptr_equal(got.refused, limits->v[0]);
    assert_int_equal(got.retry_s, 1);
    assert_null(limit_ask(t, limits, &other, &none, 1000000).refused);
    for (unsigned i = 0; i < 3; i++)
        assert_null(limit_ask(t, limits, &exempt, &keyed, 1000000).refused);
    got = limit_ask(t, limits, &exempt, &keyed, 1000000);
    assert_ptr_equal(got.refused, limits->v[1]);
    assert_int_equal(got.retry_s, 60);
    assert_null(limit_ask(t, limits, &exempt, &none, 1000000).refused);
    arena_free(&a);
    rate_table_free(&t);
    edge_conf_free(&conf);
}

/* --- what is wrong --------------------------------------------------------------------------- */

static void wrong_lines(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"deny 192.0.2.1/24;", "goes on behind its bits"},
        {"deny localhost;", "is no network"},
        {"deny country;", "needs one or more"},
        {"deny country DEU;", "two letters"},
        {"deny country 12;", "two letters"},
        {"deny asn 0;", "autonomous"},
        {"deny asn x;", "autonomous"},
        {"deny all 10.0.0.0/8;", "stands alone"},
        {"allow country DE;", "geoip"},
        {"limit 10 by client;", "is no rate"},
        {"limit 0/s by client;", "is no rate"},
        {"limit 10/d by client;", "is no rate"},
        {"limit 10000000/s by client;", "is no rate"},
        {"limit 10/s;", "by client"},
        {"limit 10/s by;", "missing"},
        {"limit 10/s by ip;", "client"},
        {"limit 10/s by header;", "name of a field"},
        {"limit 10/s by header a:b;", "name of a field"},
        {"limit 10/s by client burst 0;", "burst"},
        {"limit 10/s by client burst x;", "number"},
        {"limit 10/s by client except;", "missing"},
        {"limit 10/s by client except x;", "is no network"},
        {"limit 10/s by client dry;", "dry-run"},
        {"signed-url /nonexistent;", "No such file"},
    };
    char text[512];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct edge_conf *conf;

        snprintf(text, sizeof(text), "listen 127.0.0.1:1;\nsite a.test { origin http://b; %s }\n",
            rows[i].line);
        conf = load(text);
        if (conf != NULL || strstr(errors_text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].line, errors_text);
    }
    assert_null(load("listen 127.0.0.1:1; geoip /nonexistent;\nsite * { origin http://b; }\n"));
    assert_non_null(strstr(errors_text, "/nonexistent: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_matches),
        cmocka_unit_test(inside_takes_the_place),
        cmocka_unit_test(looked_up_once),
        cmocka_unit_test(limits_are_numbered),
        cmocka_unit_test(limits_ask),
        cmocka_unit_test(wrong_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
