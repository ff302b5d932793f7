#include "loop/pool.h"

#include "base/check.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *first, **last; /* waiting; under lock */
    unsigned queued, queue_max;
    bool stop;
    unsigned threads_n;
    pthread_t threads[];
};

static void run_done(struct message *m, struct worker *w)
{
    struct job *j = container_of(m, struct job, message);

    (void)w;
    j->done(j);
}

/* NULL: the pool is stopping and nothing waits any more. */
static struct job *next_job(struct pool *p)
{
    struct job *j;

    pthread_mutex_lock(&p->lock);
    while (p->first == NULL && !p->stop)
        pthread_cond_wait(&p->work, &p->lock);
    j = p->first;
    if (j != NULL) {
        p->first = j->next;
        if (p->first == NULL)
            p->last = &p->first;
        p->queued--;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void *thread_main(void *arg)
{
    struct pool *p = arg;
    struct job *j;

    thread_set(0, "blocking");
    while ((j = next_job(p)) != NULL) {
        j->work(j);
        j->message.run = run_done;
        worker_post(j->worker, &j->message);
    }
    return NULL;
}

struct pool *pool_new(unsigned threads, unsigned queue_max)
{
    struct pool *p = xcalloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    sigset_t all, old;

    check(threads > 0);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->last = &p->first;
    p->queue_max = queue_max;
    p->threads_n = threads;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    for (unsigned i = 0; i < threads; i++)
        check(pthread_create(&p->threads[i], NULL, thread_main, p) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p;
}

void pool_free(struct pool **pp)
{
    struct pool *p = *pp;

    if (p == NULL)
        return;
    *pp = NULL;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads_n; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool pool_submit(struct pool *p, struct worker *w, struct job *j)
{
    bool ok;

    j->worker = w;
    j->next = NULL;
    pthread_mutex_lock(&p->lock);
    ok = p->queued < p->queue_max && !p->stop;
    if (ok) {
        *p->last = j;
        p->last = &j->next;
        p->queued++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}
