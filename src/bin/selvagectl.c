/*
 * selvagectl.c - the operator's tool: one question to the control socket of a running selvaged, or
 * (explain -c) to a configuration that does not run.
 */
#include "admin/admin.h"
#include "admin/client.h"
#include "admin/report.h"
#include "base/buf.h"
#include "base/clock.h"
#include "bin/ctl.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "edge/conf.h"
#include "http/chars.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_HARD = 256,
    OPTION_WAIT,
    OPTION_SITE,
    OPTION_SIZE,
    OPTION_FORCE,
    OPTION_PREFIX,
    OPTION_TAG,
    OPTION_TIER,
    OPTION_MIN_SIZE,
    OPTION_MAX_SIZE,
    OPTION_MIN_AGE,
    OPTION_MAX_AGE,
    OPTION_LIMIT,
    OPTION_KEY,
    OPTION_ID,
    OPTION_EXPIRES,
    OPTION_NAME,
    OPTION_STEER,
    OPTION_CLIENT,
    OPTION_ZSK,
    OPTION_DIFF
};
enum { TIMEOUT_MS = 10000, TEXT_BYTES = 32 << 20, PATH_BYTES = 64 << 10 };

static int run_status(const struct ctl *ctl);
static int run_stats(const struct ctl *ctl);
static int run_volumes(const struct ctl *ctl);
static int run_explain(const struct ctl *ctl);

static const struct command {
    const char *name, *about;
    int (*run)(const struct ctl *ctl);
    int args_min, args_max;
    bool director; /* the director's, which has a socket of its own */
} commands[] = {
    {"status", "What runs: version, process, since when, listeners, connections, memory.",
        run_status, 0, 0},
    {"stats", "What it has done: requests by cache status, bytes, memory, origins.", run_stats, 0,
        0},
    {"volumes", "The disk tier: each volume's state, size, and what it has done.", run_volumes, 0,
        0},
    {"explain", "URL: what would become of a request, and why.", run_explain, 1, 1},
    {"purge", "url URL..., prefix URL..., tag TAG..., site HOST... or all: out of the cache.",
        ctl_purge, 0, INT_MAX},
    {"cache", "ls [...], show URL or export [FILE]: what is stored, of one resource; as WARC.",
        ctl_cache, 1, 2},
    {"sign", "URL --key FILE --expires DURATION: a URL that a site with signed-url answers.",
        ctl_sign, 1, 1},
    {"volume", "init PATH --size N or check PATH: makes one, or looks whether it is sound.",
        ctl_volume, 1, 2},
    {"dnssec", "keygen ZONE, ds ZONE or show ZONE: keys of signed zones, made and shown.",
        ctl_dnssec, 2, 2},
    {"reload",
        "Takes the changed configuration over, or says what is wrong; --diff: only shows it.",
        ctl_reload, 0, 0},
    {"certificates", "[reload]: how many there are and which is over first; or reads them again.",
        ctl_certificates, 0, 1},
    {"map",
        "[check|reload]: what the director sends people by; how good that is; or reads it anew.",
        ctl_map, 0, 1, .director = true},
    {"pops", "Each PoP: its state, share of answers, probes and load.", ctl_pops, 0, 0,
        .director = true},
    {"pop", "up|drain|down NAME: takes a PoP out of answers, or back.", ctl_pop, 2, 2,
        .director = true},
    {"steer", "ADDRESS[/BITS]: where a client is sent, and why.", ctl_steer, 1, 1,
        .director = true},
    {"acme", "begin|done|failed TYPE NAME TOKEN ANSWER: for uacme's hook, no command for people.",
        ctl_acme, 5, 5},
};

/* --- asking ------------------------------------------------------------------------------ */

static int complain(const struct ctl *ctl, enum admin_asked how, const char *why)
{
    if (how == ADMIN_UNREACHABLE)
        fprintf(stderr,
            "selvagectl: %s; is %s running with \"control %s;\"? Use -s SOCKET for another\n", why,
            ctl->daemon, ctl->socket);
    else
        fprintf(stderr, "selvagectl: %s\n", why);
    return 1;
}

