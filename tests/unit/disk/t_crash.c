/*
 * t_crash.c - processes that put, get, use, flush and write checkpoints on one volume, and are
 * killed with SIGKILL at any moment, one after the other. Each begins by looking at what the last
 * one left: every body byte for byte, nothing older than what was flushed, and nothing of that
 * missing.
 *
 * SELVAGE_SEED repeats the choices (not the moments), SELVAGE_CRASHES says how many (40).
 */
#include "rig.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { KEYS = 120, SEGMENT = 256 << 10 };

/* What is known of a key, in memory that outlives the process that is killed. */
struct shared_key {
    _Atomic uint64_t begun;   /* the last version whose put was begun */
    _Atomic uint64_t flushed; /* this one was on the disk when disk_flush() returned */
    _Atomic uint64_t head;    /* segment being written then */
};

struct shared {
    struct shared_key keys[KEYS];
    _Atomic uint64_t version, puts, hits, must, clean;
};

static struct shared *sh;

static void verify(struct rig *r)
{
    struct disk_stats s = rig_stats(r);

    for (uint64_t i = 0; i < KEYS; i++) {
        struct shared_key *k = &sh->keys[i];
        uint64_t got = rig_get(r, i); /* and right, to the last byte */

        check(got <= k->begun);
        check(got == 0 || got >= k->flushed);
        if (k->flushed != 0 && k->flushed == k->begun && k->head + s.segments > s.head + 8) {
            check(got == k->flushed);
            sh->must++;
        }
        sh->hits += got != 0;
        k->begun = k->flushed = got;
        k->head = 0;
    }
}

static void note_flushed(struct rig *r)
{
    uint64_t done[KEYS], head = rig_stats(r).head;

    for (unsigned i = 0; i < KEYS; i++)
        done[i] = sh->keys[i].begun;
    disk_flush(r->d);
    for (unsigned i = 0; i < KEYS; i++) {
        sh->keys[i].head = head;
        sh->keys[i].flushed = done[i];
    }
}

/* Until it is killed, or, now and then, until it stops well. */
static void live(struct rig *r, uint64_t rng)
{
    r->w = worker_new(1); /* what it has of the kernel's is not to be shared */
    rig_open(r);
    verify(r);
    for (uint64_t steps = rnd_below(&rng, 4) == 0 ? 500 : UINT64_MAX; steps > 0; steps--) {
        uint64_t key = rnd_below(&rng, KEYS), what = rnd_below(&rng, 200);

        if (what < 120) {
            uint64_t version = ++sh->version;

            sh->keys[key].begun = version;
            rig_put(r, key, version, (uint32_t)rnd_below(&rng, what < 10 ? 50000 : 6000));
            sh->puts++;
        } else if (what < 180) {
            check(rig_get(r, key) <= sh->keys[key].begun);
        } else if (what < 196) {
            disk_used(r->d, rig_key(r, key));
        } else if (what < 199) {
            note_flushed(r);
        } else {
            check(disk_checkpoint(r->d));
        }
    }
    note_flushed(r);
    disk_close(&r->d);
    sh->clean++;
}

static void t_killed_at_any_moment(void **state)
{
    const char *said = getenv("SELVAGE_CRASHES");
    uint64_t crashes = said != NULL ? strtoull(said, NULL, 0) : 40;
    uint64_t rng = seed_of_run();
    struct rig r;

    (void)state;
    sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(sh != MAP_FAILED);
    rig_init(&r, 8 << 20, SEGMENT);
    for (uint64_t i = 0; i < crashes; i++) {
        uint64_t seed = rnd(&rng), ms = 1 + rnd_below(&rng, rnd_below(&rng, 4) == 0 ? 20 : 250);
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            live(&r, seed);
            _exit(0);
        }
        usleep((useconds_t)ms * 1000);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
            !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
            fail_msg("after %llu crashes: status %d", (unsigned long long)i, status);
    }
    rig_open(&r);
    verify(&r);
    printf(
        "%llu processes, %llu of them stopped well; %llu puts, %llu records found again, %llu of "
        "them had to be; %llu segments begun\n",
        (unsigned long long)crashes, (unsigned long long)sh->clean, (unsigned long long)sh->puts,
        (unsigned long long)sh->hits, (unsigned long long)sh->must,
        (unsigned long long)rig_stats(&r).head);
    assert_true(sh->puts > 0 && sh->hits > 0);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_killed_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
