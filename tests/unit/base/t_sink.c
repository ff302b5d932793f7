/* A log that loses nothing it said it took, in order, whatever the threads and the file do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/check.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/t_sink.XXXXXX";
static char path[64], rotated[64];

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};

    nanosleep(&t, NULL);
}

/* The file's text; the caller frees it. */
static char *slurp(const char *name)
{
    FILE *f = fopen(name, "r");
    char *text = NULL;
    size_t n = 0;

    assert_non_null(f);
    if (getdelim(&text, &n, '\0', f) < 0)
        text[0] = '\0';
    fclose(f);
    return text;
}

static void expect_file(const char *name, const char *want)
{
    char *text = slurp(name);

    assert_string_equal(text, want);
    free(text);
}

static void put(struct sink *s, const char *text)
{
    assert_true(sink_put(s, span_of(text)));
}

/* The writer comes to it within a moment. */
static void wait_for_bytes(const char *name, off_t bytes)
{
    mono_ms until = clock_mono_ms() + 5000;
    struct stat st;

    while (stat(name, &st) == 0 && st.st_size < bytes) {
        if (clock_mono_ms() > until)
            fail_msg("%s: %lld of %lld bytes", name, (long long)st.st_size, (long long)bytes);
        pause_ms(1);
    }
}

static void at_once_without_a_writer(void **state)
{
    struct sink *s = sink_open(path, 1024, NULL);

    (void)state;
    put(s, "one\n");
    expect_file(path, "one\n");
    sinks_start();
    sinks_stop();
    put(s, "two\n");
    expect_file(path, "one\ntwo\n");
    sink_close(&s);
    assert_null(s);
    sink_close(&s);
}

static void appends_and_says_why_not(void **state)
{
    struct sink *s = sink_open(path, 1024, NULL);
    struct stat st;

    (void)state;
    put(s, "first\n");
    sink_close(&s);
    s = sink_open(path, 1024, NULL);
    put(s, "second\n");
    sink_close(&s);
    expect_file(path, "first\nsecond\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0007, 0); /* not for everybody */
    errno = 0;
    assert_null(sink_open("/nonexistent/log", 1024, NULL));
    assert_int_equal(errno, ENOENT);
}

/* --- threads ----------------------------------------------------------------------------- */

enum { THREADS = 6, RECORDS = 4000 };

struct producer {
    struct sink *sink;
    int index; /* of the thread: 0 for two of them, which share a ring */
    int id;
    unsigned refused;
    pthread_t thread;
};

/* Tries again what was dropped, and counts how often. */
static void *produce(void *arg)
{
    struct producer *p = arg;

    thread_set(p->index, "t_sink");
    for (int i = 0; i < RECORDS; i++) {
        char text[64];
        int n = snprintf(
            text, sizeof(text), "%d %d %.*s\n", p->id, i, i % 30, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");

        while (!sink_put(p->sink, span_make(text, (size_t)n))) {
            p->refused++;
            pause_ms(1);
        }
    }
    return NULL;
}

/* `late`: the writer begins while they are at it. */
static void check_order(bool late)
{
    struct producer p[THREADS] = {0};
    struct sink *s = sink_open(path, 4096, NULL);
    uint64_t dropped = counter_sum(C_LOG_DROPPED);
    int next[THREADS] = {0};
    char *text, *line, *save = NULL;
    unsigned refused = 0;

    if (!late)
        sinks_start();
    for (int i = 0; i < THREADS; i++) {
        p[i].sink = s;
        p[i].id = i;
        p[i].index = i < 2 ? 0 : i;
        assert_int_equal(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
    }
    if (late)
        sinks_start();
    for (int i = 0; i < THREADS; i++) {
        pthread_join(p[i].thread, NULL);
        refused += p[i].refused;
    }
    sinks_stop();
    assert_int_equal(counter_sum(C_LOG_DROPPED) - dropped, refused);
    text = slurp(path);
    for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        int id = -1, i = -1, n = -1;

        if (sscanf(line, "%d %d %n", &id, &i, &n) != 2 || id < 0 || id >= THREADS ||
            i != next[id]++ || strspn(line + n, "x") != (size_t)(i % 30) ||
            line[n + i % 30] != '\0')
            fail_msg("the line \"%s\"", line);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], RECORDS);
    free(text);
    sink_close(&s);
}

static void order_of_each_thread(void **state)
{
    (void)state;
    check_order(false);
}

static void writer_begins_while_others_write(void **state)
{
    (void)state;
    check_order(true);
}

/* The writer is stuck in a pipe that nobody reads: rings fill, the rest is dropped and counted, and
 * nobody waits. What was taken comes out later, all of it, in order. */
static void full_rings_drop(void **state)
{
    uint64_t dropped = counter_sum(C_LOG_DROPPED);
    char record[101], got[101];
    unsigned taken = 0, refused = 0;
    struct sink *s;
    int fd;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    s = sink_open(path, 4096, NULL);
    assert_non_null(s);
    sinks_start();
    for (mono_ms took = clock_mono_ms(); clock_mono_ms() - took < 300;) {
        snprintf(record, sizeof(record), "%099u\n", taken);
        if (sink_put(s, span_make(record, 100))) {
            taken++;
            took = clock_mono_ms();
        } else {
            refused++;
            pause_ms(1); /* the writer has its chance, in vain at last */
        }
    }
    assert_true(refused > 0);
    assert_int_equal(counter_sum(C_LOG_DROPPED) - dropped, refused);
    assert_true(taken >= 65536 / 100);
    assert_true(taken < 10 * (65536 + 4096) / 100); /* a pipe, a batch and a ring */
    for (unsigned i = 0; i < taken; i++) {
        size_t n = 0;

        while (n < 100) {
            ssize_t r = read(fd, got + n, 100 - n);

            if (r > 0)
                n += (size_t)r;
            else
                pause_ms(1);
        }
        snprintf(record, sizeof(record), "%099u\n", i);
        assert_memory_equal(got, record, 100);
    }
    sinks_stop();
    assert_int_equal(read(fd, got, 1), -1); /* nothing more */
    sink_close(&s);
    close(fd);
}

static void long_records_are_refused(void **state)
{
    static char big[300];
    uint64_t dropped = counter_sum(C_LOG_DROPPED);
    struct sink *s = sink_open(path, 1024, NULL);
    struct stat st;

    (void)state;
    memset(big, 'x', sizeof(big));
    sinks_start();
    assert_true(sink_put(s, span_make(big, 256)));
    assert_false(sink_put(s, span_make(big, 257)));
    assert_int_equal(counter_sum(C_LOG_DROPPED) - dropped, 1);
    assert_true(sink_put(s, SPAN_EMPTY));
    sinks_stop();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 256);
    sink_close(&s);
}

