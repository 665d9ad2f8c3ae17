/* ops.h - the operators by name, for whoever builds graphs, with their attributes.
 *
 * Shapes: N is the batch; pictures are (N,C,H,W), sequences (N,C,L). "?" marks inputs that may be
 * AX_NONE. An attribute struct is copied into the graph as bytes, so it holds no pointers but to
 * things that outlive every graph (rows of tables). */
#ifndef AX_OPS_OPS_H
#define AX_OPS_OPS_H

#include "activation/activation.h"
#include "graph/graph.h"
#include "math/epilogue.h"
#include "math/kernels.h"

/* ---- dense.c: y (...,n) = act(x (...,k) . (w (n,k) * scale (n))^T + b (n) + residual) ---- */
typedef struct ax_fused_attr {
    ax_act act; /* act.row NULL: none */
} ax_fused_attr;
extern const ax_op ax_op_dense;    /* x, w, b?, residual?, scale?; ax_fused_attr */
extern const ax_op ax_op_dense_dx; /* dy, w                                      */
extern const ax_op ax_op_dense_dw; /* x, dy -> (n,k)                             */

/* ---- conv2d.c: y (N,K,OH,OW), w (K,C/groups,KH,KW) ---- */
typedef struct ax_conv2d_attr {
    int stride[2], dilation[2];
    int pad[4]; /* top, left, bottom, right */
    int groups;
    ax_act act; /* act.row NULL: none */
} ax_conv2d_attr;
typedef struct ax_conv2d_grad_attr {
    ax_conv2d_attr conv;
    int64_t c, h, w; /* of x */
    int64_t kernel[2];
} ax_conv2d_grad_attr;
extern const ax_op ax_op_conv2d;    /* x, w, b?, residual?, scale?; ax_conv2d_attr */
extern const ax_op ax_op_conv2d_dx; /* dy, w; ax_conv2d_grad_attr                  */
extern const ax_op ax_op_conv2d_dw; /* x, dy; ax_conv2d_grad_attr                  */
/* sum over all but channels (axis 1; the last axis when rank is 2): the gradient of a bias */
typedef struct ax_bias_grad_attr {
    int axis;
} ax_bias_grad_attr;
extern const ax_op ax_op_bias_grad;

/* ---- pool2d.c ---- */
typedef struct ax_pool2d_attr {
    int max;    /* 1: maximum, 0: average */
    int global; /* the window is the whole map */
    int kernel[2], stride[2], pad[4];
    int count_pad; /* the average divides by the whole window, padding included */
} ax_pool2d_attr;
extern const ax_op ax_op_pool2d;      /* x                            */
extern const ax_op ax_op_pool2d_grad; /* x, dy -> dx (same attr)      */

/* ---- pool.c: windows of any geometry over (N,C,D1..Dn), n at most 3 ---- */
typedef enum ax_pool_kind { AX_POOL_MAX, AX_POOL_AVERAGE, AX_POOL_LP } ax_pool_kind;
enum { AX_POOL_AXES = 3 };
typedef struct ax_pool_attr {
    ax_pool_kind kind;
    int ceil;       /* sizes are rounded up                                     */
    int count_pad;  /* AVERAGE divides by all taps inside the padded picture    */
    int by_columns; /* max_places: pixels are counted with the first axis innermost */
    int64_t p;      /* LP: (sum |x|^p)^(1/p)                                    */
    int64_t kernel[AX_POOL_AXES], stride[AX_POOL_AXES], dilation[AX_POOL_AXES];
    int64_t before[AX_POOL_AXES], after[AX_POOL_AXES]; /* padding, which is never a maximum */
} ax_pool_attr;
extern const ax_op ax_op_pool;       /* x                                            */
extern const ax_op ax_op_pool_grad;  /* x, dy -> dx (same attr)                      */
extern const ax_op ax_op_max_places; /* x -> int64: where in x each maximum is       */
typedef struct ax_put_attr {
    ax_shape shape;
} ax_put_attr;
extern const ax_op ax_op_put; /* x, places (int64): zeros of `shape` but for x at its places */

