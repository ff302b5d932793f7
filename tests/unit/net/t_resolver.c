/* The resolver, against a DNS server of our own: TTL, families, failures, what is kept. */
#include "net_test.h"

#include "net/resolver.h"

#include <stdio.h>
#include <unistd.h>

enum { HOUR_MS = 3600 * 1000 };

static struct dns_server dns;
static struct resolver *resolver;

/* Someone who asks, and what he was told. */
struct asker {
    struct resolver_query query;
    struct resolver_answer answer;
    int calls;
    bool told;
};

static void on_done(struct resolver_query *q, const struct resolver_answer *answer)
{
    struct asker *a = container_of(q, struct asker, query);

    a->answer = *answer;
    a->calls++;
    a->told = true;
}

static void begin_patient(const struct dns_rule *rules, int timeout_ms, int tries)
{
    struct resolver_options o = {.timeout_ms = timeout_ms, .tries = tries};

    dns_open(&dns, rules);
    o.server = dns.addr;
    resolver = resolver_new(worker, &o);
}

static void begin(const struct dns_rule *rules)
{
    begin_patient(rules, 100, 2);
}

static void end(void)
{
    resolver_free(&resolver);
    assert_null(resolver);
    dns_close(&dns);
}

/* True when the answer was there at once. */
static bool ask(struct asker *a, const char *name)
{
    *a = (struct asker){.calls = 0};
    return resolver_lookup(resolver, span_of(name), &a->query, on_done, &a->answer);
}

static void ask_and_wait(struct asker *a, const char *name)
{
    assert_false(ask(a, name));
    assert_int_equal(a->calls, 0);
    loop_until(&a->told);
    assert_int_equal(a->calls, 1);
}

/* "2001:db8::1 192.0.2.1" */
static void assert_addrs(const struct resolver_answer *answer, const char *want)
{
    char got[512] = "", ip[ADDR_TEXT];

    for (unsigned i = 0; i < answer->n; i++) {
        assert_int_equal(addr_port(&answer->addrs[i]), 0);
        strcat(got, i > 0 ? " " : "");
        strcat(got, addr_ip_text(&answer->addrs[i], ip));
    }
    assert_string_equal(got, want);
}

static const struct dns_rule both[] = {
    {"app.example", AF_INET, DNS_ANSWER, 60, {"192.0.2.1", "192.0.2.2"}},
    {"app.example", AF_INET6, DNS_ANSWER, 60, {"2001:db8::1"}},
    {NULL},
};

static void both_families_and_the_cache(void **state)
{
    struct asker a;

    (void)state;
    begin(both);
    ask_and_wait(&a, "app.example");
    assert_addrs(&a.answer, "2001:db8::1 192.0.2.1 192.0.2.2");
    assert_false(a.answer.stale);
    assert_true(ask(&a, "APP.Example"));
    assert_addrs(&a.answer, "2001:db8::1 192.0.2.1 192.0.2.2");
    assert_int_equal(dns.asked_a, 1);
    assert_int_equal(dns.asked_aaaa, 1);
    end();
}

static void literals_and_bad_names_need_no_server(void **state)
{
    static const char *const bad[] = {"", ".", ".a", "a..b", "a b", "a/b", "a\nb", "a:80",
        "\xc3\xbc", "[::1", "*.example",
        /* 255 bytes */
        "0123456789.0123456789.0123456789.0123456789.0123456789.0123456789.0123456789."
        "0123456789.0123456789.0123456789.0123456789.0123456789.0123456789.0123456789."
        "0123456789.0123456789.0123456789.0123456789.0123456789.0123456789.0123456789."
        "0123456789.0123456789.00"};
    struct asker a;

    (void)state;
    begin(both);
    assert_true(ask(&a, "192.0.2.9"));
    assert_addrs(&a.answer, "192.0.2.9");
    assert_true(ask(&a, "[2001:db8::9]"));
    assert_addrs(&a.answer, "2001:db8::9");
    assert_true(ask(&a, "2001:db8::9"));
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        if (!ask(&a, bad[i]))
            fail_msg("\"%s\" was asked for", bad[i]);
        assert_int_equal(a.answer.n, 0);
        assert_string_equal(a.answer.why, "that is no host name");
    }
    loop_for(20);
    assert_int_equal(dns.asked_a + dns.asked_aaaa, 0);
    end();
}

