/* twins.h - every operator once more, as slowly and clearly as possible, in double.
 *
 * A twin gives the values of the outputs and, beside each, its magnitude: the sum of the absolute
 * values of the terms it is made of. A float computation of `steps` roundings errs by at most about
 * steps * 2^-24 * magnitude; a twin that only moves numbers sets no magnitude, so its outputs must
 * be met exactly. */
#ifndef TWINS_H
#define TWINS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "ops/ops.h"

typedef struct twin_call {
    const void *attr;
    int n_in;
    const ax_desc *in, *out;
    double *x[AX_MAX_IN]; /* NULL: absent; class numbers and steps are doubles too */
    double *y[AX_MAX_OUT], *mag[AX_MAX_OUT]; /* both start as zeros */
    double steps;
} twin_call;

typedef void twin_fn(twin_call *t);

static inline const int64_t *dims(const ax_desc *d)
{
    return d->shape.dim;
}

static inline int64_t count_of(const ax_desc *d)
{
    return ax_shape_count(&d->shape);
}

/* Elements behind axis 1, and the channel of element i of a tensor whose channels are axis 1. */
static inline int64_t pixels_of(const ax_desc *d)
{
    int64_t n = 1;
    for (int i = 2; i < d->shape.rank; i++)
        n *= d->shape.dim[i];
    return n;
}

static inline int64_t channel_of(const ax_desc *d, int64_t i)
{
    return i / pixels_of(d) % d->shape.dim[1];
}

/* ---- the activations that fused ops are tried with ---- */

static inline double twin_act(const ax_act *a, double x)
{
    const char *name = a->row ? a->row->name : "identity";
    if (!strcmp(name, "relu"))
        return x > 0 ? x : 0;
    if (!strcmp(name, "sigmoid"))
        return 1 / (1 + exp(-x));
    if (!strcmp(name, "tanh"))
        return tanh(x);
    if (!strcmp(name, "elu"))
        return x > 0 ? x : a->param[0] * expm1(x);
    return x;
}

/* ---- dense, convolution ---- */

static void twin_dense(twin_call *t)
{
    int64_t n = dims(&t->in[1])[0], k = dims(&t->in[1])[1], rows = count_of(&t->in[0]) / k;
    const ax_act *act = &((const ax_fused_attr *)t->attr)->act;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, mag = 0, scale = t->x[4] ? t->x[4][j] : 1;
            for (int64_t q = 0; q < k; q++) {
                sum += t->x[0][i * k + q] * t->x[1][j * k + q] * scale;
                mag += fabs(t->x[0][i * k + q] * t->x[1][j * k + q] * scale);
            }
            double bias = t->x[2] ? t->x[2][j] : 0, residual = t->x[3] ? t->x[3][i * n + j] : 0;
            t->y[0][i * n + j] = twin_act(act, sum + bias + residual);
            t->mag[0][i * n + j] = mag + fabs(bias) + fabs(residual);
        }
    t->steps = (double)k + 4;
}

static void twin_conv2d(twin_call *t)
{
    const ax_conv2d_attr *a = t->attr;
    const int64_t *x = dims(&t->in[0]), *w = dims(&t->in[1]), *y = dims(&t->out[0]);
    int64_t per_group = y[1] / a->groups;
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        int64_t ox = i % y[3], oy = i / y[3] % y[2], k = i / (y[2] * y[3]) % y[1],
                n = i / (y[1] * y[2] * y[3]);
        double sum = 0, mag = 0, scale = t->x[4] ? t->x[4][k] : 1;
        for (int64_t j = 0; j < w[1] * w[2] * w[3]; j++) {
            int64_t kx = j % w[3], ky = j / w[3] % w[2],
                    c = k / per_group * w[1] + j / (w[2] * w[3]);
            int64_t iy = oy * a->stride[0] + ky * a->dilation[0] - a->pad[0];
            int64_t ix = ox * a->stride[1] + kx * a->dilation[1] - a->pad[1];
            if (iy < 0 || ix < 0 || iy >= x[2] || ix >= x[3])
                continue;
            double term = t->x[0][((n * x[1] + c) * x[2] + iy) * x[3] + ix] *
                          t->x[1][k * w[1] * w[2] * w[3] + j] * scale;
            sum += term;
            mag += fabs(term);
        }
        double bias = t->x[2] ? t->x[2][k] : 0, residual = t->x[3] ? t->x[3][i] : 0;
        t->y[0][i] = twin_act(&a->act, sum + bias + residual);
        t->mag[0][i] = mag + fabs(bias) + fabs(residual);
    }
    t->steps = (double)(w[1] * w[2] * w[3]) + 4;
}

/* ---- pooling ---- */

static void twin_pool2d(twin_call *t)
{
    const ax_pool2d_attr *a = t->attr;
    const int64_t *x = dims(&t->in[0]), *y = dims(&t->out[0]);
    int64_t kh = a->global ? x[2] : a->kernel[0], kw = a->global ? x[3] : a->kernel[1];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        int64_t ox = i % y[3], oy = i / y[3] % y[2], map = i / (y[2] * y[3]);
        double best = -INFINITY, sum = 0, mag = 0;
        int64_t pixels = 0, places = 0;
        for (int64_t j = 0; j < kh * kw; j++) {
            int64_t iy = oy * a->stride[0] + j / kw - a->pad[0],
                    ix = ox * a->stride[1] + j % kw - a->pad[1];
            places += iy < x[2] + a->pad[2] && ix < x[3] + a->pad[3];
            if (iy < 0 || ix < 0 || iy >= x[2] || ix >= x[3])
                continue;
            double v = t->x[0][(map * x[2] + iy) * x[3] + ix];
            best = v > best ? v : best;
            sum += v;
            mag += fabs(v);
            pixels++;
        }
        double divisor = (double)(a->count_pad ? places : pixels);
        t->y[0][i] = a->max ? best : sum / divisor;
        t->mag[0][i] = a->max ? 0 : mag / divisor;
    }
    t->steps = (double)(kh * kw) + 2;
}

