/*
 * t_purge.c - what a purge names, when, and what is over the limits: by rows, by fills, and
 * against a list of all purges that is searched for each object. SELVAGE_SEED repeats a run.
 */
#include "purging.h"

#include "base/counters.h"
#include "base/hash.h"
#include "cache/cache_impl.h"
#include "cache/purge_impl.h"
#include "cache/spec.h"

/* --- rows --------------------------------------------------------------------------------- */

#define KEY_A "www.example.com/a/b?c=1"

static void names(void **state)
{
    static const struct {
        const char *row;
        enum purge_scope scope;
        const char *text, *site;
        bool named;
    } rows[] = {
        {"everything", PURGE_ALL, "", "", true},
        {"its URL", PURGE_URL, KEY_A, "", true},
        {"another query", PURGE_URL, "www.example.com/a/b?c=2", "", false},
        {"the URL without its query", PURGE_URL, "www.example.com/a/b", "", false},
        {"case of a path counts", PURGE_URL, "www.example.com/A/b?c=1", "", false},
        {"a folder", PURGE_PREFIX, "www.example.com/a/", "", true},
        {"the beginning of a name", PURGE_PREFIX, "www.example.com/a/b?c", "", true},
        {"all of it", PURGE_PREFIX, KEY_A, "", true},
        {"more than it", PURGE_PREFIX, KEY_A "1", "", false},
        {"another folder", PURGE_PREFIX, "www.example.com/b/", "", false},
        {"a host", PURGE_PREFIX, "www.example.com/", "", true},
        {"a host without a path", PURGE_PREFIX, "www.example.com", "", true},
        {"the beginning of a host is none", PURGE_PREFIX, "www.example.co", "", false},
        {"its site", PURGE_SITE, "site", "", true},
        {"another site", PURGE_SITE, "sit", "", false},
        {"a tag", PURGE_TAG, "two", "", true},
        {"a tag of Cache-Tag in another case", PURGE_TAG, "tWo", "", true},
        {"another tag", PURGE_TAG, "tw", "", false},
        {"a tag of its site", PURGE_TAG, "one", "site", true},
        {"a tag of its site in another case", PURGE_TAG, "ONE", "site", true},
        {"a tag of another site", PURGE_TAG, "one", "other", false},
        {"a URL is no tag", PURGE_TAG, KEY_A, "", false},
        {"a tag is no URL", PURGE_URL, "one", "", false},
        {"a site is no tag", PURGE_TAG, "site", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        struct cache *c = cache_of(8 << 20);
        bool hard = i & 1;
        char want = !rows[i / 2].named ? '-' : hard ? 'h' : 's', got;

        store(c, KEY_A, 0, "site", "one,two");
        purge(c, rows[i / 2].scope, hard, rows[i / 2].text, rows[i / 2].site);
        for (int again = 0; again < 2; again++) {
            got = state_of(c, KEY_A);
            if (got != want)
                fail_msg("%s: '%c' instead of '%c'", rows[i / 2].row, got, want);
        }
        /* What is fetched afterwards is not named. */
        store(c, KEY_A, cache_purge_seq(c), "site", "one,two");
        assert_int_equal(state_of(c, KEY_A), '-');
        cache_close(&c);
    }
}

static void refuses_texts(void **state)
{
    static char text[PURGE_TEXT_MAX + 1];
    struct cache *c = cache_of(4 << 20);

    (void)state;
    memset(text, 'x', sizeof(text));
    for (int scope = PURGE_URL; scope <= PURGE_SITE; scope++) {
        struct purge p = {.scope = (enum purge_scope)scope, .text = span_make(text, 0)};

        assert_int_equal(cache_purge(c, &p), 0);
        p.text.n = sizeof(text);
        assert_int_equal(cache_purge(c, &p), 0);
        p.text.n = PURGE_TEXT_MAX;
        assert_int_equal(cache_purge(c, &p), scope + 1);
    }
    assert_int_equal(purge(c, PURGE_ALL, true, "", ""), PURGE_SITE + 2);
    assert_true(cache_purge_sync(c, cache_purge_seq(c))); /* nothing to wait for */
    cache_close(&c);
}

static void case_of_surrogate_keys_counts(void **state)
{
    struct cache *c = cache_of(4 << 20);

    (void)state;
    store(c, "h/1", 0, "", " Abc");
    purge(c, PURGE_TAG, true, "abc", "");
    assert_int_equal(state_of(c, "h/1"), '-');
    purge(c, PURGE_TAG, true, "Abc", "");
    assert_int_equal(state_of(c, "h/1"), 'h');
    cache_close(&c);
}

static void all_that_is_stored_under_a_url(void **state)
{
    static const char *const keys[] = {
        "h/x",
        "h/x\nvary 5\naccept-language=2:de",
        "h/x\nfield accept-language=2:de",
        "h/x\ncookie plan=-\nvary 7\naccept=1:*",
        "h/x\nincomplete",
    };
    struct cache *c = cache_of(4 << 20);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        store(c, keys[i], 0, "", NULL);
    store(c, "h/x2", 0, "", NULL);
    purge(c, PURGE_URL, true, "h/x", "");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(state_of(c, keys[i]), 'h');
    assert_int_equal(state_of(c, "h/x2"), '-');
    cache_close(&c);
}

/* They are out of reach when what they were made of is. */
static void what_is_made_of_others_is_not_named(void **state)
{
    struct cache *c = cache_of(4 << 20);

    (void)state;
    store(c, "\nslice 12 3", 0, "", NULL);
    purge(c, PURGE_ALL, true, "", "");
    assert_int_equal(state_of(c, "\nslice 12 3"), '-');
    cache_close(&c);
}

static void specs_are_gone_but_never_soft(void **state)
{
    struct cache *c = cache_of(4 << 20);
    struct cache_key key = cache_key_of(SPAN("h/x"));
    struct object_labels labels = {.site = SPAN("s")};
    struct object *spec;
    struct arena a;

    (void)state;
    arena_init(&a);
    spec_put(c, &key, NULL, SPAN("5 accept"), &labels, &a);
    purge(c, PURGE_SITE, false, "s", "");
    assert_int_equal(state_of(c, "h/x"), '-');
    spec = cache_find(c, &key);
    assert_true(object_is_spec(spec));
    object_release(&spec);
    /* Who adds a variant does not make it younger. */
    spec_add_variant(c, &key, &(struct cache_key){SPAN("v"), {1, 2}}, 8, &a);
    purge(c, PURGE_SITE, true, "s", "");
    assert_int_equal(state_of(c, "h/x"), 'h');
    arena_free(&a);
    cache_close(&c);
}

/* --- when --------------------------------------------------------------------------------- */

static void born_before(void **state)
{
    struct cache *c = cache_of(4 << 20);
    uint64_t before = purge(c, PURGE_TAG, true, "other", ""), after;

    (void)state;
    purge(c, PURGE_TAG, true, "t", "");
    after = cache_purge_seq(c);
    store(c, "h/late", before, "", "t"); /* was on its way: it is not stored */
    assert_int_equal(state_of(c, "h/late"), 'h');
    store(c, "h/new", after, "", "t");
    assert_int_equal(state_of(c, "h/new"), '-');
    store(c, "h/new", before, "", "t"); /* and does not take the place of something newer */
    assert_int_equal(state_of(c, "h/new"), '-');

    purge(c, PURGE_TAG, false, "t", "");
    store(c, "h/soft", after, "", "t");
    assert_int_equal(state_of(c, "h/soft"), 's');
    purge(c, PURGE_TAG, true, "t", "");
    purge(c, PURGE_TAG, false, "t", ""); /* a soft one takes nothing back */
    assert_int_equal(state_of(c, "h/soft"), 'h');
    cache_close(&c);
}

static void by_every_way_in(void **state)
{
    struct cache *c = cache_of(4 << 20);
    struct cache_key key = cache_key_of(SPAN("h/1"));
    struct object *held, *newer;

    (void)state;
    store(c, "h/1", 0, "", "t");
    held = cache_find(c, &key);
    assert_int_equal(cache_purged(c, held), PURGED_NOT);
    purge(c, PURGE_TAG, false, "t", "");
    assert_int_equal(cache_purged(c, held), PURGED_SOFT);
    purge(c, PURGE_TAG, true, "t", "");
    assert_int_equal(cache_purged(c, held), PURGED_HARD);
    assert_null(cache_peek_hash(c, key.hash));

    store(c, "h/1", 0, "", "u");
    purge(c, PURGE_TAG, true, "u", "");
    assert_null(cache_peek(c, &key));
    object_release(&held);

    /* A 304 to a request of before the purge. */
    store(c, "h/1", cache_purge_seq(c), "", "v");
    held = cache_find(c, &key);
    newer = labelled(c, "h/1", held->born, "", "v");
    purge(c, PURGE_TAG, true, "v", "");
    assert_false(cache_replace(c, held, newer));
    assert_null(cache_find(c, &key));
    object_release(&newer);
    object_release(&held);
    cache_close(&c);
}

/* The tags of a stored head stay when its newer one has no field of that kind. */
static void newer_heads(void **state)
{
    struct cache *c = cache_of(4 << 20);
    struct http_response head = {.status = 200};
    struct fields tagged = {0};
    struct arena a;
    struct tags t;
    struct object_labels labels;
    struct object *old, *kept, *changed, *same;
    uint64_t seq;

    (void)state;
    arena_init(&a);
    old = labelled(c, "h/1", 0, "site", "old");
    seq = purge(c, PURGE_TAG, true, "unrelated", "");

    t = (struct tags){0};
    labels = (struct object_labels){.born = seq, .site = SPAN("site"), .tags = &t};
    kept = object_with_head(old, &head, NULL, &labels);
    assert_int_equal(kept->born, seq);
    assert_int_equal(kept->tags_n, 1);
    fields_add(&tagged, &a, FIELD_SURROGATE_KEY, SPAN("beside"));
    t = tags_of(&tagged, 8, &a);
    changed = object_with_head(kept, &head, NULL, &labels);
    assert_int_equal(changed->tags_n, 2);
    fields_add(&tagged, &a, FIELD_CACHE_TAG, SPAN("new"));
    t = tags_of(&tagged, 8, &a);
    object_release(&kept);
    kept = object_with_head(changed, &head, NULL, &labels);
    assert_int_equal(kept->tags_n, 2);
    same = object_with_head(old, &head, NULL, NULL);
    assert_int_equal(same->born, 0);
    assert_int_equal(same->site, old->site);
    assert_int_equal(same->tags_n, 1);

    purge(c, PURGE_TAG, true, "old", "");
    assert_int_equal(cache_purged(c, old), PURGED_HARD);
    assert_int_equal(cache_purged(c, same), PURGED_HARD);
    assert_int_equal(cache_purged(c, changed), PURGED_HARD);
    assert_int_equal(cache_purged(c, kept), PURGED_NOT);
    purge(c, PURGE_TAG, false, "new", "site");
    assert_int_equal(cache_purged(c, kept), PURGED_SOFT);
    object_release(&old);
    object_release(&kept);
    object_release(&changed);
    object_release(&same);
    arena_free(&a);
    cache_close(&c);
}

/* --- fills -------------------------------------------------------------------------------- */

struct filling {
    struct cache *c;
    struct worker *w;
};

static int filling_setup(void **state)
{
    struct filling *x = calloc(1, sizeof(*x));

    x->c = cache_of(8 << 20);
    x->w = worker_new(1);
    *state = x;
    return 0;
}

static int filling_teardown(void **state)
{
    struct filling *x = *state;

    worker_turn(x->w);
    worker_join(&x->w);
    cache_close(&x->c);
    free(x);
    return 0;
}

static enum fill_role join(struct filling *x, const char *key, struct fill **f)
{
    struct cache_key k = cache_key_of(span_of(key));
    struct fill_request rq = {
        .key = &k, .site = SPAN("site"), .collapse = true, .worker = x->w, .on_room = no_room};

    return fill_join(x->c, &rq, f);
}

/* Before the head is there, what its key says is known, and its tags are not. */
static void fills_that_wait(void **state)
{
    static const struct {
        enum purge_scope scope;
        const char *text;
        enum fill_role role;
    } rows[] = {
        {PURGE_URL, "h/1", FILL_LEAD},
        {PURGE_URL, "h/2", FILL_FOLLOW},
        {PURGE_PREFIX, "h", FILL_LEAD},
        {PURGE_SITE, "site", FILL_LEAD},
        {PURGE_SITE, "other", FILL_FOLLOW},
        {PURGE_ALL, "", FILL_LEAD},
        {PURGE_TAG, "t", FILL_FOLLOW},
    };
    struct filling *x = *state;
    struct fill *leads, *second;

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        purge(x->c, PURGE_URL, true, "h/before", "");
        assert_int_equal(join(x, "h/1", &leads), FILL_LEAD);
        assert_int_equal(fill_sent(leads), cache_purge_seq(x->c));
        purge(x->c, rows[i / 2].scope, i & 1, rows[i / 2].text, "");
        assert_int_equal(join(x, "h/1", &second), rows[i / 2].role);
        if (rows[i / 2].role == FILL_LEAD)
            fill_fail(second, 502, "test");
        fill_release(&second);
        fill_fail(leads, 502, "test");
        fill_release(&leads);
    }
}

