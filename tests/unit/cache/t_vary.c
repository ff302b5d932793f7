/*
 * t_vary.c - Vary, its specs, and the keys of variants.
 */
#include "rules.h"

#include "cache/vary.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* --- options ------------------------------------------------------------------------------ */

static const struct span en_de[] = {SPAN("en"), SPAN("de")};
static const struct span gzip_only[] = {SPAN("gzip")};
static const struct vary_rule languages[] = {
    {.name = SPAN("accept-language"), .values = en_de, .values_n = 2}};
static const struct vary_rule pass[] = {{.name = SPAN("accept-encoding"), .how = VARY_PASS},
    {.name = SPAN("accept-language"), .how = VARY_PASS}};
static const struct vary_rule ignore[] = {{.name = SPAN("user-agent"), .how = VARY_IGNORE}};
static const struct vary_rule codings[] = {
    {.name = SPAN("accept-encoding"), .values = gzip_only, .values_n = 1}};

static const struct vary_rule shadowed[] = {{.name = SPAN("user-agent"), .how = VARY_PASS},
    {.name = SPAN("user-agent"), .how = VARY_IGNORE}};

static const struct span deflate[] = {SPAN("gzip"), SPAN("deflate")};
static const struct vary_rule unknown_codings[] = {
    {.name = SPAN("accept-encoding"), .values = deflate, .values_n = 2}};

enum { BY_DEFAULT, BY_LANGUAGES, BY_PASS, BY_IGNORE, BY_CODINGS, BY_FIRST, BY_UNKNOWN };

static struct cache_options options_of(int which)
{
    struct cache_options o = cache_options_default();

    switch (which) {
    case BY_LANGUAGES:
        o.vary = languages;
        o.vary_n = ARRAY_LEN(languages);
        break;
    case BY_PASS:
        o.vary = pass;
        o.vary_n = ARRAY_LEN(pass);
        break;
    case BY_IGNORE:
        o.vary = ignore;
        o.vary_n = ARRAY_LEN(ignore);
        break;
    case BY_CODINGS:
        o.vary = codings;
        o.vary_n = ARRAY_LEN(codings);
        break;
    case BY_UNKNOWN:
        o.vary = unknown_codings;
        o.vary_n = ARRAY_LEN(unknown_codings);
        break;
    case BY_FIRST:
        o.vary = shadowed;
        o.vary_n = ARRAY_LEN(shadowed);
        break;
    default:
        break;
    }
    return o;
}

/* ------------------------------------------------------------------------------------------ */

