#include "cache/vary.h"

#include "cache/text.h"
#include "cache/vary_codings.h"
#include "cache/vary_value.h"
#include "http/chars.h"

/*
 * A spec as text, which may stand in a field value; no part can contain the separator that follows
 * it. In one line, with a tab before the codings and each language:
 *
 *   vary 0123456789abcdef accept-encoding,accept-language
 *       code ---b---bi
 *       lang de=de, en;q=0.800
 */
#define SPEC_START SPAN("vary ")
#define CODE_START SPAN("code ")
#define LANG_START SPAN("lang ")
enum { LINE_SEPARATOR = '\t' };

enum { ID_DIGITS = 16 };

/* In the language `tag` there is a response, under this Accept-Language. */
struct known_language {
    struct span tag, value;
};

struct spec {
    struct span id; /* ID_DIGITS */
    struct vary_names names;
    struct vary_codings codings;
    unsigned languages_n;
    struct known_language languages[VARY_LANGUAGES_MAX];
};

/* --- names -------------------------------------------------------------------------------- */

static int name_compare(struct span a, struct span b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* Into its place, once. `name` is in lower case. */
static void names_add(struct vary_names *names, struct span name)
{
    unsigned at = 0;

    while (at < names->n && name_compare(names->v[at], name) < 0)
        at++;
    if (at < names->n && span_eq(names->v[at], name))
        return;
    if (names->n == VARY_NAMES_MAX) {
        names->invalid = true;
        return;
    }
    memmove(&names->v[at + 1], &names->v[at], (names->n - at) * sizeof(names->v[0]));
    names->v[at] = name;
    names->n++;
}

static bool names_have(const struct vary_names *names, struct span name)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (span_eq(names->v[i], name))
            return true;
    }
    return false;
}

static struct span lower(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return span_make(p, s.n);
}

void vary_parse(const struct fields *response, struct arena *a, struct vary_names *out)
{
    struct field_list it = field_list_of(response, FIELD_VARY);
    struct span member;

    *out = (struct vary_names){0};
    while (field_list_next(&it, &member)) {
        if (span_eq(member, SPAN("*")))
            out->any = true;
        else if (member.n > VARY_NAME_MAX || !token_valid(member))
            out->invalid = true;
        else if (!out->invalid)
            names_add(out, lower(a, member));
    }
}

/* --- specs -------------------------------------------------------------------------------- */

static bool id_valid(struct span s)
{
    return s.n == ID_DIGITS && span_all(s, CHAR_HEX);
}

static struct known_language *language_find(struct spec *s, struct span tag)
{
    for (unsigned i = 0; i < s->languages_n; i++) {
        if (span_eq(s->languages[i].tag, tag))
            return &s->languages[i];
    }
    return NULL;
}

/* Each language has one value. */
static bool language_parse(struct span text, struct spec *out)
{
    struct span tag;

    if (out->languages_n == VARY_LANGUAGES_MAX || !span_cut(&text, '=', &tag) || text.p == NULL ||
        language_find(out, tag) != NULL)
        return false;
    out->languages[out->languages_n++] = (struct known_language){tag, text};
    return true;
}

static bool learnt_parse(struct span rest, struct spec *out)
{
    struct span line;
    bool ok = true;

    while (ok && span_cut(&rest, LINE_SEPARATOR, &line)) {
        if (span_starts(line, CODE_START))
            ok = vary_codings_parse(span_from(line, CODE_START.n), &out->codings);
        else
            ok =
                span_starts(line, LANG_START) && language_parse(span_from(line, LANG_START.n), out);
    }
    return ok;
}

static bool spec_parse(struct span text, struct spec *out)
{
    struct span line, name;

    *out = (struct spec){.codings = vary_codings_new()};
    if (!span_starts(text, SPEC_START) || text.n > VARY_SPEC_MAX)
        return false;
    text = span_from(text, SPEC_START.n);
    if (!span_cut(&text, LINE_SEPARATOR, &line) || !span_cut(&line, ' ', &out->id) ||
        !id_valid(out->id))
        return false;
    while (span_cut(&line, ',', &name)) {
        if (name.n > VARY_NAME_MAX || !token_valid(name))
            return false;
        names_add(&out->names, name);
    }
    return !out->names.invalid && out->names.n > 0 && learnt_parse(text, out);
}

