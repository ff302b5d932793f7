#include "net/ocsp.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SKEW_S = 300,        /* between the responder's clock and ours */
    UNSAID_S = 12 * 3600 /* how long a response is good that does not say */
};

/* One question. */
struct ask {
    X509 *leaf, *issuer;      /* own */
    OCSP_CERTID *id;          /* owns */
    OCSP_REQUEST *request;    /* owns */
    char *host, *port, *path; /* own */
    int fd, stop;
    mono_ms until;
    struct ocsp_answer *out;
};

static bool PRINTF(2, 3) fail(struct ask *q, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(q->out->why, sizeof(q->out->why), fmt, args);
    va_end(args);
    return false;
}

/* --- the question ------------------------------------------------------------------------------
 */

/* False: there is nobody to ask, or nothing to ask him. */
static bool prepare(struct ask *q, struct cert *c)
{
    STACK_OF(OPENSSL_STRING) * urls;
    int tls = 0;
    bool ok;

    if (!cert_x509(c, &q->leaf, &q->issuer))
        return fail(q, "the certificate cannot be read");
    urls = X509_get1_ocsp(q->leaf);
    if (urls == NULL || sk_OPENSSL_STRING_num(urls) == 0) {
        X509_email_free(urls);
        return fail(q, "the certificate names no responder");
    }
    ok = OSSL_HTTP_parse_url(sk_OPENSSL_STRING_value(urls, 0), &tls, NULL, &q->host, &q->port, NULL,
             &q->path, NULL, NULL) == 1 &&
         tls == 0;
    X509_email_free(urls);
    if (!ok)
        return fail(q, "the responder's URL is none that is asked");
    if (q->issuer == NULL)
        return fail(q, "the issuer does not stand behind the certificate");
    q->id = OCSP_cert_to_id(NULL, q->leaf, q->issuer);
    q->request = OCSP_REQUEST_new();
    return (q->id != NULL && q->request != NULL &&
               OCSP_request_add0_id(q->request, OCSP_CERTID_dup(q->id)) != NULL) ||
           fail(q, "out of memory");
}

/* --- the way there and back --------------------------------------------------------------------
 */

/* False: too late, or told to stop. */
static bool wait_for(struct ask *q, short events)
{
    struct pollfd fds[] = {{.fd = q->fd, .events = events}, {.fd = q->stop, .events = POLLIN}};
    mono_ms left = q->until - clock_mono_ms();
    int n;

    if (left <= 0)
        return fail(q, "the responder %s took too long", q->host);
    n = poll(fds, 2, (int)left);
    if (n == 0)
        return fail(q, "the responder %s took too long", q->host);
    return (n < 0 && errno == EINTR) || (n > 0 && fds[1].revents == 0) || fail(q, "told to stop");
}

static bool connect_one(struct ask *q, const struct addrinfo *a)
{
    socklen_t n = sizeof(int);
    int error = 0;

    q->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return fail(q, "%s", strerror(errno));
    if (connect(q->fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return fail(q, "cannot connect to the responder %s: %s", q->host, strerror(errno));
        if (!wait_for(q, POLLOUT))
            return false;
        if (getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)
            return fail(q, "cannot connect to the responder %s: %s", q->host, strerror(error));
    }
    return true;
}

static bool connect_any(struct ask *q)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(q->host, q->port, &hints, &found);
    bool ok = false;

    if (error != 0)
        return fail(q, "cannot look up the responder %s: %s", q->host, gai_strerror(error));
    for (const struct addrinfo *a = found; a != NULL && !ok; a = a->ai_next) {
        if (q->fd >= 0)
            close(q->fd);
        ok = connect_one(q, a);
    }
    freeaddrinfo(found);
    return ok;
}

