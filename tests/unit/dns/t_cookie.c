/* SipHash by the vectors of its paper, server cookies by those of RFC 9018, appendix A. */
#include "table.h"

#include "dns/cookie.h"
#include "dns/siphash.h"

#include <arpa/inet.h>

static void siphash(void **state)
{
    uint8_t key[16], in[15], out[8];
    char hex[32];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        in[i] = i;
    /* The paper's appendix A: a129ca6149be45e5, whose bytes stand the other way round. */
    siphash24(key, in, sizeof(in), out);
    assert_string_equal(tohex(out, 8, hex, sizeof(hex)), "e545be4961ca29a1");
    /* The first of the reference's vectors: nothing at all. */
    siphash24(key, in, 0, out);
    assert_string_equal(tohex(out, 8, hex, sizeof(hex)), "310e0edd47db6f72");
    siphash24(key, in, 8, out);
    assert_string_equal(tohex(out, 8, hex, sizeof(hex)), "6224939a79f5f593");
}

struct row {
    const char *what;
    const char *secrets[3];
    const char *address;
    const char *cookie;
    wall_s now;
    enum dns_cookie_state state;
    const char *reply;
};

static void run(const struct row *r)
{
    struct dns_cookie_secrets secrets = {0};
    struct dns_edns e = {.has = true};
    uint8_t address[16], reply[DNS_COOKIE_MAX], reply_n;
    bool v6 = strchr(r->address, ':') != NULL;
    char hex[100];
    enum dns_cookie_state state;

    for (; secrets.n < 3 && r->secrets[secrets.n] != NULL; secrets.n++)
        unhex(r->secrets[secrets.n], secrets.secret[secrets.n], DNS_COOKIE_SECRET);
    assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, r->address, address), 1);
    e.cookie_n = (uint8_t)unhex(r->cookie, e.cookie, sizeof(e.cookie));
    state = dns_cookie_check(&secrets, &e, address, v6 ? 16 : 4, r->now, reply, &reply_n);
    row_check(r->what, state == r->state);
    row_string(r->what, tohex(reply, reply_n, hex, sizeof(hex)), r->reply);
}

#define SECRET  "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define ANOTHER "445536bcd2513298075a5d379663c962"
#define FORMER  "dd3bdf9344b678b185a6f5cb60fca715"
#define V6      "2001:db8:220:1:59de:d0f4:8769:82b8"

static void cookies(void **state)
{
    static const struct row rows[] = {
        {"A.1 learning one", {SECRET}, "198.51.100.100", "2464c4abcf10c957", 1559731985,
            DNS_COOKIE_NEW, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        {"A.2 an old one is made new", {SECRET}, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, DNS_COOKIE_GOOD,
            "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
        {"A.3 reserved bytes of others", {SECRET}, "203.0.113.203",
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985, DNS_COOKIE_GOOD,
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"},
        {"A.3 too old, a new one", {SECRET}, "203.0.113.203",
            "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559734700, DNS_COOKIE_INVALID,
            "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
        {"A.4 secrets change", {ANOTHER, FORMER}, V6,
            "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741961, DNS_COOKIE_GOOD,
            "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
        {"a fresh one stays", {SECRET}, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 + 1800, DNS_COOKIE_GOOD,
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        {"good for an hour", {SECRET}, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 - 300, DNS_COOKIE_GOOD,
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        {"none", {SECRET}, "198.51.100.100", "", 1559731985, DNS_COOKIE_NONE, ""},
        {"no secrets", {NULL}, "198.51.100.100", "2464c4abcf10c957", 1, DNS_COOKIE_NEW, ""},
        {"no secrets any more", {NULL}, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, DNS_COOKIE_INVALID, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run(&rows[i]);
}

/* What is refused: each gets a new cookie in its place. */
static void invalid(void **state)
{
    static const char *const good = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    static const struct {
        const char *what, *secret, *address, *cookie;
        int64_t after_s;
    } rows[] = {
        {"too old", SECRET, "198.51.100.100", NULL, 3601},
        {"too far ahead", SECRET, "198.51.100.100", NULL, -301},
        {"another address", SECRET, "198.51.100.101", NULL, 0},
        {"another secret", ANOTHER, "198.51.100.100", NULL, 0},
        {"another client cookie", SECRET, "198.51.100.100",
            "2464c4abcf10c958010000005cf79f111f8130c3eee29480", 0},
        {"another hash", SECRET, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee29481", 0},
        {"another version", SECRET, "198.51.100.100",
            "2464c4abcf10c957020000005cf79f111f8130c3eee29480", 0},
        {"shorter", SECRET, "198.51.100.100", "2464c4abcf10c957010000005cf79f11", 0},
        {"longer", SECRET, "198.51.100.100",
            "2464c4abcf10c957010000005cf79f111f8130c3eee2948000000000", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_cookie_secrets secrets = {.n = 1};
        struct dns_edns e = {.has = true};
        uint8_t address[4], reply[DNS_COOKIE_MAX], reply_n;
        wall_s now = 1559731985 + rows[i].after_s;

        unhex(rows[i].secret, secrets.secret[0], DNS_COOKIE_SECRET);
        inet_pton(AF_INET, rows[i].address, address);
        e.cookie_n = (uint8_t)unhex(
            rows[i].cookie != NULL ? rows[i].cookie : good, e.cookie, sizeof(e.cookie));
        row_check(rows[i].what,
            dns_cookie_check(&secrets, &e, address, 4, now, reply, &reply_n) == DNS_COOKIE_INVALID);
        row_check(rows[i].what, reply_n == DNS_COOKIE_OURS && memcmp(reply, e.cookie, 8) == 0);
        memcpy(e.cookie, reply, reply_n);
        e.cookie_n = reply_n;
        row_check(rows[i].what,
            dns_cookie_check(&secrets, &e, address, 4, now, reply, &reply_n) == DNS_COOKIE_GOOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash),
        cmocka_unit_test(cookies),
        cmocka_unit_test(invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
