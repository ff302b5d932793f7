#include "director/page.h"

#include "admin/route.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/hash.h"
#include "director/client.h"
#include "director/map_keeper.h"
#include "director/places.h"
#include "director/server.h"
#include "director/worker.h"
#include "http/accept.h"

#include <stdlib.h>
#include <strings.h>

/* What waits for the places of an address; it may outlive its txn. */
struct page_job {
    struct place_request asked;
    struct txn *txn; /* NULL: it is over */
    const struct redirect *redirect;
    struct addr client;
};

/* --- whose databases these are ---------------------------------------------------------------- */

static const struct {
    const char *mark; /* in the database's type or its file's name, in any case */
    struct page_credit credit;
} known_credits[] = {
    {"dbip", {"IP Geolocation by DB-IP", "https://db-ip.com"}},
    {"db-ip", {"IP Geolocation by DB-IP", "https://db-ip.com"}},
    {"geolite2", {"GeoLite2 data created by MaxMind", "https://www.maxmind.com"}},
    {"geoip2", {"GeoIP2 by MaxMind", "https://www.maxmind.com"}},
};

static void add_credit(struct page_credit *out, unsigned *n, const struct map_file_status *f)
{
    for (size_t i = 0; i < ARRAY_LEN(known_credits); i++) {
        const struct page_credit *c = &known_credits[i].credit;
        bool there = false;

        if (strcasestr(f->type, known_credits[i].mark) == NULL &&
            strcasestr(f->path, known_credits[i].mark) == NULL)
            continue;
        for (unsigned k = 0; k < *n; k++)
            there = there || strcmp(out[k].text, c->text) == 0;
        if (!there && *n < PAGE_CREDITS_MAX)
            out[(*n)++] = *c;
        return;
    }
}

static unsigned credits_of(
    struct director_worker *w, struct arena *a, struct page_credit out[PAGE_CREDITS_MAX])
{
    struct map_status *status;
    unsigned n = 0;

    if (w->director->maps == NULL)
        return 0;
    status = arena_zalloc(a, sizeof(*status));
    map_keeper_status(w->director->maps, status);
    for (unsigned i = 0; i < status->files_n; i++)
        add_credit(out, &n, &status->files[i]);
    return n;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer(struct txn *t, struct span type, struct span policy, struct span body)
{
    struct arena *a = &t->arena;
    struct fields f = {0};

    count(C_REDIRECT_PAGE);
    fields_add(&f, a, FIELD_DATE, arena_dup(a, redirect_date_now(t)));
    fields_add(&f, a, FIELD_CONTENT_TYPE, type);
    fields_add(&f, a, FIELD_CACHE_CONTROL, SPAN("no-store"));
    fields_add(&f, a, FIELD_VARY, SPAN("Accept"));
    fields_add_named(&f, a, SPAN("Content-Security-Policy"), policy);
    fields_add_named(&f, a, SPAN("X-Content-Type-Options"), SPAN("nosniff"));
    fields_add_named(&f, a, SPAN("Referrer-Policy"), SPAN("no-referrer"));
    txn_respond(t, &(struct txn_response){
                       .status = 200,
                       .fields = &f,
                       .length = (int64_t)body.n,
                       .announce_length = true,
                       .no_body = t->request.method == METHOD_HEAD,
                       .body = body,
                   });
}

#define POLICY "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void answer_html(struct txn *t, struct page_view *v)
{
    struct arena *a = &t->arena;
    struct buf out;

    v->nonce = arena_printf(
        a, "%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
    buf_init(&out, PAGE_BYTES_MAX);
    /* The limit is above what the largest configuration makes. */
    check(page_html(v, a, &out));
    answer(t, SPAN("text/html; charset=utf-8"),
        arena_printf(a, POLICY "; style-src 'nonce-%.*s'", SPAN_ARG(v->nonce)),
        arena_dup(a, buf_span(&out)));
    buf_free(&out);
}

static json_t *credits_json(const struct page_view *v)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < v->credits_n; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "text", v->credits[i].text, "url", v->credits[i].url));
    return list;
}

static void answer_json(struct txn *t, const struct page_view *v)
{
    json_t *all = explain_json(v->explained, &t->arena);
    char *text;

    json_object_set_new(all, "host", admin_json_text(v->host));
    json_object_set_new(all, "url", v->url.n > 0 ? admin_json_text(v->url) : json_null());
    json_object_set_new(all, "credits", credits_json(v));
    text = json_dumps(all, JSON_INDENT(2));
    check(text != NULL);
    answer(t, SPAN("application/json"), SPAN(POLICY), arena_printf(&t->arena, "%s\n", text));
    free(text);
    json_decref(all);
}

static void show(struct txn *t, const struct redirect *r, const struct addr *client,
    const struct geo_place *place)
{
    struct director_worker *w = t->server;
    const struct fields *f = &t->request.fields;
    struct page_credit credits[PAGE_CREDITS_MAX];
    struct explain_question q = {r->steer, client_of(client), *place, w->steering, w->maps};
    struct explained e;
    struct page_view v = {.explained = &e, .host = t->request.authority, .credits = credits};
    char text[ADDR_TEXT];

    q.steering.now = worker_now(t->worker);
    explain_client(&q, &t->arena, &e);
    v.address = span_of(addr_ip_text(client, text));
    v.credits_n = credits_of(w, &t->arena, credits);
    if (e.choice.n > 0)
        v.url = redirect_node_for(r, e.choice.picks[0].pop, SPAN("/"))->url;
    if (accept_weight(f, SPAN("application/json")) > accept_weight(f, SPAN("text/html")))
        answer_json(t, &v);
    else
        answer_html(t, &v);
}

/* --- asking for the place --------------------------------------------------------------------- */

static void on_place(struct place_request *asked)
{
    struct page_job *job = container_of(asked, struct page_job, asked);
    struct txn *t = job->txn;

    if (t != NULL) {
        t->app = NULL;
        show(t, job->redirect, &job->client, &asked->place);
    }
    free(job);
}

void page_answer(struct txn *t, const struct redirect *r)
{
    struct director_worker *w = t->server;
    struct page_job *job = xcalloc(1, sizeof(*job));
    struct geo_client asks;

    job->client = redirect_client(t);
    asks = client_of(&job->client);
    job->txn = t;
    job->redirect = r;
    job->asked.done = on_place;
    job->asked.addr = explain_looked_up(r->steer, &asks);
    if (places_ask(w->director->places, t->worker, &job->asked)) {
        t->app = job;
        return;
    }
    show(t, r, &job->client, &(struct geo_place){0});
    free(job);
}

void page_forget(struct txn *t)
{
    struct page_job *job = t->app;

    if (job != NULL)
        job->txn = NULL;
}
