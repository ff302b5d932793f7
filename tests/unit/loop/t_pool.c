/* The blocking pool: work elsewhere, done on the worker that asked, a queue that has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/thread.h"
#include "loop/pool.h"

#include <pthread.h>
#include <unistd.h>

enum { WORKERS = 2, EACH = 200, GUARD_S = 60 };

struct task {
    struct job job;
    int work_index, done_index; /* of the threads: 0 is no worker */
    int works, dones;
};

struct batch {
    struct message start;
    struct pool *pool;
    struct task tasks[EACH];
    int refused, left;
};

static void work(struct job *j)
{
    struct task *t = container_of(j, struct task, job);

    t->works++;
    t->work_index = thread_index();
}

static void done(struct job *j)
{
    struct task *t = container_of(j, struct task, job);
    struct batch *b = j->worker->app;

    t->dones++;
    t->done_index = thread_index();
    if (--b->left == 0)
        worker_quit(j->worker);
}

static void submit_all(struct message *m, struct worker *w)
{
    struct batch *b = container_of(m, struct batch, start);

    for (int i = 0; i < EACH; i++) {
        b->tasks[i].job = (struct job){.work = work, .done = done};
        b->left++;
        if (!pool_submit(b->pool, w, &b->tasks[i].job))
            b->refused++;
    }
}

static void every_job_is_done_on_its_worker(void **state)
{
    static struct batch batches[WORKERS];
    struct pool *pool = pool_new(3, WORKERS * EACH);
    struct worker *workers[WORKERS];

    (void)state;
    for (int i = 0; i < WORKERS; i++) {
        batches[i] = (struct batch){.start = {.run = submit_all}, .pool = pool};
        workers[i] = worker_new(i + 1);
        workers[i]->app = &batches[i];
        worker_start(workers[i], worker_run);
        worker_post(workers[i], &batches[i].start);
    }
    for (int i = 0; i < WORKERS; i++)
        worker_wait(workers[i]);
    pool_free(&pool);
    for (int i = 0; i < WORKERS; i++)
        worker_join(&workers[i]);
    assert_null(pool);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(batches[i].refused, 0);
        for (int k = 0; k < EACH; k++) {
            assert_int_equal(batches[i].tasks[k].works, 1);
            assert_int_equal(batches[i].tasks[k].dones, 1);
            assert_int_equal(batches[i].tasks[k].work_index, 0);
            assert_int_equal(batches[i].tasks[k].done_index, i + 1);
        }
    }
}

/* --- a queue with an end
 * --------------------------------------------------------------------------- */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int at_gate;

static void wait_at_gate(struct job *j)
{
    (void)j;
    pthread_mutex_lock(&gate_lock);
    at_gate++;
    pthread_cond_broadcast(&gate_moved);
    while (!gate_open)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static void count_done(struct job *j)
{
    ++*(int *)j->worker->app;
}

static void a_full_queue_refuses(void **state)
{
    enum { THREADS = 2, QUEUE = 3 };
    struct job jobs[THREADS + QUEUE + 1];
    struct worker *w = worker_new(1);
    struct pool *pool = pool_new(THREADS, QUEUE);
    int dones = 0;

    (void)state;
    w->app = &dones;
    for (unsigned i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i] = (struct job){.work = wait_at_gate, .done = count_done};
    for (int i = 0; i < THREADS; i++)
        assert_true(pool_submit(pool, w, &jobs[i]));
    /* Both threads are busy; what comes now waits. */
    pthread_mutex_lock(&gate_lock);
    while (at_gate < THREADS)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    for (int i = THREADS; i < THREADS + QUEUE; i++)
        assert_true(pool_submit(pool, w, &jobs[i]));
    assert_false(pool_submit(pool, w, &jobs[THREADS + QUEUE]));

    pthread_mutex_lock(&gate_lock);
    gate_open = true;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate_lock);
    /* Freeing lets the queue run empty; the messages are in the worker's inbox then. */
    pool_free(&pool);
    assert_int_equal(at_gate, THREADS + QUEUE);
    assert_int_equal(dones, 0);
    worker_join(&w);
    assert_int_equal(dones, THREADS + QUEUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_done_on_its_worker),
        cmocka_unit_test(a_full_queue_refuses),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
