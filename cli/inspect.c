/* inspect.c - `axond inspect`: what is in a model file, for people or as JSON. */
#include <math.h>
#include <string.h>

#include "cli.h"
#include "diagnose.h"
#include "options.h"
#include "table.h"
#include "tensors.h"

/* Bytes of a layer's output for one sample. */
static int64_t output_bytes(const ax_layer_info *l)
{
    return ax_shape_count(&l->shape) * (int64_t)sizeof(float);
}

/* ---- for people ------------------------------------------------------------------------------ */

static int print_layers(const ax_model_info *m)
{
    table t;
    char text[160];
    int64_t bytes = 0;
    static const char *const heads[] = {"layer",      "type",  "activation", "output",
                                        "parameters", "FLOPs", "memory"};
    table_init(&t, "llllrrr");
    for (int i = 0; i < 7; i++)
        table_put(&t, "%s", heads[i]);
    for (int i = 0; i < m->n_layers; i++) {
        const ax_layer_info *l = &m->layers[i];
        table_put(&t, "%s", l->name);
        table_put(&t, "%s", l->type);
        table_put(&t, "%s", *l->activation ? l->activation : "-");
        table_put(&t, "%s", ax_shape_str(&l->shape, text, sizeof text));
        table_put(&t, "%s", text_count(l->params, text, sizeof text));
        table_put(&t, "%s", text_count(l->flops, text, sizeof text));
        table_put(&t, "%s", text_bytes(output_bytes(l), text, sizeof text));
        bytes += output_bytes(l);
    }
    table_put(&t, "total");
    for (int i = 0; i < 3; i++)
        table_put(&t, "%s", "");
    table_put(&t, "%s", text_count(m->params, text, sizeof text));
    table_put(&t, "%s", text_count(m->flops, text, sizeof text));
    table_put(&t, "%s", text_bytes(bytes, text, sizeof text));
    int bad = table_print(&t, stdout);
    table_fini(&t);
    return bad;
}

static void put_ports(table *t, const char *what, const ax_port *p, int n)
{
    char shape[160];
    for (int i = 0; i < n; i++) {
        table_put(t, "%s", what);
        table_put(t, "%s: %s %s", p[i].name, ax_dtype_name(p[i].dtype),
                  tensor_port_shape(&p[i], shape, sizeof shape));
    }
}

/* "val_accuracy 0.8943, test.accuracy 0.8901": the numbers of the training summary. */
static void put_training(table *t, const cJSON *o, const char *prefix)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, o)
    {
        if (cJSON_IsObject(e) && strcmp(e->string, "spec"))
            put_training(t, e, e->string);
        if (!cJSON_IsNumber(e) && !cJSON_IsString(e))
            continue;
        table_put(t, "training");
        if (cJSON_IsNumber(e))
            table_put(t, "%s%s%s: %.6g", prefix, *prefix ? " " : "", e->string, e->valuedouble);
        else
            table_put(t, "%s%s%s: %s", prefix, *prefix ? " " : "", e->string, e->valuestring);
    }
}