/* ---- ops that move numbers ---- */

static void twin_copy(twin_call *t)
{
    memcpy(t->y[0], t->x[0], (size_t)count_of(&t->out[0]) * sizeof(double));
}

/* index i of a tensor of this shape, as coordinates */
static inline void coordinates(const ax_shape *s, int64_t i, int64_t *at)
{
    for (int k = s->rank - 1; k >= 0; k--) {
        at[k] = i % s->dim[k];
        i /= s->dim[k];
    }
}

static inline int64_t index_of(const ax_shape *s, const int64_t *at)
{
    int64_t i = 0;
    for (int k = 0; k < s->rank; k++)
        i = i * s->dim[k] + at[k];
    return i;
}

static void twin_permute(twin_call *t)
{
    const ax_permute_attr *a = t->attr;
    int64_t to[AX_MAX_RANK], from[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        coordinates(&t->out[0].shape, i, to);
        for (int k = 0; k < t->out[0].shape.rank; k++)
            from[a->perm[k]] = to[k];
        t->y[0][i] = t->x[0][index_of(&t->in[0].shape, from)];
    }
}

static void twin_concat(twin_call *t)
{
    int axis = ((const ax_axis_attr *)t->attr)->axis;
    int64_t at[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        int k = 0;
        coordinates(&t->out[0].shape, i, at);
        for (; at[axis] >= dims(&t->in[k])[axis]; k++)
            at[axis] -= dims(&t->in[k])[axis];
        t->y[0][i] = t->x[k][index_of(&t->in[k].shape, at)];
    }
}

static void twin_slice(twin_call *t)
{
    const ax_slice_attr *a = t->attr;
    int64_t at[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        coordinates(&t->out[0].shape, i, at);
        at[a->axis] += a->from;
        t->y[0][i] = t->x[0][index_of(&t->in[0].shape, at)];
    }
}

static void twin_pad2d(twin_call *t)
{
    const ax_pad2d_attr *a = t->attr;
    const ax_shape *x = &t->in[0].shape;
    int64_t at[AX_MAX_RANK], r = x->rank;
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        coordinates(&t->out[0].shape, i, at);
        at[r - 2] -= a->pad[0];
        at[r - 1] -= a->pad[1];
        int inside = at[r - 2] >= 0 && at[r - 2] < x->dim[r - 2] && at[r - 1] >= 0 &&
                     at[r - 1] < x->dim[r - 1];
        t->y[0][i] = inside ? t->x[0][index_of(x, at)] : 0;
    }
}

static void twin_upsample2d(twin_call *t)
{
    const ax_upsample2d_attr *a = t->attr;
    int64_t at[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        coordinates(&t->out[0].shape, i, at);
        at[2] /= a->size[0];
        at[3] /= a->size[1];
        t->y[0][i] = t->x[0][index_of(&t->in[0].shape, at)];
    }
}

/* ---- element by element ---- */

static void twin_add(twin_call *t)
{
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        t->y[0][i] = twin_act(&((const ax_add_attr *)t->attr)->act, t->x[0][i] + t->x[1][i]);
        t->mag[0][i] = fabs(t->x[0][i]) + fabs(t->x[1][i]);
    }
    t->steps = 2;
}

static void twin_mul(twin_call *t)
{
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        t->y[0][i] = t->x[0][i] * t->x[1][i];
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 1;
}

static void twin_affine(twin_call *t)
{
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        int64_t c = dims(&t->in[1])[0] == 1 ? 0 : channel_of(&t->in[0], i);
        t->y[0][i] = t->x[0][i] * t->x[1][c] + t->x[2][c];
        t->mag[0][i] = fabs(t->x[0][i] * t->x[1][c]) + fabs(t->x[2][c]);
    }
    t->steps = 2;
}

static void twin_activation(twin_call *t)
{
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        t->y[0][i] = twin_act(&((const ax_activation_attr *)t->attr)->act, t->x[0][i]);
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 2;
}

static void twin_prelu(twin_call *t)
{
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        double slope = t->x[1][dims(&t->in[1])[0] == 1 ? 0 : channel_of(&t->in[0], i)],
               x = t->x[0][i];
        t->y[0][i] = x > 0 ? x : slope * x;
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 1;
}

/* The rows of the cases with values p, and their formula, x*sigmoid(beta*x). */
static double learned_at(const char *name, const double *p, double x)
{
    if (!strcmp(name, "acon_c"))
        return (p[0] - p[1]) * x / (1 + exp(-p[2] * (p[0] - p[1]) * x)) + p[1] * x;
    if (!strcmp(name, "sinlu"))
        return (x + p[0] * sin(p[1] * x)) / (1 + exp(-x));
    if (!strcmp(name, "snake"))
        return x + sin(p[0] * x) * sin(p[0] * x) / p[0];
    return x / (1 + exp(-p[0] * x));
}

static void twin_learned(twin_call *t)
{
    const ax_act *a = &((const ax_learned_attr *)t->attr)->act;
    double p[AX_ACT_PARAMS];
    memcpy(p, a->param, sizeof p);
    for (int i = 0, k = 1; i < AX_ACT_PARAMS; i++)
        if (a->learned >> i & 1)
            p[i] = t->x[k++][0];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        t->y[0][i] = learned_at(a->row->name, p, t->x[0][i]);
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 1;
}

/* its own gradient is the identity's */
static void twin_gumbel(twin_call *t)
{
    const ax_gumbel_attr *a = t->attr;
    uint64_t step = (uint64_t)t->x[1][0];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        uint32_t word = ax_rng_u32((ax_rng){a->seed, a->stream}, (step << 34) + (uint64_t)i);
        double g = -log(-log((word + 0.5) / 4294967296.0));
        t->y[0][i] = t->x[0][i] + g;
        t->mag[0][i] = fabs(t->x[0][i]) + fabs(g);
    }
    t->steps = 1;
}

