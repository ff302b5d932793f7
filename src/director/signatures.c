#include "director/signatures.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/thread.h"
#include "director/signer.h"
#include "dns/types.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BACKDATED_S = 3600, /* for validators whose clocks are late */
    JITTER = 16,        /* a signature ends up to one part in so many sooner */
    LOOK_MAX_MS = 60000,
    LOOK_MIN_MS = 200,
};

/* Open addressing by the set's address. */
struct signed_index {
    const struct dns_rrset *set; /* NULL: free */
    const struct signed_record *record;
};

struct signatures_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    _Atomic bool stop;
    int64_t look_ms; /* how often */
};

/* --- one signature ------------------------------------------------------------------------ */

bool signatures_by(const struct dnssec_key *k, uint16_t type)
{
    if (type == DNS_DNSKEY || type == DNS_CDS || type == DNS_CDNSKEY)
        return k->signs_keys;
    return k->signs_data;
}

struct rrsig_terms signatures_terms(const struct signing *s, const struct dnssec_key *k)
{
    return (struct rrsig_terms){
        .type = s->set->type,
        .labels = rrsig_labels(s->owner),
        .ttl_s = s->set->ttl,
        .tag = k->key.tag,
        .signer = s->zone->apex->name,
        .signer_n = s->zone->apex->name_n,
    };
}

bool signatures_make(
    const struct signing *s, const struct dnssec_key *k, wall_s now, struct kept *out)
{
    const struct dnssec_set set = {s->owner, s->owner_n, s->set->rdata, s->set->rdata_bytes};
    struct rrsig_terms terms = signatures_terms(s, k);
    uint64_t validity_s = (uint64_t)s->zone->dnssec->validity_ms / 1000;
    uint8_t digest[DNSKEY_DIGEST_LEN];

    out->inception = terms.inception = (uint32_t)(now - BACKDATED_S);
    out->expiration = terms.expiration =
        (uint32_t)((uint64_t)now + validity_s - random_u64() % (validity_s / JITTER + 1));
    dnssec_digest(&terms, &set, digest);
    return dnskey_sign(&k->key, digest, out->signature);
}

/* RFC 4034 §3.1.5: times are compared in serial number arithmetic. */
bool signatures_good(const struct kept *k, wall_s now, int64_t spare_ms)
{
    uint32_t at = (uint32_t)now;

    return (int32_t)(at - k->inception) >= 0 &&
           (int64_t)(int32_t)(k->expiration - at) > spare_ms / 1000;
}

/* --- the zones' own sets ------------------------------------------------------------------ */

static unsigned keys_for(const struct dnssec *d, uint16_t type)
{
    unsigned n = 0;

    for (unsigned i = 0; i < d->keys_n; i++)
        n += signatures_by(&d->keys[i], type);
    return n;
}

/* Not the NS of a delegation (RFC 4035 §2.2); of a cut there is nothing else but DS. */
static bool is_signed(const struct zone_node *node, const struct dns_rrset *set)
{
    return !node->cut || set->type == DNS_DS;
}

static size_t index_of(const struct signatures *s, const struct dns_rrset *set)
{
    uint64_t mixed = (uint64_t)(uintptr_t)set / 16 * 0x9e3779b97f4a7c15u;
    size_t i = mixed >> 20 & (s->index_n - 1);

    while (s->index[i].set != NULL && s->index[i].set != set)
        i = (i + 1) & (s->index_n - 1);
    return i;
}

const struct signed_record *signatures_record(
    const struct signatures *s, const struct dns_rrset *set)
{
    return s->index[index_of(s, set)].record;
}

static void count_zone(const struct zone *z, size_t *records, size_t *places)
{
    for (unsigned i = 0; i < z->nodes_n; i++) {
        for (unsigned r = 0; r < z->nodes[i]->rrsets_n; r++) {
            const struct dns_rrset *set = z->nodes[i]->rrsets[r].data;

            if (is_signed(z->nodes[i], set)) {
                *records += 1;
                *places += keys_for(z->dnssec, set->type);
            }
        }
    }
}

static void add_index(
    struct signatures *s, const struct dns_rrset *set, const struct signed_record *r)
{
    s->index[index_of(s, set)] = (struct signed_index){set, r};
}

static void add_zone(struct signatures *s, const struct zone *z, struct kept_place **places)
{
    for (unsigned i = 0; i < z->nodes_n; i++) {
        const struct zone_node *node = z->nodes[i];

        for (unsigned k = 0; k < node->rrsets_n; k++) {
            const struct dns_rrset *set = node->rrsets[k].data;
            struct signed_record *r = &s->records[s->records_n];

            if (!is_signed(node, set))
                continue;
            *r = (struct signed_record){{z, node->name, node->name_n, set}, *places};
            s->records_n++;
            *places += keys_for(z->dnssec, set->type);
            add_index(s, set, r);
            if (set == z->soa)
                add_index(s, z->denial, r);
        }
    }
}

