/*
 * files.c - a directory of files as an origin: one request and its response.
 *
 *   state        enters it                      while in it
 *   FILES_START  files_start()                  nothing was done yet
 *   FILES_BUSY   submit()                       a job of ours is on the blocking pool, and
 * everything but `fetch` and `state` is the job's FILES_READY  job_done()                     what
 * the job found is being passed on
 *
 * Every call that may block is a job: the first one opens the file, decides on the answer and reads
 * the first piece; each further one reads a piece when the consumer has taken the last. The last
 * one closes the file, and looks whether it is still what it was: a body made of two versions is
 * a cut one.
 */
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/mime.h"
#include "http/range.h"
#include "http/status.h"
#include "origin/fetch_kind.h"
#include "origin/file_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECE_BYTES = 128 * 1024, OPEN_TRIES = 4 };

enum files_state { FILES_START, FILES_BUSY, FILES_READY };

struct files {
    struct fetch fetch; /* first */
    enum files_state state;
    bool headed; /* the consumer has the head */
    struct job job;
    struct http_request request; /* its text is in the arena, as all text here */
    wall_s now;

    struct http_response head;
    struct span text;   /* of an answer that is no file */
    int fd;             /* owns; -1: none (any more) */
    struct stat opened; /* the file as it was */
    uint64_t offset, left;
    char *piece; /* owns */
    size_t piece_n;
    bool cut;           /* the file has not what was promised */
    enum fetch_end why; /* other than FETCH_DONE: there is no answer */
    const char *what;   /* with `error`: what did not work */
    int error;          /* errno */
};

static struct files *files_of(struct fetch *f)
{
    return container_of(f, struct files, fetch);
}

/* --- on the pool: answers ----------------------------------------------------------------- */

static void add_date(struct files *x, enum field_id id, wall_s t)
{
    char *text = arena_alloc(&x->fetch.arena, HTTP_DATE_LEN);

    http_date_format(t, text);
    fields_add(&x->head.fields, &x->fetch.arena, id, span_make(text, HTTP_DATE_LEN));
}

static void add_field(struct files *x, enum field_id id, struct span value)
{
    fields_add(&x->head.fields, &x->fetch.arena, id, value);
}

static void set_length(struct files *x, uint64_t length)
{
    x->head.has_content_length = true;
    x->head.content_length = length;
    x->head.body = x->request.method == METHOD_HEAD ? BODY_NONE : BODY_LENGTH;
}

static void answer(struct files *x, int status)
{
    x->head = (struct http_response){.status = status, .minor = 1, .keep_alive = true};
    add_date(x, FIELD_DATE, x->now);
}

/* An answer that says no more than its status. */
static void answer_text(struct files *x, int status)
{
    answer(x, status);
    x->text = arena_join(&x->fetch.arena, http_status_reason(status), SPAN("\n"));
    add_field(x, FIELD_CONTENT_TYPE, SPAN("text/plain; charset=utf-8"));
    set_length(x, x->text.n);
}

static void answer_failure(struct files *x, enum fetch_end why, const char *what, int error)
{
    x->why = why;
    x->what = what;
    x->error = error;
}

/* A file that could not be opened. */
static void answer_error(struct files *x, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV: /* it leads out of the directory */
    case ENAMETOOLONG:
    case ENXIO: /* a socket, a device without driver */
    case ENODEV:
        answer_text(x, 404);
        break;
    case EACCES:
    case EPERM:
        answer_text(x, 403);
        break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
        answer_failure(x, FETCH_OVERLOAD, "cannot open a file", error);
        break;
    default:
        answer_failure(x, FETCH_REFUSED, "cannot open a file", error);
        break;
    }
}

static void add_validators(struct files *x, struct validators *v)
{
    const struct stat *s = &x->opened;
    uint64_t ns = (uint64_t)s->st_mtim.tv_sec * 1000000000u + (uint64_t)s->st_mtim.tv_nsec;

    v->etag = arena_printf(&x->fetch.arena, "\"%llx-%llx-%llx\"", (unsigned long long)ns,
        (unsigned long long)s->st_size, (unsigned long long)s->st_ino);
    v->has_last_modified = v->has_date = true;
    v->date = x->now;
    /* Never later than Date (RFC 9110 §8.8.2.1). */
    v->last_modified = s->st_mtim.tv_sec < x->now ? s->st_mtim.tv_sec : x->now;
    add_field(x, FIELD_ETAG, v->etag);
    add_date(x, FIELD_LAST_MODIFIED, v->last_modified);
}

/* One range of a GET is served; more than one that do not join are too rare to be worth it, and
 * the whole is always right (RFC 9110 §14.2). */
