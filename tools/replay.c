/*
 * replay - what the policies of the tiers make of a list of requests, beside others.
 *
 * Reads or makes requests, runs them through the policy code of src/cache (sim/tiers.h) and through
 * others (sim/reference.h), and prints the ratio of missed objects and of missed bytes for each
 * size of the cache. See usage().
 */
#include "base/check.h"
#include "cache/cache.h"
#include "sim/reference.h"
#include "sim/tiers.h"
#include "sim/trace.h"
#include "sim/traffic.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZES_MAX = 8 };

struct options {
    const char *models; /* names with commas, or "all" */
    const char *trace;  /* a file, or "-" */
    const char *write;  /* a file: no replay */
    const char *data_dir;
    uint64_t requests; /* 0: the model's */
    uint64_t slice_bytes;
    uint64_t seed;
    uint32_t scale;
    const char *memory[SIZES_MAX]; /* "1%" of all bytes, or bytes with K, M, G */
    unsigned memory_n;
    const char *disk; /* NULL: none */
    int admission;    /* see struct cache_conf */
    double window;    /* in rounds of the ring */
    unsigned skip_percent;
    bool best;
};

static void usage(FILE *f)
{
    fputs("usage: replay [OPTION]...\n"
          "  --trace FILE      requests: lines \"time key bytes\", or as --write makes it; - is "
          "stdin\n"
          "  --model NAMES     made requests instead: names with commas, or all (see --list)\n"
          "  --list            says which there are\n"
          "  --requests N      how many to make\n"
          "  --scale N         a model with so many times fewer objects (and requests)\n"
          "  --seed N          for the making (1)\n"
          "  --data DIR        where distributions are (tests/data)\n"
          "  --write FILE      writes the requests (binary) instead of replaying them\n"
          "  --slice BYTES     larger objects are asked for as slices (1M); 0: whole\n"
          "  --memory SIZE     bytes, or a part of all bytes as 1%; may be said again (1%, 10%)\n"
          "  --disk SIZE       a disk behind the memory, likewise\n"
          "  --admission auto|all|small|second|scarce   once the ring has gone round (auto)\n"
          "  --window ROUNDS   how long a first request is remembered, in rounds of the ring (1)\n"
          "  --skip PERCENT    of the requests are not counted (0; 20 with --disk)\n"
          "  --best            also what the best policies that know the future do: slower\n",
        f);
}

/* "64M", or with `all` != 0 "1.5%" of it. 0: neither. */
static uint64_t size_of(const char *s, uint64_t all)
{
    char *end = NULL;
    double n = strtod(s, &end);

    if (n <= 0 || end == s)
        return 0;
    switch (*end) {
    case '%':
        return all != 0 ? (uint64_t)(n / 100 * (double)all) : 1;
    case 'K':
        return (uint64_t)(n * 1024);
    case 'M':
        return (uint64_t)(n * 1048576);
    case 'G':
        return (uint64_t)(n * 1073741824);
    default:
        return *end == '\0' ? (uint64_t)n : 0;
    }
}

/* --- output ----------------------------------------------------------------------------------- */

static void row(const char *name, const struct tally *y, bool disk)
{
    printf("| %-34s | %.4f | %.4f |", name, tally_objects(y), tally_bytes(y));
    if (disk && y->written_bytes != 0)
        printf(" %.3f |", (double)y->written_bytes / (double)y->bytes);
    else if (disk)
        printf("       |");
    putchar('\n');
    fflush(stdout);
}

static void replay_size(const struct options *o, const struct trace *t, const char *size)
{
    uint64_t memory = size_of(size, t->footprint_bytes);
    uint64_t disk = o->disk != NULL ? size_of(o->disk, t->footprint_bytes) : 0;
    uint64_t all = memory + disk;
    struct tiers_conf conf = {.memory_bytes = memory,
        .disk_bytes = disk,
        .admission = o->admission,
        .window_bytes = (uint64_t)(o->window * (double)disk)};
    struct tally y;

    printf("\nmemory %s: %.1f MB", size, (double)memory / 1e6);
    if (disk != 0)
        printf(", disk %s: %.1f MB", o->disk, (double)disk / 1e6);
    printf("\n\n| policy                             | object miss | byte miss |%s\n",
        disk != 0 ? " written |" : "");
    printf("|---|---|---|%s\n", disk != 0 ? "---|" : "");
    y = lru_run(t, all);
    row(disk != 0 ? "LRU of both sizes together" : "LRU", &y, disk != 0);
    y = s3fifo_run(t, all);
    row(disk != 0 ? "S3-FIFO of both sizes together" : "S3-FIFO", &y, disk != 0);
    y = tiers_run(t, &conf);
    row("ours", &y, disk != 0);
    if (!o->best)
        return;
    y = belady_run(t, all);
    row("Belady: latest next use leaves", &y, disk != 0);
    y = belady_size_run(t, all);
    row("Belady by next use times size", &y, disk != 0);
    y = bound_run(t, all);
    row("bound (of two choices)", &y, disk != 0);
}

