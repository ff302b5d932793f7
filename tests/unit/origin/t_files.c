/* A directory as an origin: what is reachable, and what is answered. */
#include "harness.h"

#include "base/check.h"
#include "http/date.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char top[64]; /* top/www is served, top/outside.txt is not */

static const char *in_top(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof(path[0]), "%s/%s", top, name);
    return p;
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_top(name), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void put_large(const char *name, size_t n)
{
    FILE *f = fopen(in_top(name), "w");

    for (size_t i = 0; i < n; i++)
        fputc('a' + (int)(i % 26), f);
    fclose(f);
}

static void put_socket(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_top(name));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    close(fd);
}

static int start(void **state)
{
    snprintf(top, sizeof(top), "/tmp/t_files.XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    mkdir(in_top("www"), 0755);
    mkdir(in_top("www/sub"), 0755);
    mkdir(in_top("www/empty"), 0755);
    mkdir(in_top("www/.git"), 0755);
    mkdir(in_top("www/odd"), 0755);
    mkdir(in_top("www/odd/index.html"), 0755);
    put_file("www/index.html", "top");
    put_file("www/sub/index.html", "sub");
    put_file("www/style.css", "body { }");
    put_file("www/with space.txt", "space");
    put_file("www/100%.txt", "percent");
    put_file("www/a\\b", "backslash");
    put_file("www/digits", "0123456789");
    put_file("www/none", "");
    put_file("www/.secret", "secret");
    put_file("www/.git/config", "secret");
    put_file("outside.txt", "secret");
    put_large("www/large.bin", 1000003);
    put_file("www/locked", "locked");
    chmod(in_top("www/locked"), 0);
    check(symlink("style.css", in_top("www/inside")) == 0);
    check(symlink("sub", in_top("www/folder")) == 0);
    check(symlink("../outside.txt", in_top("www/out")) == 0);
    check(symlink(in_top("outside.txt"), in_top("www/far")) == 0);
    check(symlink(in_top("www/style.css"), in_top("www/absolute")) == 0);
    check(symlink("..", in_top("www/up")) == 0);
    check(symlink("loop", in_top("www/loop")) == 0);
    check(symlink("/proc/self/fd/0", in_top("www/magic")) == 0);
    check(mkfifo(in_top("www/fifo"), 0644) == 0);
    put_socket("www/socket");
    return harness_start(state);
}

static int stop(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", top);
    return harness_stop(state) + system(command);
}

static struct origin *www(void)
{
    return harness_origin("directory %s;", in_top("www"));
}

/* --- paths -------------------------------------------------------------------------------- */

static void every_path(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *body; /* or the Location of a 301; NULL: must not hold the secret */
    } cases[] = {
        {"/", 200, "top"},
        {"/index.html", 200, "top"},
        {"/index.html?q=/..", 200, "top"},
        {"//index.html", 200, "top"},
        {"/sub/", 200, "sub"},
        {"/sub//index.html", 200, "sub"},
        {"/folder/", 200, "sub"},
        {"/inside", 200, "body { }"},
        {"/with%20space.txt", 200, "space"},
        {"/100%25.txt", 200, "percent"},
        {"/a%5cb", 200, "backslash"},
        {"/none", 200, ""},
        {"/sub", 301, "/sub/"},
        {"/sub?a=b&c", 301, "/sub/?a=b&c"},
        {"//sub", 301, "/sub/"},
        {"///%73ub", 301, "/sub/"},
        {"/folder", 301, "/folder/"},
        {"/empty/", 404, NULL},
        {"/odd/", 404, NULL},
        {"/nothing", 404, NULL},
        {"/nothing/", 404, NULL},
        {"/sub/nothing", 404, NULL},
        {"/style.css/", 404, NULL},
        {"/style.css/x", 404, NULL},
        {"/../outside.txt", 404, NULL},
        {"/..", 404, NULL},
        {"/sub/../index.html", 404, NULL},
        {"/%2e%2e/outside.txt", 404, NULL},
        {"/.%2E/outside.txt", 404, NULL},
        {"/..%2foutside.txt", 404, NULL},
        {"/sub%2findex.html", 404, NULL},
        {"/%2e%2e%2f%2e%2e%2fetc/passwd", 404, NULL},
        {"/%252e%252e/outside.txt", 404, NULL},
        {"/..%5coutside.txt", 404, NULL},
        {"/\\..\\outside.txt", 404, NULL},
        {"/%c0%ae%c0%ae/outside.txt", 404, NULL},
        {"/index.html%00.css", 404, NULL},
        {"/index.html%", 404, NULL},
        {"/index.html%zz", 404, NULL},
        {"/./index.html", 404, NULL},
        {"/out", 404, NULL},
        {"/far", 404, NULL},
        {"/absolute", 404, NULL},
        {"/up", 404, NULL},
        {"/up/", 404, NULL},
        {"/up/outside.txt", 404, NULL},
        {"/up/www/index.html", 404, NULL},
        {"/loop", 404, NULL},
        {"/magic", 404, NULL},
        {"/.secret", 404, NULL},
        {"/%2esecret", 404, NULL},
        {"/.git/config", 404, NULL},
        {"/.git/", 404, NULL},
        {"/fifo", 404, NULL},
        {"/socket", 404, NULL},
        {"*", 404, NULL},
        {"", 404, NULL},
    };
    struct origin *o = www();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.origin = o, .target = cases[i].target};

        ask_run(&a);
        if (a.why != FETCH_DONE || a.status != cases[i].status)
            fail_msg("%s: %d, %s", cases[i].target, a.status, a.detail);
        if (a.status == 200)
            ask_expect(&a, FETCH_DONE, 200, cases[i].body);
        else if (a.status == 301)
            assert_string_equal(ask_field(&a, "Location"), cases[i].body);
        assert_true(a.got.n == 0 || memmem(a.got.p, a.got.n, "secret", 6) == NULL);
        assert_true(a.has_content_length && a.content_length == a.got.n);
        ask_free(&a);
    }
}