/* ---- shape.c ---- */
typedef struct ax_reshape_attr {
    ax_shape shape; /* 0: copy that dimension of x; -1 (once): what is left */
} ax_reshape_attr;
extern const ax_op ax_op_reshape; /* x */
extern const ax_op ax_op_like;    /* x, t: the elements of x in the shape of t */
typedef struct ax_permute_attr {
    int perm[AX_MAX_RANK];
} ax_permute_attr;
extern const ax_op ax_op_permute; /* x */
typedef struct ax_axis_attr {
    int axis;
} ax_axis_attr;
extern const ax_op ax_op_concat; /* x0, x1...; ax_axis_attr */
typedef struct ax_slice_attr {
    int axis;
    int64_t from, count;
} ax_slice_attr;
extern const ax_op ax_op_slice; /* x */
/* y[i0][i1]... = x[from + i0 step[0] + i1 step[1]...]: slices with steps, turned axes, repeats
 * (step 0). Steps count elements of x. */
typedef struct ax_strided_attr {
    ax_shape shape; /* of y */
    int64_t from, step[AX_MAX_RANK];
} ax_strided_attr;
extern const ax_op ax_op_strided; /* x, of the very shape that the steps were worked out for */
/* the adjoint: x (steps.shape) added up where the steps lead in zeros of the shape `to` */
typedef struct ax_strided_sum_attr {
    ax_strided_attr steps;
    ax_shape to;
} ax_strided_sum_attr;
extern const ax_op ax_op_strided_sum; /* x */
extern const ax_op ax_op_where;  /* bools, a, b of one shape: a where true, else b */
/* running sums along an axis; exclusive: without the element itself; reverse: from the end */
typedef struct ax_cumsum_attr {
    int axis, exclusive, reverse;
} ax_cumsum_attr;
extern const ax_op ax_op_cumsum; /* x of any type of numbers */
typedef enum ax_pad_mode { AX_PAD_CONSTANT, AX_PAD_REFLECT, AX_PAD_EDGE, AX_PAD_WRAP } ax_pad_mode;
typedef struct ax_pad_attr {
    ax_pad_mode mode;
    int64_t before[AX_MAX_RANK], after[AX_MAX_RANK]; /* negative crops */
    unsigned char value[8];                          /* of CONSTANT: an element */
} ax_pad_attr;
extern const ax_op ax_op_pad;      /* x of any type                                        */
extern const ax_op ax_op_pad_grad; /* dy -> dx; before and after of the pad, sign turned   */
/* the first lengths[b] elements along the time axis in reverse, the others as they are */
typedef struct ax_reverse_attr {
    int time, batch;
} ax_reverse_attr;
extern const ax_op ax_op_reverse; /* x of any type, lengths (batch), clamped to the axis */

/* ---- cast.c ---- */
typedef enum ax_precision { AX_FULL, AX_HALF, AX_BFLOAT } ax_precision;
typedef struct ax_cast_attr {
    ax_dtype to;
    ax_precision precision; /* floats are rounded to it, and stay in their type */
} ax_cast_attr;
extern const ax_op ax_op_cast; /* x; floats to whole numbers towards 0, clamped, NaN to 0 */
/* The nearest float16 or bfloat16, to even on ties. */
double ax_precision_round(ax_precision p, double v);

/* ---- gather.c: indices are int32 or int64, from the end where negative; an index beyond its axis,
 * which only the run can see, is clamped to it where elements are taken, and left out where they are
 * put ---- */
extern const ax_op ax_op_gather;          /* x, indices: along an axis; ax_axis_attr   */
extern const ax_op ax_op_gather_dx;       /* x (its shape), indices, dy; ax_axis_attr   */
extern const ax_op ax_op_gather_elements; /* x, indices (the result's shape); ax_axis_attr */
typedef struct ax_gather_nd_attr {
    int batch_dims; /* first axes that x and indices share */
} ax_gather_nd_attr;
extern const ax_op ax_op_gather_nd; /* x, indices (..., q): x at q axes */
typedef enum ax_scatter_reduction {
    AX_SCATTER_PUT,
    AX_SCATTER_ADD,
    AX_SCATTER_MUL,
    AX_SCATTER_MIN,
    AX_SCATTER_MAX
} ax_scatter_reduction;
typedef struct ax_scatter_attr {
    int axis; /* scatter_nd: the first axes that data and indices share */
    ax_scatter_reduction reduction;
} ax_scatter_attr;
extern const ax_op ax_op_scatter;    /* data, indices, updates of their shape */
extern const ax_op ax_op_scatter_nd; /* data, indices (..., q), updates       */

