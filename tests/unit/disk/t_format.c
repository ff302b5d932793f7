/* t_format.c - what is written is read again; a bit that is another is found; bounds hold. */
#include "things.h"

#include "disk/format.h"

#include <string.h>

enum { ID = 4711, SEQ = 17, RUN = 3 };

static struct superblock superblock_sound(void)
{
    struct superblock s = {.generation = 3, .id = 1, .key_seed = 2, .bytes = 64 << 20};

    s.buckets = 3;
    s.checkpoint_bytes = checkpoint_bytes(3 * 64);
    s.checkpoint_at[0] = 2 * DISK_PAGE;
    s.checkpoint_at[1] = s.checkpoint_at[0] + s.checkpoint_bytes;
    s.segments_at = s.checkpoint_at[1] + s.checkpoint_bytes;
    s.segment_bytes = 1 << 20;
    s.segments = 40;
    return s;
}

static void t_superblock(void **state)
{
    char page[DISK_PAGE];
    struct superblock s = superblock_sound(), got;

    (void)state;
    superblock_write(&s, page);
    assert_int_equal(superblock_parse(page, &got), SUPERBLOCK_OK);
    assert_int_equal(got.generation, 3);
    assert_int_equal(got.segments_at, s.segments_at);
    for (unsigned bit = 0; bit < sizeof(s) * 8; bit++) {
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(superblock_parse(page, &got), SUPERBLOCK_OK);
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
    }
    page[8]++;
    assert_int_equal(superblock_parse(page, &got), SUPERBLOCK_VERSION);
    memset(page, 0, sizeof(page));
    assert_int_equal(superblock_parse(page, &got), SUPERBLOCK_NONE);
}

/* A right checksum does not make parts that lie over each other right. */
static void t_geometry(void **state)
{
    char page[DISK_PAGE];
    struct superblock got;

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        struct superblock s = superblock_sound();

        switch (i) {
        case 0:
            s.bytes = s.segments_at;
            break;
        case 1:
            s.segments = 0;
            break;
        case 2:
            s.segments = UINT32_MAX;
            break;
        case 3:
            s.checkpoint_at[1] -= DISK_PAGE;
            break;
        case 4:
            s.segments_at += 512;
            break;
        case 5:
            s.buckets = 0;
            break;
        case 6:
            s.buckets = UINT32_MAX;
            break;
        case 7:
            s.segment_bytes = 0;
            break;
        case 8:
            s.bytes = UINT64_MAX;
            break;
        }
        superblock_write(&s, page);
        assert_int_equal(superblock_parse(page, &got), SUPERBLOCK_DAMAGED);
    }
}

static void t_segment_header(void **state)
{
    char page[DISK_PAGE];
    struct segment_header h;

    (void)state;
    segment_header_write(ID, SEQ, 99, page);
    assert_true(segment_header_parse(ID, page, &h));
    assert_true(h.seq == SEQ && h.run == 99);
    assert_false(segment_header_parse(ID + 1, page, &h)); /* another volume's */
    page[20]++;
    assert_false(segment_header_parse(ID, page, &h));
}

static void t_footer(void **state)
{
    enum { N = 300, SEGMENT = 1 << 20 };
    static struct footer_entry v[N];
    char *p = disk_io_memory(footer_bytes(N)), *tail = p + footer_bytes(N) - DISK_PAGE;
    uint32_t n;

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        v[i] = (struct footer_entry){.hash = i, .sector = 8 + 3 * i, .sectors = 3};
    footer_write(ID, SEQ, RUN, v, N, p);
    assert_true(footer_tail_parse(ID, SEQ, RUN, SEGMENT, tail, &n));
    assert_int_equal(n, N);
    assert_non_null(footer_parse(ID, SEQ, RUN, SEGMENT, p, n));
    assert_memory_equal(footer_parse(ID, SEQ, RUN, SEGMENT, p, n), v, sizeof(v));
    assert_false(footer_tail_parse(ID, SEQ + 1, RUN, SEGMENT, tail, &n)); /* of another lap */
    assert_false(footer_tail_parse(ID, SEQ, RUN + 1, SEGMENT, tail, &n)); /* begun again */
    assert_false(footer_tail_parse(ID, SEQ, RUN, 12 << 10, tail, &n)); /* larger than its segment */
    p[4000]++;
    assert_null(footer_parse(ID, SEQ, RUN, SEGMENT, p, N));
    /* Right, but it points out of the segment, or into itself. */
    v[N - 1].sectors = 4000;
    footer_write(ID, SEQ, RUN, v, N, p);
    assert_null(footer_parse(ID, SEQ, RUN, SEGMENT, p, N));
    v[N - 1].sectors = 3;
    v[5].sector--;
    footer_write(ID, SEQ, RUN, v, N, p);
    assert_null(footer_parse(ID, SEQ, RUN, SEGMENT, p, N));
    free(p);
    /* None at all. */
    p = disk_io_memory(footer_bytes(0));
    footer_write(ID, SEQ, RUN, v, 0, p);
    assert_true(footer_tail_parse(ID, SEQ, RUN, SEGMENT, p, &n) && n == 0);
    assert_non_null(footer_parse(ID, SEQ, RUN, SEGMENT, p, 0));
    free(p);
}

