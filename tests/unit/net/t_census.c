/* How many each client has: exact, also when many come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "net/census.h"
#include "net/client_key.h"

#include <pthread.h>

static void enter_and_leave(void **state)
{
    struct census *c = census_new(100);

    (void)state;
    assert_true(census_enter(c, 1, 2));
    assert_true(census_enter(c, 1, 2));
    assert_false(census_enter(c, 1, 2));
    assert_true(census_enter(c, 2, 2));
    assert_int_equal(census_count(c, 1), 2);
    census_leave(c, 1);
    assert_true(census_enter(c, 1, 2));
    census_leave(c, 1);
    census_leave(c, 1);
    assert_int_equal(census_count(c, 1), 0);
    assert_int_equal(census_count(c, 2), 1);
    assert_false(census_enter(c, 3, 0));
    census_free(&c);
    assert_null(c);
}

/* Against a plain array: what is taken out leaves no holes that others are lost behind. */
static void against_a_model(void **state)
{
    enum { CLIENTS = 500, STEPS = 200000 };
    struct census *c = census_new(CLIENTS * 3);
    unsigned model[CLIENTS] = {0};
    uint64_t x = 1;

    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned k;

        x = x * 6364136223846793005u + 1442695040888963407u;
        k = (unsigned)(x >> 40) % CLIENTS;
        if ((x >> 60 & 1) != 0) {
            assert_int_equal(census_enter(c, k, 3), model[k] < 3);
            model[k] += model[k] < 3;
        } else if (model[k] > 0) {
            census_leave(c, k);
            model[k]--;
        }
    }
    for (unsigned k = 0; k < CLIENTS; k++)
        assert_int_equal(census_count(c, k), model[k]);
    census_free(&c);
}

static void *come_and_go(void *arg)
{
    struct census *c = arg;

    for (unsigned i = 0; i < 50000; i++) {
        if (census_enter(c, i % 7, 2))
            census_leave(c, i % 7);
    }
    return NULL;
}

static void threads(void **state)
{
    struct census *c = census_new(100);
    pthread_t t[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, come_and_go, c), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (unsigned k = 0; k < 7; k++)
        assert_int_equal(census_count(c, k), 0);
    census_free(&c);
}

static uint64_t key(const char *text)
{
    struct addr a;
    uint64_t k;

    assert_true(addr_parse_ip(span_of(text), 80, &a));
    assert_true(client_key(&a, &k));
    return k;
}

static void clients(void **state)
{
    struct addr a;
    uint64_t k;

    (void)state;
    assert_int_not_equal(key("192.0.2.1"), key("192.0.2.2"));
    assert_int_equal(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    assert_int_equal(key("2001:db8::1"), key("2001:db8::ffff:0:0:1"));
    assert_int_equal(key("2001:db8:0:0:1::"), key("2001:db8::"));
    assert_int_not_equal(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
    assert_int_not_equal(key("::192.0.2.1"), key("192.0.2.1"));
    assert_true(addr_parse(SPAN("unix:/s"), &a));
    assert_false(client_key(&a, &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enter_and_leave),
        cmocka_unit_test(against_a_model),
        cmocka_unit_test(threads),
        cmocka_unit_test(clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
