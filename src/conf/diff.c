#include "conf/diff.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

struct lines {
    struct span *v; /* owns */
    int n;
};

static struct lines lines_of(struct span text)
{
    struct lines l = {0};
    struct span line;
    int cap = 1;

    for (size_t i = 0; i < text.n; i++)
        cap += text.p[i] == '\n';
    l.v = xcalloc((unsigned long)cap, sizeof(*l.v));
    while (text.n > 0) {
        if (!span_cut(&text, '\n', &line)) {
            line = text;
            text = SPAN_EMPTY;
        }
        l.v[l.n++] = line;
    }
    return l;
}

/* --- the edit script ------------------------------------------------------------------------ */

/* How far each diagonal k got with d edits, for every d: what the way back is read from. */
struct script {
    const struct lines *a, *b;
    int **reach; /* [d][k + d] */
    int d;       /* edits, or -1: too many */
};

static int reach_at(const struct script *s, int d, int k)
{
    return k < -d || k > d ? -1 : s->reach[d][k + d];
}

/* From diagonal k with d edits: by an insertion from k + 1, or by a removal from k - 1? */
static bool inserts(const struct script *s, int d, int k)
{
    return k == -d || (k != d && reach_at(s, d - 1, k - 1) < reach_at(s, d - 1, k + 1));
}

static int begin_of(const struct script *s, int d, int k)
{
    if (d == 0)
        return 0;
    return inserts(s, d, k) ? reach_at(s, d - 1, k + 1) : reach_at(s, d - 1, k - 1) + 1;
}

static void find(struct script *s)
{
    int n = s->a->n, m = s->b->n;

    for (int d = 0; d <= n + m && d <= CONF_DIFF_MAX; d++) {
        s->reach[d] = xcalloc((unsigned long)(2 * d + 1), sizeof(int));
        for (int k = -d; k <= d; k += 2) {
            int x = begin_of(s, d, k);

            while (
                x < n && x - k < m && x >= 0 && x - k >= 0 && span_eq(s->a->v[x], s->b->v[x - k]))
                x++;
            s->reach[d][k + d] = x;
            if (x >= n && x - k >= m) {
                s->d = d;
                return;
            }
        }
    }
    s->d = -1;
}

/* Marks what went and what came, from the end back. */
static void mark(const struct script *s, bool *went, bool *came)
{
    int k = s->a->n - s->b->n;

    for (int d = s->d; d > 0; d--) {
        if (inserts(s, d, k)) {
            k++;
            came[reach_at(s, d - 1, k) - k] = true;
        } else {
            k--;
            went[reach_at(s, d - 1, k)] = true;
        }
    }
}

/* --- writing it ----------------------------------------------------------------------------- */

enum { DEPTH_MAX = 16 };

/* The heads of the blocks around what is written next, and how many of them stand there. */
struct around {
    struct span heads[DEPTH_MAX];
    int depth, written;
};

static bool opens(struct span line)
{
    return line.n > 0 && line.p[line.n - 1] == '{';
}

static bool closes(struct span line)
{
    return span_eq(span_trim(line), SPAN("}"));
}

static bool write_heads(struct around *at, struct buf *out)
{
    bool ok = true;

    for (; ok && at->written < at->depth && at->written < DEPTH_MAX; at->written++)
        ok = buf_printf(out, "  %.*s\n", SPAN_ARG(at->heads[at->written]));
    return ok;
}

static void move(struct around *at, struct span line)
{
    if (opens(line)) {
        if (at->depth < DEPTH_MAX)
            at->heads[at->depth] = line;
        at->depth++;
    } else if (closes(line) && at->depth > 0) {
        at->depth--;
        if (at->written > at->depth)
            at->written = at->depth;
    }
}

/* The blocks around are those of the new text; of what went, those where it would stand. */
static bool write_marked(const struct lines *a, const struct lines *b, const bool *went,
    const bool *came, struct buf *out)
{
    struct around at = {0};
    bool ok = true;
    int i = 0, k = 0;

    while (ok && (i < a->n || k < b->n)) {
        if (i < a->n && went[i]) {
            ok = write_heads(&at, out) && buf_printf(out, "- %.*s\n", SPAN_ARG(a->v[i]));
            i++;
        } else if (k < b->n && came[k]) {
            ok = write_heads(&at, out) && buf_printf(out, "+ %.*s\n", SPAN_ARG(b->v[k]));
            move(&at, b->v[k]);
            if (opens(b->v[k]))
                at.written = at.depth; /* it stands there */
            k++;
        } else {
            move(&at, b->v[k]);
            i++;
            k++;
        }
    }
    return ok;
}

bool conf_diff(struct span before, struct span after, struct buf *out)
{
    struct lines a = lines_of(before), b = lines_of(after);
    struct script s = {.a = &a, .b = &b};
    bool *went = xcalloc((unsigned long)a.n + 1, sizeof(bool));
    bool *came = xcalloc((unsigned long)b.n + 1, sizeof(bool));
    bool ok = false;

    s.reach = xcalloc(CONF_DIFF_MAX + 1, sizeof(*s.reach));
    find(&s);
    if (s.d >= 0) {
        mark(&s, went, came);
        ok = write_marked(&a, &b, went, came, out);
    } else {
        (void)!buf_printf(out, "more than %d lines differ\n", (int)CONF_DIFF_MAX);
    }
    for (int d = 0; d <= CONF_DIFF_MAX; d++)
        free(s.reach[d]);
    free(s.reach);
    free(went);
    free(came);
    free(a.v);
    free(b.v);
    return ok;
}