/* ---- quantize.c ---- */
typedef struct ax_quantize_attr {
    ax_dtype to;
} ax_quantize_attr;
/* x, scale, zero point? (of the type `to`), of one shape: round(x / scale) + zero, to even on ties,
 * clamped to the type */
extern const ax_op ax_op_quantize;
typedef struct ax_conv_whole_attr {
    int64_t stride[AX_MAX_RANK - 2], dilation[AX_MAX_RANK - 2], before[AX_MAX_RANK - 2],
        after[AX_MAX_RANK - 2]; /* by axis of the picture */
    int64_t groups;
} ax_conv_whole_attr;
extern const ax_op ax_op_conv_whole; /* x (N,C,...), w (K,C/groups,...), int32; sums wrap */

/* ---- topk.c: the best k along an axis, in order, the first of equals first ---- */
typedef struct ax_topk_attr {
    int axis, largest;
    int64_t k;
} ax_topk_attr;
extern const ax_op ax_op_topk; /* x of any type of numbers -> values, places (int64) */

typedef struct ax_pad2d_attr {
    int pad[4]; /* top, left, bottom, right; negative crops */
} ax_pad2d_attr;
extern const ax_op ax_op_pad2d; /* x: zeros round the last two axes */
typedef struct ax_upsample2d_attr {
    int size[2];
} ax_upsample2d_attr;
extern const ax_op ax_op_upsample2d;      /* x: nearest neighbour */
extern const ax_op ax_op_upsample2d_grad; /* dy: sums             */

/* ---- elementwise.c ---- */
typedef struct ax_add_attr {
    ax_act act; /* act.row NULL: none; fused after a residual add */
} ax_add_attr;
extern const ax_op ax_op_add; /* a, b of one shape; ax_add_attr */
extern const ax_op ax_op_mul; /* a, b of one shape              */
/* y = x * scale[c] + shift[c]; c runs over axis 1, or is the same for all when count is 1.
 * Input normalisation; batch-norm at inference is this with computed numbers. */
extern const ax_op ax_op_affine; /* x, scale (C) or (1), shift (C) or (1) */

/* ---- binary.c: a and b of one dtype, broadcast to each other as numpy does ---- */
typedef enum ax_binary_kind {
    AX_BINARY_ADD,
    AX_BINARY_SUB,
    AX_BINARY_MUL,
    AX_BINARY_DIV, /* whole numbers towards 0, by 0 to 0                       */
    AX_BINARY_MIN, /* NaN where one is NaN                                     */
    AX_BINARY_MAX,
    AX_BINARY_POW,
    AX_BINARY_MOD,  /* with the sign of b, by 0 to 0; float32 and float64: NaN */
    AX_BINARY_FMOD, /* with the sign of a                                      */
    AX_BINARY_BIT_AND, /* of whole numbers, from here */
    AX_BINARY_BIT_OR,
    AX_BINARY_BIT_XOR,
    AX_BINARY_SHIFT_LEFT, /* of those without a sign */
    AX_BINARY_SHIFT_RIGHT,
    AX_BINARY_EQUAL,
    AX_BINARY_LESS,
    AX_BINARY_LESS_EQUAL,
    AX_BINARY_AND, /* bool only, these three */
    AX_BINARY_OR,
    AX_BINARY_XOR
} ax_binary_kind;
typedef struct ax_binary_attr {
    ax_binary_kind kind;
} ax_binary_attr;
/* a, b: numbers wrap; from EQUAL on the result is bool, and EQUAL takes bools, too */
extern const ax_op ax_op_binary;
/* n pairs without broadcasting, of a type and kind that infer takes; y may be a */
void ax_binary_row(ax_dtype t, ax_binary_kind kind, const void *a, const void *b, void *y,
                   int64_t n);

