#include "edge/challenges.h"

#include "base/check.h"
#include "base/clock.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct entry {
    struct challenge it; /* texts are owned, in one allocation at it.name.p */
    mono_ms until_ms;
};

struct challenges {
    _Atomic unsigned n; /* written under the lock */
    pthread_mutex_t lock;
    struct entry v[CHALLENGES_MAX];
};

struct challenges *challenges_new(void)
{
    struct challenges *c = xcalloc(1, sizeof(*c));

    pthread_mutex_init(&c->lock, NULL);
    return c;
}

/* --- under the lock ----------------------------------------------------------------------------
 */

static void take_out(struct challenges *c, unsigned i)
{
    free((void *)c->v[i].it.name.p);
    c->v[i] = c->v[--c->n];
}

static void expire(struct challenges *c, mono_ms now)
{
    for (unsigned i = c->n; i-- > 0;) {
        if (c->v[i].until_ms <= now)
            take_out(c, i);
    }
}

static bool same(const struct challenge *a, const struct challenge *b)
{
    return a->type == b->type && span_ieq(a->name, b->name) && span_eq(a->token, b->token);
}

static void remove_same(struct challenges *c, const struct challenge *it)
{
    for (unsigned i = c->n; i-- > 0;) {
        if (same(&c->v[i].it, it))
            take_out(c, i);
    }
}

static struct span copy(char **at, struct span s)
{
    char *p = *at;

    memcpy(p, s.p, s.n);
    *at += s.n;
    return span_make(p, s.n);
}

static void add(struct challenges *c, const struct challenge *it)
{
    char *text = xmalloc(it->name.n + it->token.n + it->answer.n);
    struct entry *e = &c->v[c->n];

    e->it.type = it->type;
    e->it.name = copy(&text, it->name);
    e->it.token = copy(&text, it->token);
    e->it.answer = copy(&text, it->answer);
    e->until_ms = clock_mono_ms() + CHALLENGE_LIFE_MS;
    c->n++;
}

/* -----------------------------------------------------------------------------------------------
 */

/* base64url (RFC 4648 §5), and the period that is in the middle of a key authorization. */
static bool is_plain(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        char b = s.p[i];

        if (!((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                b == '-' || b == '_' || b == '.'))
            return false;
    }
    return s.n > 0 && s.n <= CHALLENGE_TEXT_MAX;
}

bool challenges_put(struct challenges *c, const struct challenge *it)
{
    bool room;

    if (it->name.n == 0 || it->name.n > CHALLENGE_TEXT_MAX || !is_plain(it->token) ||
        !is_plain(it->answer))
        return false;
    pthread_mutex_lock(&c->lock);
    expire(c, clock_mono_ms());
    remove_same(c, it);
    room = c->n < CHALLENGES_MAX;
    if (room)
        add(c, it);
    pthread_mutex_unlock(&c->lock);
    return room;
}

void challenges_remove(struct challenges *c, const struct challenge *it)
{
    pthread_mutex_lock(&c->lock);
    remove_same(c, it);
    pthread_mutex_unlock(&c->lock);
}

bool challenges_http(struct challenges *c, struct span path, struct arena *a, struct span *answer)
{
    static const struct span before = {CHALLENGE_PATH, sizeof(CHALLENGE_PATH) - 1};
    struct span token;
    bool found = false;

    if (atomic_load_explicit(&c->n, memory_order_relaxed) == 0 || !span_starts(path, before))
        return false;
    token = span_from(path, before.n);
    pthread_mutex_lock(&c->lock);
    expire(c, clock_mono_ms());
    for (unsigned i = 0; i < c->n && !found; i++) {
        const struct challenge *it = &c->v[i].it;

        found = it->type == CHALLENGE_HTTP && span_eq(it->token, token);
        if (found)
            *answer = arena_dup(a, it->answer);
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

/* base64url without padding (RFC 4648 §5). */
static bool decode_digest(struct span text, unsigned char digest[CHALLENGE_DIGEST])
{
    enum { TEXT_LEN = (CHALLENGE_DIGEST * 4 + 2) / 3, PADDED_LEN = (TEXT_LEN + 3) / 4 * 4 };
    unsigned char padded[PADDED_LEN], out[PADDED_LEN / 4 * 3];

    if (text.n != TEXT_LEN)
        return false;
    memset(padded, '=', sizeof(padded));
    for (size_t i = 0; i < text.n; i++)
        padded[i] = (unsigned char)(text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' : text.p[i]);
    if (EVP_DecodeBlock(out, padded, sizeof(padded)) != (int)sizeof(out))
        return false;
    memcpy(digest, out, CHALLENGE_DIGEST);
    return true;
}

bool challenges_alpn(struct challenges *c, struct span name, unsigned char digest[CHALLENGE_DIGEST])
{
    bool found = false;

    if (atomic_load_explicit(&c->n, memory_order_relaxed) == 0)
        return false;
    pthread_mutex_lock(&c->lock);
    expire(c, clock_mono_ms());
    for (unsigned i = 0; i < c->n && !found; i++) {
        const struct challenge *it = &c->v[i].it;

        found = it->type == CHALLENGE_TLS_ALPN && span_ieq(it->name, name) &&
                decode_digest(it->answer, digest);
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void challenges_free(struct challenges **c)
{
    if (*c == NULL)
        return;
    while ((*c)->n > 0)
        take_out(*c, 0);
    pthread_mutex_destroy(&(*c)->lock);
    free(*c);
    *c = NULL;
}
