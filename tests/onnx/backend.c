/* backend.c - ONNX's own test data (Debian: libonnx-testdata), case by case: a model, inputs,
 * outputs.
 *
 *     backend FOLDER [PART]      only cases whose path has PART in it, each with its verdict
 *
 * Every case runs in a process of its own. Prints how many cases of each operator passed, failed,
 * or are of something not supported, with what that is; exit 1 when one failed. Tolerances are
 * ONNX's: 1e-3 of the expected value and 1e-7; whole numbers and bools exactly. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "graph/plan.h"
#include "io/onnx_import.h"
#include "math/element.h"
#include "optimizers.h"

enum { PORTS = 64, CASES = 4096, SECONDS = 60 };
typedef enum verdict { PASSED, FAILED, NOT_SUPPORTED } verdict;

typedef struct outcome {
    verdict verdict;
    char op[48], why[400];
} outcome;

/* ---- tensors of the data
 * -------------------------------------------------------------------------- */

/* NumPy has no bfloat16, so the data has its bits as uint16: `declared` is the model's type. */
static int read_tensor(const char *folder, const char *what, int i, int declared, ax_arena *mem,
                       ax_tensor *t, ax_err *err)
{
    char path[1024];
    size_t size;
    ax_onnx_tensor o;
    ax_onnx_value v;
    snprintf(path, sizeof path, "%s/%s_%d.pb", folder, what, i);
    char *bytes = ax_file_read(path, SIZE_MAX / 2, &size, err); /* lives as long as the process */
    if (!bytes || ax_onnx_read_tensor((const uint8_t *)bytes, size, mem, &o, err))
        return -1;
    if (declared == AX_ONNX_BFLOAT16 && o.type == AX_ONNX_UINT16)
        o.type = declared;
    if (ax_onnx_known(&o, mem, &v, err))
        return -1;
    *t = (ax_tensor){v.desc.dtype, v.desc.shape, (void *)(uintptr_t)v.data};
    return 0;
}

/* The bfloat16 numbers of the data were cut off: they may be a step from the nearest ones. */
static int same(const ax_desc *d, const void *got, const ax_tensor *want, int declared, char *why,
                size_t size)
{
    char a[128], b[128];
    if (d->dtype != want->dtype || !ax_shape_equal(&d->shape, &want->shape)) {
        snprintf(why, size, "%s %s, expected %s %s", ax_dtype_name(d->dtype),
                 ax_shape_str(&d->shape, a, sizeof a), ax_dtype_name(want->dtype),
                 ax_shape_str(&want->shape, b, sizeof b));
        return 0;
    }
    int exact = !ax_is_float(d->dtype);
    for (int64_t i = 0; i < ax_shape_count(&d->shape); i++) {
        double x = ax_real_read(d->dtype, got, i), y = ax_real_read(d->dtype, want->data, i);
        if (exact && ax_whole_read(d->dtype, got, i) == ax_whole_read(d->dtype, want->data, i))
            continue;
        double room = exact ? 0 : 1e-7 + (declared == AX_ONNX_BFLOAT16 ? 0x1p-7 : 1e-3) * fabs(y);
        if (!exact && (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= room))
            continue;
        snprintf(why, size, "element %lld is %.9g, expected %.9g", (long long)i, x, y);
        return 0;
    }
    return 1;
}

/* ---- a run
 * ---------------------------------------------------------------------------------------- */

typedef struct run {
    ax_graph g;
    ax_onnx_value out[PORTS];
    const void *data[PORTS];
    ax_desc desc[PORTS];
} run;

/* As a plan; what the import could compute alone needs none. */
static int planned(const ax_onnx_file *f, const ax_tensor *in, int n_in, run *r, ax_err *err)
{
    ax_tensor open[PORTS];
    ax_desc desc[PORTS];
    ax_val wanted[PORTS];
    for (int i = 0; i < n_in; i++) {
        open[i] = (ax_tensor){in[i].dtype, in[i].shape, NULL};
        desc[i] = (ax_desc){in[i].dtype, in[i].shape};
    }
    if (ax_onnx_import(f, open, NULL, &r->g, r->out, NULL, err))
        return -1;
    for (int i = 0; i < f->graph.n_out; i++)
        wanted[i] = r->out[i].val;
    ax_plan_options o = {
        .outputs = wanted, .n_outputs = f->graph.n_out, .inputs = desc, .threads = 1};
    ax_plan *p = ax_plan_new(&r->g, &o, err);
    ax_exec *e = p ? ax_exec_new(p, NULL, err) : NULL;
    if (!e)
        return -1;
    for (int i = 0; i < n_in; i++)
        memcpy(ax_exec_input(e, i), in[i].data,
               (size_t)ax_shape_count(&in[i].shape) * ax_dtype_size(in[i].dtype));
    ax_exec_run(e);
    for (int i = 0; i < f->graph.n_out; i++) {
        r->data[i] = ax_exec_output(e, i);
        r->desc[i] = *ax_plan_output(p, i);
    }
    return 0;
}

static int interpreted(const ax_onnx_file *f, const ax_tensor *in, run *r, ax_err *err)
{
    ax_graph_init(&r->g);
    if (ax_onnx_import(f, in, NULL, &r->g, r->out, NULL, err))
        return -1;
    for (int i = 0; i < f->graph.n_out; i++) {
        r->data[i] = r->out[i].data;
        r->desc[i] = r->out[i].desc;
        if (!r->data[i])
            return ax_fail(err, AX_EINVAL, "output %d is not known although all inputs are", i);
    }
    return 0;
}

static verdict give_up(outcome *o, const ax_err *err)
{
    snprintf(o->why, sizeof o->why, "%.390s", err->msg);
    return err->code == AX_EUNSUPPORTED ? NOT_SUPPORTED : FAILED;
}

