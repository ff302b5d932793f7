/* Shares follow weights, only what must moves, and the fixed-point logarithm is near enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "director/rendezvous.h"

#include <math.h>
#include <string.h>

enum { CLIENTS = 200000, POPS = 5 };

static const uint64_t names[POPS] = {0x1111, 0x2222, 0x3333, 0x4444, 0x5555};

static uint64_t client(unsigned i)
{
    struct geo_client c = {.family = 4,
        .prefix = 32,
        .address = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 7}};

    return rendezvous_client(&c, 24);
}

/* Who has it, of those with a weight. */
static unsigned winner(uint64_t c, const int64_t weight[POPS])
{
    unsigned best = POPS;
    uint32_t best_cost = 0;

    for (unsigned i = 0; i < POPS; i++) {
        uint32_t cost = rendezvous_cost(rendezvous_draw(c, names[i], RENDEZVOUS_SHARE));

        if (weight[i] == 0)
            continue;
        if (best == POPS || rendezvous_before(cost, weight[i], best_cost, weight[best])) {
            best = i;
            best_cost = cost;
        }
    }
    return best;
}

static void shares_follow_weights(void **state)
{
    static const int64_t weights[][POPS] = {
        {100, 100, 100, 100, 100}, {100, 200, 300, 0, 0}, {1, 10000, 0, 0, 0}, {7, 50, 1, 3, 900}};

    (void)state;
    for (size_t w = 0; w < ARRAY_LEN(weights); w++) {
        unsigned got[POPS] = {0};
        double sum = 0;

        for (unsigned i = 0; i < POPS; i++)
            sum += (double)weights[w][i];
        for (unsigned i = 0; i < CLIENTS; i++)
            got[winner(client(i), weights[w])]++;
        for (unsigned i = 0; i < POPS; i++) {
            double due = (double)weights[w][i] / sum, part = (double)got[i] / CLIENTS;

            /* five standard deviations, and what the logarithm is off by */
            assert_true(fabs(part - due) < 5 * sqrt(due * (1 - due) / CLIENTS) + 0.0002);
        }
    }
}

static void only_what_must_moves(void **state)
{
    static const int64_t all[POPS] = {100, 200, 300, 50, 100}, less[POPS] = {100, 0, 300, 50, 100},
                         more[POPS] = {100, 200, 300, 90, 100};
    unsigned moved = 0, gained = 0;

    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) {
        unsigned before = winner(client(i), all), without = winner(client(i), less),
                 after = winner(client(i), more);

        assert_true(without == before || before == 1);
        assert_true(after == before || after == 3);
        moved += without != before;
        gained += after != before;
    }
    assert_in_range(moved, CLIENTS * 2 / 10, CLIENTS * 3 / 10); /* 200 of 750 */
    assert_true(gained > 0);
}

static void one_network_has_one_number(void **state)
{
    struct geo_client a = {.family = 4, .prefix = 32, .address = {192, 0, 2, 1}};
    struct geo_client b = {.family = 4, .prefix = 32, .address = {192, 0, 2, 254}};
    struct geo_client c = {.family = 6, .prefix = 128, .address = {192, 0, 2, 1}};
    struct geo_client odd = {.family = 4, .prefix = 21, .address = {192, 0, 7, 1}};

    (void)state;
    assert_true(rendezvous_client(&a, 24) == rendezvous_client(&b, 24));
    assert_true(rendezvous_client(&a, 25) != rendezvous_client(&b, 25));
    assert_true(rendezvous_client(&a, 24) != rendezvous_client(&c, 24));
    assert_true(rendezvous_client(&a, 21) == rendezvous_client(&odd, 24));
    assert_true(rendezvous_client(&a, 0) == rendezvous_client(&odd, 0));
    b.prefix = 24; /* what lies behind the prefix is not known */
    assert_true(rendezvous_client(&a, 24) == rendezvous_client(&b, 32));
    /* the same on every machine, in every version: another number moves everybody's clients */
    assert_int_equal(rendezvous_client(&a, 24), 0x14122c5ec35631a3);
    assert_int_equal(rendezvous_draw(1, 2, RENDEZVOUS_SHARE), 0xef30b01c2974aeeb);
}

static void the_logarithm_is_near_enough(void **state)
{
    double worst = 0;

    (void)state;
    assert_int_equal(rendezvous_cost(0), 64 << 24);
    for (uint64_t i = 1; i < CLIENTS; i++) {
        uint64_t draw = rendezvous_draw(i, 1, RENDEZVOUS_SHARE) >> (i % 64);
        double exact = 64 - log2((double)draw);
        double is = (double)rendezvous_cost(draw) / (1 << 24);

        if (draw == 0)
            continue;
        worst = fmax(worst, fabs(exact - is));
        assert_true(draw == UINT64_MAX || rendezvous_cost(draw) <= 64U << 24);
    }
    assert_true(worst < 0.00006);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_follow_weights),
        cmocka_unit_test(only_what_must_moves),
        cmocka_unit_test(one_network_has_one_number),
        cmocka_unit_test(the_logarithm_is_near_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
