/*
 * format.h - what stands on a volume, byte by byte. Pure: memory to structs and back.
 *
 *   superblock A, B          a page each
 *   checkpoint A, B          a header page and the index's shards, each with a header
 *   segments                 all of one size, written one after another, for ever in a circle
 *
 *   segment   header page | records, each a multiple of 512 bytes, from time to time a gap up to
 *             the next page | ... | footer: the table of its records, and a tail in the last page
 *   record    struct record_header | a sum for each 64 KiB of body | head | body | zeros
 *
 * Numbers stand as this machine has them; on one of the other byte order the magic is another.
 * Every checksum is XXH3 seeded with the volume's identity, so what another volume wrote does not
 * fit. Segments have a sequence number that rises by one from each to the next: segment
 * (seq - 1) % segments. It stands in every record, so what an earlier lap wrote does not fit
 * either. Beside it stands the run, a number that is drawn whenever a volume is opened: a segment
 * that was begun by a process that crashed may be begun again under the same sequence number.
 *
 * Whatever is parsed here may be anything: a length is believed only when the checksum over it is
 * right, and is bounded even then.
 */
#ifndef DISK_FORMAT_H
#define DISK_FORMAT_H

#include "base/attrs.h"
#include "base/hash.h"
#include "base/span.h"
#include "disk/io.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DISK_VERSION = 1,
    RECORD_PIECE = 64 << 10,     /* of body under one checksum */
    RECORD_HEAD_MAX = 128 << 10, /* bytes */
    RECORD_BODY_MAX = 1 << 20,
    RECORD_PIECES_MAX = RECORD_BODY_MAX / RECORD_PIECE,
    CHECKPOINT_SHARDS = 256,
};

struct superblock {
    uint64_t magic;
    uint32_t version;
    uint32_t pad;
    uint64_t check;      /* of this struct with check as 0 */
    uint64_t generation; /* of two that are right the higher holds */
    uint64_t id;         /* random; seeds all other checksums */
    uint64_t key_seed;
    uint64_t
        journal;    /* identity of the purge journal that the records were held against; 0: none */
    uint64_t bytes; /* of the whole volume */
    uint64_t checkpoint_at[2];
    uint64_t checkpoint_bytes;
    uint64_t segments_at;
    uint32_t segment_bytes, segments;
    uint32_t buckets; /* of the index, per shard */
    uint32_t pad2;
};

enum superblock_state {
    SUPERBLOCK_OK,
    SUPERBLOCK_NONE,    /* no volume of ours */
    SUPERBLOCK_VERSION, /* of another version: *out has it */
    SUPERBLOCK_DAMAGED,
};

/* `page` has DISK_PAGE bytes. A geometry that does not add up is SUPERBLOCK_DAMAGED. */
void superblock_write(const struct superblock *s, void *page);
enum superblock_state superblock_parse(const void *page, struct superblock *out);

/* The header page of a segment. */
struct segment_header {
    uint64_t magic;
    uint64_t check; /* of this struct with check as 0 */
    uint64_t seq;
    uint32_t run, pad;
};
void segment_header_write(uint64_t id, uint64_t seq, uint32_t run, void *page);
/* False: not a header of that volume. */
MUST_USE bool segment_header_parse(uint64_t id, const void *page, struct segment_header *out);

/* A record as a segment's footer lists it. */
struct footer_entry {
    uint64_t hash; /* key.lo */
    uint64_t born, site;
    uint32_t expires; /* seconds since 1970; 0: never */
    uint32_t sector;  /* from the segment's start */
    uint16_t sectors;
    uint8_t kind, flags;
    uint32_t gone; /* 1: not to be found again */
};

/* Bytes of a footer of n entries, a multiple of DISK_PAGE; it ends where the segment ends. */
uint64_t footer_bytes(uint32_t n) PURE;
/* `to` has footer_bytes(n). */
void footer_write(
    uint64_t id, uint64_t seq, uint32_t run, const struct footer_entry *v, uint32_t n, void *to);
/* From the segment's last page: how many entries; false: not the tail of that segment in that run
 * (a crash may have made the log begin the same number twice). */
