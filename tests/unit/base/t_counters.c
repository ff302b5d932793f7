/* Counters lose nothing, whoever counts; and the table keeps its own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/check.h"
#include "base/counters.h"
#include "base/span.h"

#include <pthread.h>
#include <string.h>

enum { WORKERS = 4, OTHERS = 4, ROUNDS = 50000 };

static void *count_many(void *arg)
{
    int index = *(int *)arg;

    thread_set(index, "t_counters");
    for (int i = 0; i < ROUNDS; i++) {
        count(C_REQ_HIT);
        count_add(C_CLIENT_BYTES_OUT, 3);
    }
    return NULL;
}

/* Threads that are no workers share a block; workers have one each. */
static void threads_lose_nothing(void **state)
{
    pthread_t threads[WORKERS + OTHERS];
    int index[WORKERS + OTHERS];
    uint64_t before = counter_sum(C_REQ_HIT), was = before;

    (void)state;
    for (int i = 0; i < WORKERS + OTHERS; i++) {
        index[i] = i < WORKERS ? i + 1 : 0;
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &index[i]), 0);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t now = counter_sum(C_REQ_HIT);

        assert_true(now >= was); /* they only rise */
        was = now;
    }
    for (int i = 0; i < WORKERS + OTHERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter_sum(C_REQ_HIT) - before, (WORKERS + OTHERS) * ROUNDS);
    assert_int_equal(counter_sum(C_CLIENT_BYTES_OUT), (WORKERS + OTHERS) * ROUNDS * 3);
    assert_int_equal(counter_sum(C_REQ_MISS), 0);
    for (int i = 1; i <= WORKERS; i++)
        assert_int_equal(counter_blocks[i].v[C_REQ_HIT], ROUNDS);
    assert_int_equal(counter_blocks[0].v[C_REQ_HIT], OTHERS * ROUNDS);
}

static bool is_name(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789")] == '\0';
}

/* selvage_<noun>_<unit>_total; a metric's rows stand together, the first with the sentence. */
static void table_is_well_formed(void **state)
{
    (void)state;
    for (int i = 0; i < COUNTERS; i++) {
        const struct counter_def *d = &counter_defs[i];
        bool first = i == 0 || strcmp(d->metric, counter_defs[i - 1].metric) != 0;

        if (!is_name(d->metric) || !span_starts(span_of(d->metric), SPAN("selvage_")) ||
            !span_ends(span_of(d->metric), SPAN("_total")))
            fail_msg("the name %s", d->metric);
        if (first != (d->help[0] != '\0') || strpbrk(d->help, "\\\n") != NULL)
            fail_msg("the sentence of %s{%s}", d->metric, d->labels);
        for (int k = 0; k < i; k++) {
            if (strcmp(d->metric, counter_defs[k].metric) != 0)
                continue;
            if (first || strcmp(d->labels, counter_defs[k].labels) == 0)
                fail_msg("%s{%s} is there twice or apart", d->metric, d->labels);
            if (d->labels[0] == '\0' || counter_defs[k].labels[0] == '\0')
                fail_msg("%s is there with and without labels", d->metric);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(table_is_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
