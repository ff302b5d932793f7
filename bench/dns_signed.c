/*
 * dns_signed.c - what signatures cost: an answer without and with those that are kept, and making
 * one.
 *
 *   make bench/dns_signed && bench/dns_signed [ROUNDS]
 *
 * A zone with a key of its own is made in a folder under /tmp. For each kind of answer: CPU time of
 * reading the question and writing the answer, first for who wants no signatures, then for who
 * does, when they have all been made. The last line asks for names that do not exist, each once, by
 * a clock that goes so fast that no limit is met. Instructions instead of time:
 *
 *   valgrind --tool=callgrind --toggle-collect='measure' bench/dns_signed 10000
 *   callgrind_annotate --inclusive=yes callgrind.out.* | grep -E 'signer_|answer_query'
 */
#include "base/check.h"
#include "director/answer.h"
#include "director/conf.h"
#include "director/key_file.h"
#include "director/signer.h"
#include "dns/query.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct director_conf *conf;
static struct signer signer;
static struct answer_identity identity;
static struct steering steering;
static struct addr client;
static struct answer_ctx ctx;

static void open_zone(const char *folder)
{
    char path[128], key_path[KEY_FILE_PATH], why[KEY_FILE_WHY];
    struct dns_name zone;
    struct key_file key;
    struct buf errors;
    FILE *out;

    check(dns_name_parse(SPAN("example.com."), NULL, &zone) == NULL);
    check(key_file_make(folder, &zone, true, clock_wall_s(), &key, key_path, why));
    dnskey_free(&key.key);
    snprintf(path, sizeof(path), "%s/conf", folder);
    out = fopen(path, "w");
    check(out != NULL);
    fprintf(out,
        "listen 127.0.0.1:0 dns;\n"
        "zone example.com { soa ns1 h serial 1; ns ns1; dnssec { key %s; }\n"
        "    name ns1 { a 192.0.2.53; } name www { a 192.0.2.1; } name *.wild { a 192.0.2.2; } }\n",
        key_path);
    check(fclose(out) == 0);
    buf_init(&errors, 4096);
    conf = director_conf_load(path, &errors);
    check(conf != NULL);
    buf_free(&errors);
}

static size_t put_query(uint8_t *m, const char *name, bool dnssec)
{
    static const uint8_t head[12] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    static const uint8_t opt[11] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
    struct dns_name wire;
    size_t n = sizeof(head);

    check(dns_name_parse(span_of(name), NULL, &wire) == NULL);
    memcpy(m, head, sizeof(head));
    memcpy(m + n, wire.wire, wire.n);
    n += wire.n;
    memcpy(m + n, "\0\1\0\1", 4);
    memcpy(m + n + 4, opt, sizeof(opt));
    m[n + 4 + 7] = dnssec ? 0x80 : 0;
    return n + 4 + sizeof(opt);
}

static size_t answer(const uint8_t *m, size_t n, uint8_t out[1232])
{
    struct dns_query q;

    check(dns_query_read(m, n, &q) == DNS_READ_OK);
    ctx.opt = DNS_OPT_INIT(1232);
    return answer_query(&ctx, &q, out, 1232);
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static __attribute__((noinline)) double measure(
    const char *name, bool dnssec, unsigned long rounds, size_t *bytes)
{
    uint8_t m[512], out[1232];
    size_t n = put_query(m, name, dnssec);
    double start;

    (void)answer(m, n, out);
    start = cpu_ns();
    for (unsigned long i = 0; i < rounds; i++)
        *bytes = answer(m, n, out);
    return (cpu_ns() - start) / (double)rounds;
}

static void measure_both(const char *what, const char *name, unsigned long rounds)
{
    size_t plain_n, signed_n;
    double plain = measure(name, false, rounds, &plain_n);
    double with = measure(name, true, rounds, &signed_n);

    printf("%-10s %6.1f ns in %zu bytes, signed %6.1f ns in %zu bytes\n", what, plain, plain_n,
        with, signed_n);
}

static void measure_making(unsigned long rounds)
{
    uint8_t m[512], out[1232];
    char name[64];
    double start = cpu_ns(), took;

    for (unsigned long i = 0; i < rounds; i++) {
        snprintf(name, sizeof(name), "x%lu.example.com.", i);
        if (i % (SIGNER_PER_S / 2) == 0)
            signer.now += 1000;
        check((answer(m, put_query(m, name, true), out), (out[2] & 2) == 0));
    }
    took = (cpu_ns() - start) / (double)rounds;
    printf("made up    %6.1f ns with a signature of its own: %.0f a second\n", took, 1e9 / took);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
    char folder[] = "/tmp/dns_signed.XXXXXX", command[64];
    struct signatures *signatures;

    check(mkdtemp(folder) != NULL);
    open_zone(folder);
    signatures = signatures_new(conf->zones.zones);
    signer_init(&signer, signatures);
    signer_ready(&signer, clock_wall_s(), 1000000, false);
    check(addr_parse_ip(SPAN("192.0.2.200"), 53, &client));
    ctx = (struct answer_ctx){.zones = conf->zones.zones,
        .steering = &steering,
        .signer = &signer,
        .identity = &identity,
        .client = &client};
    measure_both("records", "www.example.com.", rounds);
    measure_both("wildcard", "x.wild.example.com.", rounds);
    measure_both("NXDOMAIN", "nope.example.com.", rounds);
    measure_making(rounds / 100 + 1);
    signatures_free(&signatures);
    director_conf_free(&conf);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) == 0 ? 0 : 1;
}