static void long_name(void **state)
{
    char target[6000];
    struct ask a = {.target = target};

    (void)state;
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[sizeof(target) - 1] = '\0';
    a.origin = www();
    ask_run(&a);
    assert_int_equal(a.status, 404);
    ask_free(&a);
}

static void dot_files_by_option(void **state)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {{"/.secret", 200}, {"/.git/config", 200}, {"/../outside.txt", 404},
        {"/%2e%2e/outside.txt", 404}, {"/.", 404}, {"/...", 404}};
    struct origin *o = harness_origin("directory %s; dot-files on;", in_top("www"));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.origin = o, .target = cases[i].target};

        ask_run(&a);
        assert_int_equal(a.status, cases[i].status);
        ask_free(&a);
    }
}

static void unreadable(void **state)
{
    struct ask a = {.origin = www(), .target = "/locked"};

    (void)state;
    ask_run(&a);
    assert_int_equal(a.status, geteuid() == 0 ? 200 : 403);
    ask_free(&a);
}

static void methods(void **state)
{
    static const struct {
        const char *method;
        int status;
    } cases[] = {{"HEAD", 200}, {"POST", 405}, {"PUT", 405}, {"DELETE", 405}, {"OPTIONS", 405},
        {"get", 405}};
    struct origin *o = www();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.origin = o, .target = "/digits", .method = cases[i].method};

        ask_run(&a);
        assert_int_equal(a.why, FETCH_DONE);
        assert_int_equal(a.status, cases[i].status);
        if (a.status == 405) {
            assert_string_equal(ask_field(&a, "Allow"), "GET, HEAD");
        } else {
            assert_int_equal(a.got.n, 0);
            assert_int_equal(a.content_length, 10);
            assert_int_equal(a.framing, BODY_NONE);
        }
        ask_free(&a);
    }
}

/* --- fields, ranges, conditions ----------------------------------------------------------- */

