#include "conf/directive.h"
#include "demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct conf_errors errors;
    char out[8192];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    arena_init(&f->arena);
    conf_errors_init(&f->errors, &f->arena);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    free(f);
    return 0;
}

static struct demo *load(struct fixture *f, const char *text)
{
    struct demo *d = demo_load(&f->arena, span_of(text), &f->errors, NULL);

    if (f->errors.n > 0)
        print_error("%s\n", f->errors.text[0].p);
    assert_non_null(d);
    return d;
}

/* All that is wrong with the text. */
static const char *faults(struct fixture *f, const char *text)
{
    struct buf b;

    conf_errors_init(&f->errors, &f->arena);
    assert_null(demo_load(&f->arena, span_of(text), &f->errors, NULL));
    buf_init(&b, sizeof(f->out) - 1);
    assert_true(conf_errors_write(&f->errors, &b));
    span_cstr(buf_span(&b), f->out, sizeof(f->out));
    buf_free(&b);
    return f->out;
}

#define assert_text(span, literal) assert_string_equal((span).p, literal)

static void what_is_left_out_has_its_preset(void **state)
{
    struct demo *d = load(*state, "listen 127.0.0.1:80;");

    assert_int_equal(d->cache.memory_bytes, 256 << 20);
    assert_true(d->cache.followers);
    assert_int_equal(d->limits.idle_ms, 90000);
    assert_int_equal(d->limits.head_bytes, 65536);
    assert_int_equal(d->workers, 0);
    assert_int_equal(d->log, DEMO_LOG_INFO);
    assert_text(d->user, "www data");
    assert_string_equal(d->control.un.sun_path, "/run/demo.sock");
    assert_true(list_empty(&d->sites));
}

static void what_is_given_is_stored(void **state)
{
    struct demo *d = load(*state, "listen 127.0.0.1:80; listen [::1]:443 tls;\n"
                                  "workers 7; log warn; user nobody; idle 2s; head 8KiB;\n"
                                  "control 127.0.0.1:9;\n"
                                  "cache { memory 3MiB; followers off; }\n");

    assert_int_equal(d->listeners, 2);
    assert_int_equal(d->tls, 1);
    assert_int_equal(d->listen.sa.sa_family, AF_INET6);
    assert_int_equal(d->workers, 7);
    assert_int_equal(d->log, DEMO_LOG_WARN);
    assert_text(d->user, "nobody");
    assert_int_equal(d->control.sa.sa_family, AF_INET);
    assert_int_equal(d->limits.idle_ms, 2000);
    assert_int_equal(d->limits.head_bytes, 8192);
    assert_int_equal(d->cache.memory_bytes, 3 << 20);
    assert_false(d->cache.followers);
}

static void an_inner_block_sees_all_of_its_parent(void **state)
{
    struct demo *d = load(*state, "listen 127.0.0.1:80;\n"
                                  "site a.example {\n"
                                  "    path /x { strip Only; bypass; }\n"
                                  "    path /y { ttl 1s; strip One; strip Two Three; }\n"
                                  "    ttl 1d;\n"
                                  "    origin app;\n"
                                  "}\n"
                                  "origin app { server http://b backup; server http://m; }\n");
    struct demo_site *s = list_entry(d->sites.next, struct demo_site, link);
    struct demo_path *x = list_entry(s->paths.next, struct demo_path, link);
    struct demo_path *y = list_entry(x->link.next, struct demo_path, link);

    assert_text(s->host, "a.example");
    assert_int_equal(s->policy.ttl_ms, 86400000);
    assert_int_equal(s->policy.strip.n, 2);
    assert_text(s->policy.strip.v[1], "X-Powered-By");
    assert_non_null(s->origin);
    assert_text(s->origin->url, "http://m");
    assert_int_equal(s->origin->servers, 2);

    assert_text(x->pattern, "/x");
    assert_true(x->bypass);
    assert_int_equal(x->policy.ttl_ms, 86400000);
    assert_int_equal(x->policy.strip.n, 1);
    assert_text(x->policy.strip.v[0], "Only");
    assert_text(x->policy.origin_name, "app");

    assert_false(y->bypass);
    assert_int_equal(y->policy.ttl_ms, 1000);
    assert_int_equal(y->policy.strip.n, 3);
    assert_text(y->policy.strip.v[2], "Three");
    assert_ptr_equal(y->link.next, &s->paths);
}

