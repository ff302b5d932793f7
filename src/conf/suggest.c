#include "conf/suggest.h"

enum { WORD_MAX = 32, DISTANCE_MAX = 2 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* Optimal string alignment; both at most WORD_MAX long. */
static unsigned distance(struct span a, struct span b)
{
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (unsigned j = 0; j <= b.n; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *spare = before;

        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned change = a.p[i - 1] != b.p[j - 1];

            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

void suggest_offer(struct suggestion *s, const char *word)
{
    struct span candidate = span_of(word);
    unsigned d;

    if (s->of.n > WORD_MAX || candidate.n > WORD_MAX)
        return;
    d = distance(s->of, candidate);
    if (d > DISTANCE_MAX || d * 2 > candidate.n)
        return;
    if (s->best == NULL || d < s->distance) {
        s->best = word;
        s->distance = d;
    }
}