static int print_head(const ax_model_info *m, int64_t working)
{
    table t;
    char text[40];
    cJSON *training = m->training ? cJSON_Parse(m->training) : NULL;
    table_init(&t, "ll");
    table_put(&t, "model");
    table_put(&t, "%s", m->name);
    table_put(&t, "file");
    table_put(&t, "%s (%s, %s)", m->path, m->format, text_bytes(m->file_bytes, text, sizeof text));
    table_put(&t, "hash");
    table_put(&t, "%s", m->hash);
    table_put(&t, "file hash");
    table_put(&t, "%s", m->file_hash);
    table_put(&t, "self-test");
    table_put(&t, "%s%s", m->self_test,
              strcmp(m->self_test, "none") ? ""
                                           : ": WARNING: damage to this file would go unnoticed");
    if (m->producer) {
        table_put(&t, "made by");
        table_put(&t, "%s%sopset %lld", m->producer, *m->producer ? ", " : "", (long long)m->opset);
        table_put(&t, "batches");
        table_put(&t, "%s",
                  !m->batches ? "no: inputs are taken whole"
                  : m->mixes  ? "yes, but samples may depend on each other"
                              : "yes");
    }
    put_ports(&t, "input", m->inputs, m->n_inputs);
    put_ports(&t, "output", m->outputs, m->n_outputs);
    table_put(&t, "weights");
    table_put(&t, "%s", text_bytes(m->params * (int64_t)sizeof(float), text, sizeof text));
    table_put(&t, "memory");
    table_put(&t, "%s to run one sample", text_bytes(working, text, sizeof text));
    for (int i = 0; i < m->n_labels; i++) {
        table_put(&t, "label %d", i);
        table_put(&t, "%s", m->labels[i]);
    }
    put_training(&t, training, "");
    int bad = table_print(&t, stdout);
    table_fini(&t);
    cJSON_Delete(training);
    return bad;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void json_ports(cJSON *o, const char *name, const ax_port *p, int n)
{
    cJSON *list = cJSON_AddArrayToObject(o, name);
    for (int i = 0; i < n; i++) {
        cJSON *e = cJSON_CreateObject();
        cJSON_AddStringToObject(e, "name", p[i].name);
        cJSON_AddStringToObject(e, "dtype", ax_dtype_name(p[i].dtype));
        cJSON_AddItemToObject(
            e, "shape", p[i].shape.rank < 0 ? cJSON_CreateNull() : tensor_json_shape(&p[i].shape));
        if (p[i].dims)
            cJSON_AddItemToObject(e, "dims", cJSON_CreateStringArray(p[i].dims, p[i].shape.rank));
        cJSON_AddItemToArray(list, e);
    }
}

static void json_layers(cJSON *o, const ax_model_info *m)
{
    cJSON *list = cJSON_AddArrayToObject(o, "layers");
    for (int i = 0; i < m->n_layers; i++) {
        const ax_layer_info *l = &m->layers[i];
        cJSON *e = cJSON_CreateObject();
        cJSON_AddStringToObject(e, "name", l->name);
        cJSON_AddStringToObject(e, "type", l->type);
        cJSON_AddStringToObject(e, "activation", l->activation);
        cJSON_AddItemToObject(e, "shape", tensor_json_shape(&l->shape));
        cJSON_AddNumberToObject(e, "params", (double)l->params);
        cJSON_AddNumberToObject(e, "flops", (double)l->flops);
        cJSON_AddNumberToObject(e, "bytes", (double)output_bytes(l));
        cJSON_AddItemToArray(list, e);
    }
}

static void json_memory(cJSON *o, const ax_memory_use *used)
{
    cJSON *all = cJSON_AddObjectToObject(o, "memory");
    cJSON_AddNumberToObject(all, "file", (double)used->file);
    cJSON_AddNumberToObject(all, "packed", (double)used->packed);
    cJSON_AddNumberToObject(all, "working", (double)used->working);
    cJSON_AddNumberToObject(all, "alive", (double)used->alive);
}

static void print_json(const ax_model_info *m, const ax_memory_use *used, const ax_health *h)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", m->name);
    cJSON_AddStringToObject(o, "path", m->path);
    cJSON_AddStringToObject(o, "format", m->format);
    if (m->producer) {
        cJSON_AddStringToObject(o, "producer", m->producer);
        cJSON_AddNumberToObject(o, "opset", (double)m->opset);
    }
    cJSON_AddBoolToObject(o, "batches", m->batches);
    cJSON_AddStringToObject(o, "hash", m->hash);
    cJSON_AddStringToObject(o, "file_hash", m->file_hash);
    cJSON_AddStringToObject(o, "self_test", m->self_test);
    cJSON_AddNumberToObject(o, "file_bytes", (double)m->file_bytes);
    cJSON_AddNumberToObject(o, "params", (double)m->params);
    cJSON_AddNumberToObject(o, "flops", (double)m->flops);
    cJSON_AddNumberToObject(o, "memory_bytes", (double)used->working);
    json_memory(o, used);
    json_ports(o, "inputs", m->inputs, m->n_inputs);
    json_ports(o, "outputs", m->outputs, m->n_outputs);
    json_layers(o, m);
    if (m->labels)
        cJSON_AddItemToObject(o, "labels", cJSON_CreateStringArray(m->labels, m->n_labels));
    cJSON_AddItemToObject(o, "training",
                          m->training ? cJSON_Parse(m->training) : cJSON_CreateNull());
    cJSON_AddItemToObject(o, "spec", m->spec ? cJSON_Parse(m->spec) : cJSON_CreateNull());
    if (h)
        cJSON_AddItemToObject(o, "diagnostics", ax_health_json(h));
    cli_print_json(o, 1, stdout);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int print_plan(const ax_session *s, const ax_memory_use *used, ax_err *err)
{
    ax_arena mem;
    ax_arena_init(&mem, 0);
    const char *text = ax_session_plan_text(s, &mem);
    if (text)
        fputs(text, stdout);
    ax_arena_fini(&mem);
    if (!text)
        return ax_fail(err, AX_ENOMEM, "no memory for the plan's text");
    printf("alive at one step %lld bytes, the least that working memory can be\n"
           "packed weights %lld bytes\n"
           "weights as in the file %lld bytes\n",
           (long long)used->alive, (long long)used->packed, (long long)used->file);
    return 0;
}

typedef struct wish {
    int json, plan;
    const char *data; /* NULL: no look at the activations */
    int64_t samples, seed, threads;
} wish;

static int print_text(const ax_model_info *m, int64_t working, const ax_health *h)
{
    return print_head(m, working) || printf("\n") < 0 || print_layers(m) ||
           (h && (printf("\n") < 0 || diagnose_print(h)));
}

static int inspect(const char *path, const wish *w)
{
    ax_err err = {0};
    ax_health health, *h = NULL;
    ax_model *m = ax_model_open(path, &err);
    ax_session *s = m ? ax_session_open(m, &(ax_session_options){0}, &err) : NULL;
    int bad = !s;
    if (!bad && ax_session_resize(s, 1, &err)) /* of ONNX there may be no shapes known that go */
        bad = ax_model_get_info(m)->batches || w->plan;
    else if (!bad)
        ax_session_run(s, NULL); /* some plans wait for the numbers of a run: zeros will do */
    if (!bad && w->data) {
        bad = diagnose(m, w->data, w->samples, (uint64_t)w->seed, (int)w->threads, &health, &err);
        h = bad ? NULL : &health;
    }
    ax_memory_use used = {0};
    if (!bad)
        ax_session_memory(s, &used);
    if (!bad && w->plan)
        bad = print_plan(s, &used, &err);
    else if (!bad && w->json)
        print_json(ax_model_get_info(m), &used, h);
    else if (!bad && print_text(ax_model_get_info(m), used.working, h))
        bad = ax_fail(&err, AX_ENOMEM, "no memory for a table");
    if (h)
        ax_health_free(h);
    ax_session_close(s);
    ax_model_release(m);
    if (bad)
        cli_error("inspect", &err);
    return bad ? EXIT_FAILED : EXIT_DONE;
}

int cmd_inspect(int argc, char **argv)
{
    int n, code;
    wish w = {.seed = -1};
    // clang-format off
    const option rows[] = {
        {"json",    OPTION_SWITCH,  &w.json, .help = "everything as JSON, with the model spec"},
        {"plan",    OPTION_SWITCH,  &w.plan, .help = "the steps, kernels and memory of a run of one sample"},
        {"data",    OPTION_TEXT,    &w.data, "FILE|fashion-mnist|noise", .help = "look at the activations, too, over samples: a file that predict takes, the data set, noise"},
        {"samples", OPTION_INTEGER, &w.samples, "N", .lo = 1, .hi = 65536, .help = "how many of them, at most (256)"},
        {"seed",    OPTION_INTEGER, &w.seed, "N", .hi = 0x1p53, .help = "of the noise (1)"},
        {"threads", OPTION_INTEGER, &w.threads, "N", .hi = 1024, .env = 1, .help = "threads to use with --data; 0: one per core"},
    };
    // clang-format on
    const command_line line = {
        "inspect",
        "MODEL [--json | --plan] [--data FILE|fashion-mnist|noise]",
        "Show what is in a model file. FLOPs and memory are of one sample. With --data: how its\n"
        "activations fare, layer by layer, and what to do about it (docs/diagnostics.md).\n",
        rows,
        sizeof rows / sizeof *rows,
        1,
        1};
    argv++;
    if (!options_parse(&line, argc - 1, argv, &n, &code))
        return code;
    if (w.plan && (w.json || w.data)) {
        ax_err err;
        ax_fail(&err, AX_EINVAL, "--plan and --%s exclude each other", w.json ? "json" : "data");
        cli_error("inspect", &err);
        return EXIT_USAGE;
    }
    if (!w.data && (w.samples || w.seed >= 0)) {
        ax_err err;
        ax_fail(&err, AX_EINVAL, "--%s goes with --data", w.samples ? "samples" : "seed");
        cli_error("inspect", &err);
        return EXIT_USAGE;
    }
    w.samples = w.samples ? w.samples : 256;
    w.seed = w.seed >= 0 ? w.seed : 1;
    return inspect(argv[0], &w);
}
