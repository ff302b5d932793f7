#include "cache/admission.h"

enum {
    BURST_S = 600,       /* of the budget may be saved up, or overdrawn */
    SETTLE_MS = 10000,   /* between two changes of the level */
    KEEP_DIVISOR = 16,   /* of the ring may be saved up for what is written again */
    TICK_MAX_MS = 60000, /* counted at most: a clock that jumped shall not fill the bucket */
};
#define BUDGET_MAX_BYTES_S (UINT64_C(1) << 40)

static int64_t burst_bytes(const struct admission *a)
{
    return (int64_t)a->conf.budget_bytes_s * BURST_S;
}

static uint64_t keep_max(const struct admission *a)
{
    return a->conf.ring_bytes / KEEP_DIVISOR;
}

void admission_init(struct admission *a, const struct admission_conf *conf, uint32_t *ghosts,
    uint64_t ghosts_n, uint64_t seed, mono_ms now)
{
    *a = (struct admission){
        .conf = *conf,
        .level = ADMISSION_ALL,
        .ticked_ms = now,
        .moved_ms = now,
        .random = seed | 1,
    };
    if (a->conf.budget_bytes_s > BUDGET_MAX_BYTES_S)
        a->conf.budget_bytes_s = BUDGET_MAX_BYTES_S;
    a->budget_bytes = burst_bytes(a);
    a->keep_bytes = keep_max(a);
    ghosts_init(&a->seen, ghosts, ghosts_n,
        conf->window_bytes != 0 ? conf->window_bytes : conf->ring_bytes);
}

static uint64_t admission_random(struct admission *a)
{
    uint64_t x = a->random; /* xorshift64 */

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return a->random = x;
}

/* Whether it came before, and is due now. One that is not due by chance stays remembered. */
static bool admission_again(struct admission *a, uint64_t fingerprint, uint64_t bytes)
{
    if (!ghosts_have(&a->seen, fingerprint)) {
        ghosts_add(&a->seen, fingerprint);
        return false;
    }
    return a->level != ADMISSION_SCARCE || bytes <= ADMISSION_SMALL_BYTES ||
           admission_random(a) % bytes < ADMISSION_SMALL_BYTES;
}

static bool overdrawn(const struct admission *a)
{
    return a->conf.budget_bytes_s != 0 && a->budget_bytes < -burst_bytes(a);
}

bool admission_wants(struct admission *a, uint64_t fingerprint, uint64_t bytes)
{
    bool first = a->level == ADMISSION_ALL ||
                 (a->level == ADMISSION_SMALL && bytes <= ADMISSION_SMALL_BYTES);

    return !overdrawn(a) && (first || admission_again(a, fingerprint, bytes));
}

bool admission_take(struct admission *a, uint64_t fingerprint, uint64_t bytes)
{
    if (!admission_wants(a, fingerprint, bytes))
        return false;
    a->keep_bytes += a->level > a->conf.floor ? bytes / 2 : bytes;
    if (a->keep_bytes > keep_max(a))
        a->keep_bytes = keep_max(a);
    return true;
}

/* For what is used most there is something left. */
static unsigned uses_wanted(const struct admission *a)
{
    if (a->keep_bytes >= keep_max(a) / 2)
        return 1;
    return a->keep_bytes >= keep_max(a) / 4 ? 2 : 3;
}

bool admission_keep(struct admission *a, unsigned uses, uint64_t bytes)
{
    if (uses < uses_wanted(a) || bytes > a->keep_bytes || overdrawn(a))
        return false;
    a->keep_bytes -= bytes;
    return true;
}

void admission_wrote(struct admission *a, uint64_t bytes)
{
    ghosts_pass(&a->seen, bytes);
    if (a->conf.budget_bytes_s != 0)
        a->budget_bytes -= (int64_t)bytes;
}

static void admission_move(struct admission *a, enum admission_level level, mono_ms now)
{
    a->level = level;
    a->moved_ms = now;
}

void admission_tick(struct admission *a, mono_ms now, bool round)
{
    uint64_t passed_ms = (uint64_t)(now - a->ticked_ms);
    int64_t burst = burst_bytes(a);

    if (passed_ms > TICK_MAX_MS)
        passed_ms = TICK_MAX_MS;
    a->ticked_ms = now;
    a->budget_bytes += (int64_t)(a->conf.budget_bytes_s * passed_ms / 1000);
    if (a->budget_bytes > burst)
        a->budget_bytes = burst;
    if (round && a->level < a->conf.floor)
        admission_move(a, a->conf.floor, now);
    if (round && a->level > a->conf.floor && a->conf.budget_bytes_s == 0)
        admission_move(a, a->conf.floor, now);
    if (now - a->moved_ms < SETTLE_MS)
        return;
    if (a->budget_bytes < 0 && a->level < ADMISSION_SCARCE)
        admission_move(a, a->level + 1, now);
    else if (a->budget_bytes > burst / 2 && a->level > (round ? a->conf.floor : ADMISSION_ALL))
        admission_move(a, a->level - 1, now);
}
