/* onnx_ops_math.c - arithmetic with broadcasting; see onnx_op.h. */
#include <string.h>

#include "io/onnx_op.h"

/* Two float32 tensors of one shape add and multiply in the ops that fuse and keep layouts. */
static int pair(onnx_site *s, ax_binary_kind kind, ax_onnx_value *a, ax_onnx_value *b,
                ax_onnx_value *out)
{
    ax_onnx_value *in[] = {a, b};
    int same = ax_shape_equal(&a->desc.shape, &b->desc.shape) && a->desc.dtype == AX_F32;
    if (same && kind == AX_BINARY_ADD)
        return onnx_apply(s, &ax_op_add, &(ax_add_attr){0}, in, 2, out);
    if (same && kind == AX_BINARY_MUL)
        return onnx_apply(s, &ax_op_mul, NULL, in, 2, out);
    return onnx_apply(s, &ax_op_binary, &(ax_binary_attr){kind}, in, 2, out);
}

static int arithmetic(onnx_site *s)
{
    static const struct {
        const char *op;
        ax_binary_kind kind;
    } kinds[] = {{"Add", AX_BINARY_ADD},
                 {"Sub", AX_BINARY_SUB},
                 {"Mul", AX_BINARY_MUL},
                 {"Div", AX_BINARY_DIV}};
    int i = 0;
    while (strcmp(kinds[i].op, s->n->op) != 0)
        i++;
    return pair(s, kinds[i].kind, s->in[0], s->in[1], &s->out[0]);
}

static int sum(onnx_site *s)
{
    ax_onnx_value so_far = *s->in[0];
    for (int i = 1; i < s->n_in; i++) {
        ax_onnx_value *next = onnx_alloc(s, 1, sizeof *next);
        if (!next)
            return -1;
        next->name = "";
        if (pair(s, AX_BINARY_ADD, &so_far, s->in[i], next))
            return -1;
        so_far = *next;
    }
    s->out[0] = so_far;
    return 0;
}

// clang-format off
const onnx_row onnx_rows_math[] = {
    {"Add", 7, 2, 2, "", arithmetic, 0},
    {"Sub", 7, 2, 2, "", arithmetic, 0},
    {"Mul", 7, 2, 2, "", arithmetic, 0},
    {"Div", 7, 2, 2, "", arithmetic, 0},
    {"Sum", 6, 1, INT32_MAX, "", sum, 0},
    {0},
};
// clang-format on
