/*
 * signing_keys.c - the file of keys for signed URLs: read once, with the configuration.
 */
#include "edge/signature.h"
#include "http/chars.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 10, SECRET_MAX = 1024 };

static bool failed(char why[SIGNING_WHY], const char *path, const char *because)
{
    snprintf(why, SIGNING_WHY, "%.200s: %s", path, because);
    return false;
}

/* The whole file, into the arena. */
static bool read_file(struct span path, struct arena *a, struct span *out, char why[SIGNING_WHY])
{
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = arena_alloc(a, FILE_MAX);
    const char *because = NULL;
    struct stat st;
    size_t n = 0;
    ssize_t got = 0;

    if (fd < 0)
        return failed(why, path.p, strerror(errno));
    if (fstat(fd, &st) != 0)
        because = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        because = "this is no file";
    else if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        because = "others can read it, or the group can write it: chmod 600 or 640";
    while (because == NULL && n < FILE_MAX && (got = read(fd, text + n, FILE_MAX - n)) > 0)
        n += (size_t)got;
    if (because == NULL && got < 0)
        because = strerror(errno);
    if (because == NULL && n == FILE_MAX)
        because = "it is larger than any file of keys";
    close(fd);
    *out = span_make(text, n);
    return because == NULL || failed(why, path.p, because);
}

static bool is_id(struct span s)
{
    if (s.n == 0 || s.n > SIGNING_ID_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is(s.p[i], CHAR_UNRESERVED))
            return false;
    }
    return true;
}

static bool is_secret(struct span s)
{
    if (s.n < SIGNING_SECRET_MIN || s.n > SECRET_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    }
    return true;
}

/* "NAME SECRET". What is wrong is said without any of it. */
static const char *read_line(struct span text, struct signing_keys *out)
{
    size_t end = 0;
    struct span id, secret;

    while (end < text.n && text.p[end] != ' ' && text.p[end] != '\t')
        end++;
    id = span_make(text.p, end);
    secret = span_trim(span_from(text, end));
    if (!is_id(id))
        return "a line begins with the name of a key: up to 64 letters, digits and - . _ ~";
    if (!is_secret(secret))
        return "behind a name stands a secret of 16 to 1024 printable characters without spaces";
    if (out->n == SIGNING_KEYS_MAX)
        return "there are more than 64 keys";
    for (unsigned i = 0; i < out->n; i++) {
        if (span_eq(out->v[i].id, id))
            return "a name stands there twice";
    }
    out->v[out->n++] = (struct signing_key){id, secret};
    return NULL;
}

bool signing_keys_read(
    struct signing_keys *out, struct span path, struct arena *a, char why[SIGNING_WHY])
{
    struct span rest, text;

    *out = (struct signing_keys){
        .path = path, .v = arena_alloc(a, SIGNING_KEYS_MAX * sizeof(struct signing_key))};
    if (!read_file(path, a, &rest, why))
        return false;
    while (span_cut(&rest, '\n', &text)) {
        const char *wrong;

        text = span_trim(text);
        if (text.n == 0 || text.p[0] == '#')
            continue;
        wrong = read_line(text, out);
        if (wrong != NULL)
            return failed(why, path.p, wrong);
    }
    return out->n > 0 ||
           failed(why, path.p, "there is no key in it: a name and a secret in a line");
}