static void fields_of_a_file(void **state)
{
    struct ask a = {.origin = www(), .target = "/style.css"};
    wall_s modified, date, now = clock_wall_s();
    const char *text;

    (void)state;
    ask_run(&a);
    ask_expect(&a, FETCH_DONE, 200, "body { }");
    assert_string_equal(ask_field(&a, "Content-Type"), "text/css; charset=utf-8");
    assert_string_equal(ask_field(&a, "Accept-Ranges"), "bytes");
    assert_true(ask_field(&a, "ETag")[0] == '"');
    text = ask_field(&a, "Last-Modified");
    assert_true(http_date_parse(span_of(text), now, &modified));
    text = ask_field(&a, "Date");
    assert_true(http_date_parse(span_of(text), now, &date));
    assert_true(modified <= date && date <= now + 1 && date >= now - 2);
    ask_free(&a);
}

static void a_file_from_the_future(void **state)
{
    struct timespec times[2] = {{.tv_sec = 4102444800}, {.tv_sec = 4102444800}};
    struct ask a = {.origin = www(), .target = "/future"};

    (void)state;
    put_file("www/future", "x");
    assert_int_equal(utimensat(AT_FDCWD, in_top("www/future"), times, 0), 0);
    ask_run(&a);
    assert_string_equal(ask_field(&a, "Last-Modified"), ask_field(&a, "Date"));
    ask_free(&a);
}

static void ranges(void **state)
{
    static const struct {
        const char *range, *if_range; /* "": the file's tag */
        int status;
        const char *body, *content_range;
    } cases[] = {
        {"bytes=0-0", NULL, 206, "0", "bytes 0-0/10"},
        {"bytes=2-4", NULL, 206, "234", "bytes 2-4/10"},
        {"bytes=7-", NULL, 206, "789", "bytes 7-9/10"},
        {"bytes=-3", NULL, 206, "789", "bytes 7-9/10"},
        {"bytes=-30", NULL, 206, "0123456789", "bytes 0-9/10"},
        {"bytes=5-500", NULL, 206, "56789", "bytes 5-9/10"},
        {"bytes=10-", NULL, 416, NULL, "bytes */10"},
        {"bytes=-0", NULL, 416, NULL, "bytes */10"},
        {"bytes=18446744073709551615-", NULL, 416, NULL, "bytes */10"},
        {"bytes=0-1,5-6", NULL, 200, "0123456789", ""},
        {"bytes=4-2", NULL, 200, "0123456789", ""},
        {"bytes=x", NULL, 200, "0123456789", ""},
        {"pages=1-2", NULL, 200, "0123456789", ""},
        {"bytes=2-4", "", 206, "234", "bytes 2-4/10"},
        {"bytes=2-4", "\"other\"", 200, "0123456789", ""},
        {"bytes=2-4", "W/\"other\"", 200, "0123456789", ""},
    };
    struct origin *o = www();
    struct ask first = {.origin = o, .target = "/digits"};
    const char *tag;

    (void)state;
    ask_run(&first);
    tag = ask_field(&first, "ETag");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.origin = o, .target = "/digits", .fields = {{"Range", cases[i].range}}};

        if (cases[i].if_range != NULL) {
            a.fields[1][0] = "If-Range";
            a.fields[1][1] = cases[i].if_range[0] != '\0' ? cases[i].if_range : tag;
        }
        ask_run(&a);
        if (cases[i].body != NULL)
            ask_expect(&a, FETCH_DONE, cases[i].status, cases[i].body);
        assert_int_equal(a.status, cases[i].status);
        assert_string_equal(ask_field(&a, "Content-Range"), cases[i].content_range);
        assert_int_equal(a.content_length, a.got.n);
        ask_free(&a);
    }
    ask_free(&first);
}

