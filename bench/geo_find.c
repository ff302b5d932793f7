/*
 * geo_find.c - what compiling a map costs, and what a look-up in it does, beside asking the
 * databases with libmaxminddb and measuring the way to every point.
 *
 * usage: bench/geo_find POINTS FILE...        (MaxMind DB files; the first POINTS of geo_points.h)
 *        KEEP=4 V4_BITS=24 V6_BITS=48 ALIKE_KM=100 bench/geo_find ...      other maps
 *        COMPILE_ONLY=1 bench/geo_find ...
 *
 * Clients are 85 % IPv4 /24 and 15 % IPv6 /56 in networks that the databases know, drawn at random
 * beforehand. Thread CPU time; the best of five rounds. Instructions are counted where the kernel
 * allows it. Memory is what /proc says: of everything at the peak, and of a process that has only
 * opened the map's file and looked up all clients.
 */
#include "base/check.h"
#include "geo/map.h"
#include "geo/nearest.h"
#include "tests/proof/geo_points.h"

#include <arpa/inet.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 1 << 20, ROUNDS = 5, V4_PERCENT = 85 };

static double cpu_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double mono_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static long from_env(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void status_line(const char *what)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];

    check(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, what, strlen(what)) == 0)
            printf("  %s", line);
    }
    fclose(f);
}

/* --- instructions --------------------------------------------------------------------------- */

static int counter_open(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1};

    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t counter_read(int fd)
{
    uint64_t v = 0;

    return fd >= 0 && read(fd, &v, sizeof(v)) == (ssize_t)sizeof(v) ? v : 0;
}

/* --- clients -------------------------------------------------------------------------------- */

static bool draw(const struct geo *g, uint64_t *x, unsigned family, struct geo_client *c)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    uint64_t r = random_next(x);
    struct geo_place place;

    *c = (struct geo_client){.family = (uint8_t)family, .prefix = family == 4 ? 24 : 56};
    memcpy(c->address, &r, 8);
    if (family == 4) {
        memset(c->address + 3, 0, 13);
        memcpy(&in.sin_addr, c->address, 4);
        geo_find(g, (const struct sockaddr *)&in, &place);
    } else {
        c->address[0] = 0x20 + c->address[0] % 16; /* 2000::/4: where they are given out */
        c->address[7] = 0;
        memcpy(&in6.sin6_addr, c->address, 16);
        geo_find(g, (const struct sockaddr *)&in6, &place);
    }
    return place.has_location;
}

static struct geo_client *clients_new(const struct geo *g)
{
    struct geo_client *clients = xcalloc(CLIENTS, sizeof(*clients));
    uint64_t x = 88172645463325252u;

    for (unsigned i = 0; i < CLIENTS; i++) {
        unsigned family = random_next(&x) % 100 < V4_PERCENT ? 4 : 6, tries = 0;

        while (!draw(g, &x, family, &clients[i]) && ++tries < 1000)
            ;
    }
    return clients;
}

/* --- measuring ------------------------------------------------------------------------------ */

struct brute {
    const struct geo *g;
    struct geo_vector vectors[GEO_TEST_POINTS];
    unsigned n;
};

static unsigned ask_map(const void *ctx, const struct geo_client *c)
{
    struct geo_found found;

    geo_map_find(ctx, c, &found);
    return found.first + found.scope;
}

static unsigned ask_order(const void *ctx, const struct geo_client *c)
{
    struct geo_order order;

    geo_map_order(ctx, c, &order);
    return order.points[1] + order.scope;
}

static unsigned ask_databases(const void *ctx, const struct geo_client *c)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    const struct brute *b = ctx;
    uint64_t best = UINT64_MAX;
    struct geo_place place;
    struct geo_vector at;
    unsigned first = 0;

    memcpy(&in.sin_addr, c->address, 4);
    memcpy(&in6.sin6_addr, c->address, 16);
    geo_find(b->g, c->family == 4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6,
        &place);
    at = geo_vector_of(place.latitude, place.longitude);
    for (unsigned i = 0; i < b->n; i++) {
        uint64_t chord2 = geo_chord2(at, b->vectors[i]);

        if (chord2 < best) {
            best = chord2;
            first = i;
        }
    }
    return first;
}

static void measure(const char *name, unsigned (*ask)(const void *, const struct geo_client *),
    const void *ctx, const struct geo_client *clients)
{
    int counter = counter_open();
    double best = 0;
    uint64_t instructions = 0;
    volatile unsigned sum = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t before = counter_read(counter);
        double start = cpu_s(), took;

        for (unsigned i = 0; i < CLIENTS; i++)
            sum += ask(ctx, &clients[i]);
        took = cpu_s() - start;
        instructions = counter_read(counter) - before;
        if (best == 0 || took < best)
            best = took;
    }
    printf("%-28s %7.1f ns", name, best / CLIENTS * 1e9);
    if (instructions != 0)
        printf(" %7.1f instructions", (double)instructions / CLIENTS);
    printf("\n");
    if (counter >= 0)
        close(counter);
}

