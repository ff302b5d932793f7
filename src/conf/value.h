/*
 * value.h - one written value to a number, an address, a flag: the same rules for the
 * configuration and for the command line (--memory 256MiB).
 *
 * Each reader answers true and stores, or false, leaves *out alone and writes a sentence into
 * `why`: what was found and what would be right, without place or newline. The sentence repeats
 * the value as it came; conf_error() escapes what is not printable, other writers must. Pure, any
 * thread.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/attrs.h"
#include "base/span.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct value_why {
    char text[256];
};

/* Bytes: a whole number with B, KiB, MiB, GiB, TiB (powers of 1024) or KB, MB, GB, TB (of 1000);
 * a bare 0 is fine. At most INT64_MAX. */
MUST_USE bool value_size(struct span s, uint64_t *bytes, struct value_why *why);

/* Milliseconds: whole numbers with y (365 days), w, d, h, m, s, ms, largest unit first, as in
 * 1h30m; a bare 0 is fine. */
MUST_USE bool value_duration(struct span s, int64_t *ms, struct value_why *why);

/* A whole number with an optional minus sign. */
MUST_USE bool value_integer(struct span s, int64_t *n, struct value_why *why);

/* on or off. */
MUST_USE bool value_flag(struct span s, bool *flag, struct value_why *why);

/* Where to listen: 0.0.0.0:80, [::]:443, unix:/run/selvage/http.sock. Never a name; port 0 lets
 * the kernel choose. */
struct value_listen {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    socklen_t len; /* 0: not set */
};
MUST_USE bool value_listen(struct span s, struct value_listen *out, struct value_why *why);

/* One of `words` (NULL at the end): *index is its place in the list. */
MUST_USE bool value_word(
    struct span s, const char *const *words, int *index, struct value_why *why);

/* Back to text, in the largest unit that says it exactly: 64KiB, 90m. Returns dst. */
enum { VALUE_TEXT = 64 };
char *value_size_text(uint64_t bytes, char dst[VALUE_TEXT]);
char *value_duration_text(int64_t ms, char dst[VALUE_TEXT]);

#endif
