#include "base/process.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    POLL_MS = 50,         /* how often its end is looked for, when its output is closed */
    TERM_GRACE_MS = 2000, /* between TERM and KILL */
};

struct child {
    const struct process_run *run;
    pid_t pid;
    int out; /* what it writes; -1: closed */
    mono_ms until_ms;
    char line[PROCESS_LINE_MAX];
    size_t n;
    bool cut; /* the rest of a line that is too long is dropped */
};

/* --- starting ----------------------------------------------------------------------------------
 */

/* Ours and what is added; pointers only. */
static char **environment(const char *const *more)
{
    size_t n = 0, k = 0;
    char **all;

    while (environ[n] != NULL)
        n++;
    while (more != NULL && more[k] != NULL)
        k++;
    all = xmalloc((n + k + 1) * sizeof(*all));
    if (k > 0)
        memcpy(all, more, k * sizeof(*all)); /* the first of a name counts */
    memcpy(all + k, environ, (n + 1) * sizeof(*all));
    return all;
}

static int spawn(struct child *c, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    char **env = environment(c->run->env);
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
    error = posix_spawnp(&c->pid, c->run->argv[0], &files, &attr, (char *const *)c->run->argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    free(env);
    return error;
}

/* --- its lines ---------------------------------------------------------------------------------
 */

static void put_line(struct child *c)
{
    if (c->n > 0 && c->run->line != NULL)
        c->run->line(c->run->ctx, span_make(c->line, c->n));
    c->n = 0;
    c->cut = false;
}

static void put_bytes(struct child *c, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            put_line(c);
            continue;
        }
        c->cut = c->cut || c->n == sizeof(c->line);
        if (!c->cut)
            c->line[c->n++] = p[i];
    }
}

/* False: nothing more is there now, or ever. */
static bool read_lines(struct child *c)
{
    char some[4096];
    ssize_t got = read(c->out, some, sizeof(some));

    if (got > 0) {
        put_bytes(c, some, (size_t)got);
        return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        put_line(c);
        close(c->out);
        c->out = -1;
    }
    return false;
}

/* --- waiting -----------------------------------------------------------------------------------
 */

static void wait_some(struct child *c, bool heed_stop, bool *stop)
{
    mono_ms left = c->until_ms - clock_mono_ms();
    struct pollfd fds[2] = {
        {.fd = c->out, .events = POLLIN},
        {.fd = heed_stop ? c->run->stop_fd : -1, .events = POLLIN},
    };
    int ms = left > POLL_MS ? POLL_MS : left < 0 ? 0 : (int)left;

    if (poll(fds, 2, ms) <= 0)
        return;
    *stop = *stop || fds[1].revents != 0;
    if (fds[0].revents != 0)
        (void)read_lines(c);
}

/* Until it has ended, its time is up, or it is to be stopped (unless that is not heeded any more).
 * True: it has ended. */
static bool wait_end(struct child *c, bool heed_stop, int *how, bool *stop)
{
    for (;;) {
        pid_t got = waitpid(c->pid, how, WNOHANG);

        check(got >= 0 || errno == EINTR);
        if (got == c->pid)
            return true;
        if (*stop && heed_stop)
            return false;
        if (clock_mono_ms() >= c->until_ms)
            return false;
        wait_some(c, heed_stop, stop);
    }
}

static void end(struct child *c, int *how)
{
    bool stop = true;

    kill(c->pid, SIGTERM);
    c->until_ms = clock_mono_ms() + TERM_GRACE_MS;
    if (wait_end(c, false, how, &stop))
        return;
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, how, 0) < 0 && errno == EINTR)
        ;
}

enum process_end process_run(const struct process_run *run, int *status)
{
    struct child c = {.run = run};
    int pipes[2], how = 0;
    bool stop = false, ended;

    if (pipe2(pipes, O_CLOEXEC) != 0) {
        *status = errno;
        return PROCESS_FAILED;
    }
    *status = spawn(&c, pipes[1]);
    close(pipes[1]);
    if (*status != 0) {
        close(pipes[0]);
        return PROCESS_FAILED;
    }
    c.out = pipes[0];
    check(fcntl(c.out, F_SETFL, O_NONBLOCK) == 0);
    c.until_ms = clock_mono_ms() + run->timeout_ms;
    ended = wait_end(&c, true, &how, &stop);
    if (!ended)
        end(&c, &how);
    while (c.out >= 0 && read_lines(&c)) /* what is in the pipe; others may hold it open */
        ;
    if (c.out >= 0) {
        put_line(&c);
        close(c.out);
    }
    if (!ended)
        return stop ? PROCESS_STOPPED : PROCESS_TIMEOUT;
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : WTERMSIG(how);
    return WIFEXITED(how) ? PROCESS_EXITED : PROCESS_KILLED;
}
