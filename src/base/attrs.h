/* attrs.h - what the compiler can check for us, under short names. */
#ifndef BASE_ATTRS_H
#define BASE_ATTRS_H

#define MUST_USE           __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NONNULL            __attribute__((nonnull))
#define NORETURN           __attribute__((noreturn))
#define UNUSED             __attribute__((unused))
#define PURE               __attribute__((pure))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that embeds `ptr` as `member`. */
#define container_of(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(ptr) - __builtin_offsetof(type, member)))

#endif