/* However the writer falls asleep between records, the next one wakes it. */
static void sleeping_writer_is_woken(void **state)
{
    struct sink *s = sink_open(path, 1024, NULL);

    (void)state;
    sinks_start();
    for (int i = 1; i <= 30; i++) {
        put(s, "x");
        wait_for_bytes(path, i);
        if (i % 3 == 0)
            pause_ms(i);
    }
    sinks_stop();
    sink_close(&s);
}

static void stop_writes_the_rest(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct sink *s = sink_open(path, 8192, NULL);
        struct stat st;

        sinks_start();
        for (int i = 0; i < 100; i++)
            put(s, "0123456789");
        sinks_stop();
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 1000);
        sink_close(&s);
        unlink(path);
    }
}

/* --- rotation and formats ---------------------------------------------------------------- */

static void reopens(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        struct sink *s = sink_open(path, 1024, NULL);

        if (threaded)
            sinks_start();
        put(s, "one\n");
        wait_for_bytes(path, 4);
        assert_int_equal(rename(path, rotated), 0);
        put(s, "two\n"); /* still to the old file */
        wait_for_bytes(rotated, 8);
        assert_true(sink_reopen(s));
        put(s, "three\n");
        wait_for_bytes(path, 6);
        expect_file(rotated, "one\ntwo\n");
        expect_file(path, "three\n");

        /* It cannot be opened: the old one stays. */
        unlink(path);
        assert_int_equal(mkdir(path, 0700), 0);
        errno = 0;
        assert_false(sink_reopen(s));
        assert_int_equal(errno, EISDIR);
        put(s, "four\n");
        if (threaded)
            sinks_stop();
        sink_close(&s);
        rmdir(path);
        unlink(rotated);
    }
}

static void bracket(struct span record, struct buf *out)
{
    assert_true(buf_printf(out, "<%.*s>\n", SPAN_ARG(record)));
}

static void formats(void **state)
{
    struct sink *s = sink_open(path, 1024, bracket);

    (void)state;
    put(s, "a");
    sinks_start();
    put(s, "b");
    put(s, "");
    sinks_stop();
    expect_file(path, "<a>\n<b>\n<>\n");
    sink_close(&s);
}

/* Each sink has its own file, one writer serves them all. */
static void many_sinks(void **state)
{
    struct sink *a = sink_open(path, 1024, NULL), *b = sink_open(rotated, 2048, bracket);

    (void)state;
    sinks_start();
    for (int i = 0; i < 5; i++) {
        put(a, "a\n");
        put(b, "b");
    }
    sinks_stop();
    expect_file(path, "a\na\na\na\na\n");
    expect_file(rotated, "<b>\n<b>\n<b>\n<b>\n<b>\n");
    sink_close(&a);
    sink_close(&b);
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(rotated, sizeof(rotated), "%s/log.1", dir);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(rotated);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

#define CLEAN(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(at_once_without_a_writer),
        CLEAN(appends_and_says_why_not),
        CLEAN(order_of_each_thread),
        CLEAN(writer_begins_while_others_write),
        CLEAN(full_rings_drop),
        CLEAN(long_records_are_refused),
        CLEAN(sleeping_writer_is_woken),
        CLEAN(stop_writes_the_rest),
        CLEAN(reopens),
        CLEAN(formats),
        CLEAN(many_sinks),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
