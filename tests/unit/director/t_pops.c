/* Orders and the file that keeps them; what is told to whoever reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "director/pops.h"
#include "director/pops_file.h"
#include "net/resolver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct addr addrs[2];
static struct pop pop_v[2];
static const struct pop_list list = {pop_v, 2};
static char folder[] = "/tmp/t_pops.XXXXXX";
static char path[64];

static int start(void **state)
{
    static const char *const names[2] = {"fra", "iad"};

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        pop_v[i] = (struct pop){
            .index = i, .name = span_of(names[i]), .v4 = addrs, .v4_n = 2, .weight = 100};
    unlink(path);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* --- the file -----------------------------------------------------------------------------------
 */

static struct {
    unsigned n;
    struct pops_file_order last;
    const struct pop *pop;
} taken;

static void take(void *ctx, const struct pop *pop, struct pops_file_order order)
{
    assert_null(ctx);
    taken.n++;
    taken.pop = pop;
    taken.last = order;
}

static bool reads(const char *text)
{
    char why[POPS_FILE_WHY] = "";
    FILE *f = fopen(path, "w");
    bool ok;

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    memset(&taken, 0, sizeof(taken));
    ok = pops_file_read(path, &list, take, NULL, why);
    assert_int_equal(ok, why[0] == '\0');
    return ok;
}

static void what_was_written_is_read(void **state)
{
    char why[POPS_FILE_WHY];
    struct stat st;
    struct buf b;

    (void)state;
    assert_true(pops_file_read(path, &list, take, NULL, why)); /* there is none yet */
    assert_true(pops_file_begin(&b));
    assert_true(pops_file_add(&b, &pop_v[1], (struct pops_file_order){POP_DRAIN, 1790000000}));
    assert_true(pops_file_write(path, buf_span(&b), why));
    buf_free(&b);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    memset(&taken, 0, sizeof(taken));
    assert_true(pops_file_read(path, &list, take, NULL, why));
    assert_int_equal(taken.n, 1);
    assert_ptr_equal(taken.pop, &pop_v[1]);
    assert_int_equal(taken.last.order, POP_DRAIN);
    assert_int_equal(taken.last.at, 1790000000);
    assert_false(pops_file_write("/nonexistent/state", SPAN("x"), why));
    assert_non_null(strstr(why, "cannot write /nonexistent/state: No such file"));
}

static void other_texts(void **state)
{
    char *large = malloc(POPS_FILE_BYTES_MAX + 100);

    (void)state;
    assert_true(reads(""));
    assert_true(reads("selvage pops 1\n"));
    assert_true(reads("selvage pops 1\ndown gone 5\nup fra 6\n"));
    assert_int_equal(taken.n, 1); /* who is not configured is left out */
    assert_false(reads("selvage pops 2\ndrain fra 5\n"));
    assert_int_equal(taken.n, 0);
    assert_false(reads("selvage pops 1\ndrain fra\n"));
    assert_false(reads("selvage pops 1\ndrain fra 5 6\n"));
    assert_false(reads("selvage pops 1\nstop fra 5\n"));
    assert_false(reads("selvage pops 1\ndrain fra x\n"));
    assert_false(reads("selvage pops 1\ndrain fra 99999999999999999999\n"));
    assert_non_null(large);
    memset(large, '\n', POPS_FILE_BYTES_MAX + 99);
    large[POPS_FILE_BYTES_MAX + 99] = '\0';
    assert_false(reads(large));
    free(large);
}

/* --- orders -------------------------------------------------------------------------------------
 */

static struct {
    struct pops *pops;
    struct worker *worker;
    struct resolver *resolver;
} on;

static void open_pops(bool kept)
{
    struct pops_conf conf = {.list = &list, .state_file = kept ? span_of(path) : SPAN_EMPTY};

    on.worker = worker_new(1);
    on.resolver = resolver_new(on.worker, NULL);
    on.pops = pops_new(&conf);
    pops_start(on.pops, on.worker, on.resolver);
}

static void close_pops(void)
{
    pops_stop(on.pops);
    resolver_free(&on.resolver);
    worker_join(&on.worker);
    pops_free(&on.pops);
    assert_null(on.pops);
}