static void range_of_nothing_and_of_head(void **state)
{
    struct origin *o = www();
    struct ask nothing = {.origin = o, .target = "/none", .fields = {{"Range", "bytes=0-"}}};
    struct ask head = {
        .origin = o, .method = "HEAD", .target = "/digits", .fields = {{"Range", "bytes=0-1"}}};

    (void)state;
    ask_run(&nothing);
    assert_int_equal(nothing.status, 416);
    ask_run(&head);
    ask_expect(&head, FETCH_DONE, 200, "");
    assert_int_equal(head.content_length, 10);
    ask_free(&nothing);
    ask_free(&head);
}

static void conditions(void **state)
{
    static const struct {
        const char *name, *value; /* "": the file's own */
        int status;
    } cases[] = {
        {"If-None-Match", "", 304},
        {"If-None-Match", "*", 304},
        {"If-None-Match", "\"other\"", 200},
        {"If-Modified-Since", "", 304},
        {"If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200},
        {"If-Modified-Since", "nonsense", 200},
        {"If-Match", "", 200},
        {"If-Match", "*", 200},
        {"If-Match", "\"other\"", 412},
        {"If-Unmodified-Since", "", 200},
        {"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 412},
    };
    struct origin *o = www();
    struct ask first = {.origin = o, .target = "/digits"};

    (void)state;
    ask_run(&first);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.origin = o, .target = "/digits"};

        a.fields[0][0] = cases[i].name;
        a.fields[0][1] = cases[i].value;
        if (cases[i].value[0] == '\0')
            a.fields[0][1] = ask_field(
                &first, strstr(cases[i].name, "Match") != NULL ? "ETag" : "Last-Modified");
        ask_run(&a);
        if (a.status != cases[i].status)
            fail_msg("%s: %s: %d", cases[i].name, a.fields[0][1], a.status);
        if (a.status == 304) {
            ask_expect(&a, FETCH_DONE, 304, "");
            assert_string_equal(ask_field(&a, "ETag"), ask_field(&first, "ETag"));
        }
        ask_free(&a);
    }
    ask_free(&first);
}

static void the_tag_changes_with_the_file(void **state)
{
    struct origin *o = www();
    struct ask before = {.origin = o, .target = "/changing"};
    struct ask after = {.origin = o, .target = "/changing"};

    (void)state;
    put_file("www/changing", "one");
    ask_run(&before);
    put_file("www/changing.new", "two");
    assert_int_equal(rename(in_top("www/changing.new"), in_top("www/changing")), 0);
    ask_run(&after);
    ask_expect(&after, FETCH_DONE, 200, "two");
    assert_string_not_equal(ask_field(&before, "ETag"), ask_field(&after, "ETag"));
    ask_free(&before);
    ask_free(&after);
}

/* --- bodies ------------------------------------------------------------------------------- */

static void large_and_slow(void **state)
{
    static const size_t paces[] = {0, 50021};
    struct origin *o = www();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
        struct ask a = {.origin = o, .target = "/large.bin", .take_at_once = paces[i]};

        ask_run(&a);
        assert_false(a.wrong);
        assert_int_equal(a.why, FETCH_DONE);
        assert_int_equal(a.got.n, 1000003);
        for (size_t at = 0; at < a.got.n; at++)
            assert_int_equal(a.got.p[at], (char)('a' + at % 26));
        ask_free(&a);
    }
}

static void write_in_place(const char *name)
{
    int fd = open(in_top(name), O_WRONLY);

    assert_int_equal(pwrite(fd, "X", 1, 0), 1);
    close(fd);
}

/* While the consumer waits, the file becomes shorter, or another one of the same size. */
static void changed_while_read(void **state)
{
    struct origin *o = www();

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ask a = {.origin = o, .target = "/victim", .take_at_once = 10007, .pause_ms = -1};

        put_large("www/victim", 1000000);
        ask_start(&a);
        ask_wait_full(&a);
        usleep(20000); /* a time stamp of the file system may be that coarse */
        if (i == 0)
            assert_int_equal(truncate(in_top("www/victim"), 1000), 0);
        else
            write_in_place("www/victim");
        ask_go(&a);
        ask_wait(&a);
        assert_int_equal(a.why, FETCH_CUT);
        assert_int_equal(a.heads, 1);
        assert_int_equal(a.content_length, 1000000);
        assert_true(a.got.n <= 1000000);
        ask_free(&a);
    }
}

