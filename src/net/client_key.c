#include "net/client_key.h"

#include <arpa/inet.h>

/* Of IPv4: in ff00::/8, from where no client comes. */
static uint64_t key_of_v4(uint32_t ip)
{
    return 0xff00ULL << 48 | ip;
}

bool client_key(const struct addr *a, uint64_t *key)
{
    const unsigned char *b;

    switch (addr_family(a)) {
    case AF_INET:
        *key = key_of_v4(ntohl(a->in.sin_addr.s_addr));
        return true;
    case AF_INET6:
        b = a->in6.sin6_addr.s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
            *key = key_of_v4(
                (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15]);
            return true;
        }
        *key = 0;
        for (unsigned i = 0; i < 8; i++)
            *key = *key << 8 | b[i];
        return true;
    default:
        return false;
    }
}