static struct span spec_text(struct arena *a, const struct spec *s)
{
    struct text t = {.a = a, .limit = VARY_SPEC_MAX};

    text_put(&t, SPEC_START);
    text_put(&t, s->id);
    for (unsigned i = 0; i < s->names.n; i++) {
        text_put(&t, i == 0 ? SPAN(" ") : SPAN(","));
        text_put(&t, s->names.v[i]);
    }
    if (vary_codings_known(&s->codings)) {
        text_put(&t, SPAN("\t"));
        text_put(&t, CODE_START);
        text_put(&t, span_make(s->codings.given, VARY_CODINGS_TEXT));
    }
    for (unsigned i = 0; i < s->languages_n; i++) {
        text_put(&t, SPAN("\t"));
        text_put(&t, LANG_START);
        text_put(&t, s->languages[i].tag);
        text_put(&t, SPAN("="));
        text_put(&t, s->languages[i].value);
    }
    return text_span(&t);
}

bool vary_spec_names(struct span spec, struct vary_names *out)
{
    struct spec s;

    if (!spec_parse(spec, &s))
        return false;
    *out = s.names;
    return true;
}

bool vary_spec_same_id(struct span spec, struct span other)
{
    struct spec s, o;

    return spec_parse(spec, &s) && spec_parse(other, &o) && span_eq(s.id, o.id);
}

static struct span id_text(struct arena *a, uint64_t id)
{
    char *p = arena_alloc(a, ID_DIGITS);

    for (unsigned i = 0; i < ID_DIGITS; i++, id <<= 4)
        p[i] = "0123456789abcdef"[id >> 60];
    return span_make(p, ID_DIGITS);
}

/* --- languages ---------------------------------------------------------------------------- */

static void language_forget(struct spec *s, struct known_language *known)
{
    *known = s->languages[--s->languages_n];
}

/* The language of a response that has exactly one, in lower case; else empty. */
static struct span content_language(const struct fields *response, struct arena *a)
{
    struct span value = fields_join(response, a, FIELD_CONTENT_LANGUAGE);

    if (value.n > VARY_NAME_MAX || !token_valid(value))
        return SPAN_EMPTY;
    return lower(a, value);
}

/* Remembers which Accept-Language got which language, and forgets what proved wrong. True: the spec
 * has changed. */
static bool learn_language(
    struct spec *s, struct arena *a, struct span asked, struct span given, struct span preferred)
{
    struct known_language *wrong = preferred.n > 0 ? language_find(s, preferred) : NULL;
    bool changed = false;

    if (wrong != NULL && !span_eq(given, preferred)) {
        language_forget(s, wrong);
        changed = true;
    }
    if (given.n == 0 || asked.n == 0 || asked.n > VARY_SPEC_MAX / VARY_LANGUAGES_MAX / 2 ||
        span_find(asked, LINE_SEPARATOR) < asked.n || s->languages_n == VARY_LANGUAGES_MAX ||
        language_find(s, given) != NULL)
        return changed;
    s->languages[s->languages_n++] = (struct known_language){given, asked};
    if (spec_text(a, s).p != NULL)
        return true;
    s->languages_n--;
    return changed;
}

/* --- plan --------------------------------------------------------------------------------- */

/* Of all names that the response lists those that count, and those of the spec. True: they are the
 * spec's. */
static bool names_join(
    const struct vary_names *listed, const struct cache_options *options, struct vary_names *names)
{
    unsigned had = names->n;

    for (unsigned i = 0; i < listed->n; i++) {
        if (!vary_ignored(options, listed->v[i]))
            names_add(names, listed->v[i]);
    }
    return names->n == had && !names->invalid;
}

enum vary_plan vary_plan(struct arena *a, struct span old, const struct fields *request,
    const struct fields *response, const struct cache_options *options, uint64_t id,
    struct span *spec)
{
    struct vary_names listed, counted = {0};
    struct spec s;
    bool had, keep;

