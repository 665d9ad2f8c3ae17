/* model_convert.c - a model as a file of the other format: ours as ONNX, one of ONNX as ours.
 *
 * What the formats do not share goes along under keys of our own (AX_ONNX_SPEC...). */
#include <stdlib.h>
#include <string.h>

#include "io/onnx_export.h"
#include "io/onnx_spec.h"
#include "model.h"

/* ---- to ONNX --------------------------------------------------------------------------------- */

static void write_piece(void *ctx, const void *p, size_t n)
{
    ax_outfile_write(ctx, p, n);
}

static int write_file(const ax_pb *bytes, const char *path, ax_err *err)
{
    ax_outfile f;
    if (ax_outfile_open(&f, path, err))
        return -1;
    ax_pb_each(bytes, write_piece, &f);
    return ax_outfile_commit(&f, err);
}

static int labels_text(const ax_model_info *m, char **text, ax_err *err)
{
    *text = NULL;
    if (!m->labels)
        return 0;
    cJSON *list = cJSON_CreateStringArray(m->labels, m->n_labels);
    *text = list ? ax_json_text(list, 0) : NULL;
    cJSON_Delete(list);
    return *text ? 0 : ax_fail(err, AX_ENOMEM, "no memory for the labels");
}

int ax_model_write_onnx(const ax_model *m, const char *path, ax_onnx_form form, ax_err *err)
{
    ax_pb bytes = {0};
    char *labels;
    if (m->onnx)
        return ax_fail(err, AX_EINVAL, "the model '%s' is a file of ONNX already", m->info.name);
    if (labels_text(&m->info, &labels, err))
        return -1;
    const ax_onnx_note notes[] = {{AX_ONNX_NAME, m->info.name},
                                  {AX_ONNX_LABELS, labels},
                                  {AX_ONNX_TRAINING, m->info.training},
                                  {AX_ONNX_SPEC, m->info.spec},
                                  {AX_ONNX_VERSION, AX_VERSION}};
    int bad = ax_net_write_onnx(&m->net, form, notes, sizeof notes / sizeof *notes, &bytes, err) ||
              write_file(&bytes, path, err);
    ax_pb_free(&bytes);
    cJSON_free(labels);
    return bad ? -1 : 0;
}

/* ---- from ONNX ------------------------------------------------------------------------------- */

/* The numbers that parameters of a net get: by name, from the file or from what was read of it. */
typedef struct numbers {
    const ax_onnx_spec *spec; /* NULL: initializers of the file */
    const ax_onnx_file *file;
    ax_arena *mem;
} numbers;

static int find_in_file(const numbers *from, const char *name, ax_tensor *out, ax_err *err)
{
    ax_onnx_value v;
    for (int i = 0; i < from->file->graph.n_init; i++) {
        const ax_onnx_tensor *t = &from->file->graph.init[i];
        if (strcmp(t->name, name) != 0)
            continue;
        if (ax_onnx_known(t, from->mem, &v, err))
            return -1;
        *out = (ax_tensor){v.desc.dtype, v.desc.shape, (void *)(uintptr_t)v.data};
        return 0;
    }
    return ax_fail(err, AX_ENOTFOUND, "the tensor '%s' is missing", name);
}

static int find_in_spec(const ax_onnx_spec *spec, const char *name, ax_tensor *out, ax_err *err)
{
    for (int i = 0; i < spec->n_tensor; i++) {
        const ax_spec_tensor *t = &spec->tensor[i];
        if (strcmp(t->name, name) != 0)
            continue;
        *out = (ax_tensor){AX_F32, t->shape, (void *)(uintptr_t)t->data};
        return 0;
    }
    return ax_fail(err, AX_ENOTFOUND, "the tensor '%s' is missing", name);
}

static int bind(ax_net *n, const numbers *from, ax_err *err)
{
    char have[160], want[160];
    for (int i = 0; i < n->n_inits; i++) {
        ax_value *v = &n->graph.val[n->inits[i].param];
        ax_tensor t;
        if (from->spec ? find_in_spec(from->spec, v->name, &t, err)
                       : find_in_file(from, v->name, &t, err))
            return -1;
        if (t.dtype != AX_F32 || !ax_shape_equal(&t.shape, &v->desc.shape))
            return ax_fail(err, AX_ESHAPE, "the tensor '%s' is %s %s, its layer expects %s",
                           v->name, ax_dtype_name(t.dtype),
                           ax_shape_str(&t.shape, have, sizeof have),
                           ax_shape_str(&v->desc.shape, want, sizeof want));
        v->data = t.data;
    }
    return 0;
}

/* Do both give the same numbers? */
static int compare(ax_model *m, const ax_net *n, ax_err *err)
{
    ax_model *ours = ax_model_of_net(n, err);
    char *test = ours ? ax_selftest_make(ours, err) : NULL;
    int bad = !test || ax_selftest_check(m, test, err);
    if (test && bad)
        ax_err_in(err, "comparison");
    cJSON_free(test);
    ax_model_release(ours);
    return bad ? -1 : 0;
}

/* The net of a spec, bound and compared. */
static int make_net(ax_model *m, const cJSON *spec, const numbers *from, ax_net *n, ax_err *err)
{
    if (ax_net_build(n, spec, NULL, 1, err))
        return -1;
    if (!bind(n, from, err) && !compare(m, n, err))
        return 0;
    ax_net_fini(n);
    return -1;
}

/* As it was when axond wrote it, if nobody has changed the graph since. */
static int as_written(ax_model *m, ax_arena *mem, ax_net *n)
{
    const char *text = ax_onnx_note_of(&m->onnx->file, AX_ONNX_SPEC);
    cJSON *spec = text ? ax_json_parse(text, strlen(text), NULL) : NULL;
    ax_err unwanted;
    int bad =
        !spec || make_net(m, spec, &(numbers){.file = &m->onnx->file, .mem = mem}, n, &unwanted);
    cJSON_Delete(spec);
    return bad ? -1 : 0;
}

static int as_read(ax_model *m, ax_onnx_spec *spec, ax_net *n, ax_err *err)
{
    const ax_onnx_spec_source from = {&m->onnx->file, &m->net,        &m->onnx->names,
                                      m->info.name,   m->info.labels, m->info.n_labels};
    if (ax_onnx_spec_make(&from, spec, err))
        return -1;
    if (!make_net(m, spec->spec, &(numbers){.spec = spec}, n, err))
        return 0;
    ax_onnx_spec_free(spec);
    return -1;
}

int ax_model_write_spec(ax_model *m, const char *path, ax_err *err)
{
    ax_onnx_spec spec = {0};
    ax_net n;
    ax_arena mem;
    if (!m->onnx)
        return ax_fail(err, AX_EINVAL, "the model '%s' is none of ONNX", m->info.name);
    if (!m->info.batches)
        return ax_fail(
            err, AX_EUNSUPPORTED,
            "its inputs are taken whole; those of a spec have samples in the first axis");
    if (ax_backed_hold_all(m->onnx->bytes, err)) /* the net reads them without a plan that would */
        return -1;
    ax_arena_init(&mem, 0);
    int bad = as_written(m, &mem, &n) && as_read(m, &spec, &n, err);
    if (!bad) {
        bad = ax_model_write(path, &n, m->info.training, err);
        ax_net_fini(&n);
        ax_onnx_spec_free(&spec);
    }
    ax_arena_fini(&mem);
    ax_backed_drop_all(m->onnx->bytes);
    return bad ? -1 : 0;
}
