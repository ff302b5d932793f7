/*
 * selvage-director.c - the director: command line, configuration, and then director/server.h does
 * the rest.
 */
#include "base/hash.h"
#include "base/log.h"
#include "config.h"
#include "director/conf.h"
#include "director/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum what { SERVE, TEST, DUMP };

struct command_line {
    enum what what;
    const char *config;
};

static const char usage[] =
    "Usage: selvage-director -c FILE [-t|-T]\n"
    "\n"
    "The Selvage director: sends every client to its nearest healthy PoP, by DNS and by HTTP.\n"
    "\n"
    "  -c, --config FILE      serve what FILE says; see selvage-director.conf(5)\n"
    "  -t, --test             check the configuration and exit\n"
    "  -T, --dump             check it, print it in canonical form with defaults, and exit\n"
    "  -V, --version          print version and build\n"
    "  -h, --help             print this\n";

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"test", no_argument, NULL, 't'},
    {"dump", no_argument, NULL, 'T'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

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
            printf("selvage-director %s\ncompiler: %s\n", VERSION, __VERSION__);
            exit(0);
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs("Try: selvage-director --help\n", stderr);
            exit(DAEMON_FAILED);
        }
    }
    return cl;
}

static bool makes_sense(const struct command_line *cl, int argc)
{
    const char *wrong = NULL;

    if (optind < argc)
        wrong = "there are words that no option takes";
    else if (cl->config == NULL)
        wrong = "give -c FILE";
    if (wrong != NULL)
        fprintf(stderr, "selvage-director: %s\nTry: selvage-director --help\n", wrong);
    return wrong == NULL;
}

static void put(FILE *to, struct buf *b)
{
    fwrite(b->n > 0 ? b->p : "", 1, b->n, to);
    buf_free(b);
}

static int dump(const char *path)
{
    struct buf out, errors;
    bool ok;

    buf_init(&out, 256 << 20);
    buf_init(&errors, 1 << 20);
    ok = director_conf_dump(path, &out, &errors);
    put(stdout, &out);
    put(stderr, &errors);
    return ok ? DAEMON_FINE : DAEMON_FAILED;
}

static int serve(struct director_conf *conf)
{
    struct director *d = director_open(conf);
    enum daemon_exit how;

    if (d == NULL)
        return DAEMON_FAILED;
    how = director_run(d);
    director_close(&d);
    log_msg(LOG_INFO, "stopped");
    log_close();
    return how;
}

int main(int argc, char **argv)
{
    struct command_line cl = parse(argc, argv);
    struct director_conf *conf;
    struct buf errors;

    if (!makes_sense(&cl, argc))
        return DAEMON_FAILED;
    hash_seed(random_u64());
    if (cl.what == DUMP)
        return dump(cl.config);
    buf_init(&errors, 1 << 20);
    conf = director_conf_load(cl.config, &errors);
    put(stderr, &errors);
    if (conf == NULL)
        return DAEMON_FAILED;
    if (cl.what == TEST) {
        fprintf(stderr, "selvage-director: %s is fine\n", cl.config);
        director_conf_free(&conf);
        return DAEMON_FINE;
    }
    return serve(conf);
}