static bool wanted_range(
    const struct files *x, const struct validators *v, struct range_request *out)
{
    struct span value = fields_get(&x->request.fields, FIELD_RANGE);

    return x->request.method == METHOD_GET && value.p != NULL &&
           fields_count(&x->request.fields, FIELD_RANGE) == 1 && range_parse(value, out) &&
           conditional_range_applies(&x->request, v, x->now);
}

static void add_content_range(struct files *x, const struct content_range *r)
{
    char *text = arena_alloc(&x->fetch.arena, CONTENT_RANGE_MAX);

    add_field(x, FIELD_CONTENT_RANGE, span_make(text, content_range_format(r, text)));
}

static void answer_range(struct files *x, const struct validators *v, struct span path)
{
    uint64_t size = (uint64_t)x->opened.st_size;
    struct content_range said = {.has_length = true, .length = size};
    struct range_request wanted;
    struct range_set set;

    x->left = size;
    if (wanted_range(x, v, &wanted)) {
        if (!range_resolve(&wanted, size, &set)) {
            answer_text(x, 416);
            add_content_range(x, &said);
            x->left = 0;
            return;
        }
        if (set.n == 1) {
            said.satisfied = true;
            said.range = set.v[0];
            x->head.status = 206;
            x->offset = set.v[0].first;
            x->left = set.v[0].last - set.v[0].first + 1;
            add_content_range(x, &said);
        }
    }
    add_field(x, FIELD_CONTENT_TYPE, mime_of_path(path));
    add_field(x, FIELD_ACCEPT_RANGES, SPAN("bytes"));
    set_length(x, x->left);
    if (x->request.method == METHOD_HEAD)
        x->left = 0;
}

static void answer_file(struct files *x, struct span path)
{
    struct validators v = {0};

    answer(x, 200);
    add_validators(x, &v);
    switch (conditional_evaluate(&x->request, &v, CONDITIONAL_ORIGIN, x->now)) {
    case CONDITIONAL_PROCEED:
        answer_range(x, &v, path);
        break;
    case CONDITIONAL_NOT_MODIFIED:
        x->head.status = 304;
        break;
    case CONDITIONAL_FAILED:
        answer_text(x, 412);
        break;
    }
}

static void answer_directory(struct files *x, struct span path)
{
    answer_text(x, 301);
    add_field(x, FIELD_LOCATION, file_path_slashed(&x->fetch.arena, path, x->request.target));
}

/* --- on the pool: the file ---------------------------------------------------------------- */

/* Nothing outside the directory, whatever links say; no /proc magic. -1 with errno. */
static int open_beneath(int dir, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;

    errno = EAGAIN; /* as the kernel says when a rename was in the way */
    for (int i = 0; i < OPEN_TRIES && fd < 0 && errno == EAGAIN; i++)
        fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
    return fd;
}

/* The directory is opened anew each time: a deployment may have put another in its place. */
static bool open_file(struct files *x, const char *path)
{
    int dir = open(x->fetch.origin->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) {
        answer_failure(x, errno == EMFILE || errno == ENFILE ? FETCH_OVERLOAD : FETCH_REFUSED,
            "cannot open the directory", errno);
        return false;
    }
    x->fd = open_beneath(dir, path);
    if (x->fd < 0 || fstat(x->fd, &x->opened) != 0) {
        answer_error(x, errno);
        close(dir);
        return false;
    }
    close(dir);
    return true;
}

static void close_file(struct files *x)
{
    if (x->fd >= 0)
        close(x->fd);
    x->fd = -1;
}

static bool is_changed(const struct files *x)
{
    struct stat now;

    return fstat(x->fd, &now) != 0 || now.st_size != x->opened.st_size ||
           now.st_mtim.tv_sec != x->opened.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != x->opened.st_mtim.tv_nsec;
}

static void read_piece(struct files *x)
{
    size_t want = x->left < PIECE_BYTES ? (size_t)x->left : PIECE_BYTES;

    if (x->piece == NULL)
        x->piece = xmalloc(want);
    x->piece_n = 0;
    while (x->piece_n < want) {
        ssize_t n = pread(x->fd, x->piece + x->piece_n, want - x->piece_n, (off_t)x->offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            x->cut = true;
            break;
        }
        x->piece_n += (size_t)n;
        x->offset += (uint64_t)n;
        x->left -= (uint64_t)n;
    }
    if (x->left == 0 && is_changed(x))
        x->cut = true;
    if (x->left == 0 || x->cut)
        close_file(x);
}

