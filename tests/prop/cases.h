/* cases.h - the one table of operators at work, mostly at odd sizes; a row adds a case, and the
 * tests of values, gradients, instruction sets, threads and batches follow.
 *
 * A row: the operator, what is special about the case, its attributes, its inputs. An activation, a
 * loss or a function inside the attributes is given by name; an activation with parameters as JSON. */
#ifndef CASES_H
#define CASES_H

#include "ops/ops.h"

enum { ARGS = 8 };

/* X: an input with the batch in front; T: the same, but nothing is differentiated by it;
 * W: weights; C: constants */
typedef enum kind { ABSENT, X, T, W, C } kind;
typedef enum fill { SIGNED, SPREAD, WIDE, POSITIVE, SIMPLEX, BINARY, SIGNS, CLASSES, STEP, BOOLS, PLACES } fill;

typedef struct arg {
    kind kind;
    fill fill;
    ax_shape shape;
} arg;

typedef struct test_case {
    const ax_op *op;
    const char *what;
    const void *attr;
    arg in[ARGS];
    const char *act, *loss; /* names put into attr */
    int mixes;              /* a row of the result depends on the other rows */
} test_case;

// clang-format off
#define DIMS(...) {(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}}
#define A(kind, fill, ...) {kind, fill, DIMS(__VA_ARGS__)}
#define CASE(o, w, ...) .op = &ax_op_##o, .what = w, .attr = __VA_ARGS__
#define CONV(...) &(ax_conv2d_attr){__VA_ARGS__}
#define PLAIN_CONV CONV({1, 1}, {1, 1}, {0, 0, 0, 0}, 1, {0})
#define NO_ACT &(ax_fused_attr){{0}}
#define NO_ADD_ACT &(ax_add_attr){{0}}
#define POOL(...) &(ax_pool2d_attr){__VA_ARGS__}
#define LOSS(param) &(ax_loss_attr){NULL, param}
#define NORM(epsilon, axis) &(ax_norm_attr){epsilon, axis, 0}
#define RECURRENT(...) &(ax_recurrent_attr){__VA_ARGS__}