/* ---- reduce.c: over the axes whose bits are set, accumulated in double, or in int64 ---- */
typedef enum ax_reduce_kind {
    AX_REDUCE_SUM,
    AX_REDUCE_MEAN,
    AX_REDUCE_MAX,
    AX_REDUCE_MIN,
    AX_REDUCE_PROD,
    AX_REDUCE_L1,
    AX_REDUCE_L2,
    AX_REDUCE_LOG_SUM,
    AX_REDUCE_LOG_SUM_EXP,
    AX_REDUCE_SUM_SQUARE,
    AX_REDUCE_ARG_MAX, /* one axis; the result is int64; the first, or the last, of equals */
    AX_REDUCE_ARG_MIN
} ax_reduce_kind;
typedef struct ax_reduce_attr {
    ax_reduce_kind kind;
    unsigned axes;
    int keep; /* the axes stay, with one element */
    int last; /* of equals, for the places     */
} ax_reduce_attr;
extern const ax_op ax_op_reduce;    /* x of any type of numbers */
extern const ax_op ax_op_reduce_dx; /* x, dy; ax_reduce_attr    */
/* a repeated to the shape of t (whose numbers are not read) by numpy's rule; and the other way: the
 * sums over what would be repeated */
extern const ax_op ax_op_expand_like; /* a, t */
extern const ax_op ax_op_sum_like;    /* a of floats, t */

/* ---- matmul.c: matrices in the last two axes, those before broadcast ---- */
extern const ax_op ax_op_matmul; /* a (...,m,k), b (...,k,n) of one type of numbers */

/* ---- recurrent.c: RNN, LSTM, GRU over sequences; T steps of N samples, D directions of H units ---- */
typedef enum ax_cell { AX_CELL_RNN, AX_CELL_LSTM, AX_CELL_GRU } ax_cell;
typedef struct ax_recurrent_attr {
    ax_cell cell;
    int directions;          /* 1 or 2: the second goes from the end to the beginning */
    int reverse;             /* the first does, too                                   */
    int batch_first;         /* x (N,T,in), y (N,T,D,H), states (N,D,H)               */
    int linear_before_reset; /* GRU */
    int input_forget;        /* LSTM: the forget gate is 1 - the input gate           */
    float clip;              /* what goes into the gates stays within +-clip; 0: any  */
    ax_act act[2][3];        /* of each direction: RNN f; GRU f, g; LSTM f, g, h      */
} ax_recurrent_attr;
void ax_recurrent_defaults(ax_recurrent_attr *a); /* the activations that the cell has in ONNX */
/* x (T,N,in), w (D,G*H,in), r (D,G*H,H), b (D,2*G*H)?, lengths (N) int32 or int64?, h0 (D,N,H)?,
 * LSTM: c0?, p (D,3*H)? -> y (T,D,N,H), last h (D,N,H), LSTM: last c. Gates in the order of ONNX.
 * Lengths are clamped to 0..T; y is 0 behind them, and the last states of no step are 0. */
extern const ax_op ax_op_rnn, ax_op_gru, ax_op_lstm;
/* all eight inputs, dy?, dh?, dc? -> dx, dw, dr, db, dh0, dc0, dp; of absent ones a zero */
extern const ax_op ax_op_recurrent_grad;

/* ---- unary.c: a function of each number, worked out in double and rounded once ---- */
typedef struct ax_unary_row {
    const char *name; /* as in ONNX: "Floor" */
    int whole;        /* takes whole numbers, too: of them f is exact */
    int to_bool;      /* float to bool */
    double (*f)(double x);
    double (*slope)(double x); /* NULL: 0 */
} ax_unary_row;
const ax_unary_row *ax_unary_find(const char *name); /* NULL: unknown */
typedef struct ax_unary_attr {
    const ax_unary_row *row;
} ax_unary_attr;
extern const ax_op
    ax_op_unary; /* x of float32, float64 and, where the row says so, whole numbers */
extern const ax_op ax_op_unary_dx; /* x, dy */

/* ---- lrn.c: y = x / (bias + alpha/size * sum of x^2 over `size` channels around)^beta ---- */
typedef struct ax_lrn_attr {
    int64_t size; /* (size-1)/2 channels before, the others from this one on */
    double alpha, beta, bias;
} ax_lrn_attr;
extern const ax_op ax_op_lrn;      /* x (N,C,...) */
extern const ax_op ax_op_lrn_grad; /* x, dy -> dx */