static void twin_dropout(twin_call *t)
{
    const ax_dropout_attr *a = t->attr;
    uint64_t step = (uint64_t)t->x[1][0];
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        uint32_t word = ax_rng_u32((ax_rng){a->seed, a->stream}, (step << 34) + (uint64_t)i);
        t->y[0][i] = word < (1 - a->rate) * 4294967296.0 ? t->x[0][i] / (1 - a->rate) : 0;
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 2;
}

/* ---- normalisation ---- */

static inline void normalised(twin_call *t, int64_t i, double mean, double var, double gamma,
                              double beta, double eps)
{
    double r = 1 / sqrt(var + eps);
    t->y[0][i] = (t->x[0][i] - mean) * r * gamma + beta;
    t->mag[0][i] = (fabs(t->x[0][i]) + fabs(mean)) * r * fabs(gamma) + fabs(beta);
    t->steps = 6;
}

static void twin_batch_norm(twin_call *t)
{
    double eps = ((const ax_norm_attr *)t->attr)->epsilon;
    for (int64_t i = 0; i < count_of(&t->out[0]); i++) {
        int64_t c = channel_of(&t->in[0], i);
        normalised(t, i, t->x[3][c], t->x[4][c], t->x[1][c], t->x[2][c], eps);
    }
}

static void twin_batch_norm_train(twin_call *t)
{
    double eps = ((const ax_norm_attr *)t->attr)->epsilon;
    int64_t channels = dims(&t->in[0])[1], n = count_of(&t->in[0]);
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, var = 0, abs = 0, m = (double)n / (double)channels;
        for (int64_t i = 0; i < n; i++)
            if (channel_of(&t->in[0], i) == c)
                mean += t->x[0][i] / m, abs += fabs(t->x[0][i]) / m;
        for (int64_t i = 0; i < n; i++)
            if (channel_of(&t->in[0], i) == c)
                var += (t->x[0][i] - mean) * (t->x[0][i] - mean) / m;
        for (int64_t i = 0; i < n; i++)
            if (channel_of(&t->in[0], i) == c)
                normalised(t, i, mean, var, t->x[1][c], t->x[2][c], eps);
        t->y[1][c] = mean, t->mag[1][c] = abs;
        t->y[2][c] = t->mag[2][c] = var;
    }
}

static void twin_layer_norm(twin_call *t)
{
    double eps = ((const ax_norm_attr *)t->attr)->epsilon;
    int64_t len = count_of(&t->in[1]), rows = count_of(&t->in[0]) / len;
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < len && !((const ax_norm_attr *)t->attr)->rms; i++)
            mean += t->x[0][r * len + i] / (double)len;
        for (int64_t i = 0; i < len; i++)
            var += pow(t->x[0][r * len + i] - mean, 2) / (double)len;
        for (int64_t i = 0; i < len; i++)
            normalised(t, r * len + i, mean, var, t->x[1][i], t->x[2] ? t->x[2][i] : 0, eps);
    }
}

static void twin_group_norm(twin_call *t)
{
    const ax_group_norm_attr *a = t->attr;
    int64_t channels = dims(t->in)[1] / a->groups, len = channels * pixels_of(t->in);
    for (int64_t g = 0; g < count_of(t->in) / len; g++) {
        double mean = 0, var = 0;
        for (int64_t i = g * len; i < (g + 1) * len; i++)
            mean += t->x[0][i] / (double)len;
        for (int64_t i = g * len; i < (g + 1) * len; i++)
            var += pow(t->x[0][i] - mean, 2) / (double)len;
        for (int64_t i = g * len; i < (g + 1) * len; i++) {
            int64_t c = channel_of(t->in, i);
            normalised(t, i, mean, var, t->x[1][c], t->x[2][c], a->epsilon);
        }
    }
}

static void twin_row_stats(twin_call *t)
{
    int64_t rows = dims(t->in)[0], len = dims(t->in)[1];
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, var = ((const ax_norm_attr *)t->attr)->epsilon;
        for (int64_t i = 0; i < len; i++)
            mean += t->x[0][r * len + i] / (double)len;
        for (int64_t i = 0; i < len; i++)
            var += pow(t->x[0][r * len + i] - mean, 2) / (double)len;
        t->y[0][r] = mean;
        t->y[1][r] = 1 / sqrt(var);
        t->mag[0][r] = t->mag[1][r] = 1 + t->y[1][r];
    }
    t->steps = 2;
}

/* ---- losses and penalties: the mean over the rows, from the textbook ---- */

static double row_loss(const char *name, const double *x, const double *t, int64_t n, double param)
{
    double sum = 0, exps = 0;
    for (int64_t i = 0; i < n; i++)
        exps += exp(x[i]);
    for (int64_t i = 0; i < n; i++) {
        double e = x[i] - t[i], p = 1 / (1 + exp(-x[i])), side = t[i] > 0 ? 1 : -1;
        if (!strcmp(name, "cross_entropy"))
            sum -= (t[i] * (1 - param) + param / (double)n) * log(exp(x[i]) / exps);
        else if (!strcmp(name, "binary_cross_entropy"))
            sum -= (t[i] * log(p) + (1 - t[i]) * log(1 - p)) / (double)n;
        else if (!strcmp(name, "mse"))
            sum += e * e / (double)n;
        else if (!strcmp(name, "mae"))
            sum += fabs(e) / (double)n;
        else if (!strcmp(name, "huber"))
            sum += (fabs(e) <= param ? e * e / 2 : param * (fabs(e) - param / 2)) / (double)n;
        else if (!strcmp(name, "hinge"))
            sum += fmax(0, 1 - side * x[i]) / (double)n;
        else
            sum += t[i] > 1e-7 ? t[i] * log(t[i] / x[i]) : 0;
    }
    return sum;
}