static void orders_are_followed_and_counted(void **state)
{
    uint64_t epoch;
    struct pop_report report;
    struct arena a;

    (void)state;
    open_pops(false);
    epoch = pops_epoch(on.pops);
    assert_int_equal(pop_now(on.pops, 0).state, POP_STATE_UP);
    assert_int_equal(pop_now(on.pops, 0).v4, 3);
    assert_int_equal(pop_changed_ms(on.pops, 0), 0);
    pops_order(on.pops, 0, POP_DRAIN);
    assert_int_equal(pop_now(on.pops, 0).state, POP_STATE_DRAINED);
    assert_int_equal(pop_now(on.pops, 1).state, POP_STATE_UP);
    assert_true(pops_epoch(on.pops) > epoch);
    assert_true(pop_changed_ms(on.pops, 0) > 0);
    assert_int_equal(pop_changed_ms(on.pops, 0), pops_changed_ms(on.pops));
    epoch = pops_epoch(on.pops);
    pops_order(on.pops, 0, POP_DRAIN); /* nothing new */
    assert_int_equal(pops_epoch(on.pops), epoch);
    arena_init(&a);
    pops_report(on.pops, 0, &a, &report);
    assert_true(report.ordered);
    assert_int_equal(report.order, POP_DRAIN);
    assert_true(report.v4[1].up);
    assert_string_equal(report.v4[1].said, "");
    pops_order(on.pops, 0, POP_UP); /* as the configuration says: no order any more */
    pops_report(on.pops, 0, &a, &report);
    assert_false(report.ordered);
    assert_int_equal(report.now.state, POP_STATE_UP);
    arena_free(&a);
    assert_null(pops_unkept(on.pops));
    close_pops();
}

enum { CHANGES = 50000 };

/* The k-th change, at k ms, is to the state k % 3. */
static struct {
    _Atomic bool over;
    unsigned early; /* a state was there before the time of its change was */
} watching;

static unsigned state_now(void)
{
    enum pop_state s = pop_now(on.pops, 0).state;

    return s == POP_STATE_UP ? 0 : s == POP_STATE_DRAINED ? 1 : 2;
}

static void *watch_changes(void *arg)
{
    (void)arg;
    while (!atomic_load(&watching.over)) {
        mono_ms before = pop_changed_ms(on.pops, 0);
        unsigned state = state_now();

        if (before == pop_changed_ms(on.pops, 0) && state == (before + 1) % 3)
            watching.early++;
    }
    return NULL;
}

/* Else the new state would be answered with the TTL of one that has held for long. */
static void who_sees_a_change_sees_when_it_was(void **state)
{
    static const enum pop_order orders[] = {POP_UP, POP_DRAIN, POP_DOWN};
    pthread_t thread;

    (void)state;
    log_set_level(LOG_ERROR);
    open_pops(false);
    assert_int_equal(pthread_create(&thread, NULL, watch_changes, NULL), 0);
    for (int k = 1; k <= CHANGES; k++) {
        on.worker->now_ms = k;
        pops_order(on.pops, 0, orders[k % 3]);
    }
    atomic_store(&watching.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(watching.early, 0);
    close_pops();
    log_set_level(LOG_INFO);
}

static void orders_outlive_the_process(void **state)
{
    (void)state;
    open_pops(true);
    pops_order(on.pops, 0, POP_DRAIN);
    pops_order(on.pops, 1, POP_DRAIN); /* while the first is being written, perhaps */
    pops_order(on.pops, 1, POP_DOWN);
    close_pops();
    open_pops(true);
    assert_int_equal(pop_now(on.pops, 0).state, POP_STATE_DRAINED);
    assert_int_equal(pop_now(on.pops, 1).state, POP_STATE_DOWN_BY_ORDER);
    pops_order(on.pops, 0, POP_UP);
    close_pops();
    pop_v[1].order = POP_DOWN; /* the configuration says the same by now */
    open_pops(true);
    assert_int_equal(pop_now(on.pops, 0).state, POP_STATE_UP);
    pops_order(on.pops, 1, POP_UP);
    close_pops();
    open_pops(true);
    assert_int_equal(pop_now(on.pops, 1).state, POP_STATE_UP);
    close_pops();
}

static void what_cannot_be_kept_is_said(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/none/state", folder);
    open_pops(true);
    pops_order(on.pops, 0, POP_DRAIN);
    while (pops_unkept(on.pops) == NULL)
        ev_run(on.worker->loop, EVRUN_ONCE);
    assert_non_null(strstr(pops_unkept(on.pops), "No such file"));
    assert_int_equal(pop_now(on.pops, 0).state, POP_STATE_DRAINED);
    close_pops();
    snprintf(path, sizeof(path), "%s/state", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_written_is_read, start),
        cmocka_unit_test_setup(other_texts, start),
        cmocka_unit_test_setup(orders_are_followed_and_counted, start),
        cmocka_unit_test_setup(who_sees_a_change_sees_when_it_was, start),
        cmocka_unit_test_setup(orders_outlive_the_process, start),
        cmocka_unit_test_setup(what_cannot_be_kept_is_said, start),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
