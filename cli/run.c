/* run.c - `axond run`: npy files in, npy files out, whatever the element types.
 *
 * Made for comparing with other programs: nothing is scaled or rounded on the way but what the
 * model itself does, and NaN and infinity pass as they are. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "tensors.h"

typedef struct job {
    const ax_model_info *info;
    ax_session *session;
    ax_tensor *input; /* per model input, as its file has it; data NULL: none yet */
    int64_t rows, repeat;
    int bare; /* the first input was one sample without the batch dimension */
} job;

/* ---- inputs ---------------------------------------------------------------------------------- */

static int find_input(const ax_model_info *m, const char *name, size_t n)
{
    for (int i = 0; i < m->n_inputs; i++)
        if (strlen(m->inputs[i].name) == n && !memcmp(m->inputs[i].name, name, n))
            return i;
    return -1;
}

static int unknown_input(const ax_model_info *m, const char *arg, ax_err *err)
{
    const char *names[64];
    char name[160];
    int n = m->n_inputs < 64 ? m->n_inputs : 64;
    for (int i = 0; i < n; i++)
        names[i] = m->inputs[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    const char *near = ax_nearest(name, names, n);
    ax_fail(err, AX_ENOTFOUND, "the model '%s' has no input '%s'", m->name, name);
    return ax_err_hint(err, near ? "did you mean '%s'?" : "its first input is '%s'",
                       near ? near : names[0]);
}

/* "NAME=FILE", or "FILE" for the next input that has none. A file whose own name holds a '=' is
 * found too. */
static int which_input(const job *j, const char *arg, const char **file, ax_err *err)
{
    const char *eq = strchr(arg, '=');
    int i = eq ? find_input(j->info, arg, (size_t)(eq - arg)) : -1;
    *file = i >= 0 ? eq + 1 : arg;
    if (i >= 0)
        return i;
    if (eq && access(arg, F_OK))
        return unknown_input(j->info, arg, err);
    for (i = 0; i < j->info->n_inputs && j->input[i].data; i++)
        ;
    if (i < j->info->n_inputs)
        return i;
    return ax_fail(err, AX_EINVAL, "'%.200s' is one input too many: the model '%s' takes %d", arg,
                   j->info->name, j->info->n_inputs);
}

static int load_input(job *j, const char *arg, ax_err *err)
{
    const char *file;
    int64_t rows;
    int bare, i = which_input(j, arg, &file, err);
    if (i < 0)
        return -1;
    const char *name = j->info->inputs[i].name;
    if (j->input[i].data)
        return ax_fail(err, AX_EINVAL, "input '%s' is given twice", name);
    ax_err why = {0};
    if (ax_npy_load(file, &j->input[i], &why)) {
        int named = strstr(why.msg, file) != NULL; /* the system's errors name the file */
        ax_fail(err, why.code, "%s%s%s", named ? "" : file, named ? "" : ": ", why.msg);
        return ax_err_hint(err, "%s", why.hint);
    }
    if (!j->info->batches)
        return 0;
    if (tensor_rows(&j->input[i].shape, &j->info->inputs[i], &rows, &bare, err))
        return ax_err_in(err, "%s", file);
    if (j->rows && rows != j->rows)
        return ax_fail(err, AX_ESHAPE, "input '%s' has %lld samples, another has %lld", name,
                       (long long)rows, (long long)j->rows);
    j->bare = j->rows ? j->bare : bare;
    j->rows = rows;
    return 0;
}

static int load_inputs(job *j, const option_list *args, ax_err *err)
{
    for (int i = 0; i < args->n; i++)
        if (load_input(j, args->item[i], err))
            return -1;
    for (int i = 0; i < j->info->n_inputs; i++)
        if (!j->input[i].data) {
            const ax_port *p = &j->info->inputs[i];
            char shape[160];
            tensor_port_shape(p, shape, sizeof shape);
            ax_fail(err, AX_EINVAL, "input '%s' has no file", p->name);
            return ax_err_hint(err, "--input %s=FILE.npy with %s %s of shape %s", p->name,
                               ax_dtype_name(p->dtype), j->info->batches ? "samples" : "numbers",
                               shape);
        }
    return 0;
}

static int fill_input(job *j, int i, ax_err *err)
{
    const ax_port *p = &j->info->inputs[i];
    size_t bytes = (size_t)ax_shape_count(&j->input[i].shape) * ax_dtype_size(p->dtype);
    char *x = ax_session_input(j->session, i);
    if (!x) /* no output depends on it */
        return 0;
    if (tensor_convert(&j->input[i], p->dtype, x, err))
        return ax_err_in(err, "%s", p->name);
    for (int64_t k = 1; k < j->repeat; k++)
        memcpy(x + (size_t)k * bytes, x, bytes);
    return 0;
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* DIR/NAME.npy, bytes of the name outside A-Za-z0-9_.- as _ */
static int output_path(const char *dir, const char *name, char *path, size_t size, ax_err *err)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    int n = snprintf(path, size, "%s/%s.npy", dir, name);
    if (n < 0 || (size_t)n >= size)
        return ax_fail(err, AX_ELIMIT, "the path of output '%.60s' is too long", name);
    for (char *p = path + strlen(dir) + 1; *p; p++)
        if (!strchr(fine, *p))
            *p = '_';
    return 0;
}

static int save_output(const job *j, int i, const char *dir, ax_err *err)
{
    const ax_port *p = ax_session_output_port(j->session, i);
    char path[4096], other[4096], shape[160];
    if (output_path(dir, p->name, path, sizeof path, err))
        return -1;
    for (int k = 0; k < i; k++) {
        const char *name = ax_session_output_port(j->session, k)->name;
        if (!output_path(dir, name, other, sizeof other, NULL) && !strcmp(path, other))
            return ax_fail(err, AX_EEXIST, "outputs '%s' and '%s' would both become %s", name,
                           p->name, path);
    }
    ax_tensor t = {p->dtype, *ax_session_output_shape(j->session, i),
                   (void *)(uintptr_t)ax_session_output(j->session, i)};
    if (j->bare && j->repeat == 1) {
        t.shape.rank--;
        memmove(t.shape.dim, t.shape.dim + 1, (size_t)t.shape.rank * sizeof t.shape.dim[0]);
    }
    if (ax_npy_save(path, &t, err))
        return -1;
    printf("%s: %s %s\n", path, ax_dtype_name(p->dtype),
           ax_shape_str(&t.shape, shape, sizeof shape));
    return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int make_ready(job *j, ax_err *err)
{
    int64_t batch;
    if (j->info->batches) {
        if (__builtin_mul_overflow(j->rows, j->repeat, &batch))
            return ax_fail(err, AX_ELIMIT, "%lld samples %lld times are too many",
                           (long long)j->rows, (long long)j->repeat);
        return ax_session_resize(j->session, batch, err);
    }
    if (j->repeat > 1)
        return ax_fail(err, AX_EINVAL,
                       "--batch-repeat: the model '%s' takes its inputs whole, "
                       "not in batches",
                       j->info->name);
    for (int i = 0; i < j->info->n_inputs; i++)
        if (ax_session_shape(j->session, i, &j->input[i].shape, err))
            return -1;
    return ax_session_ready(j->session, err);
}

static int compute(job *j, const char *dir, ax_err *err)
{
    if (make_ready(j, err))
        return -1;
    for (int i = 0; i < j->info->n_inputs; i++)
        if (fill_input(j, i, err))
            return -1;
    if (ax_session_run(j->session, err))
        return -1;
    if (ax_make_folder(dir, err))
        return -1;
    for (int i = 0; i < ax_session_outputs(j->session); i++)
        if (save_output(j, i, dir, err))
            return -1;
    return 0;
}

static int run(const char *path, const option_list *inputs, const char *dir, int threads,
               int64_t repeat)
{
    ax_err err = {0};
    job j = {.repeat = repeat};
    ax_pool *pool = ax_pool_new(threads, &err);
    ax_model *m = pool ? ax_model_open(path, &err) : NULL;
    int bad = !m;
    if (!bad) {
        j.info = ax_model_get_info(m);
        j.input = calloc((size_t)j.info->n_inputs + 1, sizeof *j.input);
        bad = !j.input ? ax_fail(&err, AX_ENOMEM, "no memory for the inputs")
                       : load_inputs(&j, inputs, &err);
    }
    if (!bad) {
        j.session = ax_session_open(m, &(ax_session_options){.pool = pool}, &err);
        bad = !j.session || compute(&j, dir, &err);
    }
    for (int i = 0; j.input && i < j.info->n_inputs; i++)
        free(j.input[i].data);
    free(j.input);
    ax_session_close(j.session);
    ax_model_release(m);
    ax_pool_free(pool);
    if (bad)
        cli_error("run", &err);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

int cmd_run(int argc, char **argv)
{
    int n, code;
    int64_t threads = 0, repeat = 1;
    option_list inputs = {.n = 0};
    const char *dir = ".";
    // clang-format off
    const option rows[] = {
        {"input",        OPTION_LIST,    &inputs,  "[NAME=]FILE.npy", .help = "an input; without NAME the next one"},
        {"output-dir",   OPTION_TEXT,    &dir,     "DIR", .help = "where OUTPUT.npy files go (.); made when missing"},
        {"threads",      OPTION_INTEGER, &threads, "N", .hi = 1024, .env = 1, .help = "threads to use; 0: one per core"},
        {"batch-repeat", OPTION_INTEGER, &repeat,  "N", .lo = 1, .hi = 1 << 20, .help = "run the samples N times over as one batch (1)"},
    };
    // clang-format on
    const command_line line = {
        "run",
        "MODEL --input [NAME=]FILE.npy ... [options]",
        "Run a model on arrays: (rows, ...) or one sample. Other element types are converted where "
        "every\n"
        "number fits. NaN and infinity go in, and come out, as those of npy: no error, no text. In "
        "the names\n"
        "of output files bytes outside A-Za-z0-9_.- become _.\n",
        rows,
        sizeof rows / sizeof *rows,
        1,
        1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    return run(argv[0], &inputs, dir, (int)threads, repeat);
}