static void twin_loss(twin_call *t)
{
    const ax_loss_attr *a = t->attr;
    int64_t rows = dims(&t->in[0])[0], n = count_of(&t->in[0]) / rows;
    double *target = calloc((size_t)n, sizeof *target);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < n; i++)
            target[i] = t->in[1].dtype == AX_I32 ? (double)i == t->x[1][r] : t->x[1][r * n + i];
        double v = row_loss(a->row->name, t->x[0] + r * n, target, n, a->param) / (double)rows;
        t->y[0][0] += v;
        t->mag[0][0] += fabs(v);
    }
    free(target);
    t->steps = 2;
}

static void twin_penalty(twin_call *t)
{
    const ax_penalty_attr *a = t->attr;
    double divisor = a->batch ? (double)dims(&t->in[0])[0] : 1;
    for (int64_t i = 0; i < count_of(&t->in[0]); i++)
        t->y[0][0] += (a->l1 * fabs(t->x[0][i]) + a->l2 * t->x[0][i] * t->x[0][i]) / divisor;
    t->mag[0][0] = t->y[0][0];
    t->steps = 2;
}

static void twin_kl_sparsity(twin_call *t)
{
    const ax_kl_attr *a = t->attr;
    int picture = t->in[0].shape.rank == 4;
    int64_t n = dims(&t->in[0])[0], count = count_of(&t->in[0]), sample = count / n;
    int64_t units = picture ? dims(&t->in[0])[1] : sample;
    for (int64_t u = 0; u < units; u++) {
        double sum = 0, of = 0;
        for (int64_t i = 0; i < count; i++)
            if ((picture ? channel_of(&t->in[0], i) : i % sample) == u) {
                sum += a->symmetric ? (t->x[0][i] + 1) / 2 : t->x[0][i];
                of++;
            }
        double r = fmin(fmax(sum / of, 1e-6), 1 - 1e-6);
        double on = a->rho * log(a->rho / r), off = (1 - a->rho) * log((1 - a->rho) / (1 - r));
        t->y[0][0] += a->beta * (on + off);
        t->mag[0][0] += a->beta * (fabs(on) + fabs(off));
    }
    t->steps = 2;
}

static void twin_hoyer(twin_call *t)
{
    int64_t n = dims(&t->in[0])[0], sample = count_of(&t->in[0]) / n;
    for (int64_t i = 0; i < n; i++) {
        double s1 = 0, s2 = 0;
        for (int64_t k = 0; k < sample; k++) {
            s1 += fabs(t->x[0][i * sample + k]);
            s2 += pow(t->x[0][i * sample + k], 2);
        }
        if (s2 > 0)
            t->y[0][0] += ((const ax_hoyer_attr *)t->attr)->weight / (double)n * s1 * s1 / s2;
    }
    t->mag[0][0] = t->y[0][0];
    t->steps = 2;
}

/* The element of x that stands at element i of y: axes aligned at the end, a dimension of 1 repeated. */
static inline int64_t repeated(const ax_desc *x, const ax_desc *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = 1; k <= y->shape.rank; k++) {
        int64_t index = i % y->shape.dim[y->shape.rank - k];
        i /= y->shape.dim[y->shape.rank - k];
        if (k > x->shape.rank)
            continue;
        int64_t d = x->shape.dim[x->shape.rank - k];
        at += (d == 1 ? 0 : index) * step;
        step *= d;
    }
    return at;
}

static void twin_binary(twin_call *t)
{
    ax_binary_kind what = ((const ax_binary_attr *)t->attr)->kind;
    for (int64_t i = 0; i < count_of(t->out); i++) {
        double a = t->x[0][repeated(&t->in[0], t->out, i)], b = t->x[1][repeated(&t->in[1], t->out, i)];
        t->y[0][i] = what == AX_BINARY_ADD   ? a + b
                     : what == AX_BINARY_SUB ? a - b
                     : what == AX_BINARY_MUL ? a * b
                     : what == AX_BINARY_MIN ? fmin(a, b)
                     : what == AX_BINARY_MAX ? fmax(a, b)
                     : what == AX_BINARY_POW ? exp(b * log(a))
                     : what == AX_BINARY_FMOD ? a - trunc(a / b) * b
                                             : a / b;
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 1;
}

static void twin_lrn(twin_call *t)
{
    const ax_lrn_attr *a = t->attr;
    int64_t pixels = pixels_of(&t->in[0]), channels = dims(&t->in[0])[1];
    for (int64_t i = 0; i < count_of(t->in); i++) {
        int64_t c = channel_of(&t->in[0], i);
        double sum = 0;
        for (int64_t k = c - (a->size - 1) / 2; k <= c + a->size / 2; k++)
            if (k >= 0 && k < channels)
                sum += pow(t->x[0][i + (k - c) * pixels], 2);
        t->y[0][i] = t->x[0][i] / pow(a->bias + a->alpha / (double)a->size * sum, a->beta);
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 2;
}

/* Every tap of a window by its coordinates. */
static void twin_pool(twin_call *t)
{
    const ax_pool_attr *a = t->attr;
    const ax_shape *x = &t->in[0].shape, *y = &t->out[0].shape;
    int64_t taps = 1, to[AX_MAX_RANK], from[AX_MAX_RANK];
    for (int k = 0; k < x->rank - 2; k++)
        taps *= a->kernel[k];
    for (int64_t i = 0; i < count_of(t->out); i++) {
        double best = -INFINITY, sum = 0, inside = 0, padded = 0;
        for (int64_t j = 0; j < taps; j++) {
            int64_t rest = j;
            int in = 1, near = 1;
            coordinates(y, i, to);
            memcpy(from, to, sizeof from);
            for (int k = x->rank - 3; k >= 0; k--) {
                int64_t at = to[2 + k] * a->stride[k] + rest % a->kernel[k] * a->dilation[k] - a->before[k];
                rest /= a->kernel[k];
                in &= at >= 0 && at < x->dim[2 + k];
                near &= at < x->dim[2 + k] + a->after[k];
                from[2 + k] = at;
            }
            padded += near;
            if (!in)
                continue;
            double v = t->x[0][index_of(x, from)];
            best = v > best ? v : best;
            sum += a->kind == AX_POOL_LP ? pow(fabs(v), (double)a->p) : v;
            t->mag[0][i] += a->kind == AX_POOL_MAX ? 0 : fabs(v);
            inside++;
        }
        t->y[0][i] = a->kind == AX_POOL_MAX  ? best
                     : a->kind == AX_POOL_LP ? pow(sum, 1 / (double)a->p)
                                             : sum / (a->count_pad ? padded : inside);
    }
    t->steps = 2;
}

static void twin_max_places(twin_call *t)
{
    const ax_pool_attr *a = t->attr;
    const ax_shape *x = &t->in[0].shape;
    int64_t at[AX_MAX_RANK], back[AX_MAX_RANK];
    ax_shape turned = {.rank = x->rank, .dim = {x->dim[0], x->dim[1]}};
    twin_pool(t);
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t k = 0;
        while (t->x[0][k] != t->y[0][i])
            k++;
        coordinates(x, k, at);
        memcpy(back, at, sizeof back);
        for (int d = 2; d < x->rank; d++) {
            turned.dim[d] = x->dim[x->rank + 1 - d];
            back[d] = at[x->rank + 1 - d];
        }
        t->y[0][i] = (double)(a->by_columns ? index_of(&turned, back) : k);
    }
}

static void twin_put(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->in); i++)
        t->y[0][(int64_t)t->x[1][i]] = t->x[0][i];
}

