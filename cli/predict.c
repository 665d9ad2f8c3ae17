/* predict.c - `axond predict`: files in, a table of classes or numbers out.
 *
 * All files are read and computed before the first line is printed, so a bad file gives an error
 * and no half table. Numbers are those of POST /predict: the same engine, the same bits. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "options.h"
#include "samples.h"
#include "table.h"
#include "tensors.h"

enum { BATCH = 64, SHOWN = 8, TOP = 3 };

typedef struct prediction {
    ax_model *model;
    const ax_model_info *info;
    ax_session *session;
    int64_t top; /* 0: as many as there are, at most TOP */
    int json;
    table table;
    cJSON *list;
} prediction;

/* Does the (only) output say classes? */
static int is_classifier(const ax_model_info *m)
{
    const ax_port *p = m->outputs;
    return m->n_outputs == 1 && p->dtype == AX_F32 && p->shape.rank == 1 && p->shape.dim[0] > 0 &&
           (m->classifies || m->labels);
}

/* ---- classes --------------------------------------------------------------------------------- */

typedef struct choice {
    int64_t class;
    float value;
} choice;

/* The k best of y[0..n) in order, ties to the lower class, into out (room for k and for 2). One
 * sigmoid says the probability of class 1 of two. */
static int64_t best_classes(const ax_model_info *m, const float *y, int64_t n, int64_t k,
                            choice *out)
{
    if (n == 1 && m->classifies == 1) {
        int yes = y[0] >= 0.5f;
        out[0] = (choice){yes, yes ? y[0] : 1 - y[0]};
        out[1] = (choice){!yes, yes ? 1 - y[0] : y[0]};
        return k < 2 ? k : 2;
    }
    k = k < n ? k : n;
    for (int64_t i = 0; i < k; i++) {
        int64_t best = -1;
        for (int64_t c = 0; c < n; c++) {
            int after = i == 0 || y[c] < out[i - 1].value ||
                        (y[c] == out[i - 1].value && c > out[i - 1].class);
            if (after && (best < 0 || y[c] > y[best]))
                best = c;
        }
        out[i] = (choice){best, y[best]};
    }
    return k;
}

static const char *label_of(const ax_model_info *m, int64_t class)
{
    return m->labels && class < m->n_labels ? m->labels[class] : NULL;
}

static void json_choice(cJSON *o, const ax_model_info *m, const choice *c)
{
    const char *label = label_of(m, c->class);
    cJSON_AddNumberToObject(o, "class", (double)c->class);
    if (label)
        cJSON_AddStringToObject(o, "label", label);
    cJSON_AddItemToObject(o, m->classifies ? "probability" : "score",
                          tensor_json_number(AX_F32, &c->value, 0));
}

static void json_classes(const prediction *p, cJSON *o, const choice *c, int64_t k)
{
    json_choice(o, p->info, c);
    cJSON *top = cJSON_AddArrayToObject(o, "top");
    for (int64_t i = 0; i < k; i++) {
        cJSON *e = cJSON_CreateObject();
        json_choice(e, p->info, &c[i]);
        cJSON_AddItemToArray(top, e);
    }
}

static void row_classes(prediction *p, const char *where, const choice *c, int64_t k)
{
    char rest[400] = "";
    const char *label = label_of(p->info, c->class);
    for (int64_t i = 1; i < k; i++) {
        size_t at = strlen(rest);
        const char *name = label_of(p->info, c[i].class);
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)c[i].class);
        snprintf(rest + at, sizeof rest - at, "%s%s %.4f", at ? ", " : "", name ? name : number,
                 (double)c[i].value);
    }
    table_put(&p->table, "%s", where);
    table_put(&p->table, "%lld", (long long)c->class);
    table_put(&p->table, "%s", label ? label : "-");
    table_put(&p->table, "%.4f", (double)c->value);
    table_put(&p->table, "%s", rest);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void row_numbers(prediction *p, const char *where, int output, int64_t row)
{
    const ax_port *port = ax_session_output_port(p->session, output);
    int64_t count = ax_shape_count(&port->shape);
    const void *y = ax_session_output(p->session, output);
    char text[400] = "", shape[160];
    for (int64_t i = 0; i < count && i < SHOWN; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%.6g", i ? " " : "",
                 tensor_number(port->dtype, y, row * count + i));
    }
    table_put(&p->table, "%s", where);
    table_put(&p->table, "%s", port->name);
    table_put(&p->table, "%s", ax_shape_str(&port->shape, shape, sizeof shape));
    table_put(&p->table, "%s%s", text, count > SHOWN ? " ..." : "");
}

