/*
 * selvaged.c - the edge: command line, configuration, and then edge/server.h does the rest.
 */
#include "base/hash.h"
#include "base/log.h"
#include "config.h"
#include "edge/conf.h"
#include "edge/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum what { SERVE, TEST, DUMP };

struct command_line {
    enum what what;
    const char *config;
    struct edge_args args;
};

static const char usage[] =
    "Usage: selvaged -c FILE [-t|-T]\n"
    "       selvaged --listen ADDRESS:PORT --origin URL|DIRECTORY [options]\n"
    "\n"
    "The Selvage edge: a caching HTTP server in front of an origin.\n"
    "\n"
    "  -c, --config FILE      serve what FILE says; see selvage.conf(5)\n"
    "  -t, --test             check the configuration and exit\n"
    "  -T, --dump             check it, print it in canonical form with defaults, and exit\n"
    "  -V, --version          print version and build\n"
    "  -h, --help             print this\n"
    "\n"
    "Without a file, one origin for every host:\n"
    "      --listen ADDR:PORT where clients connect, like 127.0.0.1:8080\n"
    "      --origin PLACE     http[s]://HOST[:PORT], or a directory of files\n"
    "      --memory SIZE      memory for the cache, like 256MiB\n"
    "      --disk PATH=SIZE   a file for the cache that survives restarts, like /tmp/v=10GiB\n"
    "      --workers N        threads that serve; one per core when not given\n"
    "      --control SOCKET   control socket for selvagectl(1)\n"
    "      --access-log PATH  access log; stderr for standard error\n"
    "\n"
    "Try:   selvaged --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000\n"
    "       curl -sI http://127.0.0.1:8080/ | grep Cache-Status\n";

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"test", no_argument, NULL, 't'},
    {"dump", no_argument, NULL, 'T'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"listen", required_argument, NULL, 'l'},
    {"origin", required_argument, NULL, 'o'},
    {"memory", required_argument, NULL, 'm'},
    {"disk", required_argument, NULL, 'd'},
    {"workers", required_argument, NULL, 'w'},
    {"control", required_argument, NULL, 's'},
    {"access-log", required_argument, NULL, 'a'},
    {0},
};

static void print_version(void)
{
    printf("selvaged %s\ncompiler: %s\n", VERSION, __VERSION__);
}

/* Exits for -h, -V and what cannot be understood. */
static struct command_line parse(int argc, char **argv)
{
    struct command_line cl = {0};
    int c;

    while ((c = getopt_long(argc, argv, "c:tTVh", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            cl.config = optarg;
            break;
        case 't':
            cl.what = TEST;
            break;
        case 'T':
            cl.what = DUMP;
            break;
        case 'V':
            print_version();
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'l':
            cl.args.listen = optarg;
            break;
        case 'o':
            cl.args.origin = optarg;
            break;
        case 'm':
            cl.args.memory = optarg;
            break;
        case 'd':
            cl.args.disk = optarg;
            break;
        case 'w':
            cl.args.workers = optarg;
            break;
        case 's':
            cl.args.control = optarg;
            break;
        case 'a':
            cl.args.access_log = optarg;
            break;
        default:
            fputs("Try: selvaged --help\n", stderr);
            exit(DAEMON_FAILED);
        }
    }
    return cl;
}

static bool makes_sense(const struct command_line *cl, int argc)
{
    const struct edge_args *a = &cl->args;
    bool direct = a->listen != NULL || a->origin != NULL || a->memory != NULL || a->disk != NULL ||
                  a->workers != NULL || a->control != NULL || a->access_log != NULL;
    const char *wrong = NULL;

    if (optind < argc)
        wrong = "there are words that no option takes";
    else if (cl->config != NULL && direct)
        wrong = "give either -c FILE or the options without a file, not both";
    else if (cl->config == NULL && !direct)
        wrong = "give -c FILE, or --listen and --origin";
    else if (cl->config == NULL && a->listen == NULL)
        wrong = "--listen is missing: where shall clients connect? Like --listen 127.0.0.1:8080";
    else if (cl->config == NULL && a->origin == NULL)
        wrong = "--origin is missing: what shall be served? Like --origin http://127.0.0.1:8000";
    else if (cl->config == NULL && cl->what == DUMP)
        wrong = "-T prints a configuration file: give -c FILE";
    if (wrong != NULL)
        fprintf(stderr, "selvaged: %s\nTry: selvaged --help\n", wrong);
    return wrong == NULL;
}

static struct edge_conf *load(const struct command_line *cl)
{
    struct edge_conf *conf;
    struct buf errors;

    buf_init(&errors, 1 << 20);
    if (cl->config != NULL)
        conf = edge_conf_load_file(cl->config, &errors);
    else
        conf = edge_conf_load_args(&cl->args, &errors);
    if (errors.n > 0)
        fprintf(stderr, "%.*s", (int)errors.n, errors.p);
    buf_free(&errors);
    return conf;
}

static int dump(const struct command_line *cl)
{
    struct buf out, errors;
    bool ok;

    buf_init(&out, 256 << 20);
    buf_init(&errors, 1 << 20);
    ok = edge_conf_dump_file(cl->config, &out, &errors);
    fwrite(out.n > 0 ? out.p : "", 1, out.n, stdout);
    fwrite(errors.n > 0 ? errors.p : "", 1, errors.n, stderr);
    buf_free(&out);
    buf_free(&errors);
    return ok ? DAEMON_FINE : DAEMON_FAILED;
}

static int serve(struct edge_conf *conf)
{
    struct edge *edge = edge_open(conf);
    enum daemon_exit how;

    if (edge == NULL)
        return DAEMON_FAILED;
    how = edge_run(edge);
    edge_close(&edge);
    log_msg(LOG_INFO, "stopped");
    log_close();
    return how;
}

int main(int argc, char **argv)
{
    struct command_line cl = parse(argc, argv);
    struct edge_conf *conf;

    if (!makes_sense(&cl, argc))
        return DAEMON_FAILED;
    hash_seed(random_u64());
    if (cl.what == DUMP)
        return dump(&cl);
    conf = load(&cl);
    if (conf == NULL)
        return DAEMON_FAILED;
    if (cl.what == TEST) {
        fprintf(
            stderr, "selvaged: %s is fine\n", cl.config != NULL ? cl.config : "the command line");
        edge_conf_free(&conf);
        return DAEMON_FINE;
    }
    return serve(conf);
}
