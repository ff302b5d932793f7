/*
 * volumes.c - the disk tier's numbers, for GET /volumes, /stats and /metrics.
 */
#include "cache/volumes.h"
#include "admin/answer.h"
#include "admin/metrics.h"

#include <stdio.h>
#include <string.h>

#define GAUGE    "gauge"
#define COUNTER  "counter"
#define AT(name) offsetof(struct disk_stats, name)

/* Numbers of a volume. Rows of one metric stand together; the first has the sentence. */
static const struct number {
    const char *name; /* in JSON */
    size_t at;        /* a uint64_t of struct disk_stats */
    const char *type, *metric, *labels, *help;
} numbers[] = {
    {"size_bytes", AT(bytes), GAUGE, "selvage_volume_bytes", "", "Size of the volume"},
    {"objects", AT(objects), GAUGE, "selvage_volume_records", "",
        "Records that the volume's index knows: objects, head objects and slices"},
    {"index_bytes", AT(index_bytes), GAUGE, "selvage_volume_memory_bytes", "kind=\"index\"",
        "Memory of the volume, beside the budget of the memory tier"},
    {"buffer_bytes", AT(buffer_bytes), GAUGE, "selvage_volume_memory_bytes", "kind=\"buffers\"",
        ""},
    {"waiting_bytes", AT(waiting_bytes), GAUGE, "selvage_volume_waiting_bytes", "",
        "Records in buffers that are not on the disk yet"},
    {"admitted", AT(admitted), COUNTER, "selvage_volume_written_records_total", "kind=\"admitted\"",
        "Records that were put on the volume, by why"},
    {"reinserted", AT(reinserted), COUNTER, "selvage_volume_written_records_total",
        "kind=\"reinserted\"", ""},
    {"admitted_bytes", AT(admitted_bytes), COUNTER, "selvage_volume_written_records_bytes_total",
        "kind=\"admitted\"", "The same in bytes"},
    {"reinserted_bytes", AT(reinserted_bytes), COUNTER,
        "selvage_volume_written_records_bytes_total", "kind=\"reinserted\"", ""},
    {"written_bytes", AT(written_bytes), COUNTER, "selvage_volume_written_bytes_total", "",
        "Bytes written to the device, with all that is around records"},
    {"reads", AT(reads), COUNTER, "selvage_volume_reads_total", "", "Records that were asked for"},
    {"reads_joined", AT(reads_joined), COUNTER, "selvage_volume_reads_joined_total", "",
        "Of them, those that an equal read in flight served"},
    {"reads_buffered", AT(reads_buffered), COUNTER, "selvage_volume_reads_buffered_total", "",
        "Of them, those that were not on the disk yet"},
    {"reads_missed", AT(reads_missed), COUNTER, "selvage_volume_reads_missed_total", "",
        "Of them, those whose record was another's or had gone"},
    {"refused_puts", AT(refused_puts), COUNTER, "selvage_volume_refused_total", "kind=\"put\"",
        "What the volume did not take since too much waited"},
    {"refused_reads", AT(refused_reads), COUNTER, "selvage_volume_refused_total", "kind=\"read\"",
        ""},
    {"corrupt", AT(corrupt), COUNTER, "selvage_volume_corrupt_total", "",
        "Records that failed a check, and were misses"},
    {"read_errors", AT(read_errors), COUNTER, "selvage_volume_errors_total", "kind=\"read\"",
        "Calls that failed"},
    {"write_errors", AT(write_errors), COUNTER, "selvage_volume_errors_total", "kind=\"write\"",
        ""},
    {"dropped_live", AT(dropped_live), COUNTER, "selvage_volume_dropped_total", "kind=\"live\"",
        "Records that were forgotten: with their segment (live), since nobody wants them (dead), "
        "for another's place in the index (full)"},
    {"dropped_dead", AT(dropped_dead), COUNTER, "selvage_volume_dropped_total", "kind=\"dead\"",
        ""},
    {"dropped_full", AT(dropped_full), COUNTER, "selvage_volume_dropped_total", "kind=\"full\"",
        ""},
    {"checkpoints", AT(checkpoints), COUNTER, "selvage_volume_checkpoints_total", "",
        "Times that the directory was written"},
    {"recovered", AT(recovered), GAUGE, "selvage_volume_recovered_records", "",
        "Records that were found when the volume was opened"},
};

static uint64_t number_of(const struct cache_volume *v, const struct number *n)
{
    uint64_t value;

    memcpy(&value, (const char *)&v->disk + n->at, sizeof(value));
    return value;
}

/* --- JSON --- */

static json_t *volume_json(const struct cache_volume *v)
{
    json_t *o = json_pack("{s:o, s:s, s:b}", "path", admin_json_text(span_of(v->path)), "state",
        disk_state_name(v->state), "slow", (int)v->slow);

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(
            o, numbers[i].name, json_integer((json_int_t)number_of(v, &numbers[i])));
    json_object_set_new(o, "recovery_ms", json_integer((json_int_t)v->disk.recovery_ms));
    json_object_set_new(o, "clean", json_boolean(v->disk.clean));
    return o;
}