static int print(struct span text)
{
    if ((text.n == 0 || fwrite(text.p, 1, text.n, stdout) == text.n) && fflush(stdout) == 0)
        return 0;
    perror("selvagectl: standard output");
    return 1;
}

static int print_report(const json_t *json, ctl_report_fn *report, bool colour)
{
    struct buf text;
    int status = 1;

    buf_init(&text, TEXT_BYTES);
    if (report(json, colour, &text))
        status = print(buf_span(&text));
    else
        fprintf(stderr, "selvagectl: the answer is too long\n");
    buf_free(&text);
    return status;
}

static int print_answer(struct span answer, ctl_report_fn *report, bool colour)
{
    json_error_t error;
    json_t *json = json_loadb(answer.p, answer.n, 0, &error);
    int status;

    if (json == NULL) {
        fprintf(stderr, "selvagectl: the answer is not JSON: %s\n", error.text);
        return 1;
    }
    status = print_report(json, report, colour);
    json_decref(json);
    return status;
}

static int print_either(const struct ctl *ctl, struct span body, ctl_report_fn *report)
{
    return ctl->json ? print(body) : print_answer(body, report, ctl->colour);
}

static int refused(const struct ctl *ctl, const struct admin_reply *reply, const char *path)
{
    struct span body = buf_span(&reply->body);

    while (body.n > 0 && body.p[body.n - 1] == '\n')
        body.n--;
    fprintf(stderr, "selvagectl: %s answered %d to %.*s: %.*s\n", ctl->daemon, reply->status,
        (int)span_find(span_of(path), '?'), path, (int)body.n, body.n > 0 ? body.p : "");
    return 1;
}

int ctl_show(
    const struct ctl *ctl, enum http_method method, const char *path, ctl_report_fn *report)
{
    const struct admin_question q = {
        .socket = ctl->socket,
        .method = method,
        .path = path,
        .timeout_ms = ctl->timeout_ms,
    };
    struct admin_reply reply;
    char why[512];
    enum admin_asked how = admin_ask(&q, &reply, why, sizeof(why));
    struct span body = buf_span(&reply.body);
    int status = 1;

    if (how != ADMIN_ANSWERED) {
        status = complain(ctl, how, why);
    } else if (reply.status == 200) {
        status = print_either(ctl, body, report);
    } else if (reply.status == 500 && span_starts(body, SPAN("{"))) {
        (void)print_either(ctl, body, report);
        fprintf(
            stderr, "selvagectl: %s did it, but not all of it; its log says why\n", ctl->daemon);
    } else {
        status = refused(ctl, &reply, path);
    }
    admin_reply_free(&reply);
    return status;
}

int ctl_get(const struct ctl *ctl, const char *path, struct admin_reply *reply)
{
    const struct admin_question q = {
        .socket = ctl->socket,
        .method = METHOD_GET,
        .path = path,
        .timeout_ms = ctl->timeout_ms,
    };
    char why[512];
    enum admin_asked how = admin_ask(&q, reply, why, sizeof(why));

    if (how == ADMIN_ANSWERED)
        return reply->status;
    complain(ctl, how, why);
    return 0;
}

json_t *ctl_ask(const struct ctl *ctl, const char *path)
{
    struct admin_reply reply;
    int status = ctl_get(ctl, path, &reply);
    json_error_t error;
    json_t *answer = NULL;

    if (status != 0 && status != 200) {
        refused(ctl, &reply, path);
    } else if (status == 200) {
        answer = json_loadb(reply.body.p, reply.body.n, 0, &error);
        if (answer == NULL)
            fprintf(stderr, "selvagectl: the answer is not JSON: %s\n", error.text);
    }
    admin_reply_free(&reply);
    return answer;
}

int ctl_show_json(const struct ctl *ctl, const json_t *answer, ctl_report_fn *report)
{
    if (!ctl->json)
        return print_report(answer, report, ctl->colour);
    return json_dumpf(answer, stdout, JSON_INDENT(2)) == 0 ? print(SPAN("\n")) : 1;
}

