/*
 * page_html.c - the page's document. All text from outside goes through put_text().
 */
#include "director/page.h"
#include "director/worldmap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--paper:#fbfaf7;--ink:#20262b;--soft:#5d676e;--line:#d9d7cf;"
    "--sea:#e6eef2;--land:#c5cec3;--you:#b3261e;--good:#1b6e5a;--off:#8a6d1f}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#14181b;--ink:#e7e9e6;--soft:#9aa5ab;"
    "--line:#30373c;--sea:#1b2429;--land:#3a474a;--you:#ff8a7a;--good:#5fd0b0;--off:#d8b45a}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 .4rem;font-weight:600}\n"
    "h1 b{color:var(--good)}\n"
    "p{margin:0 0 1rem;max-width:46rem}\n"
    "svg{display:block;width:100%;height:auto;background:var(--sea);border-radius:.5rem}\n"
    ".land{fill:var(--land)}\n"
    ".borders{fill:none;stroke:var(--sea);stroke-width:4;stroke-linejoin:round}\n"
    ".way{fill:none;stroke:var(--good);stroke-width:9;stroke-dasharray:22 16;"
    "stroke-linecap:round}\n"
    ".pop circle{fill:var(--soft);stroke:var(--sea);stroke-width:6}\n"
    ".off circle{fill:var(--sea);stroke:var(--off);stroke-width:9}\n"
    ".chosen circle{fill:var(--good)}\n"
    ".you circle{fill:var(--you);stroke:var(--sea);stroke-width:6}\n"
    ".you .ring{fill:none;stroke:var(--you);stroke-width:8}\n"
    "svg text{fill:var(--ink);font:54px system-ui,sans-serif;paint-order:stroke;"
    "stroke:var(--sea);stroke-width:12;stroke-linejoin:round}\n"
    ".chosen text,.you text{font-weight:700}\n"
    ".scroll{overflow-x:auto;margin:1.5rem 0}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.45rem .9rem .45rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}\n"
    "th{font-weight:600;color:var(--soft);font-size:.85rem}\n"
    "th.km,td.km{text-align:right;padding-right:1.6rem;font-variant-numeric:tabular-nums;white-"
    "space:nowrap}\n"
    "td:first-child{width:2.5rem;color:var(--soft)}\n"
    "tr.chosen td{font-weight:600}\n"
    "tr.chosen td:nth-child(2){color:var(--good)}\n"
    "tr.off td:nth-child(4),tr.off td:nth-child(5){color:var(--off)}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:0 0 1.5rem}\n"
    "dt{color:var(--soft)}\n"
    "dd{margin:0;overflow-wrap:anywhere}\n"
    "footer{color:var(--soft);font-size:.85rem}\n"
    "footer p{max-width:none}\n"
    "a{color:inherit}\n"
    "code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}\n"
    "@media(max-width:40rem){h1{font-size:1.35rem}main{padding-top:1rem}"
    ".spare text,.off text,.you text{display:none}svg text{font-size:120px;stroke-width:24px}"
    ".pop circle{r:32px;stroke-width:10px}.you .dot{r:26px}.you .ring{r:60px;stroke-width:14px}"
    ".way{stroke-width:18px;stroke-dasharray:44 34}.borders{stroke-width:6px}"
    "th,td,th.km,td.km{padding-right:.7rem}th:nth-child(4),td:nth-child(4){display:none}"
    "td:first-child{width:1.5rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}\n";

struct html {
    const struct page_view *view;
    const struct explained *e;
    struct arena *a;
    struct buf *out;
    bool ok;
};

static void put(struct html *h, const char *literal)
{
    h->ok = h->ok && buf_append(h->out, span_of(literal));
}

static void put_text(struct html *h, struct span s)
{
    for (size_t i = 0; i < s.n && h->ok; i++) {
        char c = s.p[i];

        if (c == '&')
            put(h, "&amp;");
        else if (c == '<')
            put(h, "&lt;");
        else if (c == '>')
            put(h, "&gt;");
        else if (c == '"')
            put(h, "&quot;");
        else if (c == '\'')
            put(h, "&#39;");
        else
            h->ok = buf_append(h->out, span_make(&c, 1));
    }
}

static void put_number(struct html *h, long n)
{
    h->ok = h->ok && buf_printf(h->out, "%ld", n);
}

/* 12 345 km, with narrow spaces that do not break. */
static void put_km(struct html *h, double km)
{
    long n = lround(km);

    if (n >= 1000)
        h->ok = h->ok && buf_printf(h->out, "%ld&#8239;%03ld&nbsp;km", n / 1000, n % 1000);
    else
        h->ok = h->ok && buf_printf(h->out, "%ld&nbsp;km", n);
}

