/*
 * t_purge_journal.c - what was purged holds after a restart: also of a file that was cut off
 * anywhere, of one with any bit wrong, of one that could not be written for a while.
 */
#include "purging.h"

#include "base/counters.h"
#include "base/log.h"
#include "cache/cache_impl.h"
#include "cache/purge_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 48 };

static char folder[64], path[96], copy[128];

static struct cache *open_at(const char *journal)
{
    struct cache_conf conf = {.memory_bytes = 8 << 20, .journal = span_of(journal)};
    char err[256] = "";
    struct cache *c = cache_open(&conf, err, sizeof(err));

    if (c == NULL)
        fail_msg("%s", err);
    return c;
}

static void file_write(const char *at, const char *p, size_t n)
{
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

static size_t file_read(const char *at, char *p, size_t cap)
{
    int fd = open(at, O_RDONLY);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, p, cap);
    assert_true(n >= 0 && (size_t)n < cap);
    close(fd);
    return (size_t)n;
}

static uint64_t file_bytes(const char *at)
{
    struct stat st;

    assert_int_equal(stat(at, &st), 0);
    return (uint64_t)st.st_size;
}

/* As after a crash: what the file has now, while its owner still runs. */
static struct cache *open_copy(void)
{
    static char bytes[8 << 20];

    file_write(copy, bytes, file_read(path, bytes, sizeof(bytes)));
    return open_at(copy);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/selvage-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/purges", folder);
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(copy);
    return rmdir(folder);
}

/* --- holding ------------------------------------------------------------------------------ */

/* What a disk would bring back: an object that was born in an earlier process. */
static char brought_back(struct cache *c, uint64_t born, const char *key, const char *tags)
{
    struct object *obj = labelled(c, key, born, "site", tags);
    enum purged how = cache_purged(c, obj);

    object_release(&obj);
    return "-sh"[how];
}

static void all_kinds_hold(void **state)
{
    struct cache *c = open_at(path);
    uint64_t last;

    (void)state;
    assert_int_equal(cache_purge_seq(c), 0);
    purge(c, PURGE_URL, true, "h/url", "");
    purge(c, PURGE_PREFIX, false, "h/prefix/", "");
    purge(c, PURGE_TAG, true, "tag", "");
    purge(c, PURGE_TAG, false, "both", "");
    purge(c, PURGE_TAG, true, "both", "");
    last = purge(c, PURGE_TAG, false, "both", "site");
    assert_true(cache_purge_sync(c, last));
    for (int restarts = 0; restarts < 3; restarts++) {
        struct cache *after = restarts == 0 ? open_copy() : c;

        assert_true(restarts == 0 || cache_purge_seq(after) > last);
        assert_int_equal(brought_back(after, 0, "h/url", NULL), 'h');
        assert_int_equal(brought_back(after, 1, "h/url", NULL), '-');
        assert_int_equal(brought_back(after, 1, "h/prefix/x", NULL), 's');
        assert_int_equal(brought_back(after, 2, "h/prefix/x", NULL), '-');
        assert_int_equal(brought_back(after, 2, "h/x", "TAG"), 'h');
        assert_int_equal(brought_back(after, 3, "h/x", "tag"), '-');
        assert_int_equal(brought_back(after, 4, "h/x", "both"), 'h');
        assert_int_equal(brought_back(after, 5, "h/x", "both"), 's');
        assert_int_equal(brought_back(after, 6, "h/x", "both"), '-');
        assert_int_equal(brought_back(after, 0, "h/x", "other"), '-');
        cache_close(&after);
        c = restarts == 0 ? c : NULL;
        if (restarts == 0)
            cache_close(&c);
        c = open_at(path);
    }
    last = purge(c, PURGE_ALL, false, "", "");
    assert_true(cache_purge_sync(c, last));
    cache_close(&c);
    c = open_at(path);
    assert_int_equal(brought_back(c, last - 1, "h/x", NULL), 's');
    assert_int_equal(brought_back(c, last, "h/x", NULL), '-');
    last = purge(c, PURGE_ALL, true, "", ""); /* close() writes it, too */
    cache_close(&c);
    c = open_at(path);
    assert_int_equal(brought_back(c, last - 1, "h/x", NULL), 'h');
    assert_int_equal(brought_back(c, last, "h/x", NULL), '-');
    cache_close(&c);
}

