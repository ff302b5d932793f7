#include "cache/vary_codings.h"

#include "cache/vary_value.h"
#include "http/accept_encoding.h"

/* What a set got: one of the codings, or one of these. */
enum { NOT_KNOWN = '-', OTHER = 'o' };

static const char letters[CODING_KINDS] = {
    [CODING_IDENTITY] = 'i',
    [CODING_GZIP] = 'g',
    [CODING_BR] = 'b',
    [CODING_ZSTD] = 'z',
};

static bool letter_coding(char letter, enum coding *out)
{
    for (unsigned i = 0; i < CODING_KINDS; i++) {
        if (letters[i] == letter) {
            *out = (enum coding)i;
            return true;
        }
    }
    return false;
}

/* Identity belongs to every set and has no bit. */
static unsigned set_of(enum coding coding)
{
    return coding_bit(coding) >> 1;
}

/* The codings that count; false: some of them we do not know. */
static bool counted(const struct vary_rule *rule, unsigned *set)
{
    enum coding coding;

    *set = CODING_SETS - 1;
    if (rule == NULL || (rule->how == VARY_NORMALISE && rule->values_n == 0))
        return true;
    *set = 0;
    for (unsigned i = 0; i < rule->values_n; i++) {
        if (!coding_of(rule->values[i], &coding))
            return false;
        *set |= set_of(coding);
    }
    return rule->how == VARY_NORMALISE;
}

bool vary_learns_codings(const struct cache_options *options)
{
    unsigned set;

    return counted(vary_rule_find(options, field_name(FIELD_ACCEPT_ENCODING)), &set);
}

unsigned vary_coding_set(const struct fields *request, const struct cache_options *options)
{
    struct accept_encoding a = accept_encoding_of(request);
    unsigned counts, set = 0;

    if (!a.present)
        return CODING_SET_ABSENT;
    (void)counted(vary_rule_find(options, field_name(FIELD_ACCEPT_ENCODING)), &counts);
    for (unsigned i = CODING_IDENTITY + 1; i < CODING_KINDS; i++) {
        if (accept_encoding_takes(&a, (enum coding)i))
            set |= set_of((enum coding)i);
    }
    return set & counts;
}

struct vary_codings vary_codings_new(void)
{
    struct vary_codings v;

    memset(v.given, NOT_KNOWN, sizeof(v.given));
    return v;
}

bool vary_codings_known(const struct vary_codings *v)
{
    for (unsigned i = 0; i < VARY_CODINGS_TEXT; i++) {
        if (v->given[i] != NOT_KNOWN)
            return true;
    }
    return false;
}

bool vary_codings_parse(struct span text, struct vary_codings *out)
{
    enum coding coding;

    if (text.n != VARY_CODINGS_TEXT)
        return false;
    memcpy(out->given, text.p, VARY_CODINGS_TEXT);
    for (unsigned i = 0; i < VARY_CODINGS_TEXT; i++) {
        if (out->given[i] != NOT_KNOWN && out->given[i] != OTHER &&
            !letter_coding(out->given[i], &coding))
            return false;
    }
    return true;
}

bool vary_codings_learn(struct vary_codings *v, unsigned set, const struct fields *response)
{
    enum coding coding;
    char letter = coding_of_content(response, &coding) ? letters[coding] : OTHER;
    bool news = v->given[set] != letter;

    v->given[set] = letter;
    return news;
}

bool vary_codings_find(const struct vary_codings *v, unsigned set, enum coding *out)
{
    unsigned asked = set == CODING_SET_ABSENT ? 0 : set;

    if (v->given[set] != NOT_KNOWN)
        return letter_coding(v->given[set], out);
    for (unsigned larger = asked; larger < CODING_SETS; larger++) {
        if ((larger & asked) == asked && letter_coding(v->given[larger], out) &&
            (set_of(*out) & ~asked) == 0)
            return true;
    }
    return false;
}
