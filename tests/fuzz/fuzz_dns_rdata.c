/*
 * Any words as the data of a record of any type, and any bytes as such data. What is taken is
 * well-formed, so is its canonical form, which stays as it is when made again, and it can be
 * written into a message that a strict reader takes.
 *
 * The first two bytes are the type, mostly one that is written in words of its own; words are
 * parted by newlines.
 */
#include "../unit/dns/message.h"
#include "base/check.h"
#include "dns/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct message m;

static void check_written(const struct dns_rrset *set)
{
    static const uint8_t request[] = "\0\0\0\0\0\1\0\0\0\0\0\0\001A\007example\003COM\0\0\1\0\1";
    static uint8_t out[65535];
    struct dns_writer w;
    struct dns_query q;
    bool room;

    check(dns_query_read(request, sizeof(request) - 1, &q) == DNS_READ_OK);
    dns_writer_start(&w, out, sizeof(out), &q, NULL);
    room = dns_writer_rrset(&w, DNS_ANSWER, NULL, set);
    check(room);
    check(message_read(&m, out, dns_writer_end(&w, DNS_RCODE_NOERROR)));
    check(m.records_n == set->n && m.records[0].type == set->type);
}

static void check_data(uint16_t type, const uint8_t *p, size_t n)
{
    static uint8_t canonical[DNS_RDATA_MAX], again[DNS_RDATA_MAX];
    struct dns_rdata records[2] = {{p, (uint16_t)n}, {canonical, (uint16_t)n}};
    struct arena arena;
    size_t duplicates;

    check(dns_rdata_check(type, p, n));
    dns_rdata_canonical(type, p, n, canonical);
    check(dns_rdata_check(type, canonical, n));
    dns_rdata_canonical(type, canonical, n, again);
    check(n == 0 || memcmp(canonical, again, n) == 0);
    arena_init(&arena);
    check(dns_rrset_make(&arena, type, 1, records, 2, &duplicates)->n == 1 && duplicates == 1);
    if (type != DNS_OPT)
        check_written(dns_rrset_make(&arena, type, 1, records, 1, NULL));
    arena_free(&arena);
}

static uint16_t type_of(const uint8_t *p)
{
    static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_NS, DNS_CNAME, DNS_SOA, DNS_TXT, DNS_MX,
        DNS_CAA, DNS_SRV, DNS_HTTPS, DNS_SVCB, DNS_PTR, DNS_DS};

    return p[0] < 128 ? types[p[1] % ARRAY_LEN(types)] : get16(p) & 0x7fff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t out[DNS_RDATA_MAX];
    struct dns_name origin = {.n = 9, .wire = "\3Net\3oRg"};
    struct span words[70], rest;
    struct dns_why why = {""};
    size_t words_n = 0, out_n;
    uint16_t type;

    if (n < 2)
        return 0;
    type = type_of(data);
    data += 2;
    n -= 2;
    if (n <= DNS_RDATA_MAX && dns_rdata_check(type, data, n))
        check_data(type, data, n);
    rest = span_make((const char *)data, n);
    while (words_n < ARRAY_LEN(words) && span_cut(&rest, '\n', &words[words_n]))
        words_n++;
    if (dns_rdata_parse(type, words, words_n, &origin, out, &out_n, &why))
        check_data(type, out, out_n);
    else
        check(why.text[0] != '\0');
    return 0;
}