static void fills_that_stream(void **state)
{
    struct filling *x = *state;
    struct fill *leads, *second, *third;
    struct object *obj;

    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(join(x, "h/1", &leads), FILL_LEAD);
        obj = labelled(x->c, "h/1", fill_sent(leads), "site", "t");
        obj->whole = false;
        assert_true(fill_head(leads, obj, 5));
        purge(x->c, PURGE_TAG, hard, "other", "");
        assert_int_equal(join(x, "h/1", &second), FILL_FOLLOW);
        fill_release(&second);
        purge(x->c, PURGE_TAG, hard, "t", "");
        assert_int_equal(join(x, "h/1", &second), FILL_LEAD);
        assert_int_equal(fill_sent(second), cache_purge_seq(x->c));
        obj = labelled(x->c, "h/1", fill_sent(second), "site", "t");
        obj->whole = false;
        assert_true(fill_head(second, obj, 5));
        assert_int_equal(fill_append(second, SPAN("newer")), 5);
        fill_finish(second);
        /* It goes on for those who came before, and does not take the place of what came later. */
        assert_int_equal(fill_append(leads, SPAN("older")), 5);
        fill_finish(leads);
        assert_int_equal(state_of(x->c, "h/1"), '-');
        assert_int_equal(join(x, "h/1", &third), FILL_FOLLOW);
        fill_release(&third);
        purge(x->c, PURGE_TAG, hard, "t", "");
        /* What was stored meanwhile is followed; not if it is purged. */
        assert_int_equal(join(x, "h/1", &third), FILL_LEAD);
        fill_fail(third, 502, "test");
        fill_release(&third);
        fill_release(&second);
        fill_release(&leads);
    }
}

