#include "net/certs.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "net/client_hello.h"
#include "net/text_index.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SOON_S = 14 * 86400, /* before a certificate's end we say so */
    SOON_LINES = 20,     /* at once */
};

/* A name's certificates, and which of them are a site's own. */
struct entry {
    struct cert_pair pair;
    bool own[CERT_KINDS];
};

struct certs {
    struct cert **all; /* owns; counted */
    unsigned n, cap;
    struct text_index names; /* texts are the certificates' and the configuration's */
    struct entry *entries;   /* owns; of each name */
    uint32_t entries_cap;
    struct cert_pair fallback;
    const struct cert *soonest;
};

/* What is being built. */
struct build {
    struct certs *set;
    const struct certs *old;
    struct text_index old_files;
    unsigned *old_at; /* owns; of each of them, where it is in old->all */
    wall_s now;
    struct conf_errors *errors;
    unsigned soon;
};

/* --- names -------------------------------------------------------------------------------------
 */

static bool is_valid(const struct cert *c, wall_s now)
{
    return c->not_before <= now && now < c->not_after;
}

static bool is_better(const struct cert *c, bool own, const struct entry *e, wall_s now)
{
    const struct cert *had = e->pair.of[c->kind];

    if (had == NULL || own != e->own[c->kind])
        return had == NULL || own;
    if (is_valid(c, now) != is_valid(had, now))
        return is_valid(c, now);
    return c->not_after > had->not_after;
}

static void add_name(struct build *b, struct span name, struct cert *c, bool own)
{
    struct certs *s = b->set;
    struct span below = span_starts(name, SPAN("*.")) ? span_from(name, 2) : name;
    uint32_t i;

    if (below.n == 0 || name.n > SERVER_NAME_MAX || span_find(below, '*') != below.n)
        return; /* a star anywhere else covers nothing */
    i = text_index_add(&s->names, name);
    if (i >= s->entries_cap) {
        uint32_t cap = s->entries_cap == 0 ? 64 : s->entries_cap * 2;

        s->entries = realloc(s->entries, cap * sizeof(*s->entries));
        check(s->entries != NULL);
        memset(s->entries + s->entries_cap, 0, (cap - s->entries_cap) * sizeof(*s->entries));
        s->entries_cap = cap;
    }
    if (is_better(c, own, &s->entries[i], b->now)) {
        s->entries[i].pair.of[c->kind] = c;
        s->entries[i].own[c->kind] = own;
    }
}

/* "*.example.com" for "www.example.com"; empty when there is no label to take off. */
static struct span wildcard_of(struct span name, char to[static SERVER_NAME_MAX + 1])
{
    size_t dot = span_find(name, '.');
    struct span rest = span_from(name, dot);

    if (rest.n < 2 || rest.n > SERVER_NAME_MAX)
        return SPAN_EMPTY;
    to[0] = '*';
    memcpy(to + 1, rest.p, rest.n);
    return span_make(to, rest.n + 1);
}

const struct cert_pair *certs_find(const struct certs *c, struct span name)
{
    char wild[SERVER_NAME_MAX + 1];
    uint32_t i = text_index_find(&c->names, name);

    if (i == TEXT_NONE) {
        name = wildcard_of(name, wild);
        i = name.n > 0 ? text_index_find(&c->names, name) : TEXT_NONE;
    }
    return i != TEXT_NONE ? &c->entries[i].pair : NULL;
}

const struct cert_pair *certs_fallback(const struct certs *c)
{
    for (int k = 0; k < CERT_KINDS; k++) {
        if (c->fallback.of[k] != NULL)
            return &c->fallback;
    }
    return NULL;
}

/* --- one certificate ---------------------------------------------------------------------------
 */

/* What a site's certificate has to say of a host of it. */
static bool covers(const struct cert *c, struct span host)
{
    char wild[SERVER_NAME_MAX + 1];
    struct span rest = c->names, name, star = wildcard_of(host, wild);

    while (cert_next_name(&rest, &name)) {
        if (span_eq(name, host) || (star.n > 0 && span_eq(name, star)))
            return true;
    }
    return false;
}

/* For a site's hosts it is used whatever its names are; of its names those are taken that are below
 * a wildcard of the site. */
static void add_for_site(struct build *b, const struct certs_source *s, struct cert *c)
{
    for (unsigned i = 0; i < s->hosts_n; i++) {
        struct span host = s->hosts[i], rest = c->names, name;

        if (span_eq(host, SPAN("*"))) {
            if (b->set->fallback.of[c->kind] == NULL)
                b->set->fallback.of[c->kind] = c;
            while (cert_next_name(&rest, &name))
                add_name(b, name, c, false);
            continue;
        }
        add_name(b, host, c, true);
        if (!covers(c, host))
            log_msg(LOG_WARN, "certificate %s is not for %.*s, which the site at %s:%u gives it to",
                c->file.p, SPAN_ARG(host), s->at.file, s->at.line);
        while (span_starts(host, SPAN("*.")) && cert_next_name(&rest, &name)) {
            if (span_ends(name, span_from(host, 1)))
                add_name(b, name, c, true);
        }
    }
}

static void say_soon(struct build *b, const struct cert *c)
{
    int64_t left_s = c->not_after - b->now;

    if (left_s > SOON_S || ++b->soon > SOON_LINES)
        return;
    if (left_s <= 0)
        log_msg(
            LOG_WARN, "certificate %s is over since %d days", c->file.p, (int)(-left_s / 86400));
    else
        log_msg(LOG_WARN, "certificate %s is over in %d days", c->file.p, (int)(left_s / 86400));
}

