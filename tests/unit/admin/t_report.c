/* Tables for people, out of what the daemon answers and out of what it never would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "admin/report.h"
#include "base/check.h"

typedef bool report_fn(const json_t *answer, bool colour, struct buf *out);

static void expect(report_fn *report, const char *json, bool colour, const char *text)
{
    json_error_t error;
    json_t *answer = json_loads(json, 0, &error);
    struct buf out;

    if (answer == NULL)
        fail_msg("%s: %s", json, error.text);
    buf_init(&out, 65536);
    assert_true(report(answer, colour, &out));
    if (!span_eq(buf_span(&out), span_of(text)))
        fail_msg("got:\n%.*s\ninstead of:\n%s", (int)out.n, out.p, text);
    buf_free(&out);
    json_decref(answer);
}

static void status(void **state)
{
    (void)state;
    expect(report_status,
        "{\"program\": \"selvage\", \"version\": \"1.2.3\", \"pid\": 4711, \"uptime_s\": 200000,"
        " \"since\": 784111777, \"config\": null, \"listens\": [\"127.0.0.1:80\", \"[::]:80\"],"
        " \"workers\": 2, \"connections\": 0, \"draining\": false, \"memory\": {\"used_bytes\":"
        " 1048576, \"budget_bytes\": 268435456, \"objects\": 3}}",
        false,
        "selvage         1.2.3\n"
        "process         4711\n"
        "up              2 d 7 h, since Sun, 06 Nov 1994 08:49:37 GMT\n"
        "state           serving\n"
        "configuration   the command line\n"
        "listen          127.0.0.1:80\n"
        "listen          [::]:80\n"
        "workers         2\n"
        "connections     0\n"
        "memory used     1.0 MiB    0.4 % of 256.0 MiB\n"
        "memory objects  3\n");
}

static void stats(void **state)
{
    (void)state;
    expect(report_stats,
        "{\"uptime_s\": 5, \"connections\": 1, \"hit_ratio\": 0.75, \"memory\": {\"budget_bytes\":"
        " 4096, \"used_bytes\": 1024, \"body_bytes\": 1000, \"objects\": 1, \"fills\": 0},"
        " \"counters\": {\"connections\": 12, \"client_sent_bytes\": 5368709120, \"requests\":"
        " {\"HIT\": 3, \"MISS\": 1, \"-\": 0}, \"origin_requests\": 1, \"out_bytes\": {\"br\": "
        "2048},"
        " \"out\": {\"br\": 2}}}",
        false,
        "requests               4\n"
        "requests HIT           3   75.0 %\n"
        "requests MISS          1   25.0 %\n"
        "requests -             0\n"
        "hit ratio         75.0 %\n"
        "\n"
        "memory used      1.0 KiB   25.0 % of 4.0 KiB\n"
        "memory bodies     1000 B\n"
        "memory objects         1\n"
        "fills now              0\n"
        "connections now        1\n"
        "\n"
        "connections           12\n"
        "client sent      5.0 GiB\n"
        "origin requests        1\n"
        "out br           2.0 KiB\n"
        "out br                 2\n");
}

static void colour_marks_what_did_not_happen(void **state)
{
    (void)state;
    expect(report_stats, "{\"counters\": {\"fills\": 0, \"follows\": 7}}", true,
        "\033[2mrequests  0\033[0m\n"
        "\n\n"
        "\033[2mfills     0\033[0m\n"
        "follows   7\n");
}

/* A socket can be anybody's. */
static void strange_answers(void **state)
{
    (void)state;
    expect(report_stats, "{}", false, "requests  0\n\n\n");
    expect(report_stats, "[]", false, "requests  0\n\n\n");
    expect(report_stats,
        "{\"counters\": {\"requests\": 5, \"a_bytes\": \"x\", \"b\": {\"c\": {}}, \"d\": null,"
        " \"e\\u001b[2J\": 1}}",
        false, "requests  0\n\n\ne?[2J     1\n");
    expect(report_status, "{\"config\": \"\\u001b]0;x\\u0007\\u00e9\", \"listens\": [1]}", false,
        "program        ?\n"
        "state          serving\n"
        "configuration  ?]0;x?\u00e9\n"
        "listen         ?\n");
}

