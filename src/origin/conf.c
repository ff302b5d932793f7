#include "origin/conf.h"

#include "base/log.h"
#include "http/uri.h"
#include "net/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_TIMEOUT_MAX_MS = 600000, TIMEOUT_MAX_MS = 86400000 };

/* --- places ------------------------------------------------------------------------------- */

bool origin_conf_is_place(struct span text)
{
    return span_find(text, ':') < text.n || span_find(text, '/') < text.n ||
           span_eq(text, SPAN(".")) || span_eq(text, SPAN(".."));
}

/* http://HOST[:PORT][/] or https://... */
static bool read_server(
    struct conf_load *l, struct span url, struct conf_place at, struct origin_server *out)
{
    struct span rest, host;
    unsigned port;

    out->tls = span_istarts(url, SPAN("https://"));
    if (!out->tls && !span_istarts(url, SPAN("http://"))) {
        conf_error(l->errors, at,
            "\"%.*s\" is not the URL of a server: write http://HOST, https://HOST or one of these "
            "with :PORT",
            CONF_SHOW(url));
        return false;
    }
    rest = span_from(url, out->tls ? 8 : 7);
    if (span_ends(rest, SPAN("/")))
        rest.n--;
    if (span_find(rest, '/') < rest.n) {
        conf_error(l->errors, at, "\"%.*s\": the URL of a server has no path: requests keep theirs",
            CONF_SHOW(url));
        return false;
    }
    if (!uri_authority_parse(rest, &host, &port)) {
        conf_error(l->errors, at, "\"%.*s\" in \"%.*s\" is not a host name or address with a port",
            CONF_SHOW(rest), CONF_SHOW(url));
        return false;
    }
    out->port = port != 0 ? port : out->tls ? 443 : 80;
    out->label = arena_printf(l->arena, "%.*s:%u", SPAN_ARG(host), out->port).p;
    if (host.p[0] == '[')
        host = span_make(host.p + 1, host.n - 2);
    out->host = arena_dup(l->arena, host);
    return true;
}

static bool read_directory(
    struct conf_load *l, struct span path, struct conf_place at, const char **out)
{
    const char *name = arena_dup(l->arena, path).p;
    int fd;

    if (path.n == 0) {
        conf_error(l->errors, at, "file: is followed by the path of a directory");
        return false;
    }
    fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        conf_error(l->errors, at, "cannot use the directory \"%s\": %s", name, strerror(errno));
        return false;
    }
    close(fd);
    *out = name;
    return true;
}

/* The certificates and keys of an origin that has servers reached by https. False: reported. */
static bool open_tls(struct conf_load *l, struct origin *o, struct conf_place at)
{
    const struct origin_options *options = &o->options;
    struct tls_client_conf conf = {
        .ca = options->ca.p,
        .certificate = options->certificate.p,
        .key = options->key.p,
        .insecure = options->insecure,
    };
    struct tls_client_why why;

    o->tls = tls_client_new(&conf, &why);
    if (o->tls == NULL)
        conf_error(l->errors, at, "the origin \"%s\": %s", o->name.p, why.text);
    else if (options->insecure)
        log_msg(LOG_WARN,
            "origin %s: insecure: the certificates of its servers are not verified; who is between "
            "us can read and change everything",
            o->name.p);
    return o->tls != NULL;
}

static struct origin *origin_new(struct conf_load *l, struct span name)
{
    struct origin *o = arena_zalloc(l->arena, sizeof(*o));

    o->name = arena_dup(l->arena, name);
    return o;
}

static void set_limits(struct origin *o)
{
    o->limits = (struct h1_limits){
        .line_bytes = (unsigned)o->options.line_bytes,
        .head_bytes = (unsigned)o->options.head_bytes,
        .fields = (unsigned)o->options.fields,
    };
}

struct origin *origin_conf_place(struct conf_load *l, struct span text, struct conf_place at)
{
    struct origin *o = origin_new(l, text);
    struct origin_server *server;