/* Each number of dy to the pixels that a convolution would have seen. */
static void twin_conv2d_dx(twin_call *t)
{
    const ax_conv2d_grad_attr *a = t->attr;
    const int64_t *dy = dims(&t->in[0]), *w = dims(&t->in[1]), *x = dims(&t->out[0]);
    int64_t per_group = dy[1] / a->conv.groups;
    for (int64_t i = 0; i < count_of(&t->in[0]); i++) {
        int64_t ox = i % dy[3], oy = i / dy[3] % dy[2], k = i / (dy[2] * dy[3]) % dy[1], n = i / (dy[1] * dy[2] * dy[3]);
        for (int64_t j = 0; j < w[1] * w[2] * w[3]; j++) {
            int64_t kx = j % w[3], ky = j / w[3] % w[2], c = k / per_group * w[1] + j / (w[2] * w[3]);
            int64_t iy = oy * a->conv.stride[0] + ky * a->conv.dilation[0] - a->conv.pad[0];
            int64_t ix = ox * a->conv.stride[1] + kx * a->conv.dilation[1] - a->conv.pad[1];
            if (iy < 0 || ix < 0 || iy >= x[2] || ix >= x[3])
                continue;
            int64_t to = ((n * x[1] + c) * x[2] + iy) * x[3] + ix;
            double term = t->x[0][i] * t->x[1][k * w[1] * w[2] * w[3] + j];
            t->y[0][to] += term;
            t->mag[0][to] += fabs(term);
        }
    }
    t->steps = (double)(w[0] * w[2] * w[3]) + 2;
}

static void twin_conv2d_dw(twin_call *t)
{
    const ax_conv2d_grad_attr *a = t->attr;
    const int64_t *x = dims(&t->in[0]), *dy = dims(&t->in[1]), *w = dims(&t->out[0]);
    for (int64_t i = 0; i < count_of(&t->in[1]); i++) {
        int64_t ox = i % dy[3], oy = i / dy[3] % dy[2], k = i / (dy[2] * dy[3]) % dy[1], n = i / (dy[1] * dy[2] * dy[3]);
        for (int64_t j = 0; j < w[1] * w[2] * w[3]; j++) {
            int64_t iy = oy * a->conv.stride[0] + j / w[3] % w[2] - a->conv.pad[0];
            int64_t ix = ox * a->conv.stride[1] + j % w[3] - a->conv.pad[1];
            if (iy < 0 || ix < 0 || iy >= x[2] || ix >= x[3])
                continue;
            double term = t->x[0][((n * x[1] + j / (w[2] * w[3])) * x[2] + iy) * x[3] + ix] * t->x[1][i];
            t->y[0][k * w[1] * w[2] * w[3] + j] += term;
            t->mag[0][k * w[1] * w[2] * w[3] + j] += fabs(term);
        }
    }
    t->steps = (double)(dy[0] * dy[2] * dy[3]) + 2;
}

static void twin_resample(twin_call *t)
{
    int axis = ((const ax_resample_attr *)t->attr)->axis;
    int64_t at[AX_MAX_RANK], taps = dims(&t->in[1])[1];
    for (int64_t i = 0; i < count_of(t->out); i++) {
        coordinates(&t->out->shape, i, at);
        int64_t o = at[axis];
        for (int64_t k = o * taps; k < (o + 1) * taps; k++) {
            at[axis] = (int64_t)fmin(t->x[1][k], (double)dims(t->in)[axis] - 1);
            double term = t->x[2][k] * t->x[0][index_of(&t->in->shape, at)];
            t->y[0][i] += term;
            t->mag[0][i] += fabs(term);
        }
    }
    t->steps = 1;
}

static void twin_strided_sum(twin_call *t)
{
    const ax_strided_attr *a = &((const ax_strided_sum_attr *)t->attr)->steps;
    int64_t at[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(t->in); i++) {
        int64_t to = a->from;
        coordinates(&a->shape, i, at);
        for (int k = 0; k < a->shape.rank; k++)
            to += at[k] * a->step[k];
        t->y[0][to] += t->x[0][i];
        t->mag[0][to] += fabs(t->x[0][i]);
    }
    t->steps = 8;
}