static void volumes(void **state)
{
    (void)state;
    expect(report_volumes, "{\"volumes\": []}", false,
        "volumes  none: what is stored is in memory only\n");
    expect(report_volumes,
        "{\"admission\": \"small\", \"memory_bytes\": 3072, \"ghost_bytes\": 1024,"
        " \"queue_objects\": 0, \"queue_bytes\": 0, \"volumes\": [{\"path\": \"/v\\u001b[1m\","
        " \"state\": \"read-only\", \"slow\": true, \"size_bytes\": 1048576, \"objects\": 3,"
        " \"recovery_ms\": 12, \"clean\": true}]}",
        false,
        "volume 1           /v?[1m\n"
        "volume 1 state     read-only, slow\n"
        "volume 1 recovery  12 ms, after a clean stop\n"
        "volume 1 size      1.0 MiB\n"
        "volume 1 objects   3\n"
        "\n"
        "admission          small\n"
        "queue objects      0\n"
        "queue              0 B\n"
        "memory             3.0 KiB\n"
        "memory ghosts      1.0 KiB\n");
    expect(report_volumes, "{\"volumes\": [1]}", false,
        "volume 1           ?\n"
        "volume 1 state     ?\n"
        "volume 1 recovery  0 ms, after a crash, or new\n"
        "\n"
        "admission          ?\n");
}

static void volume_check(void **state)
{
    (void)state;
    expect(report_volume_check,
        "{\"ok\": true, \"path\": \"/v\", \"journal\": \"00ff\", \"clean\": true,"
        " \"checkpoint_right\": true, \"size_bytes\": 1048576, \"superblocks\": 2,"
        " \"checkpoints\": 1, \"segments\": 9, \"segments_used\": 4, \"segments_unclosed\": 0,"
        " \"segments_absent\": 0, \"records\": 7, \"record_bytes\": 2048, \"records_damaged\": 0,"
        " \"read_errors\": 0, \"index_entries\": 5, \"index_entries_right\": 5}",
        false,
        "volume             /v\n"
        "size               1.0 MiB\n"
        "journal            00ff\n"
        "closed             well\n"
        "superblocks        2 of 2\n"
        "checkpoints        1\n"
        "segments           4 of 9 in use\n"
        "segments unclosed  0\n"
        "segments absent    0\n"
        "records            7\n"
        "records size       2.0 KiB\n"
        "records damaged    0\n"
        "read errors        0\n"
        "index              5 entries, 0 lead nowhere\n"
        "result             sound\n");
    expect(report_volume_check, "{\"index_entries\": 5, \"records_damaged\": 1}", false,
        "volume           ?\n"
        "journal          none yet: it was never in use\n"
        "closed           never in use\n"
        "superblocks      DAMAGED: 0 of 2\n"
        "checkpoints      DAMAGED: 0\n"
        "segments         0 of 0 in use\n"
        "records damaged  DAMAGED: 1\n"
        "read errors      0\n"
        "index            DAMAGED: 5 entries, 5 lead nowhere\n"
        "result           DAMAGED, as said above\n");
}