static void what_is_wrong_is_said(void **state)
{
#define L "listen 127.0.0.1:80;\n"
    static const char *const cases[][2] = {
        /* words that are not known here */
        {L "orgin app { }",
            "demo.conf:2:1: unknown directive \"orgin\" in main, did you mean \"origin\"?\n"},
        {L "site x {\n    tttl 1d;\n}",
            "demo.conf:3:5: unknown directive \"tttl\" in site, did you mean \"ttl\"?\n"},
        {L "site x { xyzzy; }", "demo.conf:2:10: unknown directive \"xyzzy\" in site\n"},
        {L "inclde x;",
            "demo.conf:2:1: unknown directive \"inclde\" in main, did you mean \"include\"?\n"},
        {L "ttl 1d;", "demo.conf:2:1: \"ttl\" belongs in site or path, not in main\n"},
        {L "site x { memory 1MiB; }", "demo.conf:2:10: \"memory\" belongs in cache, not in site\n"},
        {L "cache { bypass; }", "demo.conf:2:9: \"bypass\" belongs in path, not in cache\n"},
        {L "xyzzy { plugh { listen; } }", "demo.conf:2:1: unknown directive \"xyzzy\" in main\n"},
        /* how often */
        {L "workers 1;\n  workers 2;",
            "demo.conf:3:3: \"workers\" is given twice, first at demo.conf:2:1\n"},
        {L "cache { } cache { memory 1; }",
            "demo.conf:2:11: \"cache\" is given twice, first at demo.conf:2:1\n"},
        {"workers 1;", "demo.conf:1:1: main needs \"listen\"\n"},
        {L "\n origin app { }", "demo.conf:3:2: origin needs \"server\"\n"},
        /* shape */
        {L "workers;", "demo.conf:2:1: \"workers\" takes NUMBER, found nothing\n"},
        {L "workers 1 2;", "demo.conf:2:1: \"workers\" takes NUMBER, found 2 words\n"},
        {L "cache { memory 64 MiB; }", "demo.conf:2:9: \"memory\" takes SIZE, found 2 words\n"},
        {L "log;", "demo.conf:2:1: \"log\" takes error|warn|info, found nothing\n"},
        {"listen;", "demo.conf:1:1: \"listen\" takes ADDRESS [tls], found nothing\n"},
        {L "site { }", "demo.conf:2:1: \"site\" takes HOST..., found nothing\n"},
        {L "user;", "demo.conf:2:1: \"user\" takes TEXT, found nothing\n"},
        {L "control;", "demo.conf:2:1: \"control\" takes ADDRESS, found nothing\n"},
        {L "idle;", "demo.conf:2:1: \"idle\" takes DURATION, found nothing\n"},
        {L "cache { followers; }", "demo.conf:2:9: \"followers\" takes on|off, found nothing\n"},
        {L "cache x { }", "demo.conf:2:1: \"cache\" takes no argument, found 1 word\n"},
        {L "site x { path /y { bypass on; } }",
            "demo.conf:2:20: \"bypass\" takes no argument, found 1 word\n"},
        {L "site x { strip; }", "demo.conf:2:10: \"strip\" takes FIELD..., found nothing\n"},
        {L "cache;", "demo.conf:2:1: \"cache\" needs a block { ... }\n"},
        {L "workers 1 { }", "demo.conf:2:1: \"workers\" takes no block\n"},
        {L "workers 1\nlog info;", "demo.conf:2:1: \"workers\" takes NUMBER, found 3 words; is a "
                                   "\";\" missing on line 2?\n"},
        {L "workers\n 1\ncache { }",
            "demo.conf:2:1: \"workers\" takes no block; is a \";\" missing on line 2?\n"},
        /* values */
        {L "workers many;", "demo.conf:2:9: workers: \"many\" is not a whole number\n"},
        {L "workers -1;", "demo.conf:2:9: workers: -1 is less than 0\n"},
        {L "workers 129;", "demo.conf:2:9: workers: 129 is more than 128\n"},
        {L "cache {\n  memory 1023KiB; }", "demo.conf:3:10: memory: 1023KiB is less than 1MiB\n"},
        {L "cache { memory 2TiB; }", "demo.conf:2:16: memory: 2TiB is more than 1TiB\n"},
        {L "cache { memory 2G; }",
            "demo.conf:2:16: memory: \"2G\" is not a size, did you mean 2GiB?\n"},
        {L "cache { followers yes; }",
            "demo.conf:2:19: followers: \"yes\" is neither on nor off\n"},
        {L "idle 99ms;", "demo.conf:2:6: idle: 99ms is less than 100ms\n"},
        {L "idle 61m;", "demo.conf:2:6: idle: 61m is more than 1h\n"},
        {L "log wran;", "demo.conf:2:5: log: unknown word \"wran\", did you mean \"warn\"?\n"},
        {L "log loud;", "demo.conf:2:5: log: \"loud\" is not error, warn or info\n"},
        {L "user \"\";", "demo.conf:2:6: user: an empty text says nothing\n"},
        {L "user x;", "demo.conf:2:6: user: the text has 1 bytes, allowed are 2 to 8\n"},
        {L "user 123456789;", "demo.conf:2:6: user: the text has 9 bytes, allowed are 2 to 8\n"},
        {L "site x { strip A \"\"; }", "demo.conf:2:18: strip: an empty text says nothing\n"},
        {L "control here;",
            "demo.conf:2:9: control: \"here\" has no port; write 127.0.0.1:8080, for example\n"},
        {"listen 127.0.0.1:80 tsl;",
            "demo.conf:1:21: listen: unknown word \"tsl\", did you mean \"tls\"?\n"},
        {L "origin a { server x bakcup; }",
            "demo.conf:2:21: server: unknown word \"bakcup\", did you mean \"backup\"?\n"},
        /* judged by open() and close() */
        {L "site localhost { xyzzy; }", "demo.conf:2:6: site: \"localhost\" is nobody's name\n"},
        {L "site x { origin nobody; }", "demo.conf:1:1: site x: no origin \"nobody\"\n"},
        /* all of it, a block's own first */
        {"site x { ttl 1; path y { ttl 2; } }\nworkers 1000;\nlogg info;",
            "demo.conf:3:1: unknown directive \"logg\" in main, did you mean \"log\"?\n"
            "demo.conf:1:1: main needs \"listen\"\n"
            "demo.conf:2:9: workers: 1000 is more than 128\n"
            "demo.conf:1:14: ttl: \"1\" has no unit; write 1s or 1ms, for example\n"
            "demo.conf:1:30: ttl: \"2\" has no unit; write 2s or 2ms, for example\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(faults(*state, cases[i][0]), cases[i][1]);
}

static void a_row_that_was_wrong_once_may_be_repeated_no_more(void **state)
{
    assert_string_equal(faults(*state, L "workers x; workers 1;"),
        "demo.conf:2:12: \"workers\" is given twice, first at demo.conf:2:1\n"
        "demo.conf:2:9: workers: \"x\" is not a whole number\n");
}

static void errors_stop_at_twenty(void **state)
{
    char text[1024] = L;

    for (int i = 0; i < 23; i++)
        strcat(text, "xyzzy;\n");
    faults(*state, text);
    assert_non_null(strstr(((struct fixture *)*state)->out,
        "demo.conf:21:1: unknown directive \"xyzzy\" in main\nand 3 more errors\n"));
}

static void arguments_read_by_handlers(void **state)
{
    struct fixture *f = *state;
    struct conf_load l = {&f->arena, &f->errors};
    const struct conf_node *root =
        conf_read_text(&f->arena, "f", SPAN("x 3KiB 4s -5 on 1.2.3.4:5 off;"), &f->errors);
    const struct conf_node *n;
    struct value_listen listen;
    uint64_t size = 0;
    int64_t number = 0;
    bool flag = false;

    assert_non_null(root);
    n = root->children;
    assert_true(conf_arg_size(&l, n, 0, &size) && size == 3072);
    assert_true(conf_arg_duration(&l, n, 1, &number) && number == 4000);
    assert_true(conf_arg_integer(&l, n, 2, &number) && number == -5);
    assert_true(conf_arg_flag(&l, n, 3, &flag) && flag);
    assert_true(conf_arg_listen(&l, n, 4, &listen) && listen.sa.sa_family == AF_INET);
    assert_true(conf_arg_is(n, 5, "off"));
    assert_false(conf_arg_is(n, 5, "of"));
    assert_false(conf_arg_is(n, 6, "off"));
    assert_int_equal(f->errors.n, 0);
    assert_false(conf_arg_size(&l, n, 1, &size));
    assert_false(conf_arg_duration(&l, n, 2, &number));
    assert_false(conf_arg_integer(&l, n, 3, &number));
    assert_false(conf_arg_flag(&l, n, 4, &flag));
    assert_false(conf_arg_listen(&l, n, 5, &listen));
    assert_int_equal(f->errors.n, 5);
    assert_text(f->errors.text[3], "f:1:17: x: \"1.2.3.4:5\" is neither on nor off");
}

static void contexts_are_listed_once(void **state)
{
    const struct conf_context *all[CONF_CONTEXTS_MAX];
    const struct conf_table *table = NULL;
    const struct directive *row;

    (void)state;
    assert_int_equal(conf_contexts(&demo_main, all), 5);
    assert_string_equal(all[0]->name, "main");
    assert_string_equal(all[1]->name, "cache");
    assert_string_equal(all[2]->name, "origin");
    assert_string_equal(all[3]->name, "site");
    assert_string_equal(all[4]->name, "path");
    row = conf_find_row(&demo_main, SPAN("head"), &table);
    assert_non_null(row);
    assert_int_equal(row->kind, DIRECTIVE_SIZE);
    assert_int_equal(table->offset, offsetof(struct demo, limits));
    assert_null(conf_find_row(&demo_main, SPAN("hea"), NULL));
}

/* A context may hold itself; the text's depth bounds it, not the stack. */
static void *open_self(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)parent, (void)node;
    return arena_zalloc(l->arena, 1);
}

static const struct conf_context self_context;
static const struct directive self_rows[] = {{"in", CONF_BLOCK(&self_context, 0, 0)}, {0}};
static const struct conf_context self_context = {
    .name = "self", .open = open_self, .tables = {{self_rows}}};

static void blocks_of_full_depth_apply(void **state)
{
    struct fixture *f = *state;
    const struct conf_node *root;
    char text[128] = "";

    for (int i = 0; i < CONF_DEPTH_MAX; i++)
        strcat(text, "in{");
    for (int i = 0; i < CONF_DEPTH_MAX; i++)
        strcat(text, "}");
    root = conf_read_text(&f->arena, "f", span_of(text), &f->errors);
    assert_non_null(root);
    assert_non_null(conf_apply(&self_context, NULL, root, &f->arena, &f->errors));

    /* Listing the contexts comes to an end, too. */
    root = conf_read_text(&f->arena, "f", SPAN("in { x; }"), &f->errors);
    assert_non_null(root);
    assert_null(conf_apply(&self_context, NULL, root, &f->arena, &f->errors));
    assert_text(f->errors.text[0], "f:1:6: unknown directive \"x\" in self");
}

static void *open_given(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l, (void)node;
    return parent;
}

static void the_root_may_be_handed_in(void **state)
{
    static const struct directive rows[] = {
        {"head", CONF_SIZE(struct demo_limits, head_bytes), .preset = "64KiB"}, {0}};
    const struct conf_context given = {.name = "given", .open = open_given, .tables = {{rows}}};
    struct fixture *f = *state;
    struct demo_limits mine = {0};
    const struct conf_node *root;

    root = conf_read_text(&f->arena, "f", SPAN("head 1KiB;"), &f->errors);
    assert_non_null(root);
    assert_ptr_equal(conf_apply(&given, &mine, root, &f->arena, &f->errors), &mine);
    assert_int_equal(mine.head_bytes, 1024);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_root_may_be_handed_in),
        TEST(what_is_left_out_has_its_preset),
        TEST(what_is_given_is_stored),
        TEST(an_inner_block_sees_all_of_its_parent),
        TEST(what_is_wrong_is_said),
        TEST(a_row_that_was_wrong_once_may_be_repeated_no_more),
        TEST(errors_stop_at_twenty),
        TEST(arguments_read_by_handlers),
        TEST(contexts_are_listed_once),
        TEST(blocks_of_full_depth_apply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