/* --- the map --------------------------------------------------------------------------------- */

enum { LABEL_UNITS = 54, LABEL_GAP = 30, LABEL_SIDES = 4, DOT_UNITS = 18, YOU_UNITS = 42 };

struct box {
    int left, top, right, bottom;
};

struct label {
    int x, y;
    const char *anchor; /* NULL: there is no room */
};

/* What stands on the map already; labels must not cover each other or a dot. */
struct labels {
    struct box *taken;
    unsigned n;
};

static bool is_free(const struct labels *l, const struct box *b)
{
    if (b->left < 0 || b->right > WORLDMAP_WIDTH || b->top < 0 || b->bottom > WORLDMAP_HEIGHT)
        return false;
    for (unsigned i = 0; i < l->n; i++) {
        const struct box *t = &l->taken[i];

        if (b->left < t->right && t->left < b->right && b->top < t->bottom && t->top < b->bottom)
            return false;
    }
    return true;
}

static void take(struct labels *l, struct box b)
{
    l->taken[l->n++] = b;
}

static void take_dot(struct labels *l, struct worldmap_point p, int r)
{
    take(l, (struct box){p.x - r, p.y - r, p.x + r, p.y + r});
}

/* To the right, to the left, above or below; letters are taken to be 0.62 of their height wide, and
 * lines 1.2 of it high. */
static struct label label_at(struct worldmap_point p, int side, int gap, int width, struct box *box)
{
    int line = LABEL_UNITS * 6 / 5, base = LABEL_UNITS / 3;

    switch (side) {
    case 0:
        *box = (struct box){p.x + gap, p.y - line / 2, p.x + gap + width, p.y + line / 2};
        return (struct label){box->left, p.y + base, "start"};
    case 1:
        *box = (struct box){p.x - gap - width, p.y - line / 2, p.x - gap, p.y + line / 2};
        return (struct label){box->right, p.y + base, "end"};
    case 2:
        *box = (struct box){p.x - width / 2, p.y - gap - line, p.x + width / 2, p.y - gap};
        return (struct label){p.x, box->bottom - line / 4, "middle"};
    default:
        *box = (struct box){p.x - width / 2, p.y + gap, p.x + width / 2, p.y + gap + line};
        return (struct label){p.x, box->bottom - line / 4, "middle"};
    }
}

/* Where there is room, as near as may be. */
static struct label place_label(struct labels *l, struct worldmap_point p, struct span text)
{
    int width = (int)(text.n < 64 ? text.n : 64) * LABEL_UNITS * 62 / 100;

    for (int gap = LABEL_GAP; gap <= 2 * LABEL_GAP; gap += LABEL_GAP) {
        for (int side = 0; side < LABEL_SIDES; side++) {
            struct box box;
            struct label label = label_at(p, side, gap, width, &box);

            if (is_free(l, &box)) {
                take(l, box);
                return label;
            }
        }
    }
    return (struct label){0};
}

static void put_label(struct html *h, struct label at, struct span text)
{
    if (at.anchor == NULL)
        return;
    h->ok = h->ok && buf_printf(h->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">", at.x, at.y,
                         at.anchor);
    put_text(h, text);
    put(h, "</text>");
}

static const char *class_of(const struct explained_pop *p)
{
    if (p->verdict == STEER_CHOSEN)
        return "chosen";
    return p->verdict == STEER_PASSED || p->verdict == STEER_FAMILY_DOWN ? "off" : "spare";
}

static struct worldmap_point point_of(const struct explained_pop *p)
{
    return worldmap_at(p->place.latitude, p->place.longitude);
}

static void put_pop(struct html *h, const struct explained_pop *p, struct label label)
{
    struct worldmap_point at = point_of(p);

    h->ok = h->ok && buf_printf(h->out, "<g class=\"pop %s\"><title>", class_of(p));
    put_text(h, p->pop->name);
    put(h, ": ");
    put_text(h, explain_reason(h->e, p, h->a));
    h->ok =
        h->ok && buf_printf(h->out, "</title><circle cx=\"%d\" cy=\"%d\" r=\"17\"/>", at.x, at.y);
    put_label(h, label, p->pop->name);
    put(h, "</g>\n");
}

