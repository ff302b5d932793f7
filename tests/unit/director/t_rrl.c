/* Rates of answers: by client network and account, over time, and what becomes of what is beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/attrs.h"
#include "director/rrl.h"

enum { SECOND_US = 1000000 };

static const struct rrl_conf usual = {
    .on = true,
    .answers = 10,
    .nxdomains = 5,
    .errors = 2,
    .slip = 2,
    .v4_bits = 24,
    .v6_bits = 56,
    .memory_bytes = 1 << 20,
};

static struct addr client(const char *text)
{
    struct addr a;

    assert_true(addr_parse_ip(span_of(text), 4711, &a));
    return a;
}

static struct answer_said said(enum answer_kind kind, const char *account)
{
    return (struct answer_said){.kind = kind,
        .account = (const uint8_t *)account,
        .account_n = (uint8_t)span_of(account).n};
}

struct outcome {
    unsigned sent, slipped, dropped;
};

static struct outcome ask(
    struct rrl *r, const struct answer_said *s, const char *from, mono_us now, unsigned times)
{
    struct addr a = client(from);
    struct outcome o = {0};

    for (unsigned i = 0; i < times; i++) {
        switch (rrl_judge(r, s, &a, now)) {
        case RRL_SEND:
            o.sent++;
            break;
        case RRL_SLIP:
            o.slipped++;
            break;
        case RRL_DROP:
            o.dropped++;
            break;
        }
    }
    return o;
}

static void expect(struct outcome o, unsigned sent, unsigned slipped, unsigned dropped)
{
    assert_int_equal(o.sent, sent);
    assert_int_equal(o.slipped, slipped);
    assert_int_equal(o.dropped, dropped);
}

static void kinds_have_rates_of_their_own(void **state)
{
    static const struct {
        enum answer_kind kind;
        unsigned sent;
    } rows[] = {
        {ANSWER_DATA, 10},
        {ANSWER_STEERED, 10},
        {ANSWER_REFERRAL, 10},
        {ANSWER_NODATA, 10},
        {ANSWER_CHAOS, 10},
        {ANSWER_NXDOMAIN, 5},
        {ANSWER_REFUSED, 2},
        {ANSWER_ERROR, 2},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct rrl *r = rrl_new(&usual);
        struct answer_said s = said(rows[i].kind, "\3www\4test");

        expect(ask(r, &s, "192.0.2.1", 1, 20), rows[i].sent, (20 - rows[i].sent + 1) / 2,
            (20 - rows[i].sent) / 2);
        rrl_free(&r);
        assert_null(r);
    }
}

static void networks_and_accounts(void **state)
{
    struct rrl *r = rrl_new(&usual);
    struct answer_said www = said(ANSWER_DATA, "\3www\4test"), ns = said(ANSWER_DATA, "\2ns\4test"),
                       none = said(ANSWER_NXDOMAIN, "\3www\4test"),
                       bad = said(ANSWER_REFUSED, "\1a"), worse = said(ANSWER_ERROR, "\1b");

    (void)state;
    expect(ask(r, &www, "192.0.2.1", 1, 12), 10, 1, 1);
    expect(ask(r, &www, "192.0.2.254", 1, 2), 0, 1, 1); /* of the same network */
    expect(ask(r, &www, "192.0.3.1", 1, 10), 10, 0, 0);
    expect(ask(r, &ns, "192.0.2.1", 1, 10), 10, 0, 0);
    expect(ask(r, &none, "192.0.2.1", 1, 5), 5, 0, 0);
    expect(ask(r, &www, "2001:db8:0:1ff::1", 1, 10), 10, 0, 0);
    expect(ask(r, &www, "2001:db8:0:100::1", 1, 2), 0, 1, 1);
    expect(ask(r, &www, "2001:db8:0:200::1", 1, 10), 10, 0, 0);
    /* Errors have one account for all names. */
    expect(ask(r, &bad, "192.0.2.1", 1, 1), 1, 0, 0);
    expect(ask(r, &worse, "192.0.2.1", 1, 1), 1, 0, 0);
    expect(ask(r, &bad, "192.0.2.1", 1, 2), 0, 1, 1);
    rrl_free(&r);
}

static void tokens_come_back(void **state)
{
    struct rrl *r = rrl_new(&usual);
    struct answer_said s = said(ANSWER_DATA, "\3www\4test");

    (void)state;
    expect(ask(r, &s, "192.0.2.1", SECOND_US, 10), 10, 0, 0);
    expect(ask(r, &s, "192.0.2.1", SECOND_US * 3 / 2, 7), 5, 1, 1);
    expect(ask(r, &s, "192.0.2.1", 10 * SECOND_US, 10), 10, 0, 0);
    rrl_free(&r);
}

static void slips(void **state)
{
    struct rrl_conf c = usual;
    struct answer_said s = said(ANSWER_DATA, "\3www\4test");
    struct rrl *r;

    (void)state;
    c.slip = 0;
    r = rrl_new(&c);
    expect(ask(r, &s, "192.0.2.1", 1, 30), 10, 0, 20);
    rrl_free(&r);
    c.slip = 1;
    r = rrl_new(&c);
    expect(ask(r, &s, "192.0.2.1", 1, 30), 10, 20, 0);
    rrl_free(&r);
    c.slip = 5;
    r = rrl_new(&c);
    expect(ask(r, &s, "192.0.2.1", 1, 30), 10, 4, 16);
    rrl_free(&r);
}

static void who_is_not_limited(void **state)
{
    struct network office;
    struct rrl_conf c = usual;
    struct answer_said s = said(ANSWER_DATA, "\3www\4test"), none = said(ANSWER_NXDOMAIN, "\4test");
    struct rrl *r;

    (void)state;
    assert_int_equal(network_parse(SPAN("198.51.100.0/25"), &office), NETWORK_OK);
    c.except = (struct network_list){&office, 1};
    c.nxdomains = 0;
    r = rrl_new(&c);
    expect(ask(r, &s, "198.51.100.7", 1, 100), 100, 0, 0);
    expect(ask(r, &s, "198.51.100.200", 1, 12), 10, 1, 1);
    expect(ask(r, &none, "192.0.2.1", 1, 100), 100, 0, 0);
    rrl_free(&r);
    c.dry_run = true;
    r = rrl_new(&c);
    expect(ask(r, &s, "192.0.2.1", 1, 100), 100, 0, 0);
    rrl_free(&r);
    c.on = false;
    assert_null(rrl_new(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_rates_of_their_own),
        cmocka_unit_test(networks_and_accounts),
        cmocka_unit_test(tokens_come_back),
        cmocka_unit_test(slips),
        cmocka_unit_test(who_is_not_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