MUST_USE bool footer_tail_parse(
    uint64_t id, uint64_t seq, uint32_t run, uint32_t segment_bytes, const void *page, uint32_t *n);
/* `footer` has footer_bytes(n) with the n that the tail said. The entries, in the order in which
 * they were written, all of them inside the segment; NULL: damaged. */
const struct footer_entry *footer_parse(uint64_t id, uint64_t seq, uint32_t run,
    uint32_t segment_bytes, const void *footer, uint32_t n);

struct record_header {
    uint64_t magic;
    uint64_t check; /* of header (check as 0), sums and head */
    uint64_t seq;   /* of the segment */
    uint64_t key_lo, key_hi;
    uint64_t born, site;
    uint32_t expires;
    uint32_t sectors;
    uint32_t head_n, body_n;
    uint8_t kind, flags;
    uint16_t pieces;
    uint32_t run;
};

/* A record in memory; everything points into it. */
struct record_view {
    struct record_header h;
    const uint64_t *sums;
    struct span head, body;
};

/* Bytes that a record takes, a multiple of DISK_SECTOR. Within the maxima above. */
uint32_t record_bytes(uint32_t head_n, uint32_t body_n) PURE;
/* Where the head begins in a record; the body follows it. */
uint32_t record_head_at(uint32_t body_n) PURE;
/* Writes the header of a record that is not right yet (without magic, check and sums), and the
 * zeros at its end. `h` says all but magic, check, sectors and pieces. */
void record_begin(const struct record_header *h, void *p);
/* `p` was begun, and has its head and its body: sets sums, check and magic, and nothing else. */
void record_seal(uint64_t id, void *p);
/* Of at most n bytes. False: no record of that volume in that segment, or its header or head is
 * damaged. The body has still to be looked at. */
MUST_USE bool record_parse(
    uint64_t id, uint64_t seq, const void *p, size_t n, struct record_view *out);
/* The same of a record of which only the first n bytes are there: its head is among them; of the
 * body only the length is known. */
MUST_USE bool record_head_parse(
    uint64_t id, uint64_t seq, const void *p, size_t n, struct record_view *out);
MUST_USE bool record_body_ok(uint64_t id, const struct record_view *r);
/* The same of one piece of it, wherever that is in memory. */
MUST_USE bool record_piece_ok(
    uint64_t id, const struct record_view *r, uint32_t i, const void *piece);
/* Bytes of that piece. */
uint32_t record_piece_bytes(uint32_t body_n, uint32_t i) PURE;

struct checkpoint_header {
    uint64_t magic;
    uint64_t check;      /* of this struct with check as 0 */
    uint64_t generation; /* of two that are right the higher holds */
    uint64_t head, tail; /* sequence numbers: the segment that was being written when it was begun,
                            and the oldest when it was ended; it has what is between them */
    uint64_t shard_bytes, entries;
    uint32_t shards;
    uint32_t clean; /* 1: nothing was written after it */
};

/* A shard's header; the shard follows it. */
struct checkpoint_shard {
    uint64_t magic;
    uint64_t check; /* of this struct (check as 0) and of the shard */
    uint64_t generation;
    uint64_t bytes;
    uint32_t shard, pad;
};

/* Bytes on the volume, multiples of DISK_PAGE. */
uint64_t checkpoint_shard_bytes(uint64_t shard_bytes) PURE; /* with its header */
uint64_t checkpoint_bytes(uint64_t shard_bytes) PURE;

void checkpoint_header_write(uint64_t id, const struct checkpoint_header *h, void *page);
MUST_USE bool checkpoint_header_parse(
    uint64_t id, uint64_t shard_bytes, const void *page, struct checkpoint_header *out);
/* `p` has checkpoint_shard_bytes(): room for the header, and the shard behind it in place. */
void checkpoint_shard_write(
    uint64_t id, uint64_t generation, uint32_t shard, uint64_t shard_bytes, void *p);
/* The shard, in `p`; NULL: damaged, or another one. */
const void *checkpoint_shard_parse(
    uint64_t id, uint64_t generation, uint32_t shard, uint64_t shard_bytes, const void *p);

#endif
