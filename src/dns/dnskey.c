#include "dns/dnskey.h"

#include "base/check.h"
#include "dns/name.h"
#include "dns/types.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

enum { PROTOCOL = 3, DIGEST_SHA256 = 2, SECRET_LEN = 32, FIELD_LEN = 32 };
enum { BASE64_MAX = 4 * ((DNSKEY_POINT_LEN + 2) / 3) };

/* --- what is derived ---------------------------------------------------------------------- */

void dnskey_rdata(const struct dnskey *k, uint8_t out[static DNSKEY_RDATA_LEN])
{
    out[0] = (uint8_t)(k->flags >> 8);
    out[1] = (uint8_t)k->flags;
    out[2] = PROTOCOL;
    out[3] = DNSKEY_ALGORITHM;
    memcpy(out + 4, k->point, DNSKEY_POINT_LEN);
}

/* RFC 4034 appendix B. */
static uint16_t tag_of(const struct dnskey *k)
{
    uint8_t rdata[DNSKEY_RDATA_LEN];
    uint32_t sum = 0;

    dnskey_rdata(k, rdata);
    for (size_t i = 0; i < sizeof(rdata); i++)
        sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
    return (uint16_t)(sum + (sum >> 16));
}

void dnskey_ds(
    const struct dnskey *k, const uint8_t *owner, size_t owner_n, uint8_t out[static DNSKEY_DS_LEN])
{
    uint8_t of[DNS_NAME_MAX + DNSKEY_RDATA_LEN];

    check(owner_n <= DNS_NAME_MAX);
    memcpy(of, owner, owner_n);
    dnskey_rdata(k, of + owner_n);
    out[0] = (uint8_t)(k->tag >> 8);
    out[1] = (uint8_t)k->tag;
    out[2] = DNSKEY_ALGORITHM;
    out[3] = DIGEST_SHA256;
    SHA256(of, owner_n + DNSKEY_RDATA_LEN, out + 4);
}

/* --- OpenSSL's side ----------------------------------------------------------------------- */

/* x and y of secret times the curve's generator. */
static bool point_of(const BIGNUM *secret, uint8_t out[static DNSKEY_POINT_LEN])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
    uint8_t octets[1 + DNSKEY_POINT_LEN];
    bool ok = point != NULL && BN_cmp(secret, EC_GROUP_get0_order(group)) < 0 &&
              EC_POINT_mul(group, point, secret, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets,
                  sizeof(octets), NULL) == sizeof(octets);

    if (ok)
        memcpy(out, octets + 1, DNSKEY_POINT_LEN);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return ok;
}

/* A key of the curve; `secret` may be NULL. NULL: the point is not on it, or memory is out. */
static EVP_PKEY *key_of(const BIGNUM *secret, const uint8_t point[static DNSKEY_POINT_LEN])
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    uint8_t octets[1 + DNSKEY_POINT_LEN] = {POINT_CONVERSION_UNCOMPRESSED};

    memcpy(octets + 1, point, DNSKEY_POINT_LEN);
    if (build != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets)) ==
            1 &&
        (secret == NULL || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1) &&
        (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(
            ctx, &key, secret != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

bool dnskey_generate(struct dnskey *k, bool sep)
{
    uint8_t octets[1 + DNSKEY_POINT_LEN];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    size_t n = 0;

    *k = (struct dnskey){.flags = DNSKEY_ZONE | (sep ? DNSKEY_SEP : 0)};
    if (key == NULL ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets), &n) !=
            1 ||
        n != sizeof(octets)) {
        EVP_PKEY_free(key);
        return false;
    }
    memcpy(k->point, octets + 1, DNSKEY_POINT_LEN);
    k->tag = tag_of(k);
    k->secret = key;
    return true;
}

void dnskey_free(struct dnskey *k)
{
    EVP_PKEY_free(k->secret);
    *k = (struct dnskey){0};
}

/* DER of two INTEGERs (RFC 3279 §2.2.3) to two fields of 32 bytes. */
static bool fields_of(const uint8_t *der, size_t n, uint8_t out[static DNSKEY_SIGNATURE_LEN])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, FIELD_LEN) == FIELD_LEN &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + FIELD_LEN, FIELD_LEN) == FIELD_LEN;

    ECDSA_SIG_free(sig);
    return ok;
}

