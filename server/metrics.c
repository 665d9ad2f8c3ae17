/* metrics.c - the table of metrics and their shards; see metrics.h. */
#include "metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jobs.h"
#include "log.h"
#include "repository.h"
#include "router.h"

enum { SHARDS = 600, ROUTES = 64, CODES = 26 };

static const short codes[CODES] = {200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408,
                                   409, 413, 415, 422, 429, 431, 499, 500, 501, 503, 504, 507, 0};

// clang-format off
static const int64_t seconds_bounds[HISTOGRAM_BUCKETS] = { /* in ns */
    50000, 100000, 200000, 350000, 500000, 750000, 1000000, 2000000, 3500000, 5000000, 10000000,
    25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000};
static const int64_t rows_bounds[HISTOGRAM_BUCKETS] = {
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096};

/* One row per counter; rows of one family follow each other. */
static const struct { const char *name, *labels, *help; } counters[METRICS] = {
    [METRIC_CONNECTIONS] = {"axond_connections_accepted_total", "", "Connections accepted."},
    [METRIC_REFUSED]     = {"axond_connections_refused_total", "", "Connections over --max-connections, answered 503."},
    [METRIC_CUT]         = {"axond_connections_cut_total", "", "Connections closed because the client was too slow."},
    [METRIC_ABANDONED]   = {"axond_requests_abandoned_total", "", "Clients that hung up before their answer."},
    [METRIC_QUEUE_FULL]  = {"axond_rejected_total", "reason=\"queue_full\"", "Predictions refused or given up."},
    [METRIC_EXPIRED]     = {"axond_rejected_total", "reason=\"deadline\"", ""},
    [METRIC_BATCHES]     = {"axond_batches_total", "", "Batches computed."},
    [METRIC_LOADED]      = {"axond_model_loads_total", "result=\"ok\"", "Model files opened."},
    [METRIC_LOAD_FAILED] = {"axond_model_loads_total", "result=\"failed\"", ""},
};
// clang-format on

typedef struct shard {
    _Alignas(64) _Atomic uint64_t counter[METRICS];
    _Atomic uint64_t request[ROUTES + 1][CODES];
    histogram seconds, rows;
} shard;

static shard *_Atomic shards[SHARDS];
static _Atomic int n_shards;
static _Thread_local shard *mine;
static shard fallback;
static model_stats *models; /* newest first, guarded by models_lock */
static pthread_mutex_t models_lock = PTHREAD_MUTEX_INITIALIZER;

void metrics_thread(void)
{
    int i = mine ? SHARDS : atomic_fetch_add(&n_shards, 1);
    shard *s = i < SHARDS ? aligned_alloc(64, sizeof(shard)) : NULL;
    if (s) {
        memset(s, 0, sizeof *s);
        atomic_store(&shards[i], s);
        mine = s;
    }
}

