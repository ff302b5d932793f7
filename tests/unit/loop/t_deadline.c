/* Deadlines: fire once, can be moved both ways, cleared, stopped and set again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/deadline.h"

#include <stdlib.h>
#include <unistd.h>

enum { GUARD_S = 30 };

struct probe {
    struct deadline d;
    mono_ms set_ms, fired_ms; /* of the worker's clock */
    int fired;
    bool quit;
};

static struct worker *worker;

static int setup(void **state)
{
    (void)state;
    worker = worker_new(1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    worker_join(&worker);
    return 0;
}

static void on_fire(struct deadline *d)
{
    struct probe *p = container_of(d, struct probe, d);

    p->fired++;
    p->fired_ms = worker_now(worker);
    if (p->quit)
        worker_quit(worker);
}

static void probe_init(struct probe *p, bool quit)
{
    *p = (struct probe){.quit = quit};
    deadline_init(&p->d, worker, on_fire);
    p->set_ms = worker_now(worker);
}

/* One iteration, so that the worker's clock is this moment's. */
static void tick(void)
{
    ev_run(worker->loop, EVRUN_NOWAIT);
}

static void fires_once_and_not_early(void **state)
{
    struct probe p, end;

    (void)state;
    tick();
    probe_init(&p, false);
    probe_init(&end, true);
    deadline_set(&p.d, 20);
    deadline_set(&end.d, 60);
    worker_run(worker);
    assert_int_equal(p.fired, 1);
    assert_true(p.fired_ms - p.set_ms >= 20);
    assert_true(end.fired_ms >= p.fired_ms);
    assert_int_equal(end.fired, 1);
    deadline_stop(&p.d);
    deadline_stop(&end.d);
}

static void moves_later_and_earlier(void **state)
{
    struct probe later, earlier, end;

    (void)state;
    tick();
    probe_init(&later, false);
    probe_init(&earlier, false);
    probe_init(&end, true);
    deadline_set(&later.d, 10);
    deadline_set(&later.d, 60);
    deadline_set(&earlier.d, 5000);
    deadline_set(&earlier.d, 30);
    deadline_set(&end.d, 100);
    worker_run(worker);
    assert_int_equal(later.fired, 1);
    assert_true(later.fired_ms - later.set_ms >= 60);
    assert_int_equal(earlier.fired, 1);
    assert_true(earlier.fired_ms - earlier.set_ms >= 30);
    assert_true(earlier.fired_ms <= later.fired_ms);
    deadline_stop(&later.d);
    deadline_stop(&earlier.d);
    deadline_stop(&end.d);
}

static void cleared_does_not_fire_and_can_be_set_again(void **state)
{
    struct probe gone, again, end;

    (void)state;
    tick();
    probe_init(&gone, false);
    probe_init(&again, false);
    probe_init(&end, true);
    deadline_set(&gone.d, 10);
    deadline_clear(&gone.d);
    deadline_set(&again.d, 10);
    deadline_clear(&again.d);
    deadline_set(&again.d, 40);
    deadline_set(&end.d, 80);
    worker_run(worker);
    assert_int_equal(gone.fired, 0);
    assert_int_equal(again.fired, 1);
    assert_true(again.fired_ms - again.set_ms >= 40);
    deadline_stop(&gone.d);
    deadline_stop(&again.d);
    deadline_stop(&end.d);
}

static void set_to_nothing_fires_in_the_next_iteration(void **state)
{
    struct probe p;

    (void)state;
    tick();
    probe_init(&p, true);
    deadline_set(&p.d, 0);
    assert_int_equal(p.fired, 0);
    worker_run(worker);
    assert_int_equal(p.fired, 1);
    deadline_stop(&p.d);
}

struct repeat {
    struct deadline d;
    int left;
};

static void on_repeat(struct deadline *d)
{
    struct repeat *r = container_of(d, struct repeat, d);

    if (--r->left > 0) {
        deadline_set(d, 1);
        return;
    }
    /* The last one takes the memory with it. */
    deadline_stop(d);
    free(r);
    worker_quit(worker);
}

static void may_be_set_or_freed_by_fire(void **state)
{
    struct repeat *r = malloc(sizeof(*r));

    (void)state;
    assert_non_null(r);
    r->left = 5;
    deadline_init(&r->d, worker, on_repeat);
    deadline_set(&r->d, 1);
    worker_run(worker); /* ends only when the fifth came */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fires_once_and_not_early, setup, teardown),
        cmocka_unit_test_setup_teardown(moves_later_and_earlier, setup, teardown),
        cmocka_unit_test_setup_teardown(
            cleared_does_not_fire_and_can_be_set_again, setup, teardown),
        cmocka_unit_test_setup_teardown(
            set_to_nothing_fires_in_the_next_iteration, setup, teardown),
        cmocka_unit_test_setup_teardown(may_be_set_or_freed_by_fire, setup, teardown),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