static verdict judge_optimizer(const ax_onnx_file *f, const char *folder, const ax_tensor *in,
                               int n, outcome *o)
{
    ax_tensor out[PORTS], want;
    ax_arena mem;
    ax_err err = {0};
    ax_arena_init(&mem, 0);
    if (step_ours(f, in, n, out, &err))
        return give_up(o, &err);
    for (int i = 0; i < f->graph.n_out; i++) {
        if (read_tensor(folder, "output", i, 0, &mem, &want, &err))
            return give_up(o, &err);
        if (!same(&(ax_desc){out[i].dtype, out[i].shape}, out[i].data, &want, 0, o->why,
                  sizeof o->why))
            return FAILED;
    }
    return PASSED;
}

static verdict one_set(const ax_onnx_file *f, const char *folder, outcome *o)
{
    int index[PORTS], n = ax_onnx_inputs(f, index, PORTS);
    ax_tensor in[PORTS], want;
    ax_arena mem;
    ax_err err = {0};
    static run r;
    ax_arena_init(&mem, 0);
    for (int i = 0; i < n; i++)
        if (read_tensor(folder, "input", i, f->graph.in[index[i]].type, &mem, &in[i], &err))
            return give_up(o, &err);
    if (is_training(f))
        return judge_optimizer(f, folder, in, n, o);
    ax_graph_init(&r.g);
    if (planned(f, in, n, &r, &err)) {
        if (!ax_onnx_needs_numbers(&err))
            return give_up(o, &err);
        if (interpreted(f, in, &r, &err))
            return give_up(o, &err);
    }
    for (int i = 0; i < f->graph.n_out; i++) {
        if (read_tensor(folder, "output", i, f->graph.out[i].type, &mem, &want, &err))
            return give_up(o, &err);
        if (!same(&r.desc[i], r.data[i], &want, f->graph.out[i].type, o->why, sizeof o->why))
            return FAILED;
    }
    return PASSED;
}

static verdict one_case(const char *folder, outcome *o)
{
    char path[900];
    size_t size;
    ax_err err = {0};
    ax_onnx_file f;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    char *bytes = ax_file_read(path, SIZE_MAX / 2, &size, &err);
    if (!bytes || ax_onnx_read((const uint8_t *)bytes, size, folder, &f, &err))
        return give_up(o, &err);
    snprintf(o->op, sizeof o->op, "%s", f.graph.n_node ? f.graph.node[0].op : "(none)");
    if (!is_training(&f) && ax_onnx_check(&f, &err))
        return give_up(o, &err);
    for (int i = 0;; i++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d", folder, i);
        if (access(path, R_OK))
            return PASSED;
        verdict v = one_set(&f, path, o);
        if (v != PASSED)
            return v;
    }
}

/* In a process of its own, which tells its outcome through a pipe. */
static outcome judge(const char *folder)
{
    int pipe_of[2], status = 0;
    outcome o = {.op = "(none)"};
    if (pipe(pipe_of))
        exit(2);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        o.verdict = one_case(folder, &o);
        _exit(write(pipe_of[1], &o, sizeof o) == sizeof o ? 0 : 1);
    }
    close(pipe_of[1]);
    ssize_t got = read(pipe_of[0], &o, sizeof o);
    close(pipe_of[0]);
    waitpid(child, &status, 0);
    if (got != sizeof o || status) {
        o.verdict = FAILED;
        snprintf(o.why, sizeof o.why, "crashed: signal %d", WTERMSIG(status));
    }
    return o;
}

/* ---- all of them
 * ---------------------------------------------------------------------------------- */

typedef struct tally {
    char op[48];
    int count[3];
} tally;

static tally tallies[512];
static int n_tallies;

static void count(const outcome *o)
{
    int i = 0;
    while (i < n_tallies && strcmp(tallies[i].op, o->op) != 0)
        i++;
    if (i == n_tallies && n_tallies < 511)
        snprintf(tallies[n_tallies++].op, sizeof tallies->op, "%s", o->op);
    tallies[i].count[o->verdict]++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void one_group(const char *root, const char *group, const char *part)
{
    static const char *const words[] = {"passed", "FAILED", "not supported"};
    char path[600], *name[CASES];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", root, group);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) && n < CASES;)
        if (*e->d_name != '.')
            name[n++] = strdup(e->d_name);
    if (d)
        closedir(d);
    qsort(name, (size_t)n, sizeof *name, by_name);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s/%.255s", root, group, name[i]);
        free(name[i]);
        if (part && !strstr(path, part))
            continue;
        outcome o = judge(path);
        if (strcmp(group, "node"))
            snprintf(o.op, sizeof o.op, "(%s)", group);
        count(&o);
        if (part || o.verdict == FAILED)
            printf("%s %s: %s\n", words[o.verdict], path + strlen(root) + 1, o.why);
    }
}

int main(int argc, char **argv)
{
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    int sum[3] = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: backend FOLDER [PART]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        one_group(argv[1], groups[i], argc > 2 ? argv[2] : NULL);
    qsort(tallies, (size_t)n_tallies, sizeof *tallies, (int (*)(const void *, const void *))strcmp);
    printf("%-28s %8s %8s %14s\n", "operator", "passed", "failed", "not supported");
    for (int i = 0; i < n_tallies; i++) {
        printf("%-28s %8d %8d %14d\n", tallies[i].op, tallies[i].count[0], tallies[i].count[1],
               tallies[i].count[2]);
        for (int k = 0; k < 3; k++)
            sum[k] += tallies[i].count[k];
    }
    printf("%-28s %8d %8d %14d\n", "all", sum[0], sum[1], sum[2]);
    return sum[1] > 0;
}
