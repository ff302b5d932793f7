/*
 * Choices against a slow model of the rules, and their scopes against all addresses there are: in a
 * world of 1024 networks (10.0.0.0/16 in /26s) whose map this test draws at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "director/pops_impl.h"
#include "director/rendezvous.h"
#include "director/steer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { UNIT_BITS = 26, UNITS = 1 << (UNIT_BITS - 16), POPS = 5, ORDERS = 6 };

/* --- the map, in place of geo/map.c -------------------------------------------------------------
 */

static struct {
    unsigned n; /* points */
    struct {
        uint8_t points[POPS];
        unsigned alike;
    } orders[ORDERS];
    uint8_t order[UNITS];
} world;

static unsigned unit_of(const struct geo_client *c)
{
    return (unsigned)c->address[2] << 2 | c->address[3] >> 6;
}

static struct geo_client client_at(unsigned unit)
{
    return (struct geo_client){.family = 4,
        .prefix = 32,
        .address = {10, 0, (uint8_t)(unit >> 2), (uint8_t)(unit << 6 | (unsigned)rand() % 64)}};
}

static unsigned first_of(unsigned unit)
{
    unsigned o = world.order[unit];

    return world.orders[o].points[0] * 2U + (world.orders[o].alike > 1);
}

static unsigned order_of(unsigned unit)
{
    return world.order[unit];
}

/* The shortest prefix under which all units are alike. */
static unsigned scope_by(unsigned unit, unsigned (*what)(unsigned unit))
{
    unsigned bits = UNIT_BITS;

    for (; bits > 16; bits--) {
        unsigned size = 1U << (UNIT_BITS - bits + 1), from = unit / size * size;

        for (unsigned i = from; i < from + size; i++) {
            if (what(i) != what(unit))
                return bits;
        }
    }
    return 16;
}

void geo_map_find(const struct geo_map *m, const struct geo_client *c, struct geo_found *out)
{
    unsigned unit = unit_of(c), o = world.order[unit];

    (void)m;
    *out = (struct geo_found){.first = world.orders[o].points[0],
        .scope = (uint8_t)scope_by(unit, first_of),
        .alone = world.orders[o].alike == 1,
        .why = GEO_WHY_NEAREST};
}

void geo_map_order(const struct geo_map *m, const struct geo_client *c, struct geo_order *out)
{
    unsigned unit = unit_of(c), o = world.order[unit];

    (void)m;
    *out = (struct geo_order){.n = (uint8_t)world.n,
        .alike = (uint8_t)world.orders[o].alike,
        .scope = (uint8_t)scope_by(unit, order_of),
        .why = GEO_WHY_NEAREST};
    memcpy(out->points, world.orders[o].points, world.n);
}

static void draw_part(unsigned from, unsigned size)
{
    if (size == 1 || rand() % 4 == 0) {
        memset(world.order + from, rand() % ORDERS, size);
        return;
    }
    draw_part(from, size / 2);
    draw_part(from + size / 2, size / 2);
}

static void draw_world(unsigned n)
{
    world.n = n;
    for (unsigned o = 0; o < ORDERS; o++) {
        for (unsigned i = 0; i < n; i++) {
            unsigned at = (unsigned)rand() % (i + 1);

            world.orders[o].points[i] = world.orders[o].points[at];
            world.orders[o].points[at] = (uint8_t)i;
        }
        world.orders[o].alike = 1 + (unsigned)rand() % n;
        if (rand() % 2 == 0)
            world.orders[o].alike = 1;
    }
    draw_part(0, UNITS);
}

/* --- PoPs ---------------------------------------------------------------------------------------
 */

static struct addr addrs[2];
static struct pop pop_v[POPS];
static struct pop_list list = {pop_v, POPS};
static const struct pop *pops_of[POPS];
static struct pops *pops;
static struct steer steer;
static const struct geo_map *maps[1];

static int start(void **state)
{
    static const char *const names[POPS] = {"fra", "iad", "syd", "tyo", "gru"};
    struct pops_conf conf = {.list = &list};

    (void)state;
    for (unsigned i = 0; i < POPS; i++) {
        pop_v[i] = (struct pop){.index = i,
            .name = span_of(names[i]),
            .v4 = addrs,
            .v4_n = 2,
            .weight = 100 + 70 * (int64_t)i,
            .hash = 1000003 * (i + 1)};
        pops_of[i] = &pop_v[i];
    }
    pops = pops_new(&conf);
    maps[0] = (const struct geo_map *)&world; /* never looked into */
    steer = (struct steer){.pops = pops_of,
        .pops_n = POPS,
        .ttl_ms = 30000,
        .ttl_changing_ms = 5000,
        .changing_ms = 60000,
        .answers = 1,
        .neighbours = 2};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pops_free(&pops);
    return 0;
}

