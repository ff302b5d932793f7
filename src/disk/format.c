#include "disk/format.h"

#include "base/check.h"

#include <string.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* the same sums, by the widest instructions that there are */
#endif

/* Read as text they say what they are, on a machine of this byte order. */
#define SUPERBLOCK_MAGIC UINT64_C(0x656d756c6f566c53) /* "SlVolume" */
#define SEGMENT_MAGIC    UINT64_C(0x746e656d67655353) /* "SSegment" */
#define FOOTER_MAGIC     UINT64_C(0x7265746f6f465353) /* "SSFooter" */
#define RECORD_MAGIC     UINT64_C(0x64726f6365526c53) /* "SlRecord" */
#define CHECKPOINT_MAGIC UINT64_C(0x746e696f706b4353) /* "SCkpoint" */
#define SHARD_MAGIC      UINT64_C(0x6472616853655353) /* "SSeShard" */

_Static_assert(sizeof(struct superblock) == 112, "the format has no hidden padding");
_Static_assert(sizeof(struct segment_header) == 32, "the format has no hidden padding");
_Static_assert(sizeof(struct footer_entry) == 40, "the format has no hidden padding");
_Static_assert(sizeof(struct record_header) == 80, "the format has no hidden padding");
_Static_assert(sizeof(struct checkpoint_header) == 64, "the format has no hidden padding");
_Static_assert(sizeof(struct checkpoint_shard) == 40, "the format has no hidden padding");

/* In the last bytes of a segment; the table stands before the page that it is in. */
struct footer_tail {
    uint64_t magic;
    uint64_t check; /* of this struct (check as 0) */
    uint64_t seq;
    uint64_t table; /* sum over the entries */
    uint32_t n, run;
};

static uint64_t sum(uint64_t id, const void *p, size_t n)
{
    return XXH3_64bits_withSeed(p, n, id);
}

/* Of both, one after the other. */
static uint64_t sum_two(uint64_t id, const void *p, size_t n, const void *q, size_t m)
{
    return sum(sum(id, p, n), q, m);
}

/* --- superblock --- */

static uint64_t superblock_sum(const struct superblock *s)
{
    struct superblock copy = *s;

    copy.check = 0;
    return sum(0, &copy, sizeof(copy));
}

void superblock_write(const struct superblock *s, void *page)
{
    struct superblock copy = *s;

    copy.magic = SUPERBLOCK_MAGIC;
    copy.version = DISK_VERSION;
    copy.check = superblock_sum(&copy);
    memset(page, 0, DISK_PAGE);
    memcpy(page, &copy, sizeof(copy));
}

/* All parts in their order, apart from each other, on page boundaries, inside the volume. */
static bool geometry_ok(const struct superblock *s)
{
    const uint64_t far = UINT64_C(1) << 50;
    uint64_t shard = (uint64_t)s->buckets * 64;

    if (s->bytes > far || s->checkpoint_at[0] > far || s->checkpoint_at[1] > far ||
        s->segments_at > far || s->buckets == 0 || s->segments == 0)
        return false;
    if (s->checkpoint_at[0] % DISK_PAGE != 0 || s->checkpoint_at[1] % DISK_PAGE != 0 ||
        s->segments_at % DISK_PAGE != 0 || s->segment_bytes % DISK_PAGE != 0 ||
        s->segment_bytes < 4 * DISK_PAGE)
        return false;
    return s->checkpoint_bytes == checkpoint_bytes(shard) && s->checkpoint_at[0] >= 2 * DISK_PAGE &&
           s->checkpoint_at[1] >= s->checkpoint_at[0] + s->checkpoint_bytes &&
           s->segments_at >= s->checkpoint_at[1] + s->checkpoint_bytes &&
           s->bytes >= s->segments_at + (uint64_t)s->segments * s->segment_bytes &&
           s->bytes / DISK_SECTOR < UINT64_C(1) << 35;
}

enum superblock_state superblock_parse(const void *page, struct superblock *out)
{
    memcpy(out, page, sizeof(*out));
    if (out->magic != SUPERBLOCK_MAGIC)
        return SUPERBLOCK_NONE;
    if (out->version != DISK_VERSION)
        return SUPERBLOCK_VERSION;
    if (out->check != superblock_sum(out) || !geometry_ok(out))
        return SUPERBLOCK_DAMAGED;
    return SUPERBLOCK_OK;
}

/* --- segments --- */

void segment_header_write(uint64_t id, uint64_t seq, uint32_t run, void *page)
{
    struct segment_header h = {.magic = SEGMENT_MAGIC, .seq = seq, .run = run};

    h.check = sum(id, &h, sizeof(h));
    memset(page, 0, DISK_PAGE);
    memcpy(page, &h, sizeof(h));
}

