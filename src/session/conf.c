#include "session/conf.h"

#include "net/network_conf.h"

static void set_client_limit(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct client_limit *limit = &((struct session_conf *)self)->client_limit;
    int64_t most;

    if (node->args_n == 1 && conf_arg_is(node, 0, "off"))
        return;
    if (!conf_arg_integer(l, node, 0, &most))
        return;
    if (most < 1 || most > 10000000) {
        conf_error(l->errors, node->args[0].at,
            "%lld is no number of connections: 1 to 10000000 would be", (long long)most);
        return;
    }
    if (node->args_n > 1 && (!conf_arg_is(node, 1, "except") || node->args_n == 2)) {
        conf_error(l->errors, node->args[1].at,
            "behind the number there is nothing, or except and networks");
        return;
    }
    if (node->args_n == 1 || network_args(l, node, 2, &limit->except))
        limit->most = most;
}

const struct directive session_directives[] = {
    {"request-line", CONF_SIZE(struct session_conf, line_bytes), .preset = "8KiB", .min = 256,
        .max = 1 << 20, .about = "Longest request line; a longer one is answered with 414."},
    {"request-head", CONF_SIZE(struct session_conf, head_bytes), .preset = "64KiB", .min = 1024,
        .max = 1 << 20,
        .about = "Largest request head, request line included; a larger one is answered with "
                 "431."},
    {"request-fields", CONF_INTEGER(struct session_conf, fields), .preset = "100", .min = 8,
        .max = 10000, .about = "Most field lines in a request; more are answered with 431."},
    {"request-body", CONF_SIZE(struct session_conf, body_max_bytes), .preset = "1GiB",
        .about = "Largest request body; a larger one is answered with 413."},
    {"head-timeout", CONF_DURATION(struct session_conf, head_timeout_ms), .preset = "10s",
        .min = 100, .max = 3600000,
        .about = "Time for a whole request head, from its first byte (408 when it is over), and "
                 "for a new connection to send that byte."},
    {"body-timeout", CONF_DURATION(struct session_conf, body_timeout_ms), .preset = "30s",
        .min = 100, .max = 3600000,
        .about = "Time between two pieces of a request body (408 when it is over)."},
    {"body-rate", CONF_SIZE(struct session_conf, body_rate), .preset = "500B",
        .about = "Bytes that a client must send in a second of a request body, on the average of "
                 "the time that is waited for it beyond body-timeout (408 when it stays "
                 "below): who drips holds no connection to an origin for long. 0B: any."},
    {"idle-timeout", CONF_DURATION(struct session_conf, idle_timeout_ms), .preset = "60s",
        .min = 100, .max = 86400000,
        .about = "Time that a connection is kept open between two requests."},
    {"send-timeout", CONF_DURATION(struct session_conf, send_timeout_ms), .preset = "30s",
        .min = 100, .max = 3600000,
        .about = "Time in which a client must take at least one byte of its response."},
    {"send-rate", CONF_SIZE(struct session_conf, send_rate), .preset = "500B",
        .about = "Bytes that a client must take in a second of a response, on the average of the "
                 "time that is waited for it beyond send-timeout; who stays below is cut off. "
                 "What lies in the sockets' buffers does not count before the client has "
                 "acknowledged it. 0B: any."},
    {"max-connections", CONF_INTEGER(struct session_conf, connections_max), .preset = "100000",
        .min = 1, .max = 10000000,
        .about = "Client connections that all workers together hold at most; further ones are "
                 "closed at once."},
    {"max-connections-per-client", CONF_CUSTOM(set_client_limit, 1, CONF_ARGS_MAX),
        .usage = "NUMBER [except NETWORK...]|off", .unset = "off",
        .about = "Connections that one client has open at most, over all workers; further ones are "
                 "closed at once. A client is an IPv4 address or the /64 of an IPv6 one; behind a "
                 "PROXY header, that which it names. Those in the NETWORKs may have any number."},
    {"h2-streams", CONF_INTEGER(struct session_conf, h2_streams), .preset = "128", .min = 1,
        .max = 1000,
        .about = "Requests that an HTTP/2 connection may have in flight; those that were reset "
                 "count until they are given up. Further ones are refused."},
    {"h2-window", CONF_SIZE(struct session_conf, h2_window), .preset = "64KiB", .min = 16384,
        .max = 16 << 20,
        .about = "Bytes of a request body that an HTTP/2 client may send ahead of what the origin "
                 "has taken (the window of a stream). All bodies of a connection share 1 MiB, or "
                 "this, if it is more. Larger windows make uploads over long distances faster."},
    {0},
};

mono_ms session_patience(mono_ms timeout_ms, uint64_t rate, mono_ms waited_ms, uint64_t total)
{
    mono_ms left = timeout_ms - waited_ms;

    if (rate == 0)
        return timeout_ms;
    left += (mono_ms)(total / rate) * 1000;
    if (left < 0)
        return 0;
    return left < timeout_ms ? left : timeout_ms;
}

void session_conf_close(struct session_conf *c)
{
    c->limits = (struct h1_limits){
        .line_bytes = (unsigned)c->line_bytes,
        .head_bytes = (unsigned)c->head_bytes,
        .fields = (unsigned)c->fields,
    };
}