static void a_fill_purged_on_its_way(void **state)
{
    struct filling *x = *state;
    struct fill *leads;
    struct object *obj;

    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(join(x, "h/1", &leads), FILL_LEAD);
        obj = labelled(x->c, "h/1", fill_sent(leads), "site", "t");
        obj->whole = false;
        assert_true(fill_head(leads, obj, 5));
        purge(x->c, PURGE_TAG, hard, "t", "");
        assert_int_equal(fill_append(leads, SPAN("12345")), 5);
        fill_finish(leads);
        assert_int_equal(state_of(x->c, "h/1"), hard ? 'h' : 's');
        fill_release(&leads);
    }
}

/* --- limits ------------------------------------------------------------------------------- */

static void too_many_labels(void **state)
{
    struct cache *c = cache_of(4 << 20);
    uint64_t dropped = counter_sum(C_PURGE_DROPPED), middle;
    struct cache_stats stats;
    char url[32];

    (void)state;
    cache_stats(c, &stats);
    store(c, "h/old", 0, "", NULL);
    for (uint64_t i = 0; i < stats.purge_labels_max / 4; i++) {
        snprintf(url, sizeof(url), "h/%llu", (unsigned long long)i);
        purge(c, PURGE_URL, true, url, "");
    }
    /* Few enough: nobody else is named. */
    assert_int_equal(state_of(c, "h/old"), '-');
    assert_int_equal(counter_sum(C_PURGE_DROPPED), dropped);
    middle = cache_purge_seq(c);
    store(c, "h/middle", middle, "", NULL);
    for (uint64_t i = 0; i < stats.purge_labels_max; i++) {
        snprintf(url, sizeof(url), "h/x%llu", (unsigned long long)i);
        purge(c, PURGE_URL, i & 1, url, "");
    }
    store(c, "h/young", cache_purge_seq(c), "", NULL);
    assert_true(counter_sum(C_PURGE_DROPPED) > dropped);
    assert_int_equal(state_of(c, "h/old"), 'h');
    assert_int_equal(state_of(c, "h/young"), '-');
    cache_stats(c, &stats);
    assert_true(stats.purge_labels <= stats.purge_labels_max);
    assert_true(stats.purge_labels > stats.purge_labels_max / 2);
    cache_close(&c);
}