bool segment_header_parse(uint64_t id, const void *page, struct segment_header *out)
{
    uint64_t check;

    memcpy(out, page, sizeof(*out));
    check = out->check;
    out->check = 0;
    return out->magic == SEGMENT_MAGIC && check == sum(id, out, sizeof(*out)) && out->seq != 0;
}

uint64_t footer_bytes(uint32_t n)
{
    return round_up(
        (uint64_t)n * sizeof(struct footer_entry) + sizeof(struct footer_tail), DISK_PAGE);
}

static void *tail_of(void *p, uint64_t bytes)
{
    return (char *)p + bytes - sizeof(struct footer_tail);
}

void footer_write(
    uint64_t id, uint64_t seq, uint32_t run, const struct footer_entry *v, uint32_t n, void *to)
{
    size_t table = n * sizeof(*v);
    struct footer_tail t = {
        .magic = FOOTER_MAGIC, .seq = seq, .table = sum(id, v, table), .n = n, .run = run};

    t.check = sum(id, &t, sizeof(t));
    memset(to, 0, footer_bytes(n));
    if (n != 0)
        memcpy(to, v, table);
    memcpy(tail_of(to, footer_bytes(n)), &t, sizeof(t));
}

static bool tail_ok(
    uint64_t id, uint64_t seq, uint32_t run, uint32_t segment_bytes, struct footer_tail *t)
{
    uint64_t check = t->check;

    t->check = 0;
    return t->magic == FOOTER_MAGIC && t->seq == seq && t->run == run &&
           check == sum(id, t, sizeof(*t)) && t->n <= segment_bytes / DISK_SECTOR &&
           footer_bytes(t->n) <= segment_bytes - DISK_PAGE;
}

bool footer_tail_parse(
    uint64_t id, uint64_t seq, uint32_t run, uint32_t segment_bytes, const void *page, uint32_t *n)
{
    struct footer_tail t;

    memcpy(&t, (const char *)page + DISK_PAGE - sizeof(t), sizeof(t));
    *n = t.n;
    return tail_ok(id, seq, run, segment_bytes, &t);
}

const struct footer_entry *footer_parse(
    uint64_t id, uint64_t seq, uint32_t run, uint32_t segment_bytes, const void *footer, uint32_t n)
{
    const struct footer_entry *v = footer;
    uint64_t bytes = footer_bytes(n), end = (segment_bytes - bytes) / DISK_SECTOR;
    uint64_t at = DISK_PAGE / DISK_SECTOR;
    struct footer_tail t;

    memcpy(&t, (const char *)footer + bytes - sizeof(t), sizeof(t));
    if (!tail_ok(id, seq, run, segment_bytes, &t) || t.n != n ||
        t.table != sum(id, v, n * sizeof(*v)))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].sector < at || v[i].sectors == 0 || v[i].sector + (uint64_t)v[i].sectors > end)
            return NULL;
        at = v[i].sector + (uint64_t)v[i].sectors;
    }
    return v;
}

/* --- records --- */

static uint32_t pieces_of(uint32_t body_n)
{
    return (body_n + RECORD_PIECE - 1) / RECORD_PIECE;
}

uint32_t record_head_at(uint32_t body_n)
{
    return (uint32_t)(sizeof(struct record_header) + pieces_of(body_n) * sizeof(uint64_t));
}

uint32_t record_bytes(uint32_t head_n, uint32_t body_n)
{
    return (uint32_t)round_up((uint64_t)record_head_at(body_n) + head_n + body_n, DISK_SECTOR);
}

uint32_t record_piece_bytes(uint32_t body_n, uint32_t i)
{
    return body_n - i * RECORD_PIECE < RECORD_PIECE ? body_n - i * RECORD_PIECE : RECORD_PIECE;
}

/* Of the header with check as 0, and what stands between it and the body. */
static uint64_t header_sum(uint64_t id, const struct record_header *h, const char *p)
{
    struct record_header copy = *h;

    copy.check = 0;
    return sum_two(id, &copy, sizeof(copy), p + sizeof(copy),
        record_head_at(h->body_n) - sizeof(copy) + h->head_n);
}

void record_begin(const struct record_header *h, void *p)
{
    struct record_header begun = *h;
    uint32_t filled = record_head_at(h->body_n) + h->head_n + h->body_n;
    uint32_t bytes = record_bytes(h->head_n, h->body_n);

    check(h->head_n <= RECORD_HEAD_MAX && h->body_n <= RECORD_BODY_MAX);
    begun.magic = begun.check = 0;
    begun.sectors = bytes / DISK_SECTOR;
    begun.pieces = (uint16_t)pieces_of(h->body_n);
    memcpy(p, &begun, sizeof(begun));
    memset((char *)p + filled, 0, bytes - filled);
}

