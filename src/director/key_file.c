#include "director/key_file.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 10, TRIES = 100 };

static bool failed(char why[KEY_FILE_WHY], const char *path, const char *because)
{
    snprintf(why, KEY_FILE_WHY, "%.400s: %s", path, because);
    return false;
}

/* --- reading ------------------------------------------------------------------------------ */

/* NULL: it may be read; else why not. */
static const char *judge(const struct stat *st, bool secret)
{
    if (!S_ISREG(st->st_mode))
        return "this is no file";
    if (secret && (st->st_mode & S_IRWXO) != 0)
        return "it is a secret, and everybody can read or write it: chmod 600 or 640";
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "others than its owner can write it: chmod 600 or 640";
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "it belongs to somebody else than root or who reads it";
    return NULL;
}

/* The file as text; *n bytes. False: said. */
static bool read_text(
    const char *path, bool secret, char text[FILE_MAX], size_t *n, char why[KEY_FILE_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *because;
    struct stat st;
    ssize_t got = 1;

    *n = 0;
    if (fd < 0)
        return failed(why, path, strerror(errno));
    because = fstat(fd, &st) != 0 ? strerror(errno) : judge(&st, secret);
    while (because == NULL && got > 0 && *n < FILE_MAX) {
        got = read(fd, text + *n, FILE_MAX - *n);
        if (got < 0)
            because = strerror(errno);
        else
            *n += (size_t)got;
    }
    if (because == NULL && *n == FILE_MAX)
        because = "it is larger than any key";
    close(fd);
    return because == NULL || failed(why, path, because);
}

static void path_of(struct span path, const char *suffix, char out[KEY_FILE_PATH])
{
    if (span_ends(path, SPAN(".key")))
        path.n -= strlen(".key");
    else if (span_ends(path, SPAN(".private")))
        path.n -= strlen(".private");
    snprintf(out, KEY_FILE_PATH, "%.*s%s", SPAN_ARG(path), suffix);
}

bool key_file_read_public(struct span path, struct key_file *out, char why[KEY_FILE_WHY])
{
    char name[KEY_FILE_PATH], text[FILE_MAX];
    const char *because;
    size_t n, owner_n = 0;

    *out = (struct key_file){0};
    path_of(path, ".key", name);
    if (!read_text(name, false, text, &n, why))
        return false;
    if (!dnskey_read_record(span_make(text, n), &out->key, out->owner.wire, &owner_n, &because))
        return failed(why, name, because);
    out->owner.n = (uint8_t)owner_n;
    return true;
}

bool key_file_read(struct span path, struct key_file *out, char why[KEY_FILE_WHY])
{
    char name[KEY_FILE_PATH], text[FILE_MAX];
    const char *because = NULL;
    size_t n;
    bool ok;

    if (!key_file_read_public(path, out, why))
        return false;
    path_of(path, ".private", name);
    ok =
        read_text(name, true, text, &n, why) &&
        (dnskey_read_secret(span_make(text, n), &out->key, &because) || failed(why, name, because));
    OPENSSL_cleanse(text, sizeof(text));
    return ok;
}

/* --- making ------------------------------------------------------------------------------- */

/* A new file with that text. False: said, unless *exists. */
static bool write_text(
    const char *path, mode_t mode, struct span text, bool *exists, char why[KEY_FILE_WHY])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool ok;

    *exists = fd < 0 && errno == EEXIST;
    if (fd < 0)
        return failed(why, path, strerror(errno));
    ok = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    if (!ok) {
        failed(why, path, strerror(errno));
        unlink(path);
    }
    close(fd);
    return ok;
}

/* As dnssec-settime(8) and its kin have it: a key that is good from now on. */
static bool put_times(struct buf *out, const char *comment, wall_s now)
{
    static const char *const what[] = {"Created", "Publish", "Activate"};
    time_t t = now;
    struct tm tm;
    char text[16];
    bool ok = gmtime_r(&t, &tm) != NULL && strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm) > 0;

    for (unsigned i = 0; ok && i < sizeof(what) / sizeof(what[0]); i++)
        ok = buf_printf(out, "%s%s: %s\n", comment, what[i], text);
    return ok;
}

static bool put_record(const struct key_file *f, const char *owner, wall_s now, struct buf *out)
{
    return buf_printf(out, "; This is a %s-signing key, keyid %u, for %s\n",
               f->key.flags & DNSKEY_SEP ? "key" : "zone", f->key.tag, owner) &&
           put_times(out, "; ", now) && dnskey_write_record(&f->key, span_of(owner), out);
}

/* Both files. False: said, unless *exists. */
static bool write_both(const struct key_file *f, const char *owner, wall_s now, const char *path,
    bool *exists, char why[KEY_FILE_WHY])
{
    char name[KEY_FILE_PATH + 16];
    struct buf text;
    bool ok;

    buf_init(&text, FILE_MAX);
    snprintf(name, sizeof(name), "%s.private", path);
    ok = (dnskey_write_secret(&f->key, &text) && put_times(&text, "", now)) ||
         failed(why, name, "it could not be written down");
    *exists = false;
    ok = ok && write_text(name, 0600, buf_span(&text), exists, why);
    if (text.p != NULL)
        OPENSSL_cleanse(text.p, text.n);
    text.n = 0;
    if (ok) {
        snprintf(name, sizeof(name), "%s.key", path);
        ok = (put_record(f, owner, now, &text) || failed(why, name, "it is too long")) &&
             write_text(name, 0644, buf_span(&text), exists, why);
        snprintf(name, sizeof(name), "%s.private", path);
        if (!ok)
            unlink(name);
    }
    buf_free(&text);
    return ok;
}

bool key_file_make(const char *folder, const struct dns_name *owner, bool sep, wall_s now,
    struct key_file *out, char path[KEY_FILE_PATH], char why[KEY_FILE_WHY])
{
    char name[DNS_NAME_TEXT];
    bool exists = true;

    dns_name_text(owner->wire, name);
    if (strchr(name, '/') != NULL)
        return failed(why, name, "a name with a slash is no name for a file");
    *out = (struct key_file){.owner = *owner};
    /* Another key may have the same tag. */
    for (unsigned i = 0; exists && i < TRIES; i++) {
        dnskey_free(&out->key);
        if (!dnskey_generate(&out->key, sep))
            return failed(why, folder, "OpenSSL does not make a key");
        if (snprintf(path, KEY_FILE_PATH, "%s/K%s+%03d+%05u", folder, name, DNSKEY_ALGORITHM,
                out->key.tag) >= KEY_FILE_PATH)
            return failed(why, folder, "the path is too long");
        if (write_both(out, name, now, path, &exists, why))
            return true;
    }
    return false;
}
