/*
 * ctl_export.c - selvagectl cache export: what is stored, as a WARC file.
 *
 * The list is asked for in parts, as for cache ls, and each object's bytes in parts, too. An object
 * that comes in several goes through a temporary file, since a record begins with its length and an
 * object may leave at any moment: what has begun in the file is whole. What is in memory and on a
 * disk is listed twice and written once: the ids of what came out of memory are remembered, 8 bytes
 * each.
 */
#include "admin/report.h"
#include "admin/warc.h"
#include "base/check.h"
#include "base/clock.h"
#include "bin/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 64 << 10, COPY_BYTES = 64 << 10, SET_MIN = 1024 };

/* Ids; 0 stands for no id. */
struct id_set {
    uint64_t *v; /* owns */
    size_t n, cap;
};

struct exporting {
    const struct ctl *ctl;
    struct warc *warc; /* owns */
    struct id_set memory;
    uint64_t objects, bytes, gone, partial;
    unsigned long left; /* of the limit */
};

/* --- ids ----------------------------------------------------------------------------------- */

static uint64_t *id_place(const struct id_set *s, uint64_t id)
{
    size_t at = id & (s->cap - 1); /* they are random */

    while (s->v[at] != 0 && s->v[at] != id)
        at = (at + 1) & (s->cap - 1);
    return &s->v[at];
}

static bool id_has(const struct id_set *s, uint64_t id)
{
    return s->cap > 0 && *id_place(s, id) == id;
}

static void id_add(struct id_set *s, uint64_t id)
{
    if (2 * (s->n + 1) > s->cap) {
        struct id_set larger = {.cap = s->cap > 0 ? 2 * s->cap : SET_MIN, .n = s->n};

        larger.v = xcalloc(larger.cap, sizeof(*larger.v));
        for (size_t i = 0; i < s->cap; i++)
            if (s->v[i] != 0)
                *id_place(&larger, s->v[i]) = s->v[i];
        free(s->v);
        *s = larger;
    }
    if (id != 0 && !id_has(s, id)) {
        *id_place(s, id) = id;
        s->n++;
    }
}

/* --- an object's bytes --------------------------------------------------------------------- */

struct taken {
    struct buf first; /* owns; head, and the body's first part */
    FILE *rest;       /* owns; NULL: that was all */
    uint64_t bytes;   /* of the whole message */
};

static void taken_free(struct taken *t)
{
    buf_free(&t->first);
    if (t->rest != NULL)
        fclose(t->rest);
}

/* The bytes from `from` on, in *reply; the status, or 0: a sentence is on standard error. */
static int ask_content(
    const struct ctl *ctl, const json_t *object, uint64_t from, struct admin_reply *reply)
{
    const char *handle = json_string_value(json_object_get(object, "handle"));
    const char *id = json_string_value(json_object_get(object, "id"));
    char path[256];

    snprintf(path, sizeof(path), "/cache/content?handle=%s&id=%s&from=%" PRIu64,
        handle != NULL ? handle : "", id != NULL ? id : "", from);
    return ctl_get(ctl, path, reply);
}

/* Takes what follows the first part, up to `of` bytes of body. The status of what could not be. */
static int take_rest(
    const struct ctl *ctl, const json_t *object, uint64_t from, uint64_t of, struct taken *t)
{
    t->rest = tmpfile();
    if (t->rest == NULL) {
        perror("selvagectl: a temporary file");
        return 0;
    }
    while (from < of) {
        struct admin_reply reply;
        int status = ask_content(ctl, object, from, &reply);
        size_t n = reply.body.n;
        bool ok = status == 200 && n > 0 && n <= of - from;

        if (ok && fwrite(reply.body.p, 1, n, t->rest) != n) {
            perror("selvagectl: a temporary file");
            status = 0;
            ok = false;
        }
        admin_reply_free(&reply);
        if (!ok)
            return status == 200 ? 409 : status;
        from += n;
        t->bytes += n;
    }
    return 200;
}

/* All of it; the status, which is 200, or of what could not be had; 0: a sentence was said. */
static int take(const struct ctl *ctl, const json_t *object, struct taken *t)
{
    uint64_t of = (uint64_t)json_integer_value(json_object_get(object, "body_bytes"));
    struct admin_reply reply;
    int status = ask_content(ctl, object, 0, &reply);
    struct span body = buf_span(&reply.body);
    size_t head = 0;

    *t = (struct taken){.first = reply.body, .bytes = body.n};
    if (status != 200)
        return status;
    while (head + 4 <= body.n && memcmp(body.p + head, "\r\n\r\n", 4) != 0)
        head++;
    head += 4;
    if (head > body.n || body.n - head > of)
        return 409;
    return body.n - head < of ? take_rest(ctl, object, body.n - head, of, t) : 200;
}

/* --- records ------------------------------------------------------------------------------- */

static bool copy_rest(struct exporting *x, FILE *from)
{
    char bytes[COPY_BYTES];
    size_t n;

    rewind(from);
    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        if (!warc_write(x->warc, span_make(bytes, n)))
            return false;
    return ferror(from) == 0;
}

