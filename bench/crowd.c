/*
 * crowd.c - many clients ask at once for something that is not stored: how often the origin is
 * asked, and how long after the first of them the others have their first byte.
 *
 *   make bench/crowd && bench/crowd SELVAGED [CLIENTS]
 *
 * Starts the daemon with two workers before an origin of its own, which answers each request after
 * half a second. All clients are connected before the first asks. One thread takes all first bytes,
 * so what it needs for each of them is in the figure, too; the CPU time of the daemon for all of
 * them is printed beside it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 4000, ANSWER_MS = 500, ROUNDS = 5 };

static _Atomic unsigned asked;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int listening(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        fail("listen");
    *port = ntohs(a.sin_port);
    return fd;
}

/* --- the origin: one answer to each connection --- */

static void *answer(void *arg)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
                               "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
    int fd = (int)(intptr_t)arg;
    char in[4096];

    if (read(fd, in, sizeof(in)) > 0) {
        atomic_fetch_add(&asked, 1);
        usleep(ANSWER_MS * 1000);
        if (write(fd, text, sizeof(text) - 1) < 0)
            perror("origin");
    }
    close(fd);
    return NULL;
}

static void *origin(void *arg)
{
    int fd = (int)(intptr_t)arg, c;

    while ((c = accept(fd, NULL, NULL)) >= 0) {
        pthread_t t;

        if (pthread_create(&t, NULL, answer, (void *)(intptr_t)c) != 0)
            fail("pthread_create");
        pthread_detach(t);
    }
    return NULL;
}

/* --- the clients --- */

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1, fd;

    for (int i = 0; i < 500; i++) {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            fail("socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            return fd;
        }
        close(fd);
        usleep(10000);
    }
    fail("connect");
    return -1;
}

static int by_time(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return *a < *b ? -1 : *a > *b;
}

static double cpu_ms(pid_t pid)
{
    char path[64], text[1024], *p;
    unsigned long user, system;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (f == NULL || fgets(text, sizeof(text), f) == NULL || (p = strrchr(text, ')')) == NULL ||
        sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail(path);
    fclose(f);
    return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static void crowd(uint16_t port, pid_t daemon, unsigned n, int nth)
{
    static double at[CLIENTS_MAX];
    static int fds[CLIENTS_MAX];
    struct epoll_event events[64];
    char text[128], in[4096];
    int queue = epoll_create1(EPOLL_CLOEXEC);
    unsigned before = atomic_load(&asked), done = 0;
    double cpu;

    snprintf(text, sizeof(text), "GET /crowd%d HTTP/1.1\r\nHost: a.test\r\n\r\n", nth);
    for (unsigned i = 0; i < n; i++) {
        struct epoll_event e = {.events = EPOLLIN};

        fds[i] = connect_to(port);
        e.data.fd = fds[i];
        if (epoll_ctl(queue, EPOLL_CTL_ADD, fds[i], &e) != 0)
            fail("epoll_ctl");
    }
    for (unsigned i = 0; i < n; i++)
        if (write(fds[i], text, strlen(text)) != (ssize_t)strlen(text))
            fail("write");
    cpu = cpu_ms(daemon);
    while (done < n) {
        int ready = epoll_wait(queue, events, 64, 10000);

        if (ready <= 0)
            fail("somebody has no answer");
        for (int i = 0; i < ready; i++) {
            at[done++] = now_ms();
            epoll_ctl(queue, EPOLL_CTL_DEL, events[i].data.fd, NULL);
            if (read(events[i].data.fd, in, sizeof(in)) <= 12 || memcmp(in + 9, "200", 3) != 0)
                fail("not 200");
        }
    }
    qsort(at, n, sizeof(at[0]), by_time);
    printf(
        "%u clients: the origin was asked %u times; after the first of them: middle %.2f ms, 99 of "
        "100 within %.2f ms, the last %.2f ms; %.0f ms of CPU\n",
        n, atomic_load(&asked) - before, at[n / 2] - at[0], at[n * 99 / 100] - at[0],
        at[n - 1] - at[0], cpu_ms(daemon) - cpu);
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
    close(queue);
}

int main(int argc, char **argv)
{
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
    struct rlimit files = {65536, 65536};
    char url[64], address[64];
    uint16_t port, edge;
    pthread_t t;
    pid_t daemon;
    int fd;

    if (argc < 2 || n == 0 || n > CLIENTS_MAX) {
        fprintf(stderr, "usage: crowd SELVAGED [CLIENTS]\n");
        return 1;
    }
    (void)setrlimit(RLIMIT_NOFILE, &files);
    close(listening(&edge)); /* free just now */
    fd = listening(&port);
    if (pthread_create(&t, NULL, origin, (void *)(intptr_t)fd) != 0)
        fail("pthread_create");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    snprintf(address, sizeof(address), "127.0.0.1:%u", edge);
    daemon = fork();
    if (daemon == 0) {
        execl(argv[1], argv[1], "--listen", address, "--origin", url, "--workers", "2", "--control",
            "off", (char *)NULL);
        fail(argv[1]);
    }
    for (int i = 0; i < ROUNDS; i++)
        crowd(edge, daemon, n, i);
    kill(daemon, SIGTERM);
    waitpid(daemon, NULL, 0);
    return 0;
}
