#include "session/conf.h"

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
                 "the time that the edge waits for it beyond body-timeout (408 when it stays "
                 "below): who drips holds no connection to an origin for long. 0B: any."},
    {"idle-timeout", CONF_DURATION(struct session_conf, idle_timeout_ms), .preset = "60s",
        .min = 100, .max = 86400000,
        .about = "Time that a connection is kept open between two requests."},
    {"send-timeout", CONF_DURATION(struct session_conf, send_timeout_ms), .preset = "30s",
        .min = 100, .max = 3600000,
        .about = "Time in which a client must take at least one byte of its response."},
    {"max-connections", CONF_INTEGER(struct session_conf, connections_max), .preset = "20000",
        .min = 1, .max = 10000000,
        .about = "Client connections that one worker holds at most; further ones are closed at "
                 "once."},
    {0},
};

void session_conf_close(struct session_conf *c)
{
    c->limits = (struct h1_limits){
        .line_bytes = (unsigned)c->line_bytes,
        .head_bytes = (unsigned)c->head_bytes,
        .fields = (unsigned)c->fields,
    };
}