    for (const struct directive *d = origin_directives; d->name != NULL; d++)
        directive_set_preset(l, d, o);
    set_limits(o);
    if (span_istarts(text, SPAN("file:")))
        return read_directory(l, span_from(text, 5), at, &o->directory) ? o : NULL;
    if (span_find(text, ':') == text.n)
        return read_directory(l, text, at, &o->directory) ? o : NULL;
    server = arena_alloc(l->arena, sizeof(*server));
    if (!read_server(l, text, at, server))
        return NULL;
    o->name = span_of(server->label);
    o->servers = server;
    o->servers_n = 1;
    return !server->tls || open_tls(l, o, at) ? o : NULL;
}

/* --- the block ---------------------------------------------------------------------------- */

static void set_server(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct origin *o = self;

    if (o->servers_n == ORIGIN_SERVERS_MAX) {
        conf_error(l->errors, node->at, "an origin has at most %d servers", ORIGIN_SERVERS_MAX);
        return;
    }
    if (o->servers == NULL)
        o->servers = arena_alloc(l->arena, ORIGIN_SERVERS_MAX * sizeof(*o->servers));
    if (read_server(l, node->args[0].text, node->args[0].at, &o->servers[o->servers_n]))
        o->servers_n++;
}

static void set_directory(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct origin *o = self;

    (void)!read_directory(l, node->args[0].text, node->args[0].at, &o->directory);
}

static void set_host(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span text = node->args[0].text, host;
    unsigned port;

    if (uri_authority_parse(text, &host, &port))
        ((struct origin *)self)->options.host = text;
    else
        conf_error(l->errors, node->args[0].at, "\"%.*s\" is not a host name", CONF_SHOW(text));
}

/* FILE key FILE */
static void set_certificate(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct origin *o = self;

    if (!span_eq(node->args[1].text, SPAN("key"))) {
        conf_error(l->errors, node->args[1].at,
            "\"%.*s\" stands where \"key\" should: certificate FILE key FILE",
            CONF_SHOW(node->args[1].text));
        return;
    }
    o->options.certificate = arena_dup(l->arena, node->args[0].text);
    o->options.key = arena_dup(l->arena, node->args[2].text);
}

static void set_sni(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span text = node->args[0].text, host;
    unsigned port;

    if (uri_authority_parse(text, &host, &port) && host.n == text.n && text.p[0] != '[')
        ((struct origin *)self)->options.sni = arena_dup(l->arena, text);
    else
        conf_error(l->errors, node->args[0].at, "\"%.*s\" is not a host name", CONF_SHOW(text));
}