static void parsed(void **state)
{
    static const struct {
        const char *fields, *want; /* names, a space behind each; "*", "!" */
    } rows[] = {
        {"X: 1", ""},
        {"Vary:", ""},
        {"Vary: Accept-Encoding", "accept-encoding "},
        {"Vary: b, A,\tc ,, a, B", "a b c "},
        {"Vary: b\nvary: a", "a b "},
        {"Vary: *", "*"},
        {"Vary: a, *", "a *"},
        {"Vary: a b", "!"},
        {"Vary: \"a\"", "!"},
        {"Vary: a-name-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "a-name-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx "},
        {"Vary: a-name-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "!"},
        {"Vary: p,o,n,m,l,k,j,i,h,g,f,e,d,c,b,a,p", "a b c d e f g h i j k l m n o p "},
        {"Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "a b c d e f g h i j k l m n o p !"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct span out = SPAN("");
        struct vary_names names;

        vary_parse(&f, &arena, &names);
        for (unsigned k = 0; k < names.n; k++)
            out = arena_printf(&arena, "%.*s%.*s ", SPAN_ARG(out), SPAN_ARG(names.v[k]));
        out = arena_printf(
            &arena, "%.*s%s%s", SPAN_ARG(out), names.any ? "*" : "", names.invalid ? "!" : "");
        row_text(rows[i].fields, out, rows[i].want);
    }
}

static void values(void **state)
{
    static const struct {
        int options;
        const char *fields, *name, *want; /* NULL: absent */
    } rows[] = {
        /* 9111 §4.1: unknown fields */
        {BY_DEFAULT, "", "Foo", NULL},
        {BY_DEFAULT, "Foo:", "Foo", ""},
        {BY_DEFAULT, "Foo: 1", "foo", "1"},
        {BY_DEFAULT, "Foo: 1\nfoo: 2", "Foo", "1, 2"},
        {BY_DEFAULT, "Foo: 1,2", "Foo", "1, 2"},
        {BY_DEFAULT, "Foo:  1 ,\t2 ,,", "Foo", "1, 2"},
        {BY_DEFAULT, "Foo: \"1,2\"", "Foo", "\"1,2\""},
        {BY_DEFAULT, "Foo: A", "Foo", "A"},
        {BY_DEFAULT, "User-Agent: a (b,c)", "User-Agent", "a (b,c)"},
        {BY_IGNORE, "User-Agent: a (b,c)", "User-Agent", NULL},
        {BY_IGNORE, "Foo: a", "Foo", "a"},
        {BY_FIRST, "User-Agent: x", "User-Agent", "x"},
        /* 9110 §12.5.3 */
        {BY_DEFAULT, "", "Accept-Encoding", NULL},
        {BY_DEFAULT, "Accept-Encoding:", "Accept-Encoding", "identity"},
        {BY_DEFAULT, "Accept-Encoding: gzip", "Accept-Encoding", "gzip"},
        {BY_DEFAULT, "Accept-Encoding: x-gzip", "Accept-Encoding", "gzip"},
        {BY_DEFAULT, "Accept-Encoding: zstd, GZip ;q=0.1, br;q=1.000", "Accept-Encoding",
            "br, gzip, zstd"},
        {BY_DEFAULT, "Accept-Encoding: gzip;q=0, br;Q=0.000", "Accept-Encoding", "identity"},
        {BY_DEFAULT, "Accept-Encoding: gzip;q=0, *", "Accept-Encoding", "br, zstd"},
        {BY_DEFAULT, "Accept-Encoding: *;q=0, br", "Accept-Encoding", "br"},
        {BY_DEFAULT, "Accept-Encoding: gzip;q=2, br;q=x, zstd;q=1.001", "Accept-Encoding",
            "identity"},
        {BY_DEFAULT, "Accept-Encoding: gzip;q=, br;q=0.0001", "Accept-Encoding", "identity"},
        {BY_DEFAULT, "Accept-Encoding: deflate, compress, foo", "Accept-Encoding", "identity"},
        {BY_CODINGS, "Accept-Encoding: br, gzip", "Accept-Encoding", "gzip"},
        {BY_PASS, "Accept-Encoding: foo ,gzip;q=0", "Accept-Encoding", "foo, gzip;q=0"},
        /* 9110 §12.5.4 */
        {BY_DEFAULT, "Accept-Language: en, de", "Accept-Language", "de, en"},
        {BY_DEFAULT, "Accept-Language: DE ,  en", "Accept-Language", "de, en"},
        {BY_DEFAULT, "Accept-Language: en;q=0.8, de, en;q=0.80", "Accept-Language",
            "de, en;q=0.800"},
        {BY_DEFAULT, "Accept-Language: fr;q=0.5, de;q=1.0, *;q=0.01, en;q=0", "Accept-Language",
            "de, fr;q=0.500, *;q=0.010, en;q=0.000"},
        {BY_DEFAULT, "Accept-Language: d e, en;q=3, fr", "Accept-Language", "fr"},
        {BY_PASS, "Accept-Language: en , de", "Accept-Language", "en, de"},
        {BY_LANGUAGES, "", "Accept-Language", NULL},
        {BY_LANGUAGES, "Accept-Language: de", "Accept-Language", "de"},
        {BY_LANGUAGES, "Accept-Language: de-AT;q=0.9, fr", "Accept-Language", "de"},
        {BY_LANGUAGES, "Accept-Language: fr, en;q=0.2, de;q=0.3", "Accept-Language", "de"},
        {BY_LANGUAGES, "Accept-Language: fr", "Accept-Language", "en"},
        {BY_LANGUAGES, "Accept-Language: de;q=0", "Accept-Language", "en"},
        {BY_LANGUAGES, "Accept-Language: dee", "Accept-Language", "en"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cache_options o = options_of(rows[i].options);
        struct fields f = fields_of(&arena, rows[i].fields);
        struct span got = vary_value(&arena, &f, span_of(rows[i].name), &o);

        row_check(rows[i].fields, (got.p == NULL) == (rows[i].want == NULL));
        row_text(rows[i].fields, got, rows[i].want);
    }
}

static void forwarded(void **state)
{
    static const struct {
        int options;
        const char *fields, *want;
    } rows[] = {
        {BY_DEFAULT, "A: b\nAccept-Language: en ,de", "A=b;Accept-Language=en ,de;"},
        {BY_DEFAULT, "Accept-Encoding: foo\nAccept-Encoding: gzip", "Accept-Encoding=gzip;"},
        {BY_DEFAULT, "Accept-Encoding: deflate", "Accept-Encoding=identity;"},
        {BY_PASS, "Accept-Encoding: deflate", "Accept-Encoding=deflate;"},
        {BY_CODINGS, "Accept-Encoding: br, gzip", "Accept-Encoding=gzip;"},
        {BY_LANGUAGES, "Accept-Language: de-AT, en;q=0.1", "Accept-Language=de;"},
        {BY_LANGUAGES, "A: b", "A=b;"},
        {BY_IGNORE, "User-Agent: x\nA: b", "A=b;"},
        {BY_FIRST, "User-Agent: x", "User-Agent=x;"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cache_options o = options_of(rows[i].options);
        struct fields f = fields_of(&arena, rows[i].fields);
        struct span out = SPAN("");

        vary_forward(&f, &arena, &o);
        fields_each (line, &f) {
            out = arena_printf(&arena, "%.*s%.*s=%.*s;", SPAN_ARG(out), SPAN_ARG(line->name),
                SPAN_ARG(line->value));
        }
        row_text(rows[i].fields, out, rows[i].want);
    }
}

static void plans(void **state)
{
#define ID  "vary 0000000000000001 "
#define OLD "vary 00000000000000ab "
    static const struct {
        int options;
        const char *old, *request, *response;
        enum vary_plan want;
        const char *spec;
    } rows[] = {
        {BY_DEFAULT, "", "", "X: 1", VARY_NONE, ""},
        {BY_DEFAULT, OLD "a", "", "X: 1", VARY_NONE, ""},
        {BY_DEFAULT, "", "", "Vary: *", VARY_FAIL, ""},
        {BY_DEFAULT, "", "", "Vary: a b", VARY_FAIL, ""},
        {BY_DEFAULT, "", "", "Vary: B, a", VARY_SPEC, ID "a,b"},
        {BY_DEFAULT, OLD "a,b", "", "Vary: B, a", VARY_KEEP, OLD "a,b"},
        {BY_DEFAULT, OLD "a,b", "", "Vary: a", VARY_KEEP, OLD "a,b"},
        {BY_DEFAULT, OLD "a,b", "", "Vary: c", VARY_SPEC, ID "a,b,c"},
        {BY_DEFAULT, OLD "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", "", "Vary: q", VARY_SPEC, ID "q"},
        {BY_DEFAULT, "garbage", "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_DEFAULT, "vary 00 b", "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_DEFAULT, OLD "b,,c", "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_DEFAULT, OLD, "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_DEFAULT, OLD "b\tlung", "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_DEFAULT, OLD "a\tlang de=de\tlang de=en", "", "Vary: a", VARY_SPEC, ID "a"},
        {BY_IGNORE, "", "", "Vary: User-Agent", VARY_NONE, ""},
        {BY_IGNORE, "", "", "Vary: User-Agent, a", VARY_SPEC, ID "a"},
        /* languages */
        {BY_DEFAULT, "", "Accept-Language: en, de", "Vary: Accept-Language\nContent-Language: De",
            VARY_SPEC, ID "accept-language\tlang de=de, en"},
        {BY_DEFAULT, OLD "accept-language\tlang de=de, en", "Accept-Language: en, de",
            "Vary: Accept-Language\nContent-Language: de", VARY_KEEP,
            OLD "accept-language\tlang de=de, en"},
        {BY_DEFAULT, OLD "accept-language\tlang de=de, en", "Accept-Language: fr",
            "Vary: Accept-Language\nContent-Language: fr", VARY_SPEC,
            OLD "accept-language\tlang de=de, en\tlang fr=fr"},
        {BY_DEFAULT, OLD "accept-language\tlang de=de, en", "Accept-Language: de",
            "Vary: Accept-Language\nContent-Language: en", VARY_SPEC,
            OLD "accept-language\tlang en=de"},
        {BY_DEFAULT, OLD "accept-language\tlang de=de, en", "Accept-Language: de",
            "Vary: Accept-Language", VARY_SPEC, OLD "accept-language"},
        {BY_DEFAULT, "", "Accept-Language: de", "Vary: Accept-Language\nContent-Language: de, en",
            VARY_SPEC, ID "accept-language"},
        {BY_DEFAULT, "", "", "Vary: Accept-Language\nContent-Language: de", VARY_SPEC,
            ID "accept-language"},
        {BY_DEFAULT, "", "Accept-Language: de", "Vary: a\nContent-Language: de", VARY_SPEC, ID "a"},
        {BY_LANGUAGES, "", "Accept-Language: de", "Vary: Accept-Language\nContent-Language: de",
            VARY_SPEC, ID "accept-language"},
        {BY_PASS, "", "Accept-Language: de", "Vary: Accept-Language\nContent-Language: de",
            VARY_SPEC, ID "accept-language"},
        /* codings: which set, from none to all three and absent, got which */
        {BY_DEFAULT, "", "Accept-Encoding: gzip", "Vary: Accept-Encoding\nContent-Encoding: gzip",
            VARY_SPEC, ID "accept-encoding\tcode -g-------"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-------", "Accept-Encoding: x-gzip",
            "Vary: Accept-Encoding\nContent-Encoding: X-GZIP", VARY_KEEP,
            OLD "accept-encoding\tcode -g-------"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-------", "Accept-Encoding: gzip, br, zstd",
            "Vary: Accept-Encoding\nContent-Encoding: br", VARY_SPEC,
            OLD "accept-encoding\tcode -g-----b-"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-----b-", "Accept-Encoding: br, zstd, gzip",
            "Vary: Accept-Encoding", VARY_SPEC, OLD "accept-encoding\tcode -g-----i-"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-----b-", "", "Vary: Accept-Encoding", VARY_SPEC,
            OLD "accept-encoding\tcode -g-----bi"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-----b-", "Accept-Encoding: gzip",
            "Vary: Accept-Encoding\nContent-Encoding: gzip, br", VARY_SPEC,
            OLD "accept-encoding\tcode -o-----b-"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g-----b-", "Accept-Encoding: gzip",
            "Vary: A, Accept-Encoding\nContent-Encoding: gzip", VARY_SPEC,
            ID "a,accept-encoding\tcode -g-------"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -g------", "Accept-Encoding: gzip",
            "Vary: Accept-Encoding", VARY_SPEC, ID "accept-encoding\tcode -i-------"},
        {BY_DEFAULT, OLD "accept-encoding\tcode -x-------", "Accept-Encoding: gzip",
            "Vary: Accept-Encoding", VARY_SPEC, ID "accept-encoding\tcode -i-------"},
        {BY_CODINGS, "", "Accept-Encoding: gzip, br",
            "Vary: Accept-Encoding\nContent-Encoding: gzip", VARY_SPEC,
            ID "accept-encoding\tcode -g-------"},
        {BY_PASS, "", "Accept-Encoding: gzip", "Vary: Accept-Encoding\nContent-Encoding: gzip",
            VARY_SPEC, ID "accept-encoding"},
        {BY_UNKNOWN, "", "Accept-Encoding: gzip", "Vary: Accept-Encoding\nContent-Encoding: gzip",
            VARY_SPEC, ID "accept-encoding"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = arena_printf(&arena, "row %zu: %s", i, rows[i].response).p;
        struct cache_options o = options_of(rows[i].options);
        struct fields request = fields_of(&arena, rows[i].request);
        struct fields response = fields_of(&arena, rows[i].response);
        struct span spec = SPAN("");

        row_check(row, vary_plan(&arena, span_of(rows[i].old), &request, &response, &o, 1, &spec) ==
                           rows[i].want);
        row_text(row, spec, rows[i].spec);
    }
}

/* Variant keys of two requests under one spec. */
static void keys(void **state)
{
    static const struct {
        const char *row, *spec, *a, *b;
        bool same;
    } rows[] = {
        {"9111 §4.1 match", OLD "foo", "Foo: 1", "Foo: 1\nBar: 2", true},
        {"9111 §4.1 no match", OLD "foo", "Foo: 1", "Foo: 2", false},
        {"9111 §4.1 absent", OLD "foo", "Foo: 1", "", false},
        {"9111 §4.1 absent in both", OLD "bar,foo", "Foo: 1", "Foo: 1", true},
        {"9111 §4.1 absent is not empty", OLD "foo", "Foo:", "", false},
        {"9111 §4.1 absent is not a dash", OLD "foo", "Foo: -", "", false},
        {"9111 §4.1 all of them", OLD "bar,foo", "Foo: 1\nBar: 2", "Bar: 2\nFoo: 1", true},
        {"9111 §4.1 each of them", OLD "bar,foo", "Foo: 1\nBar: 2", "Foo: 2\nBar: 1", false},
        {"9111 §4.1 white space", OLD "foo", "Foo: 1,2", "Foo:  1 , 2", true},
        {"9111 §4.1 lines", OLD "foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", true},
        {"9111 §4.1 case", OLD "foo", "Foo: a", "Foo: A", false},
        {"9110 §12.5.3", OLD "accept-encoding", "Accept-Encoding: gzip, br;q=0.9, foo",
            "Accept-Encoding: br, gzip", true},
        {"9110 §12.5.3", OLD "accept-encoding", "Accept-Encoding: gzip, br;q=0",
            "Accept-Encoding: br, gzip", false},
        {"9110 §12.5.3", OLD "accept-encoding", "Accept-Encoding: gzip", "", false},
        {"larger got gzip", OLD "accept-encoding\tcode ---g-----", "Accept-Encoding: br, gzip",
            "Accept-Encoding: gzip", true},
        {"larger got br", OLD "accept-encoding\tcode ---b-----", "Accept-Encoding: br, gzip",
            "Accept-Encoding: gzip", false},
        {"larger got br", OLD "accept-encoding\tcode ---b-----", "Accept-Encoding: br, gzip",
            "Accept-Encoding: br", true},
        {"larger got none", OLD "accept-encoding\tcode -------i-",
            "Accept-Encoding: br, gzip, zstd", "Accept-Encoding: gzip", true},
        {"larger got none", OLD "accept-encoding\tcode -------i-",
            "Accept-Encoding: br, gzip, zstd", "", true},
        {"absent got gzip", OLD "accept-encoding\tcode --------g", "", "Accept-Encoding:", false},
        {"absent got gzip", OLD "accept-encoding\tcode --------g", "", "Accept-Encoding: gzip",
            false},
        {"smaller got gzip", OLD "accept-encoding\tcode -g-------", "Accept-Encoding: gzip",
            "Accept-Encoding: br, gzip", false},
        {"both got gzip", OLD "accept-encoding\tcode -g-g-----", "Accept-Encoding: gzip",
            "Accept-Encoding: br, gzip", true},
        {"what it got itself counts first", OLD "accept-encoding\tcode -i-g-----",
            "Accept-Encoding: gzip", "Accept-Encoding: br, gzip", false},
        {"got something else", OLD "accept-encoding\tcode -o-g-----", "Accept-Encoding: gzip",
            "Accept-Encoding: br, gzip", false},
        {"9110 §12.5.4 order", OLD "accept-language", "Accept-Language: en, de",
            "Accept-Language: de, en", true},
        {"9110 §12.5.4 weight", OLD "accept-language", "Accept-Language: en, de;q=0.1",
            "Accept-Language: de, en;q=0.1", false},
        {"4647 §3 the language that is there", OLD "accept-language\tlang de=de, en",
            "Accept-Language: en, de", "Accept-Language: fr;q=0.5, de;q=1.0", true},
        {"4647 §3 not the preferred one", OLD "accept-language\tlang de=de, en",
            "Accept-Language: en, de", "Accept-Language: en, de;q=0.9", false},
        {"4647 §3 two are preferred", OLD "accept-language\tlang de=de, en",
            "Accept-Language: en, de", "Accept-Language: fr, de", false},
        {"4647 §3 not acceptable", OLD "accept-language\tlang de=de, en", "Accept-Language: en, de",
            "Accept-Language: de;q=0", false},
    };
    struct cache_options o = cache_options_default();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields a = fields_of(&arena, rows[i].a), b = fields_of(&arena, rows[i].b);
        struct span spec = span_of(rows[i].spec);
        struct span ka = vary_key_text(&arena, SPAN("h/p"), spec, &a, &o);
        struct span kb = vary_key_text(&arena, SPAN("h/p"), spec, &b, &o);

        row_check(rows[i].row, span_starts(ka, SPAN("h/p\nvary 00000000000000ab\n")));
        row_check(rows[i].row, span_eq(ka, kb) == rows[i].same);
    }
    struct fields f = fields_of(&arena, "Foo: 1, 2");
    struct fields g = fields_of(&arena, "Accept-Encoding: gzip");
    row_text("coding",
        vary_key_text(&arena, SPAN("h/p"), SPAN(OLD "accept-encoding\tcode -------g-"), &g, &o),
        "h/p\nvary 00000000000000ab\naccept-encoding=7:as gzip");
    row_text("whole", vary_key_text(&arena, SPAN("h/p"), span_of(OLD "bar,foo"), &f, &o),
        "h/p\nvary 00000000000000ab\nbar=-\nfoo=4:1, 2");
}

/* What a request was looked up under before its like had been answered. */
static void unlearnt(void **state)
{
    static const struct {
        const char *spec, *request, *want; /* NULL: no other key than there is now */
    } rows[] = {
        {OLD "accept-encoding", "Accept-Encoding: gzip", NULL},
        {"nonsense", "Accept-Encoding: gzip", NULL},
        {OLD "accept-encoding\tcode -g-------", "Accept-Encoding: x-gzip",
            "accept-encoding=4:gzip"},
        {OLD "accept-encoding\tcode -g-------", "", "accept-encoding=-"},
        {OLD "accept-language\tlang de=de, en", "Accept-Language: de", "accept-language=2:de"},
    };
    struct cache_options o = cache_options_default();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].request);
        struct span got = vary_key_unlearnt(&arena, SPAN("h/p"), span_of(rows[i].spec), &f, &o);

        row_check(rows[i].spec, (got.p == NULL) == (rows[i].want == NULL));
        if (got.p != NULL)
            row_text(
                rows[i].spec, span_from(got, sizeof("h/p\nvary 00000000000000ab")), rows[i].want);
    }
}

static void refused(void **state)
{
    static char text[VARY_VALUE_MAX + 1];
    struct cache_options o = cache_options_default();
    struct fields f = {0};
    struct vary_names names;

    (void)state;
    assert_null(vary_key_text(&arena, SPAN("h/p"), SPAN("nonsense"), &f, &o).p);
    assert_null(vary_key_text(&arena, SPAN("h/p"), SPAN(""), &f, &o).p);
    assert_false(vary_spec_names(SPAN("vary 0"), &names));
    assert_true(vary_spec_names(SPAN(OLD "a,b"), &names));
    assert_int_equal(names.n, 2);
    memset(text, 'x', sizeof(text));
    fields_add_named(&f, &arena, SPAN("a"), span_make(text, VARY_VALUE_MAX));
    assert_non_null(vary_key_text(&arena, SPAN("h/p"), SPAN(OLD "a"), &f, &o).p);
    f.v[0].value.n++;
    assert_null(vary_key_text(&arena, SPAN("h/p"), SPAN(OLD "a"), &f, &o).p);
}

/* A new id makes what was stored under the old one unreachable. */
static void replaced(void **state)
{
    struct cache_options o = cache_options_default();
    struct fields request = fields_of(&arena, "A: 1"), response = fields_of(&arena, "Vary: a");
    struct span first, second;

    (void)state;
    assert_int_equal(
        vary_plan(&arena, SPAN(""), &request, &response, &o, 0x1234, &first), VARY_SPEC);
    assert_int_equal(
        vary_plan(&arena, SPAN(""), &request, &response, &o, UINT64_MAX, &second), VARY_SPEC);
    row_text("id", first, "vary 0000000000001234 a");
    row_text("id", second, "vary ffffffffffffffff a");
    assert_false(span_eq(vary_key_text(&arena, SPAN("h/p"), first, &request, &o),
        vary_key_text(&arena, SPAN("h/p"), second, &request, &o)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsed),
        cmocka_unit_test(values),
        cmocka_unit_test(forwarded),
        cmocka_unit_test(plans),
        cmocka_unit_test(keys),
        cmocka_unit_test(unlearnt),
        cmocka_unit_test(refused),
        cmocka_unit_test(replaced),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