/* What was born at a number that the file never got is older than the first purge afterwards. */
static void numbers_are_not_used_again(void **state)
{
    struct cache *c = open_at(path), *after;
    uint64_t seq = 0, born;

    (void)state;
    assert_true(cache_purge_sync(c, purge(c, PURGE_TAG, true, "a", "")));
    after = open_copy();
    cache_close(&after);
    for (int i = 0; i < 1000; i++)
        seq = purge(c, PURGE_TAG, true, "b", "");
    born = seq;
    after = open_copy();
    seq = purge(after, PURGE_TAG, true, "c", "");
    assert_true(seq > born);
    assert_int_equal(brought_back(after, born, "h/x", "c"), 'h');
    cache_close(&after);
    cache_close(&c);
}

static void more_than_the_queue_takes(void **state)
{
    struct cache *c = open_at(path), *after;
    uint64_t seq = 0;
    char url[32];

    (void)state;
    for (int i = 0; i < 600; i++) { /* longer than the list, too */
        char text[PURGE_TEXT_MAX + 1];

        memset(text, 'x', sizeof(text));
        snprintf(text, sizeof(text), "h/%04d/", i);
        text[7] = 'x';
        text[PURGE_TEXT_MAX] = '\0';
        seq = purge(c, PURGE_PREFIX, true, text, "");
    }
    for (int i = 0; i < 500; i++) {
        snprintf(url, sizeof(url), "h/%d", i);
        seq = purge(c, PURGE_URL, true, url, "");
    }
    assert_true(cache_purge_sync(c, seq));
    after = open_copy();
    for (int i = 0; i < 500; i++) {
        snprintf(url, sizeof(url), "h/%d", i);
        assert_int_equal(brought_back(after, seq - 501, url, NULL), 'h');
    }
    assert_int_equal(brought_back(after, seq, "h/0", NULL), '-');
    cache_close(&after);
    cache_close(&c);
}

/* The file does not grow without end, and is whole at all times. */
static void grows_and_shrinks(void **state)
{
    struct cache *c = open_at(path), *after;
    uint64_t seq = 0, most = 0, bytes, before = 0;
    bool shrank = false;
    char url[32];

    (void)state;
    for (uint64_t i = 0; i < 300000; i++) {
        snprintf(url, sizeof(url), "h/%llu", (unsigned long long)i % 500);
        seq = purge(c, PURGE_URL, true, url, "");
        if (i % 5000 != 4999)
            continue;
        assert_true(cache_purge_sync(c, seq));
        bytes = file_bytes(path);
        if (bytes < before) {
            after = open_copy();
            assert_int_equal(brought_back(after, seq - 1, url, NULL), 'h');
            cache_close(&after);
            shrank = true;
        }
        before = bytes;
        most = bytes > most ? bytes : most;
    }
    assert_true(shrank);
    assert_true(most < 6 << 20);
    cache_close(&c);
    c = open_at(path);
    assert_true(file_bytes(path) < 64 << 10);
    assert_int_equal(brought_back(c, seq - 1, url, NULL), 'h');
    assert_int_equal(brought_back(c, seq, url, NULL), '-');
    cache_close(&c);
}

/* --- what a file can look like ------------------------------------------------------------ */

enum { WRITTEN = 8 };

/* A file with a snapshot and some purges behind it: one tag each, `ends` where each is whole. */
static size_t write_some(char *bytes, size_t cap, uint64_t seqs[WRITTEN], size_t ends[WRITTEN])
{
    struct cache *c = open_at(path);
    char tag[16];
    size_t n;

    for (int i = 0; i < WRITTEN / 2; i++) {
        snprintf(tag, sizeof(tag), "t%d", i);
        seqs[i] = purge(c, PURGE_TAG, true, tag, "");
    }
    cache_close(&c);
    c = open_at(path);
    for (int i = 0; i < WRITTEN / 2; i++)
        ends[i] = (size_t)file_bytes(path);
    for (int i = WRITTEN / 2; i < WRITTEN; i++) {
        snprintf(tag, sizeof(tag), "t%d", i);
        seqs[i] =
            i % 2 == 0 ? purge(c, PURGE_TAG, true, tag, "") : purge(c, PURGE_PREFIX, true, tag, "");
        assert_true(cache_purge_sync(c, seqs[i]));
        ends[i] = (size_t)file_bytes(path);
    }
    n = file_read(path, bytes, cap);
    assert_int_equal(n, ends[WRITTEN - 1]);
    cache_close(&c);
    return n;
}

