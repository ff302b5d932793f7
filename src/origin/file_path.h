/*
 * file_path.h - which file of a directory a request target means. Pure; any thread.
 *
 * The file system's own guard (openat2 with RESOLVE_BENEATH) stands behind this; here it is decided
 * what names exist at all for clients.
 */
#ifndef ORIGIN_FILE_PATH_H
#define ORIGIN_FILE_PATH_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"

#define FILE_INDEX "index.html"

/*
 * The path relative to the directory: percent-decoded, NUL-terminated, not empty and without empty
 * segments. A target that ends in '/' means FILE_INDEX there. False, there is no such file: a
 * segment that is or hides "..", an encoded '/', a NUL in any form, a name that begins with a dot
 * unless `dot_files`, or no path at all ("*").
 */
MUST_USE bool file_path_of(struct arena *a, struct span target, bool dot_files, struct span *path);

/* The target's path ends in '/'. */
bool file_path_is_folder(struct span target) PURE;

/* Where the client finds the directory `path`: "/path/?query", with the query of `target`. Never
 * begins with "//". */
struct span file_path_slashed(struct arena *a, struct span path, struct span target);

#endif
