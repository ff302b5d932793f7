/* One question, one scripted answer: whole, cut, late, too long, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "admin/client.h"
#include "base/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/t_client.XXXXXX";
static char path[64];

/* Answers the first connection with `text`, byte by byte or at once, then closes or keeps still. */
struct server {
    const char *text;
    size_t repeat; /* times that the text is sent */
    bool bytewise, hold;
    int fd;
    char asked[512];
    pthread_t thread;
    int release[2]; /* closing the other end ends `hold` */
};

static void send_text(const struct server *s, int fd)
{
    size_t n = strlen(s->text);
    struct timespec pause = {.tv_nsec = 100000};

    for (size_t i = 0; s->bytewise && i < n; i++) {
        if (send(fd, s->text + i, 1, MSG_NOSIGNAL) != 1)
            return;
        nanosleep(&pause, NULL);
    }
    for (size_t i = 0; !s->bytewise && i < s->repeat; i++) {
        if (send(fd, s->text, n, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t n = 0;
    char c;

    while (n + 1 < sizeof(s->asked) && strstr(s->asked, "\r\n\r\n") == NULL &&
           read(fd, s->asked + n, 1) == 1)
        n++;
    send_text(s, fd);
    if (s->hold)
        (void)!read(s->release[0], &c, 1);
    close(fd);
    return NULL;
}

static void server_start(struct server *s)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    s->repeat = s->repeat != 0 ? s->repeat : 1;
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    unlink(path);
    s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(pipe(s->release), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    close(s->release[1]);
    pthread_join(s->thread, NULL);
    close(s->release[0]);
    close(s->fd);
    unlink(path);
}

static enum admin_asked ask(mono_ms timeout_ms, struct admin_reply *reply, char why[512])
{
    const struct admin_question q = {
        .socket = path, .method = METHOD_GET, .path = "/stats", .timeout_ms = timeout_ms};

    why[0] = '\0';
    return admin_ask(&q, reply, why, 512);
}

static void whole_answers(void **state)
{
    static const struct {
        const char *text, *body;
        int status;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", "hello", 200},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "", 404},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n"
         "T: 1\r\n\r\n",
            "hello", 200},
        {"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", 200},
        {"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "hi", 200},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        struct server s = {.text = rows[i / 2].text, .bytewise = i % 2 != 0};
        struct admin_reply reply;
        char why[512];

        server_start(&s);
        assert_int_equal(ask(5000, &reply, why), ADMIN_ANSWERED);
        server_stop(&s);
        assert_int_equal(reply.status, rows[i / 2].status);
        assert_true(span_eq(buf_span(&reply.body), span_of(rows[i / 2].body)));
        assert_non_null(strstr(s.asked, "GET /stats HTTP/1.1\r\nHost: localhost\r\n"));
        admin_reply_free(&reply);
    }
}

static void broken_answers(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "before the answer was whole"},
        {"HTTP/1.1 200 OK\r\nContent-Le", "before the answer was whole"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "before the answer was whole"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "before the answer was whole"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", path},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "no answer of selvaged"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no answer of selvaged"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server s = {.text = rows[i].text};
        struct admin_reply reply;
        char why[512];

        server_start(&s);
        assert_int_equal(ask(5000, &reply, why), ADMIN_GARBLED);
        server_stop(&s);
        if (strstr(why, rows[i].why) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why, rows[i].why);
        admin_reply_free(&reply);
    }
}

static void is_bounded(void **state)
{
    static char kilobyte[1025];
    struct server s = {.text = kilobyte, .repeat = (ADMIN_REPLY_MAX >> 10) + 64};
    struct admin_reply reply;
    char why[512];

    (void)state;
    memset(kilobyte, 'x', 1024);
    memcpy(kilobyte, "HTTP/1.0 200 OK\r\n\r\n", 19);
    server_start(&s);
    assert_int_equal(ask(20000, &reply, why), ADMIN_GARBLED);
    server_stop(&s);
    assert_non_null(strstr(why, "longer than 16 MiB"));
    assert_true(reply.body.cap <= ADMIN_REPLY_MAX);
    admin_reply_free(&reply);
}

static void is_patient_only_so_long(void **state)
{
    static const char *const texts[] = {
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct server s = {.text = texts[i], .hold = true};
        struct admin_reply reply;
        char why[512];
        mono_ms began;

        server_start(&s);
        began = clock_mono_ms();
        assert_int_equal(ask(100, &reply, why), ADMIN_SILENT);
        assert_in_range(clock_mono_ms() - began, 100, 3000);
        assert_non_null(strstr(why, "no answer within 100 ms"));
        server_stop(&s);
        admin_reply_free(&reply);
    }
}

static void nobody_there(void **state)
{
    struct server s = {.text = ""};
    struct admin_question q = {
        .socket = path, .method = METHOD_GET, .path = "/", .timeout_ms = 1000};
    struct admin_reply reply;
    char why[512], longest[200];

    (void)state;
    unlink(path);
    assert_int_equal(admin_ask(&q, &reply, why, sizeof(why)), ADMIN_UNREACHABLE);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "no such file"));
    admin_reply_free(&reply);

    /* A socket that its server left behind. */
    server_start(&s);
    assert_int_equal(ask(1000, &reply, why), ADMIN_GARBLED);
    admin_reply_free(&reply);
    close(s.release[1]);
    pthread_join(s.thread, NULL);
    close(s.release[0]);
    close(s.fd);
    assert_int_equal(ask(1000, &reply, why), ADMIN_UNREACHABLE);
    assert_non_null(strstr(why, "refused"));
    admin_reply_free(&reply);
    unlink(path);

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    q.socket = longest;
    assert_int_equal(admin_ask(&q, &reply, why, sizeof(why)), ADMIN_UNREACHABLE);
    assert_non_null(strstr(why, "at most 107 bytes"));
    admin_reply_free(&reply);
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/socket", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(broken_answers),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(is_patient_only_so_long),
        cmocka_unit_test(nobody_there),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
