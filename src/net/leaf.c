#include "net/leaf.h"

#include <openssl/asn1.h>
#include <time.h>

/* One element of DER: takes it off *s; *body is what is in it. */
static bool take(struct span *s, int tag, int class, struct span *body)
{
    const unsigned char *p = (const unsigned char *)s->p, *start = p;
    int got_tag, got_class, ret;
    long n;

    if (s->n == 0 || s->n > INT32_MAX)
        return false;
    ret = ASN1_get_object(&p, &n, &got_tag, &got_class, (long)s->n);
    if ((ret & 0x81) != 0 || got_tag != tag || got_class != class)
        return false; /* broken, of unknown length (not DER), or another one */
    *body = span_make((const char *)p, (size_t)n);
    *s = span_from(*s, (size_t)(p - start) + (size_t)n);
    return true;
}

static bool take_universal(struct span *s, int tag, struct span *body)
{
    return take(s, tag, V_ASN1_UNIVERSAL, body);
}

static bool sequence(struct span *s, struct span *body)
{
    return take_universal(s, V_ASN1_SEQUENCE, body);
}

static bool take_time(struct span *s, wall_s *out)
{
    const unsigned char *p = (const unsigned char *)s->p;
    struct span body;
    struct tm tm;
    struct span whole = *s;
    ASN1_TIME *t;
    bool ok;

    if (!take_universal(s, V_ASN1_UTCTIME, &body) &&
        !take_universal(s, V_ASN1_GENERALIZEDTIME, &body))
        return false;
    t = d2i_ASN1_TIME(NULL, &p, (long)(whole.n - s->n));
    ok = t != NULL && ASN1_TIME_to_tm(t, &tm) == 1;
    ASN1_TIME_free(t);
    *out = ok ? (wall_s)timegm(&tm) : 0;
    return ok;
}

/* SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
static bool read_key(struct span spki, struct leaf *out)
{
    static const struct span rsa[] = {
        SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), /* rsaEncryption */
        SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), /* id-RSASSA-PSS */
    };
    struct span algorithm, oid, bits, numbers;

    if (!sequence(&spki, &algorithm) || !take_universal(&algorithm, V_ASN1_OBJECT, &oid) ||
        !take_universal(&spki, V_ASN1_BIT_STRING, &bits) || bits.n < 2 || bits.p[0] != 0)
        return false;
    out->public = span_from(bits, 1);
    out->rsa = span_eq(oid, rsa[0]) || span_eq(oid, rsa[1]);
    if (!out->rsa)
        return true;
    return sequence(&out->public, &numbers) &&
           take_universal(&numbers, V_ASN1_INTEGER, &out->public) && out->public.n > 1;
}

static void read_extension(struct span oid, struct span value, struct leaf *out)
{
    static const struct span subject_alt_name = SPAN("\x55\x1d\x11");
    static const struct span tls_feature = SPAN("\x2b\x06\x01\x05\x05\x07\x01\x18");
    struct span list, number;

    if (span_eq(oid, subject_alt_name)) {
        if (sequence(&value, &list))
            out->names = list;
    } else if (span_eq(oid, tls_feature) && sequence(&value, &list)) {
        while (take_universal(&list, V_ASN1_INTEGER, &number)) {
            if (span_eq(number, SPAN("\x05"))) /* status_request */
                out->must_staple = true;
        }
    }
}

static bool read_extensions(struct span tbs, struct leaf *out)
{
    struct span skipped, outer, list, one, oid, value;

    (void)(take(&tbs, 1, V_ASN1_CONTEXT_SPECIFIC, &skipped)); /* issuerUniqueID */
    (void)(take(&tbs, 2, V_ASN1_CONTEXT_SPECIFIC, &skipped)); /* subjectUniqueID */
    if (tbs.n == 0)
        return true;
    if (!take(&tbs, 3, V_ASN1_CONTEXT_SPECIFIC, &outer) || !sequence(&outer, &list))
        return false;
    while (list.n > 0) {
        if (!sequence(&list, &one) || !take_universal(&one, V_ASN1_OBJECT, &oid))
            return false;
        (void)(take_universal(&one, V_ASN1_BOOLEAN, &skipped)); /* critical */
        if (!take_universal(&one, V_ASN1_OCTET_STRING, &value))
            return false;
        read_extension(oid, value, out);
    }
    return true;
}

bool leaf_read(struct span der, struct leaf *out)
{
    struct span certificate, tbs, skipped, validity, spki;

    *out = (struct leaf){0};
    if (!sequence(&der, &certificate) || !sequence(&certificate, &tbs))
        return false;
    (void)(take(&tbs, 0, V_ASN1_CONTEXT_SPECIFIC, &skipped)); /* version */
    return take_universal(&tbs, V_ASN1_INTEGER, &skipped) &&  /* serialNumber */
           sequence(&tbs, &skipped) &&                        /* signature */
           sequence(&tbs, &skipped) &&                        /* issuer */
           sequence(&tbs, &validity) && take_time(&validity, &out->not_before) &&
           take_time(&validity, &out->not_after) && sequence(&tbs, &skipped) && /* subject */
           sequence(&tbs, &spki) && read_key(spki, out) && read_extensions(tbs, out);
}

bool leaf_next_name(struct span *names, struct span *name)
{
    enum { DNS_NAME = 2 };

    while (names->n > 0) {
        const unsigned char *p = (const unsigned char *)names->p, *start = p;
        int tag, class;
        long n;
        int ret = ASN1_get_object(&p, &n, &tag, &class, (long)names->n);

        if ((ret & 0x81) != 0)
            return false;
        *name = span_make((const char *)p, (size_t)n);
        *names = span_from(*names, (size_t)(p - start) + (size_t)n);
        if (class == V_ASN1_CONTEXT_SPECIFIC && tag == DNS_NAME && n > 0)
            return true;
    }
    return false;
}
