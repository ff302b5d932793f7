#include "conf/tree.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct conf_errors errors;
    char out[4096];
    char dir[64]; /* scratch folder, the working directory of each test */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    arena_init(&f->arena);
    conf_errors_init(&f->errors, &f->arena);
    snprintf(f->dir, sizeof(f->dir), "/tmp/t_tree.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(chdir(f->dir), 0);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(chdir("/"), 0);
    nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static size_t show(const struct conf_node *parent, char *out, size_t cap)
{
    size_t n = 0;

    out[0] = '\0';
    conf_each (it, parent) {
        n += (size_t)snprintf(out + n, cap - n, "%s", it->name.p);
        for (unsigned i = 0; i < it->args_n; i++)
            n += (size_t)snprintf(out + n, cap - n, " <%s>", it->args[i].text.p);
        n += (size_t)snprintf(out + n, cap - n, it->block ? " {" : ";");
        if (it->block) {
            n += show(it, out + n, cap - n);
            n += (size_t)snprintf(out + n, cap - n, "}");
        }
    }
    return n;
}

/* The tree, or all errors. */
static const char *outcome(struct fixture *f, const struct conf_node *root)
{
    struct buf b;

    if (root != NULL) {
        assert_int_equal(f->errors.n, 0);
        show(root, f->out, sizeof(f->out));
        return f->out;
    }
    assert_true(f->errors.n > 0);
    buf_init(&b, sizeof(f->out) - 1);
    assert_true(conf_errors_write(&f->errors, &b));
    span_cstr(buf_span(&b), f->out, sizeof(f->out));
    buf_free(&b);
    conf_errors_init(&f->errors, &f->arena);
    return f->out;
}

static const char *from_text(struct fixture *f, const char *text)
{
    return outcome(f, conf_read_text(&f->arena, "f", span_of(text), &f->errors));
}

static const char *from_file(struct fixture *f, const char *path)
{
    return outcome(f, conf_read_file(&f->arena, path, &f->errors));
}

static void texts_to_trees(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"a;", "a;"},
        {"a b \"c d\";", "a <b> <c d>;"},
        {"a { }", "a {}"},
        {"a x { b; c { d 1; } } e;", "a <x> {b;c {d <1>;}}e;"},
        {"a\n{\n}\n# end", "a {}"},
        {"a;;b;", "f:1:3: \";\" without a directive\n"},
        {"a { b; };\n;c;", "f:1:9: \";\" without a directive\nf:2:1: \";\" without a directive\n"},
        {"a b", "f:1:1: \"a\" is not ended by \";\"\n"},
        {"x { a b }", "f:1:5: \"a\" is not ended by \";\"\n"},
        {"a;\n }", "f:2:2: \"}\" without its \"{\" in this file\n"},
        {"a {\n b {\n }\n", "f:1:1: block \"a\" is not closed by \"}\"\n"},
        {"{", "f:1:1: \"{\" without a directive\n"},
        {"\"a\" b;", "f:1:1: a directive begins with its name, not with a quoted word\n"},
        {"a \"b", "f:1:3: the quote that opens here is not closed on its line\n"},
        {"include x;", "f:1:1: include is not possible here\n"},
        {"include;", "f:1:1: include takes one file or pattern\n"},
        {"include a b;", "f:1:1: include takes one file or pattern\n"},
        {"include a { }", "f:1:1: include takes no block\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(from_text(*state, cases[i][0]), cases[i][1]);
}

static void places_are_those_of_the_text(void **state)
{
    struct fixture *f = *state;
    const struct conf_node *root =
        conf_read_text(&f->arena, "some.conf", SPAN("\n  a b\n\t\tc {\n d; }"), &f->errors);
    const struct conf_node *a, *d;

    assert_non_null(root);
    a = root->children;
    d = a->children;
    assert_string_equal(a->at.file, "some.conf");
    assert_int_equal(a->at.line, 2);
    assert_int_equal(a->at.column, 3);
    assert_int_equal(a->args[1].at.line, 3);
    assert_int_equal(a->args[1].at.column, 3);
    assert_int_equal(d->at.line, 4);
    assert_int_equal(d->at.column, 2);
    assert_int_equal(root->at.line, 1);
}

static void depth_and_words_are_bounded(void **state)
{
    char text[1024] = "";

    for (int i = 0; i < CONF_DEPTH_MAX; i++)
        strcat(text, "a{");
    for (int i = 0; i < CONF_DEPTH_MAX; i++)
        strcat(text, "}");
    assert_int_equal(strncmp(from_text(*state, text), "a {a {", 6), 0);
    memset(text, 0, sizeof(text));
    for (int i = 0; i <= CONF_DEPTH_MAX; i++)
        strcat(text, "a{");
    assert_string_equal(from_text(*state, text), "f:1:33: blocks are nested more than 16 deep\n");

    strcpy(text, "a");
    for (int i = 0; i < CONF_ARGS_MAX; i++)
        strcat(text, " b");
    strcat(text, ";");
    assert_int_equal(strncmp(from_text(*state, text), "a <b> <b>", 9), 0);
    strcpy(text + strlen(text) - 1, " b;");
    assert_string_equal(
        from_text(*state, text), "f:1:131: more than 64 words behind \"a\"; is a \";\" missing?\n");
}

static void directives_are_bounded(void **state)
{
    size_t n = CONF_NODES_MAX + 1;
    char *text = malloc(2 * n + 1);

    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, "a;", 2);
    text[2 * n] = '\0';
    assert_string_equal(
        from_text(*state, text), "f:1:524289: more than 262144 directives in all\n");
    free(text);
}