static char brought_back_nth(struct cache *c, uint64_t born, int i)
{
    char tag[16], url[32];

    snprintf(tag, sizeof(tag), "t%d", i);
    snprintf(url, sizeof(url), "%s/", i >= WRITTEN / 2 && i % 2 != 0 ? tag : "h");
    return brought_back(c, born, url, tag);
}

static void cut_off_anywhere(void **state)
{
    static char bytes[64 << 10];
    uint64_t seqs[WRITTEN];
    size_t ends[WRITTEN], n = write_some(bytes, sizeof(bytes), seqs, ends);
    uint64_t identity = 0;
    struct cache *c;

    (void)state;
    memcpy(&identity, bytes + 16, sizeof(identity)); /* little-endian, as this machine should be */
    for (size_t cut = 0; cut <= n; cut++) {
        file_write(copy, bytes, cut);
        c = open_at(copy);
        if (cut < HEADER_BYTES) { /* what it was about is not known, and labels are others */
            assert_int_not_equal(c->purges->seed, identity);
            cache_close(&c);
            continue;
        }
        assert_int_equal(c->purges->seed, identity);
        for (int i = 0; i < WRITTEN; i++) {
            bool damaged = cut < ends[0];

            if ((damaged || cut >= ends[i]) && brought_back_nth(c, seqs[i] - 1, i) != 'h')
                fail_msg("cut at %zu: purge %d does not hold", cut, i);
            if (!damaged && brought_back_nth(c, seqs[i], i) != '-')
                fail_msg("cut at %zu: purge %d holds for what came later", cut, i);
        }
        assert_int_equal(brought_back(c, cache_purge_seq(c), "h/x", "t0"), '-');
        assert_true(cache_purge_seq(c) > seqs[0]);
        cache_close(&c);
    }
}

static void a_bit_wrong_anywhere(void **state)
{
    static char bytes[64 << 10];
    uint64_t seqs[WRITTEN];
    size_t ends[WRITTEN], n = write_some(bytes, sizeof(bytes), seqs, ends);
    uint64_t identity = 0;
    struct cache *c;

    (void)state;
    memcpy(&identity, bytes + 16, sizeof(identity));
    for (size_t at = 0; at < n; at++) {
        bytes[at] = (char)(bytes[at] ^ 1 << at * 3 % 8);
        file_write(copy, bytes, n);
        bytes[at] = (char)(bytes[at] ^ 1 << at * 3 % 8);
        c = open_at(copy);
        if (at < HEADER_BYTES) {
            assert_int_not_equal(c->purges->seed, identity);
            cache_close(&c);
            continue;
        }
        for (int i = 0; i < WRITTEN; i++)
            if (brought_back_nth(c, seqs[i] - 1, i) != 'h')
                fail_msg("byte %zu: purge %d does not hold", at, i);
        /* Nobody knows what the record said. */
        assert_int_equal(brought_back(c, seqs[WRITTEN - 1], "h/x", "x"), 'h');
        assert_int_equal(brought_back(c, cache_purge_seq(c), "h/x", "t0"), '-');
        cache_close(&c);
    }
}

/* Blocks that were given to the file, and never written. */
static void zeros_at_the_end(void **state)
{
    static char bytes[64 << 10];
    uint64_t seqs[WRITTEN];
    size_t ends[WRITTEN], n = write_some(bytes, sizeof(bytes), seqs, ends);
    struct cache *c;

    (void)state;
    memset(bytes + n, 0, 5000);
    file_write(copy, bytes, n + 5000);
    c = open_at(copy);
    for (int i = 0; i < WRITTEN; i++) {
        assert_int_equal(brought_back_nth(c, seqs[i] - 1, i), 'h');
        assert_int_equal(brought_back_nth(c, seqs[i], i), '-');
    }
    cache_close(&c);
}

