#include "director/pop_conf.h"

#include "base/hash.h"
#include "director/conf.h"
#include "health/probe_conf.h"

#include <string.h>

/* With these a PoP is out of the answers within 5 s of failing, and back within 15 s of
 * recovering: 2 s to the next probe, which times out, 0.1 s, and another one. */
static const struct health_defaults check_defaults = {
    .every_ms = 2000,
    .timeout_ms = 1200,
    .rise = 3,
    .fall = 2,
    .jitter_percent = 10,
    .statuses = {.v = {{200, 399}}, .n = 1},
};

/* An edge says 503 while it drains, and that is as good an answer. One word is enough. */
static const struct health_defaults load_defaults = {
    .every_ms = 900,
    .timeout_ms = 1300,
    .rise = 1,
    .fall = 2,
    .jitter_percent = 10,
    .statuses = {.v = {{200, 200}, {503, 503}}, .n = 2},
};

/* Any number, the same on all directors. */
enum { NAME_SEED = 0x53e1 };

bool pop_conf_name(struct conf_load *l, const struct conf_word *w)
{
    bool good = w->text.n > 0 && w->text.n <= POP_NAME_MAX;

    for (size_t i = 0; i < w->text.n && good; i++) {
        char c = ascii_lower(w->text.p[i]);

        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    }
    if (!good)
        conf_error(l->errors, w->at,
            "\"%.*s\" is not a name: letters, digits, - _ and . may stand in one, up to %d of them",
            CONF_SHOW(w->text), POP_NAME_MAX);
    return good;
}

static void *open_pop(struct conf_load *l, void *parent, const struct conf_node *node)
{
    struct pop_list *list = &((struct director_conf *)parent)->pops;
    const struct conf_word *name = &node->args[0];
    const struct pop *other = pop_find(list, name->text);
    struct pop *p;

    if (!pop_conf_name(l, name))
        return NULL;
    if (other != NULL) {
        conf_error(l->errors, name->at, "there is a pop \"%.*s\" already, in %s:%u",
            CONF_SHOW(name->text), other->at.file, other->at.line);
        return NULL;
    }
    if (list->n == POPS_MAX) {
        conf_error(l->errors, node->at, "there are more than %d pops", POPS_MAX);
        return NULL;
    }
    if (list->v == NULL)
        list->v = arena_zalloc(l->arena, POPS_MAX * sizeof(*list->v));
    p = &list->v[list->n];
    p->index = list->n++;
    p->name = arena_dup(l->arena, name->text);
    p->at = node->at;
    p->hash = hash64_seeded(p->name, NAME_SEED);
    return p;
}

/* --- location ----------------------------------------------------------------------------- */

/* [-]DIGITS[.DIGITS], up to six of each. Whatever the locale, the point is a point. */
static bool degrees(struct span s, double *out)
{
    bool minus = s.n > 0 && s.p[0] == '-', point = false;
    double value = 0, unit = 1;
    size_t digits = 0;

    for (size_t i = minus ? 1 : 0; i < s.n; i++) {
        if (s.p[i] == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9' || ++digits > 12)
            return false;
        value = value * 10 + (s.p[i] - '0');
        if (point)
            unit *= 10;
    }
    *out = (minus ? -value : value) / unit;
    return digits > 0 && s.p[s.n - 1] != '.';
}

static void set_location(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct pop *p = self;
    double at[2];

    for (unsigned i = 0; i < 2; i++) {
        if (!degrees(node->args[i].text, &at[i])) {
            conf_error(l->errors, node->args[i].at,
                "\"%.*s\" is no number of degrees: location 50.11 8.68, north and east of 0; south "
                "and west are below it",
                CONF_SHOW(node->args[i].text));
            return;
        }
    }
    if (at[0] < -90 || at[0] > 90) {
        bool swapped = at[0] >= -180 && at[0] <= 180 && at[1] >= -90 && at[1] <= 90;

        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is no latitude, which is from -90 to 90%s", CONF_SHOW(node->args[0].text),
            swapped ? ": it comes first, the longitude second" : "");
        return;
    }
    if (at[1] < -180 || at[1] > 180) {
        conf_error(l->errors, node->args[1].at,
            "\"%.*s\" is no longitude, which is from -180 to 180", CONF_SHOW(node->args[1].text));
        return;
    }
    p->has_location = true;
    p->latitude = at[0];
    p->longitude = at[1];
}

/* --- addresses ---------------------------------------------------------------------------- */

/* What no client can connect to. */
static bool is_nowhere(const struct addr *a)
{
    if (addr_is_any(a))
        return true;
    if (addr_family(a) == AF_INET6)
        return a->in6.sin6_addr.s6_addr[0] == 0xff || IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
    return ntohl(a->in.sin_addr.s_addr) >> 28 == 0xe || a->in.sin_addr.s_addr == INADDR_BROADCAST;
}

static void add_address(struct conf_load *l, struct pop *p, const struct conf_word *w)
{
    struct addr a, **v;
    unsigned *n;

    if (!addr_parse_ip(w->text, 0, &a)) {
        conf_error(l->errors, w->at,
            "\"%.*s\" is no address: 192.0.2.1 or 2001:db8::1, without a port; ports are those of "
            "the services there",
            CONF_SHOW(w->text));
        return;
    }
    if (is_nowhere(&a)) {
        conf_error(l->errors, w->at, "\"%.*s\" is no address that a client could connect to",
            CONF_SHOW(w->text));
        return;
    }
    v = addr_family(&a) == AF_INET6 ? &p->v6 : &p->v4;
    n = addr_family(&a) == AF_INET6 ? &p->v6_n : &p->v4_n;
    if (*n == POP_ADDRS_MAX) {
        conf_error(l->errors, w->at, "a pop has at most %d addresses of a family", POP_ADDRS_MAX);
        return;
    }
    if (*v == NULL)
        *v = arena_zalloc(l->arena, POP_ADDRS_MAX * sizeof(**v));
    for (unsigned i = 0; i < *n; i++) {
        if (addr_eq(&(*v)[i], &a)) {
            conf_error(l->errors, w->at, "\"%.*s\" stands there twice", CONF_SHOW(w->text));
            return;
        }
    }
    (*v)[(*n)++] = a;
}