/* x at pixel k of an axis as the padding says, far away as well: step by step back into the picture. */
static inline int64_t grid_pixel(const ax_grid_sample_attr *a, int64_t k, int64_t size)
{
    if (a->padding == AX_GRID_BORDER)
        return k < 0 ? 0 : k >= size ? size - 1 : k;
    while (a->padding == AX_GRID_REFLECT && (k < 0 || k >= size))
        k = k < 0 ? (a->align_corners ? -k : -1 - k) : 2 * size - 1 - a->align_corners - k;
    return k >= 0 && k < size ? k : -1;
}

static inline double grid_weight(const ax_grid_sample_attr *a, double d)
{
    double c = -0.75;
    d = fabs(d);
    if (a->mode == AX_GRID_LINEAR)
        return d < 1 ? 1 - d : 0;
    return d < 1   ? (c + 2) * d * d * d - (c + 3) * d * d + 1
           : d < 2 ? c * d * d * d - 5 * c * d * d + 8 * c * d - 4 * c
                   : 0;
}

/* All pixels around, each with its weight; for the nearest one, that alone. */
static void twin_grid_sample(twin_call *t)
{
    const ax_grid_sample_attr *a = t->attr;
    const ax_shape *x = &t->in[0].shape, *y = &t->out->shape;
    int axes = x->rank - 2;
    int64_t to[AX_MAX_RANK], at[AX_MAX_RANK], points = pixels_of(t->out), around = 1;
    for (int i = 0; i < axes; i++)
        around *= 5;
    for (int64_t i = 0; i < count_of(t->out); i++) {
        coordinates(y, i, to);
        memcpy(at, to, sizeof at);
        for (int64_t q = 0; q < around; q++) {
            double weight = 1;
            int64_t rest = q;
            for (int k = 0; k < axes; k++, rest /= 5) {
                double size = (double)x->dim[2 + k];
                double g = t->x[1][(to[0] * points + i % points) * axes + axes - 1 - k];
                double v = a->align_corners ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2;
                v = a->mode == AX_GRID_NEAREST ? rint(v) : v;
                if (a->padding == AX_GRID_BORDER && a->mode != AX_GRID_CUBIC)
                    v = fmax(0, fmin(v, size - 1));
                double near = floor(v) + (double)(rest % 5) - 2;
                weight *= a->mode == AX_GRID_NEAREST ? near == v : grid_weight(a, v - near);
                at[2 + k] = grid_pixel(a, (int64_t)near, x->dim[2 + k]);
                weight *= at[2 + k] >= 0;
            }
            double term = weight != 0 ? weight * t->x[0][index_of(x, at)] : 0;
            t->y[0][i] += term;
            t->mag[0][i] += fabs(term);
        }
    }
    t->steps = 1;
}

static const struct {
    const char *name;
    double (*f)(double);
} unary_twins[] = {
    {"Abs", fabs},   {"Sqrt", sqrt}, {"Sin", sin},   {"Cos", cos},     {"Tan", tan},     {"Sinh", sinh},
    {"Cosh", cosh},  {"Asin", asin}, {"Acos", acos}, {"Atan", atan},   {"Asinh", asinh}, {"Atanh", atanh},
    {"Floor", floor}, {"Log", log}, {"Exp", exp}, {"Tanh", tanh},
};

static double unary_twin(const char *name, double x)
{
    for (size_t i = 0; i < sizeof unary_twins / sizeof *unary_twins; i++)
        if (!strcmp(unary_twins[i].name, name))
            return unary_twins[i].f(x);
    return !strcmp(name, "Neg") ? -x : !strcmp(name, "Sign") ? (x > 0) - (x < 0) : 1 / x;
}

static void twin_unary(twin_call *t)
{
    const ax_unary_row *row = ((const ax_unary_attr *)t->attr)->row;
    for (int64_t i = 0; i < count_of(t->in); i++) {
        t->y[0][i] = unary_twin(row->name, t->x[0][i]);
        t->mag[0][i] = fabs(t->y[0][i]);
    }
    t->steps = 1;
}

static void twin_strided(twin_call *t)
{
    const ax_strided_attr *a = t->attr;
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t rest = i, at = a->from;
        for (int k = a->shape.rank - 1; k >= 0; k--) {
            at += rest % a->shape.dim[k] * a->step[k];
            rest /= a->shape.dim[k];
        }
        t->y[0][i] = t->x[0][at];
    }
}

static void twin_gather(twin_call *t)
{
    int axis = ((const ax_axis_attr *)t->attr)->axis;
    int64_t inner = 1, n = dims(&t->in[0])[axis], taken = count_of(&t->in[1]);
    for (int k = axis + 1; k < t->in[0].shape.rank; k++)
        inner *= dims(&t->in[0])[k];
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t outer = i / inner / taken, k = i / inner % taken;
        t->y[0][i] = t->x[0][(outer * n + (int64_t)t->x[1][k]) * inner + i % inner];
    }
}

static void twin_cast(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->out); i++)
        t->y[0][i] = t->x[0][i];
}

static double reduce_term(ax_reduce_kind what, double v, int64_t n)
{
    switch (what) {
    case AX_REDUCE_MEAN:
        return v / (double)n;
    case AX_REDUCE_L2:
    case AX_REDUCE_SUM_SQUARE:
        return v * v;
    case AX_REDUCE_L1:
        return fabs(v);
    case AX_REDUCE_LOG_SUM_EXP:
        return exp(v);
    default:
        return v;
    }
}

/* Which element of the result element i of x goes to. */
static int64_t reduced_to(const ax_shape *x, unsigned axes, int64_t i)
{
    int64_t to = 0, step = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        if (!(axes >> k & 1)) {
            to += i % x->dim[k] * step;
            step *= x->dim[k];
        }
        i /= x->dim[k];
    }
    return to;
}