/* As the key says that the origin was told; otherwise nobody knows. */
static const char *scheme_of(const json_t *object)
{
    const json_t *line;
    size_t i;

    json_array_foreach(json_object_get(object, "lines"), i, line)
    {
        const char *kind = json_string_value(json_object_get(line, "kind"));
        const char *value = json_string_value(json_object_get(line, "value"));

        if (kind != NULL && value != NULL && strcmp(kind, "scheme") == 0 &&
            strcmp(value, "https") == 0)
            return "https";
    }
    return "http";
}

static bool write_response(struct exporting *x, const json_t *object, const struct taken *t)
{
    const char *url = json_string_value(json_object_get(object, "url"));
    struct warc_record r = {
        .type = "response",
        .date = clock_wall_s() - (wall_s)json_integer_value(json_object_get(object, "age_s")),
        .content_type = "application/http; msgtype=response",
        .length = t->bytes,
    };
    struct buf uri;
    bool ok;

    buf_init(&uri, PATH_BYTES_MAX);
    ok = buf_printf(&uri, "%s://%s", scheme_of(object), url != NULL ? url : "");
    r.uri = buf_span(&uri);
    ok = ok && warc_begin(x->warc, &r) && warc_write(x->warc, buf_span(&t->first)) &&
         (t->rest == NULL || copy_rest(x, t->rest)) && warc_end(x->warc);
    buf_free(&uri);
    if (!ok)
        perror("selvagectl: writing");
    return ok;
}

static bool write_info(struct exporting *x)
{
    static const char info[] = "software: Selvage/" VERSION "\r\n"
                               "format: WARC File Format 1.1\r\n"
                               "conformsTo: https://iipc.github.io/warc-specifications/"
                               "specifications/warc-format/warc-1.1/\r\n"
                               "description: what a cache had stored\r\n";
    const struct warc_record r = {
        .type = "warcinfo",
        .date = clock_wall_s(),
        .content_type = "application/warc-fields",
        .length = sizeof(info) - 1,
    };

    if (warc_begin(x->warc, &r) && warc_write(x->warc, SPAN(info)) && warc_end(x->warc))
        return true;
    perror("selvagectl: writing");
    return false;
}

/* --- all of them --------------------------------------------------------------------------- */

static void leave_out(const json_t *object, const char *why)
{
    struct buf line;

    buf_init(&line, PATH_BYTES_MAX);
    if (report_printable(&line, json_string_value(json_object_get(object, "url"))))
        fprintf(stderr, "selvagectl: left out: %.*s: %s\n", SPAN_ARG(buf_span(&line)), why);
    buf_free(&line);
}

/* False: it makes no sense to go on. */
static bool export_object(struct exporting *x, const json_t *object)
{
    bool on_disk = json_is_string(json_object_get(object, "volume"));
    const char *id_text = json_string_value(json_object_get(object, "id"));
    uint64_t id = id_text != NULL ? strtoull(id_text, NULL, 16) : 0;
    bool ok = true;
    struct taken t;

    if (x->left == 0 || (on_disk && id_has(&x->memory, id)))
        return true;
    switch (take(x->ctl, object, &t)) {
    case 200:
        ok = write_response(x, object, &t);
        x->objects++;
        x->bytes += t.bytes;
        x->left--;
        if (!on_disk)
            id_add(&x->memory, id);
        break;
    case 410:
        x->gone++;
        break;
    case 409:
        x->partial++;
        leave_out(object, "only a part of it is stored");
        break;
    case 0:
        ok = false;
        break;
    default:
        leave_out(object, "selvaged does not say");
        ok = false;
        break;
    }
    taken_free(&t);
    return ok;
}

static bool export_part(void *ctx, const json_t *part, bool *enough)
{
    struct exporting *x = ctx;
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(part, "objects"), i, one)
    {
        if (!export_object(x, one))
            return false;
    }
    *enough = x->left == 0;
    return true;
}

static int export_to(const struct ctl *ctl, int fd, bool gzip)
{
    struct exporting x = {.ctl = ctl, .left = ctl->limit, .warc = warc_new(fd, gzip)};
    bool ok = write_info(&x) && ctl_cache_parts(ctl, export_part, &x);

    warc_free(&x.warc);
    free(x.memory.v);
    fprintf(stderr,
        "selvagectl: %" PRIu64 " responses, %" PRIu64 " bytes; %" PRIu64
        " had gone when it was their turn, %" PRIu64 " are stored only in part%s\n",
        x.objects, x.bytes, x.gone, x.partial, ok ? "" : "; and that was not all");
    return ok ? 0 : 1;
}

int ctl_export(const struct ctl *ctl, const char *path)
{
    size_t n = path != NULL ? strlen(path) : 0;
    bool gzip = n > 3 && strcmp(path + n - 3, ".gz") == 0;
    int fd, status;

    if (path == NULL || strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return ctl_wrong_usage("cache export FILE, or its output somewhere else than here", "");
        return export_to(ctl, STDOUT_FILENO, false);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr, "selvagectl: %s: %s\n", path, strerror(errno));
        return 1;
    }
    status = export_to(ctl, fd, gzip);
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        perror("selvagectl: writing");
        status = 1;
    }
    close(fd);
    return status;
}
