/*
 * dns_load.c - asks a DNS server by UDP, as fast as it answers or so many times a second, for many
 * clients' networks (Client Subnet, RFC 7871), and checks the answers.
 *
 *   bench/dns_load PORT NAME [ecs|plain] [SECONDS] [RATE] [SEED]
 *
 * RATE 0 (the default): SOCKETS sockets on 127.0.0.1, each with up to WINDOW questions under way:
 * no more in all than the smallest queue of a socket holds. RATE n: one socket, a question each 1/n
 * s, and the times that answers took. 85 % of the networks are IPv4 /24, 15 % IPv6 /56, from a pool
 * of POOL that is made in advance, so that the load costs the same for all servers. A line of JSON
 * says what came of it: "wrong" are answers that are not for the question, not NOERROR, without an
 * address, or without the network when one was given.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 16, WINDOW = 16, BATCH = 64, POOL = 1 << 16, QUERY_MAX = 320, ANSWER_MAX = 4096 };
enum { PATIENCE_MS = 200, LATENCIES = 1 << 22 };

struct query {
    uint16_t n;
    uint8_t bytes[QUERY_MAX];
};

struct asker {
    int fd;
    unsigned under_way;
    uint16_t next_id;
    uint32_t asked[65536]; /* by id: which of the pool */
    uint64_t sent_ns[65536];
};

static struct query pool[POOL];
static size_t question_n; /* bytes behind the header */
static bool with_ecs;
static uint64_t sent, answered, wrong, lost;
static uint32_t *latencies_us;
static size_t latencies_n;
static uint64_t random_state;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* splitmix64, Steele and others 2014. */
static uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* --- questions ----------------------------------------------------------------------------------
 */

static uint8_t *put_u16(uint8_t *p, unsigned n)
{
    p[0] = (uint8_t)(n >> 8);
    p[1] = (uint8_t)n;
    return p + 2;
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");

        *p++ = (uint8_t)n;
        memcpy(p, name, n);
        p += n;
        name += n + (name[n] == '.');
    }
    *p++ = 0;
    return p;
}

/* Of the option Client Subnet: addresses that the world uses. */
static uint8_t *put_network(uint8_t *p)
{
    static const uint8_t v6[][2] = {
        {0x20, 0x01}, {0x24, 0x00}, {0x26, 0x00}, {0x28, 0x00}, {0x2a, 0x00}, {0x2c, 0x0f}};
    uint64_t r = random_next();

    if (random_next() % 100 < 85) {
        unsigned first = 1 + (unsigned)(r % 223);

        if (first == 10 || first == 127)
            first = 81;
        p = put_u16(p, 8);
        p = put_u16(p, 7);
        p = put_u16(p, 1);
        *p++ = 24;
        *p++ = 0;
        *p++ = (uint8_t)first;
        *p++ = (uint8_t)(r >> 8);
        *p++ = (uint8_t)(r >> 16);
        return p;
    }
    p = put_u16(p, 8);
    p = put_u16(p, 11);
    p = put_u16(p, 2);
    *p++ = 56;
    *p++ = 0;
    memcpy(p, v6[r % 6], 2);
    p[1] |= r % 6 == 0 || r % 6 == 5 ? 0 : (uint8_t)(r >> 60);
    for (int i = 2; i < 7; i++)
        p[i] = (uint8_t)(r >> (8 * i));
    return p + 7;
}

static void make_pool(const char *name)
{
    for (unsigned i = 0; i < POOL; i++) {
        uint8_t *p = pool[i].bytes, *length;

        memset(p, 0, 12);
        p[5] = 1;
        p[11] = 1;
        p = put_name(p + 12, name);
        p = put_u16(p, 1);
        p = put_u16(p, 1);
        question_n = (size_t)(p - pool[i].bytes) - 12;
        *p++ = 0;
        p = put_u16(p, 41);
        p = put_u16(p, 1232);
        memset(p, 0, 4);
        length = p + 4;
        p = length + 2;
        if (with_ecs)
            p = put_network(p);
        put_u16(length, (unsigned)(p - length - 2));
        pool[i].n = (uint16_t)(p - pool[i].bytes);
    }
}

/* --- answers ------------------------------------------------------------------------------------
 */

static bool is_right(const struct query *q, const uint8_t *a, size_t n)
{
    const uint8_t *q_opt = q->bytes + 12 + question_n + 11;

    if (n < q->n - (size_t)11 || (a[2] & 0x80) == 0 || (a[2] & 0x02) != 0 || (a[3] & 15) != 0 ||
        memcmp(a + 12, q->bytes + 12, question_n) != 0 || (a[6] | a[7]) == 0)
        return false;
    if (!with_ecs)
        return true;
    /* The option is in the last record: family and source as they were, then a scope, then the
     * network. Looked for from the end, since servers put other options around it. */
    for (const uint8_t *p = a + n - (q->n - (size_t)(q_opt - q->bytes)); p > a + 12; p--) {
        if (memcmp(p, q_opt, 7) == 0)
            return memcmp(p + 8, q_opt + 8, q->n - (size_t)(q_opt - q->bytes) - 8) == 0;
    }
    return false;
}