static void twin_reduce(twin_call *t)
{
    const ax_reduce_attr *a = t->attr;
    int64_t gone = count_of(t->in) / count_of(t->out);
    double *y = t->y[0], *mag = t->mag[0], *terms = calloc((size_t)count_of(t->out), sizeof *terms);
    for (int64_t i = 0; i < count_of(t->in); i++) {
        int64_t to = reduced_to(&t->in[0].shape, a->axes, i);
        double v = reduce_term(a->kind, t->x[0][i], gone);
        int first = terms[to]++ == 0;
        y[to] = first                        ? v
                : a->kind == AX_REDUCE_MAX  ? fmax(y[to], v)
                : a->kind == AX_REDUCE_MIN  ? fmin(y[to], v)
                : a->kind == AX_REDUCE_PROD ? y[to] * v
                                            : y[to] + v;
        mag[to] += a->kind == AX_REDUCE_MAX || a->kind == AX_REDUCE_MIN ? 0 : fabs(v);
    }
    for (int64_t i = 0; i < count_of(t->out); i++) {
        if (a->kind == AX_REDUCE_L2)
            y[i] = sqrt(y[i]);
        if (a->kind == AX_REDUCE_LOG_SUM || a->kind == AX_REDUCE_LOG_SUM_EXP)
            y[i] = log(y[i]);
        if (a->kind != AX_REDUCE_SUM && a->kind != AX_REDUCE_MEAN)
            mag[i] = mag[i] > 0 ? fabs(y[i]) : 0;
    }
    free(terms);
    t->steps = 2;
}

static void twin_matmul(twin_call *t)
{
    const ax_shape *a = &t->in[0].shape, *b = &t->in[1].shape, *y = &t->out->shape;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1], k = a->dim[a->rank - 1];
    ax_desc ma = {AX_F32, *a}, mb = {AX_F32, *b}, my = {AX_F32, *y};
    ma.shape.rank -= 2, mb.shape.rank -= 2, my.shape.rank -= 2;
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t matrix = i / (m * n), r = i / n % m, c = i % n;
        for (int64_t p = 0; p < k; p++) {
            double v = t->x[0][(repeated(&ma, &my, matrix) * m + r) * k + p] *
                       t->x[1][(repeated(&mb, &my, matrix) * k + p) * n + c];
            t->y[0][i] += v;
            t->mag[0][i] += fabs(v);
        }
    }
    t->steps = (double)k;
}

static void twin_where(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->out); i++)
        t->y[0][i] = t->x[t->x[0][i] != 0 ? 1 : 2][i];
}

static void twin_cumsum(twin_call *t)
{
    const ax_cumsum_attr *a = t->attr;
    int64_t inner = 1, n = dims(t->in)[a->axis];
    for (int k = a->axis + 1; k < t->in[0].shape.rank; k++)
        inner *= dims(t->in)[k];
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t at = i / inner % n;
        for (int64_t k = 0; k < n; k++)
            if ((a->reverse ? k > at : k < at) || (k == at && !a->exclusive)) {
                t->y[0][i] += t->x[0][i + (k - at) * inner];
                t->mag[0][i] += fabs(t->x[0][i + (k - at) * inner]);
            }
    }
    t->steps = 1;
}

/* Element by element: the index of each axis goes one step at a time from the inside to where it is. */
static void twin_pad(twin_call *t)
{
    const ax_pad_attr *a = t->attr;
    float value;
    memcpy(&value, a->value, sizeof value);
    for (int64_t i = 0; i < count_of(t->out); i++) {
        int64_t rest = i, at = 0, step = 1, outside = 0;
        for (int k = t->out->shape.rank - 1; k >= 0; k--) {
            int64_t d = dims(t->in)[k], want = rest % dims(t->out)[k] - a->before[k], p = 0, way = 1;
            rest /= dims(t->out)[k];
            outside |= want < 0 || want >= d;
            for (int64_t q = 0; q != want; q += want > 0 ? 1 : -1) {
                int64_t next = p + (want > 0 ? way : -way);
                if (next >= 0 && next < d)
                    p = next;
                else if (a->mode == AX_PAD_REFLECT)
                    way = -way, p += want > 0 ? way : -way;
                else if (a->mode == AX_PAD_WRAP)
                    p = want > 0 ? 0 : d - 1;
            }
            at += p * step;
            step *= d;
        }
        t->y[0][i] = outside && a->mode == AX_PAD_CONSTANT ? (double)value : t->x[0][at];
    }
}

/* ---- nll ---- */

static void twin_nll(twin_call *t)
{
    const ax_nll_attr *a = t->attr;
    int64_t classes = dims(&t->in[0])[1], inner = pixels_of(&t->in[0]), n = count_of(&t->in[1]);
    double weights = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t c = (int64_t)t->x[1][i], to = a->reduction == AX_NLL_NONE ? i : 0;
        double w = a->ignores && c == a->ignored ? 0 : t->x[2] ? t->x[2][c] : 1;
        double loss = -w * t->x[0][(i / inner * classes + c) * inner + i % inner];
        weights += w;
        t->y[0][to] += loss;
        t->mag[0][to] += fabs(loss);
    }
    if (a->reduction == AX_NLL_MEAN) {
        t->y[0][0] /= weights;
        t->mag[0][0] /= weights;
    }
    t->steps = 3;
}

static void twin_expand_like(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->out); i++)
        t->y[0][i] = t->x[0][repeated(&t->in[0], t->out, i)];
}

static void twin_sum_like(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->in); i++) {
        int64_t to = repeated(&t->in[1], &t->in[0], i);
        t->y[0][to] += t->x[0][i];
        t->mag[0][to] += fabs(t->x[0][i]);
    }
    t->steps = 1;
}

/* ---- elements by index ---- */

/* Element i of a tensor of indices, seen in x: its place along the axis is the index there. */
static int64_t indexed(const twin_call *t, int axis, int64_t i)
{
    int64_t at[AX_MAX_RANK];
    coordinates(&t->in[1].shape, i, at);
    at[axis] = (int64_t)t->x[1][i];
    return index_of(&t->in[0].shape, at);
}