static void too_many_prefixes(void **state)
{
    struct cache *c = cache_of(4 << 20);
    uint64_t dropped = counter_sum(C_PURGE_DROPPED);
    struct cache_stats stats;
    char text[32];

    (void)state;
    store(c, "h/a", 0, "", NULL);
    for (unsigned i = 0; i < PURGE_PREFIXES_MAX; i++) {
        snprintf(text, sizeof(text), "h/%u/", i);
        purge(c, PURGE_PREFIX, true, text, "");
    }
    purge(c, PURGE_PREFIX, true, "h/0/", ""); /* which is there already */
    assert_int_equal(state_of(c, "h/a"), '-');
    assert_int_equal(counter_sum(C_PURGE_DROPPED), dropped);
    store(c, "h/b", 2, "", NULL);
    store(c, "h/c", 1, "", NULL);
    purge(c, PURGE_PREFIX, false, "h/new/", "");
    assert_int_equal(counter_sum(C_PURGE_DROPPED), dropped + 1); /* "h/1/", number 2 */
    assert_int_equal(state_of(c, "h/a"), 'h');
    assert_int_equal(state_of(c, "h/b"), '-');
    assert_int_equal(state_of(c, "h/c"), 'h');
    cache_stats(c, &stats);
    assert_int_equal(stats.purge_prefixes, PURGE_PREFIXES_MAX);
    purge(c, PURGE_ALL, true, "", "");
    cache_stats(c, &stats);
    assert_int_equal(stats.purge_prefixes, 0);
    assert_int_equal(stats.purge_labels, 0);
    cache_close(&c);
}