void record_seal(uint64_t id, void *p)
{
    struct record_header *h = p;
    uint64_t *sums = (uint64_t *)(h + 1);
    const char *body = (const char *)p + record_head_at(h->body_n) + h->head_n;
    struct record_header copy = *h;

    for (uint32_t i = 0; i < h->pieces; i++)
        sums[i] = sum(id, body + (size_t)i * RECORD_PIECE, record_piece_bytes(h->body_n, i));
    copy.magic = RECORD_MAGIC;
    h->check = header_sum(id, &copy, p);
    h->magic = RECORD_MAGIC;
}

bool record_head_parse(uint64_t id, uint64_t seq, const void *p, size_t n, struct record_view *out)
{
    struct record_header *h = &out->h;
    uint32_t head_at;

    if (n < sizeof(*h))
        return false;
    memcpy(h, p, sizeof(*h));
    if (h->magic != RECORD_MAGIC || h->seq != seq || h->head_n > RECORD_HEAD_MAX ||
        h->body_n > RECORD_BODY_MAX || h->pieces != pieces_of(h->body_n) ||
        (uint64_t)h->sectors * DISK_SECTOR != record_bytes(h->head_n, h->body_n))
        return false;
    head_at = record_head_at(h->body_n);
    if (head_at + h->head_n > n || h->check != header_sum(id, h, p))
        return false;
    out->sums = (const uint64_t *)(const void *)((const char *)p + sizeof(*h));
    out->head = span_make((const char *)p + head_at, h->head_n);
    out->body = span_make(NULL, h->body_n);
    return true;
}

bool record_parse(uint64_t id, uint64_t seq, const void *p, size_t n, struct record_view *out)
{
    if (!record_head_parse(id, seq, p, n, out) || (uint64_t)out->h.sectors * DISK_SECTOR > n)
        return false;
    out->body.p = out->head.p + out->head.n;
    return true;
}

bool record_piece_ok(uint64_t id, const struct record_view *r, uint32_t i, const void *piece)
{
    return r->sums[i] == sum(id, piece, record_piece_bytes(r->h.body_n, i));
}

bool record_body_ok(uint64_t id, const struct record_view *r)
{
    for (uint32_t i = 0; i < r->h.pieces; i++)
        if (!record_piece_ok(id, r, i, r->body.p + (size_t)i * RECORD_PIECE))
            return false;
    return true;
}

/* --- checkpoints --- */

uint64_t checkpoint_shard_bytes(uint64_t shard_bytes)
{
    return round_up(sizeof(struct checkpoint_shard) + shard_bytes, DISK_PAGE);
}

uint64_t checkpoint_bytes(uint64_t shard_bytes)
{
    return DISK_PAGE + CHECKPOINT_SHARDS * checkpoint_shard_bytes(shard_bytes);
}

void checkpoint_header_write(uint64_t id, const struct checkpoint_header *h, void *page)
{
    struct checkpoint_header done = *h;

    done.magic = CHECKPOINT_MAGIC;
    done.shards = CHECKPOINT_SHARDS;
    done.check = 0;
    done.check = sum(id, &done, sizeof(done));
    memset(page, 0, DISK_PAGE);
    memcpy(page, &done, sizeof(done));
}

bool checkpoint_header_parse(
    uint64_t id, uint64_t shard_bytes, const void *page, struct checkpoint_header *out)
{
    uint64_t check;

    memcpy(out, page, sizeof(*out));
    check = out->check;
    out->check = 0;
    return out->magic == CHECKPOINT_MAGIC && check == sum(id, out, sizeof(*out)) &&
           out->shards == CHECKPOINT_SHARDS && out->shard_bytes == shard_bytes &&
           out->generation != 0 && out->tail >= 1 && out->tail <= out->head + 1 && out->clean <= 1;
}

static uint64_t shard_sum(
    uint64_t id, const struct checkpoint_shard *s, const void *p, uint64_t bytes)
{
    return sum_two(id, s, sizeof(*s), (const char *)p + sizeof(*s), bytes);
}

void checkpoint_shard_write(
    uint64_t id, uint64_t generation, uint32_t shard, uint64_t shard_bytes, void *p)
{
    struct checkpoint_shard s = {
        .magic = SHARD_MAGIC, .generation = generation, .bytes = shard_bytes, .shard = shard};

    s.check = shard_sum(id, &s, p, shard_bytes);
    memcpy(p, &s, sizeof(s));
    memset((char *)p + sizeof(s) + shard_bytes, 0,
        checkpoint_shard_bytes(shard_bytes) - sizeof(s) - shard_bytes);
}

const void *checkpoint_shard_parse(
    uint64_t id, uint64_t generation, uint32_t shard, uint64_t shard_bytes, const void *p)
{
    struct checkpoint_shard s;
    uint64_t check;

    memcpy(&s, p, sizeof(s));
    check = s.check;
    s.check = 0;
    if (s.magic != SHARD_MAGIC || s.generation != generation || s.shard != shard ||
        s.bytes != shard_bytes || check != shard_sum(id, &s, p, shard_bytes))
        return NULL;
    return (const char *)p + sizeof(s);
}
