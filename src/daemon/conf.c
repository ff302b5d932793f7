#include "daemon/conf.h"

#include "base/log.h"
#include "base/thread.h"
#include "net/network_conf.h"

#include <unistd.h>

static const char *const log_levels[] = {"error", "warn", "notice", "info", "debug", NULL};

struct listen_conf *listen_conf_add(
    struct conf_load *l, struct listen_conf **list, const struct conf_node *node)
{
    struct listen_conf *n = arena_zalloc(l->arena, sizeof(*n));

    if (!conf_arg_listen(l, node, 0, &n->addr))
        return NULL;
    n->text = node->args[0].text;
    n->at = node->at;
    while (*list != NULL)
        list = &(*list)->next;
    *list = n;
    return n;
}

void listen_conf_proxy(
    struct conf_load *l, struct listen_conf *n, const struct conf_node *node, unsigned at)
{
    if (!conf_arg_is(node, at + 1, "from") || at + 2 == node->args_n)
        conf_error(l->errors, node->args[at].at,
            "proxy needs the networks that the proxies are in: proxy from 192.0.2.0/24");
    else
        (void)!network_args(l, node, at + 2, &n->door.proxy_from);
}

static void set_metrics(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)listen_conf_add(l, &((struct daemon_conf *)self)->metrics, node);
}

static void set_error_log(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct daemon_conf *c = self;

    if (!conf_arg_is(node, 0, "stderr"))
        c->error_log = node->args[0].text;
    if (node->args_n == 2)
        (void)!conf_arg_word(l, node, 1, log_levels, &c->error_log_level);
}

const struct directive daemon_directives[] = {
    {"workers", CONF_INTEGER(struct daemon_conf, workers), .max = 128, .unset = "one per core",
        .about = "Threads that serve."},
    {"control", CONF_STRING(struct daemon_conf, control), .preset = "off",
        .about = "Path of the control socket for selvagectl(1), or off. It is made with mode "
                 "0600."},
    {"metrics", CONF_CUSTOM(set_metrics, 1, 1), .usage = "ADDRESS:PORT",
        .about = "Where /metrics (Prometheus), /healthz and /readyz (503 while it drains, and the "
                 "load: selvagectl(1)) are answered; keep it off public addresses."},
    {"error-log", CONF_CUSTOM(set_error_log, 1, 2), .usage = "PATH|stderr [LEVEL]",
        .unset = "standard error, level info",
        .about =
            "Where errors are written, and the least level: error, warn, notice, info, debug. What "
            "operators do, as purging, is a notice."},
    {"stop-grace", CONF_DURATION(struct daemon_conf, stop_grace_ms), .preset = "10s",
        .max = 3600000, .about = "How long requests in flight may take to end after TERM or INT."},
    {0},
};

void daemon_conf_init(struct daemon_conf *c)
{
    c->error_log_level = LOG_INFO;
    tls_conf_init(&c->tls);
}

void daemon_conf_close(struct conf_load *l, struct daemon_conf *c, const char *or_add)
{
    if (c->workers == 0)
        c->workers = sysconf(_SC_NPROCESSORS_ONLN);
    if (c->workers > THREADS_MAX - 1)
        c->workers = THREADS_MAX - 1;
    c->tls_only = true;
    for (const struct listen_conf *n = c->listens; n != NULL; n = n->next) {
        if (!n->tls)
            c->tls_only = false;
        else if (c->tls.sources == NULL)
            conf_error(l->errors, n->at,
                "a listener that speaks TLS needs a certificate: add  certificate FILE key FILE;%s",
                or_add);
    }
    tls_conf_close(l, &c->tls, clock_wall_s());
}

void daemon_conf_free(struct daemon_conf *c)
{
    tls_conf_free(&c->tls);
}
