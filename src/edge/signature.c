#include "edge/signature.h"

#include "base/check.h"
#include "http/uri.h"
#include "net/network.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

enum { MAC_BYTES = 32, SIG_TEXT = 2 * MAC_BYTES };

/* --- the parameters ------------------------------------------------------------------------- */

static struct span *place_of(struct signature *s, struct span name)
{
    if (!span_starts(name, SPAN("sig")))
        return NULL;
    if (span_eq(name, SPAN("sig")))
        return &s->sig;
    if (span_eq(name, SPAN("sig-expires")))
        return &s->expires;
    if (span_eq(name, SPAN("sig-key")))
        return &s->key;
    if (span_eq(name, SPAN("sig-prefix")))
        return &s->prefix;
    return span_eq(name, SPAN("sig-client")) ? &s->client : NULL;
}

struct span signature_take(
    struct arena *a, struct span query, bool *has_query, struct signature *out)
{
    char *text = arena_alloc(a, query.n + 1), *at = text;
    struct span rest = query, pair;
    bool any = false;

    *out = (struct signature){0};
    if (!*has_query)
        return query;
    if (rest.p == NULL)
        rest.p = ""; /* "/?": one piece, an empty one */
    while (span_cut(&rest, '&', &pair)) {
        size_t equals = span_find(pair, '=');
        struct span *place = place_of(out, span_make(pair.p, equals));

        if (place != NULL) {
            out->twice = out->twice || place->p != NULL;
            *place = equals < pair.n ? span_from(pair, equals + 1) : span_from(pair, pair.n);
            continue;
        }
        if (any)
            *at++ = '&';
        any = true;
        if (pair.n > 0)
            memcpy(at, pair.p, pair.n);
        at += pair.n;
    }
    *has_query = any;
    return any ? span_make(text, (size_t)(at - text)) : SPAN_EMPTY;
}

/* --- the code ------------------------------------------------------------------------------- */

/* With its digest, which takes longer to find than a code to compute; for the life of the process,
 * and only copied from. */
static EVP_MAC_CTX *hmac_sha256;
static pthread_once_t hmac_once = PTHREAD_ONCE_INIT;

static void find_hmac(void)
{
    static char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    check(hmac != NULL);
    hmac_sha256 = EVP_MAC_CTX_new(hmac);
    check(hmac_sha256 != NULL && EVP_MAC_CTX_set_params(hmac_sha256, params) == 1);
    EVP_MAC_free(hmac);
}

