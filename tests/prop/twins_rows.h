/* twins_rows.h - functions of whole rows once more, from their definitions, in double: one row in,
 * one row out; the twin that carries them along an axis; and the table of all twins. */
#ifndef TWINS_ROWS_H
#define TWINS_ROWS_H

#include "prop/twins.h"
#include "prop/twins_recurrent.h"

typedef void row_twin(const double *p, const double *x, double *y, int64_t n);

static void row_softmax(const double *p, const double *x, double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] / p[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = exp(x[i] / p[0]) / sum;
}

static void row_log_softmax(const double *p, const double *x, double *y, int64_t n)
{
    row_softmax(p, x, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = log(y[i]);
}

static void row_softmin(const double *p, const double *x, double *y, int64_t n)
{
    row_softmax(&(double){-p[0]}, x, y, n);
}

static void row_softmax1(const double *p, const double *x, double *y, int64_t n)
{
    double sum = 1;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] / p[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = exp(x[i] / p[0]) / sum;
}

static void row_hardmax(const double *p, const double *x, double *y, int64_t n)
{
    int64_t at = 0;
    (void)p;
    for (int64_t i = 1; i < n; i++)
        at = x[i] > x[at] ? i : at;
    for (int64_t i = 0; i < n; i++)
        y[i] = i == at;
}

/* c by halving */
static void row_project(double power, double t, const double *x, double *y, int64_t n)
{
    double lo = -1e3, hi = 1e3;
    for (int k = 0; k < 200; k++) {
        double c = (lo + hi) / 2, sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += pow(fmax(x[i] - c, 0) / t, power);
        *(sum > 1 ? &lo : &hi) = c;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = pow(fmax(x[i] - (lo + hi) / 2, 0) / t, power);
}

static void row_sparsemax(const double *p, const double *x, double *y, int64_t n)
{
    row_project(1, p[0], x, y, n);
}

static void row_entmax15(const double *p, const double *x, double *y, int64_t n)
{
    row_project(2, 2 * p[0], x, y, n);
}

static void row_maxout(const double *p, const double *x, double *y, int64_t n)
{
    int64_t k = (int64_t)p[0];
    for (int64_t i = 0; i < n; i++)
        y[i / k] = i % k ? fmax(y[i / k], x[i]) : x[i];
}

static void row_crelu(const double *p, const double *x, double *y, int64_t n)
{
    (void)p;
    for (int64_t i = 0; i < n; i++) {
        y[i] = fmax(x[i], 0);
        y[n + i] = fmax(-x[i], 0);
    }
}

static inline double sigma(double x)
{
    return 1 / (1 + exp(-x));
}

#define HALVES(name, formula)                                                                      \
    static void row_##name(const double *p, const double *x, double *y, int64_t n)                 \
    {                                                                                              \
        int swap = p[!strcmp(#name, "swiglu_oai") ? 2 : 0] > 0;                                    \
        for (int64_t i = 0; i < n / 2; i++) {                                                      \
            double a = x[swap ? n / 2 + i : i], b = x[swap ? i : n / 2 + i];                       \
            y[i] = formula;                                                                        \
        }                                                                                          \
    }
HALVES(glu, a *sigma(b))
HALVES(gtu, tanh(a) * sigma(b))
HALVES(bilinear, a *b)
HALVES(reglu, a *fmax(b, 0))
HALVES(geglu, a *b *erfc(-b / sqrt(2)) / 2)
HALVES(swiglu, a *b *sigma(b))
HALVES(swiglu_oai, (1 + fmax(-p[1], fmin(a, p[1]))) * fmin(b, p[1]) * sigma(p[0] * fmin(b, p[1])))

static const struct {
    const char *name;
    row_twin *fn;
} row_twins[] = {
    {"softmax", row_softmax},
    {"log_softmax", row_log_softmax},
    {"softmin", row_softmin},
    {"softmax1", row_softmax1},
    {"hardmax", row_hardmax},
    {"gumbel_softmax", row_softmax},
    {"sparsemax", row_sparsemax},
    {"entmax15", row_entmax15},
    {"maxout", row_maxout},
    {"crelu", row_crelu},
    {"glu", row_glu},
    {"gtu", row_gtu},
    {"bilinear", row_bilinear},
    {"reglu", row_reglu},
    {"geglu", row_geglu},
    {"swiglu", row_swiglu},
    {"swiglu_oai", row_swiglu_oai},
};

static inline row_twin *row_twin_of(const char *name)
{
    for (size_t i = 0; i < sizeof row_twins / sizeof *row_twins; i++)
        if (!strcmp(row_twins[i].name, name))
            return row_twins[i].fn;
    return NULL;
}

/* An activation along its axis; the other kind element by element. */
static void twin_rows(twin_call *t)
{
    const ax_activation_attr *a = t->attr;
    const ax_shape *s = &t->in[0].shape, *out = &t->out[0].shape;
    if (a->act.row->kind == AX_ACT_ELEMENT) {
        twin_activation(t);
        return;
    }
    int axis = a->axis < 0 ? a->axis + s->rank : a->axis;
    int64_t len = s->dim[axis], m = out->dim[axis], inner = 1, outer = 1;
    for (int k = 0; k < s->rank; k++)
        *(k < axis ? &outer : &inner) *= k == axis ? 1 : s->dim[k];
    double *x = malloc((size_t)len * sizeof *x), *y = malloc((size_t)m * sizeof *y);
    for (int64_t r = 0; r < outer * inner; r++) {
        int64_t from = r / inner * len * inner + r % inner, to = r / inner * m * inner + r % inner;
        for (int64_t i = 0; i < len; i++)
            x[i] = t->x[0][from + i * inner];
        row_twin_of(a->act.row->name)(a->act.param, x, y, len);
        for (int64_t i = 0; i < m; i++) {
            t->y[0][to + i * inner] = y[i];
            t->mag[0][to + i * inner] = fabs(y[i]);
        }
    }
    free(x);
    free(y);
    t->steps = 4;
}

// clang-format off
static const struct twin {
    const ax_op *op;
    twin_fn *fn;
} twins[] = {
    {&ax_op_dense, twin_dense},           {&ax_op_conv2d, twin_conv2d},
    {&ax_op_pool2d, twin_pool2d},         {&ax_op_reshape, twin_copy},
    {&ax_op_like, twin_copy},             {&ax_op_permute, twin_permute},
    {&ax_op_concat, twin_concat},         {&ax_op_slice, twin_slice},
    {&ax_op_pad2d, twin_pad2d},           {&ax_op_upsample2d, twin_upsample2d},
    {&ax_op_add, twin_add},               {&ax_op_mul, twin_mul},
    {&ax_op_affine, twin_affine},         {&ax_op_activation, twin_rows},
    {&ax_op_activation_learned, twin_learned},
    {&ax_op_prelu, twin_prelu},           {&ax_op_dropout, twin_dropout},
    {&ax_op_batch_norm, twin_batch_norm}, {&ax_op_batch_norm_train, twin_batch_norm_train},
    {&ax_op_layer_norm, twin_layer_norm}, {&ax_op_loss, twin_loss},
    {&ax_op_penalty, twin_penalty},       {&ax_op_gumbel, twin_gumbel},
    {&ax_op_kl_sparsity, twin_kl_sparsity}, {&ax_op_hoyer, twin_hoyer},
    {&ax_op_binary, twin_binary},         {&ax_op_lrn, twin_lrn},
    {&ax_op_unary, twin_unary},           {&ax_op_strided, twin_strided},
    {&ax_op_gather, twin_gather},         {&ax_op_cast, twin_cast},
    {&ax_op_reduce, twin_reduce},         {&ax_op_matmul, twin_matmul},
    {&ax_op_where, twin_where},           {&ax_op_cumsum, twin_cumsum},
    {&ax_op_pad, twin_pad},
    {&ax_op_pool, twin_pool},             {&ax_op_max_places, twin_max_places},
    {&ax_op_put, twin_put},               {&ax_op_conv2d_dx, twin_conv2d_dx},
    {&ax_op_conv2d_dw, twin_conv2d_dw},   {&ax_op_resample, twin_resample},
    {&ax_op_strided_sum, twin_strided_sum}, {&ax_op_group_norm, twin_group_norm},
    {&ax_op_row_stats, twin_row_stats},   {&ax_op_grid_sample, twin_grid_sample},
    {&ax_op_rnn, twin_recurrent},
    {&ax_op_gru, twin_recurrent},
    {&ax_op_nll, twin_nll},
    {&ax_op_lstm, twin_recurrent},
    {&ax_op_expand_like, twin_expand_like},
    {&ax_op_sum_like, twin_sum_like},     {&ax_op_gather_elements, twin_gather_elements},
    {&ax_op_gather_nd, twin_gather_nd},   {&ax_op_scatter, twin_scatter},
    {&ax_op_scatter_nd, twin_scatter_nd}, {&ax_op_topk, twin_topk},
    {&ax_op_reverse, twin_reverse},       {&ax_op_quantize, twin_quantize},
    {&ax_op_conv_whole, twin_conv_whole},
};
// clang-format on

static inline twin_fn *twin_of(const ax_op *op)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
        if (twins[i].op == op)
            return twins[i].fn;
    return NULL;
}

#endif
