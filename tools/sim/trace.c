#include "sim/trace.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 20, TABLE_MIN = 1 << 16, LINE_MAX_BYTES = 64 << 10 };

void trace_init(struct trace *t, uint64_t slice_bytes)
{
    *t = (struct trace){.slice_bytes = slice_bytes, .table_n = TABLE_MIN};
    t->table = xcalloc(t->table_n, sizeof(*t->table));
}

void trace_free(struct trace *t)
{
    free(t->requests);
    free(t->bytes);
    free(t->hashes);
    free(t->table);
}

static uint32_t *table_place(const struct trace *t, uint64_t hash)
{
    uint64_t at = hash & (t->table_n - 1);

    while (t->table[at] != 0 && t->hashes[t->table[at] - 1] != hash)
        at = (at + 1) & (t->table_n - 1);
    return &t->table[at];
}

static void table_grow(struct trace *t)
{
    free(t->table);
    t->table_n *= 2;
    t->table = xcalloc(t->table_n, sizeof(*t->table));
    for (uint32_t i = 0; i < t->objects_n; i++)
        *table_place(t, t->hashes[i]) = i + 1;
}

static uint32_t object_number(struct trace *t, uint64_t hash, uint64_t bytes)
{
    uint32_t *place = table_place(t, hash);

    if (*place != 0)
        return *place - 1;
    check(t->objects_n < TRACE_MORE - 1);
    if (t->objects_n == t->objects_cap) {
        t->objects_cap = t->objects_cap != 0 ? t->objects_cap * 2 : TABLE_MIN;
        t->bytes = xrealloc(t->bytes, t->objects_cap * sizeof(*t->bytes));
        t->hashes = xrealloc(t->hashes, t->objects_cap * sizeof(*t->hashes));
    }
    t->bytes[t->objects_n] = bytes;
    t->hashes[t->objects_n] = hash;
    t->footprint_bytes += bytes;
    *place = ++t->objects_n;
    if (t->objects_n > t->table_n / 2)
        table_grow(t);
    return t->objects_n - 1;
}

static void request_add(struct trace *t, uint32_t request)
{
    if (t->requests_n == t->requests_cap) {
        t->requests_cap = t->requests_cap != 0 ? t->requests_cap * 2 : 1 << 20;
        t->requests = xrealloc(t->requests, t->requests_cap * sizeof(*t->requests));
    }
    t->requests[t->requests_n++] = request;
}

void trace_add(struct trace *t, uint64_t key, uint64_t bytes)
{
    uint64_t hash = mix64(key ^ mix64(bytes + 1));
    uint64_t slice = t->slice_bytes != 0 ? t->slice_bytes : UINT64_MAX;

    if (bytes == 0)
        bytes = 1;
    t->asked_n++;
    t->asked_bytes += bytes;
    for (uint64_t n = 0;; n++) {
        uint64_t part = bytes < slice ? bytes : slice;
        uint32_t object = object_number(t, n == 0 ? hash : mix64(hash + n), part);

        bytes -= part;
        request_add(t, object | (bytes != 0 ? TRACE_MORE : 0));
        if (bytes == 0)
            return;
    }
}

static uint64_t le(const unsigned char *p, unsigned n)
{
    uint64_t x = 0;

    while (n-- > 0)
        x = x << 8 | p[n];
    return x;
}

static void put_le(unsigned char *p, unsigned n, uint64_t x)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (unsigned char)(x >> i * 8);
}

static bool read_binary(struct trace *t, FILE *f, char *err, unsigned long err_cap)
{
    unsigned char record[RECORD_BYTES];
    size_t n;

    while ((n = fread(record, 1, sizeof(record), f)) == sizeof(record))
        trace_add(t, le(record + 4, 8), le(record + 12, 8));
    if (n == 0 && !ferror(f))
        return true;
    snprintf(err, err_cap, "the trace ends within a record, after %llu of them",
        (unsigned long long)t->asked_n);
    return false;
}

static bool read_text(struct trace *t, FILE *f, char *line, char *err, unsigned long err_cap)
{
    uint64_t number = 1;

    do {
        char *save = NULL, *end = NULL;
        char *time = strtok_r(line, " \t\r\n", &save), *key, *bytes;

        if (time == NULL || *time == '#')
            continue;
        key = strtok_r(NULL, " \t\r\n", &save);
        bytes = strtok_r(NULL, " \t\r\n", &save);
        if (bytes == NULL || strtoull(bytes, &end, 10) > INT64_MAX || *end != '\0' ||
            *bytes == '-') {
            snprintf(
                err, err_cap, "line %llu is not \"time key bytes\"", (unsigned long long)number);
            return false;
        }
        trace_add(t, hash64(span_of(key)), strtoull(bytes, NULL, 10));
    } while (number++, fgets(line, LINE_MAX_BYTES, f) != NULL);
    return true;
}

bool trace_read(struct trace *t, FILE *f, char *err, unsigned long err_cap)
{
    char *line = xcalloc(1, LINE_MAX_BYTES);
    size_t n = fread(line, 1, sizeof(TRACE_MAGIC) - 1, f);
    bool read;

    if (n == sizeof(TRACE_MAGIC) - 1 && memcmp(line, TRACE_MAGIC, n) == 0) {
        read = read_binary(t, f, err, err_cap);
    } else {
        if (memchr(line, '\n', n) == NULL && fgets(line + n, (int)(LINE_MAX_BYTES - n), f) == NULL)
            line[n] = '\0';
        read = read_text(t, f, line, err, err_cap);
    }
    free(line);
    return read;
}

void trace_write_head(FILE *f)
{
    fputs(TRACE_MAGIC, f);
}

void trace_write(FILE *f, uint32_t time_s, uint64_t key, uint64_t bytes)
{
    unsigned char record[RECORD_BYTES];

    put_le(record, 4, time_s);
    put_le(record + 4, 8, key);
    put_le(record + 12, 8, bytes);
    fwrite(record, 1, sizeof(record), f);
}

void tally_add(struct tally *y, const struct trace *t, uint64_t at, bool hit)
{
    uint64_t bytes = t->bytes[trace_object(t, at)];

    y->missed |= !hit;
    if (at >= t->skip_n) {
        y->bytes += bytes;
        y->miss_bytes += hit ? 0 : bytes;
    }
    if (t->requests[at] & TRACE_MORE)
        return;
    if (at >= t->skip_n) {
        y->requests++;
        y->misses += y->missed;
    }
    y->missed = false;
}
