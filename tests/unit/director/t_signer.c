/*
 * Signatures of answers as time goes by, forwards and backwards, and as more are asked for than may
 * be made. The clock is an argument; all signatures are verified.
 */
#include "tests/unit/http/table.h"

#include "base/clock.h"
#include "director/answer.h"
#include "director/conf.h"
#include "director/key_file.h"
#include "director/signer.h"
#include "dns/dnssec.h"
#include "dns/query.h"
#include "dns/types.h"
#include "net/addr.h"

#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 86400 };

struct fixture {
    char folder[64], key_path[KEY_FILE_PATH];
    struct key_file key;
    struct director_conf *conf;
    struct signatures *signatures;
    struct signer signer;
    struct answer_ctx ctx;
    struct answer_identity identity;
    struct steering steering;
    struct addr client;
    mono_ms now;
    wall_s wall;
};

static void write_conf(const struct fixture *f, char path[256])
{
    FILE *out;

    snprintf(path, 256, "%s/conf", f->folder);
    out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out,
        "listen 127.0.0.1:0 dns;\n"
        "zone example.com { soa ns1 h serial 1; ns ns1; dnssec { key %s; }\n"
        "    name ns1 { a 192.0.2.53; }\n"
        "    name www { a 192.0.2.1 192.0.2.2; }\n"
        "    name *.wild { txt WILD; } }\n",
        f->key_path);
    assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char why[KEY_FILE_WHY], path[256];
    struct dns_name zone;
    struct buf errors;

    strcpy(f->folder, "/tmp/t_signer.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_null(dns_name_parse(SPAN("example.com."), NULL, &zone));
    f->wall = clock_wall_s();
    assert_true(key_file_make(f->folder, &zone, true, f->wall, &f->key, f->key_path, why));
    write_conf(f, path);
    buf_init(&errors, 4096);
    f->conf = director_conf_load(path, &errors);
    if (f->conf == NULL)
        fail_msg("%.*s", SPAN_ARG(buf_span(&errors)));
    buf_free(&errors);
    f->signatures = signatures_new(f->conf->zones.zones);
    assert_non_null(f->signatures);
    signer_init(&f->signer, f->signatures);
    f->now = 100000;
    assert_true(addr_parse_ip(SPAN("192.0.2.200"), 53, &f->client));
    f->ctx = (struct answer_ctx){.zones = f->conf->zones.zones,
        .steering = &f->steering,
        .signer = &f->signer,
        .identity = &f->identity,
        .client = &f->client};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    signatures_free(&f->signatures);
    director_conf_free(&f->conf);
    dnskey_free(&f->key.key);
    snprintf(command, sizeof(command), "rm -r %s", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* What came back. */
struct response {
    uint8_t p[4096];
    size_t n;
    unsigned flags, rcode, counts[4];
};

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void ask(struct fixture *f, const char *name, unsigned type, bool tcp, struct response *r)
{
    uint8_t m[512] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    static const uint8_t opt[] = {0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0};
    struct dns_name wire;
    struct dns_query q;
    size_t n = 12;

    assert_null(dns_name_parse(span_of(name), NULL, &wire));
    memcpy(m + n, wire.wire, wire.n);
    n += wire.n;
    m[n++] = (uint8_t)(type >> 8);
    m[n++] = (uint8_t)type;
    m[n++] = 0;
    m[n++] = DNS_IN;
    memcpy(m + n, opt, sizeof(opt));
    n += sizeof(opt);
    assert_int_equal(dns_query_read(m, n, &q), DNS_READ_OK);
    f->ctx.opt = DNS_OPT_INIT(1232);
    signer_ready(&f->signer, f->wall, f->now, tcp);
    r->n = answer_query(&f->ctx, &q, r->p, sizeof(r->p));
    assert_true(r->n > 12);
    r->flags = get16(r->p + 2);
    r->rcode = r->flags & 15;
    for (unsigned i = 0; i < 4; i++)
        r->counts[i] = get16(r->p + 4 + 2 * i);
}

struct record {
    struct dns_name owner;
    unsigned type;
    uint32_t ttl;
    const uint8_t *rdata;
    unsigned rdata_n;
};

static void next_record(const struct response *r, size_t *at, struct record *out)
{
    assert_true(dns_name_read(r->p, r->n, at, &out->owner));
    dns_name_lower(out->owner.wire, out->owner.wire, out->owner.n);
    out->type = get16(r->p + *at);
    out->ttl = get32(r->p + *at + 4);
    out->rdata_n = get16(r->p + *at + 8);
    out->rdata = r->p + *at + 10;
    *at += 10 + out->rdata_n;
    assert_true(*at <= r->n);
}

/* All records of the first sections into v; returns how many. */
static unsigned all_records(const struct response *r, struct record v[32])
{
    unsigned n = 0;
    size_t at = 12;
    struct dns_name name;

    assert_true(dns_name_read(r->p, r->n, &at, &name));
    at += 4;
    while (n < r->counts[1] + r->counts[2])
        next_record(r, &at, &v[n++]);
    return n;
}

/* Verifies every signature; returns how many, and when the first ends. */
static unsigned verify(const struct fixture *f, const struct response *r, uint32_t *ends)
{
    struct record v[32];
    unsigned n = all_records(r, v), good = 0;

    *ends = UINT32_MAX;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *s = v[i].rdata;
        struct rrsig_terms t = {.signer = f->key.owner.wire, .signer_n = f->key.owner.n};
        uint8_t data[512], digest[DNSKEY_DIGEST_LEN];
        struct dnssec_set set = {v[i].owner.wire, v[i].owner.n, data, 0};

        if (v[i].type != DNS_RRSIG)
            continue;
        t.type = (uint16_t)get16(s);
        t.labels = s[3];
        t.ttl_s = get32(s + 4);
        t.expiration = get32(s + 8);
        t.inception = get32(s + 12);
        t.tag = (uint16_t)get16(s + 16);
        for (unsigned k = 0; k < n; k++) {
            if (v[k].type == t.type &&
                dns_name_eq(v[k].owner.wire, v[k].owner.n, v[i].owner.wire, v[i].owner.n)) {
                data[set.rdata_bytes] = (uint8_t)(v[k].rdata_n >> 8);
                data[set.rdata_bytes + 1] = (uint8_t)v[k].rdata_n;
                memcpy(data + set.rdata_bytes + 2, v[k].rdata, v[k].rdata_n);
                set.rdata_bytes += 2 + v[k].rdata_n;
                assert_true(v[k].ttl == v[i].ttl && v[k].ttl <= t.ttl_s);
            }
        }
        assert_true(set.rdata_bytes > 0);
        /* in the message its names are compressed */
        if (t.type == DNS_SOA) {
            set.rdata = zones_at(f->conf->zones.zones, 0)->soa->rdata;
            set.rdata_bytes = zones_at(f->conf->zones.zones, 0)->soa->rdata_bytes;
        }
        dnssec_digest(&t, &set, digest);
        assert_true(dnskey_verify(&f->key.key, digest, s + v[i].rdata_n - DNSKEY_SIGNATURE_LEN));
        assert_true(t.inception <= f->wall && t.expiration > f->wall);
        if (t.expiration < *ends)
            *ends = t.expiration;
        good++;
    }
    return good;
}

static const struct {
    const char *name;
    unsigned type, signatures;
} questions[] = {
    {"www.example.com.", DNS_A, 1},
    {"WWW.example.com.", DNS_A, 1},
    {"www.example.com.", DNS_AAAA, 2},
    {"nope.example.com.", DNS_A, 2},
    {"x.wild.example.com.", DNS_TXT, 1},
    {"example.com.", DNS_DNSKEY, 1},
    {"example.com.", DNS_SOA, 1},
};

/* Months pass, and the clock goes back: no signature is ever sent out of its time. */
static void whenever_it_is(void **state)
{
    static const int days[] = {
        0, 3, 6, 7, 8, 13, 14, 15, 40, 41, 39, 0, -20, -20, 0, 20000, 49710, 0};
    struct fixture *f = *state;
    struct response r;
    wall_s start = f->wall;
    uint32_t ends;

    for (size_t d = 0; d < ARRAY_LEN(days); d++) {
        f->wall = start + (wall_s)days[d] * DAY_S;
        if (f->wall > 4200000000)
            continue; /* verify() does not do serial numbers */
        f->now += 1000;
        for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
            ask(f, questions[i].name, questions[i].type, false, &r);
            if (verify(f, &r, &ends) != questions[i].signatures)
                fail_msg("day %d, %s", days[d], questions[i].name);
            /* longer than any TTL, half of refresh at least */
            assert_true((wall_s)ends - f->wall >= 7 * DAY_S / 2);
        }
    }
}

