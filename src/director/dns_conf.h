/*
 * dns_conf.h - how questions are answered, whatever the answer: sizes, cookies, rates, names of our
 * own; the block dns { } of main.
 */
#ifndef DIRECTOR_DNS_CONF_H
#define DIRECTOR_DNS_CONF_H

#include "conf/directive.h"
#include "director/answer.h"
#include "dns/cookie.h"
#include "net/network.h"

/* Answers a second to one client network, before they are dropped or cut short; 0: any number. */
struct rrl_conf {
    bool on;
    int64_t answers; /* of one kind under one account (answer.h): data, referrals */
    int64_t nxdomains;
    int64_t errors;           /* REFUSED, FORMERR, SERVFAIL, ... */
    int64_t slip;             /* each so-manieth answer over the rate is sent, truncated; 0: none */
    int64_t v4_bits, v6_bits; /* of a client network */
    uint64_t memory_bytes;
    struct network_list except;
    bool dry_run;
};

enum { DNS_UDP_BYTES_MAX = 4096 };

enum dns_cookies {
    DNS_COOKIES_OFF,
    DNS_COOKIES_ON,      /* answered; who has one is not limited in rate */
    DNS_COOKIES_REQUIRE, /* and who has none gets BADCOOKIE by UDP, whatever the question */
};

struct dns_conf {
    uint64_t udp_bytes;                       /* the largest answer by UDP */
    int cookies;                              /* enum dns_cookies */
    struct dns_cookie_secrets cookie_secrets; /* that several servers share; none: one of our own */
    struct answer_identity identity;
    struct rrl_conf rrl;
    int64_t tcp_idle_ms; /* that a connection is kept between two questions */
};

/* dns { ... }: of struct dns_conf. */
extern const struct directive dns_directives[];

#endif