/* Of all of the text, in hexadecimal. */
static void code_of(struct span text, struct span secret, char out[SIG_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[MAC_BYTES];
    EVP_MAC_CTX *ctx;
    size_t n;

    pthread_once(&hmac_once, find_hmac);
    ctx = EVP_MAC_CTX_dup(hmac_sha256);
    check(ctx != NULL);
    check(EVP_MAC_init(ctx, (const unsigned char *)secret.p, secret.n, NULL) == 1);
    check(EVP_MAC_update(ctx, (const unsigned char *)text.p, text.n) == 1);
    check(EVP_MAC_final(ctx, mac, &n, sizeof(mac)) == 1 && n == sizeof(mac));
    EVP_MAC_CTX_free(ctx);
    for (unsigned i = 0; i < MAC_BYTES; i++) {
        out[2 * i] = digits[mac[i] >> 4];
        out[2 * i + 1] = digits[mac[i] & 15];
    }
}

static struct span line(struct arena *a, struct span text, struct span more)
{
    return arena_join(a, text, arena_join(a, more, SPAN("\n")));
}

/* What is signed. No part of it can hold a line end: all are in normal form, or were looked at. */
static struct span signed_text(
    const struct signature *s, const struct signed_request *r, struct arena *a)
{
    struct span text =
        s->prefix.p != NULL ? SPAN("selvage-url-1\nprefix\n") : SPAN("selvage-url-1\nexact\n");

    text = line(a, text, r->host);
    if (s->prefix.p != NULL)
        text = line(a, text, s->prefix);
    else if (r->has_query)
        text = line(a, text, arena_join(a, arena_join(a, r->path, SPAN("?")), r->query));
    else
        text = line(a, text, r->path);
    text = line(a, text, s->expires);
    text = line(a, text, s->key);
    return line(a, text, s->client);
}

void signature_make(struct signature *s, const struct signing_key *key,
    const struct signed_request *r, struct arena *a)
{
    char *text = arena_alloc(a, SIG_TEXT);

    s->key = key->id;
    code_of(signed_text(s, r, a), key->secret, text);
    s->sig = span_make(text, SIG_TEXT);
}

/* --- checking ------------------------------------------------------------------------------- */

bool signature_prefix_is_good(struct span prefix, struct arena *a)
{
    struct span normal;

    return span_starts(prefix, SPAN("/")) && span_ends(prefix, SPAN("/")) &&
           span_find(prefix, '%') == prefix.n && uri_path_normalise(a, prefix, 0, &normal) &&
           span_eq(prefix, normal);
}

/* Nobody reads another path out of this one. It is in normal form. */
static bool path_is_plain(struct span path)
{
    for (size_t i = 0; i < path.n; i++) {
        struct span rest = span_from(path, i);

        if (span_starts(rest, SPAN("%2F")) || span_starts(rest, SPAN("%5C")) ||
            span_starts(rest, SPAN("%25")) || span_starts(rest, SPAN("/..")))
            return false;
    }
    return true;
}

static bool is_read(const struct signature *s, uint64_t *expires)
{
    return s->sig.n == SIG_TEXT && s->key.n > 0 && s->key.n <= SIGNING_ID_MAX &&
           span_u64(s->expires, expires) && *expires <= INT64_MAX &&
           (s->expires.n == 1 || s->expires.p[0] != '0');
}

static const struct signing_key *find_key(const struct signing_keys *keys, struct span id)
{
    for (unsigned i = 0; i < keys->n; i++) {
        if (span_eq(keys->v[i].id, id))
            return &keys->v[i];
    }
    return NULL;
}

enum signature_end signature_check(const struct signature *s, const struct signing_keys *keys,
    const struct signed_request *r, wall_s now, struct arena *a)
{
    const struct signing_key *key;
    struct network network;
    char code[SIG_TEXT];
    uint64_t expires;

    if (s->sig.p == NULL && s->key.p == NULL && s->expires.p == NULL)
        return SIGNATURE_MISSING;
    if (s->twice)
        return SIGNATURE_AMBIGUOUS;
    if (!is_read(s, &expires))
        return SIGNATURE_MALFORMED;
    if (s->prefix.p != NULL && !signature_prefix_is_good(s->prefix, a))
        return SIGNATURE_MALFORMED;
    if (s->client.p != NULL && network_parse(s->client, &network) != NETWORK_OK)
        return SIGNATURE_MALFORMED;
    if (r->method != METHOD_GET && r->method != METHOD_HEAD && r->method != METHOD_OPTIONS)
        return SIGNATURE_METHOD;
    key = find_key(keys, s->key);
    if (key == NULL)
        return SIGNATURE_KEY;
    code_of(signed_text(s, r, a), key->secret, code);
    if (CRYPTO_memcmp(code, s->sig.p, SIG_TEXT) != 0)
        return SIGNATURE_WRONG;
    if ((uint64_t)now > expires)
        return SIGNATURE_EXPIRED;
    if (s->prefix.p != NULL && !span_starts(r->path, s->prefix))
        return SIGNATURE_PREFIX;
    if (s->prefix.p != NULL && !path_is_plain(r->path))
        return SIGNATURE_AMBIGUOUS;
    if (s->client.p != NULL && !network_has(&network, r->client))
        return SIGNATURE_CLIENT;
    return SIGNATURE_GOOD;
}

struct span signature_token(enum signature_end end)
{
    static const struct span tokens[] = {
        [SIGNATURE_GOOD] = SPAN(""),
        [SIGNATURE_MISSING] = SPAN("signature-missing"),
        [SIGNATURE_AMBIGUOUS] = SPAN("signature-ambiguous"),
        [SIGNATURE_MALFORMED] = SPAN("signature-malformed"),
        [SIGNATURE_METHOD] = SPAN("signature-method"),
        [SIGNATURE_KEY] = SPAN("signature-key"),
        [SIGNATURE_WRONG] = SPAN("signature-wrong"),
        [SIGNATURE_EXPIRED] = SPAN("signature-expired"),
        [SIGNATURE_PREFIX] = SPAN("signature-prefix"),
        [SIGNATURE_CLIENT] = SPAN("signature-client"),
    };

    return tokens[end];
}
