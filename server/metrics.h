/* metrics.h - counters, gauges and histograms, as Prometheus text.
 *
 * One row in metrics.c adds a metric. Counting costs a plain increment: every thread that counts
 * has a shard of its own, and only a scrape adds the shards up. Thread-safe. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdatomic.h>

#include "app.h"
#include "buf.h"

typedef enum metric {
    METRIC_CONNECTIONS, /* accepted                          */
    METRIC_REFUSED,     /* connections over the limit        */
    METRIC_CUT,         /* slow or idle connections closed   */
    METRIC_ABANDONED,   /* clients gone before their answer  */
    METRIC_QUEUE_FULL,  /* answered 429                      */
    METRIC_EXPIRED,     /* answered 504                      */
    METRIC_BATCHES,     /* session runs                      */
    METRIC_LOADED,      /* model files opened                */
    METRIC_LOAD_FAILED, /* model files refused               */
    METRICS
} metric;

enum { HISTOGRAM_BUCKETS = 20 };

typedef struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* the last one: beyond all bounds */
    _Atomic uint64_t count;
    _Atomic uint64_t sum; /* ns or rows */
} histogram;

/* Numbers of one model, by name; they live until the process ends. */
typedef struct model_stats {
    struct model_stats *next;
    char name[65];
    histogram predict; /* from the request's head to its answer, ns */
    _Atomic uint64_t rows, compute_ns, failures;
} model_stats;

/* The stats of a name, made at first use; NULL when memory is out. */
model_stats *metrics_model(const char *name);

/* Give the calling thread a shard; without one it shares shard 0, which then loses counts. */
void metrics_thread(void);

void metrics_count(metric m, uint64_t n);
void metrics_request(int row, int status, int64_t ns); /* row: index in routes[], -1: none */
void metrics_batch(int64_t rows);
void metrics_predict(model_stats *s, int64_t rows, int64_t ns, int64_t compute_ns, int failed);

void metrics_write(const app *a, buf *out);

#endif