static void twin_gather_elements(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->out); i++)
        t->y[0][i] = t->x[0][indexed(t, ((const ax_axis_attr *)t->attr)->axis, i)];
}

/* What an update makes of y[to]. */
static void reduce_into(twin_call *t, int64_t to, double v)
{
    ax_scatter_reduction how = ((const ax_scatter_attr *)t->attr)->reduction;
    double *y = &t->y[0][to], *mag = &t->mag[0][to];
    *mag = how == AX_SCATTER_ADD ? fmax(*mag, fabs(*y)) + fabs(v) : how == AX_SCATTER_MUL ? fabs(*y * v) : 0;
    *y = how == AX_SCATTER_PUT   ? v
         : how == AX_SCATTER_ADD ? *y + v
         : how == AX_SCATTER_MUL ? *y * v
         : how == AX_SCATTER_MIN ? fmin(*y, v)
                                 : fmax(*y, v);
}

static void twin_scatter(twin_call *t)
{
    memcpy(t->y[0], t->x[0], (size_t)count_of(t->out) * sizeof(double));
    for (int64_t i = 0; i < count_of(&t->in[1]); i++)
        reduce_into(t, indexed(t, ((const ax_scatter_attr *)t->attr)->axis, i), t->x[2][i]);
    t->steps = 9;
}

/* Element i of what tuples name, seen in x. */
static int64_t named_by(const twin_call *t, const ax_desc *what, int batch, int64_t i)
{
    int64_t at[AX_MAX_RANK], from[AX_MAX_RANK], tuple[AX_MAX_RANK];
    int r = t->in[1].shape.rank, q = (int)dims(&t->in[1])[r - 1];
    coordinates(&what->shape, i, at);
    for (int k = 0; k < t->in[0].shape.rank; k++)
        from[k] = k < batch ? at[k] : k < batch + q ? 0 : at[r - 1 + k - batch - q];
    memcpy(tuple, at, (size_t)(r - 1) * sizeof *at);
    for (int k = 0; k < q; k++) {
        tuple[r - 1] = k;
        from[batch + k] = (int64_t)t->x[1][index_of(&t->in[1].shape, tuple)];
    }
    return index_of(&t->in[0].shape, from);
}

static void twin_gather_nd(twin_call *t)
{
    for (int64_t i = 0; i < count_of(t->out); i++)
        t->y[0][i] = t->x[0][named_by(t, t->out, ((const ax_gather_nd_attr *)t->attr)->batch_dims, i)];
}

static void twin_scatter_nd(twin_call *t)
{
    memcpy(t->y[0], t->x[0], (size_t)count_of(t->out) * sizeof(double));
    for (int64_t i = 0; i < count_of(&t->in[2]); i++)
        reduce_into(t, named_by(t, &t->in[2], ((const ax_scatter_attr *)t->attr)->axis, i), t->x[2][i]);
    t->steps = 9;
}

/* By rank: how many of its line are before an element. */
static void twin_topk(twin_call *t)
{
    const ax_topk_attr *a = t->attr;
    const ax_shape *x = &t->in[0].shape;
    int64_t inner = 1, n = x->dim[a->axis];
    for (int i = a->axis + 1; i < x->rank; i++)
        inner *= x->dim[i];
    for (int64_t i = 0; i < count_of(t->in); i++) {
        int64_t at = i / inner % n, rank = 0, line = i - at * inner;
        for (int64_t k = 0; k < n; k++) {
            double v = t->x[0][line + k * inner], w = t->x[0][i];
            rank += (a->largest ? v > w : v < w) || (v == w && k < at);
        }
        if (rank >= a->k)
            continue;
        int64_t to = (i / inner / n * a->k + rank) * inner + i % inner;
        t->y[0][to] = t->x[0][i];
        t->y[1][to] = (double)at;
    }
}

static void twin_reverse(twin_call *t)
{
    const ax_reverse_attr *a = t->attr;
    int64_t at[AX_MAX_RANK];
    for (int64_t i = 0; i < count_of(t->out); i++) {
        coordinates(&t->out->shape, i, at);
        int64_t n = (int64_t)t->x[1][at[a->batch]];
        at[a->time] = at[a->time] < n ? n - 1 - at[a->time] : at[a->time];
        t->y[0][i] = t->x[0][index_of(&t->in[0].shape, at)];
    }
}

static void twin_quantize(twin_call *t)
{
    int wide = ((const ax_quantize_attr *)t->attr)->to == AX_U16;
    for (int64_t i = 0; i < count_of(t->out); i++) {
        double v = rint(t->x[0][i] / t->x[1][i]);
        t->y[0][i] = fmax(wide ? 0 : -128, fmin(wide ? 65535 : 127, v));
    }
}

static void twin_conv_whole(twin_call *t)
{
    const ax_conv_whole_attr *a = t->attr;
    int64_t y[AX_MAX_RANK], w[AX_MAX_RANK], x[AX_MAX_RANK], channels = dims(&t->in[1])[1];
    for (int64_t i = 0; i < count_of(t->out); i++)
        for (int64_t j = 0; j < count_of(&t->in[1]) / dims(&t->in[1])[0]; j++) {
            int inside = 1;
            coordinates(&t->out->shape, i, y);
            coordinates(&t->in[1].shape, j, w);
            w[0] = y[1];
            x[0] = y[0];
            x[1] = y[1] / (dims(&t->in[1])[0] / a->groups) * channels + w[1];
            for (int k = 2; k < t->out->shape.rank; k++) {
                x[k] = y[k] * a->stride[k - 2] + w[k] * a->dilation[k - 2] - a->before[k - 2];
                inside &= x[k] >= 0 && x[k] < dims(&t->in[0])[k];
            }
            if (inside)
                t->y[0][i] += t->x[0][index_of(&t->in[0].shape, x)] * t->x[1][index_of(&t->in[1].shape, w)];
        }
}

#endif