static void replay(const struct options *o, struct trace *t)
{
    printf("%llu requests for %u objects (slices counted), %.2f GB of %.2f GB asked for\n",
        (unsigned long long)t->asked_n, t->objects_n, (double)t->footprint_bytes / 1e9,
        (double)t->asked_bytes / 1e9);
    t->skip_n = t->requests_n / 100 * o->skip_percent;
    /* Not amid the slices of a request. */
    while (t->skip_n != 0 && t->requests[t->skip_n - 1] & TRACE_MORE)
        t->skip_n--;
    for (unsigned i = 0; i < o->memory_n; i++)
        replay_size(o, t, o->memory[i]);
}

/* --- input ------------------------------------------------------------------------------------ */

static void sink_trace(void *ctx, uint32_t time_s, uint64_t key, uint64_t bytes)
{
    (void)time_s;
    trace_add(ctx, key, bytes);
}

static void sink_file(void *ctx, uint32_t time_s, uint64_t key, uint64_t bytes)
{
    trace_write(ctx, time_s, key, bytes);
}

static bool run_model(const struct options *o, const struct traffic_model *m, char *err, size_t cap)
{
    uint64_t n = o->requests != 0 ? o->requests : m->requests / o->scale;
    struct trace t;
    bool made;

    printf("\n## %s: %s\n\nseed %llu, scale %u: ", m->name, m->about, (unsigned long long)o->seed,
        o->scale);
    trace_init(&t, o->slice_bytes);
    made = traffic_make(m, n, o->scale, o->seed, o->data_dir, sink_trace, &t, err, cap);
    if (made)
        replay(o, &t);
    trace_free(&t);
    return made;
}

static bool write_model(
    const struct options *o, const struct traffic_model *m, char *err, size_t cap)
{
    uint64_t n = o->requests != 0 ? o->requests : m->requests / o->scale;
    FILE *f = strcmp(o->write, "-") == 0 ? stdout : fopen(o->write, "w");
    bool written;

    if (f == NULL) {
        snprintf(err, cap, "cannot write %s", o->write);
        return false;
    }
    trace_write_head(f);
    if (!traffic_make(m, n, o->scale, o->seed, o->data_dir, sink_file, f, err, cap)) {
        fclose(f);
        return false;
    }
    written = !ferror(f);
    if (fclose(f) != 0 || !written) {
        snprintf(err, cap, "cannot write %s", o->write);
        return false;
    }
    return true;
}

static bool run_models(const struct options *o, char *err, size_t cap)
{
    char *names = xstrdup(o->models), *save = NULL;
    bool fine = true;

    if (strcmp(o->models, "all") == 0) {
        for (unsigned i = 0; i < traffic_models_n && fine; i++)
            fine = run_model(o, &traffic_models[i], err, cap);
        free(names);
        return fine;
    }
    for (char *name = strtok_r(names, ",", &save); name != NULL && fine;
         name = strtok_r(NULL, ",", &save)) {
        const struct traffic_model *m = traffic_model(name);

        if (m == NULL)
            snprintf(err, cap, "there is no model \"%s\"", name);
        fine = m != NULL &&
               (o->write != NULL ? write_model(o, m, err, cap) : run_model(o, m, err, cap));
    }
    free(names);
    return fine;
}

static bool run_trace(const struct options *o, char *err, size_t cap)
{
    FILE *f = strcmp(o->trace, "-") == 0 ? stdin : fopen(o->trace, "r");
    struct trace t;
    bool read;

    if (f == NULL) {
        snprintf(err, cap, "cannot read %s", o->trace);
        return false;
    }
    trace_init(&t, o->slice_bytes);
    read = trace_read(&t, f, err, cap);
    if (f != stdin)
        fclose(f);
    if (read && t.requests_n == 0) {
        snprintf(err, cap, "the trace is empty");
        read = false;
    }
    if (read)
        replay(o, &t);
    trace_free(&t);
    return read;
}

/* --- options ---------------------------------------------------------------------------------- */