/* NULL: `why` says. */
static OCSP_RESPONSE *exchange(struct ask *q)
{
    OSSL_HTTP_REQ_CTX *http;
    ASN1_VALUE *response = NULL;
    BIO *bio, *memory;
    int done = -1;

    if (!connect_any(q))
        return NULL;
    bio = BIO_new_socket(q->fd, BIO_NOCLOSE);
    memory = BIO_new(BIO_s_mem());
    http = bio != NULL && memory != NULL ? OSSL_HTTP_REQ_CTX_new(bio, bio, 0) : NULL;
    if (http != NULL && OSSL_HTTP_REQ_CTX_set_request_line(http, 1, NULL, NULL, q->path) == 1 &&
        OSSL_HTTP_REQ_CTX_add1_header(http, "Host", q->host) == 1 &&
        OSSL_HTTP_REQ_CTX_set_expected(http, "application/ocsp-response", 1, OCSP_TIMEOUT_S, 0) ==
            1 &&
        OSSL_HTTP_REQ_CTX_set1_req(http, "application/ocsp-request", ASN1_ITEM_rptr(OCSP_REQUEST),
            (ASN1_VALUE *)q->request) == 1) {
        OSSL_HTTP_REQ_CTX_set_max_response_length(http, OCSP_RESPONSE_MAX);
        while ((done = OSSL_HTTP_REQ_CTX_nbio_d2i(http, &response, ASN1_ITEM_rptr(OCSP_RESPONSE))) <
                   0 &&
               wait_for(q, BIO_should_write(bio) ? POLLOUT : POLLIN))
            ;
    }
    if (done == 0)
        (void)fail(q, "the responder %s gave no OCSP response", q->host);
    OSSL_HTTP_REQ_CTX_free(http);
    BIO_free(memory);
    BIO_free(bio);
    return (OCSP_RESPONSE *)response;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static bool is_signed(const struct ask *q, OCSP_BASICRESP *basic)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool ok = store != NULL && known != NULL && X509_STORE_add_cert(store, q->issuer) == 1 &&
              X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              sk_X509_push(known, q->issuer) > 0 && OCSP_basic_verify(basic, known, store, 0) == 1;

    sk_X509_free(known);
    X509_STORE_free(store);
    return ok;
}

static wall_s time_of(const ASN1_GENERALIZEDTIME *t, wall_s otherwise)
{
    struct tm tm;

    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (wall_s)timegm(&tm) : otherwise;
}

static bool keep(struct ask *q, OCSP_RESPONSE *r, const ASN1_GENERALIZEDTIME *next, wall_s now)
{
    unsigned char *der = NULL;
    int n = i2d_OCSP_RESPONSE(r, &der);

    if (n <= 0)
        return fail(q, "out of memory");
    q->out->staple = span_make((char *)der, (size_t)n);
    q->out->until = time_of(next, now + UNSAID_S);
    return true;
}

static enum ocsp_result judge_basic(
    struct ask *q, OCSP_RESPONSE *r, OCSP_BASICRESP *basic, wall_s now)
{
    ASN1_GENERALIZEDTIME *revoked, *this, *next;
    int status, reason;

    if (!is_signed(q, basic)) {
        (void)fail(q, "the response of %s is not signed by the issuer", q->host);
        return OCSP_FAILED;
    }
    if (OCSP_resp_find_status(basic, q->id, &status, &reason, &revoked, &this, &next) != 1 ||
        OCSP_check_validity(this, next, SKEW_S, -1) != 1) {
        (void)fail(q, "the response of %s is of another certificate or time", q->host);
        return OCSP_FAILED;
    }
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        (void)fail(q, "the issuer has revoked it");
        return OCSP_REVOKED_CERT;
    }
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        (void)fail(q, "the responder %s does not know it", q->host);
        return OCSP_FAILED;
    }
    return keep(q, r, next, now) ? OCSP_GOOD : OCSP_FAILED;
}

static enum ocsp_result judge(struct ask *q, OCSP_RESPONSE *r, wall_s now)
{
    int status = OCSP_response_status(r);
    OCSP_BASICRESP *basic;
    enum ocsp_result result;

    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        (void)fail(q, "the responder %s says: %s", q->host, OCSP_response_status_str(status));
        return OCSP_FAILED;
    }
    basic = OCSP_response_get1_basic(r);
    if (basic == NULL) {
        (void)fail(q, "the response of %s cannot be understood", q->host);
        return OCSP_FAILED;
    }
    result = judge_basic(q, r, basic, now);
    OCSP_BASICRESP_free(basic);
    return result;
}

enum ocsp_result ocsp_ask(struct cert *c, int stop, wall_s now, struct ocsp_answer *out)
{
    struct ask q = {
        .fd = -1, .stop = stop, .until = clock_mono_ms() + OCSP_TIMEOUT_S * 1000, .out = out};
    enum ocsp_result result = OCSP_NOBODY;
    OCSP_RESPONSE *r;

    *out = (struct ocsp_answer){0};
    if (prepare(&q, c)) {
        r = exchange(&q);
        result = r != NULL ? judge(&q, r, now) : OCSP_FAILED;
        OCSP_RESPONSE_free(r);
    }
    if (q.fd >= 0)
        close(q.fd);
    OCSP_REQUEST_free(q.request);
    OCSP_CERTID_free(q.id);
    OPENSSL_free(q.host);
    OPENSSL_free(q.port);
    OPENSSL_free(q.path);
    X509_free(q.leaf);
    X509_free(q.issuer);
    ERR_clear_error();
    return result;
}