static void localhost_needs_no_network(void **state)
{
    struct asker a;

    (void)state;
    begin(both);
    assert_true(ask(&a, "localhost"));
    assert_true(a.answer.n >= 1);
    for (unsigned i = 0; i < a.answer.n; i++) {
        char ip[ADDR_TEXT];

        addr_ip_text(&a.answer.addrs[i], ip);
        assert_true(strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0);
    }
    loop_for(20);
    assert_int_equal(dns.asked_a + dns.asked_aaaa, 0);
    end();
}

static void one_question_for_many_who_ask(void **state)
{
    struct asker a[20];

    (void)state;
    begin(both);
    for (unsigned i = 0; i < ARRAY_LEN(a); i++)
        assert_false(ask(&a[i], "app.example"));
    resolver_cancel(&a[3].query);
    resolver_cancel(&a[3].query);
    for (unsigned i = 0; i < ARRAY_LEN(a); i++) {
        if (i == 3)
            continue;
        loop_until(&a[i].told);
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].answer.n, 3);
    }
    assert_int_equal(a[3].calls, 0);
    assert_int_equal(dns.asked_a, 1);
    assert_int_equal(dns.asked_aaaa, 1);
    end();
}

/* --- what done() may do
 * -------------------------------------------------------------------------------- */

static struct asker second, victim;
static bool second_at_once;

static void ask_again(struct resolver_query *q, const struct resolver_answer *answer)
{
    struct asker *a = container_of(q, struct asker, query);

    a->answer = *answer;
    resolver_cancel(&victim.query);
    second_at_once = ask(&second, "app.example");
    a->told = true;
}

static void done_may_ask_and_cancel(void **state)
{
    struct asker a = {.calls = 0};

    (void)state;
    begin(both);
    assert_false(resolver_lookup(resolver, SPAN("app.example"), &a.query, ask_again, &a.answer));
    assert_false(ask(&victim, "app.example"));
    loop_until(&a.told);
    loop_for(10);
    assert_true(second_at_once);
    assert_int_equal(second.answer.n, 3);
    assert_int_equal(victim.calls, 0);
    end();
}

static void freeing_forgets_those_who_wait(void **state)
{
    static const struct dns_rule rules[] = {
        {"dumb.example", AF_INET, DNS_SILENCE}, {"dumb.example", AF_INET6, DNS_SILENCE}, {NULL}};
    struct asker a;

    (void)state;
    begin(rules);
    assert_false(ask(&a, "dumb.example"));
    loop_for(10);
    end();
    resolver_cancel(&a.query); /* still harmless */
    assert_int_equal(a.calls, 0);
}

/* --- time
 * ------------------------------------------------------------------------------------------------
 */

