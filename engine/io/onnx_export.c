/* onnx_export.c - see onnx_export.h.
 *
 * The file is written twice: which opset it needs is known when all of it has been written, and
 * some operators are written in another way from some opset on. Weights are borrowed, so the first
 * time costs next to nothing. */
#include "io/onnx_export.h"

#include <stdio.h>
#include <string.h>

#include "io/onnx_compose.h"

typedef struct exporter {
    ax_compose c;
    const ax_net *net;
    const ax_graph *g;
    ax_onnx_form form;
    int part;          /* of a file that has its opset already */
    const char **name; /* of each value, NULL: it has none yet */
    uint8_t *wanted;   /* of each node: an output depends on it */
    const ax_node *n;  /* the one under way                    */
} exporter;

typedef struct export_row {
    const ax_op *op;
    int (*write)(exporter *e);
} export_row;

/* ---- what rows are written with -------------------------------------------------------------- */

static const ax_shape *shape_of(const exporter *e, ax_val v)
{
    return &e->g->val[v].desc.shape;
}

/* Input i of the node; NULL: absent. */
static const char *input(const exporter *e, int i)
{
    return i < e->n->n_in && e->n->in[i] >= 0 ? e->name[e->n->in[i]] : NULL;
}

static const char *output(const exporter *e)
{
    return e->name[e->n->out];
}

/* The operator that gives the node's output. */
static int put(exporter *e, int opset, const char *op, const char *a, const char *b, const char *d)
{
    const char *in[] = {a, b, d}, *out = output(e);
    ax_compose_need(&e->c, opset);
    ax_compose_put(&e->c, op, in, !b ? 1 : !d ? 2 : 3, &out, 1);
    return 0;
}

/* An operator before the one that the layer is named after. */
static const char *before(exporter *e, const char *op, const char *a, const char *b)
{
    int titled = e->c.titled;
    e->c.titled = 1;
    const char *y = ax_compose_node(&e->c, op, a, b, NULL);
    e->c.titled = titled;
    return y;
}

static void put_pair(exporter *e, const char *attribute, const int v[2])
{
    const int64_t wide[] = {v[0], v[1]};
    ax_onnx_put_ints(&e->c.m, attribute, wide, 2);
}

/* The order is ONNX's, too: all begins, then all ends. */
static void put_pads(exporter *e, const int pad[4])
{
    const int64_t wide[] = {pad[0], pad[1], pad[2], pad[3]};
    ax_onnx_put_ints(&e->c.m, "pads", wide, 4);
}

/* Numbers per channel, so that they meet axis 1 of a tensor of this rank: (C,1,1) for pictures. */
static void channel_dims(int64_t channels, int rank, int64_t dim[AX_MAX_RANK])
{
    for (int i = 0; i < rank - 1; i++)
        dim[i] = i ? 1 : channels;
}

/* ---- layers with weights --------------------------------------------------------------------- */

/* Gemm takes matrices; what has more axes is multiplied by the weights turned round. */
static int write_dense(exporter *e)
{
    const char *x = input(e, 0), *w = input(e, 1), *b = input(e, 2);
    if (shape_of(e, e->n->in[0])->rank == 2) {
        put(e, b ? 9 : 11, "Gemm", x, w, b);
        ax_onnx_put_int(&e->c.m, "transB", 1);
        return 0;
    }
    const int64_t perm[] = {1, 0};
    const char *turned = before(e, "Transpose", w, NULL);
    ax_onnx_put_ints(&e->c.m, "perm", perm, 2);
    if (!b)
        return put(e, 9, "MatMul", x, turned, NULL);
    return put(e, 9, "Add", ax_compose_node(&e->c, "MatMul", x, turned, NULL), b, NULL);
}