static void add_cert(struct build *b, const struct certs_source *s, struct cert *c)
{
    struct certs *set = b->set;
    struct span rest = c->names, name;

    if (set->n == set->cap) {
        set->cap = set->cap == 0 ? 16 : set->cap * 2;
        set->all = realloc(set->all, set->cap * sizeof(struct cert *));
        check(set->all != NULL);
    }
    set->all[set->n++] = c;
    if (set->soonest == NULL || c->not_after < set->soonest->not_after)
        set->soonest = c;
    say_soon(b, c);
    if (s->hosts != NULL) {
        add_for_site(b, s, c);
        return;
    }
    if (s->fallback && set->fallback.of[c->kind] == NULL)
        set->fallback.of[c->kind] = c;
    while (cert_next_name(&rest, &name))
        add_name(b, name, c, false);
}

/* The one of the old set, if nobody touched its files. */
static struct cert *unchanged(const struct build *b, const char *file, const char *key)
{
    uint32_t i = text_index_find(&b->old_files, span_of(file));
    struct hash128 version;

    if (i == TEXT_NONE || !cert_version(file, key, &version) ||
        !hash128_eq(version, b->old->all[b->old_at[i]]->version))
        return NULL;
    return cert_ref(b->old->all[b->old_at[i]]);
}

/* Where the key of a certificate is that stands in a directory: beside it as NAME.key, as certbot
 * leaves it, or in the same file. */
static void key_beside(const char *file, char key[static PATH_MAX])
{
    struct span path = span_of(file);
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    const char *dot = strrchr(name, '.');
    int stem = dot != NULL ? (int)(dot - file) : (int)path.n;

    (void)snprintf(key, PATH_MAX, "%.*s.key", stem, file);
    if (access(key, F_OK) == 0)
        return;
    if (strcmp(name, "fullchain.pem") == 0) {
        (void)snprintf(key, PATH_MAX, "%.*sprivkey.pem", (int)(name - file), file);
        if (access(key, F_OK) == 0)
            return;
    }
    (void)snprintf(key, PATH_MAX, "%s", file);
}

static void load_one(struct build *b, const struct certs_source *s, const char *file)
{
    char beside[PATH_MAX], why[CERT_WHY];
    const char *key = s->key.p;
    struct cert *c;

    if (s->key.n == 0) {
        key_beside(file, beside);
        key = beside;
    }
    c = unchanged(b, file, key);
    if (c == NULL)
        c = cert_read(file, key, why);
    if (c == NULL) {
        conf_error(b->errors, s->at, "%s", why);
    } else if (!s->many && b->old == NULL && c->not_after <= b->now) {
        conf_error(b->errors, s->at, "%s: the certificate is over since %d days", file,
            (int)((b->now - c->not_after) / 86400));
        cert_unref(&c);
    } else if (c->names.n == 0 && !s->fallback && s->hosts == NULL) {
        conf_error(b->errors, s->at, "%s: the certificate has no DNS name (subjectAltName)", file);
        cert_unref(&c);
    } else {
        add_cert(b, s, c);
    }
}

/* Whether a file of a directory of certificates is one: keys stand beside them. */
static bool is_cert_file(const char *path)
{
    struct span p = span_of(path);

    return !span_ends(p, SPAN("/")) && !span_ends(p, SPAN(".key"));
}

static void load_many(struct build *b, const struct certs_source *s)
{
    glob_t found;
    int status = glob(s->file.p, GLOB_MARK, NULL, &found);

    if (status == GLOB_NOSPACE || status == GLOB_ABORTED)
        conf_error(b->errors, s->at, "cannot read the directory of %s: %s", s->file.p,
            status == GLOB_NOSPACE ? "out of memory" : strerror(errno));
    for (size_t i = 0; status == 0 && i < found.gl_pathc; i++) {
        if (is_cert_file(found.gl_pathv[i]))
            load_one(b, s, found.gl_pathv[i]);
    }
    if (status == 0)
        globfree(&found);
}

/* --- the set -----------------------------------------------------------------------------------
 */

static void know_old(struct build *b)
{
    b->old_at = xcalloc(b->old->n + 1, sizeof(*b->old_at));
    for (unsigned i = 0; i < b->old->n; i++)
        b->old_at[text_index_add(&b->old_files, b->old->all[i]->file)] = i;
}

struct certs *certs_load(const struct certs_source *sources, const struct certs *old, wall_s now,
    struct conf_errors *errors)
{
    struct build b = {.set = xcalloc(1, sizeof(*b.set)), .old = old, .now = now, .errors = errors};
    unsigned had = errors->n;

    if (old != NULL)
        know_old(&b);
    for (const struct certs_source *s = sources; s != NULL; s = s->next) {
        if (s->many)
            load_many(&b, s);
        else
            load_one(&b, s, s->file.p);
    }
    text_index_free(&b.old_files);
    free(b.old_at);
    if (b.soon > SOON_LINES)
        log_msg(LOG_WARN, "%u more certificates are over, or soon will be", b.soon - SOON_LINES);
    if (errors->n > had)
        certs_free(&b.set);
    return b.set;
}

bool certs_same(const struct certs *a, const struct certs *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->all, b->all, a->n * sizeof(a->all[0])) == 0);
}

void certs_free(struct certs **cp)
{
    struct certs *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->n; i++)
        cert_unref(&c->all[i]);
    text_index_free(&c->names);
    free(c->entries);
    free(c->all);
    free(c);
}

struct cert *certs_at(const struct certs *c, unsigned i)
{
    return c->all[i];
}

unsigned certs_count(const struct certs *c)
{
    return c->n;
}

unsigned certs_names(const struct certs *c)
{
    return c->names.n;
}

const struct cert *certs_soonest(const struct certs *c)
{
    return c->soonest;
}
