/* bench.c - `axond bench`: how long a run of a model takes on this machine.
 *
 * Each run is timed on its own and the median is what counts: it does not mind the odd
 * interruption. The input is noise in [0,1), made from a fixed seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "options.h"

enum { WARM_RUNS = 3, MIN_RUNS = 5, MAX_RUNS = 1 << 20 };
static const double warm_seconds = 0.2;

typedef struct timing {
    double *run; /* seconds of each run, sorted in the end */
    int64_t n;
} timing;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill_inputs(ax_session *s, const ax_model_info *m)
{
    for (int i = 0; i < m->n_inputs; i++) {
        int64_t n = ax_shape_count(ax_session_input_shape(s, i));
        void *x = ax_session_input(s, i);
        ax_rng r = {1, (uint64_t)i};
        if (!x) /* no output depends on it */
            continue;
        if (m->inputs[i].dtype != AX_F32) /* indices, masks: 0 is a value that every model takes */
            memset(x, 0, (size_t)n * ax_dtype_size(m->inputs[i].dtype));
        else
            for (int64_t k = 0; k < n; k++)
                ((float *)x)[k] = ax_rng_uniform(r, (uint64_t)k);
    }
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(ax_session *s, double seconds, timing *t)
{
    double start = now(), end;
    for (int i = 0; i < WARM_RUNS || now() - start < warm_seconds; i++)
        ax_session_run(s, NULL);
    end = now() + seconds;
    while (t->n < MAX_RUNS && (t->n < MIN_RUNS || now() < end)) {
        double before = now();
        ax_session_run(s, NULL);
        t->run[t->n++] = now() - before;
    }
    qsort(t->run, (size_t)t->n, sizeof *t->run, by_time);
}

static double quantile(const timing *t, double q)
{
    return t->run[(int64_t)(q * (double)(t->n - 1) + 0.5)];
}

static double mean(const timing *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++)
        sum += t->run[i];
    return sum / (double)t->n;
}

static void print_json(const ax_model_info *m, const timing *t, int64_t batch, int threads)
{
    double median = quantile(t, 0.5);
    const struct {
        const char *name;
        double value;
    } fields[] = {
        {"batch", (double)batch},
        {"threads", threads},
        {"runs", (double)t->n},
        {"median_ms", 1e3 * median},
        {"min_ms", 1e3 * t->run[0]},
        {"mean_ms", 1e3 * mean(t)},
        {"p90_ms", 1e3 * quantile(t, 0.9)},
        {"p99_ms", 1e3 * quantile(t, 0.99)},
        {"samples_per_second", (double)batch / median},
        {"gflops", 1e-9 * (double)m->flops * (double)batch / median},
        {"flops_per_sample", (double)m->flops},
    };
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", m->name);
    cJSON_AddStringToObject(o, "isa", ax_isa_name(ax_isa_active()));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        cJSON_AddNumberToObject(o, fields[i].name, fields[i].value);
    cli_print_json(o, 0, stdout);
}

static void print_text(const ax_model_info *m, const timing *t, int64_t batch, int threads)
{
    char a[32], b[32], c[32], d[32];
    double median = quantile(t, 0.5);
    printf("%s: batch %lld, %d thread%s, %s kernels, %lld runs\n", m->name, (long long)batch,
           threads, threads == 1 ? "" : "s", ax_isa_name(ax_isa_active()), (long long)t->n);
    printf("median %s, min %s, p90 %s, p99 %s\n", text_seconds(median, a, sizeof a),
           text_seconds(t->run[0], b, sizeof b), text_seconds(quantile(t, 0.9), c, sizeof c),
           text_seconds(quantile(t, 0.99), d, sizeof d));
    printf("%s samples/s, %.2f GFLOP/s\n", text_rate((double)batch / median, a, sizeof a),
           1e-9 * (double)m->flops * (double)batch / median);
}

static int bench(const char *path, int64_t batch, int threads, double seconds, int json)
{
    ax_err err = {0};
    timing t = {.run = malloc(MAX_RUNS * sizeof *t.run)};
    ax_pool *pool = ax_pool_new(threads, &err);
    ax_model *m = pool ? ax_model_open(path, &err) : NULL;
    ax_session *s = m ? ax_session_open(m, &(ax_session_options){.pool = pool}, &err) : NULL;
    int bad = !t.run ? ax_fail(&err, AX_ENOMEM, "no memory for the timings") : !s;
    if (!bad && !(bad = ax_session_resize(s, batch, &err))) {
        const ax_model_info *info = ax_model_get_info(m);
        fill_inputs(s, info);
        if (!(bad = ax_session_run(s, &err)))
            measure(s, seconds, &t);
    }
    if (!bad) {
        const ax_model_info *info = ax_model_get_info(m);
        (json ? print_json : print_text)(info, &t, batch, ax_pool_size(pool));
    }
    ax_session_close(s);
    ax_model_release(m);
    ax_pool_free(pool);
    free(t.run);
    if (bad)
        cli_error("bench", &err);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

int cmd_bench(int argc, char **argv)
{
    int n, code, json = 0;
    int64_t batch = 1, threads = 0;
    double seconds = 2;
    // clang-format off
    const option rows[] = {
        {"batch",   OPTION_INTEGER, &batch,   "N", .lo = 1, .hi = 1 << 20, .help = "samples in a run (1)"},
        {"threads", OPTION_INTEGER, &threads, "N", .hi = 1024, .env = 1, .help = "threads to use; 0: one per core"},
        {"seconds", OPTION_NUMBER,  &seconds, "S", .hi = 86400, .help = "how long to measure (2)"},
        {"json",    OPTION_SWITCH,  &json,    .help = "the figures as one line of JSON"},
    };
    // clang-format on
    const command_line line = {"bench",
                               "MODEL [options]",
                               "Time runs of a model on numbers in [0,1) from a fixed seed.\n",
                               rows,
                               sizeof rows / sizeof *rows,
                               1,
                               1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    return bench(argv[0], batch, (int)threads, seconds, json);
}
