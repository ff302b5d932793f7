#include "base/check.h"
#include "dns/rdata.h"
#include "dns/svcb.h"
#include "dns/wire.h"
#include "dns/words.h"

#include <sys/socket.h>

enum {
    STRING_MAX = 255, /* RFC 1035 §3.3 */
    DIGESTS_MAX = 5,
};

/* The words of one record on their way to the wire. Each take_*() uses up one word; what is
 * written stays within DNS_RDATA_MAX. */
struct taking {
    const struct span *words;
    size_t words_n;
    const struct dns_name *origin;
    uint8_t *out;
    size_t at;
    struct dns_why *why;
};

static struct span next_word(struct taking *t)
{
    t->words_n--;
    return *t->words++;
}

static bool room(struct taking *t, size_t n)
{
    if (DNS_RDATA_MAX - t->at < n)
        return word_wrong(t->why, "a record is at most %d bytes long", DNS_RDATA_MAX);
    return true;
}

static bool take_name(struct taking *t, const char *what)
{
    struct span word = next_word(t);
    struct dns_name name;
    const char *wrong = dns_name_parse(word, t->origin, &name);

    if (wrong != NULL)
        return word_wrong(t->why, "%s \"%.*s\" %s", what, WORD_SHOW(word), wrong);
    if (!room(t, name.n))
        return false;
    memcpy(t->out + t->at, name.wire, name.n);
    t->at += name.n;
    return true;
}

/* A number of 1, 2 or 4 bytes. */
static bool take_number(struct taking *t, const char *what, unsigned bytes)
{
    uint64_t n;

    if (!word_number(next_word(t), what, (UINT64_C(1) << 8 * bytes) - 1, &n, t->why) ||
        !room(t, bytes))
        return false;
    while (bytes-- > 0)
        t->out[t->at++] = (uint8_t)(n >> 8 * bytes);
    return true;
}

static bool take_seconds(struct taking *t, const char *what)
{
    uint32_t n;

    if (!word_seconds(next_word(t), what, &n, t->why) || !room(t, sizeof(n)))
        return false;
    put32(t->out + t->at, n);
    t->at += sizeof(n);
    return true;
}

static bool take_address(struct taking *t, int family)
{
    if (!word_address(next_word(t), family, t->out + t->at, t->why))
        return false;
    t->at += family == AF_INET ? 4 : 16;
    return true;
}

static bool take_soa(struct taking *t)
{
    return take_name(t, "the primary server") && take_name(t, "the mailbox") &&
           take_number(t, "serial", 4) && take_seconds(t, "refresh") && take_seconds(t, "retry") &&
           take_seconds(t, "expire") && take_seconds(t, "minimum");
}

/* One word, in as many strings as it needs. */
static bool take_text(struct taking *t)
{
    struct span word = next_word(t);
    uint8_t *bytes;
    size_t n, at = 0;

    /* Decoded to where it ends up, behind room for the lengths, and then moved down. */
    if (!room(t, word.n + word.n / STRING_MAX + 1))
        return false;
    bytes = t->out + DNS_RDATA_MAX - word.n;
    if (!word_unescape(word, bytes, &n, t->why))
        return false;
    do {
        size_t part = n - at < STRING_MAX ? n - at : STRING_MAX;

        t->out[t->at++] = (uint8_t)part;
        memmove(t->out + t->at, bytes + at, part);
        t->at += part;
        at += part;
    } while (at < n);
    return true;
}

static bool take_texts(struct taking *t)
{
    while (t->words_n > 0) {
        if (!take_text(t))
            return false;
    }
    return true;
}

/* RFC 8659 §4.1 */
static bool take_caa(struct taking *t)
{
    struct span tag, value;
    size_t n;

    if (!take_number(t, "flags", 1))
        return false;
    tag = next_word(t);
    value = next_word(t);
    if (tag.n == 0 || tag.n > STRING_MAX)
        return word_wrong(
            t->why, "\"%.*s\" is no tag: issue, issuewild, iodef, ...", WORD_SHOW(tag));
    if (!room(t, 1 + tag.n + value.n))
        return false;
    t->out[t->at] = (uint8_t)tag.n;
    memcpy(t->out + t->at + 1, tag.p, tag.n);
    t->at += 1 + tag.n;
    if (!word_unescape(value, t->out + t->at, &n, t->why))
        return false;
    t->at += n;
    return true;
}

/* The rest of the words together, so that long ones may be broken. */
static bool take_hex(struct taking *t)
{
    while (t->words_n > 0) {
        size_t n;

        if (!word_hex(next_word(t), t->out + t->at, DNS_RDATA_MAX - t->at, &n, t->why))
            return false;
        t->at += n;
    }
    return true;
}