/* Only this thread writes its shard: no locked instruction is needed. */
static void bump(_Atomic uint64_t *x, uint64_t n)
{
    atomic_store_explicit(x, atomic_load_explicit(x, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static shard *here(void)
{
    return mine ? mine : &fallback;
}

static int bucket_of(const int64_t *bounds, int64_t v)
{
    int i = 0;
    while (i < HISTOGRAM_BUCKETS && v > bounds[i])
        i++;
    return i;
}

void metrics_count(metric m, uint64_t n)
{
    bump(&here()->counter[m], n);
}

void metrics_batch(int64_t rows)
{
    shard *s = here();
    bump(&s->counter[METRIC_BATCHES], 1);
    bump(&s->rows.bucket[bucket_of(rows_bounds, rows)], 1);
    bump(&s->rows.count, 1);
    bump(&s->rows.sum, (uint64_t)rows);
}

void metrics_request(int row, int status, int64_t ns)
{
    shard *s = here();
    int c = 0;
    while (c < CODES - 1 && codes[c] != status)
        c++;
    bump(&s->request[row < 0 || row >= ROUTES ? ROUTES : row][c], 1);
    bump(&s->seconds.bucket[bucket_of(seconds_bounds, ns)], 1);
    bump(&s->seconds.count, 1);
    bump(&s->seconds.sum, (uint64_t)ns);
}

void metrics_predict(model_stats *m, int64_t rows, int64_t ns, int64_t compute_ns, int failed)
{
    atomic_fetch_add_explicit(&m->predict.bucket[bucket_of(seconds_bounds, ns)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&m->predict.count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->predict.sum, (uint64_t)ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->rows, (uint64_t)rows, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->compute_ns, (uint64_t)compute_ns, memory_order_relaxed);
    if (failed)
        atomic_fetch_add_explicit(&m->failures, 1, memory_order_relaxed);
}

model_stats *metrics_model(const char *name)
{
    pthread_mutex_lock(&models_lock);
    model_stats *m = models;
    while (m && strcmp(m->name, name))
        m = m->next;
    if (!m && (m = calloc(1, sizeof *m))) {
        snprintf(m->name, sizeof m->name, "%s", name);
        m->next = models;
        models = m;
    }
    pthread_mutex_unlock(&models_lock);
    return m;
}

/* ---- the scrape ------------------------------------------------------------------------------ */

static void head(buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(buf *b, const char *name, const char *type, const char *help, double v)
{
    head(b, name, type, help);
    buf_printf(b, "%s %.15g\n", name, v);
}

static uint64_t get(const _Atomic uint64_t *x)
{
    return atomic_load_explicit(x, memory_order_relaxed);
}

static void put_histogram(buf *b, const char *name, const char *labels, const int64_t *bounds,
                          double unit, const uint64_t *bucket, uint64_t sum)
{
    uint64_t below = 0;
    const char *comma = *labels ? "," : "";
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++) {
        below += bucket[i];
        buf_printf(b, "%s_bucket{%s%sle=\"", name, labels, comma);
        if (i < HISTOGRAM_BUCKETS)
            buf_printf(b, "%g", (double)bounds[i] * unit);
        else
            buf_str(b, "+Inf");
        buf_printf(b, "\"} %llu\n", (unsigned long long)below);
    }
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    buf_printf(b, "%s_sum%s%s%s %.9g\n", name, open, labels, close, (double)sum * unit);
    buf_printf(b, "%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)below);
}

static void add_histogram(const histogram *h, uint64_t bucket[], uint64_t *sum)
{
    for (int i = 0; i <= HISTOGRAM_BUCKETS; i++)
        bucket[i] += get(&h->bucket[i]);
    *sum += get(&h->sum);
}

/* Call fn for every shard there is. */
#define FOR_SHARDS(s)                                                                              \
    for (int i_ = -1; i_ < SHARDS && i_ < atomic_load(&n_shards); i_++)                            \
        for (shard *s = i_ < 0 ? &fallback : atomic_load(&shards[i_]); s; s = NULL)

static void write_requests(buf *b)
{
    head(b, "axond_requests_total", "counter", "Requests answered, by route and status.");
    for (int r = 0; r <= ROUTES; r++) {
        if (r >= n_routes && r < ROUTES)
            continue;
        for (int c = 0; c < CODES; c++) {
            uint64_t n = 0;
            FOR_SHARDS(s) n += get(&s->request[r][c]);
            if (!n)
                continue;
            buf_printf(b, "axond_requests_total{method=\"%s\",route=\"%s\",code=\"%d\"} %llu\n",
                       r < ROUTES ? method_names[routes[r].method] : "",
                       r < ROUTES ? routes[r].path : "none", codes[c], (unsigned long long)n);
        }
    }
}

static void write_models(buf *b)
{
    pthread_mutex_lock(&models_lock);
    model_stats *first = models;
    pthread_mutex_unlock(&models_lock);
    head(b, "axond_predict_seconds", "histogram",
         "Predictions, from the request's head to its answer.");
    for (model_stats *m = first; m; m = m->next) {
        uint64_t bucket[HISTOGRAM_BUCKETS + 1] = {0}, sum = 0;
        char label[80];
        add_histogram(&m->predict, bucket, &sum);
        snprintf(label, sizeof label, "model=\"%s\"", m->name);
        put_histogram(b, "axond_predict_seconds", label, seconds_bounds, 1e-9, bucket, sum);
    }
    head(b, "axond_predict_rows_total", "counter", "Samples predicted.");
    for (model_stats *m = first; m; m = m->next)
        buf_printf(b, "axond_predict_rows_total{model=\"%s\"} %llu\n", m->name,
                   (unsigned long long)get(&m->rows));
    head(b, "axond_compute_seconds_total", "counter",
         "Time that samples spent in batches, shared among them.");
    for (model_stats *m = first; m; m = m->next)
        buf_printf(b, "axond_compute_seconds_total{model=\"%s\"} %.9g\n", m->name,
                   (double)get(&m->compute_ns) * 1e-9);
    head(b, "axond_predict_failures_total", "counter",
         "Predictions that failed inside the server.");
    for (model_stats *m = first; m; m = m->next)
        buf_printf(b, "axond_predict_failures_total{model=\"%s\"} %llu\n", m->name,
                   (unsigned long long)get(&m->failures));
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the descriptor of the folder itself */
}

static void write_process(const app *a, buf *b)
{
    struct rusage u;
    struct timespec wall;
    getrusage(RUSAGE_SELF, &u);
    clock_gettime(CLOCK_REALTIME, &wall);
    gauge(b, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    gauge(b, "process_cpu_seconds_total", "counter", "User and system time.",
          (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
              1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec));
    gauge(b, "process_open_fds", "gauge", "Open file descriptors.", open_files());
    gauge(b, "process_start_time_seconds", "gauge", "Start of the process, unix time.",
          (double)(wall.tv_sec - (now_ns() - a->started_ns) / 1000000000));
}

void metrics_write(const app *a, buf *b)
{
    write_requests(b);
    uint64_t seconds[HISTOGRAM_BUCKETS + 1] = {0}, rows[HISTOGRAM_BUCKETS + 1] = {0}, s_sum = 0,
                                         r_sum = 0;
    FOR_SHARDS(s)
    {
        add_histogram(&s->seconds, seconds, &s_sum);
        add_histogram(&s->rows, rows, &r_sum);
    }
    head(b, "axond_request_seconds", "histogram",
         "Requests, from their head to the end of the answer.");
    put_histogram(b, "axond_request_seconds", "", seconds_bounds, 1e-9, seconds, s_sum);
    head(b, "axond_batch_rows", "histogram", "Samples computed together.");
    put_histogram(b, "axond_batch_rows", "", rows_bounds, 1, rows, r_sum);
    write_models(b);
    for (int m = 0; m < METRICS; m++) {
        uint64_t n = 0;
        FOR_SHARDS(s) n += get(&s->counter[m]);
        if (!m || strcmp(counters[m].name, counters[m - 1].name))
            head(b, counters[m].name, "counter", counters[m].help);
        const char *l = counters[m].labels;
        buf_printf(b, "%s%s%s%s %llu\n", counters[m].name, *l ? "{" : "", l, *l ? "}" : "",
                   (unsigned long long)n);
    }
    gauge(b, "axond_log_lines_dropped_total", "counter", "Log lines lost because nobody took them.",
          (double)log_dropped());
    gauge(b, "axond_connections", "gauge", "Open connections.", atomic_load(&a->connections));
    gauge(b, "axond_queue_requests", "gauge", "Predictions waiting or being computed.",
          (double)atomic_load(&a->queued));
    gauge(b, "axond_queue_rows", "gauge", "Samples waiting or being computed.",
          (double)atomic_load(&a->queued_rows));
    gauge(b, "axond_buffered_bytes", "gauge", "Request bodies held in memory.",
          (double)atomic_load(&a->buffered));
    gauge(b, "axond_models", "gauge", "Model versions that are served.",
          (double)repository_count(a->models));
    head(b, "axond_jobs", "gauge", "Training jobs that are remembered, by state.");
    for (int i = 0; i < JOB_STATES; i++)
        buf_printf(b, "axond_jobs{state=\"%s\"} %lld\n", job_state_names[i],
                   (long long)jobs_count(a->jobs, (job_state)i));
    gauge(b, "axond_ready", "gauge", "1 when requests are answered, 0 while loading or draining.",
          app_get_state(a) == APP_READY);
    head(b, "axond_build_info", "gauge", "Version and instruction set; always 1.");
    buf_printf(b, "axond_build_info{version=\"%s\",isa=\"%s\"} 1\n", AX_VERSION,
               ax_isa_name(ax_isa_active()));
    write_process(a, b);
}
