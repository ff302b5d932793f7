/* The page's document: what strangers say stays text, and labels stand free on the map. */
#include "tests/unit/http/table.h"

#include "director/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POPS = 128 };

static struct explained one_of(struct arena *a, unsigned pops_n, struct span name)
{
    static const struct steer steer = {.name = {"cdn", 3}};
    struct pop *pops = arena_zalloc(a, POPS * sizeof(*pops));
    struct explained e = {
        .steer = &steer,
        .client = {.family = 4, .prefix = 32, .address = {203, 0, 113, 7}},
        .place = {.country = "DE", .continent = "EU", .asn = 64500},
        .located = LOCATED_BY_DATABASE,
        .latitude = 52.5,
        .longitude = 13.4,
        .pops = arena_zalloc(a, POPS * sizeof(*e.pops)),
        .pops_n = pops_n,
        .now = 1000000,
    };

    for (unsigned i = 0; i < pops_n; i++) {
        pops[i] = (struct pop){.index = i, .name = name};
        e.pops[i] = (struct explained_pop){
            .pop = &pops[i],
            .verdict = i == 0 ? STEER_CHOSEN : (enum steer_verdict)(i % STEER_VERDICTS),
            .now = {.state = (enum pop_state)(i % POP_STATES)},
            .since_ms = i % 3 == 0 ? 0 : (mono_ms)i * 1000,
            .place = {i % 5 != 4, (int)(i * 37 % 180) - 90, (int)(i * 71 % 360) - 180},
            .km = i % 4 == 3 ? -1 : i * 100.0,
        };
    }
    e.choice = (struct steer_choice){.n = pops_n > 0, .scope = 20, .ttl_s = 30};
    if (pops_n > 0)
        e.choice.picks[0].pop = &pops[0];
    return e;
}

/* The document, NUL-terminated in the arena. */
static const char *page_of(struct arena *a, const struct explained *e, struct span host)
{
    static const struct page_credit credits[] = {{"Somebody", "https://example.org"}};
    const struct page_view view = {
        .explained = e,
        .host = host,
        .address = SPAN("203.0.113.7"),
        .url = SPAN("https://fra.example"),
        .credits = credits,
        .credits_n = 1,
        .nonce = SPAN("0123"),
    };
    const char *text;
    struct buf out;

    buf_init(&out, PAGE_BYTES_MAX);
    assert_true(page_html(&view, a, &out));
    text = arena_dup(a, buf_span(&out)).p;
    buf_free(&out);
    return text;
}

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
        n++;
    return n;
}

static void what_strangers_say_is_text(void **state)
{
    static const char evil[] = "<script>alert('x')</script>\"&";
    static const char escaped[] = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;";
    struct explained e;
    const char *page;
    struct arena a;

    (void)state;
    arena_init(&a);
    e = one_of(&a, 3, span_of(evil));
    page = page_of(&a, &e, span_of(evil));
    assert_int_equal(times(page, "<script"), 0);
    assert_int_equal(times(page, "alert('"), 0);
    assert_true(times(page, escaped) >= 7); /* title, head, lead, map, table */
    arena_free(&a);
}

static void it_says_where_and_why(void **state)
{
    struct explained e;
    const char *page;
    struct arena a;

    (void)state;
    arena_init(&a);
    e = one_of(&a, 4, SPAN("fra"));
    page = page_of(&a, &e, SPAN("www.example.com"));
    assert_int_equal(times(page, "<h1>You are sent to <b>fra</b></h1>"), 1);
    assert_int_equal(times(page, "DE, Europe (near 52.5° N, 13.4° E)"), 2);
    assert_int_equal(times(page, "AS64500"), 1);
    assert_int_equal(times(page, "<dd>203.0.112.0/20</dd>"), 1);
    assert_int_equal(times(page, "<tr class="), 4);
    assert_int_equal(
        times(page, "<a rel=\"noreferrer\" href=\"https://example.org\">Somebody</a>"), 1);
    e = one_of(&a, 0, SPAN("fra"));
    page = page_of(&a, &e, SPAN("www.example.com"));
    assert_int_equal(times(page, "<h1>No PoP is up</h1>"), 1);
    e = one_of(&a, 1, SPAN("fra"));
    e.located = LOCATED_NOT;
    e.place = (struct geo_place){0};
    page = page_of(&a, &e, SPAN("www.example.com"));
    assert_int_equal(times(page, "nobody here knows"), 1);
    assert_int_equal(times(page, "class=\"you\""), 0);
    assert_int_equal(times(page, "class=\"way\""), 0);
    arena_free(&a);
}

/* As many PoPs as a steer can have, with the longest names: it fits, and no label covers another.
 * The boxes are as page_html.c places them: 54 units high. */
static void labels_stand_free(void **state)
{
    struct box {
        int x, y;
        char anchor;
    } boxes[2 * POPS];
    unsigned n = 0;
    struct explained e;
    struct arena a;

    (void)state;
    arena_init(&a);
    e = one_of(&a, POPS, SPAN("frankfurt"));
    for (const char *p = page_of(&a, &e, SPAN("x")); (p = strstr(p, "<text x=\"")) != NULL; p++) {
        char anchor[8];

        assert_int_equal(sscanf(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"%7[a-z]\"", &boxes[n].x,
                             &boxes[n].y, anchor),
            3);
        boxes[n++].anchor = anchor[0];
    }
    assert_in_range(n, 10, POPS + 1);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++) {
            /* Of the same side, so that the corners compare. */
            if (boxes[i].anchor == boxes[k].anchor && abs(boxes[i].y - boxes[k].y) < 54)
                assert_true(abs(boxes[i].x - boxes[k].x) >= 54);
        }
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_strangers_say_is_text),
        cmocka_unit_test(it_says_where_and_why),
        cmocka_unit_test(labels_stand_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
