/* Workers: messages from many threads arrive once, in each sender's order; time; leaving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/thread.h"
#include "loop/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SENDERS = 4, EACH = 20000, GUARD_S = 60 };

/* --- many senders ------------------------------------------------------------------------------
 */

struct letter {
    struct message message;
    int sender, number;
};

/* What the worker saw; only it writes. */
struct seen {
    int next[SENDERS];
    int disorder, total;
    int thread_index;
};

struct sender {
    pthread_t thread;
    struct worker *to;
    int index;
};

static void read_letter(struct message *m, struct worker *w)
{
    struct letter *l = container_of(m, struct letter, message);
    struct seen *seen = w->app;

    seen->disorder += l->number != seen->next[l->sender];
    seen->next[l->sender] = l->number + 1;
    seen->thread_index = thread_index();
    free(l);
    if (++seen->total == SENDERS * EACH)
        worker_quit(w);
}

static void *send_letters(void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < EACH; i++) {
        struct letter *l = xmalloc(sizeof(*l));

        *l = (struct letter){.message = {.run = read_letter}, .sender = s->index, .number = i};
        worker_post(s->to, &l->message);
    }
    return NULL;
}

static void keeps_order_and_loses_none(void **state)
{
    struct seen seen = {.disorder = 0};
    struct worker *w = worker_new(3);
    struct sender senders[SENDERS];

    (void)state;
    w->app = &seen;
    worker_start(w, worker_run);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.to = w, .index = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_letters, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    worker_join(&w);
    assert_null(w);
    assert_int_equal(seen.total, SENDERS * EACH);
    assert_int_equal(seen.disorder, 0);
    assert_int_equal(seen.thread_index, 3);
}

/* --- two workers, one message that goes back and forth
 * -----------------------------------------------
 */

struct ball {
    struct message message;
    struct worker *players[2];
    int hits;
};

static void quit_there(struct message *m, struct worker *w)
{
    (void)m;
    worker_quit(w);
}

static void hit(struct message *m, struct worker *w)
{
    struct ball *b = container_of(m, struct ball, message);
    struct worker *other = b->players[w == b->players[0]];

    /* Posting itself again from run() is allowed. */
    if (++b->hits == 10000) {
        b->message.run = quit_there;
        worker_post(other, &b->message);
        worker_quit(w);
        return;
    }
    worker_post(other, &b->message);
}

static void messages_travel_between_workers(void **state)
{
    struct ball b = {.message = {.run = hit}, .players = {worker_new(1), worker_new(2)}};
    struct worker *one = b.players[0], *two = b.players[1];

    (void)state;
    worker_start(one, worker_run);
    worker_start(two, worker_run);
    worker_post(one, &b.message);
    worker_wait(one);
    worker_wait(two);
    worker_join(&one);
    worker_join(&two);
    assert_int_equal(b.hits, 10000);
}

/* --- leaving -----------------------------------------------------------------------------------
 */

struct note {
    struct message message;
    int *runs;
};

static void run_note(struct message *m, struct worker *w)
{
    (void)w;
    ++*container_of(m, struct note, message)->runs;
}

struct last_words {
    struct message message;
    struct note note;
};

static void quit_then_post(struct message *m, struct worker *w)
{
    worker_quit(w);
    worker_post(w, &container_of(m, struct last_words, message)->note.message);
}

static void what_waits_runs_before_the_end(void **state)
{
    int runs = 0;
    struct last_words words = {{.run = quit_then_post}, {{.run = run_note}, &runs}};
    struct note late = {{.run = run_note}, &runs};
    struct worker *w = worker_new(1);

    (void)state;
    worker_post(w, &words.message);
    worker_run(w); /* on this thread */
    assert_int_equal(runs, 1);
    worker_post(w, &late.message);
    worker_join(&w);
    assert_int_equal(runs, 2);
}

/* --- time and signals ----------------------------------------------------------------------------
 */

struct clocks {
    struct ev_timer timer;
    struct worker *worker;
    mono_ms after;
    mono_ms real_before;
    wall_s wall_s;
};

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int events)
{
    struct clocks *c = container_of(t, struct clocks, timer);

    (void)loop;
    (void)events;
    c->after = worker_now(c->worker);
    c->wall_s = worker_wall_s(c->worker);
    worker_quit(c->worker);
}

static void start_timer(struct worker *w)
{
    struct clocks *c = w->app;

    c->real_before = clock_mono_ms();
    ev_timer_start(w->loop, &c->timer);
    worker_run(w);
}

static void timers_and_clocks_count_from_the_start_of_the_thread(void **state)
{
    struct worker *w = worker_new(1);
    struct clocks c = {.worker = w};

    (void)state;
    usleep(30000); /* the loop is older than its first iteration */
    w->app = &c;
    ev_timer_init(&c.timer, on_timer, 0.02, 0);
    worker_start(w, start_timer);
    worker_join(&w);
    /* Of that very iteration: neither older than the timer nor from the future. */
    assert_true(c.after - c.real_before >= 19);
    assert_true(c.after <= clock_mono_ms());
    assert_true(c.wall_s >= clock_wall_s() - 5 && c.wall_s <= clock_wall_s());
}

static void read_mask(struct message *m, struct worker *w)
{
    (void)m;
    pthread_sigmask(SIG_BLOCK, NULL, w->app);
    worker_quit(w);
}

static void signals_are_for_the_main_thread(void **state)
{
    sigset_t on_worker, here;
    struct message m = {.run = read_mask};
    struct worker *w = worker_new(1);

    (void)state;
    sigemptyset(&on_worker);
    w->app = &on_worker;
    worker_start(w, worker_run);
    worker_post(w, &m);
    worker_join(&w);
    pthread_sigmask(SIG_BLOCK, NULL, &here);
    assert_true(sigismember(&on_worker, SIGTERM));
    assert_true(sigismember(&on_worker, SIGUSR1));
    assert_false(sigismember(&here, SIGTERM));
}

/* --- how much it works ----------------------------------------------------------------------- */

struct burner {
    struct message message;
    _Atomic bool done;
};

static void burn(struct message *m, struct worker *w)
{
    struct burner *b = container_of(m, struct burner, message);

    while (worker_cpu_us(w) < 30000)
        ;
    atomic_store(&b->done, true);
    worker_quit(w);
}

static void work_is_told_from_waiting(void **state)
{
    struct worker *w = worker_new(1);
    struct burner b = {.message.run = burn};
    mono_ms began = clock_mono_ms();

    (void)state;
    assert_int_equal(worker_cpu_us(w), 0);
    worker_start(w, worker_run);
    while (worker_cpu_us(w) == 0) /* its thread begins */
        ;
    while (clock_mono_ms() - began < 50) /* it waits meanwhile */
        ;
    assert_true(worker_cpu_us(w) < 30000);
    worker_post(w, &b.message);
    worker_wait(w);
    assert_true(b.done);
    worker_join(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_told_from_waiting),
        cmocka_unit_test(keeps_order_and_loses_none),
        cmocka_unit_test(messages_travel_between_workers),
        cmocka_unit_test(what_waits_runs_before_the_end),
        cmocka_unit_test(timers_and_clocks_count_from_the_start_of_the_thread),
        cmocka_unit_test(signals_are_for_the_main_thread),
    };

    alarm(GUARD_S); /* a message that got lost must not hang the run */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
