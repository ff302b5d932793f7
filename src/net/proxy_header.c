#include "net/proxy_header.h"

#include <arpa/inet.h>

static enum proxy_parsed bad(const char **why, const char *because)
{
    *why = because;
    return PROXY_BAD;
}

/* --- version 1: a line of text (§2.1) ------------------------------------------------------ */

#define V1_BEGIN SPAN("PROXY ")

/* 0 to 65535, no leading zeros. */
static bool read_port(struct span s, unsigned *port)
{
    uint64_t n;

    if (!span_u64(s, &n) || n > 65535 || (s.n > 1 && s.p[0] == '0'))
        return false;
    *port = (unsigned)n;
    return true;
}

/* Exactly of that family, in the form of inet_pton(): no brackets, no scope. */
static bool read_ip(struct span s, int family, unsigned port, struct addr *out)
{
    char text[INET6_ADDRSTRLEN];

    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (strlen(text) != s.n)
        return false;
    *out = (struct addr){0};
    if (family == AF_INET) {
        out->in.sin_family = AF_INET;
        out->len = sizeof(out->in);
        if (inet_pton(AF_INET, text, &out->in.sin_addr) != 1)
            return false;
    } else {
        out->in6.sin6_family = AF_INET6;
        out->len = sizeof(out->in6);
        if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1)
            return false;
    }
    addr_set_port(out, port);
    return true;
}

/* What stands behind "PROXY ", up to the end of the line. */
static bool read_line(struct span line, struct proxy_header *out)
{
    struct span word[5], rest = line;
    unsigned client_port, local_port;
    int family;

    /* "UNKNOWN" alone, or with a rest that is to be ignored. */
    if (span_eq(line, SPAN("UNKNOWN")) || span_starts(line, SPAN("UNKNOWN "))) {
        out->own = true;
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(word); i++) {
        if (!span_cut(&rest, ' ', &word[i]))
            return false;
    }
    if (rest.p != NULL)
        return false;
    if (span_eq(word[0], SPAN("TCP4")))
        family = AF_INET;
    else if (span_eq(word[0], SPAN("TCP6")))
        family = AF_INET6;
    else
        return false;
    return read_port(word[3], &client_port) && read_port(word[4], &local_port) &&
           read_ip(word[1], family, client_port, &out->client) &&
           read_ip(word[2], family, local_port, &out->local);
}

static enum proxy_parsed parse_v1(struct span in, struct proxy_header *out, const char **why)
{
    size_t end = span_find(in, '\n');

    if (end == in.n)
        return in.n < PROXY_V1_MAX ? PROXY_MORE : bad(why, "its line is longer than any");
    if (end >= PROXY_V1_MAX)
        return bad(why, "its line is longer than any");
    if (in.p[end - 1] != '\r')
        return bad(why, "its line does not end with CR LF");
    if (!read_line(span_make(in.p + V1_BEGIN.n, end - 1 - V1_BEGIN.n), out))
        return bad(why, "its line says nothing that version 1 knows");
    out->used = end + 1;
    return PROXY_OK;
}

/* --- version 2: binary (§2.2) -------------------------------------------------------------- */

#define V2_BEGIN SPAN("\r\n\r\n\0\r\nQUIT\n")

enum { V2_LOCAL = 0, V2_PROXY = 1 };
enum { V2_INET = 1, V2_INET6 = 2, V2_UNIX = 3 };
enum { V2_STREAM = 1, V2_DGRAM = 2 };
enum { TLV_HEAD = 3, TLV_CRC32C = 3 };
enum { UNIX_PATH = 108 };

static unsigned u16_at(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* CRC-32C (RFC 9260 appendix A), four bits at a time; the four bytes at `hole` count as zeros. */
static uint32_t crc32c(const unsigned char *p, size_t n, size_t hole)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc,
        0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Whether the TLVs from `at` on fill the header, and the checksum among them is right (§2.2.3). */
static bool tlvs_right(const unsigned char *header, size_t at, size_t end)
{
    bool summed = false;

    while (at < end) {
        size_t n;

        if (end - at < TLV_HEAD)
            return false;
        n = u16_at(header + at + 1);
        if (end - at - TLV_HEAD < n)
            return false;
        if (header[at] == TLV_CRC32C) {
            const unsigned char *v = header + at + TLV_HEAD;

            if (n != 4 || summed)
                return false;
            summed = true;
            if (crc32c(header, end, at + TLV_HEAD) != ((uint32_t)u16_at(v) << 16 | u16_at(v + 2)))
                return false;
        }
        at += TLV_HEAD + n;
    }
    return true;
}

static struct addr v4_addr(const unsigned char *ip, const unsigned char *port)
{
    struct addr a = {.in = {.sin_family = AF_INET}, .len = sizeof(a.in)};

    memcpy(&a.in.sin_addr, ip, 4);
    memcpy(&a.in.sin_port, port, 2);
    return a;
}

static struct addr v6_addr(const unsigned char *ip, const unsigned char *port)
{
    struct addr a = {.in6 = {.sin6_family = AF_INET6}, .len = sizeof(a.in6)};

    memcpy(&a.in6.sin6_addr, ip, 16);
    memcpy(&a.in6.sin6_port, port, 2);
    return a;
}

/* A path with its end, or nothing (a socket without a name, or an abstract one). */
static bool unix_addr(const unsigned char *path, struct addr *out)
{
    size_t n = strnlen((const char *)path, UNIX_PATH);

    if (n >= sizeof(out->un.sun_path))
        return false;
    *out = (struct addr){.un = {.sun_family = AF_UNIX}};
    memcpy(out->un.sun_path, path, n);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (n > 0 ? n + 1 : 0));
    return true;
}

