/* wire.h - numbers as they stand in messages: big-endian, unaligned. Pure; any thread. */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return be16toh(v);
}

static inline uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

/* Both return what stands behind. */
static inline uint8_t *put16(uint8_t *p, unsigned v)
{
    uint16_t wire = htobe16((uint16_t)v);

    memcpy(p, &wire, sizeof(wire));
    return p + sizeof(wire);
}

static inline uint8_t *put32(uint8_t *p, uint32_t v)
{
    uint32_t wire = htobe32(v);

    memcpy(p, &wire, sizeof(wire));
    return p + sizeof(wire);
}

#endif
