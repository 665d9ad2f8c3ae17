/* model_convert.c - a model as a file of the other format: ours as ONNX, one of ONNX as ours.
 *
 * What the formats do not share goes along under keys of our own (AX_ONNX_SPEC...). */
#include <stdlib.h>
#include <string.h>

#include "io/onnx_export.h"
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

int ax_model_write_spec(ax_model *m, const char *path, ax_err *err)
{
    (void)m, (void)path;
    return ax_fail(err, AX_EUNSUPPORTED, "soon");
}
