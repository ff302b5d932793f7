/*
 * Targets to files of a directory: whatever is asked for, the path stays below it.
 */
#include "base/check.h"
#include "origin/file_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void path_check(struct arena *a, struct span target, bool dot_files)
{
    struct span path, rest, segment, slashed;

    if (!file_path_of(a, target, dot_files, &path))
        return;
    check(span_starts(target, SPAN("/")) && path.n > 0 && strlen(path.p) == path.n);
    rest = path;
    while (span_cut(&rest, '/', &segment)) {
        check(segment.n > 0 && !span_eq(segment, SPAN(".")) && !span_eq(segment, SPAN("..")));
        check(dot_files || segment.p[0] != '.');
    }
    check(!file_path_is_folder(target) || span_ends(path, SPAN(FILE_INDEX)));
    slashed = file_path_slashed(a, path, target);
    check(slashed.n > 2 && slashed.p[0] == '/' && slashed.p[1] != '/' && slashed.p[1] != '\\');
    check(file_path_is_folder(slashed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span target = span_make((const char *)data, n);
    struct arena a;

    arena_init(&a);
    path_check(&a, target, false);
    path_check(&a, target, true);
    arena_free(&a);
    return 0;
}
