/* kernel.h - between the catalogue and the instruction sets: the list of kernels and their shape.
 *
 * A kernel is one activation on one instruction set: a constant struct of loops named
 * ax_act_<kernel>_<isa>, defined in a *.isa.c file. The lists below name them once; the enum (what
 * a row of the catalogue holds) and the tables in apply.c come from them.
 * Private to engine/activation. */
#ifndef AX_ACTIVATION_KERNEL_H
#define AX_ACTIVATION_KERNEL_H

#include "activation/activation.h"

/* clang-format off */
#define AX_ACT_SIGMOIDAL(X) \
    X(identity) X(affine) X(step) X(sigmoid) X(hard_sigmoid) X(sparse_sigmoid) X(log_sigmoid) \
    X(cloglog) X(probit) X(laplace) X(tanh) X(scaled_tanh) X(softcap) X(hard_tanh) X(softsign) \
    X(arctan) X(erf) X(isru) X(sqnl) X(gaussian) X(aria2)
#define AX_ACT_SHRINK(X) X(hard_shrink) X(soft_shrink) X(tanh_shrink)
#define AX_ACT_RECTIFIER(X) \
    X(relu) X(relu6) X(leaky) X(rrelu) X(threshold) X(squared_relu) X(star_relu) X(srelu) X(apl) \
    X(abs) X(elu) X(celu) X(selu) X(isrlu) X(softplus) X(squareplus) X(sparse_plus) X(logcosh) \
    X(bent_identity) X(exponential) X(xielu)
#define AX_ACT_GATED(X) \
    X(silu) X(swish) X(e_swish) X(hard_swish) X(gelu) X(gelu_tanh) X(mish) X(hard_mish) X(telu) \
    X(serf) X(smish) X(logish) X(phish) X(lisht) X(elish) X(hard_elish) X(acon_c) X(pau)
#define AX_ACT_PERIODIC(X) X(sin) X(cos) X(sinc) X(sinlu) X(snake) X(gcu)
#define AX_ACT_ELEMENT_KERNELS(X) \
    AX_ACT_SIGMOIDAL(X) AX_ACT_SHRINK(X) AX_ACT_RECTIFIER(X) AX_ACT_GATED(X) \
    AX_ACT_PERIODIC(X)
#define AX_ACT_SOFT(X) X(softmax) X(log_softmax) X(softmin) X(softmax1)
#define AX_ACT_SPARSE(X) X(hardmax) X(gumbel_softmax) X(sparsemax) X(entmax15)
#define AX_ACT_HALVES(X) X(glu) X(gtu) X(bilinear) X(reglu) X(geglu) X(swiglu) X(swiglu_oai)
#define AX_ACT_LENGTHS(X) X(maxout) X(crelu) AX_ACT_HALVES(X)
#define AX_ACT_VECTOR_KERNELS(X) AX_ACT_SOFT(X) AX_ACT_SPARSE(X) AX_ACT_LENGTHS(X)

#define AX_ACT_ENUM(k) AX_ACT_K_##k,
enum {
    AX_ACT_ELEMENT_KERNELS(AX_ACT_ENUM)
    AX_ACT_VECTOR_KERNELS(AX_ACT_ENUM)
    AX_ACT_KERNEL_COUNT
};
/* clang-format on */

/* p: the parameters of the row, in order. The public contracts are in activation.h. */
typedef struct ax_act_element {
    void (*forward)(const double *p, const float *x, float *y, size_t n);
    void (*derivative)(const double *p, const float *x, float *dydx, size_t n);
    void (*second)(const double *p, const float *x, float *d2ydx2, size_t n);
    void (*backward)(const double *p, const float *x, const float *dy, float *dx, size_t n);
} ax_act_element;

typedef struct ax_act_vector {
    void (*forward)(const double *p, const float *x, float *y, int64_t outer, int64_t len,
                    int64_t inner);
    void (*backward)(const double *p, const float *saved, const float *dy, float *dx, int64_t outer,
                     int64_t len, int64_t inner);
} ax_act_vector;

/* add_gumbel of an instruction set */
typedef void ax_act_noise(const uint32_t *word, const float *x, float *y, size_t n);

/* ax_act_gelu_v3 and its like: AX_ACT_SYMBOL(gelu, v3), macros expanded first */
#define AX_ACT_PASTE(k, isa)  ax_act_##k##_##isa
#define AX_ACT_SYMBOL(k, isa) AX_ACT_PASTE(k, isa)

#endif
