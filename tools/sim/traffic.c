#include "sim/traffic.h"

#include "base/check.h"
#include "sim/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_N = 4000,
    TURN_NUMBERS = 1 << 30,
    REQUESTS_PER_S = 1000,
    BURST_DECADES = 4,
    COUNT_MAX = 100000
};
#define SIZE_MAX_BYTES 4294967295.0
#define PI             3.14159265358979323846

/* What most of them have: churn, and what never comes again. */
#define ZIPF(a)       .requests = 10000000, .objects = 2000000, .alpha = (a), .once = 0.2, .churn = 200
#define ZIPF_FEWER(a) .requests = 5000000, .objects = 500000, .alpha = (a), .churn = 200
#define BURSTS        .requests = 5000000, .objects = 500000

const struct traffic_model traffic_models[] = {
    {"zipf0.8", "Zipf 0.8, one request in five never again, churn", ZIPF(0.8)},
    {"zipf0.9", "Zipf 0.9, the same", ZIPF(0.9)},
    {"zipf1.0", "Zipf 1.0, the same", ZIPF(1.0)},
    {"zipf1.1", "Zipf 1.1, the same", ZIPF(1.1)},
    {"equal", "Zipf 0.9, equal sizes", ZIPF_FEWER(0.9), .once = 0.2, .sizes = SIZES_EQUAL},
    {"scan", "Zipf 0.9, three requests in ten of a robot that walks through all", ZIPF_FEWER(0.9),
        .once = 0.1, .scan = 0.3},
    {"web", "two of three objects once, half of the others in bursts", BURSTS, .once = 0.65,
        .burst = 0.5, .burst_max = 1},
    {"video", "the same, about 1 MB each", BURSTS, .once = 0.65, .burst = 0.5, .burst_max = 1,
        .sizes = SIZES_VIDEO},
    {"files", "Zipf 0.9, three requests in a hundred for files up to 4 GB", .requests = 2000000,
        .objects = 500000, .alpha = 0.9, .once = 0.1, .files = 0.03},
    {"clcdn", "popularity and sizes of a CDN, from CacheLib", .requests = 10000000,
        .once = 0.008844707, .sizes = SIZES_TABLE, .data = "cachelib-cdn"},
    {"flat", "Zipf 0.6, one request in five never again, churn", ZIPF(0.6)},
    {"steep", "Zipf 1.3, the same", ZIPF(1.3)},
    {"loop", "all objects one after another, round and round; one in ten by Zipf 0.9",
        ZIPF_FEWER(0.9), .scan = 0.9},
    {"shift", "Zipf 0.9, one object replaced each five requests", .requests = 5000000,
        .objects = 500000, .alpha = 0.9, .churn = 5},
    {"days", "Zipf 0.9, two kinds of objects in turn", ZIPF_FEWER(0.9), .once = 0.1, .turn = 500000,
        .turns = 2},
    {"flash", "Zipf 0.9, all other objects ten times", ZIPF_FEWER(0.9), .once = 0.1,
        .turn = 500000},
    {"heavy", "Zipf 0.8, the popular ones are the large ones", .requests = 5000000,
        .objects = 500000, .alpha = 0.8, .once = 0.1, .sizes = SIZES_FALLING},
    {"light", "Zipf 0.8, the popular ones are the small ones", .requests = 5000000,
        .objects = 500000, .alpha = 0.8, .once = 0.1, .sizes = SIZES_RISING},
    {"mixed", "Zipf 1.0, one request in ten for video, one in a hundred for files", ZIPF_FEWER(1.0),
        .once = 0.15, .files = 0.01, .video = 0.1},
    {"news", "every object in one burst, a third of them once", BURSTS, .once = 0.33, .burst = 1,
        .burst_max = 0.1},
    {"twice", "every object twice, soon after each other", BURSTS, .burst = 1, .burst_max = 0.3,
        .burst_n = 2, .sizes = SIZES_VIDEO},
};
const unsigned traffic_models_n = ARRAY_LEN(traffic_models);

const struct traffic_model *traffic_model(const char *name)
{
    for (unsigned i = 0; i < traffic_models_n; i++)
        if (strcmp(traffic_models[i].name, name) == 0)
            return &traffic_models[i];
    return NULL;
}

/* --- chance ----------------------------------------------------------------------------------- */

static double fraction(uint64_t x)
{
    return ((double)(x >> 11) + 0.5) / 9007199254740992.0;
}

struct chance {
    uint64_t state;
};

static uint64_t chance_u64(struct chance *c)
{
    return mix64(c->state += UINT64_C(0x9e3779b97f4a7c15));
}

static double chance_fraction(struct chance *c)
{
    return fraction(chance_u64(c));
}