static void set_pop(unsigned i, enum pop_state s, uint8_t v4, unsigned shed)
{
    struct pop_word w = {
        .now = {.state = s, .v4 = v4, .v6 = s == POP_STATE_UP ? 1 : 0, .shed = (uint8_t)shed}};

    pop_restore(&pops->runs[i], &w);
}

static void all_up(void)
{
    for (unsigned i = 0; i < POPS; i++)
        set_pop(i, POP_STATE_UP, 3, 0);
}

static void choose_at(const struct geo_client *c, struct steer_choice *out, struct steer_trace *t)
{
    struct steering s = {.pops = pops, .maps = maps, .now = 1000000};
    struct steer_ask ask = {.client = c, .family = AF_INET, .trace = t};

    memset(out, 0xa5, sizeof(*out)); /* nothing is left unset */
    steer_choose(&s, &steer, &ask, out);
}

/* --- the model ----------------------------------------------------------------------------------
 */

struct model {
    enum steer_end end;
    unsigned n;
    unsigned pops[POPS];
    bool close; /* two draws are too near to tell apart */
};

static uint64_t network_of(const struct geo_client *c)
{
    return rendezvous_client(c, 24);
}

static double cost_of(const struct geo_client *c, unsigned pop, enum rendezvous_use use)
{
    double u = (double)rendezvous_draw(network_of(c), pop_v[pop].hash, use) / 18446744073709551616.;

    return -log2(u) / (double)pop_v[pop].weight;
}

static bool hands_over(const struct geo_client *c, unsigned pop)
{
    return rendezvous_draw(network_of(c), pop_v[pop].hash, RENDEZVOUS_SHED) % 64 <
           pop_now(pops, pop).shed;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 0.001 * (a + b);
}

/* Sorts v[0 .. n) by cost. */
static void model_sort(
    struct model *m, const struct geo_client *c, unsigned *v, unsigned n, enum rendezvous_use use)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = i + 1; k < n; k++) {
            double a = cost_of(c, v[i], use), b = cost_of(c, v[k], use);

            m->close = m->close || near(a, b);
            if (b < a) {
                unsigned x = v[i];

                v[i] = v[k];
                v[k] = x;
            }
        }
    }
}

static void model_all_down(struct model *m, const uint8_t *order)
{
    m->end = steer.all_down == STEER_SERVFAIL ? STEER_NOBODY : STEER_ANSWER;
    for (int dead = 0; dead < 2 && m->end == STEER_ANSWER; dead++) {
        for (unsigned i = 0; i < POPS; i++) {
            unsigned pop = steer.all_down == STEER_ALL ? order[i] : i;
            struct pop_now now = pop_now(pops, pop);

            if (steer.all_down == STEER_ALL ? (now.v4 == 0) != (dead == 1) : dead == 1)
                continue;
            if (now.state != POP_STATE_DOWN_BY_ORDER && m->n < (unsigned)steer.answers)
                m->pops[m->n++] = pop;
        }
    }
    if (m->n == 0)
        m->end = STEER_NOBODY;
}

static struct model model(const struct geo_client *c)
{
    unsigned o = world.order[unit_of(c)], v[POPS], n = 0, alike = 0;
    struct model m = {.end = STEER_ANSWER};
    bool any_up = false;

    for (unsigned i = 0; i < POPS; i++) {
        unsigned pop = world.orders[o].points[i];
        struct pop_now now = pop_now(pops, pop);

        any_up = any_up || now.state == POP_STATE_UP;
        if (now.state != POP_STATE_UP || now.v4 == 0)
            continue;
        alike += i < world.orders[o].alike;
        v[n++] = pop;
    }
    if (n == 0 && any_up)
        m.end = STEER_NODATA;
    else if (n == 0)
        model_all_down(&m, world.orders[o].points);
    if (n == 0)
        return m;
    model_sort(&m, c, v, alike, RENDEZVOUS_SHARE);
    if (hands_over(c, v[0])) {
        unsigned takers[POPS], takers_n = 0;

        for (unsigned i = 1; i < n && i <= (unsigned)steer.neighbours; i++) {
            if (!hands_over(c, v[i]))
                takers[takers_n++] = v[i];
        }
        model_sort(&m, c, takers, takers_n, RENDEZVOUS_NEIGHBOUR);
        if (takers_n > 0) {
            unsigned rest[POPS], at = 0;

            rest[at++] = takers[0];
            for (unsigned i = 1; i < n; i++) {
                if (v[i] != takers[0])
                    rest[at++] = v[i];
            }
            rest[at++] = v[0];
            memcpy(v, rest, at * sizeof(v[0]));
        }
    }
    for (unsigned i = 0; i < n && m.n < (unsigned)steer.answers; i++)
        m.pops[m.n++] = v[i];
    return m;
}

