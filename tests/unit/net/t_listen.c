/* Listening: sockets for all workers, sentences for what goes wrong, accepting. */
#include "net_test.h"

#include "base/counters.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- opening
 * -------------------------------------------------------------------------------------- */

static void open_ok(const char *text, int *fds, unsigned n, struct addr *bound)
{
    struct addr at = addr_of(text);
    struct listen_why why = {""};

    if (!listen_open(&at, NULL, fds, n, bound, &why))
        fail_msg("%s", why.text);
}

static void open_refused(const struct addr *at, const char *sentence)
{
    struct listen_why why = {""};
    struct addr bound;
    int fds[2];

    assert_false(listen_open(at, NULL, fds, 2, &bound, &why));
    assert_string_equal(why.text, sentence);
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void all_sockets_share_a_port(void **state)
{
    enum { CLIENTS = 64, SOCKETS = 3 };
    struct addr bound;
    int fds[SOCKETS], clients[CLIENTS], got[SOCKETS] = {0};

    (void)state;
    open_ok("127.0.0.1:0", fds, SOCKETS, &bound);
    assert_true(addr_port(&bound) > 0);
    for (int i = 0; i < SOCKETS; i++) {
        struct addr local = addr_local(fds[i]);

        assert_true(addr_eq(&local, &bound));
        assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = dial(&bound);
    for (int i = 0; i < SOCKETS; i++) {
        int fd;

        while ((fd = accept(fds[i], NULL, NULL)) >= 0) {
            got[i]++;
            close(fd);
        }
    }
    /* The kernel hashes them; that a socket gets none of 64 happens once in 10^11 runs. */
    assert_int_equal(got[0] + got[1] + got[2], CLIENTS);
    assert_true(got[0] > 0 && got[1] > 0 && got[2] > 0);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    for (int i = 0; i < SOCKETS; i++)
        close(fds[i]);
}

static void a_port_in_use(void **state)
{
    struct addr bound;
    char sentence[256], text[ADDR_TEXT];
    int fds[2];

    (void)state;
    open_ok("127.0.0.1:0", fds, 2, &bound);
    /* Though the first server shares its port among its own sockets, a second one is refused. */
    snprintf(sentence, sizeof(sentence),
        "cannot listen on %s: address already in use; is another server running? try: ss -ltnp "
        "'sport = :%u'",
        addr_text(&bound, text), addr_port(&bound));
    open_refused(&bound, sentence);
    close(fds[0]);
    close(fds[1]);
    /* Gone: the port can be had again at once. */
    open_ok(text, fds, 2, &bound);
    close(fds[0]);
    close(fds[1]);
}

static void ports_below_1024_need_a_privilege(void **state)
{
    struct addr at = addr_of("127.0.0.1:81"), bound;
    struct listen_why why = {""};
    int fds[1], status, first = 1024;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    pid_t child;

    (void)state;
    if (f != NULL) {
        if (fscanf(f, "%d", &first) != 1)
            first = 1024;
        fclose(f);
    }
    if (first <= 81)
        skip(); /* this system gives low ports to all */
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
            _exit(2);
        if (listen_open(&at, NULL, fds, 1, &bound, &why))
            _exit(3);
        _exit(strcmp(why.text, "cannot listen on 127.0.0.1:81: permission denied; ports below 1024 "
                               "need root or CAP_NET_BIND_SERVICE") != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void not_our_address(void **state)
{
    struct addr at = addr_of("192.0.2.1:8080");

    (void)state;
    open_refused(&at, "cannot listen on 192.0.2.1:8080: this machine does not have that address");
}

static void ipv6_leaves_ipv4_alone(void **state)
{
    struct addr at6 = addr_of("[::]:0"), at4 = addr_of("0.0.0.0:0"), bound6, bound4;
    struct listen_why why = {""};
    bool both = false;
    int six[1], four[1];

    (void)state;
    /* The port may happen to be somebody else's in IPv4: then another. */
    for (int i = 0; i < 20 && !both; i++) {
        if (!listen_open(&at6, NULL, six, 1, &bound6, &why))
            skip(); /* a machine without IPv6 */
        addr_set_port(&at4, addr_port(&bound6));
        both = listen_open(&at4, NULL, four, 1, &bound4, &why);
        if (both)
            close(four[0]);
        close(six[0]);
    }
    if (!both)
        fail_msg("%s", why.text);
}

/* --- Unix sockets
 * ----------------------------------------------------------------------------------- */

static const char *unix_text(void)
{
    static char text[64];

    snprintf(text, sizeof(text), "unix:t_listen.%d.sock", (int)getpid());
    return text;
}

static void unix_sockets_are_ours_alone(void **state)
{
    const char *path = unix_text() + 5;
    char sentence[256];
    struct addr at = addr_of(unix_text()), bound;
    struct stat st;
    int fds[2], client;
    mode_t mask = umask(0);

    (void)state;
    open_ok(unix_text(), fds, 2, &bound);
    umask(mask);
    assert_true(addr_eq(&at, &bound));
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    client = dial(&at);
    assert_true(readable(fds[0], 1000));
    assert_true(readable(fds[1], 1000)); /* one socket, two descriptors */
    snprintf(sentence, sizeof(sentence), "cannot listen on %s: another server is listening there",
        unix_text());
    open_refused(&at, sentence);
    close(client);

    /* The server is gone without a word: its path is taken over. */
    close(fds[0]);
    close(fds[1]);
    open_ok(unix_text(), fds, 1, &bound);
    listen_unlink(&bound);
    assert_int_equal(stat(path, &st), -1);
    listen_unlink(&bound); /* harmless */
    close(fds[0]);
}

static void other_things_at_the_path_stay(void **state)
{
    const char *path = unix_text() + 5;
    char sentence[256];
    struct addr at = addr_of(unix_text()), far = addr_of("unix:/nonexistent/dir/s.sock");
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    struct stat st;

    (void)state;
    assert_true(file >= 0);
    snprintf(sentence, sizeof(sentence),
        "cannot listen on %s: there is something else than a socket at that path", unix_text());
    open_refused(&at, sentence);
    listen_unlink(&at);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    close(file);
    open_refused(&far, "cannot listen on unix:/nonexistent/dir/s.sock: no such file or directory");
}

/* --- accepting
 * --------------------------------------------------------------------------------------- */

enum { ACCEPTED_MAX = 256 };

struct server {
    struct listener l;
    int fds[ACCEPTED_MAX];
    int n, wanted;
    struct addr peer, local;
    bool enough;
    bool pause_each, close_each;
};

static void on_accepted(
    struct listener *l, int fd, const struct addr *peer, const struct addr *local)
{
    struct server *s = container_of(l, struct server, l);

    s->fds[s->n++] = fd;
    s->peer = *peer;
    s->local = *local;
    s->enough = s->n >= s->wanted;
    if (s->pause_each)
        listener_pause(l);
    if (s->close_each)
        listener_close(l);
}

static void server_open(struct server *s, const char *at, struct addr *bound)
{
    int fd;

    *s = (struct server){.wanted = 1};
    open_ok(at, &fd, 1, bound);
    listener_open(&s->l, worker, fd, on_accepted);
}

static void server_close(struct server *s)
{
    listener_close(&s->l);
    for (int i = 0; i < s->n; i++)
        close(s->fds[i]);
}

static void hands_over_who_came(void **state)
{
    struct server s;
    struct addr bound, client_addr;
    int client, on = 0;
    socklen_t len = sizeof(on);

    (void)state;
    server_open(&s, ":0", &bound);
    bound = addr_of("127.0.0.1:0");
    addr_set_port(&bound, addr_port(&s.l.addr));
    client = dial(&bound);
    client_addr = addr_local(client);
    loop_until(&s.enough);
    assert_true(addr_eq(&s.peer, &client_addr));
    assert_true(addr_eq(&s.local, &bound)); /* not 0.0.0.0 */
    assert_true((fcntl(s.fds[0], F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(s.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(getsockopt(s.fds[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_equal(on, 1);
    close(client);
    server_close(&s);
    listener_close(&s.l); /* again is harmless */
}

static void a_paused_one_lets_them_wait(void **state)
{
    struct server s;
    struct addr bound;
    int clients[3];

    (void)state;
    server_open(&s, "127.0.0.1:0", &bound);
    s.pause_each = true;
    for (int i = 0; i < 3; i++)
        clients[i] = dial(&bound);
    loop_until(&s.enough);
    loop_for(10);
    assert_int_equal(s.n, 1); /* even within a batch */
    s.pause_each = false;
    s.enough = false;
    s.wanted = 3;
    listener_resume(&s.l);
    loop_until(&s.enough);
    assert_int_equal(s.n, 3);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    server_close(&s);
}

static void closing_takes_who_waits(void **state)
{
    struct server s;
    struct addr bound;
    int clients[100];

    (void)state;
    server_open(&s, "127.0.0.1:0", &bound);
    listener_pause(&s.l);
    for (int i = 0; i < 100; i++)
        clients[i] = dial(&bound);
    s.close_each = true; /* accepted() may ask for what is already happening */
    listener_close(&s.l);
    assert_int_equal(s.n, 100);
    assert_int_equal(s.l.fd, -1);
    for (int i = 0; i < 100; i++)
        close(clients[i]);
    server_close(&s);
}

static void a_unix_listener_has_peers_without_name(void **state)
{
    struct server s;
    struct addr bound;
    char text[ADDR_TEXT];
    int client;

    (void)state;
    server_open(&s, unix_text(), &bound);
    client = dial(&bound);
    loop_until(&s.enough);
    assert_string_equal(addr_text(&s.peer, text), "unix:");
    assert_string_equal(addr_text(&s.local, text), unix_text());
    close(client);
    listen_unlink(&bound);
    server_close(&s);
}

/* --- short of descriptors
 * ------------------------------------------------------------------------------ */

static void without_descriptors_it_sheds_and_recovers(void **state)
{
    struct server s;
    struct addr bound;
    struct rlimit was, few;
    int clients[3], last;
    uint64_t refused = counter_sum(C_CONN_REFUSED);
    struct pollfd p = {.events = POLLIN};
    char c;

    (void)state;
    server_open(&s, "127.0.0.1:0", &bound);
    for (int i = 0; i < 3; i++)
        clients[i] = dial(&bound);
    /* From here on no descriptor is to be had. */
    last = dup(0);
    close(last);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = (rlim_t)last;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    loop_for(20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    /* They were told instead of left waiting. */
    assert_int_equal(s.n, 0);
    for (int i = 0; i < 3; i++) {
        p.fd = clients[i];
        assert_int_equal(poll(&p, 1, 1000), 1);
        assert_int_equal(read(clients[i], &c, 1), 0);
        close(clients[i]);
    }
    assert_int_equal(counter_sum(C_CONN_REFUSED) - refused, 3);
    clients[0] = dial(&bound);
    loop_until(&s.enough);
    close(clients[0]);
    server_close(&s);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, loop_setup, loop_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sockets_share_a_port),
        cmocka_unit_test(a_port_in_use),
        cmocka_unit_test(ports_below_1024_need_a_privilege),
        cmocka_unit_test(not_our_address),
        cmocka_unit_test(ipv6_leaves_ipv4_alone),
        cmocka_unit_test(unix_sockets_are_ours_alone),
        cmocka_unit_test(other_things_at_the_path_stay),
        T(hands_over_who_came),
        T(a_paused_one_lets_them_wait),
        T(closing_takes_who_waits),
        T(a_unix_listener_has_peers_without_name),
        T(without_descriptors_it_sheds_and_recovers),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
