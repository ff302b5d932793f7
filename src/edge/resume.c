/*
 * resume.c - a response that the origin cuts in the middle goes on where it ended: the rest is
 * asked for by Range and If-Range (RFC 9110 §13.1.5, §14.2), while those who read the fill wait.
 *
 * Only what has the same strong validator and the same length is taken: never bytes of two
 * versions.
 */
#include "base/counters.h"
#include "edge/filler_impl.h"
#include "edge/incomplete.h"

enum { RESUMES_MAX = 2, RESUME_AFTER_MS = 100 };

static void resume_fire(struct deadline *d)
{
    filler_start(container_of(d, struct filler, resume));
}

void filler_resume_init(struct filler *f)
{
    deadline_init(&f->resume, f->edge->worker, resume_fire);
}

bool filler_resumes(struct filler *f)
{
    if (f->head == NULL || f->resumes == RESUMES_MAX || !filler_wanted(f))
        return false;
    count(C_FILLS_RESUMED);
    deadline_set(&f->resume, RESUME_AFTER_MS << 2 * f->resumes);
    f->resumes++;
    return true;
}

void filler_ask_rest(struct filler *f, struct fields *fields)
{
    incomplete_ask(fill_bytes(f->fill), f->head, fields, &f->arena);
}

void filler_arrived_rest(struct filler *f, const struct http_response *head)
{
    if (incomplete_is_rest(fill_bytes(f->fill), (uint64_t)fill_length(f->fill), f->head, head))
        return;
    if (head->status >= 500) { /* it says nothing of the representation */
        fetch_cancel(&f->fetch);
        if (!filler_resumes(f))
            filler_give_up(f, 502, "origin-error");
        return;
    }
    filler_fail(f, 502, "changed"); /* what came is not the beginning of anything any more */
}