static unsigned compared;

static void compare(const struct geo_client *c)
{
    struct steer_choice got, again;
    struct steer_trace trace;
    struct model m = model(c);

    choose_at(c, &got, NULL);
    choose_at(c, &again, &trace);
    assert_int_equal(got.end, again.end);
    assert_int_equal(got.n, again.n);
    assert_int_equal(got.scope, again.scope);
    assert_int_equal(got.how, again.how);
    assert_int_equal(got.why, again.why);
    assert_int_equal(trace.n, POPS);
    if (m.close)
        return;
    compared++;
    assert_int_equal(got.end, m.end);
    assert_int_equal(got.n, m.end == STEER_ANSWER ? m.n : 0);
    for (unsigned i = 0; i < got.n; i++) {
        struct pop_now now = pop_now(pops, m.pops[i]);

        assert_ptr_equal(got.picks[i].pop, &pop_v[m.pops[i]]);
        assert_ptr_equal(again.picks[i].pop, &pop_v[m.pops[i]]);
        assert_int_equal(got.picks[i].v4, now.v4 != 0 ? now.v4 : 3);
        assert_int_equal(got.picks[i].v6, 0);
    }
    for (unsigned i = 0; i < trace.n; i++) {
        if (trace.v[i].pop != got.picks[0].pop)
            assert_true(steer.answers > 1 || got.n == 0 || trace.v[i].verdict != STEER_CHOSEN);
        else if (got.n > 0)
            assert_int_equal(trace.v[i].verdict, STEER_CHOSEN);
    }
}

static void draw_states(void)
{
    for (unsigned i = 0; i < POPS; i++) {
        enum pop_state s = rand() % 2 == 0 ? POP_STATE_UP : (enum pop_state)(rand() % POP_STATES);
        uint8_t v4 = s == POP_STATE_FAILED ? 0 : (uint8_t)(rand() % 4);

        set_pop(i, s, v4, rand() % 3 == 0 ? (unsigned)rand() % 64 : 0);
    }
}

static void it_does_what_the_rules_say(void **state)
{
    (void)state;
    srand(11);
    for (int round = 0; round < 3000; round++) {
        draw_world(POPS);
        draw_states();
        steer.answers = 1 + rand() % 3;
        steer.all_down = (enum steer_all_down)(rand() % 3);
        steer.neighbours = 1 + rand() % 4;
        for (int i = 0; i < 10; i++) {
            struct geo_client c = client_at((unsigned)rand() % UNITS);

            compare(&c);
        }
    }
    assert_true(compared > 25000);
}

/* Every state of every PoP, for one client. */
static void every_combination_of_states(void **state)
{
    static const struct {
        enum pop_state state;
        uint8_t v4;
        unsigned shed;
    } ways[] = {{POP_STATE_UP, 3, 0}, {POP_STATE_UP, 2, 0}, {POP_STATE_UP, 0, 0},
        {POP_STATE_UP, 3, 64}, {POP_STATE_DRAINED, 3, 0}, {POP_STATE_DRAINED, 0, 0},
        {POP_STATE_DRAINING, 1, 0}, {POP_STATE_DOWN_BY_ORDER, 3, 0}, {POP_STATE_FAILED, 0, 0}};
    enum { WAYS = ARRAY_LEN(ways) };
    struct geo_client c = client_at(77);

    (void)state;
    srand(13);
    draw_world(POPS);
    for (unsigned i = 3; i < POPS; i++)
        set_pop(i, POP_STATE_DOWN_BY_ORDER, 3, 0);
    for (unsigned x = 0; x < WAYS * WAYS * WAYS; x++) {
        unsigned way[3] = {x % WAYS, x / WAYS % WAYS, x / WAYS / WAYS};

        for (unsigned i = 0; i < 3; i++)
            set_pop(i, ways[way[i]].state, ways[way[i]].v4, ways[way[i]].shed);
        for (int policy = 0; policy < 3; policy++) {
            steer.all_down = (enum steer_all_down)policy;
            steer.answers = 1 + policy;
            compare(&c);
        }
    }
}

