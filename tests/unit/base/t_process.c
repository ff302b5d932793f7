/* Other programs: how they end, what they say, and that they never outlast their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static char said[8192];

static void on_line(void *ctx, struct span text)
{
    size_t n = strlen(said);

    (void)ctx;
    snprintf(said + n, sizeof(said) - n, "[%.*s]", SPAN_ARG(text));
}

static enum process_end shell(const char *script, mono_ms timeout_ms, int stop_fd, int *status)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const char *const env[] = {"COLOUR=madder", NULL};
    struct process_run run = {
        .argv = argv, .env = env, .timeout_ms = timeout_ms, .stop_fd = stop_fd, .line = on_line};

    said[0] = '\0';
    return process_run(&run, status);
}

static void says_lines_and_ends(void **state)
{
    int status;

    (void)state;
    assert_int_equal(
        shell("echo one; echo two >&2; printf three; exit 3", PATIENCE_MS, -1, &status),
        PROCESS_EXITED);
    assert_int_equal(status, 3);
    assert_string_equal(said, "[one][two][three]");
}

static void has_our_variables_and_what_is_added(void **state)
{
    int status;

    (void)state;
    assert_int_equal(
        shell("echo $COLOUR; test -n \"$PATH\" && cat && exit 7", PATIENCE_MS, -1, &status),
        PROCESS_EXITED);
    assert_int_equal(status, 7);
    assert_string_equal(said, "[madder]");
}

static void long_lines_are_cut(void **state)
{
    int status;

    (void)state;
    assert_int_equal(shell("printf '%5000s\\nx\\n' ''", PATIENCE_MS, -1, &status), PROCESS_EXITED);
    assert_int_equal(strlen(said), 2 + PROCESS_LINE_MAX + 3);
}

static void signals_are_as_they_should_be(void **state)
{
    sigset_t all, before;
    int status;

    (void)state;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(shell("kill -TERM $$; exit 0", PATIENCE_MS, -1, &status), PROCESS_KILLED);
    assert_int_equal(status, SIGTERM);
    assert_int_equal(shell("kill -PIPE $$; exit 0", PATIENCE_MS, -1, &status), PROCESS_KILLED);
    assert_int_equal(status, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void one_that_hangs_is_ended(void **state)
{
    int status;

    (void)state;
    assert_int_equal(shell("exec sleep 1000", 100, -1, &status), PROCESS_TIMEOUT);
    /* It closes its output and heeds no TERM. */
    assert_int_equal(
        shell("trap '' TERM; exec >/dev/null 2>&1; while :; do sleep 0.1; done", 100, -1, &status),
        PROCESS_TIMEOUT);
}

static void one_is_stopped(void **state)
{
    int fd = eventfd(1, 0), status;

    (void)state;
    assert_int_equal(shell("exec sleep 1000", PATIENCE_MS, fd, &status), PROCESS_STOPPED);
    close(fd);
}

/* What it left in the background holds the pipe; nobody waits for that. */
static void the_background_is_not_waited_for(void **state)
{
    int status;

    (void)state;
    assert_int_equal(
        shell("sleep 3 & echo begun; exit 0", PATIENCE_MS, -1, &status), PROCESS_EXITED);
    assert_string_equal(said, "[begun]");
}

static void one_that_is_not_there(void **state)
{
    const char *const argv[] = {"/nowhere/to/be/found", NULL};
    struct process_run run = {.argv = argv, .timeout_ms = PATIENCE_MS, .stop_fd = -1};
    int status;

    (void)state;
    assert_int_equal(process_run(&run, &status), PROCESS_FAILED);
    assert_int_equal(status, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_lines_and_ends),
        cmocka_unit_test(has_our_variables_and_what_is_added),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(signals_are_as_they_should_be),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(one_is_stopped),
        cmocka_unit_test(the_background_is_not_waited_for),
        cmocka_unit_test(one_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