json_t *admin_volumes_json(const struct cache_volumes *v)
{
    json_t *all = json_array();
    uint64_t memory = v->ghost_bytes;

    for (unsigned i = 0; i < v->n; i++) {
        memory += v->v[i].disk.index_bytes + v->v[i].disk.buffer_bytes;
        json_array_append_new(all, volume_json(&v->v[i]));
    }
    return json_pack("{s:s?, s:I, s:I, s:I, s:I, s:o}", "admission",
        v->n > 0 ? admission_level_name(v->admission) : NULL, "memory_bytes", (json_int_t)memory,
        "ghost_bytes", (json_int_t)v->ghost_bytes, "queue_objects", (json_int_t)v->queue_objects,
        "queue_bytes", (json_int_t)v->queue_bytes, "volumes", all);
}

void admin_serve_volumes(struct admin_call *call)
{
    struct admin_facts f = admin_facts_now(call);

    static const struct cache_volumes none;

    admin_answer_json(call, 200, admin_volumes_json(f.volumes != NULL ? f.volumes : &none));
}

/* --- metrics --- */

/* volume="..." */
static struct span label_of(struct arena *a, const char *path)
{
    size_t n = strlen(path);
    char *text = arena_alloc(a, 2 * n + 1), *to = text;

    for (; *path != '\0'; path++) {
        if (*path == '\\' || *path == '"' || *path == '\n')
            *to++ = '\\';
        *to++ = *path == '\n' ? 'n' : *path;
    }
    *to = '\0';
    return arena_printf(a, "volume=\"%s\"", text);
}

static const char *with(struct arena *a, struct span label, const char *further)
{
    return arena_printf(a, "%.*s%s%s", SPAN_ARG(label), further[0] != '\0' ? "," : "", further).p;
}

static void states(
    struct metrics *m, struct arena *a, const struct cache_volumes *v, const struct span *labels)
{
    for (unsigned i = 0; i < v->n; i++) {
        for (int s = DISK_RECOVERING; s <= DISK_OFFLINE; s++) {
            char state[48];

            snprintf(state, sizeof(state), "state=\"%s\"", disk_state_name((enum disk_state)s));
            metrics_sample(m, GAUGE, "selvage_volume_state", with(a, labels[i], state),
                "1 for the state that the volume is in", (int)v->v[i].state == s);
        }
    }
    for (unsigned i = 0; i < v->n; i++)
        metrics_sample(m, GAUGE, "selvage_volume_slow", labels[i].p,
            "1 while reads of the volume wait too long, and the origin is asked instead",
            v->v[i].slow);
    for (unsigned i = 0; i < v->n; i++)
        metrics_sample(m, GAUGE, "selvage_volume_recovery_milliseconds", labels[i].p,
            "How long it took to find what is stored when the volume was opened",
            (uint64_t)v->v[i].disk.recovery_ms);
}

void metrics_volumes(struct metrics *m, struct arena *a, const struct cache_volumes *v)
{
    struct span *labels = arena_alloc(a, v->n * sizeof(*labels));

    if (v->n == 0)
        return;
    for (unsigned i = 0; i < v->n; i++)
        labels[i] = label_of(a, v->v[i].path);
    states(m, a, v, labels);
    for (size_t k = 0; k < ARRAY_LEN(numbers);) {
        const char *metric = numbers[k].metric;
        size_t first = k;

        while (k < ARRAY_LEN(numbers) && strcmp(numbers[k].metric, metric) == 0)
            k++;
        for (unsigned i = 0; i < v->n; i++)
            for (size_t j = first; j < k; j++)
                metrics_sample(m, numbers[j].type, metric, with(a, labels[i], numbers[j].labels),
                    numbers[first].help, number_of(&v->v[i], &numbers[j]));
    }
    metrics_sample(m, GAUGE, "selvage_disk_queue_objects", "",
        "Objects that wait to be put on a volume", v->queue_objects);
    metrics_sample(
        m, GAUGE, "selvage_disk_queue_bytes", "", "Memory that these hold", v->queue_bytes);
    metrics_sample(m, GAUGE, "selvage_disk_ghost_bytes", "",
        "Memory for what was asked for once and not admitted, beside the budget", v->ghost_bytes);
    metrics_sample(m, GAUGE, "selvage_disk_admission_level", "",
        "What is admitted to the volumes: 0 all, 1 small at once, 2 what comes again, 3 some of "
        "that",
        (uint64_t)v->admission);
}

size_t metrics_volumes_bytes(const struct cache_volumes *v)
{
    enum { SAMPLE_BYTES = 512 };
    size_t bytes = 4 * SAMPLE_BYTES;

    for (unsigned i = 0; i < v->n; i++)
        bytes += (ARRAY_LEN(numbers) + 6) * (2 * strlen(v->v[i].path) + SAMPLE_BYTES);
    return bytes;
}