static int run_status(const struct ctl *ctl)
{
    return ctl_show(ctl, METHOD_GET, "/status", report_status);
}

static int run_stats(const struct ctl *ctl)
{
    return ctl_show(ctl, METHOD_GET, "/stats", report_stats);
}

static int run_volumes(const struct ctl *ctl)
{
    return ctl_show(ctl, METHOD_GET, "/volumes", report_volumes);
}

/* --- explain ------------------------------------------------------------------------------ */

bool ctl_put_value(struct buf *out, struct span value)
{
    bool ok = true;

    for (size_t i = 0; i < value.n && ok; i++) {
        if (char_is(value.p[i], CHAR_UNRESERVED))
            ok = buf_append(out, span_make(&value.p[i], 1));
        else
            ok = buf_printf(out, "%%%02X", (unsigned)(unsigned char)value.p[i]);
    }
    return ok;
}

static int explain_running(const struct ctl *ctl)
{
    const struct explain_question *q = &ctl->question;
    struct buf path;
    bool ok;
    int status = 1;

    buf_init(&path, PATH_BYTES);
    ok = buf_append(&path, SPAN("/explain?url=")) && ctl_put_value(&path, q->url);
    if (q->method.n > 0)
        ok = ok && buf_append(&path, SPAN("&method=")) && ctl_put_value(&path, q->method);
    for (unsigned i = 0; i < q->fields_n; i++)
        ok = ok && buf_append(&path, SPAN("&field=")) && ctl_put_value(&path, q->fields[i]);
    if (q->client.n > 0)
        ok = ok && buf_append(&path, SPAN("&client=")) && ctl_put_value(&path, q->client);
    ok = ok && buf_append(&path, span_make("", 1));
    if (ok)
        status = ctl_show(ctl, METHOD_GET, buf_span(&path).p, report_explain);
    else
        fprintf(stderr, "selvagectl: URL and fields are too long\n");
    buf_free(&path);
    return status;
}

/* Without an edge: nothing is stored, but site, rule, policy and key are what they would be. */
static int explain_file(const struct ctl *ctl)
{
    struct explain_source source = {.now = clock_wall_s()};
    struct edge_conf *conf;
    struct arena arena;
    struct buf errors;
    const char *why;
    json_t *answer;
    int status = 1;

    buf_init(&errors, TEXT_BYTES);
    conf = edge_conf_load_file(ctl->config, &errors);
    if (conf == NULL)
        fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&errors)));
    buf_free(&errors);
    if (conf == NULL)
        return 1;
    arena_init(&arena);
    source.conf = conf;
    answer = explain(&source, &ctl->question, &arena, &why);
    if (answer != NULL)
        status = ctl_show_json(ctl, answer, report_explain);
    else
        fprintf(stderr, "selvagectl: %s\n", why);
    json_decref(answer);
    arena_free(&arena);
    edge_conf_free(&conf);
    return status;
}

static int run_explain(const struct ctl *ctl)
{
    return ctl->config != NULL ? explain_file(ctl) : explain_running(ctl);
}

/* --- the command line -------------------------------------------------------------------- */