/* --- scopes -------------------------------------------------------------------------------------
 */

static bool same_answer(const struct steer_choice *a, const struct steer_choice *b)
{
    if (a->end != b->end || a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++) {
        if (a->picks[i].pop != b->picks[i].pop || a->picks[i].v4 != b->picks[i].v4)
            return false;
    }
    return true;
}

static void no_scope_covers_another_answer(void **state)
{
    static struct steer_choice choices[UNITS];
    uint64_t bits = 0;

    (void)state;
    srand(17);
    for (int round = 0; round < 150; round++) {
        draw_world(POPS);
        if (round % 3 != 0)
            draw_states();
        else
            all_up();
        steer.answers = 1 + round % 2;
        steer.all_down = (enum steer_all_down)(rand() % 3);
        for (unsigned u = 0; u < UNITS; u++) {
            struct geo_client c = client_at(u);

            choose_at(&c, &choices[u], NULL);
            assert_true(choices[u].scope <= 32);
        }
        for (unsigned u = 0; u < UNITS; u++) {
            unsigned scope = choices[u].scope, size, from;

            bits += scope;
            scope = scope < 16 ? 16 : scope > UNIT_BITS ? UNIT_BITS : scope;
            size = 1U << (UNIT_BITS - scope);
            from = u / size * size;
            for (unsigned i = from; i < from + size; i++)
                assert_true(same_answer(&choices[u], &choices[i]));
        }
    }
    assert_true(bits < 150ULL * UNITS * 24); /* and they are not all narrow */
}

static void scopes_of_clients_of_whom_little_is_known(void **state)
{
    struct geo_client nobody = {.family = 4, .prefix = 0}, some = client_at(5);
    struct steer_choice choice;

    (void)state;
    srand(19);
    all_up();
    draw_world(POPS);
    for (unsigned o = 0; o < ORDERS; o++)
        world.orders[o].alike = 3;
    choose_at(&nobody, &choice, NULL);
    assert_int_equal(choice.scope, 0);
    choose_at(&some, &choice, NULL);
    assert_true(choice.scope >= 24);
    assert_int_equal(choice.how, STEER_SHARED);
    steer.map.v4_bits = 20; /* then nothing finer is told apart */
    memset(world.order, 0, sizeof(world.order));
    choose_at(&some, &choice, NULL);
    assert_int_equal(choice.scope, 20);
    steer.map.v4_bits = 0;
    maps[0] = NULL; /* no map: the default order, for all */
    choose_at(&some, &choice, NULL);
    assert_int_equal(choice.scope, 0);
    assert_int_equal(choice.why, GEO_WHY_DEFAULT);
    assert_ptr_equal(choice.picks[0].pop, &pop_v[0]);
}

/* --- shedding -----------------------------------------------------------------------------------
 */

static void shedding_grows_step_by_step_and_leaves_the_others_alone(void **state)
{
    static const struct pop *who[UNITS];
    unsigned handed = 0;

    (void)state;
    srand(23);
    all_up();
    draw_world(POPS);
    memset(world.order, 0, sizeof(world.order));
    world.orders[0].alike = 1;
    for (unsigned shed = 0; shed <= POP_SHED_STEPS; shed++) {
        unsigned first = world.orders[0].points[0];

        set_pop(first, POP_STATE_UP, 3, shed);
        handed = 0;
        for (unsigned u = 0; u < UNITS; u++) {
            struct geo_client c = client_at(u);
            struct steer_choice choice;

            choose_at(&c, &choice, NULL);
            /* who was handed over stays where he went */
            if (shed > 0 && who[u] != &pop_v[first])
                assert_ptr_equal(choice.picks[0].pop, who[u]);
            who[u] = choice.picks[0].pop;
            handed += who[u] != &pop_v[first];
            assert_true(who[u] == &pop_v[first] || who[u] == &pop_v[world.orders[0].points[1]] ||
                        who[u] == &pop_v[world.orders[0].points[2]]);
            assert_int_equal(choice.scope, shed == 0 ? 16 : 24);
        }
        /* 256 networks of /24: within four standard deviations */
        assert_true(fabs(handed / 1024. - shed / 64.) < 4 * sqrt(.25 / 256));
    }
    assert_int_equal(handed, UNITS);
}