static void put_way(struct html *h)
{
    const struct explained *e = h->e;

    for (unsigned i = 0; i < e->pops_n && e->located != LOCATED_NOT; i++) {
        const struct explained_pop *p = &e->pops[i];

        if (p->verdict != STEER_CHOSEN || !p->place.has_location)
            continue;
        put(h, "<path class=\"way\" d=\"");
        h->ok = h->ok && worldmap_way(h->out, e->latitude, e->longitude, p->place.latitude,
                             p->place.longitude);
        put(h, "\"/>\n");
        return; /* to the first of them */
    }
}

static void put_you(struct html *h, struct label label)
{
    struct worldmap_point at = worldmap_at(h->e->latitude, h->e->longitude);

    h->ok = h->ok && buf_printf(h->out,
                         "<g class=\"you\"><title>You, as far as is known</title>"
                         "<circle class=\"ring\" cx=\"%d\" cy=\"%d\" r=\"34\"/>"
                         "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"14\"/>",
                         at.x, at.y, at.x, at.y);
    put_label(h, label, SPAN("you"));
    put(h, "</g>\n");
}

/* In the client's order, so that the nearest get the room for their labels; drawn the other way
 * round, so that they lie on top. */
static void put_pops(struct html *h, struct labels *l, struct label *you)
{
    const struct explained *e = h->e;
    struct label *labels = arena_zalloc(h->a, (e->pops_n + 1) * sizeof(*labels));

    for (unsigned i = 0; i < e->pops_n; i++) {
        if (e->pops[i].place.has_location)
            take_dot(l, point_of(&e->pops[i]), DOT_UNITS);
    }
    if (e->located != LOCATED_NOT)
        *you = place_label(l, worldmap_at(e->latitude, e->longitude), SPAN("you"));
    for (unsigned i = 0; i < e->pops_n; i++) {
        if (e->pops[i].place.has_location)
            labels[i] = place_label(l, point_of(&e->pops[i]), e->pops[i].pop->name);
    }
    for (unsigned i = e->pops_n; i-- > 0;) {
        if (e->pops[i].place.has_location)
            put_pop(h, &e->pops[i], labels[i]);
    }
}

static void put_map(struct html *h)
{
    struct labels l = {arena_alloc(h->a, (2 * h->e->pops_n + 4) * sizeof(*l.taken)), 0};
    struct label you = {0};

    h->ok =
        h->ok && buf_printf(h->out,
                     "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"map\">"
                     "<title id=\"map\">The world, with you and the places of the PoPs</title>\n",
                     WORLDMAP_WIDTH, WORLDMAP_HEIGHT);
    put(h, "<path class=\"land\" d=\"");
    h->ok = h->ok && buf_append(h->out, worldmap_land);
    put(h, "\"/>\n<path class=\"borders\" d=\"");
    h->ok = h->ok && buf_append(h->out, worldmap_borders);
    put(h, "\"/>\n");
    put_way(h);
    if (h->e->located != LOCATED_NOT)
        take_dot(&l, worldmap_at(h->e->latitude, h->e->longitude), YOU_UNITS);
    put_pops(h, &l, &you);
    if (h->e->located != LOCATED_NOT)
        put_you(h, you);
    put(h, "</svg>\n");
}

/* --- words ----------------------------------------------------------------------------------- */

static const char *continent_name(const char *code)
{
    static const char *const names[][2] = {{"AF", "Africa"}, {"AN", "Antarctica"}, {"AS", "Asia"},
        {"EU", "Europe"}, {"NA", "North America"}, {"OC", "Oceania"}, {"SA", "South America"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i][0], code) == 0)
            return names[i][1];
    }
    return "";
}

static void put_degrees(struct html *h, double v, char plus, char minus)
{
    h->ok = h->ok && buf_printf(h->out, "%.1f° %c", fabs(v), v < 0 ? minus : plus);
}

static void put_place(struct html *h)
{
    const struct explained *e = h->e;
    const char *continent = continent_name(e->place.continent);

    if (e->place.country[0] == '\0' && e->located == LOCATED_NOT) {
        put(h, "not known");
        return;
    }
    put_text(h, span_of(e->place.country));
    if (e->place.country[0] != '\0' && continent[0] != '\0')
        put(h, ", ");
    put(h, continent);
    if (e->located == LOCATED_NOT)
        return;
    put(h, e->located == LOCATED_BY_COUNTRY ? " (its capital, at " : " (near ");
    put_degrees(h, e->latitude, 'N', 'S');
    put(h, ", ");
    put_degrees(h, e->longitude, 'E', 'W');
    put(h, ")");
}

static const struct explained_pop *first_of(const struct explained *e)
{
    for (unsigned i = 0; i < e->pops_n && e->choice.n > 0; i++) {
        if (e->pops[i].pop == e->choice.picks[0].pop)
            return &e->pops[i];
    }
    return NULL;
}

