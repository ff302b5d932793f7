/* t_warc.c - records as the standard has them, compressed or not. (Whole files are read back by an
 * independent reader in tests/e2e/test_export.py.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "admin/warc.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static const struct warc_record record = {
    .type = "response",
    .uri = {"http://a.test/x?y", 17},
    .date = 1792600000,
    .content_type = "application/http; msgtype=response",
    .length = 11,
};

/* Two records; how many bytes there are in `out`. */
static size_t write_two(bool gzip, char *out, size_t cap)
{
    FILE *f = tmpfile();
    struct warc *w = warc_new(fileno(f), gzip);
    size_t n;

    for (int i = 0; i < 2; i++) {
        assert_true(warc_begin(w, &record));
        assert_true(warc_write(w, SPAN("hello ")));
        assert_true(warc_write(w, SPAN("world")));
        assert_true(warc_end(w));
    }
    warc_free(&w);
    assert_null(w);
    rewind(f);
    n = fread(out, 1, cap, f);
    fclose(f);
    return n;
}

static void check_record(const char *text, size_t n)
{
    static const char rest[] = "WARC-Date: 2026-10-21T16:26:40Z\r\n"
                               "WARC-Target-URI: http://a.test/x?y\r\n"
                               "Content-Type: application/http; msgtype=response\r\n"
                               "Content-Length: 11\r\n\r\nhello world\r\n\r\n";
    const char *id = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:";
    size_t at = strlen(id) + strlen("01234567-0123-4123-8123-0123456789ab>\r\n");

    assert_memory_equal(text, id, strlen(id));
    assert_int_equal(text[strlen(id) + 14], '4');
    assert_int_equal(n - at, sizeof(rest) - 1);
    assert_memory_equal(text + at, rest, sizeof(rest) - 1);
}

static void t_plain(void **state)
{
    char out[2048];
    size_t n = write_two(false, out, sizeof(out));

    (void)state;
    assert_int_equal(n % 2, 0);
    check_record(out, n / 2);
    check_record(out + n / 2, n / 2);
    assert_memory_not_equal(out, out + n / 2, n / 2);
}

static void t_each_is_a_member(void **state)
{
    char packed[2048], plain[1024];
    size_t n = write_two(true, packed, sizeof(packed));
    z_stream z = {.next_in = (unsigned char *)packed, .avail_in = (unsigned)n};

    (void)state;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    for (int i = 0; i < 2; i++) {
        z.next_out = (unsigned char *)plain;
        z.avail_out = sizeof(plain);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        check_record(plain, sizeof(plain) - z.avail_out);
        assert_int_equal(inflateReset(&z), Z_OK);
    }
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
}

static void t_full(void **state)
{
    FILE *f = fopen("/dev/full", "w");
    struct warc *w;

    (void)state;
    if (f == NULL)
        skip();
    w = warc_new(fileno(f), false);
    assert_false(warc_begin(w, &record));
    warc_free(&w);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_plain),
        cmocka_unit_test(t_each_is_a_member),
        cmocka_unit_test(t_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
