/* tls_error.c - what went wrong with TLS, in a sentence for operators and a kind for counters. */
#include "base/check.h"
#include "net/error.h"
#include "net/tls_stream_impl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHY_BYTES = 256 };

/* Where OpenSSL's words say little to who did not write it. */
static const struct {
    int reason;
    enum tls_failure failure;
    const char *why;
} known[] = {
    {SSL_R_HTTP_REQUEST, TLS_FAILURE_HTTP, "plain HTTP came where TLS is spoken"},
    {SSL_R_HTTPS_PROXY_REQUEST, TLS_FAILURE_HTTP,
        "a plain CONNECT for a proxy came where TLS is spoken"},
    {SSL_R_WRONG_VERSION_NUMBER, TLS_FAILURE_NOT_TLS, "what came is not TLS"},
    {SSL_R_UNEXPECTED_MESSAGE, TLS_FAILURE_OTHER, "a TLS message came out of turn"},
    {SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_VERSION,
        "the peer speaks no version of TLS that we do"},
    {SSL_R_VERSION_TOO_LOW, TLS_FAILURE_VERSION, "the peer's version of TLS is too old"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, TLS_FAILURE_VERSION, "no version of TLS is left to speak"},
    {SSL_R_UNKNOWN_PROTOCOL, TLS_FAILURE_NOT_TLS, "what came is not TLS"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAILURE_VERSION,
        "the peer speaks no version of TLS that we do (alert protocol_version)"},
    {SSL_R_NO_SHARED_CIPHER, TLS_FAILURE_PARAMETERS, "no cipher in common with the peer"},
    {SSL_R_NO_SHARED_GROUPS, TLS_FAILURE_PARAMETERS,
        "no key exchange group in common with the peer"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, TLS_FAILURE_PARAMETERS,
        "no key exchange group in common with the peer"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_FAILURE_PARAMETERS,
        "no signature algorithm in common with the peer"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_FAILURE_PARAMETERS,
        "no signature algorithm in common with the peer"},
    {SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILURE_PARAMETERS,
        "no application protocol (ALPN) in common with the peer"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_FAILURE_REFUSED,
        "the peer wants a certificate of ours (alert certificate required)"},
    {SSL_R_NO_RENEGOTIATION, TLS_FAILURE_OTHER,
        "the peer wants to renegotiate, which we do not do"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILURE_CERTIFICATE,
        "the peer has sent no certificate"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TLS_FAILURE_OTHER,
        "a TLS record was changed on its way, or is none"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, TLS_FAILURE_ENDED, "the connection was closed too early"},
};

/* Alerts that the peer sent are reasons of this size (ssl.h). */
static bool is_alert(int reason)
{
    return reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255;
}

static PRINTF(3, 4) void set_why(
    struct tls_stream *t, enum tls_failure failure, const char *fmt, ...)
{
    va_list ap;

    if (t->text == NULL)
        t->text = xmalloc(WHY_BYTES);
    va_start(ap, fmt);
    vsnprintf(t->text, WHY_BYTES, fmt, ap);
    va_end(ap);
    t->failure = failure;
    t->why = t->text;
}

/* Which certificate, if the chain was kept by whoever verified it, is theirs to tell. */
static void certificate_failed(struct tls_stream *t)
{
    long verdict = SSL_get_verify_result(t->ssl);

    set_why(t, TLS_FAILURE_CERTIFICATE, "the peer's certificate is not to be trusted: %s",
        X509_verify_cert_error_string(verdict));
}

/* The first one says what was wrong, those behind it what that was for. */
static unsigned long take_error(void)
{
    unsigned long first = 0, e;

    while ((e = ERR_get_error()) != 0) {
        if (first == 0 || (ERR_GET_LIB(first) != ERR_LIB_SSL && ERR_GET_LIB(e) == ERR_LIB_SSL))
            first = e;
    }
    return first;
}

static void explain(struct tls_stream *t, unsigned long e)
{
    int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
    const char *text = ERR_reason_error_string(e);

    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        certificate_failed(t);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (reason == known[i].reason) {
            t->failure = known[i].failure;
            t->why = known[i].why;
            return;
        }
    }
    if (is_alert(reason))
        set_why(t, TLS_FAILURE_REFUSED, "the peer refused: alert %s",
            SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    else
        set_why(t, TLS_FAILURE_OTHER, "TLS failed: %s", text != NULL ? text : "no reason given");
}

void tls_broken(struct tls_stream *t)
{
    t->end = TLS_BROKEN;
    t->stream->error = EPROTO;
    explain(t, take_error());
}

void tls_broken_by(struct tls_stream *t, enum tls_failure failure, const char *why)
{
    ERR_clear_error();
    t->end = TLS_BROKEN;
    t->stream->error = EPROTO;
    t->failure = failure;
    t->why = why;
}

void tls_broken_socket(struct tls_stream *t, int error)
{
    ERR_clear_error();
    t->end = TLS_BROKEN;
    t->stream->error = error;
    t->failure = TLS_FAILURE_SOCKET;
    t->why = NULL;
}
