/*
 * t_model.c - random lives of a stored response, told to the caching rules as messages and to the
 * naive model of model.h as plain numbers; both must say the same at every step.
 */
#include "model.h"

enum { SCRIPTS = 20000, STEPS = 6 };

static void check_uses(const struct model *m, const struct freshness *f)
{
    wall_s now = m->response_time;

    for (int i = 0; i < STEPS; i++) {
        struct asked a = something_asked();
        struct fields request = request_of(&a);
        struct fresh_ask ask = policy_ask(&request, m->options, &arena);
        enum fresh_use use = fresh_judge(f, &ask, now, false);
        bool on_error = fresh_may_serve_on_error(f, &ask, now, false);

        same(fresh_age(f, now) == current_age(m, now));
        same(use == may_use(m, &a, now));
        same(on_error == may_use_on_error(m, &a, now));
        seen.uses[use]++;
        seen.errors += on_error;
        now += one_in(3) ? (int64_t)chance(3) : some_seconds();
    }
}

static bool validate(struct model *m, struct fields *stored)
{
    struct model next = *m;
    struct said u;
    struct fields newer;

    next.request_time = m->response_time + (int64_t)chance(1000);
    next.response_time = next.request_time + (int64_t)chance(3);
    u = some_news(m, m->response_time);
    newer = news_of(&u);

    same(update_selects(stored, &newer) == identified(&m->said, &u));
    if (!identified(&m->said, &u)) {
        seen.unselected++;
        return false;
    }
    seen.updated++;
    next.asked = something_asked();
    next.said = updated(&m->said, &u, next.response_time);
    *stored = update_merge(stored, &newer, next.response_time, &arena);
    same(!fields_has(stored, FIELD_CONTENT_LENGTH));
    *m = next;
    return true;
}

static void life(void)
{
    struct cache_options options = some_options();
    wall_s start = NOW + (int64_t)chance(1000000000);
    struct model m = {.said = something_said(start),
        .asked = something_asked(),
        .options = &options,
        .request_time = start,
        .response_time = start + (int64_t)chance(3)};
    struct fields stored = response_of(&m.said);

    do {
        struct verdict v = judge(&m, &stored);

        if (!check_verdict(&m, &v))
            return;
        seen.stored++;
        check_uses(&m, &v.fresh);
    } while (one_in(2) && validate(&m, &stored));
}

static void lives(void **state)
{
    (void)state;
    seed_take();
    for (script = 0; script < SCRIPTS; script++) {
        life();
        arena_reset(&arena);
    }
    /* All that can happen did, or this test would prove nothing. */
    same(seen.stored > SCRIPTS / 10 && seen.useless > 0);
    same(seen.updated > 100 && seen.unselected > 100);
    same(seen.uses[FRESH_USE] > 100 && seen.uses[FRESH_USE_AND_REFRESH] > 100);
    same(seen.uses[FRESH_VALIDATE] > 100 && seen.errors > 100);
    for (int r = NOSTORE_NONE; r <= NOSTORE_USELESS; r++)
        same(seen.reasons[r] > 0 || r == NOSTORE_VARY_LIMIT);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lives)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