/* RFC 4034 §5.1; the length of the digests that we know (RFC 4509, 6605) is checked. */
static bool take_ds(struct taking *t)
{
    static const uint8_t digest_bytes[DIGESTS_MAX] = {[1] = 20, [2] = 32, [4] = 48};
    size_t start = t->at, n;
    unsigned kind;

    if (!take_number(t, "key tag", 2) || !take_number(t, "algorithm", 1) ||
        !take_number(t, "digest type", 1) || !take_hex(t))
        return false;
    kind = t->out[start + 3];
    n = t->at - start - 4;
    if (kind < DIGESTS_MAX && digest_bytes[kind] != 0 && n != digest_bytes[kind])
        return word_wrong(
            t->why, "a digest of type %u has %u bytes, not %zu", kind, digest_bytes[kind], n);
    return true;
}

/* RFC 9460 §2.1, §2.4.2 */
static bool take_svcb(struct taking *t)
{
    size_t start = t->at, n;

    if (!take_number(t, "priority", 2) || !take_name(t, "the target"))
        return false;
    if (get16(t->out + start) == 0 && t->words_n > 0)
        return word_wrong(t->why, "priority 0 is an alias, which has no parameters");
    if (!dns_svcb_parse(t->words, t->words_n, t->out + t->at, DNS_RDATA_MAX - t->at, &n, t->why))
        return false;
    t->at += n;
    t->words_n = 0;
    return true;
}

/* RFC 3597 §5: \# LENGTH HEX... */
static bool take_generic(struct taking *t, uint16_t type)
{
    char word[DNS_WORD];
    uint64_t n;

    (void)next_word(t);
    if (!word_number(next_word(t), "length", DNS_RDATA_MAX, &n, t->why) || !take_hex(t))
        return false;
    if (t->at != n)
        return word_wrong(
            t->why, "%zu bytes of data where %llu were said to be", t->at, (unsigned long long)n);
    if (!dns_rdata_check(type, t->out, t->at))
        return word_wrong(t->why, "that is no data of type %s", dns_type_text(type, word));
    return true;
}

/* How many words a type has, and how to say them. */
static const struct form {
    uint16_t type;
    uint8_t min;
    bool more; /* than min */
    const char *words;
} forms[] = {
    {DNS_A, 1, false, "ADDRESS"},
    {DNS_AAAA, 1, false, "ADDRESS"},
    {DNS_NS, 1, false, "NAME"},
    {DNS_CNAME, 1, false, "NAME"},
    {DNS_PTR, 1, false, "NAME"},
    {DNS_SOA, 7, false, "SERVER MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM"},
    {DNS_MX, 2, false, "PREFERENCE NAME"},
    {DNS_TXT, 1, true, "TEXT..."},
    {DNS_SRV, 4, false, "PRIORITY WEIGHT PORT NAME"},
    {DNS_CAA, 3, false, "FLAGS TAG VALUE"},
    {DNS_DS, 4, true, "KEY-TAG ALGORITHM DIGEST-TYPE DIGEST"},
    {DNS_SVCB, 2, true, "PRIORITY TARGET PARAMETER..."},
    {DNS_HTTPS, 2, true, "PRIORITY TARGET PARAMETER..."},
};

static const struct form *find_form(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (forms[i].type == type)
            return &forms[i];
    }
    return NULL;
}

static bool take_record(struct taking *t, uint16_t type)
{
    switch (type) {
    case DNS_A:
        return take_address(t, AF_INET);
    case DNS_AAAA:
        return take_address(t, AF_INET6);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
        return take_name(t, "the name");
    case DNS_SOA:
        return take_soa(t);
    case DNS_MX:
        return take_number(t, "preference", 2) && take_name(t, "the name");
    case DNS_TXT:
        return take_texts(t);
    case DNS_SRV:
        return take_number(t, "priority", 2) && take_number(t, "weight", 2) &&
               take_number(t, "port", 2) && take_name(t, "the name");
    case DNS_CAA:
        return take_caa(t);
    case DNS_DS:
        return take_ds(t);
    case DNS_SVCB:
    case DNS_HTTPS:
        return take_svcb(t);
    default: /* not in forms[] */
        check(false);
    }
}

bool dns_rdata_parse(uint16_t type, const struct span *words, size_t words_n,
    const struct dns_name *origin, uint8_t out[static DNS_RDATA_MAX], size_t *n,
    struct dns_why *why)
{
    struct taking t = {
        .words = words, .words_n = words_n, .origin = origin, .out = out, .why = why};
    const struct form *form = find_form(type);
    char word[DNS_WORD];

    dns_type_text(type, word);
    if (words_n >= 2 && span_eq(words[0], SPAN("\\#"))) {
        if (!take_generic(&t, type))
            return false;
    } else if (form == NULL) {
        return word_wrong(why, "%s is written as \\# LENGTH HEX (RFC 3597)", word);
    } else if (words_n < form->min || (words_n > form->min && !form->more)) {
        return word_wrong(why, "%s takes %s", word, form->words);
    } else if (!take_record(&t, type)) {
        return false;
    }
    if (!dns_rdata_check(type, out, t.at))
        return word_wrong(why, "that is no data of type %s", word);
    *n = t.at;
    return true;
}