static int write_conv2d(exporter *e)
{
    const ax_conv2d_attr *a = e->n->attr;
    const ax_shape *w = shape_of(e, e->n->in[1]);
    put(e, 9, "Conv", input(e, 0), input(e, 1), input(e, 2));
    ax_onnx_put_ints(&e->c.m, "kernel_shape", w->dim + 2, 2);
    put_pair(e, "strides", a->stride);
    put_pair(e, "dilations", a->dilation);
    put_pads(e, a->pad);
    ax_onnx_put_int(&e->c.m, "group", a->groups);
    return 0;
}

static int write_batch_norm(exporter *e)
{
    const ax_norm_attr *a = e->n->attr;
    const char *in[5], *out = output(e);
    for (int i = 0; i < 5; i++)
        in[i] = input(e, i);
    ax_compose_need(&e->c, 9);
    ax_compose_put(&e->c, "BatchNormalization", in, 5, &out, 1);
    ax_onnx_put_float(&e->c.m, "epsilon", (float)a->epsilon);
    return 0;
}

static int write_layer_norm(exporter *e)
{
    const ax_norm_attr *a = e->n->attr;
    put(e, 17, "LayerNormalization", input(e, 0), input(e, 1), input(e, 2));
    ax_onnx_put_int(&e->c.m, "axis", a->axis);
    ax_onnx_put_float(&e->c.m, "epsilon", (float)a->epsilon);
    return 0;
}

/* ---- layers without -------------------------------------------------------------------------- */

static int write_pool2d(exporter *e)
{
    const ax_pool2d_attr *a = e->n->attr;
    if (a->global)
        return put(e, 9, a->max ? "GlobalMaxPool" : "GlobalAveragePool", input(e, 0), NULL, NULL);
    put(e, 9, a->max ? "MaxPool" : "AveragePool", input(e, 0), NULL, NULL);
    put_pair(e, "kernel_shape", a->kernel);
    put_pair(e, "strides", a->stride);
    put_pads(e, a->pad);
    if (!a->max)
        ax_onnx_put_int(&e->c.m, "count_include_pad", a->count_pad);
    return 0;
}

/* 0 copies a dimension and -1 is what is left, there as here. */
static int write_reshape(exporter *e)
{
    const ax_shape *s = &((const ax_reshape_attr *)e->n->attr)->shape;
    if (s->rank == 2 && s->dim[0] == 0 && s->dim[1] == -1) {
        put(e, 9, "Flatten", input(e, 0), NULL, NULL);
        ax_onnx_put_int(&e->c.m, "axis", 1);
        return 0;
    }
    return put(e, 9, "Reshape", input(e, 0), ax_compose_ints(&e->c, s->dim, s->rank), NULL);
}

static int write_permute(exporter *e)
{
    const ax_permute_attr *a = e->n->attr;
    int64_t perm[AX_MAX_RANK];
    int rank = shape_of(e, e->n->in[0])->rank;
    for (int i = 0; i < rank; i++)
        perm[i] = a->perm[i];
    put(e, 9, "Transpose", input(e, 0), NULL, NULL);
    ax_onnx_put_ints(&e->c.m, "perm", perm, rank);
    return 0;
}

static int write_concat(exporter *e)
{
    const ax_axis_attr *a = e->n->attr;
    const char *in[AX_MAX_IN], *out = output(e);
    for (int i = 0; i < e->n->n_in; i++)
        in[i] = input(e, i);
    ax_compose_need(&e->c, 9);
    ax_compose_put(&e->c, "Concat", in, e->n->n_in, &out, 1);
    ax_onnx_put_int(&e->c.m, "axis", a->axis);
    return 0;
}

/* Pads became an input with opset 11. */
static int write_pad2d(exporter *e)
{
    const int *p = ((const ax_pad2d_attr *)e->n->attr)->pad;
    const int64_t pads[] = {0, 0, p[0], p[1], 0, 0, p[2], p[3]};
    if (e->c.opset >= 11)
        put(e, 9, "Pad", input(e, 0), ax_compose_ints(&e->c, pads, 8), NULL);
    else
        put(e, 9, "Pad", input(e, 0), NULL, NULL);
    ax_onnx_put_text(&e->c.m, "mode", "constant");
    if (e->c.opset < 11)
        ax_onnx_put_ints(&e->c.m, "pads", pads, 8);
    return 0;
}