enum {
    O_TRACE = 1,
    O_MODEL,
    O_LIST,
    O_REQUESTS,
    O_SCALE,
    O_SEED,
    O_DATA,
    O_WRITE,
    O_SLICE,
    O_MEMORY,
    O_DISK,
    O_ADMISSION,
    O_WINDOW,
    O_SKIP,
    O_BEST,
    O_HELP,
};

static const struct option long_options[] = {
    {"trace", required_argument, NULL, O_TRACE},
    {"model", required_argument, NULL, O_MODEL},
    {"list", no_argument, NULL, O_LIST},
    {"requests", required_argument, NULL, O_REQUESTS},
    {"scale", required_argument, NULL, O_SCALE},
    {"seed", required_argument, NULL, O_SEED},
    {"data", required_argument, NULL, O_DATA},
    {"write", required_argument, NULL, O_WRITE},
    {"slice", required_argument, NULL, O_SLICE},
    {"memory", required_argument, NULL, O_MEMORY},
    {"disk", required_argument, NULL, O_DISK},
    {"admission", required_argument, NULL, O_ADMISSION},
    {"window", required_argument, NULL, O_WINDOW},
    {"skip", required_argument, NULL, O_SKIP},
    {"best", no_argument, NULL, O_BEST},
    {"help", no_argument, NULL, O_HELP},
    {NULL, 0, NULL, 0},
};

static void die(const char *what, const char *value)
{
    fprintf(stderr, "replay: %s \"%s\"\n", what, value);
    exit(2);
}

static uint64_t number_of(const char *s)
{
    char *end = NULL;
    uint64_t n = strtoull(s, &end, 10);

    if (*s < '0' || *s > '9' || *end != '\0')
        die("not a number:", s);
    return n;
}

static int admission_of(const char *s)
{
    static const char *const names[] = {"auto", "all", "small", "second", "scarce"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(s, names[i]) == 0)
            return (int)i;
    die("not a level of admission:", s);
    return CACHE_ADMISSION_AUTO;
}

static void take_option(struct options *o, int option, const char *value)
{
    switch (option) {
    case O_TRACE:
        o->trace = value;
        return;
    case O_MODEL:
        o->models = value;
        return;
    case O_LIST:
        for (unsigned i = 0; i < traffic_models_n; i++)
            printf("%-8s  %s\n", traffic_models[i].name, traffic_models[i].about);
        exit(0);
    case O_REQUESTS:
        o->requests = number_of(value);
        return;
    case O_SCALE:
        o->scale = (uint32_t)number_of(value);
        return;
    case O_SEED:
        o->seed = number_of(value);
        return;
    case O_DATA:
        o->data_dir = value;
        return;
    case O_WRITE:
        o->write = value;
        return;
    case O_SLICE:
        o->slice_bytes = strcmp(value, "0") == 0 ? 0 : size_of(value, 0);
        return;
    case O_MEMORY:
        if (size_of(value, 0) == 0 || o->memory_n == SIZES_MAX)
            die("not a size, or too many of them:", value);
        o->memory[o->memory_n++] = value;
        return;
    case O_DISK:
        if (size_of(value, 0) == 0)
            die("not a size:", value);
        o->disk = value;
        return;
    case O_ADMISSION:
        o->admission = admission_of(value);
        return;
    case O_WINDOW:
        o->window = strtod(value, NULL);
        return;
    case O_SKIP:
        o->skip_percent = (unsigned)number_of(value);
        return;
    case O_BEST:
        o->best = true;
        return;
    case O_HELP:
        usage(stdout);
        exit(0);
    default:
        usage(stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct options o = {
        .data_dir = "tests/data",
        .slice_bytes = TRACE_SLICE_BYTES,
        .seed = 1,
        .scale = 1,
        .window = 1,
        .skip_percent = 101,
    };
    char err[4200] = "";
    int option;
    bool fine;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        take_option(&o, option, optarg);
    if (optind != argc || (o.trace == NULL) == (o.models == NULL) || o.scale == 0 ||
        (o.write != NULL && o.models == NULL)) {
        usage(stderr);
        return 2;
    }
    if (o.skip_percent > 100)
        o.skip_percent = o.disk != NULL ? 20 : 0;
    if (o.memory_n == 0) {
        o.memory[o.memory_n++] = "1%";
        o.memory[o.memory_n++] = "10%";
    }
    fine = o.trace != NULL ? run_trace(&o, err, sizeof(err)) : run_models(&o, err, sizeof(err));
    if (!fine)
        fprintf(stderr, "replay: %s\n", err);
    return fine ? 0 : 1;
}
