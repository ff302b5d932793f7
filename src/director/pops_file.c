#include "director/pops_file.h"

#include "conf/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_LINE "selvage pops 1"

/* --- reading ------------------------------------------------------------------------------ */

/* The whole of it, which is at most POPS_FILE_BYTES_MAX. */
static bool read_all(const char *path, struct buf *b, char why[static POPS_FILE_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = 1;

    if (fd < 0 && errno == ENOENT)
        return true;
    while (fd >= 0 && n > 0 && buf_reserve(b, 4096)) {
        n = read(fd, b->p + b->n, 4096);
        if (n > 0)
            b->n += (size_t)n;
    }
    if (fd < 0 || n != 0)
        snprintf(why, POPS_FILE_WHY, "cannot read %s: %s", path,
            n > 0 && fd >= 0 ? "it is too large" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return fd >= 0 && n == 0;
}

/* ORDER NAME TIME */
static bool read_line(struct span line, const struct pop_list *list,
    void (*take)(void *ctx, const struct pop *pop, struct pops_file_order order), void *ctx)
{
    struct span order, name, at;
    const struct pop *pop;
    struct value_why why;
    uint64_t s;
    int word;

    if (!span_cut(&line, ' ', &order) || !span_cut(&line, ' ', &name) ||
        !span_cut(&line, ' ', &at) || line.p != NULL)
        return false;
    if (!value_word(order, pop_order_words, &word, &why) || !span_u64(at, &s) || s > INT64_MAX)
        return false;
    pop = pop_find(list, name);
    if (pop != NULL)
        take(ctx, pop, (struct pops_file_order){(enum pop_order)word, (wall_s)s});
    return true;
}

bool pops_file_read(const char *path, const struct pop_list *list,
    void (*take)(void *ctx, const struct pop *pop, struct pops_file_order order), void *ctx,
    char why[static POPS_FILE_WHY])
{
    struct span rest, line;
    unsigned number = 1;
    struct buf b;
    bool ok;

    buf_init(&b, POPS_FILE_BYTES_MAX);
    ok = read_all(path, &b, why);
    rest = buf_span(&b);
    if (ok && rest.n > 0) {
        ok = span_cut(&rest, '\n', &line) && span_eq(line, SPAN(FIRST_LINE));
        while (ok && rest.n > 0 && span_cut(&rest, '\n', &line)) {
            number++;
            ok = read_line(line, list, take, ctx);
        }
        if (!ok)
            snprintf(why, POPS_FILE_WHY, "%s:%u is not as it was written", path, number);
    }
    buf_free(&b);
    return ok;
}

/* --- writing ------------------------------------------------------------------------------ */

bool pops_file_begin(struct buf *b)
{
    buf_init(b, POPS_FILE_BYTES_MAX);
    return buf_append(b, SPAN(FIRST_LINE "\n"));
}

bool pops_file_add(struct buf *b, const struct pop *pop, struct pops_file_order order)
{
    return buf_printf(
        b, "%s %s %lld\n", pop_order_words[order.order], pop->name.p, (long long)order.at);
}

static bool write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text = span_from(text, (size_t)n);
    }
    return true;
}

/* The path's folder, to be freed; NULL: no memory. */
static char *folder_of(const char *path)
{
    char *copy = strdup(path), *slash = copy != NULL ? strrchr(copy, '/') : NULL;

    if (copy == NULL)
        return NULL;
    if (slash == NULL) {
        free(copy);
        return strdup(".");
    }
    slash[slash == copy ? 1 : 0] = '\0';
    return copy;
}

/* So that the new name, too, is on disk. */
static bool sync_folder(const char *path)
{
    char *folder = folder_of(path);
    bool ok;
    int fd;

    if (folder == NULL)
        return false;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool pops_file_writable(const char *path, char why[static POPS_FILE_WHY])
{
    char *folder = folder_of(path);
    bool ok = folder != NULL && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;

    if (!ok)
        snprintf(why, POPS_FILE_WHY, "cannot write %s: %s", path, strerror(errno));
    free(folder);
    return ok;
}

bool pops_file_write(const char *path, struct span text, char why[static POPS_FILE_WHY])
{
    char *beside = malloc(strlen(path) + sizeof(".new"));
    bool ok;
    int fd;

    if (beside == NULL) {
        snprintf(why, POPS_FILE_WHY, "out of memory");
        return false;
    }
    strcpy(beside, path);
    strcat(beside, ".new");
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    ok = ok && rename(beside, path) == 0 && sync_folder(path);
    if (!ok)
        snprintf(why, POPS_FILE_WHY, "cannot write %s: %s", path, strerror(errno));
    free(beside);
    return ok;
}