static int write_upsample2d(exporter *e)
{
    const ax_upsample2d_attr *a = e->n->attr;
    const float scale[] = {1, 1, (float)a->size[0], (float)a->size[1]};
    const int64_t four = 4;
    const char *scales = ax_compose_name(&e->c, "scales");
    ax_onnx_put_tensor(&e->c.m, scales, AX_ONNX_FLOAT, &four, 1, scale, sizeof scale);
    put(e, 13, "Resize", input(e, 0), "", scales);
    ax_onnx_put_text(&e->c.m, "mode", "nearest");
    ax_onnx_put_text(&e->c.m, "coordinate_transformation_mode", "asymmetric");
    ax_onnx_put_text(&e->c.m, "nearest_mode", "floor");
    return 0;
}

static int write_add(exporter *e)
{
    return put(e, 9, "Add", input(e, 0), input(e, 1), NULL);
}

static int write_mul(exporter *e)
{
    return put(e, 9, "Mul", input(e, 0), input(e, 1), NULL);
}

/* ---- numbers of an input, made normal -------------------------------------------------------- */

static int all_are(const float *v, int64_t n, float what)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] != what)
            return 0;
    return 1;
}

/* The constant of input i as an initializer; NULL where each of its numbers is `nothing`. */
static const char *per_channel(exporter *e, int i, const char *kind, float nothing)
{
    const ax_value *v = &e->g->val[e->n->in[i]];
    int64_t n = ax_shape_count(&v->desc.shape), dim[AX_MAX_RANK];
    int rank = n == 1 ? 1 : shape_of(e, e->n->in[0])->rank;
    if (all_are(v->data, n, nothing))
        return NULL;
    channel_dims(n, rank, dim);
    const char *name = ax_compose_name(&e->c, kind);
    ax_onnx_put_tensor(&e->c.m, name, AX_ONNX_FLOAT, dim, rank - 1, v->data,
                       (size_t)n * sizeof(float));
    return name;
}

static int write_affine(exporter *e)
{
    const char *scale = per_channel(e, 1, "scale", 1), *shift = per_channel(e, 2, "shift", 0);
    const char *x = input(e, 0);
    if (!shift)
        return scale ? put(e, 9, "Mul", x, scale, NULL) : put(e, 9, "Identity", x, NULL, NULL);
    if (scale)
        x = ax_compose_node(&e->c, "Mul", x, scale, NULL);
    return put(e, 9, "Add", x, shift, NULL);
}

/* ---- activations ----------------------------------------------------------------------------- */

/* A part of another file goes by its opset: the operator by its name where that knows it. */
static ax_onnx_form form_of(const exporter *e, const ax_act *a, int axis)
{
    if (!e->part || e->form == AX_ONNX_EXACT)
        return e->form;
    ax_err unwanted;
    ax_pb bytes = {0};
    ax_compose trial = e->c;
    trial.m = (ax_onnx){.to = &bytes, .graph = ax_pb_open(&bytes, 1)};
    trial.needs = 0;
    trial.err = &unwanted;
    int bad = ax_act_put_onnx(&trial, a, AX_ONNX_NAMED, axis);
    ax_pb_free(&bytes);
    return bad || trial.needs > e->c.opset ? AX_ONNX_EXACT : AX_ONNX_NAMED;
}

static int put_act(exporter *e, const ax_act *a, int axis, const char *x, const char *y)
{
    e->c.x = x;
    e->c.y = y;
    if (!ax_act_put_onnx(&e->c, a, form_of(e, a, axis), axis))
        return 0;
    return ax_err_in(e->c.err, "%s", e->c.layer);
}