static void json_outputs(prediction *p, cJSON *o, int64_t row)
{
    int n = ax_session_outputs(p->session);
    cJSON *named = n > 1 ? cJSON_AddObjectToObject(o, "outputs") : o;
    for (int i = 0; i < n; i++) {
        const ax_port *port = ax_session_output_port(p->session, i);
        cJSON_AddItemToObject(named, n > 1 ? port->name : "output",
                              tensor_json(port->dtype, &port->shape,
                                          ax_session_output(p->session, i),
                                          row * ax_shape_count(&port->shape)));
    }
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* One sample of the run that was just made; `where` is "boot.png" or "table.csv[3]". */
static int answer(prediction *p, const char *file, int64_t sample, const char *where, int64_t row,
                  ax_err *err)
{
    int n = ax_session_outputs(p->session), classes = is_classifier(p->info);
    for (int i = 0; i < n; i++) {
        const ax_port *port = ax_session_output_port(p->session, i);
        int64_t count = ax_shape_count(&port->shape), size = (int64_t)ax_dtype_size(port->dtype);
        const char *y = (const char *)ax_session_output(p->session, i) + row * count * size;
        int64_t bad = tensor_non_finite(port->dtype, y, count);
        if (bad >= 0)
            return ax_fail(err, AX_ENONFINITE, "%s: output '%s' has %s at element %lld", where,
                           port->name, AX_NUMBER(tensor_number(port->dtype, y, bad)),
                           (long long)bad);
    }
    int64_t width = ax_shape_count(&p->info->outputs[0].shape), k = 0;
    choice *best = classes ? malloc((size_t)(p->top > 2 ? p->top : 2) * sizeof *best) : NULL;
    if (classes && !best)
        return ax_fail(err, AX_ENOMEM, "no memory for the best classes");
    if (classes)
        k = best_classes(p->info, (const float *)ax_session_output(p->session, 0) + row * width,
                         width, p->top, best);
    if (p->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "file", file);
        cJSON_AddNumberToObject(o, "sample", (double)sample);
        if (classes)
            json_classes(p, o, best, k);
        json_outputs(p, o, row);
        cJSON_AddItemToArray(p->list, o);
    } else if (classes) {
        row_classes(p, where, best, k);
    } else {
        for (int i = 0; i < n; i++)
            row_numbers(p, where, i, row);
    }
    free(best);
    return 0;
}

static int run_batch(prediction *p, const samples *s, int64_t from, int64_t n, ax_err *err)
{
    if (ax_session_resize(p->session, n, err))
        return -1;
    for (int i = 0; i < p->info->n_inputs; i++) {
        const ax_port *port = &p->info->inputs[i];
        size_t each = (size_t)ax_shape_count(&port->shape) * ax_dtype_size(port->dtype);
        void *x = ax_session_input(p->session, i);
        if (x) /* NULL: no output depends on it */
            memcpy(x, (const char *)s->data[i] + (size_t)from * each, (size_t)n * each);
    }
    return ax_session_run(p->session, err);
}