enum { DER_MAX = 72 + 8 };

bool dnskey_sign(const struct dnskey *k, const uint8_t digest[static DNSKEY_DIGEST_LEN],
    uint8_t out[static DNSKEY_SIGNATURE_LEN])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->secret, NULL);
    uint8_t der[DER_MAX];
    size_t n = sizeof(der);
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_sign(ctx, der, &n, digest, DNSKEY_DIGEST_LEN) == 1 && fields_of(der, n, out);

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool dnskey_verify(const struct dnskey *k, const uint8_t digest[static DNSKEY_DIGEST_LEN],
    const uint8_t signature[static DNSKEY_SIGNATURE_LEN])
{
    EVP_PKEY *key = key_of(NULL, k->point);
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, FIELD_LEN, NULL);
    BIGNUM *s = BN_bin2bn(signature + FIELD_LEN, FIELD_LEN, NULL);
    uint8_t *der = NULL;
    bool ok = false;
    int n;

    if (ctx == NULL || sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        n = i2d_ECDSA_SIG(sig, &der);
        ok = n > 0 && EVP_PKEY_verify_init(ctx) == 1 &&
             EVP_PKEY_verify(ctx, der, (size_t)n, digest, DNSKEY_DIGEST_LEN) == 1;
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

/* --- base64 (RFC 4648 §4) ----------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly n bytes, spaces between the letters passed over. */
static bool base64_read(struct span text, uint8_t *out, size_t n)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t at = 0, letters = 0, pads = 0;

    for (size_t i = 0; i < text.n; i++) {
        int v = sextet(text.p[i]);

        if (is_space(text.p[i]))
            continue;
        letters++;
        if (text.p[i] == '=') {
            pads++;
            continue;
        }
        if (v < 0 || pads > 0)
            return false;
        bits = (bits & 0xffff) << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (at == n)
                return false;
            out[at++] = (uint8_t)(bits >> have);
        }
    }
    return at == n && letters % 4 == 0 && pads == (3 - n % 3) % 3 &&
           (bits & ((1u << have) - 1)) == 0;
}

/* --- the record as text ------------------------------------------------------------------- */

/* The next word of a line; empty at its end. */
static struct span word_cut(struct span *rest)
{
    struct span word;
    size_t from = 0, n = 0;

    while (from < rest->n && is_space(rest->p[from]))
        from++;
    word = span_from(*rest, from);
    while (n < word.n && !is_space(word.p[n]))
        n++;
    *rest = span_from(word, n);
    word.n = n;
    return word;
}

/* NULL: the line is a DNSKEY of algorithm 13; else what is wrong with it. */
static const char *record_read(struct span line, struct dnskey *k, struct dns_name *owner)
{
    struct span rest = line, word = word_cut(&rest);
    uint64_t flags, protocol, algorithm, ttl;

    if (dns_name_parse(word, NULL, owner) != NULL)
        return "the record does not begin with a name";
    dns_name_lower(owner->wire, owner->wire, owner->n);
    word = word_cut(&rest);
    if (span_u64(word, &ttl))
        word = word_cut(&rest);
    if (span_ieq(word, SPAN("IN")))
        word = word_cut(&rest);
    if (!span_ieq(word, SPAN("DNSKEY")))
        return "there is no DNSKEY record in it";
    if (!span_u64(word_cut(&rest), &flags) || !span_u64(word_cut(&rest), &protocol) ||
        !span_u64(word_cut(&rest), &algorithm) || flags > UINT16_MAX)
        return "behind DNSKEY stand three numbers: flags, protocol and algorithm";
    if (protocol != PROTOCOL || algorithm != DNSKEY_ALGORITHM)
        return "the key is not of algorithm 13 (ECDSAP256SHA256), the only one that we sign with";
    if ((flags & DNSKEY_ZONE) == 0)
        return "the flags say that this is no zone's key";
    if ((flags & DNSKEY_REVOKE) != 0)
        return "the key is revoked";
    if (!base64_read(rest, k->point, DNSKEY_POINT_LEN))
        return "the key is not 64 bytes in base64";
    k->flags = (uint16_t)flags;
    return NULL;
}

