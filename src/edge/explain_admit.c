#include "edge/explain_admit.h"

#include "admin/route.h"

bool admission_find(struct admission *out, const struct edge_conf *conf, const struct route *route,
    const struct http_request *req, struct span client, wall_s now, struct arena *a)
{
    bool placed = false;
    const struct access_client who = {
        .address = &out->client,
        .geo = conf->geo,
        .place = &out->place,
        .placed = &placed,
    };

    *out = (struct admission){.has_client = client.n > 0};
    if (out->has_client && !addr_parse_ip(client, 0, &out->client))
        return false;
    if (out->has_client) {
        out->refusal = access_refusal(&route->policy->access, &who);
        if (conf->geo != NULL)
            geo_find(conf->geo, &out->client.sa, &out->place);
    }
    if (route->policy->signing != NULL)
        out->signature = admit_signature(route, req, &out->client, now, a);
    return true;
}

int admission_refusal(const struct admission *x, struct arena *a, struct span *why)
{
    const struct access_rule *rule = x->refusal;
    char text[ADDR_TEXT];

    if (rule != NULL) {
        *why = arena_printf(a, "%.*s at %s:%u refuses %s", SPAN_ARG(rule->text), rule->at.file,
            rule->at.line, addr_ip_text(&x->client, text));
        return 403;
    }
    if (x->signature != SIGNATURE_GOOD) {
        *why =
            arena_join(a, SPAN("the URL needs a good signature: "), signature_token(x->signature));
        return 403;
    }
    return 0;
}

static json_t *access_json(const struct admission *x, const struct policy *p, struct arena *a)
{
    const struct access_rule *rule = x->refusal;
    json_t *o;

    if (p->access.first == NULL)
        return json_null();
    o = json_object();
    json_object_set_new(o, "allowed", x->has_client ? json_boolean(rule == NULL) : json_null());
    json_object_set_new(o, "rule", rule != NULL ? admin_json_text(rule->text) : json_null());
    json_object_set_new(o, "at",
        rule != NULL ? admin_json_text(arena_printf(a, "%s:%u", rule->at.file, rule->at.line))
                     : json_null());
    return o;
}

static json_t *place_json(const struct admission *x)
{
    json_t *o;

    if (x->place.country[0] == '\0' && x->place.continent[0] == '\0' && x->place.asn == 0)
        return json_null();
    o = json_object();
    json_object_set_new(o, "country", json_string(x->place.country));
    json_object_set_new(o, "continent", json_string(x->place.continent));
    json_object_set_new(o, "asn", json_integer(x->place.asn));
    return o;
}

static json_t *limits_json(const struct limit_list *limits)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < limits->n; i++)
        json_array_append_new(all, admin_json_text(limits->v[i]->text));
    return all;
}

json_t *admission_json(const struct admission *x, const struct policy *p, struct arena *a)
{
    json_t *o;

    if (p == NULL || !p->guarded)
        return json_null();
    o = json_object();
    json_object_set_new(o, "access", access_json(x, p, a));
    json_object_set_new(o, "place", place_json(x));
    json_object_set_new(o, "signature",
        p->signing == NULL
            ? json_null()
            : admin_json_text(
                  x->signature == SIGNATURE_GOOD ? SPAN("good") : signature_token(x->signature)));
    json_object_set_new(o, "limits", limits_json(&p->limits));
    return o;
}
