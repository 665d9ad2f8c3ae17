/* converted.c - for `make onnx-test`: models as files of ONNX, with inputs and the engine's own outputs,
 * for converted.js to compare.
 *
 *     onnx-converted FOLDER MODEL...
 *
 * N.onnx the model, N.json its inputs and outputs: name, shape and numbers of each. cases.tsv: number
 * and what it is, a line per case. */
#include <math.h>

#include "model.h"
#include "onnx_specs.h"

enum { BATCH = 3 };

static const char *folder;
static FILE *list;
static int cases, failed;

static void must(int ok, const char *what, const ax_err *err)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s %s\n", what, err->msg, err->at);
    failed = 1;
}

static cJSON *port(const ax_port *p, const float *v)
{
    cJSON *o = cJSON_CreateObject(), *dims = cJSON_AddArrayToObject(o, "dims");
    cJSON_AddStringToObject(o, "name", p->name);
    cJSON_AddItemToArray(dims, cJSON_CreateNumber(BATCH));
    for (int i = 0; i < p->shape.rank; i++)
        cJSON_AddItemToArray(dims, cJSON_CreateNumber((double)p->shape.dim[i]));
    int64_t n = BATCH * ax_shape_count(&p->shape);
    cJSON_AddItemToObject(o, "data", cJSON_CreateFloatArray(v, (int)n));
    return o;
}

/* Inputs as a client of this model sends them: from -range to range. */
static void save_run(ax_session *s, double range, const char *path)
{
    cJSON *o = cJSON_CreateObject(), *in = cJSON_AddArrayToObject(o, "inputs"),
          *out = cJSON_AddArrayToObject(o, "outputs");
    for (int i = 0; i < ax_session_inputs(s); i++) {
        const ax_port *p = ax_session_input_port(s, i);
        float *x = ax_session_input(s, i);
        for (int64_t k = 0; k < BATCH * ax_shape_count(&p->shape); k++)
            x[k] = (float)(range * (2 * onnx_spec_uniform(1000 + (uint64_t)i, k) - 1));
        cJSON_AddItemToArray(in, port(p, x));
    }
    ax_session_run(s, NULL);
    for (int i = 0; i < ax_session_outputs(s); i++)
        cJSON_AddItemToArray(out, port(ax_session_output_port(s, i), ax_session_output(s, i)));
    char *text = cJSON_PrintUnformatted(o);
    if (!text || ax_file_write(path, text, strlen(text), NULL))
        failed = 1;
    cJSON_free(text);
    cJSON_Delete(o);
}

static void write_case(const char *what, ax_model *m, ax_onnx_form form, double range)
{
    char path[600];
    ax_err err = {0};
    snprintf(path, sizeof path, "%s/%d.onnx", folder, cases);
    must(!ax_model_write_onnx(m, path, form, &err), what, &err);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, &err);
    must(s && !ax_session_resize(s, BATCH, &err), what, &err);
    snprintf(path, sizeof path, "%s/%d.json", folder, cases);
    if (!failed)
        save_run(s, range, path);
    fprintf(list, "%d\t%s%s\n", cases++, what, form == AX_ONNX_EXACT ? ", exact" : "");
    ax_session_close(s);
}

static void write_spec(const char *what, const char *spec, int both)
{
    ax_net n;
    ax_err err = {0};
    if (onnx_spec_net(&n, spec, &err)) {
        must(0, what, &err);
        return;
    }
    ax_model *m = ax_model_of_net(&n, &err);
    must(m != NULL, what, &err);
    if (m)
        write_case(what, m, AX_ONNX_NAMED, 3);
    if (m && both)
        write_case(what, m, AX_ONNX_EXACT, 3);
    ax_model_release(m);
    ax_net_fini(&n);
}

static void write_activations(void)
{
    static const char *const forms[] = {"", ", pictures", ", last axis", ", learned", ", set"};
    char spec[1200], what[100];
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++)
        for (int f = 0; f < ONNX_ACT_FORMS; f++)
            if (onnx_act_spec(&row[i], f, spec, sizeof spec)) {
                snprintf(what, sizeof what, "%s%s", row[i].name, forms[f]);
                write_spec(what, spec, 1);
            }
}

int main(int argc, char **argv)
{
    char path[600];
    if (argc < 2)
        return 2;
    folder = argv[1];
    snprintf(path, sizeof path, "%s/cases.tsv", folder);
    if (!(list = fopen(path, "w")))
        return 1;
    for (int i = 2; i < argc; i++) {
        ax_err err = {0};
        ax_model *m = ax_model_open(argv[i], &err);
        must(m != NULL, argv[i], &err);
        if (m)
            write_case(argv[i], m, AX_ONNX_NAMED, 255);
        ax_model_release(m);
    }
    for (int i = 0; i < ONNX_SPECS; i++)
        write_spec(onnx_specs[i].name, onnx_specs[i].spec, 0);
    write_activations();
    return fclose(list) != 0 || failed;
}