static void work_open(struct job *j)
{
    struct files *x = container_of(j, struct files, job);
    struct span path;

    if (!file_path_of(
            &x->fetch.arena, x->request.target, x->fetch.origin->options.dot_files, &path))
        answer_text(x, 404);
    else if (!open_file(x, path.p))
        return;
    else if (S_ISDIR(x->opened.st_mode) && !file_path_is_folder(x->request.target))
        answer_directory(x, path);
    else if (!S_ISREG(x->opened.st_mode))
        answer_text(x, 404);
    else
        answer_file(x, path);
    if (x->left > 0)
        read_piece(x);
    else
        close_file(x);
}

static void work_read(struct job *j)
{
    read_piece(container_of(j, struct files, job));
}

static void work_close(struct job *j)
{
    close_file(container_of(j, struct files, job));
}

/* --- on the worker ------------------------------------------------------------------------ */

static bool files_release(struct fetch *f);

static void job_done(struct job *j)
{
    struct files *x = container_of(j, struct files, job);

    x->state = FILES_READY;
    x->fetch.pending = span_make(x->piece, x->piece_n);
    count_add(C_ORIGIN_BYTES_IN, x->piece_n);
    if (!x->fetch.cancelled)
        fetch_run(&x->fetch);
    else if (files_release(&x->fetch))
        fetch_free(&x->fetch);
}

static bool submit(struct files *x, void (*work)(struct job *j))
{
    enum files_state before = x->state;

    x->job.work = work;
    x->job.done = job_done;
    x->state = FILES_BUSY;
    if (pool_submit(x->fetch.fetcher->blocking, x->fetch.fetcher->worker, &x->job))
        return true;
    x->state = before;
    return false;
}

static bool files_release(struct fetch *f)
{
    struct files *x = files_of(f);

    if (x->state == FILES_BUSY)
        return false;
    if (x->fd >= 0 && submit(x, work_close))
        return false;
    close_file(x);
    free(x->piece);
    return true;
}

static void overloaded(struct files *x)
{
    close_file(x);
    fetch_explain(&x->fetch, "too much work for the threads that read files");
    fetch_finish(&x->fetch, x->headed ? FETCH_CUT : FETCH_OVERLOAD);
}

static void begin(struct files *x)
{
    if (x->request.method != METHOD_GET && x->request.method != METHOD_HEAD) {
        answer_text(x, 405);
        add_field(x, FIELD_ALLOW, SPAN("GET, HEAD"));
        x->state = FILES_READY;
    } else if (!submit(x, work_open)) {
        overloaded(x);
    }
}

static void give_head(struct files *x)
{
    struct fetch *f = &x->fetch;

    x->headed = true;
    f->info.first_byte_ms = worker_now(f->fetcher->worker) - f->started_ms;
    if (x->head.body != BODY_NONE && x->piece_n == 0)
        f->pending = x->text;
    log_msg(LOG_DEBUG, "origin %s: %.*s %.*s: %d", f->origin->name.p,
        SPAN_ARG(x->request.method_text), SPAN_ARG(x->request.target), x->head.status);
    f->handlers->head(f->ctx, &x->head);
}

/* All that was read is passed on. */
static void go_on(struct files *x)
{
    if (x->cut) {
        fetch_explain(
            &x->fetch, "the file %.*s changed while it was read", SPAN_ARG(x->request.target));
        fetch_finish(&x->fetch, FETCH_CUT);
    } else if (x->left == 0) {
        fetch_explain(&x->fetch, "whole");
        fetch_finish(&x->fetch, FETCH_DONE);
    } else {
        x->piece_n = 0;
        if (!submit(x, work_read))
            overloaded(x);
    }
}

static void files_run(struct fetch *f)
{
    struct files *x = files_of(f);

    if (x->state == FILES_START)
        begin(x);
    if (x->state != FILES_READY)
        return;
    if (x->why != FETCH_DONE) {
        fetch_explain(f, "%s: %s", x->what, strerror(x->error));
        fetch_finish(f, x->why);
        return;
    }
    if (!x->headed)
        give_head(x);
    if (f->cancelled || (f->pending.n > 0 && !fetch_deliver(f)))
        return;
    go_on(x);
}

static void files_body_ready(struct fetch *f)
{
    (void)f; /* the request's body means nothing to a file */
}

static const struct fetch_kind files_kind = {
    .run = files_run,
    .body_ready = files_body_ready,
    .release = files_release,
};

struct fetch *files_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx)
{
    struct files *x = xcalloc(1, sizeof(*x));
    struct arena *a = &x->fetch.arena;

    fetch_init(&x->fetch, &files_kind, fr, o, req, handlers, ctx);
    x->fetch.info.server = o->directory;
    x->fd = -1;
    x->now = worker_wall_s(fr->worker);
    x->request.method = req->method_id;
    x->request.method_text = arena_dup(a, req->method);
    x->request.target = arena_dup(a, req->target);
    x->request.fields = fields_dup(req->fields, a);
    return &x->fetch;
}