static void a_record_missing(void **state)
{
    static char bytes[64 << 10];
    uint64_t seqs[WRITTEN];
    size_t ends[WRITTEN], n = write_some(bytes, sizeof(bytes), seqs, ends);
    struct cache *c;

    (void)state;
    memmove(bytes + ends[4], bytes + ends[5], n - ends[5]);
    file_write(copy, bytes, n - (ends[5] - ends[4]));
    c = open_at(copy);
    for (int i = 0; i < WRITTEN; i++)
        assert_int_equal(brought_back_nth(c, seqs[i] - 1, i), 'h');
    cache_close(&c);
}

static void refused(const char *sentence)
{
    struct cache_conf conf = {.memory_bytes = 8 << 20, .journal = span_of(path)};
    char err[256] = "";

    assert_null(cache_open(&conf, err, sizeof(err)));
    if (strstr(err, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err, sentence);
}

static void what_cannot_be_read(void **state)
{
    char bytes[HEADER_BYTES + 1];
    struct cache *c = open_at(path);
    uint64_t sum;

    (void)state;
    refused("belongs to another process");
    cache_close(&c);
    assert_int_equal(file_read(path, bytes, sizeof(bytes)), HEADER_BYTES);
    bytes[8] = 2;
    sum = hash64_seeded(span_make(bytes, 40), 0);
    memcpy(bytes + 40, &sum, sizeof(sum));
    file_write(path, bytes, HEADER_BYTES);
    refused("is of version 2, and this is 1");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    refused("cannot open the purge journal");
    assert_int_equal(rmdir(path), 0);
}

/* --- a disk that does not take it --------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void no_space(void **state)
{
    struct cache *c = open_at(path), *after;
    uint64_t errors = counter_sum(C_PURGE_JOURNAL_ERRORS), first, second, bytes;

    (void)state;
    first = purge(c, PURGE_TAG, true, "first", "");
    assert_true(cache_purge_sync(c, first));
    bytes = file_bytes(path);
    limit_files(bytes + 10);
    second = purge(c, PURGE_TAG, true, "second", "");
    assert_int_equal(brought_back(c, 0, "h/x", "second"), 'h'); /* it holds */
    assert_false(cache_purge_sync(c, second));
    assert_false(cache_purge_sync(c, second)); /* nor is there room for all anew */
    assert_true(counter_sum(C_PURGE_JOURNAL_ERRORS) >= errors + 2);
    assert_true(cache_purge_sync(c, first));
    limit_files(RLIM_INFINITY);
    after = open_copy(); /* with half a record */
    assert_int_equal(brought_back(after, 0, "h/x", "first"), 'h');
    assert_int_equal(brought_back(after, 0, "h/x", "second"), '-');
    cache_close(&after);
    assert_true(cache_purge_sync(c, second));
    after = open_copy();
    assert_int_equal(brought_back(after, 0, "h/x", "first"), 'h');
    assert_int_equal(brought_back(after, 0, "h/x", "second"), 'h');
    cache_close(&after);
    cache_close(&c);
}

static void no_way_to_write_at_the_start(void **state)
{
    struct cache *c = open_at(path);
    uint64_t seq = purge(c, PURGE_TAG, true, "first", "");

    (void)state;
    cache_close(&c);
    snprintf(copy, sizeof(copy), "%s.new", path); /* what is in the way of a new file */
    assert_int_equal(mkdir(copy, 0700), 0);
    c = open_at(path);
    assert_int_equal(brought_back(c, seq - 1, "h/x", "first"), 'h');
    seq = purge(c, PURGE_TAG, true, "second", "");
    assert_false(cache_purge_sync(c, seq));
    assert_int_equal(rmdir(copy), 0);
    assert_true(cache_purge_sync(c, seq));
    cache_close(&c);
    c = open_at(path);
    assert_int_equal(brought_back(c, 0, "h/x", "first"), 'h');
    assert_int_equal(brought_back(c, seq - 1, "h/x", "second"), 'h');
    cache_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_kinds_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_not_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_queue_takes, setup, teardown),
        cmocka_unit_test_setup_teardown(grows_and_shrinks, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_off_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bit_wrong_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(no_space, setup, teardown),
        cmocka_unit_test_setup_teardown(no_way_to_write_at_the_start, setup, teardown),
    };

    signal(SIGXFSZ, SIG_IGN);
    if (!log_open("/dev/null")) /* damage is said thousands of times here */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
