/*
 * dns_message.c - what it costs to read one DNS query and to write its answer, without sockets and
 * without finding the answer.
 *
 *   make bench/dns_message && bench/dns_message
 *
 * The query is for A of a name in mixed case, as resolvers ask: plain, with OPT, with Client Subnet
 * (/24), with a cookie too. The last lines set SipHash beside OpenSSL's, for the 20 bytes of an
 * IPv4 client's cookie. Instructions instead of time:
 *
 *   valgrind --tool=callgrind --toggle-collect='answer_*' bench/dns_message 1000
 *   callgrind_annotate callgrind.out.*
 *
 * and divide by the calls of each answer_*().
 */
#include "base/check.h"
#include "dns/cookie.h"
#include "dns/siphash.h"
#include "dns/writer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const uint8_t address[4] = {192, 0, 2, 53}, data[4] = {198, 51, 100, 7};
static const struct dns_cookie_secrets secrets = {.n = 1, .secret = {{1, 2, 3}}};
static const wall_s now = 1800000000;

/* A good cookie of ours, as the query has it. */
static uint8_t cookie[DNS_COOKIE_MAX] = {1, 2, 3, 4, 5, 6, 7, 8};

static size_t put_header(uint8_t *p, unsigned additional)
{
    static const uint8_t head[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0"
                                  "\003wWw\003cDN\007eXAmple\003cOM\0\0\1\0\1";

    memcpy(p, head, sizeof(head) - 1);
    p[11] = (uint8_t)additional;
    return sizeof(head) - 1;
}

static size_t put_opt(uint8_t *p, size_t at, const void *options, size_t n)
{
    memcpy(p + at, "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00", 11);
    p[at + 10] = (uint8_t)n;
    memcpy(p + at + 11, options, n);
    return at + 11 + n;
}

static const uint8_t ecs[] = {0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113};

/* Reads and writes as a server would for a name with one address. */
static inline size_t answer(const uint8_t *in, size_t n, uint8_t *out)
{
    static struct dns_opt opt = DNS_OPT_INIT(1232); /* a worker's, from query to query */
    struct dns_writer w;
    struct dns_query q;

    check(dns_query_read(in, n, &q) == DNS_READ_OK);
    opt.cookie_n = 0;
    if (q.edns.cookie_n != 0)
        (void)dns_cookie_check(
            &secrets, &q.edns, address, sizeof(address), now, opt.cookie, &opt.cookie_n);
    opt.ecs_scope = 21;
    dns_writer_start(&w, out, q.edns.udp_bytes, &q, &opt);
    w.flags |= DNS_AA;
    check(dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 30, data, sizeof(data)));
    return dns_writer_end(&w, DNS_RCODE_NOERROR);
}

static __attribute__((noinline)) size_t answer_plain(const uint8_t *in, size_t n, uint8_t *out)
{
    return answer(in, n, out);
}

static __attribute__((noinline)) size_t answer_opt(const uint8_t *in, size_t n, uint8_t *out)
{
    return answer(in, n, out);
}

static __attribute__((noinline)) size_t answer_ecs(const uint8_t *in, size_t n, uint8_t *out)
{
    return answer(in, n, out);
}

static __attribute__((noinline)) size_t answer_cookie(const uint8_t *in, size_t n, uint8_t *out)
{
    return answer(in, n, out);
}

static __attribute__((noinline)) size_t answer_siphash(const uint8_t *in, size_t n, uint8_t *out)
{
    siphash24(in, in + 16, n - 16, out);
    return SIPHASH_BYTES;
}

static EVP_MAC_CTX *mac;

static __attribute__((noinline)) size_t answer_evp(const uint8_t *in, size_t n, uint8_t *out)
{
    size_t got = 0;

    /* The key stays from call to call. */
    check(EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, in + 16, n - 16) &&
          EVP_MAC_final(mac, out, &got, SIPHASH_BYTES));
    return got;
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *what, size_t (*f)(const uint8_t *, size_t, uint8_t *),
    const uint8_t *in, size_t n, unsigned long rounds)
{
    uint8_t out[1232];
    size_t bytes = 0;
    double start = cpu_ns();

    for (unsigned long i = 0; i < rounds; i++)
        bytes = f(in, n, out);
    printf("%-8s %3zu bytes in, %3zu out: %6.1f ns\n", what, n, bytes,
        (cpu_ns() - start) / (double)rounds);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000000;
    unsigned size = SIPHASH_BYTES;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
    struct dns_edns e = {.has = true, .cookie_n = DNS_COOKIE_CLIENT};
    uint8_t in[512], options[64], reply_n;
    EVP_MAC *siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);

    measure("plain", answer_plain, in, put_header(in, 0), rounds);
    measure("opt", answer_opt, in, put_opt(in, put_header(in, 1), NULL, 0), rounds);
    measure("ecs", answer_ecs, in, put_opt(in, put_header(in, 1), ecs, sizeof(ecs)), rounds);

    memcpy(e.cookie, cookie, DNS_COOKIE_CLIENT);
    (void)dns_cookie_check(&secrets, &e, address, sizeof(address), now, cookie, &reply_n);
    memcpy(options, ecs, sizeof(ecs));
    memcpy(options + sizeof(ecs), "\x00\x0a\x00\x18", 4);
    memcpy(options + sizeof(ecs) + 4, cookie, DNS_COOKIE_OURS);
    measure("cookie", answer_cookie, in,
        put_opt(in, put_header(in, 1), options, sizeof(ecs) + 4 + DNS_COOKIE_OURS), rounds);

    check(siphash != NULL && (mac = EVP_MAC_CTX_new(siphash)) != NULL);
    check(EVP_MAC_init(mac, in, SIPHASH_KEY, params));
    measure("siphash", answer_siphash, in, 36, rounds);
    measure("evp", answer_evp, in, 36, rounds);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(siphash);
    return 0;
}