static void set_address(struct conf_load *l, void *self, const struct conf_node *node)
{
    for (unsigned i = 0; i < node->args_n; i++)
        add_address(l, self, &node->args[i]);
}

/* --- the rest ----------------------------------------------------------------------------- */

/* 80% */
static void set_capacity(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span text = node->args[0].text;
    uint64_t percent;

    if (!span_ends(text, SPAN("%")) || !span_u64(span_make(text.p, text.n - 1), &percent) ||
        percent < 1 || percent > 100)
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is no share from 1%% to 100%%, as in 80%%", CONF_SHOW(text));
    else
        ((struct pop *)self)->capacity_percent = (int64_t)percent;
}

static void set_health(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct health_probe *check = arena_zalloc(l->arena, sizeof(*check));

    (void)!health_probe_read(l, node, &check_defaults, check);
    ((struct pop *)self)->check = check;
}

static void set_load(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct pop *p = self;

    if (p->loads_n == POP_LOADS_MAX) {
        conf_error(l->errors, node->at, "a pop has at most %d load probes", POP_LOADS_MAX);
        return;
    }
    if (p->loads == NULL)
        p->loads = arena_zalloc(l->arena, POP_LOADS_MAX * sizeof(*p->loads));
    if (!conf_arg_is(node, 0, "GET")) {
        conf_error(l->errors, node->args[0].at,
            "load is asked for by GET: load GET http://EDGE"
            "/readyz");
        return;
    }
    (void)!health_probe_read(l, node, &load_defaults, &p->loads[p->loads_n++]);
}

static const struct directive pop_directives[] = {
    {"location", CONF_CUSTOM(set_location, 2, 2), .usage = "LATITUDE LONGITUDE",
        .unset = "what the databases have for its addresses",
        .about =
            "Where it is, in degrees: north and east are positive. Clients go to the nearest."},
    {"address", CONF_CUSTOM(set_address, 1, CONF_ARGS_MAX), .usage = "ADDRESS...",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED,
        .about = "What clients are given: IPv4 addresses for A, IPv6 ones for AAAA, all of those "
                 "that pass their checks."},
    {"weight", CONF_INTEGER(struct pop, weight), .preset = "100", .min = 1, .max = POP_WEIGHT_MAX,
        .about = "Its part of the clients that it shares with others (see share-within), against "
                 "theirs."},
    {"capacity", CONF_CUSTOM(set_capacity, 1, 1), .usage = "PERCENT%", .preset = "90%",
        .about = "The load above which it hands clients over to its neighbours, 1/64 of the client "
                 "networks at a time, until it is below again. Only with load."},
    {"health", CONF_CUSTOM(set_health, 2, CONF_ARGS_MAX),
        .usage = "GET|HEAD URL|TCP PORT " HEALTH_HTTP_WORDS, .unset = "none: it counts as up",
        .about =
            "How each of its addresses is checked. By HTTP: the address is connected to, and the "
            "URL asked for as clients do; with https the certificate must be valid for its host. "
            "The answer must have one of the statuses (codes, or ranges like 200-299) and, with "
            "contains, that text in its first 16 KiB. By TCP: it takes a connection on that port. "
            "An address is out of the answers after `fall` bad checks in a row, the second of "
            "which follows the first at once, and back after `rise` good ones; what goes up and "
            "down again and again stays out for longer each time, up to 5 minutes. Without these "
            "words: every 2s timeout 1200ms rise 3 fall 2 jitter 10 status 200-399."},
    {"load", CONF_CUSTOM(set_load, 2, CONF_ARGS_MAX), .usage = "GET URL " HEALTH_HTTP_WORDS,
        .flags = DIRECTIVE_MANY,
        .about = "Where one of its edges says how it is: selvaged's /readyz. While all edges of a "
                 "PoP drain, it gets no new clients; the mean of their load is held against "
                 "capacity. An edge that cannot be asked is left to health. Without these words: "
                 "every 900ms timeout 1300ms rise 1 fall 2 jitter 10."},
    {"state", CONF_WORD(struct pop, order, pop_order_words), .preset = "up",
        .about = "up, drain (no new clients) or down (not even when all others are down). "
                 "selvagectl(1) changes it while the director runs."},
    {0},
};

static void close_pop(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct pop *p = self;
    const struct conf_node *capacity = conf_find_child(node, "capacity");

    if (capacity != NULL && p->loads_n == 0)
        conf_error(l->errors, capacity->at,
            "nobody says how loaded \"%s\" is: add  load GET http://EDGE/readyz;", p->name.p);
}

const struct conf_context pop_context = {
    .name = "pop",
    .about = "A place that serves clients: where it is, and what they are given.",
    .open = open_pop,
    .close = close_pop,
    .tables = {{pop_directives}},
};

void pop_list_free(struct pop_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        struct pop *p = &l->v[i];

        if (p->check != NULL)
            health_probe_free(p->check);
        for (unsigned k = 0; k < p->loads_n; k++)
            health_probe_free(&p->loads[k]);
    }
}