static void cancelled(void **state)
{
    struct origin *o = www();

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ask a = {.origin = o, .target = "/large.bin"};

        a.cancel_at_head = i == 0;
        a.cancel_at_body = i == 1;
        a.take_at_once = i == 2 ? 10 : 0;
        ask_start(&a);
        if (i >= 2)
            ask_cancel(&a);
        ask_wait(&a);
        assert_false(a.wrong);
        assert_int_equal(a.why, FETCH_DONE); /* as it was */
        assert_true(i >= 2 || a.ends == 0);
        ask_free(&a);
    }
}

/* Of the files below `top`. */
static unsigned open_files(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1000; fd++) {
        char link[32], path[256];
        ssize_t got;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        got = readlink(link, path, sizeof(path));
        n += got > 0 && span_starts(span_make(path, (size_t)got), span_of(top));
    }
    return n;
}

static void nothing_stays_open(void **state)
{
    struct origin *o = www();

    (void)state;
    for (int i = 0; i < 20; i++) {
        static const char *const targets[] = {"/", "/sub", "/large.bin", "/nothing", "/fifo"};
        struct ask a = {.origin = o, .target = targets[i % 5], .cancel_at_body = i >= 10};

        ask_run(&a);
        ask_free(&a);
    }
    for (int i = 0; i < 100 && open_files() > 0; i++)
        usleep(10000); /* the last one is closed after its fetch was cancelled */
    assert_int_equal(open_files(), 0);
}

/* The directory may be replaced under our hands; without one there is no answer, not a 404. */
static void another_directory(void **state)
{
    struct origin *o;
    struct ask one = {.target = "/f"}, two = {.target = "/f"}, gone = {.target = "/f"};

    (void)state;
    mkdir(in_top("one"), 0755);
    mkdir(in_top("two"), 0755);
    put_file("one/f", "1");
    put_file("two/f", "2");
    check(symlink("one", in_top("now")) == 0);
    o = one.origin = two.origin = gone.origin = harness_origin("directory %s;", in_top("now"));
    ask_run(&one);
    ask_expect(&one, FETCH_DONE, 200, "1");
    unlink(in_top("now"));
    check(symlink("two", in_top("now")) == 0);
    ask_run(&two);
    ask_expect(&two, FETCH_DONE, 200, "2");
    unlink(in_top("now"));
    ask_run(&gone);
    ask_expect(&gone, FETCH_REFUSED, 0, "");
    assert_non_null(strstr(gone.detail, "cannot open the directory: No such file"));
    assert_non_null(strstr(gone.detail, o->directory));
    ask_free(&one);
    ask_free(&two);
    ask_free(&gone);
}

static void our_own_limit(void **state)
{
    struct rlimit before, none;
    struct ask a = {.origin = www()};

    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    ask_run(&a);
    setrlimit(RLIMIT_NOFILE, &before);
    ask_expect(&a, FETCH_OVERLOAD, 0, "");
    assert_int_equal(fetch_end_status(a.why), 503);
    ask_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path),
        cmocka_unit_test(long_name),
        cmocka_unit_test(dot_files_by_option),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(methods),
        cmocka_unit_test(fields_of_a_file),
        cmocka_unit_test(a_file_from_the_future),
        cmocka_unit_test(ranges),
        cmocka_unit_test(range_of_nothing_and_of_head),
        cmocka_unit_test(conditions),
        cmocka_unit_test(the_tag_changes_with_the_file),
        cmocka_unit_test(large_and_slow),
        cmocka_unit_test(changed_while_read),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(nothing_stays_open),
        cmocka_unit_test(another_directory),
        cmocka_unit_test(our_own_limit),
    };

    return cmocka_run_group_tests_name("files", tests, start, stop);
}