/* The addresses; returns how many bytes of them there are, or SIZE_MAX for what is wrong. */
static size_t read_addresses(
    unsigned family, unsigned protocol, struct span s, struct proxy_header *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n;

    switch (family) {
    case V2_INET:
        n = 12;
        break;
    case V2_INET6:
        n = 36;
        break;
    case V2_UNIX:
        n = 2 * (size_t)UNIX_PATH;
        break;
    default:
        return SIZE_MAX;
    }
    if (s.n < n || (protocol != V2_STREAM && protocol != V2_DGRAM))
        return SIZE_MAX;
    out->datagrams = protocol == V2_DGRAM;
    if (family == V2_INET) {
        out->client = v4_addr(p, p + 8);
        out->local = v4_addr(p + 4, p + 10);
    } else if (family == V2_INET6) {
        out->client = v6_addr(p, p + 32);
        out->local = v6_addr(p + 16, p + 34);
    } else if (!unix_addr(p, &out->client) || !unix_addr(p + UNIX_PATH, &out->local)) {
        return SIZE_MAX;
    }
    return n;
}

static enum proxy_parsed parse_v2(struct span in, struct proxy_header *out, const char **why)
{
    const unsigned char *p = (const unsigned char *)in.p;
    unsigned command, family, protocol;
    size_t n, addresses;

    if (in.n > 12 && p[12] != (0x20 | V2_LOCAL) && p[12] != (0x20 | V2_PROXY))
        return bad(why, "neither LOCAL nor PROXY of version 2");
    if (in.n < PROXY_V2_HEAD)
        return PROXY_MORE;
    command = p[12] & 15;
    family = p[13] >> 4;
    protocol = p[13] & 15;
    n = u16_at(p + 14);
    if (n > PROXY_V2_REST_MAX)
        return bad(why, "it is longer than any that is taken");
    if (in.n < PROXY_V2_HEAD + n)
        return PROXY_MORE;
    out->used = PROXY_V2_HEAD + n;
    /* With both of these everything up to the length is to be ignored. */
    if (command == V2_LOCAL || (family == 0 && protocol == 0)) {
        out->own = true;
        return PROXY_OK;
    }
    addresses = read_addresses(family, protocol, span_make(in.p + PROXY_V2_HEAD, n), out);
    if (addresses == SIZE_MAX)
        return bad(why, "its addresses are of no family, or too short");
    if (!tlvs_right(p, PROXY_V2_HEAD + addresses, out->used))
        return bad(why, "what follows its addresses is malformed, or its checksum is wrong");
    return PROXY_OK;
}

/* --- either -------------------------------------------------------------------------------- */

/* Whether `in` is a beginning of `of`, or the other way round. */
static bool agrees(struct span in, struct span of)
{
    return memcmp(in.p, of.p, in.n < of.n ? in.n : of.n) == 0;
}

enum proxy_parsed proxy_header_parse(struct span in, struct proxy_header *out, const char **why)
{
    *out = (struct proxy_header){0};
    if (in.n == 0)
        return PROXY_MORE;
    if (agrees(in, V2_BEGIN)) {
        enum proxy_parsed parsed = in.n <= V2_BEGIN.n ? PROXY_MORE : parse_v2(in, out, why);

        out->own |= out->datagrams; /* valid, but not of this connection */
        return parsed;
    }
    if (agrees(in, V1_BEGIN))
        return in.n <= V1_BEGIN.n ? PROXY_MORE : parse_v1(in, out, why);
    return bad(why, "there is none");
}

enum proxy_parsed proxy_header_parse_datagram(
    struct span in, struct proxy_header *out, const char **why)
{
    enum proxy_parsed parsed;

    *out = (struct proxy_header){0};
    if (in.n <= V2_BEGIN.n || !agrees(in, V2_BEGIN))
        return bad(why, "there is none of version 2");
    parsed = parse_v2(in, out, why);
    return parsed == PROXY_MORE ? bad(why, "it is cut short") : parsed;
}
