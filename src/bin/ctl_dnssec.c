/*
 * ctl_dnssec.c - selvagectl dnssec: keys of signed zones, made and shown. Asks no daemon; what is
 * printed is zone file text, to be pasted.
 */
#include "base/check.h"
#include "bin/ctl.h"
#include "director/key_file.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, TEXT_BYTES = 4096 };

static int fail(const char *what)
{
    fprintf(stderr, "selvagectl: %s\n", what);
    return 1;
}

static bool read_zone(const char *text, struct dns_name *zone)
{
    const char *wrong = dns_name_parse(span_of(text), NULL, zone);

    if (wrong == NULL && zone->n == 1)
        wrong = "is no zone that anybody but IANA has keys for";
    if (wrong == NULL)
        dns_name_lower(zone->wire, zone->wire, zone->n);
    else
        fprintf(stderr, "selvagectl: \"%s\" %s\n", text, wrong);
    return wrong == NULL;
}

/* --- what is printed ---------------------------------------------------------------------- */

static void print_record(const struct key_file *f)
{
    char owner[DNS_NAME_TEXT];
    struct buf text;

    buf_init(&text, TEXT_BYTES);
    if (dnskey_write_record(&f->key, span_of(dns_name_text(f->owner.wire, owner)), &text))
        printf("%.*s", SPAN_ARG(buf_span(&text)));
    buf_free(&text);
}

/* A key without SEP is none that a parent points to. */
static void print_ds(const struct key_file *f)
{
    uint8_t ds[DNSKEY_DS_LEN];
    char owner[DNS_NAME_TEXT];

    if ((f->key.flags & DNSKEY_SEP) == 0)
        return;
    dnskey_ds(&f->key, f->owner.wire, f->owner.n, ds);
    printf("%s IN DS %u %u %u ", dns_name_text(f->owner.wire, owner), f->key.tag, ds[2], ds[3]);
    for (unsigned i = 4; i < DNSKEY_DS_LEN; i++)
        printf("%02x", ds[i]);
    printf("\n");
}

static void print_key(const char *path, const struct key_file *f, const char *secret)
{
    printf("; %s: tag %u, flags %u (%s)%s%s\n", path, f->key.tag, f->key.flags,
        f->key.flags & DNSKEY_SEP ? "with SEP: for a DS at the parent" : "without SEP: no DS",
        secret != NULL ? "; not to be signed with: " : "", secret != NULL ? secret : "");
    print_record(f);
    print_ds(f);
}

/* --- keygen ------------------------------------------------------------------------------- */

static int keygen(const struct ctl *ctl)
{
    char path[KEY_FILE_PATH], why[KEY_FILE_WHY];
    struct dns_name zone;
    struct key_file f;

    if (!read_zone(ctl->args[1], &zone))
        return 1;
    if (!key_file_make(
            ctl->dir != NULL ? ctl->dir : ".", &zone, !ctl->zsk, clock_wall_s(), &f, path, why))
        return fail(why);
    printf("%s\n", path);
    print_record(&f);
    print_ds(&f);
    dnskey_free(&f.key);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* --- ds, show ----------------------------------------------------------------------------- */

/* Shows one key by its path. */
static bool show_file(const struct ctl *ctl, const char *path)
{
    bool ds = strcmp(ctl->args[0], "ds") == 0, ok;
    char why[KEY_FILE_WHY];
    struct key_file f;

    if (!key_file_read_public(span_of(path), &f, why)) {
        fail(why);
        return false;
    }
    if (ds) {
        print_ds(&f);
        return true;
    }
    ok = key_file_read(span_of(path), &f, why);
    print_key(path, &f, ok ? NULL : why);
    dnskey_free(&f.key);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* K<zone>.+013+<tag>.key of a folder, in order; returns how many, -1: said. */
static int find_files(const char *folder, const struct dns_name *zone, char *names[KEYS_MAX])
{
    char name[DNS_NAME_TEXT], prefix[DNS_NAME_TEXT + 8];
    DIR *dir = opendir(folder);
    const struct dirent *e;
    int n = 0;

    if (dir == NULL) {
        fprintf(stderr, "selvagectl: ");
        perror(folder);
        return -1;
    }
    snprintf(
        prefix, sizeof(prefix), "K%s+%03d+", dns_name_text(zone->wire, name), DNSKEY_ALGORITHM);
    /* cppcheck-suppress readdirCalled ; there is one thread */
    while ((e = readdir(dir)) != NULL && n < KEYS_MAX) {
        if (span_starts(span_of(e->d_name), span_of(prefix)) &&
            span_ends(span_of(e->d_name), SPAN(".key")))
            names[n++] = xstrdup(e->d_name);
    }
    closedir(dir);
    qsort(names, (size_t)n, sizeof(names[0]), compare_names);
    return n;
}

static int show_zone(const struct ctl *ctl)
{
    const char *folder = ctl->dir != NULL ? ctl->dir : ".";
    char *names[KEYS_MAX], path[PATH_MAX];
    struct dns_name zone;
    bool ok = true;
    int n;

    if (!read_zone(ctl->args[1], &zone))
        return 1;
    n = find_files(folder, &zone, names);
    if (n == 0)
        fprintf(stderr, "selvagectl: there is no key of that zone in %s\n", folder);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%.*s", folder, (int)(strlen(names[i]) - strlen(".key")),
            names[i]);
        ok = show_file(ctl, path) && ok;
        free(names[i]);
    }
    return n > 0 && ok && fflush(stdout) == 0 ? 0 : 1;
}

/* By file, or all keys of a zone in a folder. */
static int show(const struct ctl *ctl)
{
    if (strstr(ctl->args[1], ".+013+") == NULL)
        return show_zone(ctl);
    return show_file(ctl, ctl->args[1]) && fflush(stdout) == 0 ? 0 : 1;
}

int ctl_dnssec(const struct ctl *ctl)
{
    const char *what = ctl->args[0];

    if (strcmp(what, "keygen") == 0)
        return keygen(ctl);
    if (strcmp(what, "ds") == 0 || strcmp(what, "show") == 0)
        return show(ctl);
    return ctl_wrong_usage("dnssec keygen, ds or show, not ", what);
}
