/*
 * metrics.h - Prometheus' text format 0.0.4, sample by sample. Private to admin/.
 */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "base/buf.h"
#include "cache/volumes.h"

struct tls_server_state;

struct metrics {
    struct buf out;     /* owns */
    const char *metric; /* of the sample before, or "" */
    bool ok;            /* false: the buffer's limit does not allow */
};

/* Samples of one metric come one after another; the first has the sentence. `labels` may be "". */
void metrics_sample(struct metrics *m, const char *type, const char *metric, const char *labels,
    const char *help, uint64_t value);

/* certificates.c; `s` may be NULL */
void metrics_certificates(struct metrics *m, const struct tls_server_state *s);

/* volumes.c */
void metrics_volumes(struct metrics *m, struct arena *a, const struct cache_volumes *v);
/* Bytes that this writes at most. */
size_t metrics_volumes_bytes(const struct cache_volumes *v);

#endif
