/*
 * t_model.c - a volume against a dictionary: put, get, use, drop, laps, clean stops, crashes, and
 * crashes with pages of what was written last zeroed or garbled.
 *
 * What is checked: nothing comes back that was not put, byte for byte; while the process lives, a
 * key has its last version or none; a record that is neither dropped nor lapped is there; after a
 * crash so is what was flushed before; and a version that was seen after a crash stays the one.
 *
 * Each life is a list of operations, made from a seed, and runs in a process of its own. When one
 * fails, operations are taken out of the list as long as it fails without them (delta debugging:
 * Zeller and Hildebrandt, 2002), and what is left is printed. SELVAGE_SEED repeats a list,
 * SELVAGE_STEPS makes it shorter or longer, SELVAGE_OPS is a file with a printed list, to be run by
 * itself.
 */
#include "rig.h"

#include "disk/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
    KEYS = 150,
    STEPS = 6000,
    STEPS_MAX = 1 << 20,
    SEGMENT = 256 << 10,
    LIFE_S = 120,      /* one life, at most */
    SHRINK_S = 150,    /* all that may be spent on a shorter list */
    SHRINK_LIFE_S = 20 /* of which one life */
};

enum op_kind {
    OP_PUT,
    OP_GET,
    OP_USE,
    OP_DROP,
    OP_FLUSH,
    OP_CHECKPOINT,
    OP_STOP,
    OP_CRASH,
    OP_TEAR
};

static const char *const op_names[] = {
    "put", "get", "use", "drop", "flush", "checkpoint", "stop", "crash", "tear"};

struct op {
    uint8_t kind; /* enum op_kind */
    uint8_t key;
    uint64_t arg; /* put: size; tear: seed of what is torn */
};

struct known {
    uint64_t version; /* of the last put; 0: none */
    uint64_t oldest;  /* that may be found: below `version` only after a crash */
    uint64_t head;    /* segment that was being written when it was put */
    bool dropped;     /* since: it may be gone */
    uint64_t flushed; /* version that was on the disk for certain, 0: none */
    uint64_t flushed_head;
    bool exact; /* `version` or nothing */
};

struct model {
    struct rig r;
    struct known keys[KEYS];
    uint64_t next_version;
};

/* What a life tells, in memory that outlives it. */
struct told {
    char path[64];
    uint64_t at; /* the operation that it was at */
    unsigned crashes, torn, reopened, gets, hits;
    uint64_t head, segments;
    bool whole;
};
static struct told *told;

static uint64_t head_now(struct model *m)
{
    return rig_stats(&m->r).head;
}

/* Whether what was put when `head` was being written is still there, whatever happened. The keeper
 * works ahead, and after a crash a segment is begun anew. */
static bool not_lapped(struct model *m, uint64_t head)
{
    struct disk_stats s = rig_stats(&m->r);

    return head + s.segments > s.head + 8;
}

static void do_put(struct model *m, struct known *k, uint64_t key, uint32_t size)
{
    k->version = k->oldest = ++m->next_version;
    rig_put(&m->r, key, k->version, size);
    k->head = head_now(m);
    k->dropped = false;
    k->exact = true;
}

static void do_get(struct model *m, struct known *k, uint64_t key)
{
    uint64_t found = rig_get(&m->r, key);

    told->gets++;
    told->hits += found != 0;
    if (found != 0) {
        if (k->exact && found != k->version)
            fail_msg("key %llu: version %llu, not %llu", (unsigned long long)key,
                (unsigned long long)found, (unsigned long long)k->version);
        if (found > k->version || found < k->oldest)
            fail_msg("key %llu: version %llu is not of %llu to %llu", (unsigned long long)key,
                (unsigned long long)found, (unsigned long long)k->oldest,
                (unsigned long long)k->version);
        k->version = k->oldest = found;
        k->exact = true;
        return;
    }
    if (k->version != 0 && !k->dropped && not_lapped(m, k->head))
        fail_msg("key %llu: version %llu is lost", (unsigned long long)key,
            (unsigned long long)k->version);
    /* It is not there, so it will not be again. */
    k->dropped = true;
}

static void do_flush(struct model *m)
{
    disk_flush(m->r.d);
    for (unsigned i = 0; i < KEYS; i++) {
        struct known *k = &m->keys[i];

        k->flushed = k->exact && !k->dropped ? k->version : 0;
        k->flushed_head = k->head;
    }
}

static void do_clean(struct model *m)
{
    disk_close(&m->r.d);
    rig_open(&m->r);
    assert_true(rig_stats(&m->r).clean);
    told->reopened++;
}