static void objects(void **state)
{
    static const char strange[] = "{\"tier\": \"disk\", \"url\": \"a/\\u001b[2J\", \"lines\": "
                                  "[{\"kind\": \"vary\", \"name\": \"x\", \"value\": \"1\"},"
                                  " {\"name\": \"y\", \"value\": null}, 3], \"status\": 200,"
                                  " \"body_bytes\": 2048, \"age_s\": 5, \"ttl_s\": -5}";
    json_t *object = json_loads(strange, 0, NULL);
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    assert_true(report_object_line(object, &out));
    assert_true(span_eq(buf_span(&out),
        SPAN("disk      200    2.0 KiB        5        -5     0  a/?[2J x=1 y=- ?=-\n")));
    buf_free(&out);
    json_decref(object);
    expect(report_object,
        "{\"url\": \"a.test/v\", \"varies\": true, \"objects\": [{\"tier\": \"memory\", \"id\": "
        "\"0f\","
        " \"lines\": [{\"kind\": \"vary\", \"name\": \"x\", \"value\": null}], \"status\": 200,"
        " \"body_bytes\": 1048576, \"slice_bytes\": 1024, \"age_s\": 1, \"ttl_s\": 9, \"tags\": 2,"
        " \"soft_purged\": true, \"on_disk\": true}]}",
        false,
        "url       a.test/v\n"
        "variants  1 in memory\n"
        "\n"
        "id        0f\n"
        "key vary  x absent\n"
        "stored    memory and disk\n"
        "status    200\n"
        "size      1.0 MiB in slices of 1.0 KiB\n"
        "age       1 s\n"
        "ttl       9 s, purged softly\n"
        "tags      2\n");
    expect(report_object,
        "{\"url\": \"u\", \"on_disk\": true, \"objects\": [{\"tier\": \"disk\", \"id\": \"1\","
        " \"on_disk\": true, \"volume\": \"/v\", \"status\": 200, \"body_bytes\": 1, \"record\":"
        " {\"kind\": \"whole\", \"segment\": 7, \"bytes\": 512, \"used\": 3, \"born\": 9,"
        " \"expires\": null}, \"head\": [{\"name\": \"A\", \"value\": \"b\"}]}]}",
        false,
        "url      u\n"
        "\n"
        "id       1\n"
        "stored   disk\n"
        "status   200\n"
        "size     1 B\n"
        "age      0 s\n"
        "ttl      0 s\n"
        "tags     0\n"
        "volume   /v\n"
        "segment  7\n"
        "record   whole, 512 B, used 3\n"
        "born     after purge 9\n"
        "head     A: b\n");
    expect(report_object, "{\"url\": \"u\"}", false,
        "url     u\n"
        "stored  no\n");
    expect(report_object, "[]", false, "url     ?\nstored  no\n");
}

static void disk_in_stats(void **state)
{
    (void)state;
    expect(report_stats,
        "{\"disk\": {\"admission\": \"all\", \"queue_objects\": 2, \"volumes\": ["
        "{\"state\": \"ready\", \"size_bytes\": 1024, \"objects\": 3},"
        "{\"state\": \"offline\", \"size_bytes\": 1024, \"objects\": 4, \"corrupt\": 1}]}}",
        false,
        "requests                  0\n"
        "\n\n"
        "disk volumes              2\n"
        "disk volumes ready        1\n"
        "disk size           2.0 KiB\n"
        "disk objects              7\n"
        "disk waiting            0 B\n"
        "disk corrupt              1\n"
        "disk read errors          0\n"
        "disk write errors         0\n"
        "disk queue objects        2\n"
        "disk admission          all\n"
        "\n");
}

