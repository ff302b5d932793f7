#include "net/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

/* 80 bytes are 107 digits and one '='. */
enum { LINE_BYTES = 108 };

static bool decode(struct span line, struct ticket_key *key)
{
    uint8_t raw[LINE_BYTES / 4 * 3];
    int n;

    if (line.n != LINE_BYTES || line.p[LINE_BYTES - 1] != '=' || line.p[LINE_BYTES - 2] == '=')
        return false;
    n = EVP_DecodeBlock(raw, (const unsigned char *)line.p, (int)line.n);
    if (n == (int)sizeof(raw))
        memcpy(key, raw, sizeof(*key));
    OPENSSL_cleanse(raw, sizeof(raw));
    return n == (int)sizeof(raw);
}

static struct span line_trim(struct span line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return span_trim(line);
}

/* False: the text is no list of keys in base64. */
static bool parse_lines(struct span file, struct ticket_keys *out)
{
    struct span line;

    while (span_cut(&file, '\n', &line)) {
        line = line_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (out->n == TICKET_KEYS_MAX || !decode(line, &out->v[out->n]))
            return false;
        out->n++;
    }
    return out->n > 0;
}

static bool has_twins(const struct ticket_keys *k)
{
    for (unsigned i = 0; i < k->n; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (memcmp(k->v[i].name, k->v[j].name, sizeof(k->v[i].name)) == 0)
                return true;
        }
    }
    return false;
}

const char *ticket_keys_parse(struct span file, struct ticket_keys *out)
{
    *out = (struct ticket_keys){0};
    if (file.n == 0)
        return "is empty";
    if (!parse_lines(file, out)) {
        out->n = 0;
        if (file.n % TICKET_KEY_BYTES != 0)
            return "has neither lines of 80 bytes in base64 nor 80 bytes for each key";
        if (file.n / TICKET_KEY_BYTES > TICKET_KEYS_MAX)
            return "has more than 16 keys";
        out->n = (unsigned)(file.n / TICKET_KEY_BYTES);
        memcpy(out->v, file.p, file.n);
    }
    return has_twins(out) ? "has two keys of the same name" : NULL;
}

bool ticket_keys_rotate(struct ticket_keys *k)
{
    struct ticket_key fresh;

    if (RAND_priv_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
        return false;
    if (k->n < TICKET_KEYS_KEPT)
        k->n++;
    memmove(&k->v[1], &k->v[0], (k->n - 1) * sizeof(k->v[0]));
    k->v[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return true;
}

const struct ticket_key *ticket_keys_find(
    const struct ticket_keys *k, const uint8_t name[static 16], bool *first)
{
    for (unsigned i = 0; i < k->n; i++) {
        if (memcmp(k->v[i].name, name, sizeof(k->v[i].name)) == 0) {
            *first = i == 0;
            return &k->v[i];
        }
    }
    return NULL;
}