/* ---- resample.c: y[.., o, ..] = sum over k of weight (n,k) of x[.., index (n,k), ..] ---- */
typedef struct ax_resample_attr {
    int axis;
    int64_t size; /* resample_grad: of x's axis */
} ax_resample_attr;
extern const ax_op ax_op_resample;      /* x, index (int32, clamped to the axis), weight */
extern const ax_op ax_op_resample_grad; /* dy, index, weight -> dx                       */

/* ---- grid_sample.c: x (N,C,D1..Dk) at the points (N,o1..ok,k) of a grid, k at most 3 ---- */
typedef enum ax_grid_mode { AX_GRID_LINEAR, AX_GRID_NEAREST, AX_GRID_CUBIC } ax_grid_mode;
typedef enum ax_grid_padding { AX_GRID_ZEROS, AX_GRID_BORDER, AX_GRID_REFLECT } ax_grid_padding;
typedef struct ax_grid_sample_attr {
    ax_grid_mode mode;
    ax_grid_padding padding;
    int align_corners; /* -1 and 1 are the middles of the outer pixels, else their outer edges */
} ax_grid_sample_attr;
extern const ax_op ax_op_grid_sample;      /* x, grid -> (N,C,o1..ok) */
extern const ax_op ax_op_grid_sample_grad; /* x, grid, dy -> dx, dgrid */

/* ---- activation.c ---- */
typedef struct ax_activation_attr {
    ax_act act;
    int axis; /* vector activations; negative counts from the end */
} ax_activation_attr;
extern const ax_op ax_op_activation;      /* x                                              */
extern const ax_op ax_op_activation_grad; /* x or y (relu; vector but for row->from_input), dy
                                             -> dx */

/* ---- prelu.c ---- */
extern const ax_op ax_op_prelu;      /* x, slope (C) or (1)        */
extern const ax_op ax_op_prelu_grad; /* x, slope, dy -> dx, dslope */

/* ---- learned.c: element-wise activations with learned parameters, each an input behind x ---- */
typedef struct ax_learned_attr {
    ax_act act;
    int param; /* learned_dp: whose gradient */
} ax_learned_attr;
extern const ax_op ax_op_activation_learned; /* x, each learned parameter (1)       */
extern const ax_op ax_op_learned_dx;         /* x, parameters, dy -> dx             */
extern const ax_op ax_op_learned_dp;         /* x, parameters, dy -> gradient of (1) */
/* The activation of an activation_learned node with the numbers that its parameters hold now; they
 * must have been bound. */
ax_act ax_learned_act(const ax_graph *g, const ax_node *n);

/* ---- gumbel.c: y = x + Gumbel noise, a function of (seed, stream, step) ---- */
typedef struct ax_gumbel_attr {
    uint64_t seed, stream;
} ax_gumbel_attr;
extern const ax_op ax_op_gumbel; /* x, step (scalar int64) */

/* (n, c, pixels) of a tensor of rank >= 2 whose channels are axis 1. */
ax_maps ax_maps_of(const ax_shape *s, ax_layout l);

/* What the fused ops of this folder share: the activation as an epilogue (act.row NULL: none), and
 * an element-wise activation over a pool. */
void ax_act_fuse(const ax_act *act, ax_epilogue *e);
void ax_act_forward_pool(const ax_act *act, const float *x, float *y, int64_t n, ax_pool *pool);

/* ---- norm.c ---- */
typedef struct ax_norm_attr {
    double epsilon;
    int axis; /* layer_norm: the first of the normalised axes, from the end (-1) */
    int rms;  /* layer_norm: the mean is not subtracted                          */
} ax_norm_attr;
extern const ax_op ax_op_batch_norm;       /* x, gamma, beta, mean, var (C each)             */
extern const ax_op ax_op_batch_norm_train; /* x, gamma, beta -> y, batch mean, batch var     */
extern const ax_op ax_op_batch_norm_grad;  /* x, gamma, mean, var, dy -> dx, dgamma, dbeta   */
extern const ax_op ax_op_layer_norm;       /* x, gamma, beta? (the normalised axes)          */
extern const ax_op ax_op_layer_norm_grad;  /* x, gamma, dy -> dx, dgamma, dbeta              */