static void explain(void **state)
{
    (void)state;
    expect(report_explain,
        "{\"running\": true, \"now\": {\"cache\": \"EXPIRED\", \"status\": null, \"why\": \"old\","
        " \"origin\": {\"name\": \"app\", \"request\": \"GET /a\", \"if_none_match\": "
        "\"\\\"e\\\"\","
        " \"background\": false}, \"on_failure\": \"STALE\"}, \"site\": {\"name\": \"a.test\", "
        "\"file\":"
        " \"c\", \"line\": 4}, \"rule\": {\"path\": \"/a*\"}, \"key\": {\"host\": \"a.test\", "
        "\"path\":"
        " \"/a\", \"query\": \"\", \"lines\": [{\"kind\": \"cookie\", \"name\": \"n\", \"value\":"
        " null}]}, \"vary\": {\"request\": [{\"name\": \"x\", \"value\": \"1\"}, {\"name\": \"y\","
        " \"value\": null}], \"variants\": [{\"chosen\": true, \"values\": [{\"name\": \"x\","
        " \"value\": \"1\"}], \"status\": 200, \"body_bytes\": 2048, \"ttl_s\": -5}]}, \"stored\":"
        " {\"status\": 200, \"body_bytes\": 2048, \"etag\": null}, \"coding\": {\"stored\": "
        "\"identity\","
        " \"answer\": \"br\", \"made\": false, \"reason\": \"chosen\", \"why\": \"best\"},"
        " \"freshness\": {\"lifetime_s\": "
        "60,"
        " \"lifetime_from\": \"max-age\", \"age_s\": 65, \"initial_age_s\": 3, \"resident_s\": 62,"
        " \"ttl_s\": -5, \"age_field_s\": 2, \"response_delay_s\": 1, \"arrived\": \"then\", "
        "\"date\":"
        " \"before\", \"date_from\": \"Date\", \"stale_if_error_s\": 9, \"must_revalidate\": true},"
        " \"not_stored\": {\"reason\": \"private\", \"sentence\": \"s\", \"section\": \"RFC\", "
        "\"at\":"
        " \"once\", \"ago_s\": 61, \"status\": 200}}",
        false,
        "answer           EXPIRED: old\n"
        "origin           app\n"
        "origin is asked  GET /a\n"
        "origin gets      If-None-Match: \"e\"\n"
        "origin fails     STALE\n"
        "\n"
        "site             a.test, c:4\n"
        "rule             path /a*\n"
        "key host         a.test\n"
        "key path         /a\n"
        "key query        \n"
        "key cookie       n absent\n"
        "\n"
        "request varies   x=1, y absent\n"
        "variant          x=1: 200, 2.0 KiB, stale for 5 s  <- chosen: what the request says\n"
        "stored           200, 2.0 KiB\n"
        "coding           br, to be made out of identity: best\n"
        "lifetime         60 s, from max-age\n"
        "age              65 s = 3 s at arrival + 62 s here\n"
        "age at arrival   3 s = the greater of arrived - date, and Age 2 s + delay 1 s\n"
        "arrived          then\n"
        "date             before, from Date\n"
        "ttl              -5 s = 60 s - 65 s\n"
        "stale windows    stale-while-revalidate 0 s, stale-if-error 9 s, must-revalidate\n"
        "not stored       private: s (RFC)\n"
        "not stored at    once, 1 min 1 s ago, status 200\n");
    expect(report_explain, "{}", false, "answer  : \n\nsite    none\n");
    expect(report_explain, "[]", false, "answer  : \n\nsite    none\n");
}

static void purge(void **state)
{
    (void)state;
    expect(report_purge,
        "{\"scope\": \"tag\", \"hard\": true, \"site\": \"www.test\", \"sequence\": 18,"
        " \"purged\": [{\"sequence\": 9, \"what\": \"a\"},"
        " {\"sequence\": 18, \"what\": \"b\\u001b[1m\"}], \"durable\": true, \"waited\": true}",
        false,
        "purge 9   hard tag of site www.test: a\n"
        "purge 18  hard tag of site www.test: b?[1m\n"
        "holds     everywhere in this process, and after a restart\n");
    expect(report_purge,
        "{\"scope\": \"all\", \"hard\": false, \"site\": null, \"sequence\": 1, \"purged\":"
        " [{\"sequence\": 1, \"what\": null}], \"durable\": true, \"waited\": false}",
        false,
        "purge 1  soft all\n"
        "holds    for every request from now on, and after a restart\n");
    expect(report_purge, "{\"durable\": false, \"waited\": true}", false,
        "holds  now, but PERHAPS NOT AFTER A RESTART: the journal cannot be written, see the "
        "log\n");
    expect(report_purge, "{\"purged\": [7, {\"what\": 5}]}", false,
        "purge 0  soft \n"
        "purge 0  soft \n"
        "holds    now, but PERHAPS NOT AFTER A RESTART: the journal cannot be written, see the "
        "log\n");
}

static void refuses_too_much(void **state)
{
    json_t *answer = json_object();
    struct buf out;

    (void)state;
    buf_init(&out, 16);
    assert_false(report_status(answer, false, &out));
    buf_free(&out);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status),
        cmocka_unit_test(stats),
        cmocka_unit_test(colour_marks_what_did_not_happen),
        cmocka_unit_test(strange_answers),
        cmocka_unit_test(volumes),
        cmocka_unit_test(disk_in_stats),
        cmocka_unit_test(objects),
        cmocka_unit_test(volume_check),
        cmocka_unit_test(explain),
        cmocka_unit_test(purge),
        cmocka_unit_test(refuses_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