static void take(struct asker *k, const uint8_t *a, size_t n)
{
    uint16_t id;

    if (n < 12)
        return;
    id = (uint16_t)(a[0] << 8 | a[1]);
    if (k->sent_ns[id] == 0)
        return; /* given up before */
    if (latencies_us != NULL && latencies_n < LATENCIES)
        latencies_us[latencies_n++] = (uint32_t)((now_ns() - k->sent_ns[id]) / 1000);
    k->sent_ns[id] = 0;
    k->under_way--;
    answered++;
    wrong += !is_right(&pool[k->asked[id]], a, n);
}

/* --- asking -------------------------------------------------------------------------------------
 */

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_v[BATCH], in_v[BATCH];
static uint8_t out_bytes[BATCH][QUERY_MAX], in_bytes[BATCH][ANSWER_MAX];

static void make_batches(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        out_v[i].iov_base = out_bytes[i];
        in_v[i] = (struct iovec){in_bytes[i], ANSWER_MAX};
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_v[i], .msg_iovlen = 1};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_v[i], .msg_iovlen = 1};
    }
}

static void ask(struct asker *k, unsigned n)
{
    uint64_t now = now_ns();
    int done;

    for (unsigned i = 0; i < n; i++) {
        uint16_t id = (uint16_t)(k->next_id + i);
        uint32_t which = (uint32_t)(random_next() % POOL);

        memcpy(out_bytes[i], pool[which].bytes, pool[which].n);
        put_u16(out_bytes[i], id);
        out_v[i].iov_len = pool[which].n;
        k->asked[id] = which;
    }
    done = sendmmsg(k->fd, out, n, 0);
    for (int i = 0; i < done; i++) {
        k->sent_ns[k->next_id] = now;
        k->next_id++;
    }
    if (done > 0) {
        sent += (uint64_t)done;
        k->under_way += (unsigned)done;
    }
}

/* How many have come. */
static int receive(struct asker *k)
{
    int n = recvmmsg(k->fd, in, BATCH, MSG_DONTWAIT, NULL);

    for (int i = 0; i < n; i++)
        take(k, in_bytes[i], in[i].msg_len);
    return n;
}

static void give_up(struct asker *k)
{
    memset(k->sent_ns, 0, sizeof(k->sent_ns));
    lost += k->under_way;
    k->under_way = 0;
}

static void flood(struct asker *k, uint64_t until)
{
    uint64_t moved[SOCKETS];

    for (int i = 0; i < SOCKETS; i++)
        moved[i] = now_ns();
    while (now_ns() < until) {
        for (int i = 0; i < SOCKETS; i++) {
            if (k[i].under_way < WINDOW)
                ask(&k[i], WINDOW - k[i].under_way);
            if (receive(&k[i]) > 0)
                moved[i] = now_ns();
            else if (now_ns() - moved[i] > PATIENCE_MS * 1000000ull) {
                give_up(&k[i]);
                moved[i] = now_ns();
            }
        }
    }
}

static void pace(struct asker *k, uint64_t until, unsigned rate)
{
    uint64_t start = now_ns(), due = start, now;

    while ((now = now_ns()) < until) {
        if (now >= due) {
            ask(k, 1);
            due += 1000000000u / rate;
        }
        (void)receive(k);
    }
}

static void wait_for_last(struct asker *k, int n)
{
    uint64_t until = now_ns() + PATIENCE_MS * 1000000ull;

    for (int i = 0; i < n; i++) {
        while (k[i].under_way > 0 && now_ns() < until)
            (void)receive(&k[i]);
        lost += k[i].under_way;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), bytes = 4 << 20;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("dns_load: connect");
        exit(1);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        (void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    return fd;
}

int main(int argc, char **argv)
{
    double seconds = argc > 4 ? atof(argv[4]) : 4;
    unsigned rate = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    int n = rate > 0 ? 1 : SOCKETS;
    struct asker *k = calloc(SOCKETS, sizeof(*k));
    uint64_t start, end;

    if (argc < 3 || k == NULL) {
        fprintf(stderr, "usage: dns_load PORT NAME [ecs|plain] [SECONDS] [RATE] [SEED]\n");
        return 2;
    }
    with_ecs = argc <= 3 || strcmp(argv[3], "plain") != 0;
    random_state = argc > 6 ? strtoull(argv[6], NULL, 0) : 1;
    make_pool(argv[2]);
    make_batches();
    if (rate > 0)
        latencies_us = malloc(LATENCIES * sizeof(*latencies_us));
    for (int i = 0; i < n; i++)
        k[i].fd = connect_to(atoi(argv[1]));
    start = now_ns();
    end = start + (uint64_t)(seconds * 1e9);
    if (rate > 0)
        pace(k, end, rate);
    else
        flood(k, end);
    end = now_ns();
    wait_for_last(k, n);
    if (latencies_n > 0)
        qsort(latencies_us, latencies_n, sizeof(*latencies_us), by_size);
    printf(
        "{\"sent\": %llu, \"answered\": %llu, \"wrong\": %llu, \"lost\": %llu, \"seconds\": %.3f, "
        "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n",
        (unsigned long long)sent, (unsigned long long)answered, (unsigned long long)wrong,
        (unsigned long long)lost, (double)(end - start) / 1e9,
        latencies_n > 0 ? latencies_us[latencies_n / 2] : 0,
        latencies_n > 0 ? latencies_us[latencies_n * 99 / 100] : 0,
        latencies_n > 0 ? latencies_us[latencies_n - 1] : 0);
    free(latencies_us);
    free(k);
    return wrong > 0;
}