/* The axis goes to the end and back. */
static const char *turn(exporter *e, const char *x, int axis, int rank)
{
    int64_t perm[AX_MAX_RANK];
    if (axis == rank - 1)
        return x;
    for (int i = 0; i < rank; i++)
        perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    const char *y = before(e, "Transpose", x, NULL);
    ax_onnx_put_ints(&e->c.m, "perm", perm, rank);
    return y;
}

static void put_reshape(exporter *e, const char *x, const ax_shape *to, const char *y)
{
    const char *in[] = {x, ax_compose_ints(&e->c, to->dim, to->rank)};
    ax_compose_put(&e->c, "Reshape", in, 2, &y, 1);
}

/* Rows of a tensor that is no matrix: made one for the function, and what it was again. */
static int put_rows(exporter *e, const ax_act *a, int axis)
{
    ax_shape s = *shape_of(e, e->n->in[0]);
    int rank = s.rank, last = rank - 1, turned = axis != last;
    int64_t len = s.dim[axis];
    ax_shape rows = AX_SHAPE(-1, len);
    s.dim[axis] = s.dim[last];
    s.dim[last] = ax_act_out_len(a, len);
    s.dim[0] = -1; /* the batch is open */
    const char *x = turn(e, input(e, 0), axis, rank);
    const char *flat = before(e, "Reshape", x, ax_compose_ints(&e->c, rows.dim, 2));
    const char *y = ax_compose_fresh(&e->c), *back = turned ? ax_compose_fresh(&e->c) : output(e);
    if (put_act(e, a, -1, flat, y))
        return -1;
    put_reshape(e, y, &s, back);
    if (turned) {
        int64_t perm[AX_MAX_RANK];
        for (int i = 0; i < rank; i++)
            perm[i] = i == axis ? last : i == last ? axis : i;
        put(e, 9, "Transpose", back, NULL, NULL);
        ax_onnx_put_ints(&e->c.m, "perm", perm, rank);
    }
    return 0;
}

static int write_activation(exporter *e)
{
    const ax_activation_attr *a = e->n->attr;
    int rank = shape_of(e, e->n->in[0])->rank, axis = a->axis < 0 ? a->axis + rank : a->axis;
    if (a->act.row->kind == AX_ACT_VECTOR && !(rank == 2 && axis == 1) &&
        !ax_act_onnx_any_axis(&a->act, e->form))
        return put_rows(e, &a->act, axis);
    return put_act(e, &a->act, axis == rank - 1 ? -1 : axis, input(e, 0), output(e));
}

/* Operators have their parameters as attributes; a tensor needs the formula. */
static int write_learned(exporter *e)
{
    const ax_act act = ax_learned_act(e->g, e->n);
    ax_onnx_form form = e->form;
    for (int i = 0, k = 1; i < AX_ACT_PARAMS; i++)
        if (act.learned >> i & 1)
            e->c.learned[i] = input(e, k++);
    e->form = AX_ONNX_EXACT;
    int bad = put_act(e, &act, -1, input(e, 0), output(e));
    e->form = form;
    memset(e->c.learned, 0, sizeof e->c.learned);
    return bad;
}

/* A slope per channel. */
static int write_prelu(exporter *e)
{
    int64_t n = ax_shape_count(shape_of(e, e->n->in[1])), dim[AX_MAX_RANK];
    int rank = n == 1 ? 2 : shape_of(e, e->n->in[0])->rank;
    const char *slope = input(e, 1);
    channel_dims(n, rank, dim);
    if (rank > 2)
        slope = before(e, "Reshape", slope, ax_compose_ints(&e->c, dim, rank - 1));
    return put(e, 9, "PRelu", input(e, 0), slope, NULL);
}

