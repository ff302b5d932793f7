#include "director/dns_conf.h"

#include "http/chars.h"
#include "net/network_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SECRETS_FILE_MAX = 4096 };

static const char *const cookie_words[] = {"off", "on", "require", NULL};

static void set_except(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)!network_args(l, node, 0, &((struct rrl_conf *)self)->except);
}

static const struct directive rrl_directives[] = {
    {"answers", CONF_INTEGER(struct rrl_conf, answers), .preset = "200", .max = 1000000,
        .about = "Answers with data, and referrals, a second to one client network for one name. "
                 "All names that a wildcard made are one. 0: any number."},
    {"nxdomain", CONF_INTEGER(struct rrl_conf, nxdomains), .preset = "50", .max = 1000000,
        .about = "Answers a second to one client network that names of one zone do not exist. 0: "
                 "any number."},
    {"errors", CONF_INTEGER(struct rrl_conf, errors), .preset = "50", .max = 1000000,
        .about = "Errors (REFUSED, FORMERR, SERVFAIL, ...) a second to one client network. 0: any "
                 "number."},
    {"slip", CONF_INTEGER(struct rrl_conf, slip), .preset = "2", .max = 100,
        .about = "Of the answers beyond a rate each so-manieth is sent all the same, empty and "
                 "marked as truncated, so that a client whose address is being abused gets its "
                 "answer by TCP. 1: all of them. 0: none; nothing is sent."},
    {"v4-network", CONF_INTEGER(struct rrl_conf, v4_bits), .preset = "24", .min = 8, .max = 32,
        .about = "Bits of an IPv4 address that make a client network."},
    {"v6-network", CONF_INTEGER(struct rrl_conf, v6_bits), .preset = "56", .min = 16, .max = 128,
        .about = "Bits of an IPv6 address that make a client network."},
    {"memory", CONF_SIZE(struct rrl_conf, memory_bytes), .preset = "16MiB", .min = 4096,
        .max = 1LL << 34,
        .about = "Memory for what is counted, at 16 bytes for each client network and name that "
                 "was answered in the last second."},
    {"except", CONF_CUSTOM(set_except, 1, CONF_ARGS_MAX), .usage = "NETWORK...",
        .about = "Clients whose rate is not limited."},
    {"dry-run", CONF_FLAG(struct rrl_conf, dry_run), .preset = "off",
        .about = "Only counts what would not have been sent."},
    {0},
};

static void *rrl_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct dns_conf *c = parent;

    (void)l;
    (void)node;
    c->rrl.on = true;
    return &c->rrl;
}

static const struct conf_context rrl_context = {
    .name = "rate-limit",
    .about = "How many answers a client network gets by UDP, where nothing proves that the client "
             "is who it says: an address that is being abused to flood its owner gets little of "
             "it. By TCP and TLS, and with a cookie that we gave, nothing is limited.",
    .tables = {{rrl_directives}},
    .open = rrl_open,
};

/* 32 hexadecimal digits. */
static bool read_secret(struct span line, uint8_t secret[static DNS_COOKIE_SECRET])
{
    if (line.n != 2 * DNS_COOKIE_SECRET)
        return false;
    for (size_t i = 0; i < line.n; i++) {
        int digit = hex_value(line.p[i]);

        if (digit < 0)
            return false;
        secret[i / 2] = (uint8_t)(secret[i / 2] << 4 | digit);
    }
    return true;
}

/* NULL, or the end of a sentence that says what is wrong with the file. */
static const char *read_secrets(struct span text, struct dns_cookie_secrets *out)
{
    struct span line;

    while (span_cut(&text, '\n', &line)) {
        line = span_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (out->n == DNS_COOKIE_SECRETS_MAX)
            return "has more than 4 keys";
        if (!read_secret(line, out->secret[out->n]))
            return "has a line that is not 32 hexadecimal digits";
        out->n++;
    }
    return out->n > 0 ? NULL : "has no keys";
}

static void set_cookie_keys(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct dns_conf *c = self;
    const char *path = node->args[0].text.p, *wrong = "is too large for a file of keys";
    char text[SECRETS_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (n < 0) {
        conf_error(l->errors, node->args[0].at, "cannot read %s: %s", path, strerror(error));
        return;
    }
    if ((size_t)n < sizeof(text))
        wrong = read_secrets(span_make(text, (size_t)n), &c->cookie_secrets);
    if (wrong != NULL)
        conf_error(l->errors, node->args[0].at, "%s %s", path, wrong);
}

static void set_server_id(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span id = node->args[0].text;

    if (id.n > 255)
        conf_error(
            l->errors, node->args[0].at, "a server's name has up to 255 bytes, this has %zu", id.n);
    else
        ((struct dns_conf *)self)->identity.server = id;
}

static void set_version(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span version = node->args[0].text;

    if (version.n > 255)
        conf_error(
            l->errors, node->args[0].at, "a version has up to 255 bytes, this has %zu", version.n);
    else
        ((struct dns_conf *)self)->identity.version = version;
}

const struct directive dns_directives[] = {
    {"udp-size", CONF_SIZE(struct dns_conf, udp_bytes), .preset = "1232B", .min = 512,
        .max = DNS_UDP_BYTES_MAX,
        .about =
            "The largest answer by UDP, to clients that take as much; what does not fit is "
            "marked as truncated, and asked again by TCP. Up to 1232 bytes, which every path takes "
            "in one piece, answers are sent so that nobody breaks them into fragments, which get "
            "lost and can be forged."},
    {"cookies", CONF_WORD(struct dns_conf, cookies, cookie_words), .preset = "on",
        .about = "DNS Cookies (RFC 7873, RFC 9018), by which a client shows that it is at the "
                 "address that it asks from. With require, whoever sends a cookie without our part "
                 "is told that part by BADCOOKIE, and who sends none gets an empty answer, marked "
                 "as truncated, over UDP."},
    {"cookie-keys", CONF_CUSTOM(set_cookie_keys, 1, 1),
        .unset = "a random key for as long as it runs", .usage = "FILE",
        .about = "Keys for cookies, shared by servers that answer at one address: 32 hexadecimal "
                 "digits a line, the first to make cookies, and all, up to four, to recognise "
                 "them."},
    {"server-id", CONF_CUSTOM(set_server_id, 1, 1), .usage = "NAME", .unset = "not told",
        .about = "What this server calls itself, to those who ask by NSID (RFC 5001) or for TXT of "
                 "id.server or hostname.bind in class CH."},
    {"version", CONF_CUSTOM(set_version, 1, 1), .usage = "TEXT", .unset = "not told",
        .about = "What is told to those who ask for TXT of version.server or version.bind in class "
                 "CH."},
    {"tcp-idle", CONF_DURATION(struct dns_conf, tcp_idle_ms), .preset = "10s", .min = 100,
        .max = 3600000,
        .about = "Time that a connection is kept open between two questions (RFC 7766); also what "
                 "clients are told that ask by edns-tcp-keepalive (RFC 7828)."},
    {"rate-limit", CONF_BLOCK(&rrl_context, 0, 0),
        .about = "Limits how many answers a client network gets by UDP."},
    {0},
};