static unsigned flood(struct fixture *f, unsigned n, bool tcp, unsigned *seed, unsigned *cut)
{
    unsigned failed = 0;
    struct response r;
    char name[64];

    *cut = 0;
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "f%u.example.com.", (*seed)++);
        ask(f, name, DNS_A, tcp, &r);
        *cut += (r.flags & 0x0200) != 0;
        failed += r.rcode == DNS_RCODE_SERVFAIL;
        if (r.flags & 0x0200 || r.rcode != 0)
            assert_int_equal(r.counts[1] + r.counts[2], 0);
    }
    return failed;
}

static void so_many_in_a_second(void **state)
{
    struct fixture *f = *state;
    unsigned seed = 0, cut;
    struct response r;
    uint32_t ends;

    /* by UDP three quarters, then on to TCP */
    assert_int_equal(flood(f, SIGNER_PER_S, false, &seed, &cut), 0);
    assert_int_equal(cut, SIGNER_PER_S / 4);
    /* by TCP the rest */
    assert_int_equal(flood(f, SIGNER_PER_S / 4 + 10, true, &seed, &cut), 10);
    assert_int_equal(cut, 0);
    /* what the zone has is signed all the same, and what does not exist there */
    ask(f, "www.example.com.", DNS_A, false, &r);
    assert_int_equal(verify(f, &r, &ends), 1);
    ask(f, "www.example.com.", DNS_TXT, false, &r);
    assert_int_equal(verify(f, &r, &ends), 2);
    /* and what was signed before */
    ask(f, "f7.example.com.", DNS_A, false, &r);
    assert_int_equal(verify(f, &r, &ends), 2);
    /* half a second later there is half of it again, of which a quarter of the whole is TCP's */
    f->now += 500;
    assert_int_equal(flood(f, SIGNER_PER_S, false, &seed, &cut), 0);
    assert_int_equal(cut, SIGNER_PER_S - SIGNER_PER_S / 4);
    /* time that passes without questions gives no more than one second's */
    f->now += 3600000;
    flood(f, 2 * SIGNER_PER_S, false, &seed, &cut);
    assert_int_equal(cut, SIGNER_PER_S + SIGNER_PER_S / 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whenever_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_many_in_a_second, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
