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

/* How an operator of two tensors is told: swap: of b and a; negate: what comes of it is turned. */
static const struct {
    const char *op;
    ax_binary_kind kind;
    int swap;
} kinds[] = {
    {"Add", AX_BINARY_ADD, 0},
    {"Sub", AX_BINARY_SUB, 0},
    {"Mul", AX_BINARY_MUL, 0},
    {"Div", AX_BINARY_DIV, 0},
    {"Equal", AX_BINARY_EQUAL, 0},
    {"Less", AX_BINARY_LESS, 0},
    {"LessOrEqual", AX_BINARY_LESS_EQUAL, 0},
    {"Greater", AX_BINARY_LESS, 1},
    {"GreaterOrEqual", AX_BINARY_LESS_EQUAL, 1},
    {"And", AX_BINARY_AND, 0},
    {"Or", AX_BINARY_OR, 0},
    {"Xor", AX_BINARY_XOR, 0},
    {"Min", AX_BINARY_MIN, 0},
    {"Max", AX_BINARY_MAX, 0},
    {"Sum", AX_BINARY_ADD, 0},
};

static int find_kind(const onnx_site *s)
{
    int i = 0;
    while (strcmp(kinds[i].op, s->n->op) != 0)
        i++;
    return i;
}

static int of_two(onnx_site *s)
{
    int i = find_kind(s), swap = kinds[i].swap;
    return pair(s, kinds[i].kind, s->in[swap], s->in[!swap], &s->out[0]);
}

static int mod(onnx_site *s)
{
    ax_dtype t = s->in[0]->desc.dtype;
    int64_t fmod = onnx_int_or(s, "fmod", 0);
    if (!fmod && (t == AX_F32 || t == AX_F64))
        return ax_fail(s->err, AX_EINVAL, "of floats only with fmod = 1");
    return pair(s, fmod ? AX_BINARY_FMOD : AX_BINARY_MOD, s->in[0], s->in[1], &s->out[0]);
}

static int unary(onnx_site *s)
{
    ax_unary_attr a = {ax_unary_find(s->n->op)};
    return onnx_apply(s, &ax_op_unary, &a, s->in, 1, &s->out[0]);
}

static int negated(onnx_site * s)
{
    ax_onnx_value yes = {.name = ""};
    if (onnx_constant(s, AX_BOOL, &(ax_shape){0}, &(uint8_t){1}, &yes))
        return -1;
    return pair(s, AX_BINARY_XOR, s->in[0], &yes, &s->out[0]);
}

/* Sum, Min, Max of any number of tensors, from left to right */
static int of_many(onnx_site *s)
{
    ax_binary_kind kind = kinds[find_kind(s)].kind;
    ax_onnx_value so_far = *s->in[0];
    for (int i = 1; i < s->n_in; i++) {
        ax_onnx_value *next = onnx_alloc(s, 1, sizeof *next);
        if (!next)
            return -1;
        next->name = "";
        if (pair(s, kind, &so_far, s->in[i], next))
            return -1;
        so_far = *next;
    }
    s->out[0] = so_far;
    return 0;
}

// clang-format off
const onnx_row onnx_rows_math[] = {
    {"Add", 7, 2, 2, "", of_two, 0},
    {"Sub", 7, 2, 2, "", of_two, 0},
    {"Mul", 7, 2, 2, "", of_two, 0},
    {"Div", 7, 2, 2, "", of_two, 0},
    {"Equal", 7, 2, 2, "", of_two, 0},
    {"Less", 7, 2, 2, "", of_two, 0},
    {"LessOrEqual", 12, 2, 2, "", of_two, 0},
    {"Greater", 7, 2, 2, "", of_two, 0},
    {"GreaterOrEqual", 12, 2, 2, "", of_two, 0},
    {"And", 7, 2, 2, "", of_two, 0},
    {"Or", 7, 2, 2, "", of_two, 0},
    {"Xor", 7, 2, 2, "", of_two, 0},
    {"Sum", 6, 1, INT32_MAX, "", of_many, 0},
    {"Min", 6, 1, INT32_MAX, "", of_many, 0},
    {"Max", 6, 1, INT32_MAX, "", of_many, 0},
    {"Mod", 10, 2, 2, "fmod", mod, 0},
    {"Not", 1, 1, 1, "", negated, 0},
    {"Abs", 6, 1, 1, "", unary, 0},
    {"Neg", 6, 1, 1, "", unary, 0},
    {"Sign", 9, 1, 1, "", unary, 0},
    {"Floor", 6, 1, 1, "", unary, 0},
    {"Ceil", 6, 1, 1, "", unary, 0},
    {"Round", 11, 1, 1, "", unary, 0},
    {"Reciprocal", 6, 1, 1, "", unary, 0},
    {"Sqrt", 6, 1, 1, "", unary, 0},
    {"Log", 6, 1, 1, "", unary, 0},
    {"Sin", 7, 1, 1, "", unary, 0},
    {"Cos", 7, 1, 1, "", unary, 0},
    {"Tan", 7, 1, 1, "", unary, 0},
    {"Sinh", 9, 1, 1, "", unary, 0},
    {"Cosh", 9, 1, 1, "", unary, 0},
    {"Asin", 7, 1, 1, "", unary, 0},
    {"Acos", 7, 1, 1, "", unary, 0},
    {"Atan", 7, 1, 1, "", unary, 0},
    {"Asinh", 9, 1, 1, "", unary, 0},
    {"Acosh", 9, 1, 1, "", unary, 0},
    {"Atanh", 9, 1, 1, "", unary, 0},
    {"IsNaN", 9, 1, 1, "", unary, 0},
    {0},
};
// clang-format on