static int predict_file(prediction *p, const char *file, ax_err *err)
{
    samples s;
    int bad = 0;
    if (samples_read(&s, file, p->info, err))
        return -1;
    for (int64_t at = 0; !bad && at < s.rows; at += BATCH) {
        int64_t n = s.rows - at < BATCH ? s.rows - at : BATCH;
        bad = run_batch(p, &s, at, n, err);
        for (int64_t r = 0; !bad && r < n; r++) {
            char where[4400];
            snprintf(where, sizeof where, s.rows > 1 ? "%s[%lld]" : "%s", file,
                     (long long)(at + r));
            bad = answer(p, file, at + r, where, r, err);
        }
    }
    samples_free(&s);
    return bad;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* How many classes there are to choose from; 0 when the output is not about classes. */
static int64_t count_classes(const ax_model_info *m)
{
    int64_t width = ax_shape_count(&m->outputs[0].shape);
    return !is_classifier(m) ? 0 : width == 1 && m->classifies == 1 ? 2 : width;
}

static int settle_top(prediction *p, ax_err *err)
{
    int64_t classes = count_classes(p->info);
    if (p->top && !classes)
        return ax_fail(err, AX_EINVAL, "--top: the model '%s' gives numbers, not classes",
                       p->info->name);
    if (p->top > classes)
        return ax_fail(err, AX_ERANGE,
                       "--top: %lld is outside 1 to %lld, the classes of the model '%s'",
                       (long long)p->top, (long long)classes, p->info->name);
    if (!p->top)
        p->top = classes < TOP ? classes : TOP;
    return 0;
}

static void header(prediction *p)
{
    static const char *const numbers[] = {"file", "output", "shape", "values"};
    const char *classes[] = {"file", "class", "label",
                             p->info->classifies ? "probability" : "score",
                             p->top > 1 ? "next" : ""};
    int is = is_classifier(p->info);
    table_init(&p->table, is ? "lrlrl" : "llll");
    for (int i = 0; i < (is ? 5 : 4); i++)
        table_put(&p->table, "%s", is ? classes[i] : numbers[i]);
}

static int print(prediction *p, ax_err *err)
{
    if (!p->json)
        return table_print(&p->table, stdout) ? ax_fail(err, AX_ENOMEM, "no memory for the table")
                                              : 0;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", p->info->name);
    cJSON_AddItemToObject(o, "predictions", p->list);
    p->list = NULL;
    cli_print_json(o, 0, stdout);
    return 0;
}

static int predict(prediction *p, const char *model, char **files, int n, int threads)
{
    ax_err err = {0};
    ax_pool *pool = ax_pool_new(threads, &err);
    int bad = !pool || !(p->model = ax_model_open(model, &err));
    if (!bad) {
        p->info = ax_model_get_info(p->model);
        bad = settle_top(p, &err);
    }
    if (!bad) {
        header(p);
        p->list = cJSON_CreateArray();
        p->session = ax_session_open(p->model, &(ax_session_options){.pool = pool}, &err);
        bad = !p->session;
    }
    for (int i = 0; !bad && i < n; i++)
        bad = predict_file(p, files[i], &err);
    bad = bad || print(p, &err);
    cJSON_Delete(p->list);
    table_fini(&p->table);
    ax_session_close(p->session);
    ax_model_release(p->model);
    ax_pool_free(pool);
    if (bad)
        cli_error("predict", &err);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

int cmd_predict(int argc, char **argv)
{
    int n, code;
    int64_t threads = 0;
    prediction p = {.top = 0};
    // clang-format off
    const option rows[] = {
        {"top",     OPTION_INTEGER, &p.top,   "N", .lo = 1, .hi = 1 << 20, .help = "how many of the likeliest classes to show (3)"},
        {"json",    OPTION_SWITCH,  &p.json,  .help = "one JSON document instead of a table"},
        {"threads", OPTION_INTEGER, &threads, "N", .hi = 1024, .env = 1, .help = "threads to use; 0: one per core"},
    };
    // clang-format on
    const command_line line = {
        "predict",
        "MODEL FILE... [options]",
        "Ask a model about files: PNG and JPEG pictures, JSON, CSV with a sample per line, npy "
        "arrays;\n"
        "\"-\" is standard input. The kind is told by the content. JSON is a sample, an array of "
        "samples,\n"
        "or {\"inputs\":...} (or \"instances\") as in POST /predict, with several inputs\n"
        "{\"inputs\":{\"NAME\":[...],...}}; other fields are refused, the options say the rest. "
        "NaN "
        "and\n"
        "infinity, in a file or an output, are errors.\n",
        rows,
        sizeof rows / sizeof *rows,
        2,
        -1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    return predict(&p, argv[0], argv + 1, n - 1, (int)threads);
}