/* --- the thread --------------------------------------------------------------------------- */

/* Signs what is missing or about to end; returns how many were made. */
static size_t refresh(struct signatures *s, wall_s now)
{
    size_t made = 0;

    for (size_t i = 0; i < s->records_n && !atomic_load(&s->thread->stop); i++) {
        const struct signed_record *r = &s->records[i];
        const struct dnssec *d = r->what.zone->dnssec;
        struct kept_place *place = r->places;

        for (unsigned k = 0; k < d->keys_n; k++) {
            struct hash128 key;
            struct kept kept;

            if (!signatures_by(&d->keys[k], r->what.set->type))
                continue;
            if ((!kept_read(place, &key, &kept) || !signatures_good(&kept, now, d->refresh_ms)) &&
                signatures_make(&r->what, &d->keys[k], now, &kept)) {
                kept_write(place, (struct hash128){0, 0}, &kept);
                made++;
            }
            place++;
        }
    }
    count_add(C_DNSSEC_RECORDS, made);
    return made;
}

/* Until it is time to look again, or to stop; with the lock. */
static void wait_ms(struct signatures_thread *t, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!atomic_load(&t->stop) && pthread_cond_timedwait(&t->told, &t->lock, &until) == 0)
        ;
}

static void *run_thread(void *arg)
{
    struct signatures *s = arg;
    struct signatures_thread *t = s->thread;

    thread_set(0, "signatures");
    log_msg(LOG_INFO, "dnssec: %zu signatures for %zu record sets made ahead",
        refresh(s, clock_wall_s()), s->records_n);
    pthread_mutex_lock(&t->lock);
    for (;;) {
        wait_ms(t, t->look_ms);
        if (atomic_load(&t->stop))
            break;
        pthread_mutex_unlock(&t->lock);
        (void)refresh(s, clock_wall_s());
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Often enough to be there long before signatures end. */
static int64_t look_ms(const struct zones *zones)
{
    int64_t least = LOOK_MAX_MS;

    for (unsigned i = 0; i < zones_count(zones); i++) {
        const struct dnssec *d = zones_at(zones, i)->dnssec;

        if (d != NULL && d->refresh_ms / 8 < least)
            least = d->refresh_ms / 8;
    }
    return least > LOOK_MIN_MS ? least : LOOK_MIN_MS;
}

static void start_thread(struct signatures *s, const struct zones *zones)
{
    struct signatures_thread *t = xcalloc(1, sizeof(*t));
    pthread_condattr_t clock;
    sigset_t all, old;

    check(pthread_condattr_init(&clock) == 0 &&
          pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&t->told, &clock) == 0 && pthread_mutex_init(&t->lock, NULL) == 0);
    pthread_condattr_destroy(&clock);
    t->look_ms = look_ms(zones);
    s->thread = t;
    /* Signals are main's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    check(pthread_create(&t->thread, NULL, run_thread, s) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void stop_thread(struct signatures_thread *t)
{
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->stop, true);
    pthread_cond_signal(&t->told);
    pthread_mutex_unlock(&t->lock);
    check(pthread_join(t->thread, NULL) == 0);
    pthread_cond_destroy(&t->told);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* --- all of them -------------------------------------------------------------------------- */

struct signatures *signatures_new(const struct zones *zones)
{
    struct signatures *s;
    struct kept_place *next;
    size_t records = 0, places = 0;
    unsigned signed_zones = 0;

    for (unsigned i = 0; i < zones_count(zones); i++) {
        if (zones_at(zones, i)->dnssec != NULL) {
            count_zone(zones_at(zones, i), &records, &places);
            signed_zones++;
        }
    }
    if (signed_zones == 0)
        return NULL;
    s = xcalloc(1, sizeof(*s));
    kept_table_init(&s->chosen, SIGNER_CHOSEN_PLACES);
    kept_table_init(&s->asked, SIGNER_ASKED_PLACES);
    s->records = xcalloc(records, sizeof(*s->records));
    s->places = xcalloc(places, sizeof(*s->places));
    for (s->index_n = 16; s->index_n < 2 * (records + signed_zones);)
        s->index_n *= 2;
    s->index = xcalloc(s->index_n, sizeof(*s->index));
    next = s->places;
    for (unsigned i = 0; i < zones_count(zones); i++) {
        if (zones_at(zones, i)->dnssec != NULL)
            add_zone(s, zones_at(zones, i), &next);
    }
    start_thread(s, zones);
    return s;
}

void signatures_free(struct signatures **sp)
{
    struct signatures *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    stop_thread(s->thread);
    kept_table_free(&s->chosen);
    kept_table_free(&s->asked);
    free(s->records);
    free(s->places);
    free(s->index);
    free(s);
}