/* Cumulated weights, to draw from. */
struct spread {
    double *sums; /* owns */
    uint32_t n;
};

static uint32_t spread_draw(const struct spread *s, double at)
{
    uint32_t lo = 0, hi = s->n - 1;

    at *= s->sums[s->n - 1];
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (s->sums[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void spread_zipf(struct spread *s, uint32_t n, double alpha)
{
    double sum = 0;

    s->n = n;
    s->sums = xcalloc(n, sizeof(*s->sums));
    for (uint32_t i = 0; i < n; i++)
        s->sums[i] = sum += pow(i + 1, -alpha);
}

/* Lines "value weight"; '#' begins a comment. */
static bool spread_read(struct spread *s, uint64_t **values, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[128];
    double sum = 0;

    if (f == NULL)
        return false;
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long long value;
        double weight;

        if (sscanf(line, "%llu %lf", &value, &weight) != 2)
            continue;
        s->sums = xrealloc(s->sums, (s->n + 1) * sizeof(*s->sums));
        *values = xrealloc(*values, (s->n + 1) * sizeof(**values));
        s->sums[s->n] = sum += weight;
        (*values)[s->n++] = value;
    }
    fclose(f);
    return s->n != 0;
}

/* --- the making ------------------------------------------------------------------------------- */

struct traffic {
    const struct traffic_model *model;
    traffic_sink *sink;
    void *ctx;
    struct chance chance;
    uint64_t salt, sent, requests;
    struct spread popularity, sizes;
    uint64_t *popularity_keys; /* owns; keys in each bucket */
    uint64_t *size_bytes;      /* owns */
};

static double normal(uint64_t key)
{
    double u = fraction(mix64(key + 1)), v = fraction(mix64(key + 2));

    return sqrt(-2 * log(u)) * cos(2 * PI * v);
}

/* A function of the key, so that nothing has to be remembered. */
static uint64_t size_of(
    const struct traffic *f, uint64_t key, uint64_t number, enum traffic_sizes sizes)
{
    double bytes = 0;

    switch (sizes) {
    case SIZES_WEB:
        if (mix64(key + 3) % 50 == 0)
            bytes = 1e6 * pow(fraction(mix64(key + 4)), -1 / 1.1);
        else
            bytes = 12000 * exp(1.8 * normal(key));
        break;
    case SIZES_EQUAL:
        bytes = 100000;
        break;
    case SIZES_VIDEO:
        bytes = 1e6 * exp(0.4 * normal(key));
        break;
    case SIZES_FILES:
        bytes = 20e6 * exp(1.5 * normal(key));
        break;
    case SIZES_TABLE:
        bytes = (double)f->size_bytes[spread_draw(&f->sizes, fraction(mix64(key + 3)))];
        break;
    case SIZES_FALLING:
        bytes = 1e7 * pow((double)number + 1, -0.5) * exp(0.5 * normal(key));
        break;
    case SIZES_RISING:
        bytes = 1e3 * pow((double)number + 1, 0.5) * exp(0.5 * normal(key));
        break;
    }
    if (bytes > SIZE_MAX_BYTES)
        bytes = SIZE_MAX_BYTES;
    return bytes < 64 ? 64 : (uint64_t)bytes;
}

/* Keys of different kinds, that never meet. */
enum kind { KIND_POPULAR, KIND_ONCE, KIND_SCAN, KIND_FILE, KIND_VIDEO };

static uint64_t key_of(const struct traffic *f, enum kind kind, uint64_t number)
{
    return mix64(f->salt + mix64((uint64_t)kind << 56 | number));
}

static void send_request(
    struct traffic *f, enum kind kind, uint64_t number, enum traffic_sizes sizes)
{
    uint64_t key = key_of(f, kind, number);

    f->sink(f->ctx, (uint32_t)(f->sent / REQUESTS_PER_S), key, size_of(f, key, number, sizes));
    f->sent++;
}

/* Other objects stand in for those of that number from turn to turn. */
static uint64_t in_turn(const struct traffic *f, uint32_t scale, uint64_t number)
{
    const struct traffic_model *m = f->model;
    uint64_t turn = m->turn != 0 ? f->sent / (m->turn / scale) : 0;

    return number + (m->turns != 0 ? turn % m->turns : turn) * TURN_NUMBERS;
}

static void make_independent(struct traffic *f, uint32_t scale)
{
    const struct traffic_model *m = f->model;
    uint32_t objects = m->objects / scale;
    uint64_t *object = xcalloc(objects, sizeof(*object)); /* by rank */
    uint64_t born = objects, once = 0, scanned = 0;
    struct spread file_ranks = {0};
    struct spread video_ranks = {0};

    spread_zipf(&f->popularity, objects, m->alpha);
    spread_zipf(&file_ranks, FILES_N / scale + 1, m->alpha);
    spread_zipf(&video_ranks, objects / 10 + 1, m->alpha);
    for (uint32_t i = 0; i < objects; i++)
        object[i] = i;
    while (f->sent < f->requests) {
        double what = chance_fraction(&f->chance);
        double at = chance_fraction(&f->chance);

        if (m->churn != 0 && f->sent % m->churn == 0)
            object[chance_u64(&f->chance) % objects] = born++;
        if (what < m->once)
            send_request(f, KIND_ONCE, once++, m->sizes);
        else if ((what -= m->once) < m->scan)
            send_request(f, KIND_SCAN, scanned++ % objects, m->sizes);
        else if ((what -= m->scan) < m->files)
            send_request(f, KIND_FILE, spread_draw(&file_ranks, at), SIZES_FILES);
        else if (what - m->files < m->video)
            send_request(f, KIND_VIDEO, spread_draw(&video_ranks, at), SIZES_VIDEO);
        else
            send_request(f, KIND_POPULAR,
                in_turn(f, scale, object[spread_draw(&f->popularity, at)]), m->sizes);
    }
    free(object);
    free(file_ranks.sums);
    free(video_ranks.sums);
}

struct moment {
    double at;
    uint64_t number;
};

static int moment_order(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* How often that object is asked for. */
static uint64_t burst_requests(struct traffic *f, uint64_t number, uint32_t objects)
{
    const struct traffic_model *m = f->model;
    uint64_t most = objects < COUNT_MAX ? objects : COUNT_MAX;
    uint64_t count;

    if ((double)(number % 100) < 100 * m->once)
        return 1;
    if (m->burst_n != 0)
        return m->burst_n;
    count = (uint64_t)(2 / chance_fraction(&f->chance));
    return count < most ? count : most;
}

static void make_bursts(struct traffic *f, uint32_t objects)
{
    const struct traffic_model *m = f->model;
    struct moment *v = xcalloc(f->requests, sizeof(*v));
    uint64_t n = 0;

    /* More or fewer objects make up for chance. */
    for (uint64_t i = 0; n < f->requests; i++) {
        uint64_t count = burst_requests(f, i, objects);
        double start = 0, length = 1;

        if ((double)(i % 2) < 2 * m->burst) {
            length = m->burst_max * pow(10, -BURST_DECADES * chance_fraction(&f->chance));
            start = chance_fraction(&f->chance) * (1 - length);
        }
        for (; count > 0 && n < f->requests; count--)
            v[n++] = (struct moment){start + length * chance_fraction(&f->chance), i};
    }
    qsort(v, n, sizeof(*v), moment_order);
    for (uint64_t i = 0; i < n; i++)
        send_request(f, KIND_POPULAR, v[i].number, m->sizes);
    free(v);
}

static void make_table(struct traffic *f, uint32_t scale)
{
    uint64_t once = 0;

    while (f->sent < f->requests) {
        uint32_t bucket = spread_draw(&f->popularity, chance_fraction(&f->chance));
        uint64_t keys = (f->popularity_keys[bucket] + scale - 1) / scale;

        if (chance_fraction(&f->chance) < f->model->once)
            send_request(f, KIND_ONCE, once++, SIZES_TABLE);
        else
            send_request(f, KIND_POPULAR, (uint64_t)bucket << 32 | chance_u64(&f->chance) % keys,
                SIZES_TABLE);
    }
}

static bool read_tables(struct traffic *f, const char *data_dir, char *err, unsigned long err_cap)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s/popularity", data_dir, f->model->data);
    if (spread_read(&f->popularity, &f->popularity_keys, path)) {
        snprintf(path, sizeof(path), "%s/%s/sizes", data_dir, f->model->data);
        if (spread_read(&f->sizes, &f->size_bytes, path))
            return true;
    }
    snprintf(err, err_cap, "cannot read %s", path);
    return false;
}

bool traffic_make(const struct traffic_model *m, uint64_t n, uint32_t scale, uint64_t seed,
    const char *data_dir, traffic_sink *sink, void *ctx, char *err, unsigned long err_cap)
{
    struct traffic f = {
        .model = m,
        .sink = sink,
        .ctx = ctx,
        .chance = {mix64(seed)},
        .salt = mix64(seed + 1),
        .requests = n,
    };
    bool made = m->data == NULL || read_tables(&f, data_dir, err, err_cap);

    if (made && m->data != NULL)
        make_table(&f, scale);
    else if (made && m->alpha > 0)
        make_independent(&f, scale);
    else if (made)
        make_bursts(&f, m->objects / scale);
    free(f.popularity.sums);
    free(f.popularity_keys);
    free(f.sizes.sums);
    free(f.size_bytes);
    return made;
}
