#include "geo/database.h"

#include "base/check.h"
#include "geo/database_impl.h"
#include "geo/record.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 30, COPY_BYTES = 1 << 20 };

struct geo *geo_new(void)
{
    return xcalloc(1, sizeof(struct geo));
}

void geo_free(struct geo **gp)
{
    struct geo *g = *gp;

    *gp = NULL;
    if (g == NULL)
        return;
    for (unsigned i = 0; i < g->n; i++)
        MMDB_close(&g->files[i]);
    free(g);
}

/* --- opening ------------------------------------------------------------------------------ */

static bool failed(struct geo_why *why, const char *path, const char *because)
{
    snprintf(why->text, sizeof(why->text), "%.200s: %s", path, because);
    return false;
}

static bool copy_all(int from, int to)
{
    char *piece = xcalloc(1, COPY_BYTES);
    size_t all = 0;
    ssize_t got;

    while ((got = read(from, piece, COPY_BYTES)) > 0) {
        if ((all += (size_t)got) > FILE_BYTES_MAX) {
            errno = EFBIG;
            got = -1;
            break;
        }
        if (write(to, piece, (size_t)got) != got) {
            got = -1;
            break;
        }
    }
    free(piece);
    return got == 0;
}

/* Nobody has written to the file since. A writer who pauses for long is not found out. */
static bool is_still(int fd, const struct stat *since)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size == since->st_size &&
           memcmp(&st.st_mtim, &since->st_mtim, sizeof(st.st_mtim)) == 0 &&
           memcmp(&st.st_ctim, &since->st_ctim, sizeof(st.st_ctim)) == 0;
}

static int new_copy(const char *folder)
{
    if (folder != NULL)
        return open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    return memfd_create("selvage-geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool sealed(int copy)
{
    return fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0;
}

/* The file's bytes where nobody else can change them, in memory or in the folder; -1 with errno,
 * EBUSY when it was written to meanwhile. */
static int copy_of(const char *path, const char *folder)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), copy, error;
    struct stat st;

    if (from < 0)
        return -1;
    copy = new_copy(folder);
    if (fstat(from, &st) == 0 && !S_ISREG(st.st_mode)) {
        error = EINVAL;
    } else if (copy < 0 || !copy_all(from, copy) || (folder == NULL && !sealed(copy))) {
        error = errno;
    } else if (!is_still(from, &st)) {
        error = EBUSY;
    } else {
        close(from);
        return copy;
    }
    close(from);
    if (copy >= 0)
        close(copy);
    errno = error;
    return -1;
}

static const char *why_not_copied(void)
{
    return errno == EINVAL  ? "this is not a file"
           : errno == EBUSY ? "somebody is writing to it"
                            : strerror(errno);
}

/* Of a copy that is open and whole; EINVAL is what mmap() says of an empty one. */
static const char *why_not_opened(int status)
{
    return status == MMDB_IO_ERROR && errno != EINVAL ? strerror(errno)
                                                      : "this is no database in MaxMind's format";
}

/* Every node of the search tree leads somewhere: to a node, to data, to nothing. */
static bool tree_is_whole(const MMDB_s *db)
{
    for (uint32_t i = 0; i < db->metadata.node_count; i++) {
        MMDB_search_node_s node;

        if (MMDB_read_node(db, i, &node) != MMDB_SUCCESS ||
            node.left_record_type == MMDB_RECORD_TYPE_INVALID ||
            node.right_record_type == MMDB_RECORD_TYPE_INVALID)
            return false;
    }
    return true;
}

static bool add(struct geo *g, const char *path, const char *folder, struct geo_why *why)
{
    char name[64];
    int copy, status;

    if (g->n == GEO_FILES_MAX)
        return failed(why, path, "there are 8 databases already");
    copy = copy_of(path, folder);
    if (copy < 0)
        return failed(why, path, why_not_copied());
    snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
    status = MMDB_open(name, MMDB_MODE_MMAP, &g->files[g->n]);
    close(copy);
    if (status != MMDB_SUCCESS)
        return failed(why, path, why_not_opened(status));
    if (!tree_is_whole(&g->files[g->n])) {
        MMDB_close(&g->files[g->n]);
        return failed(why, path, "the database is damaged: its search tree leads nowhere");
    }
    g->n++;
    return true;
}

void geo_file(const struct geo *g, unsigned i, struct geo_file *out)
{
    const MMDB_metadata_s *m = &g->files[i].metadata;

    snprintf(out->type, sizeof(out->type), "%s", m->database_type != NULL ? m->database_type : "");
    out->built = m->build_epoch < INT64_MAX ? (wall_s)m->build_epoch : 0;
}

bool geo_add(struct geo *g, const char *path, struct geo_why *why)
{
    return add(g, path, NULL, why);
}

bool geo_add_on_disk(struct geo *g, const char *path, const char *folder, struct geo_why *why)
{
    const MMDB_s *file = &g->files[g->n];

    if (!add(g, path, folder, why))
        return false;
    /* The tree was read as a whole: what is asked for comes back by itself. */
    madvise((void *)file->file_content, (size_t)file->file_size, MADV_DONTNEED);
    madvise((void *)file->file_content, (size_t)file->file_size, MADV_RANDOM);
    return true;
}

/* --- looking up ---------------------------------------------------------------------------- */

/* ::ffff:192.0.2.1 as 192.0.2.1: not every file has the former. */
static bool unmapped(const struct sockaddr *sa, struct sockaddr_in *out)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

    if (sa->sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return false;
    *out = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&out->sin_addr, in6->sin6_addr.s6_addr + 12, 4);
    return true;
}

void geo_find(const struct geo *g, const struct sockaddr *address, struct geo_place *out)
{
    struct sockaddr_in v4;

    *out = (struct geo_place){0};
    if (unmapped(address, &v4))
        address = (const struct sockaddr *)(const void *)&v4;
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return;
    for (unsigned i = 0; i < g->n; i++) {
        int error = MMDB_SUCCESS;
        MMDB_lookup_result_s found;

        if (address->sa_family == AF_INET6 && g->files[i].metadata.ip_version == 4)
            continue;
        found = MMDB_lookup_sockaddr(&g->files[i], address, &error);
        if (error == MMDB_SUCCESS && found.found_entry)
            geo_record_read(&found.entry, out);
    }
}
