#include "tests/unit/geo/mmdb.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { SEPARATOR = 16, EMPTY = 0 };

/* A child: EMPTY, a node (> 0), or a record (< 0): -1 - its offset among the data. */
struct node {
    int64_t child[2];
};

struct mmdb {
    unsigned ip_version;
    struct node *nodes; /* owns */
    size_t nodes_n, nodes_cap;
    uint8_t *data; /* owns */
    size_t data_n, data_cap;
};

/* --- data ----------------------------------------------------------------------------------- */

struct out {
    uint8_t *p;
    size_t n, cap;
};

static void put(struct out *o, const void *p, size_t n)
{
    if (o->n + n > o->cap) {
        o->cap = (o->n + n) * 2 + 256;
        o->p = xrealloc(o->p, o->cap);
    }
    if (n != 0)
        memcpy(o->p + o->n, p, n);
    o->n += n;
}

static void put_byte(struct out *o, unsigned v)
{
    uint8_t byte = (uint8_t)v;

    put(o, &byte, 1);
}

enum {
    TYPE_STRING = 2,
    TYPE_DOUBLE,
    TYPE_UINT16 = 5,
    TYPE_UINT32,
    TYPE_MAP,
    TYPE_UINT64 = 9,
    TYPE_ARRAY = 11,
    TYPE_FLOAT = 15
};

static void put_control(struct out *o, unsigned type, unsigned size)
{
    check(size < 29);
    put_byte(o, (type <= 7 ? type << 5 : 0) | size);
    if (type > 7)
        put_byte(o, type - 7);
}

static void put_string(struct out *o, const char *s)
{
    put_control(o, TYPE_STRING, (unsigned)strlen(s));
    put(o, s, strlen(s));
}

static void put_be(struct out *o, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        put_byte(o, v >> (8 * i) & 0xff);
}

static void put_uint(struct out *o, unsigned type, uint64_t v, unsigned bytes)
{
    put_control(o, type, bytes);
    put_be(o, v, bytes);
}

static void put_float(struct out *o, double v)
{
    float f = (float)v;
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    put_control(o, TYPE_FLOAT, 4);
    put_be(o, bits, 4);
}

static void put_double(struct out *o, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    put_control(o, TYPE_DOUBLE, 8);
    put_be(o, bits, 8);
}

static void put_nested(struct out *o, const struct mmdb_record *r)
{
    put_control(o, TYPE_MAP,
        (r->country != NULL) + (r->continent != NULL) + r->has_location + (r->asn != 0));
    if (r->asn != 0) {
        put_string(o, "autonomous_system_number");
        put_uint(o, TYPE_UINT32, r->asn, 4);
    }
    if (r->continent != NULL) {
        put_string(o, "continent");
        put_control(o, TYPE_MAP, 1);
        put_string(o, "code");
        put_string(o, r->continent);
    }
    if (r->country != NULL) {
        put_string(o, "country");
        put_control(o, TYPE_MAP, 1);
        put_string(o, "iso_code");
        put_string(o, r->country);
    }
    if (r->has_location) {
        put_string(o, "location");
        put_control(o, TYPE_MAP, 2);
        put_string(o, "latitude");
        put_double(o, r->latitude);
        put_string(o, "longitude");
        put_double(o, r->longitude);
    }
}

static void put_flat(struct out *o, const struct mmdb_record *r)
{
    put_control(o, TYPE_MAP, 1 + (r->has_location ? 2 : 0));
    put_string(o, "country_code");
    put_string(o, r->country != NULL ? r->country : "");
    if (r->has_location) {
        put_string(o, "latitude");
        put_float(o, r->latitude);
        put_string(o, "longitude");
        put_float(o, r->longitude);
    }
}

/* --- the tree ------------------------------------------------------------------------------- */