static int help(void)
{
    printf("usage: selvagectl [-s SOCKET] [--json] COMMAND\n"
           "       selvagectl explain URL [-H 'Name: value']... [--method METHOD] [-c FILE]\n"
           "                  [--client ADDRESS]\n"
           "       selvagectl purge url|prefix|tag|site VALUE... [--hard] [--wait] [--site HOST]\n"
           "       selvagectl purge all [--hard] [--wait]\n"
           "       selvagectl cache ls [--site HOST] [--prefix URL] [--tag TAG]\n"
           "                  [--tier memory|disk] [--min-size SIZE] [--max-size SIZE]\n"
           "                  [--min-age TIME] [--max-age TIME] [--limit N]\n"
           "       selvagectl cache export [FILE] [as for ls]\n"
           "       selvagectl cache show URL\n"
           "       selvagectl sign URL --key FILE --expires DURATION [--id NAME] [--prefix PATH]\n"
           "                  [--client NETWORK]\n"
           "       selvagectl dnssec keygen ZONE [-d DIR] [--zsk]\n"
           "       selvagectl dnssec ds|show ZONE|FILE [-d DIR]\n"
           "       selvagectl volume init PATH [--size SIZE] [--force]\n"
           "       selvagectl volume check PATH\n"
           "       selvagectl map [check [-c FILE]]\n"
           "       selvagectl map reload [--force]\n"
           "       selvagectl steer ADDRESS[/BITS] [--name NAME] [--steer STEER]\n"
           "       selvagectl pop up|drain|down NAME\n\n"
           "Asks a running selvaged, or selvage-director, over its control socket; volume, sign\n"
           "and dnssec do without.\n\n"
           "commands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-12s %s\n", commands[i].name, commands[i].about);
    printf("\noptions:\n"
           "  -s, --socket SOCKET  the control socket; else $SELVAGE_SOCKET, else\n"
           "                       " ADMIN_SOCKET_DEFAULT ", for what is\n"
           "                       the director's " ADMIN_SOCKET_DIRECTOR "\n"
           "  -j, --json           the answer as it came, for programs\n"
           "  -H, --field FIELD    explain: a field of the request, 'Name: value'\n"
           "  -m, --method METHOD  explain: instead of GET\n"
           "  -c, --config FILE    explain, map check: by this configuration, without a daemon\n"
           "      --hard           purge: gone, instead of stale from now on\n"
           "      --wait           purge: returns when it holds everywhere in the process\n"
           "      --site HOST      purge tag, cache ls: only what belongs to that site\n"
           "      --client ADDRESS explain: who asks; sign: who alone may ask\n"
           "      --prefix URL     cache ls, export: only what begins so; sign: the path of\n"
           "                       all that may be asked for\n"
           "      --key FILE       sign: the file of keys\n"
           "      --id NAME        sign: which of them; else the first\n"
           "      --expires TIME   sign: how long it is good, as in 1h\n"
           "      --name NAME      steer: by the steer of that name in a zone, or redirected host\n"
           "      --steer STEER    steer: by that one; else by each of them\n"
           "      --tag TAG        cache ls, export: only what has that tag\n"
           "      --tier TIER      cache ls, export: memory or disk; else both\n"
           "      --min-size SIZE, --max-size SIZE\n"
           "                       cache ls, export: only bodies of that size, as in 64KiB\n"
           "      --min-age TIME, --max-age TIME\n"
           "                       cache ls, export: only what is that old, as in 10m\n"
           "      --limit N        cache ls, export: no more than so many\n"
           "  -d, --dir DIR        dnssec: the folder of the keys; else the current one\n"
           "      --diff           reload: only what would change\n"
           "      --zsk            dnssec keygen: a key without SEP, for one of a pair\n"
           "      --size SIZE      volume init: as in 10GiB; else all that is there\n"
           "      --force          volume init: what is there is lost; map reload: databases\n"
           "                       are taken though they move more than is allowed\n"
           "  -h, --help           this text\n"
           "  -V, --version        version\n");
    return print(SPAN(""));
}

int ctl_wrong_usage(const char *what, const char *which)
{
    fprintf(stderr, "selvagectl: %s%s; selvagectl --help says what there is\n", what, which);
    return 1;
}