    vary_parse(response, a, &listed);
    if (listed.any || listed.invalid)
        return VARY_FAIL;
    names_join(&listed, options, &counted);
    if (counted.n == 0)
        return VARY_NONE;

    had = spec_parse(old, &s);
    keep = had && names_join(&listed, options, &s.names);
    if (!keep) {
        if (!had || s.names.invalid)
            s.names = counted;
        s.id = id_text(a, id);
        s.codings = vary_codings_new();
        s.languages_n = 0;
    }
    if (names_have(&s.names, SPAN("accept-encoding")) && vary_learns_codings(options))
        keep &= !vary_codings_learn(&s.codings, vary_coding_set(request, options), response);
    if (names_have(&s.names, SPAN("accept-language")) && vary_learns_languages(options)) {
        struct span asked = vary_value(a, request, SPAN("accept-language"), options);

        keep &= !learn_language(
            &s, a, asked, content_language(response, a), vary_preferred_language(asked));
    }
    *spec = keep ? old : spec_text(a, &s);
    return spec->p == NULL ? VARY_FAIL : keep ? VARY_KEEP : VARY_SPEC;
}

/* --- keys --------------------------------------------------------------------------------- */

/* As the one said whose answer is in the language that this request prefers; p == NULL: none. */
static struct span language_value(struct spec *s, struct span value)
{
    struct span preferred = s->languages_n > 0 ? vary_preferred_language(value) : SPAN_EMPTY;
    struct known_language *known = preferred.n > 0 ? language_find(s, preferred) : NULL;

    return known != NULL ? known->value : SPAN_EMPTY;
}

/* In which coding it will be answered: "as gzip", which no value of the field can be; p == NULL:
 * not known. */
static struct span coding_value(const struct spec *s, struct arena *a, const struct fields *request,
    const struct cache_options *options)
{
    enum coding coding;

    if (!vary_learns_codings(options) ||
        !vary_codings_find(&s->codings, vary_coding_set(request, options), &coding))
        return SPAN_EMPTY;
    return arena_join(a, SPAN("as "), coding_name(coding));
}

/* As the request says, or as is known of those who get the same. */
static struct span selecting_value(struct arena *a, struct spec *s, struct span name,
    const struct fields *request, const struct cache_options *options)
{
    struct span value, learnt = SPAN_EMPTY;

    if (span_eq(name, SPAN("accept-encoding")))
        learnt = coding_value(s, a, request, options);
    if (learnt.p != NULL)
        return learnt;
    value = vary_value(a, request, name, options);
    if (span_eq(name, SPAN("accept-language")))
        learnt = language_value(s, value);
    return learnt.p != NULL ? learnt : value;
}

static struct span key_under(struct arena *a, struct span key, struct spec *s,
    const struct fields *request, const struct cache_options *options)
{
    struct text t = {.a = a, .limit = VARY_KEY_MAX};

    text_put(&t, key);
    text_put(&t, SPAN("\nvary "));
    text_put(&t, s->id);
    for (unsigned i = 0; i < s->names.n; i++) {
        struct span value = selecting_value(a, s, s->names.v[i], request, options);

        if (value.n > VARY_VALUE_MAX)
            return SPAN_EMPTY;
        text_put(&t, SPAN("\n"));
        text_put_part(&t, s->names.v[i], value);
    }
    return text_span(&t);
}

struct span vary_key_text(struct arena *a, struct span key, struct span spec,
    const struct fields *request, const struct cache_options *options)
{
    struct spec s;

    return spec_parse(spec, &s) ? key_under(a, key, &s, request, options) : SPAN_EMPTY;
}

struct span vary_key_unlearnt(struct arena *a, struct span key, struct span spec,
    const struct fields *request, const struct cache_options *options)
{
    struct spec s;

    if (!spec_parse(spec, &s) || (!vary_codings_known(&s.codings) && s.languages_n == 0))
        return SPAN_EMPTY;
    s.codings = vary_codings_new();
    s.languages_n = 0;
    return key_under(a, key, &s, request, options);
}