/* Spoils some pages among the segments that were written last. */
static void tear(struct model *m, const struct volume *v, uint64_t head, uint64_t rng)
{
    int fd = open(m->r.path, O_WRONLY);
    uint64_t page[DISK_PAGE / 8] = {0};

    for (uint64_t i = rnd_below(&rng, 6) + 1; i > 0; i--) {
        uint64_t seq = head > 1 ? head - rnd_below(&rng, 2) : head;
        uint64_t at = volume_segment_at(v, seq) + rnd_below(&rng, SEGMENT / DISK_PAGE) * DISK_PAGE;

        for (unsigned k = 0; k < ARRAY_LEN(page) && i % 2 == 0; k++)
            page[k] = rnd(&rng);
        if (seq != 0)
            assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)at), sizeof(page));
    }
    close(fd);
}

static void do_crash(struct model *m, bool torn, uint64_t seed)
{
    uint64_t head = head_now(m);
    struct volume v = *disk_volume(m->r.d);

    disk_abandon(&m->r.d);
    if (torn)
        tear(m, &v, head, seed);
    rig_open(&m->r);
    assert_false(rig_stats(&m->r).clean);
    for (unsigned i = 0; i < KEYS; i++) {
        struct known *k = &m->keys[i];

        /* What was flushed is there, unless it was dropped since, or another was put in its place
         * (a checkpoint may have the place of that one, which was not written), or torn. Nothing
         * older is. What was dropped may be back. */
        k->exact = false;
        k->dropped = k->dropped || torn || k->flushed != k->version;
        k->oldest = torn || k->flushed == 0 ? 1 : k->flushed;
        k->head = k->flushed_head;
        k->flushed = 0;
    }
    told->crashes++;
    told->torn += torn;
}

static bool count_sound(void *ctx, const struct disk_seen *seen)
{
    *(uint64_t *)ctx += !seen->damaged;
    return true;
}

/* The index and the volume agree, record by record. (Who looks for what was torn drops it.) */
static void check_volume(struct model *m)
{
    struct disk_walk w = {0};
    uint64_t sound = 0;

    for (uint64_t i = 0; i < KEYS; i++)
        (void)rig_get(&m->r, i);
    while (disk_walk(m->r.d, &w, 100, true, count_sound, &sound))
        ;
    assert_int_equal(sound, rig_stats(&m->r).objects);
}

/* --- a life -------------------------------------------------------------------------------- */

static void do_op(struct model *m, const struct op *op)
{
    struct known *k = &m->keys[op->key];

    switch ((enum op_kind)op->kind) {
    case OP_PUT:
        do_put(m, k, op->key, (uint32_t)op->arg);
        break;
    case OP_GET:
        do_get(m, k, op->key);
        break;
    case OP_USE:
        disk_used(m->r.d, rig_key(&m->r, op->key));
        break;
    case OP_DROP:
        (void)disk_drop(m->r.d, rig_key(&m->r, op->key));
        k->dropped = true;
        break;
    case OP_FLUSH:
        do_flush(m);
        break;
    case OP_CHECKPOINT:
        assert_true(disk_checkpoint(m->r.d));
        break;
    case OP_STOP:
        do_clean(m);
        break;
    case OP_CRASH:
        do_crash(m, false, 0);
        break;
    case OP_TEAR:
        do_crash(m, true, op->arg);
        break;
    }
}

static void live(const struct op *ops, uint64_t n)
{
    static struct model m;
    struct disk_stats s;

    rig_init(&m.r, 8 << 20, SEGMENT);
    memcpy(told->path, m.r.path, sizeof(told->path));
    rig_open(&m.r);
    for (told->at = 0; told->at < n; told->at++)
        do_op(&m, &ops[told->at]);
    check_volume(&m);
    s = rig_stats(&m.r);
    told->head = s.head;
    told->segments = s.segments;
    rig_free(&m.r);
    told->whole = true;
}

/* In a process of its own: false when it failed. `aloud`: what it says is to be seen. */
static bool lives(const struct op *ops, uint64_t n, unsigned seconds, bool aloud)
{
    int status = 0;
    pid_t child;

    memset(told, 0, sizeof(*told));
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(seconds);
        if (!aloud && (freopen("/dev/null", "w", stdout) == NULL ||
                          freopen("/dev/null", "w", stderr) == NULL))
            _exit(1);
        live(ops, n); /* what fails in it goes on in main(), and that ends with 1 */
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (told->path[0] != '\0')
        (void)unlink(told->path);
    return status == 0 && told->whole;
}

/* --- lists --------------------------------------------------------------------------------- */