static int unknown_command(const char *name)
{
    struct suggestion s = {.of = span_of(name)};

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        suggest_offer(&s, commands[i].name);
    if (s.best == NULL)
        return ctl_wrong_usage("unknown command ", name);
    fprintf(stderr, "selvagectl: unknown command \"%s\", did you mean \"%s\"?\n", name, s.best);
    return 1;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static bool wants_colour(void)
{
    return isatty(STDOUT_FILENO) && *environment("NO_COLOR", "") == '\0' &&
           strcmp(environment("TERM", "dumb"), "dumb") != 0;
}

/* Options and arguments that the command has not, or not so many; said. */
static bool misused(struct ctl *ctl, const struct command *command, int args_n)
{
    bool explains = command->run == run_explain, purges = command->run == ctl_purge;
    bool makes = command->run == ctl_volume, lists = command->run == ctl_cache;
    bool signs = command->run == ctl_sign, keys = command->run == ctl_dnssec;

    if (!explains && ctl->question.method.n + ctl->question.fields_n > 0)
        return ctl_wrong_usage("-H and -m belong to explain, not to ", command->name) != 0;
    if (!explains && command->run != ctl_map && ctl->config != NULL)
        return ctl_wrong_usage("-c belongs to explain and map check, not to ", command->name) != 0;
    if (!purges && (ctl->hard || ctl->wait || (ctl->site != NULL && !lists)))
        return ctl_wrong_usage(
                   "--hard, --wait and --site belong to purge, not to ", command->name) != 0;
    if (!signs && (ctl->key != NULL || ctl->id != NULL || ctl->expires != NULL))
        return ctl_wrong_usage(
                   "--key, --id and --expires belong to sign, not to ", command->name) != 0;
    if (!signs && !explains && ctl->client != NULL)
        return ctl_wrong_usage("--client belongs to explain and sign, not to ", command->name) != 0;
    if (!lists && ((ctl->prefix != NULL && !signs) || ctl->tag != NULL || ctl->tier != NULL ||
                      ctl->min_size != NULL || ctl->max_size != NULL || ctl->min_age != NULL ||
                      ctl->max_age != NULL || ctl->limit < ULONG_MAX))
        return ctl_wrong_usage("what narrows by prefix, tag, tier, size, age or limit belongs to "
                               "cache ls and export, not to ",
                   command->name) != 0;
    if (!makes && ctl->size != NULL)
        return ctl_wrong_usage("--size belongs to volume init, not to ", command->name) != 0;
    if (!makes && command->run != ctl_map && ctl->force)
        return ctl_wrong_usage(
                   "--force belongs to volume init and map reload, not to ", command->name) != 0;
    if (command->run != ctl_steer && (ctl->name != NULL || ctl->steer != NULL))
        return ctl_wrong_usage("--name and --steer belong to steer, not to ", command->name) != 0;
    if (args_n < command->args_min && command->director)
        return ctl_wrong_usage(command->run == ctl_pop ? "pop up, drain or down, and a PoP"
                                                       : "an address is missing",
                   "") != 0;
    if (args_n < command->args_min)
        return ctl_wrong_usage(makes   ? "volume init PATH or volume check PATH"
                               : lists ? "cache ls, cache show URL or cache export"
                               : keys  ? "dnssec keygen ZONE, dnssec ds ZONE or dnssec show ZONE"
                                       : "a URL is missing",
                   "") != 0;
    if (args_n > command->args_max)
        return ctl_wrong_usage("what is to be done with ", ctl->args[command->args_max]) != 0;
    return false;
}

static bool read_limit(const char *text, unsigned long *limit)
{
    struct value_why why;
    int64_t n;

    if (!value_integer(span_of(text), &n, &why) || n < 1)
        return false;
    *limit = (unsigned long)n;
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"field", required_argument, NULL, 'H'},
        {"method", required_argument, NULL, 'm'},
        {"config", required_argument, NULL, 'c'},
        {"hard", no_argument, NULL, OPTION_HARD},
        {"wait", no_argument, NULL, OPTION_WAIT},
        {"site", required_argument, NULL, OPTION_SITE},
        {"prefix", required_argument, NULL, OPTION_PREFIX},
        {"tag", required_argument, NULL, OPTION_TAG},
        {"tier", required_argument, NULL, OPTION_TIER},
        {"min-size", required_argument, NULL, OPTION_MIN_SIZE},
        {"max-size", required_argument, NULL, OPTION_MAX_SIZE},
        {"min-age", required_argument, NULL, OPTION_MIN_AGE},
        {"max-age", required_argument, NULL, OPTION_MAX_AGE},
        {"limit", required_argument, NULL, OPTION_LIMIT},
        {"key", required_argument, NULL, OPTION_KEY},
        {"id", required_argument, NULL, OPTION_ID},
        {"expires", required_argument, NULL, OPTION_EXPIRES},
        {"client", required_argument, NULL, OPTION_CLIENT},
        {"name", required_argument, NULL, OPTION_NAME},
        {"steer", required_argument, NULL, OPTION_STEER},
        {"dir", required_argument, NULL, 'd'},
        {"zsk", no_argument, NULL, OPTION_ZSK},
        {"diff", no_argument, NULL, OPTION_DIFF},
        {"size", required_argument, NULL, OPTION_SIZE},
        {"force", no_argument, NULL, OPTION_FORCE},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    struct ctl ctl = {
        .timeout_ms = TIMEOUT_MS,
        .colour = wants_colour(),
        .limit = ULONG_MAX,
    };
    const struct command *command;
    int o;

    while ((o = getopt_long(argc, argv, "s:jH:m:c:d:hV", options, NULL)) != -1) {
        switch (o) {
        case 's':
            ctl.socket = optarg;
            break;
        case 'j':
            ctl.json = true;
            break;
        case 'H':
            if (ctl.question.fields_n == EXPLAIN_FIELDS_MAX)
                return ctl_wrong_usage("too many fields: ", optarg);
            ctl.question.fields[ctl.question.fields_n++] = span_of(optarg);
            break;
        case 'm':
            ctl.question.method = span_of(optarg);
            break;
        case 'c':
            ctl.config = optarg;
            break;
        case OPTION_HARD:
            ctl.hard = true;
            break;
        case OPTION_WAIT:
            ctl.wait = true;
            break;
        case OPTION_SITE:
            ctl.site = optarg;
            break;
        case OPTION_PREFIX:
            ctl.prefix = optarg;
            break;
        case OPTION_TAG:
            ctl.tag = optarg;
            break;
        case OPTION_TIER:
            ctl.tier = optarg;
            break;
        case OPTION_MIN_SIZE:
            ctl.min_size = optarg;
            break;
        case OPTION_MAX_SIZE:
            ctl.max_size = optarg;
            break;
        case OPTION_MIN_AGE:
            ctl.min_age = optarg;
            break;
        case OPTION_MAX_AGE:
            ctl.max_age = optarg;
            break;
        case OPTION_LIMIT:
            if (!read_limit(optarg, &ctl.limit))
                return ctl_wrong_usage("--limit is a number from 1 on, not ", optarg);
            break;
        case OPTION_KEY:
            ctl.key = optarg;
            break;
        case OPTION_ID:
            ctl.id = optarg;
            break;
        case OPTION_EXPIRES:
            ctl.expires = optarg;
            break;
        case OPTION_CLIENT:
            ctl.client = optarg;
            ctl.question.client = span_of(optarg);
            break;
        case OPTION_NAME:
            ctl.name = optarg;
            break;
        case OPTION_STEER:
            ctl.steer = optarg;
            break;
        case OPTION_SIZE:
            ctl.size = optarg;
            break;
        case OPTION_FORCE:
            ctl.force = true;
            break;
        case 'd':
            ctl.dir = optarg;
            break;
        case OPTION_DIFF:
            ctl.diff = true;
            break;
        case OPTION_ZSK:
            ctl.zsk = true;
            break;
        case 'h':
            return help();
        case 'V':
            printf("selvagectl " VERSION "\n");
            return print(SPAN(""));
        default:
            return 1; /* getopt said why */
        }
    }
    if (optind == argc)
        return ctl_wrong_usage("a command is missing", "");
    command = find_command(argv[optind]);
    if (command == NULL)
        return unknown_command(argv[optind]);
    ctl.daemon = command->director ? "selvage-director" : "selvaged";
    if (ctl.socket == NULL)
        ctl.socket = environment(
            "SELVAGE_SOCKET", command->director ? ADMIN_SOCKET_DIRECTOR : ADMIN_SOCKET_DEFAULT);
    ctl.args = argv + optind + 1;
    ctl.question.url = span_of(ctl.args[0]);
    return misused(&ctl, command, argc - optind - 1) ? 1 : command->run(&ctl);
}
