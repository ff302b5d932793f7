/* pops_keep.c - orders are kept over a restart: written behind, on a thread of their own (pops.h).
 */
#include "director/pops_impl.h"

#include "base/check.h"
#include "base/log.h"
#include "director/pops_file.h"
#include "loop/pool.h"

#include <stdlib.h>

/* One write at a time; what changes meanwhile is written by the next. */
struct pops_keeping {
    struct pops *pops; /* borrowed */
    struct pool *pool; /* owns; of one thread. NULL: stopped */
    struct job job;
    bool busy;       /* the job is under way */
    bool again;      /* things have changed since it began */
    struct buf text; /* owns; of the job, as the next two are */
    bool failed;
    char why[POPS_FILE_WHY];
    char unkept[POPS_FILE_WHY]; /* why the last write came to nothing; "": it did not */
};

static void take_order(void *ctx, const struct pop *pop, struct pops_file_order order)
{
    struct pops *p = ctx;
    struct pop_run *r = &p->runs[pop->index];
    struct pop_word w = pop_word(r);

    if (order.order == pop->order)
        return;
    w.order = order.order;
    w.ordered = true;
    w.now.state = pop_state_of(&w, false);
    r->ordered_s = order.at;
    pop_restore(r, &w);
    log_msg(LOG_NOTICE, "pop %s: %s, by an order from before the restart", pop->name.p,
        pop_state_word(w.now.state));
}

void pops_keep_read(struct pops *p)
{
    char why[POPS_FILE_WHY];

    if (p->conf.state_file.n > 0 &&
        !pops_file_read(p->conf.state_file.p, p->conf.list, take_order, p, why))
        log_msg(LOG_ERROR, "orders for PoPs from before the restart are lost: %s", why);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void work(struct job *j)
{
    struct pops_keeping *k = container_of(j, struct pops_keeping, job);

    k->failed = !pops_file_write(k->pops->conf.state_file.p, buf_span(&k->text), k->why);
}

static void set_text(struct pops_keeping *k)
{
    const struct pops *p = k->pops;

    buf_free(&k->text);
    check(pops_file_begin(&k->text));
    for (unsigned i = 0; i < p->conf.list->n; i++) {
        const struct pop_run *r = &p->runs[i];
        struct pop_word w = pop_word(r);

        if (w.ordered)
            check(pops_file_add(&k->text, r->pop, (struct pops_file_order){w.order, r->ordered_s}));
    }
}

static void say_failed(struct pops_keeping *k, bool failed)
{
    if (failed)
        log_msg(LOG_ERROR, "orders for PoPs would be forgotten by a restart: %s", k->why);
    span_cstr(failed ? span_of(k->why) : SPAN_EMPTY, k->unkept, sizeof(k->unkept));
}

static void begin(struct pops_keeping *k)
{
    set_text(k);
    k->busy = true;
    k->again = false;
    check(pool_submit(k->pool, k->pops->worker, &k->job));
}

static void written(struct job *j)
{
    struct pops_keeping *k = container_of(j, struct pops_keeping, job);

    k->busy = false;
    if (k->pool == NULL)
        return;
    say_failed(k, k->failed);
    if (k->again)
        begin(k);
}

void pops_keep(struct pops *p)
{
    struct pops_keeping *k = p->keeping;

    if (k == NULL)
        return;
    if (k->busy)
        k->again = true;
    else
        begin(k);
}

const char *pops_unkept(const struct pops *p)
{
    return p->keeping != NULL && p->keeping->unkept[0] != '\0' ? p->keeping->unkept : NULL;
}

/* --- from start to end -------------------------------------------------------------------------
 */

void pops_keep_start(struct pops *p)
{
    struct pops_keeping *k;

    if (p->conf.state_file.n == 0)
        return;
    k = xcalloc(1, sizeof(*k));
    k->pops = p;
    k->pool = pool_new(1, 1);
    k->job.worker = p->worker;
    k->job.work = work;
    k->job.done = written;
    buf_init(&k->text, POPS_FILE_BYTES_MAX);
    p->keeping = k;
    /* Better known now than when somebody has ordered something. */
    if (!pops_file_writable(p->conf.state_file.p, k->why))
        say_failed(k, true);
}

/* A write that is under way ends; the last word is written here, as we stop anyway. */
void pops_keep_stop(struct pops *p)
{
    struct pops_keeping *k = p->keeping;

    if (k == NULL)
        return;
    pool_free(&k->pool);
    if (k->again) {
        set_text(k);
        work(&k->job);
    }
    if (k->failed)
        say_failed(k, true);
}

void pops_keep_free(struct pops *p)
{
    struct pops_keeping *k = p->keeping;

    if (k == NULL)
        return;
    buf_free(&k->text);
    free(k);
}