/* ---- group_norm.c ---- */
typedef struct ax_group_norm_attr {
    double epsilon;
    int64_t groups; /* of channels that stand side by side */
} ax_group_norm_attr;
extern const ax_op ax_op_group_norm;      /* x, gamma, beta (C each)                      */
extern const ax_op ax_op_group_norm_grad; /* x, gamma, dy -> dx, dgamma, dbeta            */
extern const ax_op ax_op_row_stats; /* x (n,k) -> mean (n,1), 1/sqrt(var + epsilon); ax_norm_attr */

/* ---- dropout.c: y = x * mask / (1-rate); the mask is a function of (seed, stream, step) ---- */
typedef struct ax_dropout_attr {
    double rate;
    uint64_t seed, stream;
} ax_dropout_attr;
extern const ax_op ax_op_dropout; /* x, step (scalar int64): its own gradient */

/* ---- loss.c: a scalar, the mean over the batch; labels are class numbers (N) int32 or rows
 * like x ---- */
typedef struct ax_loss_row ax_loss_row;
typedef struct ax_loss_attr {
    const ax_loss_row *row;
    double param; /* huber: delta; cross_entropy: label smoothing */
} ax_loss_attr;
struct ax_loss_row {
    const char *name;
    const char *doc;
    const char *param; /* its parameter's name, default and bounds; NULL: it has none       */
    double param_default, param_min, param_max;
    double target_min, target_max; /* where targets make sense                              */
    int takes_classes; /* targets may be class numbers                                      */
    const char *after; /* fused with this final activation: x is what goes into it; or NULL */
    /* of one row x[0..n) with target row t[0..n), or class number c >= 0 and t NULL */
    double (*value)(const float *x, const float *t, int c, int64_t n, double param);
    void (*grad)(const float *x, const float *t, int c, int64_t n, double param, double scale,
                 float *dx);
};
const ax_loss_row *ax_loss_list(int *count);
const ax_loss_row *ax_loss_find(const char *name);
extern const ax_op ax_op_loss;      /* x (N,...), target -> scalar                          */
extern const ax_op ax_op_loss_grad; /* x, target, dloss -> dx                               */

/* ---- nll.c: -w[t] x[n,t,...] of class numbers t ---- */
typedef enum ax_nll_reduction { AX_NLL_MEAN, AX_NLL_SUM, AX_NLL_NONE } ax_nll_reduction;
typedef struct ax_nll_attr {
    ax_nll_reduction reduction; /* the mean is by weight */
    int ignores;
    int64_t ignored; /* where it ignores: this class number costs nothing */
} ax_nll_attr;
extern const ax_op ax_op_nll;      /* x (N,C,...), classes (N,...), weights (C)? -> () or (N,...) */
extern const ax_op ax_op_nll_grad; /* x, classes, weights?, dloss -> dx                        */

/* ---- penalty.c: (l1 * sum|a| + l2 * sum a^2) / (batch ? N : 1) ---- */
typedef struct ax_penalty_attr {
    double l1, l2;
    int batch;
} ax_penalty_attr;
extern const ax_op ax_op_penalty;      /* a -> scalar      */
extern const ax_op ax_op_penalty_grad; /* a, dscalar -> da */

/* ---- sparsity.c: what activities (N,...) that are not sparse cost; to be added to the loss ----
 */
typedef struct ax_kl_attr {
    double rho, beta;
    int symmetric; /* activities lie in (-1,1) and count as (a+1)/2, else in (0,1) */
} ax_kl_attr;
extern const ax_op ax_op_kl_sparsity;      /* a -> scalar      */
extern const ax_op ax_op_kl_sparsity_grad; /* a, dscalar -> da */
typedef struct ax_hoyer_attr {
    double weight;
} ax_hoyer_attr;
extern const ax_op ax_op_hoyer;      /* a -> scalar      */
extern const ax_op ax_op_hoyer_grad; /* a, dscalar -> da */

#endif
