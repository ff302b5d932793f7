#include "base/notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct manager {
    char dir[32], path[64], log[64];
    int fd; /* owns; the service manager's end */
};

static void listen_at(struct manager *m, const char *name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    memcpy(un.sun_path, name, strlen(name));
    if (name[0] == '@')
        un.sun_path[0] = '\0';
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(m->fd >= 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&un, len), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static int set_up(void **state)
{
    static struct manager m;

    m = (struct manager){.dir = "/tmp/t_notify.XXXXXX", .fd = -1};
    assert_non_null(mkdtemp(m.dir));
    snprintf(m.path, sizeof(m.path), "%s/notify", m.dir);
    snprintf(m.log, sizeof(m.log), "%s/log", m.dir);
    assert_true(log_open(m.log));
    *state = &m;
    return 0;
}

static int tear_down(void **state)
{
    struct manager *m = *state;

    unsetenv("NOTIFY_SOCKET");
    log_close();
    if (m->fd >= 0)
        close(m->fd);
    unlink(m->path);
    unlink(m->log);
    rmdir(m->dir);
    return 0;
}

/* The next datagram, or "" when there is none. */
static const char *told(const struct manager *m)
{
    static char text[256];
    ssize_t n = recv(m->fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static const char *logged(const struct manager *m)
{
    static char text[1024];
    FILE *f = fopen(m->log, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void each_state_is_one_datagram(void **state)
{
    struct manager *m = *state;
    int64_t before = clock_mono_us();
    uint64_t us;

    listen_at(m, m->path);
    notify_ready();
    assert_string_equal(told(m), "READY=1\n");
    notify_reloading();
    {
        struct span text = span_of(told(m)), line;

        assert_true(span_cut(&text, '\n', &line));
        assert_true(span_eq(line, SPAN("RELOADING=1")));
        assert_true(span_cut(&text, '\n', &line));
        assert_true(span_starts(line, SPAN("MONOTONIC_USEC=")));
        assert_true(span_u64(span_from(line, strlen("MONOTONIC_USEC=")), &us));
        assert_in_range(us, before, clock_mono_us());
    }
    notify_stopping();
    assert_string_equal(told(m), "STOPPING=1\n");
    assert_string_equal(told(m), "");
    assert_string_equal(logged(m), "");
}

static void an_abstract_name_begins_with_at(void **state)
{
    struct manager *m = *state;
    char name[64];

    snprintf(name, sizeof(name), "@t_notify-%d", (int)getpid());
    listen_at(m, name);
    notify_ready();
    assert_string_equal(told(m), "READY=1\n");
}

static void without_a_manager_nothing_happens(void **state)
{
    struct manager *m = *state;

    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    setenv("NOTIFY_SOCKET", "", 1);
    notify_stopping();
    assert_string_equal(logged(m), "");
}

static void what_cannot_be_told_is_logged(void **state)
{
    struct manager *m = *state;
    char name[256];

    setenv("NOTIFY_SOCKET", m->path, 1);
    notify_ready();
    assert_non_null(strstr(logged(m), "No such file or directory"));
    assert_non_null(strstr(logged(m), m->path));

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    name[0] = '/';
    setenv("NOTIFY_SOCKET", name, 1);
    notify_ready();
    assert_non_null(strstr(logged(m), "xxx): Invalid argument"));

    setenv("NOTIFY_SOCKET", "notify", 1); /* neither a path from the root nor an abstract name */
    notify_ready();
    assert_non_null(strstr(logged(m), "NOTIFY_SOCKET=notify): Invalid argument"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_state_is_one_datagram),
        TEST(an_abstract_name_begins_with_at),
        TEST(without_a_manager_nothing_happens),
        TEST(what_cannot_be_told_is_logged),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
