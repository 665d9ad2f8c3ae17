/* apply.c - from an ax_act to the kernel of the instruction set in use, or to its program.
 *
 * One table of pointers per instruction set, written out by the lists in kernel.h. */
#include <assert.h>

#include "activation/formula/formula.h"
#include "activation/kernel.h"
#include "math/cpu.h"

#define POINT_V2(k)   [AX_ACT_K_##k] = &ax_act_##k##_v2,
#define POINT_V3(k)   [AX_ACT_K_##k] = &ax_act_##k##_v3,
#define POINT_V4(k)   [AX_ACT_K_##k] = &ax_act_##k##_v4,
#define POINT_NEON(k) [AX_ACT_K_##k] = &ax_act_##k##_neon,

#define DECLARE_E(k)                                                                               \
    extern const ax_act_element ax_act_##k##_v2, ax_act_##k##_v3, ax_act_##k##_v4,                 \
        ax_act_##k##_neon;
#define DECLARE_V(k)                                                                               \
    extern const ax_act_vector ax_act_##k##_v2, ax_act_##k##_v3, ax_act_##k##_v4, ax_act_##k##_neon;
AX_ACT_ELEMENT_KERNELS(DECLARE_E)
AX_ACT_VECTOR_KERNELS(DECLARE_V)

static const ax_act_element *const elements[AX_ISAS][AX_ACT_KERNEL_COUNT] = {
#if defined(__x86_64__)
    [AX_ISA_V2] = {AX_ACT_ELEMENT_KERNELS(POINT_V2)},
    [AX_ISA_V3] = {AX_ACT_ELEMENT_KERNELS(POINT_V3)},
    [AX_ISA_V4] = {AX_ACT_ELEMENT_KERNELS(POINT_V4)},
#else
    [AX_ISA_NEON] = {AX_ACT_ELEMENT_KERNELS(POINT_NEON)},
#endif
};

static const ax_act_vector *const vectors[AX_ISAS][AX_ACT_KERNEL_COUNT] = {
#if defined(__x86_64__)
    [AX_ISA_V2] = {AX_ACT_VECTOR_KERNELS(POINT_V2)},
    [AX_ISA_V3] = {AX_ACT_VECTOR_KERNELS(POINT_V3)},
    [AX_ISA_V4] = {AX_ACT_VECTOR_KERNELS(POINT_V4)},
#else
    [AX_ISA_NEON] = {AX_ACT_VECTOR_KERNELS(POINT_NEON)},
#endif
};

extern ax_act_noise ax_act_add_gumbel_v2, ax_act_add_gumbel_v3, ax_act_add_gumbel_v4,
    ax_act_add_gumbel_neon;

static ax_act_noise *const add_gumbel[AX_ISAS] = {
#if defined(__x86_64__)
    [AX_ISA_V2] = ax_act_add_gumbel_v2,
    [AX_ISA_V3] = ax_act_add_gumbel_v3,
    [AX_ISA_V4] = ax_act_add_gumbel_v4,
#else
    [AX_ISA_NEON] = ax_act_add_gumbel_neon,
#endif
};

static const ax_act_element *element(const ax_act *a)
{
    assert(a->row->kind == AX_ACT_ELEMENT);
    return elements[ax_isa_active()][a->row->kernel];
}

static const ax_act_vector *vector(const ax_act *a)
{
    assert(a->row->kind == AX_ACT_VECTOR);
    return vectors[ax_isa_active()][a->row->kernel];
}

void ax_act_forward(const ax_act *a, const float *x, float *y, size_t n)
{
    if (a->row->program)
        ax_formula_run(a->row->program, AX_FORMULA_F, a->param, x, y, n);
    else
        element(a)->forward(a->param, x, y, n);
}

void ax_act_derivative(const ax_act *a, const float *x, float *dydx, size_t n)
{
    if (a->row->program)
        ax_formula_run(a->row->program, AX_FORMULA_DX, a->param, x, dydx, n);
    else
        element(a)->derivative(a->param, x, dydx, n);
}

void ax_act_second(const ax_act *a, const float *x, float *d2ydx2, size_t n)
{
    if (a->row->program)
        ax_formula_run(a->row->program, AX_FORMULA_DXX, a->param, x, d2ydx2, n);
    else
        element(a)->second(a->param, x, d2ydx2, n);
}

void ax_act_backward(const ax_act *a, const float *x, const float *dy, float *dx, size_t n)
{
    if (a->row->program)
        ax_formula_backward(a->row->program, a->param, x, dy, dx, n);
    else
        element(a)->backward(a->param, x, dy, dx, n);
}

void ax_act_epilogue(const void *ctx, const float *x, float *y, size_t n)
{
    ax_act_forward(ctx, x, y, n);
}

int64_t ax_act_out_div(const ax_act *a)
{
    int div = a->row->out_div;
    return div == AX_ACT_PIECES ? (int64_t)a->param[0] : div ? div : 1;
}

int64_t ax_act_out_len(const ax_act *a, int64_t len)
{
    int64_t div = ax_act_out_div(a);
    return len % div ? -1 : len / div * (a->row->out_mul ? a->row->out_mul : 1);
}

void ax_act_rows(const ax_act *a, const float *x, float *y, int64_t outer, int64_t len,
                 int64_t inner)
{
    vector(a)->forward(a->param, x, y, outer, len, inner);
}

void ax_act_rows_backward(const ax_act *a, const float *saved, const float *dy, float *dx,
                          int64_t outer, int64_t len, int64_t inner)
{
    vector(a)->backward(a->param, saved, dy, dx, outer, len, inner);
}

void ax_act_add_gumbel(const uint32_t *word, const float *x, float *y, size_t n)
{
    add_gumbel[ax_isa_active()](word, x, y, n);
}