static void expires_by_its_ttl_and_is_renewed_before(void **state)
{
    static const struct dns_rule rules[] = {
        {"short.example", AF_INET, DNS_ANSWER, 10, {"192.0.2.1"}},
        {"short.example", AF_INET6, DNS_ANSWER, 3000},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(rules);
    ask_and_wait(&a, "short.example");
    loop_skip(7000);
    assert_true(ask(&a, "short.example"));
    loop_for(20);
    assert_int_equal(dns.asked_a, 1);
    /* Within the last fifth: answered at once and asked for in the background. */
    loop_skip(2000);
    assert_true(ask(&a, "short.example"));
    assert_false(a.answer.stale);
    loop_for(20);
    assert_int_equal(dns.asked_a, 2);
    loop_skip(5000);
    assert_true(ask(&a, "short.example"));
    assert_int_equal(dns.asked_a, 2);
    /* Not used for long: nobody asked meanwhile, and the next one waits. */
    loop_skip(60000);
    assert_int_equal(dns.asked_a, 2);
    ask_and_wait(&a, "short.example");
    assert_addrs(&a.answer, "192.0.2.1");
    assert_false(a.answer.stale);
    assert_int_equal(dns.asked_a, 3);
    end();
}

static void the_ttl_is_clamped(void **state)
{
    static const struct dns_rule rules[] = {
        {"zero.example", AF_INET, DNS_ANSWER, 0, {"192.0.2.1"}},
        {"long.example", AF_INET, DNS_ANSWER, 1000000, {"192.0.2.1"}},
        {"zero.example", AF_INET6, DNS_ANSWER},
        {"long.example", AF_INET6, DNS_ANSWER},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(rules);
    ask_and_wait(&a, "zero.example");
    assert_true(ask(&a, "zero.example"));
    loop_skip(1000);
    assert_false(ask(&a, "zero.example"));
    loop_until(&a.told);
    ask_and_wait(&a, "long.example");
    loop_skip(HOUR_MS);
    assert_false(ask(&a, "long.example"));
    loop_until(&a.told);
    end();
}

static void an_alias_lives_as_long_as_its_shortest_part(void **state)
{
    static const struct dns_rule rules[] = {
        {"www.example", AF_INET, DNS_ANSWER, 3000, {"192.0.2.1"}, "real.example", 5},
        {"www.example", AF_INET6, DNS_ANSWER, 3000, {"2001:db8::1"}, "real.example", 5},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(rules);
    ask_and_wait(&a, "www.example");
    assert_addrs(&a.answer, "2001:db8::1 192.0.2.1");
    loop_skip(3900);
    assert_true(ask(&a, "www.example"));
    loop_skip(1200);
    assert_false(ask(&a, "www.example"));
    loop_until(&a.told);
    end();
}

/* --- failures
 * ---------------------------------------------------------------------------------------------- */

static void absence_is_known_for_a_moment(void **state)
{
    static const struct dns_rule rules[] = {
        {"empty.example", AF_INET, DNS_ANSWER},
        {"empty.example", AF_INET6, DNS_ANSWER},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(rules);
    ask_and_wait(&a, "none.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "no such name");
    assert_true(ask(&a, "none.example"));
    assert_int_equal(a.answer.n, 0);
    assert_int_equal(dns.asked_a, 1);
    loop_skip(1000);
    assert_false(ask(&a, "none.example"));
    loop_until(&a.told);
    assert_int_equal(dns.asked_a, 2);
    ask_and_wait(&a, "empty.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "the name has no address");
    end();
}

static void failures_have_their_words(void **state)
{
    static const struct dns_rule rules[] = {
        {"dumb.example", AF_INET, DNS_SILENCE},
        {"dumb.example", AF_INET6, DNS_SILENCE},
        {"ill.example", AF_INET, DNS_SERVFAIL},
        {"ill.example", AF_INET6, DNS_SERVFAIL},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(rules);
    ask_and_wait(&a, "dumb.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "no answer from DNS in time");
    assert_true(dns.asked_a >= 2); /* it tried again */
    ask_and_wait(&a, "ill.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "the DNS servers fail or refuse");
    end();
}

static const struct dns_rule half[] = {
    {"half.example", AF_INET, DNS_ANSWER, 60, {"192.0.2.1"}},
    {"half.example", AF_INET6, DNS_SILENCE},
    {NULL},
};

static void a_server_that_drops_aaaa_delays_nobody_for_long(void **state)
{
    struct asker a;
    mono_ms before = clock_mono_ms();

    (void)state;
    begin_patient(half, 20000, 1);
    ask_and_wait(&a, "half.example");
    assert_addrs(&a.answer, "192.0.2.1");
    assert_true(clock_mono_ms() - before >= 49);
    assert_true(clock_mono_ms() - before < 10000);
    end();
}

static void what_one_family_says_holds_when_the_other_fails(void **state)
{
    struct asker a;

    (void)state;
    begin(half);
    ask_and_wait(&a, "half.example");
    loop_for(350); /* AAAA has failed after 100 + 200 ms */
    /* The A record holds for its time. */
    assert_true(ask(&a, "half.example"));
    assert_false(a.answer.stale);
    assert_int_equal(dns.asked_a, 1);
    end();
}

static const struct dns_rule good[] = {
    {"app.example", AF_INET, DNS_ANSWER, 10, {"192.0.2.1"}},
    {"app.example", AF_INET6, DNS_ANSWER, 10, {"2001:db8::1"}},
    {NULL},
};

static void the_last_good_answer_stands_in_for_an_hour(void **state)
{
    static const struct dns_rule broken[] = {
        {"app.example", AF_INET, DNS_SERVFAIL},
        {"app.example", AF_INET6, DNS_SERVFAIL},
        {NULL},
    };
    struct asker a;

    (void)state;
    begin(good);
    ask_and_wait(&a, "app.example");
    dns.rules = broken;
    loop_skip(11000);
    ask_and_wait(&a, "app.example");
    assert_addrs(&a.answer, "2001:db8::1 192.0.2.1");
    assert_true(a.answer.stale);
    /* From now on without waiting, and DNS is not flooded. */
    for (int i = 0; i < 10; i++)
        assert_true(ask(&a, "app.example"));
    loop_for(20);
    loop_skip(HOUR_MS / 2);
    assert_true(ask(&a, "app.example"));
    assert_true(a.answer.stale);
    loop_for(20);
    loop_skip(HOUR_MS / 2);
    ask_and_wait(&a, "app.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "the DNS servers fail or refuse");
    /* And back. */
    dns.rules = good;
    loop_skip(1000);
    ask_and_wait(&a, "app.example");
    assert_addrs(&a.answer, "2001:db8::1 192.0.2.1");
    assert_false(a.answer.stale);
    end();
}

static void a_slow_server_is_not_waited_for_when_there_is_an_old_answer(void **state)
{
    static const struct dns_rule dumb[] = {
        {"app.example", AF_INET, DNS_SILENCE},
        {"app.example", AF_INET6, DNS_SILENCE},
        {NULL},
    };
    struct asker a;
    mono_ms before;

    (void)state;
    begin_patient(good, 20000, 1);
    ask_and_wait(&a, "app.example");
    dns.rules = dumb;
    loop_skip(11000);
    before = clock_mono_ms();
    ask_and_wait(&a, "app.example");
    assert_true(a.answer.stale);
    assert_true(clock_mono_ms() - before < 10000);
    assert_true(ask(&a, "app.example")); /* the next one does not wait at all */
    assert_true(a.answer.stale);
    end();
}

static void no_such_name_is_no_failure(void **state)
{
    static const struct dns_rule nothing[] = {{NULL}};
    struct asker a;

    (void)state;
    begin(good);
    ask_and_wait(&a, "app.example");
    dns.rules = nothing;
    loop_skip(11000);
    ask_and_wait(&a, "app.example");
    assert_int_equal(a.answer.n, 0);
    assert_string_equal(a.answer.why, "no such name");
    end();
}

static void many_names_do_not_grow_without_end(void **state)
{
    struct asker a;
    char name[32];

    (void)state;
    begin(good);
    ask_and_wait(&a, "app.example");
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        ask_and_wait(&a, name);
    }
    assert_true(ask(&a, "n1099.example"));
    assert_false(ask(&a, "app.example")); /* the least recently used made room */
    loop_until(&a.told);
    end();
}

/* --- many workers
 * ------------------------------------------------------------------------------------------ */

static void ask_on_worker(struct worker *w)
{
    struct resolver *r = resolver_new(w, NULL);
    struct asker *a = w->app;

    for (int i = 0; i < 100; i++) {
        a->calls += resolver_lookup(r, SPAN("localhost"), &a->query, on_done, &a->answer);
        resolver_cancel(&a->query);
    }
    resolver_free(&r);
}

static void each_worker_has_its_own(void **state)
{
    struct worker *workers[4];
    struct asker askers[4] = {{.calls = 0}};

    (void)state;
    for (int i = 0; i < 4; i++) {
        workers[i] = worker_new(i + 1);
        workers[i]->app = &askers[i];
        worker_start(workers[i], ask_on_worker);
    }
    for (int i = 0; i < 4; i++) {
        worker_join(&workers[i]);
        assert_int_equal(askers[i].calls, 100);
        assert_true(askers[i].answer.n > 0);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, loop_setup, loop_teardown)
    const struct CMUnitTest tests[] = {
        T(both_families_and_the_cache),
        T(literals_and_bad_names_need_no_server),
        T(localhost_needs_no_network),
        T(one_question_for_many_who_ask),
        T(done_may_ask_and_cancel),
        T(freeing_forgets_those_who_wait),
        T(expires_by_its_ttl_and_is_renewed_before),
        T(the_ttl_is_clamped),
        T(an_alias_lives_as_long_as_its_shortest_part),
        T(absence_is_known_for_a_moment),
        T(failures_have_their_words),
        T(a_server_that_drops_aaaa_delays_nobody_for_long),
        T(what_one_family_says_holds_when_the_other_fails),
        T(the_last_good_answer_stands_in_for_an_hour),
        T(a_slow_server_is_not_waited_for_when_there_is_an_old_answer),
        T(no_such_name_is_no_failure),
        T(many_names_do_not_grow_without_end),
        cmocka_unit_test(each_worker_has_its_own),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