/* What a process needs that serves from the file. */
static void serve(const char *path, const struct geo_client *clients)
{
    struct geo_why why;
    double start = mono_s(), opened;
    struct geo_map *m = geo_map_open(path, NULL, &why);
    struct geo_found found;

    check(m != NULL);
    opened = mono_s() - start;
    for (unsigned i = 0; i < CLIENTS; i++)
        geo_map_find(m, &clients[i], &found);
    printf("opened in %.3f s; resident after all clients (their list: %zu KiB):\n", opened,
        CLIENTS * sizeof(*clients) / 1024);
    fflush(stdout);
    status_line("VmRSS");
    status_line("RssFile");
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct geo_order order;

        geo_map_order(m, &clients[i], &order);
    }
    printf("and after all their orders:\n");
    status_line("VmRSS");
    fflush(stdout);
    geo_map_free(&m);
}

int main(int argc, char **argv)
{
    struct geo *g = geo_new();
    struct brute brute = {.g = g};
    struct geo_map_conf conf = {.points = geo_points, .alike_km = -1};
    struct geo_map_facts f;
    struct geo_client *clients;
    struct geo_map *m;
    struct geo_why why;
    char path[64];
    double start;
    pid_t child;

    conf.points_n = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (conf.points_n < 1 || conf.points_n > GEO_TEST_POINTS) {
        fprintf(stderr, "usage: bench/geo_find POINTS FILE...\n");
        return 1;
    }
    conf.keep = (unsigned)from_env("KEEP", 0);
    conf.alike_km = (double)from_env("ALIKE_KM", -1);
    conf.v4_bits = (uint8_t)from_env("V4_BITS", 0);
    conf.v6_bits = (uint8_t)from_env("V6_BITS", 0);
    start = cpu_s();
    for (int i = 2; i < argc; i++) {
        if (!geo_add(g, argv[i], &why)) {
            fprintf(stderr, "%s\n", why.text);
            return 1;
        }
    }
    printf("databases opened in %.2f s of CPU\n", cpu_s() - start);
    status_line("VmRSS");
    start = cpu_s();
    if (!geo_maps_compile(g, &conf, 1, NULL, &m, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    printf("compiled in %.2f s of CPU, %u points\n", cpu_s() - start, conf.points_n);
    status_line("VmHWM");
    status_line("VmRSS");
    geo_map_facts(m, &f);
    printf("networks: IPv4 %llu, IPv6 %llu, together %llu; fine: %llu and %llu; %llu orders\n",
        (unsigned long long)f.v4_networks, (unsigned long long)f.v6_networks,
        (unsigned long long)(f.v4_networks + f.v6_networks), (unsigned long long)f.v4_fine_networks,
        (unsigned long long)f.v6_fine_networks, (unsigned long long)f.orders);
    printf("mean scope: IPv4 %.2f, IPv6 %.2f (known addresses, known /48s)\n", f.v4_mean_scope,
        f.v6_mean_scope);
    printf("known: %.4g IPv4 addresses, %.4g IPv6 /48s\n", (double)f.known_v4, (double)f.known_v6);
    printf("map: %.1f MB, wide %.1f MB; hash %016llx%016llx\n", (double)f.bytes / 1e6,
        (double)f.wide_bytes / 1e6, (unsigned long long)f.hash.hi, (unsigned long long)f.hash.lo);
    if (from_env("COMPILE_ONLY", 0) != 0)
        return 0;
    clients = clients_new(g);
    snprintf(path, sizeof(path), "/tmp/geo_find-%d.map", (int)getpid());
    start = mono_s();
    check(geo_map_write(m, path, (struct hash128){0}, &why));
    printf("written in %.2f s\n", mono_s() - start);
    for (unsigned i = 0; i < conf.points_n; i++)
        brute.vectors[i] = geo_vector_of(geo_points[i].latitude, geo_points[i].longitude);
    brute.n = conf.points_n;
    measure("geo_map_find()", ask_map, m, clients);
    measure("geo_map_order()", ask_order, m, clients);
    measure("libmaxminddb + brute force", ask_databases, &brute, clients);
    geo_map_free(&m);
    geo_free(&g);
    fflush(stdout);
    child = fork();
    check(child >= 0);
    if (child == 0) {
        serve(path, clients);
        _exit(0);
    }
    check(waitpid(child, NULL, 0) == child);
    unlink(path);
    free(clients);
    return 0;
}