static void long_prefixes(void **state)
{
    static char text[PURGE_TEXT_MAX + 1];
    struct cache *c = cache_of(4 << 20);
    struct cache_stats stats;

    (void)state;
    memset(text, 'x', PURGE_TEXT_MAX);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "h/%03d", i);
        text[5] = 'x';
        purge(c, PURGE_PREFIX, true, text, "");
    }
    cache_stats(c, &stats);
    assert_int_equal(stats.purge_prefixes, PURGE_PREFIX_BYTES_MAX / PURGE_TEXT_MAX);
    cache_close(&c);
}

/* --- against a list ----------------------------------------------------------------------- */

enum { PURGES = 3000, URLS = 40, SITES = 3, TAGS = 12 };

static uint64_t seed, chance;

static unsigned rnd(unsigned below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)((chance >> 11) % below);
}

struct listed {
    enum purge_scope scope;
    bool hard;
    char text[40], site[8];
};

/* A stored object, as the list sees it. */
struct life {
    char key[40], site[8], tags[8][8];
    unsigned tags_n;
    uint64_t born;
};

static struct listed list[PURGES + 3]; /* by number; a round has two at most */
static struct life lives[URLS];

static bool names_it(const struct listed *p, const struct life *o)
{
    switch (p->scope) {
    case PURGE_URL:
        return strcmp(p->text, o->key) == 0;
    case PURGE_PREFIX:
        return strncmp(p->text, o->key, strlen(p->text)) == 0;
    case PURGE_SITE:
        return strcmp(p->text, o->site) == 0;
    case PURGE_ALL:
        return true;
    case PURGE_TAG:
        for (unsigned i = 0; i < o->tags_n; i++)
            if (strcmp(p->text, o->tags[i]) == 0 &&
                (p->site[0] == '\0' || strcmp(p->site, o->site) == 0))
                return true;
        return false;
    }
    return false;
}

static char state_by_list(const struct life *o, uint64_t last)
{
    char state = '-';

    for (uint64_t seq = o->born + 1; seq <= last; seq++) {
        if (!names_it(&list[seq], o))
            continue;
        if (list[seq].hard)
            return 'h';
        state = 's';
    }
    return state;
}

static void some_life(struct cache *c, unsigned at)
{
    struct life *o = &lives[at];
    uint64_t last = cache_purge_seq(c), back = rnd(4) == 0 ? rnd(20) : 0;
    char tags[64] = "";

    snprintf(o->key, sizeof(o->key), "h%u/d%u/%u", at % 2, at % 5, at);
    snprintf(o->site, sizeof(o->site), "s%u", rnd(SITES));
    o->tags_n = rnd(8);
    for (unsigned i = 0; i < o->tags_n; i++) {
        snprintf(o->tags[i], sizeof(o->tags[i]), "t%u", rnd(TAGS));
        strcat(strcat(tags, i > 0 ? "," : ""), o->tags[i]);
    }
    o->born = last > back ? last - back : 0;
    store(c, o->key, o->born, o->site, tags);
}

