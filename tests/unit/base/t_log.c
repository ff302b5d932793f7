/* One line per event, whatever a stranger put into it, and not too many about strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/clock.h"
#include "base/log.h"
#include "base/sink.h"
#include "base/span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/t_log.XXXXXX";
static char path[64], rotated[64];

struct lines {
    char *text; /* owns */
    char *v[512];
    unsigned n;
};

/* What was logged so far; each line without its time. */
static struct lines read_lines(const char *name)
{
    struct lines l = {0};
    FILE *f = fopen(name, "r");
    char *save = NULL;
    size_t cap = 0;

    assert_non_null(f);
    if (getdelim(&l.text, &cap, '\0', f) < 0)
        l.text[0] = '\0';
    fclose(f);
    for (char *line = strtok_r(l.text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        int end = -1;

        assert_true(l.n < 512);
        if (sscanf(line, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &end) != 0 || end != 25)
            fail_msg("no time: \"%s\"", line);
        l.v[l.n++] = line + end;
    }
    return l;
}

static void escapes(void **state)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"plain", "warn plain"},
        {"", "warn "},
        {"a\nb", "warn a\\x0ab"},
        {"x\r\n2026-11-21T12:00:00.123Z error forged: yes",
            "warn x\\x0d\\x0a2026-11-21T12:00:00.123Z error forged: yes"},
        {"\033[2J", "warn \\x1b[2J"},
        {"tab\there", "warn tab\\x09here"},
        {"\x7f\x80\xff\xc3\xa9", "warn \\x7f\\x80\\xff\\xc3\\xa9"},
        {"100 %s %n", "warn 100 %s %n"},
    };
    struct lines l;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        log_msg(LOG_WARN, "%s", rows[i].text);
    l = read_lines(path);
    assert_int_equal(l.n, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(l.v[i], rows[i].line);
    free(l.text);
}

/* Long ones are cut, and stay one line, even if each byte becomes four. */
static void cuts(void **state)
{
    static char text[10001];
    static const char fills[] = {'x', '\n', '\xff'};
    struct lines l;

    (void)state;
    for (size_t i = 0; i < sizeof(fills); i++) {
        memset(text, fills[i], sizeof(text) - 1);
        log_msg(LOG_ERROR, "%s", text);
    }
    log_msg(LOG_ERROR, "after");
    l = read_lines(path);
    assert_int_equal(l.n, 4);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(strlen(l.v[i]), 1900, 2200);
    assert_string_equal(l.v[3], "error after");
    free(l.text);
}

static void levels(void **state)
{
    static const enum log_level all[] = {LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    static const char *const want[] = {"error 0 0", "error 1 0", "warn 1 1", "error 2 0",
        "warn 2 1", "notice 2 2", "error 3 0", "warn 3 1", "notice 3 2", "info 3 3", "error 4 0",
        "warn 4 1", "notice 4 2", "info 4 3", "debug 4 4"};
    struct lines l;

    (void)state;
    assert_true(log_wants(LOG_INFO)); /* the default */
    assert_false(log_wants(LOG_DEBUG));
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        log_set_level(all[i]);
        for (unsigned k = 0; k < ARRAY_LEN(all); k++) {
            assert_int_equal(log_wants(all[k]), k <= i);
            log_msg(all[k], "%u %u", i, k);
        }
    }
    log_set_level(LOG_WARN);
    log_peer("not wanted");
    log_set_level(LOG_INFO);
    l = read_lines(path);
    assert_int_equal(l.n, ARRAY_LEN(want));
    for (unsigned i = 0; i < l.n; i++)
        assert_string_equal(l.v[i], want[i]);
    free(l.text);
}

static void dates_lines(void **state)
{
    char day[16];
    time_t when;
    struct tm tm;
    FILE *f;

    (void)state;
    clock_wall_shift(1000 * 86400);
    when = (time_t)clock_wall_s();
    log_msg(LOG_INFO, "later");
    clock_wall_shift(-1000 * 86400);
    gmtime_r(&when, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H", &tm);
    f = fopen(path, "r");
    assert_non_null(f);
    for (const char *c = day; *c != '\0'; c++)
        assert_int_equal(fgetc(f), *c);
    fclose(f);
}

static void wait_for_next_second(void)
{
    mono_ms next = (clock_mono_ms() / 1000 + 1) * 1000;
    struct timespec t = {.tv_nsec = 1000000};

    while (clock_mono_ms() < next)
        nanosleep(&t, NULL);
}

/* LOG_PEER_PER_S lines in a second; how many were left out is said in the next one. */
static void peers_are_rationed(void **state)
{
    struct lines l;
    char text[64];

    (void)state;
    wait_for_next_second();
    for (int i = 0; i < 100; i++)
        log_peer("client %d", i);
    log_msg(LOG_INFO, "others are not rationed");
    wait_for_next_second();
    log_peer("next second");
    l = read_lines(path);
    if (l.n != LOG_PEER_PER_S + 3)
        fail_msg("%u lines: was the machine busy for a second?", l.n);
    for (unsigned i = 0; i < LOG_PEER_PER_S; i++) {
        snprintf(text, sizeof(text), "info client %u", i);
        assert_string_equal(l.v[i], text);
    }
    assert_string_equal(l.v[LOG_PEER_PER_S], "info others are not rationed");
    snprintf(
        text, sizeof(text), "info left out %d similar lines about peers", 100 - LOG_PEER_PER_S);
    assert_string_equal(l.v[LOG_PEER_PER_S + 1], text);
    assert_string_equal(l.v[LOG_PEER_PER_S + 2], "info next second");
    free(l.text);
}

static void reopens(void **state)
{
    struct lines l;

    (void)state;
    log_msg(LOG_INFO, "one");
    assert_int_equal(rename(path, rotated), 0);
    log_msg(LOG_INFO, "two");
    assert_true(log_reopen());
    log_msg(LOG_INFO, "three");
    l = read_lines(rotated);
    assert_int_equal(l.n, 2);
    free(l.text);
    l = read_lines(path);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.v[0], "info three");
    free(l.text);
}

/* A log that cannot be opened leaves the one there is. Without one, standard error is left. */
static void without_a_file(void **state)
{
    struct lines l;
    int saved = dup(STDERR_FILENO);

    (void)state;
    errno = 0;
    assert_false(log_open("/nonexistent/log"));
    assert_int_equal(errno, ENOENT);
    log_msg(LOG_INFO, "to the file");
    assert_non_null(freopen(rotated, "w", stderr));
    log_close();
    log_msg(LOG_INFO, "to standard error");
    assert_true(log_reopen());
    dup2(saved, STDERR_FILENO);
    close(saved);
    l = read_lines(path);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.v[0], "info to the file");
    free(l.text);
    l = read_lines(rotated);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.v[0], "info to standard error");
    free(l.text);
}

static int open_log(void **state)
{
    (void)state;
    return log_open(path) ? 0 : -1;
}

static int remove_log(void **state)
{
    (void)state;
    log_close();
    unlink(path);
    unlink(rotated);
    return 0;
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

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

#define WITH_LOG(f) cmocka_unit_test_setup_teardown(f, open_log, remove_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(escapes),
        WITH_LOG(cuts),
        WITH_LOG(levels),
        WITH_LOG(dates_lines),
        WITH_LOG(peers_are_rationed),
        WITH_LOG(reopens),
        WITH_LOG(without_a_file),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