static const test_case cases[] = {
    {CASE(dense, "1x1x1", NO_ACT), .in = {A(X, SIGNED, 1, 1), A(W, SIGNED, 1, 1), A(W, SIGNED, 1)}},
    {CASE(dense, "5x17 to 33", NO_ACT), .in = {A(X, SIGNED, 5, 17), A(W, SIGNED, 33, 17), A(W, SIGNED, 33)}},
    {CASE(dense, "2x128 to 65", NO_ACT), .in = {A(X, SIGNED, 2, 128), A(W, SIGNED, 65, 128), A(W, SIGNED, 65)}},
    {CASE(dense, "15 to 16, no bias", NO_ACT), .in = {A(X, SIGNED, 3, 15), A(W, SIGNED, 16, 15)}},
    {CASE(dense, "on a sequence", NO_ACT), .in = {A(X, SIGNED, 2, 7, 5), A(W, SIGNED, 3, 5), A(W, SIGNED, 3)}},
    {CASE(dense, "40 rows to 1", NO_ACT), .in = {A(X, SIGNED, 40, 33), A(W, SIGNED, 1, 33), A(W, SIGNED, 1)}},
    {CASE(dense, "fused relu", NO_ACT), .in = {A(X, SIGNED, 5, 17), A(W, SIGNED, 33, 17), A(W, SIGNED, 33)}, .act = "relu"},
    {CASE(dense, "fused residual, scale, elu", NO_ACT), .in = {A(X, SIGNED, 5, 17), A(W, SIGNED, 33, 17), A(W, SIGNED, 33), A(T, SIGNED, 5, 33), A(C, POSITIVE, 33)}, .act = "elu"},
    {CASE(dense, "of large weights", NO_ACT), .in = {A(X, SIGNED, 2, 4099), A(W, SIGNED, 1027, 4099), A(W, SIGNED, 1027), A(T, SIGNED, 2, 1027), A(C, POSITIVE, 1027)}, .act = "elu"},

    {CASE(conv2d, "1x1 map", PLAIN_CONV), .in = {A(X, SIGNED, 1, 1, 1, 1), A(W, SIGNED, 1, 1, 1, 1), A(W, SIGNED, 1)}},
    {CASE(conv2d, "3x3 same, 1 to 16", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 2, 1, 13, 13), A(W, SIGNED, 16, 1, 3, 3), A(W, SIGNED, 16)}},
    {CASE(conv2d, "3x3 same, 3 to 17", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 5, 3, 5, 7), A(W, SIGNED, 17, 3, 3, 3), A(W, SIGNED, 17)}},
    {CASE(conv2d, "3x3 same, 17 to 33", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 2, 17, 7, 7), A(W, SIGNED, 33, 17, 3, 3), A(W, SIGNED, 33)}},
    {CASE(conv2d, "3x3 same, 33 to 15 on 13x13", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 1, 33, 13, 13), A(W, SIGNED, 15, 33, 3, 3), A(W, SIGNED, 15)}},
    {CASE(conv2d, "3x3 valid, no bias", PLAIN_CONV), .in = {A(X, SIGNED, 2, 16, 7, 7), A(W, SIGNED, 16, 16, 3, 3)}},
    {CASE(conv2d, "1x1, 16 to 33", PLAIN_CONV), .in = {A(X, SIGNED, 2, 16, 7, 7), A(W, SIGNED, 33, 16, 1, 1), A(W, SIGNED, 33)}},
    {CASE(conv2d, "stride 2", CONV({2, 2}, {1, 1}, {0, 0, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 2, 15, 7, 7), A(W, SIGNED, 16, 15, 3, 3), A(W, SIGNED, 16)}},
    {CASE(conv2d, "stride 3x2, kernel 2x5", CONV({3, 2}, {1, 1}, {0, 3, 1, 2}, 1, {0})), .in = {A(X, SIGNED, 2, 3, 13, 13), A(W, SIGNED, 17, 3, 2, 5), A(W, SIGNED, 17)}},
    {CASE(conv2d, "stride beyond the kernel", CONV({3, 3}, {1, 1}, {0, 0, 0, 0}, 1, {0})), .in = {A(X, SIGNED, 2, 17, 7, 7), A(W, SIGNED, 3, 17, 1, 1), A(W, SIGNED, 3)}},
    {CASE(conv2d, "dilation 2x3", CONV({1, 1}, {2, 3}, {2, 3, 2, 3}, 1, {0})), .in = {A(X, SIGNED, 2, 16, 7, 7), A(W, SIGNED, 15, 16, 3, 3), A(W, SIGNED, 15)}},
    {CASE(conv2d, "stride 2, dilation 2, lopsided padding", CONV({2, 2}, {2, 2}, {3, 0, 1, 2}, 1, {0})), .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, SIGNED, 17, 3, 3, 2), A(W, SIGNED, 17)}},
    {CASE(conv2d, "height 1", CONV({1, 2}, {1, 1}, {0, 2, 0, 2}, 1, {0})), .in = {A(X, SIGNED, 2, 5, 1, 31), A(W, SIGNED, 17, 5, 1, 5), A(W, SIGNED, 17)}},
    {CASE(conv2d, "padding wider than the map", CONV({1, 1}, {1, 1}, {4, 4, 4, 4}, 1, {0})), .in = {A(X, SIGNED, 2, 3, 1, 1), A(W, SIGNED, 3, 3, 5, 5), A(W, SIGNED, 3)}},
    {CASE(conv2d, "kernel as large as the map", PLAIN_CONV), .in = {A(X, SIGNED, 5, 17, 5, 7), A(W, SIGNED, 33, 17, 5, 7), A(W, SIGNED, 33)}},
    {CASE(conv2d, "groups of 2", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 3, {0})), .in = {A(X, SIGNED, 2, 6, 5, 7), A(W, SIGNED, 9, 2, 3, 3), A(W, SIGNED, 9)}},
    {CASE(conv2d, "groups of 16, stride 2", CONV({2, 2}, {1, 1}, {1, 1, 1, 1}, 2, {0})), .in = {A(X, SIGNED, 2, 32, 7, 7), A(W, SIGNED, 32, 16, 3, 3)}},
    {CASE(conv2d, "depthwise 17", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 17, {0})), .in = {A(X, SIGNED, 2, 17, 7, 7), A(W, SIGNED, 17, 1, 3, 3), A(W, SIGNED, 17)}},
    {CASE(conv2d, "depthwise 16, stride 2", CONV({2, 2}, {1, 1}, {0, 0, 1, 1}, 16, {0})), .in = {A(X, SIGNED, 5, 16, 13, 13), A(W, SIGNED, 16, 1, 3, 3), A(W, SIGNED, 16)}},
    {CASE(conv2d, "depthwise, two filters each, dilated", CONV({1, 1}, {2, 2}, {2, 2, 2, 2}, 15, {0})), .in = {A(X, SIGNED, 2, 15, 5, 7), A(W, SIGNED, 30, 1, 3, 3), A(W, SIGNED, 30)}},
    {CASE(conv2d, "fused relu", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 2, 3, 7, 7), A(W, SIGNED, 17, 3, 3, 3), A(W, SIGNED, 17)}, .act = "relu"},
    {CASE(conv2d, "fused residual, scale, tanh", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 1, {0})), .in = {A(X, SIGNED, 2, 16, 5, 7), A(W, SIGNED, 17, 16, 3, 3), A(W, SIGNED, 17), A(T, SIGNED, 2, 17, 5, 7), A(C, SIGNED, 17)}, .act = "tanh"},
    {CASE(conv2d, "fused, groups", CONV({2, 2}, {1, 1}, {1, 1, 1, 1}, 3, {0})), .in = {A(X, SIGNED, 2, 6, 5, 7), A(W, SIGNED, 9, 2, 3, 3), A(W, SIGNED, 9), A(T, SIGNED, 2, 9, 3, 4), A(C, SIGNED, 9)}, .act = "relu"},
    {CASE(conv2d, "fused, depthwise, no bias", CONV({1, 1}, {1, 1}, {1, 1, 1, 1}, 17, {0})), .in = {A(X, SIGNED, 2, 17, 7, 7), A(W, SIGNED, 17, 1, 3, 3), {0}, {0}, A(C, SIGNED, 17)}, .act = "elu"},

    {CASE(pool2d, "max 2x2", POOL(1, 0, {2, 2}, {2, 2}, {0}, 0)), .in = {A(X, SPREAD, 2, 17, 7, 7)}},
    {CASE(pool2d, "max 3x3 stride 2, padded", POOL(1, 0, {3, 3}, {2, 2}, {1, 1, 1, 1}, 0)), .in = {A(X, SPREAD, 2, 3, 5, 7)}},
    {CASE(pool2d, "max 3x2 overlapping, lopsided", POOL(1, 0, {3, 2}, {1, 1}, {2, 0, 0, 1}, 0)), .in = {A(X, SPREAD, 5, 16, 5, 7)}},
    {CASE(pool2d, "max of a 1x1 map", POOL(1, 0, {1, 1}, {1, 1}, {0}, 0)), .in = {A(X, SPREAD, 1, 1, 1, 1)}},
    {CASE(pool2d, "max of the whole map", POOL(1, 1, {0}, {0}, {0}, 0)), .in = {A(X, SPREAD, 2, 33, 5, 7)}},
    {CASE(pool2d, "average 2x2", POOL(0, 0, {2, 2}, {2, 2}, {0}, 0)), .in = {A(X, SIGNED, 2, 17, 7, 7)}},
    {CASE(pool2d, "average 3x3 padded", POOL(0, 0, {3, 3}, {2, 2}, {1, 1, 1, 1}, 0)), .in = {A(X, SIGNED, 2, 3, 5, 7)}},
    {CASE(pool2d, "average 3x3, padding counted", POOL(0, 0, {3, 3}, {2, 1}, {1, 2, 1, 0}, 1)), .in = {A(X, SIGNED, 5, 15, 5, 7)}},
    {CASE(pool2d, "average of the whole map", POOL(0, 1, {0}, {0}, {0}, 0)), .in = {A(X, SIGNED, 5, 17, 7, 7)}},
    {CASE(pool2d, "average of a 1x1 map", POOL(0, 1, {0}, {0}, {0}, 0)), .in = {A(X, SIGNED, 2, 33, 1, 1)}},

    {CASE(binary, "a number for all", &(ax_binary_attr){AX_BINARY_ADD}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, SIGNED, 1)}},
    {CASE(binary, "a row to each", &(ax_binary_attr){AX_BINARY_SUB}), .in = {A(X, SIGNED, 5, 3, 17), A(W, SIGNED, 17)}},
    {CASE(binary, "a number per channel", &(ax_binary_attr){AX_BINARY_MUL}), .in = {A(X, SIGNED, 2, 17, 5, 7), A(W, SIGNED, 17, 1, 1)}},
    {CASE(binary, "the smaller first", &(ax_binary_attr){AX_BINARY_DIV}), .in = {A(X, SIGNED, 5, 3, 1), A(X, POSITIVE, 5, 3, 7)}},
    {CASE(binary, "each repeats in an axis", &(ax_binary_attr){AX_BINARY_SUB}), .in = {A(X, SIGNED, 5, 1, 7), A(X, SIGNED, 5, 3, 1)}},
    {CASE(binary, "one shape", &(ax_binary_attr){AX_BINARY_DIV}), .in = {A(X, SIGNED, 5, 33), A(X, POSITIVE, 5, 33)}},
    {CASE(binary, "the smaller of each", &(ax_binary_attr){AX_BINARY_MIN}), .in = {A(X, SIGNED, 5, 3, 7), A(W, SIGNED, 3, 1)}},
    {CASE(binary, "the larger of each", &(ax_binary_attr){AX_BINARY_MAX}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(X, SIGNED, 2, 1, 5, 7)}},
    {CASE(binary, "powers", &(ax_binary_attr){AX_BINARY_POW}), .in = {A(X, POSITIVE, 5, 33), A(W, WIDE, 33)}},
    {CASE(binary, "remainders", &(ax_binary_attr){AX_BINARY_FMOD}), .in = {A(X, WIDE, 5, 17), A(W, POSITIVE, 17)}},
    {CASE(reduce, "sum of the last axis", &(ax_reduce_attr){AX_REDUCE_SUM, 1 << 2, 0, 0}), .in = {A(X, SIGNED, 5, 3, 17)}},
    {CASE(reduce, "mean of two axes that are kept", &(ax_reduce_attr){AX_REDUCE_MEAN, 1 << 1 | 1 << 3, 1, 0}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(reduce, "largest over channels", &(ax_reduce_attr){AX_REDUCE_MAX, 1 << 1, 0, 0}), .in = {A(X, SIGNED, 5, 17, 3, 3)}},
    {CASE(reduce, "norm over the batch", &(ax_reduce_attr){AX_REDUCE_L2, 1 << 0, 1, 0}), .in = {A(X, SIGNED, 5, 33)}, .mixes = 1},
    {CASE(reduce, "product", &(ax_reduce_attr){AX_REDUCE_PROD, 1 << 1, 0, 0}), .in = {A(X, WIDE, 5, 7, 3)}},
    {CASE(reduce, "smallest", &(ax_reduce_attr){AX_REDUCE_MIN, 1 << 1 | 1 << 2, 1, 0}), .in = {A(X, SIGNED, 5, 7, 3)}},
    {CASE(reduce, "absolute", &(ax_reduce_attr){AX_REDUCE_L1, 1 << 2, 0, 0}), .in = {A(X, SPREAD, 5, 3, 7)}},
    {CASE(reduce, "logarithm of the sum", &(ax_reduce_attr){AX_REDUCE_LOG_SUM, 1 << 1, 0, 0}), .in = {A(X, POSITIVE, 5, 17)}},
    {CASE(reduce, "logarithm of the sum of powers", &(ax_reduce_attr){AX_REDUCE_LOG_SUM_EXP, 1 << 1, 0, 0}), .in = {A(X, WIDE, 5, 17, 3)}},
    {CASE(reduce, "squares", &(ax_reduce_attr){AX_REDUCE_SUM_SQUARE, 1 << 1 | 1 << 2, 0, 0}), .in = {A(X, SIGNED, 5, 17, 3)}},
    {CASE(expand_like, "rows", NULL), .in = {A(W, SIGNED, 17), A(T, SIGNED, 5, 17)}, .mixes = 1},
    {CASE(expand_like, "axes between", NULL), .in = {A(X, SIGNED, 2, 1, 5, 1), A(T, SIGNED, 2, 3, 5, 7)}},
    {CASE(sum_like, "rows", NULL), .in = {A(X, SIGNED, 5, 17), A(T, SIGNED, 17)}, .mixes = 1},
    {CASE(sum_like, "axes between", NULL), .in = {A(X, SIGNED, 2, 3, 5, 7), A(T, SIGNED, 2, 1, 5, 1)}},
    {CASE(matmul, "one by one", NULL), .in = {A(X, SIGNED, 2, 5, 17), A(X, SIGNED, 2, 17, 33)}},
    {CASE(matmul, "one for all", NULL), .in = {A(X, SIGNED, 5, 3, 7, 5), A(W, SIGNED, 5, 16)}},
    {CASE(matmul, "heads", NULL), .in = {A(X, SIGNED, 2, 3, 7, 5), A(X, SIGNED, 2, 1, 5, 7)}},
    {CASE(gather, "rows of an embedding", &(ax_axis_attr){0}), .in = {A(W, SIGNED, 33, 17), A(T, CLASSES, 5)}, .mixes = 1},
    {CASE(gather, "columns", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 5, 7, 3), A(T, CLASSES, 2, 3)}, .mixes = 1},
    {CASE(gather_elements, "of each row", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 5, 7), A(T, CLASSES, 5, 13)}},
    {CASE(gather_elements, "in the middle", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 2, 7, 5), A(T, CLASSES, 2, 4, 3)}},
    {CASE(gather_nd, "pairs", &(ax_gather_nd_attr){0}), .in = {A(W, SIGNED, 7, 7, 3), A(T, CLASSES, 5, 2)}, .mixes = 1},
    {CASE(gather_nd, "by sample", &(ax_gather_nd_attr){1}), .in = {A(X, SIGNED, 5, 7, 3), A(T, CLASSES, 5, 4, 1)}},
    {CASE(scatter, "one of each row", &(ax_scatter_attr){1, AX_SCATTER_PUT}), .in = {A(X, SIGNED, 5, 7), A(T, CLASSES, 5, 1), A(X, SIGNED, 5, 1)}},
    {CASE(scatter, "added", &(ax_scatter_attr){1, AX_SCATTER_ADD}), .in = {A(X, SIGNED, 5, 7, 3), A(T, CLASSES, 5, 9, 2), A(X, SIGNED, 5, 9, 2)}},
    {CASE(scatter, "the larger", &(ax_scatter_attr){1, AX_SCATTER_MAX}), .in = {A(T, SIGNED, 5, 7), A(T, CLASSES, 5, 9), A(T, SIGNED, 5, 9)}},
    {CASE(scatter, "the smaller", &(ax_scatter_attr){1, AX_SCATTER_MIN}), .in = {A(T, SIGNED, 5, 7), A(T, CLASSES, 5, 9), A(T, SIGNED, 5, 9)}},
    {CASE(scatter, "multiplied", &(ax_scatter_attr){1, AX_SCATTER_MUL}), .in = {A(T, SIGNED, 5, 7), A(T, CLASSES, 5, 9), A(T, SIGNED, 5, 9)}},
    {CASE(scatter_nd, "rows added", &(ax_scatter_attr){0, AX_SCATTER_ADD}), .in = {A(W, SIGNED, 7, 7, 3), A(T, CLASSES, 5, 2), A(X, SIGNED, 5, 3)}, .mixes = 1},
    {CASE(scatter_nd, "one of each sample", &(ax_scatter_attr){1, AX_SCATTER_PUT}), .in = {A(X, SIGNED, 5, 7, 3), A(T, CLASSES, 5, 1, 1), A(X, SIGNED, 5, 1, 3)}},
    {CASE(topk, "of each row", &(ax_topk_attr){1, 1, 4}), .in = {A(X, SPREAD, 5, 33)}},
    {CASE(topk, "the smallest of columns", &(ax_topk_attr){1, 0, 7}), .in = {A(X, SPREAD, 2, 7, 5)}},
    {CASE(reverse, "lines of their own lengths", &(ax_reverse_attr){1, 0}), .in = {A(X, SIGNED, 5, 7, 3), A(T, CLASSES, 5)}},
    {CASE(reverse, "time first", &(ax_reverse_attr){0, 1}), .in = {A(X, SIGNED, 7, 5, 3), A(T, CLASSES, 5)}, .mixes = 1},
    {CASE(quantize, "to int8", &(ax_quantize_attr){AX_I8}), .in = {A(T, WIDE, 5, 33), A(T, POSITIVE, 5, 33)}},
    {CASE(quantize, "to uint16", &(ax_quantize_attr){AX_U16}), .in = {A(T, WIDE, 5, 33), A(T, POSITIVE, 5, 33)}},
    {CASE(conv_whole, "3 axes", &(ax_conv_whole_attr){{1, 2, 1}, {1, 1, 2}, {0, 1, 1}, {0, 0, 2}, 1}), .in = {A(T, CLASSES, 2, 3, 3, 5, 7), A(T, CLASSES, 5, 3, 2, 3, 2)}, .mixes = 1},
    {CASE(conv_whole, "groups", &(ax_conv_whole_attr){{2}, {1}, {1}, {1}, 2}), .in = {A(T, CLASSES, 2, 6, 7), A(T, CLASSES, 4, 3, 3)}, .mixes = 1},
    {CASE(strided, "every second, backwards", &(ax_strided_attr){DIMS(2, 3, 4), 6, {21, 7, -2}}), .in = {A(W, SIGNED, 2, 3, 7)}, .mixes = 1},
    {CASE(strided, "repeated", &(ax_strided_attr){DIMS(5, 3, 7), 0, {0, 1, 0}}), .in = {A(W, SIGNED, 3, 1)}, .mixes = 1},
    {CASE(cast, "a copy", &(ax_cast_attr){AX_F32, AX_FULL}), .in = {A(X, SIGNED, 5, 33)}},
    {CASE(unary, "Abs", &(ax_unary_attr){NULL}), .in = {A(X, SPREAD, 5, 17)}, .act = "Abs"},
    {CASE(unary, "Neg", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 17)}, .act = "Neg"},
    {CASE(unary, "Reciprocal", &(ax_unary_attr){NULL}), .in = {A(X, POSITIVE, 5, 17)}, .act = "Reciprocal"},
    {CASE(unary, "Sqrt", &(ax_unary_attr){NULL}), .in = {A(X, POSITIVE, 5, 17)}, .act = "Sqrt"},
    {CASE(unary, "Sin", &(ax_unary_attr){NULL}), .in = {A(X, WIDE, 5, 17)}, .act = "Sin"},
    {CASE(unary, "Cos", &(ax_unary_attr){NULL}), .in = {A(X, WIDE, 5, 17)}, .act = "Cos"},
    {CASE(unary, "Tan", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 17)}, .act = "Tan"},
    {CASE(unary, "Sinh", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 17)}, .act = "Sinh"},
    {CASE(unary, "Cosh", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 17)}, .act = "Cosh"},
    {CASE(unary, "Asin", &(ax_unary_attr){NULL}), .in = {A(X, SIMPLEX, 5, 17)}, .act = "Asin"},
    {CASE(unary, "Acos", &(ax_unary_attr){NULL}), .in = {A(X, SIMPLEX, 5, 17)}, .act = "Acos"},
    {CASE(unary, "Atan", &(ax_unary_attr){NULL}), .in = {A(X, WIDE, 5, 17)}, .act = "Atan"},
    {CASE(unary, "Asinh", &(ax_unary_attr){NULL}), .in = {A(X, WIDE, 5, 17)}, .act = "Asinh"},
    {CASE(unary, "Atanh", &(ax_unary_attr){NULL}), .in = {A(X, SIMPLEX, 5, 17)}, .act = "Atanh"},
    {CASE(unary, "Floor", &(ax_unary_attr){NULL}), .in = {A(T, WIDE, 5, 33)}, .act = "Floor"},
    {CASE(unary, "Sign", &(ax_unary_attr){NULL}), .in = {A(T, SIGNED, 2, 17, 5, 7)}, .act = "Sign"},
    {CASE(unary, "Log", &(ax_unary_attr){NULL}), .in = {A(X, POSITIVE, 5, 33)}, .act = "Log"},
    {CASE(unary, "Exp", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 33)}, .act = "Exp"},
    {CASE(unary, "Tanh", &(ax_unary_attr){NULL}), .in = {A(X, SIGNED, 5, 33)}, .act = "Tanh"},
    {CASE(where, "vectors", NULL), .in = {A(T, BOOLS, 5, 33), A(X, SIGNED, 5, 33), A(X, SIGNED, 5, 33)}},
    {CASE(cumsum, "exclusive, from the end", &(ax_cumsum_attr){2, 1, 1}), .in = {A(X, SIGNED, 5, 3, 17)}},
    {CASE(cumsum, "down the columns", &(ax_cumsum_attr){1, 0, 0}), .in = {A(X, SIGNED, 2, 7, 5)}},
    {CASE(pad, "a number around", &(ax_pad_attr){AX_PAD_CONSTANT, {0, 1, 2}, {0, 0, 3}, {0, 0, 0x80, 0x3f}}), .in = {A(X, SIGNED, 5, 3, 7)}},
    {CASE(pad, "mirrored", &(ax_pad_attr){AX_PAD_REFLECT, {0, 0, 3, 1}, {0, 0, 4, 6}, {0}}), .in = {A(X, SIGNED, 2, 3, 5, 7)}},
    {CASE(pad, "edges, and a crop", &(ax_pad_attr){AX_PAD_EDGE, {0, -1, 3}, {0, 2, -2}, {0}}), .in = {A(X, SIGNED, 5, 3, 7)}},
    {CASE(pad, "around", &(ax_pad_attr){AX_PAD_WRAP, {0, 4}, {0, 9}, {0}}), .in = {A(X, SIGNED, 5, 7)}},
    {CASE(pool, "max over a volume", &(ax_pool_attr){AX_POOL_MAX, 0, 0, 0, 0, {2, 3, 2}, {1, 2, 2}, {1, 1, 1}, {1, 0, 0}, {0, 1, 1}}), .in = {A(X, SPREAD, 2, 3, 4, 5, 7)}},
    {CASE(pool, "max of dilated windows, rounded up", &(ax_pool_attr){AX_POOL_MAX, 1, 0, 0, 0, {2, 3}, {2, 3}, {3, 2}, {1, 4}, {1, 3}}), .in = {A(X, SPREAD, 5, 3, 5, 7)}},
    {CASE(pool, "average along a line, rounded up, padding counted", &(ax_pool_attr){AX_POOL_AVERAGE, 1, 1, 0, 0, {4}, {3}, {1}, {2}, {1}}), .in = {A(X, SIGNED, 2, 17, 13)}},
    {CASE(pool, "average of dilated windows", &(ax_pool_attr){AX_POOL_AVERAGE, 0, 0, 0, 0, {2, 2, 3}, {1, 1, 2}, {2, 1, 2}, {0, 1, 2}, {1, 0, 2}}), .in = {A(X, SIGNED, 2, 3, 4, 3, 5)}},
    {CASE(pool, "cubes", &(ax_pool_attr){AX_POOL_LP, 0, 0, 0, 3, {2, 3}, {2, 1}, {1, 1}, {0, 1}, {1, 1}}), .in = {A(X, SPREAD, 2, 3, 5, 7)}},
    {CASE(pool, "squares", &(ax_pool_attr){AX_POOL_LP, 0, 0, 0, 2, {3}, {2}, {1}, {0}, {0}}), .in = {A(X, SIGNED, 5, 1, 13)}},
    {CASE(pool, "sums of sizes", &(ax_pool_attr){AX_POOL_LP, 1, 0, 0, 1, {3, 3}, {2, 2}, {1, 2}, {1, 1}, {1, 1}}), .in = {A(X, SPREAD, 2, 3, 5, 7)}},
    {CASE(max_places, "of a volume", &(ax_pool_attr){AX_POOL_MAX, 0, 0, 0, 0, {2, 3, 2}, {1, 2, 2}, {1, 1, 1}, {1, 0, 0}, {0, 1, 1}}), .in = {A(T, SPREAD, 2, 3, 4, 5, 7)}, .mixes = 1},
    {CASE(max_places, "by columns", &(ax_pool_attr){AX_POOL_MAX, 1, 0, 1, 0, {2, 3}, {2, 3}, {1, 1}, {1, 2}, {1, 2}}), .in = {A(T, SPREAD, 2, 3, 5, 7)}, .mixes = 1},
    {CASE(put, "among as many zeros", &(ax_put_attr){DIMS(2, 3, 14, 5)}), .in = {A(X, SIGNED, 2, 3, 7, 5), A(T, PLACES, 2, 3, 7, 5)}, .mixes = 1},
    {CASE(conv2d_dx, "a layer that enlarges", &(ax_conv2d_grad_attr){{{2, 3}, {1, 2}, {1, 0, 0, 1}, 1, {0}}, 17, 10, 16, {3, 2}}), .in = {A(X, SIGNED, 2, 3, 5, 5), A(W, SIGNED, 3, 17, 3, 2)}},
    {CASE(conv2d_dx, "16 to 33, frozen too", &(ax_conv2d_grad_attr){{{2, 2}, {1, 1}, {1, 1, 1, 1}, 1, {0}}, 33, 10, 13, {4, 3}}), .in = {A(X, SIGNED, 2, 16, 5, 7), A(W, SIGNED, 16, 33, 4, 3)}},
    {CASE(conv2d_dx, "groups", &(ax_conv2d_grad_attr){{{2, 2}, {1, 1}, {0, 0, 0, 0}, 3, {0}}, 6, 11, 15, {3, 3}}), .in = {A(X, SIGNED, 2, 9, 5, 7), A(W, SIGNED, 9, 2, 3, 3)}},
    {CASE(conv2d_dw, "as a layer of its own", &(ax_conv2d_grad_attr){{{1, 2}, {1, 1}, {1, 1, 1, 1}, 1, {0}}, 3, 5, 7, {3, 3}}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(X, SIGNED, 2, 17, 5, 4)}, .mixes = 1},
    {CASE(strided_sum, "windows that overlap", &(ax_strided_sum_attr){{DIMS(2, 3, 4, 3), 1, {28, 9, 2, 1}}, DIMS(2, 28)}), .in = {A(X, SIGNED, 2, 3, 4, 3)}, .mixes = 1},
    {CASE(strided_sum, "backwards", &(ax_strided_sum_attr){{DIMS(5, 7), 6, {7, -1}}, DIMS(5, 7)}), .in = {A(X, SIGNED, 5, 7)}, .mixes = 1},
    {CASE(resample, "rows", &(ax_resample_attr){.axis = 2}), .in = {A(X, SIGNED, 2, 17, 5, 7), A(T, CLASSES, 9, 4), A(C, SIGNED, 9, 4)}, .mixes = 1},
    {CASE(resample, "columns", &(ax_resample_attr){.axis = 3}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(T, CLASSES, 3, 2), A(C, SIGNED, 3, 2)}, .mixes = 1},
    {CASE(resample, "a long inside", &(ax_resample_attr){.axis = 1}), .in = {A(X, SIGNED, 2, 3, 333), A(T, CLASSES, 5, 3), A(C, SIGNED, 5, 3)}, .mixes = 1},
    {CASE(group_norm, "three of two channels", &(ax_group_norm_attr){1e-3, 3}), .in = {A(X, SIGNED, 2, 6, 5, 7), A(W, SIGNED, 6), A(W, SIGNED, 6)}},
    {CASE(group_norm, "each channel", &(ax_group_norm_attr){1e-5, 17}), .in = {A(X, SIGNED, 2, 17, 13), A(W, SIGNED, 17), A(W, SIGNED, 17)}},
    {CASE(group_norm, "all of a sample", &(ax_group_norm_attr){1e-5, 1}), .in = {A(X, SIGNED, 5, 3, 2, 3, 5), A(W, SIGNED, 3), A(W, SIGNED, 3)}},
    {CASE(row_stats, "rows", NORM(1e-3, 0)), .in = {A(T, SIGNED, 5, 33)}},
    {CASE(grid_sample, "linear among zeros", &(ax_grid_sample_attr){AX_GRID_LINEAR, AX_GRID_ZEROS, 0}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(X, WIDE, 2, 4, 3, 2)}},
    {CASE(grid_sample, "cubic, mirrored", &(ax_grid_sample_attr){AX_GRID_CUBIC, AX_GRID_REFLECT, 1}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(X, WIDE, 2, 4, 3, 2)}},
    {CASE(grid_sample, "linear, edges repeated, a volume", &(ax_grid_sample_attr){AX_GRID_LINEAR, AX_GRID_BORDER, 1}), .in = {A(X, SIGNED, 2, 3, 2, 3, 4), A(X, SIGNED, 2, 2, 3, 2, 3)}},
    {CASE(grid_sample, "cubic beyond the border", &(ax_grid_sample_attr){AX_GRID_CUBIC, AX_GRID_BORDER, 0}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(X, WIDE, 2, 4, 3, 2)}},
    {CASE(grid_sample, "nearest of a line", &(ax_grid_sample_attr){AX_GRID_NEAREST, AX_GRID_REFLECT, 0}), .in = {A(X, SIGNED, 5, 3, 7), A(X, WIDE, 5, 9, 1)}},
    {CASE(lrn, "size 5", &(ax_lrn_attr){5, 1, 0.75, 1}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(lrn, "size 4, another power", &(ax_lrn_attr){4, 2, 0.6, 2}), .in = {A(X, SIGNED, 5, 3, 13, 31)}},
    {CASE(lrn, "wider than the channels", &(ax_lrn_attr){9, 3, 0.5, 1}), .in = {A(X, SIGNED, 2, 3, 1, 1)}},
    {CASE(rnn, "forward", RECURRENT(AX_CELL_RNN, 1, .batch_first = 1)), .in = {A(X, SIGNED, 3, 5, 7), A(W, SIGNED, 1, 9, 7), A(W, SIGNED, 1, 9, 9), A(W, SIGNED, 1, 18)}},
    {CASE(rnn, "both ways, own lengths, relu", RECURRENT(AX_CELL_RNN, 2, .batch_first = 1)), .act = "relu",
     .in = {A(X, SPREAD, 5, 4, 3), A(W, SIGNED, 2, 5, 3), A(W, SIGNED, 2, 5, 5), A(W, SIGNED, 2, 10), A(T, CLASSES, 5), A(X, SIGNED, 5, 2, 5)}},
    {CASE(rnn, "time first, clipped", RECURRENT(AX_CELL_RNN, 1, .reverse = 1, .clip = 0.4f)), .mixes = 1,
     .in = {A(X, SIGNED, 4, 3, 3), A(W, SIGNED, 1, 5, 3), A(W, SIGNED, 1, 5, 5)}},
    {CASE(gru, "forward", RECURRENT(AX_CELL_GRU, 1, .batch_first = 1)), .in = {A(X, SIGNED, 3, 5, 7), A(W, SIGNED, 1, 51, 7), A(W, SIGNED, 1, 51, 17), A(W, SIGNED, 1, 102)}},
    {CASE(gru, "both ways, own lengths", RECURRENT(AX_CELL_GRU, 2, .batch_first = 1)),
     .in = {A(X, SIGNED, 5, 4, 3), A(W, SIGNED, 2, 15, 3), A(W, SIGNED, 2, 15, 5), A(W, SIGNED, 2, 30), A(T, CLASSES, 5), A(X, SIGNED, 5, 2, 5)}},
    {CASE(gru, "linear before reset", RECURRENT(AX_CELL_GRU, 1, .batch_first = 1, .linear_before_reset = 1)), .in = {A(X, SIGNED, 3, 5, 7), A(W, SIGNED, 1, 51, 7), A(W, SIGNED, 1, 51, 17), A(W, SIGNED, 1, 102)}},
    {CASE(gru, "linear before reset, both ways, time first", RECURRENT(AX_CELL_GRU, 2, .linear_before_reset = 1, .clip = 0.5f)), .mixes = 1,
     .in = {A(X, SIGNED, 3, 4, 3), A(W, SIGNED, 2, 15, 3), A(W, SIGNED, 2, 15, 5), A(W, SIGNED, 2, 30), {0}, A(W, SIGNED, 2, 4, 5)}},
    {CASE(lstm, "forward", RECURRENT(AX_CELL_LSTM, 1, .batch_first = 1)), .in = {A(X, SIGNED, 3, 5, 7), A(W, SIGNED, 1, 68, 7), A(W, SIGNED, 1, 68, 17), A(W, SIGNED, 1, 136)}},
    {CASE(lstm, "all of it, both ways", RECURRENT(AX_CELL_LSTM, 2, .batch_first = 1)),
     .in = {A(X, SIGNED, 5, 4, 3), A(W, SIGNED, 2, 20, 3), A(W, SIGNED, 2, 20, 5), A(W, SIGNED, 2, 40), A(T, CLASSES, 5), A(X, SIGNED, 5, 2, 5), A(X, SIGNED, 5, 2, 5), A(W, SIGNED, 2, 15)}},
    {CASE(lstm, "coupled gates, clipped, backwards", RECURRENT(AX_CELL_LSTM, 1, .reverse = 1, .batch_first = 1, .input_forget = 1, .clip = 0.6f)),
     .in = {A(X, SIGNED, 2, 3, 3), A(W, SIGNED, 1, 20, 3), A(W, SIGNED, 1, 20, 5), A(W, SIGNED, 1, 40), {0}, {0}, {0}, A(W, SIGNED, 1, 15)}},
    {CASE(lstm, "time first, no bias", RECURRENT(AX_CELL_LSTM, 1, .reverse = 0)), .mixes = 1, .in = {A(X, SIGNED, 3, 2, 3), A(W, SIGNED, 1, 12, 3), A(W, SIGNED, 1, 12, 3)}},
    {CASE(reshape, "flatten", &(ax_reshape_attr){DIMS(0, -1)}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(reshape, "other pixels", &(ax_reshape_attr){DIMS(0, 0, 7, -1)}), .in = {A(X, SIGNED, 5, 3, 5, 7)}},
    {CASE(reshape, "channels to pixels", &(ax_reshape_attr){DIMS(0, 4, -1, 5)}), .in = {A(X, SIGNED, 2, 16, 5, 7)}},
    {CASE(reshape, "a vector to a picture", &(ax_reshape_attr){DIMS(0, 3, 5, 7)}), .in = {A(X, SIGNED, 2, 105)}},
    {CASE(like, "flat like a picture", NULL), .in = {A(X, SIGNED, 2, 105), A(T, SIGNED, 2, 3, 5, 7)}},
    {CASE(like, "a picture like another", NULL), .in = {A(X, SIGNED, 2, 17, 5, 7), A(T, SIGNED, 2, 17, 7, 5)}},
    {CASE(permute, "channels last", &(ax_permute_attr){{0, 2, 3, 1}}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(permute, "a sequence turned", &(ax_permute_attr){{0, 2, 1}}), .in = {A(X, SIGNED, 5, 3, 13)}},
    {CASE(permute, "the batch inside", &(ax_permute_attr){{2, 0, 1}}), .in = {A(X, SIGNED, 5, 3, 7)}, .mixes = 1},
    {CASE(permute, "rank 5", &(ax_permute_attr){{0, 4, 2, 1, 3}}), .in = {A(X, SIGNED, 2, 3, 1, 5, 2)}},
    {CASE(concat, "channels 16+16+3", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 2, 16, 5, 7), A(X, SIGNED, 2, 16, 5, 7), A(X, SIGNED, 2, 3, 5, 7)}},
    {CASE(concat, "channels 17+15", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 5, 17, 3, 3), A(X, SIGNED, 5, 15, 3, 3)}},
    {CASE(concat, "rows", &(ax_axis_attr){2}), .in = {A(X, SIGNED, 2, 16, 1, 7), A(X, SIGNED, 2, 16, 5, 7)}},
    {CASE(concat, "vectors", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 5, 1), A(X, SIGNED, 5, 33), A(X, SIGNED, 5, 7)}},
    {CASE(concat, "one alone", &(ax_axis_attr){1}), .in = {A(X, SIGNED, 2, 16, 3, 3)}},
    {CASE(slice, "channels", &(ax_slice_attr){1, 3, 13}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(slice, "columns", &(ax_slice_attr){3, 6, 1}), .in = {A(X, SIGNED, 2, 3, 5, 7)}},
    {CASE(pad2d, "zeros", &(ax_pad2d_attr){{1, 2, 3, 0}}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(pad2d, "crop", &(ax_pad2d_attr){{-1, -2, 0, -3}}), .in = {A(X, SIGNED, 2, 3, 5, 7)}},
    {CASE(pad2d, "zeros and crop", &(ax_pad2d_attr){{-4, 3, 5, -6}}), .in = {A(X, SIGNED, 5, 1, 5, 7)}},
    {CASE(pad2d, "crop to one row", &(ax_pad2d_attr){{-4, -6, 9, 9}}), .in = {A(X, SIGNED, 1, 1, 5, 7)}},
    {CASE(upsample2d, "2x2", &(ax_upsample2d_attr){{2, 2}}), .in = {A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(upsample2d, "3x1", &(ax_upsample2d_attr){{3, 1}}), .in = {A(X, SIGNED, 5, 3, 1, 7)}},

    {CASE(add, "pictures", NO_ADD_ACT), .in = {A(X, SIGNED, 2, 17, 5, 7), A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(add, "vectors", NO_ADD_ACT), .in = {A(X, SIGNED, 5, 33), A(X, SIGNED, 5, 33)}},
    {CASE(add, "a picture and a weight", NO_ADD_ACT), .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, SIGNED, 2, 3, 5, 7)}, .mixes = 1},
    {CASE(add, "fused relu", NO_ADD_ACT), .in = {A(X, SIGNED, 2, 17, 5, 7), A(X, SIGNED, 2, 17, 5, 7)}, .act = "relu"},
    {CASE(add, "fused sigmoid", NO_ADD_ACT), .in = {A(X, SIGNED, 2, 3), A(X, SIGNED, 2, 3)}, .act = "sigmoid"},
    {CASE(mul, "pictures", NULL), .in = {A(X, SIGNED, 2, 17, 5, 7), A(X, SIGNED, 2, 17, 5, 7)}},
    {CASE(mul, "vectors", NULL), .in = {A(X, SIGNED, 5, 3), A(X, SIGNED, 5, 3)}},
    {CASE(affine, "per channel", NULL), .in = {A(X, SIGNED, 2, 17, 5, 7), A(C, SIGNED, 17), A(C, SIGNED, 17)}},
    {CASE(affine, "the same for all", NULL), .in = {A(X, SIGNED, 2, 3, 5, 7), A(C, SIGNED, 1), A(C, SIGNED, 1)}},
    {CASE(affine, "per feature", NULL), .in = {A(X, SIGNED, 5, 33), A(C, SIGNED, 33), A(C, SIGNED, 33)}},

    {CASE(activation, "relu", &(ax_activation_attr){{0}, -1}), .in = {A(X, SPREAD, 2, 17, 5, 7)}, .act = "relu"},
    {CASE(activation, "tanh", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "tanh"},
    {CASE(activation, "elu", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 2, 3, 5, 7)}, .act = "elu"},
    {CASE(activation, "softmax of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "softmax"},
    {CASE(activation, "softmax over channels", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "softmax"},
    {CASE(activation, "softmax over rows", &(ax_activation_attr){{0}, -2}), .in = {A(X, WIDE, 2, 3, 5, 7)}, .act = "softmax"},
    {CASE(activation, "softmax of one", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 2, 1)}, .act = "softmax"},
    {CASE(activation, "softmax, cold", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "{\"name\":\"softmax\",\"temperature\":0.5}"},
    {CASE(activation, "log_softmax of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "log_softmax"},
    {CASE(activation, "log_softmax over channels, warm", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "{\"name\":\"log_softmax\",\"temperature\":3}"},
    {CASE(activation, "softmin over channels", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "softmin"},
    {CASE(activation, "softmin of a vector, warm", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "{\"name\":\"softmin\",\"temperature\":2.5}"},
    {CASE(activation, "softmax1 of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "softmax1"},
    {CASE(activation, "softmax1 over channels, cold", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 3, 5, 7)}, .act = "{\"name\":\"softmax1\",\"temperature\":0.4}"},
    {CASE(activation, "hardmax over channels", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "hardmax"},
    {CASE(activation, "gumbel_softmax, no noise", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "{\"name\":\"gumbel_softmax\",\"temperature\":0.7}"},
    {CASE(activation, "sparsemax of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "sparsemax"},
    {CASE(activation, "sparsemax over channels, warm", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "{\"name\":\"sparsemax\",\"temperature\":4}"},
    {CASE(activation, "entmax15 of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 33)}, .act = "entmax15"},
    {CASE(activation, "entmax15 over channels, warm", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 17, 5, 7)}, .act = "{\"name\":\"entmax15\",\"temperature\":3}"},
    {CASE(activation, "maxout of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, SPREAD, 5, 34)}, .act = "maxout"},
    {CASE(activation, "maxout over channels, by 3", &(ax_activation_attr){{0}, 1}), .in = {A(X, SPREAD, 2, 15, 5, 7)}, .act = "{\"name\":\"maxout\",\"pieces\":3}"},
    {CASE(activation, "crelu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, SPREAD, 5, 33)}, .act = "crelu"},
    {CASE(activation, "crelu over channels", &(ax_activation_attr){{0}, 1}), .in = {A(X, SPREAD, 2, 17, 5, 7)}, .act = "crelu"},
    {CASE(activation, "glu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "glu"},
    {CASE(activation, "glu over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"glu\",\"gate_first\":true}"},
    {CASE(activation, "gtu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "gtu"},
    {CASE(activation, "gtu over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"gtu\",\"gate_first\":true}"},
    {CASE(activation, "bilinear of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "bilinear"},
    {CASE(activation, "bilinear over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"bilinear\",\"gate_first\":true}"},
    {CASE(activation, "reglu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, SPREAD, 5, 66)}, .act = "reglu"},
    {CASE(activation, "reglu over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, SPREAD, 2, 34, 5, 7)}, .act = "{\"name\":\"reglu\",\"gate_first\":true}"},
    {CASE(activation, "geglu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "geglu"},
    {CASE(activation, "geglu over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"geglu\",\"gate_first\":true}"},
    {CASE(activation, "swiglu of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "swiglu"},
    {CASE(activation, "swiglu over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"swiglu\",\"gate_first\":true}"},
    {CASE(activation, "swiglu_oai of a vector", &(ax_activation_attr){{0}, -1}), .in = {A(X, WIDE, 5, 66)}, .act = "swiglu_oai"},
    {CASE(activation, "swiglu_oai over channels, gate first", &(ax_activation_attr){{0}, 1}), .in = {A(X, WIDE, 2, 34, 5, 7)}, .act = "{\"name\":\"swiglu_oai\",\"gate_first\":true,\"limit\":2.2,\"alpha\":0.7}"},
    {CASE(activation, "glu of rows", &(ax_activation_attr){{0}, 2}), .in = {A(X, WIDE, 2, 3, 10, 7)}, .act = "glu"},
    {CASE(gumbel, "pictures", &(ax_gumbel_attr){7, 9}), .in = {A(X, SIGNED, 2, 17, 5, 7), A(T, STEP, 3)}, .mixes = 1},
    {CASE(gumbel, "more than a stretch", &(ax_gumbel_attr){1, 2}), .in = {A(X, WIDE, 5, 333), A(T, STEP, 123456)}, .mixes = 1},
    {CASE(activation_learned, "maps", &(ax_learned_attr){.param = 0}), .act = "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1},\"learnable\":[\"beta\"]}",
     .in = {A(X, SIGNED, 5, 17, 5, 7), A(W, SIGNED, 1)}},
    {CASE(activation_learned, "rows", &(ax_learned_attr){.param = 0}), .act = "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1},\"learnable\":[\"beta\"]}",
     .in = {A(X, SIGNED, 3, 33), A(W, SIGNED, 1)}},
    {CASE(activation_learned, "swish", &(ax_learned_attr){.param = 0}), .act = "{\"name\":\"swish\",\"learnable\":[\"beta\"]}",
     .in = {A(X, SIGNED, 5, 17, 5, 7), A(W, SIGNED, 1)}},
    {CASE(activation_learned, "all of acon_c", &(ax_learned_attr){.param = 0}), .act = "{\"name\":\"acon_c\",\"learnable\":[\"p1\",\"p2\",\"beta\"]}",
     .in = {A(X, SIGNED, 3, 33), A(W, SIGNED, 1), A(W, SIGNED, 1), A(W, POSITIVE, 1)}},
    {CASE(activation_learned, "the second of sinlu", &(ax_learned_attr){.param = 0}), .act = "{\"name\":\"sinlu\",\"a\":0.7,\"learnable\":[\"b\"]}",
     .in = {A(X, SIGNED, 3, 33), A(W, SIGNED, 1)}},
    {CASE(activation_learned, "snake", &(ax_learned_attr){.param = 0}), .act = "{\"name\":\"snake\",\"learnable\":[\"a\"]}",
     .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, POSITIVE, 1)}},
    {CASE(prelu, "a slope per channel", NULL), .in = {A(X, SPREAD, 2, 17, 5, 7), A(W, SIGNED, 17)}},
    {CASE(prelu, "one slope", NULL), .in = {A(X, SPREAD, 2, 3, 5, 7), A(W, SIGNED, 1)}},
    {CASE(prelu, "a slope per feature", NULL), .in = {A(X, SPREAD, 5, 33), A(W, SIGNED, 33)}},
    {CASE(dropout, "half", &(ax_dropout_attr){0.5, 7, 9}), .in = {A(X, SIGNED, 2, 17, 5, 7), A(T, STEP, 3)}, .mixes = 1},
    {CASE(dropout, "a tenth, later", &(ax_dropout_attr){0.1, 1, 2}), .in = {A(X, SIGNED, 5, 33), A(T, STEP, 123456)}, .mixes = 1},
    {CASE(dropout, "nothing", &(ax_dropout_attr){0, 1, 2}), .in = {A(X, SIGNED, 5, 3), A(T, STEP, 0)}, .mixes = 1},

    {CASE(batch_norm, "pictures", NORM(1e-3, 0)), .in = {A(X, SIGNED, 2, 17, 5, 7), A(C, SIGNED, 17), A(C, SIGNED, 17), A(C, SIGNED, 17), A(C, POSITIVE, 17)}},
    {CASE(batch_norm, "learned", NORM(1e-3, 0)), .in = {A(X, SIGNED, 2, 5, 3, 7), A(W, SIGNED, 5), A(W, SIGNED, 5), A(C, SIGNED, 5), A(C, POSITIVE, 5)}},
    {CASE(batch_norm, "vectors", NORM(1e-5, 0)), .in = {A(X, SIGNED, 5, 33), A(C, SIGNED, 33), A(C, SIGNED, 33), A(C, SIGNED, 33), A(C, POSITIVE, 33)}},
    {CASE(batch_norm_train, "pictures", NORM(1e-3, 0)), .in = {A(X, SIGNED, 2, 17, 5, 7), A(W, SIGNED, 17), A(W, SIGNED, 17)}, .mixes = 1},
    {CASE(batch_norm_train, "vectors", NORM(1e-5, 0)), .in = {A(X, SIGNED, 5, 33), A(W, SIGNED, 33), A(W, SIGNED, 33)}, .mixes = 1},
    {CASE(batch_norm_train, "13x13", NORM(1e-3, 0)), .in = {A(X, SIGNED, 5, 3, 13, 13), A(W, SIGNED, 3), A(W, SIGNED, 3)}, .mixes = 1},
    {CASE(layer_norm, "features", NORM(1e-3, -1)), .in = {A(X, SIGNED, 5, 33), A(W, SIGNED, 33), A(W, SIGNED, 33)}},
    {CASE(layer_norm, "two axes", NORM(1e-5, -2)), .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, SIGNED, 5, 7), A(W, SIGNED, 5, 7)}},
    {CASE(layer_norm, "without a summand", NORM(1e-3, -1)), .in = {A(X, SIGNED, 5, 33), A(W, SIGNED, 33)}},
    {CASE(layer_norm, "by the root of the mean square", &(ax_norm_attr){1e-3, -2, 1}), .in = {A(X, SIGNED, 2, 3, 5, 7), A(W, SIGNED, 5, 7)}},
    {CASE(layer_norm, "150 rows", NORM(1e-5, -1)), .in = {A(X, SIGNED, 3, 50, 7), A(W, SIGNED, 7), A(W, SIGNED, 7)}},

    {CASE(loss, "class numbers", LOSS(0)), .in = {A(X, WIDE, 5, 10), A(T, CLASSES, 5)}, .loss = "cross_entropy", .mixes = 1},
    {CASE(loss, "class numbers, smoothed", LOSS(0.1)), .in = {A(X, WIDE, 200, 3), A(T, CLASSES, 200)}, .loss = "cross_entropy", .mixes = 1},
    {CASE(loss, "class shares", LOSS(0)), .in = {A(X, WIDE, 5, 7), A(T, SIMPLEX, 5, 7)}, .loss = "cross_entropy", .mixes = 1},
    {CASE(loss, "class shares, smoothed", LOSS(0.2)), .in = {A(X, WIDE, 5, 7), A(T, SIMPLEX, 5, 7)}, .loss = "cross_entropy", .mixes = 1},
    {CASE(loss, "yes or no", LOSS(0)), .in = {A(X, WIDE, 5, 3), A(T, BINARY, 5, 3)}, .loss = "binary_cross_entropy", .mixes = 1},
    {CASE(loss, "squares", LOSS(0)), .in = {A(X, SIGNED, 5, 3, 2), A(T, SIGNED, 5, 3, 2)}, .loss = "mse", .mixes = 1},
    {CASE(loss, "absolute", LOSS(0)), .in = {A(X, SIGNED, 5, 33), A(T, SIGNED, 5, 33)}, .loss = "mae", .mixes = 1},
    {CASE(loss, "delta 0.5", LOSS(0.5)), .in = {A(X, WIDE, 5, 33), A(T, SIGNED, 5, 33)}, .loss = "huber", .mixes = 1},
    {CASE(loss, "signs", LOSS(0)), .in = {A(X, WIDE, 5, 33), A(T, SIGNS, 5, 33)}, .loss = "hinge", .mixes = 1},
    {CASE(loss, "0 as -1", LOSS(0)), .in = {A(X, WIDE, 5, 3), A(T, BINARY, 5, 3)}, .loss = "hinge", .mixes = 1},
    {CASE(loss, "distributions", LOSS(0)), .in = {A(X, SIMPLEX, 5, 7), A(T, SIMPLEX, 5, 7)}, .loss = "kl_divergence", .mixes = 1},
    {CASE(nll, "each place", &(ax_nll_attr){AX_NLL_NONE, 1, 2}), .in = {A(X, SIGNED, 5, 7, 3, 3), A(T, CLASSES, 5, 3, 3), A(C, POSITIVE, 7)}},
    {CASE(nll, "weighed mean of maps", &(ax_nll_attr){AX_NLL_MEAN, 1, 0}), .in = {A(X, SIGNED, 5, 7, 3, 3), A(T, CLASSES, 5, 3, 3), A(C, POSITIVE, 7)}, .mixes = 1},
    {CASE(nll, "mean", &(ax_nll_attr){AX_NLL_MEAN, 0, 0}), .in = {A(X, SIGNED, 33, 5), A(T, CLASSES, 33)}, .mixes = 1},
    {CASE(nll, "sum", &(ax_nll_attr){AX_NLL_SUM, 0, 0}), .in = {A(X, SIGNED, 3, 5, 2), A(T, CLASSES, 3, 2)}, .mixes = 1},
    {CASE(penalty, "weights", &(ax_penalty_attr){0.1, 0.01, 0}), .in = {A(W, SPREAD, 33, 17)}, .mixes = 1},
    {CASE(penalty, "activities of a batch", &(ax_penalty_attr){0.01, 0.1, 1}), .in = {A(X, SPREAD, 5, 17, 5, 7)}, .mixes = 1},
    {CASE(penalty, "more than a slice", &(ax_penalty_attr){0.5, 0, 1}), .in = {A(X, SPREAD, 2, 20000)}, .mixes = 1},
    {CASE(kl_sparsity, "vectors in (0,1)", &(ax_kl_attr){0.05, 3, 0}), .in = {A(X, SIMPLEX, 5, 17)}, .mixes = 1},
    {CASE(kl_sparsity, "one sample, one unit", &(ax_kl_attr){0.3, 1, 1}), .in = {A(X, SPREAD, 1, 1)}, .mixes = 1},
    {CASE(kl_sparsity, "tanh", &(ax_kl_attr){0.2, 0.5, 1}), .in = {A(X, SPREAD, 3, 33)}, .mixes = 1},
    {CASE(kl_sparsity, "channels of pictures", &(ax_kl_attr){0.4, 2, 1}), .in = {A(X, SPREAD, 5, 17, 5, 7)}, .mixes = 1},
    {CASE(kl_sparsity, "sequences", &(ax_kl_attr){0.1, 2, 1}), .in = {A(X, SPREAD, 2, 5, 7)}, .mixes = 1},
    {CASE(kl_sparsity, "more than a slice", &(ax_kl_attr){0.05, 0.001, 1}), .in = {A(X, SPREAD, 3, 7000)}, .mixes = 1},
    {CASE(hoyer, "vectors", &(ax_hoyer_attr){0.1}), .in = {A(X, SPREAD, 5, 17)}, .mixes = 1},
    {CASE(hoyer, "one number", &(ax_hoyer_attr){2}), .in = {A(X, POSITIVE, 1, 1)}, .mixes = 1},
    {CASE(hoyer, "pictures", &(ax_hoyer_attr){0.01}), .in = {A(X, SPREAD, 3, 17, 5, 7)}, .mixes = 1},
    {CASE(hoyer, "more than a slice", &(ax_hoyer_attr){0.001}), .in = {A(X, SPREAD, 2, 20000)}, .mixes = 1},
};
// clang-format on

enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- what the inputs are filled with ---- */

static inline uint32_t noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 30)) * 0xBF58476D1CE4E5B9u;
    i = (i ^ (i >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(i >> 32);
}

static inline double uniform(uint64_t seed, uint64_t i)
{
    return noise(seed * 1000003 + i) / 4294967296.0;
}

static inline double number(fill f, uint64_t seed, int64_t i, int64_t n, int64_t last)
{
    int64_t p = n % 7919 ? 7919 : 7907;
    switch (f) {
    case SPREAD: /* all different, none near 0 */
        return ((double)(i * p % n) + 0.5) / (double)n * 2 - 1;
    case WIDE:
        return 6 * uniform(seed, (uint64_t)i) - 3;
    case POSITIVE:
        return 0.1 + uniform(seed, (uint64_t)i);
    case SIMPLEX: { /* rows of the last axis that add up to 1 */
        double sum = 0;
        for (int64_t k = 0; k < last; k++)
            sum += 0.1 + uniform(seed, (uint64_t)(i / last * last + k));
        return (0.1 + uniform(seed, (uint64_t)i)) / sum;
    }
    case BINARY:
        return noise(seed + (uint64_t)i) & 1;
    case SIGNS:
        return (noise(seed + (uint64_t)i) & 1) * 2.0 - 1;
    default:
        return 2 * uniform(seed, (uint64_t)i) - 1;
    }
}

static inline ax_dtype type_of(const arg *a)
{
    return a->fill == CLASSES ? AX_I32 : a->fill == STEP ? AX_I64 : a->fill == BOOLS ? AX_BOOL : a->fill == PLACES ? AX_I64 : AX_F32;
}

/* a step is a scalar; its "shape" in the table is its value */
static inline ax_shape shape_of(const arg *a)
{
    return a->fill == STEP ? (ax_shape){0} : a->shape;
}

#endif
