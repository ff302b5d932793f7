#include "cache/ghosts.h"

#include "base/check.h"

#include <stddef.h>

/*
 * A ghost is 16 bits of the fingerprint over 16 bits of time, in steps of 1/LIFE_STEPS of a life.
 * Time wraps after four lives, and a ghost that old which nobody overwrote may be taken for a young
 * one. That does little harm.
 */
enum { LIFE_STEPS = 1 << 14 };

static uint64_t step_of(const struct ghosts *g)
{
    uint64_t step = g->life_bytes / LIFE_STEPS;

    return step != 0 ? step : 1;
}

static uint16_t now_of(const struct ghosts *g)
{
    return (uint16_t)(g->passed_bytes / step_of(g));
}

static uint16_t age_of(uint32_t ghost, uint16_t now)
{
    return (uint16_t)(now - (uint16_t)ghost);
}

static uint32_t *set_of(const struct ghosts *g, uint64_t fingerprint)
{
    return g->places + ((fingerprint >> 32) * g->sets >> 32) * GHOSTS_WAYS;
}

static bool is_of(uint32_t ghost, uint64_t fingerprint)
{
    return ghost != 0 && ghost >> 16 == (fingerprint & 0xffff);
}

void ghosts_init(struct ghosts *g, uint32_t *places, uint64_t n, uint64_t life_bytes)
{
    check(n >= GHOSTS_WAYS && n / GHOSTS_WAYS <= UINT32_MAX);
    *g = (struct ghosts){
        .places = places,
        .sets = (uint32_t)(n / GHOSTS_WAYS),
        .life_bytes = life_bytes,
    };
}

/* The ghost of that fingerprint if it lives, or NULL. */
static uint32_t *ghosts_find(const struct ghosts *g, uint64_t fingerprint)
{
    uint32_t *set = set_of(g, fingerprint);
    uint16_t now = now_of(g);

    for (int i = 0; i < GHOSTS_WAYS; i++)
        if (is_of(set[i], fingerprint) && age_of(set[i], now) <= LIFE_STEPS)
            return &set[i];
    return NULL;
}

bool ghosts_have(const struct ghosts *g, uint64_t fingerprint)
{
    return ghosts_find(g, fingerprint) != NULL;
}

uint64_t ghosts_age(const struct ghosts *g, uint64_t fingerprint)
{
    const uint32_t *ghost = ghosts_find(g, fingerprint);

    return ghost != NULL ? age_of(*ghost, now_of(g)) * step_of(g) : UINT64_MAX;
}

bool ghosts_take(struct ghosts *g, uint64_t fingerprint)
{
    uint32_t *ghost = ghosts_find(g, fingerprint);

    if (ghost == NULL)
        return false;
    *ghost = 0;
    return true;
}

void ghosts_add(struct ghosts *g, uint64_t fingerprint)
{
    uint32_t *set = set_of(g, fingerprint);
    uint32_t *place = &set[0];
    uint16_t now = now_of(g);

    for (int i = 0; i < GHOSTS_WAYS; i++) {
        if (set[i] == 0 || is_of(set[i], fingerprint)) {
            place = &set[i];
            break;
        }
        if (age_of(set[i], now) > age_of(*place, now))
            place = &set[i];
    }
    *place = (uint32_t)(fingerprint & 0xffff) << 16 | now;
}
