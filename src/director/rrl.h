/*
 * rrl.h - response rate limiting: how many answers a client network gets by UDP, where the client's
 * address is only what the datagram says.
 *
 * A token bucket (net/rate.h) for each client network and account: the name that an answer comes
 * out of, or the zone in which names do not exist; errors share one. Tables of all workers are one,
 * of a fixed size. Any thread; no allocation.
 */
#ifndef DIRECTOR_RRL_H
#define DIRECTOR_RRL_H

#include "base/clock.h"
#include "director/answer.h"
#include "director/dns_conf.h"
#include "net/addr.h"

struct rrl;

/* NULL when the configuration has no limits. */
struct rrl *rrl_new(const struct rrl_conf *conf);
void rrl_free(struct rrl **r);

enum rrl_word {
    RRL_SEND,
    RRL_SLIP, /* send it empty, as truncated */
    RRL_DROP,
};

/* What is to become of that answer, which is counted. */
enum rrl_word rrl_judge(
    struct rrl *r, const struct answer_said *said, const struct addr *client, mono_us now);

#endif