static void includes_are_replaced_by_files_in_order(void **state)
{
    assert_int_equal(mkdir("conf.d", 0700), 0);
    assert_int_equal(mkdir("conf.d/deep", 0700), 0);
    write_file(
        "main.conf", "first;\ninclude conf.d/*.conf;\nsite { include conf.d/deep/one; }\nlast;");
    write_file("conf.d/b.conf", "b;");
    write_file("conf.d/a.conf", "a { x; }");
    write_file("conf.d/B.conf", "B;");
    write_file("conf.d/a.conf~", "backup;");
    write_file("conf.d/.hidden.conf", "hidden;");
    write_file("conf.d/deep/one", "one;include two;");
    write_file("conf.d/deep/two", "two;");
    assert_string_equal(from_file(*state, "main.conf"), "first;B;a {x;}b;site {one;two;}last;");
}

static void include_paths(void **state)
{
    struct fixture *f = *state;
    char text[256];

    /* The folder's own name is not a pattern; an absolute path stands for itself. */
    assert_int_equal(mkdir("we*ird[1]", 0700), 0);
    assert_int_equal(mkdir("weXird1", 0700), 0);
    write_file("we*ird[1]/main", "include part-?;include part-a;");
    write_file("we*ird[1]/part-a", "right;");
    write_file("weXird1/part-a", "wrong;");
    assert_string_equal(from_file(f, "we*ird[1]/main"), "right;right;");

    snprintf(
        text, sizeof(text), "include %s/weXird1/*; include \"%s/weXird1/part-a\";", f->dir, f->dir);
    write_file("absolute", text);
    assert_string_equal(from_file(f, "absolute"), "wrong;wrong;");

    /* A pattern may match nothing, a name may not. */
    write_file("none", "a; include no/such/*.conf; include none-*; b;");
    assert_string_equal(from_file(f, "none"), "a;b;");
    write_file("missing", "a;\ninclude b.conf;\n");
    assert_string_equal(from_file(f, "missing"),
        "missing:2:9: cannot read \"b.conf\": No such file or directory\n");
    write_file("folder", "include \"weXird1\";");
    assert_string_equal(
        from_file(f, "folder"), "folder:1:9: cannot read \"weXird1\": Is a directory\n");
    assert_string_equal(from_file(f, "nowhere.conf"),
        "nowhere.conf:1:1: cannot read \"nowhere.conf\": No such file or directory\n");
}

static void errors_of_all_files_are_found(void **state)
{
    write_file("main", "include a; include b;\nsite { include open; c; }\n}");
    write_file("a", "x;\ny \"");
    write_file("b", "x; }");
    write_file("open", "path {");
    assert_string_equal(from_file(*state, "main"),
        "a:2:3: the quote that opens here is not closed on its line\n"
        "b:1:4: \"}\" without its \"{\" in this file\n"
        "open:1:1: block \"path\" is not closed by \"}\"\n"
        "main:3:1: \"}\" without its \"{\" in this file\n");
}

static void cycles_and_depth_are_refused(void **state)
{
    char name[16], text[32];

    write_file("self", "include self;");
    assert_string_equal(from_file(*state, "self"), "self:1:9: \"self\" includes itself\n");
    write_file("a", "include b;");
    write_file("b", "x;\ninclude ./a;");
    assert_string_equal(from_file(*state, "a"), "b:2:9: \"./a\" includes itself\n");
    write_file("all.conf", "include *.conf;");
    assert_string_equal(
        from_file(*state, "all.conf"), "all.conf:1:9: \"all.conf\" includes itself\n");

    /* The same file twice, side by side, is no cycle. */
    write_file("twice", "include leaf; include leaf;");
    write_file("leaf", "leaf;");
    assert_string_equal(from_file(*state, "twice"), "leaf;leaf;");

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        snprintf(text, sizeof(text), i < 9 ? "include d%d;" : "end;", i + 1);
        write_file(name, text);
    }
    assert_string_equal(from_file(*state, "d1"), "end;");
    assert_string_equal(from_file(*state, "d0"), "d8:1:9: includes are nested more than 8 deep\n");
}

static void files_are_bounded(void **state)
{
    char *text = malloc(CONF_FILE_BYTES_MAX + 2);

    assert_non_null(text);
    memset(text, ' ', CONF_FILE_BYTES_MAX + 1);
    text[CONF_FILE_BYTES_MAX + 1] = '\0';
    write_file("large", text);
    assert_string_equal(
        from_file(*state, "large"), "large:1:1: \"large\" is larger than 4194304 bytes\n");
    text[CONF_FILE_BYTES_MAX] = '\0';
    write_file("large", text);
    assert_string_equal(from_file(*state, "large"), "");
    free(text);

    write_file("main", "include l1;include l1;include l1;include l1;include l1;include l1;"
                       "include l1;include l1;include l1;include l1;include l1;include l1;"
                       "include l1;include l1;include l1;include l1;include l1;");
    write_file("l1", "include large;");
    assert_string_equal(
        from_file(*state, "main"), "l1:1:9: more than 4096 files or 67108864 bytes in all\n");
    write_file("large", "");
    write_file("l0", "include main;include main;include main;include main;include main;"
                     "include main;include main;include main;include main;include main;");
    write_file("top", "include l0;include l0;include l0;include l0;include l0;include l0;"
                      "include l0;include l0;include l0;include l0;include l0;include l0;");
    assert_non_null(
        strstr(from_file(*state, "top"), "more than 4096 files or 67108864 bytes in all\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(texts_to_trees),
        TEST(places_are_those_of_the_text),
        TEST(depth_and_words_are_bounded),
        TEST(directives_are_bounded),
        TEST(includes_are_replaced_by_files_in_order),
        TEST(include_paths),
        TEST(errors_of_all_files_are_found),
        TEST(cycles_and_depth_are_refused),
        TEST(files_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
