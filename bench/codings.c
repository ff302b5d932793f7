/*
 * codings.c - what each level of each coding costs: size, speed, memory.
 *
 *   make bench/codings && bench/codings FILE [SECONDS-PER-ROW]
 *
 * The file is encoded again and again as one stream in steps of 16 KiB, as the edge does it, and
 * decoded. Speeds are of plain bytes, by CPU time of this thread.
 */
#include "base/check.h"
#include "coding/coder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STEP = 16 << 10 };

struct result {
    size_t bytes, memory;
    double seconds;
};

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One stream; `out` takes all of it. */
static size_t run(struct coder *c, struct span in, char *out, size_t cap, size_t *memory)
{
    enum coder_state state = CODER_NEEDS_INPUT;
    size_t total = 0, made;

    while (state != CODER_DONE) {
        size_t n = in.n < STEP ? in.n : STEP;
        struct span piece = span_make(in.p, n);
        size_t room = cap - total < STEP ? cap - total : STEP;

        state =
            coder_step(c, &piece, out + total, room, n == in.n ? CODER_END : CODER_GATHER, &made);
        check(state != CODER_FAILED);
        in = span_from(in, n - piece.n);
        total += made;
        if (coder_memory(c) > *memory)
            *memory = coder_memory(c);
    }
    return total;
}

static struct result measure(enum coding coding, int level, bool decode, struct span in, char *out,
    size_t cap, double enough)
{
    struct result r = {0};
    double began = cpu_seconds();
    unsigned times = 0;

    do {
        struct coder *c =
            decode ? coder_decoder(coding) : coder_encoder(coding, level, (int64_t)in.n);

        check(c != NULL);
        r.bytes = run(c, in, out, cap, &r.memory);
        coder_free(&c);
        times++;
        r.seconds = (cpu_seconds() - began) / times;
    } while (cpu_seconds() - began < enough);
    return r;
}

static void row(enum coding coding, int level, struct span plain, double enough)
{
    size_t cap = plain.n + (plain.n >> 3) + 65536;
    char *packed = xmalloc(cap), *again = xmalloc(cap);
    struct result e = measure(coding, level, false, plain, packed, cap, enough);
    struct result d =
        measure(coding, level, true, span_make(packed, e.bytes), again, cap, enough / 4);

    check(d.bytes == plain.n && memcmp(again, plain.p, plain.n) == 0);
    printf("%-5.*s %5d  %9zu %6.2f  %8.1f %8.1f  %8zu %8zu\n", SPAN_ARG(coding_name(coding)), level,
        e.bytes, (double)plain.n / (double)e.bytes, (double)plain.n / e.seconds / 1e6,
        (double)plain.n / d.seconds / 1e6, e.memory >> 10, d.memory >> 10);
    fflush(stdout);
    free(packed);
    free(again);
}

static struct span read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long n;
    char *p;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) <= 0) {
        perror(path);
        exit(1);
    }
    rewind(f);
    p = xmalloc((size_t)n);
    check(fread(p, 1, (size_t)n, f) == (size_t)n);
    fclose(f);
    return span_make(p, (size_t)n);
}

int main(int argc, char **argv)
{
    double enough = argc > 2 ? strtod(argv[2], NULL) : 0.5;
    struct span plain;

    if (argc < 2) {
        fprintf(stderr, "usage: codings FILE [SECONDS-PER-ROW]\n");
        return 1;
    }
    plain = read_file(argv[1]);
    printf("%s: %zu bytes\n", argv[1], plain.n);
    printf("coding level    bytes  ratio  enc MB/s dec MB/s   enc KiB  dec KiB\n");
    for (int i = CODING_IDENTITY + 1; i < CODING_KINDS; i++) {
        const struct coder_levels *levels = coder_levels((enum coding)i);

        for (int level = levels->min; level <= levels->max; level++)
            row((enum coding)i, level, plain, enough);
    }
    return 0;
}