static void nobody_is_sent_to_who_is_full_himself(void **state)
{
    struct steer_choice choice;

    (void)state;
    srand(29);
    draw_world(POPS);
    for (unsigned i = 0; i < POPS; i++)
        set_pop(i, POP_STATE_UP, 3, 64);
    for (unsigned u = 0; u < UNITS; u += 4) {
        struct geo_client c = client_at(u);

        world.orders[world.order[u]].alike = 1;
        choose_at(&c, &choice, NULL);
        assert_ptr_equal(choice.picks[0].pop, &pop_v[world.orders[world.order[u]].points[0]]);
    }
}

/* --- the rest -----------------------------------------------------------------------------------
 */

static void ttl_is_short_while_something_changes(void **state)
{
    struct geo_client c = client_at(1);
    struct steer_choice choice;

    (void)state;
    srand(31);
    all_up();
    draw_world(POPS);
    choose_at(&c, &choice, NULL);
    assert_int_equal(choice.ttl_s, 30);
    atomic_store(&pops->changed_ms, 1000000 - 60000);
    atomic_store(&pops->runs[4].changed_ms, 1000000 - 60000);
    choose_at(&c, &choice, NULL);
    assert_int_equal(choice.ttl_s, 5);
    steer.pops_n = 4; /* not one of ours */
    world.n = 0;
    maps[0] = NULL;
    choose_at(&c, &choice, NULL);
    assert_int_equal(choice.ttl_s, 30);
    steer.pops_n = POPS;
    atomic_store(&pops->changed_ms, 1000000 - 60001);
    atomic_store(&pops->runs[4].changed_ms, 1000000 - 60001);
    choose_at(&c, &choice, NULL);
    assert_int_equal(choice.ttl_s, 30);
    steer.ttl_ms = 3000; /* never longer than configured */
    atomic_store(&pops->changed_ms, 1000000);
    atomic_store(&pops->runs[4].changed_ms, 1000000);
    choose_at(&c, &choice, NULL);
    assert_int_equal(choice.ttl_s, 3);
}

static void families(void **state)
{
    struct steering s = {.pops = pops, .now = 1};
    struct geo_client c = client_at(9);
    struct steer_choice choice;
    struct steer_ask ask = {.client = &c, .family = AF_INET6};

    (void)state;
    all_up();
    steer_choose(&s, &steer, &ask, &choice); /* nobody has IPv6 */
    assert_int_equal(choice.end, STEER_NODATA);
    assert_false(choice.all_down);
    pop_v[3].v6 = addrs;
    pop_v[3].v6_n = 1;
    steer_choose(&s, &steer, &ask, &choice); /* the only one that has */
    assert_int_equal(choice.end, STEER_ANSWER);
    assert_ptr_equal(choice.picks[0].pop, &pop_v[3]);
    assert_int_equal(choice.picks[0].v4, 0);
    assert_int_equal(choice.picks[0].v6, 1);
    ask.family = AF_UNSPEC;
    steer_choose(&s, &steer, &ask, &choice);
    assert_ptr_equal(choice.picks[0].pop, &pop_v[0]);
    assert_int_equal(choice.picks[0].v4, 3);
    ask.family = AF_INET6;
    set_pop(3, POP_STATE_DRAINED, 3, 0);
    steer_choose(&s, &steer, &ask, &choice); /* others are up, and have IPv4 */
    assert_int_equal(choice.end, STEER_NODATA);
    for (unsigned i = 0; i < POPS; i++)
        set_pop(i, POP_STATE_FAILED, 0, 0);
    steer_choose(&s, &steer, &ask, &choice);
    assert_int_equal(choice.end, STEER_ANSWER);
    assert_true(choice.all_down);
    assert_int_equal(choice.how, STEER_ALL_DOWN);
    assert_int_equal(choice.ttl_s, 5);
    pop_v[3].v6_n = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_does_what_the_rules_say, start, stop),
        cmocka_unit_test_setup_teardown(every_combination_of_states, start, stop),
        cmocka_unit_test_setup_teardown(no_scope_covers_another_answer, start, stop),
        cmocka_unit_test_setup_teardown(scopes_of_clients_of_whom_little_is_known, start, stop),
        cmocka_unit_test_setup_teardown(
            shedding_grows_step_by_step_and_leaves_the_others_alone, start, stop),
        cmocka_unit_test_setup_teardown(nobody_is_sent_to_who_is_full_himself, start, stop),
        cmocka_unit_test_setup_teardown(ttl_is_short_while_something_changes, start, stop),
        cmocka_unit_test_setup_teardown(families, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
