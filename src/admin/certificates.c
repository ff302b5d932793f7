/*
 * certificates.c - what there is of certificates, for GET /certificates and /metrics.
 */
#include "admin/answer.h"
#include "admin/metrics.h"
#include "admin/route.h"
#include "base/clock.h"
#include "net/tls_server.h"

json_t *admin_certificates_json(const struct tls_server_state *s)
{
    json_t *o = json_object();

    if (s == NULL)
        return o;
    json_object_set_new(o, "certificates", json_integer(s->certificates));
    json_object_set_new(o, "names", json_integer(s->names));
    json_object_set_new(o, "ready", json_integer(s->ready));
    json_object_set_new(o, "stapled", json_integer(s->stapled));
    if (s->soonest != 0) {
        json_object_set_new(o, "soonest", json_integer((json_int_t)s->soonest));
        json_object_set_new(
            o, "soonest_left_s", json_integer((json_int_t)(s->soonest - clock_wall_s())));
        json_object_set_new(o, "soonest_file", admin_json_text(span_of(s->soonest_file)));
    }
    return o;
}

void admin_serve_certificates(struct admin_call *call)
{
    struct admin_facts f = admin_facts_now(call);

    admin_answer_json(call, 200, admin_certificates_json(f.tls));
}

void metrics_certificates(struct metrics *m, const struct tls_server_state *s)
{
    if (s == NULL)
        return;
    metrics_sample(m, "gauge", "selvage_certificates", "state=\"all\"",
        "Certificates for clients: all of them; ready for the next one, since clients have come; "
        "with an OCSP response to be sent along",
        s->certificates);
    metrics_sample(m, "gauge", "selvage_certificates", "state=\"ready\"", "", s->ready);
    metrics_sample(m, "gauge", "selvage_certificates", "state=\"stapled\"", "", s->stapled);
    metrics_sample(m, "gauge", "selvage_certificate_names", "",
        "Names that there are certificates for", s->names);
    if (s->soonest != 0)
        metrics_sample(m, "gauge", "selvage_certificate_expiry_timestamp_seconds", "",
            "When the first of the certificates is over", (uint64_t)s->soonest);
}