static int64_t node_new(struct mmdb *m, int64_t both)
{
    if (m->nodes_n == m->nodes_cap) {
        m->nodes_cap = m->nodes_cap * 2 + 64;
        m->nodes = xrealloc(m->nodes, m->nodes_cap * sizeof(*m->nodes));
    }
    m->nodes[m->nodes_n] = (struct node){{both, both}};
    return (int64_t)m->nodes_n++;
}

struct mmdb *mmdb_new(unsigned ip_version)
{
    struct mmdb *m = xcalloc(1, sizeof(*m));

    m->ip_version = ip_version;
    (void)node_new(m, EMPTY);
    return m;
}

void mmdb_free(struct mmdb **mp)
{
    struct mmdb *m = *mp;

    *mp = NULL;
    free(m->nodes);
    free(m->data);
    free(m);
}

void mmdb_put(struct mmdb *m, const uint8_t *address, unsigned len, const struct mmdb_record *r)
{
    struct out o = {m->data, m->data_n, m->data_cap};
    int64_t record = -1 - (int64_t)m->data_n;
    size_t at = 0;

    check(len >= 1);
    if (r->flat)
        put_flat(&o, r);
    else
        put_nested(&o, r);
    m->data = o.p;
    m->data_n = o.n;
    m->data_cap = o.cap;
    for (unsigned i = 0;; i++) {
        unsigned bit = address[i / 8] >> (7 - i % 8) & 1;

        if (i + 1 == len) {
            m->nodes[at].child[bit] = record;
            return;
        }
        if (m->nodes[at].child[bit] <= 0) {
            int64_t child = node_new(m, m->nodes[at].child[bit]);

            m->nodes[at].child[bit] = child;
        }
        at = (size_t)m->nodes[at].child[bit];
    }
}

static uint32_t record_of(const struct mmdb *m, int64_t child)
{
    if (child == EMPTY)
        return (uint32_t)m->nodes_n;
    if (child > 0)
        return (uint32_t)child;
    return (uint32_t)(m->nodes_n + SEPARATOR + (size_t)(-1 - child));
}

static void put_node(struct out *o, uint32_t left, uint32_t right, unsigned record_bits)
{
    if (record_bits == 28) {
        put_be(o, left & 0xffffff, 3);
        put_byte(o, (left >> 20 & 0xf0) | right >> 24);
        put_be(o, right & 0xffffff, 3);
        return;
    }
    put_be(o, left, record_bits / 8);
    put_be(o, right, record_bits / 8);
}

uint8_t *mmdb_bytes(const struct mmdb *m, unsigned record_bits, size_t *n)
{
    static const char marker[] = "\xab\xcd\xefMaxMind.com";
    struct out o = {0};

    for (size_t i = 0; i < m->nodes_n; i++)
        put_node(&o, record_of(m, m->nodes[i].child[0]), record_of(m, m->nodes[i].child[1]),
            record_bits);
    put(&o, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", SEPARATOR);
    put(&o, m->data, m->data_n);
    put(&o, marker, sizeof(marker) - 1);
    put_control(&o, TYPE_MAP, 9);
    put_string(&o, "node_count");
    put_uint(&o, TYPE_UINT32, m->nodes_n, 4);
    put_string(&o, "record_size");
    put_uint(&o, TYPE_UINT16, record_bits, 2);
    put_string(&o, "ip_version");
    put_uint(&o, TYPE_UINT16, m->ip_version, 2);
    put_string(&o, "binary_format_major_version");
    put_uint(&o, TYPE_UINT16, 2, 2);
    put_string(&o, "binary_format_minor_version");
    put_uint(&o, TYPE_UINT16, 0, 2);
    put_string(&o, "build_epoch");
    put_uint(&o, TYPE_UINT64, 1790000000, 8);
    put_string(&o, "database_type");
    put_string(&o, "Test");
    put_string(&o, "languages");
    put_control(&o, TYPE_ARRAY, 0);
    put_string(&o, "description");
    put_control(&o, TYPE_MAP, 0);
    *n = o.n;
    return o.p;
}
