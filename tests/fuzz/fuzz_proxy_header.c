/*
 * Whatever is decided of some bytes is decided of no fewer of them otherwise: a beginning of a good
 * header wants more, and what is bad stays bad when more comes.
 */
#include "base/check.h"
#include "net/proxy_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum proxy_parsed parse(const uint8_t *data, size_t n, struct proxy_header *h)
{
    const char *why = NULL;
    enum proxy_parsed got = proxy_header_parse(span_make((const char *)data, n), h, &why);

    check((got == PROXY_BAD) == (why != NULL));
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_header h, shorter;
    char text[ADDR_TEXT];
    enum proxy_parsed got = parse(data, n, &h);

    switch (got) {
    case PROXY_MORE:
        check(n < PROXY_HEADER_MAX);
        break;
    case PROXY_OK:
        check(h.used <= n && h.used <= PROXY_HEADER_MAX);
        for (size_t k = 0; k < h.used && k < 300; k++)
            check(parse(data, k, &shorter) == PROXY_MORE);
        check(parse(data, h.used, &shorter) == PROXY_OK && shorter.used == h.used);
        if (!h.own) {
            check(addr_text(&h.client, text) == text);
            check(addr_family(&h.client) == addr_family(&h.local));
        }
        break;
    case PROXY_BAD:
        for (size_t k = 0; k < n && k < 300; k++)
            check(parse(data, k, &shorter) != PROXY_OK);
        break;
    }
    return 0;
}