static struct op op_draw(uint64_t *rng)
{
    static const struct {
        enum op_kind kind;
        unsigned below; /* of 1000 */
    } odds[] = {{OP_PUT, 401}, {OP_GET, 901}, {OP_USE, 941}, {OP_DROP, 961}, {OP_FLUSH, 981},
        {OP_CHECKPOINT, 986}, {OP_STOP, 990}, {OP_CRASH, 997}, {OP_TEAR, 1000}};
    uint64_t what = rnd_below(rng, 1000);
    struct op op = {.key = (uint8_t)rnd_below(rng, KEYS)};
    unsigned i = 0;

    while (what >= odds[i].below)
        i++;
    op.kind = (uint8_t)odds[i].kind;
    if (op.kind == OP_PUT)
        op.arg = rnd_below(rng, rnd_below(rng, 8) == 0 ? 55000 : 9000);
    else if (op.kind == OP_TEAR)
        op.arg = rnd(rng);
    return op;
}

static void op_print(const struct op *op)
{
    printf("%s", op_names[op->kind]);
    if (op->kind <= OP_DROP)
        printf(" %u", op->key);
    if (op->kind == OP_PUT || op->kind == OP_TEAR)
        printf(" %llu", (unsigned long long)op->arg);
    printf("\n");
}

static uint64_t ops_read(const char *path, struct op *ops)
{
    FILE *f = fopen(path, "r");
    char name[16];
    uint64_t n = 0;

    assert_non_null(f);
    for (; n < STEPS_MAX && fscanf(f, "%15s", name) == 1; n++) {
        unsigned kind = 0, key = 0;
        unsigned long long arg = 0;

        while (kind < ARRAY_LEN(op_names) && strcmp(name, op_names[kind]) != 0)
            kind++;
        if (kind == ARRAY_LEN(op_names) || (kind <= OP_DROP && fscanf(f, "%u", &key) != 1) ||
            ((kind == OP_PUT || kind == OP_TEAR) && fscanf(f, "%llu", &arg) != 1) || key >= KEYS)
            fail_msg("%s: operation %llu: what is \"%s\"?", path, (unsigned long long)n, name);
        ops[n] = (struct op){(uint8_t)kind, (uint8_t)key, arg};
    }
    fclose(f);
    return n;
}

/* Takes out stretches, shorter and shorter ones, without which it fails all the same. */
static uint64_t shrink(struct op *ops, uint64_t n, unsigned *tries)
{
    struct op *fewer = xcalloc(n, sizeof(*fewer));
    mono_ms until = clock_mono_ms() + SHRINK_S * 1000;

    for (uint64_t stretch = n / 2; stretch > 0; stretch /= 2) {
        for (uint64_t at = 0; at < n && clock_mono_ms() < until;) {
            uint64_t without = at + stretch < n ? stretch : n - at;

            memcpy(fewer, ops, at * sizeof(*ops));
            memcpy(fewer + at, ops + at + without, (n - at - without) * sizeof(*ops));
            ++*tries;
            if (lives(fewer, n - without, SHRINK_LIFE_S, false)) {
                at += stretch;
                continue;
            }
            n -= without;
            memcpy(ops, fewer, n * sizeof(*ops));
        }
    }
    free(fewer);
    return n;
}

static void report(struct op *ops, uint64_t n)
{
    unsigned tries = 0;

    if (told->at < n)
        n = told->at + 1; /* what comes after it is not needed */
    n = shrink(ops, n, &tries);
    printf("after %u tries it still fails with these %llu operations:\n", tries,
        (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++)
        op_print(&ops[i]);
    (void)lives(ops, n, SHRINK_LIFE_S, true);
    fail_msg("a life failed; above are the operations, and why");
}

/* --- the test ------------------------------------------------------------------------------ */

static void t_model(void **state)
{
    const char *said = getenv("SELVAGE_STEPS"), *file = getenv("SELVAGE_OPS");
    uint64_t n = said != NULL ? strtoull(said, NULL, 0) : STEPS;
    struct op *ops = xcalloc(STEPS_MAX, sizeof(*ops));

    (void)state;
    if (file != NULL) {
        n = ops_read(file, ops);
    } else {
        uint64_t rng = seed_of_run();

        n = n < STEPS_MAX ? n : STEPS_MAX;
        for (uint64_t i = 0; i < n; i++)
            ops[i] = op_draw(&rng);
    }
    if (!lives(ops, n, LIFE_S, true))
        report(ops, n);
    printf("%u gets, %u found; %u crashes, %u of them torn; %u clean stops; %llu segments begun of "
           "%llu\n",
        told->gets, told->hits, told->crashes, told->torn, told->reopened,
        (unsigned long long)told->head, (unsigned long long)told->segments);
    if (said == NULL && file == NULL) {
        assert_true(told->hits > told->gets / 3);
        assert_true(told->torn > 0 && told->reopened > 0 && told->head > 3 * told->segments);
    }
    free(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_model),
    };

    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    alarm(LIFE_S + SHRINK_S + 60);
    if (told == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