static char *record_make(uint32_t head_n, uint32_t body_n)
{
    struct record_header h = {
        .seq = SEQ, .key_lo = 1, .key_hi = 2, .head_n = head_n, .body_n = body_n, .run = 5};
    uint32_t bytes = record_bytes(head_n, body_n);
    char *p = xmalloc(bytes);

    memset(p, 0xaa, bytes);
    record_begin(&h, p);
    for (uint32_t i = 0; i < head_n + body_n; i++)
        p[record_head_at(body_n) + i] = (char)(i * 7);
    record_seal(ID, p);
    return p;
}

static void t_record(void **state)
{
    static const uint32_t sizes[][2] = {{0, 0}, {1, 0}, {0, 1}, {100, 300}, {432, 0}, {433, 0},
        {RECORD_HEAD_MAX, RECORD_BODY_MAX}, {77, RECORD_PIECE}, {77, RECORD_PIECE + 1}};
    struct record_view r;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        uint32_t head_n = sizes[i][0], body_n = sizes[i][1], bytes = record_bytes(head_n, body_n);
        char *p = record_make(head_n, body_n);

        assert_true(bytes % DISK_SECTOR == 0);
        assert_true(record_parse(ID, SEQ, p, bytes, &r));
        assert_true(r.head.n == head_n && r.body.n == body_n && r.h.run == 5);
        assert_true(r.h.sectors == bytes / DISK_SECTOR);
        assert_true(record_body_ok(ID, &r));
        assert_false(record_parse(ID, SEQ, p, bytes - 1, &r));
        assert_false(record_parse(ID, SEQ + 1, p, bytes, &r));
        assert_false(record_parse(ID + 1, SEQ, p, bytes, &r));
        free(p);
    }
}

/* Each bit of a record is under some checksum, but for the zeros at its end. */
static void t_every_bit_of_a_record(void **state)
{
    uint32_t bytes = record_bytes(60, 200), filled = record_head_at(200) + 260;
    char *p = record_make(60, 200);
    struct record_view r;

    (void)state;
    for (uint32_t bit = 0; bit < filled * 8; bit++) {
        p[bit / 8] = (char)(p[bit / 8] ^ 1 << bit % 8);
        assert_false(record_parse(ID, SEQ, p, bytes, &r) && record_body_ok(ID, &r));
        p[bit / 8] = (char)(p[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(record_parse(ID, SEQ, p, bytes, &r) && record_body_ok(ID, &r));
    free(p);
}

static void t_checkpoint(void **state)
{
    enum { SHARD = 5 * 64 };
    struct checkpoint_header h = {.generation = 4,
                                 .head = 9,
                                 .tail = 3,
                                 .shard_bytes = SHARD,
                                 .clean = 1},
                             got;
    char *p = disk_io_memory(checkpoint_shard_bytes(SHARD)), page[DISK_PAGE];

    (void)state;
    checkpoint_header_write(ID, &h, page);
    assert_true(checkpoint_header_parse(ID, SHARD, page, &got));
    assert_true(got.generation == 4 && got.head == 9 && got.tail == 3 && got.clean == 1);
    assert_false(checkpoint_header_parse(ID, SHARD + 64, page, &got));
    assert_false(checkpoint_header_parse(ID + 1, SHARD, page, &got));
    h.tail = 11;
    checkpoint_header_write(ID, &h, page);
    assert_false(checkpoint_header_parse(ID, SHARD, page, &got));

    memset(p + sizeof(struct checkpoint_shard), 'a', SHARD);
    checkpoint_shard_write(ID, 4, 200, SHARD, p);
    assert_ptr_equal(
        checkpoint_shard_parse(ID, 4, 200, SHARD, p), p + sizeof(struct checkpoint_shard));
    /* Every page says which one it is. */
    assert_null(checkpoint_shard_parse(ID, 4, 201, SHARD, p));
    assert_null(checkpoint_shard_parse(ID, 5, 200, SHARD, p));
    assert_null(checkpoint_shard_parse(ID + 1, 4, 200, SHARD, p));
    p[300]++;
    assert_null(checkpoint_shard_parse(ID, 4, 200, SHARD, p));
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_superblock),
        cmocka_unit_test(t_geometry),
        cmocka_unit_test(t_segment_header),
        cmocka_unit_test(t_footer),
        cmocka_unit_test(t_record),
        cmocka_unit_test(t_every_bit_of_a_record),
        cmocka_unit_test(t_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