const struct directive origin_directives[] = {
    {"server", CONF_CUSTOM(set_server, 1, 1), .usage = "http[s]://HOST[:PORT]",
        .flags = DIRECTIVE_MANY,
        .about =
            "A server of the group. Over https its certificate must be valid for HOST (see ca, "
            "sni and insecure); nothing is ever asked for without TLS instead. Servers take turns; "
            "when one cannot be reached the next "
            "is tried, and that one is avoided for a few seconds."},
    {"directory", CONF_CUSTOM(set_directory, 1, 1), .usage = "PATH",
        .about = "A directory of files, in place of servers. Nothing outside it is reachable; "
                 "symbolic links are followed within it."},
    {"connect-timeout", CONF_DURATION(struct origin, options.connect_timeout_ms), .preset = "2s",
        .min = 1, .max = CONNECT_TIMEOUT_MAX_MS,
        .about = "Time for a connection to a server, the lookup of its name included; also for "
                 "waiting when max-connections are in use."},
    {"first-byte-timeout", CONF_DURATION(struct origin, options.first_byte_timeout_ms),
        .preset = "30s", .min = 1, .max = TIMEOUT_MAX_MS,
        .about = "Time from the end of a request to the head of its response."},
    {"between-bytes-timeout", CONF_DURATION(struct origin, options.between_bytes_timeout_ms),
        .preset = "30s", .min = 1, .max = TIMEOUT_MAX_MS,
        .about = "Time between two pieces of a response body, and for a server to take a piece "
                 "of a request."},
    {"max-connections", CONF_INTEGER(struct origin, options.max_connections), .preset = "256",
        .min = 1, .max = 65536,
        .about = "Connections of one worker to all servers together; further requests wait."},
    {"keepalive", CONF_DURATION(struct origin, options.keepalive_ms), .preset = "15s",
        .max = TIMEOUT_MAX_MS,
        .about = "How long an idle connection is kept, and less when the server says so in "
                 "Keep-Alive; best a little less than the servers keep theirs. 0: not at all."},
    {"max-idle", CONF_INTEGER(struct origin, options.max_idle), .preset = "64", .max = 65536,
        .about = "Idle connections that one worker keeps."},
    {"response-line", CONF_SIZE(struct origin, options.line_bytes), .preset = "8KiB", .min = 256,
        .max = 1 << 20, .about = "Longest status line."},
    {"response-head", CONF_SIZE(struct origin, options.head_bytes), .preset = "64KiB", .min = 1024,
        .max = 1 << 20, .about = "Largest response head, status line included."},
    {"response-fields", CONF_INTEGER(struct origin, options.fields), .preset = "100", .min = 8,
        .max = 10000, .about = "Most field lines in a response head."},
    {"host", CONF_CUSTOM(set_host, 1, 1), .usage = "NAME", .unset = "what the client asked for",
        .about = "Value of Host in requests to the servers."},
    {"ca", CONF_STRING(struct origin, options.ca), .usage = "FILE", .unset = "the system's",
        .about = "For https: a file (PEM) of certificates; only a server whose certificate is "
                 "signed by one of them is trusted."},
    {"certificate", CONF_CUSTOM(set_certificate, 3, 3), .usage = "FILE key FILE", .unset = "none",
        .about =
            "For https: who we are to servers that ask. The first file has our certificate and "
            "those of intermediate CAs, the second its key without a passphrase (both PEM)."},
    {"sni", CONF_CUSTOM(set_sni, 1, 1), .usage = "NAME", .unset = "the server's host",
        .about = "For https: the name that servers are asked for (SNI) and that their certificates "
                 "must be valid for."},
    {"insecure", CONF_FLAG(struct origin, options.insecure), .preset = "off",
        .about = "For https: whether servers are taken for who they say they are, without looking "
                 "at their certificates. Whoever can come between can then read and change "
                 "everything; the log says so at the start. A ca FILE is nearly always the better "
                 "answer."},
    {"dot-files", CONF_FLAG(struct origin, options.dot_files), .preset = "off",
        .about = "Whether names that begin with a dot are served from a directory."},
    {0},
};

struct origin *origin_conf_open(struct conf_load *l, struct span name)
{
    return origin_new(l, name);
}

static bool has_tls(const struct origin *o)
{
    for (unsigned i = 0; i < o->servers_n; i++) {
        if (o->servers[i].tls)
            return true;
    }
    return false;
}

/* What is said of TLS means something only where there is some. */
static void judge_tls(struct conf_load *l, struct origin *o, const struct conf_node *node)
{
    static const char *const words[] = {"ca", "certificate", "sni", "insecure"};

    if (has_tls(o)) {
        (void)open_tls(l, o, node->at);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct conf_node *said = conf_find_child(node, words[i]);

        if (said != NULL)
            conf_error(l->errors, said->at,
                "\"%s\" is for servers that are reached by https://, and the origin \"%s\" has "
                "none",
                words[i], o->name.p);
    }
}

void origin_conf_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct origin *o = self;

    set_limits(o);
    judge_tls(l, o, node);
    if (o->directory != NULL && o->servers_n > 0)
        conf_error(l->errors, node->at,
            "the origin \"%s\" has a directory and servers: it can "
            "have only one of the two",
            o->name.p);
    else if (conf_find_child(node, "directory") == NULL && conf_find_child(node, "server") == NULL)
        conf_error(l->errors, node->at,
            "the origin \"%s\" has no server: add  server "
            "http://HOST;  or  directory PATH;",
            o->name.p);
}

void origin_conf_free(struct origin *o)
{
    if (o != NULL)
        tls_client_free(&o->tls);
}