// clang-format off
static const export_row rows[] = {
    {&ax_op_dense,              write_dense},
    {&ax_op_conv2d,             write_conv2d},
    {&ax_op_pool2d,             write_pool2d},
    {&ax_op_reshape,            write_reshape},
    {&ax_op_permute,            write_permute},
    {&ax_op_concat,             write_concat},
    {&ax_op_pad2d,              write_pad2d},
    {&ax_op_upsample2d,         write_upsample2d},
    {&ax_op_add,                write_add},
    {&ax_op_mul,                write_mul},
    {&ax_op_affine,             write_affine},
    {&ax_op_activation,         write_activation},
    {&ax_op_activation_learned, write_learned},
    {&ax_op_prelu,              write_prelu},
    {&ax_op_batch_norm,         write_batch_norm},
    {&ax_op_layer_norm,         write_layer_norm},
};
// clang-format on

/* ---- the graph ------------------------------------------------------------------------------- */

static void mark(exporter *e)
{
    for (int i = 0; i < e->net->n_outputs; i++) {
        const ax_value *v = &e->g->val[e->net->outputs[i]];
        if (v->kind == AX_VAL_NODE)
            e->wanted[v->node] = 1;
    }
    for (int k = e->g->n_node - 1; k >= 0; k--)
        for (int i = 0; e->wanted[k] && i < e->g->node[k].n_in; i++) {
            ax_val in = e->g->node[k].in[i];
            if (in >= 0 && e->g->val[in].kind == AX_VAL_NODE)
                e->wanted[e->g->val[in].node] = 1;
        }
}

/* Inputs and parameters have names of their own, what a layer gives has the layer's. */
static void name_values(exporter *e)
{
    for (int v = 0; v < e->g->n_val; v++)
        if (e->g->val[v].kind == AX_VAL_INPUT || e->g->val[v].kind == AX_VAL_PARAM)
            e->name[v] = e->g->val[v].name;
    for (int i = 0; i < e->net->n_layers; i++) {
        const ax_layer *l = &e->net->layers[i];
        if (!e->name[l->out] && e->g->val[l->out].kind == AX_VAL_NODE)
            e->name[l->out] = l->name;
    }
}

/* The layer that a node belongs to; what makes an input normal belongs to that. */
static const char *layer_of(const exporter *e, const ax_node *n)
{
    const ax_value *x = &e->g->val[n->in[0]];
    return n->op == &ax_op_affine && x->kind == AX_VAL_INPUT ? x->name : n->name;
}

static int write_node(exporter *e, const ax_node *n)
{
    const char *layer = layer_of(e, n);
    if (!e->c.layer || strcmp(e->c.layer, layer) != 0) {
        e->c.layer = layer;
        e->c.titled = e->c.nodes = 0;
    }
    e->n = n;
    if (!e->name[n->out])
        e->name[n->out] = ax_compose_fresh(&e->c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == n->op)
            return rows[i].write(e) || e->c.failed ? -1 : 0;
    return ax_fail(e->c.err, AX_EUNSUPPORTED, "'%s': %s cannot be written as ONNX", n->name,
                   n->op->name);
}

static void write_port(exporter *e, ax_onnx_side side, const char *name, ax_val v)
{
    char number[AX_MAX_RANK][24];
    const char *dims[AX_MAX_RANK] = {"batch"};
    const ax_shape *s = shape_of(e, v);
    for (int i = 1; i < s->rank; i++) {
        snprintf(number[i], sizeof number[i], "%lld", (long long)s->dim[i]);
        dims[i] = number[i];
    }
    ax_onnx_put_value(&e->c.m, side, name, AX_ONNX_FLOAT, dims, s->rank);
}

/* An output is a value of that name; a layer that passes its input on gives none of its own. */
static int write_output(exporter *e, int i)
{
    ax_val v = e->net->outputs[i];
    const char *name = e->net->output_names[i];
    for (int k = 0; k < i; k++)
        if (!strcmp(e->net->output_names[k], name))
            return ax_fail(e->c.err, AX_EUNSUPPORTED,
                           "the output '%s' is there twice, which ONNX does not allow", name);
    for (int k = 0; k < e->net->n_inputs; k++)
        if (!strcmp(e->g->val[e->net->inputs[k]].name, name))
            return ax_fail(e->c.err, AX_EUNSUPPORTED,
                           "'%s' is an input and an output, which ONNX does not allow", name);
    if (strcmp(e->name[v], name) != 0)
        ax_compose_put(&e->c, "Identity", &e->name[v], 1, &name, 1);
    write_port(e, AX_ONNX_OUTPUT, name, v);
    return 0;
}