static void some_purge(struct cache *c)
{
    struct listed p = {.hard = rnd(3) == 0};
    unsigned what = rnd(100);

    if (what < 35) {
        p.scope = PURGE_URL;
        snprintf(p.text, sizeof(p.text), "%s", lives[rnd(URLS)].key);
    } else if (what < 50) {
        p.scope = PURGE_PREFIX;
        snprintf(p.text, sizeof(p.text), "h%u/d%u/", rnd(2), rnd(6));
    } else if (what < 95) {
        p.scope = PURGE_TAG;
        snprintf(p.text, sizeof(p.text), "t%u", rnd(TAGS));
        if (rnd(2) == 0)
            snprintf(p.site, sizeof(p.site), "s%u", rnd(SITES));
    } else if (what < 99) {
        p.scope = PURGE_SITE;
        snprintf(p.text, sizeof(p.text), "s%u", rnd(SITES));
    } else {
        p.scope = PURGE_ALL;
    }
    list[purge(c, p.scope, p.hard, p.text, p.site)] = p;
}

/* `exact`: nothing was dropped, so nothing else may be purged; else no less may be. */
static void against_the_list(uint64_t labels, bool exact)
{
    struct cache *c = cache_of(8 << 20);
    uint64_t last;

    purge_table_destroy(&c->purges->table);
    purge_table_init(&c->purges->table, labels);
    for (unsigned i = 0; i < URLS; i++)
        some_life(c, i);
    while ((last = cache_purge_seq(c)) < PURGES) {
        unsigned at = rnd(URLS);
        char want, got;

        if (rnd(3) == 0)
            some_purge(c);
        if (!exact && rnd(2) == 0) { /* a label of nobody */
            char url[32];

            snprintf(url, sizeof(url), "h/%u", rnd(1 << 30));
            list[purge(c, PURGE_URL, rnd(2), url, "")] = (struct listed){.scope = PURGE_URL};
        }
        last = cache_purge_seq(c);
        want = state_by_list(&lives[at], last);
        got = state_of(c, lives[at].key);
        if (exact ? got != want : got == '-' ? want != '-' : got == 's' && want == 'h')
            fail_msg("SELVAGE_SEED=%llu, purge %llu, %s: '%c' instead of '%c'",
                (unsigned long long)seed, (unsigned long long)last, lives[at].key, got, want);
        if (got == 'h' || rnd(8) == 0) {
            struct cache_key key = cache_key_of(span_of(lives[at].key));

            cache_remove(c, &key); /* so that it can be born earlier than the one before */
            some_life(c, at);
        }
    }
    cache_close(&c);
}

static void as_the_list_says(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        against_the_list(4096, true);
}

static void never_less_than_the_list_says(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        against_the_list(256, false);
}

int main(void)
{
    const char *given = getenv("SELVAGE_SEED");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(refuses_texts),
        cmocka_unit_test(case_of_surrogate_keys_counts),
        cmocka_unit_test(all_that_is_stored_under_a_url),
        cmocka_unit_test(what_is_made_of_others_is_not_named),
        cmocka_unit_test(specs_are_gone_but_never_soft),
        cmocka_unit_test(born_before),
        cmocka_unit_test(by_every_way_in),
        cmocka_unit_test(newer_heads),
        cmocka_unit_test_setup_teardown(fills_that_wait, filling_setup, filling_teardown),
        cmocka_unit_test_setup_teardown(fills_that_stream, filling_setup, filling_teardown),
        cmocka_unit_test_setup_teardown(a_fill_purged_on_its_way, filling_setup, filling_teardown),
        cmocka_unit_test(too_many_labels),
        cmocka_unit_test(too_many_prefixes),
        cmocka_unit_test(long_prefixes),
        cmocka_unit_test(as_the_list_says),
        cmocka_unit_test(never_less_than_the_list_says),
    };

    seed = given != NULL ? strtoull(given, NULL, 10) : random_u64();
    chance = seed != 0 ? seed : 1;
    printf("SELVAGE_SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
