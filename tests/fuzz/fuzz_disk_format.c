/*
 * What stands on a volume may be anything: parts are inside what they are parts of, whatever the
 * numbers say. The first byte says which; its high bit, whether the rest is given a right checksum
 * first, so that what stands behind the checksums is reached as well.
 */
#include "base/check.h"
#include "disk/format.h"
#include "disk/index.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ID = 1, SEQ = 2, RUN = 3, SEGMENT = 64 << 10, SHARD = 2 * 64 };

/* The input in memory of exactly `bytes`, zeros behind it. */
static void *padded(const uint8_t *data, size_t n, size_t bytes)
{
    char *p = calloc(1, bytes);

    check(p != NULL);
    if (n != 0)
        memcpy(p, data, n < bytes ? n : bytes);
    return p;
}

static void superblock(const uint8_t *data, size_t n, bool right)
{
    char *page = padded(data, n, DISK_PAGE);
    struct superblock s;

    if (right) {
        memcpy(&s, page, sizeof(s));
        superblock_write(&s, page);
    }
    if (superblock_parse(page, &s) == SUPERBLOCK_OK) {
        check(s.segments > 0 && s.buckets > 0 && s.segment_bytes > 0);
        check(s.segments_at % DISK_PAGE == 0 && s.segments_at < s.bytes);
        check((s.bytes - s.segments_at) / s.segment_bytes >= s.segments);
        check(s.checkpoint_at[1] + s.checkpoint_bytes <= s.segments_at);
        check(s.bytes / DISK_SECTOR <= INDEX_LOC_MAX);
    }
    free(page);
}

static void footer(const uint8_t *data, size_t n, bool right)
{
    uint32_t count = (uint32_t)(n / sizeof(struct footer_entry)) % 1000, said;
    struct footer_entry *in = padded(data, n, (count + 1) * sizeof(*in));
    uint64_t bytes = footer_bytes(count);
    char *p = padded(data, n, bytes);
    const struct footer_entry *v;

    if (right)
        footer_write(ID, SEQ, RUN, in, count, p);
    if (footer_tail_parse(ID, SEQ, RUN, SEGMENT, p + bytes - DISK_PAGE, &said) && said == count &&
        (v = footer_parse(ID, SEQ, RUN, SEGMENT, p, said)) != NULL)
        for (uint32_t i = 0; i < said; i++)
            check(v[i].sector * (uint64_t)DISK_SECTOR >= DISK_PAGE &&
                  (v[i].sector + (uint64_t)v[i].sectors) * DISK_SECTOR <= SEGMENT - bytes);
    free(p);
    free(in);
}

static void record(const uint8_t *data, size_t n, bool right)
{
    char *p = padded(data, n, n + 1);
    struct record_header h = {.seq = SEQ};
    struct record_view r;

    /* A right one, with what follows in the input as changes of its bytes. */
    if (right && n > 8) {
        uint32_t bytes;

        h.head_n = data[0];
        h.body_n = (uint32_t)(data[1] << 8 | data[2]) * 4;
        bytes = record_bytes(h.head_n, h.body_n);
        free(p);
        p = padded(data, n, bytes);
        record_begin(&h, p);
        record_seal(ID, p);
        for (size_t i = 3; i + 1 < n; i += 2)
            p[data[i] % bytes] = (char)(p[data[i] % bytes] ^ data[i + 1]);
        n = bytes;
    }
    if (record_parse(ID, SEQ, p, n, &r)) {
        check(r.head.p >= p + sizeof(h) && r.body.p + r.body.n <= p + n);
        check(r.head.n + r.body.n < n && (uint64_t)r.h.sectors * DISK_SECTOR <= n);
        check(record_body_ok(ID, &r) || r.h.pieces != 0);
    }
    /* Its beginning alone is judged alike, and nothing behind it is looked at. */
    if (record_head_parse(ID, SEQ, p, n, &r)) {
        size_t beginning = (size_t)(r.head.p - p) + r.head.n;
        char *q = padded((const uint8_t *)p, beginning, beginning);

        check(beginning <= n && r.body.p == NULL);
        check(record_head_parse(ID, SEQ, q, beginning, &r));
        check(!record_head_parse(ID, SEQ, q, beginning - 1, &r));
        free(q);
    }
    free(p);
}

static void checkpoint(const uint8_t *data, size_t n, bool right)
{
    char *page = padded(data, n, DISK_PAGE), *shard;
    struct checkpoint_header h;
    struct segment_header s;
    struct disk_index *x = disk_index_new(2);
    struct disk_entry e;

    if (right) {
        memcpy(&h, page, sizeof(h));
        checkpoint_header_write(ID, &h, page);
    }
    if (checkpoint_header_parse(ID, SHARD, page, &h))
        check(h.tail >= 1 && h.head + 1 >= h.tail && h.generation != 0);
    if (segment_header_parse(ID, page, &s))
        check(s.seq != 0);

    shard = padded(data, n, checkpoint_shard_bytes(SHARD));
    if (right)
        checkpoint_shard_write(ID, 3, 7, SHARD, shard);
    if (checkpoint_shard_parse(ID, 3, 7, SHARD, shard) != NULL) {
        (void)disk_index_load(x, 7, shard + sizeof(struct checkpoint_shard), NULL, NULL);
        for (uint64_t i = 0; i + 8 <= n; i += 8) {
            uint64_t hash;

            memcpy(&hash, data + i, sizeof(hash));
            hash = hash >> 8 | UINT64_C(7) << 56;
            if (disk_index_find(x, hash, &e))
                check(e.loc != 0 && e.sectors != 0);
            (void)disk_index_put(x, hash, &(struct disk_entry){.loc = 1 + i, .sectors = 1});
        }
    }
    free(shard);
    free(page);
    disk_index_free(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    bool right = n != 0 && (data[0] & 0x80) != 0;

    if (n == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        superblock(data + 1, n - 1, right);
        break;
    case 1:
        footer(data + 1, n - 1, right);
        break;
    case 2:
        record(data + 1, n - 1, right);
        break;
    case 3:
        checkpoint(data + 1, n - 1, right);
        break;
    }
    return 0;
}
