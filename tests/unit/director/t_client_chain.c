/* X-Forwarded-For, and Forwarded (RFC 7239), as far as those who wrote are trusted. */
#include "tests/unit/http/table.h"

#include "director/client_chain.h"

#include <stdio.h>

#define PROXY "10.0.0.1:80"

static const struct row {
    int field;
    const char *peer, *lines, *client;
} rows[] = {
    /* Who connects from elsewhere may write what he likes. */
    {CLIENT_X_FORWARDED_FOR, "192.0.2.1:80", "X-Forwarded-For: 203.0.113.7", "192.0.2.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7", "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 198.51.100.1, 203.0.113.7", "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7, 10.9.9.9", "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, PROXY,
        "X-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 203.0.113.7\nX-Forwarded-For: 10.1.1.1",
        "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 10.1.1.1, 10.2.2.2", "10.1.1.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 2001:db8::7", "2001:db8::7"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: [2001:db8::7]:4711", "2001:db8::7"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7:4711", "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, "[2001:db8:aa::1]:80", "X-Forwarded-For: 203.0.113.7", "203.0.113.7"},
    {CLIENT_X_FORWARDED_FOR, "[::ffff:10.0.0.1]:80", "X-Forwarded-For: 203.0.113.7", "203.0.113.7"},
    /* The other field is the client's. */
    {CLIENT_X_FORWARDED_FOR, PROXY, "Forwarded: for=203.0.113.7", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "X-Forwarded-For: 203.0.113.7", "10.0.0.1"},
    /* What is not understood ends the chain. */
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7, unknown", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7, _x, 10.3.3.3", "10.3.3.3"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: ", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7:", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: 203.0.113.7:http", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: [2001:db8::7", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: [2001:db8::7]x", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: [2001:db8::7]:", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: \"203.0.113.7\"", "10.0.0.1"},
    {CLIENT_X_FORWARDED_FOR, PROXY, "X-Forwarded-For: unix:/tmp/x", "10.0.0.1"},
    /* RFC 7239 */
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7", "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: proto=http;FOR=203.0.113.7;by=10.0.0.1", "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"203.0.113.7:_port\"", "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"203.0.113.\\7\"", "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=198.51.100.1, for=203.0.113.7;host=\"a,b\"",
        "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7, for=10.1.1.1", "203.0.113.7"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"2001:db8:cafe::17\"", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=unknown", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=_gazonk", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: proto=http", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7;for=198.51.100.1", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7;", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7;proto", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"203.0.113.7", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=\"203.0.113.7\"x", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: for=203.0.113.7:80", "10.0.0.1"},
    {CLIENT_FORWARDED, PROXY, "Forwarded: =203.0.113.7", "10.0.0.1"},
};

static struct network net(const char *text)
{
    struct network n;

    assert_int_equal(network_parse(span_of(text), &n), NETWORK_OK);
    return n;
}

static void check_row(const struct row *r)
{
    const struct network proxies[] = {net("10.0.0.0/8"), net("2001:db8:aa::/48")};
    const struct client_trust trust = {r->field, {proxies, 2}};
    char text[ADDR_TEXT];
    struct fields f;
    struct addr peer, client;
    struct arena a;

    arena_init(&a);
    f = fields_of(&a, r->lines);
    assert_true(addr_parse(span_of(r->peer), &peer));
    client = client_chain_find(&trust, &f, &peer, &a);
    row_text(r->lines, span_of(addr_ip_text(&client, text)), r->client);
    arena_free(&a);
}

static void chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
}

/* Only the end of a long list is read, and it is read rightly. */
static void long_chains(void **state)
{
    char lines[4096] = "X-Forwarded-For: 203.0.113.7";

    (void)state;
    for (unsigned n = 1; n < 100; n++) {
        char client[32] = "203.0.113.7";

        if (n >= CLIENT_CHAIN_MAX)
            snprintf(client, sizeof(client), "10.0.0.%u", n - CLIENT_CHAIN_MAX + 1);
        snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), ", 10.0.0.%u", n);
        check_row(&(struct row){CLIENT_X_FORWARDED_FOR, PROXY, lines, client});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains),
        cmocka_unit_test(long_chains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
