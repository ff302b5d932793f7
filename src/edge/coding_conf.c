/*
 * coding_conf.c - the directives about content codings: struct coding_options from text.
 */
#include "coding/coder.h"
#include "edge/coding_options.h"
#include "http/chars.h"
#include "http/media_type.h"

static const char *const coding_words[] = {"gzip", "br", "zstd", NULL};
static const enum coding coding_of_word[] = {CODING_GZIP, CODING_BR, CODING_ZSTD};

struct coding_options coding_options_default(void)
{
    struct coding_options o = {
        .types = media_types_compressible,
        .types_n = media_types_compressible_n,
    };

    for (size_t i = 0; i < ARRAY_LEN(coding_of_word); i++) {
        const struct coder_levels *known = coder_levels(coding_of_word[i]);

        o.levels[coding_of_word[i]] = (struct coding_levels){known->first, known->stored};
    }
    return o;
}

static bool has_coding(const struct coding_options *o, enum coding coding)
{
    for (unsigned i = 0; i < o->encode_n; i++) {
        if (o->encode[i] == coding)
            return true;
    }
    return false;
}

static void set_encode(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct coding_options *o = self;
    int word;

    o->encode_n = 0;
    if (node->args_n == 1 && conf_arg_is(node, 0, "off"))
        return;
    for (unsigned i = 0; i < node->args_n; i++) {
        if (!conf_arg_word(l, node, i, coding_words, &word))
            return;
        if (has_coding(o, coding_of_word[word])) {
            conf_error(
                l->errors, node->args[i].at, "%s is in this list already", coding_words[word]);
            return;
        }
        o->encode[o->encode_n++] = coding_of_word[word];
    }
}

static struct span lower(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return span_make(p, s.n);
}

static void set_types(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct coding_options *o = self;
    struct span *v = arena_alloc(l->arena, node->args_n * sizeof(*v));

    for (unsigned i = 0; i < node->args_n; i++) {
        v[i] = lower(l->arena, node->args[i].text);
        if (!media_type_pattern_valid(v[i])) {
            conf_error(l->errors, node->args[i].at,
                "\"%.*s\" is no media type: text/html, text/* or *+json would be",
                CONF_SHOW(node->args[i].text));
            return;
        }
    }
    o->types = v;
    o->types_n = node->args_n;
}

static bool level_arg(struct conf_load *l, const struct conf_node *node, unsigned i,
    const struct coder_levels *known, int *level)
{
    int64_t n;

    if (!conf_arg_integer(l, node, i, &n))
        return false;
    if (n < known->min || n > known->max) {
        conf_error(l->errors, node->args[i].at, "%.*s has levels from %d to %d",
            CONF_SHOW(node->args[0].text), known->min, known->max);
        return false;
    }
    *level = (int)n;
    return true;
}

static void set_level(struct conf_load *l, void *self, const struct conf_node *node)
{
    const struct coder_levels *known;
    struct coding_levels levels;
    int word;

    if (!conf_arg_word(l, node, 0, coding_words, &word))
        return;
    known = coder_levels(coding_of_word[word]);
    if (!level_arg(l, node, 1, known, &levels.first))
        return;
    levels.stored = levels.first;
    if (node->args_n > 2 && !level_arg(l, node, 2, known, &levels.stored))
        return;
    ((struct coding_options *)self)->levels[coding_of_word[word]] = levels;
}

const struct directive coding_directives[] = {
    {"encode", CONF_CUSTOM(set_encode, 1, 3), .usage = "off|CODING...", .unset = "off",
        .about =
            "Which content codings (gzip, br, zstd) this edge makes for clients that accept "
            "them, of responses that have none; of those that a client likes alike, the first. "
            "What is made is stored, too. "
            "Responses that could be encoded get Vary: Accept-Encoding."},
    {"encode-types", CONF_CUSTOM(set_types, 1, CONF_ARGS_MAX), .usage = "TYPE...",
        .unset = "text, scripts, JSON, XML, SVG, WebAssembly, fonts that are not compressed",
        .about = "Which responses are encoded, by their Content-Type: text/html, text/*, "
                 "*+json."},
    {"encode-min", CONF_SIZE(struct coding_options, min_bytes), .preset = "1KiB",
        .about = "Smaller responses are not encoded, unless their length is not known when they "
                 "begin."},
    {"encode-level", CONF_CUSTOM(set_level, 2, 3), .usage = "CODING FIRST [STORED]",
        .unset = "gzip 4 6, br 3 7, zstd 3 9", .flags = DIRECTIVE_MANY,
        .about = "How hard to try: FIRST for an answer that somebody waits for, STORED for one "
                 "that is asked for again, which is made in the background and takes the place of "
                 "the first. Without STORED the first one stays."},
    {"decode", CONF_FLAG(struct coding_options, decode), .preset = "on",
        .about = "Whether a client that takes no coding in which a response is stored gets it "
                 "decoded. Off gives it what there is."},
    {0},
};