static void put_lead(struct html *h)
{
    const struct explained_pop *first = first_of(h->e);

    if (first == NULL) {
        put(h, "<h1>No PoP is up</h1>\n<p>Nobody can answer for ");
        put_text(h, h->view->host);
        put(h, " just now.</p>\n");
        return;
    }
    put(h, "<h1>You are sent to <b>");
    put_text(h, first->pop->name);
    put(h, "</b></h1>\n<p>Your address is ");
    put_text(h, h->view->address);
    if (h->e->located == LOCATED_NOT && h->e->place.country[0] == '\0') {
        put(h, "; where that is, nobody here knows.");
    } else {
        put(h, ", which is taken to be in ");
        put_place(h);
        put(h, ".");
    }
    if (first->km >= 0) {
        put(h, " From there to ");
        put_text(h, first->pop->name);
        put(h, " it is ");
        put_km(h, first->km);
        put(h, ".");
    }
    put(h, "</p>\n");
}

static void put_row(struct html *h, unsigned rank, const struct explained_pop *p)
{
    h->ok = h->ok && buf_printf(h->out, "<tr class=\"%s\"><td>%u</td><td>", class_of(p), rank);
    put_text(h, p->pop->name);
    put(h, "</td><td class=\"km\">");
    if (p->km >= 0)
        put_km(h, p->km);
    else
        put(h, "?");
    put(h, "</td><td>");
    put_text(h, span_of(pop_state_word(p->now.state)));
    put(h, "</td><td>");
    put_text(h, explain_reason(h->e, p, h->a));
    put(h, "</td></tr>\n");
}

static void put_table(struct html *h)
{
    put(h, "<div class=\"scroll\"><table>\n<thead><tr><th>#</th><th>PoP</th>"
           "<th class=\"km\">Distance</th><th>State</th><th>Why</th></tr></thead>\n<tbody>\n");
    for (unsigned i = 0; i < h->e->pops_n; i++)
        put_row(h, i + 1, &h->e->pops[i]);
    put(h, "</tbody></table></div>\n");
}

static void put_fact(struct html *h, const char *term, struct span value)
{
    if (value.n == 0)
        return;
    put(h, "<dt>");
    put(h, term);
    put(h, "</dt><dd>");
    put_text(h, value);
    put(h, "</dd>\n");
}

static void put_facts(struct html *h)
{
    const struct explained *e = h->e;

    put(h, "<dl>\n");
    put_fact(h, "Sent to", h->view->url);
    put_fact(h, "Decided by", explain_why(e, h->a));
    put_fact(h, "Rule", explain_override(e, h->a));
    put(h, "<dt>Place</dt><dd>");
    put_place(h);
    put(h, "</dd>\n");
    if (e->place.asn != 0) {
        put(h, "<dt>Autonomous system</dt><dd>AS");
        put_number(h, (long)e->place.asn);
        put(h, "</dd>\n");
    }
    put_fact(h, "The same for all of", explain_scope(e, h->a));
    put(h, "<dt>Holds for</dt><dd>");
    put_number(h, (long)e->choice.ttl_s);
    put(h, " s</dd>\n</dl>\n");
}

static void put_footer(struct html *h)
{
    put(h, "<footer>\n<p>Places of addresses are estimates");
    for (unsigned i = 0; i < h->view->credits_n; i++) {
        const struct page_credit *c = &h->view->credits[i];

        put(h, i == 0 ? ": <a rel=\"noreferrer\" href=\"" : ", <a rel=\"noreferrer\" href=\"");
        put(h, c->url);
        put(h, "\">");
        put(h, c->text);
        put(h, "</a>");
    }
    put(h, ". The map is made from Natural Earth. As JSON: <code>Accept: "
           "application/json</code>.</p>\n</footer>\n");
}

bool page_html(const struct page_view *v, struct arena *a, struct buf *out)
{
    struct html h = {v, v->explained, a, out, true};

    put(&h, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<title>Where you are sent - ");
    put_text(&h, v->host);
    put(&h, "</title>\n<style nonce=\"");
    put_text(&h, v->nonce);
    put(&h, "\">\n");
    put(&h, style);
    put(&h, "</style>\n</head>\n<body>\n<main>\n");
    put_lead(&h);
    put_map(&h);
    put_table(&h);
    put_facts(&h);
    put_footer(&h);
    put(&h, "</main>\n</body>\n</html>\n");
    return h.ok;
}