static void write_params(exporter *e)
{
    for (int i = 0; i < e->net->n_inits; i++) {
        const ax_value *v = &e->g->val[e->net->inits[i].param];
        ax_onnx_borrow_tensor(&e->c.m, v->name, AX_ONNX_FLOAT, v->desc.shape.dim,
                              v->desc.shape.rank, v->data,
                              (size_t)ax_shape_count(&v->desc.shape) * sizeof(float));
    }
}

static int write_graph(exporter *e)
{
    for (int i = 0; i < e->net->n_inputs && !e->part; i++)
        write_port(e, AX_ONNX_INPUT, e->g->val[e->net->inputs[i]].name, e->net->inputs[i]);
    write_params(e);
    for (int k = 0; k < e->g->n_node; k++)
        if (e->wanted[k] && write_node(e, &e->g->node[k]))
            return -1;
    for (int i = 0; i < e->net->n_outputs; i++)
        if (write_output(e, i))
            return -1;
    return e->c.failed ? -1 : 0;
}

/* The file for this opset, or with `part` a part of the graph that is open in it; *needs is the
 * opset that it should have been written for. */
static int write_once(const ax_net *n, ax_onnx_form form, int opset, ax_pb *out, ax_onnx *part,
                      int *needs, ax_err *err)
{
    ax_arena mem;
    ax_arena_init(&mem, 0);
    exporter e = {.c = {.mem = &mem, .err = err, .opset = opset, .needs = AX_ONNX_OLDEST},
                  .net = n,
                  .g = &n->graph,
                  .form = form,
                  .part = part != NULL,
                  .name = AX_ARRAY(&mem, const char *, n->graph.n_val),
                  .wanted = AX_ARRAY(&mem, uint8_t, n->graph.n_node)};
    int bad = -1;
    if (e.name && e.wanted) {
        mark(&e);
        name_values(&e);
        if (part)
            e.c.m = *part;
        else
            ax_onnx_begin(&e.c.m, out, opset, n->name, "");
        bad = write_graph(&e);
        if (part)
            *part = e.c.m;
        else
            ax_onnx_end(&e.c.m);
    } else {
        ax_fail(err, AX_ENOMEM, "no memory for an ONNX model");
    }
    *needs = e.c.needs;
    ax_arena_fini(&mem);
    return bad;
}

int ax_net_write_onnx(const ax_net *n, ax_onnx_form form, const ax_onnx_note *notes, int n_notes,
                      ax_pb *out, ax_err *err)
{
    int opset = AX_ONNX_OLDEST, needs;
    if (write_once(n, form, opset, out, NULL, &needs, err))
        return -1;
    if (needs > opset) {
        ax_pb_free(out);
        opset = needs;
        if (write_once(n, form, opset, out, NULL, &needs, err))
            return -1;
    }
    ax_onnx meta = {.to = out};
    for (int i = 0; i < n_notes; i++)
        if (notes[i].value)
            ax_onnx_put_meta(&meta, notes[i].key, notes[i].value);
    if (out->failed)
        return ax_fail(err, AX_ENOMEM, "no memory for an ONNX model");
    if (ax_pb_size(out) > INT32_MAX)
        return ax_fail(err, AX_ELIMIT, "the file would have %zu bytes; ONNX has room for 2 GiB",
                       ax_pb_size(out));
    return 0;
}

int ax_net_put_onnx(const ax_net *n, ax_onnx_form form, int opset, ax_onnx *m, int *needs,
                    ax_err *err)
{
    return write_once(n, form, opset, m->to, m, needs, err);
}
