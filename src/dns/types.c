#include "dns/types.h"

#include <stdio.h>

struct word {
    struct span text;
    uint16_t code;
};

static const struct word type_words[] = {
#define DNS_TYPE(word, code) {SPAN(#word), (code)},
#include "dns/types.tbl"
#undef DNS_TYPE
};

static const struct word rcode_words[] = {
#define DNS_RCODE(word, code) {SPAN(#word), (code)},
#include "dns/rcodes.tbl"
#undef DNS_RCODE
};

bool dns_type_parse(struct span word, uint16_t *type)
{
    const struct span generic = SPAN("TYPE");
    uint64_t n;

    for (size_t i = 0; i < ARRAY_LEN(type_words); i++) {
        if (span_ieq(word, type_words[i].text)) {
            *type = type_words[i].code;
            return true;
        }
    }
    if (!span_istarts(word, generic) || !span_u64(span_from(word, generic.n), &n) || n > 65535)
        return false;
    *type = (uint16_t)n;
    return true;
}

/* The code's word, or `generic` with the number behind it. */
static char *text_of(
    const struct word *words, size_t n, unsigned code, const char *generic, char dst[DNS_WORD])
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].code == code)
            return span_cstr(words[i].text, dst, DNS_WORD);
    }
    snprintf(dst, DNS_WORD, "%s%u", generic, code & 0xffff);
    return dst;
}

char *dns_type_text(unsigned type, char dst[DNS_WORD])
{
    return text_of(type_words, ARRAY_LEN(type_words), type, "TYPE", dst);
}

char *dns_rcode_text(unsigned rcode, char dst[DNS_WORD])
{
    return text_of(rcode_words, ARRAY_LEN(rcode_words), rcode, "RCODE", dst);
}
