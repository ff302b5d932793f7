#include "director/rrl.h"

#include "base/check.h"
#include "base/counters.h"
#include "dns/name.h"
#include "net/rate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum limit { ANSWERS, NXDOMAINS, ERRORS, LIMITS };

struct rrl {
    const struct rrl_conf *conf; /* borrowed */
    struct rate_table *table;    /* owns */
    _Atomic unsigned over;       /* answers that were beyond a rate: for slip */
};

struct rrl *rrl_new(const struct rrl_conf *conf)
{
    const int64_t per_s[LIMITS] = {conf->answers, conf->nxdomains, conf->errors};
    struct rate rates[LIMITS];
    struct rrl *r;

    if (!conf->on)
        return NULL;
    r = xcalloc(1, sizeof(*r));
    r->conf = conf;
    for (int i = 0; i < LIMITS; i++)
        rates[i] = rate_of(
            per_s[i] > 0 ? (uint64_t)per_s[i] : 1, 1000, per_s[i] > 0 ? (uint64_t)per_s[i] : 1);
    r->table = rate_table_new(rates, LIMITS, conf->memory_bytes);
    return r;
}

void rrl_free(struct rrl **rp)
{
    struct rrl *r = *rp;

    *rp = NULL;
    if (r == NULL)
        return;
    rate_table_free(&r->table);
    free(r);
}

static enum limit limit_of(enum answer_kind kind)
{
    switch (kind) {
    case ANSWER_DATA:
    case ANSWER_STEERED:
    case ANSWER_REFERRAL:
    case ANSWER_NODATA:
    case ANSWER_CHAOS:
        return ANSWERS;
    case ANSWER_NXDOMAIN:
        return NXDOMAINS;
    case ANSWER_REFUSED:
    case ANSWER_ERROR:
        return ERRORS;
    }
    return ERRORS;
}

static int64_t per_second(const struct rrl_conf *c, enum limit l)
{
    switch (l) {
    case ANSWERS:
        return c->answers;
    case NXDOMAINS:
        return c->nxdomains;
    case ERRORS:
    case LIMITS:
        break;
    }
    return c->errors;
}

/* The first `bits` of the address; returns how many bytes. */
static size_t put_network(uint8_t *dst, const struct addr *a, const struct rrl_conf *c)
{
    bool v4 = addr_family(a) == AF_INET;
    unsigned bits = (unsigned)(v4 ? c->v4_bits : c->v6_bits), bytes = (bits + 7) / 8;

    memcpy(dst, v4 ? (const void *)&a->in.sin_addr : &a->in6.sin6_addr, bytes);
    if (bits % 8 != 0)
        dst[bytes - 1] &= (uint8_t)(0xff << (8 - bits % 8));
    return bytes;
}

static enum rrl_word refuse(struct rrl *r)
{
    unsigned n;

    if (r->conf->dry_run) {
        count(C_DNS_LIMITED_DRY);
        return RRL_SEND;
    }
    n = atomic_fetch_add_explicit(&r->over, 1, memory_order_relaxed);
    if (r->conf->slip > 0 && n % (unsigned)r->conf->slip == 0) {
        count(C_DNS_LIMITED_SLIPPED);
        return RRL_SLIP;
    }
    count(C_DNS_LIMITED_DROPPED);
    return RRL_DROP;
}

enum rrl_word rrl_judge(
    struct rrl *r, const struct answer_said *said, const struct addr *client, mono_us now)
{
    enum limit limit = limit_of(said->kind);
    uint8_t key[1 + 16 + DNS_NAME_MAX];
    mono_us wait_us;
    size_t n;

    if (per_second(r->conf, limit) == 0 || network_list_has(&r->conf->except, client))
        return RRL_SEND;
    key[0] = (uint8_t)addr_family(client);
    n = 1 + put_network(key + 1, client, r->conf);
    if (limit != ERRORS && said->account != NULL) {
        memcpy(key + n, said->account, said->account_n);
        n += said->account_n;
    }
    switch (rate_take(r->table, limit, span_make((char *)key, n), now, &wait_us)) {
    case RATE_TAKEN:
    case RATE_UNKNOWN:
        return RRL_SEND;
    case RATE_EMPTY:
        return refuse(r);
    }
    return RRL_SEND;
}