bool dnskey_read_record(struct span text, struct dnskey *k, uint8_t owner[static 255],
    size_t *owner_n, const char **why)
{
    struct dns_name name;
    struct span line;
    bool found = false;

    *k = (struct dnskey){0};
    *why = "there is no DNSKEY record in it";
    while (span_cut(&text, '\n', &line)) {
        line = span_trim(line);
        if (line.n == 0 || line.p[0] == ';')
            continue;
        *why = found ? "there is more than one record in it" : record_read(line, k, &name);
        if (*why != NULL)
            return false;
        found = true;
    }
    if (!found)
        return false;
    k->tag = tag_of(k);
    memcpy(owner, name.wire, name.n);
    *owner_n = name.n;
    return true;
}

static bool put_base64(struct buf *out, const uint8_t *p, size_t n)
{
    char text[BASE64_MAX + 1];
    int written = EVP_EncodeBlock((unsigned char *)text, p, (int)n);

    check(written > 0 && written <= BASE64_MAX);
    return buf_append(out, span_make(text, (size_t)written));
}

bool dnskey_write_record(const struct dnskey *k, struct span owner, struct buf *out)
{
    return buf_printf(out, "%.*s IN DNSKEY %u %d %d ", SPAN_ARG(owner), k->flags, PROTOCOL,
               DNSKEY_ALGORITHM) &&
           put_base64(out, k->point, DNSKEY_POINT_LEN) && buf_append(out, SPAN("\n"));
}

/* --- the secret as text ------------------------------------------------------------------- */

/* The value behind "Name: ", or p == NULL. */
static struct span field_of(struct span text, struct span name)
{
    struct span line;

    while (span_cut(&text, '\n', &line)) {
        if (span_istarts(line, name) && line.n > name.n && line.p[name.n] == ':')
            return span_trim(span_from(line, name.n + 1));
    }
    return SPAN_EMPTY;
}

bool dnskey_read_secret(struct span text, struct dnskey *k, const char **why)
{
    struct span format = field_of(text, SPAN("Private-key-format"));
    struct span algorithm = field_of(text, SPAN("Algorithm"));
    uint8_t secret[SECRET_LEN], point[DNSKEY_POINT_LEN];
    BIGNUM *number;
    uint64_t code;

    *why = NULL;
    if (!span_starts(format, SPAN("v1.")))
        *why = "it does not begin with \"Private-key-format: v1.\"";
    else if (!span_u64(word_cut(&algorithm), &code) || code != DNSKEY_ALGORITHM)
        *why = "the key is not of algorithm 13 (ECDSAP256SHA256), the only one that we sign with";
    else if (!base64_read(field_of(text, SPAN("PrivateKey")), secret, SECRET_LEN))
        *why = "behind \"PrivateKey:\" do not stand 32 bytes in base64";
    if (*why != NULL)
        return false;
    number = BN_bin2bn(secret, SECRET_LEN, NULL);
    OPENSSL_cleanse(secret, sizeof(secret));
    if (number == NULL || !point_of(number, point) ||
        memcmp(point, k->point, DNSKEY_POINT_LEN) != 0)
        *why = "the secret does not belong to the DNSKEY record";
    else if ((k->secret = key_of(number, point)) == NULL)
        *why = "OpenSSL does not take the secret";
    BN_clear_free(number);
    return *why == NULL;
}

bool dnskey_write_secret(const struct dnskey *k, struct buf *out)
{
    uint8_t secret[SECRET_LEN];
    BIGNUM *number = NULL;
    bool ok = EVP_PKEY_get_bn_param(k->secret, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
              BN_bn2binpad(number, secret, SECRET_LEN) == SECRET_LEN &&
              buf_append(out, SPAN("Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n"
                                   "PrivateKey: ")) &&
              put_base64(out, secret, SECRET_LEN) && buf_append(out, SPAN("\n"));

    BN_clear_free(number);
    OPENSSL_cleanse(secret, sizeof(secret));
    return ok;
}
